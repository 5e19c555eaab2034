//! Changes the first and the last page of an Ogg file where symphonia is stricter than it must be.

use std::io;

use super::ogg::Page;
use super::source::{Bytes, Patch};
use crate::codec::packets::ogg::checksum;

/// The length of a page's header, without its table of segments.
const HEADER: usize = 27;

/// Where the checksum of a page is.
const CHECKSUM: usize = 22;

/// The largest page.
const LARGEST: u64 = 27 + 255 + 255 * 255;

/// The most that is read of a page: Opus's header has 276 bytes at most.
const MAX_PAGE: usize = 512;

/// Declares the channels of Opus that have no meaning (family 255) as those that their number usually means
/// (family 1). The rest of the header is the same for both.
pub(super) fn name_channels(bytes: &mut Bytes, begin: u64, patches: &mut Vec<Patch>) -> io::Result<()> {
    const COUNT: usize = 9;
    const FAMILY: usize = 18;
    let mut page = bytes.up_to(begin, MAX_PAGE)?;
    let Some(&segments) = page.get(HEADER - 1) else { return Ok(()) };
    let content = HEADER + usize::from(segments);
    let size: usize = page.iter().skip(HEADER).take(segments.into()).map(|size| usize::from(*size)).sum();
    page.truncate(content + size);
    let Some(head) = page.get_mut(content..).filter(|head| head.len() > FAMILY) else { return Ok(()) };
    if head.starts_with(b"OpusHead") && head[FAMILY] == 255 && head[COUNT] <= 8 {
        head[FAMILY] = 1;
        let at = begin + CHECKSUM as u64;
        patches.push(Patch { at, bytes: checksum(&page).to_vec() });
        patches.push(Patch { at: begin + (content + FAMILY) as u64, bytes: vec![1] });
    }
    Ok(())
}

/// What the positions in a file say of its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// The frames before time zero are not heard.
    AtZero,
    /// Nothing: all is heard.
    Unknown,
}

/// What is said of the beginning of a file that begins at `begin`. In Vorbis, a first page with sound whose
/// position is before the end of its packets means that the first frames are not heard. A position at zero or
/// before it would leave none of them, and is wrong.
pub(super) fn start(bytes: &mut Bytes, begin: u64) -> io::Result<Start> {
    const HEADERS: usize = 3;
    const MAX_PAGES: usize = 8192;
    let Some(first) = Page::read(bytes, begin)? else { return Ok(Start::AtZero) };
    if bytes.up_to(first.body(), 7)? != b"\x01vorbis" {
        return Ok(Start::AtZero);
    }
    let (mut at, mut packets) = (first.end(), first.ends());
    for _ in 0..MAX_PAGES {
        let Some(page) = Page::read(bytes, at)? else { break };
        at = page.end();
        if page.serial() == first.serial() && page.ends() > 0 {
            if packets >= HEADERS {
                return Ok(if page.position() > 0 { Start::AtZero } else { Start::Unknown });
            }
            packets += page.ends();
        }
    }
    Ok(Start::AtZero)
}

/// Where the last page ends in a file that begins at `begin` and ends at `end`. Behind it may be anything:
/// what a download has reserved, or rubbish. symphonia looks for pages in the last 64 KiB only.
pub(super) fn end(bytes: &mut Bytes, begin: u64, end: u64) -> io::Result<u64> {
    /// As much is searched back from the end. Before that, the middle of what is left is tried, then of the
    /// half that has pages, and so on: a large file may have nothing in its second half.
    const SEARCHED: u64 = 4 << 20;
    if let Some(last) = last_page(bytes, end.saturating_sub(SEARCHED).max(begin), end)? {
        return Ok(last);
    }
    let (mut low, mut high) = (begin, end);
    while high - low > SEARCHED {
        let middle = low.midpoint(high);
        match last_page(bytes, middle, (middle + 3 * LARGEST).min(high))? {
            Some(_) => low = middle,
            None => high = middle,
        }
    }
    // Some pages lie where none was found in the middle.
    Ok(last_page(bytes, low, (high + 3 * LARGEST).min(end))?.unwrap_or(end))
}

/// Where the last whole page ends in a part of a file.
fn last_page(bytes: &mut Bytes, from: u64, to: u64) -> io::Result<Option<u64>> {
    const MOST: u64 = 64 * 1024;
    const MAGIC: &[u8] = b"OggS\0";
    // Mostly the last page is near.
    let (mut at, mut size) = (to, 4 * 1024);
    while at > from {
        let begin = at.saturating_sub(size).max(from);
        // A page's beginning may lie on the border.
        let piece = bytes.up_to(begin, (at - begin) as usize + MAGIC.len() - 1)?;
        let places = (0..piece.len()).rev().filter(|place| piece[*place..].starts_with(MAGIC));
        for place in places {
            if let Some(end) = whole_page(bytes, begin + place as u64)?.filter(|end| *end <= to) {
                return Ok(Some(end));
            }
        }
        at = begin;
        size = (2 * size).min(MOST);
    }
    Ok(None)
}

/// Where the page ends that begins at `at`, if it is all there, and nothing else.
fn whole_page(bytes: &mut Bytes, at: u64) -> io::Result<Option<u64>> {
    let Some(page) = Page::read(bytes, at)? else { return Ok(None) };
    let end = page.end();
    let page = bytes.up_to(at, (end - at) as usize)?;
    let is_whole = page.len() as u64 == end - at && page[CHECKSUM..CHECKSUM + 4] == checksum(&page);
    Ok(is_whole.then_some(end))
}

/// Gives the last page a position behind that of the page before, if it has none, or an earlier one:
/// symphonia would cut the end of the sound.
pub(super) fn mend_last_position(
    bytes: &mut Bytes,
    range: std::ops::Range<u64>,
    patches: &mut Vec<Patch>,
) -> io::Result<()> {
    /// Where the last two pages are looked for: mostly they are small.
    const TAILS: [u64; 2] = [32 * 1024, 2 * LARGEST];
    /// No packet ends on a page that has this position.
    const NONE: u64 = u64::MAX;
    const POSITION: usize = 6;
    const SERIAL: usize = 14;
    for size in TAILS {
        let from = range.end.saturating_sub(size).max(range.start);
        let tail = bytes.up_to(from, (range.end - from) as usize)?;
        let position =
            |at: usize| u64::from_le_bytes(tail[at + POSITION..].first_chunk().copied().unwrap_or_default());
        let serial = |at: usize| &tail[at + SERIAL..at + SERIAL + 4];
        let mut pages =
            (0..tail.len().saturating_sub(HEADER)).rev().filter(|at| tail[*at..].starts_with(b"OggS\0"));
        let Some(last) = pages.next() else { continue };
        let before = pages.find(|at| serial(*at) == serial(last) && position(*at) != NONE);
        let Some(before) = before else { continue };
        if position(last) < position(before) || position(last) == NONE {
            let mut page = tail[last..].to_vec();
            // A second more than there is: nothing is cut.
            let raised = position(before).saturating_add(48_000);
            page[POSITION..POSITION + 8].copy_from_slice(&raised.to_le_bytes());
            let at = from + last as u64;
            patches.push(Patch { at: at + POSITION as u64, bytes: raised.to_le_bytes().to_vec() });
            patches.push(Patch { at: at + CHECKSUM as u64, bytes: checksum(&page).to_vec() });
        }
        break;
    }
    Ok(())
}
