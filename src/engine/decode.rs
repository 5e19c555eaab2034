//! The `decode` threads: one for each voice, from an opened file to a bounded queue of PCM.
//!
//! Reads: a [`Source`]. Writes: a [`Feed`], about two seconds ahead of what the mixer has taken.
//! Never: waits for the mixer longer than the mixer lives. Dropping the feed ends the thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, TryRecvError, bounded, select, unbounded};

use crate::audio::{Channels, PcmSpec};
use crate::codec::file::{AudioFile, Status};
use crate::error::Result;
use crate::metadata::Tags;
use crate::units::FrameCount;

/// How much a voice is decoded ahead: a disk may be away for so long and nobody hears it.
pub(crate) const AHEAD: Duration = Duration::from_secs(2);

/// How much travels at once from a decode thread to the mixer. The thread wakes for each, so longer ones would be
/// cheaper; but a seek waits until so much has been decoded.
const CHUNK: Duration = Duration::from_millis(200);

/// What a voice plays: a file in the pipeline's shape, or anything else that yields PCM.
pub(crate) trait Source: Send {
    /// Its tags.
    fn tags(&self) -> &Tags;
    /// How long it sounds, if it says so.
    fn duration(&self) -> Option<FrameCount>;
    /// Appends the next interleaved frames; false when there are no more.
    fn read(&mut self, out: &mut Vec<f32>) -> Result<bool>;
    /// Goes on reading at `to`; beyond the end is the end.
    fn seek(&mut self, to: FrameCount) -> Result<()>;
}

impl Source for AudioFile {
    fn tags(&self) -> &Tags {
        AudioFile::tags(self)
    }

    fn duration(&self) -> Option<FrameCount> {
        AudioFile::duration(self)
    }

    fn read(&mut self, out: &mut Vec<f32>) -> Result<bool> {
        Ok(AudioFile::read(self, out)? == Status::More)
    }

    fn seek(&mut self, to: FrameCount) -> Result<()> {
        AudioFile::seek(self, to)
    }
}

/// What a decode thread sends, in the order in which it sounds. A seek starts a new take; what is
/// left of older ones is passed over.
pub(super) struct Chunk {
    take: u32,
    samples: Vec<f32>,
    end: Option<Ending>,
}

impl Chunk {
    /// PCM that was pushed by hand: there is nothing to seek in.
    pub fn pushed(samples: Vec<f32>) -> Chunk {
        Chunk { take: 0, samples, end: None }
    }

    pub fn into_samples(self) -> Vec<f32> {
        self.samples
    }
}

/// How a source came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All of it was read.
    Complete,
    /// It broke off: the reason, for the log and the event.
    Broken(String),
}

/// The mixer's end of a voice's queue.
pub(crate) struct Feed {
    channels: Channels,
    chunks: Receiver<Chunk>,
    seeks: Option<Sender<Seek>>,
    take: u32,
    /// The chunk being read, and how many of its samples are taken.
    chunk: Vec<f32>,
    taken: usize,
    /// How the source ended, once its last chunk is being read.
    ending: Option<Ending>,
    /// How it ended if the other end is gone without a word.
    gone: Ending,
    /// Where reading is, in frames from the source's beginning.
    position: u64,
    end: Arc<End>,
}

struct Seek {
    take: u32,
    to: FrameCount,
}

/// Where a take ends, as both threads see it: the take's low 16 bits above 48 bits of position, so
/// that a seek makes what an older take said of its end void.
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

/// What a read from a feed gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// All that was asked for.
    Full,
    /// So many frames; the decoder is behind, and more will come.
    Behind(usize),
    /// So many frames, and they were the last.
    Ended(usize),
}

impl Feed {
    /// One that is filled by hand, and ends when its other end is gone.
    pub(super) fn by_hand(channels: Channels, chunks: Receiver<Chunk>) -> Feed {
        Feed { gone: Ending::Complete, ..Feed::of(channels, chunks) }
    }

    fn of(channels: Channels, chunks: Receiver<Chunk>) -> Feed {
        Feed {
            channels,
            chunks,
            seeks: None,
            take: 0,
            chunk: Vec::new(),
            taken: 0,
            ending: None,
            gone: Ending::Broken("its decoder stopped unexpectedly".into()),
            position: 0,
            end: End::unknown(),
        }
    }

    /// Frames from the source's beginning to what is read next.
    pub fn position(&self) -> FrameCount {
        FrameCount(self.position)
    }

    /// The frame after the last one, once the decoder has come to it.
    pub fn end(&self) -> Option<FrameCount> {
        self.end.of(self.take).map(FrameCount)
    }

    /// How it ended, once everything has been read.
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref().filter(|_| self.taken == self.chunk.len())
    }

    /// Fills `out` with interleaved samples as far as they are there. With `patience`, waits so
    /// long for a decoder that is behind (a stepped clock has all the time in the world), but
    /// never for the application.
    pub fn read(&mut self, out: &mut [f32], patience: Option<Duration>) -> Taken {
        let patience = patience.filter(|_| self.seeks.is_some());
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
                Some(chunk) => {
                    self.chunk = chunk.samples;
                    self.taken = 0;
                    self.ending = chunk.end;
                }
                None => break Taken::Behind(filled / channels),
            }
        };
        self.position += (filled / channels) as u64;
        taken
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

    /// A thread that is gone without a word (it panicked) ends its voice, not the mixer.
    fn abandoned(&self) -> Chunk {
        Chunk { take: self.take, samples: Vec::new(), end: Some(self.gone.clone()) }
    }

    /// Goes on at `to`. What was decoded ahead is dropped; until the decoder is there the feed is behind.
    pub fn seek(&mut self, to: FrameCount) {
        let Some(seeks) = &self.seeks else { return };
        // Beyond the end is the end, wherever that is.
        let to = to.min(FrameCount(End::UNKNOWN - 1));
        self.take += 1;
        self.chunk.clear();
        self.taken = 0;
        self.ending = None;
        self.position = to.0;
        // A thread that is gone has nothing to seek in: the feed says so at the next read.
        let _ = seeks.send(Seek { take: self.take, to });
    }
}

/// The decode thread's end of a voice's queue: what it has to do until the feed is gone.
pub(crate) struct Pump {
    source: Box<dyn Source>,
    channels: Channels,
    chunk_samples: usize,
    chunks: Sender<Chunk>,
    seeks: Receiver<Seek>,
    end: Arc<End>,
    take: u32,
    /// Frames from the source's beginning to what is decoded next.
    position: u64,
    waiting: Option<Chunk>,
}

/// A feed that is ready to sound `from` a frame on, and the work that keeps it full `ahead` of the mixer. Decodes the
/// first chunk, so that a file without any audio is found out here and not on the air: then the
/// reason comes back.
pub(crate) fn prime(
    mut source: Box<dyn Source>,
    spec: PcmSpec,
    from: FrameCount,
    ahead: Duration,
) -> std::result::Result<(Feed, Pump), String> {
    if from > FrameCount(0) {
        source.seek(from).map_err(|error| error.to_string())?;
    }
    let chunk_frames = spec.rate.frames_in(CHUNK).0;
    let chunk_samples = chunk_frames as usize * spec.channels.count();
    let first = decode(source.as_mut(), chunk_samples, 0);
    if first.samples.is_empty() {
        return Err(match first.end {
            Some(Ending::Broken(reason)) => reason,
            _ => "there is no audio in it".into(),
        });
    }
    let capacity = spec.rate.frames_in(ahead).0.div_ceil(chunk_frames).max(2);
    let (chunks, from_pump) = bounded(capacity as usize);
    let (seeks, to_pump) = unbounded();
    let feed = Feed { seeks: Some(seeks), position: from.0, ..Feed::of(spec.channels, from_pump) };
    let mut pump = Pump {
        source,
        channels: spec.channels,
        chunk_samples,
        chunks,
        seeks: to_pump,
        end: feed.end.clone(),
        take: 0,
        position: from.0,
        waiting: None,
    };
    pump.account(&first);
    pump.waiting = Some(first);
    Ok((feed, pump))
}

impl Pump {
    /// Decodes until the feed is dropped. Blocks wherever its source does.
    pub fn run(mut self) {
        loop {
            let seek = match self.waiting.take() {
                Some(chunk) => select! {
                    recv(self.seeks) -> seek => seek,
                    send(self.chunks, chunk) -> sent => match sent {
                        Ok(()) => match self.seeks.try_recv() {
                            Ok(seek) => Ok(seek),
                            Err(TryRecvError::Empty) => { self.decode_next(); continue }
                            Err(TryRecvError::Disconnected) => return,
                        },
                        Err(_) => return,
                    },
                },
                // At its end there is nothing to do but to be asked to go back.
                None => self.seeks.recv(),
            };
            match seek {
                Ok(seek) => self.seek(seek),
                Err(_) => return,
            }
        }
    }

    fn decode_next(&mut self) {
        if self.end.of(self.take).is_none() {
            let chunk = decode(self.source.as_mut(), self.chunk_samples, self.take);
            self.account(&chunk);
            self.waiting = Some(chunk);
        }
    }

    fn account(&mut self, chunk: &Chunk) {
        self.position += (chunk.samples.len() / self.channels.count()) as u64;
        if chunk.end.is_some() {
            self.end.set(self.take, self.position);
        }
    }

    fn seek(&mut self, Seek { take, to }: Seek) {
        self.take = take;
        self.position = to.0;
        match self.source.seek(to) {
            Ok(()) => self.decode_next(),
            Err(error) => {
                let end = Some(Ending::Broken(error.to_string()));
                let chunk = Chunk { take, samples: Vec::new(), end };
                self.account(&chunk);
                self.waiting = Some(chunk);
            }
        }
    }
}

fn decode(source: &mut dyn Source, full: usize, take: u32) -> Chunk {
    // What a source gives at once rarely ends where a chunk does.
    let mut samples = Vec::with_capacity(full + full / 4);
    let mut end = None;
    while samples.len() < full && end.is_none() {
        match source.read(&mut samples) {
            Ok(true) => {}
            Ok(false) => end = Some(Ending::Complete),
            Err(error) => end = Some(Ending::Broken(error.to_string())),
        }
    }
    Chunk { take, samples, end }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::error::Error;

    /// Frames that count up from zero, in pieces that fit nothing.
    pub(crate) struct Counting {
        pub frames: u64,
        pub at: u64,
        pub tags: Tags,
        pub declares: bool,
        pub breaks_at: Option<u64>,
    }

    impl Counting {
        pub fn of(frames: u64) -> Counting {
            Counting { frames, at: 0, tags: Tags::default(), declares: true, breaks_at: None }
        }
    }

    impl Source for Counting {
        fn tags(&self) -> &Tags {
            &self.tags
        }
        fn duration(&self) -> Option<FrameCount> {
            self.declares.then_some(FrameCount(self.frames))
        }
        fn read(&mut self, out: &mut Vec<f32>) -> Result<bool> {
            if self.breaks_at.is_some_and(|at| self.at >= at) {
                return Err(Error::file("x", "torn"));
            }
            for _ in 0..777.min(self.frames - self.at) {
                out.push(self.at as f32);
                self.at += 1;
            }
            Ok(self.at < self.frames)
        }
        fn seek(&mut self, to: FrameCount) -> Result<()> {
            self.at = to.0.min(self.frames);
            Ok(())
        }
    }

    const MONO: PcmSpec = PcmSpec { rate: crate::units::SampleRate::CD, channels: Channels::Mono };
    const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));

    fn play(source: Counting) -> (Feed, std::thread::JoinHandle<()>) {
        let (feed, pump) = prime(Box::new(source), MONO, FrameCount(0), AHEAD).unwrap();
        (feed, std::thread::spawn(move || pump.run()))
    }

    fn read_all(feed: &mut Feed, stretch: usize) -> Vec<f32> {
        let mut all = Vec::new();
        let mut out = vec![0.0; stretch];
        loop {
            match feed.read(&mut out, PATIENCE) {
                Taken::Full => all.extend(&out),
                Taken::Ended(frames) => {
                    all.extend(&out[..frames]);
                    return all;
                }
                Taken::Behind(_) => panic!("the decoder is not there"),
            }
        }
    }

    #[test]
    fn every_frame_comes_once_and_in_order_however_it_is_read() {
        let chunk = MONO.rate.frames_in(CHUNK).0;
        for (frames, stretch) in [
            (1, 1024),
            (777, 1),
            (chunk - 1, 1024),
            (chunk, chunk as usize),
            (chunk + 1, 1024),
            (300_000, 1024),
            (300_001, 4099),
        ] {
            let (mut feed, thread) = play(Counting::of(frames));
            let all = read_all(&mut feed, stretch);
            assert!(all.iter().copied().eq((0..frames).map(|frame| frame as f32)), "{frames}/{stretch}");
            assert_eq!(feed.ending(), Some(&Ending::Complete));
            assert_eq!((feed.position(), feed.end()), (FrameCount(frames), Some(FrameCount(frames))));
            drop(feed);
            thread.join().unwrap();
        }
    }

    #[test]
    fn a_seek_drops_what_was_decoded_ahead_and_nothing_else() {
        let (mut feed, _thread) = play(Counting::of(1_000_000));
        let mut out = vec![0.0; 1000];
        for (to, first) in [(500_000, 500_000), (3, 3), (999_999, 999_999), (0, 0)] {
            assert_ne!(feed.read(&mut out, PATIENCE), Taken::Behind(0));
            feed.seek(FrameCount(to));
            assert_eq!(feed.position(), FrameCount(to));
            feed.read(&mut out, PATIENCE);
            assert_eq!(out[0], first as f32);
        }
        // Back from its end, and beyond it.
        feed.seek(FrameCount(1_000_000));
        assert_eq!(feed.read(&mut out, PATIENCE), Taken::Ended(0));
        feed.seek(FrameCount(999_000));
        assert_eq!(feed.read(&mut out, PATIENCE), Taken::Full);
        assert_eq!(out[999], 999_999.0);
    }

    #[test]
    fn a_source_that_breaks_off_gives_what_it_had_and_says_why() {
        let (mut feed, _thread) = play(Counting { breaks_at: Some(5000), ..Counting::of(100_000) });
        let all = read_all(&mut feed, 1024);
        assert!((5000..5777).contains(&all.len()));
        assert!(matches!(feed.ending(), Some(Ending::Broken(reason)) if reason.contains("torn")));
    }

    #[test]
    fn a_source_without_audio_is_refused_before_it_is_heard() {
        assert_eq!(
            prime(Box::new(Counting::of(0)), MONO, FrameCount(0), AHEAD).err().unwrap(),
            "there is no audio in it"
        );
        let torn = Counting { breaks_at: Some(0), ..Counting::of(10) };
        assert!(prime(Box::new(torn), MONO, FrameCount(0), AHEAD).err().unwrap().contains("torn"));
    }

    #[test]
    fn a_decoder_that_panics_ends_its_voice() {
        struct Panics;
        impl Source for Panics {
            fn tags(&self) -> &Tags {
                unreachable!()
            }
            fn duration(&self) -> Option<FrameCount> {
                None
            }
            fn read(&mut self, out: &mut Vec<f32>) -> Result<bool> {
                match out.capacity() {
                    0 => panic!("as a decoder may"),
                    // The first chunk is whole at once.
                    _ if out.is_empty() => out.extend([0.5; 44_100]),
                    _ => {}
                }
                Ok(true)
            }
            fn seek(&mut self, _: FrameCount) -> Result<()> {
                panic!("on purpose, in a test")
            }
        }
        let (mut feed, pump) = prime(Box::new(Panics), MONO, FrameCount(0), AHEAD).unwrap();
        let thread = std::thread::spawn(move || pump.run());
        feed.seek(FrameCount(1));
        assert!(thread.join().is_err());
        assert_eq!(feed.read(&mut [0.0; 64], None), Taken::Ended(0));
        assert!(matches!(feed.ending(), Some(Ending::Broken(_))));
    }
}
