//! Runs the encoder of an output. It turns PCM into packets with titles, and opens a new encoder after a
//! failure.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::vec::Drain;

use log::Level;

use super::counters::EncoderCounters;
use super::handover::{faded_in, faded_out, silence_before};
use super::job::{Job, Mark, OutputId};
use crate::audio::{PcmBlock, PcmSpec};
use crate::codec::{Encoder, EncoderSettings};
use crate::error::{Error, Result};
use crate::event::{Emitter, Event};
use crate::metadata::Title;
use crate::packet::{Packet, TitledPacket};
use crate::units::{FrameCount, FramePos};

/// The time from a failure until the encoder is opened again.
const REBUILD_AFTER: Duration = Duration::from_secs(1);

/// Puts the packets of an output into its mount's handoff, all of a job at once. It must return at once.
/// Dropping it ends the mount.
pub(crate) type Sink = Box<dyn FnMut(Drain<'_, LinePacket>) + Send>;

/// A packet as it leaves an encoder, with its place on the sample clock. A decoder that puts it there has
/// each sound of the programme later by the encoder's delay.
#[derive(Clone, Debug)]
pub(crate) struct LinePacket {
    pub titled: TitledPacket,
    /// Where it begins: where its encoder began, and the frames of all packets before it.
    pub at: FramePos,
    /// From where on its title is in force, the encoder's delay added.
    pub title_at: FramePos,
}

/// What stays the same when an output's encoder fails and is opened again.
pub(crate) struct OutputSetup {
    pub id: OutputId,
    pub mount: String,
    /// The settings that open its encoder.
    pub settings: Arc<dyn EncoderSettings>,
    pub spec: PcmSpec,
    pub emitter: Emitter,
}

/// The encoder of an output, with its sink and its titles. Only the worker that has the output uses it.
pub(crate) struct Line {
    output: OutputSetup,
    encoder: EncoderState,
    /// `None` after the output was finished.
    sink: Option<Sink>,
    /// The title of the next packet, and the title changes that come after it.
    title: Arc<Title>,
    title_at: FramePos,
    marks: VecDeque<Mark>,
    /// The packets of the encoder, and those that have their titles. Both buffers are reused for each job.
    packets: Vec<Packet>,
    ready: Vec<LinePacket>,
    failed: Arc<AtomicBool>,
    counters: Arc<EncoderCounters>,
}

enum EncoderState {
    Running(Running),
    /// The next block is the last of the first encoder. The second one follows.
    Leaving(Running, Running),
    /// It begins as soon as its stream fits to what was sent of the PCM: all before this position.
    Entering(Running, FramePos),
    /// The encoder has failed. It is opened again at this position.
    Failed {
        until: FramePos,
    },
    /// The output is finished, and its encoder is closed. What comes later is left out.
    Finished,
}

impl EncoderState {
    /// Takes it out, to put back what becomes of it. If nothing is put back, it has failed.
    fn take(&mut self) -> EncoderState {
        std::mem::replace(self, EncoderState::Failed { until: FramePos(0) })
    }
}

/// An encoder on the air.
pub(crate) struct Running {
    encoder: Box<dyn Encoder>,
    delay: FrameCount,
    header: Option<Arc<[u8]>>,
    /// The position of its first input frame.
    start: Option<FramePos>,
    /// Frames that went in, and frames that came out in packets.
    fed: u64,
    produced: u64,
    /// Whether it replaces a failed encoder and none of its packets has been sent yet.
    unproven: bool,
}

impl Running {
    /// An encoder that has had no input yet.
    pub fn new(encoder: Box<dyn Encoder>) -> Running {
        Running {
            delay: encoder.delay(),
            header: encoder.header().map(Into::into),
            encoder,
            start: None,
            fed: 0,
            produced: 0,
            unproven: false,
        }
    }
}

impl Line {
    pub fn new(
        output: OutputSetup,
        running: Running,
        sink: Sink,
        failed: Arc<AtomicBool>,
        counters: Arc<EncoderCounters>,
    ) -> Line {
        Line {
            output,
            encoder: EncoderState::Running(running),
            sink: Some(sink),
            title: Arc::default(),
            title_at: FramePos(0),
            marks: VecDeque::new(),
            packets: Vec::new(),
            ready: Vec::new(),
            failed,
            counters,
        }
    }

    /// The emitter of the pipeline.
    pub fn emitter(&self) -> &Emitter {
        &self.output.emitter
    }

    /// Adds the title changes that are for this output.
    pub fn add_marks(&mut self, marks: &[Mark]) {
        let mine = |mark: &&Mark| mark.output.is_none_or(|output| output == self.output.id);
        self.marks.extend(marks.iter().filter(mine).cloned());
    }

    /// Encodes a job, and sends all its packets at once.
    pub fn encode(&mut self, job: &Job) {
        self.add_marks(&job.marks);
        for block in &job.blocks {
            if let Err(error) = self.encode_block(block) {
                self.fail(block, &error);
            }
        }
        self.send();
    }

    fn encode_block(&mut self, block: &PcmBlock) -> Result<()> {
        let (spec, position) = (self.output.spec, block.position);
        self.encoder = match self.encoder.take() {
            EncoderState::Finished => EncoderState::Finished,
            EncoderState::Failed { until } if position < until => EncoderState::Failed { until },
            EncoderState::Failed { .. } => {
                let running = guarded(|| Ok(Running::new(self.output.settings.open(spec)?)))?;
                let running = Running { unproven: true, ..running };
                EncoderState::Running(self.encode_by(running, position, &faded_in(block, spec))?)
            }
            EncoderState::Running(running) => {
                EncoderState::Running(self.encode_by(running, position, &block.samples)?)
            }
            EncoderState::Leaving(last, next) => {
                let last = self.encode_by(last, position, &faded_out(block, spec))?;
                EncoderState::Entering(next, self.flush(last))
            }
            EncoderState::Entering(next, ended) => match silence_before(position, ended, next.delay) {
                None => EncoderState::Entering(next, ended),
                Some(silence) => {
                    let mut samples = vec![0.0; silence.0 as usize * spec.channels.count()];
                    samples.extend(faded_in(block, spec));
                    let begins = FramePos(position.0 - silence.0);
                    EncoderState::Running(self.encode_by(next, begins, &samples)?)
                }
            },
        };
        Ok(())
    }

    /// Encodes these samples, which begin at this position. Returns the encoder unless it fails.
    fn encode_by(&mut self, mut running: Running, position: FramePos, samples: &[f32]) -> Result<Running> {
        // If jobs were dropped, the position jumps but `fed` does not. So `start` is set again each time.
        running.start = Some(FramePos(position.0 - running.fed.min(position.0)));
        running.fed += (samples.len() / self.output.spec.channels.count()) as u64;
        guarded(|| running.encoder.encode(samples, &mut self.packets))?;
        self.title_packets(&mut running);
        Ok(running)
    }

    /// Replaces the encoder. The old one fades out over the next block, and is flushed.
    pub fn replace(&mut self, settings: Arc<dyn EncoderSettings>, running: Running) {
        self.output.settings = settings;
        let next = Running { unproven: self.failed.load(Ordering::Relaxed), ..running };
        self.encoder = match self.encoder.take() {
            EncoderState::Running(last) | EncoderState::Leaving(last, _) => EncoderState::Leaving(last, next),
            EncoderState::Entering(_, ended) => EncoderState::Entering(next, ended),
            EncoderState::Failed { .. } => EncoderState::Entering(next, FramePos(0)),
            EncoderState::Finished => EncoderState::Finished,
        };
    }

    /// Flushes and closes the encoder, and drops the sink, which ends the mount.
    pub fn finish(&mut self) {
        if let EncoderState::Running(last) | EncoderState::Leaving(last, _) = self.encoder.take() {
            self.flush(last);
        }
        self.encoder = EncoderState::Finished;
        self.sink = None;
    }

    /// Sends what is still inside an encoder that is not used any more. Returns the position of the first
    /// frame of PCM that its packets do not have.
    fn flush(&mut self, mut last: Running) -> FramePos {
        match guarded(|| last.encoder.flush(&mut self.packets)) {
            Ok(()) => {
                self.title_packets(&mut last);
                self.send();
            }
            Err(error) => {
                let text = format!("{}: the encoder's last packets are lost: {error}", self.output.mount);
                self.output.emitter.log(Level::Warn, text);
            }
        }
        let start = last.start.map_or(0, |start| start.0);
        FramePos((start + last.produced).saturating_sub(last.delay.0))
    }

    /// Gives each new packet of an encoder the title that is in force at its end.
    fn title_packets(&mut self, running: &mut Running) {
        let start = running.start.map_or(0, |start| start.0);
        for packet in self.packets.drain(..) {
            let at = FramePos(start + running.produced);
            running.produced += u64::from(packet.frames);
            let sounded = if packet.frames == 0 { running.fed } else { running.produced };
            // A title belongs to the packet that holds its sample, plus the encoder's delay.
            while self.marks.front().is_some_and(|mark| mark.at.0 + running.delay.0 < start + sounded) {
                let mark = self.marks.pop_front().expect("there is a first");
                (self.title, self.title_at) = (mark.title, mark.at + running.delay);
            }
            let header = running.header.clone();
            let titled = TitledPacket { packet, title: self.title.clone(), header };
            self.ready.push(LinePacket { titled, at, title_at: self.title_at });
        }
    }

    /// Sends all packets of a job at once, so that the reactor wakes once for each job.
    fn send(&mut self) {
        match &mut self.sink {
            Some(sink) if !self.ready.is_empty() => sink(self.ready.drain(..)),
            _ => return self.ready.clear(),
        }
        self.note_recovery();
    }

    /// Tells that the encoder works again. Only called after its packets have been sent, so that whoever
    /// hears of it finds them.
    fn note_recovery(&mut self) {
        match &mut self.encoder {
            EncoderState::Running(running) if running.unproven => running.unproven = false,
            _ => return,
        }
        self.failed.store(false, Ordering::Relaxed);
        self.output.emitter.emit(Event::EncoderRecovered { mount: self.output.mount.clone() });
    }

    fn fail(&mut self, block: &PcmBlock, error: &Error) {
        self.packets.clear();
        self.counters.failures.add(1);
        self.encoder =
            EncoderState::Failed { until: block.position + self.output.spec.rate.frames_in(REBUILD_AFTER) };
        if !self.failed.swap(true, Ordering::Relaxed) {
            self.output
                .emitter
                .emit(Event::EncoderFailed { mount: self.output.mount.clone(), reason: error.to_string() });
        }
    }
}

/// An application's encoder may panic. That counts as its failure, and the worker goes on.
fn guarded<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err(Error::Encoder("it panicked".into())))
}
