//! Numbers that the reactor counts and anybody reads, without a lock between them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::error::CloseReason;

/// Counted on one thread (so a load and a store are enough), read on any.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, number: u64) {
        self.set(self.get() + number);
    }

    pub(crate) fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }

    pub(crate) fn raise_to(&self, number: u64) {
        if number > self.get() {
            self.set(number);
        }
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the reactor counts for a whole server.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: Counter,
    pub(crate) accepted: Counter,
    pub(crate) accept_failures: Counter,
    pub(crate) requests: Counter,
    pub(crate) refused: Counter,
    pub(crate) listeners: Counter,
    pub(crate) listener_peak: Counter,
    pub(crate) writes: Counter,
    pub(crate) blocked_writes: Counter,
    pub(crate) bytes_sent: Counter,
    pub(crate) skips: Counter,
    pub(crate) skipped_bytes: Counter,
    pub(crate) closed: [Counter; ALL_REASONS.len()],
    pub(crate) turns: Histogram,
}

const ALL_REASONS: [CloseReason; 6] = [
    CloseReason::Left,
    CloseReason::Stalled,
    CloseReason::MountEnded,
    CloseReason::Moved,
    CloseReason::ServerStopped,
    CloseReason::Kicked,
];

impl Counters {
    pub(crate) fn count_close(&self, reason: CloseReason) {
        if let Some(index) = ALL_REASONS.iter().position(|known| *known == reason) {
            self.closed[index].add(1);
        }
    }

    pub(crate) fn snapshot(&self) -> ServerStats {
        ServerStats {
            connections: self.connections.get(),
            accepted: self.accepted.get(),
            accept_failures: self.accept_failures.get(),
            requests: self.requests.get(),
            refused: self.refused.get(),
            listeners: self.listeners.get(),
            listener_peak: self.listener_peak.get(),
            writes: self.writes.get(),
            blocked_writes: self.blocked_writes.get(),
            bytes_sent: self.bytes_sent.get(),
            skips: self.skips.get(),
            skipped_bytes: self.skipped_bytes.get(),
            closed: ALL_REASONS.map(|reason| (reason, self.closed[reason_index(reason)].get())).to_vec(),
            turns: self.turns.count(),
            turn_p50: self.turns.quantile(0.50),
            turn_p99: self.turns.quantile(0.99),
            turn_max: self.turns.max(),
        }
    }
}

fn reason_index(reason: CloseReason) -> usize {
    ALL_REASONS.iter().position(|known| *known == reason).unwrap_or(0)
}

/// What a server has done since it started.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerStats {
    /// Open connections, listeners included.
    pub connections: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// How often a connection could not be accepted (no descriptors left, for the most part).
    pub accept_failures: u64,
    /// Requests answered.
    pub requests: u64,
    /// Connections and requests refused because there were too many listeners or connections.
    pub refused: u64,
    /// Listeners now. One counts from its second second on.
    pub listeners: u64,
    /// The most listeners at once.
    pub listener_peak: u64,
    /// Writes to listeners.
    pub writes: u64,
    /// How often a listener's socket was full.
    pub blocked_writes: u64,
    /// Bytes that listeners' sockets took, heads and titles included.
    pub bytes_sent: u64,
    /// How often a listener fell so far behind that it had to jump, or moved before it had everything.
    pub skips: u64,
    /// Audio bytes that were jumped over.
    pub skipped_bytes: u64,
    /// Listeners that have gone from a mount, by reason. (Who moved is a listener still.)
    pub closed: Vec<(CloseReason, u64)>,
    /// Turns of the reactor's loop.
    pub turns: u64,
    /// What half of the turns took at most.
    pub turn_p50: Duration,
    /// What 99 % of the turns took at most.
    pub turn_p99: Duration,
    /// The longest turn.
    pub turn_max: Duration,
}

impl ServerStats {
    /// How many listeners went for that reason.
    pub fn closed_for(&self, reason: CloseReason) -> u64 {
        self.closed.iter().find(|(known, _)| *known == reason).map_or(0, |(_, count)| *count)
    }
}

/// Durations by size: four buckets for each power of two of microseconds, so that a quantile is
/// within a quarter of the truth.
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

    /// The upper end of the bucket in which that share of all durations is reached.
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

    /// The first value that is beyond this bucket.
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
