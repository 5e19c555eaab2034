//! Counts a server's system calls with strace for a while. This comes after the measurement, because strace
//! slows the server down.

use std::io;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running strace.
pub struct Strace {
    child: Child,
}

impl Strace {
    /// Attaches to all threads of `pid`. It ends by itself after `time`.
    pub fn attach(pid: u32, time: Duration) -> io::Result<Strace> {
        let child = Command::new("timeout")
            .args(["--signal=INT", &time.as_secs_f64().to_string()])
            .args(["strace", "-f", "-c", "-q", "-p", &pid.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        Ok(Strace { child })
    }

    /// The number of calls by name. Waits until strace has ended.
    pub fn calls(self) -> io::Result<Vec<(String, u64)>> {
        let output = self.child.wait_with_output()?;
        let summary = String::from_utf8_lossy(&output.stderr);
        let calls = parse(&summary);
        if calls.is_empty() {
            eprintln!("strace counted nothing: {}", summary.trim());
        }
        Ok(calls)
    }
}

/// Parses lines like `% time  seconds  usecs/call  calls  [errors]  syscall`.
fn parse(summary: &str) -> Vec<(String, u64)> {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let name = *fields.last()?;
        fields.first()?.parse::<f64>().ok()?;
        (name != "total").then_some((name.to_owned(), fields.get(3)?.parse().ok()?))
    };
    summary.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_the_summary() {
        let summary = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 99.10    0.123456           7     17000        12 sendmsg
  0.90    0.001000           1      1000           epoll_wait
------ ----------- ----------- --------- --------- ----------------
100.00    0.124456           6     18000        12 total
";
        assert_eq!(parse(summary), [("sendmsg".to_owned(), 17_000), ("epoll_wait".to_owned(), 1000)]);
        assert_eq!(parse("strace: attach: ptrace(PTRACE_SEIZE, 1): Operation not permitted\n"), []);
    }
}
