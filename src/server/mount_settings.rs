//! The settings of a mount: their keys, what is refused, and what follows from them.

use std::time::Duration;

use super::mounts::path;
use super::settings::{Burst, LEAST_BURST, LISTENERS, ServerSettings};
use crate::error::{Error, Result};
use crate::http::{is_header_value, is_stream_type, is_web_url, no_web_url};
use crate::icy::DEFAULT_METAINT;
use crate::packet::Packet;
use crate::setting::{COUNT, FLAG, SMALL_COUNT, Setting, Settings, TEXT, Takes, settings};
use crate::units::{FrameCount, SampleRate};

/// The settings of a mount. Names become `icy-*` headers; control characters in them are refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountSettings {
    /// The path: `/stream.mp3`. It starts with a slash.
    pub path: String,
    /// The content type: `audio/…`, `video/…` or `application/ogg`, with or without parameters.
    pub content_type: String,
    /// `icy-name`. `None`: [`display_name`](MountSettings::display_name) is sent.
    pub name: Option<String>,
    /// `icy-genre`.
    pub genre: Option<String>,
    /// `icy-description`.
    pub description: Option<String>,
    /// `icy-url`: the station's home page, an `http` or `https` URL.
    pub url: Option<String>,
    /// `icy-pub`: whether directories may list it.
    pub public: bool,
    /// Whether lists of streams leave it out: the front page, `/status-json.xsl`, and what the answer 404
    /// names. Who knows the path can listen.
    pub hidden: bool,
    /// The bitrate in kilobits per second: `icy-br`, and the basis of the backlog's size. `None`: the size is
    /// based on 320.
    pub bitrate: Option<u32>,
    /// The sample rate for `ice-audio-info`, and for the duration of packets. `None`: durations are counted
    /// at 48,000 Hz, and the header has no rate.
    pub sample_rate: Option<u32>,
    /// The number of channels for `ice-audio-info`.
    pub channels: Option<u8>,
    /// The maximum of listeners on this mount.
    pub max_listeners: Option<usize>,
    /// Audio bytes between two ICY blocks; `None`: 16,000.
    pub metaint: Option<usize>,
    /// The path of a mount of the same content type that stands in for this mount while it is off the air.
    /// Listeners of this mount move there when it ends, and back when it sounds again. A client that asks for
    /// this mount meanwhile hears the other one. The other mount's own fallback stands in for both. The limit
    /// of the other mount does not apply to these listeners. If the other mount is missing, listeners are
    /// closed as without a fallback.
    pub fallback_mount: Option<String>,
}

impl Settings for MountSettings {
    const KEYS: &'static [Setting<MountSettings>] = settings! {
        "mount" else "`\"/stream.mp3\"`, `\"/stream.aac\"`", TEXT => path, Applied,
            "The path that listeners ask for. Every output has another. The endings `.m3u`, `.pls` and `.xspf` are \
             taken: `/radio.mp3.m3u` is the playlist that points to `/radio.mp3`.";
        "name" else "the pipeline's", TEXT => name, Applied,
            "The station's name, as players show it (`icy-name`). It is always sent, because some players show titles \
             only where there is one.";
        "genre" else "none", TEXT => genre, Applied, "Its genre.";
        "description" else "none", TEXT => description, Applied, "A sentence about it.";
        "url" else "none", TEXT => url, Applied, "Its home page: `\"https://radio.example\"`.";
        "public" = "false", FLAG => public, Applied, "Whether directories may list it.";
        "hidden" = "false", FLAG => hidden, Applied,
            "Whether lists of streams leave it out: the front page, `/status-json.xsl`, what the answer 404 names. Who \
             knows the path can listen.";
        "content_type" else "of the format", TEXT => content_type, Applied,
            "The content type that the mount sends, for players with ideas of their own: `audio/…`, `video/…` or \
             `application/ogg`, with or without parameters.";
        "max_listeners" else "no limit", LISTENERS => max_listeners, Applied, "Listeners at most on this mount.";
        "metaint" else "`16000`", COUNT => metaint, Applied,
            "Audio bytes between two blocks of metadata, for players that ask for titles.";
        "fallback_mount" else "none", TEXT => fallback_mount, Applied,
            "The mount that stands in for this one while it is off the air; see [below](#when-a-mount-ends).";
    };

    fn sample() -> MountSettings {
        MountSettings {
            path: "/stream".into(),
            content_type: "audio/mpeg".into(),
            ..MountSettings::default()
        }
    }

    fn check(&self) -> Result<()> {
        MountSettings::check(self)
    }
}

impl MountSettings {
    /// The keys of a mount without an encoder. If there is an encoder, it determines these values.
    pub(crate) const STREAM_KEYS: &'static [Setting<MountSettings>] = settings! {
        "bitrate" else "unknown", SMALL_COUNT => bitrate, Applied, "kbit/s.";
        "sample_rate" else "unknown", SMALL_COUNT => sample_rate, Applied, "Frames per second.";
        "channels" else "unknown", CHANNELS => channels, Applied, "How many channels the stream has.";
    };
}

const CHANNELS: Takes<u8> = Takes::Integer(|count| match count {
    1..=255 => Ok(count as u8),
    _ => Err(format!("{count} channels: from 1 to 255")),
});

/// The bitrate that is assumed if none is set, in kilobits per second.
const ASSUMED_BITRATE: u32 = 320;
/// The sample rate for the duration of packets if none is set.
const ASSUMED_RATE: SampleRate = SampleRate::new(48_000).unwrap();
/// The least size of a backlog. Every packet fits in it: an Ogg page has at most 65,307 bytes.
const LEAST_BACKLOG: usize = 256 * 1024;

impl MountSettings {
    /// The name that listeners see: `name`, or the path without its slash (`stream.mp3`). A pipeline names
    /// its mounts after itself.
    pub fn display_name(&self) -> &str {
        let path = self.path.strip_prefix('/').unwrap_or(&self.path);
        self.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(path)
    }

    /// The value of `ice-audio-info`, such as `channels=2;samplerate=44100;bitrate=128`. Unknown values are
    /// left out. `None` if all are unknown.
    pub fn audio_info(&self) -> Option<String> {
        let parts = [
            self.channels.map(|channels| format!("channels={channels}")),
            self.sample_rate.map(|rate| format!("samplerate={rate}")),
            self.bitrate.map(|bitrate| format!("bitrate={bitrate}")),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(";"))
    }

    /// Refuses settings that cannot work.
    pub(crate) fn check(&self) -> Result<()> {
        path::check(&self.path).map_err(|reason| Error::setting("mount", reason))?;
        let content_type = &self.content_type;
        if !is_stream_type(content_type) {
            let reason = format!(
                "{content_type:?} is not the content type of a stream: audio/…, video/… or application/ogg"
            );
            return Err(Error::setting("content_type", reason));
        }
        let texts = [("name", &self.name), ("genre", &self.genre), ("description", &self.description)];
        for (key, text) in texts {
            if text.as_deref().is_some_and(|text| !is_header_value(text)) {
                return Err(Error::setting(
                    key,
                    "control characters are not allowed, because it is sent as a header",
                ));
            }
        }
        if let Some(url) = self.url.as_deref().filter(|url| !url.is_empty() && !is_web_url(url)) {
            return Err(Error::setting("url", no_web_url(url)));
        }
        if let Some(fallback) = &self.fallback_mount {
            path::check(fallback).map_err(|reason| Error::setting("fallback_mount", reason))?;
        }
        if self.sample_rate.is_some_and(|rate| SampleRate::new(rate).is_none()) {
            return Err(Error::setting("sample_rate", "8000 to 192000"));
        }
        if self.bitrate.is_some_and(|bitrate| !(1..=100_000).contains(&bitrate)) {
            return Err(Error::setting("bitrate", "1 to 100000 kbit/s"));
        }
        if self.metaint.is_some_and(|metaint| !(1..=1 << 24).contains(&metaint)) {
            return Err(Error::setting("metaint", "1 to 16777216 bytes"));
        }
        Ok(())
    }

    pub(crate) fn metaint(&self) -> u32 {
        self.metaint.map_or(DEFAULT_METAINT, |metaint| metaint as u32)
    }

    /// The set or assumed byte rate.
    pub(crate) fn bytes_per_second(&self) -> u64 {
        u64::from(self.bitrate.unwrap_or(ASSUMED_BITRATE)) * 1000 / 8
    }

    /// The sample rate for the duration of packets.
    pub(crate) fn packet_rate(&self) -> SampleRate {
        self.sample_rate.and_then(SampleRate::new).unwrap_or(ASSUMED_RATE)
    }

    /// The duration of a packet, from its frames if their number is known, else from the set or assumed
    /// bitrate.
    pub(crate) fn time_of(&self, packet: &Packet) -> Duration {
        if packet.frames > 0 {
            return self.packet_rate().duration_of(FrameCount(u64::from(packet.frames)));
        }
        Duration::from_nanos(packet.bytes.len() as u64 * 1_000_000_000 / self.bytes_per_second())
    }

    /// The size of the backlog: a burst and `write_timeout`, and at least four bursts. So a listener that
    /// resumes within the timeout misses nothing.
    pub(crate) fn backlog_bytes(&self, server: &ServerSettings) -> usize {
        let burst = server.burst.bytes_at(self.bytes_per_second());
        let timeout = (server.write_timeout.as_secs_f64() * self.bytes_per_second() as f64) as u64;
        LEAST_BACKLOG.max((4 * burst).max(burst + timeout) as usize)
    }

    /// The size of the send buffer: about one burst. With autotuning, the system would hold up to 4 MB for a
    /// stalled listener.
    pub(crate) fn send_buffer(&self, burst: Burst) -> usize {
        burst.bytes_at(self.bytes_per_second()).clamp(LEAST_BURST / 2, 8 * LEAST_BURST) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mp3() -> MountSettings {
        MountSettings {
            path: "/stream.mp3".into(),
            content_type: "audio/mpeg".into(),
            bitrate: Some(128),
            ..MountSettings::default()
        }
    }

    fn refused_key(settings: MountSettings) -> &'static str {
        match settings.check() {
            Err(Error::Setting { key, .. }) => key,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_wrong_mount_is_refused_by_the_setting_that_is_wrong() {
        assert!(mp3().check().is_ok());
        for path in ["", "/", "stream.mp3", "/a\r\nb", "/a?b"] {
            assert_eq!(refused_key(MountSettings { path: path.into(), ..mp3() }), "mount");
        }
        assert_eq!(refused_key(MountSettings { content_type: "mp3".into(), ..mp3() }), "content_type");
        assert_eq!(
            refused_key(MountSettings { content_type: "a/b\r\nX: y".into(), ..mp3() }),
            "content_type"
        );
        for page in ["text/html", "image/svg+xml", "audio/mpeg, text/html", "javascript:x/y", ""] {
            assert_eq!(refused_key(MountSettings { content_type: page.into(), ..mp3() }), "content_type");
        }
        assert!(MountSettings { content_type: "audio/ogg; codecs=opus".into(), ..mp3() }.check().is_ok());
        for url in ["javascript:alert(1)", "radio.example", "https://a/\r\nb", "data:text/html,x"] {
            assert_eq!(refused_key(MountSettings { url: Some(url.into()), ..mp3() }), "url");
        }
        for url in ["", "https://radio.example/a?b#c"] {
            assert!(MountSettings { url: Some(url.into()), ..mp3() }.check().is_ok());
        }
        assert_eq!(refused_key(MountSettings { name: Some("a\nb".into()), ..mp3() }), "name");
        assert_eq!(refused_key(MountSettings { metaint: Some(0), ..mp3() }), "metaint");
        assert_eq!(refused_key(MountSettings { sample_rate: Some(1), ..mp3() }), "sample_rate");
    }

    #[test]
    fn a_packet_sounds_as_long_as_its_frames_say_and_else_as_long_as_its_bytes_take() {
        let packet = |frames| Packet { bytes: vec![0; 480].into(), frames };
        let unknown = MountSettings { bitrate: None, sample_rate: None, ..mp3() };
        assert_eq!(unknown.time_of(&packet(480)), Duration::from_millis(10), "at 48 kHz");
        assert_eq!(unknown.time_of(&packet(0)), Duration::from_millis(12), "at 320 kbit/s");
        let known = MountSettings { sample_rate: Some(8_000), ..mp3() };
        assert_eq!(known.time_of(&packet(480)), Duration::from_millis(60));
        assert_eq!(known.time_of(&packet(0)), Duration::from_millis(30), "at 128 kbit/s");
    }

    #[test]
    fn a_backlog_holds_a_burst_and_the_write_timeout_and_never_less_than_four_bursts() {
        let server = ServerSettings::default();
        assert_eq!(mp3().backlog_bytes(&server), 65_536 + 30 * 16_000);
        let patient = ServerSettings { write_timeout: Duration::from_secs(300), ..server.clone() };
        assert_eq!(mp3().backlog_bytes(&patient), 65_536 + 300 * 16_000);
        let hasty = ServerSettings { write_timeout: Duration::from_secs(1), ..server.clone() };
        assert_eq!(mp3().backlog_bytes(&hasty), 4 * 65_536);
        let large = ServerSettings { burst: Burst::Bytes(1 << 20), ..server };
        assert_eq!(mp3().backlog_bytes(&large), 4 << 20);
    }
}
