//! Compares the results of several servers: medians of rounds, and ratios.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use crate::quantiles::Quantiles;
use crate::report::Report;

/// The medians by number of listeners and server.
pub struct Comparison<'a> {
    subject: &'a str,
    rows: BTreeMap<(usize, &'a str), Row>,
}

/// The medians of one server's runs at one number of listeners.
#[derive(Default)]
struct Row {
    runs: usize,
    serving_us: Quantiles,
    /// The cost of the whole process, including its encoders if it has any.
    process_us: Quantiles,
    waited_percent: f64,
    segments: f64,
    slowest: f64,
    gap_ms: f64,
    first_byte_p50_ms: f64,
    first_byte_p99_ms: f64,
    complaints: f64,
    tool_us: f64,
}

impl<'a> Comparison<'a> {
    /// `subject` is the label of the server whose cost is divided by that of the others.
    pub fn of(reports: &'a [Report], subject: &'a str) -> Comparison<'a> {
        let mut runs: BTreeMap<(usize, &str), Vec<&Report>> = BTreeMap::new();
        for report in reports {
            runs.entry((report.count, &report.label)).or_default().push(report);
        }
        let rows = runs.into_iter().map(|(key, runs)| (key, Row::of(&runs))).collect();
        Comparison { subject, rows }
    }
}

impl Row {
    fn of(runs: &[&Report]) -> Row {
        let spread =
            |value: &dyn Fn(&Report) -> f64| Quantiles::of(runs.iter().map(|run| value(run)).collect());
        let median = |value: &dyn Fn(&Report) -> f64| spread(value).p50;
        let first_byte =
            |run: &Report| run.joins.values().next().map(|joins| joins.first_byte_ms).unwrap_or_default();
        Row {
            runs: runs.len(),
            serving_us: spread(&|run| {
                run.server.as_ref().map_or(0.0, |server| server.serving_us_per_listener_s)
            }),
            process_us: spread(&|run| run.server.as_ref().map_or(0.0, |server| server.cpu_us_per_listener_s)),
            waited_percent: median(&|run| run.server.as_ref().map_or(0.0, |server| server.waited_percent)),
            segments: median(&|run| run.window.segments_per_listener_s),
            slowest: median(&|run| run.window.rate.min),
            gap_ms: median(&|run| run.window.gap_ms.max),
            first_byte_p50_ms: median(&|run| first_byte(run).p50),
            first_byte_p99_ms: median(&|run| first_byte(run).p99),
            complaints: median(&|run| run.complaints().len() as f64),
            tool_us: median(&|run| run.generator.cpu_us_per_listener_s),
        }
    }
}

impl Display for Comparison<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>9}  {:<14}{:>5}{:>20}{:>8}{:>10}{:>8}{:>9}{:>10}{:>9}{:>16}{:>16}{:>8}",
            "listeners",
            "server",
            "runs",
            "serving, µs/l·s",
            "ratio",
            "process",
            "ratio",
            "waited",
            "segments",
            "slowest",
            "longest gap, ms",
            "first byte",
            "tool"
        )?;
        for ((count, label), row) in &self.rows {
            let subject = self.rows.get(&(*count, self.subject)).filter(|_| *label != self.subject);
            let ratio = |of: fn(&Row) -> Quantiles| match subject {
                Some(subject) if of(row).p50 > 0.0 => format!("{:.2}", of(subject).p50 / of(row).p50),
                _ => String::new(),
            };
            let (serving, process) = (ratio(|row| row.serving_us), ratio(|row| row.process_us));
            let cpu = row.serving_us;
            writeln!(
                f,
                "{count:>9}  {label:<14}{:>5}{:>20}{serving:>8}{:>10.1}{process:>8}{:>8.0}%{:>10.2}{:>9.3}{:>16.0}{:>16}{:>8.1}{}",
                row.runs,
                format!("{:.1} ({:.0}–{:.0})", cpu.p50, cpu.min, cpu.max),
                row.process_us.p50,
                row.waited_percent,
                row.segments,
                row.slowest,
                row.gap_ms,
                format!("{:.0} / {:.0}", row.first_byte_p50_ms, row.first_byte_p99_ms),
                row.tool_us,
                if row.complaints > 0.0 { "  with complaints" } else { "" },
            )?;
        }
        writeln!(
            f,
            "serving: processor time of the threads that serve, in µs a listener and second, median (lowest–highest);\n\
             process: of all the server's threads; ratio: {}'s divided by it;",
            self.subject
        )?;
        writeln!(
            f,
            "waited: of the time, how much the server's busiest thread was ready and had no core (high: measure again);"
        )?;
        writeln!(
            f,
            "segments: data segments a listener and second; slowest: seconds of audio a second of the slowest player;"
        )?;
        writeln!(
            f,
            "first byte: p50 / p99 in ms from before connect; tool: this tool's own µs a listener and second"
        )
    }
}
