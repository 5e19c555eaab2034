//! The address of a client, and the URL by which it reached us, where a proxy may stand in front.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::pages;
use crate::http::{Request, is_host};

/// The settings that are about proxies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies {
    /// `https://radio.example`, without a slash at its end.
    pub(crate) public_url: Option<String>,
    /// Proxies whose `X-Forwarded-*` headers are believed.
    pub(crate) trusted: Vec<IpNet>,
    /// Who is refused.
    pub(crate) denied: Vec<IpNet>,
    /// Who may read the metrics.
    pub(crate) measuring: Vec<IpNet>,
}

impl Proxies {
    /// The address of the client. If the peer is a trusted proxy, this is the last address in its header that
    /// is not a trusted proxy, too. (The client may have written everything before that itself.)
    pub(crate) fn client(&self, peer: IpAddr, request: Option<&Request<'_>>) -> IpAddr {
        let peer = peer.to_canonical();
        let Some(request) = request.filter(|_| self.trusts(peer)) else { return peer };
        let mut client = peer;
        let lists = request.headers().filter(|header| header.0.eq_ignore_ascii_case("x-forwarded-for"));
        let lists: Vec<_> = lists.filter_map(|header| std::str::from_utf8(header.1).ok()).collect();
        for hop in lists.join(",").rsplit(',') {
            // Before a malformed address, nothing can be trusted.
            let Some(address) = address(hop.trim()) else { break };
            client = address;
            if !self.trusts(address) {
                break;
            }
        }
        client
    }

    /// The URL by which the client reaches us. It comes from the setting; else from a trusted proxy; else
    /// from the host that the client asked for; else from the address that it reached.
    pub(crate) fn base_url(&self, peer: IpAddr, request: &Request<'_>, local: Option<SocketAddr>) -> String {
        if let Some(url) = &self.public_url {
            return url.clone();
        }
        let first = |name: &str| {
            let value = request.header(name).filter(|_| self.trusts(peer.to_canonical()))?;
            value.split(',').next().map(str::trim)
        };
        let host = first("x-forwarded-host").filter(|host| is_host(host)).or_else(|| request.host());
        let secure = first("x-forwarded-proto").is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
        let url = pages::base_url(host, local);
        match url.strip_prefix("http:") {
            Some(rest) if secure => format!("https:{rest}"),
            _ => url,
        }
    }

    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// Whether the address of the client is enough to read the metrics. Nobody knows whose requests a proxy
    /// forwards that is not trusted.
    pub(crate) fn may_measure(&self, peer: IpAddr, request: &Request<'_>) -> bool {
        let is_forwarded =
            ["x-forwarded-for", "forwarded", "via"].iter().any(|name| request.header(name).is_some());
        let client = self.client(peer, Some(request));
        self.measuring.iter().any(|network| network.contains(&client))
            && (!is_forwarded || self.trusts(peer.to_canonical()))
    }

    /// Whether this client is refused.
    pub(crate) fn denies(&self, client: IpAddr) -> bool {
        self.denied.iter().any(|network| network.contains(&client))
    }
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`.
fn address(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    address.or_else(bare).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn asked(headers: &str, then: impl FnOnce(&Request<'_>)) {
        let head = format!("GET /a HTTP/1.1\r\nHost: inside:8000\r\n{headers}\r\n");
        then(&Request::parse(head.as_bytes()).unwrap());
    }

    fn proxies() -> Proxies {
        Proxies {
            public_url: None,
            denied: Vec::new(),
            measuring: Vec::new(),
            trusted: vec![
                "127.0.0.1/32".parse().unwrap(),
                "10.0.0.0/8".parse().unwrap(),
                "::1/128".parse().unwrap(),
            ],
        }
    }

    #[test]
    fn of_the_addresses_that_are_forwarded_the_last_that_is_not_ours_is_the_client() {
        for (peer, headers, client) in [
            ("127.0.0.1", "X-Forwarded-For: 192.0.2.9\r\n", "192.0.2.9"),
            ("::ffff:127.0.0.1", "X-Forwarded-For: 192.0.2.9\r\n", "192.0.2.9"),
            ("127.0.0.1", "X-Forwarded-For: 6.6.6.6, 192.0.2.9, 10.1.2.3\r\n", "192.0.2.9"),
            ("127.0.0.1", "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.9\r\n", "192.0.2.9"),
            ("127.0.0.1", "X-Forwarded-For: 6.6.6.6, <script>, 10.1.2.3\r\n", "10.1.2.3"),
            ("127.0.0.1", "X-Forwarded-For: [2001:db8::1]:4711\r\n", "2001:db8::1"),
            ("127.0.0.1", "X-Forwarded-For: \r\n", "127.0.0.1"),
            ("127.0.0.1", "", "127.0.0.1"),
            ("192.0.2.1", "X-Forwarded-For: 127.0.0.1\r\n", "192.0.2.1"),
        ] {
            asked(headers, |request| {
                assert_eq!(proxies().client(ip(peer), Some(request)), ip(client), "{headers:?}");
            });
        }
        assert_eq!(proxies().client(ip("::ffff:192.0.2.1"), None), ip("192.0.2.1"));
    }

    #[test]
    fn who_comes_through_a_proxy_that_is_not_trusted_has_no_address_of_its_own() {
        let measuring = ["127.0.0.1/32", "192.0.2.0/24"].map(|network| network.parse().unwrap()).to_vec();
        let trusting = Proxies { measuring: measuring.clone(), ..proxies() };
        let trusts_nobody = Proxies { measuring, ..Proxies::default() };
        for (proxies, peer, headers, may) in [
            (&trusting, "::ffff:127.0.0.1", "", true),
            (&trusting, "127.0.0.1", "X-Forwarded-For: 192.0.2.9\r\n", true),
            (&trusting, "127.0.0.1", "X-Forwarded-For: 6.6.6.6\r\n", false),
            (&trusting, "192.0.2.9", "X-Forwarded-For: 192.0.2.9\r\n", false),
            (&trusts_nobody, "127.0.0.1", "", true),
            (&trusts_nobody, "192.0.2.9", "", true),
            (&trusts_nobody, "192.0.3.9", "", false),
            (&trusts_nobody, "127.0.0.1", "X-Forwarded-For: 6.6.6.6\r\n", false),
            (&trusts_nobody, "127.0.0.1", "x-forwarded-for: 127.0.0.1\r\n", false),
            (&trusts_nobody, "127.0.0.1", "Forwarded: for=6.6.6.6\r\n", false),
            (&trusts_nobody, "127.0.0.1", "Via: 1.1 cache\r\n", false),
        ] {
            asked(headers, |request| {
                assert_eq!(proxies.may_measure(ip(peer), request), may, "{peer} {headers:?}");
            });
        }
        asked("", |request| assert!(!proxies().may_measure(ip("127.0.0.1"), request)));
    }

    #[test]
    fn only_a_proxy_that_is_trusted_says_how_we_are_reached_unless_the_operator_does() {
        let headers = "X-Forwarded-Proto: https\r\nX-Forwarded-Host: radio.example, inner\r\n";
        asked(headers, |request| {
            assert_eq!(proxies().base_url(ip("10.0.0.1"), request, None), "https://radio.example");
            assert_eq!(proxies().base_url(ip("192.0.2.1"), request, None), "http://inside:8000");
            let told = Proxies { public_url: Some("https://we.example".into()), ..proxies() };
            assert_eq!(told.base_url(ip("192.0.2.1"), request, None), "https://we.example");
        });
        for evil in ["a\"><b>", "..", "[::1", "user@radio.example", "radio.example:0", "", ", radio.example"]
        {
            asked(&format!("X-Forwarded-Host: {evil}\r\n"), |request| {
                assert_eq!(proxies().base_url(ip("10.0.0.1"), request, None), "http://inside:8000", "{evil}");
            });
        }
        let local = Some("192.0.2.7:8000".parse().unwrap());
        for (head, url) in [
            ("GET /a HTTP/1.1\r\nHost: ..\r\n\r\n", "http://192.0.2.7:8000"),
            ("GET http://radio.example/a HTTP/1.1\r\nHost: b\r\n\r\n", "http://radio.example"),
            ("GET https://[::1/a HTTP/1.1\r\nHost: b\r\n\r\n", "http://192.0.2.7:8000"),
        ] {
            let request = Request::parse(head.as_bytes()).unwrap();
            assert_eq!(proxies().base_url(ip("192.0.2.1"), &request, local), url);
        }
    }
}
