//! What a server uses, in all and by kinds of threads: those whose names differ by a number at the end only.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::thread;
use std::time::{Duration, Instant};

use crate::measure::per;
use crate::options::UsageArgs;
use crate::sampler::{Sampler, ServerSample, ThreadCpu};
use crate::stop::Stop;

/// How often a measurement checks whether it is to stop.
const TICK: Duration = Duration::from_millis(100);

/// What a server has used in a window.
#[derive(Debug)]
pub struct Usage {
    label: String,
    seconds: f64,
    /// In hundredths of a core.
    percent: f64,
    /// At the end.
    last: ServerSample,
    /// By kinds, those that used most first.
    threads: Vec<Kind>,
}

#[derive(Debug, PartialEq)]
struct Kind {
    name: String,
    count: usize,
    cpu_s: f64,
}

/// Measures until the time is over.
pub fn run(args: &UsageArgs, stop: &Stop) -> Result<Usage, String> {
    let sampler = Sampler::new(&args.server_pid)?.ok_or("there is no process to measure")?;
    let (began, first, threads) = (Instant::now(), sampler.sample(), sampler.threads());
    while began.elapsed() < args.seconds && !stop.asked() {
        thread::sleep(TICK.min(args.seconds.saturating_sub(began.elapsed())));
    }
    let (last, seconds) = (sampler.sample(), began.elapsed().as_secs_f64());
    let cpu_s = last.user_s + last.system_s - first.user_s - first.system_s;
    Ok(Usage {
        label: args.label.clone(),
        seconds,
        percent: per(cpu_s * 100.0, seconds),
        last,
        threads: kinds(&threads, sampler.threads()),
    })
}

/// What the threads that are there at the end have used since the beginning.
fn kinds(before: &[ThreadCpu], after: Vec<ThreadCpu>) -> Vec<Kind> {
    let mut kinds: BTreeMap<String, (usize, f64)> = BTreeMap::new();
    for thread in after {
        let then = before.iter().find(|then| then.id == thread.id).map_or(0.0, |then| then.cpu_s);
        let name = thread.name.trim_end_matches(|digit: char| digit.is_ascii_digit());
        let kind = kinds.entry(name.to_owned()).or_default();
        *kind = (kind.0 + 1, kind.1 + thread.cpu_s - then);
    }
    let kinds = kinds.into_iter().map(|(name, (count, cpu_s))| Kind { name, count, cpu_s });
    let mut kinds: Vec<Kind> = kinds.collect();
    kinds.sort_by(|a, b| b.cpu_s.total_cmp(&a.cpu_s));
    kinds
}

impl Display for Usage {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let ServerSample { rss_kib, threads, open_files, .. } = self.last;
        writeln!(
            f,
            "{}, {:.0} s: {:.2} hundredths of a core, {:.1} MiB, {threads} threads, {open_files} open files",
            self.label,
            self.seconds,
            self.percent,
            rss_kib as f64 / 1024.0,
        )?;
        // Others have used nothing that can be measured.
        for Kind { name, count, cpu_s } in self.threads.iter().filter(|kind| kind.cpu_s > 0.0005) {
            writeln!(f, "  {name:<16} {count:>4} threads {:>9.3}", per(cpu_s * 100.0, self.seconds))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, kinds};
    use crate::sampler::ThreadCpu;

    #[test]
    fn threads_of_a_kind_are_counted_together() {
        let thread = |id, name: &str, cpu_s| ThreadCpu { id, name: name.to_owned(), cpu_s, waited_s: 0.0 };
        let before = [thread(1, "src:/live1", 1.0), thread(2, "reactor", 5.0), thread(3, "gone", 9.0)];
        let after =
            vec![thread(1, "src:/live1", 1.5), thread(2, "reactor", 5.25), thread(4, "src:/live20", 2.0)];
        let kind = |name: &str, count, cpu_s| Kind { name: name.to_owned(), count, cpu_s };
        assert_eq!(kinds(&before, after), [kind("src:/live", 2, 2.5), kind("reactor", 1, 0.25)]);
    }
}
