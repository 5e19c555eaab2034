//! Verified logins, which are remembered for a while, and failed ones, which are counted for each address.
//! Nothing here reads a clock: callers pass `now`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::credential::Identity;

/// How long a verified login is remembered.
const REMEMBERED: Duration = Duration::from_secs(300);
/// The most logins that are remembered.
const LOGINS: usize = 1_024;
/// The failures that one address may have within [`WINDOW`].
const FAILURES: u32 = 10;
/// The time in which failures are counted. After too many, the address must wait for the rest of it.
const WINDOW: Duration = Duration::from_secs(60);
/// The most addresses that are watched.
const ADDRESSES: usize = 4_096;

/// Verified logins, stored as keyed hashes of name and password. A reader of this memory learns neither.
pub(crate) struct Logins {
    key: [u8; 32],
    known: HashMap<[u8; 32], (Identity, Instant)>,
}

impl Logins {
    /// Makes it with this key, which must be random.
    pub(crate) fn new(key: [u8; 32]) -> Logins {
        Logins { key, known: HashMap::new() }
    }

    /// The identity of a login that was verified recently.
    pub(crate) fn find(&self, name: &str, password: &str, now: Instant) -> Option<Identity> {
        let (identity, until) = self.known.get(&self.digest(name, password))?;
        (now < *until).then(|| identity.clone())
    }

    /// Remembers a verified login.
    pub(crate) fn remember(&mut self, password: &str, identity: Identity, now: Instant) {
        self.known.retain(|_, (_, until)| now < *until);
        if self.known.len() >= LOGINS {
            self.known.clear();
        }
        let digest = self.digest(&identity.name, password);
        self.known.insert(digest, (identity, now + REMEMBERED));
    }

    /// Forgets all logins, because the users have changed.
    pub(crate) fn forget(&mut self) {
        self.known.clear();
    }

    /// The keyed hash. Without the key, nobody can choose a digest, so a lookup by value reveals nothing.
    pub(crate) fn digest(&self, name: &str, password: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any key will do");
        mac.update(&(name.len() as u64).to_le_bytes());
        mac.update(name.as_bytes());
        mac.update(password.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// The failed logins of each address.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    addresses: HashMap<IpAddr, Window>,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    count: u32,
}

impl Failures {
    /// Whether this address may try: it has not failed too often. The error is the time to wait.
    pub(crate) fn allow(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let window = self.addresses.get(&network(address));
        match window.filter(|window| now < window.began + WINDOW && window.count >= FAILURES) {
            Some(window) => Err((window.began + WINDOW).saturating_duration_since(now)),
            None => Ok(()),
        }
    }

    /// Counts an attempt that is verified now, and not one that waits for that: those that wait may all be
    /// good. It counts as failed until [`was_good`](Failures::was_good), so that many attempts at once are no
    /// better than one after the other. The error is the time to wait.
    pub(crate) fn attempt(&mut self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        self.allow(address, now)?;
        if self.addresses.len() >= ADDRESSES {
            self.addresses.retain(|_, window| now < window.began + WINDOW);
            if self.addresses.len() >= ADDRESSES {
                // So many addresses attack at once that telling them apart does not help.
                self.addresses.clear();
            }
        }
        let window = self.addresses.entry(network(address)).or_insert(Window { began: now, count: 0 });
        if now >= window.began + WINDOW {
            *window = Window { began: now, count: 0 };
        }
        window.count += 1;
        Ok(())
    }

    /// Takes back a counted attempt, because it was good.
    pub(crate) fn was_good(&mut self, address: IpAddr) {
        if let Some(window) = self.addresses.get_mut(&network(address)) {
            window.count = window.count.saturating_sub(1);
        }
    }
}

/// The network of an address. A client with IPv6 has a whole network of addresses.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Role;
    use std::sync::Arc;

    fn identity(name: &str) -> Identity {
        let (name, limits) = (name.to_owned(), Arc::default());
        Identity { name, role: Role::Viewer, limits, secret: [0; 32] }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_login_is_remembered_for_a_while_under_its_own_name_and_password() {
        let mut logins = Logins::new([7; 32]);
        let now = Instant::now();
        let identity = identity("ab");
        logins.remember("cd", identity.clone(), now);
        assert_eq!(logins.find("ab", "cd", now + REMEMBERED - Duration::from_secs(1)), Some(identity));
        for (name, password, later) in
            [("ab", "ce", 0), ("a", "bcd", 0), ("abc", "d", 0), ("ab", "cd", REMEMBERED.as_secs())]
        {
            assert_eq!(logins.find(name, password, now + Duration::from_secs(later)), None);
        }
        logins.forget();
        assert_eq!(logins.find("ab", "cd", now), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut logins = Logins::new([7; 32]);
        let (mut failures, now) = (Failures::default(), Instant::now());
        for n in 0..10_000_u32 {
            let identity = identity(&n.to_string());
            logins.remember("x", identity, now);
            assert_eq!(failures.attempt(IpAddr::from(n.to_be_bytes()), now), Ok(()));
            assert!(logins.known.len() <= LOGINS && failures.addresses.len() <= ADDRESSES);
        }
    }

    #[test]
    fn an_address_that_fails_too_often_waits_and_no_other_does() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        for _ in 0..FAILURES {
            assert_eq!(failures.allow(ip("2001:db8::1"), now), Ok(()));
            assert_eq!(failures.attempt(ip("2001:db8::1"), now), Ok(()));
        }
        let later = now + Duration::from_secs(20);
        assert_eq!(failures.allow(ip("2001:db8::2:3"), later), Err(Duration::from_secs(40)));
        assert_eq!(failures.attempt(ip("2001:db8::2:3"), later), Err(Duration::from_secs(40)));
        assert_eq!(failures.attempt(ip("2001:db8:0:1::1"), later), Ok(()));
        assert_eq!(failures.allow(ip("2001:db8::1"), now + WINDOW), Ok(()));
        assert_eq!(failures.attempt(ip("2001:db8::1"), now + WINDOW), Ok(()));
    }

    #[test]
    fn good_attempts_do_not_count() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        for _ in 0..100 {
            assert_eq!(failures.attempt(ip("192.0.2.1"), now), Ok(()));
            failures.was_good(ip("::ffff:192.0.2.1"));
        }
    }
}
