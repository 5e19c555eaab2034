//! The settings of an MP3 encoder and their keys. A build without LAME knows the keys too, for better errors.

use crate::setting::{SMALL_COUNT, Setting, Settings, Takes, settings};

/// MP3 with a constant bitrate, in joint stereo, or mono if the pipeline is mono.
#[derive(Clone, Debug, PartialEq)]
pub struct Mp3Settings {
    /// Kilobits per second. At 32, 44.1 and 48 kHz: 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224,
    /// 256 or 320. Lower sample rates have fewer. Default: 128.
    pub bitrate: u32,
    /// The effort of LAME, from 0 (slowest, best) to 9. Default: 3, as in LAME. 3 takes one and a half times
    /// as long as 9; 2 takes more than twice as long as 3, and 0 six times as long.
    pub quality: u8,
}

impl Default for Mp3Settings {
    fn default() -> Mp3Settings {
        Mp3Settings { bitrate: 128, quality: 3 }
    }
}

impl Settings for Mp3Settings {
    const KEYS: &'static [Setting<Mp3Settings>] = settings! {
        "bitrate" = "128", SMALL_COUNT => bitrate, Applied, "kbit/s: 32 to 320, in the steps that MP3 has.";
        "quality" = "3", QUALITY => quality, Applied,
            "How hard the encoder works, from 0 (best) to 9 (fastest).";
    };

    fn sample() -> Mp3Settings {
        Mp3Settings::default()
    }
}

const QUALITY: Takes<u8> = Takes::Integer(quality);

/// A quality that LAME has.
pub(super) fn quality(number: i64) -> Result<u8, String> {
    match number {
        0..=9 => Ok(number as u8),
        _ => Err(format!("{number} is not from 0 (slowest, best) to 9 (fastest)")),
    }
}
