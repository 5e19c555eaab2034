//! Reads the comments of an Ogg file (Opus, Vorbis, FLAC), and hides them from symphonia, which refuses a
//! file because of one wrong length in them, and would keep all pictures in memory.

use std::io;

use super::source::{Bytes, Patch};
use super::tags::{Found, vorbis};
use crate::codec::packets::ogg::checksum;

/// The length of a page's header without its table.
const HEADER: usize = 27;

/// The most pages that are read. The comments with their pictures may have some hundred.
const MAX_PAGES: usize = 1024;

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
            Kind::Flac => vec![first & 0x80 | 1],
        }
    }
}

/// A page's place.
struct Page {
    at: u64,
    flags: u8,
    serial: [u8; 4],
    table: Vec<u8>,
}

impl Page {
    fn read(bytes: &mut Bytes, at: u64) -> io::Result<Option<Page>> {
        let Some(header) = bytes.exactly::<HEADER>(at)?.filter(|header| header.starts_with(b"OggS")) else {
            return Ok(None);
        };
        let table = bytes.up_to(at + HEADER as u64, usize::from(header[26]))?;
        let serial = [header[14], header[15], header[16], header[17]];
        Ok(Some(Page { at, flags: header[5], serial, table }))
    }

    fn body(&self) -> u64 {
        self.at + (HEADER + self.table.len()) as u64
    }

    fn end(&self) -> u64 {
        self.body() + self.table.iter().map(|&lace| u64::from(lace)).sum::<u64>()
    }
}

/// Reads the comments of the first stream with audio, in a file that begins at `begin`.
pub(super) fn read(
    bytes: &mut Bytes,
    begin: u64,
    found: &mut Found,
    patches: &mut Vec<Patch>,
) -> io::Result<()> {
    let (mut at, mut stream) = (begin, None);
    let mut comments: Option<(Page, vorbis::Parts)> = None;
    for _ in 0..MAX_PAGES {
        let Some(page) = Page::read(bytes, at)? else { break };
        at = page.end();
        if page.flags & FIRST != 0 {
            if stream.is_none() {
                let kind = Kind::of(&bytes.up_to(page.body(), 8)?);
                stream = kind.map(|kind| (kind, page.serial));
            }
            continue;
        }
        let Some((_, serial)) = stream else { break };
        if page.serial != serial {
            continue;
        }
        // The packet ends with the first piece that is not full.
        let pieces = page.table.iter().position(|&lace| lace < 255).map_or(page.table.len(), |last| last + 1);
        let length = page.table[..pieces].iter().map(|&lace| u64::from(lace)).sum::<u64>();
        let is_whole = pieces > 0 && page.table[pieces - 1] < 255;
        let body = page.body();
        comments.get_or_insert_with(|| (page, vorbis::Parts::default())).1.push(body..body + length);
        if is_whole {
            break;
        }
    }
    let (Some((kind, _)), Some((page, packet))) = (stream, comments) else { return Ok(()) };
    let first = bytes.exactly::<1>(page.body())?.map_or(0, |[first]| first);
    if matches!(kind, Kind::Flac) && first & 0x7f != 4 {
        return Ok(());
    }
    vorbis::read(bytes, &packet.after(kind.signature()), found)?;
    hide(bytes, &page, &kind.empty(first), patches)
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
