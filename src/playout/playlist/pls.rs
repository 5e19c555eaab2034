//! PLS: an INI file with `File1=`, `Title1=`, and so on. The numbers determine the order.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::ops::ControlFlow;

use super::{Item, Name, lines};
use crate::path_text;

#[derive(Default)]
struct Numbered {
    file: Option<(u64, Name)>,
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
                entries.entry(number).or_default().file = Some((line, Name::path(value)));
            } else if let Some(number) = numbered(key, "title") {
                entries.entry(number).or_default().title = Some(path_text::shown(value).into_owned());
            }
        }
        ControlFlow::Continue(())
    })?;
    for Numbered { file, title } in entries.into_values() {
        if let Some((line, name)) = file
            && found(Item::Entry { line, names: vec![name], text: title }).is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn key_value(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = line.iter().position(|&byte| byte == b'=')?;
    let value = line[equals + 1..].trim_ascii();
    (!value.is_empty()).then(|| (line[..equals].trim_ascii(), value))
}

/// The number in a key such as `file12` or `File12`, if the key has this name.
fn numbered(key: &[u8], name: &str) -> Option<u64> {
    let (start, digits) = key.split_at_checked(name.len())?;
    let digits = str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    start.eq_ignore_ascii_case(name.as_bytes()).then(|| digits.parse().ok())?
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
            [entry(5, "two=2.mp3", Some("Jóga")), entry(7, "nine.mp3", None), entry(3, "ten.mp3", None)]
        );
    }
}
