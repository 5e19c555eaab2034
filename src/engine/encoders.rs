//! The outputs of a pipeline, each with its encoder. The workers that all pipelines of a server share encode.
//!
//! Reads: jobs of about 100 ms of PCM, one queue for each output. Writes: packets with their titles, to each
//! output's sink. Never: waits for a sink.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crossbeam::channel::{Receiver, Sender};
use crossbeam::queue::ArrayQueue;
use log::Level;

use super::counters::{EncoderCounters, EncoderStats};
use super::job::{Job, Mark, OutputId};
use super::line::{Line, OutputSetup, Running, Sink};
use crate::codec::{Encoder, EncoderSettings};
use crate::event::Emitter;
use crate::staff::{Place, Post};
use crate::units::SampleRate;

/// Jobs that an output may be behind before the oldest is dropped: about ten seconds.
const QUEUE_JOBS: usize = 100;

enum Work {
    Encode(Arc<Job>),
    /// Replace the encoder by another one of the same content type.
    Replace(Arc<dyn EncoderSettings>, Box<Running>),
    /// Flush the encoder, drop the sink, then answer.
    Finish(Sender<()>),
}

/// A pipeline's encoder and the sink that it feeds. The mixer, which adds jobs, and a worker share it.
pub(crate) struct Output {
    id: OutputId,
    mount: String,
    rate: SampleRate,
    queue: ArrayQueue<Work>,
    /// Its place among those that its workers encode for.
    place: Place,
    line: Mutex<Line>,
    failed: Arc<AtomicBool>,
    counters: Arc<EncoderCounters>,
    /// The pieces of work that were queued, and those that were done or dropped. The difference is what
    /// waits.
    given: AtomicU64,
    done: AtomicU64,
    /// What was dropped because the encoder was too far behind. It is never locked while an encoder works.
    lost: Mutex<Lost>,
}

#[derive(Default)]
struct Lost {
    jobs: u64,
    /// The value of `jobs` when the loss was last logged.
    logged: u64,
    /// The title changes of dropped jobs. The next job that is encoded brings them.
    marks: Vec<Mark>,
}

impl Output {
    /// An output that goes on the air with this encoder.
    pub fn new(setup: OutputSetup, encoder: Box<dyn Encoder>, sink: Sink, place: Place) -> Output {
        let failed = Arc::new(AtomicBool::new(false));
        let counters = Arc::<EncoderCounters>::default();
        let (id, mount, rate) = (setup.id, setup.mount.clone(), setup.spec.rate);
        let line = Line::new(setup, Running::new(encoder), sink, failed.clone(), counters.clone());
        Output {
            id,
            mount,
            rate,
            queue: ArrayQueue::new(QUEUE_JOBS),
            place,
            line: Mutex::new(line),
            failed,
            counters,
            given: AtomicU64::new(0),
            done: AtomicU64::new(0),
            lost: Mutex::default(),
        }
    }

    /// The id of the output.
    pub fn id(&self) -> OutputId {
        self.id
    }

    /// The mount that it feeds.
    pub fn mount(&self) -> &str {
        &self.mount
    }

    /// How many pieces of work wait for its encoder, including the one that is being done.
    pub fn waiting(&self) -> u64 {
        self.given.load(Ordering::Relaxed).saturating_sub(self.done.load(Ordering::Relaxed))
    }

    /// What its encoder has done.
    pub fn stats(&self) -> EncoderStats {
        self.counters.waiting.set(self.waiting());
        self.counters.snapshot()
    }

    /// Whether its encoder has failed, and no new one has given a packet yet.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Gives it a job. If its queue is full, the oldest job is dropped. With `patient`, this waits instead.
    pub fn encode(self: &Arc<Output>, job: Arc<Job>, patient: bool) {
        while patient && self.queue.is_full() {
            std::thread::yield_now();
        }
        self.give(Work::Encode(job));
    }

    /// Replaces its encoder. The old one fades out, and is flushed.
    pub fn replace(self: &Arc<Output>, settings: Arc<dyn EncoderSettings>, encoder: Box<dyn Encoder>) {
        self.give(Work::Replace(settings, Box::new(Running::new(encoder))));
    }

    /// Ends it: its jobs are encoded, the encoder is flushed and dropped, and so is the sink. Then the
    /// receiver gets a message.
    pub fn finish(self: &Arc<Output>) -> Receiver<()> {
        let (finished, receiver) = crossbeam::channel::bounded(1);
        self.give(Work::Finish(finished));
        receiver
    }

    fn give(self: &Arc<Output>, work: Work) {
        self.put(work);
        self.place.call(self.clone());
    }

    /// Queues work. If there is no room, the oldest job is dropped, but no other work.
    fn put(&self, work: Work) {
        self.given.fetch_add(1, Ordering::Relaxed);
        let mut displaced = self.queue.force_push(work);
        while let Some(work) = displaced {
            displaced = match work {
                Work::Encode(job) => {
                    let mut lost = lock(&self.lost);
                    lost.jobs += 1;
                    lost.marks.extend_from_slice(&job.marks);
                    self.counters.lost.add_time(self.rate.duration_of(job.frames()));
                    self.done.fetch_add(1, Ordering::Relaxed);
                    None
                }
                order => self.queue.force_push(order),
            };
        }
    }

    fn do_work(&self, work: Work) {
        // Never contended: only the worker that has the output locks it.
        let mut line = lock(&self.line);
        match work {
            Work::Encode(job) => {
                let marks = self.report_loss(line.emitter());
                line.add_marks(&marks);
                let begun = Instant::now();
                line.encode(&job);
                self.counters.worked.add_time(begun.elapsed());
                self.counters.encoded.add_time(self.rate.duration_of(job.frames()));
            }
            Work::Replace(settings, running) => line.replace(settings, *running),
            Work::Finish(finished) => {
                line.finish();
                // The asker may have given up.
                let _ = finished.send(());
            }
        }
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Logs that jobs were dropped: the first time, and then once for each ten seconds of lost audio. Returns
    /// their title changes.
    fn report_loss(&self, emitter: &Emitter) -> Vec<Mark> {
        let mut lost = lock(&self.lost);
        let is_news =
            lost.jobs > lost.logged && (lost.logged == 0 || lost.jobs - lost.logged >= QUEUE_JOBS as u64);
        if is_news {
            lost.logged = lost.jobs;
        }
        let marks = std::mem::take(&mut lost.marks);
        drop(lost);
        if is_news {
            let text = format!("{}: the encoder is ten seconds behind: audio is lost", self.mount);
            emitter.log(Level::Error, text);
        }
        marks
    }
}

impl Post for Output {
    fn place(&self) -> &Place {
        &self.place
    }

    fn has_work(&self) -> bool {
        !self.queue.is_empty()
    }

    fn do_piece(&self) {
        if let Some(work) = self.queue.pop() {
            self.do_work(work);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};
    use std::vec::Drain;

    use crossbeam::channel::unbounded;

    use super::super::line::LinePacket;
    use super::*;
    use crate::audio::{BLOCK_FRAMES, Channels, PcmBlock, PcmSpec};
    use crate::error::Result;
    use crate::metadata::Title;
    use crate::packet::Packet;
    use crate::staff::Staff;
    use crate::units::{FrameCount, FramePos, SampleRate};

    const SPEC: PcmSpec = PcmSpec { rate: SampleRate::new(8_000).unwrap(), channels: Channels::Mono };

    /// Makes a packet of each block, as soon as its gate is open. It counts them, and its counter is shared as
    /// long as it is there.
    #[derive(Clone, Debug, Default)]
    struct Gated {
        gate: Arc<Mutex<()>>,
        encoded: Arc<AtomicU64>,
    }

    impl EncoderSettings for Gated {
        fn open(&self, _: PcmSpec) -> Result<Box<dyn Encoder>> {
            Ok(Box::new(self.clone()))
        }
        fn content_type(&self) -> &str {
            "audio/x-raw"
        }
        fn bitrate(&self) -> Option<u32> {
            None
        }
    }

    impl Encoder for Gated {
        fn encode(&mut self, pcm: &[f32], packets: &mut Vec<Packet>) -> Result<()> {
            let _open = lock(&self.gate);
            self.encoded.fetch_add(1, Ordering::Relaxed);
            packets.push(Packet { bytes: vec![0].into(), frames: pcm.len() as u32 });
            Ok(())
        }
        fn flush(&mut self, _: &mut Vec<Packet>) -> Result<()> {
            Ok(())
        }
        fn delay(&self) -> FrameCount {
            FrameCount(0)
        }
    }

    impl Gated {
        /// An output that is encoded by it.
        fn output(&self, staff: &Staff, sink: Sink) -> Arc<Output> {
            let setup = OutputSetup {
                id: OutputId(0),
                mount: "/x".into(),
                settings: Arc::new(self.clone()),
                spec: SPEC,
                emitter: Emitter::unheard(),
            };
            Arc::new(Output::new(setup, Box::new(self.clone()), sink, staff.encoders.place().unwrap()))
        }
    }

    fn job(block: u64) -> Arc<Job> {
        let position = FramePos(block * BLOCK_FRAMES as u64);
        let title = Arc::new(Title::new(format!("title {block}")));
        let marks = vec![Mark { at: position, title, output: None }];
        Arc::new(Job { blocks: vec![PcmBlock { position, samples: vec![0.0; BLOCK_FRAMES].into() }], marks })
    }

    #[test]
    fn what_is_dropped_is_audio_but_neither_titles_nor_orders() {
        let mut staff = Staff::new();
        let gated = Gated::default();
        let (sent, packets) = unbounded();
        let sink = Box::new(move |ready: Drain<'_, _>| ready.for_each(|packet| sent.send(packet).unwrap()));
        let slow = gated.output(&staff, sink);
        let shut = lock(&gated.gate);
        slow.encode(job(0), false);
        while !slow.queue.is_empty() {
            std::thread::yield_now();
        }
        // The worker waits for the gate. The queue has a hundred places. An order comes before the jobs, and
        // one after.
        slow.replace(Arc::new(gated.clone()), Box::new(gated.clone()));
        for block in 1..=250 {
            slow.encode(job(block), false);
        }
        let finished = slow.finish();
        drop(shut);
        finished.recv().unwrap();
        let titles: Vec<_> =
            packets.iter().map(|packet: LinePacket| packet.titled.title.text.clone()).collect();
        // Job 0 had begun. Of the other 250, the last 98 are kept, because the two orders take two places.
        let kept = std::iter::once(0).chain(250 - 97..=250);
        assert_eq!(titles, kept.map(|block| format!("title {block}")).collect::<Vec<_>>());
        assert_eq!((slow.waiting(), lock(&slow.lost).jobs), (0, 152));
        assert_eq!(staff.encoders.end(Instant::now() + Duration::from_secs(20)), [""; 0]);
    }

    #[test]
    fn a_finished_output_has_closed_its_encoder_and_encodes_nothing_more() {
        let mut staff = Staff::new();
        let gated = Gated::default();
        let used = || (gated.encoded.load(Ordering::Relaxed), Arc::strong_count(&gated.encoded));
        let output = gated.output(&staff, Box::new(|packets| drop(packets)));
        assert_eq!(used(), (0, 3), "here, in the settings, and in the encoder");
        output.encode(job(0), false);
        output.finish().recv().unwrap();
        assert_eq!(used(), (1, 2));
        output.replace(Arc::new(gated.clone()), Box::new(gated.clone()));
        output.encode(job(1), false);
        output.finish().recv().unwrap();
        assert_eq!(used(), (1, 2));
        drop(output);
        assert_eq!(staff.encoders.end(Instant::now() + Duration::from_secs(20)), [""; 0]);
    }
}
