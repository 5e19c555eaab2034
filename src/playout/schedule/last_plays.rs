//! What was heard when, and which tracks may be heard again.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::material::Keys;
use super::reason::Relaxed;
use super::settings::SeparationSettings;

/// The most files, artists and titles that are remembered: three weeks of songs.
const MOST_HEARD: usize = 20_000;

/// A clock that goes back by more than this was wrong before.
pub(in crate::playout) const CLOCK_SLACK: Duration = Duration::from_secs(3600);

/// How far separation has to be relaxed so that a track may be heard. Zero: not at all.
pub(super) type Step = u8;

/// A time is relaxed to its half, its quarter, its eighth, its sixteenth, and then to none.
const HALVINGS: u8 = 4;
/// All are relaxed to the half before any is to a quarter: a time that the playlists cannot keep must not cost
/// another one that they can. Of each degree the artist comes first, then the title, and the track last.
const ARTIST: Step = 1;
const TITLE: Step = 2;
const TRACK: Step = 3;
/// From the half of a time to none.
const DROPPED: Step = TRACK * HALVINGS;
/// The same track again, at once.
pub(super) const AT_ONCE: Step = TRACK + DROPPED + 1;

/// When files, artists and titles were heard last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct LastPlays {
    last: HashMap<u64, Timestamp>,
    /// The file that was heard last.
    latest: Option<u64>,
    /// The artist who was heard last.
    #[serde(default)]
    latest_artist: Option<u64>,
}

impl LastPlays {
    /// Notes that a track is heard.
    pub fn note(&mut self, keys: Keys, at: Timestamp, separation: &SeparationSettings) {
        self.latest = Some(keys.file);
        self.latest_artist = keys.artist.or(self.latest_artist);
        if separation.longest().is_zero() {
            return;
        }
        let all = [Some(keys.file), keys.artist, keys.title];
        self.last.extend(all.into_iter().flatten().map(|key| (key, at)));
        if self.last.len() > MOST_HEARD {
            self.forget(at, separation.longest());
        }
    }

    /// Forgets what does not count any more; if that is too little, whatever is older than half of what there
    /// is.
    fn forget(&mut self, at: Timestamp, longest: Duration) {
        let counts = |last: Timestamp| since(at, last) < longest && since(last, at) < CLOCK_SLACK;
        self.last.retain(|_, last| counts(*last));
        if self.last.len() > MOST_HEARD / 2 {
            let mut times: Vec<Timestamp> = self.last.values().copied().collect();
            let middle = times.len() / 2;
            let (_, median, _) = times.select_nth_unstable(middle);
            let median = *median;
            self.last.retain(|_, last| *last >= median);
        }
    }

    /// How far separation has to be relaxed for this track at that moment.
    pub fn step(&self, keys: Keys, at: Timestamp, separation: &SeparationSettings) -> Step {
        if self.is_latest(keys) {
            return AT_ONCE;
        }
        let artist = match self.step_of(keys.artist, at, separation.artist, ARTIST) {
            // Twice in succession is as if there was no separation, however long the track was.
            step if step > 0 && keys.artist == self.latest_artist => ARTIST + DROPPED,
            step => step,
        };
        let title = self.step_of(keys.title, at, separation.title, TITLE);
        let track = self.step_of(Some(keys.file), at, separation.track, TRACK);
        artist.max(title).max(track)
    }

    /// Whether this file was heard last.
    pub fn is_latest(&self, keys: Keys) -> bool {
        self.latest == Some(keys.file)
    }

    /// The step that lets this be heard, of those that begin with `first`.
    fn step_of(&self, key: Option<u64>, at: Timestamp, apart: Duration, first: Step) -> Step {
        let Some(elapsed) = self.elapsed(key, at, apart) else { return 0 };
        let halvings = (1..=HALVINGS).find(|halvings| elapsed >= apart / (1 << halvings));
        first + halvings.map_or(DROPPED, |halvings| TRACK * (halvings - 1))
    }

    /// How long ago this was heard, if that is less than it should be.
    fn elapsed(&self, key: Option<u64>, at: Timestamp, apart: Duration) -> Option<Duration> {
        if apart.is_zero() {
            return None;
        }
        let last = *self.last.get(&key?)?;
        if since(last, at) >= CLOCK_SLACK {
            return None;
        }
        Some(since(at, last)).filter(|elapsed| *elapsed < apart)
    }

    /// How long ago the artist of a track was heard, if it was.
    pub fn artist_ago(&self, keys: Keys, at: Timestamp) -> Option<Duration> {
        let last = *self.last.get(&keys.artist?)?;
        (last <= at).then(|| since(at, last))
    }

    /// What is relaxed if this track is heard at that moment.
    pub fn relaxed(&self, keys: Keys, at: Timestamp, separation: &SeparationSettings) -> Vec<Relaxed> {
        let of = [
            ("artist", keys.artist, separation.artist),
            ("title", keys.title, separation.title),
            ("track", Some(keys.file), separation.track),
        ];
        let relaxed = of.into_iter().filter_map(|(what, key, apart)| {
            let elapsed = self.elapsed(key, at, apart)?;
            Some(Relaxed { what: what.into(), from: apart.as_secs(), to: elapsed.as_secs() })
        });
        relaxed.collect()
    }
}

/// The time from `earlier` to `later`; zero if it is the other way round.
pub(super) fn since(later: Timestamp, earlier: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or(Duration::ZERO)
}
