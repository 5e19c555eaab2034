//! The kinds of audio that HLS carries, and what playlists and segments call them.

use crate::units::SampleRate;

/// The coding of a variant. Players switch only among variants of one profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Profile {
    /// AAC of low complexity: every player has it.
    AacLc,
    /// High efficiency AAC.
    AacHe,
    /// High efficiency AAC, version 2.
    AacHeV2,
    /// MP3. Not all players take it in MPEG-TS.
    Mp3,
}

impl Profile {
    pub(super) const ALL: [Profile; 4] = [Profile::AacLc, Profile::AacHe, Profile::AacHeV2, Profile::Mp3];

    /// The one with this name in `CODECS`.
    pub fn of_codecs(codecs: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|profile| profile.codecs() == codecs)
    }

    /// What a stream of this type most likely is.
    pub fn of_content_type(content_type: &str) -> Option<Profile> {
        match content_type {
            "audio/aac" | "audio/aacp" => Some(Profile::AacLc),
            "audio/mpeg" => Some(Profile::Mp3),
            _ => None,
        }
    }

    /// Its name in `CODECS`.
    pub const fn codecs(self) -> &'static str {
        match self {
            Profile::AacLc => "mp4a.40.2",
            Profile::AacHe => "mp4a.40.5",
            Profile::AacHeV2 => "mp4a.40.29",
            Profile::Mp3 => "mp4a.40.34",
        }
    }

    /// The multivariant playlist of this profile, unless it is the first one's.
    pub const fn playlist(self) -> &'static str {
        match self {
            Profile::AacLc => "lc.m3u8",
            Profile::AacHe => "he.m3u8",
            Profile::AacHeV2 => "he-v2.m3u8",
            Profile::Mp3 => "mp3.m3u8",
        }
    }

    /// The stream type in the PMT.
    pub(super) const fn stream_type(self, rate: SampleRate) -> u8 {
        match self {
            Profile::AacLc | Profile::AacHe | Profile::AacHeV2 => 0x0f,
            Profile::Mp3 if rate.hz() < 32_000 => 0x04,
            Profile::Mp3 => 0x03,
        }
    }
}
