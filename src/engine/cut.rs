//! A source of which only a part is played: from its cue in to its cue out. Positions count from the cue in.

use std::time::Duration;

use super::decode::Source;
use super::voice::CUT;
use crate::audio::PcmSpec;
use crate::error::Result;
use crate::metadata::Tags;
use crate::playout::{Curve, GainRamp, Heard};
use crate::units::FrameCount;

/// A part that is shorter is a mistake: then all of the source is played.
const SHORTEST: Duration = Duration::from_millis(100);

/// The part of a source that is played.
pub(crate) struct Cut {
    source: Box<dyn Source>,
    channels: usize,
    /// Where it begins in its source, and where it ends, if that is before the source's own end.
    from: u64,
    to: Option<u64>,
    /// The next frame to be read, counted from the source's first.
    at: u64,
    /// How many frames a fade takes where the source is cut.
    fade: u64,
}

impl Cut {
    /// The part of a source between its cue points, and where the next track should start, counted from where
    /// the part begins. If nothing is cut, it is the source itself.
    pub fn of(
        mut source: Box<dyn Source>,
        heard: &Heard,
        spec: PcmSpec,
    ) -> Result<(Box<dyn Source>, Option<FrameCount>)> {
        let frames = |time: Option<Duration>| time.map(|time| spec.rate.frames_in(time).0);
        let (declared, shortest) =
            (source.duration().map(|length| length.0), spec.rate.frames_in(SHORTEST).0);
        let length = declared.unwrap_or(u64::MAX);
        let to = frames(heard.cue_out).filter(|to| *to < length);
        let mut from = frames(heard.cue_in).unwrap_or(0);
        let mut is_long_enough = to.unwrap_or(length) >= from.saturating_add(shortest);
        if is_long_enough && from > 0 && declared.is_none() {
            // Only its decoder knows whether it is as long as that.
            is_long_enough =
                sounds(source.as_mut(), FrameCount(from), shortest as usize * spec.channels.count());
            source.seek(FrameCount(0))?;
        }
        if !is_long_enough {
            from = 0;
        }
        let start_next = frames(heard.start_next).map(|at| FrameCount(at.saturating_sub(from)));
        if !is_long_enough || (from, to) == (0, None) {
            return Ok((source, start_next));
        }
        if from > 0 {
            source.seek(FrameCount(from))?;
        }
        let (channels, fade) = (spec.channels.count(), spec.rate.frames_in(CUT).0);
        Ok((Box::new(Cut { source, channels, from, to, at: from, fade }), start_next))
    }

    /// Fades at the cuts: what is cut may sound, if a person or a tag says so.
    fn fade_at_cuts(&self, pcm: &mut [f32]) {
        let frames = (pcm.len() / self.channels) as u64;
        let is_near_begin = self.from > 0 && self.at < self.from + self.fade;
        let is_near_end = self.to.is_some_and(|to| self.at + frames + self.fade > to);
        if !is_near_begin && !is_near_end {
            return;
        }
        let ramp = GainRamp::new(0.0, 1.0, FrameCount(self.fade), Curve::Smooth);
        for (frame, samples) in (self.at..).zip(pcm.chunks_exact_mut(self.channels)) {
            let since = if self.from > 0 { frame - self.from } else { u64::MAX };
            let left = self.to.map_or(u64::MAX, |to| to - 1 - frame);
            let gain = ramp.gain_after(FrameCount(since)) * ramp.gain_after(FrameCount(left));
            samples.iter_mut().for_each(|sample| *sample *= gain);
        }
    }
}

/// Whether a source has so many samples from there on. One that cannot be read there has not.
fn sounds(source: &mut dyn Source, from: FrameCount, samples: usize) -> bool {
    let mut pcm = Vec::new();
    let mut goes_on = source.seek(from).is_ok();
    while goes_on && pcm.len() < samples {
        goes_on = source.read(&mut pcm).unwrap_or(false);
    }
    pcm.len() >= samples
}

impl Source for Cut {
    fn tags(&self) -> &Tags {
        self.source.tags()
    }

    fn duration(&self) -> Option<FrameCount> {
        let end = self.to.or(self.source.duration().map(|length| length.0))?;
        Some(FrameCount(end.saturating_sub(self.from)))
    }

    fn read(&mut self, out: &mut Vec<f32>) -> Result<bool> {
        let left = self.to.map_or(u64::MAX, |to| to.saturating_sub(self.at));
        if left == 0 {
            return Ok(false);
        }
        let begin = out.len();
        let read = self.source.read(out);
        let frames = ((out.len() - begin) / self.channels) as u64;
        if frames >= left {
            out.truncate(begin + left as usize * self.channels);
        }
        self.fade_at_cuts(&mut out[begin..]);
        self.at += frames.min(left);
        // What breaks off behind the cut is of no interest.
        if frames >= left { Ok(false) } else { read }
    }

    fn seek(&mut self, to: FrameCount) -> Result<()> {
        let to = self.from.saturating_add(to.0).min(self.to.unwrap_or(u64::MAX));
        self.source.seek(FrameCount(to))?;
        self.at = to;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode::tests::Counting;
    use super::*;
    use crate::audio::Channels;
    use crate::units::SampleRate;

    const SPEC: PcmSpec = PcmSpec { rate: SampleRate::new(10_000).unwrap(), channels: Channels::Mono };

    fn heard(cue_in: u64, cue_out: u64, start_next: u64) -> Heard {
        let at = |frame: u64| Some(Duration::from_micros(frame * 100));
        Heard { cue_in: at(cue_in), cue_out: at(cue_out), start_next: at(start_next), ..Heard::default() }
    }

    fn all(source: &mut dyn Source) -> Vec<f32> {
        let mut all = Vec::new();
        while source.read(&mut all).unwrap() {}
        all
    }

    /// Frames that count up, and the part of them between two cuts.
    fn cut(frames: u64, heard: &Heard) -> (Box<dyn Source>, Option<u64>) {
        let (source, start_next) = Cut::of(Box::new(Counting::of(frames)), heard, SPEC).unwrap();
        (source, start_next.map(|at| at.0))
    }

    #[test]
    fn what_lies_between_the_cue_points_is_played_and_fades_at_the_cuts() {
        let (mut source, start_next) = cut(50_000, &heard(1_234, 40_000, 39_000));
        assert_eq!(source.duration(), Some(FrameCount(40_000 - 1_234)));
        assert_eq!(start_next, Some(39_000 - 1_234));
        let pcm = all(source.as_mut());
        assert_eq!(pcm.len(), 40_000 - 1_234);
        let fade = 100;
        let middle = fade..pcm.len() - fade;
        let wanted = (1_234 + fade..).map(|frame| frame as f32);
        assert!(pcm[middle.clone()].iter().copied().eq(wanted.take(middle.len())), "nothing else is touched");
        assert!(pcm[..fade].is_sorted() && pcm[0] == 0.0 && pcm[pcm.len() - 1] == 0.0);
        // The end is the end, however often somebody asks.
        assert!(!source.read(&mut Vec::new()).unwrap());
    }

    #[test]
    fn positions_count_from_the_cue_in() {
        let (mut source, _) = cut(50_000, &heard(1_000, 40_000, 40_000));
        for to in [20_000, 0, 38_000] {
            source.seek(FrameCount(to)).unwrap();
            let mut pcm = Vec::new();
            source.read(&mut pcm).unwrap();
            assert_eq!(pcm[200], (1_000 + to + 200) as f32);
        }
        source.seek(FrameCount(1_000_000)).unwrap();
        assert!(all(source.as_mut()).is_empty());
    }

    #[test]
    fn cue_points_that_cut_nothing_or_all_are_not_followed() {
        for (points, start_next) in [
            (heard(0, 50_000, 45_000), Some(45_000)),
            (heard(0, 90_000, 45_000), Some(45_000)),
            (heard(60_000, 90_000, 80_000), Some(80_000)),
            (heard(20_000, 20_500, 20_100), Some(20_100)),
            (heard(20_000, 10_000, 15_000), Some(15_000)),
            (Heard { cue_in: Some(Duration::MAX), ..Heard::default() }, None),
            (Heard::default(), None),
        ] {
            let (mut source, start) = cut(50_000, &points);
            assert_eq!(start, start_next, "{points:?}");
            assert_eq!(all(source.as_mut()).len(), 50_000, "{points:?}");
        }
    }

    /// Streams and some files do not declare how long they are.
    #[test]
    fn a_cue_in_behind_an_end_that_nobody_declares_is_not_followed() {
        for (cue_in, begins_at) in [(20_000, 20_000), (48_999, 48_999), (49_500, 0), (60_000, 0)] {
            let undeclared = Counting { declares: false, ..Counting::of(50_000) };
            let (mut source, start_next) =
                Cut::of(Box::new(undeclared), &heard(cue_in, 90_000, 80_000), SPEC).unwrap();
            assert_eq!(start_next, Some(FrameCount(80_000 - begins_at)), "{cue_in}");
            assert_eq!(all(source.as_mut()).len() as u64, 50_000 - begins_at, "{cue_in}");
        }
    }

    #[test]
    fn a_source_that_breaks_off_behind_the_cut_is_not_missed() {
        for (breaks_at, is_broken) in [(45_000, false), (30_000, true)] {
            let torn = Counting { breaks_at: Some(breaks_at), ..Counting::of(50_000) };
            let (mut source, _) = Cut::of(Box::new(torn), &heard(1_000, 40_000, 40_000), SPEC).unwrap();
            let mut pcm = Vec::new();
            let end = loop {
                match source.read(&mut pcm) {
                    Ok(true) => {}
                    end => break end,
                }
            };
            assert_eq!(end.is_err(), is_broken);
        }
    }
}
