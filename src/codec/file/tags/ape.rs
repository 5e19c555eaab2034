//! Reads APE tags at the end of a file. Only texts are read. A damaged tag does not prevent playing the file.

use std::io;

use super::{Found, LONGEST_BYTES};
use crate::codec::file::source::Bytes;

/// The length of the tag's footer, and of its header, which has the same content.
const FOOTER: u64 = 32;

/// The most items that are read.
const MAX_ITEMS: u32 = 1024;

/// The longest name of an item.
const MAX_NAME: usize = 255;

/// Reads the tag that ends at `end`, if there is one.
pub(in crate::codec::file) fn read(bytes: &mut Bytes, end: u64, found: &mut Found) -> io::Result<()> {
    let Some(footer_at) = end.checked_sub(FOOTER) else { return Ok(()) };
    let Some(footer) = bytes.exactly::<32>(footer_at)? else { return Ok(()) };
    if !footer.starts_with(b"APETAGEX") {
        return Ok(());
    }
    let number = |at: usize| u32::from_le_bytes([footer[at], footer[at + 1], footer[at + 2], footer[at + 3]]);
    let (size, count) = (number(12), number(16));
    let Some(mut at) = end.checked_sub(u64::from(size)) else { return Ok(()) };
    for _ in 0..count.min(MAX_ITEMS) {
        // Size and flags, the name and a zero, then the value.
        let head = bytes.up_to(at, 8 + MAX_NAME + 1)?;
        let [a, b, c, d, flags, _, _, _, ref rest @ ..] = head[..] else { break };
        let Some(name) = rest.split(|&byte| byte == 0).next().filter(|name| name.len() < rest.len()) else {
            break;
        };
        let size = u64::from(u32::from_le_bytes([a, b, c, d]));
        let value_at = at + 8 + name.len() as u64 + 1;
        at = value_at + size;
        if at > footer_at {
            break;
        }
        let is_text = flags & 0x06 == 0;
        if is_text {
            let value = bytes.up_to(value_at, size.min(LONGEST_BYTES as u64) as usize)?;
            for text in String::from_utf8_lossy(&value).split('\0') {
                found.add(&String::from_utf8_lossy(name), text);
            }
        }
    }
    Ok(())
}
