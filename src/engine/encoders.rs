//! The encoder worker pool: the threads `enc-0`, `enc-1`, …
//!
//! Reads: jobs of about 100 ms of PCM, one queue for each output. Writes: packets with their
//! titles, to each output's sink. Never: waits for a sink, or runs one encoder on two threads.
//!
//! An output that has work is on the pool's list once, or on one worker. The thread that sets `scheduled`
//! puts the output on the list. A worker does one piece of the output's work and puts it back at the end of
//! the list, so that a slow encoder delays no other output. If the output has no more work, the worker clears
//! `scheduled`.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam::channel::{Receiver, Sender};
use crossbeam::queue::ArrayQueue;
use log::Level;

use super::crew::Crew;
use super::job::{Job, Mark, OutputId};
use super::line::{Line, OutputSetup, Running, Sink};
use crate::codec::{Encoder, EncoderSettings};
use crate::error::Result;
use crate::event::Emitter;
use crate::ring::{QuietReceiver, QuietSender, quiet_channel};

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
    queue: ArrayQueue<Work>,
    scheduled: AtomicBool,
    line: Mutex<Line>,
    failed: Arc<AtomicBool>,
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
    pub fn new(setup: OutputSetup, encoder: Box<dyn Encoder>, sink: Sink) -> Output {
        let failed = Arc::new(AtomicBool::new(false));
        let (id, mount) = (setup.id, setup.mount.clone());
        let line = Line::new(setup, Running::new(encoder), sink, failed.clone());
        Output {
            id,
            mount,
            queue: ArrayQueue::new(QUEUE_JOBS),
            scheduled: AtomicBool::new(false),
            line: Mutex::new(line),
            failed,
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

    /// Whether its encoder has failed, and no new one has given a packet yet.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
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
                    self.done.fetch_add(1, Ordering::Relaxed);
                    None
                }
                order => self.queue.force_push(order),
            };
        }
    }

    fn work(&self, work: Work) {
        // Never contended: only the worker that has the output locks it.
        let mut line = lock(&self.line);
        match work {
            Work::Encode(job) => {
                let marks = self.report_loss(line.emitter());
                line.add_marks(&marks);
                line.encode(&job);
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

/// The workers of one pipeline. They end when the pool is gone and all its work is done.
pub(crate) struct Pool {
    /// The outputs that have work. `None` ends a worker. Sending cannot fail, because each holder of a sender
    /// has a receiver, too.
    list: QuietSender<Option<Arc<Output>>>,
    outputs: QuietReceiver<Option<Arc<Output>>>,
    workers: AtomicUsize,
}

impl Pool {
    /// A pool without workers.
    pub fn new() -> Pool {
        let (list, outputs) = quiet_channel();
        Pool { list, outputs, workers: AtomicUsize::new(0) }
    }

    /// Starts workers until there is one for each output, but at most one for each core.
    pub fn staff(&self, outputs: usize, crew: &Crew) -> Result<()> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        while self.workers.load(Ordering::Relaxed) < outputs.min(cores) {
            let (list, outputs) = (self.list.clone(), self.outputs.clone());
            let worker = self.workers.load(Ordering::Relaxed);
            crew.spawn(&format!("enc-{worker}"), move || run(&list, &outputs))?;
            self.workers.store(worker + 1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Gives a job to an output. If its queue is full, the oldest job is dropped. With `patient`, this waits
    /// instead.
    pub fn encode(&self, output: &Arc<Output>, job: Arc<Job>, patient: bool) {
        while patient && output.queue.is_full() {
            std::thread::yield_now();
        }
        self.give(output, Work::Encode(job));
    }

    /// Replaces the encoder of an output. The old encoder is flushed first.
    pub fn replace(
        &self,
        output: &Arc<Output>,
        settings: Arc<dyn EncoderSettings>,
        encoder: Box<dyn Encoder>,
    ) {
        self.give(output, Work::Replace(settings, Box::new(Running::new(encoder))));
    }

    /// Ends an output: its jobs are encoded, the encoder is flushed and dropped, and so is the sink. Then the
    /// receiver gets a message.
    pub fn finish(&self, output: &Arc<Output>) -> Receiver<()> {
        let (finished, receiver) = crossbeam::channel::bounded(1);
        self.give(output, Work::Finish(finished));
        receiver
    }

    fn give(&self, output: &Arc<Output>, work: Work) {
        output.put(work);
        // SeqCst pairs with `do_one_piece`, which clears `scheduled` and then looks at the queue again.
        // Either the worker sees this work, or this thread sees that `scheduled` is clear.
        if !output.scheduled.swap(true, Ordering::SeqCst) {
            self.list.send(Some(output.clone()));
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Each worker takes one `None`, after all outputs that are listed now.
        (0..*self.workers.get_mut()).for_each(|_| _ = self.list.send(None));
    }
}

fn run(list: &QuietSender<Option<Arc<Output>>>, outputs: &QuietReceiver<Option<Arc<Output>>>) {
    while let Some(Some(output)) = outputs.recv() {
        do_one_piece(list, output);
    }
    // This worker has had its `None`. Other workers may have put outputs back after it. The other `None`s
    // that are found here belong to other workers, and are put back for them.
    let mut others = 0;
    while let Ok(listed) = outputs.try_recv() {
        match listed {
            Some(output) => do_one_piece(list, output),
            None => others += 1,
        }
    }
    (0..others).for_each(|_| _ = list.send(None));
}

/// Does one piece of an output's work.
fn do_one_piece(list: &QuietSender<Option<Arc<Output>>>, output: Arc<Output>) {
    if let Some(work) = output.queue.pop() {
        output.work(work);
    }
    if !output.queue.is_empty() {
        list.send(Some(output));
        return;
    }
    output.scheduled.store(false, Ordering::SeqCst);
    if !output.queue.is_empty() && !output.scheduled.swap(true, Ordering::SeqCst) {
        list.send(Some(output));
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

    use super::*;
    use crate::audio::{BLOCK_FRAMES, Channels, PcmBlock, PcmSpec};
    use crate::metadata::Title;
    use crate::packet::Packet;
    use crate::units::{FrameCount, FramePos, SampleRate};

    const SPEC: PcmSpec = PcmSpec { rate: SampleRate::new(8_000).unwrap(), channels: Channels::Mono };

    /// Makes a packet of each block, as soon as its gate is open.
    #[derive(Clone, Debug)]
    struct Gated(Arc<Mutex<()>>);

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
            let _open = lock(&self.0);
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

    fn job(block: u64) -> Arc<Job> {
        let position = FramePos(block * BLOCK_FRAMES as u64);
        let title = Arc::new(Title::new(format!("title {block}")));
        let marks = vec![Mark { at: position, title, output: None }];
        Arc::new(Job { blocks: vec![PcmBlock { position, samples: vec![0.0; BLOCK_FRAMES].into() }], marks })
    }

    #[test]
    fn what_is_dropped_is_audio_but_neither_titles_nor_orders() {
        let crew = Crew::default();
        let pool = Pool::new();
        pool.staff(1, &crew).unwrap();
        let gate = Arc::new(Mutex::new(()));
        let gated = Gated(gate.clone());
        let (sent, packets) = unbounded();
        let sink = Box::new(move |ready: Drain<'_, _>| ready.for_each(|packet| sent.send(packet).unwrap()));
        let emitter = Emitter::unheard();
        let output = |sink| {
            let (settings, encoder) = (Arc::new(gated.clone()), Box::new(gated.clone()));
            let (id, mount, emitter) = (OutputId(0), "/x".into(), emitter.clone());
            Arc::new(Output::new(OutputSetup { id, mount, settings, spec: SPEC, emitter }, encoder, sink))
        };
        let slow = output(sink);
        let shut = lock(&gate);
        pool.encode(&slow, job(0), false);
        while !slow.queue.is_empty() {
            std::thread::yield_now();
        }
        // The worker waits for the gate. The queue has a hundred places. An order comes before the jobs, and
        // one after.
        pool.replace(&slow, Arc::new(gated.clone()), Box::new(gated.clone()));
        for block in 1..=250 {
            pool.encode(&slow, job(block), false);
        }
        let finished = pool.finish(&slow);
        drop(shut);
        finished.recv().unwrap();
        let titles: Vec<_> =
            packets.iter().map(|packet: crate::packet::TitledPacket| packet.title.text.clone()).collect();
        // Job 0 had begun. Of the other 250, the last 98 are kept, because the two orders take two places.
        let kept = std::iter::once(0).chain(250 - 97..=250);
        assert_eq!(titles, kept.map(|block| format!("title {block}")).collect::<Vec<_>>());
        assert_eq!((slow.waiting(), lock(&slow.lost).jobs), (0, 152));
        drop((pool, slow));
        assert_eq!(crew.join(Instant::now() + Duration::from_secs(20)), Vec::<String>::new());
    }

    /// Counts how often it was used, and whether it is there.
    #[derive(Debug)]
    struct Counted(Arc<AtomicU64>, Arc<()>);

    impl EncoderSettings for Counted {
        fn open(&self, _: PcmSpec) -> Result<Box<dyn Encoder>> {
            Ok(Box::new(Counted(self.0.clone(), self.1.clone())))
        }
        fn content_type(&self) -> &str {
            "audio/x-raw"
        }
        fn bitrate(&self) -> Option<u32> {
            None
        }
    }

    impl Encoder for Counted {
        fn encode(&mut self, _: &[f32], _: &mut Vec<Packet>) -> Result<()> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
        fn flush(&mut self, _: &mut Vec<Packet>) -> Result<()> {
            Ok(())
        }
        fn delay(&self) -> FrameCount {
            FrameCount(0)
        }
    }

    #[test]
    fn a_finished_output_has_closed_its_encoder_and_encodes_nothing_more() {
        let crew = Crew::default();
        let pool = Pool::new();
        pool.staff(1, &crew).unwrap();
        let (count, presence) = (Arc::<AtomicU64>::default(), Arc::new(()));
        let counted = || Arc::new(Counted(count.clone(), presence.clone()));
        let setup = OutputSetup {
            id: OutputId(0),
            mount: "/x".into(),
            settings: counted(),
            spec: SPEC,
            emitter: Emitter::unheard(),
        };
        let encoder = counted().open(SPEC).unwrap();
        let output = Arc::new(Output::new(setup, encoder, Box::new(|packets| drop(packets))));
        assert_eq!(Arc::strong_count(&presence), 3, "here, in the settings, and in the encoder");
        pool.encode(&output, job(0), false);
        pool.finish(&output).recv().unwrap();
        assert_eq!((count.load(Ordering::Relaxed), Arc::strong_count(&presence)), (1, 2));
        pool.replace(&output, counted(), counted().open(SPEC).unwrap());
        pool.encode(&output, job(1), false);
        pool.finish(&output).recv().unwrap();
        assert_eq!((count.load(Ordering::Relaxed), Arc::strong_count(&presence)), (1, 2));
        drop((pool, output));
        assert_eq!(crew.join(Instant::now() + Duration::from_secs(20)), Vec::<String>::new());
    }
}
