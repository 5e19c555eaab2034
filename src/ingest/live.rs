//! The sink of a source at a live input: it decodes what comes, and writes it into the buffer of the live
//! input. It never makes the mixer wait, nor its source: a buffer that is full takes the rest later.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::seams::Seams;
use super::session::Sink;
use super::source::{LiveFormat, LiveSourceState};
use crate::audio::PcmSpec;
use crate::codec::live::{LiveDecoder, Sent};
use crate::codec::{Parsed, Shape, SteeredReshape};
use crate::error::LeaveReason;
use crate::metadata::Title;
use crate::ring::{LiveLine, LiveWriter, RecordTap};
use crate::units::FrameCount;

/// The most sound that is on its way to a buffer that is full. A few bytes may stand for minutes of it.
const MOST_AHEAD: Duration = Duration::from_secs(30);

/// Decodes a source's stream into a buffer.
pub(crate) struct LiveSink {
    decoder: LiveDecoder,
    intake: Intake,
    view: LiveView,
}

/// What is known of a source's line and of its stream, for whoever asks. It outlives both.
#[derive(Clone, Debug)]
pub(crate) struct LiveView {
    spec: PcmSpec,
    line: Arc<LiveLine>,
    stream: Arc<Stream>,
}

#[derive(Debug, Default)]
struct Stream {
    skipped_bytes: AtomicU64,
    bad_packets: AtomicU64,
    format: Mutex<Option<LiveFormat>>,
}

impl LiveSink {
    /// A sink for a stream that says it has this content type, and for a buffer in this shape.
    /// What comes is recorded by way of the tap, as it is.
    pub fn new(content_type: &str, spec: PcmSpec, writer: LiveWriter, tap: RecordTap) -> LiveSink {
        let view = LiveView { spec, line: writer.line().clone(), stream: Arc::default() };
        let intake = Intake { spec, writer, way: None, pcm: Vec::new(), written: 0, tap };
        LiveSink { decoder: LiveDecoder::new(content_type), intake, view }
    }

    /// What is known of it.
    pub fn view(&self) -> LiveView {
        self.view.clone()
    }

    fn note(&self) {
        let stream = &self.view.stream;
        stream.skipped_bytes.store(self.decoder.skipped_bytes(), Ordering::Relaxed);
        stream.bad_packets.store(self.decoder.bad_packets(), Ordering::Relaxed);
        let shape = self.intake.way.as_ref().map(|way| &way.shape);
        let format = shape.zip(self.decoder.coding());
        *stream.format.lock().unwrap_or_else(PoisonError::into_inner) = format
            .map(|(shape, name)| LiveFormat { name, rate: shape.rate.hz(), channels: shape.speakers.len() });
    }
}

impl Sink for LiveSink {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, LeaveReason> {
        if let Some(reason) = self.ended() {
            return Err(reason);
        }
        if !self.intake.flush() {
            return Ok(0);
        }
        self.view.line.receive(bytes.len());
        self.decoder.push(bytes, &mut |sent| self.intake.take(sent));
        self.intake.tap.send(SystemTime::now());
        self.intake.flush();
        self.note();
        Ok(bytes.len())
    }

    fn packets(&self) -> u64 {
        self.view.line.written().0
    }

    fn update_metadata(&mut self, title: Title) {
        self.intake.entitle(title);
    }

    fn ended(&self) -> Option<LeaveReason> {
        self.view.line.ended()
    }

    /// As the pipeline's clock has it.
    fn quiet(&self) -> Option<Duration> {
        Some(self.view.spec.rate.duration_of(self.view.line.quiet()))
    }

    /// The mixer waits for it, and tells when its session is over.
    fn leave(&mut self, reason: LeaveReason) -> bool {
        self.view.line.end(reason);
        true
    }

    fn live(&self) -> Option<LiveSourceState> {
        Some(self.view.state())
    }
}

impl LiveView {
    /// Why the line has ended, once it has.
    pub fn ended(&self) -> Option<LeaveReason> {
        self.line.ended()
    }

    /// How it is now.
    pub fn state(&self) -> LiveSourceState {
        let (drops, gaps) = self.line.drops_and_gaps();
        LiveSourceState {
            format: *self.stream.format.lock().unwrap_or_else(PoisonError::into_inner),
            skipped_bytes: self.stream.skipped_bytes.load(Ordering::Relaxed),
            bad_packets: self.stream.bad_packets.load(Ordering::Relaxed),
            buffered: self.spec.rate.duration_of(self.line.level()),
            drift_ppm: self.line.drift_ppm(),
            drops,
            gaps,
        }
    }
}

/// The way from a decoder to the buffer.
struct Intake {
    spec: PcmSpec,
    writer: LiveWriter,
    /// `None` until the first sound has come.
    way: Option<Way>,
    /// What is on its way to the buffer, and how many samples of it are there.
    pcm: Vec<f32>,
    written: usize,
    tap: RecordTap,
}

/// The way of sound in one shape.
struct Way {
    shape: Shape,
    seams: Seams,
    reshape: SteeredReshape,
}

impl Intake {
    fn take(&mut self, sent: Sent<'_>) {
        match sent {
            Sent::Title(title) => self.entitle(Title::from_outside(title)),
            Sent::Packet(Parsed { packet, header }) => self.tap.take(packet, header.as_ref()),
            Sent::Seam => self.close_seam(),
            Sent::Pcm(shape, pcm) => {
                if self.ahead() > self.spec.rate.frames_in(MOST_AHEAD) {
                    self.close_seam();
                    return self.writer.line().count_drop();
                }
                if self.way.as_ref().is_none_or(|way| way.shape != *shape) {
                    self.change_shape(shape);
                }
                let Some(Way { seams, reshape, .. }) = &mut self.way else { return };
                reshape.push(seams.take(pcm), self.writer.line().correction(), &mut self.pcm);
                seams.taken();
            }
        }
    }

    /// What has come so far ends here, softly.
    fn close_seam(&mut self) {
        let Some(Way { seams, reshape, .. }) = &mut self.way else { return };
        reshape.push(seams.close(), self.writer.line().correction(), &mut self.pcm);
        seams.taken();
    }

    /// What comes from here on has another shape.
    fn change_shape(&mut self, shape: &Shape) {
        self.close_seam();
        if let Some(way) = &mut self.way {
            way.reshape.finish(&mut self.pcm);
        }
        let seams = Seams::new(shape.rate, shape.speakers.len(), self.way.is_none());
        let reshape = SteeredReshape::new(shape, self.spec);
        self.way = Some(Way { shape: shape.clone(), seams, reshape });
    }

    /// A title for what comes from here on, behind what is still on its way.
    fn entitle(&mut self, title: Title) {
        self.flush();
        self.writer.line().entitle(self.ahead(), Arc::new(title));
    }

    /// How much is on its way.
    fn ahead(&self) -> FrameCount {
        FrameCount(((self.pcm.len() - self.written) / self.spec.channels.count()) as u64)
    }

    /// Writes what is on its way. False if the buffer has no room for all of it.
    fn flush(&mut self) -> bool {
        self.written += self.writer.write(&self.pcm[self.written..]);
        let all = self.written == self.pcm.len();
        if all {
            self.pcm.clear();
            self.written = 0;
        }
        all
    }
}
