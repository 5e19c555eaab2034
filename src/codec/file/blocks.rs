//! Reads the sound of WAV and AIFF files for symphonia: blocks of one size, and nothing else. symphonia's own
//! readers know sizes of 32 bits only, and cannot seek in ADPCM.

use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::codecs::CodecParameters;
use symphonia::core::errors::{Error, Result, SeekErrorKind, seek_error};
use symphonia::core::formats::well_known::FORMAT_ID_WAVE;
use symphonia::core::formats::{FormatInfo, Track};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::packet::Packet;
use symphonia::core::units::Timestamp;

use super::one_track::{Packets, packet};
use super::sound::Blocks;
use super::source::Media;

/// Blocks from the first byte of a source to its last.
pub(super) struct BlockPackets {
    stream: MediaSourceStream<'static>,
    blocks: Blocks,
    /// The number of the next block.
    next: u64,
}

impl BlockPackets {
    pub(super) fn new(media: Media, blocks: Blocks) -> BlockPackets {
        let stream = MediaSourceStream::new(Box::new(media), MediaSourceStreamOptions::default());
        BlockPackets { stream, blocks, next: 0 }
    }

    /// The number of all frames that are there.
    fn frames(&self) -> u64 {
        (self.stream.byte_len().unwrap_or(0) / self.blocks.bytes).saturating_mul(self.blocks.frames)
    }

    /// The tick at which a block begins.
    fn tick(&self, block: u64) -> Timestamp {
        let tick = block.saturating_mul(self.blocks.frames);
        Timestamp::new(i64::try_from(tick).unwrap_or(i64::MAX))
    }
}

impl Packets for BlockPackets {
    const INFO: FormatInfo =
        FormatInfo { format: FORMAT_ID_WAVE, short_name: "blocks", long_name: "WAV or AIFF" };

    fn describe(&self, track: &mut Track) {
        track.with_codec_params(CodecParameters::Audio(self.blocks.params()));
        track.with_num_frames(self.frames());
    }

    fn next(&mut self) -> Result<Option<Packet>> {
        let mut bytes = vec![0; (self.blocks.per_packet() * self.blocks.bytes) as usize];
        let read = read_full(&mut self.stream, &mut bytes)?;
        let count = read as u64 / self.blocks.bytes;
        if count == 0 {
            return Ok(None);
        }
        bytes.truncate((count * self.blocks.bytes) as usize);
        let begin = self.tick(self.next);
        self.next += count;
        if !(read as u64).is_multiple_of(self.blocks.bytes) {
            // The rest of the last block may be written later.
            self.stream.seek(SeekFrom::Start(self.next * self.blocks.bytes))?;
        }
        Ok(Some(packet(begin, count * self.blocks.frames, bytes)))
    }

    fn seek(&mut self, to: Timestamp) -> Result<Timestamp> {
        let wanted = u64::try_from(to.get()).unwrap_or(0);
        if wanted > self.frames() {
            // A seek beyond the end shows whether the file has grown.
            self.stream.seek(SeekFrom::Start(self.stream.byte_len().unwrap_or(0) + 1))?;
        }
        if wanted > self.frames() {
            return seek_error(SeekErrorKind::OutOfRange);
        }
        self.next = wanted / self.blocks.frames;
        self.stream.seek(SeekFrom::Start(self.next * self.blocks.bytes))?;
        Ok(self.tick(self.next))
    }

    fn into_stream(self) -> MediaSourceStream<'static> {
        self.stream
    }
}

/// Reads until `bytes` is full, or there is no more.
fn read_full(stream: &mut impl Read, bytes: &mut [u8]) -> Result<usize> {
    let mut read = 0;
    while read < bytes.len() {
        match stream.read(&mut bytes[read..]) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(cause) => return Err(Error::IoError(cause)),
        }
    }
    Ok(read)
}
