//! Checks samples before they are passed to C libraries.

use crate::audio::Channels;
use crate::error::{Error, Result};

/// Refuses incomplete frames, which would swap the channels of all later samples.
pub(crate) fn whole_frames(pcm: &[f32], channels: Channels) -> Result<()> {
    match pcm.len() % channels.count() {
        0 => Ok(()),
        _ => Err(Error::Encoder(format!("{} samples are not whole frames of {channels:?}", pcm.len()))),
    }
}

/// Clips a sample to full scale, because encoders cannot handle other values. NaN comes from a broken
/// calculation and becomes silence.
pub(crate) fn clip(sample: f32) -> f32 {
    if sample.is_nan() { 0.0 } else { sample.clamp(-1.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_float_becomes_a_sample() {
        for (given, clipped) in [
            (0.5, 0.5),
            (-1.0, -1.0),
            (1.5, 1.0),
            (f32::MAX, 1.0),
            (f32::INFINITY, 1.0),
            (f32::NEG_INFINITY, -1.0),
            (f32::NAN, 0.0),
            (-0.0, -0.0),
        ] {
            assert_eq!(clip(given), clipped, "{given}");
        }
    }

    #[test]
    fn half_a_frame_is_refused() {
        assert!(whole_frames(&[0.0; 3], Channels::Stereo).is_err());
        assert!(whole_frames(&[0.0; 4], Channels::Stereo).is_ok());
        assert!(whole_frames(&[0.0; 3], Channels::Mono).is_ok());
    }
}
