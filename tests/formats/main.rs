//! The table of `docs/FORMATS.md`: what people's libraries hold, one odd file after the other, and what
//! Longwave, ffmpeg and mutagen say of each. All files are made here, by the tools that people make theirs
//! with.
//!
//! `LONGWAVE_WRITE_FORMATS=1` writes the table anew.
#![cfg(all(feature = "mp3", feature = "aac"))]

mod judges;
mod library;
mod make;
mod row;
mod rows;
mod table;

use row::Row;

use crate::make::Bench;

/// Judges the rows of one container, and compares the table with what was found.
fn check(part: &str, rows: impl Fn(&Bench) -> Vec<Row>) {
    let bench = Bench::new();
    let rows = rows(&bench);
    let said = judges::mutagen(&rows);
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    for (row, said) in rows.iter().zip(&said) {
        match row.judge(said) {
            Ok(line) => lines.push(line),
            Err(what) => wrong.push(what),
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}\n", wrong.len(), rows.len(), wrong.join("\n"));
    table::check(part, &lines);
}

#[test]
fn wav() {
    check("WAV", rows::wav::rows);
}

#[test]
fn aiff_and_caf() {
    check("AIFF and CAF", rows::aiff::rows);
}

#[test]
fn flac() {
    check("FLAC", rows::flac::rows);
}

#[test]
fn mp3() {
    check("MP3", rows::mp3::rows);
}

#[test]
fn mp3_tags() {
    check("Tags of MP3", rows::id3::rows);
}

#[test]
fn aac() {
    check("AAC without a container", rows::adts::rows);
}

#[test]
fn mp4() {
    check("M4A and MP4", rows::mp4::rows);
}

#[test]
fn ogg() {
    check("Ogg: Vorbis, Opus, FLAC", rows::ogg::rows);
}

#[test]
fn others() {
    check("What is refused", rows::refused::rows);
}
