//! Reads the comments of an Ogg file (Opus, Vorbis, FLAC), and hides them from symphonia, which refuses a
//! file because of one wrong length in them, and would keep all pictures in memory.

use std::io;

use super::source::{Bytes, Patch};
use super::tags::{Found, vorbis};
use crate::codec::packets::ogg::checksum;

/// The length of a page's header without its table.
const HEADER: usize = 27;

/// The most pages that are read. The comments with their pictures may have thousands.
const MAX_PAGES: usize = 8192;

/// A flag of a page: it is the first of its stream.
const FIRST: u8 = 2;

/// The kinds of streams with comments.
#[derive(Clone, Copy)]
enum Kind {
    Opus,
    Vorbis,
    Flac,
}

impl Kind {
    fn of(packet: &[u8]) -> Option<Kind> {
        if packet.starts_with(b"OpusHead") {
            Some(Kind::Opus)
        } else if packet.starts_with(b"\x01vorbis") {
            Some(Kind::Vorbis)
        } else if packet.starts_with(b"\x7fFLAC") {
            Some(Kind::Flac)
        } else {
            None
        }
    }

    /// The length of what is before the comments in their packet.
    fn signature(self) -> u64 {
        match self {
            Kind::Opus => 8,
            Kind::Vorbis => 7,
            Kind::Flac => 4,
        }
    }

    /// The beginning of a packet without comments. `first` is the packet's first byte.
    fn empty(self, first: u8) -> Vec<u8> {
        match self {
            Kind::Opus => b"OpusTags\0\0\0\0\0\0\0\0".to_vec(),
            Kind::Vorbis => b"\x03vorbis\0\0\0\0\0\0\0\0".to_vec(),
            // Padding. The last block has a flag for it.
            Kind::Flac => vec![first & 0x80 | 1, 0, 0, 0],
        }
    }
}

/// A page's place.
pub(super) struct Page {
    at: u64,
    flags: u8,
    position: i64,
    serial: [u8; 4],
    table: Vec<u8>,
}

impl Page {
    pub(super) fn read(bytes: &mut Bytes, at: u64) -> io::Result<Option<Page>> {
        let Some(header) = bytes.exactly::<HEADER>(at)?.filter(|header| header.starts_with(b"OggS")) else {
            return Ok(None);
        };
        let table = bytes.up_to(at + HEADER as u64, usize::from(header[26]))?;
        let serial = [header[14], header[15], header[16], header[17]];
        let position = header[6..].first_chunk().copied().map_or(0, i64::from_le_bytes);
        Ok(Some(Page { at, flags: header[5], position, serial, table }))
    }

    pub(super) fn serial(&self) -> [u8; 4] {
        self.serial
    }

    /// The frame at which its last packet ends.
    pub(super) fn position(&self) -> i64 {
        self.position
    }

    /// How many packets end on it.
    pub(super) fn ends(&self) -> usize {
        self.table.iter().filter(|lace| **lace < 255).count()
    }

    pub(super) fn body(&self) -> u64 {
        self.at + (HEADER + self.table.len()) as u64
    }

    pub(super) fn end(&self) -> u64 {
        self.body() + self.table.iter().map(|&lace| u64::from(lace)).sum::<u64>()
    }
}

/// Reads the comments of the first stream with audio, in a file that begins at `begin`. Returns where it
/// begins for symphonia.
pub(super) fn read(
    bytes: &mut Bytes,
    begin: u64,
    found: &mut Found,
    patches: &mut Vec<Patch>,
) -> io::Result<u64> {
    let (mut at, mut stream) = (begin, None);
    let mut comments: Option<(Page, vorbis::Parts)> = None;
    let mut last = None;
    let mut is_alone = true;
    for _ in 0..MAX_PAGES {
        let Some(page) = Page::read(bytes, at)? else { break };
        at = page.end();
        if page.flags & FIRST != 0 {
            if stream.is_none() {
                let kind = Kind::of(&bytes.up_to(page.body(), 8)?);
                stream = kind.map(|kind| (kind, page.serial));
            }
            is_alone &= page.at == begin;
            continue;
        }
        let Some((_, serial)) = stream else { break };
        if page.serial != serial {
            is_alone = false;
            continue;
        }
        // The packet ends with the first piece that is not full.
        let pieces = page.table.iter().position(|&lace| lace < 255).map_or(page.table.len(), |last| last + 1);
        let length = page.table[..pieces].iter().map(|&lace| u64::from(lace)).sum::<u64>();
        let is_whole = pieces > 0 && page.table[pieces - 1] < 255;
        let body = page.body();
        last = Some((Page { table: page.table.clone(), ..page }, pieces, body + length));
        comments.get_or_insert_with(|| (page, vorbis::Parts::default())).1.push(body..body + length);
        if is_whole {
            break;
        }
    }
    let (Some((kind, _)), Some((page, packet))) = (stream, comments) else { return Ok(begin) };
    let first = bytes.exactly::<1>(page.body())?.map_or(0, |[first]| first);
    if matches!(kind, Kind::Flac) && first & 0x7f != 4 {
        return Ok(begin);
    }
    vorbis::read(bytes, &packet.after(kind.signature()), found)?;
    match last {
        Some((last, pieces, rest)) if is_alone && last.at > page.at => {
            leave_out(bytes, begin..page.at, &last, pieces, rest, &kind.empty(first), patches)
        }
        _ => hide(bytes, &page, &kind.empty(first), patches).map(|()| begin),
    }
}

/// Leaves out comments of many pages: a patch has the file's first page, and the last one of the comments
/// without them. It ends where the `rest` of that page begins. Returns where the patch begins.
fn leave_out(
    bytes: &mut Bytes,
    first: std::ops::Range<u64>,
    last: &Page,
    pieces: usize,
    rest: u64,
    beginning: &[u8],
    patches: &mut Vec<Patch>,
) -> io::Result<u64> {
    const FLAGS: usize = 5;
    const CONTINUED: u8 = 1;
    let mut file = bytes.up_to(first.start, (first.end - first.start) as usize)?;
    // What was patched in the first page so far.
    for patch in patches.drain(..) {
        let at = (patch.at - first.start) as usize;
        if let Some(there) = file.get_mut(at..at + patch.bytes.len()) {
            there.copy_from_slice(&patch.bytes);
        }
    }
    let begin_of_page = file.len();
    let others = &last.table[pieces..];
    file.extend(bytes.up_to(last.at, HEADER)?);
    file[begin_of_page + FLAGS] &= !CONTINUED;
    file[begin_of_page + HEADER - 1] = others.len() as u8 + 1;
    file.push(beginning.len() as u8);
    file.extend(others);
    file.extend(beginning);
    let page = [&file[begin_of_page..], &bytes.up_to(rest, (last.end() - rest) as usize)?].concat();
    file[begin_of_page + 22..begin_of_page + 26].copy_from_slice(&checksum(&page));
    let at = rest - file.len() as u64;
    patches.push(Patch { at, bytes: file });
    Ok(at)
}

/// Replaces the beginning of a page's first packet, and the page's checksum.
fn hide(bytes: &mut Bytes, page: &Page, beginning: &[u8], patches: &mut Vec<Patch>) -> io::Result<()> {
    let mut whole = bytes.up_to(page.at, (page.end() - page.at) as usize)?;
    let body = (page.body() - page.at) as usize;
    let first: usize =
        page.table.iter().take_while(|&&lace| lace == 255).map(|&lace| usize::from(lace)).sum();
    let rest = page.table.iter().find(|&&lace| lace < 255).map_or(0, |&lace| usize::from(lace));
    if first + rest < beginning.len() || whole.len() < body + beginning.len() {
        return Ok(());
    }
    whole[body..body + beginning.len()].copy_from_slice(beginning);
    patches.push(Patch { at: page.at + 22, bytes: checksum(&whole).to_vec() });
    patches.push(Patch { at: page.body(), bytes: beginning.to_vec() });
    Ok(())
}
