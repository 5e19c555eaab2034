//! The edit list of an MP4 file: which part of a track is to be heard. symphonia plays all of it,
//! the encoder's delay and padding included.

use std::io::{self, Read, Seek, SeekFrom};

/// What to hear of a track, in the track's own time scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// The first tick to hear.
    pub(super) from: u64,
    /// How many ticks to hear, and by how many that may be wrong: the file tells it in a scale of
    /// its own, which is often coarser. `None`: to the end.
    pub(super) length: Option<(u64, u64)>,
}

/// What the index of an MP4 file says that symphonia keeps to itself.
#[derive(Debug, Default)]
pub(super) struct Movie {
    /// The edits of the tracks that have one, by the track's id.
    pub(super) edits: Vec<(u32, Edit)>,
    /// Whether the index is only of the beginning, and more follows piece by piece.
    pub(super) fragmented: bool,
}

/// No file needs more boxes than this to get to its edit lists.
const MAX_BOXES: usize = 4096;

/// Reads box headers, and no sound: of a damaged file, what there is.
pub(super) fn movie(file: &mut (impl Read + Seek), len: u64) -> io::Result<Movie> {
    let mut movie = Movie::default();
    match (Walk { file, boxes: 0 }).movie(len, &mut movie) {
        Err(cause) if cause.kind() != io::ErrorKind::UnexpectedEof => Err(cause),
        _ => Ok(movie),
    }
}

/// Where a box's content lies.
type Span = std::ops::Range<u64>;

struct Walk<'a, F> {
    file: &'a mut F,
    boxes: usize,
}

impl<F: Read + Seek> Walk<'_, F> {
    fn movie(&mut self, len: u64, movie: &mut Movie) -> io::Result<()> {
        let Some(moov) = self.find(0..len, b"moov")? else { return Ok(()) };
        movie.fragmented = self.find(moov.clone(), b"mvex")?.is_some();
        let Some(mvhd) = self.find(moov.clone(), b"mvhd")? else { return Ok(()) };
        let movie_scale = self.after_times(mvhd)?;
        let mut rest = moov;
        while let Some(trak) = self.find(rest.clone(), b"trak")? {
            rest.start = trak.end;
            movie.edits.extend(self.track(trak, movie_scale)?);
        }
        Ok(())
    }

    /// The first box of a kind among those that follow each other in `within`.
    fn find(&mut self, within: Span, kind: &[u8; 4]) -> io::Result<Option<Span>> {
        let mut at = within.start;
        while within.end.saturating_sub(at) >= 8 && self.boxes < MAX_BOXES {
            self.boxes += 1;
            self.file.seek(SeekFrom::Start(at))?;
            let short = self.u32()?;
            let found = self.bytes::<4>()?;
            let (header, size) = match short {
                0 => (8, within.end - at),
                1 => (16, self.u64()?),
                size => (8, u64::from(size)),
            };
            let end = match at.checked_add(size) {
                Some(end) if size >= header && end <= within.end => end,
                _ => return Ok(None),
            };
            if found == *kind {
                return Ok(Some(at + header..end));
            }
            at = end;
        }
        Ok(None)
    }

    /// The id and the edit in a `trak` box.
    fn track(&mut self, trak: Span, movie_scale: u32) -> io::Result<Option<(u32, Edit)>> {
        let Some(tkhd) = self.find(trak.clone(), b"tkhd")? else { return Ok(None) };
        let id = self.after_times(tkhd)?;
        let Some(mdia) = self.find(trak.clone(), b"mdia")? else { return Ok(None) };
        let Some(mdhd) = self.find(mdia, b"mdhd")? else { return Ok(None) };
        let scale = self.after_times(mdhd)?;
        let Some(edts) = self.find(trak, b"edts")? else { return Ok(None) };
        let Some(elst) = self.find(edts, b"elst")? else { return Ok(None) };
        Ok(self.only_edit(elst, movie_scale, scale)?.map(|edit| (id, edit)))
    }

    /// What follows the times of creation and change with which these boxes begin: the time scale
    /// in `mvhd` and `mdhd`, the id in `tkhd`.
    fn after_times(&mut self, within: Span) -> io::Result<u32> {
        let version = self.version(&within)?;
        self.file.seek(SeekFrom::Current(if version == 1 { 16 } else { 8 }))?;
        self.u32()
    }

    /// The edit in an `elst` box that has just one, silence before it not counted.
    fn only_edit(&mut self, elst: Span, movie_scale: u32, scale: u32) -> io::Result<Option<Edit>> {
        let version = self.version(&elst)?;
        let count = self.u32()?;
        let mut only = None;
        for _ in 0..count.min(16) {
            let (duration, from) = match version {
                1 => (self.u64()?, self.u64()? as i64),
                _ => (u64::from(self.u32()?), i64::from(self.u32()? as i32)),
            };
            self.u32()?; // The speed: that of the one who plays.
            let Ok(from) = u64::try_from(from) else { continue };
            if only.is_some() {
                return Ok(None);
            }
            let ticks = |movie_ticks: u64| {
                let scaled = u128::from(movie_ticks) * u128::from(scale);
                u64::try_from(scaled.div_ceil(u128::from(movie_scale.max(1)))).unwrap_or(u64::MAX)
            };
            let length = (duration > 0).then(|| (ticks(duration), ticks(1)));
            only = Some(Edit { from, length });
        }
        Ok(only)
    }

    /// Goes to a box's content and reads its version; the flags after it are read too.
    fn version(&mut self, within: &Span) -> io::Result<u8> {
        self.file.seek(SeekFrom::Start(within.start))?;
        Ok(self.bytes::<4>()?[0])
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn u32(&mut self) -> io::Result<u32> {
        Ok(u32::from_be_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> io::Result<u64> {
        Ok(u64::from_be_bytes(self.bytes()?))
    }
}
