//! The request and the client of a connection, for the access log and for events.

use std::borrow::Cow;

use crate::cut::cut;
use crate::http::Request;
use crate::server::client_address::ClientAddress;

/// At most so many bytes of a target or a header are kept, so that memory per listener is bounded.
const KEPT: usize = 256;

/// A client and what it asked for.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) id: u64,
    pub(crate) address: ClientAddress,
    /// Whether it asks the API how things are, as monitors and pages do all the time.
    pub(crate) is_poll: bool,
    /// Request line, agent, referer and user, one after the other: one allocation per listener, not four.
    text: Box<str>,
    agent_at: u16,
    referer_at: u16,
    user_at: u16,
}

impl Visit {
    /// `request` is none if the request was malformed.
    pub(crate) fn new(id: u64, address: ClientAddress, request: Option<&Request<'_>>) -> Visit {
        let mut text = String::new();
        let (mut agent_at, mut referer_at) = (0, 0);
        if let Some(request) = request {
            let version = request.version.as_str();
            text.extend([kept(request.method), " ", &without_secrets(kept(request.target)), " ", version]);
            agent_at = text.len() as u16;
            text.push_str(request.header("user-agent").map_or("", kept));
            referer_at = text.len() as u16;
            text.push_str(&without_secrets(request.header("referer").map_or("", kept)));
        }
        let user_at = text.len() as u16;
        let text = text.into_boxed_str();
        Visit { id, address, is_poll: false, text, agent_at, referer_at, user_at }
    }

    /// The client has proved to be this user.
    pub(crate) fn identify(&mut self, user: &str) {
        self.text = [&self.text[..usize::from(self.user_at)], kept(user)].concat().into_boxed_str();
    }

    /// `GET /stream.mp3 HTTP/1.1`; empty if the request was malformed.
    pub(crate) fn request_line(&self) -> &str {
        &self.text[..usize::from(self.agent_at)]
    }

    pub(crate) fn agent(&self) -> &str {
        &self.text[usize::from(self.agent_at)..usize::from(self.referer_at)]
    }

    pub(crate) fn referer(&self) -> &str {
        &self.text[usize::from(self.referer_at)..usize::from(self.user_at)]
    }

    /// Empty if no user was asked for.
    pub(crate) fn user(&self) -> &str {
        &self.text[usize::from(self.user_at)..]
    }
}

/// The URL without passwords, which old clients put into it: `…&pass=hackme&…`, `http://user:pass@host/`.
fn without_secrets(url: &str) -> Cow<'_, str> {
    let mut url = Cow::Borrowed(url);
    if let Some(host) = url.find("://").map(|at| at + 3)
        && let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at)
        && let Some(at) = url[host..end].rfind('@')
    {
        url.to_mut().replace_range(host..host + at, "…");
    }
    for key in ["pass=", "password=", "token="] {
        let mut from = url.find('?').unwrap_or(url.len());
        while let Some(at) = url[from..].find(key) {
            let (name, value) = (from + at, from + at + key.len());
            let end = url[value..].find(['&', '#']).map_or(url.len(), |at| value + at);
            from = end;
            if url[..name].ends_with(['?', '&']) {
                url.to_mut().replace_range(value..end, "…");
                from = value + "…".len();
            }
        }
    }
    url
}

fn kept(text: &str) -> &str {
    cut(text, KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_kept() {
        for (url, kept) in [
            ("/admin.cgi?mode=updinfo&pass=hackme&song=a", "/admin.cgi?mode=updinfo&pass=…&song=a"),
            ("/x?pass=a&pass=b", "/x?pass=…&pass=…"),
            ("/pass=a?compass=b", "/pass=a?compass=b"),
            ("/x?pass=", "/x?pass=…"),
            ("http://u:p@h/x?token=é#pass=b", "http://…@h/x?token=…#pass=b"),
            ("http://h/x@y", "http://h/x@y"),
        ] {
            assert_eq!(without_secrets(url), kept);
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let long = "é".repeat(3_000);
        let head = format!("GET /{} HTTP/1.1\r\nReferer: r\r\nUser-Agent: {long}\r\n\r\n", "x".repeat(9_000));
        let request = Request::parse(head.as_bytes()).unwrap();
        let mut visit = Visit::new(1, ClientAddress::new([192, 0, 2, 1].into()), Some(&request));
        assert_eq!(visit.user(), "");
        visit.identify("ana");
        visit.identify(&"é".repeat(200));
        assert_eq!(visit.user(), "é".repeat(128));
        assert_eq!(visit.request_line(), format!("GET /{} HTTP/1.1", "x".repeat(255)));
        assert_eq!((visit.agent(), visit.referer()), (&long[..256], "r"));
        let none = Visit::new(1, ClientAddress::new([127, 0, 0, 1].into()), None);
        assert_eq!([none.request_line(), none.agent(), none.referer(), none.user()], [""; 4]);
    }
}
