//! Titles within the stream, a convention of SHOUTcast: a block after every `metaint` bytes of audio.

mod block;
mod weave;

pub(crate) use block::icy_block;
#[cfg(test)]
pub(crate) use weave::tests::unweave;
pub(crate) use weave::{Pieces, Weave};

/// Audio bytes between two ICY blocks, if a mount does not set them. Icecast has the same.
pub(crate) const DEFAULT_METAINT: u32 = 16_000;
