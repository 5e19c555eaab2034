//! Addresses that are denied while the server runs, beside those of the setting `deny`. They are forgotten at
//! its end.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use ipnet::IpNet;

use super::Server;
use super::client_address::{ClientAddress, ShownAddress};
use super::reactor::Command;
use crate::access::network;
use crate::error::{Error, Result};

/// The most addresses that are denied at once beside those of the setting.
const MAX_DENIALS: usize = 256;

/// How long the network is that one client with IPv6 has: it chooses among its addresses.
const PREFIX_OF_IPV6: u8 = 64;

/// An address that is denied, until it is allowed again or the server stops.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// Its number. No other denial of this server ever has the same.
    pub id: u64,
    /// The address, as far as [`ServerSettings::addresses`](crate::ServerSettings::addresses) allows. With
    /// IPv6, all of its /64 is denied.
    pub address: ShownAddress,
    /// Since when.
    pub since: SystemTime,
}

/// All denials, for the handles of a server.
#[derive(Default)]
pub(crate) struct Denials(Mutex<List>);

#[derive(Default)]
struct List {
    last_id: u64,
    /// In the order in which they came: 256 at most.
    all: Vec<Denied>,
}

struct Denied {
    id: u64,
    network: IpNet,
    since: SystemTime,
}

impl Server {
    /// Denies an address: its new connections and its requests are refused, and its listeners end at once. The
    /// denial ends with the server; the setting `deny` is for good. Denying it again changes nothing.
    ///
    /// # Errors
    /// [`Error::Limit`] if 256 are denied already; [`Error::Stopped`] once the server was stopped.
    pub fn deny(&self, address: IpAddr) -> Result<Denial> {
        let network = network_of(address);
        let mut list = self.inner.denials.list();
        let known = list.all.iter().position(|denied| denied.network == network);
        let at = match known {
            Some(at) => at,
            None if list.all.len() >= MAX_DENIALS => {
                let advice = "allow some again, or write networks into `deny`";
                return Err(Error::Limit { limit: "MAX_DENIALS", most: MAX_DENIALS, advice });
            }
            None => {
                let mut networks = list.networks();
                networks.push(network);
                self.inner.ask(|reply| Command::Deny(networks.into(), Some(network), reply))?;
                list.last_id += 1;
                let denied = Denied { id: list.last_id, network, since: SystemTime::now() };
                list.all.push(denied);
                list.all.len() - 1
            }
        };
        Ok(self.shown(&list.all[at]))
    }

    /// The address of a listener, for [`deny`](Server::deny) and the like: all of it, whatever may be shown.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no listener has this id; [`Error::Stopped`] once the server was stopped.
    pub fn address_of_listener(&self, id: u64) -> Result<ClientAddress> {
        let address = self.inner.ask_for(|reply| Command::AddressOf(id, reply))?;
        address.ok_or_else(|| Error::NotFound(format!("listener {id}")))
    }

    /// Allows again what [`deny`](Server::deny) has denied.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no denial has this id; [`Error::Stopped`] once the server was stopped.
    pub fn allow(&self, id: u64) -> Result<()> {
        let mut list = self.inner.denials.list();
        let at = list.all.iter().position(|denied| denied.id == id);
        let at = at.ok_or_else(|| Error::NotFound(format!("denial {id}")))?;
        let mut networks = list.networks();
        networks.remove(at);
        self.inner.ask(|reply| Command::Deny(networks.into(), None, reply))?;
        list.all.remove(at);
        Ok(())
    }

    /// The addresses that are denied until they are allowed again, in the order in which they came: 256 at
    /// most. Those of the setting `deny` are not among them.
    pub fn denials(&self) -> Vec<Denial> {
        self.inner.denials.list().all.iter().map(|denied| self.shown(denied)).collect()
    }

    fn shown(&self, Denied { id, network, since }: &Denied) -> Denial {
        let address = ClientAddress::new(network.addr()).shown(self.inner.access.rules().addresses);
        Denial { id: *id, address, since: *since }
    }
}

impl Denials {
    fn list(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Denials {
    /// Shows no addresses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Denials").finish_non_exhaustive()
    }
}

impl List {
    fn networks(&self) -> Vec<IpNet> {
        self.all.iter().map(|denied| denied.network).collect()
    }
}

/// What is denied for an address.
fn network_of(address: IpAddr) -> IpNet {
    match network(address) {
        v4 @ IpAddr::V4(_) => IpNet::from(v4),
        v6 @ IpAddr::V6(_) => IpNet::new(v6, PREFIX_OF_IPV6).expect("a prefix is up to 128 bits long"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServerSettings;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn denials_are_bounded_and_known_by_their_networks() {
        let listen = vec!["127.0.0.1:0".parse().unwrap()];
        let server = Server::start(ServerSettings { listen, ..ServerSettings::default() }).unwrap();
        let first = server.deny(ip("2001:db8::1")).unwrap();
        assert_eq!(server.deny(ip("2001:db8::2:3")).unwrap(), first, "one client has them all");
        assert_eq!(first.address.to_string(), "2001:db8::");
        let mapped = server.deny(ip("::ffff:192.0.2.1")).unwrap();
        assert_eq!(server.deny(ip("192.0.2.1")).unwrap().id, mapped.id);
        for n in 0..MAX_DENIALS - 2 {
            server.deny(IpAddr::from((n as u32 + (10 << 24)).to_be_bytes())).unwrap();
        }
        assert!(matches!(server.deny(ip("192.0.2.2")), Err(Error::Limit { most: MAX_DENIALS, .. })));
        server.allow(first.id).unwrap();
        assert!(matches!(server.allow(first.id), Err(Error::NotFound(_))));
        let id = server.deny(ip("192.0.2.2")).unwrap().id;
        assert!(
            server.denials().iter().all(|denial| denial.id != first.id) && id as usize == MAX_DENIALS + 1
        );
        server.stop();
        assert!(matches!(server.deny(ip("192.0.2.3")), Err(Error::Stopped(_) | Error::Limit { .. })));
        assert!(matches!(server.allow(id), Err(Error::Stopped(_))));
    }
}
