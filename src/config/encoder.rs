//! From an output's keys to the settings of an encoder, which are tried at once: whatever the
//! codec cannot do is said before anything is on the air.

use std::sync::Arc;

use crate::audio::PcmSpec;
use crate::codec::EncoderSettings;
use crate::error::Error;

#[cfg(any(feature = "mp3", feature = "aac"))]
use super::fields::At;
use super::problem::{Place, Problems};
use super::raw::RawOutput;
use super::suggest;

/// What an output can be encoded as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Mp3,
    Aac,
}

/// Where the shape of the audio is declared, which a codec may not be able to encode.
pub(super) struct SpecPlaces {
    pub channels: Place,
    pub sample_rate: Place,
}

impl Format {
    const ALL: [Format; 2] = [Format::Mp3, Format::Aac];

    /// Those that this build has.
    pub fn built() -> impl Iterator<Item = Format> {
        Format::ALL.into_iter().filter(|format| format.is_built())
    }

    pub const fn name(self) -> &'static str {
        match self {
            Format::Mp3 => "mp3",
            Format::Aac => "aac",
        }
    }

    /// Where an output is served that does not say where.
    pub const fn default_mount(self) -> &'static str {
        match self {
            Format::Mp3 => "/stream.mp3",
            Format::Aac => "/stream.aac",
        }
    }

    pub fn parse(name: &str) -> Result<Format, String> {
        let format = Format::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| suggest::unknown_name(name, &Format::ALL.map(Format::name)))?;
        if format.is_built() {
            return Ok(format);
        }
        Err(format!("this build of longwave lacks {name:?}: build it with the cargo feature `{name}`"))
    }

    const fn is_built(self) -> bool {
        match self {
            Format::Mp3 => cfg!(feature = "mp3"),
            Format::Aac => cfg!(feature = "aac"),
        }
    }
}

/// The settings for `raw`, if a codec accepts them for audio of this shape.
pub(super) fn settings(
    format: Format,
    raw: &RawOutput,
    spec: PcmSpec,
    places: &SpecPlaces,
    problems: &mut Problems,
) -> Option<Arc<dyn EncoderSettings>> {
    let settings = match format {
        Format::Mp3 => mp3(raw, problems),
        Format::Aac => aac(raw, problems),
    }?;
    match settings.open(spec) {
        Ok(_) => Some(settings),
        Err(Error::Setting { key, reason }) => {
            problems.add(&blamed(key, raw, places), reason);
            None
        }
        Err(error) => {
            problems.add(&raw.place, error.to_string());
            None
        }
    }
}

/// Where the key is that a codec names; the output itself where the key was left out.
fn blamed(key: &str, raw: &RawOutput, places: &SpecPlaces) -> Place {
    let place = match key {
        "bitrate" => raw.bitrate.as_ref().map(|at| &at.place),
        "quality" => raw.quality.as_ref().map(|at| &at.place),
        "profile" => raw.profile.as_ref().map(|at| &at.place),
        "afterburner" => raw.afterburner.as_ref().map(|at| &at.place),
        "channels" => Some(&places.channels),
        "sample_rate" => Some(&places.sample_rate),
        _ => None,
    };
    let missing = || Place { key: format!("{}.{key}", raw.place.key), ..raw.place.clone() };
    place.cloned().unwrap_or_else(missing)
}

#[cfg(feature = "mp3")]
fn mp3(raw: &RawOutput, problems: &mut Problems) -> Option<Arc<dyn EncoderSettings>> {
    use crate::codec::Mp3Settings;
    only_for("AAC", raw.profile.as_ref(), problems);
    only_for("AAC", raw.afterburner.as_ref(), problems);
    let mut settings = Mp3Settings::default();
    if let Some(bitrate) = &raw.bitrate {
        settings.bitrate = small(bitrate, "kbit/s", problems)?;
    }
    if let Some(quality) = &raw.quality {
        settings.quality = small(quality, "is no quality: 0 (best) to 9 (fastest)", problems)?;
    }
    Some(Arc::new(settings))
}

#[cfg(feature = "aac")]
fn aac(raw: &RawOutput, problems: &mut Problems) -> Option<Arc<dyn EncoderSettings>> {
    use crate::codec::{AacProfile, AacSettings};
    only_for("MP3", raw.quality.as_ref(), problems);
    let mut settings = AacSettings::default();
    if let Some(profile) = &raw.profile {
        settings.profile = match profile.value.as_str() {
            "lc" => AacProfile::Lc,
            "he" => AacProfile::He,
            "he-v2" => AacProfile::HeV2,
            other => {
                problems.add(&profile.place, suggest::unknown_name(other, &["lc", "he", "he-v2"]));
                return None;
            }
        };
    }
    settings.bitrate = match (&raw.bitrate, settings.profile) {
        (Some(bitrate), _) => small(bitrate, "kbit/s", problems)?,
        (None, AacProfile::Lc) => settings.bitrate,
        // What the profiles are made for, and where they sound best.
        (None, AacProfile::He) => 64,
        (None, AacProfile::HeV2) => 32,
    };
    if let Some(afterburner) = &raw.afterburner {
        settings.afterburner = afterburner.value;
    }
    Some(Arc::new(settings))
}

#[cfg(not(feature = "mp3"))]
fn mp3(_: &RawOutput, _: &mut Problems) -> Option<Arc<dyn EncoderSettings>> {
    None
}

#[cfg(not(feature = "aac"))]
fn aac(_: &RawOutput, _: &mut Problems) -> Option<Arc<dyn EncoderSettings>> {
    None
}

/// A key of another format is a slip: it would be without effect.
#[cfg(any(feature = "mp3", feature = "aac"))]
fn only_for<T>(format: &str, value: Option<&At<T>>, problems: &mut Problems) {
    if let Some(at) = value {
        problems.add(&at.place, format!("only {format} has this key"));
    }
}

/// The number as the codec takes it; what fits no number of that size fits no codec either.
#[cfg(any(feature = "mp3", feature = "aac"))]
fn small<T: TryFrom<i64>>(number: &At<i64>, what: &str, problems: &mut Problems) -> Option<T> {
    let small = T::try_from(number.value).ok();
    if small.is_none() {
        problems.add(&number.place, format!("{} {what}", number.value));
    }
    small
}
