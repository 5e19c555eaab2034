//! Titles within the stream, as SHOUTcast began it: every `metaint` bytes of audio, a block.
//! Values in, values out.

mod block;
mod weave;

pub(crate) use block::icy_block;
#[cfg(test)]
pub(crate) use weave::tests::unweave;
pub(crate) use weave::{Pieces, Weave};

/// Audio bytes between two ICY blocks, unless a mount says otherwise: what Icecast made customary.
pub(crate) const DEFAULT_METAINT: u32 = 16_000;
