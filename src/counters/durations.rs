//! How often something took how long.

use std::time::Duration;

use super::Counter;

/// How many buckets there are: up to 2^33 µs, which is more than two hours. The last one has all above it.
const BUCKETS: usize = 4 * 32;

/// Counts durations by size, on one thread. Each power of two of microseconds has four buckets, so a quantile
/// is at most a quarter too large.
#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: [Counter; BUCKETS],
    sum_micros: Counter,
    max_micros: Counter,
}

/// How often something took how long, as it was counted up to one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// Empty: nothing was counted.
    buckets: Vec<u64>,
    sum: Duration,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram {
            buckets: std::array::from_fn(|_| Counter::default()),
            sum_micros: Counter::default(),
            max_micros: Counter::default(),
        }
    }
}

impl Histogram {
    pub(crate) fn add(&self, duration: Duration) {
        let micros = duration.as_micros() as u64;
        self.buckets[bucket(micros)].add(1);
        self.sum_micros.add(micros);
        self.max_micros.raise_to(micros);
    }

    pub(crate) fn copy(&self) -> Durations {
        Durations {
            buckets: self.buckets.iter().map(Counter::get).collect(),
            sum: Duration::from_micros(self.sum_micros.get()),
            max: Duration::from_micros(self.max_micros.get()),
        }
    }
}

impl Durations {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// All of them together.
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// The longest.
    pub fn max(&self) -> Duration {
        self.max
    }

    /// So long at most was this share of them, between 0 and 1; the result may be a quarter too large.
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = (self.count() as f64 * share).ceil() as u64;
        let mut seen = 0;
        let reached = self.buckets.iter().position(|bucket| {
            seen += bucket;
            seen >= wanted
        });
        let end = reached.map_or(Duration::ZERO, |bucket| Duration::from_micros(end(bucket)));
        end.min(self.max)
    }

    /// How many took less than 2^`power` microseconds.
    pub(crate) fn below(&self, power: u32) -> u64 {
        let ended = |bucket: &usize| end(*bucket) <= 1 << power;
        (0..self.buckets.len()).take_while(ended).map(|bucket| self.buckets[bucket]).sum()
    }
}

fn bucket(micros: u64) -> usize {
    if micros < 4 {
        return micros as usize;
    }
    let power = micros.ilog2() as usize;
    let quarter = (micros >> (power - 2)) as usize & 3;
    ((power - 1) * 4 + quarter).min(BUCKETS - 1)
}

/// The first value beyond this bucket.
fn end(bucket: usize) -> u64 {
    if bucket < 4 {
        return bucket as u64 + 1;
    }
    let (power, quarter) = (bucket / 4 + 1, (bucket % 4) as u64);
    (5 + quarter) << (power - 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_has_a_bucket_that_is_at_most_a_quarter_wider() {
        for micros in (0..10_000).chain([1 << 20, (1 << 31) + 12_345, u64::from(u32::MAX)]) {
            let bucket = bucket(micros);
            let start = if bucket == 0 { 0 } else { end(bucket - 1) };
            assert!(start <= micros && micros < end(bucket), "{micros} in {bucket}");
            assert!(end(bucket) - start <= 1 + start / 4);
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles() {
        let histogram = Histogram::default();
        assert_eq!(histogram.copy().quantile(0.5), Duration::ZERO);
        for micros in 1..=1_000 {
            histogram.add(Duration::from_micros(micros));
        }
        let durations = histogram.copy();
        assert_eq!(durations.count(), 1_000);
        assert_eq!(durations.max(), Duration::from_millis(1));
        assert_eq!(durations.sum(), Duration::from_micros(500_500));
        let median = durations.quantile(0.5).as_micros();
        assert!((500..=640).contains(&median), "{median}");
        assert_eq!(durations.quantile(1.0), Duration::from_millis(1));
        assert_eq!(Durations::default().quantile(0.5), Duration::ZERO);
    }

    #[test]
    fn what_is_below_a_power_of_two_is_exact() {
        let histogram = Histogram::default();
        for micros in [0, 1, 3, 4, 15, 16, 1_023, 1_024, 5_000_000_000] {
            histogram.add(Duration::from_micros(micros));
        }
        let durations = histogram.copy();
        let below = [0, 2, 4, 10, 11, 31].map(|power| durations.below(power));
        assert_eq!(below, [1, 3, 5, 7, 8, 8]);
        assert_eq!(Durations::default().below(10), 0);
    }
}
