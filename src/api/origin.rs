//! Detects requests from pages of another origin. A browser sends the user's credentials with them.

use super::guard::Access;
use crate::HttpRequest;
use crate::access::Right;

/// Whether the request, which may change something, comes from a page of another origin. Browsers always say
/// so; programs do not name an origin.
pub(crate) fn is_foreign(request: &HttpRequest, access: Access) -> bool {
    let reads = matches!(request.method(), "GET" | "HEAD" | "OPTIONS");
    // Sources change titles by GET. What is public needs nobody's credentials: a page of any origin may ask
    // for it.
    if access == Access::Public || reads && !matches!(access, Access::Needs(Right::Send) | Access::Pass) {
        return false;
    }
    is_foreign_origin(
        request.header("sec-fetch-site"),
        request.header("origin"),
        request.header("host"),
        request.base_url(),
    )
}

/// Whether the browser says that a page of the station itself asks.
pub(crate) fn is_own(request: &HttpRequest) -> bool {
    let (site, origin) = (request.header("sec-fetch-site"), request.header("origin"));
    let says_so = origin.is_some() || site.is_some_and(|site| site != "none");
    says_so && !is_foreign_origin(site, origin, request.header("host"), request.base_url())
}

fn is_foreign_origin(site: Option<&str>, origin: Option<&str>, host: Option<&str>, base_url: &str) -> bool {
    // "none": the user made the request without a page.
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return true;
    }
    let Some(origin) = origin else { return false };
    if origin.eq_ignore_ascii_case(base_url) {
        return false;
    }
    // This accepts a proxy that adds TLS and keeps the host, without any setting for it.
    let named = origin.split_once("://").map(|(_, host)| host);
    !named.zip(host).is_some_and(|(named, host)| named.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_another_origin_is_known_by_what_the_browser_says() {
        let base = "https://radio.example";
        for (site, origin, host, foreign) in [
            (None, None, Some("h"), false),
            (Some("same-origin"), Some("https://radio.example"), Some("inside:8000"), false),
            (Some("none"), None, Some("h"), false),
            (None, Some("http://inside:8000"), Some("inside:8000"), false),
            (Some("cross-site"), None, Some("h"), true),
            (Some("same-site"), Some("https://radio.example"), Some("h"), true),
            (None, Some("https://evil.example"), Some("radio.example"), true),
            (None, Some("null"), Some("null"), true),
            (None, Some("https://radio.example.evil.example"), None, true),
            (None, Some(""), Some(""), true),
        ] {
            assert_eq!(is_foreign_origin(site, origin, host, base), foreign, "{site:?} {origin:?} {host:?}");
        }
    }
}
