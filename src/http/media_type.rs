//! Content types: that of an M3U, and which are those of streams.

/// The content type of an M3U.
pub(crate) const M3U: &str = "audio/x-mpegurl";

/// Whether the text is the content type of a stream: `audio/mpeg`, `video/webm`, `application/ogg`, with or
/// without parameters (`audio/ogg; codecs=opus`). A browser shows no such type as a page, so that nobody's
/// script runs under the station's address.
pub(crate) fn is_stream_type(text: &str) -> bool {
    let (essence, parameters) = text.split_at(text.find(';').unwrap_or(text.len()));
    let Some((kind, subtype)) = essence.trim_end_matches([' ', '\t']).split_once('/') else { return false };
    let is_stream = ["audio", "video"].iter().any(|stream| kind.eq_ignore_ascii_case(stream))
        || (kind.eq_ignore_ascii_case("application") && subtype.eq_ignore_ascii_case("ogg"));
    is_stream && is_token(subtype) && are_parameters(parameters)
}

/// Whether the text is empty or `; name=value; name="value"`. A comma outside of quotes would begin a second
/// type, which browsers prefer.
fn are_parameters(mut text: &str) -> bool {
    while let Some(rest) = text.strip_prefix(';') {
        let Some((name, rest)) = rest.split_once('=') else { return false };
        if !is_token(name.trim_start_matches([' ', '\t'])) {
            return false;
        }
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => match quoted.split_once('"') {
                Some((value, rest)) if is_quotable(value) => ("quoted", rest),
                _ => return false,
            },
            None => rest.split_at(rest.find([';', ' ', '\t']).unwrap_or(rest.len())),
        };
        if !is_token(value) {
            return false;
        }
        text = rest.trim_start_matches([' ', '\t']);
    }
    text.is_empty()
}

fn is_quotable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\\')
}

/// A word of RFC 9110.
fn is_token(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_streams_are() {
        for text in [
            "audio/mpeg",
            "audio/aac",
            "audio/aacp",
            "audio/x-wav",
            "audio/vnd.wave",
            "Audio/MPEG",
            "video/nsv",
            "application/ogg",
            "Application/Ogg;codecs=flac",
            "audio/ogg; codecs=opus",
            "audio/mp4 ;\tcodecs=\"mp4a.40.2, opus; x\"; rate=48000",
            "audio/L16;rate=44100;channels=2",
        ] {
            assert!(is_stream_type(text), "{text}");
        }
    }

    #[test]
    fn a_page_or_a_script_is_no_stream() {
        for text in [
            "",
            "audio",
            "audio/",
            "/mpeg",
            "mp3",
            "audio/ mpeg",
            " audio/mpeg",
            "audio/mpeg/x",
            "text/html",
            "text/plain",
            "image/svg+xml",
            "application/xhtml+xml",
            "application/javascript",
            "application/octet-stream",
            "multipart/x-mixed-replace;boundary=audio/mpeg",
            "*/*",
            "xaudio/mpeg",
            // A browser takes the last type of a list.
            "audio/mpeg, text/html",
            "audio/mpeg,text/html",
            "audio/mpeg;a=b, text/html",
            "audio/mpeg;a=\"b\", text/html",
            "audio/mpeg;a=b,text/html",
            "audio/mpeg;",
            "audio/mpeg;a",
            "audio/mpeg;a=",
            "audio/mpeg;=b",
            "audio/mpeg;a=\"b",
            "audio/mpeg;a=\"b\\\"\"",
            "audio/mpeg;a=b c=d",
            "audio/mpeg\r\nX: y",
            "audio/mpeg;a=\"\r\n\"",
            "audio/mp\u{e9}g",
        ] {
            assert!(!is_stream_type(text), "{text:?}");
        }
    }
}
