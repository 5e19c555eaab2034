//! An encoder that keeps the PCM that a pipeline mixes.

use std::sync::{Arc, Mutex};

use longwave::{Encoder, EncoderSettings, FrameCount, OutputSettings, Packet, PcmSpec, Result};

use crate::radio::output;

/// Keeps what an output would encode. Clones share what they keep.
#[derive(Clone, Debug)]
pub struct Tap {
    kept: Arc<Mutex<Kept>>,
    keeps_samples: bool,
}

#[derive(Debug, Default)]
struct Kept {
    frames: u64,
    samples: Vec<f32>,
}

impl Default for Tap {
    fn default() -> Tap {
        Tap { kept: Arc::default(), keeps_samples: true }
    }
}

impl Tap {
    /// A tap that counts frames and keeps no samples.
    pub fn counting() -> Tap {
        Tap { keeps_samples: false, ..Tap::default() }
    }

    /// All interleaved samples so far.
    pub fn samples(&self) -> Vec<f32> {
        self.kept.lock().unwrap().samples.clone()
    }

    /// All interleaved samples since the last call. They are not kept any longer.
    pub fn take(&self) -> Vec<f32> {
        std::mem::take(&mut self.kept.lock().unwrap().samples)
    }

    /// The number of frames so far.
    pub fn frames(&self) -> u64 {
        self.kept.lock().unwrap().frames
    }

    /// An output at this path that feeds this tap.
    pub fn output(&self, path: &str) -> OutputSettings {
        output(path, self.clone())
    }
}

impl EncoderSettings for Tap {
    fn open(&self, spec: PcmSpec) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(Open { tap: self.clone(), channels: spec.channels.count() }))
    }

    fn content_type(&self) -> &str {
        "audio/x-tap"
    }

    fn bitrate(&self) -> Option<u32> {
        None
    }
}

struct Open {
    tap: Tap,
    channels: usize,
}

impl Encoder for Open {
    /// Makes one packet of it. It holds no music.
    fn encode(&mut self, pcm: &[f32], packets: &mut Vec<Packet>) -> Result<()> {
        let frames = pcm.len() / self.channels;
        let mut kept = self.tap.kept.lock().unwrap();
        kept.frames += frames as u64;
        if self.tap.keeps_samples {
            kept.samples.extend_from_slice(pcm);
        }
        packets.push(Packet { bytes: Box::new([0; 128]), frames: frames as u32 });
        Ok(())
    }

    fn flush(&mut self, _: &mut Vec<Packet>) -> Result<()> {
        Ok(())
    }

    fn delay(&self) -> FrameCount {
        FrameCount(0)
    }
}
