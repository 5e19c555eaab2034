//! What sources send, read from pieces of any length. For fuzzing.

use super::ogg::{OggPackets, Unpacked};
use super::{LiveDecoder, PacketReader, Sent};

/// What the pages of an Ogg stream bring.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OggRead {
    /// The headers of a stream are complete: what it is coded in.
    Begins(&'static str),
    Title(String),
    /// Pages are missing.
    Lost,
    Packet(Vec<u8>),
}

/// Takes packets and titles out of Ogg pages, from pieces of this length.
#[doc(hidden)]
pub fn read_ogg(bytes: &[u8], piece: usize) -> Vec<OggRead> {
    let (mut reader, mut packets) = (PacketReader::for_content_type("audio/ogg"), OggPackets::default());
    let mut read = Vec::new();
    for mut piece in bytes.chunks(piece.max(1)) {
        while let Some(page) = reader.next_packet(&mut piece) {
            read.extend(packets.push(&page.packet.bytes).into_iter().map(|unpacked| match unpacked {
                Unpacked::Begins { coding, .. } => OggRead::Begins(coding.name()),
                Unpacked::Title(title) => OggRead::Title(title),
                Unpacked::Lost => OggRead::Lost,
                Unpacked::Packet(packet) => OggRead::Packet(packet),
            }));
        }
    }
    read
}

/// What a live input makes of a stream.
#[doc(hidden)]
#[derive(Debug, Default, PartialEq)]
pub struct LiveRead {
    pub titles: Vec<String>,
    /// All samples, whatever their shape is.
    pub pcm: Vec<f32>,
    pub skipped_bytes: u64,
}

/// Decodes a stream as a live input does, from pieces of this length.
#[doc(hidden)]
pub fn read_live(content_type: &str, bytes: &[u8], piece: usize) -> LiveRead {
    let (mut decoder, mut read) = (LiveDecoder::new(content_type), LiveRead::default());
    for piece in bytes.chunks(piece.max(1)) {
        decoder.push(piece, &mut |sent| match sent {
            Sent::Pcm(shape, pcm) => {
                assert!(pcm.len().is_multiple_of(shape.speakers.len().max(1)), "frames are whole");
                read.pcm.extend_from_slice(pcm);
            }
            Sent::Title(title) => read.titles.push(title),
            Sent::Seam | Sent::Packet(_) => {}
        });
    }
    read.skipped_bytes = decoder.skipped_bytes();
    read
}
