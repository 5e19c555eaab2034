//! The metrics of what is no counter: health, sources, the library, the process.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::family::{Family, Metric, Value};
use super::process::Process;
use super::tracks::Tracks;
use crate::api::core::Core;
use crate::health::{Health, ProblemKind};
use crate::{CloseReason, Durations, SourceState};

/// A station at one moment.
#[derive(Debug, Default)]
pub(super) struct States {
    /// Of each pipeline by its name, and of the server and all else, which has none.
    health: Vec<(String, Health)>,
    pipelines: Vec<PipelineState>,
    sources: Vec<SourceState>,
    closed: Vec<(CloseReason, u64)>,
    turn_times: Option<Durations>,
    tracks: Tracks,
    process: Process,
    started: Option<SystemTime>,
}

#[derive(Debug)]
struct PipelineState {
    name: String,
    lateness: Durations,
    left_out: Duration,
    loudness: f32,
    is_live: bool,
    queued: usize,
    voices: usize,
}

impl States {
    pub fn of(core: &Core) -> States {
        let stats = core.server.stats();
        let pipelines = core.pipelines.iter().map(|pipeline| PipelineState {
            name: pipeline.name().to_owned(),
            lateness: pipeline.stats().lateness,
            left_out: pipeline.audio_left_out(),
            loudness: pipeline.levels().short_term_lufs,
            is_live: pipeline.live().is_some(),
            queued: pipeline.queue().len(),
            voices: pipeline.voices().len(),
        });
        let named = |(name, health): (Option<&str>, Health)| (name.unwrap_or_default().to_owned(), health);
        States {
            health: core.health().into_iter().map(named).collect(),
            pipelines: pipelines.collect(),
            sources: core.sources.list(),
            closed: stats.closed,
            turn_times: Some(stats.turn_times),
            tracks: core.measuring.tracks(core),
            process: Process::now(),
            started: Some(core.started),
        }
    }

    pub fn families(&self) -> Vec<Family> {
        let of_library = self.tracks.families();
        [
            self.of_build(),
            self.of_health(),
            self.of_server(),
            self.of_pipelines(),
            self.of_sources(),
            of_library,
            self.of_process(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn of_build(&self) -> Vec<Family> {
        let about = "1, with the version of Longwave.";
        let mut build = Family::new(gauge("longwave_build_info", &["version"], about));
        if self.started.is_some() {
            build.add(&[env!("CARGO_PKG_VERSION")], Value::Number(1.0));
        }
        vec![build]
    }

    fn of_health(&self) -> Vec<Family> {
        const SUBJECT: &[&str] = &["pipeline"];
        let about = "Whether there are no problems (1), or some (0).";
        let mut healthy = Family::new(gauge("longwave_healthy", SUBJECT, about));
        let about = "Whether there is a problem of this kind (1), or none (0).";
        let mut problem = Family::new(gauge("longwave_problem", &["pipeline", "kind"], about));
        let about = "Warnings: what an operator should look at although the programme goes on.";
        let mut warnings = Family::new(gauge("longwave_warnings", SUBJECT, about));
        for (name, health) in &self.health {
            healthy.add(&[name], flag(health.is_ok()));
            warnings.add(&[name], Value::Number(health.warnings.len() as f64));
            for kind in ProblemKind::ALL {
                problem.add(&[name, kind.as_str()], flag(health.kinds.contains(kind)));
            }
        }
        vec![healthy, problem, warnings]
    }

    fn of_server(&self) -> Vec<Family> {
        let about = "Listeners that left, by reason; `moved` went on at another mount.";
        let mut leaves = Family::new(counter("longwave_server_leaves", None, &["reason"], about));
        for (reason, count) in &self.closed {
            leaves.add(&[reason.as_str()], Value::Number(*count as f64));
        }
        let about = "How long the turns of the reactor's loop took. Each serves whoever is due.";
        let mut turns = Family::new(histogram("longwave_reactor_turn", &[], about));
        self.turn_times.iter().for_each(|times| turns.add(&[], Value::Times(times.clone())));
        vec![leaves, turns]
    }

    fn of_pipelines(&self) -> Vec<Family> {
        const NAME: &[&str] = &["pipeline"];
        let about = "How late the mixer was with its jobs, which are about 100 ms of audio.";
        let mut lateness = Family::new(histogram("longwave_mixer_lateness", NAME, about));
        let about = "Audio that was left out because the mixer was too late to catch up.";
        let mut left_out =
            Family::new(counter("longwave_pipeline_left_out", Some(Unit::Seconds), NAME, about));
        let about = "The short-term loudness of the mix, over the last three seconds; -144 is silence.";
        let mut loudness = Family::new(gauge("longwave_pipeline_loudness_lufs", NAME, about));
        let about = "Whether a live input has the air (1) or not (0).";
        let mut live = Family::new(gauge("longwave_pipeline_live", NAME, about));
        let about = "Entries in the queue.";
        let mut queued = Family::new(gauge("longwave_pipeline_queued", NAME, about));
        let about = "Voices: decks that an application or an operator drives.";
        let mut voices = Family::new(gauge("longwave_pipeline_voices", NAME, about));
        for pipeline in &self.pipelines {
            let name: &[&str] = &[&pipeline.name];
            lateness.add(name, Value::Times(pipeline.lateness.clone()));
            left_out.add(name, seconds(pipeline.left_out));
            loudness.add(name, Value::Number(f64::from(pipeline.loudness)));
            live.add(name, flag(pipeline.is_live));
            queued.add(name, Value::Number(pipeline.queued as f64));
            voices.add(name, Value::Number(pipeline.voices as f64));
        }
        vec![lateness, left_out, loudness, live, queued, voices]
    }

    /// A source is known by its path, which only one has at a time.
    fn of_sources(&self) -> Vec<Family> {
        const PATH: &[&str] = &["path"];
        let bytes = |base, about| Family::new(counter(base, Some(Unit::Bytes), PATH, about));
        let count = |base, about| Family::new(counter(base, None, PATH, about));
        let mut received = bytes("longwave_source_received", "Bytes that the source has sent.");
        let about = "Bytes of these that were lost because nobody read them in time.";
        let mut lost = bytes("longwave_source_lost", about);
        let about = "How long nothing has come from the source.";
        let mut silent = Family::new(with_unit("longwave_source_silent", Unit::Seconds, PATH, about));
        let about = "Sound in the buffer of the source's live input.";
        let mut buffer = Family::new(with_unit("longwave_source_buffer", Unit::Seconds, PATH, about));
        let about = "How much faster than ours the source's clock runs: 0.0001 is 100 ppm.";
        let mut drift = Family::new(gauge("longwave_source_drift_ratio", PATH, about));
        let about = "How often sound was dropped because too much had come.";
        let mut drops = count("longwave_source_drops", about);
        let about = "How often there was a gap because too little had come.";
        let mut gaps = count("longwave_source_gaps", about);
        let mut bad = count("longwave_source_bad_packets", "Packets that could not be decoded.");
        for source in &self.sources {
            let path: &[&str] = &[&source.path];
            received.add(path, Value::Number(source.received_bytes as f64));
            lost.add(path, Value::Number(source.lost_bytes as f64));
            silent.add(path, seconds(source.silent_for));
            if let Some(live) = &source.live {
                buffer.add(path, seconds(live.buffered));
                drift.add(path, Value::Number(live.drift_ppm / 1e6));
                drops.add(path, Value::Number(live.drops as f64));
                gaps.add(path, Value::Number(live.gaps as f64));
                bad.add(path, Value::Number(live.bad_packets as f64));
            }
        }
        vec![received, lost, silent, buffer, drift, drops, gaps, bad]
    }

    /// These have the names that they have everywhere.
    fn of_process(&self) -> Vec<Family> {
        let about = "Processor time of the process.";
        let mut cpu = Family::new(counter("process_cpu", Some(Unit::Seconds), &[], about));
        let about = "Memory of the process that is not swapped out.";
        let mut memory = Family::new(with_unit("process_resident_memory", Unit::Bytes, &[], about));
        let about = "Open file descriptors.";
        let mut open = Family::new(gauge("process_open_fds", &[], about));
        let mut most = Family::new(gauge("process_max_fds", &[], "Open file descriptors at most."));
        let about = "When the API was started, since 1970.";
        let mut start = Family::new(with_unit("process_start_time", Unit::Seconds, &[], about));
        let Process { cpu: time, resident_bytes, open_files, max_files } = self.process;
        time.iter().for_each(|time| cpu.add(&[], seconds(*time)));
        let numbers =
            [(&mut memory, resident_bytes), (&mut open, open_files), (&mut most, max_files)].into_iter();
        for (family, number) in numbers {
            number.iter().for_each(|number| family.add(&[], Value::Number(*number as f64)));
        }
        let since = self.started.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        since.iter().for_each(|since| start.add(&[], seconds(*since)));
        vec![cpu, memory, open, most, start]
    }
}

fn flag(is_set: bool) -> Value {
    Value::Number(f64::from(u8::from(is_set)))
}

fn seconds(time: Duration) -> Value {
    Value::Number(time.as_secs_f64())
}

pub(super) const fn gauge(
    base: &'static str,
    labels: &'static [&'static str],
    about: &'static str,
) -> Metric {
    Metric { base: Cow::Borrowed(base), kind: MetricType::Gauge, unit: None, labels, about }
}

const fn with_unit(
    base: &'static str,
    unit: Unit,
    labels: &'static [&'static str],
    about: &'static str,
) -> Metric {
    Metric { base: Cow::Borrowed(base), kind: MetricType::Gauge, unit: Some(unit), labels, about }
}

pub(super) const fn counter(
    base: &'static str,
    unit: Option<Unit>,
    labels: &'static [&'static str],
    about: &'static str,
) -> Metric {
    Metric { base: Cow::Borrowed(base), kind: MetricType::Counter, unit, labels, about }
}

const fn histogram(base: &'static str, labels: &'static [&'static str], about: &'static str) -> Metric {
    Metric {
        base: Cow::Borrowed(base),
        kind: MetricType::Histogram,
        unit: Some(Unit::Seconds),
        labels,
        about,
    }
}

/// The metrics that there may be.
#[cfg(test)]
pub(super) fn declared() -> impl Iterator<Item = Metric> {
    States::default().families().into_iter().map(|family| family.metric)
}
