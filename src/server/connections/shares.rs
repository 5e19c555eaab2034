//! What each address takes of the places that anybody can take. One address cannot take all of them.
//!
//! All addresses of one network with IPv6 (a /64) count as one. This machine (loopback) has no limit.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::access::network;

/// The kinds of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Connection,
    Listener,
    EventClient,
    /// A connection beyond `max_connections`, which must bring a credential.
    Reserve,
}

/// How many kinds there are.
const KINDS: usize = Kind::Reserve as usize + 1;

/// Reserved connections of one address at most.
const RESERVE_PER_ADDRESS: usize = 4;

/// Bodies of one address at most that nobody has asked for: an eighth of their places.
const BODIES_PER_ADDRESS: usize = 32;

/// The most places that one address may take, for each kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShareLimits {
    pub(crate) connections: usize,
    pub(crate) listeners: usize,
    pub(crate) event_clients: usize,
}

/// The places that each address has taken, on the reactor thread. It has as many entries as there are
/// addresses with a connection.
#[derive(Debug)]
pub(crate) struct Shares {
    limits: ShareLimits,
    addresses: HashMap<IpAddr, Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    places: [usize; KINDS],
    /// Each body of it that is on its way has a clone.
    bodies: Arc<()>,
    /// Whether it sends `X-Forwarded-For`: it may be a proxy.
    forwards: bool,
}

/// The address has its share already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShareTaken {
    pub(crate) kind: Kind,
    pub(crate) limit: usize,
    /// Whether it may be a proxy, whose clients share one address unless it is trusted.
    pub(crate) may_be_a_proxy: bool,
}

impl Shares {
    pub(crate) fn new(limits: ShareLimits) -> Shares {
        Shares { limits, addresses: HashMap::new() }
    }

    /// Applies new limits. Nobody loses a place.
    pub(crate) fn set_limits(&mut self, limits: ShareLimits) {
        self.limits = limits;
    }

    /// Takes a place for an address.
    pub(crate) fn take(&mut self, kind: Kind, address: IpAddr) -> Result<(), ShareTaken> {
        if is_this_machine(address) {
            return Ok(());
        }
        let limit = match kind {
            Kind::Connection => self.limits.connections,
            Kind::Listener => self.limits.listeners,
            Kind::EventClient => self.limits.event_clients,
            Kind::Reserve => RESERVE_PER_ADDRESS,
        };
        let taken = self.addresses.get(&network(address));
        if taken.map_or(0, |taken| taken.places[kind as usize]) >= limit {
            let may_be_a_proxy = is_private(address) || taken.is_some_and(|taken| taken.forwards);
            return Err(ShareTaken { kind, limit, may_be_a_proxy });
        }
        self.addresses.entry(network(address)).or_default().places[kind as usize] += 1;
        Ok(())
    }

    /// Gives a place back.
    pub(crate) fn give_back(&mut self, kind: Kind, address: IpAddr) {
        let network = network(address);
        let Some(taken) = self.addresses.get_mut(&network) else { return };
        let places = &mut taken.places[kind as usize];
        *places = places.saturating_sub(1);
        if taken.places == [0; KINDS] {
            self.addresses.remove(&network);
        }
    }

    /// Takes a share for a body of an address that has a connection. Dropping it gives it back. `None` if the
    /// address has its share.
    pub(crate) fn take_body(&self, address: IpAddr) -> Option<Arc<()>> {
        let Some(taken) = self.addresses.get(&network(address)) else { return Some(Arc::default()) };
        (Arc::strong_count(&taken.bodies) <= BODIES_PER_ADDRESS).then(|| Arc::clone(&taken.bodies))
    }

    /// Notes that an address that is no trusted proxy sends `X-Forwarded-For`.
    pub(crate) fn forwards(&mut self, address: IpAddr) {
        if let Some(taken) = self.addresses.get_mut(&network(address)) {
            taken.forwards = true;
        }
    }

    /// How many addresses have a place.
    pub(crate) fn len(&self) -> usize {
        self.addresses.len()
    }
}

impl Kind {
    /// The setting that limits it.
    pub(crate) fn setting(self) -> &'static str {
        match self {
            Kind::Connection | Kind::Reserve => "max_connections_per_address",
            Kind::Listener => "max_listeners_per_address",
            Kind::EventClient => "max_event_clients_per_address",
        }
    }
}

/// As what an address counts. `None`: this machine, which has no limit.
pub(crate) fn counted(address: IpAddr) -> Option<IpAddr> {
    (!is_this_machine(address)).then(|| network(address))
}

fn is_this_machine(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Whether it is an address within a private network, where a proxy may stand.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || v4.is_link_local() || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn shares() -> Shares {
        Shares::new(ShareLimits { connections: 3, listeners: 2, event_clients: 1 })
    }

    #[test]
    fn an_address_has_its_share_of_each_kind_and_gets_it_again() {
        let (mut shares, one) = (shares(), ip("192.0.2.1"));
        for (kind, limit) in
            [(Kind::Connection, 3), (Kind::Listener, 2), (Kind::EventClient, 1), (Kind::Reserve, 4)]
        {
            for _ in 0..limit {
                assert_eq!(shares.take(kind, one), Ok(()));
            }
            assert_eq!(shares.take(kind, one), Err(ShareTaken { kind, limit, may_be_a_proxy: false }));
            assert_eq!(shares.take(kind, ip("192.0.2.2")), Ok(()), "another address");
            shares.give_back(kind, one);
            assert_eq!(shares.take(kind, ip("::ffff:192.0.2.1")), Ok(()));
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let mut shares = shares();
        for host in ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:0:0:1"] {
            assert_eq!(shares.take(Kind::Connection, ip(host)), Ok(()));
        }
        assert!(shares.take(Kind::Connection, ip("2001:db8::4")).is_err());
        assert_eq!(shares.take(Kind::Connection, ip("2001:db8:0:1::1")), Ok(()));
    }

    #[test]
    fn this_machine_has_no_limit_and_takes_no_memory() {
        let mut shares = shares();
        for _ in 0..1_000 {
            for address in ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
                assert_eq!(shares.take(Kind::Listener, ip(address)), Ok(()));
            }
        }
        shares.give_back(Kind::Listener, ip("127.0.0.1"));
        assert_eq!(shares.len(), 0);
    }

    #[test]
    fn bodies_have_a_share_too() {
        let mut shares = shares();
        let [one, same, other] = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"].map(ip);
        for address in [one, other] {
            shares.take(Kind::Connection, address).unwrap();
        }
        let mut bodies: Vec<_> = std::iter::from_fn(|| shares.take_body(one)).collect();
        assert_eq!(bodies.len(), BODIES_PER_ADDRESS);
        assert!(shares.take_body(same).is_none());
        assert!(shares.take_body(other).is_some());
        assert!((0..100).all(|_| shares.take_body(ip("127.0.0.1")).is_some()), "this machine has no limit");
        bodies.pop();
        assert!(shares.take_body(same).is_some());
    }

    #[test]
    fn memory_is_for_those_who_are_there() {
        let mut shares = shares();
        for n in 0..10_000_u32 {
            let address = IpAddr::from((0x0b00_0000 + n).to_be_bytes());
            shares.take(Kind::Connection, address).unwrap();
            shares.take(Kind::Listener, address).unwrap();
            shares.give_back(Kind::Connection, address);
            assert_eq!(shares.len(), 1);
            shares.give_back(Kind::Listener, address);
            // It has nothing to give back any more.
            shares.give_back(Kind::Listener, address);
        }
        assert_eq!(shares.len(), 0);
    }

    #[test]
    fn who_may_be_a_proxy_is_named() {
        let mut shares = Shares::new(ShareLimits { connections: 1, listeners: 0, event_clients: 0 });
        for (address, private) in [
            ("10.1.2.3", true),
            ("192.168.0.1", true),
            ("172.16.0.1", true),
            ("172.32.0.1", false),
            ("100.64.0.1", true),
            ("100.128.0.1", false),
            ("fd00::1", true),
            ("fe80::1", true),
            ("192.0.2.9", false),
        ] {
            let refused = shares.take(Kind::Listener, ip(address)).unwrap_err();
            assert_eq!(refused.may_be_a_proxy, private, "{address}");
        }
        shares.take(Kind::Connection, ip("192.0.2.9")).unwrap();
        shares.forwards(ip("192.0.2.9"));
        assert!(shares.take(Kind::Listener, ip("192.0.2.9")).unwrap_err().may_be_a_proxy);
    }
}
