//! The log, on standard error, one line per record.
//!
//! The thread `log` writes it, so no other thread waits for a full pipe or a stopped terminal. Lines that do
//! not fit into the queue, or that the system refuses (a full disk, a limit of the file's size), are counted.
//! The count is logged when lines can be written again, or at the end.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use env_logger::{Builder, Env, Target, WriteStyle};
use log::LevelFilter;

use super::text::one_line;

const DEFAULT_FILTER: &str = "warn,longwave=info";

/// Symphonia's own messages are off unless `RUST_LOG` names it: it warns of much that does not matter,
/// without the file's name, and errors are logged with their file anyway.
const OFF: &str = "symphonia";

/// The target of the access log. Its lines are printed as they are, because tools parse them.
const ACCESS: &str = "longwave::access";

/// Lines that can wait to be written: a minute of a busy access log.
const LINES: usize = 4096;

/// How long the program waits at its end until the last lines are written.
const LAST_WORDS: Duration = Duration::from_millis(400);

/// Keeps the log running. Dropping it writes the lines that still wait.
pub struct Log {
    lines: Sender<Line>,
    written: Receiver<()>,
}

enum Line {
    Text(Vec<u8>),
    Last,
}

/// Starts the log, with the filter in `RUST_LOG`.
pub fn start() -> io::Result<Log> {
    let (lines, queue) = bounded(LINES);
    let lost = Arc::new(AtomicU64::new(0));
    let (done, written) = bounded(1);
    std::thread::Builder::new().name("log".into()).spawn({
        let lost = lost.clone();
        move || {
            write_all(&queue, &lost, io::stderr());
            // The receiver may have timed out.
            let _ = done.send(());
        }
    })?;
    start_logger(Queue { lines: lines.clone(), lost });
    // By itself, a thread that panics writes to standard error, and waits there for whoever does not read it.
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        log::error!("thread {}: {panic}", thread.name().unwrap_or("without a name"));
    }));
    Ok(Log { lines, written })
}

impl Drop for Log {
    fn drop(&mut self) {
        let deadline = Instant::now() + LAST_WORDS;
        if self.lines.send_deadline(Line::Last, deadline).is_ok() {
            let _ = self.written.recv_deadline(deadline);
        }
    }
}

/// The thread `log`: writes lines until `Line::Last`.
fn write_all(queue: &Receiver<Line>, lost: &AtomicU64, out: impl Write) {
    let mut out = Lines { out, is_torn: false };
    while let Ok(Line::Text(text)) = queue.recv() {
        // There is no other place to say why not.
        if out.write(&text).is_err() {
            lost.fetch_add(1, Ordering::Relaxed);
        } else {
            say_lost(lost, &mut out);
        }
    }
    say_lost(lost, &mut out);
}

fn say_lost(lost: &AtomicU64, out: &mut Lines<impl Write>) {
    let count = lost.swap(0, Ordering::Relaxed);
    let text =
        format!("{count} lines of this log were lost: it was not read in time, or could not be written\n");
    if count > 0 && out.write(text.as_bytes()).is_err() {
        lost.fetch_add(count, Ordering::Relaxed);
    }
}

/// Writes whole lines, each at the start of a line.
struct Lines<W> {
    out: W,
    /// Whether the last line may have been written in part.
    is_torn: bool,
}

impl<W: Write> Lines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let written = match self.is_torn {
            true => self.out.write_all(&[b"\n", line].concat()),
            false => self.out.write_all(line),
        };
        self.is_torn = written.is_err();
        written
    }
}

/// The logger's side of the queue. Takes whole lines and never blocks.
struct Queue {
    lines: Sender<Line>,
    lost: Arc<AtomicU64>,
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.lines.try_send(Line::Text(line.to_vec())) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn start_logger(queue: Queue) {
    let colours = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
    // systemd's journal adds the time itself.
    let own_time = env::var_os("JOURNAL_STREAM").is_none();
    Builder::new()
        .filter_module(OFF, LevelFilter::Off)
        .parse_env(Env::default().default_filter_or(DEFAULT_FILTER))
        .target(Target::Pipe(Box::new(queue)))
        .write_style(if colours { WriteStyle::Always } else { WriteStyle::Never })
        .format(move |out, record| {
            let text = one_line(&record.args().to_string());
            if record.target() == ACCESS {
                return writeln!(out, "{text}");
            }
            if own_time {
                write!(out, "{} ", out.timestamp_seconds())?;
            }
            let style = out.default_level_style(record.level());
            write!(out, "{style}{:<5}{style:#} ", record.level())?;
            writeln!(out, "{text}")
        })
        .init();
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};

    use super::*;

    /// Far more panics than a pipe that nobody reads can hold.
    const PANICS: usize = 3_000;

    #[test]
    #[ignore = "a process of its own, which the next test starts"]
    fn many_targets_log() {
        let _log = start().unwrap();
        for target in ["longwave::codec", "symphonia_format_isomp4::demuxer", "symphonia_core", "another"] {
            log::warn!(target: target, "said by {target}");
        }
    }

    #[test]
    fn the_demuxers_are_heard_only_if_they_are_named() {
        let heard = |filter: Option<&str>| {
            let mut child = Command::new(env::current_exe().unwrap());
            child.args(["--exact", "cli::logs::tests::many_targets_log", "--ignored", "--nocapture"]);
            match filter {
                Some(filter) => child.env("RUST_LOG", filter),
                None => child.env_remove("RUST_LOG"),
            };
            let said = String::from_utf8(child.output().unwrap().stderr).unwrap();
            ["longwave::", "symphonia_format", "symphonia_core", "another"]
                .map(|target| said.contains(&format!("said by {target}")))
        };
        assert_eq!(heard(None), [true, false, false, true]);
        assert_eq!(heard(Some("info")), [true, false, false, true]);
        assert_eq!(heard(Some("debug,symphonia=warn")), [true; 4]);
        assert_eq!(heard(Some("error,symphonia_core=debug")), [false, false, true, false]);
    }

    #[test]
    #[ignore = "a process of its own, which the next test starts"]
    fn panics_in_many_threads() {
        let _log = start().unwrap();
        for number in 0..PANICS {
            let panics = move || panic!("on purpose, number {number}");
            let thread = std::thread::Builder::new().name("sick".into()).spawn(panics).unwrap();
            assert!(thread.join().is_err());
        }
        println!("all have ended");
    }

    #[test]
    fn a_panic_in_any_thread_is_logged_and_waits_for_no_reader() {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "cli::logs::tests::panics_in_many_threads", "--ignored", "--nocapture"])
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Nobody reads standard error meanwhile: if a thread waited for that, this would not end.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("all have ended")));
        let mut log = String::new();
        child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert!(child.wait().unwrap().success());
        let first = log.lines().next().unwrap();
        assert!(first.contains("ERROR thread sick: panicked at ") && first.contains("number 0"), "{first}");
        assert!(log.matches("on purpose").count() > 100, "the others, too");
    }

    #[test]
    fn logging_never_blocks_and_lost_lines_are_counted() {
        let (lines, queue) = bounded(2);
        let lost = Arc::new(AtomicU64::new(0));
        let mut log = Queue { lines: lines.clone(), lost: lost.clone() };
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        let mut out = Vec::new();
        let writer = std::thread::spawn(move || {
            write_all(&queue, &lost, &mut out);
            String::from_utf8(out).unwrap()
        });
        lines.send(Line::Last).unwrap();
        let written = writer.join().unwrap();
        assert_eq!(written, format!("one\n2 {LOST}two\n"));
    }

    const LOST: &str = "lines of this log were lost: it was not read in time, or could not be written\n";

    /// A disk that takes so many bytes, then is full, then takes the rest.
    struct Disk {
        takes: usize,
        refuses: usize,
        written: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.takes);
            if taken == 0 && self.refuses > 0 {
                self.refuses -= 1;
                return Err(io::ErrorKind::StorageFull.into());
            }
            let taken = if self.refuses == 0 { bytes.len() } else { taken };
            self.takes = self.takes.saturating_sub(taken);
            self.written.extend(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_a_full_disk_refuses_are_counted_and_the_next_one_begins_a_line() {
        for (takes, refuses, expected) in [
            (usize::MAX, 1, "one\ntwo\nthree\n".to_owned()),
            (6, 1, format!("one\ntw\nthree\n1 {LOST}")),
            (4, 1, format!("one\n\nthree\n1 {LOST}")),
            // The end has the count, too.
            (4, 2, format!("one\n\n2 {LOST}")),
            (5, 99, "one\nt".to_owned()),
        ] {
            let (lines, queue) = bounded(4);
            for line in ["one\n", "two\n", "three\n"] {
                lines.send(Line::Text(line.into())).unwrap();
            }
            lines.send(Line::Last).unwrap();
            let mut disk = Disk { takes, refuses, written: Vec::new() };
            let lost = AtomicU64::new(0);
            write_all(&queue, &lost, &mut disk);
            assert_eq!(String::from_utf8(disk.written).unwrap(), expected);
            assert_eq!(lost.load(Ordering::Relaxed), if refuses == 99 { 2 } else { 0 });
        }
    }
}
