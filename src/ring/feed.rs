//! The queue of a voice: PCM goes to the mixer, and seeks come back.
//!
//! A thread fills it through a [`FeedWriter`], or an application through a [`Filler`](super::Filler), some
//! seconds ahead. The mixer reads from the [`Feed`] without waiting. A seek starts a new take; the rest of
//! older takes is discarded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, TryRecvError, bounded, select, unbounded};

use crate::audio::Channels;
use crate::units::FrameCount;

/// A feed that begins `from` frames into its source and has room for this many chunks, with its writer.
pub(crate) fn feed(channels: Channels, from: FrameCount, chunks: usize) -> (Feed, FeedWriter) {
    let (to_feed, chunks) = bounded(chunks);
    let (seeks, from_feed) = unbounded();
    let (progress, of_writer) = bounded(1);
    let writer = Some(ToWriter { seeks, progress: of_writer });
    let feed = Feed { writer, position: from.0, ..Feed::of(channels, chunks) };
    let end = Arc::clone(&feed.end);
    let (chunks, seeks) = (to_feed, from_feed);
    (feed, FeedWriter { channels, chunks, progress, seeks, end, take: 0, position: from.0 })
}

/// PCM in the queue, in the order of playing.
pub(super) struct Chunk {
    take: u32,
    samples: Vec<f32>,
    end: Option<Ending>,
}

impl Chunk {
    /// PCM that an application pushes. There are no seeks in it.
    pub(super) fn pushed(samples: Vec<f32>) -> Chunk {
        Chunk { take: 0, samples, end: None }
    }

    pub(super) fn into_samples(self) -> Vec<f32> {
        self.samples
    }
}

/// How a source ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All of it was read.
    Complete,
    /// It broke off, for this reason. The log and the event have it.
    Broken(String),
}

/// The mixer's end of a voice's queue.
pub(crate) struct Feed {
    channels: Channels,
    chunks: Receiver<Chunk>,
    /// `None` if an application fills the feed.
    writer: Option<ToWriter>,
    take: u32,
    /// The chunk that is being read, and the number of its samples that have been read.
    chunk: Vec<f32>,
    taken: usize,
    /// How the source ended, once the last chunk is being read.
    ending: Option<Ending>,
    /// How the source ended if the writer is gone without an ending.
    gone: Ending,
    /// The reading position, in frames from the source's beginning.
    position: u64,
    end: Arc<End>,
}

/// The mixer's line to the thread that fills a feed.
struct ToWriter {
    seeks: Sender<Seek>,
    /// Has something when a chunk was written since it was read last.
    progress: Receiver<()>,
}

struct Seek {
    take: u32,
    to: FrameCount,
}

/// Where a take ends, as both threads see it: the take's low 16 bits above 48 bits of position. The end of an
/// older take says nothing of a newer one.
struct End(AtomicU64);

impl End {
    const UNKNOWN: u64 = (1 << 48) - 1;

    fn unknown() -> Arc<End> {
        Arc::new(End(AtomicU64::new(End::UNKNOWN)))
    }

    fn set(&self, take: u32, position: u64) {
        self.0.store(u64::from(take) << 48 | position.min(End::UNKNOWN), Ordering::Release);
    }

    fn of(&self, take: u32) -> Option<u64> {
        let end = self.0.load(Ordering::Acquire);
        let known = end >> 48 == u64::from(take as u16) && end & End::UNKNOWN != End::UNKNOWN;
        known.then_some(end & End::UNKNOWN)
    }
}

/// The result of reading from a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// All frames that were asked for.
    Full,
    /// This many frames. The writer is behind, and more will come.
    Behind(usize),
    /// This many frames, which were the last.
    Ended(usize),
}

impl Feed {
    /// A feed that an application fills. It ends when its filler is gone.
    pub(super) fn by_hand(channels: Channels, chunks: Receiver<Chunk>) -> Feed {
        Feed { gone: Ending::Complete, ..Feed::of(channels, chunks) }
    }

    fn of(channels: Channels, chunks: Receiver<Chunk>) -> Feed {
        Feed {
            channels,
            chunks,
            writer: None,
            take: 0,
            chunk: Vec::new(),
            taken: 0,
            ending: None,
            gone: Ending::Broken("its decoder stopped unexpectedly".into()),
            position: 0,
            end: End::unknown(),
        }
    }

    /// The position of the next frame, from the source's beginning.
    pub fn position(&self) -> FrameCount {
        FrameCount(self.position)
    }

    /// The position after the last frame, once the writer has reached it.
    pub fn end(&self) -> Option<FrameCount> {
        self.end.of(self.take).map(FrameCount)
    }

    /// How the source ended, once everything has been read.
    pub fn ending(&mut self) -> Option<&Ending> {
        // A source may find nothing more only after its last full chunk.
        if self.ending.is_none()
            && self.end() == Some(self.position())
            && let Some(chunk) = self.next_chunk(None)
        {
            self.take_up(chunk);
        }
        self.ending.as_ref().filter(|_| self.taken == self.chunk.len())
    }

    /// Fills `out` with the interleaved samples that are available. With `patience`, it waits this long for a
    /// writer that is behind, as a stepped clock allows. It never waits for an application.
    pub fn read(&mut self, out: &mut [f32], patience: Option<Duration>) -> Taken {
        let patience = patience.filter(|_| self.writer.is_some());
        let channels = self.channels.count();
        let mut filled = 0;
        let taken = loop {
            let left = &self.chunk[self.taken..];
            let n = left.len().min(out.len() - filled);
            out[filled..filled + n].copy_from_slice(&left[..n]);
            self.taken += n;
            filled += n;
            if filled == out.len() {
                break Taken::Full;
            }
            if self.ending.is_some() {
                break Taken::Ended(filled / channels);
            }
            match self.next_chunk(patience) {
                Some(chunk) => self.take_up(chunk),
                None => break Taken::Behind(filled / channels),
            }
        };
        self.position += (filled / channels) as u64;
        taken
    }

    /// Waits until the writer is as far ahead as it may be, or has reached the end. Then what is known of the
    /// end does not depend on how quickly the writer works. It never waits for an application, nor for a
    /// writer that is gone.
    pub fn wait_until_ahead(&self, patience: Duration) {
        let Some(writer) = &self.writer else { return };
        let deadline = Instant::now() + patience;
        while !self.chunks.is_full()
            && self.end().is_none()
            && writer.progress.recv_deadline(deadline).is_ok()
        {}
    }

    fn take_up(&mut self, chunk: Chunk) {
        self.chunk = chunk.samples;
        self.taken = 0;
        self.ending = chunk.end;
    }

    fn next_chunk(&mut self, patience: Option<Duration>) -> Option<Chunk> {
        loop {
            let chunk = match patience {
                None => match self.chunks.try_recv() {
                    Ok(chunk) => chunk,
                    Err(TryRecvError::Empty) => return None,
                    Err(TryRecvError::Disconnected) => return Some(self.abandoned()),
                },
                Some(patience) => match self.chunks.recv_timeout(patience) {
                    Ok(chunk) => chunk,
                    Err(error) if error.is_timeout() => return None,
                    Err(_) => return Some(self.abandoned()),
                },
            };
            if chunk.take == self.take {
                return Some(chunk);
            }
        }
    }

    /// A writer that is gone without an ending (its thread panicked) ends the voice, not the mixer.
    fn abandoned(&self) -> Chunk {
        Chunk { take: self.take, samples: Vec::new(), end: Some(self.gone.clone()) }
    }

    /// Continues at `to`. Samples that were written ahead are dropped. Until the writer has followed, the
    /// feed is behind.
    pub fn seek(&mut self, to: FrameCount) {
        let Some(writer) = &self.writer else { return };
        // A position beyond the end means the end, wherever that is.
        let to = to.min(FrameCount(End::UNKNOWN - 1));
        self.take += 1;
        self.chunk.clear();
        self.taken = 0;
        self.ending = None;
        self.position = to.0;
        // Without a writer nothing can be sought. The feed reports that at the next read.
        let _ = writer.seeks.send(Seek { take: self.take, to });
    }
}

/// The end of a voice's queue that a thread fills. The thread waits while the queue is full.
pub(crate) struct FeedWriter {
    channels: Channels,
    chunks: Sender<Chunk>,
    progress: Sender<()>,
    seeks: Receiver<Seek>,
    end: Arc<End>,
    take: u32,
    /// The position of the next frame to write, from the source's beginning.
    position: u64,
}

/// What the writer is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Write the samples that follow.
    More,
    /// Write the samples from here on. The last ones may have been discarded.
    Seek(FrameCount),
    /// Stop: the feed is gone.
    Nothing,
}

impl FeedWriter {
    /// Whether the last samples of this take have been written.
    pub fn has_ended(&self) -> bool {
        self.end.of(self.take).is_some()
    }

    /// Writes interleaved samples; with `end`, they are the last ones. It waits until there is room, or until
    /// a seek makes them void.
    pub fn write(&mut self, samples: Vec<f32>, end: Option<Ending>) -> Wanted {
        self.position += (samples.len() / self.channels.count()) as u64;
        // The feed knows the end before the samples have room.
        if end.is_some() {
            self.end.set(self.take, self.position);
        }
        let chunk = Chunk { take: self.take, samples, end };
        let seek = select! {
            recv(self.seeks) -> seek => seek.ok(),
            send(self.chunks, chunk) -> sent => match sent {
                Ok(()) => {
                    // If it is full, the feed has yet to look at what was written before.
                    let _ = self.progress.try_send(());
                    match self.seeks.try_recv() {
                        Err(TryRecvError::Empty) => return Wanted::More,
                        seek => seek.ok(),
                    }
                }
                Err(_) => None,
            },
        };
        self.go_to(seek)
    }

    /// Waits until the reader seeks back, or is gone.
    pub fn wait_at_end(&mut self) -> Wanted {
        let seek = self.seeks.recv().ok();
        self.go_to(seek)
    }

    fn go_to(&mut self, seek: Option<Seek>) -> Wanted {
        let Some(Seek { take, to }) = seek else { return Wanted::Nothing };
        self.take = take;
        self.position = to.0;
        Wanted::Seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seek_makes_void_what_was_written_before() {
        let (mut feed, mut writer) = feed(Channels::Mono, FrameCount(5), 2);
        assert_eq!(writer.write(vec![5.0, 6.0], None), Wanted::More);
        assert_eq!((feed.position(), feed.read(&mut [0.0], None)), (FrameCount(5), Taken::Full));
        assert_eq!(writer.write(vec![7.0], Some(Ending::Complete)), Wanted::More);
        assert!(writer.has_ended());
        assert_eq!(feed.end(), Some(FrameCount(8)));
        feed.seek(FrameCount(2));
        assert_eq!((feed.end(), feed.read(&mut [0.0], None)), (None, Taken::Behind(0)));
        assert_eq!(writer.wait_at_end(), Wanted::Seek(FrameCount(2)));
        assert!(!writer.has_ended());
        assert_eq!(writer.write(vec![2.0], Some(Ending::Complete)), Wanted::More);
        let mut out = [0.0; 2];
        assert_eq!((feed.read(&mut out, None), out[0]), (Taken::Ended(1), 2.0));
        assert_eq!(feed.ending(), Some(&Ending::Complete));
        assert_eq!(feed.end(), Some(FrameCount(3)));
    }

    #[test]
    fn a_feed_that_waits_has_all_that_the_writer_may_be_ahead_or_knows_the_end() {
        const PATIENCE: Duration = Duration::from_secs(20);
        let (mut feed, mut writer) = feed(Channels::Mono, FrameCount(0), 3);
        let thread = std::thread::spawn(move || {
            for frame in 0..10 {
                std::thread::sleep(Duration::from_millis(5));
                writer.write(vec![frame as f32], (frame == 9).then_some(Ending::Complete));
            }
        });
        for _ in 0..10 {
            feed.wait_until_ahead(PATIENCE);
            let ahead = feed.chunks.len();
            assert!(ahead == 3 || feed.end() == Some(FrameCount(10)), "{ahead} ahead");
            assert_eq!(feed.read(&mut [0.0], Some(PATIENCE)), Taken::Full);
        }
        thread.join().unwrap();
    }

    #[test]
    fn nobody_waits_for_a_writer_that_is_gone() {
        let (feed, mut writer) = feed(Channels::Mono, FrameCount(0), 3);
        writer.write(vec![0.0], None);
        drop(writer);
        let since = Instant::now();
        feed.wait_until_ahead(Duration::from_secs(60));
        assert!(since.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn each_end_notices_that_the_other_is_gone() {
        let (unread, mut writer) = feed(Channels::Mono, FrameCount(0), 1);
        drop(unread);
        assert_eq!(writer.write(vec![0.0], None), Wanted::Nothing);
        let (mut feed, writer) = feed(Channels::Mono, FrameCount(0), 1);
        drop(writer);
        assert_eq!(feed.read(&mut [0.0], None), Taken::Ended(0));
        assert!(matches!(feed.ending(), Some(Ending::Broken(_))));
    }
}
