//! How often each address may ask for something that anybody may ask for, and that costs work.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::logins::network;

/// The most addresses that are remembered.
const ADDRESSES: usize = 4_096;

/// What each address may ask: so many questions at once, and then one in each interval.
#[derive(Debug)]
pub(crate) struct Allowance {
    at_once: u32,
    every: Duration,
    /// When an address that has asked has its whole allowance again.
    whole_at: HashMap<IpAddr, Instant>,
}

impl Allowance {
    pub(crate) fn new(at_once: u32, every: Duration) -> Allowance {
        Allowance { at_once, every, whole_at: HashMap::new() }
    }

    /// Counts a question of this address, or of its network. The error is the time to wait.
    pub(crate) fn ask(&mut self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let address = network(address);
        if self.whole_at.len() >= ADDRESSES && !self.whole_at.contains_key(&address) {
            self.make_room(now);
        }
        let whole_at = self.whole_at.entry(address).or_insert(now);
        let next = (*whole_at).max(now) + self.every;
        let most = now + self.every * self.at_once;
        if next > most {
            return Err(next - most);
        }
        *whole_at = next;
        Ok(())
    }

    /// Forgets those whose allowance is whole. If there are none, it forgets who has used the least of it:
    /// whoever has many addresses gains little, and nobody else is kept out.
    fn make_room(&mut self, now: Instant) {
        self.whole_at.retain(|_, whole_at| *whole_at > now);
        if self.whole_at.len() >= ADDRESSES
            && let Some(least) = self.whole_at.iter().min_by_key(|(_, at)| **at).map(|(address, _)| *address)
        {
            self.whole_at.remove(&least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn who_asks_too_often_waits_and_others_do_not() {
        let (mut allowance, now) = (Allowance::new(3, Duration::from_secs(2)), Instant::now());
        for _ in 0..3 {
            assert_eq!(allowance.ask(address(1), now), Ok(()));
        }
        assert_eq!(allowance.ask(address(1), now), Err(Duration::from_secs(2)));
        assert_eq!(allowance.ask(address(2), now), Ok(()));
        let later = now + Duration::from_secs(2);
        assert_eq!(allowance.ask(address(1), later), Ok(()));
        assert_eq!(allowance.ask(address(1), later), Err(Duration::from_secs(2)));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let (mut allowance, now) = (Allowance::new(1, Duration::from_secs(1)), Instant::now());
        assert!(allowance.ask("2001:db8::1".parse().unwrap(), now).is_ok());
        assert!(allowance.ask("2001:db8::2".parse().unwrap(), now).is_err());
        assert!(allowance.ask("2001:db8:0:1::2".parse().unwrap(), now).is_ok());
    }

    #[test]
    fn addresses_have_a_bound_and_many_of_them_keep_nobody_out() {
        let (mut allowance, now) = (Allowance::new(2, Duration::from_secs(1)), Instant::now());
        let often = address(u32::MAX);
        assert!(allowance.ask(often, now).is_ok() && allowance.ask(often, now).is_ok());
        for number in 0..ADDRESSES as u32 + 100 {
            assert!(allowance.ask(address(number), now).is_ok(), "{number}");
        }
        assert_eq!(allowance.whole_at.len(), ADDRESSES);
        assert!(allowance.ask(often, now).is_err(), "who has asked often is not forgotten for them");
        assert!(allowance.ask(address(u32::MAX - 1), now + Duration::from_secs(9)).is_ok());
        assert_eq!(allowance.whole_at.len(), 1, "their allowances are whole again");
    }
}
