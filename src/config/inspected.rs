//! A configuration file as an operator sees it: its text, and what is wrong with it.

use std::path::Path;

use super::redacted::redacted;
use super::{Config, ConfigError};
use crate::cut::cut;

/// The most bytes of a text that are shown.
const MOST_SHOWN: usize = 256 << 10;

/// A configuration file that was read to be looked at.
#[derive(Debug)]
pub struct InspectedConfig {
    /// Its text without what may be a secret: values of keys that are called like passwords or tokens, and
    /// logins in URLs. Of a long one the first 256 KiB; `None` if it cannot be read, or is not UTF-8.
    pub text: Option<String>,
    /// Whether more of its text is there.
    pub is_shortened: bool,
    /// The configuration, or everything that is wrong with it.
    pub config: Result<Config, ConfigError>,
}

impl Config {
    /// Reads a file as [`read`](Config::read) does, and keeps its text to be shown.
    pub fn inspect(file: &Path) -> InspectedConfig {
        let (text, config) = Config::read_with_text(file);
        let is_shortened = text.as_ref().is_some_and(|text| text.len() > MOST_SHOWN);
        let text = text.map(|text| redacted(cut(&text, MOST_SHOWN)));
        InspectedConfig { text, is_shortened, config }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_shown_whatever_is_wrong_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("station.toml");
        let inspect = |text: &[u8]| {
            std::fs::write(&file, text).unwrap();
            Config::inspect(&file)
        };
        let good = inspect("[server]\n# token: geheim\n[[mount]]\nmount = '/jóga'\n".as_bytes());
        assert!(good.config.is_ok() && !good.is_shortened);
        assert_eq!(good.text.unwrap(), "[server]\n# token: …\n[[mount]]\nmount = '/jóga'\n");
        let bad = inspect(b"[server]\nburts = 1\n");
        assert_eq!(bad.config.unwrap_err().problems[1].line, Some(2));
        assert!(bad.text.unwrap().contains("burts"));
        let long = inspect(format!("#{}\n[[mount]]\nmount = '/a'", "é".repeat(MOST_SHOWN)).as_bytes());
        assert!(long.config.is_ok() && long.is_shortened);
        assert_eq!(long.text.unwrap().len(), MOST_SHOWN - 1, "a character is not cut");
        let unread = inspect(b"\xff");
        assert!(unread.config.is_err() && unread.text.is_none());
        std::fs::remove_file(&file).unwrap();
        assert!(Config::inspect(&file).config.is_err());
    }
}
