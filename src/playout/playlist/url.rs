//! URLs in playlists.

/// The scheme of a URL, such as `http`. A path has none, not even `C:\music`.
pub(super) fn scheme(text: &[u8]) -> Option<&str> {
    let end = text.iter().position(|&byte| byte == b':')?;
    let scheme = str::from_utf8(&text[..end]).ok()?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    // Names with a colon are common; names with two slashes after the colon are not.
    let is_url = text[end + 1..].starts_with(b"//") || scheme.eq_ignore_ascii_case("file");
    (is_scheme && scheme.len() > 1 && is_url).then_some(scheme)
}

/// The host of a `file:` URL, if it is another machine's name.
pub(super) fn file_host(url: &[u8]) -> Option<&[u8]> {
    file_path(url)?;
    let authority = url["file:".len()..].strip_prefix(b"//")?;
    let host = &authority[..authority.iter().position(|&byte| byte == b'/')?];
    (!host.is_empty() && !host.eq_ignore_ascii_case(b"localhost")).then_some(host)
}

/// The path of a `file:` URL, still encoded, and without its host.
pub(super) fn file_path(url: &[u8]) -> Option<&[u8]> {
    if !scheme(url)?.eq_ignore_ascii_case("file") {
        return None;
    }
    let rest = &url["file:".len()..];
    match rest.strip_prefix(b"//") {
        Some(authority) => Some(&authority[authority.iter().position(|&byte| byte == b'/')?..]),
        None => Some(rest),
    }
}

/// Resolves a reference against `base`. The last component of `base` does not count.
pub(super) fn join(base: &[u8], reference: &[u8]) -> Vec<u8> {
    if scheme(reference).is_some() {
        return reference.to_vec();
    }
    let root = match scheme(base) {
        Some(scheme) => {
            let authority =
                (scheme.len() + ":".len()) + if base[scheme.len() + 1..].starts_with(b"//") { 2 } else { 0 };
            base[authority..]
                .iter()
                .position(|&byte| byte == b'/')
                .map_or(base.len(), |path| authority + path)
        }
        None => 0,
    };
    let kept = if reference.starts_with(b"/") {
        &base[..root]
    } else {
        &base[..base[root..].iter().rposition(|&byte| byte == b'/').map_or(root, |slash| root + slash + 1)]
    };
    [kept, reference].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_told_from_paths() {
        assert_eq!(scheme(b"http://radio.example/x"), Some("http"));
        assert_eq!(scheme(b"HTTPS://radio.example"), Some("HTTPS"));
        assert_eq!(scheme(b"file:/x"), Some("file"));
        for path in
            [&b"C:\\music\\x.mp3"[..], b"c://x", b"Intro: Part 1.mp3", b"a/b://c", b"://x", b"", b"\xff://"]
        {
            assert_eq!(scheme(path), None, "{}", path.escape_ascii());
        }
        assert_eq!(file_path(b"file:///a%20b"), Some(&b"/a%20b"[..]));
        assert_eq!(file_path(b"FILE://localhost/a"), Some(&b"/a"[..]));
        assert_eq!(file_path(b"file:/a"), Some(&b"/a"[..]));
        assert_eq!(file_path(b"file:a/b"), Some(&b"a/b"[..]));
        assert_eq!(file_path(b"file://host"), None);
        assert_eq!(file_path(b"http://host/a"), None);
        assert_eq!(file_host(b"file://NAS/share/a"), Some(&b"NAS"[..]));
        for own in
            [&b"file:///a"[..], b"file://localhost/a", b"FILE://LOCALHOST/a", b"file:/a", b"http://h/a"]
        {
            assert_eq!(file_host(own), None, "{}", own.escape_ascii());
        }
    }

    #[test]
    fn references_are_relative_to_their_base() {
        for (base, reference, meant) in [
            ("sub/", "a.mp3", "sub/a.mp3"),
            ("sub/list.xspf", "a.mp3", "sub/a.mp3"),
            ("list.xspf", "a.mp3", "a.mp3"),
            ("sub/", "/a.mp3", "/a.mp3"),
            ("file:///music/", "a.mp3", "file:///music/a.mp3"),
            ("file:///music/x", "../a.mp3", "file:///music/../a.mp3"),
            ("file:///music/x", "/a.mp3", "file:///a.mp3"),
            ("http://host/x/", "/a.mp3", "http://host/a.mp3"),
            ("http://host", "a.mp3", "http://hosta.mp3"),
            ("sub/", "http://host/a", "http://host/a"),
            ("file:x/y", "a", "file:x/a"),
        ] {
            let joined = join(base.as_bytes(), reference.as_bytes());
            assert_eq!(String::from_utf8(joined).unwrap(), meant, "{base} {reference}");
        }
    }
}
