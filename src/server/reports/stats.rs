//! The statistics of a server. The reactor counts, and any thread reads, without a lock between them.

use crate::counters::{Counter, Durations, Histogram, counters};
use crate::error::CloseReason;
use crate::filework;

counters! {
    /// The statistics of a server since it started.
    #[derive(Clone, Debug)]
    #[non_exhaustive]
    pub struct ServerStats {
        /// Listeners that left, by reason. Moving to another mount is not leaving.
        pub closed: Vec<(CloseReason, u64)>,
        /// The turns of the reactor's loop.
        pub turn_times: Durations,
    }

    /// The counters of a whole server.
    pub(crate) struct Counters {
        /// In the order of [`CloseReason::ALL`].
        pub(crate) closed: [Counter; CloseReason::ALL.len()],
        pub(crate) turns: Histogram,
    }

    counted {
        /// Open connections, listeners included.
        connections: Gauge of connections,
        /// Connections at most. Some more are for requests with a credential.
        max_connections: Gauge of connections,
        /// Addresses that have a connection; a /64 of IPv6 counts as one, and this machine does not count.
        addresses: Gauge of addresses,
        /// Connections and requests that were refused because their address had its share.
        refused_shares: Counter of requests,
        /// Connections and requests that were refused because their address is denied.
        denied: Counter of requests,
        /// Accepted connections.
        accepted: Counter of connections,
        /// Connections that could not be accepted, mostly because no file descriptors were left.
        accept_failures: Counter of connections,
        /// Answered requests.
        requests: Counter of requests,
        /// Connections and requests that were refused because there were too many listeners, connections or
        /// waiting requests.
        refused: Counter of requests,
        /// Bytes of unfinished heads, and of answers that clients have not taken.
        held_bytes: Gauge of bytes,
        /// The same at most. 8 MiB of them are for answers to a good credential. Beyond it, connections that hold
        /// some are closed.
        max_held_bytes: Gauge of bytes,
        /// Bodies of anybody's requests that are being received now.
        anonymous_bodies: Gauge of bodies,
        /// Bodies that are being received now after their request's credential was found good.
        admitted_bodies: Gauge of bodies,
        /// Bodies of anybody's requests at once, at most.
        max_anonymous_bodies: Gauge of bodies,
        /// Bodies after a good credential at once, at most.
        max_admitted_bodies: Gauge of bodies,
        /// Clients that follow events now.
        event_clients: Gauge of clients,
        /// Clients that follow events, at most.
        max_event_clients: Gauge of clients,
        /// Sources now: clients that send a stream.
        sources: Gauge of sources,
        /// Sources at most.
        max_sources: Gauge of sources,
        /// Bytes of their streams that sources have sent.
        bytes_received: Counter of bytes,
        /// Bytes of sources' streams that were lost because nobody read them in time.
        lost_source_bytes: Counter of bytes,
        /// Listeners at most.
        max_listeners: Gauge of listeners,
        /// Listeners now. A listener counts from its second second on.
        listeners: Gauge of listeners,
        /// The most listeners at once.
        listener_peak: Gauge of listeners,
        /// Listeners that have come: to mounts, after their first second or from another mount, and to HLS.
        joins: Counter of listeners,
        /// Listeners of HLS now: sessions that have asked for a playlist lately.
        hls_listeners: Gauge of listeners,
        /// The most listeners of HLS at once.
        hls_listener_peak: Gauge of listeners,
        /// Objects on the shelf: playlists and segments of HLS.
        shelf_objects: Gauge of objects,
        /// Their bytes.
        shelf_bytes: Gauge of bytes,
        /// Writes to listeners and to clients of event streams.
        writes: Counter of writes,
        /// Writes that found a full socket.
        blocked_writes: Counter of writes,
        /// Bytes that the sockets of listeners and of clients of event streams took: heads, titles and all.
        bytes_sent: Counter of bytes,
        /// Jumps of listeners that fell too far behind, or moved before they had everything.
        skips: Counter of jumps,
        /// Audio bytes that were jumped over.
        skipped_bytes: Counter of bytes,
        /// Lines that the file of the access log did not take.
        lost_access_lines: Counter of lines,
        /// Files of the whole process whose disks do not answer, each with a thread that waits for it.
        hanging_files: Gauge of files,
        /// How often the disk of a file did not answer for five seconds.
        file_hangs: Counter of hangs,
    }
}

impl Counters {
    pub(crate) fn count_close(&self, reason: CloseReason) {
        self.closed[reason as usize].add(1);
    }

    pub(crate) fn snapshot(&self) -> ServerStats {
        let closed = CloseReason::ALL.iter().map(|reason| (*reason, self.closed[*reason as usize].get()));
        let (hanging, hangs) = filework::totals();
        self.hanging_files.set(hanging as u64);
        self.file_hangs.set(hangs);
        self.copy(closed.collect(), self.turns.copy())
    }
}

impl ServerStats {
    /// Listeners that left for this reason.
    pub fn closed_for(&self, reason: CloseReason) -> u64 {
        self.closed.iter().find(|(known, _)| *known == reason).map_or(0, |(_, count)| *count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_reasons_are_counted_apart() {
        let counters = Counters::default();
        counters.count_close(CloseReason::Stalled);
        counters.count_close(CloseReason::Stalled);
        counters.count_close(CloseReason::Left);
        let stats = counters.snapshot();
        assert_eq!(stats.closed_for(CloseReason::Stalled), 2);
        assert_eq!(stats.closed_for(CloseReason::Left), 1);
        assert_eq!(stats.closed_for(CloseReason::Kicked), 0);
    }
}
