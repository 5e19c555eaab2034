//! A file to play, with what is known about it before it is opened.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::kind::TrackKind;
use crate::path_text;
use crate::playout::schedule::Reason;

/// A file to play.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// The path. In text such as JSON, a path that is not UTF-8 is a percent-encoded `file://` URL.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    /// The title that the application gives it. It takes precedence over the file's own tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The title in its playlist (`#EXTINF` and the like). The file's own tags take precedence over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extinf: Option<String>,
    /// Whether the file must lie below the media roots at the moment when it is opened: see
    /// [`PipelineSettings::media_roots`](crate::PipelineSettings::media_roots). It is so for whatever the API
    /// loads.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confined: bool,
    /// What it is for.
    #[serde(default, skip_serializing_if = "TrackKind::is_music")]
    pub kind: TrackKind,
    /// Why it was chosen, if a schedule has chosen it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<Reason>>,
}

impl Entry {
    /// An entry without titles.
    pub fn new(path: impl Into<PathBuf>) -> Entry {
        Entry { path: path.into(), ..Entry::default() }
    }

    /// An entry with a title that takes precedence over the file's tags.
    pub fn titled(path: impl Into<PathBuf>, title: impl Into<String>) -> Entry {
        Entry { title: Some(title.into()), ..Entry::new(path) }
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
