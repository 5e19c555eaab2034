//! The history: its rule against a naive model, its database with everything that can be wrong with it, its
//! disk with faults that end.

mod account;
mod disk;
mod minutes;
mod report;
mod statistics;
mod store;

use std::time::Duration;

use super::minutes::{Count, Minute};
use super::play::{Piece, Play, PlayKind};

/// A play of this number, which began so many seconds after 1970.
fn play(number: u64, began: u64) -> (u64, Play) {
    let piece =
        Piece { artist: Some("Björk".into()), name: Some(format!("№ {number}")), ..Piece::default() };
    let play = Play {
        pipeline: "main".into(),
        kind: PlayKind::Music,
        began_at: began * 1000,
        zone: "Europe/Berlin".into(),
        utc_offset: 3600,
        heard: Duration::from_millis(1500),
        ended: true,
        user: None,
        title: format!("Björk - № {number}"),
        piece,
        file: Some("b/ö.mp3".into()),
        reason: None,
        listeners_at_start: 3,
        listeners_peak: 7,
        listened: Duration::from_secs(9),
    };
    (number, play)
}

/// A minute in which three listened to one mount, known for so many seconds.
fn minute(at: u64, seconds: u64) -> Minute {
    let count = Count { seconds, listened: 3 * seconds, peak: 3, joins: 1 };
    Minute { at, station: count, streams: [("/radio.mp3".into(), count)].into() }
}
