//! Files that cannot be played at all or not to their end. Such a file only loses its own turn, an event
//! reports it, and the stream continues.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use longwave::{Entry, Event, EventReceiver, ListOptions, PcmSpec, PipelineSettings, Place};
use longwave_testing::radio::{Radio, mono, output};
use longwave_testing::tap::Tap;
use longwave_testing::{sound, tools, until};
use tempfile::TempDir;

const SPEC: PcmSpec = mono(8_000);

/// A pipeline, its mix, and its events.
struct Scene {
    folder: TempDir,
    radio: Radio,
    tap: Tap,
    events: EventReceiver,
}

/// An event about a track.
#[derive(Debug, PartialEq)]
enum Came {
    Began(String),
    Failed(String, String),
    NothingToPlay,
}

impl Scene {
    fn new() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let tap = Tap::default();
        let mut radio = Radio::stepped(PipelineSettings {
            spec: SPEC,
            outputs: vec![output("/tap", tap.clone())],
            ..PipelineSettings::default()
        });
        // The event that there is nothing to play yet is sent before the receiver exists.
        radio.run(0.5);
        let events = radio.pipeline().events(100_000).unwrap();
        Scene { folder, radio, tap, events }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file with this many seconds of a constant value.
    fn good(&self, name: &str, value: f32, seconds: usize) -> PathBuf {
        sound::wav(&self.path(name), SPEC, &vec![value; seconds * 8000])
    }

    fn queue(&self, files: &[&Path]) {
        self.radio.pipeline().queue_files(files.iter().map(Entry::new), Place::End).unwrap();
    }

    /// Plays a bad file and then a good one, which must be heard to its end. Returns the events about the bad
    /// one.
    fn play_then_a_good_one(&mut self, bad: &Path) -> Vec<Came> {
        let good = self.good("good.wav", 0.5, 2);
        self.queue(&[bad, &good]);
        self.radio.run(10.0);
        let mut came = self.came();
        assert_eq!(came.pop(), Some(Came::NothingToPlay));
        assert_eq!(came.pop(), Some(Came::Began("good".into())), "after {came:?}");
        assert_eq!(self.frames_of(0.5), 2 * 8000);
        came
    }

    /// The number of frames with this value.
    fn frames_of(&self, value: f32) -> usize {
        self.tap.samples().iter().filter(|sample| (**sample - value).abs() < 1e-4).count()
    }

    fn came(&self) -> Vec<Came> {
        let events = std::iter::from_fn(|| self.events.try_recv());
        let came = events.filter_map(|event| match event {
            Event::TrackChange { track, .. } => Some(Came::Began(track.title.clone())),
            Event::TrackFailed { file, reason } => {
                Some(Came::Failed(file.file_name().unwrap().to_str().unwrap().into(), reason))
            }
            Event::NothingToPlay => Some(Came::NothingToPlay),
            _ => None,
        });
        came.collect()
    }
}

/// Checks that a file failed for a reason that contains this text.
fn assert_failed(came: &[Came], name: &str, says: &str) {
    assert!(
        matches!(came, [Came::Failed(file, reason)] if file == name && reason.contains(says)),
        "{came:?} is not one failure of {name} with {says:?}"
    );
}

#[test]
fn a_text_that_is_named_flac() {
    let mut scene = Scene::new();
    let bad = scene.path("bad.flac");
    fs::write(&bad, "This is no music.\n".repeat(5000)).unwrap();
    assert_failed(&scene.play_then_a_good_one(&bad), "bad.flac", "is not audio");
}

#[test]
fn a_file_of_no_bytes() {
    let mut scene = Scene::new();
    let bad = scene.path("bad.mp3");
    File::create(&bad).unwrap();
    assert_failed(&scene.play_then_a_good_one(&bad), "bad.mp3", "is empty");
}

#[test]
fn a_folder_that_is_named_mp3() {
    let mut scene = Scene::new();
    let bad = scene.path("x.mp3");
    fs::create_dir(&bad).unwrap();
    assert_failed(&scene.play_then_a_good_one(&bad), "x.mp3", "is a folder");
}

#[test]
fn a_folder_that_is_named_mp3_in_a_folder_is_a_folder() {
    let mut scene = Scene::new();
    fs::create_dir(scene.path("x.mp3")).unwrap();
    scene.good("x.mp3/in it.wav", 0.25, 1);
    scene.good("y.wav", 0.5, 1);
    scene.radio.pipeline().play_path(vec![scene.folder.path().into()], &ListOptions::default()).unwrap();
    until("the folder has been read", || scene.radio.pipeline().up_next(9).len() == 2);
    scene.radio.run(4.0);
    let began = |title: &str| Came::Began(title.into());
    assert_eq!(scene.came(), [began("in it"), began("y"), Came::NothingToPlay]);
    assert_eq!((scene.frames_of(0.25), scene.frames_of(0.5)), (8000, 8000));
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_may_not_be_read() {
    use nix::unistd::{Uid, setfsuid};

    // Root may read everything, so this thread opens files as another user. The threads that it starts from
    // here on do so, too.
    if Uid::effective().is_root() {
        setfsuid(Uid::from_raw(65_534));
    }
    let mut scene = Scene::new();
    let bad = scene.good("bad.wav", 0.25, 1);
    fs::set_permissions(&bad, fs::Permissions::from_mode(0o000)).unwrap();
    assert_failed(&scene.play_then_a_good_one(&bad), "bad.wav", "may not be read");
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_breaks_while_it_is_read() {
    let mut scene = Scene::new();
    // It can be opened, but its first byte cannot be read.
    let bad = scene.path("bad.wav");
    std::os::unix::fs::symlink("/proc/self/mem", &bad).unwrap();
    assert_failed(&scene.play_then_a_good_one(&bad), "bad.wav", "");
}

#[test]
fn a_file_that_is_not_there() {
    let mut scene = Scene::new();
    let bad = scene.path("gone.ogg");
    assert_failed(&scene.play_then_a_good_one(&bad), "gone.ogg", "no such file");
}

#[test]
fn a_truncated_mp3_is_heard_as_far_as_it_goes() {
    let mut scene = Scene::new();
    let whole = scene.good("whole.wav", 0.0, 4);
    let tone = sound::sines(SPEC, &[(440.0, 0.4)], 4 * 8000);
    sound::wav(&whole, SPEC, &tone);
    let bad = tools::converted(&whole, &scene.path("bad.mp3"), &["-b:a", "64k"], None);
    let bytes = fs::read(&bad).unwrap();
    // Within a packet.
    fs::write(&bad, &bytes[..bytes.len() / 2 + 7]).unwrap();
    assert_eq!(scene.play_then_a_good_one(&bad), [Came::Began("bad".into())]);
    let heard = scene.tap.samples().iter().filter(|sample| sample.abs() < 0.45 && **sample != 0.0).count();
    assert!((14_000..17_000).contains(&heard), "{heard} frames of 16,000");
}

#[test]
fn a_file_that_is_deleted_while_it_plays_is_heard_to_its_end_and_missed_when_it_comes_again() {
    let mut scene = Scene::new();
    let [first, second] = [("first.wav", 0.25), ("second.wav", 0.75)]
        .map(|(name, value)| Entry::new(scene.good(name, value, 20)));
    let deleted = first.path.clone();
    let list = ListOptions { repeat: true, ..ListOptions::default() };
    scene.radio.pipeline().play_list("list", [first, second], &list).unwrap();
    scene.radio.run(5.0);
    fs::remove_file(&deleted).unwrap();
    scene.radio.run(40.0);
    assert_eq!(scene.frames_of(0.25), 20 * 8000);
    let came = scene.came();
    // The next file is opened as soon as the track before it has begun. So the two events may come in either
    // order.
    let (began, failed): (Vec<_>, Vec<_>) = came.into_iter().partition(|came| matches!(came, Came::Began(_)));
    assert_eq!(began, ["first", "second", "second"].map(|name| Came::Began(name.into())));
    assert!((1..=2).contains(&failed.len()), "{failed:?}");
    assert_failed(&failed[..1], "first.wav", "no such file");
    let silence = scene.tap.samples().iter().skip(2 * 8000).filter(|sample| **sample == 0.0).count();
    assert_eq!(silence, 0, "no gap where it was passed over");
}

/// Plays a long file, to which something happens after five seconds, and then a good one.
fn changes_while_it_plays(happens: impl FnOnce(&File)) {
    let mut scene = Scene::new();
    let bad = scene.good("bad.wav", 0.25, 60);
    let good = scene.good("good.wav", 0.5, 2);
    scene.queue(&[&bad, &good]);
    scene.radio.run(5.0);
    happens(&File::options().write(true).open(&bad).unwrap());
    scene.radio.run(60.0);
    let came = scene.came();
    assert_eq!(came[0], Came::Began("bad".into()));
    assert_failed(&came[1..2], "bad.wav", "changed while it was played");
    assert_eq!(came[2..], [Came::Began("good".into()), Came::NothingToPlay]);
    let heard = scene.frames_of(0.25);
    assert!((5 * 8000..20 * 8000).contains(&heard), "{heard} frames");
    let silence = scene.frames_of(0.0);
    assert_eq!(scene.tap.samples().len(), heard + 2 * 8000 + silence, "something else was heard");
    let begin = scene.tap.samples().iter().position(|sample| *sample != 0.0).unwrap();
    assert!(
        scene.tap.samples()[begin..begin + heard + 2 * 8000].iter().all(|sample| *sample != 0.0),
        "a gap"
    );
    assert_eq!(scene.frames_of(0.5), 2 * 8000);
}

#[test]
fn a_file_that_is_cut_off_while_it_plays_ends_there() {
    changes_while_it_plays(|file| file.set_len(44).unwrap());
}

#[test]
fn a_file_that_is_overwritten_while_it_plays_ends_there() {
    let noise: Vec<u8> = (0..960_044u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    changes_while_it_plays(|file| file.write_all_at(&noise, 0).unwrap());
}

#[test]
fn a_playlist_of_ten_thousand_files_that_are_not_there() {
    let mut scene = Scene::new();
    let list = scene.path("list.m3u");
    let lines: String = (0..10_000).map(|n| format!("#EXTINF:1,Gone {n}\ngone/{n}.mp3\n")).collect();
    fs::write(&list, lines).unwrap();
    let began = Instant::now();
    scene
        .radio
        .pipeline()
        .play_path(vec![list], &ListOptions { repeat: true, ..ListOptions::default() })
        .unwrap();
    scene.radio.run(60.0);
    let good = scene.good("good.wav", 0.5, 2);
    scene.queue(&[&good]);
    scene.radio.run(4.0);
    assert_eq!(scene.frames_of(0.5), 2 * 8000);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn ten_thousand_bad_entries_are_each_tried_once_and_then_now_and_then() {
    let mut scene = Scene::new();
    let bad = scene.path("bad.mp3");
    File::create(&bad).unwrap();
    let entries =
        (0..10_000).map(|n| Entry::new(if n % 2 == 0 { bad.clone() } else { scene.path("gone.mp3") }));
    let entries: Vec<_> = entries.collect();
    let options = ListOptions { repeat: true, ..ListOptions::default() };
    scene.radio.pipeline().play_list("bad", entries, &options).unwrap();
    scene.radio.run(1.0);
    scene.radio.run(600.0);
    let came = scene.came();
    let failed = came.iter().filter(|came| matches!(came, Came::Failed(..))).count();
    // The pipeline tries the whole list once, and then one file at a time, in the end once per minute.
    assert!((10_000 + 10..10_000 + 20).contains(&failed), "{failed}");
    assert_eq!(came.iter().filter(|came| **came == Came::NothingToPlay).count(), 0, "that was said");
    // A good file plays at once.
    let good = scene.good("good.wav", 0.5, 2);
    scene.queue(&[&good]);
    scene.radio.run(4.0);
    assert_eq!(scene.frames_of(0.5), 2 * 8000);
}
