//! The cookie of a session: how a browser shows that its user has logged in.

/// The name of the cookie.
const NAME: &str = "longwave";

/// What a header `Cookie` says of the session. Empty after a logout. `None` without the cookie, and if it is
/// there twice: then somebody else has set one of them, such as a neighbour in the same domain.
pub(crate) fn session_in(cookies: &str) -> Option<&str> {
    let mut found = cookies
        .split(';')
        .filter_map(|cookie| cookie.split_once('='))
        .filter_map(|(name, value)| (name.trim() == NAME).then_some(value.trim()));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// The header `Set-Cookie` of a session. Only requests of the station's own pages carry the cookie, and no
/// script reads it. With `is_secure` it goes through TLS only.
///
/// An ended session leaves an empty cookie (`value` is empty): it tells that a browser asks, which should not
/// show its own dialog for passwords.
pub(crate) fn set_session(value: &str, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{NAME}={value}; Path=/; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_found_among_other_cookies() {
        for (cookies, session) in [
            ("longwave=abc", Some("abc")),
            ("a=b; longwave=abc ;c", Some("abc")),
            ("longwave=", Some("")),
            ("longwave", None),
            ("xlongwave=abc; longwave2=abc", None),
            ("longwave=abc; longwave=def", None),
            ("", None),
        ] {
            assert_eq!(session_in(cookies), session, "{cookies}");
        }
    }

    #[test]
    fn the_cookie_is_for_requests_of_own_pages_only() {
        assert_eq!(set_session("abc", false), "longwave=abc; Path=/; HttpOnly; SameSite=Strict");
        assert_eq!(set_session("", true), "longwave=; Path=/; HttpOnly; SameSite=Strict; Secure");
    }
}
