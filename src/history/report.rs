//! What licensing societies ask for: the plays of a span of time, each by itself or summed up by track, as
//! CSV or JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::play::{Piece, Play, PlayKind, PlaysWanted};
use super::span::ReportSpan;
use super::store::each_play;
use crate::error::{Error, Result};
use crate::names::named;
use crate::time::seconds;

named! {
    /// What a row of a report is.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum ReportBy {
        /// A play.
        Play = "play",
        /// All plays of one track: of the same kind, with the same tags.
        #[default]
        Track = "track",
    }
}

named! {
    /// How a report is written.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum ReportFormat {
        /// CSV in UTF-8, with a line of names. What a spreadsheet would take for a formula has an apostrophe
        /// in front of it.
        #[default]
        Csv = "csv",
        /// A list of objects.
        Json = "json",
    }
}

/// Writes a report of a history: the plays that began in this span, in its time zone. It touches the disk,
/// which may not answer.
///
/// # Errors
/// [`Error::NotFound`] if there is no history; [`Error::File`] if it cannot be read; [`Error::Io`] if the
/// report cannot be written.
pub fn write_report(
    file: &Path,
    span: &ReportSpan,
    pipeline: Option<&str>,
    by: ReportBy,
    format: ReportFormat,
    out: &mut dyn Write,
) -> Result<()> {
    let wanted = PlaysWanted {
        from: span.from,
        before: span.before,
        pipeline: pipeline.map(str::to_owned),
        limit: None,
    };
    let mut rows = Rows::new(format, out);
    match by {
        ReportBy::Play => {
            each_play(file, &wanted, |play| rows.add(&PlayRow::of(&play, &span.zone, format)))?;
        }
        ReportBy::Track => {
            let mut sums: BTreeMap<(PlayKind, Piece), Sum> = BTreeMap::new();
            each_play(file, &wanted, |play| {
                let (track, sum) = Sum::of(play);
                sums.entry(track).or_default().add(&sum);
                ControlFlow::Continue(())
            })?;
            for ((kind, piece), sum) in &sums {
                if rows.add(&TrackRow::of(*kind, piece, sum, format)).is_break() {
                    break;
                }
            }
        }
    }
    rows.finish().map_err(Error::io("writing a report"))
}

#[derive(Serialize)]
struct PlayRow<'a> {
    /// In the zone of the report, with its offset: an hour that comes twice has two.
    began_at: String,
    pipeline: Cow<'a, str>,
    kind: &'static str,
    artist: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
    album: Option<Cow<'a, str>>,
    composer: Option<Cow<'a, str>>,
    label: Option<Cow<'a, str>>,
    label_code: Option<Cow<'a, str>>,
    isrc: Option<Cow<'a, str>>,
    title: Cow<'a, str>,
    seconds: f64,
    listeners_at_start: u64,
    listeners_peak: u64,
    listening_hours: f64,
    user: Option<Cow<'a, str>>,
    file: Option<Cow<'a, str>>,
    reason: Option<Cow<'a, str>>,
    /// False if it is on the air, or was when the station was killed.
    ended: bool,
}

impl<'a> PlayRow<'a> {
    fn of(play: &'a Play, zone: &TimeZone, format: ReportFormat) -> PlayRow<'a> {
        let Play { piece, .. } = play;
        let some = |text: &'a Option<String>| text.as_deref().map(|text| cell(text, format));
        PlayRow {
            began_at: local(play.began_at, zone),
            pipeline: cell(&play.pipeline, format),
            kind: play.kind.as_str(),
            artist: some(&piece.artist),
            name: some(&piece.name),
            album: some(&piece.album),
            composer: some(&piece.composer),
            label: some(&piece.label),
            label_code: some(&piece.label_code),
            isrc: some(&piece.isrc),
            title: cell(&play.title, format),
            seconds: seconds(play.heard),
            listeners_at_start: play.listeners_at_start,
            listeners_peak: play.listeners_peak,
            listening_hours: hours(play.listened),
            user: some(&play.user),
            file: some(&play.file),
            reason: some(&play.reason),
            ended: play.ended,
        }
    }
}

#[derive(Serialize)]
struct TrackRow<'a> {
    kind: &'static str,
    artist: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
    album: Option<Cow<'a, str>>,
    composer: Option<Cow<'a, str>>,
    label: Option<Cow<'a, str>>,
    label_code: Option<Cow<'a, str>>,
    isrc: Option<Cow<'a, str>>,
    plays: u64,
    seconds: f64,
    /// How many listened, on average over the seconds.
    listeners: f64,
    listeners_peak: u64,
    listening_hours: f64,
}

impl<'a> TrackRow<'a> {
    fn of(kind: PlayKind, piece: &'a Piece, sum: &Sum, format: ReportFormat) -> TrackRow<'a> {
        let some = |text: &'a Option<String>| text.as_deref().map(|text| cell(text, format));
        let heard = sum.heard.as_secs_f64();
        let average = if heard > 0.0 { sum.listened.as_secs_f64() / heard } else { 0.0 };
        TrackRow {
            kind: kind.as_str(),
            artist: some(&piece.artist),
            name: some(&piece.name),
            album: some(&piece.album),
            composer: some(&piece.composer),
            label: some(&piece.label),
            label_code: some(&piece.label_code),
            isrc: some(&piece.isrc),
            plays: sum.plays,
            seconds: seconds(sum.heard),
            listeners: (average * 10.0).round() / 10.0,
            listeners_peak: sum.peak,
            listening_hours: hours(sum.listened),
        }
    }
}

/// The plays of one track.
#[derive(Default)]
struct Sum {
    plays: u64,
    heard: Duration,
    peak: u64,
    listened: Duration,
}

impl Sum {
    /// The track of a play, and the sum of this play alone. One without tags is known by its title.
    fn of(play: Play) -> ((PlayKind, Piece), Sum) {
        let Play { kind, title, piece, heard, listened, listeners_peak, .. } = play;
        let name = piece.name.or(Some(title));
        ((kind, Piece { name, ..piece }), Sum { plays: 1, heard, peak: listeners_peak, listened })
    }

    fn add(&mut self, other: &Sum) {
        self.plays += other.plays;
        self.heard += other.heard;
        self.peak = self.peak.max(other.peak);
        self.listened += other.listened;
    }
}

/// Rows on their way out.
struct Rows<'a> {
    out: Out<'a>,
    outcome: io::Result<()>,
}

enum Out<'a> {
    Csv(Box<csv::Writer<&'a mut dyn Write>>),
    Json { out: &'a mut dyn Write, rows: u64 },
}

impl<'a> Rows<'a> {
    fn new(format: ReportFormat, out: &'a mut dyn Write) -> Rows<'a> {
        let out = match format {
            ReportFormat::Csv => Out::Csv(Box::new(csv::Writer::from_writer(out))),
            ReportFormat::Json => Out::Json { out, rows: 0 },
        };
        Rows { out, outcome: Ok(()) }
    }

    /// Writes a row. Breaks off when that fails; `finish` says why.
    fn add(&mut self, row: &impl Serialize) -> ControlFlow<()> {
        self.outcome = self.out.add(row);
        if self.outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn finish(self) -> io::Result<()> {
        self.outcome?;
        match self.out {
            Out::Csv(mut csv) => csv.flush(),
            Out::Json { out, rows: 0 } => out.write_all(b"[]\n"),
            Out::Json { out, .. } => out.write_all(b"\n]\n"),
        }
    }
}

impl Out<'_> {
    fn add(&mut self, row: &impl Serialize) -> io::Result<()> {
        match self {
            Out::Csv(csv) => csv.serialize(row).map_err(io::Error::from),
            Out::Json { out, rows } => {
                out.write_all(if *rows == 0 { b"[\n" } else { b",\n" })?;
                *rows += 1;
                serde_json::to_writer(out, row).map_err(io::Error::from)
            }
        }
    }
}

/// A text in a report. Titles come from strangers, and a spreadsheet would run some of them.
fn cell(text: &str, format: ReportFormat) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    match format {
        ReportFormat::Csv if is_formula => format!("'{text}").into(),
        _ => text.into(),
    }
}

/// `2026-10-25T02:30:00+01:00`.
fn local(milliseconds: u64, zone: &TimeZone) -> String {
    let at = i64::try_from(milliseconds).ok().and_then(|time| Timestamp::from_millisecond(time).ok());
    at.unwrap_or_default().to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// Hours, to a ten-thousandth.
fn hours(time: Duration) -> f64 {
    (time.as_secs_f64() / 3600.0 * 10_000.0).round() / 10_000.0
}
