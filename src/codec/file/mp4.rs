//! Reads those parts of an MP4 file's index that symphonia ignores: which part of a track is to be played
//! (symphonia plays all of it, with the encoder's delay and padding). `tags/ilst.rs` reads its tags.

use std::io;

use super::source::Bytes;

/// A track's times in the index, in the track's own time scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) track_id: u32,
    /// The first tick to play.
    pub(super) from: u64,
    /// The number of ticks to play, and its tolerance: the file has it in the movie's time scale, which is
    /// often coarser. `None`: to the end.
    pub(super) length: Option<(u64, u64)>,
    /// Whether the length of the last packet is unknown. Then the total does not include it.
    pub(super) open_end: bool,
}

/// The index.
#[derive(Debug, Default)]
pub(super) struct Movie {
    /// The times of the tracks.
    pub(super) times: Vec<Times>,
    /// Why the file must not be played.
    pub(super) fault: Option<&'static str>,
}

/// The largest packet: a picture of a film, at most, which is only skipped.
const MAX_PACKET: u32 = 16 * 1024 * 1024;

/// The most boxes that are read.
const MAX_BOXES: usize = 4096;

/// Reads box headers only, and no audio. Of a damaged file it reads what there is.
pub(super) fn read(bytes: &mut Bytes, begin: u64) -> io::Result<Movie> {
    let mut movie = Movie::default();
    let file = begin..bytes.len();
    let mut walk = Walk { bytes, boxes: 0 };
    let Some(moov) = walk.find(file, b"moov")? else { return Ok(movie) };
    if walk.find(moov.clone(), b"mvex")?.is_some() {
        // symphonia trusts the index of every fragment, even if its sizes are absurd.
        movie.fault = Some(
            "is an MP4 file in fragments, as streaming services send it: \
             `ffmpeg -i it -c copy new.m4a` makes one that can be played",
        );
    }
    let mvhd = walk.find(moov.clone(), b"mvhd")?;
    let movie_scale = match mvhd {
        Some(mvhd) => walk.after_times(&mvhd)?,
        None => None,
    };
    let mut rest = moov.clone();
    while let Some(trak) = walk.find(rest.clone(), b"trak")? {
        rest.start = trak.end;
        if walk.largest_packet(trak.clone())? > MAX_PACKET {
            movie.fault = Some("is damaged: its index tells of impossibly large packets");
        }
        if let Some(scale) = movie_scale {
            movie.times.extend(walk.times(trak, scale)?);
        }
    }
    Ok(movie)
}

/// The position of a box's content.
type Span = std::ops::Range<u64>;

struct Walk<'a> {
    bytes: &'a mut Bytes,
    boxes: usize,
}

impl Walk<'_> {
    /// The kind and the content of the box at the beginning of `within`.
    fn next(&mut self, within: &Span) -> io::Result<Option<([u8; 4], Span)>> {
        self.boxes += 1;
        if self.boxes > MAX_BOXES || within.end.saturating_sub(within.start) < 8 {
            return Ok(None);
        }
        let Some([a, b, c, d, kind @ ..]) = self.bytes.exactly::<8>(within.start)? else { return Ok(None) };
        let (header, size) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (8, within.end - within.start),
            1 => match self.bytes.exactly(within.start + 8)? {
                Some(size) => (16, u64::from_be_bytes(size)),
                None => return Ok(None),
            },
            size => (8, u64::from(size)),
        };
        match within.start.checked_add(size) {
            Some(end) if size >= header && end <= within.end => Ok(Some((kind, within.start + header..end))),
            _ => Ok(None),
        }
    }

    /// The first box of a kind in `within`.
    fn find(&mut self, mut within: Span, kind: &[u8; 4]) -> io::Result<Option<Span>> {
        while let Some((found, content)) = self.next(&within)? {
            if found == *kind {
                return Ok(Some(content));
            }
            within.start = content.end;
        }
        Ok(None)
    }

    /// The box at the end of a path of nested boxes.
    fn descend(&mut self, within: Span, path: &[&[u8; 4]]) -> io::Result<Option<Span>> {
        let mut content = within;
        for kind in path {
            match self.find(content, kind)? {
                Some(found) => content = found,
                None => return Ok(None),
            }
        }
        Ok(Some(content))
    }

    fn number(&mut self, at: u64) -> io::Result<Option<u32>> {
        Ok(self.bytes.exactly(at)?.map(u32::from_be_bytes))
    }

    /// The number after the creation and modification times at the beginning of these boxes: the time scale
    /// in `mvhd` and `mdhd`, the id in `tkhd`.
    fn after_times(&mut self, within: &Span) -> io::Result<Option<u32>> {
        let version = self.number(within.start)?.unwrap_or_default() >> 24;
        self.number(within.start + if version == 1 { 20 } else { 12 })
    }

    fn times(&mut self, trak: Span, movie_scale: u32) -> io::Result<Option<Times>> {
        let Some(tkhd) = self.find(trak.clone(), b"tkhd")? else { return Ok(None) };
        let Some(mdia) = self.find(trak.clone(), b"mdia")? else { return Ok(None) };
        let Some(mdhd) = self.find(mdia.clone(), b"mdhd")? else { return Ok(None) };
        let (Some(track_id), Some(scale)) = (self.after_times(&tkhd)?, self.after_times(&mdhd)?) else {
            return Ok(None);
        };
        let mut times = Times { track_id, ..Times::default() };
        if let Some(stts) = self.descend(mdia, &[b"minf", b"stbl", b"stts"])? {
            times.open_end = stts.end - stts.start > 8 && self.number(stts.end - 4)? == Some(0);
        }
        if let Some(elst) = self.descend(trak, &[b"edts", b"elst"])? {
            self.read_edits(&elst, movie_scale, scale, &mut times)?;
        }
        Ok(Some(times))
    }

    /// Reads the edits in an `elst` box as one, from the first tick to the last: what several edits leave out
    /// in between is played. Leading silence does not count as an edit.
    fn read_edits(&mut self, elst: &Span, movie_scale: u32, scale: u32, times: &mut Times) -> io::Result<()> {
        const MAX_EDITS: u32 = 16;
        let version = self.number(elst.start)?.unwrap_or_default() >> 24;
        let count = self.number(elst.start + 4)?.unwrap_or_default();
        let entry = if version == 1 { 20 } else { 12 };
        let ticks = |movie_ticks: u64| {
            let scaled = u128::from(movie_ticks) * u128::from(scale);
            u64::try_from(scaled.div_ceil(u128::from(movie_scale.max(1)))).unwrap_or(u64::MAX)
        };
        // The first tick of all edits, and their end if it is known.
        let mut all: Option<(u64, Option<u64>)> = None;
        for at in (elst.start + 8..).step_by(entry).take(count.min(MAX_EDITS) as usize) {
            let (duration, from) = match (version, self.bytes.up_to(at, entry)?.as_slice()) {
                (1, &[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..]) => (
                    u64::from_be_bytes([a, b, c, d, e, f, g, h]),
                    i64::from_be_bytes([i, j, k, l, m, n, o, p]),
                ),
                (0, &[a, b, c, d, e, f, g, h, ..]) => {
                    (u64::from(u32::from_be_bytes([a, b, c, d])), i64::from(i32::from_be_bytes([e, f, g, h])))
                }
                _ => return Ok(()),
            };
            let Ok(from) = u64::try_from(from) else { continue };
            let end = (duration > 0).then(|| from.saturating_add(ticks(duration)));
            all = Some(match all {
                None => (from, end),
                Some((first, last)) => (first.min(from), last.zip(end).map(|(last, end)| last.max(end))),
            });
        }
        if let Some((from, end)) = all {
            let end = end.filter(|_| count <= MAX_EDITS);
            (times.from, times.length) = (from, end.map(|end| (end - from, ticks(1))));
        }
        Ok(())
    }

    /// The size of a track's largest packet.
    fn largest_packet(&mut self, trak: Span) -> io::Result<u32> {
        const PIECE: usize = 16 * 1024;
        let Some(stsz) = self.descend(trak, &[b"mdia", b"minf", b"stbl", b"stsz"])? else { return Ok(0) };
        match self.number(stsz.start + 4)?.unwrap_or_default() {
            0 => {}
            size_of_all => return Ok(size_of_all),
        }
        let mut largest = 0;
        for at in (stsz.start + 12..stsz.end).step_by(PIECE) {
            let piece = self.bytes.up_to(at, PIECE.min((stsz.end - at) as usize))?;
            for size in piece.chunks_exact(4) {
                largest = largest.max(u32::from_be_bytes([size[0], size[1], size[2], size[3]]));
            }
        }
        Ok(largest)
    }
}
