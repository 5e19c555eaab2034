//! What was played.

use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;

use crate::time::{as_seconds, rfc3339};

/// A play of the history.
#[derive(Debug, Serialize)]
pub struct Play<'a> {
    pipeline: &'a str,
    kind: &'static str,
    began_at: String,
    zone: &'a str,
    /// Seconds.
    utc_offset: i32,
    #[serde(serialize_with = "as_seconds")]
    heard: Duration,
    ended: bool,
    user: Option<&'a str>,
    title: &'a str,
    #[serde(flatten)]
    piece: &'a crate::Piece,
    file: Option<&'a str>,
    reason: Option<&'a str>,
    listeners_at_start: u64,
    listeners_peak: u64,
    #[serde(serialize_with = "as_seconds")]
    listened: Duration,
}

impl Play<'_> {
    /// From an item of [`History::plays`](crate::History::plays).
    pub fn of(play: &crate::Play) -> Play<'_> {
        Play {
            pipeline: &play.pipeline,
            kind: play.kind.as_str(),
            began_at: rfc3339(UNIX_EPOCH + Duration::from_millis(play.began_at)),
            zone: &play.zone,
            utc_offset: play.utc_offset,
            heard: play.heard,
            ended: play.ended,
            user: play.user.as_deref(),
            title: &play.title,
            piece: &play.piece,
            file: play.file.as_deref(),
            reason: play.reason.as_deref(),
            listeners_at_start: play.listeners_at_start,
            listeners_peak: play.listeners_peak,
            listened: play.listened,
        }
    }
}
