//! What a pipeline is to be, as values that cannot be wrong in kind; what can still be wrong
//! (a bitrate that a codec does not have) is found when it is started.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::audio::PcmSpec;
use crate::codec::EncoderSettings;
use crate::server::MountSettings;

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
    /// How long a track takes to reach its level when nothing played before it.
    pub fade_in: Duration,
    /// How long a track takes to fade when nothing follows it.
    pub fade_out: Duration,
    /// Which gain tag is applied to files.
    pub replaygain: ReplayGain,
    /// Where the mix goes; at least one.
    pub outputs: Vec<OutputSettings>,
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
            replaygain: ReplayGain::Track,
            outputs: Vec::new(),
        }
    }
}
