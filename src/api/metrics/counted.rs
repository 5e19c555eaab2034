//! The metrics of what has counters. Each counter is a metric, by its declaration.

use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::family::{Family, Metric, Value};
use crate::api::core::Core;
use crate::counters::{CounterInfo, CounterKind, TIME, Told};
use crate::{EncoderStats, HlsCounters, MountInfo, PipelineStats, ServerStats};

/// Something that has counters.
#[derive(Clone, Copy)]
struct Subject {
    /// The names of its metrics begin with this.
    name: &'static str,
    labels: &'static [&'static str],
    counters: &'static [CounterInfo],
}

const SERVER: Subject = Subject { name: "server", labels: &[], counters: ServerStats::COUNTERS };
const MOUNT: Subject = Subject { name: "mount", labels: &["mount"], counters: MountInfo::COUNTERS };
const HLS: Subject = Subject { name: "hls", labels: &["path"], counters: HlsCounters::COUNTERS };
const PIPELINE: Subject =
    Subject { name: "pipeline", labels: &["pipeline"], counters: PipelineStats::COUNTERS };
const ENCODER: Subject =
    Subject { name: "encoder", labels: &["pipeline", "mount"], counters: EncoderStats::COUNTERS };

/// What each counter of the station counts now.
pub(super) fn families(core: &Core) -> Vec<Family> {
    let mut server = Counted::new(SERVER);
    server.add(&[], core.server.stats().counters());
    let (mut mounts, mut hls) = (Counted::new(MOUNT), Counted::new(HLS));
    for info in core.server.mounts() {
        mounts.add(&[&info.settings.path], info.counters());
    }
    let (mut pipelines, mut encoders) = (Counted::new(PIPELINE), Counted::new(ENCODER));
    for pipeline in &core.pipelines {
        pipelines.add(&[pipeline.name()], pipeline.stats().counters());
        for info in pipeline.hls() {
            hls.add(&[&info.playlist], info.counters.counters());
        }
        for mount in pipeline.mounts() {
            // An output that goes at this moment has none.
            if let Ok(stats) = pipeline.encoder_stats(&mount) {
                encoders.add(&[pipeline.name(), &mount], stats.counters());
            }
        }
    }
    [server, mounts, hls, pipelines, encoders].into_iter().flat_map(|counted| counted.families).collect()
}

/// The metrics of a subject, in the order of its counters.
struct Counted {
    families: Vec<Family>,
}

impl Counted {
    fn new(subject: Subject) -> Counted {
        let families = subject.counters.iter().map(|counter| Family::new(metric(subject, counter)));
        Counted { families: families.collect() }
    }

    fn add(&mut self, labels: &[&str], values: impl Iterator<Item = (&'static CounterInfo, u64)>) {
        for (family, (counter, value)) in self.families.iter_mut().zip(values) {
            let number = match counter.told(value) {
                Told::Whole(number) => number as f64,
                Told::Seconds(seconds) => seconds,
            };
            family.add(labels, Value::Number(number));
        }
    }
}

/// The metric of a counter. Its name ends with its unit, as Prometheus has it: `bytes_sent` becomes
/// `longwave_mount_sent_bytes`.
fn metric(subject: Subject, counter: &CounterInfo) -> Metric {
    let bare = |unit: &str| {
        let name = counter.name;
        let rest = name.strip_prefix(unit).map(|rest| rest.trim_start_matches('_'));
        let rest = rest.or_else(|| name.strip_suffix(unit).map(|rest| rest.trim_end_matches('_')));
        rest.unwrap_or(name)
    };
    let (name, unit) = match counter.unit {
        "bytes" => (bare("bytes"), Some(Unit::Bytes)),
        TIME => (counter.name, Some(Unit::Seconds)),
        _ => (counter.name, None),
    };
    let kind = match counter.kind {
        CounterKind::Counter => MetricType::Counter,
        CounterKind::Gauge => MetricType::Gauge,
    };
    let base = format!("longwave_{}_{name}", subject.name).into();
    Metric { base, kind, unit, labels: subject.labels, about: counter.about }
}

/// The metrics that there may be.
#[cfg(test)]
pub(super) fn declared() -> impl Iterator<Item = Metric> {
    let subjects = [SERVER, MOUNT, HLS, PIPELINE, ENCODER].into_iter();
    subjects.flat_map(|subject| subject.counters.iter().map(move |counter| metric(subject, counter)))
}
