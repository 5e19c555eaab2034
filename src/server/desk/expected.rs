//! Paths that are not there, but will be, or were until the station began to stop.
//!
//! Players and directories take 404 for "gone" and forget the stream. So these paths are answered with 503
//! and Retry-After.

use crate::http::HttpAnswer;
use crate::server::mounts::path::{belongs, mount_of_playlist};

/// Seconds after which a client may ask again. Most starts take less.
const RETRY_AFTER: &str = "2";

/// The expected paths. A path that ends with a slash stands for everything below it.
#[derive(Default)]
pub(crate) struct Expected(Vec<String>);

impl Expected {
    pub(crate) fn add(&mut self, paths: Vec<String>) {
        for path in paths {
            if !self.0.contains(&path) {
                self.0.push(path);
            }
        }
    }

    /// Somebody has taken the path, or it is not expected any more.
    pub(crate) fn remove(&mut self, path: &str) {
        self.0.retain(|expected| expected != path);
    }

    /// Whether this path, or the mount of a playlist at this path, is expected. The path is decoded.
    pub(crate) fn covers(&self, path: &str) -> bool {
        let mount = mount_of_playlist(path);
        self.0.iter().any(|expected| belongs(path, expected) || mount == Some(expected))
    }

    /// The answer at an expected path.
    pub(crate) fn answer() -> HttpAnswer {
        HttpAnswer::text(503, "this is not there at the moment: try again soon\n")
            .with("Retry-After", RETRY_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_expected_with_its_playlists_and_what_is_below_it() {
        let mut expected = Expected::default();
        expected.add(vec!["/a.mp3".into(), "/api/".into(), "/a.mp3".into()]);
        for path in ["/a.mp3", "/a.mp3.m3u", "/a.mp3.pls", "/a.mp3.xspf", "/api/", "/api/v1/x"] {
            assert!(expected.covers(path), "{path}");
        }
        for path in ["/", "/b.mp3", "/a.mp3.txt", "/a", "/api", "/x/api/", "/a.mp3/"] {
            assert!(!expected.covers(path), "{path}");
        }
        expected.remove("/a.mp3");
        assert!(!expected.covers("/a.mp3") && !expected.covers("/a.mp3.m3u") && expected.covers("/api/x"));
    }
}
