//! The whole way of the audio: files, decoders, mixer, LAME or FDK-AAC, handoff, reactor, HTTP, and then
//! another decoder. The tests judge the decoded audio.
//!
//! The pipelines have a stepped clock, so ten seconds of audio take only the time to encode them. Tests that
//! need the machine's clock are in `players.rs` and `clock.rs`.

mod joins;
mod meets;
mod titles;
mod tones;

use std::sync::Arc;

use longwave::{EncoderSettings, Entry, Event, FramePos, OutputSettings, PcmSpec, PipelineSettings, Place};
use longwave_testing::ear::{Heard, ffmpeg};
use longwave_testing::radio::Radio;

/// The result of a programme.
struct Aired {
    /// The decoded audio of each output.
    heard: Vec<Heard>,
    /// For each output, the frame in `heard` at which each track begins.
    begins: Vec<Vec<usize>>,
}

/// Plays files for this many seconds with one listener for each output, and decodes what the listeners
/// received.
fn air(settings: PipelineSettings, files: &[Entry], seconds: f64) -> Aired {
    let (spec, outputs) = (settings.spec, settings.outputs.clone());
    let mut radio = Radio::stepped(settings);
    let events = radio.pipeline().events(100).unwrap();
    let listeners: Vec<_> = outputs.iter().map(|output| radio.listen(&output.mount.path, false)).collect();
    radio.pipeline().queue_files(files.iter().cloned(), Place::End).unwrap();
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

/// The place of a frame of the mix in the decoded audio of this output.
fn place(at: FramePos, output: &OutputSettings, spec: PcmSpec) -> usize {
    let encoder: &Arc<dyn EncoderSettings> = &output.encoder;
    let limiter = longwave::playout::Limiter::new(spec).delay();
    (at + limiter + encoder.open(spec).unwrap().delay()).0 as usize
}
