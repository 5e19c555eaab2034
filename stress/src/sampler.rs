//! The cost of a server, read from /proc: processor time, memory, open files, context switches.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::sys;

/// Samples one server, which may consist of several processes.
pub struct Sampler {
    processes: Vec<PathBuf>,
    ticks_per_second: f64,
    /// The only core that the first process may run on, if it is pinned.
    core: Option<String>,
}

/// The server's figures at one moment. Processor times and switches are counted from its start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ServerSample {
    pub user_s: f64,
    pub system_s: f64,
    pub rss_kib: u64,
    pub open_files: u64,
    #[serde(default)]
    pub threads: u64,
    pub switches: u64,
    /// The buffers of all TCP sockets of this machine, including the listeners' side.
    pub tcp_kib: u64,
    /// How long the server's core was busy with any work, if the server is pinned to one.
    pub core_busy_s: Option<f64>,
}

/// One thread's processor time since it started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ThreadCpu {
    pub id: u32,
    pub name: String,
    pub cpu_s: f64,
    /// How long the thread was ready to run but had no core, because another thread or program had it.
    pub waited_s: f64,
}

impl Sampler {
    /// `None` if there are no processes to sample.
    pub fn new(pids: &[u32]) -> Result<Option<Sampler>, String> {
        let processes: Vec<PathBuf> = pids.iter().map(|pid| PathBuf::from(format!("/proc/{pid}"))).collect();
        if let Some(missing) = processes.iter().find(|process| !process.join("stat").exists()) {
            return Err(format!("{}: no such process to sample", missing.display()));
        }
        let Some(first) = processes.first() else { return Ok(None) };
        let core = field(&read(&first.join("status")), "Cpus_allowed_list:")
            .filter(|list| list.parse::<u32>().is_ok())
            .map(|core| format!("cpu{core}"));
        Ok(Some(Sampler { processes, ticks_per_second: sys::clock_ticks_per_second(), core }))
    }

    /// The figures at this moment. Processes that have ended count as zero.
    pub fn sample(&self) -> ServerSample {
        let mut sample = ServerSample {
            tcp_kib: tcp_pages(&read(Path::new("/proc/net/sockstat"))) * 4,
            core_busy_s: self.core.as_ref().and_then(|core| {
                Some(core_busy_ticks(&read(Path::new("/proc/stat")), core)? as f64 / self.ticks_per_second)
            }),
            ..ServerSample::default()
        };
        for process in &self.processes {
            let (user, system) = cpu_ticks(&read(&process.join("stat"))).unwrap_or_default();
            sample.user_s += user as f64 / self.ticks_per_second;
            sample.system_s += system as f64 / self.ticks_per_second;
            sample.rss_kib += number(&read(&process.join("status")), "VmRSS:");
            sample.open_files += open_files(process);
            let tasks = tasks(process);
            sample.threads += tasks.len() as u64;
            for task in tasks {
                let status = read(&task.join("status"));
                sample.switches += number(&status, "voluntary_ctxt_switches:");
                sample.switches += number(&status, "nonvoluntary_ctxt_switches:");
            }
        }
        sample
    }

    /// All threads at this moment.
    pub fn threads(&self) -> Vec<ThreadCpu> {
        let mut threads = Vec::new();
        for task in self.processes.iter().flat_map(|process| tasks(process)) {
            let Some(id) = task.file_name().and_then(|name| name.to_str()?.parse().ok()) else { continue };
            let schedstat = read(&task.join("schedstat"));
            let mut nanoseconds =
                schedstat.split_whitespace().map(|field| field.parse().unwrap_or(0.0) / 1e9);
            threads.push(ThreadCpu {
                id,
                name: read(&task.join("comm")).trim().to_owned(),
                cpu_s: nanoseconds.next().unwrap_or(0.0),
                waited_s: nanoseconds.next().unwrap_or(0.0),
            });
        }
        threads
    }
}

/// The text of a file in /proc. It is empty if the process has ended.
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn tasks(process: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(process.join("task")) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// Since Linux 6.2 the size of the directory is the number of its entries. Listing 20,000 entries would take
/// as long as serving them.
fn open_files(process: &Path) -> u64 {
    let directory = process.join("fd");
    match fs::metadata(&directory).map(|metadata| metadata.len()) {
        Ok(0) | Err(_) => fs::read_dir(&directory).map_or(0, |entries| entries.count() as u64),
        Ok(count) => count,
    }
}

/// The value of the line that begins with `name`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// The number at the start of the value.
fn number(text: &str, name: &str) -> u64 {
    field(text, name).and_then(|value| value.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// User and system time from /proc/PID/stat. They are counted from the last parenthesis, because the name
/// before them may contain anything.
fn cpu_ticks(stat: &str) -> Option<(u64, u64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// All ticks from /proc/stat except idle and iowait.
fn core_busy_ticks(stat: &str, core: &str) -> Option<u64> {
    let line = stat.lines().find(|line| line.split_whitespace().next() == Some(core))?;
    let ticks: Vec<u64> = line.split_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal. The time of guests is already part of user.
    Some(ticks.iter().take(8).sum::<u64>() - ticks.get(3)? - ticks.get(4)?)
}

/// The pages in TCP buffers, from /proc/net/sockstat.
fn tcp_pages(sockstat: &str) -> u64 {
    let line = field(sockstat, "TCP:").unwrap_or_default();
    let mut words = line.split_whitespace().skip_while(|&word| word != "mem");
    words.nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Sampler, core_busy_ticks, cpu_ticks, number, tcp_pages};

    #[test]
    fn reads_what_proc_writes() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 100 0 0 0 123 45 0 0 20 0 3 0 100 1000 50 1844";
        assert_eq!(cpu_ticks(stat), Some((123, 45)));
        let status =
            "Name:\tx\nVmRSS:\t   12345 kB\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t8\n";
        assert_eq!(number(status, "VmRSS:"), 12_345);
        assert_eq!(number(status, "voluntary_ctxt_switches:"), 7);
        assert_eq!(
            tcp_pages("sockets: used 15\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 54\nUDP: inuse 0 mem 0\n"),
            54
        );
        let cores = "cpu  9 9 9 9\ncpu0 1 2 3 1000 50 4 5 6 0 0\ncpu10 8 0 0 1 1 0 0 0 0 0\n";
        assert_eq!(core_busy_ticks(cores, "cpu0"), Some(21));
        assert_eq!(core_busy_ticks(cores, "cpu1"), None);
    }

    #[test]
    fn samples_this_process() {
        let sampler = Sampler::new(&[std::process::id()]).unwrap().unwrap();
        let sample = sampler.sample();
        assert!(sample.rss_kib > 500, "{sample:?}");
        assert!(sample.open_files >= 3 && sample.threads >= 1, "{sample:?}");
        assert!(sampler.threads().iter().any(|thread| thread.cpu_s > 0.0));
    }

    #[test]
    fn refuses_a_process_that_is_not_there() {
        assert!(Sampler::new(&[u32::MAX]).is_err());
        assert!(Sampler::new(&[]).unwrap().is_none());
    }
}
