//! An application's own encoded audio on a mount: bytes cut anywhere.

use std::sync::Arc;

use super::{MountInfo, MountWriter};
use crate::codec::PacketReader;
use crate::error::{Error, Result};
use crate::metadata::Title;
use crate::packet::TitledPacket;

/// Feeds a mount with encoded audio as it comes, from any one thread. MP3, ADTS and Ogg are cut into
/// packets here, so that listeners join where one starts; anything else is taken write by write.
/// Dropping it ends the mount in order.
///
/// ```no_run
/// # fn example(server: &longwave::Server, encoded: &[u8]) -> longwave::Result<()> {
/// use longwave::MountSettings;
/// let mount = MountSettings { path: "/live.mp3".into(), content_type: "audio/mpeg".into(), ..Default::default() };
/// let mut audio = server.add_mount(mount)?.into_audio();
/// let taken = audio.write_audio(encoded)?;
/// // What was not taken is offered again a little later.
/// # let _ = taken;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AudioWriter {
    writer: MountWriter,
    reader: PacketReader,
    title: Arc<Title>,
    /// What joiners get first where the reader finds no header itself.
    header: Option<Arc<[u8]>>,
    /// A whole packet for which there was no room.
    waiting: Option<TitledPacket>,
}

impl MountWriter {
    /// To feed the mount with bytes instead of packets.
    pub fn into_audio(self) -> AudioWriter {
        let reader = PacketReader::for_content_type(&self.info().settings.content_type);
        AudioWriter { writer: self, reader, title: Arc::default(), header: None, waiting: None }
    }
}

impl AudioWriter {
    /// Takes bytes as far as there is room for them, and says how many. It never waits and never
    /// drops: offer the rest again when the listeners have moved on. Audio is to come in real time; about
    /// ten seconds of it may be ahead.
    ///
    /// # Errors
    /// [`Error::Stopped`] once the mount was removed or its server has stopped.
    pub fn write_audio(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut rest = bytes;
        loop {
            if !self.writer.is_on_air() {
                return Err(Error::Stopped("mount"));
            }
            if let Some(packet) = self.waiting.take()
                && let Err(packet) = self.writer.try_push(packet)
            {
                self.waiting = Some(packet);
                return Ok(bytes.len() - rest.len());
            }
            let Some(parsed) = self.reader.next_packet(&mut rest) else { return Ok(bytes.len()) };
            self.waiting = Some(TitledPacket {
                packet: parsed.packet,
                title: self.title.clone(),
                header: parsed.header.or_else(|| self.header.clone()),
            });
        }
    }

    /// The title of the audio that is written from now on.
    pub fn update_metadata(&mut self, title: Title) {
        self.title = Arc::new(title);
    }

    /// What whoever joins from now on gets before any audio, for content types that are not parsed.
    pub fn set_header(&mut self, header: &[u8]) {
        self.header = Some(header.into());
    }

    /// Bytes that belonged to no packet and were passed over.
    pub fn garbage_bytes(&self) -> u64 {
        self.reader.garbage_bytes()
    }

    /// The mount's state and counts.
    pub fn info(&self) -> MountInfo {
        self.writer.info()
    }
}
