//! The thread `access`: writes the access log into a file of its own. A disk may hang, and nobody waits for this
//! thread: not the reactor, not the rest of the log, and no reload or stop beyond its deadline.
//!
//! Reads: entries from the reactor, through a bounded queue. Writes: lines, at the end of the file. Never: touches
//! a socket.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, SendError, Sender, TrySendError, bounded};
use crossbeam::select;

use super::journal::{AccessEntry, LINES};
use super::stats::Counters;
use crate::filework::{FileWork, NoAnswer};
use crate::thread::Worker;

/// The capacity of the queue in lines: a few seconds of a join storm.
const WAITING: usize = 16_384;
/// How long opening the file is waited for.
pub(super) const OPENS_WITHIN: Duration = Duration::from_secs(2);
/// After so long, a disk that takes no line counts as hung.
const WRITES_WITHIN: Duration = Duration::from_secs(5);
/// Others than the station's own group learn nothing of its listeners.
const MODE: u32 = 0o640;

/// The access log in a file. Its thread ends when this is dropped.
#[derive(Debug)]
pub(crate) struct AccessFile {
    path: PathBuf,
    entries: Sender<Box<AccessEntry>>,
    orders: Sender<Order>,
    state: Arc<State>,
    thread: Worker,
}

/// What the thread is told beside entries.
enum Order {
    /// The file was renamed: open it anew.
    Reopen,
    /// Write what waits, and end.
    End,
}

/// What the thread and its handle share.
#[derive(Debug)]
struct State {
    /// Lines that were lost since it was said last.
    unsaid: AtomicU64,
    counters: Arc<Counters>,
    progress: Mutex<Progress>,
}

/// What the disk does.
#[derive(Debug, Default)]
enum Progress {
    #[default]
    Fine,
    /// It has had something to do since then.
    Busy(Instant),
    /// It has refused this.
    Failed(String),
}

/// What came of opening a file.
#[derive(Debug)]
pub(crate) enum Opening {
    Open(AccessFile),
    /// Its disk has not answered yet. Lines wait for it, and are lost when too many do.
    Late(AccessFile),
    /// The system refused it.
    Refused(io::Error),
}

impl AccessFile {
    /// Has a thread of its own open the file, which then writes its lines. Opening it is file work of this part:
    /// it is named while it hangs, and not begun if this file hangs already.
    pub(crate) fn open(path: &Path, work: &FileWork, counters: Arc<Counters>) -> Result<Opening, NoAnswer> {
        let doing = work.begin(path)?;
        let (entries, queue) = bounded(WAITING);
        let (orders, inbox) = bounded(2);
        // Without a buffer, so that a failure is told to who waits, or is known not to be.
        let (tell, outcome) = bounded(0);
        let progress = Mutex::new(Progress::Busy(Instant::now()));
        let state = Arc::new(State { unsaid: AtomicU64::new(0), counters, progress });
        let writer = Writer::new(path, Arc::clone(&state));
        let body = move || {
            let opened = open(&writer.path);
            drop(doing);
            let (file, result) = opened.map_or_else(|error| (None, Err(error)), |file| (Some(file), Ok(())));
            match tell.send(result) {
                Ok(()) if file.is_none() => return,
                Ok(()) => drop(writer.busy(|| Ok(()))),
                Err(SendError(result)) => drop(writer.busy(|| result)),
            }
            writer.run(file, &queue, &inbox);
        };
        let thread = Worker::spawn("access", body).map_err(NoAnswer::NoThread)?;
        let file = AccessFile { path: path.to_owned(), entries, orders, state, thread };
        Ok(match outcome.recv_timeout(OPENS_WITHIN) {
            Ok(Ok(())) => Opening::Open(file),
            Ok(Err(error)) => Opening::Refused(error),
            Err(_) => Opening::Late(file),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line, or loses it if the disk does not keep up. Whether it is the first that is lost since lines
    /// were written.
    pub(crate) fn write(&self, entry: Box<AccessEntry>) -> bool {
        matches!(self.entries.try_send(entry), Err(TrySendError::Full(_))) && self.state.lose()
    }

    /// Opens the file anew, because it was renamed.
    pub(crate) fn reopen(&self) {
        // An order that waits is enough.
        let _ = self.orders.try_send(Order::Reopen);
    }

    /// What is wrong with the file, in a sentence.
    pub(crate) fn fault(&self) -> Option<String> {
        let path = self.path.display();
        match &*self.state.progress() {
            Progress::Busy(since) if since.elapsed() > WRITES_WITHIN => {
                Some(format!("the access log {path} hangs: its lines are lost"))
            }
            Progress::Failed(reason) => Some(format!("the access log {path} cannot be written: {reason}")),
            Progress::Fine | Progress::Busy(_) => None,
        }
    }

    /// Writes what waits, and ends the thread. Returns its name if it does not end by `deadline`.
    pub(crate) fn end(&self, deadline: Instant) -> Option<String> {
        // Without room for the order, the thread hangs. It ends without one when this handle is dropped.
        let _ = self.orders.try_send(Order::End);
        if self.thread.join_before(deadline) {
            return None;
        }
        let (waiting, lost) = (self.entries.len(), self.state.unsaid.swap(0, Ordering::Relaxed));
        say(&format!("the access log {} hangs: {lost} lines were lost, {waiting} wait", self.path.display()));
        Some(self.thread.name.clone())
    }
}

impl State {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a lost line. Whether it is the first since it was said.
    fn lose(&self) -> bool {
        self.counters.lost_access_lines.add_shared(1);
        self.unsaid.fetch_add(1, Ordering::Relaxed) == 0
    }
}

/// The thread's end.
struct Writer {
    path: PathBuf,
    state: Arc<State>,
    /// Whether the last line may have been written in part.
    is_torn: Cell<bool>,
}

impl Writer {
    fn new(path: &Path, state: Arc<State>) -> Writer {
        Writer { path: path.to_owned(), state, is_torn: Cell::new(false) }
    }

    /// Writes lines until it is told to end, or the handle is dropped.
    fn run(&self, mut file: Option<File>, queue: &Receiver<Box<AccessEntry>>, orders: &Receiver<Order>) {
        loop {
            select! {
                recv(queue) -> entry => match entry {
                    Ok(entry) => self.write(&mut file, &entry.line()),
                    Err(_) => return,
                },
                recv(orders) -> order => match order {
                    Ok(Order::Reopen) => drop(self.busy(|| open(&self.path).map(|opened| file = Some(opened)))),
                    Ok(Order::End) | Err(_) => {
                        queue.try_iter().for_each(|entry| self.write(&mut file, &entry.line()));
                        return self.say_lost();
                    }
                },
            }
        }
    }

    /// Writes a line. A file that could not be opened is tried again.
    fn write(&self, file: &mut Option<File>, line: &str) {
        let is_written = self.busy(|| {
            let file = match file {
                Some(file) => file,
                None => file.insert(open(&self.path)?),
            };
            let start = if self.is_torn.replace(true) { "\n" } else { "" };
            file.write_all(format!("{start}{line}\n").as_bytes())?;
            self.is_torn.set(false);
            Ok(())
        });
        if is_written {
            self.say_lost();
        } else {
            self.state.lose();
        }
    }

    fn say_lost(&self) {
        let lost = self.state.unsaid.swap(0, Ordering::Relaxed);
        if lost > 0 {
            say(&format!("the access log {}: {lost} lines were lost", self.path.display()));
        }
    }

    /// Does something with the disk. A failure is said once, until there is a success.
    fn busy(&self, work: impl FnOnce() -> io::Result<()>) -> bool {
        let before = std::mem::replace(&mut *self.state.progress(), Progress::Busy(Instant::now()));
        match work() {
            Ok(()) => *self.state.progress() = Progress::Fine,
            Err(error) => {
                let reason = error.to_string();
                if !matches!(before, Progress::Failed(known) if known == reason) {
                    say(&format!("the access log {} cannot be written: {reason}", self.path.display()));
                }
                *self.state.progress() = Progress::Failed(reason);
                return false;
            }
        }
        true
    }
}

fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create(true).mode(MODE).open(path)?;
    match holds_other_data(path, &file) {
        true => Err(io::Error::other("it holds something else than text: name another file")),
        false => Ok(file),
    }
}

/// Whether this is a song, for example, that lines would damage. A crash may leave a log with zeros.
fn holds_other_data(path: &Path, file: &File) -> bool {
    let mut head = Vec::new();
    let is_filled = file.metadata().is_ok_and(|about| about.is_file() && about.len() > 0);
    // It may be a file that can be written to, but not read.
    if !is_filled || File::open(path).and_then(|file| file.take(64).read_to_end(&mut head)).is_err() {
        return false;
    }
    let is_text = |byte: &u8| !matches!(byte, 0..=8 | 14..=31 | 0x7f | 0xf8..);
    !head.iter().all(is_text) && head.iter().any(|byte| *byte != 0)
}

/// Logs a line. A host's logger that panics costs this line alone.
fn say(text: &str) {
    let _ = catch_unwind(AssertUnwindSafe(|| log::warn!(target: LINES, "{text}")));
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::server::client_address::{Addresses, ClientAddress};
    use crate::server::connections::visit::Visit;

    fn entry() -> Box<AccessEntry> {
        let client = ClientAddress::new([192, 0, 2, 7].into());
        let (address, visit) = (client.shown(Addresses::Full), Visit::new(1, client, None));
        let (status, bytes, duration, at) = (200, 1, Duration::ZERO, SystemTime::UNIX_EPOCH);
        Box::new(AccessEntry { address, visit, status, bytes, duration, at })
    }

    fn opened(path: &Path, counters: &Arc<Counters>) -> AccessFile {
        match AccessFile::open(path, &FileWork::new(), Arc::clone(counters)).unwrap() {
            Opening::Open(file) => file,
            other => panic!("{other:?}"),
        }
    }

    /// A FIFO that is open for reading, so that writing hangs when it is full.
    fn fifo(folder: &Path) -> (PathBuf, File) {
        let path = folder.join("access.log");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let reader = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        (path, reader)
    }

    #[test]
    fn nobody_waits_for_a_disk_that_hangs_and_every_line_is_written_or_counted() {
        let folder = tempfile::tempdir().unwrap();
        let (path, mut reader) = fifo(folder.path());
        let counters = Arc::new(Counters::default());
        let file = opened(&path, &counters);
        // More than a FIFO holds, and less than waits.
        (0..WAITING / 4).for_each(|_| assert!(!file.write(entry())));
        let hangs = |progress: &Progress| matches!(progress, Progress::Busy(since) if since.elapsed() > Duration::from_millis(300));
        while !hangs(&file.state.progress()) {
            std::thread::yield_now();
        }
        let firsts = (0..WAITING).filter(|_| file.write(entry())).count();
        assert_eq!(firsts, 1, "it is said once that lines are lost");
        let (written, lost) = ((WAITING / 4 + WAITING) as u64, counters.lost_access_lines.get());
        assert!(lost > 0 && written - lost > WAITING as u64, "{lost}");
        file.reopen();
        let began = Instant::now();
        assert_eq!(file.end(began + Duration::from_millis(50)), Some("access".into()));
        assert!(began.elapsed() < Duration::from_secs(5));

        let line = entry().line().len() as u64 + 1;
        let mut rest = vec![0; (line * (written - lost)) as usize];
        reader.read_exact(&mut rest).unwrap();
        assert_eq!(counters.lost_access_lines.get(), lost);
        drop(file);
    }

    #[test]
    fn lines_do_not_damage_a_song() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("song");
        for song in [&b"ID3\x04\0\0"[..], b"\xff\xfb\x90d", b"fLaC\0\0\0\x22", b"\0\0\0 ftypM4A "] {
            std::fs::write(&path, song).unwrap();
            let refused = open(&path).unwrap_err().to_string();
            assert!(refused.starts_with("it holds something else than text"), "{refused}");
            assert_eq!(std::fs::read(&path).unwrap(), song);
        }
        for log in ["", "\0\0\0\0", "192.0.2.7 - - [\n", "Björk\n"] {
            std::fs::write(&path, log).unwrap();
            open(&path).unwrap();
        }
    }

    #[test]
    fn a_disk_that_refuses_or_hangs_is_named() {
        let counters = Arc::new(Counters::default());
        let full = opened(Path::new("/dev/full"), &counters);
        assert_eq!(full.fault(), None);
        full.write(entry());
        full.write(entry());
        assert_eq!(full.end(Instant::now() + Duration::from_secs(30)), None);
        assert_eq!(counters.lost_access_lines.get(), 2);
        let fault = full.fault().unwrap();
        assert!(fault.starts_with("the access log /dev/full cannot be written: No space left"), "{fault}");

        let busy = |ago| {
            *full.state.progress() = Progress::Busy(Instant::now() - ago);
            full.fault()
        };
        assert_eq!(busy(WRITES_WITHIN / 2), None);
        assert_eq!(
            busy(WRITES_WITHIN * 2).as_deref(),
            Some("the access log /dev/full hangs: its lines are lost")
        );
    }

    #[test]
    fn what_cannot_be_opened_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("none/access.log");
        for (path, reason) in
            [(missing.as_path(), "No such file or directory"), (folder.path(), "Is a directory")]
        {
            match AccessFile::open(path, &FileWork::new(), Arc::default()).unwrap() {
                Opening::Refused(error) => assert!(error.to_string().starts_with(reason), "{error}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_file_that_is_opened_late_gets_what_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let (path, reader) = fifo(folder.path());
        // Without a reader, opening it hangs.
        drop(reader);
        let (work, counters) = (FileWork::new(), Arc::default());
        let Ok(Opening::Late(file)) = AccessFile::open(&path, &work, Arc::clone(&counters)) else { panic!() };
        assert!(matches!(*file.state.progress(), Progress::Busy(_)));
        file.write(entry());
        let mut reader = OpenOptions::new().read(true).open(&path).unwrap();
        assert_eq!(file.end(Instant::now() + Duration::from_secs(30)), None);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, format!("{}\n", entry().line()));
        assert_eq!((counters.lost_access_lines.get(), work.is_idle()), (0, true));
    }

    /// The disk answers at last, and what it says is no.
    #[test]
    fn a_file_that_fails_late_is_named_and_tried_again_with_each_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none/access.log");
        let counters = Arc::default();
        let state = Arc::new(State { unsaid: AtomicU64::new(0), counters, progress: Mutex::default() });
        let writer = Writer::new(&path, state);
        let mut file = None;
        writer.write(&mut file, "lost");
        assert!(
            matches!(&*writer.state.progress(), Progress::Failed(reason) if reason.starts_with("No such"))
        );
        std::fs::create_dir(folder.path().join("none")).unwrap();
        writer.write(&mut file, "kept");
        assert!(matches!(*writer.state.progress(), Progress::Fine));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "kept\n");
        assert_eq!(writer.state.counters.lost_access_lines.get(), 1);
    }

    #[test]
    fn the_count_of_lost_lines_is_said_when_lines_are_written_again_and_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let unsaid = |writer: &Writer| writer.state.unsaid.load(Ordering::Relaxed);
        let state = State { unsaid: AtomicU64::new(0), counters: Arc::default(), progress: Mutex::default() };
        let writer = Writer::new(&path, Arc::new(state));
        let mut file = Some(OpenOptions::new().append(true).open("/dev/full").unwrap());
        writer.write(&mut file, "lost");
        writer.write(&mut file, "lost");
        assert_eq!(unsaid(&writer), 2);
        file = None;
        writer.write(&mut file, "kept");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "\nkept\n", "it begins a line");
        assert_eq!(unsaid(&writer), 0);
        writer.state.lose();
        let ((_entries, queue), (orders, inbox)) = (bounded(1), bounded(1));
        orders.send(Order::End).unwrap();
        writer.run(file, &queue, &inbox);
        assert_eq!((unsaid(&writer), writer.state.counters.lost_access_lines.get()), (0, 3));
    }

    #[test]
    fn a_file_that_hangs_gets_no_second_thread() {
        let work = FileWork::new();
        let path = Path::new("/hanging/access.log");
        let doing = work.begin(path).unwrap();
        doing.hang(Duration::from_secs(7));
        let refused = AccessFile::open(path, &work, Arc::default()).unwrap_err();
        assert!(matches!(refused, NoAnswer::Hangs(_)), "{refused}");
    }
}
