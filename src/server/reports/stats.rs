//! The statistics of a server. The reactor counts, and any thread reads, without a lock between them.

use std::time::Duration;

use crate::counters::{Counter, counters};
use crate::error::CloseReason;
use crate::filework;

counters! {
    /// The statistics of a server since it started.
    #[derive(Clone, Debug)]
    #[non_exhaustive]
    pub struct ServerStats {
        /// Listeners that left, by reason. Moving to another mount is not leaving.
        pub closed: Vec<(CloseReason, u64)>,
        /// Turns of the reactor's loop.
        pub turns: u64,
        /// Half of the turns took at most this long.
        pub turn_p50: Duration,
        /// 99 % of the turns took at most this long.
        pub turn_p99: Duration,
        /// The longest turn.
        pub turn_max: Duration,
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
        let turns = &self.turns;
        let quantile = |share| turns.quantile(share);
        let (hanging, hangs) = filework::totals();
        self.hanging_files.set(hanging as u64);
        self.file_hangs.set(hangs);
        self.copy(closed.collect(), turns.count(), quantile(0.50), quantile(0.99), turns.max())
    }
}

impl ServerStats {
    /// Listeners that left for this reason.
    pub fn closed_for(&self, reason: CloseReason) -> u64 {
        self.closed.iter().find(|(known, _)| *known == reason).map_or(0, |(_, count)| *count)
    }
}

/// Counts durations by size. Each power of two of microseconds has four buckets, so a quantile is at most a
/// quarter too large.
#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: [Counter; Histogram::BUCKETS],
    max_micros: Counter,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { buckets: std::array::from_fn(|_| Counter::default()), max_micros: Counter::default() }
    }
}

impl Histogram {
    /// Up to 2^32 µs, which is more than an hour.
    const BUCKETS: usize = 4 * 32;

    pub(crate) fn add(&self, duration: Duration) {
        let micros = duration.as_micros() as u64;
        self.buckets[Histogram::bucket(micros)].add(1);
        self.max_micros.raise_to(micros);
    }

    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().map(Counter::get).sum()
    }

    pub(crate) fn max(&self) -> Duration {
        Duration::from_micros(self.max_micros.get())
    }

    /// The upper end of the bucket in which this share of all durations is reached.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let wanted = (self.count() as f64 * share).ceil() as u64;
        let mut seen = 0;
        let reached = self.buckets.iter().position(|bucket| {
            seen += bucket.get();
            seen >= wanted
        });
        let end = reached.map_or(Duration::ZERO, |bucket| Duration::from_micros(Histogram::end(bucket)));
        end.min(self.max())
    }

    fn bucket(micros: u64) -> usize {
        if micros < 4 {
            return micros as usize;
        }
        let power = micros.ilog2() as usize;
        let quarter = (micros >> (power - 2)) as usize & 3;
        ((power - 1) * 4 + quarter).min(Histogram::BUCKETS - 1)
    }

    /// The first value beyond this bucket.
    fn end(bucket: usize) -> u64 {
        if bucket < 4 {
            return bucket as u64 + 1;
        }
        let (power, quarter) = (bucket / 4 + 1, (bucket % 4) as u64);
        (5 + quarter) << (power - 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_has_a_bucket_that_is_at_most_a_quarter_wider() {
        for micros in (0..10_000).chain([1 << 20, (1 << 31) + 12_345, u64::from(u32::MAX)]) {
            let bucket = Histogram::bucket(micros);
            let start = if bucket == 0 { 0 } else { Histogram::end(bucket - 1) };
            assert!(start <= micros && micros < Histogram::end(bucket), "{micros} in {bucket}");
            assert!(Histogram::end(bucket) - start <= 1 + start / 4);
        }
        assert_eq!(Histogram::bucket(u64::MAX), Histogram::BUCKETS - 1);
    }

    #[test]
    fn quantiles() {
        let histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), Duration::ZERO);
        for micros in 1..=1_000 {
            histogram.add(Duration::from_micros(micros));
        }
        assert_eq!(histogram.count(), 1_000);
        assert_eq!(histogram.max(), Duration::from_millis(1));
        let median = histogram.quantile(0.5).as_micros();
        assert!((500..=640).contains(&median), "{median}");
        assert_eq!(histogram.quantile(1.0), Duration::from_millis(1));
    }

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
