//! Reports: over the hours when clocks are changed, with what strangers put into titles.

use std::path::Path;
use std::time::Duration;

use super::play;
use crate::civil::Zone;
use crate::history::play::Play;
use crate::history::store::Store;
use crate::history::waiting::Batch;
use crate::history::{ReportBy, ReportFormat, ReportSpan, write_report};

/// A history with these plays.
fn history(folder: &Path, plays: Vec<(u64, Play)>) -> std::path::PathBuf {
    let file = folder.join("history");
    let batch = Batch { plays, ..Batch::default() };
    Store::open(&file, 1).ok().unwrap().store.write(&batch).unwrap();
    file
}

fn report(file: &Path, span: &ReportSpan, by: ReportBy, format: ReportFormat) -> String {
    let mut out = Vec::new();
    write_report(file, span, None, by, format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn days(from: &str, to: &str) -> ReportSpan {
    ReportSpan::parse(Some(from), Some(to), None, &"Europe/Berlin".parse().unwrap()).unwrap()
}

/// 2026-03-29 01:00 UTC and 2026-10-25 01:00 UTC.
const SPRING: u64 = 1_774_746_000;
const AUTUMN: u64 = 1_792_890_000;

#[test]
fn a_day_on_which_clocks_change_is_whole_and_an_hour_that_comes_twice_is_told_apart() {
    let hours = |span: &ReportSpan| (span.before.unwrap() - span.from.unwrap()) / 3_600_000;
    assert_eq!(hours(&days("2026-03-29", "2026-03-29")), 23);
    assert_eq!(hours(&days("2026-10-25", "2026-10-25")), 25);
    assert_eq!(hours(&days("2026-10-01", "2026-10-31")), 31 * 24 + 1);
    let folder = tempfile::tempdir().unwrap();
    let times = [SPRING - 60, SPRING + 60, AUTUMN - 1800, AUTUMN + 1800, AUTUMN + 22 * 3600 - 1];
    let plays = times.iter().enumerate().map(|(n, at)| play(n as u64, *at)).collect();
    let file = history(folder.path(), plays);
    let began = |day: &str| -> Vec<String> {
        let text = report(&file, &days(day, day), ReportBy::Play, ReportFormat::Csv);
        text.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect()
    };
    assert_eq!(began("2026-03-29"), ["2026-03-29T01:59:00+01:00", "2026-03-29T03:01:00+02:00"]);
    assert_eq!(
        began("2026-10-25"),
        ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-25T23:59:59+01:00"]
    );
    assert_eq!(began("2026-10-26"), Vec::<String>::new());
}

#[test]
fn plays_of_one_track_are_summed_up() {
    let folder = tempfile::tempdir().unwrap();
    let again = Play { began_at: 50_000, listeners_peak: 90, ..play(1, 10).1 };
    let long = Play { heard: Duration::from_secs(3), listened: Duration::from_secs(5400), ..again.clone() };
    let untagged = Play { piece: Default::default(), title: "jingle; \"7\"".into(), ..play(9, 60).1 };
    let file = history(folder.path(), vec![play(1, 10), (2, again), (3, long), (4, untagged)]);
    let text = report(&file, &days("1970-01-01", "1970-01-01"), ReportBy::Track, ReportFormat::Csv);
    assert_eq!(
        text,
        "kind,artist,name,album,composer,label,label_code,isrc,plays,seconds,listeners,listeners_peak,\
         listening_hours\n\
         music,,\"jingle; \"\"7\"\"\",,,,,,1,1.5,6.0,7,0.0025\n\
         music,Björk,№ 1,,,,,,3,6.0,903.0,90,1.505\n"
    );
    let json = report(&file, &days("1970-01-01", "1970-01-01"), ReportBy::Track, ReportFormat::Json);
    let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&rows[1]["artist"], &rows[1]["plays"], &rows[0]["isrc"]),
        (&"Björk".into(), &3.into(), &serde_json::Value::Null)
    );
    let none = report(&file, &days("1970-01-02", "1970-01-02"), ReportBy::Play, ReportFormat::Json);
    assert_eq!(none, "[]\n");
}

#[test]
fn no_title_becomes_a_formula_in_a_spreadsheet() {
    let folder = tempfile::tempdir().unwrap();
    let titles = ["=cmd|'/c calc'!A1", "+1", "-M- – Machistador", "@x", "\t=1", "a=1", "1-2"];
    let plays = titles.iter().enumerate().map(|(n, title)| {
        let (number, mut play) = play(n as u64, n as u64);
        (play.title, play.piece.name) = ((*title).to_owned(), None);
        (number, play)
    });
    let file = history(folder.path(), plays.collect());
    let text = report(&file, &days("1970-01-01", "1970-01-01"), ReportBy::Play, ReportFormat::Csv);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let at = reader.headers().unwrap().iter().position(|name| name == "title").unwrap();
    let cells: Vec<String> = reader.records().map(|record| record.unwrap()[at].to_owned()).collect();
    assert_eq!(cells[..5], titles[..5].iter().map(|title| format!("'{title}")).collect::<Vec<_>>());
    assert_eq!(cells[5..], titles[5..]);
    let json = report(&file, &days("1970-01-01", "1970-01-01"), ReportBy::Play, ReportFormat::Json);
    assert!(json.contains("\"title\":\"-M- – Machistador\""), "JSON is for programs: {json}");
}

#[test]
fn what_is_no_span_is_refused_with_its_key() {
    for (from, to, zone, said) in [
        ("2026-02-30", "2026-03-01", "UTC", "from: \"2026-02-30\" is neither a day"),
        ("2026-03-01", "yesterday", "UTC", "to: \"yesterday\""),
        ("2026-03-02", "2026-02-28", "UTC", "to: it is before the beginning"),
        ("2026-03-01", "2026-03-01", "Middle/Earth", "zone: \"Middle/Earth\" is no time zone"),
    ] {
        let error =
            ReportSpan::parse(Some(from), Some(to), Some(zone), &Zone::default()).unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
    assert_eq!(days("1950-01-01", "2026-03-01").from, Some(0), "nothing is older");
    let span =
        ReportSpan::parse(Some("2026-03-01T10:00:00+01:00"), None, Some("UTC"), &Zone::default()).unwrap();
    assert_eq!((span.from, span.before), (Some(1_772_355_600_000), None));
}
