//! Reads the packets of a track.

use std::io;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::errors::{Result, SeekErrorKind, seek_error};
use symphonia::core::formats::well_known::FORMAT_ID_ISOMP4;
use symphonia::core::formats::{FormatInfo, Track as Description};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, TimeBase, Timestamp};

use super::Track;
use super::table::Seen;
use crate::codec::file::one_track::{Packets, packet};
use crate::codec::file::source::Media;

/// What is read at a time.
const WINDOW: usize = 32 * 1024;

/// Why there is nothing to play.
const POINTLESS: &str = "its index points to no sound in it: it is damaged, or its beginning is all there is";

/// Why it breaks off.
const EARLY: &str =
    "the file ends before the sound that its index tells of: its download or copy was not finished";

/// The packets of a track, one after the other.
pub(in crate::codec::file) struct TrackPackets {
    media: Media,
    track: Track,
    window: Vec<u8>,
    window_at: u64,
}

impl TrackPackets {
    pub(in crate::codec::file) fn new(media: Media, track: Track) -> TrackPackets {
        TrackPackets { media, track, window: Vec::new(), window_at: 0 }
    }

    /// `size` bytes at `at`, or as many as there are.
    fn bytes(&mut self, at: u64, size: usize) -> Result<Vec<u8>> {
        let end = self.window_at + self.window.len() as u64;
        if at < self.window_at || at + size as u64 > end {
            (self.window, self.window_at) = (self.media.up_to(at, size.max(WINDOW))?, at);
        }
        let from = (at - self.window_at) as usize;
        Ok(self.window.iter().skip(from).take(size).copied().collect())
    }

    fn tick(&self, unit: u64) -> Timestamp {
        let tick = unit.saturating_mul(self.track.clock.unit);
        Timestamp::new(i64::try_from(tick).unwrap_or(i64::MAX))
    }
}

impl Packets for TrackPackets {
    const INFO: FormatInfo =
        FormatInfo { format: FORMAT_ID_ISOMP4, short_name: "isomp4", long_name: "MP4, M4A or MOV" };

    fn describe(&self, track: &mut Description) {
        let clock = &self.track.clock;
        track.with_codec_params(CodecParameters::Audio(self.track.params.clone()));
        track.with_duration(Duration::new(clock.total));
        if let Some(base) = TimeBase::try_from_recip(clock.rate) {
            track.with_time_base(base);
        }
    }

    fn next(&mut self) -> Result<Option<Packet>> {
        let Some(piece) = self.track.table.next(&mut self.media)? else {
            return match self.track.table.seen() {
                Seen::Nothing => Err(io::Error::other(POINTLESS).into()),
                Seen::Sound => Ok(None),
                Seen::Beyond => Err(io::Error::other(EARLY).into()),
            };
        };
        let size = (piece.bytes.end - piece.bytes.start) as usize;
        let bytes = self.bytes(piece.bytes.start, size)?;
        let ticks = piece.count.saturating_mul(self.track.clock.unit);
        Ok(Some(packet(self.tick(piece.unit), ticks, bytes)))
    }

    fn seek(&mut self, to: Timestamp) -> Result<Timestamp> {
        let wanted = u64::try_from(to.get()).unwrap_or(0);
        let unit = wanted / self.track.clock.unit;
        if unit > self.track.table.count() {
            return seek_error(SeekErrorKind::OutOfRange);
        }
        self.track.table.seek(&mut self.media, unit)?;
        Ok(self.tick(unit))
    }

    fn into_stream(self) -> MediaSourceStream<'static> {
        MediaSourceStream::new(Box::new(self.media), MediaSourceStreamOptions::default())
    }
}
