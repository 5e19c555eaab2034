//! What licensing societies ask for: the plays of a span of time, each by itself or summed up by track, as
//! CSV or JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use super::play::{Piece, Play, PlayKind, PlaysWanted};
use super::span::ReportSpan;
use super::store::each_play;
use crate::civil::local;
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
    write_report_while(file, span, pipeline, by, format, out, &mut || true)
}

/// The same as long as `goes_on`, which is asked for each play. A report that does not go on is not whole.
pub(crate) fn write_report_while(
    file: &Path,
    span: &ReportSpan,
    pipeline: Option<&str>,
    by: ReportBy,
    format: ReportFormat,
    out: &mut dyn Write,
    goes_on: &mut dyn FnMut() -> bool,
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
            each_play(file, &wanted, |play| match goes_on() {
                true => rows.add(Row::of_play(&play, &span.zone)),
                false => ControlFlow::Break(()),
            })?;
        }
        ReportBy::Track => {
            let mut sums: BTreeMap<(PlayKind, Piece), Sum> = BTreeMap::new();
            each_play(file, &wanted, |play| {
                let (track, sum) = Sum::of(play);
                sums.entry(track).or_default().add(&sum);
                if goes_on() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            for ((kind, piece), sum) in &sums {
                if rows.add(Row::of_track(*kind, piece, sum)).is_break() {
                    break;
                }
            }
        }
    }
    rows.finish().map_err(Error::io("writing a report"))
}

/// A row: what is in each column, by its name.
#[derive(Default)]
struct Row<'a>(Vec<(&'static str, Cell<'a>)>);

#[derive(Serialize)]
#[serde(untagged)]
enum Cell<'a> {
    Text(Option<Cow<'a, str>>),
    Count(u64),
    Number(f64),
    Flag(bool),
}

impl<'a> Row<'a> {
    fn of_play(play: &'a Play, zone: &TimeZone) -> Row<'a> {
        Row::default()
            // In the zone of the report, with its offset: an hour that comes twice has two.
            .text("began_at", local(UNIX_EPOCH + Duration::from_millis(play.began_at), zone))
            .text("pipeline", &play.pipeline)
            .text("kind", play.kind.as_str())
            .piece(&play.piece)
            .text("title", &play.title)
            .with("seconds", Cell::Number(seconds(play.heard)))
            .with("listeners_at_start", Cell::Count(play.listeners_at_start))
            .with("listeners_peak", Cell::Count(play.listeners_peak))
            .with("listening_hours", Cell::Number(hours(play.listened)))
            .optional("user", play.user.as_deref())
            .optional("file", play.file.as_deref())
            .optional("reason", play.reason.as_deref())
            // False if it is on the air, or was when the station was killed.
            .with("ended", Cell::Flag(play.ended))
    }

    fn of_track(kind: PlayKind, piece: &'a Piece, sum: &Sum) -> Row<'a> {
        let heard = sum.heard.as_secs_f64();
        let average = if heard > 0.0 { sum.listened.as_secs_f64() / heard } else { 0.0 };
        Row::default()
            .text("kind", kind.as_str())
            .piece(piece)
            .with("plays", Cell::Count(sum.plays))
            .with("seconds", Cell::Number(seconds(sum.heard)))
            // How many listened, on average over the seconds.
            .with("listeners", Cell::Number((average * 10.0).round() / 10.0))
            .with("listeners_peak", Cell::Count(sum.peak))
            .with("listening_hours", Cell::Number(hours(sum.listened)))
    }

    fn with(mut self, column: &'static str, cell: Cell<'a>) -> Row<'a> {
        self.0.push((column, cell));
        self
    }

    fn text(self, column: &'static str, text: impl Into<Cow<'a, str>>) -> Row<'a> {
        self.with(column, Cell::Text(Some(text.into())))
    }

    fn optional(self, column: &'static str, text: Option<&'a str>) -> Row<'a> {
        self.with(column, Cell::Text(text.map(Cow::from)))
    }

    fn piece(self, piece: &'a Piece) -> Row<'a> {
        self.optional("artist", piece.artist.as_deref())
            .optional("name", piece.name.as_deref())
            .optional("album", piece.album.as_deref())
            .optional("composer", piece.composer.as_deref())
            .optional("label", piece.label.as_deref())
            .optional("label_code", piece.label_code.as_deref())
            .optional("isrc", piece.isrc.as_deref())
    }
}

/// An object of JSON.
impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(column, cell)| (*column, cell)))
    }
}

impl<'a> Cell<'a> {
    /// The same for CSV. Titles come from strangers, and a spreadsheet would run some of them.
    fn harmless(self) -> Cell<'a> {
        match self {
            Cell::Text(Some(text)) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => {
                Cell::Text(Some(format!("'{text}").into()))
            }
            cell => cell,
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
    is_empty: bool,
    outcome: io::Result<()>,
}

enum Out<'a> {
    Csv(Box<csv::Writer<&'a mut dyn Write>>),
    Json(&'a mut dyn Write),
}

impl<'a> Rows<'a> {
    fn new(format: ReportFormat, out: &'a mut dyn Write) -> Rows<'a> {
        let out = match format {
            ReportFormat::Csv => {
                Out::Csv(Box::new(csv::WriterBuilder::new().has_headers(false).from_writer(out)))
            }
            ReportFormat::Json => Out::Json(out),
        };
        Rows { out, is_empty: true, outcome: Ok(()) }
    }

    /// Writes a row. Breaks off when that fails; `finish` says why.
    fn add(&mut self, row: Row<'_>) -> ControlFlow<()> {
        let is_first = std::mem::replace(&mut self.is_empty, false);
        self.outcome = self.out.add(row, is_first);
        if self.outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn finish(self) -> io::Result<()> {
        self.outcome?;
        match self.out {
            Out::Csv(mut csv) => csv.flush(),
            Out::Json(out) => out.write_all(if self.is_empty { b"[]\n" } else { b"\n]\n" }),
        }
    }
}

impl Out<'_> {
    fn add(&mut self, row: Row<'_>, is_first: bool) -> io::Result<()> {
        match self {
            Out::Csv(csv) => {
                if is_first {
                    csv.write_record(row.0.iter().map(|(column, _)| column))?;
                }
                let cells: Vec<Cell<'_>> = row.0.into_iter().map(|(_, cell)| cell.harmless()).collect();
                csv.serialize(cells).map_err(io::Error::from)
            }
            Out::Json(out) => {
                out.write_all(if is_first { b"[\n" } else { b",\n" })?;
                serde_json::to_writer(out, &row).map_err(io::Error::from)
            }
        }
    }
}

/// Hours, to a ten-thousandth.
fn hours(time: Duration) -> f64 {
    (time.as_secs_f64() / 3600.0 * 10_000.0).round() / 10_000.0
}
