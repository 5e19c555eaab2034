//! The whole way, judged by ear: files, decoders, mixer, LAME or FDK-AAC, handoff, reactor, HTTP, and then another
//! decoder.
//!
//! The pipelines here run by a stepped clock: ten seconds of audio take as long as it takes to encode them. What needs
//! the machine's clock is in `players.rs` and `clock.rs`.

mod joins;
mod meets;
mod titles;
mod tones;

use std::sync::Arc;

use longwave::{EncoderSettings, Entry, Event, FramePos, OutputSettings, PcmSpec, PipelineSettings, Place};
use longwave_testing::ear::{Heard, ffmpeg};
use longwave_testing::radio::Radio;

/// What came of a programme.
struct Aired {
    /// What each listener heard, one for each output.
    heard: Vec<Heard>,
    /// Where each track begins in that.
    begins: Vec<Vec<usize>>,
}

/// Plays files for so many seconds, one listener at each output, and decodes what they got.
fn air(settings: PipelineSettings, files: &[Entry], seconds: f64) -> Aired {
    let (spec, outputs) = (settings.spec, settings.outputs.clone());
    let mut radio = Radio::stepped(settings);
    let events = radio.pipeline().events(100);
    let listeners: Vec<_> = outputs.iter().map(|output| radio.listen(&output.mount.path, false)).collect();
    radio.pipeline().queue_files(files.iter().cloned(), Place::End);
    radio.run(seconds);
    radio.stop();
    let changes: Vec<FramePos> = std::iter::from_fn(|| events.try_recv()).filter_map(begin_of).collect();
    assert_eq!(changes.len(), files.len(), "every file is played");
    let begins = outputs.iter().map(|output| changes.iter().map(|at| place(*at, output, spec)).collect());
    let heard = outputs
        .iter()
        .zip(listeners)
        .map(|(output, listener)| ffmpeg(output.encoder.content_type(), &listener.into_stream(), spec));
    Aired { begins: begins.collect(), heard: heard.collect() }
}

fn begin_of(event: Event) -> Option<FramePos> {
    match event {
        Event::TrackChange { at, .. } => Some(at),
        _ => None,
    }
}

/// Where a frame of the mix is in what a decoder makes of this output.
fn place(at: FramePos, output: &OutputSettings, spec: PcmSpec) -> usize {
    let encoder: &Arc<dyn EncoderSettings> = &output.encoder;
    let limiter = longwave::playout::Limiter::new(spec).delay();
    (at + limiter + encoder.open(spec).unwrap().delay()).0 as usize
}
