//! PLS: an INI file with `File1=`, `Title1=`, and so on. The numbers determine the order. Of several files
//! with one number, all are entries, in the order of their lines.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::ops::ControlFlow;

use super::{Item, Name, lines};
use crate::path_text;

#[derive(Default)]
struct Numbered {
    files: Vec<(u64, Name)>,
    title: Option<String>,
}

pub(super) fn parse(
    input: &mut dyn BufRead,
    found: &mut dyn FnMut(Item) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let mut entries: BTreeMap<u64, Numbered> = BTreeMap::new();
    let _ = lines::each(input, |line, bytes| {
        if let Some((key, value)) = key_value(bytes) {
            if let Some(number) = numbered(key, "file") {
                entries.entry(number).or_default().files.push((line, Name::path(value)));
            } else if let Some(number) = numbered(key, "title") {
                entries.entry(number).or_default().title = Some(path_text::shown(value).into_owned());
            }
        }
        ControlFlow::Continue(())
    })?;
    for Numbered { files, mut title } in entries.into_values() {
        for (line, name) in files {
            if found(Item::Entry { line, names: vec![name], text: title.take() }).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn key_value(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = line.iter().position(|&byte| byte == b'=')?;
    let value = line[equals + 1..].trim_ascii();
    (!value.is_empty()).then(|| (line[..equals].trim_ascii(), value))
}

/// The number in a key such as `file12` or `File12`, if the key has this name. A number beyond 64 bits counts
/// as the largest.
fn numbered(key: &[u8], name: &str) -> Option<u64> {
    let (start, digits) = key.split_at_checked(name.len())?;
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let number = str::from_utf8(digits).ok().filter(|_| is_number)?.parse().unwrap_or(u64::MAX);
    start.eq_ignore_ascii_case(name.as_bytes()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::parsed;
    use super::*;

    #[test]
    fn entries_come_in_the_order_of_their_numbers_whatever_the_case_of_their_keys() {
        let list = b"[playlist]\r\nNumberOfEntries=4\r\nFile10=ten.mp3\r\nTITLE2=J\xf3ga\r\nfile2 = two=2.mp3\r\n\
            Length2=5\r\nFILE9=nine.mp3\r\nTitle9=\r\nTitle7=no file\r\nFile=x\r\nFile+3=x\r\nFile99999999999999999999=x\r\n\
            Version=2\r\nnothing";
        let entry = |line, name: &str, text: Option<&str>| Item::Entry {
            line,
            names: vec![Name::path(name.as_bytes())],
            text: text.map(Into::into),
        };
        assert_eq!(
            parsed(Format::Pls, list).unwrap(),
            [
                entry(5, "two=2.mp3", Some("Jóga")),
                entry(7, "nine.mp3", None),
                entry(3, "ten.mp3", None),
                entry(12, "x", None)
            ]
        );
        let twice = b"[playlist]\nFile2=c\nFile1=a\nTitle1=Of a\nFile1=b\n";
        assert_eq!(
            parsed(Format::Pls, twice).unwrap(),
            [entry(3, "a", Some("Of a")), entry(5, "b", None), entry(2, "c", None)]
        );
    }

    #[test]
    fn the_first_line_tells_the_format_whatever_the_name() {
        let entry =
            |line, name: &str| Item::Entry { line, names: vec![Name::path(name.as_bytes())], text: None };
        for bom in [&b""[..], b"\xef\xbb\xbf", b"\r\n"] {
            let line = if bom == b"\r\n" { 3 } else { 2 };
            let m3u = [bom, b"#extm3u\r\na.mp3\r\n"].concat();
            assert_eq!(parsed(Format::Pls, &m3u).unwrap(), [entry(line, "a.mp3")]);
            let pls = [bom, b"[Playlist]\r\nFile1=a.mp3\r\n"].concat();
            assert_eq!(parsed(Format::M3u, &pls).unwrap(), [entry(line, "a.mp3")]);
        }
    }
}
