//! Metrics are named as Prometheus names them, documented in docs/MONITORING.md, and what docs/monitoring/
//! asks for exists.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use prometheus_client::metrics::MetricType;
use serde_json::Value as Json;

use super::family::{Family, Format, Metric, Value, write};
use super::{counted, states};
use crate::counters::Histogram;

const GUIDE: &str = "docs/MONITORING.md";

/// All metrics, in the order in which they are written.
fn declared() -> Vec<Metric> {
    states::declared().chain(counted::declared()).collect()
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn row(metric: &Metric) -> String {
    let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
    format!("| `{}` | {} | {} | {} |\n", metric.name(), metric.kind.as_str(), labels.join(", "), metric.about)
}

/// `LONGWAVE_WRITE_METRICS=1 cargo test --lib api::metrics` writes the table.
#[test]
fn the_guide_has_every_metric() {
    let rows: String = declared().iter().map(row).collect();
    let wanted = format!("| metric | type | labels | meaning |\n|---|---|---|---|\n{rows}");
    let guide = fs::read_to_string(path(GUIDE)).unwrap();
    let start = guide.find("| metric |").expect("the table's head");
    let length = guide[start..].lines().take_while(|line| line.starts_with('|')).map(|line| line.len() + 1);
    let end = start + length.sum::<usize>();
    if env::var_os("LONGWAVE_WRITE_METRICS").is_some() {
        let written = format!("{}{wanted}{}", &guide[..start], &guide[end..]);
        return fs::write(path(GUIDE), written).unwrap();
    }
    let hint = "To write the table: LONGWAVE_WRITE_METRICS=1 cargo test --lib api::metrics";
    assert!(guide[start..end] == wanted, "{GUIDE} should have this table:\n\n{wanted}\n{hint}");
}

#[test]
fn names_follow_the_conventions() {
    let mut names = BTreeSet::new();
    for metric in declared() {
        let name = metric.name();
        assert!(name.starts_with("longwave_") || name.starts_with("process_"), "{name}");
        let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        assert!(name.bytes().all(is_plain) && !name.contains("__"), "{name}");
        assert!(name.matches("bytes").count() < 2 && name.matches("seconds").count() < 2, "{name}");
        assert!(metric.about.ends_with('.'), "{name}: {}", metric.about);
        assert!(names.insert(name.clone()), "{name} is there twice");
    }
    for name in ["longwave_mount_sent_bytes_total", "longwave_encoder_worked_seconds_total"] {
        assert!(names.contains(name), "{name}");
    }
}

/// The names of metrics in an expression of PromQL.
fn named(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("longwave_") || word.starts_with("process_"))
}

#[test]
fn panels_and_rules_ask_for_what_exists() {
    let known: BTreeMap<String, Metric> =
        declared().into_iter().map(|metric| (metric.name(), metric)).collect();
    let exists = |name: &str| {
        let is_histogram = |base: &str| {
            known.get(base).is_some_and(|metric| metric.kind.as_str() == MetricType::Histogram.as_str())
        };
        let parts = ["_bucket", "_sum", "_count"];
        known.contains_key(name) || parts.iter().any(|part| name.strip_suffix(part).is_some_and(is_histogram))
    };
    for file in ["dashboard.json", "alerts.yml", "alerts.test.yml"] {
        let text = fs::read_to_string(path("docs/monitoring").join(file)).unwrap();
        assert!(named(&text).count() > 10, "{file}");
        for name in named(&text) {
            assert!(exists(name), "{file}: {name}");
        }
    }
}

/// Every panel has something to show, a title, and a unit that Grafana knows.
#[test]
fn the_dashboard_is_whole() {
    let text = fs::read_to_string(path("docs/monitoring/dashboard.json")).unwrap();
    let dashboard: Json = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is there twice");
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title}");
        let targets = panel["targets"].as_array().unwrap();
        let asks = |target: &Json| named(target["expr"].as_str().unwrap()).next().is_some();
        assert!(!targets.is_empty() && targets.iter().all(asks), "{title}");
    }
}

#[test]
fn a_format_is_chosen_by_accept() {
    let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    assert_eq!(Format::asked_for(Some(prometheus)), Format::OpenMetrics);
    for accept in [None, Some("*/*"), Some("text/plain")] {
        assert_eq!(Format::asked_for(accept), Format::Prometheus);
    }
}

#[test]
fn what_is_written_can_be_read() {
    let times = Histogram::default();
    for micros in [10, 100, 20_000_000] {
        times.add(Duration::from_micros(micros));
    }
    let families = || {
        let mut hit = Family::new(states::counter("longwave_hits", None, &["mount"], "Hits."));
        hit.add(&["/a\"b\\c\nd é.mp3"], Value::Number(7.0));
        let mut turn = Family::new(Metric {
            kind: MetricType::Histogram,
            ..states::gauge("longwave_turns", &[], "Turns.")
        });
        turn.add(&[], Value::Times(times.copy()));
        let never = Family::new(states::gauge("longwave_never", &[], "It has no value."));
        vec![hit, turn, never]
    };
    let plain = write(families(), Format::Prometheus);
    let lines: Vec<&str> = plain.lines().collect();
    assert_eq!(lines[..2], ["# HELP longwave_hits_total Hits.", "# TYPE longwave_hits_total counter"]);
    assert_eq!(lines[2], r#"longwave_hits_total{mount="/a\"b\\c\nd é.mp3"} 7.0"#);
    assert!(plain.contains("\nlongwave_turns_bucket{le=\"6.4e-05\"} 1\n"), "{plain}");
    assert!(plain.contains("\nlongwave_turns_bucket{le=\"0.000256\"} 2\n"), "{plain}");
    assert!(plain.contains("\nlongwave_turns_bucket{le=\"16.777216\"} 2\n"), "{plain}");
    assert!(plain.contains("\nlongwave_turns_bucket{le=\"+Inf\"} 3\n"), "{plain}");
    assert!(plain.contains("\nlongwave_turns_count 3"), "{plain}");
    assert!(!plain.contains("never"), "{plain}");
    let open = write(families(), Format::OpenMetrics);
    assert!(open.contains("# TYPE longwave_hits counter\n") && open.ends_with("# EOF\n"), "{open}");
}
