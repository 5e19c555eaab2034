//! Addresses that had their share and may be proxies. An operator must learn of them: all clients of a proxy
//! share its address unless it is trusted.

use std::sync::{Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use log::Level;

use super::client_address::{Addresses, ClientAddress};
use super::connections::shares::ShareTaken;
use super::reports::journal::JournalWriter;
use super::reports::stats::Counters;

/// The most addresses that are named.
const NAMED: usize = 4;
/// How long an address is named after its last refusal.
const NAMED_FOR: Duration = Duration::from_secs(3_600);

/// The reactor writes, any thread reads. The lock is held for moments, and the reactor does not wait for it.
#[derive(Debug, Default)]
pub(crate) struct Crowding {
    named: Mutex<Vec<Named>>,
}

#[derive(Debug)]
struct Named {
    address: ClientAddress,
    taken: ShareTaken,
    last: Instant,
}

impl Crowding {
    /// Counts a refusal. If the address may be a proxy, the log names it once.
    pub(crate) fn refused(
        &self,
        address: ClientAddress,
        taken: &ShareTaken,
        now: Instant,
        counters: &Counters,
        journal: &JournalWriter,
    ) {
        counters.refused_shares.add(1);
        counters.refused.add_shared(1);
        if !taken.may_be_a_proxy {
            return;
        }
        let mut named = match self.named.try_lock() {
            Ok(named) => named,
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            // Somebody reads it. The next refusal will do.
            Err(TryLockError::WouldBlock) => return,
        };
        forget_old(&mut named, now);
        if let Some(known) = named.iter_mut().find(|known| known.address == address) {
            known.last = now;
        } else if named.len() < NAMED {
            let known = Named { address, taken: taken.clone(), last: now };
            journal.note(Level::Warn, known.warning(journal.addresses()));
            named.push(known);
        }
    }

    /// What an operator should look at.
    pub(crate) fn warnings(&self, addresses: Addresses) -> Vec<String> {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        forget_old(&mut named, Instant::now());
        named.iter().map(|known| known.warning(addresses)).collect()
    }
}

fn forget_old(named: &mut Vec<Named>, now: Instant) {
    named.retain(|known| now.saturating_duration_since(known.last) < NAMED_FOR);
}

impl Named {
    fn warning(&self, addresses: Addresses) -> String {
        let shown = self.address.shown(addresses);
        let who = match (addresses, shown.ip()) {
            (_, None) => "an address".into(),
            (Addresses::Shortened, Some(network)) => format!("an address of the network {network}"),
            (_, Some(address)) => address.to_string(),
        };
        let (limit, setting) = (self.taken.limit, self.taken.kind.setting());
        format!(
            "{who} has its share ({setting} = {limit}), and more is refused: if it is a proxy, name it in \
             trusted_proxies, so that each of its clients counts by itself; otherwise raise {setting}"
        )
    }
}
