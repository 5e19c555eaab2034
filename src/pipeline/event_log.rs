//! The log lines of a pipeline's events. The mixer waits for no logger, so its hook thread writes them.

use std::time::{Duration, Instant};

use crate::event::Event;

/// Of tracks, so many lines are written in so long a time: a folder of a hundred thousand broken
/// files is one thing to know, not a hundred thousand.
const LINES: u32 = 100;
const IN: Duration = Duration::from_secs(60);

/// Writes the lines of one pipeline.
#[derive(Default)]
pub(super) struct EventLog {
    /// When the count began.
    since: Option<Instant>,
    written: u32,
    left_out: u32,
}

impl EventLog {
    /// Writes what an operator wants to know of this event, if anything.
    pub fn tell(&mut self, name: &str, event: &Event, now: Instant) {
        let is_of_track = matches!(event, Event::TrackChange { .. } | Event::TrackFailed { .. });
        if is_of_track && !self.has_room(name, now) {
            return;
        }
        match event {
            Event::TrackChange { track, .. } => log::info!("{name}: now playing {}", track.title),
            Event::TrackFailed { file, reason } => log::warn!("{name}: {}: {reason}", file.display()),
            Event::NothingToPlay => log::warn!("{name}: nothing to play: silence"),
            Event::DeadAirBegins { reason } => log::warn!("{name}: dead air: {reason}"),
            Event::DeadAirEnds { lasted } => log::warn!("{name}: dead air is over after {lasted:.1?}"),
            Event::Missed { count } => log::warn!("{name}: {count} events came too fast for the hooks"),
            _ => {}
        }
    }

    /// Whether one more line of a track may be written; says how many were left out before.
    fn has_room(&mut self, name: &str, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= IN) {
            if self.left_out > 0 {
                log::warn!("{name}: {} more tracks began or failed in the last minute", self.left_out);
            }
            *self = EventLog { since: Some(now), written: 0, left_out: 0 };
        }
        let has_room = self.written < LINES;
        if has_room {
            self.written += 1;
        } else {
            self.left_out += 1;
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_not_written() {
        let mut log = EventLog::default();
        let start = Instant::now();
        let mut lines = |at: Duration| (0..250).filter(|_| log.has_room("main", start + at)).count();
        assert_eq!([lines(Duration::ZERO), lines(IN / 2), lines(IN), lines(IN * 3)], [100, 0, 100, 100]);
        assert_eq!((log.written, log.left_out), (100, 150));
    }
}
