//! Numbers that one thread counts and any thread reads. Each counter is declared once, with its name, its
//! kind, its unit and its documentation; whatever reports counters takes them from the declaration.

mod durations;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

pub use durations::Durations;
pub(crate) use durations::Histogram;

use crate::names::named;

/// A number that one thread changes (so a load and a store are enough) and any thread reads.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, number: u64) {
        self.set(self.get() + number);
    }

    /// For a counter of time.
    pub(crate) fn add_time(&self, time: Duration) {
        self.add(time.as_micros() as u64);
    }

    /// One more is there; `peak` is the most that there were.
    pub(crate) fn rise(&self, peak: &Counter) {
        self.add(1);
        peak.raise_to(self.get());
    }

    /// One less is there.
    pub(crate) fn sink(&self) {
        self.set(self.get() - 1);
    }

    /// For a counter that several threads change. All of them use this.
    pub(crate) fn add_shared(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    /// Adds one, unless it is as high as this already. For a gauge that several threads change: all of them
    /// use this and [`sink_shared`](Counter::sink_shared).
    pub(crate) fn rise_shared(&self, most: u64) -> bool {
        let risen = |now: u64| (now < most).then_some(now + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, risen).is_ok()
    }

    /// Takes away one that was added.
    pub(crate) fn sink_shared(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
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

named! {
    /// How a counter moves.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum CounterKind {
        /// It only grows.
        Counter = "counter",
        /// It rises and falls.
        Gauge = "gauge",
    }
}

/// The declaration of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CounterInfo {
    /// Its name in Rust, JSON and metrics: `bytes_sent`.
    pub name: &'static str,
    /// How it moves.
    pub kind: CounterKind,
    /// What it counts: `bytes`. `microseconds` are seconds in JSON and metrics.
    pub unit: &'static str,
    /// Its documentation.
    pub about: &'static str,
}

/// What counts time counts microseconds.
pub(crate) const TIME: &str = "microseconds";

/// The value of a counter as JSON and metrics tell it: time is in seconds there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Told {
    Whole(u64),
    Seconds(f64),
}

impl CounterInfo {
    /// How a value of this counter is told.
    pub(crate) fn told(&self, value: u64) -> Told {
        match self.unit {
            TIME => Told::Seconds(value as f64 / 1e6),
            _ => Told::Whole(value),
        }
    }
}

/// Declares counters, and two structs that have a field for each: one of [`Counter`]s, which threads share,
/// and one of plain numbers, which is a copy at one moment. Both may have further fields.
macro_rules! counters {
    (
        $(#[$about_copy:meta])*
        pub struct $Copy:ident { $($(#[$about_more:meta])* pub $more:ident: $More:ty,)* }

        $(#[$about_shared:meta])*
        pub(crate) struct $Shared:ident { $($(#[$about_extra:meta])* pub(crate) $extra:ident: $Extra:ty,)* }

        counted {
            $($(#[doc = $about:literal])+ $name:ident: $Kind:ident of $unit:ident,)+
        }
    ) => {
        $(#[$about_copy])*
        pub struct $Copy {
            $($(#[$about_more])* pub $more: $More,)*
            $($(#[doc = $about])+ pub $name: u64,)+
        }

        $(#[$about_shared])*
        #[derive(Debug, Default)]
        pub(crate) struct $Shared {
            $($(#[$about_extra])* pub(crate) $extra: $Extra,)*
            $(pub(crate) $name: $crate::counters::Counter,)+
        }

        impl $Shared {
            /// A copy of the counters, beside what else there is to know.
            #[allow(clippy::too_many_arguments, reason = "one for each further field")]
            fn copy(&self, $($more: $More),*) -> $Copy {
                $Copy { $($more,)* $($name: self.$name.get(),)+ }
            }
        }

        impl $Copy {
            /// The declarations of its counters.
            pub const COUNTERS: &'static [$crate::counters::CounterInfo] = &[
                $($crate::counters::CounterInfo {
                    name: stringify!($name),
                    kind: $crate::counters::CounterKind::$Kind,
                    unit: stringify!($unit),
                    about: concat!($($about),+).trim_ascii(),
                },)+
            ];

            /// The value of every counter, with its declaration.
            pub fn counters(&self) -> impl Iterator<Item = (&'static $crate::counters::CounterInfo, u64)> + use<> {
                $Copy::COUNTERS.iter().zip([$(self.$name),+])
            }
        }
    };
}

pub(crate) use counters;

#[cfg(test)]
mod tests {
    use super::*;

    counters! {
        pub struct Copied { pub name: &'static str, }

        pub(crate) struct Shared {}

        counted {
            /// Bytes that were sent,
            /// heads included.
            bytes_sent: Counter of bytes,
            /// Listeners now.
            listeners: Gauge of listeners,
            /// How long it has sounded.
            sounded: Counter of microseconds,
        }
    }

    #[test]
    fn a_counter_is_a_field_with_a_declaration() {
        let shared = Shared::default();
        shared.bytes_sent.add(7);
        shared.listeners.raise_to(2);
        let copied = shared.copy("a");
        assert_eq!((copied.name, copied.bytes_sent, copied.listeners), ("a", 7, 2));
        let told: Vec<_> = copied.counters().collect();
        let bytes_sent = CounterInfo {
            name: "bytes_sent",
            kind: CounterKind::Counter,
            unit: "bytes",
            about: "Bytes that were sent, heads included.",
        };
        assert_eq!(told[0], (&bytes_sent, 7));
        assert_eq!((told[1].0.name, told[1].0.kind.as_str(), told[1].1), ("listeners", "gauge", 2));
    }

    #[test]
    fn time_is_told_in_seconds() {
        let shared = Shared::default();
        shared.bytes_sent.add(7);
        shared.sounded.add_time(Duration::from_millis(1_500));
        let copied = shared.copy("a");
        assert_eq!(copied.sounded, 1_500_000);
        let told: Vec<_> = copied.counters().map(|(counter, value)| counter.told(value)).collect();
        assert_eq!(told, [Told::Whole(7), Told::Whole(0), Told::Seconds(1.5)]);
        assert_eq!(serde_json::to_string(&told).unwrap(), "[7,0,1.5]");
    }
}
