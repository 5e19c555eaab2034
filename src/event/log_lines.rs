//! The log lines that events make. Some events make none.

use std::time::{Duration, Instant};

use log::Level;

use super::Event;
use crate::playout::HoldState;
use crate::time::rfc3339;

/// The most lines about tracks in a period. A folder of a hundred thousand broken files must not flood the
/// log.
const LINES: u32 = 100;
/// The period after which the lines are counted afresh.
const PERIOD: Duration = Duration::from_secs(60);

/// The log lines of one pipeline.
#[derive(Debug, Default)]
pub(super) struct LogLines {
    /// The beginning of the current period.
    since: Option<Instant>,
    written: u32,
    left_out: u32,
}

impl LogLines {
    /// Writes the line of this event, if it has one and there is room for it.
    pub fn write(
        &mut self,
        name: &str,
        event: &Event,
        now: Instant,
        write_line: &mut dyn FnMut(Level, String),
    ) {
        let is_of_track =
            matches!(event, Event::TrackChange { .. } | Event::TrackFailed { .. } | Event::LiveTitle { .. });
        if is_of_track && !self.has_room(name, now, write_line) {
            return;
        }
        let (level, text) = match event {
            Event::TrackChange { track, .. } => (Level::Info, format!("now playing {}", track.title)),
            Event::TrackFailed { file, reason } => (Level::Warn, format!("{}: {reason}", file.display())),
            Event::SlotDropped { slot, due, reason } => {
                (Level::Warn, format!("slot {slot} of {} was not played: {reason}", rfc3339(*due)))
            }
            Event::ScheduleChange => (Level::Info, "the schedule has changed".into()),
            Event::NothingToPlay => (Level::Warn, "nothing to play: silence".into()),
            Event::HoldChange { hold } => (Level::Info, of_hold(*hold).into()),
            Event::LiveBegan { source, .. } => {
                (Level::Info, format!("{}: {} is on the air", source.path, source.who()))
            }
            Event::LiveTitle { source, title, .. } => {
                (Level::Info, format!("{}: now playing {title}", source.path))
            }
            Event::LiveEnded { source, reason, lasted } => {
                let (path, who, why) = (&source.path, source.who(), reason.as_str());
                (Level::Info, format!("{path}: {who} was on the air for {lasted:.1?}; {why}"))
            }
            Event::AnnouncementBegan { file, .. } => (Level::Info, format!("announcing {}", file.display())),
            Event::AnnouncementEnded { file, fault: Some(fault), .. } => {
                (Level::Warn, format!("announcement {}: {fault}", file.display()))
            }
            Event::AnnouncementEnded { file, reason, fault: None, .. } => {
                (Level::Info, format!("announcement {}: {}", file.display(), reason.as_str()))
            }
            Event::DeadAirBegins { reason } => (Level::Warn, format!("dead air: {reason}")),
            Event::DeadAirEnds { lasted } => (Level::Warn, format!("dead air is over after {lasted:.1?}")),
            Event::EncoderFailed { mount, reason } => {
                (Level::Error, format!("{mount}: the encoder failed and is being rebuilt: {reason}"))
            }
            Event::EncoderRecovered { mount } => {
                (Level::Info, format!("{mount}: the encoder is on the air again"))
            }
            Event::AudioUnreadable { mount, reason } => {
                (Level::Error, format!("{mount} {reason}: its listeners hear nothing"))
            }
            Event::AudioReadable { mount } => (Level::Info, format!("{mount} gets what can be read again")),
            Event::MixerBehind { late, voices } => (
                Level::Error,
                format!("the mixer is {late:.1?} behind, with {voices} voices: listeners starve"),
            ),
            Event::MixerRecovered { lasted } => {
                (Level::Warn, format!("the mixer keeps up again, after {lasted:.1?}"))
            }
            Event::PipelineStart
            | Event::PipelineStop
            | Event::PlaylistChange { .. }
            | Event::VoiceBegan { .. }
            | Event::VoiceEnded { .. }
            | Event::RampDone { .. }
            | Event::ListenerJoined { .. }
            | Event::ListenerLeft { .. }
            | Event::SourceConnected { .. }
            | Event::SourceLeft { .. }
            | Event::LiveEndsSoon { .. }
            | Event::SourceRefused { .. }
            | Event::Changed { .. }
            | Event::RecordingBegan { .. }
            | Event::RecordingEnded { .. }
            | Event::RecordingFailed { .. }
            | Event::Missed { .. } => return,
        };
        write_line(level, format!("{name}: {text}"));
    }

    /// When [`tell_left_out`](LogLines::tell_left_out) is due, if lines were left out.
    pub fn due(&self) -> Option<Instant> {
        self.since.filter(|_| self.left_out > 0).map(|since| since + PERIOD)
    }

    /// When the period is over, writes how many lines it left out.
    pub fn tell_left_out(&mut self, name: &str, now: Instant, write_line: &mut dyn FnMut(Level, String)) {
        if self.due().is_some_and(|due| now >= due) {
            let text = format!("{name}: {} more tracks began or failed in the last minute", self.left_out);
            write_line(Level::Warn, text);
            *self = LogLines::default();
        }
    }

    /// Whether one more line about a track may be written. The first one that may not says so.
    fn has_room(&mut self, name: &str, now: Instant, write_line: &mut dyn FnMut(Level, String)) -> bool {
        self.tell_left_out(name, now, write_line);
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= PERIOD) {
            *self = LogLines { since: Some(now), written: 0, left_out: 0 };
        }
        if self.written < LINES {
            self.written += 1;
            return true;
        }
        self.left_out += 1;
        if self.left_out == 1 {
            let text =
                format!("{name}: {LINES} tracks began or failed within a minute: the next are counted");
            write_line(Level::Warn, text);
        }
        false
    }
}

fn of_hold(hold: HoldState) -> &'static str {
    match hold {
        HoldState::Released => "the programme is held no more",
        HoldState::AfterCurrent => "the programme will be held after the current track",
        HoldState::Fading => "the programme fades out, and is held",
        HoldState::Held => "the programme is held",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_not_written() {
        let mut lines = LogLines::default();
        let start = Instant::now();
        let mut written = Vec::new();
        let failed = Event::TrackFailed { file: "a".into(), reason: "broken".into() };
        let mut flood = |at: Duration| {
            (0..250).for_each(|_| {
                lines.write("main", &failed, start + at, &mut |level, text| written.push((level, text)));
            });
            std::mem::take(&mut written)
        };
        let of_files = (Level::Warn, "main: a: broken".to_owned());
        let begins = (
            Level::Warn,
            "main: 100 tracks began or failed within a minute: the next are counted".to_owned(),
        );
        let full = [&vec![of_files; 100][..], &[begins]].concat();
        assert_eq!(flood(Duration::ZERO), full);
        assert_eq!(flood(PERIOD / 2), []);
        let left_out = (Level::Warn, "main: 400 more tracks began or failed in the last minute".to_owned());
        assert_eq!(flood(PERIOD), [&[left_out][..], &full].concat());
    }

    #[test]
    fn a_flood_that_ends_is_told_when_the_minute_is_over() {
        let (mut lines, start) = (LogLines::default(), Instant::now());
        let failed = Event::TrackFailed { file: "a".into(), reason: "broken".into() };
        (0..100).for_each(|_| lines.write("main", &failed, start, &mut |_, _| ()));
        assert_eq!(lines.due(), None, "nothing was left out");
        (0..7).for_each(|_| lines.write("main", &failed, start, &mut |_, _| ()));
        assert_eq!(lines.due(), Some(start + PERIOD));
        let mut told = Vec::new();
        for later in [PERIOD - Duration::from_millis(1), PERIOD, 2 * PERIOD] {
            lines.tell_left_out("main", start + later, &mut |_, text| told.push((later, text)));
        }
        let text = "main: 7 more tracks began or failed in the last minute".to_owned();
        assert_eq!(told, [(PERIOD, text)]);
        assert_eq!(lines.due(), None);
    }

    #[test]
    fn other_lines_are_never_left_out() {
        let (mut lines, start, mut count) = (LogLines::default(), Instant::now(), 0);
        let failed = Event::TrackFailed { file: "a".into(), reason: "broken".into() };
        (0..500).for_each(|_| lines.write("main", &failed, start, &mut |_, _| ()));
        (0..500).for_each(|_| lines.write("main", &Event::NothingToPlay, start, &mut |_, _| count += 1));
        assert_eq!(count, 500);
    }
}
