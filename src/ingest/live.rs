//! The thread `src:PATH` of a source at a live input.
//!
//! Reads: the source's stream. Writes: its sound and its titles into the buffer of the live input. Never:
//! makes the mixer wait. It ends with the stream, or when the line has ended.

use std::io::{ErrorKind, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::audio::PcmSpec;
use crate::codec::live::{LiveDecoder, Sent};
use crate::codec::{Shape, SteeredReshape};
use crate::error::LeaveReason;
use crate::metadata::Title;
use crate::ring::LiveWriter;

/// What is read at once, at most.
const PIECE: usize = 8 << 10;

/// How long a stream is left alone that has nothing yet and does not wait by itself.
const NOTHING_YET: Duration = Duration::from_millis(20);

/// The name of a source's thread. (The system shows fifteen bytes.)
pub(crate) fn thread_name(path: &str) -> String {
    format!("src:{path}")
}

/// What is known of a source's stream. The application reads it.
#[derive(Debug, Default)]
pub(crate) struct StreamStats {
    skipped: AtomicU64,
    bad_packets: AtomicU64,
    format: Mutex<Option<LiveFormat>>,
}

/// The format of a source's stream, as it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveFormat {
    /// Its name: `MP3`, `AAC`, `Vorbis`, `Opus` or `FLAC`.
    pub name: &'static str,
    /// Frames per second.
    pub rate: u32,
    /// The number of channels.
    pub channels: usize,
}

impl StreamStats {
    /// How many bytes were neither packets nor tags.
    pub fn skipped_bytes(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// How many packets could not be decoded.
    pub fn bad_packets(&self) -> u64 {
        self.bad_packets.load(Ordering::Relaxed)
    }

    /// The format, once it is known.
    pub fn format(&self) -> Option<LiveFormat> {
        *self.format.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, decoder: &LiveDecoder) {
        self.skipped.store(decoder.skipped_bytes(), Ordering::Relaxed);
        self.bad_packets.store(decoder.bad_packets(), Ordering::Relaxed);
    }

    fn set_format(&self, format: Option<LiveFormat>) {
        *self.format.lock().unwrap_or_else(PoisonError::into_inner) = format;
    }
}

/// Decodes a stream into a buffer, until either ends.
pub(crate) fn run(
    mut stream: Box<dyn Read + Send>,
    content_type: &str,
    spec: PcmSpec,
    writer: LiveWriter,
    stats: &Arc<StreamStats>,
) {
    let mut decoder = LiveDecoder::new(content_type);
    let mut intake = Intake { spec, writer, shape: None, out: Vec::new() };
    let mut piece = vec![0; PIECE];
    while intake.writer.line().ended().is_none() {
        match stream.read(&mut piece) {
            Ok(0) => return intake.writer.line().end(LeaveReason::Left),
            Ok(count) => {
                intake.writer.line().receive(count);
                decoder.push(&piece[..count], &mut |sent| intake.take(sent));
                let format = intake.shape.as_ref().zip(decoder.coding());
                stats.set_format(format.map(|((shape, _), name)| LiveFormat {
                    name,
                    rate: shape.rate.hz(),
                    channels: shape.speakers.len(),
                }));
                stats.count(&decoder);
            }
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock | ErrorKind::TimedOut => thread::sleep(NOTHING_YET),
                _ => return intake.writer.line().end(LeaveReason::Broken),
            },
        }
    }
}

/// The way from a decoder to the buffer.
struct Intake {
    spec: PcmSpec,
    writer: LiveWriter,
    /// The shape of what comes, and its conversion.
    shape: Option<(Shape, SteeredReshape)>,
    out: Vec<f32>,
}

impl Intake {
    fn take(&mut self, sent: Sent<'_>) {
        match sent {
            Sent::Title(title) => self.writer.line().entitle(Arc::new(Title::from_outside(title))),
            Sent::Pcm(shape, pcm) => {
                if self.shape.as_ref().is_none_or(|(known, _)| known != shape) {
                    self.shape = Some((shape.clone(), SteeredReshape::new(shape, self.spec)));
                }
                let Some((_, reshape)) = &mut self.shape else { return };
                self.out.clear();
                reshape.push(pcm, self.writer.line().correction(), &mut self.out);
                self.writer.write(&self.out);
            }
        }
    }
}
