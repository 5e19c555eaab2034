//! The buffer of a live input: PCM goes from the source's thread to the mixer.
//!
//! The source's thread writes through a [`LiveWriter`] what has arrived. The mixer reads from the
//! [`LiveFeed`] without waiting. Both ends and the application see the same [`LiveLine`]: how much is in the
//! buffer, how far its level is off, and whether the line has ended.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};

use crossbeam::channel::{Receiver, Sender, bounded};
use crossbeam::queue::ArrayQueue;

use crate::audio::PcmSpec;
use crate::error::LeaveReason;
use crate::metadata::Title;
use crate::units::FrameCount;

/// Frames that travel at once.
const CHUNK_FRAMES: usize = 512;

/// Titles that wait for their place in the audio, at most. With one more, the oldest goes.
const MOST_TITLES: usize = 32;

/// A feed in this shape that has room for so many frames, with its writer.
pub(crate) fn live_feed(spec: PcmSpec, room: FrameCount) -> (LiveFeed, LiveWriter) {
    let (to_feed, chunks) = bounded(room.0.div_ceil(CHUNK_FRAMES as u64) as usize);
    let line = Arc::new(LiveLine {
        received: AtomicU64::new(0),
        written: AtomicU64::new(0),
        taken: AtomicU64::new(0),
        correction: AtomicI64::new(0),
        drift: AtomicI64::new(0),
        drops: AtomicU64::new(0),
        gaps: AtomicU64::new(0),
        quiet: AtomicU64::new(0),
        ended: AtomicU8::new(OPEN),
        titles: ArrayQueue::new(MOST_TITLES),
    });
    let channels = spec.channels.count();
    let feed =
        LiveFeed { channels, chunks, chunk: Vec::new(), at: 0, titles: VecDeque::new(), line: line.clone() };
    let writer = LiveWriter { channels, chunks: to_feed, chunk: Vec::new(), line };
    (feed, writer)
}

/// What both ends of a live feed share. It is an application's, too: nobody waits for anybody here.
#[derive(Debug)]
pub(crate) struct LiveLine {
    /// Bytes in all.
    received: AtomicU64,
    /// Frames in all.
    written: AtomicU64,
    taken: AtomicU64,
    /// In thousandths of a millionth.
    correction: AtomicI64,
    drift: AtomicI64,
    drops: AtomicU64,
    gaps: AtomicU64,
    /// In frames.
    quiet: AtomicU64,
    /// [`OPEN`], or the place of a [`LeaveReason`].
    ended: AtomicU8,
    /// Titles, each with its place among the frames that are written.
    titles: ArrayQueue<(u64, Arc<Title>)>,
}

/// The line has not ended.
const OPEN: u8 = u8::MAX;

impl LiveLine {
    /// How many frames are in the buffer.
    pub fn level(&self) -> FrameCount {
        FrameCount(self.written().0.saturating_sub(self.taken.load(Ordering::Relaxed)))
    }

    /// How many bytes have arrived in all.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// So many more bytes have arrived.
    pub fn receive(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// How many frames have come of them.
    pub fn written(&self) -> FrameCount {
        FrameCount(self.written.load(Ordering::Acquire))
    }

    /// Ends the line. The first reason is the one that counts.
    pub fn end(&self, why: LeaveReason) {
        let place = LeaveReason::ALL.iter().position(|end| *end == why).unwrap_or(0) as u8;
        let _ = self.ended.compare_exchange(OPEN, place, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Why the line has ended, once it has.
    pub fn ended(&self) -> Option<LeaveReason> {
        LeaveReason::ALL.get(usize::from(self.ended.load(Ordering::Acquire))).copied()
    }

    /// A title for what comes when so many more frames have been written.
    pub fn entitle(&self, ahead: FrameCount, title: Arc<Title>) {
        self.titles.force_push((self.written().0 + ahead.0, title));
    }

    /// By how much more frames are to be made of the same sound.
    pub fn correction(&self) -> f64 {
        self.correction.load(Ordering::Relaxed) as f64 / 1e9
    }

    /// How much faster than ours the sender's clock runs, in millionths.
    pub fn drift_ppm(&self) -> f64 {
        self.drift.load(Ordering::Relaxed) as f64 / 1e3
    }

    /// Sets both.
    pub fn steer(&self, correction: f64, drift_ppm: f64) {
        self.correction.store((correction * 1e9) as i64, Ordering::Relaxed);
        self.drift.store((drift_ppm * 1e3) as i64, Ordering::Relaxed);
    }

    /// For how long nothing has arrived, as the mixer has seen it.
    pub fn quiet(&self) -> FrameCount {
        FrameCount(self.quiet.load(Ordering::Relaxed))
    }

    /// Tells for how long nothing has arrived.
    pub fn set_quiet(&self, quiet: FrameCount) {
        self.quiet.store(quiet.0, Ordering::Relaxed);
    }

    /// Counts a piece that was dropped.
    pub fn count_drop(&self) {
        self.drops.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a gap.
    pub fn count_gap(&self) {
        self.gaps.fetch_add(1, Ordering::Relaxed);
    }

    /// How many pieces were dropped, and how many gaps there were.
    pub fn drops_and_gaps(&self) -> (u64, u64) {
        (self.drops.load(Ordering::Relaxed), self.gaps.load(Ordering::Relaxed))
    }
}

/// The source's end.
pub(crate) struct LiveWriter {
    channels: usize,
    chunks: Sender<Vec<f32>>,
    /// What does not fill a chunk yet.
    chunk: Vec<f32>,
    line: Arc<LiveLine>,
}

impl LiveWriter {
    /// What it shares with the mixer.
    pub fn line(&self) -> &Arc<LiveLine> {
        &self.line
    }

    /// Writes interleaved frames, as many as the buffer has room for. Returns how many samples it has taken.
    pub fn write(&mut self, samples: &[f32]) -> usize {
        let full = CHUNK_FRAMES * self.channels;
        let mut taken = 0;
        loop {
            let count = (full - self.chunk.len()).min(samples.len() - taken);
            self.chunk.extend_from_slice(&samples[taken..taken + count]);
            taken += count;
            if self.chunk.len() < full || !self.send() {
                return taken;
            }
        }
    }

    /// Sends the chunk, which is full, if there is room.
    fn send(&mut self) -> bool {
        if self.chunks.is_full() {
            return false;
        }
        // Counted first: the reader never takes what is not counted.
        self.line.written.fetch_add(CHUNK_FRAMES as u64, Ordering::AcqRel);
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK_FRAMES * self.channels));
        // Nobody else fills the buffer. If the mixer is gone, the line has ended.
        self.chunks.try_send(chunk).inspect_err(|_| self.line.end(LeaveReason::StationStopped)).is_ok()
    }
}

/// A writer that is gone without a word has panicked.
impl Drop for LiveWriter {
    fn drop(&mut self) {
        self.line.end(LeaveReason::Broken);
    }
}

/// The mixer's end.
pub(crate) struct LiveFeed {
    channels: usize,
    chunks: Receiver<Vec<f32>>,
    /// The chunk that is being read, and how many of its samples have been.
    chunk: Vec<f32>,
    at: usize,
    /// Titles whose place has not come yet.
    titles: VecDeque<(u64, Arc<Title>)>,
    line: Arc<LiveLine>,
}

impl LiveFeed {
    /// What it shares with the source.
    pub fn line(&self) -> &Arc<LiveLine> {
        &self.line
    }

    /// Takes the next frames, as many as `out` has room for. Returns how many there were.
    pub fn take(&mut self, out: &mut [f32]) -> usize {
        let mut done = 0;
        while done < out.len() && self.has_some() {
            let part = &self.chunk[self.at..];
            let count = part.len().min(out.len() - done);
            out[done..done + count].copy_from_slice(&part[..count]);
            self.at += count;
            done += count;
        }
        self.count(done)
    }

    /// Leaves out the next frames. Returns how many there were.
    pub fn skip(&mut self, frames: FrameCount) -> usize {
        let wanted = frames.0 as usize * self.channels;
        let mut done = 0;
        while done < wanted && self.has_some() {
            let count = (self.chunk.len() - self.at).min(wanted - done);
            self.at += count;
            done += count;
        }
        self.count(done)
    }

    /// The latest title whose place has come since the last call.
    pub fn title(&mut self) -> Option<Arc<Title>> {
        while let Some(next) = self.line.titles.pop() {
            // Of those at one place, only the last is heard. A source that sends titles and next to no sound
            // cannot pile them up.
            let same_place = self.titles.back().is_some_and(|(at, _)| *at == next.0);
            match same_place {
                true => _ = self.titles.pop_back(),
                false if self.titles.len() == MOST_TITLES => _ = self.titles.pop_front(),
                false => {}
            }
            self.titles.push_back(next);
        }
        let taken = self.line.taken.load(Ordering::Relaxed);
        let mut title = None;
        while self.titles.front().is_some_and(|(at, _)| *at <= taken) {
            title = self.titles.pop_front().map(|(_, title)| title);
        }
        title
    }

    /// Whether there is a sample to take.
    fn has_some(&mut self) -> bool {
        if self.at == self.chunk.len() {
            let Ok(chunk) = self.chunks.try_recv() else { return false };
            (self.chunk, self.at) = (chunk, 0);
        }
        true
    }

    fn count(&self, samples: usize) -> usize {
        let frames = samples / self.channels;
        self.line.taken.fetch_add(frames as u64, Ordering::Relaxed);
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Channels;
    use crate::units::SampleRate;

    const MONO: PcmSpec = PcmSpec { rate: SampleRate::CD, channels: Channels::Mono };

    fn counting(range: std::ops::Range<u32>) -> Vec<f32> {
        range.map(|sample| sample as f32).collect()
    }

    #[test]
    fn every_frame_comes_once_and_in_order_however_it_is_written_and_taken() {
        for (written, taken) in [(1, 1024), (777, 1), (512, 512), (4000, 300)] {
            let (mut feed, mut writer) = live_feed(MONO, FrameCount(20_000));
            let line = writer.line().clone();
            let all = counting(0..10_240);
            assert!(all.chunks(written).all(|part| writer.write(part) == part.len()));
            assert_eq!(line.level(), FrameCount(10_240));
            let (mut out, mut heard) = (vec![0.0; taken], Vec::new());
            loop {
                match feed.take(&mut out) {
                    0 => break,
                    frames => heard.extend_from_slice(&out[..frames]),
                }
            }
            assert_eq!(heard, all);
            assert_eq!(line.level(), FrameCount(0));
        }
    }

    #[test]
    fn frames_can_be_left_out() {
        let (mut feed, mut writer) = live_feed(MONO, FrameCount(20_000));
        let line = writer.line().clone();
        writer.write(&counting(0..5_120));
        let mut out = [0.0; 100];
        feed.take(&mut out);
        assert_eq!(feed.skip(FrameCount(1_000)), 1_000);
        assert_eq!((feed.take(&mut out), out[0], line.level()), (100, 1_100.0, FrameCount(5_120 - 1_200)));
        assert_eq!(feed.skip(FrameCount(9_999)), 5_120 - 1_200);
        assert_eq!(feed.take(&mut out), 0);
    }

    #[test]
    fn a_title_comes_where_it_was_set() {
        let (mut feed, mut writer) = live_feed(MONO, FrameCount(20_000));
        let line = writer.line().clone();
        let title = |text: &str| Arc::new(Title::new(text.to_owned()));
        line.entitle(FrameCount(0), title("a"));
        writer.write(&[0.0; 1024]);
        line.entitle(FrameCount(0), title("b"));
        line.entitle(FrameCount(0), title("c"));
        writer.write(&[0.0; 1024]);
        let mut came = |frames| {
            feed.take(&mut vec![0.0; frames]);
            feed.title().map(|title| title.text.clone())
        };
        assert_eq!(
            [came(1), came(1022), came(1), came(1000)],
            [Some("a".into()), None, Some("c".into()), None]
        );
        (0..100).for_each(|n| line.entitle(FrameCount(0), title(&n.to_string())));
        assert!(line.titles.len() <= MOST_TITLES);
    }

    /// The sound that they belong to may never come.
    #[test]
    fn titles_that_wait_for_their_place_are_bounded_and_the_latest_stay() {
        let (mut feed, mut writer) = live_feed(MONO, FrameCount(20_000));
        let line = writer.line().clone();
        let title = |n: u64| Arc::new(Title::new(n.to_string()));
        writer.write(&[0.0; 1024]);
        for n in 0..1_000 {
            line.entitle(FrameCount(0), title(n));
            assert!(feed.title().is_none());
        }
        assert_eq!(feed.titles.len(), 1, "they have one place");
        for n in 0..1_000 {
            line.entitle(FrameCount(1 + n), title(n));
            assert!(feed.title().is_none());
        }
        assert_eq!(feed.titles.len(), MOST_TITLES);
        feed.take(&mut [0.0; 1024]);
        writer.write(&[0.0; 1024]);
        feed.take(&mut [0.0; 1024]);
        assert_eq!(feed.title().map(|title| title.text.clone()).as_deref(), Some("999"));
    }

    #[test]
    fn a_full_buffer_takes_no_more_until_there_is_room_and_nothing_is_lost() {
        let (mut feed, mut writer) = live_feed(MONO, FrameCount(1024));
        let line = writer.line().clone();
        let all = counting(0..4096);
        let (mut written, mut heard) = (0, Vec::new());
        let mut out = vec![0.0; 300];
        while heard.len() < 4096 {
            written += writer.write(&all[written..]);
            assert!(line.level() <= FrameCount(1024 + 512), "a chunk may be in the feed's hands");
            let frames = feed.take(&mut out);
            heard.extend_from_slice(&out[..frames]);
        }
        assert_eq!(heard, all);
        assert_eq!(line.ended(), None);
    }

    #[test]
    fn a_line_ends_once_and_with_its_mixer() {
        let (feed, mut writer) = live_feed(MONO, FrameCount(1024));
        let line = writer.line().clone();
        drop(feed);
        writer.write(&[0.5; 4096]);
        line.end(LeaveReason::Left);
        assert_eq!(line.ended(), Some(LeaveReason::StationStopped));
        let (_feed, writer) = live_feed(MONO, FrameCount(1024));
        let line = writer.line().clone();
        drop(writer);
        assert_eq!(line.ended(), Some(LeaveReason::Broken), "it has panicked");
    }
}
