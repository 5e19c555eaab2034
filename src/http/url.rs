//! Addresses of websites, as an operator declares them.

use super::is_host;

/// Whether the text is an `http` or `https` URL that a page can link to: its host is one, it brings no password,
/// and nothing in it ends a line, an attribute or a tag.
pub(crate) fn is_web_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let (host, local) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, '"' | '<' | '>' | '\\');
    let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    is_web && is_host(host) && local.chars().all(is_plain)
}

/// Why a text is refused that should have been the address of a website.
pub(crate) fn no_web_url(text: &str) -> String {
    format!("{text:?} is not the address of a website: write \"https://radio.example\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn websites() {
        for url in [
            "https://radio.example",
            "HTTP://radio.example:8000/",
            "http://[2001:db8::1]/a?b=c&d#e",
            "https://radio.example/caf\u{e9}/%20",
            "https://radio.example?x",
        ] {
            assert!(is_web_url(url), "{url}");
        }
    }

    #[test]
    fn what_a_browser_could_run_or_misread_is_no_website() {
        for url in [
            "",
            "radio.example",
            "//radio.example",
            "https:",
            "https://",
            "https:///a",
            "https:radio.example",
            "javascript:alert(1)",
            "JavaScript://radio.example/%0aalert(1)",
            "data:text/html,<script>",
            "data://radio.example/",
            "ftp://radio.example",
            "file:///etc/passwd",
            " https://radio.example",
            "https ://radio.example",
            "https://radio.example /",
            "https://user:secret@radio.example",
            "https://..",
            "https://[::1",
            "https://radio.example:0",
            "https://radio.example\\@evil.example",
            "https://radio.example/\"onload=\"x",
            "https://radio.example/<b>",
            "https://radio.example/\r\nX: y",
            "https://radio.example/\u{2028}",
        ] {
            assert!(!is_web_url(url), "{url:?}");
        }
    }
}
