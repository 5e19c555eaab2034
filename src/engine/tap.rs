//! A tap: an application reads the mixed PCM, just as the encoders get it.
//!
//! The mixer hands each job to each tap and never waits for one. A tap holds about two seconds. What does not
//! fit is lost to this tap alone, and counted.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crossbeam::queue::ArrayQueue;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;
use rustix::time::Timespec;

use super::job::Job;
use crate::audio::PcmSpec;
use crate::error::{Error, Result};
use crate::units::{FrameCount, FramePos};

/// Jobs that wait for a reader, at most: about two seconds.
const WAITING: usize = 20;

/// A tap of a pipeline of this shape, and the mixer's end of it.
///
/// # Errors
/// [`Error::Io`] if the process has no descriptor left.
pub(crate) fn tap(spec: PcmSpec) -> Result<(Tap, TapEnd)> {
    // It counts what can be read: each job, and the end.
    let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK | EventfdFlags::SEMAPHORE;
    let readable =
        eventfd(0, flags).map_err(|cause| Error::io("making a descriptor for a tap")(cause.into()))?;
    let shared = Arc::new(Shared {
        jobs: ArrayQueue::new(WAITING),
        readable,
        lost: AtomicU64::new(0),
        ended: AtomicBool::new(false),
    });
    Ok((Tap { spec, shared: shared.clone(), reading: None, presence: Arc::default() }, TapEnd(shared)))
}

struct Shared {
    jobs: ArrayQueue<Arc<Job>>,
    /// A semaphore.
    readable: OwnedFd,
    /// In frames.
    lost: AtomicU64,
    /// Whether the mixer gives no more.
    ended: AtomicBool,
}

impl Shared {
    fn signal(&self) {
        // It can only fail if the counter is full, and then it is readable.
        let _ = rustix::io::write(&self.readable, &1_u64.to_ne_bytes());
    }
}

/// The mixer's end.
pub(crate) struct TapEnd(Arc<Shared>);

impl TapEnd {
    /// Gives the tap a job. Returns false if nobody reads it any more.
    pub fn give(&self, job: &Arc<Job>) -> bool {
        match self.0.jobs.push(job.clone()) {
            Ok(()) => self.0.signal(),
            Err(job) => {
                self.0.lost.fetch_add(job.frames().0, Ordering::Relaxed);
            }
        }
        // The other reference is the reader's.
        Arc::strong_count(&self.0) > 1
    }
}

impl Drop for TapEnd {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
        self.0.signal();
    }
}

/// A reader of the mixed PCM of a pipeline: what the encoders get, with all voices, after the limiter. For
/// meters, recordings, recognition. It may be read on any one thread, and ends when it is dropped or the
/// pipeline stops.
///
/// The mixer is ahead of the listeners by what their players buffer. It gives about 100 ms at a time. About
/// two seconds wait to be read; what comes then is lost to this tap, and counted. Nothing else is affected.
///
/// ```no_run
/// # fn example(pipeline: &longwave::Pipeline) -> longwave::Result<()> {
/// use std::time::Duration;
///
/// let mut tap = pipeline.tap()?;
/// let mut pcm = vec![0.0; 4096];
/// loop {
///     let read = tap.read(&mut pcm, Duration::from_secs(1))?;
///     let samples = &pcm[..read.frames * tap.spec().channels.count()];
///     let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
///     println!("{}: {peak}", read.position.0);
/// }
/// # }
/// ```
pub struct Tap {
    spec: PcmSpec,
    shared: Arc<Shared>,
    reading: Option<Reading>,
    /// Shows that the tap is there.
    presence: Arc<()>,
}

/// A job that is being read.
struct Reading {
    job: Arc<Job>,
    /// How many frames of it were read.
    done: usize,
}

/// What a [`Tap::read`] has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TapRead {
    /// Where the first frame lies on the pipeline's sample clock. If it is not where the last read ended,
    /// what is between was lost.
    pub position: FramePos,
    /// How many frames were read: 0 if none came in time.
    pub frames: usize,
}

impl Tap {
    /// The shape of the PCM.
    pub fn spec(&self) -> PcmSpec {
        self.spec
    }

    /// Fills `pcm` with interleaved frames that follow each other: as many as there are now and have room. If
    /// there are none, it waits for the first ones, for this long at most.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the pipeline has stopped and everything was read.
    pub fn read(&mut self, pcm: &mut [f32], patience: Duration) -> Result<TapRead> {
        let channels = self.spec.channels.count();
        let room = pcm.len() / channels;
        let mut read = TapRead { position: self.position().unwrap_or_default(), frames: 0 };
        while read.frames < room {
            if self.reading.is_none() {
                let there = match read.frames {
                    0 => self.take_next(patience)?,
                    // The next read tells of the end.
                    _ => self.take_next(Duration::ZERO).unwrap_or(false),
                };
                if !there {
                    break;
                }
            }
            let Some(position) = self.position() else { break };
            if read.frames == 0 {
                read.position = position;
            } else if position != read.position + FrameCount(read.frames as u64) {
                break;
            }
            let out = &mut pcm[read.frames * channels..room * channels];
            read.frames += self.copy(out) / channels;
        }
        Ok(read)
    }

    /// How many frames were lost because they were not read in time.
    pub fn lost(&self) -> FrameCount {
        FrameCount(self.shared.lost.load(Ordering::Relaxed))
    }

    /// A file descriptor for `poll` and the like. It is readable while a job waits that [`read`](Tap::read)
    /// has not begun, and at the end. So read until no more comes. The tap owns it: do not read from it or
    /// close it.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.shared.readable.as_fd()
    }

    /// Counts as long as the tap is there.
    pub(crate) fn presence(&self) -> Weak<()> {
        Arc::downgrade(&self.presence)
    }

    /// The position of the next frame of the job that is being read.
    fn position(&self) -> Option<FramePos> {
        let Reading { job, done } = self.reading.as_ref()?;
        Some(job.position() + FrameCount(*done as u64))
    }

    /// Waits for the next job. Returns false if none has come.
    fn take_next(&mut self, patience: Duration) -> Result<bool> {
        if !self.wait(patience) {
            return Ok(false);
        }
        // Asked before the last look, so that what came before the end is not overlooked.
        let ended = self.shared.ended.load(Ordering::Acquire);
        match self.shared.jobs.pop() {
            Some(job) => {
                let _ = rustix::io::read(&self.shared.readable, &mut [0; 8]);
                self.reading = Some(Reading { job, done: 0 });
                Ok(true)
            }
            // The signal of the end is left, so that the descriptor stays readable.
            None if ended => Err(Error::Stopped("pipeline")),
            None => Ok(false),
        }
    }

    /// Waits until there is something to read.
    fn wait(&self, patience: Duration) -> bool {
        let deadline = Instant::now().checked_add(patience);
        loop {
            // A time that is too long for the clock is no limit.
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let timeout = left.and_then(|left| Timespec::try_from(left).ok());
            let mut waited_for = [PollFd::new(&self.shared.readable, PollFlags::IN)];
            match poll(&mut waited_for, timeout.as_ref()) {
                Err(Errno::INTR) => {}
                outcome => return outcome.is_ok_and(|readable| readable > 0),
            }
        }
    }

    /// Copies from the job that is being read. Returns the number of samples.
    fn copy(&mut self, out: &mut [f32]) -> usize {
        let Some(Reading { job, done }) = &mut self.reading else { return 0 };
        let channels = self.spec.channels.count();
        let samples = job.blocks.iter().flat_map(|block| &*block.samples).skip(*done * channels);
        let copied = out.iter_mut().zip(samples).map(|(out, sample)| *out = *sample).count();
        *done += copied / channels;
        if *done as u64 == job.frames().0 {
            self.reading = None;
        }
        copied
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").field("spec", &self.spec).field("lost", &self.lost()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{BLOCK_FRAMES, Channels, PcmBlock};
    use crate::units::SampleRate;

    const SPEC: PcmSpec = PcmSpec { rate: SampleRate::CD, channels: Channels::Stereo };
    const JOB: usize = 4 * BLOCK_FRAMES;

    /// The job of this number. Each sample is its place in the stream.
    fn job(number: usize) -> Arc<Job> {
        let block = |index: usize| {
            let first = number * JOB + index * BLOCK_FRAMES;
            let samples = (first * 2..(first + BLOCK_FRAMES) * 2).map(|sample| sample as f32).collect();
            PcmBlock { position: FramePos(first as u64), samples }
        };
        Arc::new(Job { blocks: (0..4).map(block).collect(), marks: Vec::new() })
    }

    fn is_readable(tap: &Tap) -> bool {
        tap.wait(Duration::ZERO)
    }

    #[test]
    fn reads_of_any_size_give_every_sample_once_and_in_order() {
        for frames in [1, 7, BLOCK_FRAMES, 5000, 3 * JOB] {
            let (mut tap, end) = tap(SPEC).unwrap();
            (0..3).for_each(|number| assert!(end.give(&job(number))));
            drop(end);
            let (mut pcm, mut all) = (vec![0.0; frames * 2], Vec::new());
            while let Ok(read) = tap.read(&mut pcm, Duration::ZERO) {
                assert_eq!(read.position.0 as usize, all.len() / 2);
                all.extend_from_slice(&pcm[..read.frames * 2]);
            }
            assert_eq!(all.len(), 3 * JOB * 2);
            assert!(all.iter().enumerate().all(|(index, sample)| *sample == index as f32), "by {frames}");
            assert!(matches!(tap.read(&mut pcm, Duration::ZERO), Err(Error::Stopped("pipeline"))));
        }
    }

    #[test]
    fn a_late_reader_loses_whole_jobs_and_sees_where() {
        let (mut tap, end) = tap(SPEC).unwrap();
        (0..WAITING + 5).for_each(|number| assert!(end.give(&job(number))));
        assert_eq!(tap.lost().0 as usize, 5 * JOB);
        let mut pcm = vec![0.0; (WAITING + 5) * JOB * 2];
        let read = tap.read(&mut pcm, Duration::ZERO).unwrap();
        assert_eq!((read.position.0, read.frames), (0, WAITING * JOB));
        assert!(end.give(&job(WAITING + 5)));
        let read = tap.read(&mut pcm, Duration::ZERO).unwrap();
        assert_eq!((read.position.0 as usize, read.frames), ((WAITING + 5) * JOB, JOB));
        assert_eq!(pcm[0], ((WAITING + 5) * JOB * 2) as f32);
    }

    #[test]
    fn a_read_ends_at_a_gap() {
        let (mut tap, end) = tap(SPEC).unwrap();
        [0, 1, 4].iter().for_each(|number| assert!(end.give(&job(*number))));
        let mut pcm = vec![0.0; 10 * JOB * 2];
        let mut read =
            || tap.read(&mut pcm, Duration::ZERO).map(|read| (read.position.0 as usize, read.frames));
        assert_eq!(read().unwrap(), (0, 2 * JOB));
        assert_eq!(read().unwrap(), (4 * JOB, JOB));
        assert_eq!(read().unwrap().1, 0);
    }

    #[test]
    fn the_descriptor_is_readable_while_jobs_wait_and_at_the_end() {
        let (mut tap, end) = tap(SPEC).unwrap();
        let mut pcm = vec![0.0; JOB * 2];
        assert!(!is_readable(&tap));
        assert_eq!(tap.read(&mut pcm, Duration::from_millis(1)).unwrap().frames, 0);
        [0, 1].iter().for_each(|number| assert!(end.give(&job(*number))));
        for _ in 0..2 {
            assert!(is_readable(&tap));
            assert_eq!(tap.read(&mut pcm, Duration::ZERO).unwrap().frames, JOB);
        }
        assert!(!is_readable(&tap));
        drop(end);
        for _ in 0..2 {
            assert!(is_readable(&tap));
            assert!(tap.read(&mut pcm, Duration::ZERO).is_err());
        }
    }

    #[test]
    fn a_reader_that_waits_is_woken_and_one_that_is_gone_is_noticed() {
        let (mut tap, end) = tap(SPEC).unwrap();
        let reader = std::thread::spawn(move || {
            let mut pcm = vec![0.0; JOB * 2];
            (tap.read(&mut pcm, Duration::from_secs(20)).unwrap().frames, tap)
        });
        assert!(end.give(&job(0)));
        let (frames, tap) = reader.join().unwrap();
        assert_eq!(frames, JOB);
        drop(tap);
        assert!(!end.give(&job(1)), "nobody reads");
    }
}
