//! Where a source's sound does not go on where it ended (packets are missing, its program changes the
//! format), the two ends do not meet: that would click. What comes before fades out, and what follows fades
//! in.

use std::time::Duration;

use crate::playout::{Curve, GainRamp};
use crate::units::{FrameCount, SampleRate};

/// How long either side fades.
const FADE: Duration = Duration::from_millis(10);

/// A stream that begins in the middle begins with the silence of its encoder's delay, and MP3 that goes on
/// behind a gap with a few frames that cannot be decoded. So much of it is left out: together with the fades
/// it would be a gap.
const MOST_SILENCE: Duration = Duration::from_millis(200);

/// Samples below this are silence: -60 dB.
const SILENCE: f32 = 0.001;

/// The sound of one shape, held back by the length of a fade, since nobody knows when it ends.
#[derive(Debug)]
pub(super) struct Seams {
    channels: usize,
    fade: FrameCount,
    most_silence: FrameCount,
    /// What was taken and may be passed on, and how many samples of it are.
    held: Vec<f32>,
    ready: usize,
    follows: Follows,
    /// The gain of what comes next: it fades in behind a seam.
    gain: GainRamp,
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum Follows {
    /// What goes on where the last sound ended.
    Sound,
    /// The other side of a seam. So much silence was left out.
    Seam { left_out: FrameCount },
}

impl Seams {
    /// For sound of this rate and so many channels. `begins`: there was none before.
    pub fn new(rate: SampleRate, channels: usize, begins: bool) -> Seams {
        let (fade, most_silence) = (rate.frames_in(FADE), rate.frames_in(MOST_SILENCE));
        let follows = if begins { Follows::Sound } else { Follows::Seam { left_out: FrameCount(0) } };
        let gain = GainRamp::constant(1.0);
        Seams { channels, fade, most_silence, held: Vec::new(), ready: 0, follows, gain }
    }

    /// Takes what comes next, and gives what may be passed on. [`taken`](Seams::taken) follows.
    pub fn take(&mut self, pcm: &[f32]) -> &[f32] {
        let pcm = self.behind_silence(pcm);
        if matches!(self.follows, Follows::Seam { .. }) && !pcm.is_empty() {
            self.follows = Follows::Sound;
            self.gain = GainRamp::new(0.0, 1.0, self.fade, Curve::Smooth);
        }
        let at = self.held.len();
        self.held.extend_from_slice(pcm);
        scale(&mut self.held[at..], &mut self.gain, self.channels);
        self.ready = self.held.len().saturating_sub(self.fade.0 as usize * self.channels);
        &self.held[..self.ready]
    }

    /// The sound ends here. Gives the rest of it.
    pub fn close(&mut self) -> &[f32] {
        let frames = FrameCount((self.held.len() / self.channels) as u64);
        scale(&mut self.held, &mut GainRamp::new(1.0, 0.0, frames, Curve::Smooth), self.channels);
        self.ready = self.held.len();
        if !self.held.is_empty() {
            self.follows = Follows::Seam { left_out: FrameCount(0) };
        }
        &self.held
    }

    /// What was given has been passed on.
    pub fn taken(&mut self) {
        self.held.drain(..self.ready);
        self.ready = 0;
    }

    /// Leaves out the silence at the beginning of a stream.
    fn behind_silence<'a>(&mut self, pcm: &'a [f32]) -> &'a [f32] {
        let Follows::Seam { left_out } = &mut self.follows else { return pcm };
        let is_silent = |frame: &&[f32]| frame.iter().all(|sample| sample.abs() < SILENCE);
        let most = (self.most_silence.0 - left_out.0) as usize;
        let silent = pcm.chunks(self.channels).take(most).take_while(is_silent).count();
        left_out.0 += silent as u64;
        &pcm[silent * self.channels..]
    }
}

/// Multiplies frames by the next gains.
fn scale(samples: &mut [f32], gain: &mut GainRamp, channels: usize) {
    for frame in samples.chunks_mut(channels) {
        if gain.settled() == Some(1.0) {
            return;
        }
        let now = gain.gain();
        frame.iter_mut().for_each(|sample| *sample *= now);
        gain.advance(FrameCount(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10 ms are 80 frames.
    fn seams(begins: bool) -> Seams {
        Seams::new(SampleRate::new(8_000).unwrap(), 1, begins)
    }

    fn take(seams: &mut Seams, pcm: &[f32]) -> Vec<f32> {
        let given = seams.take(pcm).to_vec();
        seams.taken();
        given
    }

    fn close(seams: &mut Seams) -> Vec<f32> {
        let given = seams.close().to_vec();
        seams.taken();
        given
    }

    fn steepest(heard: &[f32]) -> f32 {
        heard.windows(2).map(|two| (two[1] - two[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn sound_without_a_seam_is_what_came_however_it_is_cut() {
        let sound: Vec<f32> = (0..1000_u16).map(|n| f32::from(n) / 1000.0).collect();
        for size in [1, 7, 80, 81, 1000] {
            let mut seams = seams(true);
            let heard: Vec<f32> = sound.chunks(size).flat_map(|piece| take(&mut seams, piece)).collect();
            assert_eq!(heard, sound[..920], "{size}");
            assert_eq!(close(&mut seams).len(), 80);
        }
    }

    #[test]
    fn both_sides_of_a_seam_fade_and_silence_behind_it_is_left_out() {
        let mut seams = seams(true);
        let mut heard = take(&mut seams, &[1.0; 400]);
        heard.extend(close(&mut seams));
        // Nothing more is there to close.
        assert!(close(&mut seams).is_empty());
        for piece in [&[0.0; 300][..], &[0.0; 300], &[-1.0; 400]] {
            heard.extend(take(&mut seams, piece));
        }
        heard.extend(take(&mut seams, &[-1.0; 80]));
        assert!(steepest(&heard) < 0.03, "{}", steepest(&heard));
        assert_eq!(heard.len(), 400 + 400, "600 frames of silence are left out");
        assert_eq!((heard[319], heard[480]), (1.0, -1.0));
        // A silence that lasts is one.
        close(&mut seams);
        assert_eq!(take(&mut seams, &[0.0; 2000]).len(), 2000 - 1600 - 80);
    }

    #[test]
    fn a_fade_goes_on_over_pieces_that_are_shorter() {
        let mut seams = seams(true);
        let mut heard = take(&mut seams, &[1.0; 400]);
        heard.extend(close(&mut seams));
        (0..100).for_each(|_| heard.extend(take(&mut seams, &[1.0; 3])));
        assert!(steepest(&heard) < 0.03, "{}", steepest(&heard));
    }

    #[test]
    fn the_beginning_of_the_first_stream_is_as_it_came() {
        let mut seams = seams(true);
        assert_eq!(take(&mut seams, &[0.5; 180]), [0.5; 100]);
    }
}
