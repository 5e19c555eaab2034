//! Reads the sound of WAV and AIFF files for symphonia: blocks of one size, and nothing else. symphonia's own
//! readers know sizes of 32 bits only, and cannot seek in ADPCM.

use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::codecs::CodecParameters;
use symphonia::core::errors::{Error, Result, SeekErrorKind, seek_error};
use symphonia::core::formats::well_known::FORMAT_ID_WAVE;
use symphonia::core::formats::{FormatInfo, FormatReader, MediaInfo, SeekMode, SeekTo, SeekedTo, Track};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::{Metadata, MetadataLog};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::sound::Blocks;
use super::source::Media;

const INFO: FormatInfo =
    FormatInfo { format: FORMAT_ID_WAVE, short_name: "blocks", long_name: "WAV or AIFF" };

/// Blocks from the first byte of a source to its last.
pub(super) struct BlockReader {
    stream: MediaSourceStream<'static>,
    blocks: Blocks,
    tracks: [Track; 1],
    info: MediaInfo,
    metadata: MetadataLog,
    /// The number of the next block.
    next: u64,
}

impl BlockReader {
    pub(super) fn new(media: Media, blocks: Blocks) -> BlockReader {
        let count = media.byte_len().unwrap_or(0) / blocks.bytes;
        let mut track = Track::new(0);
        track.with_codec_params(CodecParameters::Audio(blocks.params()));
        track.with_num_frames(count.saturating_mul(blocks.frames));
        BlockReader {
            stream: MediaSourceStream::new(Box::new(media), MediaSourceStreamOptions::default()),
            blocks,
            info: MediaInfo::from_track(&track),
            tracks: [track],
            metadata: MetadataLog::default(),
            next: 0,
        }
    }

    /// The tick at which a block begins.
    fn tick(&self, block: u64) -> u64 {
        block.saturating_mul(self.blocks.frames)
    }
}

impl FormatReader for BlockReader {
    fn format_info(&self) -> &FormatInfo {
        &INFO
    }

    fn media_info(&self) -> &MediaInfo {
        &self.info
    }

    fn metadata(&mut self) -> Metadata<'_> {
        self.metadata.metadata()
    }

    fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    fn next_packet(&mut self) -> Result<Option<Packet>> {
        let mut bytes = vec![0; (self.blocks.per_packet() * self.blocks.bytes) as usize];
        let read = read_full(&mut self.stream, &mut bytes)?;
        let count = read as u64 / self.blocks.bytes;
        if count == 0 {
            return Ok(None);
        }
        bytes.truncate((count * self.blocks.bytes) as usize);
        let begin = Timestamp::new(i64::try_from(self.tick(self.next)).unwrap_or(i64::MAX));
        self.next += count;
        Ok(Some(Packet::new(0, begin, Duration::new(self.tick(count)), bytes)))
    }

    fn seek(&mut self, _: SeekMode, to: SeekTo) -> Result<SeekedTo> {
        let SeekTo::Timestamp { ts, .. } = to else { return seek_error(SeekErrorKind::Unseekable) };
        let total = self.tracks[0].num_frames.unwrap_or(0);
        let wanted = u64::try_from(ts.get()).unwrap_or(0);
        if wanted > total {
            return seek_error(SeekErrorKind::OutOfRange);
        }
        self.next = wanted / self.blocks.frames;
        self.stream.seek(SeekFrom::Start(self.next * self.blocks.bytes))?;
        let actual_ts = Timestamp::new(i64::try_from(self.tick(self.next)).unwrap_or(i64::MAX));
        Ok(SeekedTo { track_id: 0, required_ts: ts, actual_ts })
    }

    fn into_inner<'s>(self: Box<Self>) -> MediaSourceStream<'s>
    where
        Self: 's,
    {
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
