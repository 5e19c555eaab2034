//! What a source announces in the head of its request.

use super::SourceInfo;
use crate::http::{is_header_value, is_web_url};
use crate::metadata::one_line;
use crate::units::SampleRate;

/// The longest text that is kept of each header.
const LONGEST: usize = 500;
/// The beginnings of headers that clients of Icecast, of SHOUTcast and of its ancestor use.
const PREFIXES: [&str; 3] = ["ice-", "icy-", "x-audiocast-"];
/// The content type of a `SOURCE` that names none.
const OF_OLD_CLIENTS: &str = "audio/mpeg";

impl SourceInfo {
    /// Reads the headers of a request. `header` finds one by its name. `None` if there is no content type,
    /// which only the oldest clients (`SOURCE`) may leave out.
    pub(crate) fn announced<'h>(
        method: &str,
        header: impl Fn(&str) -> Option<&'h str>,
    ) -> Option<SourceInfo> {
        let content_type = match header("content-type").filter(|text| !text.is_empty()) {
            Some(content_type) => content_type,
            None if method == "SOURCE" => OF_OLD_CLIENTS,
            None => return None,
        };
        let any = |name: &str| {
            let found = PREFIXES.iter().find_map(|prefix| header(&format!("{prefix}{name}")));
            found.filter(|text| !text.is_empty())
        };
        let text = |name| any(name).map(kept).filter(|text| is_header_value(text));
        let audio = header("ice-audio-info").unwrap_or_default();
        let number = |name| audio_number(audio, name);
        let bitrate = number("bitrate").or_else(|| whole(any("bitrate").or_else(|| header("icy-br"))?));
        Some(SourceInfo {
            content_type: kept(content_type),
            program: header("user-agent").map(kept).unwrap_or_default(),
            name: text("name"),
            genre: text("genre"),
            description: text("description"),
            url: text("url").filter(|url| is_web_url(url)),
            bitrate: bitrate.filter(|bitrate| (1..=100_000).contains(bitrate)),
            sample_rate: number("samplerate").filter(|rate| SampleRate::new(*rate).is_some()),
            channels: number("channels")
                .and_then(|count| u8::try_from(count).ok())
                .filter(|count| *count > 0),
            ..SourceInfo::default()
        })
    }
}

/// The text in one line, up to the longest that is kept.
fn kept(text: &str) -> String {
    one_line(text).chars().take(LONGEST).collect()
}

/// A number of `ice-audio-info`: `ice-samplerate=44100;ice-bitrate=128;channels=2`.
fn audio_number(text: &str, name: &str) -> Option<u32> {
    let mut pairs = text.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| {
        let key = key.trim().to_ascii_lowercase();
        key.strip_prefix("ice-").unwrap_or(&key) == name
    })?;
    whole(value)
}

/// The digits in front, because some clients write "128.00".
fn whole(text: &str) -> Option<u32> {
    let text = text.trim();
    text[..text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(method: &str, headers: &[(&str, &'static str)]) -> Option<SourceInfo> {
        let find = |name: &str| headers.iter().find(|header| header.0.eq_ignore_ascii_case(name));
        SourceInfo::announced(method, |name| find(name).map(|header| header.1))
    }

    #[test]
    fn names_are_found_whichever_family_they_belong_to() {
        for prefix in ["ice-", "icy-", "x-audiocast-"] {
            let (name, genre) = (format!("{prefix}name"), format!("{prefix}genre"));
            let info =
                announced("PUT", &[("content-type", "audio/aac"), (&name, "Jóga FM"), (&genre, "Pop")]);
            let info = info.unwrap();
            assert_eq!(
                (info.name.as_deref(), info.genre.as_deref()),
                (Some("Jóga FM"), Some("Pop")),
                "{prefix}"
            );
        }
    }

    #[test]
    fn audio_info_has_prefixes_or_none() {
        for text in [
            "ice-samplerate=44100;ice-bitrate=128;ice-channels=2",
            "channels=2; bitrate=128.00; samplerate=44100;quality=0.5",
        ] {
            let info = announced("SOURCE", &[("ice-audio-info", text)]).unwrap();
            assert_eq!(
                (info.sample_rate, info.bitrate, info.channels),
                (Some(44_100), Some(128), Some(2)),
                "{text}"
            );
        }
        let nothing = "samplerate=1;bitrate=;channels=999;=;x";
        let info = announced("SOURCE", &[("ice-audio-info", nothing), ("ice-bitrate", "Quality 3")]).unwrap();
        assert_eq!((info.sample_rate, info.bitrate, info.channels), (None, None, None));
        assert_eq!(announced("SOURCE", &[("icy-br", "96")]).unwrap().bitrate, Some(96));
    }

    #[test]
    fn only_the_oldest_clients_may_leave_out_the_content_type() {
        assert_eq!(announced("SOURCE", &[]).unwrap().content_type, "audio/mpeg");
        assert_eq!((announced("PUT", &[]), announced("POST", &[("content-type", "")])), (None, None));
    }

    #[test]
    fn what_no_listener_may_get_is_left_out() {
        let info = announced("SOURCE", &[("ice-url", "javascript:alert(1)"), ("ice-name", "")]).unwrap();
        assert_eq!((info.url, info.name), (None, None));
    }
}
