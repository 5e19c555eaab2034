//! The media playlist of a variant.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use super::clock::HlsClock;
use super::run::Run;
use super::window::{Kept, Track};
use crate::time::rfc3339;

/// What a media playlist says.
pub(super) struct Media<'a, Tracks> {
    pub clock: HlsClock,
    pub run: &'a Run,
    pub listed: &'a [&'a Kept],
    /// The segment with EXT-X-DISCONTINUITY.
    pub tagged: Option<u64>,
    /// How many discontinuities have left the list.
    pub discontinuity_sequence: u64,
    /// In their order.
    pub tracks: Tracks,
    /// Whether no segment will ever follow.
    pub is_over: bool,
}

/// Writes the playlist.
pub(super) fn render<'a>(media: &Media<'a, impl Iterator<Item = &'a Track> + Clone>) -> String {
    let mut text = String::with_capacity(512 + media.listed.len() * 128);
    write_all(&mut text, media).expect("a string takes all");
    text
}

fn write_all<'a>(
    text: &mut String,
    media: &Media<'a, impl Iterator<Item = &'a Track> + Clone>,
) -> std::fmt::Result {
    let Media { clock, run, listed, .. } = media;
    let first = listed.first().and_then(|first| run.media_sequence(first.index));
    writeln!(text, "#EXTM3U")?;
    writeln!(text, "#EXT-X-VERSION:3")?;
    writeln!(text, "#EXT-X-TARGETDURATION:{}", clock.segment_seconds())?;
    writeln!(
        text,
        "#EXT-X-MEDIA-SEQUENCE:{}",
        first.unwrap_or_else(|| run.left_after(None).media_sequence + 1)
    )?;
    writeln!(text, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", media.discontinuity_sequence)?;
    writeln!(text, "#EXT-X-INDEPENDENT-SEGMENTS")?;
    media.tracks.clone().try_for_each(|track| write_track(text, track))?;
    for kept in *listed {
        if media.tagged == Some(kept.index) {
            writeln!(text, "#EXT-X-DISCONTINUITY")?;
        }
        writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{}", rfc3339(run.date(clock, kept.start)))?;
        if kept.bytes == 0 {
            writeln!(text, "#EXT-X-GAP")?;
        }
        let micros = clock.micros_between(kept.start, kept.end);
        writeln!(text, "#EXTINF:{}.{:06},", micros / 1_000_000, micros % 1_000_000)?;
        writeln!(text, "{}", kept.name)?;
    }
    if media.is_over {
        writeln!(text, "#EXT-X-ENDLIST")?;
    }
    Ok(())
}

/// A track as a range of dates. Its attributes never change: so it has no end, which would come later.
fn write_track(text: &mut String, track: &Track) -> std::fmt::Result {
    let title = &track.since.title;
    if title.is_empty() {
        return Ok(());
    }
    let millis = track.date_millis;
    let date = rfc3339(SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
    write!(text, "#EXT-X-DATERANGE:ID=\"t{millis}\",CLASS=\"longwave.track\",START-DATE=\"{date}\"")?;
    if let Some(artist) = title.artist() {
        write!(text, ",X-ARTIST=\"{}\"", quotable(artist))?;
    }
    writeln!(text, ",X-TITLE=\"{}\"", quotable(title.title()))
}

/// A value has no quotation marks, and there is no way to escape them. It is one line already.
fn quotable(text: &str) -> String {
    text.replace('"', "'")
}
