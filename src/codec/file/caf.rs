//! The sizes in a CAF file: what is still being written has none for its sound.

use std::io;

use super::source::{Bytes, Patch};

/// The most chunks that are looked at.
const MAX_CHUNKS: usize = 1_000;
/// The name of a chunk and its size.
const HEADER: u64 = 12;

/// Puts the size of the sound right, if it is unknown or goes beyond the `end`.
pub(super) fn read(bytes: &mut Bytes, begin: u64, end: u64, patches: &mut Vec<Patch>) -> io::Result<()> {
    let mut at = begin + 8;
    for _ in 0..MAX_CHUNKS {
        let Some(header) = bytes.exactly::<{ HEADER as usize }>(at)? else { break };
        let [name @ .., _, _, _, _, _, _, _, _] = header;
        let [_, _, _, _, size @ ..] = header;
        let (size, behind) = (i64::from_be_bytes(size), at + HEADER);
        let rest = end.saturating_sub(behind);
        let known = u64::try_from(size).ok().filter(|size| *size <= rest);
        if &name == b"data" {
            if known.is_none() {
                patches.push(Patch { at: at + 4, bytes: rest.to_be_bytes().to_vec() });
            }
            break;
        }
        let Some(size) = known else { break };
        at = behind + size;
    }
    Ok(())
}
