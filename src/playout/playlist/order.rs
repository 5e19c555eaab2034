//! Sorts file names in natural order: `Track 9` before `Track 10`.

use std::ffi::{OsStr, OsString};

use rustix::fs::FileType;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Sorts the files and subfolders of a folder.
pub(super) fn sort(names: Vec<(OsString, FileType)>) -> Vec<(OsString, FileType)> {
    let mut keyed: Vec<(Vec<u8>, (OsString, FileType))> =
        names.into_iter().map(|name| (key(&name.0), name)).collect();
    // Names with equal keys are sorted by their bytes, so the order is always the same.
    keyed.sort_unstable_by(|(a, (a_name, _)), (b, (b_name, _))| a.cmp(b).then_with(|| a_name.cmp(b_name)));
    keyed.into_iter().map(|(_, name)| name).collect()
}

/// A sort key: letters count without case and accents, numbers by their value.
fn key(name: &OsStr) -> Vec<u8> {
    let text = name.to_string_lossy();
    let mut key = Vec::with_capacity(text.len() + 8);
    let mut digits = String::new();
    for c in text.nfd().filter(|&c| !is_combining_mark(c)).flat_map(char::to_lowercase) {
        if c.is_ascii_digit() {
            digits.push(c);
        } else {
            number(&mut key, &mut digits);
            key.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    number(&mut key, &mut digits);
    key
}

/// Appends a number to the key. Its length comes first, so that a longer number is greater.
fn number(key: &mut Vec<u8>, digits: &mut String) {
    if digits.is_empty() {
        return;
    }
    let value = digits.trim_start_matches('0');
    key.push(b'0');
    key.extend_from_slice(&(value.len() as u32).to_be_bytes());
    key.extend_from_slice(value.as_bytes());
    digits.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_people_expect() {
        let sorted = [
            "-",
            "007",
            "7.mp3",
            "10.mp3",
            "10a.mp3",
            "100.mp3",
            "18446744073709551616.mp3",
            "Abba",
            "CD1",
            "cd2",
            "CD10",
            "Édith",
            "eins",
            "Track 1 - 9.mp3",
            "Track 1 - 10.mp3",
            "track 2.mp3",
            "日本",
        ];
        for pair in sorted.windows(2) {
            assert!(key(pair[0].as_ref()) < key(pair[1].as_ref()), "{pair:?}");
        }
        assert_eq!(key("Jo\u{301}ga".as_ref()), key("JÓGA".as_ref()));
    }
}
