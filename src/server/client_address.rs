//! The addresses of clients, and how much of them leaves the process.
//!
//! Limits, shares and `deny` work on the real address, in memory. Logs, events and the API get what the setting
//! `addresses` allows. [`ClientAddress`] has neither `Display` nor `Serialize`, so nothing can show an address
//! without asking the setting.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How much of a client's address logs, events and lists of listeners show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Addresses {
    /// All of it.
    #[default]
    Full,
    /// Its network: a /24 with IPv4 (`192.0.2.0`), a /48 with IPv6 (`2001:db8:1::`).
    Shortened,
    /// Nothing.
    None,
}

/// The address of a client, as connections and limits know it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(IpAddr);

/// What may be shown of a client's address. It is a dash if nothing may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownAddress(Option<IpAddr>);

impl ClientAddress {
    /// An IPv4 address that came as IPv6 (`::ffff:192.0.2.1`) becomes IPv4.
    pub(crate) fn new(address: IpAddr) -> ClientAddress {
        ClientAddress(address.to_canonical())
    }

    /// The real address, for limits and comparisons. What is logged or told should be
    /// [`HttpRequest::shown_address`](crate::HttpRequest::shown_address).
    pub fn real(self) -> IpAddr {
        self.0
    }

    /// What may be shown of it.
    pub(crate) fn shown(self, addresses: Addresses) -> ShownAddress {
        ShownAddress(match (addresses, self.0) {
            (Addresses::Full, address) => Some(address),
            (Addresses::Shortened, IpAddr::V4(v4)) => {
                Some(Ipv4Addr::from_bits(v4.to_bits() >> 8 << 8).into())
            }
            (Addresses::Shortened, IpAddr::V6(v6)) => {
                Some(Ipv6Addr::from_bits(v6.to_bits() >> 80 << 80).into())
            }
            (Addresses::None, _) => None,
        })
    }
}

impl ShownAddress {
    /// `None` if nothing may be shown.
    pub fn ip(self) -> Option<IpAddr> {
        self.0
    }
}

impl fmt::Display for ShownAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("-"),
        }
    }
}

impl fmt::Debug for ClientAddress {
    /// Does not show it, because debug output ends up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientAddress(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_as_far_as_the_setting_allows() {
        for (address, full, shortened) in [
            ("192.0.2.77", "192.0.2.77", "192.0.2.0"),
            ("255.255.255.255", "255.255.255.255", "255.255.255.0"),
            ("::ffff:192.0.2.77", "192.0.2.77", "192.0.2.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
            ("2001:db8:ffff:ffff::1", "2001:db8:ffff:ffff::1", "2001:db8:ffff::"),
            ("::1", "::1", "::"),
            // Not an IPv4 address, though it looks like one.
            ("::c000:24d", "::c000:24d", "::"),
        ] {
            let client = ClientAddress::new(address.parse().unwrap());
            assert_eq!(client.shown(Addresses::Full).to_string(), full);
            assert_eq!(client.shown(Addresses::Shortened).to_string(), shortened);
            assert_eq!(client.shown(Addresses::None).to_string(), "-");
            assert_eq!(client.shown(Addresses::None).ip(), None);
            assert_eq!(client.real().to_string(), full, "limits work on the real address");
        }
    }

    #[test]
    fn debug_output_hides_it() {
        let client = ClientAddress::new([192, 0, 2, 77].into());
        assert!(!format!("{client:?}").contains("192"));
    }
}
