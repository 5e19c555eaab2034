//! A pipeline under random actions of an application, compared with a naive model of it.

mod day;
mod model;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use longwave::{Entry, EntryId, ListOptions, Place, Server, VoiceOptions, When};
use longwave_testing::seconds;
use longwave_testing::studio::{JOB, Studio, constant, server, stem};
use longwave_testing::tap::Tap;
use model::{BLOCK, Model};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use tempfile::TempDir;

/// An action between two steps of the clock.
#[derive(Clone, Debug)]
enum Action {
    Nothing,
    Skip,
    Hold,
    Resume,
    StopAll,
    PlayFile(usize),
    Queue(Vec<usize>, bool),
    Clear,
    /// An entry of the queue. The number wraps around.
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
    /// Replaces the pipeline by one that continues from its snapshot.
    Restart,
}

/// The number of good tracks. The tracks after them are bad.
const GOOD: usize = 6;
const BAD: [&str; 2] = ["missing", "text"];

fn action() -> impl Strategy<Value = Action> {
    let good = 0..GOOD;
    let track = 0..GOOD + BAD.len();
    let tracks = proptest::collection::vec(track, 0..5);
    let list = (tracks.clone(), proptest::option::of(good.clone()), any::<bool>(), any::<bool>());
    prop_oneof![
        3 => Just(Action::Nothing),
        3 => Just(Action::Skip),
        2 => Just(Action::Hold),
        2 => Just(Action::Resume),
        1 => Just(Action::StopAll),
        2 => good.clone().prop_map(Action::PlayFile),
        3 => (tracks, any::<bool>()).prop_map(|(tracks, next)| Action::Queue(tracks, next)),
        1 => Just(Action::Clear),
        1 => any::<usize>().prop_map(Action::Remove),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(which, first)| Action::Move(which, first)),
        2 => list.prop_map(|(mut tracks, good, now, repeat)| {
            // A list begins with a good track. Lists with only bad tracks are the subject of another test.
            // The pipeline takes a bad track while it looks for the next one, and would so begin the next
            // pass.
            match good {
                Some(good) => tracks.insert(0, good),
                None => tracks.clear(),
            }
            Action::PlayList { tracks, now, repeat }
        }),
        1 => any::<bool>().prop_map(Action::Repeat),
        1 => (0..1100_u64).prop_map(Action::Seek),
        1 => good.prop_map(Action::Voice),
        1 => Just(Action::Restart),
    ]
}

/// The crossfade of a file that is played at once: 800 ms.
const CROSSFADE_BLOCKS: u64 = 6_400 / BLOCK;

/// A pipeline and the model of it.
struct Pair {
    studio: Studio,
    model: Model,
    tracks: Vec<PathBuf>,
    /// Titles of the tracks that began in earlier pipelines.
    before: Vec<String>,
}

/// Tracks of odd lengths, between one block and three seconds, and two files that are no audio.
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

    fn apply(&mut self, action: &Action) {
        let pipeline = self.studio.pipeline.clone();
        match action {
            Action::Nothing => {}
            Action::Skip => {
                pipeline.skip().unwrap();
                self.model.skip();
            }
            Action::Hold => {
                pipeline.hold(seconds(0.0)).unwrap();
                self.model.hold();
            }
            Action::Resume => {
                pipeline.resume(seconds(0.0)).unwrap();
                self.model.resume();
            }
            Action::StopAll => {
                pipeline.stop_all_voices(seconds(0.0)).unwrap();
                self.model.skip();
            }
            Action::PlayFile(track) => {
                pipeline.play_file(&self.tracks[*track], None).unwrap();
                self.model.play_file(&stem(&self.tracks[*track]));
            }
            Action::Queue(tracks, next) => {
                let place = if *next { Place::Next } else { Place::End };
                let ids = pipeline.queue_files(self.entries(tracks), place).unwrap();
                self.model.queue(ids.into_iter().zip(self.names(tracks)), *next);
            }
            Action::Clear => {
                pipeline.clear_queue().unwrap();
                self.model.clear();
            }
            Action::Remove(which) => {
                let Some((id, good)) = self.queued(*which) else { return };
                // A bad entry may have been taken already.
                assert!(pipeline.remove(id).is_ok() || !good);
                self.model.remove(id);
            }
            Action::Move(which, first) => {
                let Some((id, good)) = self.queued(*which) else { return };
                assert!(pipeline.move_to(id, if *first { 0 } else { usize::MAX }).is_ok() || !good);
                self.model.move_to(id, *first);
            }
            Action::PlayList { tracks, now, repeat } => {
                let when = if *now { When::Now } else { When::AfterCurrent };
                let options = ListOptions { when, repeat: *repeat, ..ListOptions::default() };
                pipeline.play_list("list", self.entries(tracks), &options).unwrap();
                self.model.play_list(self.names(tracks), *now, *repeat);
            }
            Action::Repeat(repeat) => {
                pipeline.set_repeat(*repeat).unwrap();
                self.model.set_repeat(*repeat);
            }
            Action::Seek(thousandths) => {
                let Some(length) = self.model.current_length() else { return };
                let to = length * thousandths / 1000;
                pipeline.seek(seconds(to as f64 / 8000.0)).unwrap();
                self.model.seek(to);
            }
            Action::Voice(track) => {
                // Voices over the programme do not change it.
                pipeline.play_voice(&self.tracks[*track], VoiceOptions::default()).unwrap();
            }
            Action::Restart => self.restart(),
        }
    }

    fn restart(&mut self) {
        let text = serde_json::to_string(&self.studio.pipeline.snapshot()).unwrap();
        self.before.extend(self.studio.played());
        if self.before.len() < self.model.began.len() {
            // The crossfade was not half over, so the track begins only when it continues.
            self.model.began.pop();
        }
        let (server, folder) = (self.studio.server.clone(), self.studio.folder.clone());
        self.studio.pipeline.stop();
        self.studio = Studio::on(server, Tap::counting(), folder, |_| {});
        self.studio.pipeline.restore(serde_json::from_str(&text).unwrap()).unwrap();
        self.model.restart();
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
        let expected = self.model.queue.iter().map(|queued| queued.name.clone());
        let expected = expected.filter(|name| !BAD.contains(&name.as_str()));
        assert_eq!(queued.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    /// Runs until everything has begun, and compares the titles.
    fn end(mut self) {
        self.apply(&Action::Resume);
        self.step(10);
        self.before.extend(self.studio.played());
        assert_eq!(self.before, self.model.began);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_actions_play_what_a_naive_model_predicts(
        actions in proptest::collection::vec((action(), 1..25_u64), 1..60)
    ) {
        let (server, folder) = (server(), Arc::new(tempfile::tempdir().unwrap()));
        let mut pair = Pair::new(&server, &folder);
        // The model counts from here, when the first block has been mixed.
        for (action, blocks) in actions {
            pair.apply(&action);
            // A file that is played at once is on the air from the middle of its crossfade on.
            let least = if matches!(action, Action::PlayFile(_)) { CROSSFADE_BLOCKS / 2 + 1 } else { 1 };
            pair.step(blocks.max(least));
        }
        pair.end();
    }
}
