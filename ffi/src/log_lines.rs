//! Log lines go to a function of the host, or nowhere.
//!
//! The thread `log` reads a queue and calls the function, so that no thread that makes audio ever waits for a
//! host that writes its log slowly.

use std::collections::VecDeque;
use std::ffi::{CString, c_char, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread::{Builder, JoinHandle};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::caller::{User, this_thread};
use crate::entry::{call, lock, outside};
use crate::failure::{Failure, lw_status};
use crate::handles::table;
use crate::text::{c_string, optional_text};

/// The most lines that wait for the host. Further lines are dropped, and the next line says how many.
const WAITING: usize = 4096;

/// A function that log lines go to. `level` is 1 for errors, 2 for warnings, 3 for information, 4 for
/// details, 5 for traces. `target` is where the line comes from, "longwave::access" for the access log. Both
/// strings are valid until the function returns. The function is called on a thread of its own, one line at a
/// time, with the signal mask of the thread that called `lw_log_to`. It must return.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_log = Option<
    unsafe extern "C" fn(level: i32, target: *const c_char, message: *const c_char, user: *mut c_void),
>;

/// A host's function, and the thread that calls it.
pub struct Sink {
    queue: Arc<Queue>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Queue {
    lines: Mutex<Lines>,
    came: Condvar,
    /// Which thread reads it.
    reader: AtomicUsize,
}

#[derive(Default)]
struct Lines {
    waiting: VecDeque<Line>,
    lost: u64,
    closed: bool,
}

struct Line {
    level: Level,
    target: CString,
    message: CString,
}

impl Line {
    fn new(level: Level, target: &str, message: &str) -> Line {
        Line { level, target: c_string(target), message: c_string(message) }
    }
}

/// The host's function and pointer.
struct Host {
    function: unsafe extern "C" fn(i32, *const c_char, *const c_char, *mut c_void),
    user: User,
}

impl Queue {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        lock(&self.lines)
    }

    fn put(&self, line: Line) {
        let mut lines = self.lines();
        if lines.waiting.len() < WAITING {
            lines.waiting.push_back(line);
            self.came.notify_one();
        } else {
            lines.lost += 1;
        }
    }

    /// Waits for the next line. `None` when the queue is closed and empty.
    fn next(&self) -> Option<Line> {
        let mut lines = self.lines();
        loop {
            if let Some(line) = lines.waiting.pop_front() {
                return Some(line);
            }
            match std::mem::take(&mut lines.lost) {
                0 if lines.closed => return None,
                0 => lines = self.came.wait(lines).unwrap_or_else(PoisonError::into_inner),
                lost => {
                    let message =
                        format!("{lost} log lines were lost: they came faster than they were taken");
                    return Some(Line::new(Level::Warn, "longwave::log", &message));
                }
            }
        }
    }

    fn close(&self) {
        self.lines().closed = true;
        self.came.notify_one();
    }
}

/// The thread `log`: calls the host's function with each line.
fn run(queue: &Queue, host: &Host) {
    queue.reader.store(this_thread(), Ordering::Relaxed);
    while let Some(line) = queue.next() {
        let level = line.level as i32;
        // SAFETY: the host has said that it may be called, on this thread, until it is replaced.
        outside(|| unsafe {
            (host.function)(level, line.target.as_ptr(), line.message.as_ptr(), host.user.0);
        });
    }
}

/// The library's logger. It writes to the sink of the process, if there is one.
struct Logger;

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if let Some(sink) = &*sink() {
            sink.queue.put(Line::new(record.level(), record.target(), &record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

fn sink() -> MutexGuard<'static, Option<Sink>> {
    lock(&table().log)
}

fn filter(level: Option<&str>) -> Result<LevelFilter, Failure> {
    let levels = [
        ("error", LevelFilter::Error),
        ("warn", LevelFilter::Warn),
        ("info", LevelFilter::Info),
        ("debug", LevelFilter::Debug),
        ("trace", LevelFilter::Trace),
    ];
    let wanted = level.unwrap_or("info");
    let found = levels.iter().find(|(name, _)| *name == wanted);
    found.map(|(_, filter)| *filter).ok_or_else(|| {
        Failure::invalid(format!("there is no level {wanted:?}; there are error, warn, info, debug, trace"))
    })
}

/// Sends log lines to `function` from now on, in place of the function before. If it is NULL, lines go
/// nowhere, as in the beginning. `level` is error, warn, info, debug or trace: lines of this level and graver
/// ones are sent. NULL means info. `user` is passed to the function. When this returns, the function before
/// has received all its lines and does not run any more. A log function must not call this.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_log_to(function: lw_log, user: *mut c_void, level: *const c_char) -> lw_status {
    static SET: Once = Once::new();
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let filter = filter(unsafe { optional_text(level, "level") }?)?;
        let is_this = |sink: &Sink| sink.queue.reader.load(Ordering::Relaxed) == this_thread();
        if sink().as_ref().is_some_and(is_this) {
            return Err(Failure::invalid("a log function cannot be replaced by itself"));
        }
        let new = function.map(|function| {
            let (queue, host) = (Arc::new(Queue::default()), Host { function, user: User(user) });
            let reader = queue.clone();
            // The new thread inherits this thread's signal mask.
            let spawned = Builder::new().name("log".into()).spawn(move || run(&reader, &host));
            let thread = spawned.map_err(|error| Failure {
                status: lw_status::LW_IO,
                message: format!("starting a thread: {error}"),
            })?;
            Ok::<_, Failure>(Sink { queue, thread })
        });
        let new = new.transpose()?;
        // If the process has a logger already (a Rust host's, for example), that one stays.
        SET.call_once(|| drop(log::set_logger(&Logger)));
        log::set_max_level(if new.is_some() { filter } else { LevelFilter::Off });
        let before = std::mem::replace(&mut *sink(), new);
        if let Some(before) = before {
            before.queue.close();
            // The result says only whether the thread panicked. Nothing depends on it.
            let _ = before.thread.join();
        }
        Ok(lw_status::LW_OK)
    })
}
