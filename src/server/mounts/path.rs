//! What a mount may be called.

/// It stands in every request, in logs and in playlists.
const LONGEST: usize = 255;
/// Endings under which a mount's playlists are served.
const PLAYLIST_ENDINGS: [&str; 3] = [".m3u", ".pls", ".xspf"];
/// First segments that clients of Icecast, and applications, expect something else at.
const RESERVED: [&str; 13] = [
    "admin",
    "admin.cgi",
    "api",
    "art",
    "console",
    "embed",
    "health",
    "metrics",
    "nowplaying",
    "page",
    "played",
    "requests",
    "status-json.xsl",
];

/// Whether a mount can be at `path`.
pub(crate) fn check(path: &str) -> Result<(), String> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err(format!("{path:?} does not start with a slash: write {:?}", format!("/{path}")));
    };
    if path.len() > LONGEST {
        return Err(format!("a mount's path has {LONGEST} bytes at most"));
    }
    // These mean something in a URL, or cannot stand in one.
    if let Some(bad) = path.chars().find(|&c| c.is_control() || c.is_whitespace() || "?#%\\\"<>".contains(c))
    {
        return Err(format!("{path:?}: a mount's path cannot hold {bad:?}"));
    }
    if rest.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(format!("{path:?}: every part of a mount's path needs a name"));
    }
    let lower = path.to_ascii_lowercase();
    if let Some(ending) = PLAYLIST_ENDINGS.iter().find(|ending| lower.ends_with(**ending)) {
        return Err(format!("{path:?}: {ending} is reserved for the playlist that points to a mount"));
    }
    reserved(path)
}

/// Refuses paths where clients expect something else.
pub(crate) fn reserved(path: &str) -> Result<(), String> {
    let first = path.split('/').nth(1);
    match RESERVED.iter().find(|reserved| first == Some(reserved)) {
        Some(first) => Err(format!("{path:?}: /{first} is reserved")),
        None => Ok(()),
    }
}

/// Whether `path` belongs to whoever has claimed `claim`: a path itself, or with a slash at its end all that
/// is below it. The path is decoded.
pub(crate) fn belongs(path: &str, claim: &str) -> bool {
    if claim.ends_with('/') { path.starts_with(claim) } else { path == claim }
}

/// The mount whose playlist is at `path`, if it is a playlist's path.
pub(crate) fn mount_of_playlist(path: &str) -> Option<&str> {
    PLAYLIST_ENDINGS.iter().find_map(|ending| path.strip_suffix(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_players_can_ask_for_are_taken() {
        for path in ["/stream.mp3", "/radio", "/a/b.aac", "/jóga.mp3", "/administrator", "/m3u"] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn others_are_refused_with_the_reason() {
        let long = format!("/{}", "x".repeat(255));
        for (path, reason) in [
            ("stream", "does not start with a slash: write \"/stream\""),
            ("/", "needs a name"),
            ("/a//b", "needs a name"),
            ("/a/../b", "needs a name"),
            ("/a b", "cannot hold ' '"),
            ("/a\r\nX: y", "cannot hold '\\r'"),
            ("/a?b", "cannot hold '?'"),
            ("/a%20", "cannot hold '%'"),
            ("/a.M3U", ".m3u is reserved"),
            ("/x.xspf", ".xspf is reserved"),
            ("/admin/x", "/admin is reserved"),
            ("/status-json.xsl", "reserved"),
            (&long, "255 bytes"),
        ] {
            let error = check(path).unwrap_err();
            assert!(error.contains(reason), "{path:?}: {error}");
        }
    }
}
