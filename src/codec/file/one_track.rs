//! What symphonia asks of every reader, for the formats that are read here: one track, and no tags.

use symphonia::core::errors::{Error, Result, SeekErrorKind, seek_error};
use symphonia::core::formats::{FormatInfo, FormatReader, MediaInfo, SeekMode, SeekTo, SeekedTo, Track};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::{Metadata, MetadataLog};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

/// The number of the track.
const ID: u32 = 0;

/// The packets of a track.
pub(super) trait Packets: Send + Sync {
    const INFO: FormatInfo;

    /// Describes the packets from here on.
    fn describe(&self, track: &mut Track);

    /// The next packet. `ResetRequired` if the description has changed since the last one.
    fn next(&mut self) -> Result<Option<Packet>>;

    /// Goes to the packet that has a tick in it, and returns the packet's first tick.
    fn seek(&mut self, to: Timestamp) -> Result<Timestamp>;

    /// The source, which is not read any more.
    fn into_stream(self) -> MediaSourceStream<'static>;
}

/// A reader of these packets.
pub(super) struct OneTrack<P> {
    packets: P,
    tracks: [Track; 1],
    info: MediaInfo,
    tags: MetadataLog,
}

impl<P: Packets> OneTrack<P> {
    pub(super) fn new(packets: P) -> OneTrack<P> {
        let mut track = Track::new(ID);
        packets.describe(&mut track);
        let info = MediaInfo::from_track(&track);
        OneTrack { packets, tracks: [track], info, tags: MetadataLog::default() }
    }
}

/// A packet of the track.
pub(super) fn packet(begin: Timestamp, ticks: u64, bytes: Vec<u8>) -> Packet {
    Packet::new(ID, begin, Duration::new(ticks), bytes)
}

impl<P: Packets> FormatReader for OneTrack<P> {
    fn format_info(&self) -> &FormatInfo {
        &P::INFO
    }

    fn media_info(&self) -> &MediaInfo {
        &self.info
    }

    fn metadata(&mut self) -> Metadata<'_> {
        self.tags.metadata()
    }

    fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    fn next_packet(&mut self) -> Result<Option<Packet>> {
        let next = self.packets.next();
        if matches!(next, Err(Error::ResetRequired)) {
            self.packets.describe(&mut self.tracks[0]);
        }
        next
    }

    fn seek(&mut self, _: SeekMode, to: SeekTo) -> Result<SeekedTo> {
        let SeekTo::Timestamp { ts, .. } = to else { return seek_error(SeekErrorKind::Unseekable) };
        let actual_ts = self.packets.seek(ts)?;
        Ok(SeekedTo { track_id: ID, required_ts: ts, actual_ts })
    }

    fn into_inner<'s>(self: Box<Self>) -> MediaSourceStream<'s>
    where
        Self: 's,
    {
        self.packets.into_stream()
    }
}
