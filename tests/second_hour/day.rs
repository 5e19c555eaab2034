//! A simulated day on the air, or eight hours without `LONGWAVE_LONG=1`: a looping playlist with requests,
//! skips, holds, voices and a hook.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use longwave::{Entry, Event, EventKind, ListOptions, Place, VoiceOptions};
use longwave_testing::studio::{JOB, Studio, constant, server, stem};
use longwave_testing::tap::Tap;
use longwave_testing::{ms, seconds};

use crate::model::{BLOCK, Model};

/// Each track is longer than a step of the clock. So two tracks never begin in one step, and an entry that a
/// hook queues is there before the next track begins.
const STEP_BLOCKS: u64 = 150; // 19.2 s

const TRACKS: [(&str, u64); 7] = [
    ("0", 170_000),
    ("1", 200_001),
    ("2", 311_111),
    ("3", 160_000),
    ("4", 403_200),
    ("request", 180_007),
    ("jingle", 155_000),
];

#[test]
fn a_day_plays_what_is_predicted_and_memory_is_flat() {
    let seed = longwave_testing::seed();
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let path = |name: &str| folder.path().join(format!("{name}.wav"));
    for (name, frames) in TRACKS {
        constant(&path(name), 0.1, frames as usize);
    }
    let voice = folder.path().join("voice.wav");
    constant(&voice, 0.1, 40_000);

    let studio = Studio::on(server(), Tap::counting(), folder.clone(), |_| {});
    let mut model = Model::new(TRACKS.map(|(name, frames)| (name.to_owned(), frames)).into());
    let pipeline = &studio.pipeline;
    // A hook queues a jingle after every third track of the playlist.
    let (told, hooked) = channel();
    let jingle = path("jingle");
    pipeline
        .add_hook(EventKind::TrackChange, move |pipeline, event| {
            let Event::TrackChange { track, .. } = event else { return };
            let ids = match stem(&track.file).as_str() {
                "2" => pipeline.queue_files([Entry::new(&jingle)], Place::Next).unwrap(),
                _ => Vec::new(),
            };
            told.send(ids).unwrap();
        })
        .unwrap();
    let looped = ListOptions { repeat: true, ..ListOptions::default() };
    let list = ["0", "1", "2", "3", "4"].map(String::from).to_vec();
    pipeline.play_list("day", list.iter().map(|name| Entry::new(path(name))), &looped).unwrap();
    model.play_list(list, false, true);

    let length = if longwave_testing::long() { 24 } else { 8 };
    let (mut elapsed, mut played, mut hours) = (Duration::ZERO, Vec::new(), Vec::new());
    while elapsed < seconds(length as f64 * 3600.0) {
        match random.u32(0..100) {
            0..4 => {
                pipeline.skip().unwrap();
                model.skip();
            }
            4..8 => {
                pipeline.hold(ms(10)).unwrap();
                model.hold();
            }
            // On the air most of the time.
            8..60 => {
                pipeline.resume(ms(10)).unwrap();
                model.resume();
            }
            60..66 => {
                let next = random.bool();
                let place = if next { Place::Next } else { Place::End };
                let ids = pipeline.queue_files([Entry::new(path("request"))], place).unwrap();
                model.queue(ids.into_iter().map(|id| (id, "request".into())), next);
            }
            66..69 => {
                pipeline.play_file(path("request"), None).unwrap();
                model.play_file("request");
            }
            69..80 => drop(pipeline.play_voice(&voice, VoiceOptions::default()).unwrap()),
            80..81 => {
                pipeline.clear_queue().unwrap();
                model.clear();
            }
            _ => {}
        }
        let blocks = random.u64(STEP_BLOCKS / 2..=STEP_BLOCKS);
        studio.run(JOB * blocks as u32);
        model.advance(blocks * BLOCK);
        elapsed += JOB * blocks as u32;
        for event in studio.new_events() {
            if let Event::TrackChange { track, .. } = event {
                played.push(track.title.clone());
                // The effect of the hook is known after its call.
                let ids = hooked.recv_timeout(seconds(20.0)).expect("the hook is called");
                model.queue(ids.into_iter().map(|id| (id, "jingle".into())), true);
            }
        }
        let failed = model.began.iter().zip(&played).position(|(expected, is)| expected != is);
        assert_eq!(failed, None, "after {elapsed:?}: {:?} is not {:?}", model.began.last(), played.last());
        assert_eq!(played.len(), model.began.len());
        assert_eq!(studio.now(), model.now(), "after {elapsed:?}");
        // Both sides drop old titles. Otherwise the test itself would grow.
        played.clear();
        model.began.clear();
        if elapsed.as_secs() / 3600 > hours.len() as u64 {
            hours.push(resident_kib());
        }
    }
    println!("resident, KiB, hour by hour: {hours:?}");
    let (morning, evening) = hours[2..].split_at(length / 2 - 2);
    let (morning, evening) = (morning.iter().max().unwrap(), evening.iter().max().unwrap());
    assert!(evening.saturating_sub(*morning) < 1024, "memory grows: {hours:?}");
    assert_eq!(pipeline.history().len(), 100);
    assert!(Path::new("/proc/self/task").read_dir().unwrap().count() < 20, "threads come and go");
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
