//! Follows the buffer of a live input by the API: its level, the drift of the sender's clock as the server
//! sees it, drops and gaps.

use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::io::{self, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::answer::{self, Reading};
use crate::net::{self, Target};
use crate::options::LevelArgs;
use crate::quantiles::Quantiles;
use crate::stop::Stop;

/// A look fails if nothing arrives for this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was seen from when the buffer had reached its level.
#[derive(Debug)]
pub struct LevelReport {
    pub label: String,
    pub target: Duration,
    pub tolerance: Duration,
    pub looks: Vec<Look>,
    /// Looks at which there was no source, or no answer, and the last reason.
    pub failed: usize,
    pub failure: Option<String>,
}

/// A live input at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// Since the first look.
    pub at_s: f64,
    pub buffered_s: f64,
    pub drift_ppm: f64,
    pub drops: u64,
    pub gaps: u64,
}

/// Looks until the time is over.
pub fn run(args: &LevelArgs, stop: &Stop) -> Result<LevelReport, String> {
    let in_file = |error: io::Error| format!("{}: {error}", args.token_file.display());
    let token = std::fs::read_to_string(&args.token_file).map_err(in_file)?;
    let request = format!(
        "GET /api/v1/sources HTTP/1.1\r\nHost: {}\r\nUser-Agent: longwave-stress\r\n\
         Authorization: Bearer {}\r\nConnection: close\r\n\r\n",
        args.url.host,
        token.trim(),
    );
    let mut csv = Csv::create(args)?;
    let mut report = LevelReport {
        label: args.label.clone(),
        target: args.target,
        tolerance: args.tolerance,
        looks: Vec::new(),
        failed: 0,
        failure: None,
    };
    let start = Instant::now();
    for turn in 0.. {
        let due = args.every * turn;
        if due >= args.seconds || stop.asked() {
            break;
        }
        thread::sleep(due.saturating_sub(start.elapsed()));
        match look(&args.url, &request, start) {
            // Until the buffer is full for the first time, its level says nothing.
            Ok(look) if report.looks.is_empty() && report.off_ms(&look) < -report.tolerance_ms() => {}
            Ok(look) => {
                csv.write(&look)?;
                report.looks.push(look);
            }
            Err(failure) => {
                report.failed += 1;
                report.failure = Some(failure);
            }
        }
    }
    Ok(report)
}

fn look(url: &Target, request: &str, start: Instant) -> Result<Look, String> {
    let answer = exchange(url, request).map_err(|error| error.to_string())?;
    let at_s = start.elapsed().as_secs_f64();
    let body = match answer::read(&answer) {
        Reading::Whole(head, end) if head.status == 200 => &answer[end..],
        Reading::Whole(head, _) => return Err(format!("{} answered {}", url.host, head.status)),
        Reading::Partial | Reading::Bad => return Err(format!("{} sent no answer", url.host)),
    };
    read(body, &url.path, at_s)
}

fn exchange(url: &Target, request: &str) -> io::Result<Vec<u8>> {
    let mut socket = net::connect_patiently(url, PATIENCE)?;
    socket.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    Ok(answer)
}

/// What the list of sources says of the one at this path.
fn read(body: &[u8], path: &str, at_s: f64) -> Result<Look, String> {
    #[derive(Deserialize)]
    struct Source {
        path: String,
        live: Option<Live>,
    }
    #[derive(Deserialize)]
    struct Live {
        buffered: f64,
        drift_ppm: f64,
        drops: u64,
        gaps: u64,
    }
    let sources: Vec<Source> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let source = sources.into_iter().find(|source| source.path == path);
    let live = source.and_then(|source| source.live).ok_or_else(|| format!("no source is live at {path}"))?;
    let Live { buffered, drift_ppm, drops, gaps } = live;
    Ok(Look { at_s, buffered_s: buffered, drift_ppm, drops, gaps })
}

/// The file that is written line by line, so that a run that is cut short leaves what it has seen.
struct Csv<'a>(Option<File>, &'a LevelArgs);

impl Csv<'_> {
    fn create(args: &LevelArgs) -> Result<Csv<'_>, String> {
        let mut csv = Csv(None, args);
        if let Some(path) = &args.csv {
            csv.0 = Some(File::create(path).map_err(|error| format!("{}: {error}", path.display()))?);
            csv.line("seconds,buffered_s,drift_ppm,drops,gaps")?;
        }
        Ok(csv)
    }

    fn write(&mut self, look: &Look) -> Result<(), String> {
        let Look { at_s, buffered_s, drift_ppm, drops, gaps } = look;
        self.line(&format!("{at_s:.1},{buffered_s:.3},{drift_ppm:.0},{drops},{gaps}"))
    }

    fn line(&mut self, text: &str) -> Result<(), String> {
        let Some((file, path)) = self.0.as_mut().zip(self.1.csv.as_ref()) else { return Ok(()) };
        writeln!(file, "{text}").map_err(|error| format!("{}: {error}", path.display()))
    }
}

impl LevelReport {
    /// How far the level was from its target, in milliseconds.
    pub fn off_ms(&self, look: &Look) -> f64 {
        (look.buffered_s - self.target.as_secs_f64()) * 1e3
    }

    fn tolerance_ms(&self) -> f64 {
        self.tolerance.as_secs_f64() * 1e3
    }

    /// What was wrong, in sentences.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let far = |look: &&Look| self.off_ms(look).abs() > self.tolerance_ms();
        match self.looks.iter().filter(far).count() {
            0 => {}
            count => complaints.push(format!(
                "the level was more than {} ms from its target at {count} looks",
                self.tolerance_ms()
            )),
        }
        match self.looks.last() {
            None => complaints.push("the buffer did not reach its level".to_owned()),
            Some(Look { drops: 0, gaps: 0, .. }) => {}
            Some(Look { drops, gaps, .. }) => complaints.push(format!("{drops} drops and {gaps} gaps")),
        }
        if let Some(failure) = &self.failure {
            complaints.push(format!("{} looks failed: {failure}", self.failed));
        }
        complaints
    }
}

impl Display for LevelReport {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let of = |value: &dyn Fn(&Look) -> f64| Quantiles::of(self.looks.iter().map(value).collect());
        let (off, drift) = (of(&|look| self.off_ms(look)), of(&|look| look.drift_ppm));
        let seconds = self.looks.last().map_or(0.0, |look| look.at_s);
        writeln!(f, "{}, {seconds:.0} s, {} looks", self.label, off.count)?;
        writeln!(
            f,
            "  level, ms from its target: p50 {:.0}, {:.0} to {:.0}; drift, ppm: p50 {:.0}, {:.0} to {:.0}",
            off.p50, off.min, off.max, drift.p50, drift.min, drift.max
        )?;
        match self.complaints() {
            complaints if complaints.is_empty() => writeln!(f, "  no drop, no gap; nothing wrong"),
            complaints => complaints.iter().try_for_each(|complaint| writeln!(f, "  WRONG: {complaint}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LevelReport, Look, read};

    const LIST: &str = r#"[
        {"path": "/relayed", "live": null},
        {"path": "/live", "live": {"buffered": 4.95, "drift_ppm": 101, "drops": 0, "gaps": 0, "x": 1}}
    ]"#;

    #[test]
    fn the_source_at_the_path_is_read() {
        let look = Look { at_s: 5.0, buffered_s: 4.95, drift_ppm: 101.0, drops: 0, gaps: 0 };
        assert_eq!(read(LIST.as_bytes(), "/live", 5.0), Ok(look));
        assert!(read(LIST.as_bytes(), "/relayed", 5.0).unwrap_err().contains("no source is live"));
        assert!(read(b"[]", "/live", 5.0).is_err());
        assert!(read(b"nothing", "/live", 5.0).is_err());
    }

    #[test]
    fn what_is_far_off_or_dropped_is_told() {
        let look = |buffered_s, drops| Look { at_s: 0.0, buffered_s, drift_ppm: 0.0, drops, gaps: 0 };
        let report = |looks: &[Look]| LevelReport {
            label: "live".to_owned(),
            target: Duration::from_secs(5),
            tolerance: Duration::from_millis(200),
            looks: looks.to_vec(),
            failed: 0,
            failure: None,
        };
        assert_eq!(report(&[look(4.81, 0), look(5.19, 0)]).complaints(), [""; 0]);
        assert_eq!(report(&[look(4.79, 0), look(5.0, 0)]).complaints().len(), 1);
        assert_eq!(report(&[look(5.0, 0), look(5.0, 1)]).complaints(), ["1 drops and 0 gaps"]);
        assert_eq!(report(&[]).complaints().len(), 1);
    }
}
