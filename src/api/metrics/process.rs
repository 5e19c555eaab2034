//! What the system knows of this process. A file of `/proc` is no file on a disk: reading it waits for
//! nobody.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeValLike;

/// The process at one moment. What the system does not tell is `None`.
#[derive(Debug, Default)]
pub(super) struct Process {
    pub cpu: Option<Duration>,
    pub resident_bytes: Option<u64>,
    pub open_files: Option<u64>,
    pub max_files: Option<u64>,
}

impl Process {
    pub fn now() -> Process {
        let cpu = getrusage(UsageWho::RUSAGE_SELF).ok().map(|usage| {
            let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
            Duration::from_micros(micros.unsigned_abs())
        });
        Process {
            cpu,
            resident_bytes: resident_bytes(),
            // One of them is the folder that is being read.
            open_files: fs::read_dir("/proc/self/fd")
                .ok()
                .map(|files| files.count().saturating_sub(1) as u64),
            max_files: getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(now, _)| now),
        }
    }
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_tells_what_the_process_has() {
        let file = fs::File::open("/proc/self/statm").unwrap();
        let Process { cpu, resident_bytes, open_files, max_files } = Process::now();
        drop(file);
        assert!(cpu.unwrap() > Duration::ZERO);
        assert!((1 << 20..1 << 40).contains(&resident_bytes.unwrap()), "{resident_bytes:?}");
        assert!(open_files.unwrap() >= 4 && open_files < max_files, "{open_files:?} of {max_files:?}");
    }
}
