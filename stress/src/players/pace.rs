//! What a player of HLS asks for, and when, by a clock that is passed in: it reloads its playlist as RFC 8216
//! (6.3.4) says, starts three segments from the end (6.3.3), and fetches what is new in its order. A playhead
//! runs over what it has fetched.

use std::collections::VecDeque;
use std::time::Duration;

use super::playlist::{Listed, Media};

/// A player starts with so many segments from the end of the list.
const SEGMENTS_BEHIND: usize = 3;
/// While it does not know the target duration, it waits so long after a failure.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// A player. All times are since the run began.
#[derive(Debug)]
pub struct Pace {
    target: Option<Duration>,
    /// When the playlist is due.
    reload_at: Duration,
    /// What was listed last, and how many discontinuities had left the list.
    last: Option<(Listed, u64)>,
    to_fetch: VecDeque<Listed>,
    playhead: Playhead,
    is_over: bool,
}

/// What to ask for next.
#[derive(Debug, PartialEq)]
pub enum Next<'a> {
    Playlist,
    Segment(&'a Listed),
    /// Nothing until then.
    Wait(Duration),
    /// Nothing ever.
    Over,
}

/// What a playlist has wrong, compared with the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is older.
    WentBack,
    /// A number that was listed stands for another segment now.
    Changed,
    /// So many segments have left the list before they were seen.
    Missed(u64),
}

/// Where it plays.
#[derive(Debug)]
enum Playhead {
    /// It has no audio yet.
    Waiting,
    /// What it has lasts until this time.
    Playing { until: Duration, stalls: Stalls },
}

/// How often its audio ran out, and for how long in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stalls {
    pub count: u64,
    pub time: Duration,
}

impl Pace {
    /// A player that wants its playlist now.
    pub fn new(now: Duration) -> Pace {
        Pace {
            target: None,
            reload_at: now,
            last: None,
            to_fetch: VecDeque::new(),
            playhead: Playhead::Waiting,
            is_over: false,
        }
    }

    /// What it asks for now, if nothing is under way.
    pub fn next(&self, now: Duration) -> Next<'_> {
        if now >= self.reload_at && !self.is_over {
            return Next::Playlist;
        }
        match self.to_fetch.front() {
            Some(segment) => Next::Segment(segment),
            None if self.is_over => Next::Over,
            None => Next::Wait(self.reload_at),
        }
    }

    /// The playlist that it asked for at `asked`.
    pub fn playlist(&mut self, asked: Duration, media: Media) -> Option<Fault> {
        let Media { target, discontinuities, segments, is_over } = media;
        self.target = Some(target);
        self.is_over = is_over;
        let Some(newest) = segments.last().cloned() else {
            self.reload_at = asked + target / 2;
            return None;
        };
        let fault = self.fault(&segments, discontinuities);
        let seen = match &self.last {
            None => newest.number.checked_sub(SEGMENTS_BEHIND as u64),
            Some((last, _)) => Some(last.number),
        };
        let is_new = |segment: &Listed| seen.is_none_or(|seen| segment.number > seen);
        let before = self.to_fetch.len();
        self.to_fetch.extend(segments.into_iter().filter(|segment| is_new(segment) && !segment.is_gap));
        let has_changed = self.to_fetch.len() > before || self.last.is_none();
        self.reload_at = asked + if has_changed { target } else { target / 2 };
        if self.last.as_ref().is_none_or(|(last, _)| newest.number >= last.number) {
            self.last = Some((newest, discontinuities));
        }
        fault
    }

    fn fault(&self, segments: &[Listed], discontinuities: u64) -> Option<Fault> {
        let (last, before) = self.last.as_ref()?;
        let (first, newest) = (segments.first()?, segments.last()?);
        if newest.number < last.number || discontinuities < *before {
            return Some(Fault::WentBack);
        }
        let again = segments.iter().find(|segment| segment.number == last.number);
        if again.is_some_and(|again| again.uri != last.uri || again.duration != last.duration) {
            return Some(Fault::Changed);
        }
        let is_another_run = discontinuities > *before
            || segments.iter().any(|one| one.begins_anew && one.number > last.number);
        let missed = first.number.saturating_sub(last.number + 1);
        (missed > 0 && !is_another_run).then_some(Fault::Missed(missed))
    }

    /// The playlist that it asked for at `asked` has not changed, or could not be had.
    pub fn no_playlist(&mut self, asked: Duration) {
        self.reload_at = asked + self.target.map_or(FIRST_RETRY, |target| target / 2);
    }

    /// The segment at the front has been fetched, or cannot be had.
    pub fn segment(&mut self, now: Duration, is_good: bool) {
        let Some(segment) = self.to_fetch.pop_front().filter(|_| is_good) else { return };
        self.playhead = match self.playhead {
            Playhead::Waiting => {
                Playhead::Playing { until: now + segment.duration, stalls: Stalls::default() }
            }
            Playhead::Playing { until, stalls } => {
                Playhead::Playing { until: until.max(now) + segment.duration, stalls: stalls.at(now, until) }
            }
        };
    }

    /// The stalls until now; while one lasts, too.
    pub fn stalls(&self, now: Duration) -> Stalls {
        match self.playhead {
            Playhead::Playing { until, stalls } if !self.is_over => stalls.at(now, until),
            Playhead::Playing { stalls, .. } => stalls,
            Playhead::Waiting => Stalls::default(),
        }
    }

    /// How much audio it has in front of its playhead. `None`: it has not started.
    pub fn buffered(&self, now: Duration) -> Option<Duration> {
        match self.playhead {
            Playhead::Playing { until, .. } => Some(until.saturating_sub(now)),
            Playhead::Waiting => None,
        }
    }
}

impl Stalls {
    /// With one more, if the audio ran out before `now`.
    fn at(self, now: Duration, until: Duration) -> Stalls {
        match now.checked_sub(until).filter(|time| !time.is_zero()) {
            Some(time) => Stalls { count: self.count + 1, time: self.time + time },
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: Duration = Duration::from_secs(4);

    /// A station that lists a segment every four seconds, from second 0 on: 12 of them, and `first` is there
    /// at the start.
    fn listed(at: Duration) -> Media {
        let newest = 112 + at.as_secs() / 4;
        media(newest - 11..=newest, 0)
    }

    fn media(numbers: impl Iterator<Item = u64>, discontinuities: u64) -> Media {
        let segment = |number| Listed {
            number,
            duration: D,
            uri: format!("{number}.ts"),
            begins_anew: false,
            is_gap: false,
        };
        Media { target: D, discontinuities, segments: numbers.map(segment).collect(), is_over: false }
    }

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Lets a player play until `end`: an answer takes `latency` each. Returns when it asked for playlists,
    /// and what it has fetched.
    fn play(
        start: Duration,
        end: Duration,
        latency: Duration,
        list: impl Fn(Duration) -> Media,
    ) -> (Pace, Vec<Duration>, Vec<u64>) {
        let (mut pace, mut now) = (Pace::new(start), start);
        let (mut asked, mut fetched) = (Vec::new(), Vec::new());
        while now < end {
            match pace.next(now) {
                Next::Playlist => {
                    asked.push(now);
                    let media = list(now);
                    let fault = pace.playlist(now, media);
                    assert_eq!(fault, None, "at {now:?}");
                    now += latency;
                }
                Next::Segment(segment) => {
                    fetched.push(segment.number);
                    now += latency;
                    pace.segment(now, true);
                }
                Next::Wait(until) => now = until,
                Next::Over => break,
            }
        }
        (pace, asked, fetched)
    }

    #[test]
    fn a_player_starts_three_segments_from_the_end_and_asks_once_a_segment() {
        for phase in [0, 1, 1_999, 2_000, 3_999] {
            let start = millis(phase);
            let (pace, asked, fetched) = play(start, start + millis(400_000), millis(5), listed);
            // At second 0 the newest is 112.
            assert_eq!(fetched, (110..110 + fetched.len() as u64).collect::<Vec<_>>());
            assert_eq!(fetched.len(), 3 + 99, "from {phase} ms on");
            assert!(asked.windows(2).all(|two| two[1] - two[0] == D), "{asked:?}");
            let now = start + millis(400_000);
            assert_eq!(pace.stalls(now), Stalls::default());
            let buffered = pace.buffered(now).unwrap();
            assert!(buffered > millis(7_900) && buffered <= millis(12_000), "{buffered:?}");
        }
    }

    #[test]
    fn a_list_that_has_not_changed_is_asked_for_again_after_half_a_segment() {
        // The station is half a second late from second 9 on.
        let late = |now: Duration| listed(if now < millis(9_000) { now } else { now - millis(500) });
        let (pace, asked, fetched) = play(millis(100), millis(60_000), millis(1), late);
        let gaps: Vec<_> = asked.windows(2).map(|two| (two[1] - two[0]).as_millis()).collect();
        assert_eq!(gaps[..5], [4_000, 4_000, 4_000, 2_000, 4_000], "{gaps:?}");
        assert!(fetched.windows(2).all(|two| two[1] == two[0] + 1));
        assert_eq!(pace.stalls(millis(60_000)), Stalls::default());
        let mut pace = Pace::new(Duration::ZERO);
        pace.no_playlist(millis(10));
        assert_eq!(pace.next(millis(1_000)), Next::Wait(millis(1_010)));
        pace.playlist(millis(1_010), listed(Duration::ZERO));
        (0..3).for_each(|_| pace.segment(millis(1_011), true));
        assert_eq!(pace.next(millis(1_012)), Next::Wait(millis(5_010)));
        pace.no_playlist(millis(5_010));
        assert_eq!(pace.next(millis(5_011)), Next::Wait(millis(7_010)));
    }

    #[test]
    fn a_player_whose_audio_runs_out_has_stalled() {
        let mut pace = Pace::new(Duration::ZERO);
        pace.playlist(Duration::ZERO, listed(Duration::ZERO));
        assert_eq!(pace.stalls(millis(100_000)), Stalls::default(), "it has not started");
        pace.segment(millis(1_000), true);
        assert_eq!(pace.buffered(millis(2_000)), Some(millis(3_000)));
        assert_eq!(pace.stalls(millis(5_000)).count, 0);
        assert_eq!(pace.stalls(millis(5_001)), Stalls { count: 1, time: millis(1) });
        // One that cannot be had adds nothing.
        pace.segment(millis(5_500), false);
        pace.segment(millis(6_000), true);
        assert_eq!(pace.stalls(millis(9_000)), Stalls { count: 1, time: millis(1_000) });
        assert_eq!(pace.buffered(millis(9_000)), Some(millis(1_000)));
        assert_eq!(pace.stalls(millis(11_000)), Stalls { count: 2, time: millis(2_000) });
    }

    #[test]
    fn a_station_that_stops_stalls_its_players() {
        let (pace, asked, fetched) =
            play(Duration::ZERO, millis(60_000), millis(1), |now| listed(now.min(millis(20_000))));
        assert_eq!(fetched.last(), Some(&117));
        assert!(asked.len() > 20, "it asks every two seconds: {asked:?}");
        assert_eq!(pace.stalls(millis(60_000)).count, 1);
    }

    #[test]
    fn faults_of_playlists_are_found() {
        let mut pace = Pace::new(Duration::ZERO);
        assert_eq!(pace.playlist(Duration::ZERO, media(10..=21, 0)), None);
        assert_eq!(pace.playlist(Duration::ZERO, media(9..=20, 0)), Some(Fault::WentBack));
        assert_eq!(pace.playlist(Duration::ZERO, media(11..=22, 0)), None);
        let mut changed = media(12..=23, 0);
        changed.segments[10].uri = "other.ts".into();
        assert_eq!(pace.playlist(Duration::ZERO, changed), Some(Fault::Changed));
        assert_eq!(pace.playlist(Duration::ZERO, media(26..=37, 0)), Some(Fault::Missed(2)));
        // Another run may begin with any number.
        let mut anew = media(50..=50, 0);
        anew.segments[0].begins_anew = true;
        assert_eq!(pace.playlist(Duration::ZERO, anew), None);
        assert_eq!(pace.playlist(Duration::ZERO, media(60..=71, 1)), None);
        assert_eq!(pace.playlist(Duration::ZERO, media(61..=72, 0)), Some(Fault::WentBack));
    }

    #[test]
    fn what_is_over_is_played_to_its_end() {
        let mut pace = Pace::new(Duration::ZERO);
        let media = Media { is_over: true, ..media(10..=21, 0) };
        pace.playlist(Duration::ZERO, media);
        for number in 19..=21 {
            assert!(matches!(pace.next(millis(9_000)), Next::Segment(segment) if segment.number == number));
            pace.segment(millis(1), true);
        }
        assert_eq!(pace.next(millis(9_000)), Next::Over);
        assert_eq!(pace.stalls(millis(90_000)).count, 0, "it is at its end");
    }
}
