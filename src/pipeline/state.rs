//! The state of a running pipeline. Reading it never makes the audio wait.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::Pipeline;
use crate::engine::chooser::Chooser;
use crate::engine::counters::PipelineStats;
use crate::engine::mixer::read;
use crate::error::Result;
use crate::event::{LiveSourceInfo, TrackInfo};
use crate::health::{Health, ProblemKind, Warning};
use crate::ids::EntryId;
use crate::metadata::Tags;
use crate::playout::{Entry, HoldState, ListState, Reason, TrackKind};
use crate::recording::{RecordingList, Recordings};
use crate::units::FrameCount;

/// How many tracks the history keeps.
const HISTORY: usize = 100;

/// The track on the air, as of the mixer's last job (at most 100 ms ago).
#[derive(Clone, Debug, PartialEq)]
pub struct CurrentTrack {
    /// The track.
    pub track: Arc<TrackInfo>,
    /// How much of it has been mixed.
    pub played: Duration,
    /// How much is left, if the length is known.
    pub remaining: Option<Duration>,
}

/// A track that was on the air, or a title of a source that was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlayedTrack {
    /// The track. A title of a source has the id 0, and the path of its live input as its file.
    pub track: TrackInfo,
    /// The time when it began, in milliseconds since 1970.
    pub began_at: u64,
    /// The source, if it was no track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveSourceInfo>,
}

/// The loudness of the mix: peak and power over the mixer's last job (100 ms), and loudness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// The highest sample, left and right, in decibels below full scale.
    pub peak_db: [f32; 2],
    /// The mean power, left and right, in decibels; a full-scale sine has -3.
    pub power_db: [f32; 2],
    /// The momentary loudness, over the last 400 ms, in LUFS: K-weighted according to ITU-R BS.1770. For
    /// silence it is -144.
    pub momentary_lufs: f32,
    /// The short-term loudness, over the last 3 s, in LUFS.
    pub short_term_lufs: f32,
}

/// The last tracks, oldest first. The mixer's thread adds to them, so the lock is held for moments only:
/// tracks are copied without it.
#[derive(Debug, Default)]
pub(super) struct History {
    tracks: Mutex<VecDeque<Arc<PlayedTrack>>>,
}

impl History {
    /// Adds the track that begins now.
    pub fn add(&self, track: &TrackInfo) {
        self.push(track.clone(), None);
    }

    /// Adds a title of a source that is heard from now on.
    pub fn add_live(&self, source: &LiveSourceInfo, title: &str) {
        let track = TrackInfo {
            id: EntryId(0),
            file: source.path.clone().into(),
            given: None,
            tags: Tags::default(),
            title: title.to_owned(),
            duration: None,
            confined: false,
            kind: TrackKind::default(),
            reason: Reason::default(),
        };
        self.push(track, Some(source.clone()));
    }

    fn push(&self, track: TrackInfo, live: Option<LiveSourceInfo>) {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let played = PlayedTrack { track, began_at: since_1970.as_millis() as u64, live };
        let mut tracks = self.lock();
        let oldest = if tracks.len() == HISTORY { tracks.pop_front() } else { None };
        tracks.push_back(Arc::new(played));
        drop(tracks);
        drop(oldest);
    }

    pub fn tracks(&self) -> Vec<PlayedTrack> {
        let tracks = self.lock().clone();
        tracks.into_iter().map(Arc::unwrap_or_clone).collect()
    }

    /// Adds the tracks from before a restart. Tracks that are known already are not added again.
    pub fn prepend(&self, before: Vec<PlayedTrack>) {
        let mut tracks = self.lock();
        let room = HISTORY - tracks.len();
        let first = tracks.front().map_or(u64::MAX, |first| first.began_at);
        let unknown = before.into_iter().rev().filter(|track| track.began_at < first);
        unknown.take(room).for_each(|track| tracks.push_front(Arc::new(track)));
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<PlayedTrack>>> {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pipeline {
    /// The track on the air, from the sample on at which its event and its title tell of it. A stopped
    /// pipeline has none.
    pub fn current_track(&self) -> Option<CurrentTrack> {
        let current = read(&self.inner.on_air).current.clone().filter(|_| self.is_running())?;
        let rate = self.inner.spec.rate;
        Some(CurrentTrack {
            track: current.track,
            played: rate.duration_of(current.played),
            remaining: current.remaining.map(|left| rate.duration_of(left)),
        })
    }

    /// The next `most` entries: first those of the queue, then those of the playlist.
    pub fn up_next(&self, most: usize) -> Vec<(EntryId, Entry)> {
        let mut list = self.inner.up_next();
        list.up_next(most).into_iter().map(|next| (next.id, next.entry.clone())).collect()
    }

    /// The last hundred tracks and titles of sources, oldest first. The last of them may still be on the air.
    pub fn history(&self) -> Vec<PlayedTrack> {
        self.inner.history.tracks()
    }

    /// The current playlist and the position in it.
    pub fn playlist(&self) -> Option<ListState> {
        self.inner.up_next().list()
    }

    /// The number of listeners of one of its mounts or of its HLS (by its playlist: `/radio/hls.m3u8`), or of
    /// all of them.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if no output of this pipeline has this mount;
    /// [`Error::Stopped`](crate::Error::Stopped) if the pipeline, or its server, is off the air.
    pub fn listener_count(&self, mount: Option<&str>) -> Result<usize> {
        self.inner.check_running()?;
        let server = self.server()?;
        match mount {
            Some(mount) => match self.hls().iter().find(|hls| hls.playlist == mount) {
                Some(hls) => Ok(hls.counters.listeners as usize),
                None => {
                    self.inner.outputs().find(mount)?;
                    server.listener_count(Some(mount))
                }
            },
            None => {
                server.check_running()?;
                let mounts = self.mounts();
                // A mount that goes at this moment has no listeners.
                let of_mounts = mounts.iter().map(|mount| server.listener_count(Some(mount)).unwrap_or(0));
                let of_hls = self.hls().into_iter().map(|hls| hls.counters.listeners as usize);
                Ok(of_mounts.chain(of_hls).sum())
            }
        }
    }

    /// How much audio has been mixed since the start, as of the mixer's last job.
    pub fn time_on_air(&self) -> Duration {
        self.inner.spec.rate.duration_of(FrameCount(read(&self.inner.on_air).position.0))
    }

    /// The loudness of the mix.
    pub fn levels(&self) -> Levels {
        let on_air = read(&self.inner.on_air);
        let decibels = |factor: f32| move |value: f32| (factor * value.log10()).max(-144.0);
        Levels {
            peak_db: on_air.level.peak.map(decibels(20.0)),
            power_db: on_air.level.mean_square.map(decibels(10.0)),
            momentary_lufs: on_air.loudness.momentary,
            short_term_lufs: on_air.loudness.short_term,
        }
    }

    /// What was recorded of its outputs and live inputs, as far as they are recorded now. It waits for disks:
    /// five seconds for each that does not answer.
    pub fn recordings(&self) -> RecordingList {
        self.inner.recordings.list()
    }

    /// The recordings of its outputs and live inputs.
    pub(crate) fn recorded(&self) -> &Recordings {
        &self.inner.recordings
    }

    /// The health of the pipeline: whether it is on the air with sound. It is off the air if it or its server
    /// is stopped, or if it has no output. Dead air, a fallback, stuck or failed encoders, and a mixer that
    /// is behind are problems as long as they last.
    pub fn health(&self) -> Health {
        let mut health = Health::default();
        if !self.is_running() {
            health.add(ProblemKind::OffAir, ["off the air: the pipeline is stopped".into()]);
            return health;
        }
        if !self.server().is_ok_and(|server| server.is_running()) {
            health.add(ProblemKind::OffAir, ["off the air: the server is stopped".into()]);
        } else if self.mounts().is_empty() {
            health.add(ProblemKind::OffAir, ["off the air: the pipeline has no output".into()]);
        }
        let on_air = read(&self.inner.on_air);
        health.add(ProblemKind::DeadAir, on_air.dead_air.map(|reason| format!("dead air: {reason}")));
        let behind = on_air.behind.map(|late| {
            let (late, voices) = (late.as_secs_f64(), on_air.voices.len());
            format!(
                "the mixer was up to {late:.1} s late, with {voices} voices: the machine is too slow for it \
                 (this ends when it has been on time for ten seconds)"
            )
        });
        health.add(ProblemKind::Behind, behind);
        if on_air.plays_fallback() {
            health.add(ProblemKind::Fallback, ["the fallback is on the air".into()]);
        } else if on_air.nothing_to_play {
            health.add(ProblemKind::NothingToPlay, ["nothing that can be played is up next".into()]);
        }
        health.add(ProblemKind::Encoder, self.inner.outputs().problems());
        health.add(ProblemKind::Hls, self.inner.hls.problems());
        health.warn(self.inner.programming.warnings());
        health.warn(self.inner.schedule.warnings());
        health.warn(self.inner.state_keeping.warning());
        health.warn(self.inner.recordings.warnings());
        let choosing = self.inner.chooser.get().and_then(Chooser::hangs_for);
        health.warn(choosing.map(|time| {
            let text = format!("the application has not said for {} s what is next", time.as_secs());
            Warning::new(text.clone(), text)
        }));
        let hook = self.inner.hooks.hanging();
        let hook = hook.map(|kind| format!("a hook for {} does not end; later hooks wait", kind.as_str()));
        health.add(ProblemKind::Hook, hook);
        health
    }

    /// What it has done since the start.
    pub fn stats(&self) -> PipelineStats {
        self.inner.counters.snapshot()
    }

    /// How much audio was left out since the start, because the mixer was too late to catch up.
    pub fn audio_left_out(&self) -> Duration {
        read(&self.inner.on_air).left_out
    }

    /// How many voices it may have now.
    pub fn max_voices(&self) -> usize {
        self.inner.limits.voices()
    }

    /// How many entries its queue may have now.
    pub fn max_queue(&self) -> usize {
        self.inner.limits.queue()
    }

    /// Whether an order holds the programme. It may still fade out.
    pub fn is_held(&self) -> bool {
        self.hold_state().is_held()
    }

    /// How far the order is that holds the programme, if there is one.
    pub fn hold_state(&self) -> HoldState {
        read(&self.inner.on_air).hold
    }
}
