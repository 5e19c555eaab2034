//! The encoder worker pool: the threads `enc-0`, `enc-1`, …
//!
//! Reads: jobs of about 100 ms of PCM, one queue for each output. Writes: packets with their
//! titles, to each output's sink. Never: waits for a sink, or runs one encoder on two threads.
//!
//! An output is on the pool's list only while it has jobs, and on one worker at a time: whoever
//! turns `scheduled` from false to true puts it there, and the worker that finds its queue empty
//! turns it back.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, unbounded};
use crossbeam::queue::ArrayQueue;

use super::crew::Crew;
use crate::audio::{BLOCK_FRAMES, PcmBlock, PcmSpec};
use crate::codec::{Encoder, EncoderSettings};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::metadata::Title;
use crate::packet::{Packet, TitledPacket};
use crate::units::{FrameCount, FramePos};

/// How many blocks make a job at this rate: about 100 ms. Smaller jobs cost half as much CPU again.
pub(crate) fn job_blocks(spec: PcmSpec) -> usize {
    (spec.rate.hz() as usize / 10 / BLOCK_FRAMES).max(1)
}

/// Jobs that an output may be behind before the oldest is dropped: about ten seconds.
const QUEUE_JOBS: usize = 100;

/// How long an encoder that failed is left alone before it is built again.
const REBUILD_AFTER: Duration = Duration::from_secs(1);

/// Where an engine's events go. Must return at once.
pub(crate) type Emit = Arc<dyn Fn(Event) + Send + Sync>;

/// Where an output's packets go: into its mount's handoff. Must return at once; dropping it ends
/// the mount.
pub(crate) type Sink = Box<dyn FnMut(TitledPacket) + Send>;

/// An output of a pipeline, as long as it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OutputId(pub u32);

/// A title that takes effect at a sample.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub at: FramePos,
    pub title: Arc<Title>,
    /// The one output that it is for; `None`: all.
    pub output: Option<OutputId>,
}

/// What the mixer hands to every output at once.
pub(crate) struct Job {
    pub blocks: Vec<PcmBlock>,
    pub marks: Vec<Mark>,
}

enum Work {
    Encode(Arc<Job>),
    /// Go on with another encoder of the same type.
    Replace(Arc<dyn EncoderSettings>, Box<dyn Encoder>),
    /// Flush the encoder, drop the sink, tell who waits.
    Finish(Sender<()>),
}

/// A pipeline's encoder and the sink that it feeds. Shared by the mixer, which adds jobs, and the
/// worker that it is on.
pub(crate) struct Output {
    id: OutputId,
    mount: String,
    queue: ArrayQueue<Work>,
    scheduled: AtomicBool,
    line: Mutex<Line>,
    failed: Arc<AtomicBool>,
    /// Jobs given to it, and jobs that it is done with: a difference that stays is a stuck encoder.
    given: AtomicU64,
    done: AtomicU64,
}

impl Output {
    /// Opens the encoder, so that settings that cannot work fail here.
    pub fn open(
        id: OutputId,
        mount: String,
        settings: Arc<dyn EncoderSettings>,
        spec: PcmSpec,
        sink: Sink,
        emit: Emit,
    ) -> Result<Output> {
        let encoder = settings.open(spec)?;
        let failed = Arc::new(AtomicBool::new(false));
        let line = Line {
            id,
            mount: mount.clone(),
            settings,
            spec,
            encoder: State::Running(Running::new(encoder)),
            sink: Some(sink),
            title: Arc::default(),
            marks: VecDeque::new(),
            packets: Vec::new(),
            ready: Vec::new(),
            emit,
            failed: failed.clone(),
        };
        Ok(Output {
            id,
            mount,
            queue: ArrayQueue::new(QUEUE_JOBS),
            scheduled: AtomicBool::new(false),
            line: Mutex::new(line),
            failed,
            given: AtomicU64::new(0),
            done: AtomicU64::new(0),
        })
    }

    /// Which output this is.
    pub fn id(&self) -> OutputId {
        self.id
    }

    /// The mount that it feeds.
    pub fn mount(&self) -> &str {
        &self.mount
    }

    /// Jobs that wait for it.
    pub fn waiting(&self) -> u64 {
        self.given.load(Ordering::Relaxed).saturating_sub(self.done.load(Ordering::Relaxed))
    }

    /// Whether its encoder has failed and is not yet built again.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    fn work(&self, work: Work) {
        match work {
            Work::Encode(job) => self.line().encode(&job),
            Work::Replace(settings, encoder) => self.line().replace(settings, encoder),
            Work::Finish(finished) => {
                self.line().finish();
                // Who asked may have given up waiting.
                let _ = finished.send(());
            }
        }
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// The mutex is never contended: only the worker that the output is on takes it.
    fn line(&self) -> std::sync::MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The workers of one pipeline. They end when the pool and every output on its list are gone.
pub(crate) struct Pool {
    list: Sender<Arc<Output>>,
}

impl Pool {
    /// Starts `workers` threads.
    pub fn start(workers: usize, crew: &Crew) -> Result<Pool> {
        let (list, outputs) = unbounded();
        for worker in 0..workers {
            let outputs = outputs.clone();
            crew.spawn(&format!("enc-{worker}"), move || run(&outputs))?;
        }
        Ok(Pool { list })
    }

    /// Gives a job to an output. If it is full, its oldest job goes, or with `patient` this waits.
    pub fn encode(&self, output: &Arc<Output>, job: Arc<Job>, patient: bool) {
        while patient && output.queue.is_full() {
            std::thread::yield_now();
        }
        self.give(output, Work::Encode(job));
    }

    /// Goes on with another encoder: what the old one still has inside comes first.
    pub fn replace(
        &self,
        output: &Arc<Output>,
        settings: Arc<dyn EncoderSettings>,
        encoder: Box<dyn Encoder>,
    ) {
        self.give(output, Work::Replace(settings, encoder));
    }

    /// Ends an output: what it has is encoded and flushed, then its sink is dropped and the
    /// receiver hears of it.
    pub fn finish(&self, output: &Arc<Output>) -> Receiver<()> {
        let (finished, receiver) = crossbeam::channel::bounded(1);
        self.give(output, Work::Finish(finished));
        receiver
    }

    fn give(&self, output: &Arc<Output>, work: Work) {
        output.given.fetch_add(1, Ordering::Relaxed);
        if output.queue.force_push(work).is_some()
            && output.done.fetch_add(1, Ordering::Relaxed).is_multiple_of(QUEUE_JOBS as u64)
        {
            log::error!("{}: the encoder is ten seconds behind: audio is lost", output.mount);
        }
        // SeqCst pairs with the worker's store and second look: either it sees this work, or we
        // see that it is off the output.
        if !output.scheduled.swap(true, Ordering::SeqCst) {
            // Fails only when every worker has panicked; the guard reports the standstill.
            let _ = self.list.send(output.clone());
        }
    }
}

fn run(outputs: &Receiver<Arc<Output>>) {
    for output in outputs {
        loop {
            while let Some(work) = output.queue.pop() {
                output.work(work);
            }
            output.scheduled.store(false, Ordering::SeqCst);
            if output.queue.is_empty() || output.scheduled.swap(true, Ordering::SeqCst) {
                break;
            }
        }
    }
}

/// What only the worker that an output is on touches.
struct Line {
    id: OutputId,
    mount: String,
    settings: Arc<dyn EncoderSettings>,
    spec: PcmSpec,
    encoder: State,
    /// Gone once the output is finished.
    sink: Option<Sink>,
    /// The title of the next packet, and those that come after it.
    title: Arc<Title>,
    marks: VecDeque<Mark>,
    /// What the encoder gave and what is ready for the sink: both reused from job to job.
    packets: Vec<Packet>,
    ready: Vec<TitledPacket>,
    emit: Emit,
    failed: Arc<AtomicBool>,
}

enum State {
    Running(Running),
    /// Failed, and left alone until this position.
    Failed {
        until: FramePos,
    },
}

struct Running {
    encoder: Box<dyn Encoder>,
    delay: FrameCount,
    header: Option<Arc<[u8]>>,
    /// Where the input frame lies that came first, once there was one.
    start: Option<FramePos>,
    /// Frames that went in, and frames that came out in packets.
    fed: u64,
    produced: u64,
    /// Whether it stands in for one that failed, and has not yet shown that it works.
    unproven: bool,
}

impl Running {
    fn new(encoder: Box<dyn Encoder>) -> Running {
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
    fn encode(&mut self, job: &Job) {
        let mine = |mark: &&Mark| mark.output.is_none_or(|output| output == self.id);
        self.marks.extend(job.marks.iter().filter(mine).cloned());
        for block in &job.blocks {
            if let Err(error) = self.encode_block(block) {
                self.fail(block, &error);
            }
        }
        self.send();
    }

    fn encode_block(&mut self, block: &PcmBlock) -> Result<()> {
        let running = match &mut self.encoder {
            State::Failed { until } if block.position < *until => return Ok(()),
            State::Failed { .. } => {
                let running = Running { unproven: true, ..Running::new(self.settings.open(self.spec)?) };
                self.encoder = State::Running(running);
                return self.encode_block(block);
            }
            State::Running(running) => running,
        };
        // Where jobs were dropped, the encoder's input jumps: its clock jumps along.
        running.start = Some(FramePos(block.position.0 - running.fed.min(block.position.0)));
        running.fed += BLOCK_FRAMES as u64;
        let packets = &mut self.packets;
        guarded(|| running.encoder.encode(&block.samples, packets))?;
        self.title_packets();
        Ok(())
    }

    fn replace(&mut self, settings: Arc<dyn EncoderSettings>, encoder: Box<dyn Encoder>) {
        self.flush();
        self.settings = settings;
        self.encoder = State::Running(Running::new(encoder));
    }

    fn finish(&mut self) {
        self.flush();
        self.sink = None;
    }

    fn flush(&mut self) {
        if let State::Running(running) = &mut self.encoder {
            let packets = &mut self.packets;
            match guarded(|| running.encoder.flush(packets)) {
                Ok(()) => {
                    self.title_packets();
                    self.send();
                }
                Err(error) => log::warn!("{}: the encoder's last packets are lost: {error}", self.mount),
            }
        }
    }

    /// Gives the packets that became whole the title in force where their audio begins to sound.
    fn title_packets(&mut self) {
        let State::Running(running) = &mut self.encoder else { return };
        if running.unproven && !self.packets.is_empty() {
            running.unproven = false;
            self.failed.store(false, Ordering::Relaxed);
            log::info!("{}: the encoder is on the air again", self.mount);
            (self.emit)(Event::EncoderRecovered { mount: self.mount.clone() });
        }
        let start = running.start.map_or(0, |start| start.0);
        for packet in self.packets.drain(..) {
            running.produced += u64::from(packet.frames);
            let sounded = if packet.frames == 0 { running.fed } else { running.produced };
            // A title sits at the packet that holds its sample, the encoder's delay included.
            while self.marks.front().is_some_and(|mark| mark.at.0 + running.delay.0 < start + sounded) {
                self.title = self.marks.pop_front().expect("there is a first").title;
            }
            let header = running.header.clone();
            self.ready.push(TitledPacket { packet, title: self.title.clone(), header });
        }
    }

    /// Sends all packets of a job at once: the reactor wakes for each job, and not for each packet.
    fn send(&mut self) {
        let Some(sink) = &mut self.sink else { return self.ready.clear() };
        self.ready.drain(..).for_each(sink);
    }

    fn fail(&mut self, block: &PcmBlock, error: &Error) {
        let first = matches!(self.encoder, State::Running(_));
        self.packets.clear();
        self.encoder = State::Failed { until: block.position + self.spec.rate.frames_in(REBUILD_AFTER) };
        self.failed.store(true, Ordering::Relaxed);
        if first {
            log::error!("{}: the encoder failed and is being rebuilt: {error}", self.mount);
            (self.emit)(Event::EncoderFailed { mount: self.mount.clone(), reason: error.to_string() });
        }
    }
}

/// An application's encoder may panic; that is its failure and not the worker's.
fn guarded(encode: impl FnOnce() -> Result<()>) -> Result<()> {
    catch_unwind(AssertUnwindSafe(encode)).unwrap_or_else(|_| Err(Error::Encoder("it panicked".into())))
}
