//! What a station and its pipelines are to be, as values. What can still be wrong with them (a
//! bitrate that a codec does not have) is found when they are started.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Hooks;
use crate::audio::PcmSpec;
use crate::codec::EncoderSettings;
use crate::engine::clock::Clock;
use crate::error::{Error, Result};
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
    /// Names its threads and log lines: letters, digits, `-`, `_` and `.`, up to 64 bytes.
    pub name: String,
    /// The shape of all audio inside. Default: 44.1 kHz stereo.
    pub spec: PcmSpec,
    /// Files, folders, M3U, PLS and XSPF that make up the playlist at the start, in order.
    pub playlist: Vec<PathBuf>,
    /// Whether the playlist begins again at its end.
    pub repeat: bool,
    /// Whether each pass has an order of its own.
    pub shuffle: bool,
    /// How long two tracks overlap; zero joins them without a gap. No fade takes more than five minutes.
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

/// Longer fades are slips of the keyboard, and what waits for them is kept in memory.
const LONGEST_FADE: Duration = Duration::from_secs(300);
/// Music has rests.
const SHORTEST_SILENCE: Duration = Duration::from_secs(1);
const NAME_BYTES: usize = 64;

impl PipelineSettings {
    /// Refuses what cannot work, whoever declared it. (Outputs and files are looked at when it starts.)
    pub(crate) fn check(&self) -> Result<()> {
        check_name(&self.name)?;
        check_fade("crossfade", self.crossfade)?;
        check_fade("fade_in", self.fade_in)?;
        check_fade("fade_out", self.fade_out)?;
        check_fade("skip_crossfade", self.skip_crossfade)?;
        check_dead_air(&self.dead_air)
    }
}

/// It names threads, of which the system shows fifteen bytes, and stands in logs and in URLs.
fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.len() <= NAME_BYTES && name.chars().all(plain) {
        return Ok(());
    }
    let rule = format!("letters, digits, -, _ and ., up to {NAME_BYTES} bytes");
    Err(Error::setting("name", format!("{name:?} is no name for a pipeline: {rule}")))
}

/// How long two tracks may overlap, and how long one may take to come or go.
pub(super) fn check_fade(key: &'static str, time: Duration) -> Result<()> {
    if time <= LONGEST_FADE {
        return Ok(());
    }
    Err(Error::setting(key, format!("{time:?} is too long: up to {} minutes", LONGEST_FADE.as_secs() / 60)))
}

fn check_dead_air(dead_air: &DeadAir) -> Result<()> {
    if let Some(after) = dead_air.after.filter(|after| *after < SHORTEST_SILENCE) {
        let reason =
            format!("{after:?} is shorter than pauses in music: at least {SHORTEST_SILENCE:?}, or \"off\"");
        return Err(Error::setting("dead_air_after", reason));
    }
    if !(-120.0..=-20.0).contains(&dead_air.below_db) {
        let reason =
            format!("{} is out of range: -120 to -20, in decibels below full scale", dead_air.below_db);
        return Err(Error::setting("dead_air_below_db", reason));
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(differ: impl FnOnce(&mut PipelineSettings)) -> Option<&'static str> {
        let mut settings = PipelineSettings::default();
        differ(&mut settings);
        match settings.check() {
            Ok(()) => None,
            Err(Error::Setting { key, .. }) => Some(key),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_cannot_work_is_refused_by_the_setting_that_is_wrong() {
        assert_eq!(refused(|_| ()), None);
        for name in ["", "a\0b", "a b", "line\n", &"x".repeat(65)] {
            assert_eq!(refused(|settings| settings.name = name.into()), Some("name"), "{name:?}");
        }
        assert_eq!(refused(|settings| settings.name = "Björk-2.b_".into()), None);
        let (most, more) = (Duration::from_secs(300), Duration::from_secs(301));
        for time in [more, Duration::MAX] {
            assert_eq!(refused(|settings| settings.crossfade = time), Some("crossfade"));
            assert_eq!(refused(|settings| settings.fade_in = time), Some("fade_in"));
            assert_eq!(refused(|settings| settings.fade_out = time), Some("fade_out"));
            assert_eq!(refused(|settings| settings.skip_crossfade = time), Some("skip_crossfade"));
        }
        assert_eq!(refused(|settings| settings.crossfade = most), None);
        let after = |after| refused(|settings| settings.dead_air.after = after);
        assert_eq!(after(Some(Duration::from_millis(999))), Some("dead_air_after"));
        assert_eq!((after(None), after(Some(Duration::MAX))), (None, None));
        for below in [0.0, -121.0, f32::NAN, f32::NEG_INFINITY] {
            assert_eq!(refused(|settings| settings.dead_air.below_db = below), Some("dead_air_below_db"));
        }
    }
}
