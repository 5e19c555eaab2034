//! Encoded audio in its natural units.

use std::sync::Arc;

use crate::metadata::Title;

/// One encoded unit (what MP3 and ADTS call a frame; an Ogg page), whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The packet, headers included.
    pub bytes: Box<[u8]>,
    /// How long it sounds, in frames at the mount's rate (see
    /// [`MountSettings::sample_rate`](crate::MountSettings::sample_rate)). Zero where that is not known.
    pub frames: u32,
}

/// A packet on its way to a mount, with all that was in force when it was made: so a packet that
/// is lost on the way never takes a title or a header with it.
#[derive(Clone, Debug)]
pub struct TitledPacket {
    /// The encoded unit.
    pub packet: Packet,
    /// The title in force at its end: a title sits at the packet that holds its first sample.
    pub title: Arc<Title>,
    /// What a listener who joins at this packet needs first (Ogg header pages); usually nothing.
    pub header: Option<Arc<[u8]>>,
}
