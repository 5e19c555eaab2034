//! The ending of a recording's name, by what is in it.

use crate::codec::known_type;
use crate::ring::RecordedPacket;

/// The ending of a file: `mp3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending(String);

impl Ending {
    /// The ending of a file that begins with this packet.
    ///
    /// Ogg is `opus` or `ogg`. FLAC in Ogg is `ogg` as well: players look into such a file, while many take
    /// `flac` for FLAC without Ogg, and do not know `oga`.
    pub fn of(content_type: &str, packet: &RecordedPacket) -> Ending {
        let ending = match known_type(content_type) {
            Some("audio/mpeg") => "mp3",
            Some("audio/aac") => "aac",
            Some(_) if first_page(packet).is_some_and(|body| body.starts_with(b"OpusHead")) => "opus",
            Some(_) => "ogg",
            None => return Ending::of_unknown(content_type),
        };
        Ending(ending.to_owned())
    }

    /// That of a content type of an application's own: what stands after its slash.
    fn of_unknown(content_type: &str) -> Ending {
        let essence = content_type.split(';').next().unwrap_or_default();
        let name = essence.rsplit('/').next().unwrap_or_default().trim().trim_start_matches("x-");
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
        Ending(if name.is_empty() { "raw".into() } else { name.to_ascii_lowercase() })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is in the first page of an Ogg stream.
fn first_page(packet: &RecordedPacket) -> Option<&[u8]> {
    let bytes = packet.header.as_deref().unwrap_or(&packet.bytes);
    let segments = usize::from(*bytes.get(26)?);
    bytes.get(27 + segments..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_an_ending_that_players_know() {
        let page = |body: &[u8]| [&[0; 26][..], &[1, body.len() as u8], body].concat();
        let packet = |bytes: Vec<u8>, header: Option<Vec<u8>>| RecordedPacket {
            bytes: bytes.into(),
            header: header.map(Into::into),
        };
        for (content_type, packet, ending) in [
            ("audio/mpeg", packet(vec![0xff], None), "mp3"),
            ("audio/aacp", packet(vec![0xff], None), "aac"),
            ("application/ogg", packet(page(b"\x01vorbis"), None), "ogg"),
            ("audio/ogg; codecs=opus", packet(page(b"x"), Some(page(b"OpusHead"))), "opus"),
            ("audio/ogg", packet(page(b"OpusHead"), None), "opus"),
            ("audio/ogg", packet(page(b"\x7fFLAC"), None), "ogg"),
            ("audio/ogg", packet(Vec::new(), None), "ogg"),
            ("audio/x-wav", packet(Vec::new(), None), "wav"),
            ("video/../../x", packet(Vec::new(), None), "x"),
            ("", packet(Vec::new(), None), "raw"),
        ] {
            assert_eq!(Ending::of(content_type, &packet).as_str(), ending, "{content_type}");
        }
    }
}
