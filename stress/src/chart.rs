//! Charts of results: one run over time, or several servers by the number of listeners.

use std::collections::BTreeMap;

use crate::level::{LevelReport, Look};
use crate::quantiles::Quantiles;
use crate::report::{MEASURING, Report, Second};
use crate::svg::{Line, Plot, picture};

/// CPU and gaps by the number of listeners. Each server has one line, with the medians of its runs.
pub fn over_listeners(reports: &[Report]) -> String {
    let plot = |title: &str, y_label: &str, value: &dyn Fn(&Report) -> Option<f64>| Plot {
        title: title.to_owned(),
        x_label: "listeners".to_owned(),
        y_label: y_label.to_owned(),
        lines: medians(reports, value),
        dots: true,
    };
    picture(&[
        plot("Server CPU", "µs a listener and second", &|report| {
            report.server.as_ref().map(|server| server.serving_us_per_listener_s)
        }),
        plot("Longest gap", "ms", &|report| Some(report.window.gap_ms.max)),
        plot("Slowest player", "seconds of audio a second", &|report| Some(report.window.rate.min)),
        plot("First byte, 99 of 100", "ms", &|report| {
            let joins = report.joins.values().next()?;
            Some(joins.first_byte_ms.p99)
        }),
    ])
}

/// The median for each label and number of listeners.
fn medians(reports: &[Report], value: &dyn Fn(&Report) -> Option<f64>) -> Vec<Line> {
    let mut values: BTreeMap<&str, BTreeMap<usize, Vec<f64>>> = BTreeMap::new();
    for report in reports {
        if let Some(value) = value(report) {
            values.entry(&report.label).or_default().entry(report.count).or_default().push(value);
        }
    }
    let line = |(label, by_count): (&str, BTreeMap<usize, Vec<f64>>)| Line {
        name: label.to_owned(),
        points: by_count
            .into_iter()
            .map(|(count, values)| (count as f64, Quantiles::of(values).p50))
            .collect(),
    };
    values.into_iter().map(line).collect()
}

/// The course of one run.
pub fn over_time(report: &Report) -> String {
    let seconds = &report.timeline;
    let line = |name: &str, value: &dyn Fn(&Second) -> f64| Line {
        name: name.to_owned(),
        points: seconds.iter().map(|second| (second.at_s, value(second))).collect(),
    };
    let plot = |title: &str, y_label: &str, lines: Vec<Line>| Plot {
        title: format!("{}: {title}", report.label),
        x_label: "seconds".to_owned(),
        y_label: y_label.to_owned(),
        lines,
        dots: false,
    };
    let cpu = |name: &str, cpu_s: &dyn Fn(&Second) -> f64| Line {
        name: name.to_owned(),
        points: seconds
            .windows(2)
            .map(|two| {
                let (a, b) = (&two[0], &two[1]);
                (b.at_s, (cpu_s(b) - cpu_s(a)) / (b.at_s - a.at_s) * 100.0)
            })
            .collect(),
    };
    let mut plots = vec![
        plot("listeners", "", vec![line("listeners", &|second| second.listeners as f64)]),
        plot("bitrate", "kbit/s each", vec![line("all bytes", &|second| second.kbit_per_listener)]),
        plot("longest gap", "ms", vec![line("ended in this second", &|second| second.worst_gap_ms)]),
        plot("drift", "ms since measuring began", vec![drift(seconds)]),
    ];
    if report.server.is_some() {
        let of = |second: &Second, value: &dyn Fn(&crate::sampler::ServerSample) -> f64| {
            second.server.as_ref().map_or(f64::NAN, value)
        };
        plots.extend([
            plot(
                "CPU",
                "% of a core",
                vec![
                    cpu("server", &|second| of(second, &|server| server.user_s + server.system_s)),
                    cpu("this tool", &|second| second.generator_cpu_s),
                ],
            ),
            plot(
                "memory",
                "MiB",
                vec![
                    line("server, resident", &|second| of(second, &|server| server.rss_kib as f64 / 1024.0)),
                    line("all TCP buffers", &|second| of(second, &|server| server.tcp_kib as f64 / 1024.0)),
                ],
            ),
            plot(
                "open files",
                "",
                vec![line("server", &|second| of(second, &|server| server.open_files as f64))],
            ),
            plot("threads", "", vec![line("server", &|second| of(second, &|server| server.threads as f64))]),
        ]);
    }
    picture(&plots)
}

/// The buffer of a live input, and what its server has found.
pub fn level(report: &LevelReport) -> String {
    let line = |name: &str, value: &dyn Fn(&Look) -> f64| Line {
        name: name.to_owned(),
        points: report.looks.iter().map(|look| (look.at_s / 60.0, value(look))).collect(),
    };
    let plot = |title: &str, y_label: &str, lines: Vec<Line>| Plot {
        title: format!("{}: {title}", report.label),
        x_label: "minutes".to_owned(),
        y_label: y_label.to_owned(),
        lines,
        dots: false,
    };
    let bound_ms = report.tolerance.as_secs_f64() * 1e3;
    picture(&[
        plot(
            "the level of the buffer",
            "ms from its target",
            vec![
                line("level", &|look| report.off_ms(look)),
                line("bound", &|_| bound_ms),
                line("bound", &|_| -bound_ms),
            ],
        ),
        plot("the drift", "ppm", vec![line("as the server sees it", &|look| look.drift_ppm)]),
        plot(
            "drops and gaps",
            "",
            vec![line("drops", &|look| look.drops as f64), line("gaps", &|look| look.gaps as f64)],
        ),
    ])
}

/// The change of the residents' lead over real time during the measurement.
fn drift(seconds: &[Second]) -> Line {
    let measured = || seconds.iter().filter(|second| second.phase == MEASURING);
    let first = measured().next().map_or(0.0, |second| second.lead_s);
    let points = measured().map(|second| (second.at_s, (second.lead_s - first) * 1e3)).collect();
    Line { name: "residents' lead".to_owned(), points }
}
