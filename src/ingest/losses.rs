//! What the log says of a source whose sound is dropped or missing: a line a minute at most.

use std::time::{Duration, Instant};

use super::source::LiveSourceState;

/// The time between two lines. A clock that is far off costs sound every half a minute, for hours.
const EVERY: Duration = Duration::from_secs(60);

/// What was told of one source.
#[derive(Debug)]
pub(super) struct Losses {
    /// How many drops and gaps the lines so far have told of.
    told: (u64, u64),
    /// When the last line was written, or the source came.
    since: Instant,
    /// Before this no line is due.
    not_before: Option<Instant>,
}

impl Losses {
    /// Nothing has been lost yet.
    pub fn new(now: Instant) -> Losses {
        Losses { told: (0, 0), since: now, not_before: None }
    }

    /// The line that is due now, if any. The first loss is told at once, and what follows within a minute
    /// together.
    pub fn line(&mut self, live: &LiveSourceState, now: Instant) -> Option<String> {
        let lost = (live.drops, live.gaps);
        if lost == self.told || self.not_before.is_some_and(|time| now < time) {
            return None;
        }
        let (drops, gaps) = (lost.0.saturating_sub(self.told.0), lost.1.saturating_sub(self.told.1));
        let seconds = now.saturating_duration_since(self.since).as_secs();
        (self.told, self.since, self.not_before) = (lost, now, Some(now + EVERY));
        let ppm = live.drift_ppm;
        Some(format!(
            "sound was dropped {} and missing {} within {seconds} s: the sender's line or clock is not steady \
             (drift {ppm:.0} ppm)",
            times(drops),
            times(gaps),
        ))
    }
}

fn times(count: u64) -> String {
    match count {
        1 => "once".into(),
        count => format!("{count} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(drops: u64, gaps: u64) -> LiveSourceState {
        LiveSourceState {
            format: None,
            skipped_bytes: 0,
            bad_packets: 0,
            buffered: Duration::ZERO,
            drift_ppm: 4_999.6,
            drops,
            gaps,
        }
    }

    #[test]
    fn the_first_loss_is_told_at_once() {
        let start = Instant::now();
        let mut losses = Losses::new(start);
        assert_eq!(losses.line(&state(0, 0), start), None);
        let line = losses.line(&state(1, 0), start + Duration::from_secs(33)).unwrap();
        assert!(line.starts_with("sound was dropped once and missing 0 times within 33 s"), "{line}");
        assert!(line.contains("drift 5000 ppm"), "{line}");
    }

    #[test]
    fn there_is_a_line_a_minute_at_most_and_no_loss_is_left_out() {
        let start = Instant::now();
        let mut losses = Losses::new(start);
        let mut lines = Vec::new();
        for quarter in 0..4 * 3600 {
            let now = start + Duration::from_millis(250) * quarter;
            let (drops, gaps) = (u64::from(quarter / 40), u64::from(quarter / 4_000));
            lines.extend(losses.line(&state(drops, gaps), now).map(|line| (now, line)));
        }
        assert!(lines.windows(2).all(|two| two[1].0 - two[0].0 >= EVERY));
        assert_eq!(lines.len(), 60);
        let told = |line: &str, before: &str| {
            let number = line.split_once(before).unwrap().1.split(' ').next().unwrap();
            if number == "once" { 1 } else { number.parse().unwrap() }
        };
        let drops: u64 = lines.iter().map(|(_, line)| told(line, "dropped ")).sum();
        let gaps: u64 = lines.iter().map(|(_, line)| told(line, "missing ")).sum();
        assert_eq!((drops, gaps), losses.told);
        assert!(drops >= 354 && gaps == 3, "{drops} drops and {gaps} gaps");
    }
}
