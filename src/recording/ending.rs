//! The ending of a recording's name, by what is in it.

use std::borrow::Cow;
use std::path::Path;

use crate::codec::known_type;
use crate::ring::RecordedPacket;

/// The endings that players know, and the content types of such files. The first ending of a type is the one
/// of a packet that does not say more.
const TYPES: [(&str, &str); 4] =
    [("mp3", "audio/mpeg"), ("aac", "audio/aac"), ("ogg", "audio/ogg"), ("opus", "audio/ogg")];

/// The content type of a file with this name.
pub(super) fn content_type_of(path: &Path) -> &'static str {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let known = TYPES.iter().find(|(known, _)| ending == Some(known));
    known.map_or("application/octet-stream", |(_, content_type)| content_type)
}

/// The ending of a file: `mp3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    text: Cow<'static, str>,
    /// Whether packets of this content type say what they are. A source at a live input may send another
    /// format than it says, and change it.
    is_by_packet: bool,
}

impl Ending {
    /// The ending of a file that begins with this packet.
    pub fn of(content_type: &str, packet: &RecordedPacket) -> Ending {
        let known = known_type(content_type).and_then(|known| TYPES.iter().find(|(_, own)| *own == known));
        match known {
            Some((by_type, _)) => {
                Ending { text: by_packet(packet).unwrap_or(by_type).into(), is_by_packet: true }
            }
            None => Ending { text: of_unknown(content_type).into(), is_by_packet: false },
        }
    }

    /// Whether this packet belongs into a file with another ending.
    pub fn is_other_for(&self, packet: &RecordedPacket) -> bool {
        self.is_by_packet && by_packet(packet).is_some_and(|ending| ending != self.text)
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The ending for a packet, by its first bytes.
///
/// Ogg is `opus` or `ogg`. FLAC in Ogg is `ogg` as well: players look into such a file, while many take
/// `flac` for FLAC without Ogg, and do not know `oga`.
fn by_packet(packet: &RecordedPacket) -> Option<&'static str> {
    let bytes = packet.header.as_deref().unwrap_or(&packet.bytes);
    match bytes {
        [b'O', b'g', b'g', b'S', ..] => {
            let body = bytes.get(26).and_then(|segments| bytes.get(27 + usize::from(*segments)..));
            Some(if body.is_some_and(|body| body.starts_with(b"OpusHead")) { "opus" } else { "ogg" })
        }
        // The layer of MPEG audio, which is zero in ADTS.
        [0xff, second, ..] if second & 0xe0 == 0xe0 => match second & 0b110 {
            0 => Some("aac"),
            _ => Some("mp3"),
        },
        _ => None,
    }
}

/// That of a content type of an application's own: what stands after its slash.
fn of_unknown(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    let name = essence.rsplit('/').next().unwrap_or_default().trim().trim_start_matches("x-");
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    if name.is_empty() { "raw".into() } else { name.to_ascii_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_known_has_an_ending_and_every_ending_a_type() {
        for (name, content_type) in [
            ("a/2000-guest.mp3", "audio/mpeg"),
            ("a.aac", "audio/aac"),
            ("a.mp3.ogg", "audio/ogg"),
            ("a.opus", "audio/ogg"),
            ("a.own", "application/octet-stream"),
            ("mp3", "application/octet-stream"),
        ] {
            assert_eq!(content_type_of(Path::new(name)), content_type, "{name}");
        }
        for (_, content_type) in TYPES {
            assert_eq!(known_type(content_type), Some(content_type));
        }
    }

    #[test]
    fn every_format_has_an_ending_that_players_know() {
        let page = |body: &[u8]| [b"OggS", &[0; 22][..], &[1, body.len() as u8], body].concat();
        let packet = |bytes: Vec<u8>, header: Option<Vec<u8>>| RecordedPacket {
            bytes: bytes.into(),
            header: header.map(Into::into),
        };
        for (content_type, packet, ending) in [
            ("audio/mpeg", packet(vec![0xff], None), "mp3"),
            ("audio/aacp", packet(vec![0xff], None), "aac"),
            ("audio/aacp", packet(vec![0xff, 0xfb, 0x90], None), "mp3"),
            ("audio/mpeg", packet(vec![0xff, 0xf1, 0x50], None), "aac"),
            ("audio/x-own", packet(vec![0xff, 0xf1, 0x50], None), "own"),
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
