//! M3U and M3U8: one path per line. Lines with `#` describe the next path.

use std::io::{self, BufRead};
use std::ops::ControlFlow;

use super::{Item, Name, lines};
use crate::path_text;

pub(super) fn parse(
    input: &mut dyn BufRead,
    found: &mut dyn FnMut(Item) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let mut text = None;
    lines::each(input, |line, bytes| {
        let trimmed = bytes.trim_ascii();
        if let Some(comment) = trimmed.strip_prefix(b"#") {
            if let Some(info) = directive(comment, b"EXTINF:") {
                text = title(info);
            } else if let Some(name) = directive(comment, b"PLAYLIST:").and_then(said) {
                found(Item::Title(name))?;
            }
        } else if !trimmed.is_empty() {
            found(Item::Entry { line, names: vec![Name::path(bytes)], text: text.take() })?;
        }
        ControlFlow::Continue(())
    })
}

fn directive<'a>(comment: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = comment.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then_some(rest)
}

/// The text after the first comma outside of quotes: `123 logo="a,b",Artist - Title`.
fn title(info: &[u8]) -> Option<String> {
    let mut quoted = false;
    let comma = info.iter().position(|&byte| {
        quoted ^= byte == b'"';
        byte == b',' && !quoted
    });
    said(&info[comma? + 1..])
}

fn said(bytes: &[u8]) -> Option<String> {
    Some(path_text::shown(bytes).trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::parsed;
    use super::*;

    fn entry(line: u64, name: &[u8], text: Option<&str>) -> Item {
        Item::Entry { line, names: vec![Name::path(name)], text: text.map(Into::into) }
    }

    #[test]
    fn lines_are_entries_and_what_is_said_goes_to_the_next() {
        let list = b"\xef\xbb\xbf#EXTM3U\r\n#PLAYLIST: Evening \r\n\r\n#EXTINF:123,Bj\xc3\xb6rk - J\xc3\xb3ga\r\n\
            music/a.mp3\r\n# a comment\r\nb.mp3\r\n#extinf:-1 logo=\"x,y\",Bj\xf6rk\r\n#EXTGRP:x\r\n b.mp3 \r\n\
            #EXTINF:5\r\nJ\xf3ga.mp3";
        assert_eq!(
            parsed(Format::M3u, list).unwrap(),
            [
                Item::Title("Evening".into()),
                entry(5, b"music/a.mp3", Some("Björk - Jóga")),
                entry(7, b"b.mp3", None),
                entry(10, b" b.mp3 ", Some("Björk")),
                entry(12, b"J\xf3ga.mp3", None),
            ]
        );
    }

    #[test]
    fn titles_may_hold_commas_and_quotes() {
        assert_eq!(title(b"123,\"Heroes\", live").as_deref(), Some("\"Heroes\", live"));
        assert_eq!(title(b"123,  "), None);
        assert_eq!(title(b"123"), None);
    }
}
