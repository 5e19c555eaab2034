//! The logins that wait to be verified, and who is next. Verifying is slow on purpose, and anybody can ask
//! for it: strangers must not keep out those who have a right to log in.
//!
//! First come networks from which somebody logged in not long ago, then those with the fewest failures, then
//! those of whose wide network the fewest failures and waiting logins are known. (A provider's customer can
//! have many addresses, but they are usually alike.) Among equals it is the one that came first.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use super::logins::network;

/// The most logins that wait. When a station starts again, all its users may come at once.
const WAITING: usize = 256;
/// The most logins of one network that wait: a studio behind one address.
const WAITING_PER_NETWORK: usize = 64;
/// The longest that one waits. Then it is put off: its client has something better to do than to wait. In
/// this time, more than a network may have waiting are verified, also on a slow machine.
pub(crate) const WAITS_AT_MOST: Duration = Duration::from_secs(10);
/// How long a network comes first after a good login.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How long a network comes later after its last failure.
const FAILED_FOR: Duration = Duration::from_secs(3_600);
/// The most networks that are remembered, of each kind.
const NETWORKS: usize = 4_096;

/// Logins that wait, in the order of their coming, and what is known of their networks.
pub(crate) struct LoginQueue<T> {
    waiting: VecDeque<Waiting<T>>,
    known: Past<IpAddr>,
    failed: Past<IpAddr>,
    failed_widely: Past<IpAddr>,
}

struct Waiting<T> {
    address: IpAddr,
    since: Instant,
    login: T,
}

/// The place of a login among those that wait. The least is next.
type Rank = (bool, u32, u32);

impl<T> LoginQueue<T> {
    pub(crate) fn new() -> LoginQueue<T> {
        LoginQueue {
            waiting: VecDeque::new(),
            known: Past::new(KNOWN_FOR),
            failed: Past::new(FAILED_FOR),
            failed_widely: Past::new(FAILED_FOR),
        }
    }

    /// Adds a login. If its network has as many waiting as it may have, returns it. If there is no room for
    /// all, returns the one that would have been the last.
    pub(crate) fn push(&mut self, address: IpAddr, login: T, now: Instant) -> Option<T> {
        let own = network(address);
        let waiting_of_own = self.waiting.iter().filter(|waiting| network(waiting.address) == own).count();
        if waiting_of_own >= WAITING_PER_NETWORK {
            return Some(login);
        }
        self.waiting.push_back(Waiting { address, since: now, login });
        if self.waiting.len() <= WAITING {
            return None;
        }
        let ranks = self.ranks(now);
        let last = (0..ranks.len()).max_by_key(|index| ranks[*index])?;
        self.waiting.remove(last).map(|waiting| waiting.login)
    }

    /// Takes out the login that is next.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<T> {
        let ranks = self.ranks(now);
        let next = (0..ranks.len()).min_by_key(|index| ranks[*index])?;
        self.waiting.remove(next).map(|waiting| waiting.login)
    }

    /// Takes out a login that has waited for too long.
    pub(crate) fn pop_late(&mut self, now: Instant) -> Option<T> {
        let front = self.waiting.front()?;
        let is_late = now.saturating_duration_since(front.since) >= WAITS_AT_MOST;
        is_late.then(|| self.waiting.pop_front()).flatten().map(|waiting| waiting.login)
    }

    /// Notes that a login from this address was good.
    pub(crate) fn was_good(&mut self, address: IpAddr, now: Instant) {
        self.known.add(network(address), now);
        self.failed.forget(&network(address));
    }

    /// Notes that a login from this address was wrong.
    pub(crate) fn was_wrong(&mut self, address: IpAddr, now: Instant) {
        self.failed.add(network(address), now);
        self.failed_widely.add(wide_network(address), now);
    }

    /// The ranks of those that wait. Each login also counts for those behind it of the same network.
    fn ranks(&self, now: Instant) -> Vec<Rank> {
        let (mut ahead, mut widely_ahead) = (HashMap::new(), HashMap::new());
        let mut rank = |Waiting { address, .. }: &Waiting<T>| {
            let (network, wide) = (network(*address), wide_network(*address));
            let (ahead, widely) = (next(&mut ahead, network), next(&mut widely_ahead, wide));
            let failures = self.failed.count(&network, now) + ahead;
            let widely = self.failed_widely.count(&wide, now) + widely;
            (self.known.count(&network, now) == 0, failures, widely)
        };
        self.waiting.iter().map(&mut rank).collect()
    }
}

/// Counts one more of a network, and says how many there were before it.
fn next(counts: &mut HashMap<IpAddr, u32>, network: IpAddr) -> u32 {
    let count = counts.entry(network).or_default();
    *count += 1;
    *count - 1
}

/// The network of a provider, roughly: /16, or /32 with IPv6.
fn wide_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() >> 16 << 16).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 96 << 96).into(),
    }
}

/// How often something happened to each network, and when it last did. It is forgotten some time after that.
struct Past<K> {
    lasts: Duration,
    networks: HashMap<K, (u32, Instant)>,
}

impl<K: Copy + Eq + Hash> Past<K> {
    fn new(lasts: Duration) -> Past<K> {
        Past { lasts, networks: HashMap::new() }
    }

    fn add(&mut self, network: K, now: Instant) {
        let count = self.count(&network, now);
        if self.networks.len() >= NETWORKS && !self.networks.contains_key(&network) {
            let oldest = self.networks.iter().min_by_key(|(_, (_, last))| *last).map(|(network, _)| *network);
            oldest.map(|oldest| self.networks.remove(&oldest));
        }
        self.networks.insert(network, (count.saturating_add(1), now));
    }

    fn count(&self, network: &K, now: Instant) -> u32 {
        let known = self.networks.get(network);
        known.filter(|(_, last)| now < *last + self.lasts).map_or(0, |(count, _)| *count)
    }

    fn forget(&mut self, network: &K) {
        self.networks.remove(network);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Addresses of strangers: each has a wide network of its own.
    fn stranger(n: u32) -> IpAddr {
        IpAddr::from((0x1400_0000 + (n << 16)).to_be_bytes())
    }

    /// The order in which these logins, which all come now, are verified. All are wrong.
    fn order(
        mut queue: LoginQueue<(&'static str, &'static str)>,
        logins: &[(&'static str, &'static str)],
        now: Instant,
    ) -> Vec<&'static str> {
        logins.iter().for_each(|login| assert_eq!(queue.push(ip(login.0), *login, now), None));
        let verified = std::iter::from_fn(|| {
            let (from, name) = queue.pop(now)?;
            queue.was_wrong(ip(from), now);
            Some(name)
        });
        verified.collect()
    }

    #[test]
    fn addresses_take_turns() {
        let logins = [
            ("192.0.2.1", "a1"),
            ("192.0.2.1", "a2"),
            ("192.0.2.1", "a3"),
            ("198.51.100.2", "b1"),
            ("198.51.100.2", "b2"),
        ];
        assert_eq!(order(LoginQueue::new(), &logins, Instant::now()), ["a1", "b1", "a2", "b2", "a3"]);
    }

    #[test]
    fn addresses_of_one_network_share_its_turns() {
        // A /64 is one client, and a /32 one provider.
        let logins = [
            ("2001:db8:0:1::1", "a"),
            ("2001:db8:0:1::2", "b"),
            ("2001:db8:0:2::1", "c"),
            ("2001:db9::1", "d"),
        ];
        assert_eq!(order(LoginQueue::new(), &logins, Instant::now()), ["a", "d", "c", "b"]);
    }

    #[test]
    fn who_failed_comes_after_who_did_not_and_who_logged_in_before_comes_first() {
        let (mut queue, now) = (LoginQueue::new(), Instant::now());
        (0..2).for_each(|_| queue.was_wrong(ip("192.0.2.1"), now));
        queue.was_wrong(ip("198.51.100.1"), now);
        queue.was_good(ip("192.0.3.1"), now);
        // A mistake of somebody who is known does not cost the place.
        queue.was_wrong(ip("192.0.3.1"), now);
        let logins = [
            ("192.0.2.1", "failed twice"),
            ("198.51.100.1", "failed"),
            ("203.0.113.1", "new"),
            ("192.0.3.1", "known"),
        ];
        assert_eq!(order(queue, &logins, now), ["known", "new", "failed", "failed twice"]);
    }

    #[test]
    fn a_failure_is_forgotten_after_an_hour_and_a_good_login_after_a_month() {
        let now = Instant::now();
        let mut waiting: LoginQueue<&str> = LoginQueue::new();
        waiting.was_wrong(ip("192.0.2.1"), now);
        waiting.was_good(ip("203.0.113.1"), now);
        for (later, expected) in [
            (FAILED_FOR - Duration::from_secs(1), ["known", "new", "failed"]),
            (FAILED_FOR, ["known", "failed", "new"]),
            (KNOWN_FOR, ["failed", "new", "known"]),
        ] {
            let now = now + later;
            for (from, name) in [("192.0.2.1", "failed"), ("198.51.100.1", "new"), ("203.0.113.1", "known")] {
                waiting.push(ip(from), name, now);
            }
            let order: Vec<_> = std::iter::from_fn(|| waiting.pop(now)).collect();
            assert_eq!(order, expected, "after {later:?}");
        }
    }

    #[test]
    fn whoever_fills_the_queue_does_not_keep_out_who_has_not_failed() {
        let now = Instant::now();
        let mut queue = LoginQueue::new();
        for n in 0..120 {
            queue.was_wrong(stranger(n), now);
        }
        // A thousand logins of strangers who have failed before.
        let dropped = (0..1_000).filter(|n| queue.push(stranger(n % 120), "stranger", now).is_some()).count();
        assert_eq!((queue.waiting.len(), dropped), (WAITING, 1_000 - WAITING));
        assert_eq!(queue.push(ip("192.0.2.1"), "operator", now), Some("stranger"));
        assert_eq!(queue.pop(now), Some("operator"));
    }

    #[test]
    fn whoever_has_a_wide_network_full_of_addresses_takes_one_turn_of_it() {
        let now = Instant::now();
        let mut queue = LoginQueue::new();
        // None of these addresses has failed, but others of their network have.
        (0..50_u32).for_each(|n| queue.was_wrong(IpAddr::from((0x1400_0000 + n).to_be_bytes()), now));
        for n in 50..1_000_u32 {
            queue.push(IpAddr::from((0x1400_0000 + n).to_be_bytes()), "stranger", now);
        }
        assert_eq!(queue.push(ip("192.0.2.1"), "operator", now), Some("stranger"));
        assert_eq!(queue.pop(now), Some("operator"));
    }

    #[test]
    fn who_logged_in_before_is_first_even_among_strangers_that_have_done_no_wrong() {
        let now = Instant::now();
        let mut queue = LoginQueue::new();
        queue.was_good(ip("192.0.2.1"), now);
        (0..1_000).for_each(|n| _ = queue.push(stranger(n), "stranger", now));
        assert_eq!(queue.push(ip("192.0.2.1"), "operator", now), Some("stranger"));
        assert_eq!(queue.pop(now), Some("operator"));
    }

    #[test]
    fn a_network_fills_a_quarter_of_the_queue_at_most() {
        let now = Instant::now();
        let mut queue = LoginQueue::new();
        let own = |n: usize| ip(["2001:db8::1", "2001:db8::2"][n % 2]);
        let back = (0..100).filter(|n| queue.push(own(*n), "own", now) == Some("own")).count();
        assert_eq!((back, WAITING_PER_NETWORK * 4), (100 - 64, WAITING));
        assert_eq!(queue.push(ip("2001:db8:0:1::1"), "another", now), None);
        // One that was verified makes room.
        assert_eq!(queue.pop(now), Some("own"));
        assert_eq!(queue.push(own(0), "own", now), None);
        assert_eq!(queue.push(own(0), "own", now), Some("own"));
    }

    #[test]
    fn nobody_waits_for_ever() {
        let now = Instant::now();
        let mut queue = LoginQueue::new();
        queue.push(ip("192.0.2.1"), "early", now);
        queue.push(ip("198.51.100.1"), "late", now + Duration::from_secs(1));
        assert_eq!(queue.pop_late(now + WAITS_AT_MOST - Duration::from_millis(1)), None);
        assert_eq!(queue.pop_late(now + WAITS_AT_MOST), Some("early"));
        assert_eq!(queue.pop_late(now + WAITS_AT_MOST), None);
        assert_eq!(queue.pop(now + WAITS_AT_MOST), Some("late"));
    }

    #[test]
    fn what_is_remembered_of_networks_is_bounded_and_the_oldest_is_forgotten() {
        let now = Instant::now();
        let mut past = Past::new(FAILED_FOR);
        for n in 0..=NETWORKS as u64 {
            past.add(n, now + Duration::from_millis(n));
        }
        assert_eq!(past.networks.len(), NETWORKS);
        assert_eq!((past.count(&0, now), past.count(&1, now), past.count(&2, now)), (0, 1, 1));
    }
}
