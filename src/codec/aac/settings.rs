//! The settings of an AAC encoder and their keys. A build without FDK-AAC knows the keys too, for better
//! errors.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::setting::{FLAG, SMALL_COUNT, Setting, Settings, Takes, choice, settings};

/// AAC of constant bitrate in ADTS packets.
#[derive(Clone, Debug, PartialEq)]
pub struct AacSettings {
    /// Kilobits per second, on average, because packets vary in size. Default: 128.
    pub bitrate: u32,
    /// The coding tools to use. Default: [`AacProfile::Lc`].
    pub profile: AacProfile,
    /// Whether FDK-AAC searches for better quantisation, which takes more CPU time. Default: true.
    pub afterburner: bool,
}

/// The coding tools of AAC. More tools sound better at low bitrates, and worse at high ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AacProfile {
    /// Low complexity, for 96 kbit/s (stereo) and more. Every player supports it.
    #[default]
    Lc,
    /// High efficiency, for 40 to 80 kbit/s: the upper half of the spectrum is described by parameters.
    He,
    /// High efficiency version 2, for 16 to 40 kbit/s: the stereo image is described by parameters, too.
    HeV2,
}

impl AacProfile {
    /// All profiles.
    pub const ALL: [AacProfile; 3] = [AacProfile::Lc, AacProfile::He, AacProfile::HeV2];

    /// The name in configurations: `lc`, `he` or `he-v2`.
    pub const fn as_str(self) -> &'static str {
        match self {
            AacProfile::Lc => "lc",
            AacProfile::He => "he",
            AacProfile::HeV2 => "he-v2",
        }
    }

    /// The name in HLS (RFC 6381): `mp4a.40.2`, `mp4a.40.5` or `mp4a.40.29`.
    #[cfg(feature = "aac")]
    pub(super) const fn codecs(self) -> &'static str {
        match self {
            AacProfile::Lc => "mp4a.40.2",
            AacProfile::He => "mp4a.40.5",
            AacProfile::HeV2 => "mp4a.40.29",
        }
    }

    /// The bitrate in kbit/s where none is given: where the profile sounds best.
    #[cfg(feature = "aac")]
    pub(super) const fn usual_bitrate(self) -> u32 {
        match self {
            AacProfile::Lc => 128,
            AacProfile::He => 64,
            AacProfile::HeV2 => 32,
        }
    }

    /// The sample rates that FDK-AAC supports. The core of HE-AAC runs at half the rate, which must be
    /// supported as well.
    #[cfg(feature = "aac")]
    pub(super) const fn rates(self) -> &'static [u32] {
        const RATES: &[u32] =
            &[8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000];
        match self {
            AacProfile::Lc => RATES,
            AacProfile::He | AacProfile::HeV2 => RATES.split_at(3).1,
        }
    }
}

impl fmt::Display for AacProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AacProfile {
    type Err = Error;

    fn from_str(name: &str) -> Result<AacProfile> {
        let named = AacProfile::ALL.into_iter().find(|profile| profile.as_str() == name);
        named.ok_or_else(|| Error::setting("profile", format!("{name:?} is none of lc, he and he-v2")))
    }
}

impl Default for AacSettings {
    fn default() -> AacSettings {
        AacSettings { bitrate: 128, profile: AacProfile::Lc, afterburner: true }
    }
}

impl Settings for AacSettings {
    const KEYS: &'static [Setting<AacSettings>] = settings! {
        "bitrate" = "128", SMALL_COUNT => bitrate, Applied,
            "kbit/s: what the profile can do. `\"he\"` defaults to 64, `\"he-v2\"` to 32.";
        "profile" = "lc", PROFILE => profile, Applied,
            "`\"lc\"` (every player), `\"he\"` (40 to 80 kbit/s) or `\"he-v2\"` (16 to 40 kbit/s, stereo).";
        "afterburner" = "true", FLAG => afterburner, Applied,
            "Whether the encoder looks for better quantisation, at the cost of more CPU.";
    };

    fn sample() -> AacSettings {
        AacSettings::default()
    }
}

const PROFILE: Takes<AacProfile> =
    Takes::Text(|name| choice(name, &AacProfile::ALL.map(|profile| (profile.as_str(), profile))));
