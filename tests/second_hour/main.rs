//! The second hour: whatever an application does to a pipeline, what plays is what a naive model of it
//! predicts.

mod day;
mod model;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use longwave::{Entry, EntryId, ListOptions, Place, Server, VoiceOptions, When};
use longwave_testing::seconds;
use longwave_testing::studio::{JOB, Studio, constant, server, stem};
use longwave_testing::tap::Tap;
use model::{BLOCK, Item, Model};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use tempfile::TempDir;

/// What is done between two steps of the clock.
#[derive(Clone, Debug)]
enum Deed {
    Nothing,
    Skip,
    Hold,
    Resume,
    StopAll,
    PlayFile(usize),
    Queue(Vec<usize>, bool),
    Clear,
    /// An entry of the queue, counted round.
    Remove(usize),
    Move(usize, bool),
    PlayList {
        tracks: Vec<usize>,
        now: bool,
        repeat: bool,
    },
    Repeat(bool),
    /// Thousandths of the current track.
    Seek(u64),
    Voice(usize),
    /// Another pipeline goes on from a snapshot of this one.
    Restart,
}

/// So many tracks; those after them are bad.
const GOOD: usize = 6;
const BAD: [&str; 2] = ["missing", "text"];

fn deed() -> impl Strategy<Value = Deed> {
    let good = 0..GOOD;
    let track = 0..GOOD + BAD.len();
    let tracks = proptest::collection::vec(track, 0..5);
    let list = (tracks.clone(), proptest::option::of(good.clone()), any::<bool>(), any::<bool>());
    prop_oneof![
        3 => Just(Deed::Nothing),
        3 => Just(Deed::Skip),
        2 => Just(Deed::Hold),
        2 => Just(Deed::Resume),
        1 => Just(Deed::StopAll),
        2 => good.clone().prop_map(Deed::PlayFile),
        3 => (tracks, any::<bool>()).prop_map(|(tracks, next)| Deed::Queue(tracks, next)),
        1 => Just(Deed::Clear),
        1 => any::<usize>().prop_map(Deed::Remove),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(which, first)| Deed::Move(which, first)),
        2 => list.prop_map(|(mut tracks, good, now, repeat)| {
            // A list of which nothing can be played is tried now and then: that is another test. And what is
            // bad has its turn when the next track is looked for, which would begin the next pass.
            match good {
                Some(good) => tracks.insert(0, good),
                None => tracks.clear(),
            }
            Deed::PlayList { tracks, now, repeat }
        }),
        1 => any::<bool>().prop_map(Deed::Repeat),
        1 => (0..1100_u64).prop_map(Deed::Seek),
        1 => good.prop_map(Deed::Voice),
        1 => Just(Deed::Restart),
    ]
}

/// A pipeline and what it should be doing.
struct Pair {
    studio: Studio,
    model: Model,
    tracks: Vec<PathBuf>,
    /// Titles of tracks that began in pipelines before this one.
    before: Vec<String>,
}

/// Tracks of odd lengths, between one block and three seconds, and two files that are none.
fn music(folder: &TempDir) -> (Vec<PathBuf>, BTreeMap<String, u64>) {
    let mut lengths = BTreeMap::new();
    let good = [1025, 2048, 4095, 8000, 16_001, 24_575].into_iter().enumerate().map(|(n, frames)| {
        let path = folder.path().join(format!("{n}.wav"));
        constant(&path, 0.1, frames);
        lengths.insert(stem(&path), frames as u64);
        path
    });
    let mut tracks: Vec<_> = good.collect();
    tracks.extend(BAD.map(|name| folder.path().join(format!("{name}.flac"))));
    std::fs::write(&tracks[GOOD + 1], "no music").unwrap();
    (tracks, lengths)
}

impl Pair {
    fn new(server: &Server, folder: &Arc<TempDir>) -> Pair {
        let (tracks, lengths) = music(folder);
        let studio = Studio::on(server.clone(), Tap::counting(), folder.clone(), |_| {});
        Pair { studio, model: Model::new(lengths), tracks, before: Vec::new() }
    }

    fn entries(&self, tracks: &[usize]) -> Vec<Entry> {
        tracks.iter().map(|track| Entry::new(&self.tracks[*track])).collect()
    }

    fn names(&self, tracks: &[usize]) -> Vec<String> {
        tracks.iter().map(|track| stem(&self.tracks[*track])).collect()
    }

    fn queued(&self, which: usize) -> Option<(EntryId, bool)> {
        let queued: Vec<_> = self.model.queued().collect();
        (!queued.is_empty()).then(|| queued[which % queued.len()])
    }

    fn apply(&mut self, deed: &Deed) {
        let pipeline = self.studio.pipeline.clone();
        match deed {
            Deed::Nothing => {}
            Deed::Skip => {
                pipeline.skip().unwrap();
                self.model.skip();
            }
            Deed::Hold => {
                pipeline.hold(seconds(0.0)).unwrap();
                self.model.hold();
            }
            Deed::Resume => {
                pipeline.resume(seconds(0.0)).unwrap();
                self.model.resume();
            }
            Deed::StopAll => {
                pipeline.stop_all_voices(seconds(0.0)).unwrap();
                self.model.stop_current();
            }
            Deed::PlayFile(track) => {
                let id = pipeline.play_file(&self.tracks[*track], None).unwrap();
                self.model.play_file(id, &stem(&self.tracks[*track]));
            }
            Deed::Queue(tracks, next) => {
                let place = if *next { Place::Next } else { Place::End };
                let ids = pipeline.queue_files(self.entries(tracks), place);
                self.model.queue(ids.into_iter().zip(self.names(tracks)), *next);
            }
            Deed::Clear => {
                pipeline.clear_queue();
                self.model.clear();
            }
            Deed::Remove(which) => {
                let Some((id, good)) = self.queued(*which) else { return };
                // What cannot be played may have had its turn already.
                assert!(pipeline.remove(id).is_ok() || !good);
                self.model.remove(id);
            }
            Deed::Move(which, first) => {
                let Some((id, good)) = self.queued(*which) else { return };
                assert!(pipeline.move_to(id, if *first { 0 } else { usize::MAX }).is_ok() || !good);
                self.model.move_to(id, *first);
            }
            Deed::PlayList { tracks, now, repeat } => {
                let when = if *now { When::Now } else { When::AfterCurrent };
                let options = ListOptions { when, repeat: *repeat, ..ListOptions::default() };
                pipeline.play_list("list", self.entries(tracks), &options).unwrap();
                self.model.play_list(self.names(tracks), *now, *repeat);
            }
            Deed::Repeat(repeat) => {
                pipeline.set_repeat(*repeat);
                self.model.set_repeat(*repeat);
            }
            Deed::Seek(thousandths) => {
                let Some(length) = self.model.current_length() else { return };
                let to = length * thousandths / 1000;
                pipeline.seek(seconds(to as f64 / 8000.0)).unwrap();
                self.model.seek(to);
            }
            Deed::Voice(track) => {
                // Whatever sounds over it, the programme is the same.
                pipeline.play_voice(&self.tracks[*track], VoiceOptions::default()).unwrap();
            }
            Deed::Restart => self.restart(),
        }
    }

    fn restart(&mut self) {
        let text = serde_json::to_string(&self.studio.pipeline.snapshot()).unwrap();
        self.before.extend(self.studio.played());
        if self.before.len() < self.model.began.len() {
            // Its crossfade was not half way: it begins only when it goes on.
            self.model.began.pop();
        }
        let (server, folder) = (self.studio.server.clone(), self.studio.folder.clone());
        self.studio.pipeline.stop();
        self.studio = Studio::on(server, Tap::counting(), folder, |_| {});
        self.studio.pipeline.restore(serde_json::from_str(&text).unwrap()).unwrap();
        // The track that goes on has a name of its own.
        let goes_on = self.studio.pipeline.queue().first().map(|(id, _)| *id);
        self.model.restart(goes_on);
    }

    fn step(&mut self, blocks: u64) {
        self.studio.run(JOB * blocks as u32);
        self.model.advance(blocks * BLOCK);
        self.compare();
    }

    fn compare(&self) {
        assert_eq!(self.studio.now(), self.model.now());
        let current = self.studio.pipeline.current_track();
        let played = current.map(|current| (current.played.as_secs_f64() * 8000.0).round() as u64);
        assert_eq!(played, self.model.played_of_current());
        let queued = self.studio.queued().into_iter().filter(|name| !BAD.contains(&name.as_str()));
        let expected = self.model.items.iter().filter_map(|item| match item {
            Item::Queued { name, .. } if !BAD.contains(&name.as_str()) => Some(name.clone()),
            _ => None,
        });
        assert_eq!(queued.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    /// Lets all that was started begin, and compares what has begun.
    fn end(mut self) {
        self.apply(&Deed::Resume);
        self.step(10);
        self.before.extend(self.studio.played());
        assert_eq!(self.before, self.model.began);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_what_plays_is_what_a_naive_model_says(
        deeds in proptest::collection::vec((deed(), 1..25_u64), 1..60)
    ) {
        let (server, folder) = (server(), Arc::new(tempfile::tempdir().unwrap()));
        let mut pair = Pair::new(&server, &folder);
        // Where a naive model begins to count: the first block has been mixed.
        for (deed, blocks) in deeds {
            pair.apply(&deed);
            pair.step(blocks);
        }
        pair.end();
    }
}
