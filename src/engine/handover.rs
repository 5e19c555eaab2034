//! How an encoder gives way to another one.
//!
//! Decoders go straight from the last packet of the one to the first packet of the other. Half of the last
//! window of the one, and with MP3 the bits that it had saved for later, are of no use then, which would be
//! heard as a click. So it fades out over its last block and is flushed. The other one fades in where the
//! stream's time has come to.

use crate::audio::{BLOCK_FRAMES, PcmBlock, PcmSpec};
use crate::playout::{Curve, GainRamp};
use crate::units::{FrameCount, FramePos};

/// The samples of an encoder's last block before another one takes over.
pub(super) fn faded_out(block: &PcmBlock, spec: PcmSpec) -> Vec<f32> {
    faded(block, spec, 1.0, 0.0)
}

/// The samples of an encoder's first block after another one, or after a failure.
pub(super) fn faded_in(block: &PcmBlock, spec: PcmSpec) -> Vec<f32> {
    faded(block, spec, 0.0, 1.0)
}

fn faded(block: &PcmBlock, spec: PcmSpec, from: f32, to: f32) -> Vec<f32> {
    let mut gains = [0.0; BLOCK_FRAMES];
    GainRamp::new(from, to, FrameCount(BLOCK_FRAMES as u64), Curve::Smooth).fill(&mut gains);
    let frames = block.samples.chunks(spec.channels.count()).zip(gains);
    frames.flat_map(|(frame, gain)| frame.iter().map(move |sample| sample * gain)).collect()
}

/// How many frames of silence the next encoder gets before this block, so that the stream's time goes on
/// without a jump. `None`: this block would come too early, and is left out. `ended` is the position of the
/// first frame of PCM that the stream has not had.
pub(super) fn silence_before(block: FramePos, ended: FramePos, delay: FrameCount) -> Option<FrameCount> {
    // Its stream begins with its delay, which nothing else fills.
    let silence = block.0.checked_sub(ended.0 + delay.0)?;
    // Where more is missing, nothing was sent: an encoder had failed, or packets have no length.
    Some(FrameCount(if silence < BLOCK_FRAMES as u64 { silence } else { 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_encoder_begins_where_the_stream_has_come_to() {
        let before = |block, ended, delay| {
            silence_before(FramePos(block), FramePos(ended), FrameCount(delay)).map(|frames| frames.0)
        };
        assert_eq!(before(1024, 1024, 0), Some(0));
        assert_eq!(before(2048, 1500, 500), Some(48));
        assert_eq!(before(2048, 1500, 600), None);
        assert_eq!(before(3072, 1500, 600), Some(972));
        assert_eq!(before(4096, 1500, 600), Some(0));
    }
}
