//! The settings of a server: their keys, and what is refused.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::DEFAULT_PORT;
use super::client_address::Addresses;
use super::connections::shares::ShareLimits;
use super::desk::proxies::Proxies;
use super::mounts::path;
use crate::error::{Error, Result};
use crate::http::{is_web_url, no_web_url};
use crate::setting::{COUNT, FLAG, Setting, Settings, TEXT, TIME, Takes, Written, choice, settings, values};

/// How a server listens, and its limits. `Default` has the daemon's defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// The addresses to listen at. Port 0 stands for a free port. If empty: `[::]:8000` for IPv6 and IPv4, or
    /// `0.0.0.0:8000` where there is no IPv6.
    pub listen: Vec<SocketAddr>,
    /// The addresses to listen at for sources that speak ICY, the protocol of SHOUTcast 1. Their programs add
    /// 1 to the port that they are given, so it should be the one behind that of `listen`. If empty, there
    /// are none.
    pub icy_listen: Vec<SocketAddr>,
    /// The path of a source that speaks ICY and whose password line names none.
    pub icy_mount: String,
    /// The maximum of listeners over all mounts. `None`: the limit of open files less a reserve of 200.
    pub max_listeners: Option<usize>,
    /// How much audio a new listener gets at once.
    pub burst: Burst,
    /// How long a listener may take no data before it is closed.
    pub write_timeout: Duration,
    /// How long a client may take to send a request head, and again for its body.
    pub header_timeout: Duration,
    /// The maximum of clients that follow events. They do not count as listeners.
    pub max_event_clients: usize,
    /// The maximum of sources, the clients that send streams. They do not count as listeners.
    pub max_sources: usize,
    /// The maximum of connections of one address. This machine (loopback) has no limit, here and below. With
    /// IPv6, all addresses of a /64 count as one. Behind a trusted proxy, the address is the client's.
    pub max_connections_per_address: usize,
    /// The maximum of listeners of one address.
    pub max_listeners_per_address: usize,
    /// The maximum of clients of one address that follow events.
    pub max_event_clients_per_address: usize,
    /// Addresses (`192.0.2.1`) and networks (`192.0.2.0/24`) that get status 403.
    pub deny: Vec<String>,
    /// Addresses and networks that may read the metrics without a token. What comes through a proxy that is
    /// not trusted has no address of its own, and needs one.
    pub metrics_allow: Vec<String>,
    /// The URL by which the public reaches the server, if it differs from the one that requests name:
    /// `https://radio.example`.
    pub public_url: Option<String>,
    /// Proxies whose `X-Forwarded-For`, `-Proto` and `-Host` are trusted: addresses (`127.0.0.1`) and
    /// networks (`10.0.0.0/8`).
    pub trusted_proxies: Vec<String>,
    /// Where the access log goes: a line for every request, at its end.
    pub access_log: AccessLog,
    /// Whether GET and HEAD of the API (`/api/`, `/health`, `/metrics`, `/nowplaying`, `/played/`, `/requests`,
    /// `/status-json.xsl`) are in the access log, too. Those with wrong credentials always are.
    pub access_log_api: bool,
    /// How much of clients' addresses logs, events and lists of listeners show. Limits work on the whole
    /// address all the same.
    pub addresses: Addresses,
}

/// Where the access log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AccessLog {
    /// To the log, at level info with the target `longwave::access`.
    #[default]
    Log,
    /// Nowhere.
    Off,
    /// To the end of this file, which is made if it is missing.
    /// [`Server::reopen_logs`](crate::Server::reopen_logs) opens it anew.
    File(PathBuf),
}

/// How much of the backlog a new listener gets at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Burst {
    /// So much time of audio, and at least 64 KiB if the backlog has them.
    Time(Duration),
    /// So many bytes.
    Bytes(usize),
}

impl Default for ServerSettings {
    fn default() -> ServerSettings {
        ServerSettings {
            listen: Vec::new(),
            icy_listen: Vec::new(),
            icy_mount: "/live".into(),
            max_listeners: None,
            burst: Burst::Time(Duration::from_secs(4)),
            write_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(15),
            max_event_clients: 1_000,
            max_sources: 100,
            max_connections_per_address: 500,
            max_listeners_per_address: 250,
            max_event_clients_per_address: 100,
            deny: Vec::new(),
            metrics_allow: Vec::new(),
            public_url: None,
            trusted_proxies: Vec::new(),
            access_log: AccessLog::Log,
            access_log_api: false,
            addresses: Addresses::Full,
        }
    }
}

impl Settings for ServerSettings {
    const KEYS: &'static [Setting<ServerSettings>] = settings! {
        "listen" else "`[\"[::]:8000\"]`",
            ADDRESS => [listen, "name an address, or leave the key out to listen on [::]:8000"], Restart,
            "Address or list of addresses. By default every address, of both families.";
        "icy_listen" else "off", ADDRESS => [icy_listen], Restart,
            "Address or list of addresses for sources that speak ICY, the protocol of SHOUTcast 1: `\"0.0.0.0:8001\"`. \
             Their programs add 1 to the port that they are given. See \
             [LIVE.md](LIVE.md#programs-for-shoutcast-1).";
        "icy_mount" = "/live", TEXT => icy_mount, Restart,
            "The path of a source that speaks ICY and whose password line names none. It is that of a relayed mount or a \
             live input.";
        "max_listeners" else "as many as fit", LISTENERS => max_listeners, Applied,
            "Listeners at most, over all mounts. By default what the limit of open files allows (it is raised as far \
             as it goes) less a reserve of 200; asking for more than that is refused at start.";
        "burst" = "4s", BURST => burst, Restart,
            "How much a new listener gets at once, so that it plays at once: a time (up to 60s, and at least 64 KiB \
             where there is that much) or a size (up to 16MiB).";
        "write_timeout" = "30s", TIME => write_timeout, Restart,
            "How long a listener may take nothing before it is closed, up to 1h. Every mount keeps that much of its \
             stream in memory.";
        "header_timeout" = "15s", TIME => header_timeout, Restart,
            "How long a client may take to send the head of its request, and again for its body, up to 1h.";
        "public_url" else "as it is asked for", TEXT => public_url, Applied,
            "How the world reaches the server, behind a proxy: `\"https://radio.example\"`. Playlists and the API name \
             streams by it.";
        "trusted_proxies" else "none", TEXT => [trusted_proxies], Applied,
            "An address (`\"127.0.0.1\"`), a network (`\"10.0.0.0/8\"`), or a list of them: their `X-Forwarded-For`, \
             `X-Forwarded-Proto` and `X-Forwarded-Host` are believed.";
        "access_log" = "stderr", ACCESS_LOG => access_log, Applied,
            "A file, to which a line for every request is appended at its end; `\"stderr\"`: these lines are in the \
             log; `\"off\"`: nowhere. See [below](#the-access-log).";
        "access_log_api" = "false", FLAG => access_log_api, Applied,
            "Whether GET and HEAD of `/api/`, `/health`, `/metrics`, `/nowplaying`, `/played/`, `/requests` and \
             `/status-json.xsl`, and of what HLS has, which are mostly polls, are in the access log, too. Those with \
             wrong credentials always are.";
        "addresses" = "full", ADDRESSES => addresses, Applied,
            "How much of clients' addresses leaves the process, in logs, events, lists of listeners and `/health`: \
             `\"full\"`; `\"shortened\"`: the network, a /24 with IPv4 (`192.0.2.0`) and a /48 with IPv6; `\"none\"`: \
             a dash in logs, `null` in JSON. Limits, `deny` and failed logins count by the whole address all the \
             same.";
        "max_event_clients" = "1000", COUNT => max_event_clients, Applied,
            "Clients that follow events at most; they are no listeners.";
        "max_sources" = "100", COUNT => max_sources, Applied,
            "Sources at most: clients that send a stream. Each has an inlet of 256 KiB to 2 MiB.";
        "max_connections_per_address" = "500", PER_ADDRESS => max_connections_per_address, Applied,
            "Connections of one address at most; further ones get status 429. With IPv6, a whole /64 counts as one \
             address; behind a trusted proxy, each client has its own; this machine (loopback) has no limit.";
        "max_listeners_per_address" = "250", PER_ADDRESS => max_listeners_per_address, Applied,
            "Listeners of one address at most, counted in the same way.";
        "max_event_clients_per_address" = "100", PER_ADDRESS => max_event_clients_per_address, Applied,
            "Clients of one address that follow events at most, counted in the same way.";
        "deny" else "none", TEXT => [deny], Applied,
            "An address (`\"192.0.2.1\"`), a network (`\"192.0.2.0/24\"`), or a list of them: they get status 403, \
             also behind a trusted proxy. Who listens already stays.";
        "metrics_allow" else "none", TEXT => [metrics_allow], Applied,
            "An address (`\"127.0.0.1\"`), a network (`\"10.0.0.0/8\"`), or a list of them: they read `/metrics` \
             without a token. Behind a trusted proxy the client's address counts; what comes through another proxy \
             needs a token. See [MONITORING.md](MONITORING.md).";
    };

    fn sample() -> ServerSettings {
        ServerSettings::default()
    }

    fn check(&self) -> Result<()> {
        self.check_each()
    }
}

const ADDRESS: Takes<SocketAddr> = Takes::Text(values::address);

const ACCESS_LOG: Takes<AccessLog> = Takes::PathOr(&["stderr", "off"], |written| match written {
    Written::Text("off") => Ok(AccessLog::Off),
    Written::Text(_) => Ok(AccessLog::Log),
    Written::Path(path) => Ok(AccessLog::File(path)),
    other => Err(format!("expected a string, found {other:?}")),
});

const ADDRESSES: Takes<Addresses> = Takes::Text(|text| {
    let choices = [("full", Addresses::Full), ("shortened", Addresses::Shortened), ("none", Addresses::None)];
    choice(text, &choices)
});

pub(super) const LISTENERS: Takes<usize> = Takes::Integer(|count| match count {
    0 => Err("0 listeners: at least 1".into()),
    _ => COUNT.read(Written::Integer(count)),
});

const PER_ADDRESS: Takes<usize> = Takes::Integer(|count| match count {
    0 => Err("0 for each address lets nobody in: at least 1".into()),
    _ => COUNT.read(Written::Integer(count)),
});

/// A time or a size. All units of size end in B, and no unit of time does.
const BURST: Takes<Burst> = Takes::Amount(|text| match text.trim_end().ends_with(['B', 'b']) {
    true => values::size(text).map(Burst::Bytes),
    false => values::duration(text).map(Burst::Time),
});

/// The least bytes of a burst in time. Icecast's burst has as many, and players are tuned to it.
pub(super) const LEAST_BURST: u64 = 64 * 1024;
impl ServerSettings {
    /// Refuses settings that cannot work.
    pub(crate) fn check(&self) -> Result<()> {
        self.check_each()?;
        let of_listeners = self.listens_at();
        match self.icy_listen.iter().find(|icy| of_listeners.iter().any(|other| collide(icy, other))) {
            Some(icy) => {
                let reason = format!("port {} is that of listeners (listen): take the next one", icy.port());
                Err(Error::setting("icy_listen", reason))
            }
            None => Ok(()),
        }
    }

    /// Refuses settings that cannot work whatever the others are.
    fn check_each(&self) -> Result<()> {
        let (millisecond, hour) = (Duration::from_millis(1), Duration::from_secs(3600));
        for (key, value) in [("write_timeout", self.write_timeout), ("header_timeout", self.header_timeout)] {
            if !(millisecond..=hour).contains(&value) {
                return Err(Error::setting(
                    key,
                    format!("{} is not between 1ms and 1h", values::duration_text(value)),
                ));
            }
        }
        for (key, addresses) in [("listen", &self.listen), ("icy_listen", &self.icy_listen)] {
            let repeated = |(index, address): &(usize, &SocketAddr)| {
                address.port() != 0 && addresses[..*index].contains(address)
            };
            if let Some((_, address)) = addresses.iter().enumerate().find(repeated) {
                return Err(Error::setting(key, format!("{address} is listed twice")));
            }
        }
        path::check(&self.icy_mount).map_err(|reason| Error::setting("icy_mount", reason))?;
        self.proxies()?;
        match self.burst {
            Burst::Time(time) if time > Duration::from_secs(60) => {
                Err(Error::setting("burst", format!("{} is more than 60s", values::duration_text(time))))
            }
            Burst::Bytes(bytes) if bytes > 16 << 20 => {
                Err(Error::setting("burst", format!("{bytes} bytes are more than 16 MiB")))
            }
            _ => Ok(()),
        }
    }

    /// The addresses to listen at, with the default.
    pub(crate) fn listens_at(&self) -> Vec<SocketAddr> {
        match self.listen.as_slice() {
            [] => vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, DEFAULT_PORT))],
            listen => listen.to_vec(),
        }
    }

    /// The settings about proxies and about what addresses may do, parsed.
    pub(crate) fn proxies(&self) -> Result<Proxies> {
        let public_url = self.public_url.as_deref().map(|url| url.trim_end_matches('/'));
        // Paths are appended to it.
        if let Some(url) = public_url.filter(|url| !is_web_url(url) || url.contains(['?', '#'])) {
            return Err(Error::setting("public_url", no_web_url(url)));
        }
        let trusted = networks("trusted_proxies", &self.trusted_proxies)?;
        let denied = networks("deny", &self.deny)?;
        let measuring = networks("metrics_allow", &self.metrics_allow)?;
        Ok(Proxies { public_url: public_url.map(str::to_owned), trusted, denied, measuring })
    }

    /// The shares of each address.
    pub(crate) fn shares(&self) -> ShareLimits {
        ShareLimits {
            connections: self.max_connections_per_address,
            listeners: self.max_listeners_per_address,
            event_clients: self.max_event_clients_per_address,
        }
    }
}

/// Whether two sockets cannot listen at these. A port is one port, whatever the addresses, if one of them is
/// every address. (IPv4 may have an acceptor of its own beside that of IPv6.)
fn collide(one: &SocketAddr, other: &SocketAddr) -> bool {
    let (a, b) = (one.ip(), other.ip());
    let any_v6 = |ip: IpAddr| ip.is_unspecified() && ip.is_ipv6();
    let overlap = a == b || a.is_ipv4() == b.is_ipv4() && (a.is_unspecified() || b.is_unspecified());
    one.port() == other.port() && one.port() != 0 && (overlap || any_v6(a) || any_v6(b))
}

fn networks(key: &'static str, texts: &[String]) -> Result<Vec<IpNet>> {
    let network = |text: &String| {
        let network = text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse::<IpNet>());
        network.map_err(|_| {
            let reason =
                format!("{text:?} is neither an address (\"192.0.2.1\") nor a network (\"10.0.0.0/8\")");
            Error::setting(key, reason)
        })
    };
    texts.iter().map(network).collect()
}

impl Burst {
    /// The burst as a least number of bytes and a least time of audio.
    pub(crate) fn least(self) -> (u64, Duration) {
        match self {
            Burst::Time(time) if time.is_zero() => (0, time),
            Burst::Time(time) => (LEAST_BURST, time),
            Burst::Bytes(bytes) => (bytes as u64, Duration::ZERO),
        }
    }

    /// The approximate size in bytes at this byte rate.
    pub(super) fn bytes_at(self, bytes_per_second: u64) -> u64 {
        let (bytes, time) = self.least();
        bytes.max((time.as_secs_f64() * bytes_per_second as f64) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_a_time_or_a_size() {
        let burst = |text| BURST.read(Written::Text(text));
        assert_eq!(burst("4s"), Ok(Burst::Time(Duration::from_secs(4))));
        assert_eq!(burst("64KiB"), Ok(Burst::Bytes(65_536)));
        assert!(burst("4").unwrap_err().contains("lacks a unit"));
    }

    #[test]
    fn an_address_is_there_once_and_port_0_as_often_as_one_likes() {
        let listen = |addresses: [&str; 2]| {
            let listen = addresses.map(|address| address.parse().unwrap()).to_vec();
            ServerSettings { listen, ..ServerSettings::default() }.check()
        };
        assert!(listen(["127.0.0.1:0", "127.0.0.1:0"]).is_ok());
        assert!(listen(["127.0.0.1:1", "[::1]:1"]).is_ok());
        let refused = listen(["127.0.0.1:1", "127.0.0.1:1"]).unwrap_err().to_string();
        assert_eq!(refused, "listen: 127.0.0.1:1 is listed twice");
    }

    #[test]
    fn icy_has_a_port_of_its_own() {
        let icy = |listen: &[&str], icy: &[&str]| {
            let parsed = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
            let settings = ServerSettings {
                listen: parsed(listen),
                icy_listen: parsed(icy),
                ..ServerSettings::default()
            };
            settings.check().map_err(|error| error.to_string())
        };
        for (listen, at) in [
            (&[][..], &["0.0.0.0:8001"][..]),
            (&["127.0.0.1:0"], &["127.0.0.1:0", "[::1]:0"]),
            (&["192.0.2.1:1"], &["192.0.2.2:1", "[2001:db8::1]:1"]),
            (&["[::1]:1"], &["0.0.0.0:8001", "[::]:8001"]),
        ] {
            assert_eq!(icy(listen, at), Ok(()), "{listen:?} {at:?}");
        }
        let taken = "icy_listen: port 8000 is that of listeners (listen): take the next one";
        for (listen, at) in [
            (&[][..], "0.0.0.0:8000"),
            (&["0.0.0.0:8000"], "192.0.2.1:8000"),
            (&["192.0.2.1:8000"], "192.0.2.1:8000"),
            (&["192.0.2.1:8000"], "[::]:8000"),
        ] {
            assert_eq!(icy(listen, &[at]), Err(taken.into()), "{listen:?} {at:?}");
        }
        let twice = icy(&[], &["192.0.2.1:8001", "0.0.0.0:8002", "192.0.2.1:8001"]);
        assert_eq!(twice, Err("icy_listen: 192.0.2.1:8001 is listed twice".into()));
        let settings = ServerSettings { icy_mount: "live".into(), ..ServerSettings::default() };
        assert!(settings.check().unwrap_err().to_string().starts_with("icy_mount: \"live\" does not start"));
    }

    #[test]
    fn a_public_url_is_one_to_which_paths_can_be_appended() {
        let refused = |url: &str| {
            ServerSettings { public_url: Some(url.into()), ..ServerSettings::default() }.check().is_err()
        };
        for url in ["https://radio.example", "http://radio.example:8000/below/"] {
            assert!(!refused(url), "{url}");
        }
        for url in
            ["", "https://", "javascript:x", "https://[::1", "https://u@a", "https://a?b", "https://a/#b"]
        {
            assert!(refused(url), "{url}");
        }
    }
}
