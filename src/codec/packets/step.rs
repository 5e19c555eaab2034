//! What a framing finds at the beginning of a stream's bytes.

use std::sync::Arc;

/// The format of a stream, as its packets declare it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamFormat {
    /// Frames per second. For AAC this is the core's rate, which is half the output rate of HE-AAC.
    pub rate: u32,
    /// The number of channels. For AAC these are the core's, which is 1 in HE-AAC v2.
    pub channels: u8,
    /// Kilobits per second, if each packet declares it (MP3).
    pub bitrate: Option<u32>,
}

/// What to do with the bytes at the beginning of the buffer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// This many bytes are needed to decide.
    Need(usize),
    /// Skip a tag of this many bytes.
    Tag(u64),
    /// Skip a packet that is of no use in a stream.
    Drop(usize),
    /// Skip this many damaged bytes, at least one.
    Garbage(usize),
    /// A packet.
    Packet { len: usize, frames: u32, format: Option<StreamFormat>, header: Option<Arc<[u8]>> },
}
