//! Reads MP4, M4A and MOV files. symphonia's reader believes the index over the sound: a wrong time in it
//! ends the sound, an offset beyond the end of the file costs all of it, and of PCM it takes the wrong order of
//! bytes. So it is asked only what a track's description means. `tags/ilst.rs` reads the tags.
//!
//! What the index says of times is a hint. Where it does not fit the number of packets, these count.

mod clock;
mod describe;
mod edits;
mod packets;
mod table;
mod walk;

use std::io;

use symphonia::core::codecs::audio::AudioCodecParameters;

use self::clock::Clock;
pub(super) use self::edits::Times;
pub(super) use self::packets::TrackPackets;
use self::table::Table;
use self::walk::{Span, Walk};
use super::source::{Bytes, Media};

/// The track that is played.
#[derive(Debug)]
pub(super) struct Track {
    params: AudioCodecParameters,
    table: Table,
    clock: Clock,
    pub(super) times: Times,
}

/// Whether an MP4 file begins at `begin`. Old ones, of QuickTime, do not say so: they begin with any box, and
/// one of the first ones is the index.
pub(super) fn begins(bytes: &mut Bytes, begin: u64) -> io::Result<bool> {
    const MOST_BEFORE: usize = 16;
    let mut at = begin;
    for _ in 0..MOST_BEFORE {
        let Some([a, b, c, d, kind @ ..]) = bytes.exactly::<8>(at)? else { break };
        match &kind {
            b"ftyp" if at == begin => return Ok(true),
            b"moov" => return Ok(true),
            b"mdat" | b"wide" | b"free" | b"skip" | b"pnot" | b"PICT" | b"uuid" => {}
            _ => break,
        }
        let size = match u32::from_be_bytes([a, b, c, d]) {
            1 => bytes.exactly(at + 8)?.map_or(0, u64::from_be_bytes),
            size => u64::from(size),
        };
        let Some(next) = at.checked_add(size).filter(|_| size >= 8) else { break };
        at = next;
    }
    Ok(false)
}

/// Reads the index. The error within is the reason why the file cannot be played.
pub(super) fn read(media: &mut Media) -> io::Result<Result<Track, String>> {
    let refused = |reason: &str| Ok(Err(reason.to_owned()));
    let file = 0..media.len();
    let mut walk = Walk::new(media);
    let Some(moov) = walk.find(file, b"moov")? else {
        return refused(
            "has no index (`moov`): its recording or its download was not finished. Copy it again, or mend it \
             with a program that makes a new index (untrunc)",
        );
    };
    if walk.find(moov.clone(), b"mvex")?.is_some() {
        return refused(
            "is an MP4 file in fragments, as streaming services send it: \
             `ffmpeg -i it -c copy new.m4a` makes one that can be played",
        );
    }
    let movie_scale = match walk.find(moov.clone(), b"mvhd")? {
        Some(mvhd) => walk.scale(&mvhd)?,
        None => None,
    };
    let (mut rest, mut reason) = (moov, None);
    while let Some(trak) = walk.find(rest.clone(), b"trak")? {
        rest.start = trak.end;
        match read_track(&mut walk, trak, movie_scale)? {
            Some(Ok(track)) => return Ok(Ok(track)),
            Some(Err(why)) => reason = reason.or(Some(why)),
            None => {}
        }
    }
    Ok(Err(reason.unwrap_or_else(|| "has no audio in it".to_owned())))
}

/// Reads a track, if it is one of sound.
fn read_track(
    walk: &mut Walk<'_>,
    trak: Span,
    movie_scale: Option<u32>,
) -> io::Result<Option<Result<Track, String>>> {
    let Some(mdia) = walk.find(trak.clone(), b"mdia")? else { return Ok(None) };
    if let Some(hdlr) = walk.find(mdia.clone(), b"hdlr")?
        && walk.media.exactly(hdlr.start + 8)? != Some(*b"soun")
    {
        return Ok(None);
    }
    let scale = match walk.find(mdia.clone(), b"mdhd")? {
        Some(mdhd) => walk.scale(&mdhd)?,
        None => None,
    };
    let Some(stbl) = walk.descend(mdia, &[b"minf", b"stbl"])? else { return Ok(None) };
    let Some(stsd) = walk.find(stbl.clone(), b"stsd")? else { return Ok(None) };
    let coding = match describe::read(walk, &stsd, scale)? {
        Ok(coding) => coding,
        Err(reason) => return Ok(Some(Err(reason))),
    };
    let Some(table) = Table::read(walk, &stbl, &coding)? else {
        return Ok(Some(Err("is damaged: its index does not tell where its sound is".to_owned())));
    };
    let clock = Clock::read(walk, &stbl, &coding, table.count(), scale)?;
    let times = match walk.descend(trak, &[b"edts", b"elst"])? {
        Some(elst) => edits::read(walk, &elst, movie_scale, &clock)?,
        None => Times::default(),
    };
    let times = Times { open_end: !clock.has_exact_end, ..times };
    Ok(Some(Ok(Track { params: coding.params(), table, clock, times })))
}
