//! Where the packets of a track are. The tables stay in the file: those of a long film have megabytes.

use std::io;
use std::ops::Range;

use super::describe::Coding;
use super::walk::{Span, Walk};
use crate::codec::file::source::Media;

/// The largest unit. Where the index tells of a larger one, what follows in its chunk is lost.
const MAX_UNIT: u64 = 16 * 1024 * 1024;

/// What is read of a table at a time.
const PIECE: usize = 4096;

/// A table in the file, of entries of one size.
#[derive(Clone, Debug)]
pub(super) struct Entries {
    at: u64,
    count: u64,
    bytes: u64,
    /// The piece that was read last, and where it is.
    piece: Vec<u8>,
    piece_at: u64,
}

impl Entries {
    fn new(content: &Span, before: u64, count: u64, bytes: u64) -> Entries {
        let at = content.start + before;
        let there = content.end.saturating_sub(at) / bytes;
        Entries { at, count: count.min(there), bytes, piece: Vec::new(), piece_at: 0 }
    }

    /// The first number of `N` bytes in an entry.
    fn get<const N: usize>(&mut self, media: &mut Media, entry: u64, within: u64) -> io::Result<[u8; N]> {
        let at = self.at + entry * self.bytes + within;
        let end = self.piece_at + self.piece.len() as u64;
        if at < self.piece_at || at + N as u64 > end {
            (self.piece, self.piece_at) = (media.up_to(at, PIECE)?, at);
        }
        let from = (at - self.piece_at) as usize;
        Ok(self.piece.get(from..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N]))
    }

    fn number(&mut self, media: &mut Media, entry: u64, within: u64) -> io::Result<u64> {
        Ok(u32::from_be_bytes(self.get(media, entry, within)?).into())
    }
}

/// The sizes of the units.
#[derive(Clone, Debug)]
enum Sizes {
    /// All have this one.
    Equal(u64),
    Each(Entries),
}

/// A track's units (packets, or blocks of PCM), and which one is the next.
#[derive(Clone, Debug)]
pub(super) struct Table {
    count: u64,
    sizes: Sizes,
    chunks: Entries,
    /// How many units the chunks have, from a chunk on.
    groups: Entries,
    /// How many of the index's samples a unit has.
    samples: u64,
    /// How many units are read at once.
    batch: u64,
    next: Place,
    seen: Seen,
}

/// What became of the units so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// None was in the file.
    Nothing,
    /// The last of them was.
    Sound,
    /// Some were, but the last of them lie behind the end of the file.
    Beyond,
}

impl Seen {
    /// Takes in what became of the last of them. Nothing is nothing until the first is found.
    fn is(&mut self, last: Seen) {
        if *self != Seen::Nothing {
            *self = last;
        }
    }
}

/// A unit's place.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    unit: u64,
    at: u64,
    /// How many units of the chunk are left from here on.
    left: u64,
    /// The chunk after this one, and the group that it belongs to.
    chunk: u64,
    group: u64,
}

/// Units that lie behind one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) unit: u64,
    pub(super) count: u64,
    pub(super) bytes: Range<u64>,
}

impl Table {
    pub(super) fn read(walk: &mut Walk<'_>, stbl: &Span, coding: &Coding) -> io::Result<Option<Table>> {
        let chunks = match walk.find(stbl.clone(), b"stco")? {
            Some(stco) => Some((stco, 4)),
            None => walk.find(stbl.clone(), b"co64")?.map(|co64| (co64, 8)),
        };
        let (Some((chunks, bytes)), Some(stsc)) = (chunks, walk.find(stbl.clone(), b"stsc")?) else {
            return Ok(None);
        };
        let chunk_count = walk.number(chunks.start + 4)?.unwrap_or(0).into();
        let group_count = walk.number(stsc.start + 4)?.unwrap_or(0).into();
        let (sizes, count, samples, batch) = match coding {
            Coding::Blocks(blocks) => {
                // QuickTime counts the frames in blocks; ffmpeg, and files of today, the blocks.
                let counts_frames = match walk.find(stbl.clone(), b"stts")? {
                    Some(stts) => walk.number(stts.start + 12)? == Some(1),
                    None => false,
                };
                let samples = if counts_frames { blocks.frames } else { 1 };
                (Sizes::Equal(blocks.bytes), u64::MAX, samples, blocks.per_packet())
            }
            Coding::Packets(_) => {
                let Some(stsz) = walk.find(stbl.clone(), b"stsz")? else { return Ok(None) };
                let count = walk.number(stsz.start + 8)?.unwrap_or(0).into();
                let sizes = match walk.number(stsz.start + 4)?.unwrap_or(0) {
                    0 => Sizes::Each(Entries::new(&stsz, 12, count, 4)),
                    size => Sizes::Equal(size.into()),
                };
                let count = if let Sizes::Each(entries) = &sizes { entries.count } else { count };
                (sizes, count, 1, 1)
            }
        };
        let mut table = Table {
            count,
            sizes,
            chunks: Entries::new(&chunks, 8, chunk_count, bytes),
            groups: Entries::new(&stsc, 8, group_count, 12),
            samples,
            batch,
            next: Place::default(),
            seen: Seen::Nothing,
        };
        if let Sizes::Equal(_) = table.sizes {
            // The number of equal sizes costs no byte of the file, and may be any.
            table.count = table.count.min(table.units_in_chunks(walk.media)?);
        }
        Ok(Some(table))
    }

    /// The number of units.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The next units that are in the file.
    pub(super) fn next(&mut self, media: &mut Media) -> io::Result<Option<Piece>> {
        while self.next.unit < self.count {
            if self.next.left == 0 {
                if self.next.chunk >= self.chunks.count {
                    break;
                }
                self.enter(media, self.next.chunk)?;
                continue;
            }
            let Place { unit, at, left, .. } = self.next;
            if at >= media.len() {
                // The file ends before that, or the chunk's place is wrong.
                self.seen.is(Seen::Beyond);
                self.skip(left, 0);
                continue;
            }
            let (size, most) = match &mut self.sizes {
                Sizes::Equal(size) => (*size, left.min(self.batch)),
                Sizes::Each(sizes) => (sizes.number(media, unit, 0)?, 1),
            };
            let count = most.min(self.count - unit).min((media.len() - at).checked_div(size).unwrap_or(0));
            if size > MAX_UNIT {
                self.skip(left, 0);
                continue;
            }
            if count == 0 {
                self.seen.is(if size > 0 { Seen::Beyond } else { Seen::Sound });
                self.skip(1, size);
                continue;
            }
            self.seen = Seen::Sound;
            self.skip(count, count * size);
            return Ok(Some(Piece { unit, count, bytes: at..at + count * size }));
        }
        Ok(None)
    }

    /// What there was, after [`next`](Table::next) gave no more.
    pub(super) fn seen(&self) -> Seen {
        self.seen
    }

    /// Goes to a unit.
    pub(super) fn seek(&mut self, media: &mut Media, unit: u64) -> io::Result<()> {
        self.seen.is(Seen::Sound);
        let mut before = 0;
        for group in 0..self.groups.count {
            let (chunks, per_chunk) = self.group(media, group)?;
            let units = (chunks.end - chunks.start).saturating_mul(per_chunk);
            if unit - before >= units {
                before += units;
                continue;
            }
            self.next.group = group;
            self.next.unit = before + (unit - before) / per_chunk * per_chunk;
            self.enter(media, chunks.start + (unit - before) / per_chunk)?;
            while self.next.unit < unit {
                match &mut self.sizes {
                    Sizes::Equal(size) => {
                        let (count, size) = (unit - self.next.unit, *size);
                        self.skip(count, count.saturating_mul(size));
                    }
                    Sizes::Each(sizes) => {
                        let size = sizes.number(media, self.next.unit, 0)?;
                        self.skip(1, size);
                    }
                }
            }
            return Ok(());
        }
        self.next.unit = self.count;
        Ok(())
    }

    fn skip(&mut self, units: u64, bytes: u64) {
        self.next.unit = self.next.unit.saturating_add(units);
        self.next.at = self.next.at.saturating_add(bytes);
        self.next.left -= units;
    }

    /// Goes to the beginning of a chunk.
    fn enter(&mut self, media: &mut Media, chunk: u64) -> io::Result<()> {
        while self.next.group + 1 < self.groups.count
            && self.groups.number(media, self.next.group + 1, 0)? <= chunk + 1
        {
            self.next.group += 1;
        }
        self.next.left = self.per_chunk(media, self.next.group)?;
        self.next.at = match self.chunks.bytes {
            4 => self.chunks.number(media, chunk, 0)?,
            _ => u64::from_be_bytes(self.chunks.get(media, chunk, 0)?),
        };
        self.next.chunk = chunk + 1;
        Ok(())
    }

    fn per_chunk(&mut self, media: &mut Media, group: u64) -> io::Result<u64> {
        Ok(self.groups.number(media, group, 4)? / self.samples)
    }

    /// The chunks of a group, and how many units each has.
    fn group(&mut self, media: &mut Media, group: u64) -> io::Result<(Range<u64>, u64)> {
        let last = self.chunks.count;
        let begin = match group {
            0 => 0,
            _ => self.groups.number(media, group, 0)?.saturating_sub(1).min(last),
        };
        let end = match group + 1 < self.groups.count {
            true => self.groups.number(media, group + 1, 0)?.saturating_sub(1).clamp(begin, last),
            false => last,
        };
        Ok((begin..end, self.per_chunk(media, group)?))
    }

    fn units_in_chunks(&mut self, media: &mut Media) -> io::Result<u64> {
        let mut units: u64 = 0;
        for group in 0..self.groups.count {
            let (chunks, per_chunk) = self.group(media, group)?;
            units = units.saturating_add((chunks.end - chunks.start).saturating_mul(per_chunk));
        }
        Ok(units)
    }
}
