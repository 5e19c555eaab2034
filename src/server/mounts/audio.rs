//! Encoded audio of an application on a mount, as bytes that may be cut anywhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::info::MountInfo;
use super::writer::MountWriter;
use crate::codec::{PacketReader, tags_of_header};
use crate::error::{Error, Result};
#[cfg(doc)]
use crate::event::Event;
use crate::metadata::{Title, format_title};
use crate::packet::TitledPacket;
use crate::units::{FrameCount, SampleRate};

/// Feeds a mount with encoded audio as it comes, from any one thread. MP3, ADTS and Ogg are cut into packets,
/// so that listeners join where a packet starts. Of any other content type, each write is a packet. Dropping
/// it ends the mount in order.
///
/// ```no_run
/// # fn example(server: &longwave::Server, encoded: &[u8]) -> longwave::Result<()> {
/// use longwave::MountSettings;
///
/// let (path, content_type) = ("/live.mp3".into(), "audio/mpeg".into());
/// let mount = MountSettings { path, content_type, ..MountSettings::default() };
/// let mut audio = server.add_mount(mount)?.into_audio();
/// let taken = audio.write_audio(encoded)?;
/// // What was not taken is offered again a little later: `&encoded[taken..]`.
/// # let _ = taken;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AudioWriter {
    writer: MountWriter,
    reader: PacketReader,
    /// What the reader counts frames at.
    rate: SampleRate,
    title: Arc<Title>,
    /// New listeners get this first, if the reader finds no header itself.
    header: Option<Arc<[u8]>>,
    /// A whole packet for which there was no room.
    waiting: Option<TitledPacket>,
    pace: Pace,
    /// Packets that were found in the bytes.
    packets: u64,
}

/// How fast audio is taken.
#[derive(Debug)]
enum Pace {
    /// As fast as it sounds.
    Clock(Lead),
    /// As fast as it comes: a sender has a clock of its own, and its audio must not pile up if that is fast.
    /// The titles in its Ogg headers count; these are the last ones.
    Sender { header: Option<Arc<[u8]>> },
}

/// Audio may be this far ahead of the clock: as far as an encoder may hurry, and as long as the server may be
/// away.
const MOST_AHEAD: Duration = Duration::from_secs(10);

/// So many bytes without a packet are no damage, but another format: no packet is longer, and what lies between
/// two is much less.
const UNREADABLE: u64 = 64 * 1024;

/// How far the written audio is ahead of the clock.
#[derive(Debug, Default)]
struct Lead {
    /// How much was written since the writer was late last, and when that was.
    written: Duration,
    since: Option<Instant>,
}

impl Lead {
    fn is_full(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_duration_since(since);
        if passed > self.written {
            // Late: what was missed is not made up for.
            *self = Lead { written: Duration::ZERO, since: Some(now) };
            return false;
        }
        self.written - passed >= MOST_AHEAD
    }

    fn add(&mut self, time: Duration) {
        self.written += time;
    }
}

impl Pace {
    fn is_full(&mut self, now: Instant) -> bool {
        match self {
            Pace::Clock(lead) => lead.is_full(now),
            Pace::Sender { .. } => false,
        }
    }

    fn add(&mut self, time: Duration) {
        if let Pace::Clock(lead) = self {
            lead.add(time);
        }
    }
}

impl MountWriter {
    /// Feeds the mount with bytes instead of packets.
    pub fn into_audio(self) -> AudioWriter {
        let settings = self.info().settings;
        // HE-AAC's headers name half of its rate, and some mounts name no rate. So both sides count frames at
        // this one.
        let rate = settings.packet_rate();
        AudioWriter {
            reader: PacketReader::for_content_type(&settings.content_type).at_rate(rate),
            writer: self,
            rate,
            title: Arc::default(),
            header: None,
            waiting: None,
            pace: Pace::Clock(Lead::default()),
            packets: 0,
        }
    }
}

impl AudioWriter {
    /// Takes bytes until the audio is ten seconds ahead of the clock, and returns how many. It never waits
    /// and never drops: offer the rest again a little later. So a whole file may be offered, and is sent as
    /// fast as it sounds. If the content type is not parsed, its time is not known: pace it yourself.
    ///
    /// Bytes that belong to no packet of the content type are left out, and counted
    /// ([`MountInfo::garbage_bytes`]). After 64 KiB without a packet (FLAC, say, for `audio/mpeg`) the mount's
    /// state says so ([`MountInfo::unreadable`]), the server's health, and [`Event::AudioUnreadable`].
    ///
    /// # Errors
    /// [`Error::Stopped`] once the mount was removed or its server has stopped.
    pub fn write_audio(&mut self, bytes: &[u8]) -> Result<usize> {
        let taken = self.take(bytes);
        self.writer.send_recorded();
        taken
    }

    fn take(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut rest = bytes;
        let now = Instant::now();
        loop {
            if !self.writer.is_on_air() {
                return Err(Error::Stopped("mount"));
            }
            if let Some(packet) = self.waiting.take() {
                let frames = FrameCount(u64::from(packet.packet.frames));
                let refused =
                    if self.pace.is_full(now) { Some(packet) } else { self.writer.try_push(packet).err() };
                if refused.is_some() {
                    self.waiting = refused;
                    return Ok(bytes.len() - rest.len());
                }
                self.pace.add(self.rate.duration_of(frames));
            }
            let parsed = self.reader.next_packet(&mut rest);
            self.watch_garbage(parsed.is_some());
            let Some(parsed) = parsed else { return Ok(bytes.len()) };
            self.packets += 1;
            self.note_header(parsed.header.as_ref());
            self.waiting = Some(TitledPacket {
                packet: parsed.packet,
                title: self.title.clone(),
                header: parsed.header.or_else(|| self.header.clone()),
            });
        }
    }

    fn watch_garbage(&self, packet_found: bool) {
        self.writer.count_garbage(self.reader.garbage_bytes());
        let unreadable = self.writer.is_unreadable();
        if packet_found && unreadable {
            self.writer.tell_unreadable(None);
        } else if !unreadable && self.reader.garbage_run() >= UNREADABLE {
            let content_type = &self.writer.info().settings.content_type;
            let likeness = self.reader.garbage_looks_like();
            let likeness = likeness.map(|format| format!(" (it looks like {format})")).unwrap_or_default();
            self.writer.tell_unreadable(Some(format!("gets what is not {content_type}{likeness}")));
        }
    }

    /// The title in the headers of an Ogg stream of a sender holds from here on, if they are new ones.
    fn note_header(&mut self, header: Option<&Arc<[u8]>>) {
        let Pace::Sender { header: known } = &mut self.pace else { return };
        if header.is_none() || header == known.as_ref() {
            return;
        }
        *known = header.cloned();
        let tags = header.map(|pages| tags_of_header(pages)).unwrap_or_default();
        if tags.artist.is_some() || tags.title.is_some() {
            self.title = Arc::new(Title::new(format_title(None, &tags, None, "")));
        }
    }

    /// Takes what a sender with a clock of its own sends, as it comes.
    pub(crate) fn at_pace_of_sender(self) -> AudioWriter {
        AudioWriter { pace: Pace::Sender { header: None }, ..self }
    }

    /// How many packets were found in the bytes.
    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// Sets the title of the audio that is written from now on.
    pub fn update_metadata(&mut self, title: Title) {
        self.title = Arc::new(title.in_one_line());
    }

    /// Sets what new listeners get before any audio, for content types that are not parsed.
    pub fn set_header(&mut self, header: &[u8]) {
        self.header = Some(header.into());
    }

    /// Bytes that belonged to no packet and were left out.
    pub fn garbage_bytes(&self) -> u64 {
        self.reader.garbage_bytes()
    }

    /// The mount's state and counts.
    pub fn info(&self) -> MountInfo {
        self.writer.info()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lead_is_ten_seconds_at_most_and_lost_time_is_not_made_up_for() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut lead = Lead::default();
        // One second at a time, as often as it may.
        let mut write = |now: Instant| {
            let mut seconds = 0;
            while !lead.is_full(now) {
                lead.add(Duration::from_secs(1));
                seconds += 1;
            }
            seconds
        };
        assert_eq!(write(at(0)), 10);
        assert_eq!(write(at(0)), 0);
        assert_eq!(write(at(3)), 3);
        assert_eq!(write(at(100)), 10, "the 87 seconds are lost");
        assert_eq!(write(at(105)), 5);
    }
}
