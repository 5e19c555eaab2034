//! What the mixer takes out of a live input's buffer: always as much as it needs, and without a click. Where
//! the buffer runs dry there is a gap, where too much has piled up some is dropped; both are faded over
//! [`CUT`], and counted.

use super::super::voice::CUT;
use crate::audio::PcmSpec;
use crate::playout::{Curve, GainRamp, Steering};
use crate::ring::{LiveFeed, LiveLine};
use crate::units::FrameCount;

/// A live feed, kept at its level. Lives on the mixer's thread.
pub(super) struct Buffer {
    spec: PcmSpec,
    feed: LiveFeed,
    steering: Steering,
    flow: Flow,
    /// After a gap, sound comes back when so much is in the buffer.
    again: FrameCount,
    /// What was dropped last, as far as it is faded out under what follows it.
    dropped: Vec<f32>,
}

enum Flow {
    /// The gain of what comes: it fades in after a gap.
    Flowing(GainRamp),
    Gap,
}

impl Buffer {
    /// A buffer of this length.
    pub fn new(spec: PcmSpec, feed: LiveFeed, length: FrameCount) -> Buffer {
        Buffer {
            spec,
            feed,
            steering: Steering::new(spec.rate, length),
            flow: Flow::Flowing(GainRamp::constant(1.0)),
            again: FrameCount(u64::from(spec.rate.hz()) / 2).min(FrameCount(length.0 / 2)),
            dropped: Vec::new(),
        }
    }

    /// The feed, for what only it knows.
    pub fn feed(&mut self) -> &mut LiveFeed {
        &mut self.feed
    }

    /// What it shares with the source.
    pub fn line(&self) -> &LiveLine {
        self.feed.line()
    }

    /// The buffer was filled again, and nothing was taken out of it meanwhile.
    pub fn begin_anew(&mut self) {
        self.steering.begin_anew();
    }

    /// Writes the next frames to `out`, silence where there are none.
    pub fn take(&mut self, out: &mut [f32]) {
        let frames = FrameCount((out.len() / self.spec.channels.count()) as u64);
        let level = self.line().level();
        if let Some(excess) = self.steering.step(level, frames) {
            self.drop_some(excess);
        }
        let line = self.feed.line();
        line.steer(self.steering.correction(), self.steering.drift_ppm());
        self.flow(out);
        self.fade_dropped(out);
    }

    /// Takes the next frames, or goes on with a gap.
    fn flow(&mut self, out: &mut [f32]) {
        let channels = self.spec.channels.count();
        let cut = self.spec.rate.frames_in(CUT);
        let wanted = FrameCount((out.len() / channels) as u64);
        let level = self.line().level();
        if matches!(self.flow, Flow::Gap) {
            // Enough that the next gap does not follow at once.
            if level < self.again.max(FrameCount(wanted.0 + 2 * cut.0)) {
                out.fill(0.0);
                return;
            }
            self.flow = Flow::Flowing(GainRamp::new(0.0, 1.0, cut, Curve::Smooth));
        }
        let Flow::Flowing(gain) = &mut self.flow else { return };
        let taken = self.feed.take(out) * channels;
        out[taken..].fill(0.0);
        scale(&mut out[..taken], gain, channels);
        // A fade's length is always left, so that no gap begins without one.
        if self.feed.line().level() < cut || taken < out.len() {
            let fade = taken.min(cut.0 as usize * channels);
            let mut gain = GainRamp::new(1.0, 0.0, FrameCount((fade / channels) as u64), Curve::Smooth);
            scale(&mut out[taken - fade..taken], &mut gain, channels);
            self.flow = Flow::Gap;
            self.feed.line().count_gap();
        }
    }

    /// Leaves out what is too much, and keeps its beginning in order to fade it out.
    fn drop_some(&mut self, excess: FrameCount) {
        let channels = self.spec.channels.count();
        let cut = self.spec.rate.frames_in(CUT).min(excess);
        self.dropped.resize(cut.0 as usize * channels, 0.0);
        let kept = self.feed.take(&mut self.dropped);
        self.dropped.truncate(kept * channels);
        self.feed.skip(FrameCount(excess.0 - cut.0));
        self.feed.line().count_drop();
    }

    /// Fades what was dropped into what follows it.
    fn fade_dropped(&mut self, out: &mut [f32]) {
        if self.dropped.is_empty() {
            return;
        }
        let channels = self.spec.channels.count();
        let samples = self.dropped.len().min(out.len());
        let frames = FrameCount((samples / channels) as u64);
        let (old, new) = (&mut self.dropped[..samples], &mut out[..samples]);
        scale(old, &mut GainRamp::new(1.0, 0.0, frames, Curve::EqualPower), channels);
        scale(new, &mut GainRamp::new(0.0, 1.0, frames, Curve::EqualPower), channels);
        new.iter_mut().zip(old).for_each(|(new, old)| *new += *old);
        self.dropped.clear();
    }
}

/// Multiplies frames by the next gains.
fn scale(samples: &mut [f32], gain: &mut GainRamp, channels: usize) {
    if gain.settled() == Some(1.0) {
        return;
    }
    for frame in samples.chunks_mut(channels) {
        let now = gain.gain();
        frame.iter_mut().for_each(|sample| *sample *= now);
        gain.advance(FrameCount(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{BLOCK_FRAMES, Channels};
    use crate::ring::{LiveWriter, live_feed};
    use crate::units::SampleRate;

    const MONO: PcmSpec = PcmSpec { rate: SampleRate::CD, channels: Channels::Mono };
    const SECOND: usize = 44_100;

    fn buffer(length: usize) -> (Buffer, LiveWriter) {
        let (feed, writer) = live_feed(MONO, FrameCount(20 * SECOND as u64));
        (Buffer::new(MONO, feed, FrameCount(length as u64)), writer)
    }

    fn take(buffer: &mut Buffer, blocks: usize) -> Vec<f32> {
        let mut heard = vec![f32::NAN; blocks * BLOCK_FRAMES];
        heard.chunks_mut(BLOCK_FRAMES).for_each(|block| buffer.take(block));
        heard
    }

    /// The greatest step between neighbours.
    fn steepest(heard: &[f32]) -> f32 {
        heard.windows(2).map(|two| (two[1] - two[0]).abs()).fold(0.0, f32::max)
    }

    /// A fade over 10 ms changes by no more from sample to sample.
    const SOFT: f32 = 0.005;

    #[test]
    fn a_buffer_that_runs_dry_fades_out_and_comes_back_when_there_is_a_little() {
        let (mut buffer, mut writer) = buffer(SECOND);
        writer.write(&vec![1.0; 512 * 20]);
        let heard = take(&mut buffer, 12);
        assert!(heard[..512 * 18].iter().all(|sample| *sample == 1.0));
        assert!(steepest(&heard) < SOFT, "{}", steepest(&heard));
        assert_eq!((heard.last(), buffer.line().drops_and_gaps()), (Some(&0.0), (0, 1)));
        // Half a second is enough.
        writer.write(&vec![1.0; 512 * 40]);
        assert!(take(&mut buffer, 1).iter().all(|sample| *sample == 0.0));
        writer.write(&vec![1.0; 512 * 10]);
        let heard = take(&mut buffer, 2);
        assert!(heard[0] == 0.0 && heard.last() == Some(&1.0) && steepest(&heard) < SOFT);
        assert_eq!(buffer.line().drops_and_gaps(), (0, 1));
    }

    #[test]
    fn what_is_too_much_is_dropped_softly() {
        let (mut buffer, mut writer) = buffer(SECOND);
        // Two and a half seconds of 0.5, then -0.5: the end of the one is dropped, and the other follows.
        writer.write(&vec![0.5; 5 * SECOND / 2]);
        let mut heard = Vec::new();
        for _ in 0..(3 * SECOND / BLOCK_FRAMES) {
            writer.write(&[-0.5; BLOCK_FRAMES]);
            heard.extend(take(&mut buffer, 1));
        }
        assert_eq!(buffer.line().drops_and_gaps(), (1, 0));
        let level = buffer.line().level().0 as f64 / SECOND as f64;
        assert!((level - 1.0).abs() < 0.05, "{level}");
        assert!(steepest(&heard) < 2.0 * SOFT, "{}", steepest(&heard));
        assert!(heard.iter().all(|sample| sample.abs() <= 0.72));
    }

    #[test]
    fn a_sender_that_is_too_slow_is_heard_with_gaps_and_no_click() {
        let (mut buffer, mut writer) = buffer(SECOND);
        writer.write(&vec![0.5; SECOND]);
        let mut heard = Vec::new();
        for _ in 0..(200 * SECOND / BLOCK_FRAMES) {
            writer.write(&[0.5; BLOCK_FRAMES * 97 / 100]);
            heard.extend(take(&mut buffer, 1));
        }
        let (drops, gaps) = buffer.line().drops_and_gaps();
        assert!(drops == 0 && (5..15).contains(&gaps), "{gaps}");
        assert!(steepest(&heard) < SOFT);
    }
}
