//! Reads the tags of an MP4 file: iTunes' list, and the older lists of QuickTime and 3GPP.

use std::io;
use std::ops::Range;

use super::Found;
use super::text::{self, LONGEST_BYTES};
use crate::codec::file::source::Bytes;

/// The size of a box's header: its size and its kind.
const HEADER: u64 = 8;

/// The most boxes in one box that are read.
const MAX_BOXES: usize = 4096;

/// Reads the tags in the index (`moov`) or beside it.
pub(in crate::codec::file) fn read(bytes: &mut Bytes, file: Range<u64>, found: &mut Found) -> io::Result<()> {
    for child in boxes(bytes, file)? {
        match &child.kind {
            b"moov" => read_index(bytes, child.content.clone(), found)?,
            b"udta" => read_user_data(bytes, &child, found)?,
            b"meta" => read_meta(bytes, &child, found)?,
            _ => {}
        }
    }
    Ok(())
}

/// Reads the tags in the index.
fn read_index(bytes: &mut Bytes, index: Range<u64>, found: &mut Found) -> io::Result<()> {
    for child in boxes(bytes, index)? {
        match &child.kind {
            b"udta" => read_user_data(bytes, &child, found)?,
            b"meta" => read_meta(bytes, &child, found)?,
            kind if child.is_cut => {
                found.note(format!("the MP4 box {} has a wrong size", kind.escape_ascii()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A box within another.
struct Inner {
    kind: [u8; 4],
    content: Range<u64>,
    /// Whether it said that it goes beyond the box around it.
    is_cut: bool,
}

/// The boxes in a box. One that goes beyond it is cut at its end; after one that cannot be, there is none.
fn boxes(bytes: &mut Bytes, within: Range<u64>) -> io::Result<Vec<Inner>> {
    let mut boxes = Vec::new();
    let mut at = within.start;
    while boxes.len() < MAX_BOXES && at + HEADER <= within.end {
        let Some([a, b, c, d, kind @ ..]) = bytes.exactly::<8>(at)? else { break };
        let (header, size) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (HEADER, within.end - at),
            1 => (2 * HEADER, bytes.exactly(at + HEADER)?.map_or(0, u64::from_be_bytes)),
            size => (HEADER, u64::from(size)),
        };
        if size < header || at + header > within.end {
            break;
        }
        let is_cut = size > within.end - at;
        let end = if is_cut { within.end } else { at + size };
        boxes.push(Inner { kind, content: at + header..end, is_cut });
        at = end;
    }
    Ok(boxes)
}

fn read_user_data(bytes: &mut Bytes, user_data: &Inner, found: &mut Found) -> io::Result<()> {
    let mut older = Found::default();
    for child in boxes(bytes, user_data.content.clone())? {
        // QuickTime: a length and a language before each text. 3GPP: version and flags, then a language.
        let (name, before) = match &child.kind {
            b"meta" => {
                read_meta(bytes, &child, found)?;
                continue;
            }
            b"\xa9nam" => ("TITLE", 4),
            b"\xa9ART" => ("ARTIST", 4),
            b"\xa9alb" => ("ALBUM", 4),
            b"titl" => ("TITLE", 6),
            b"perf" => ("ARTIST", 6),
            b"albm" => ("ALBUM", 6),
            _ => continue,
        };
        let mut length = child.content.end.saturating_sub(child.content.start + before);
        if before == 4 {
            let declared = bytes.exactly(child.content.start)?.map_or(0, u16::from_be_bytes);
            length = length.min(u64::from(declared));
        }
        let text = bytes.up_to(child.content.start + before, length.min(LONGEST_BYTES as u64) as usize)?;
        older.add(name, &text::until_zero(&text));
    }
    found.fill_from(older);
    Ok(())
}

/// Reads the list in a `meta` box. Version and flags come before its boxes, except in old files.
fn read_meta(bytes: &mut Bytes, meta: &Inner, found: &mut Found) -> io::Result<()> {
    let begin = meta.content.start;
    let is_box = |kind: [u8; 4]| matches!(&kind, b"hdlr" | b"ilst" | b"free" | b"keys");
    let has_version = !bytes.exactly(begin + 4)?.is_some_and(is_box);
    let begin = begin + if has_version { 4 } else { 0 };
    for child in boxes(bytes, begin..meta.content.end)? {
        if child.kind == *b"ilst" {
            for item in boxes(bytes, child.content)? {
                read_item(bytes, &item, found)?;
            }
        }
    }
    Ok(())
}

/// Reads one tag, which may have several values.
fn read_item(bytes: &mut Bytes, item: &Inner, found: &mut Found) -> io::Result<()> {
    let mut name = match &item.kind {
        b"\xa9nam" => "TITLE".to_owned(),
        b"\xa9ART" => "ARTIST".to_owned(),
        b"\xa9alb" => "ALBUM".to_owned(),
        b"aART" => "ALBUMARTIST".to_owned(),
        b"\xa9wrt" => "COMPOSER".to_owned(),
        b"\xa9gen" | b"gnre" => "GENRE".to_owned(),
        b"\xa9pub" => "LABEL".to_owned(),
        b"\xa9day" => "DATE".to_owned(),
        b"trkn" => "TRACKNUMBER".to_owned(),
        b"----" => String::new(),
        _ => return Ok(()),
    };
    if item.is_cut {
        found.note(format!("the MP4 tag {} has a wrong size", item.kind.escape_ascii()));
    }
    for part in boxes(bytes, item.content.clone())? {
        // Version and flags; in `data` they are the kind of value, and a language follows.
        let before = match &part.kind {
            b"data" => 8,
            b"name" => 4,
            _ => continue,
        };
        let length = part.content.end.saturating_sub(part.content.start + before);
        let value = bytes.up_to(part.content.start + before, length.min(LONGEST_BYTES as u64) as usize)?;
        if part.kind == *b"name" {
            name = text::guessed(&value);
        } else {
            const UTF_16: u32 = 2;
            let kind = bytes.exactly(part.content.start)?.map_or(0, u32::from_be_bytes);
            let value = match (&item.kind, value.as_slice()) {
                // There is none.
                (b"trkn", [_, _, 0, 0, ..]) | (b"gnre", [0, 0]) => continue,
                // The number is among others, and genres are counted from 1.
                (b"trkn", [_, _, a, b, ..]) => u16::from_be_bytes([*a, *b]).to_string(),
                (b"gnre", [a, b]) => (u16::from_be_bytes([*a, *b]) - 1).to_string(),
                _ if kind == UTF_16 => text::utf16_big(&value),
                _ => text::guessed(&value),
            };
            found.add(&name, &value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
    }

    fn data(kind: u32, value: &[u8]) -> Vec<u8> {
        boxed(b"data", &[&kind.to_be_bytes()[..], &[0; 4], value].concat())
    }

    fn with_list(items: &[Vec<u8>]) -> Vec<u8> {
        let list = boxed(b"ilst", &items.concat());
        boxed(b"udta", &boxed(b"meta", &[&[0; 4][..], &boxed(b"hdlr", &[0; 25]), &list].concat()))
    }

    /// Artist, title and gain of an index.
    fn read_all(index: &[u8]) -> (Option<String>, Option<String>, Option<f32>) {
        let mut bytes = Bytes::new(Box::new(io::Cursor::new(index.to_vec()))).unwrap();
        let mut found = Found::default();
        read_index(&mut bytes, 0..index.len() as u64, &mut found).unwrap();
        let tags = found.finish(false).tags;
        (tags.artist, tags.title, tags.track_gain_db)
    }

    #[test]
    fn tags_are_read_in_every_form() {
        let artist = boxed(b"\xa9ART", &data(1, "Ana".as_bytes()));
        let title = boxed(b"\xa9nam", &data(1, "Jóga".as_bytes()));
        let both = [artist.clone(), title.clone()];
        let plain = with_list(&both);
        let mut cut = with_list(&[artist.clone(), boxed(b"\xa9nam", &data(1, "Jóga".as_bytes()))]);
        let at = cut.len() - "Jóga".len() - 16 - 8;
        cut[at..at + 4].copy_from_slice(&9_000_u32.to_be_bytes());
        let mut beyond = plain.clone();
        beyond[..4].copy_from_slice(&9_000_u32.to_be_bytes());
        let list = boxed(b"ilst", &both.concat());
        let quicktime = |kind, text: &str| {
            boxed(kind, &[&(text.len() as u16).to_be_bytes()[..], &[0, 0], text.as_bytes()].concat())
        };
        let gpp =
            |kind, text: &str| boxed(kind, &[&[0, 0, 0, 0, 0x15, 0xc7][..], text.as_bytes(), &[0]].concat());
        let wide: Vec<u8> = "Jóga".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (what, index) in [
            ("as iTunes writes it", plain),
            (
                "without version and flags",
                boxed(b"udta", &boxed(b"meta", &[boxed(b"hdlr", &[0; 25]), list.clone()].concat())),
            ),
            ("the list first", boxed(b"udta", &boxed(b"meta", &list))),
            ("not within user data", boxed(b"meta", &[&[0; 4][..], &list].concat())),
            ("a tag with a wrong size", cut),
            ("user data with a wrong size", beyond),
            ("UTF-16", with_list(&[artist.clone(), boxed(b"\xa9nam", &data(2, &wide))])),
            ("Latin-1", with_list(&[artist.clone(), boxed(b"\xa9nam", &data(0, b"J\xf3ga"))])),
            ("an empty box before", with_list(&[boxed(b"\xa9too", b""), artist.clone(), title])),
            (
                "QuickTime",
                boxed(b"udta", &[quicktime(b"\xa9ART", "Ana"), quicktime(b"\xa9nam", "Jóga")].concat()),
            ),
            ("3GPP", boxed(b"udta", &[gpp(b"perf", "Ana"), gpp(b"titl", "Jóga")].concat())),
        ] {
            let (artist, title, _) = read_all(&index);
            assert_eq!((artist.as_deref(), title.as_deref()), (Some("Ana"), Some("Jóga")), "{what}");
        }
    }

    #[test]
    fn a_tag_may_have_several_values_and_a_name_of_its_own() {
        let artists = boxed(b"\xa9ART", &[data(1, b"Ella"), data(1, b"Louis")].concat());
        let own = |name: &[u8], value: &[u8]| {
            let name = boxed(b"name", &[&[0; 4], name].concat());
            boxed(b"----", &[boxed(b"mean", b"\0\0\0\0com.apple.iTunes"), name, data(1, value)].concat())
        };
        let norm = own(b"iTunNORM", b" 000001F4");
        let (artist, _, gain) =
            read_all(&with_list(&[artists, norm, own(b"replaygain_track_gain", b"-3,5 LU")]));
        assert_eq!((artist.as_deref(), gain), (Some("Ella / Louis"), Some(-3.5)));
    }
}
