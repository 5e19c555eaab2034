//! Metrics as values, and how all of them are written.

use std::borrow::Cow;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use crate::Durations;

/// The format of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Prometheus' text format.
    Prometheus,
    OpenMetrics,
}

/// The declaration of a metric.
#[derive(Clone, Debug)]
pub(super) struct Metric {
    /// Without its unit and without `_total`.
    pub base: Cow<'static, str>,
    pub kind: MetricType,
    pub unit: Option<Unit>,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// Its documentation.
    pub about: &'static str,
}

/// A metric with its values.
#[derive(Debug)]
pub(super) struct Family {
    pub metric: Metric,
    samples: Vec<(Vec<(&'static str, String)>, Value)>,
}

/// The value of a metric for some labels.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Number(f64),
    Times(Durations),
}

/// The ends of a histogram's buckets, as powers of two of microseconds: from 64 µs to 17 s. These are exact.
const BUCKET_ENDS: [u32; 10] = [6, 8, 10, 12, 14, 16, 18, 20, 22, 24];

impl Format {
    /// The format for a client that sends this header `Accept`.
    pub fn asked_for(accept: Option<&str>) -> Format {
        match accept.is_some_and(|accept| accept.contains("application/openmetrics-text")) {
            true => Format::OpenMetrics,
            false => Format::Prometheus,
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Format::Prometheus => prometheus_text::CONTENT_TYPE,
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

impl Metric {
    /// The name by which it is queried.
    #[cfg(test)]
    pub fn name(&self) -> String {
        let unit = self.unit.as_ref().map_or(String::new(), |unit| format!("_{}", unit.as_str()));
        let end = if self.kind.as_str() == MetricType::Counter.as_str() { "_total" } else { "" };
        format!("{}{unit}{end}", self.base)
    }
}

impl Family {
    pub fn new(metric: Metric) -> Family {
        Family { metric, samples: Vec::new() }
    }

    /// Adds the value for these labels' values.
    pub fn add(&mut self, labels: &[&str], value: Value) {
        debug_assert_eq!(labels.len(), self.metric.labels.len(), "{}", self.metric.base);
        let values = labels.iter().map(|&value| value.to_owned());
        self.samples.push((self.metric.labels.iter().copied().zip(values).collect(), value));
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Metric { base, kind, unit, about, .. } = &self.metric;
        let mut family = encoder.encode_descriptor(base, about, unit.as_ref(), *kind)?;
        for (labels, value) in &self.samples {
            encode_value(family.encode_family(labels)?, *kind, value)?;
        }
        Ok(())
    }
}

fn encode_value(mut encoder: MetricEncoder<'_>, kind: MetricType, value: &Value) -> fmt::Result {
    match value {
        Value::Number(number) => match kind {
            MetricType::Counter => encoder.encode_counter::<NoLabelSet, _, f64>(number, None),
            _ => encoder.encode_gauge(number),
        },
        Value::Times(times) => {
            let (sum, count) = (times.sum().as_secs_f64(), times.count());
            let mut before = 0;
            let buckets = BUCKET_ENDS.map(|power| {
                let below = times.below(power);
                (f64::from(1_u32 << power) / 1e6, below - std::mem::replace(&mut before, below))
            });
            // The text has the sums of these, and the last one is what is left.
            let rest = [(f64::INFINITY, count.saturating_sub(before))];
            encoder.encode_histogram::<NoLabelSet>(sum, count, &[&buckets[..], &rest].concat(), None)
        }
    }
}

/// All metrics of an answer.
#[derive(Debug)]
struct Families(Vec<Family>);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0
            .iter()
            .filter(|family| !family.samples.is_empty())
            .try_for_each(|family| family.encode(&mut encoder))
    }
}

/// Writes all metrics. One without values is left out.
pub(super) fn write(families: Vec<Family>, format: Format) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Families(families)));
    let mut written = String::new();
    let done = match format {
        Format::Prometheus => prometheus_text::encode(&mut written, &registry),
        Format::OpenMetrics => text::encode(&mut written, &registry),
    };
    done.expect("a string takes everything");
    written
}
