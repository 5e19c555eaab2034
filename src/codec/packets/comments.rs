//! The tags in the header pages of an Ogg stream: Vorbis comments, as Vorbis, Opus and FLAC have them.

use super::ogg::Page;
use crate::metadata::Tags;

/// The most comments that are looked at. No encoder writes so many.
const MAX_COMMENTS: u32 = 256;
/// The longest comment that is kept.
const LONGEST: usize = 1024;

/// Artist and title in these header pages. What is damaged is left out.
pub(crate) fn tags_of_header(pages: &[u8]) -> Tags {
    let mut tags = Tags::default();
    for packet in packets(pages) {
        if let Some(comments) = comments_of(&packet) {
            // Damage ends the comments; those before it count.
            let _ = read(comments, &mut tags);
        }
    }
    tags
}

/// Artist and title in a header packet. `None` if it is not the one that has the comments.
pub(in crate::codec) fn tags_of_packet(packet: &[u8]) -> Option<Tags> {
    let mut tags = Tags::default();
    let _ = read(comments_of(packet)?, &mut tags);
    Some(tags)
}

/// The packets in these pages.
fn packets(mut pages: &[u8]) -> Vec<Vec<u8>> {
    let (mut packets, mut packet) = (Vec::new(), Vec::new());
    while let Some(page) = Page::take(&mut pages) {
        let mut body = page.body();
        for length in page.lacing() {
            let (segment, after) = body.split_at(usize::from(*length));
            packet.extend_from_slice(segment);
            body = after;
            if *length < 255 {
                packets.push(std::mem::take(&mut packet));
            }
        }
    }
    packets
}

/// The comments in a packet, if it is the header that has them.
fn comments_of(packet: &[u8]) -> Option<&[u8]> {
    let of_flac = || match packet {
        // A metadata block of type 4, with its length. The upper bit marks the last block.
        [kind, _, _, _, comments @ ..] if kind & 0x7f == 4 => Some(comments),
        _ => None,
    };
    packet.strip_prefix(b"\x03vorbis").or_else(|| packet.strip_prefix(b"OpusTags")).or_else(of_flac)
}

/// Reads the name of the encoder, a count, and the comments, each with its length before it. `None` at
/// damage; what came before it counts.
fn read(mut bytes: &[u8], tags: &mut Tags) -> Option<()> {
    text(&mut bytes)?;
    for _ in 0..number(&mut bytes)?.min(MAX_COMMENTS) {
        let comment = text(&mut bytes)?;
        let Some((name, value)) = comment.split_once('=') else { continue };
        let value = value.chars().take(LONGEST).collect::<String>();
        let field = match name.to_ascii_uppercase().as_str() {
            "ARTIST" => &mut tags.artist,
            "TITLE" => &mut tags.title,
            _ => continue,
        };
        if !value.trim().is_empty() {
            field.get_or_insert(value);
        }
    }
    Some(())
}

fn text(bytes: &mut &[u8]) -> Option<String> {
    let length = number(bytes)? as usize;
    let text = bytes.split_off(..length)?;
    Some(String::from_utf8_lossy(text).into_owned())
}

fn number(bytes: &mut &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.split_off(..4)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::super::ogg::PAGE_HEADER_BYTES;
    use super::*;

    /// A page with these packets, of which the last may go on in the next page.
    fn page(packets: &[&[u8]], goes_on: bool) -> Vec<u8> {
        let mut segments = Vec::new();
        for (index, packet) in packets.iter().enumerate() {
            segments.extend(vec![255; packet.len() / 255]);
            if !(goes_on && index + 1 == packets.len()) {
                segments.push((packet.len() % 255) as u8);
            }
        }
        let mut page = vec![0; PAGE_HEADER_BYTES];
        page[..4].copy_from_slice(b"OggS");
        page[PAGE_HEADER_BYTES - 1] = segments.len() as u8;
        page.extend(segments);
        packets.iter().for_each(|packet| page.extend_from_slice(packet));
        page
    }

    fn comments(list: &[&str]) -> Vec<u8> {
        let text = |text: &str| [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
        let all: Vec<u8> = list.iter().flat_map(|comment| text(comment)).collect();
        [text("an encoder"), (list.len() as u32).to_le_bytes().to_vec(), all].concat()
    }

    fn found(pages: &[u8]) -> (String, String) {
        let tags = tags_of_header(pages);
        (tags.artist.unwrap_or_default(), tags.title.unwrap_or_default())
    }

    #[test]
    fn tags_are_found_in_each_codec_and_across_pages() {
        let long = "x".repeat(700);
        let list = comments(&[&format!("COMMENT={long}"), "artist=Björk", "Title=Jóga", "TITLE=another"]);
        let expected = ("Björk".to_owned(), "Jóga".to_owned());
        for start in [&b"\x03vorbis"[..], b"OpusTags", b"\x84\0\0\0"] {
            let packet = [start, &list].concat();
            assert_eq!(
                found(&[page(&[b"head"], false), page(&[&packet, b"\x05vorbis"], false)].concat()),
                expected
            );
            // It goes on in the next page.
            let (a, b) = packet.split_at(510);
            assert_eq!(
                found(&[page(&[b"head"], false), page(&[a], true), page(&[b], false)].concat()),
                expected
            );
        }
    }

    #[test]
    fn damage_costs_what_it_hits() {
        let packet = [b"OpusTags", &comments(&["ARTIST=A", "TITLE=B"])[..]].concat();
        let whole = page(&[&packet], false);
        for end in 0..whole.len() {
            let (artist, title) = found(&whole[..end]);
            assert!(["", "A"].contains(&&*artist) && ["", "B"].contains(&&*title), "{end}: {artist} {title}");
        }
        let mut wrong = whole.clone();
        let at = whole.windows(8).position(|part| part == b"ARTIST=A").unwrap();
        wrong[at - 1] = 255;
        assert_eq!(found(&wrong), Default::default());
        for byte in 0..whole.len() {
            let mut wrong = whole.clone();
            wrong[byte] ^= 0xff;
            let _ = found(&wrong);
        }
    }
}
