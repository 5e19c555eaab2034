//! Mixes any arrangement of loudspeakers down to stereo or mono.
//!
//! The weights are those of ITU-R BS.775: the centre and the surround channels have -3 dB on each side that
//! they reach, and the bass-effects channel is left out. The mix is scaled so that channels which have
//! nothing in common are as loud as in stereo, however many there are. Channels that are alike add up to more
//! than full scale (5.1: +4.6 dB, 7.1: +5.9 dB); the mixer's limiter takes care of that.

use std::f32::consts::FRAC_1_SQRT_2;

use crate::audio::Channels;

/// The position of a channel's loudspeaker, as precisely as a mix to stereo needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaker {
    /// In front, to the left (also the wide one, and the one left of the centre).
    Left,
    /// In front, to the right.
    Right,
    /// In front, in the middle; the one channel of mono.
    Centre,
    /// Beside, behind or above, to the left.
    SurroundLeft,
    /// Beside, behind or above, to the right.
    SurroundRight,
    /// Behind or above, in the middle.
    SurroundCentre,
    /// Bass effects only. Left out of every mix.
    BassEffects,
}

impl Speaker {
    /// The weights of this channel in the left and in the right output.
    fn weights(self) -> [f32; 2] {
        match self {
            Speaker::Left => [1.0, 0.0],
            Speaker::Right => [0.0, 1.0],
            Speaker::Centre => [FRAC_1_SQRT_2, FRAC_1_SQRT_2],
            Speaker::SurroundLeft => [FRAC_1_SQRT_2, 0.0],
            Speaker::SurroundRight => [0.0, FRAC_1_SQRT_2],
            Speaker::SurroundCentre => [0.5, 0.5],
            Speaker::BassEffects => [0.0, 0.0],
        }
    }

    /// The usual arrangement for this number of channels, for files that do not specify one.
    pub(crate) fn usual(count: usize) -> Option<&'static [Speaker]> {
        use Speaker::{BassEffects, Centre, Left, Right, SurroundCentre, SurroundLeft, SurroundRight};
        Some(match count {
            1 => &[Centre],
            2 => &[Left, Right],
            3 => &[Left, Right, Centre],
            4 => &[Left, Right, SurroundLeft, SurroundRight],
            5 => &[Left, Right, Centre, SurroundLeft, SurroundRight],
            6 => &[Left, Right, Centre, BassEffects, SurroundLeft, SurroundRight],
            7 => &[Left, Right, Centre, BassEffects, SurroundCentre, SurroundLeft, SurroundRight],
            8 => {
                &[Left, Right, Centre, BassEffects, SurroundLeft, SurroundRight, SurroundLeft, SurroundRight]
            }
            _ => return None,
        })
    }
}

/// Mixes interleaved frames of one arrangement down to fewer channels.
#[derive(Debug)]
pub(crate) struct Downmix {
    /// The weights of each input channel in the output channels. Mono uses the first weight only.
    weights: Box<[[f32; 2]]>,
    to: Channels,
}

impl Downmix {
    /// The mix from `speakers` to `to`. `None` if no mix is needed: the channels are the same, or there is
    /// only one, which [`spread`] handles.
    pub(crate) fn new(speakers: &[Speaker], to: Channels) -> Option<Downmix> {
        let same = match to {
            Channels::Mono => speakers.len() == 1,
            Channels::Stereo => speakers.len() == 1 || speakers == [Speaker::Left, Speaker::Right],
        };
        if same {
            return None;
        }
        let mut weights: Box<[[f32; 2]]> = speakers.iter().map(|speaker| speaker.weights()).collect();
        let energy = [0, 1].map(|side| weights.iter().map(|weight| weight[side] * weight[side]).sum::<f32>());
        let scale = energy[0].max(energy[1]).sqrt();
        if scale > 0.0 {
            weights.as_flattened_mut().iter_mut().for_each(|weight| *weight /= scale);
        }
        if to == Channels::Mono {
            // The mean of both sides.
            for weight in &mut weights {
                *weight = [(weight[0] + weight[1]) / 2.0, 0.0];
            }
        }
        Some(Downmix { weights, to })
    }

    /// Appends the mix of `pcm`, which has whole frames.
    pub(crate) fn mix(&self, pcm: &[f32], out: &mut Vec<f32>) {
        let frames = pcm.chunks_exact(self.weights.len());
        match self.to {
            Channels::Mono => out.extend(frames.map(|frame| self.side(frame, 0))),
            Channels::Stereo => {
                out.extend(frames.flat_map(|frame| [self.side(frame, 0), self.side(frame, 1)]));
            }
        }
    }

    fn side(&self, frame: &[f32], side: usize) -> f32 {
        frame.iter().zip(&self.weights).map(|(sample, weight)| sample * weight[side]).sum()
    }
}

/// Appends mono as stereo: each sample goes unchanged to both channels.
pub(crate) fn spread(mono: &[f32], out: &mut Vec<f32>) {
    out.extend(mono.iter().flat_map(|&sample| [sample, sample]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed(speakers: &[Speaker], to: Channels, frame: &[f32]) -> Vec<f32> {
        let mut out = Vec::new();
        Downmix::new(speakers, to).expect("something to mix").mix(frame, &mut out);
        out
    }

    #[test]
    fn what_is_right_already_is_not_touched() {
        assert!(Downmix::new(Speaker::usual(2).unwrap(), Channels::Stereo).is_none());
        assert!(Downmix::new(Speaker::usual(1).unwrap(), Channels::Mono).is_none());
        assert!(Downmix::new(Speaker::usual(1).unwrap(), Channels::Stereo).is_none());
        let swapped = [Speaker::Right, Speaker::Left];
        assert_eq!(mixed(&swapped, Channels::Stereo, &[0.1, 0.9]), [0.9, 0.1]);
    }

    #[test]
    fn every_layout_is_as_loud_as_stereo() {
        for count in 3..=8 {
            let speakers = Speaker::usual(count).unwrap();
            let mut energy = [0.0, 0.0];
            for channel in 0..count {
                let mut frame = vec![0.0; count];
                frame[channel] = 1.0;
                let out = mixed(speakers, Channels::Stereo, &frame);
                energy.iter_mut().zip(&out).for_each(|(energy, sample)| *energy += sample * sample);
                let mono = mixed(speakers, Channels::Mono, &frame);
                assert!((mono[0] - (out[0] + out[1]) / 2.0).abs() < 1e-6, "{count} channels to mono");
            }
            for side in energy {
                assert!((side - 1.0).abs() < 1e-6, "{count} channels: {side}");
            }
        }
    }

    #[test]
    fn five_point_one_keeps_its_sides_and_drops_the_bass_effects() {
        let speakers = Speaker::usual(6).unwrap();
        let scale = 2f32.sqrt();
        let at = |channel: usize| {
            let mut frame = [0.0; 6];
            frame[channel] = scale;
            mixed(speakers, Channels::Stereo, &frame)
        };
        let close = |got: Vec<f32>, want: [f32; 2]| {
            assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-6), "{got:?} {want:?}");
        };
        close(at(0), [1.0, 0.0]);
        close(at(1), [0.0, 1.0]);
        close(at(2), [FRAC_1_SQRT_2, FRAC_1_SQRT_2]);
        close(at(3), [0.0, 0.0]);
        close(at(4), [FRAC_1_SQRT_2, 0.0]);
        close(at(5), [0.0, FRAC_1_SQRT_2]);
    }

    #[test]
    fn stereo_to_mono_is_the_mean_and_mono_to_stereo_the_same_twice() {
        assert_eq!(mixed(Speaker::usual(2).unwrap(), Channels::Mono, &[0.5, 0.25]), [0.375]);
        let mut out = Vec::new();
        spread(&[0.5, -0.25], &mut out);
        assert_eq!(out, [0.5, 0.5, -0.25, -0.25]);
    }
}
