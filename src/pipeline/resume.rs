//! A pipeline goes on where it was: after a restart, or a crash.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};

use super::declared::DeclaredOrder;
use super::hls::LeftRuns;
use super::requests::Requests;
use super::schedule::Scheduling;
use super::state::History;
use super::{PlayedTrack, state_file};
use crate::audio::PcmSpec;
use crate::engine::mixer::{OnAir, read};
use crate::engine::shared::SharedUpNext;
use crate::error::{Error, Result};
use crate::hls::LastRun;
use crate::home::Home;
use crate::ids::EntryId;
use crate::playout::schedule::Director;
use crate::playout::{Delta, Entry, GiveWay, Piece, Requested, Snapshot, assemble, pieces};
use crate::units::FrameCount;

/// How many files are looked for, to see whether they have moved with their state.
const LOOKED_FOR: usize = 16;

/// How many milliseconds a snapshot waits for a mixer that is in the middle of a job. A job takes far less.
const MOMENTS: u32 = 500;

/// What a pipeline needs to go on where it was: its queue, its playlist and how far it is, its history,
/// and the current track with its offset. Serialisable; opaque otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PipelineSnapshot {
    up_next: Snapshot,
    current: Option<Interrupted>,
    /// A track that was to go on where it had been interrupted, and had not begun to sound again.
    waiting: Option<(EntryId, Duration)>,
    history: Vec<PlayedTrack>,
    /// How far the schedule is, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schedule: Option<Director>,
    /// What the HLS at each path has come to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    hls: BTreeMap<String, LastRun>,
    /// The requests of listeners that limits count.
    #[serde(default, skip_serializing_if = "Requested::is_empty")]
    requested: Requested,
    /// What the settings said of the order of the playlist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    declared: Option<DeclaredOrder>,
    /// The home of its paths: none without a `state_file`.
    #[serde(default, skip_serializing_if = "Home::is_none")]
    home: Home,
}

/// What turns one snapshot into another.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SnapshotDelta {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    up_next: Option<Delta>,
    current: Option<Interrupted>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waiting: Option<(EntryId, Duration)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    history: Option<Vec<Piece<PlayedTrack>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schedule: Option<Director>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hls: Option<BTreeMap<String, LastRun>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requested: Option<Requested>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    declared: Option<DeclaredOrder>,
}

impl PipelineSnapshot {
    /// Reads the state that a pipeline keeps in its `state_file`, while it runs or afterwards.
    ///
    /// # Errors
    /// [`Error::File`] if there is no state.
    pub fn read(state_file: impl AsRef<Path>) -> Result<PipelineSnapshot> {
        let file = state_file.as_ref();
        state_file::read(file).map_err(|error| Error::file(file, error.to_string()))
    }

    /// If its file has moved since it was written, all that lay in the folder has moved with it: its home. It
    /// has not if none of the files is found there, and one is found where it was: then the state was moved
    /// alone.
    pub(super) fn follow(&mut self, file: &Path, is_there: impl Fn(&Path) -> bool) {
        if self.home.is_none() {
            return;
        }
        let (before, now) = (self.home.clone(), self.home.at(file));
        let moved = |path: &Path| before.carry(path, &now);
        let current = self.current.iter().map(|current| current.entry.path.as_path());
        let files = current.chain(self.up_next.files());
        let both = files.filter_map(|file| Some((file, moved(file)?))).take(LOOKED_FOR);
        let (old, new): (Vec<&Path>, Vec<PathBuf>) = both.unzip();
        if !new.iter().any(|file| is_there(file)) && old.iter().any(|file| is_there(file)) {
            return;
        }
        self.home = now.clone();
        self.up_next.follow(moved);
        let current = self.current.iter_mut().map(|current| &mut current.entry.path);
        let played = self.history.iter_mut().filter(|played| played.live.is_none());
        for path in current.chain(played.map(|played| &mut played.track.file)) {
            if let Some(now) = moved(path) {
                *path = now;
            }
        }
    }

    /// The home of what the schedule and the requests remember; none if that is from before there were homes.
    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    /// How far the schedule is.
    pub(super) fn into_director(self) -> Option<Director> {
        self.schedule
    }

    /// What the settings said of the order of the playlist, if that was written down.
    pub(super) fn declared(&self) -> Option<DeclaredOrder> {
        self.declared
    }

    /// What has changed since an earlier snapshot. `None` if that is nearly everything.
    pub(super) fn since(&self, earlier: &PipelineSnapshot) -> Option<SnapshotDelta> {
        let up_next = match self.up_next == earlier.up_next {
            true => None,
            false => Some(self.up_next.since(&earlier.up_next)?),
        };
        let history = (self.history != earlier.history)
            .then(|| pieces(&earlier.history, &self.history, |played| played.began_at));
        let hls = (self.hls != earlier.hls).then(|| self.hls.clone());
        let schedule = self.schedule.clone().filter(|_| self.schedule != earlier.schedule);
        let requested = (self.requested != earlier.requested).then(|| self.requested.clone());
        let declared = self.declared.filter(|_| self.declared != earlier.declared);
        let (current, waiting) = (self.current.clone(), self.waiting);
        Some(SnapshotDelta { up_next, current, waiting, history, schedule, hls, requested, declared })
    }

    /// Brings an earlier snapshot up to date. Returns false and changes nothing if this is not a change of
    /// it.
    pub(super) fn apply(&mut self, delta: SnapshotDelta) -> bool {
        let history = match &delta.history {
            None => None,
            Some(pieces) => match assemble(&self.history, pieces) {
                None => return false,
                history => history,
            },
        };
        if delta.up_next.is_some_and(|delta| !self.up_next.apply(&delta)) {
            return false;
        }
        self.history = history.unwrap_or_else(|| std::mem::take(&mut self.history));
        (self.current, self.waiting) = (delta.current, delta.waiting);
        self.schedule = delta.schedule.or(self.schedule.take());
        self.hls = delta.hls.unwrap_or_else(|| std::mem::take(&mut self.hls));
        self.requested = delta.requested.unwrap_or_else(|| std::mem::take(&mut self.requested));
        self.declared = delta.declared.or(self.declared);
        true
    }
}

#[cfg(test)]
impl PipelineSnapshot {
    pub(super) fn empty() -> PipelineSnapshot {
        let up_next = crate::playout::UpNext::new(fastrand::Rng::with_seed(1)).snapshot();
        PipelineSnapshot {
            up_next,
            current: None,
            waiting: None,
            history: Vec::new(),
            schedule: None,
            hls: BTreeMap::new(),
            requested: Requested::default(),
            declared: None,
            home: Home::default(),
        }
    }

    /// A track has been played for so long, and this is up next.
    pub(super) fn at(up_next: &crate::playout::UpNext, played: Duration) -> PipelineSnapshot {
        let current = Some(Interrupted { entry: Entry::new("/music/current.mp3"), played });
        PipelineSnapshot { up_next: up_next.snapshot(), current, ..PipelineSnapshot::empty() }
    }
}

/// The track that was on the air.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Interrupted {
    #[serde(flatten)]
    entry: Entry,
    /// How far it had been played.
    played: Duration,
}

/// What a snapshot is taken from, and restored to. It is usable while the pipeline runs, and after that.
pub(super) struct SnapshotSource {
    pub spec: PcmSpec,
    pub up_next: Arc<SharedUpNext>,
    pub on_air: Arc<ArcSwap<OnAir>>,
    pub begun: Arc<AtomicU64>,
    pub goes_on_at: Arc<Mutex<Option<(EntryId, FrameCount)>>>,
    pub history: Arc<History>,
    pub schedule: Arc<Scheduling>,
    pub hls: LeftRuns,
    pub requests: Arc<Requests>,
    pub declared: Arc<Mutex<DeclaredOrder>>,
    pub home: Home,
}

impl SnapshotSource {
    /// What is needed to go on from here.
    pub fn snapshot(&self) -> PipelineSnapshot {
        let (on_air, up_next, is_due) = self.moment();
        let on_air = on_air.turn.as_ref();
        let waiting = *self.goes_on_at.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = waiting.filter(|(id, _)| up_next.is_queued(*id));
        let requested = self.requests.requested(|id| up_next.is_queued(id));
        PipelineSnapshot {
            up_next,
            waiting: waiting.map(|(id, from)| (id, self.spec.rate.duration_of(from))),
            // A fallback only filled in, and of a track that is over there is nothing to go on with. If
            // another one is due, it comes instead.
            current: on_air
                .filter(|aired| !is_due && !aired.fallback && aired.remaining != Some(FrameCount(0)))
                .map(|aired| Interrupted {
                    entry: Entry {
                        path: aired.track.file.clone(),
                        title: aired.track.given.clone(),
                        extinf: Some(aired.track.title.clone()),
                        confined: aired.track.confined,
                        kind: aired.track.kind,
                        reason: Some(Arc::new(aired.track.reason.clone())),
                    },
                    played: self.spec.rate.duration_of(aired.played),
                }),
            history: self.history.tracks(),
            schedule: self.schedule.director(),
            hls: self.hls.all(),
            requested,
            declared: Some(*self.declared.lock().unwrap_or_else(PoisonError::into_inner)),
            home: self.home.clone(),
        }
    }

    /// Restores a snapshot. What is on the air gives way to the track that was on the air then, unless its
    /// time is over by the schedule.
    pub fn restore(&self, mut snapshot: PipelineSnapshot, by: GiveWay) {
        let is_over = snapshot.schedule.as_ref().is_some_and(|schedule| self.schedule.is_over(schedule));
        let mut list = self.up_next.lock();
        let (entry, played) = match snapshot.current.filter(|_| !is_over) {
            Some(Interrupted { entry, played }) => {
                // The history gets it again when it goes on.
                snapshot.history.pop_if(|last| last.track.file == entry.path);
                (Some(entry), played)
            }
            None => (None, Duration::ZERO),
        };
        let file = entry.as_ref().map(|entry| entry.path.clone());
        let current = list.go_on_from(snapshot.up_next, entry, by).map(|id| (id, played));
        if let Some((id, played)) = current.or(snapshot.waiting) {
            let goes_on_at = Some((id, self.spec.rate.frames_in(played)));
            *self.goes_on_at.lock().unwrap_or_else(PoisonError::into_inner) = goes_on_at;
        }
        drop(list);
        self.schedule.restore(snapshot.schedule, file);
        self.hls.restore(snapshot.hls);
        self.requests.restore(snapshot.requested);
        self.history.prepend(snapshot.history);
    }

    /// What is on the air and what is up next, at one moment, and whether the first of that is due. A track
    /// that has just begun is in exactly one of them.
    fn moment(&self) -> (Arc<OnAir>, Snapshot, bool) {
        for _ in 0..MOMENTS {
            let on_air = read(&self.on_air);
            let up_next = self.up_next.lock();
            if on_air.begun == self.begun.load(Ordering::Relaxed) {
                return (on_air, up_next.snapshot(), up_next.due().is_some());
            }
            drop(up_next);
            // The mixer is in the middle of a job. It publishes its state at the end of the job.
            std::thread::sleep(Duration::from_millis(1));
        }
        let up_next = self.up_next.lock();
        (read(&self.on_air), up_next.snapshot(), up_next.due().is_some())
    }
}
