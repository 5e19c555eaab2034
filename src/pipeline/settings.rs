//! What a station and its pipelines are to be, as values. What can still be wrong with them (a
//! bitrate that a codec does not have) is found when they are started.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Hooks;
use crate::audio::PcmSpec;
use crate::codec::EncoderSettings;
use crate::engine::clock::Clock;
use crate::playout::DeadAir;
use crate::server::{MountSettings, ServerSettings};

/// A server and its pipelines, declared together.
#[derive(Clone, Debug, Default)]
pub struct StationSettings {
    /// How the server listens.
    pub server: ServerSettings,
    /// The pipelines; their mounts share the server.
    pub pipelines: Vec<PipelineSettings>,
}

/// One programme: what plays, how it is mixed, and where it goes.
#[derive(Clone, Debug)]
pub struct PipelineSettings {
    /// Names its threads, log lines and events.
    pub name: String,
    /// The shape of all audio inside. Default: 44.1 kHz stereo.
    pub spec: PcmSpec,
    /// Files, folders, M3U, PLS and XSPF that make up the playlist at the start, in order.
    pub playlist: Vec<PathBuf>,
    /// Whether the playlist begins again at its end.
    pub repeat: bool,
    /// Whether each pass has an order of its own.
    pub shuffle: bool,
    /// How long two tracks overlap; zero joins them without a gap.
    pub crossfade: Duration,
    /// Where a track does not overlap with the one before it: how long it takes to reach its level.
    pub fade_in: Duration,
    /// Where a track does not overlap with the one after it: how long it takes to fade.
    pub fade_out: Duration,
    /// How long the crossfade of a skip takes.
    pub skip_crossfade: Duration,
    /// Which gain tag is applied to files.
    pub replaygain: ReplayGain,
    /// Where the pipeline keeps what it needs to go on where it was, after a restart or a crash.
    pub state_file: Option<PathBuf>,
    /// When silence is dead air.
    pub dead_air: DeadAir,
    /// A file, folder or playlist that fills in when dead air lasts.
    pub fallback: Option<PathBuf>,
    /// Where the mix goes; at least one.
    pub outputs: Vec<OutputSettings>,
    /// Hooks that it has from the start: see [`Pipeline::add_hook`](crate::Pipeline::add_hook).
    pub hooks: Hooks,
    /// The time that it runs by. Leave it alone unless you test or render.
    pub clock: Clock,
}

/// Which of a file's gain tags levels it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplayGain {
    /// Every track is as loud as every other.
    #[default]
    Track,
    /// Albums keep their inner dynamics; the track's gain where a file has no album gain.
    Album,
    /// Files play as they are.
    Off,
}

/// A pipeline's encoder and the mount that it feeds.
#[derive(Clone, Debug)]
pub struct OutputSettings {
    /// How it is encoded: `Mp3Settings`, `AacSettings`, or an application's own.
    pub encoder: Arc<dyn EncoderSettings>,
    /// Where it is served. Empty content type, bitrate, rate and channels are filled in from the encoder.
    pub mount: MountSettings,
}

impl Default for PipelineSettings {
    fn default() -> PipelineSettings {
        PipelineSettings {
            name: "main".into(),
            spec: PcmSpec::CD,
            playlist: Vec::new(),
            repeat: false,
            shuffle: false,
            crossfade: Duration::ZERO,
            fade_in: Duration::ZERO,
            fade_out: Duration::ZERO,
            skip_crossfade: Duration::from_millis(800),
            replaygain: ReplayGain::Track,
            dead_air: DeadAir::default(),
            fallback: None,
            state_file: None,
            outputs: Vec::new(),
            hooks: Hooks::new(),
            clock: Clock::default(),
        }
    }
}
