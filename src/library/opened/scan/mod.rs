//! The thread `library-scan`: keeps the database the same as the folders.
//!
//! Reads: what the threads `files` find in the folders, and what the database knows. Writes: orders for the
//! thread `library`. Never: touches a disk, which may not answer.
//!
//! `folder.rs` looks through one folder, `tagging.rs` has files read by a few threads, `store.rs` has the
//! statements.

mod content;
mod folder;
mod store;
mod tagging;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender};

use super::readers::Readers;
use super::shared::{Access, Folder, Shared, lock};
use super::status::{ScanProgress, ScanResult, ScanState};
use super::writer::Orders;
use folder::Looking;

/// How long a change waits for the next one, so that a copy of an album is one scan.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// The longest that a change waits for more.
const SETTLED_AT_MOST: Duration = Duration::from_secs(30);

/// Folders that have changed since the last scan. With more of them, everything is looked through.
const MAX_CHANGED: usize = 64;

/// How often a thread that waits sees whether it is to end.
const POLL: Duration = Duration::from_millis(250);

/// What is to be looked through.
#[derive(Debug)]
pub(super) enum Scan {
    /// Everything, for somebody who may wait for the result.
    All(Option<Sender<ScanResult>>),
    /// What lies in this folder, which has changed.
    Changed(PathBuf),
}

/// What the thread works with.
pub(super) struct Scanner {
    pub shared: Arc<Shared>,
    pub orders: Orders,
    pub readers: Readers,
    pub asked: Receiver<Scan>,
}

/// What is to be done next.
#[derive(Default)]
struct Todo {
    all: bool,
    waiting: Vec<Sender<ScanResult>>,
    changed: Vec<PathBuf>,
}

impl Todo {
    fn take(&mut self, scan: Scan) {
        match scan {
            Scan::All(waiting) => {
                self.all = true;
                self.waiting.extend(waiting);
            }
            Scan::Changed(folder) if self.changed.len() < MAX_CHANGED => {
                if !self.changed.iter().any(|known| folder.starts_with(known)) {
                    self.changed.retain(|known| !known.starts_with(&folder));
                    self.changed.push(folder);
                }
            }
            Scan::Changed(_) => self.all = true,
        }
    }

    fn is_nothing(&self) -> bool {
        !self.all && self.changed.is_empty()
    }
}

impl Scanner {
    /// Scans what is asked for, until the library ends.
    pub fn run(self) {
        let mut opening = 0;
        let mut next = Instant::now();
        while !self.shared.is_ending() {
            let mut todo = Todo::default();
            match self.asked.recv_timeout(POLL) {
                Ok(scan) => todo.take(scan),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.shared.paused.load(Ordering::Relaxed) && todo.is_nothing() {
                continue;
            }
            let current = self.shared.access(Duration::ZERO);
            let is_new = matches!(&current, Access::Open { opening: current, .. } if *current != opening);
            todo.all |= self.shared.follows.load(Ordering::Relaxed) && (is_new || Instant::now() >= next);
            if todo.is_nothing() {
                continue;
            }
            if !todo.all {
                self.settle(&mut todo);
            }
            if let Access::Open { opening: current, folders } = self.shared.access(POLL) {
                opening = current;
                let is_whole = todo.all;
                self.scan(&folders, todo);
                // Changes that are noticed put off no scan of folders that tell of none.
                if is_whole {
                    next = Instant::now() + self.shared.settings.poll;
                }
            } else if todo.waiting.is_empty() {
                // It is tried again when the database can be used.
                next = Instant::now();
            }
        }
    }

    /// Waits until nothing more seems to change.
    fn settle(&self, todo: &mut Todo) {
        let until = Instant::now() + SETTLED_AT_MOST;
        let mut quiet = Instant::now() + SETTLED_AFTER;
        while Instant::now() < quiet.min(until) && !self.shared.is_ending() && !todo.all {
            if let Ok(scan) = self.asked.recv_timeout(POLL) {
                todo.take(scan);
                quiet = Instant::now() + SETTLED_AFTER;
            }
        }
    }

    fn scan(&self, folders: &[Folder], todo: Todo) {
        let started = SystemTime::now();
        lock(&self.shared.scanning).state = ScanState::Running(ScanProgress::default());
        let mut result = ScanResult::default();
        for (index, folder) in folders.iter().enumerate() {
            let own = |changed: &&PathBuf| changed.starts_with(&folder.path);
            let below: Vec<PathBuf> = match todo.all {
                true => vec![folder.path.clone()],
                false => todo.changed.iter().filter(own).cloned().collect(),
            };
            for below in below {
                let is_whole = below == folder.path;
                let looking = Looking { scanner: self, folder, below, started };
                let (of_folder, away) = looking.run();
                result.add(of_folder);
                let mut scanning = lock(&self.shared.scanning);
                if is_whole || away.is_some() {
                    scanning.folders.retain(|(of, _)| *of != index);
                }
                scanning.folders.extend(away.map(|reason| (index, reason)));
            }
        }
        if todo.all && !self.shared.is_ending() {
            let forget = self.orders.wait_for(move |connection| store::forget(connection, started));
            if let Err(error) = forget {
                result.problem(error.to_string());
            }
        }
        self.report(&result);
        let ended = ScanState::Ended { at: SystemTime::now(), result: result.clone() };
        lock(&self.shared.scanning).state = ended;
        for waiting in todo.waiting {
            // Nobody may wait any more.
            let _ = waiting.send(result.clone());
        }
    }

    fn report(&self, result: &ScanResult) {
        if result.is_news() && self.shared.follows.load(Ordering::Relaxed) {
            let ScanResult { added, changed, moved, missing, found, .. } = result;
            log::info!(
                "library: {found} files looked at: {added} new, {changed} changed, {moved} moved, {missing} gone"
            );
        }
    }

    /// Notes what a scan is at.
    fn progress(&self, note: impl FnOnce(&mut ScanProgress)) {
        if let ScanState::Running(progress) = &mut lock(&self.shared.scanning).state {
            note(progress);
        }
    }

    /// Rests while it is paused. False if the library ends.
    fn goes_on(&self) -> bool {
        while self.shared.paused.load(Ordering::Relaxed) && !self.shared.is_ending() {
            std::thread::sleep(POLL);
        }
        !self.shared.is_ending()
    }
}
