//! Writes a pipeline's state down: whole when it must be, else only what has changed.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::journal::{Journal, checksum_of_whole, remove};
use super::opening::{Opening, is_over};
use super::ours::refuse_foreign;
use super::{beside, folder_of, journal_of};
use crate::event::{EventKind, EventReceiver};
use crate::filework::FileWork;
use crate::health::Warning;
use crate::pipeline::resume::{PipelineSnapshot, SnapshotSource};

/// The time between two writes. The state is also written at every track change and at the end.
const KEEP_EVERY: Duration = Duration::from_secs(5);

/// A journal may grow to half the size of the state that it continues, and to this size in any case. Then the
/// state is written as a whole again. So what is written in all is of the order of what changed.
const LEAST_JOURNAL: u64 = 256 << 10;

/// The keeping of a state, as others see it.
pub(crate) struct Keeping {
    pub work: FileWork,
    /// Why the last attempt failed.
    fault: Mutex<Option<String>>,
}

impl Keeping {
    pub fn new() -> Keeping {
        Keeping { work: FileWork::new(), fault: Mutex::default() }
    }

    /// Why the state is not kept now, if it is not.
    pub fn warning(&self) -> Option<Warning> {
        let reason = self.work.warning().or_else(|| self.fault().clone());
        reason.map(|reason| Warning::new(format!("the state is not kept: {reason}"), "the state is not kept"))
    }

    /// Notes how an attempt went. A failure is logged once, until there is a success.
    fn note(&self, file: &Path, outcome: Result<(), String>) {
        let mut fault = self.fault();
        if let (Err(reason), None) = (&outcome, &*fault) {
            log::error!("{}: the state cannot be kept: {reason}", file.display());
        }
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
        *fault = outcome.err().map(|reason| format!("{name}: {reason}"));
    }

    fn fault(&self) -> MutexGuard<'_, Option<String>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the thread `state`: it writes the state to a file until the pipeline has ended, and once more then.
/// It holds only a source of snapshots, not the pipeline, so it does not keep the pipeline alive.
pub(crate) fn keep(opening: Opening, state: &SnapshotSource, events: &EventReceiver, keeping: &Keeping) {
    let file = &opening.file.clone();
    // Held until the last state is written, however long that takes.
    let _lock = match opening.finish(|| is_over(events)) {
        Ok(Some(lock)) => lock,
        Ok(None) => return,
        Err(error) => return keeping.note(file, Err(error.to_string())),
    };
    let mut keeper = Keeper::new(file);
    let mut due = Instant::now() + KEEP_EVERY;
    loop {
        let event = events.recv_timeout(due.saturating_duration_since(Instant::now()));
        let kind = event.map(|event| event.kind());
        let over = kind == Some(EventKind::PipelineStop) || kind.is_none() && events.is_closed();
        let now = Instant::now();
        if over || now >= due || kind == Some(EventKind::TrackChange) {
            due = now + KEEP_EVERY;
            // Shows others when it hangs. It is this thread's only file, so it is never refused for long.
            let _doing = keeping.work.begin(file).ok();
            let kept = keeper.keep(state.snapshot());
            keeping.note(file, kept.map_err(|error| error.to_string()));
        }
        // Only the snapshot after the end is final: the mixer went on during earlier ones.
        if over {
            return;
        }
    }
}

/// Keeps a state in a file and its journal.
pub(super) struct Keeper {
    file: PathBuf,
    journal: PathBuf,
    /// What is written there. `None` if it is not known: then the whole state is written.
    written: Option<Written>,
}

struct Written {
    snapshot: PipelineSnapshot,
    /// The length of the whole state that the journal continues.
    whole: u64,
    journal: Journal,
    /// By these it shows that nobody has moved, removed or replaced the files.
    marks: [FileMark; 2],
}

/// Which file is at a path. The journal grows, so its length does not matter.
#[derive(PartialEq, Eq)]
struct FileMark(u64, u64);

impl FileMark {
    fn of(about: &Metadata) -> FileMark {
        FileMark(about.dev(), about.ino())
    }
}

impl Keeper {
    pub fn new(file: &Path) -> Keeper {
        Keeper { file: file.to_owned(), journal: journal_of(file), written: None }
    }

    /// Writes what has changed since the last time. If this fails, what was kept before is still there.
    pub fn keep(&mut self, now: PipelineSnapshot) -> io::Result<()> {
        let there = self.marks().ok();
        if let Some(written) = self.written.as_mut().filter(|written| Some(&written.marks) == there.as_ref())
            && let Some(delta) = now.since(&written.snapshot)
        {
            if now == written.snapshot {
                return Ok(());
            }
            let json = serde_json::to_vec(&delta)?;
            let length = written.journal.length() + json.len() as u64;
            if length <= LEAST_JOURNAL.max(written.whole / 2) {
                written.journal.append(&json)?;
                written.snapshot = now;
                return Ok(());
            }
        }
        self.written = None;
        self.written = Some(self.write_whole(now)?);
        Ok(())
    }

    /// Replaces the file as a whole. A crash at any moment leaves the old file or the new one; the journal of
    /// the old one is ignored with the new one.
    fn write_whole(&self, snapshot: PipelineSnapshot) -> io::Result<Written> {
        refuse_foreign(&self.file).map_err(io::Error::other)?;
        let text = serde_json::to_vec(&snapshot)?;
        let beside = beside(&self.file);
        let replace = || {
            write_new(&beside, &text)?;
            fs::rename(&beside, &self.file)
        };
        if let Err(error) = replace() {
            // A part of it must not take the place that the next attempt needs.
            let _ = remove(&beside);
            return Err(error);
        }
        // The new file is there to stay before the journal of the old one goes. Not every file system can.
        let folder = File::open(folder_of(&self.file));
        let settle = || folder.as_ref().map(|folder| folder.sync_all());
        let _ = settle();
        let journal = Journal::begin(&self.journal, checksum_of_whole(&text))?;
        let _ = settle();
        Ok(Written { snapshot, whole: text.len() as u64, journal, marks: self.marks()? })
    }

    fn marks(&self) -> io::Result<[FileMark; 2]> {
        let mark = |path| fs::symlink_metadata(path).map(|about| FileMark::of(&about));
        Ok([mark(&self.file)?, mark(&self.journal)?])
    }
}

/// A crash may have left this file. If it is something else, such as a FIFO, it must not be written to.
fn write_new(file: &Path, text: &[u8]) -> io::Result<()> {
    remove(file)?;
    let mut new = File::create_new(file)?;
    io::Write::write_all(&mut new, text)?;
    new.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::state_file::load;
    use crate::playout::{Entry, Place, Playlist, UpNext, When};

    fn entries(count: usize) -> impl Iterator<Item = Entry> {
        (0..count).map(|n| Entry::new(format!("/music/some/folder/{n:05}.mp3")))
    }

    fn list(count: usize) -> UpNext {
        let mut up_next = UpNext::new(fastrand::Rng::with_seed(1));
        let entries = entries(count).collect();
        up_next.load(Playlist { entries, shuffle: true, ..Playlist::default() }, When::AfterCurrent);
        up_next
    }

    fn sizes(file: &Path) -> (u64, u64) {
        let size = |path: &Path| fs::metadata(path).unwrap().len();
        (size(file), size(&journal_of(file)))
    }

    #[test]
    fn what_is_written_is_of_the_order_of_what_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state");
        let mut keeper = Keeper::new(&file);
        let mut up_next = list(5000);
        let state = PipelineSnapshot::at(&up_next, Duration::ZERO);
        keeper.keep(state).unwrap();
        let (whole, journal) = sizes(&file);
        assert!(whole > 200_000 && journal == 0);
        for second in (5..=60).step_by(5) {
            keeper.keep(PipelineSnapshot::at(&up_next, Duration::from_secs(second))).unwrap();
        }
        assert_eq!(sizes(&file).0, whole);
        assert!(sizes(&file).1 < 12 * 400, "the position, twelve times: {}", sizes(&file).1);
        let before = sizes(&file);
        keeper.keep(PipelineSnapshot::at(&up_next, Duration::from_secs(60))).unwrap();
        assert_eq!(sizes(&file), before, "nothing has changed");
        for _ in 0..3 {
            let next = up_next.peek().unwrap().id;
            up_next.begin(next);
            let state = PipelineSnapshot::at(&up_next, Duration::ZERO);
            keeper.keep(state.clone()).unwrap();
            assert_eq!(load(&file), Some(state));
        }
        assert!(sizes(&file).1 < before.1 + 3 * 600);
    }

    #[test]
    fn a_journal_has_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state");
        let mut keeper = Keeper::new(&file);
        let mut up_next = list(10);
        for _ in 0..100 {
            up_next.clear();
            up_next.queue(entries(200), Place::End);
            let state = PipelineSnapshot::at(&up_next, Duration::ZERO);
            keeper.keep(state.clone()).unwrap();
            assert!(sizes(&file).1 <= LEAST_JOURNAL + 100);
            assert_eq!(load(&file), Some(state));
        }
        let state = fs::read(&file).unwrap();
        assert!(state.len() > 10_000, "it was written as a whole again");
    }

    #[test]
    fn torn_at_any_byte_the_state_is_an_earlier_one_or_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state");
        let mut keeper = Keeper::new(&file);
        let mut up_next = list(6);
        let mut states = Vec::new();
        for second in 0..6 {
            let next = up_next.peek().unwrap().id;
            up_next.begin(next);
            states.push(PipelineSnapshot::at(&up_next, Duration::from_secs(second)));
            keeper.keep(states.last().unwrap().clone()).unwrap();
        }
        let journal = fs::read(journal_of(&file)).unwrap();
        let mut latest = 0;
        for length in 0..=journal.len() {
            fs::write(journal_of(&file), &journal[..length]).unwrap();
            let loaded = load(&file).expect("a state");
            let which = states.iter().position(|state| *state == loaded).expect("a state that was kept");
            assert!(which >= latest, "it goes back at {length}");
            latest = which;
        }
        assert_eq!(latest, states.len() - 1);
        // The journal is missing, or of an older state.
        fs::remove_file(journal_of(&file)).unwrap();
        assert_eq!(load(&file).as_ref(), states.first());
        let whole = PipelineSnapshot::at(&list(7), Duration::ZERO);
        write_new(&file, &serde_json::to_vec(&whole).unwrap()).unwrap();
        fs::write(journal_of(&file), &journal).unwrap();
        assert_eq!(load(&file), Some(whole));
    }

    #[test]
    fn a_disk_that_is_full_leaves_what_was_kept_and_no_half_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state");
        let mut keeper = Keeper::new(&file);
        let state = PipelineSnapshot::at(&list(3), Duration::ZERO);
        keeper.keep(state.clone()).unwrap();
        // It writes the whole state, as after a restart.
        let mut keeper = Keeper::new(&file);
        // The name of the new file is taken by what cannot be removed as a file.
        fs::create_dir(beside(&file)).unwrap();
        assert!(keeper.keep(PipelineSnapshot::at(&list(4), Duration::ZERO)).is_err());
        assert_eq!(load(&file), Some(state));
        fs::remove_dir(beside(&file)).unwrap();
        let state = PipelineSnapshot::at(&list(4), Duration::ZERO);
        keeper.keep(state.clone()).unwrap();
        assert_eq!(load(&file), Some(state));
        assert!(!beside(&file).exists());
    }

    #[test]
    fn files_that_somebody_removed_or_replaced_are_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state");
        let mut keeper = Keeper::new(&file);
        let up_next = list(3);
        let mut second = 0;
        let mut next = || {
            second += 1;
            PipelineSnapshot::at(&up_next, Duration::from_secs(second))
        };
        keeper.keep(next()).unwrap();
        let spoil: [&dyn Fn(); 4] = [
            &|| fs::remove_file(&file).unwrap(),
            &|| fs::remove_file(journal_of(&file)).unwrap(),
            &|| fs::rename(journal_of(&file), folder.path().join("moved")).unwrap(),
            &|| {
                fs::write(folder.path().join("other"), "{\"up_next\":").unwrap();
                fs::rename(folder.path().join("other"), &file).unwrap();
            },
        ];
        for spoil in spoil {
            spoil();
            let state = next();
            keeper.keep(state.clone()).unwrap();
            assert_eq!(load(&file), Some(state));
        }
    }
}
