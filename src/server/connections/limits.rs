//! How many listeners the limit of open files allows.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::places::{ADMITTED_BODIES, ANONYMOUS_BODIES, Sender};
use crate::error::{Error, Result};
use crate::server::reports::stats::Counters;

/// The bytes of unfinished heads and of answers that are not taken, over all connections.
const MAX_HELD_BYTES: usize = 32 << 20;
/// So many more are for answers to those who have shown a good credential, such as a list of 20,000 listeners.
const RESERVED_HELD_BYTES: usize = 8 << 20;
/// Descriptors that are kept for other things than listeners: files, acceptors, short requests, the host.
const RESERVE: u64 = 200;
/// So many of these are for connections that do not listen, or not yet.
const SHORT_CONNECTIONS: usize = 100;
/// So many of these are beyond `max_connections`, for requests with a credential.
pub(crate) const RESERVED_CONNECTIONS: usize = 32;
/// So many of `max_event_clients`, but a quarter at most, are for clients that have shown a credential.
const RESERVED_EVENT_CLIENTS: usize = 32;

/// How many connections a server accepts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_listeners: usize,
    /// Clients of event streams.
    pub(crate) max_event_clients: usize,
    /// Clients that send a stream.
    pub(crate) max_sources: usize,
    /// Connections of all kinds.
    pub(crate) max_connections: usize,
}

impl Limits {
    /// Shows the limits in the statistics, beside what is taken.
    pub(crate) fn show(&self, counters: &Counters) {
        counters.max_listeners.set(self.max_listeners as u64);
        counters.max_event_clients.set(self.max_event_clients as u64);
        counters.max_sources.set(self.max_sources as u64);
        counters.max_connections.set(self.max_connections as u64);
        counters.max_held_bytes.set((MAX_HELD_BYTES + RESERVED_HELD_BYTES) as u64);
        counters.max_anonymous_bodies.set(ANONYMOUS_BODIES);
        counters.max_admitted_bodies.set(ADMITTED_BODIES);
    }

    /// The bytes that all connections may hold together when this one holds some.
    pub(crate) fn max_held_bytes(sender: Sender) -> usize {
        match sender {
            Sender::Anonymous => MAX_HELD_BYTES,
            Sender::Admitted => MAX_HELD_BYTES + RESERVED_HELD_BYTES,
        }
    }

    /// The clients of event streams that have shown no credential, at most.
    pub(crate) fn max_anonymous_event_clients(&self) -> usize {
        self.max_event_clients - RESERVED_EVENT_CLIENTS.min(self.max_event_clients / 4)
    }

    /// Raises the limit of open files as far as it goes. Refuses settings that need more.
    pub(crate) fn claim(
        max_listeners: Option<usize>,
        max_event_clients: usize,
        max_sources: usize,
    ) -> Result<Limits> {
        Limits::within(raise_file_limit()?, max_listeners, max_event_clients, max_sources)
    }

    fn within(
        files: u64,
        max_listeners: Option<usize>,
        max_event_clients: usize,
        max_sources: usize,
    ) -> Result<Limits> {
        let most = usize::try_from(files.saturating_sub(RESERVE)).unwrap_or(usize::MAX);
        let max_listeners = match max_listeners {
            Some(0) => return Err(Error::setting("max_listeners", "0 listeners need no server: at least 1")),
            Some(wanted) if wanted > most => {
                let reason = format!(
                    "{wanted} listeners need more than the {files} open files that this process may have: \
                     {RESERVE} are kept in reserve, so at most {most}. Ask for fewer, or raise the hard limit (ulimit -Hn)"
                );
                return Err(Error::setting("max_listeners", reason));
            }
            Some(wanted) => wanted,
            None if most == 0 => {
                let reason = format!(
                    "this process may have {files} open files, of which {RESERVE} are kept in reserve: \
                     raise the hard limit (ulimit -Hn)"
                );
                return Err(Error::setting("max_listeners", reason));
            }
            None => most,
        };
        // API, event clients and sources share what `max_listeners` leaves of the descriptor limit.
        let all = max_listeners.saturating_add(max_event_clients).saturating_add(max_sources).min(most);
        let max_connections = all + SHORT_CONNECTIONS;
        Ok(Limits { max_listeners, max_event_clients, max_sources, max_connections })
    }
}

fn raise_file_limit() -> Result<u64> {
    let failed = |cause: nix::Error| Error::io("raising the limit of open files")(cause.into());
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(failed)?;
    if soft < hard {
        // Some systems report a hard limit that they do not grant. Then the soft limit stays.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).map_err(failed)?;
    Ok(soft)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_kept_and_more_is_refused_with_the_numbers() {
        assert_eq!(Limits::within(20_000, None, 1_000, 100).unwrap().max_listeners, 19_800);
        assert_eq!(Limits::within(20_000, Some(19_800), 1_000, 100).unwrap().max_connections, 19_900);
        assert_eq!(Limits::within(20_000, Some(500), 1_000, 50).unwrap().max_connections, 1_650);
        let refusal = Limits::within(20_000, Some(19_801), 0, 0).unwrap_err().to_string();
        for number in ["max_listeners", "19801", "20000", "200", "19800"] {
            assert!(refusal.contains(number), "{refusal}");
        }
        assert!(Limits::within(200, None, 0, 0).is_err());
        assert!(Limits::within(1_024, Some(0), 0, 0).is_err());
    }

    #[test]
    fn the_limit_is_raised() {
        let most = raise_file_limit().unwrap();
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!((most, soft), (hard, hard));
    }
}
