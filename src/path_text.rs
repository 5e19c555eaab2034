//! Paths as text, with no path lost. UTF-8 is written as it is. Any other path, and one that looks like a
//! URL, is written as `file://` and percent-encoded bytes. Serde uses it as `#[serde(with = "path_text")]`.

use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use encoding_rs::WINDOWS_1252;
use serde::{Deserialize, Deserializer, Serializer};

use crate::percent;

pub(crate) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&to_text(path))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
    Ok(from_text(&Cow::<str>::deserialize(from)?))
}

pub(crate) fn to_text(path: &Path) -> Cow<'_, str> {
    match path.to_str() {
        Some(text) if !text.starts_with("file://") => text.into(),
        _ => format!("file://{}", percent::encode_plainly(path.as_os_str().as_bytes())).into(),
    }
}

/// The path that a text stands for.
pub(crate) fn from_text(text: &str) -> PathBuf {
    match text.strip_prefix("file://") {
        Some(encoded) => OsString::from_vec(percent::decode(encoded.as_bytes()).into_owned()).into(),
        None => text.into(),
    }
}

/// The text of bytes whose encoding nobody tells: UTF-8 if they are valid, else Windows-1252, which contains
/// Latin-1. For people; it does not lead back to the bytes.
pub(crate) fn shown(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

/// The absolute path without `.` and `..`, by its text alone: the disk is not asked where links lead.
pub(crate) fn cleaned(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut clean = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => _ = clean.pop(),
            other => clean.push(other),
        }
    }
    clean
}

/// The path with this at the end of its last name: `library.db` and `-wal` make `library.db-wal`.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn any_path_survives_as_text() {
        for (bytes, text) in [
            (&b"music/Bj\xc3\xb6rk.flac"[..], "music/Björk.flac"),
            (b"/m\xfcsik/100% \xff.mp3", "file:///m%FCsik/100%25%20%FF.mp3"),
            (b"relative/\xe4", "file://relative/%E4"),
            (b"file:///not%20a%20url", "file://file%3A///not%2520a%2520url"),
            (b"", ""),
            (b"%41", "%41"),
        ] {
            let path = Path::new(OsStr::from_bytes(bytes));
            assert_eq!(to_text(path), text);
            assert_eq!(from_text(text), path);
        }
    }
}
