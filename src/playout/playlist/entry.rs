//! One file to play, and what is known of it before it is opened.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A file to play.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// Where it is. In text (JSON, say) a path that is not UTF-8 is a percent-encoded `file://` URL.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    /// The title that the application gives it; it goes before the file's own tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What its playlist calls it (`#EXTINF` and its likes); the file's own tags go before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extinf: Option<String>,
}

impl Entry {
    /// A file of which nothing else is known.
    pub fn new(path: impl Into<PathBuf>) -> Entry {
        Entry { path: path.into(), ..Entry::default() }
    }

    /// A file with a title that goes before its tags.
    pub fn titled(path: impl Into<PathBuf>, title: impl Into<String>) -> Entry {
        Entry { path: path.into(), title: Some(title.into()), extinf: None }
    }
}

/// Paths as text, none of them lost: UTF-8 as it is, anything else (and what looks like a URL) as
/// `file://` and the percent-encoded bytes.
pub(crate) mod path_text {
    use std::borrow::Cow;
    use std::ffi::OsString;
    use std::fmt::Write;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serializer};

    use super::super::url;

    pub fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&to_text(path))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        Ok(from_text(&Cow::<str>::deserialize(from)?))
    }

    fn to_text(path: &Path) -> Cow<'_, str> {
        match path.to_str() {
            Some(text) if !text.starts_with("file://") => text.into(),
            _ => {
                let mut text = String::from("file://");
                for &byte in path.as_os_str().as_bytes() {
                    match byte {
                        b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                            text.push(byte.into());
                        }
                        _ => write!(text, "%{byte:02X}").expect("a string takes all"),
                    }
                }
                text.into()
            }
        }
    }

    /// The path that a text stands for.
    pub fn from_text(text: &str) -> PathBuf {
        match text.strip_prefix("file://") {
            Some(encoded) => OsString::from_vec(url::percent_decoded(encoded.as_bytes())).into(),
            None => text.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use super::*;

    #[test]
    fn any_path_survives_as_text() {
        for bytes in [
            &b"music/Bj\xc3\xb6rk.flac"[..],
            b"/m\xfcsik/100% \xff.mp3",
            b"relative/\xe4",
            b"file:///not%20a%20url",
            b"",
            b"%41",
        ] {
            let entry = Entry::new(Path::new(OsStr::from_bytes(bytes)));
            let text = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry, "{text}");
        }
        assert_eq!(
            serde_json::to_string(&Entry::titled("a/ä.mp3", "Ä")).unwrap(),
            r#"{"path":"a/ä.mp3","title":"Ä"}"#
        );
        assert_eq!(
            serde_json::to_string(&Entry::new(Path::new(OsStr::from_bytes(b"/\xe4 b")))).unwrap(),
            r#"{"path":"file:///%E4%20b"}"#
        );
    }
}
