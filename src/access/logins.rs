//! Logins that were verified, remembered for a while; and failures, counted for each address. Values in, values
//! out: `now` is passed.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::credential::Identity;

/// A verified login is remembered for so long.
const REMEMBERED: Duration = Duration::from_secs(300);
/// As many logins are remembered at most.
const LOGINS: usize = 1_024;
/// So many failures of one address are borne...
const FAILURES: u32 = 10;
/// ...within so long; then it must wait for the rest of it.
const WINDOW: Duration = Duration::from_secs(60);
/// As many addresses are watched at most.
const ADDRESSES: usize = 4_096;

/// Verified logins by a keyed hash of name and password: who reads this memory learns neither.
pub(crate) struct Logins {
    key: [u8; 32],
    known: HashMap<[u8; 32], (Identity, Instant)>,
}

impl Logins {
    /// The key is random.
    pub(crate) fn new(key: [u8; 32]) -> Logins {
        Logins { key, known: HashMap::new() }
    }

    /// Who this is, if it was verified lately.
    pub(crate) fn find(&self, name: &str, password: &str, now: Instant) -> Option<Identity> {
        let (identity, until) = self.known.get(&self.digest(name, password))?;
        (now < *until).then(|| identity.clone())
    }

    /// It has been verified.
    pub(crate) fn remember(&mut self, password: &str, identity: Identity, now: Instant) {
        self.known.retain(|_, (_, until)| now < *until);
        if self.known.len() >= LOGINS {
            self.known.clear();
        }
        let digest = self.digest(&identity.name, password);
        self.known.insert(digest, (identity, now + REMEMBERED));
    }

    /// The users have changed.
    pub(crate) fn forget(&mut self) {
        self.known.clear();
    }

    /// Without the key, nobody can aim at a digest: looking it up by value tells nothing.
    fn digest(&self, name: &str, password: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any key will do");
        mac.update(&(name.len() as u64).to_le_bytes());
        mac.update(name.as_bytes());
        mac.update(password.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// Failed logins by address.
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
    /// An attempt is about to be verified: it counts as failed until it is known to be good, so that many at
    /// once are no more than one after the other. An error: how long it is too early.
    pub(crate) fn attempt(&mut self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        if self.addresses.len() >= ADDRESSES {
            self.addresses.retain(|_, window| now < window.began + WINDOW);
            if self.addresses.len() >= ADDRESSES {
                // So many attack at once that to tell them apart does not help.
                self.addresses.clear();
            }
        }
        let window = self.addresses.entry(network(address)).or_insert(Window { began: now, count: 0 });
        if now >= window.began + WINDOW {
            *window = Window { began: now, count: 0 };
        }
        if window.count >= FAILURES {
            return Err((window.began + WINDOW).saturating_duration_since(now));
        }
        window.count += 1;
        Ok(())
    }

    /// The attempt was good.
    pub(crate) fn was_good(&mut self, address: IpAddr) {
        if let Some(window) = self.addresses.get_mut(&network(address)) {
            window.count = window.count.saturating_sub(1);
        }
    }
}

/// Of IPv6, everybody has a whole network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Role;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_login_is_remembered_for_a_while_under_its_own_name_and_password() {
        let mut logins = Logins::new([7; 32]);
        let now = Instant::now();
        let identity = Identity { name: "ab".into(), role: Role::Viewer };
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
            logins.remember("x", Identity { name: n.to_string(), role: Role::Viewer }, now);
            assert_eq!(failures.attempt(IpAddr::from(n.to_be_bytes()), now), Ok(()));
            assert!(logins.known.len() <= LOGINS && failures.addresses.len() <= ADDRESSES);
        }
    }

    #[test]
    fn who_fails_too_often_waits_and_nobody_else_does() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        for _ in 0..FAILURES {
            assert_eq!(failures.attempt(ip("2001:db8::1"), now), Ok(()));
        }
        let later = now + Duration::from_secs(20);
        assert_eq!(failures.attempt(ip("2001:db8::2:3"), later), Err(Duration::from_secs(40)));
        assert_eq!(failures.attempt(ip("2001:db8:0:1::1"), later), Ok(()));
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
