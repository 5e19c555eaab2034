//! The state file at a start: it is locked and read. A disk that does not answer does not keep the pipeline from
//! starting; the state is kept from when it answers.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{load, set_aside};
use crate::access::FileLock;
use crate::error::Result;
use crate::event::{EventKind, EventReceiver};
use crate::filework::{FileWork, NoAnswer, Pending, look_patience};
use crate::pipeline::resume::PipelineSnapshot;
use crate::pipeline::state_lock;

/// The time between two attempts at a file that hangs elsewhere, too.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A state file that has been locked and read.
pub(crate) struct Opened {
    /// `None` on a file system without locks.
    lock: Option<FileLock>,
    kept: Option<PipelineSnapshot>,
}

/// A state file at a start.
pub(crate) struct Opening {
    pub file: PathBuf,
    work: FileWork,
    state: State,
}

enum State {
    Opened(Box<Opened>),
    /// Its disk has not answered yet.
    Late(Pending<Result<Opened>>),
    /// It cannot be tried now.
    Refused,
}

impl Opening {
    /// Locks and reads the file, and waits for that a moment.
    ///
    /// # Errors
    /// As for [`state_lock::take`].
    pub fn begin(file: &Path, work: &FileWork) -> Result<Opening> {
        let mut opening = Opening { file: file.to_owned(), work: work.clone(), state: State::Refused };
        let reason = match opening.attempt() {
            Ok(pending) => {
                let give_up = Instant::now() + look_patience();
                opening.state = State::Late(pending);
                while Instant::now() < give_up && opening.look()? {}
                "its disk does not answer".into()
            }
            Err(reason) => reason.to_string(),
        };
        if !matches!(opening.state, State::Opened(_)) {
            let file = opening.file.display();
            log::warn!("{file}: {reason}: the pipeline starts afresh, and keeps its state when it answers");
        }
        Ok(opening)
    }

    /// What was kept there, if it came in time.
    pub fn take_kept(&mut self) -> Option<PipelineSnapshot> {
        match &mut self.state {
            State::Opened(opened) => opened.kept.take(),
            State::Late(_) | State::Refused => None,
        }
    }

    /// Waits until the file has been opened. Returns its lock, or `None` if the pipeline ends before that.
    ///
    /// # Errors
    /// As for [`begin`](Opening::begin).
    pub fn finish(mut self, is_over: impl Fn() -> bool) -> Result<Option<Option<FileLock>>> {
        while self.look()? {
            if is_over() {
                return Ok(None);
            }
        }
        let State::Opened(opened) = self.state else { return Ok(None) };
        if opened.kept.is_some() {
            // The pipeline has gone on without it. It may hold a long queue.
            set_aside(&self.file, &std::io::Error::other("its disk did not answer at the start"));
        }
        Ok(Some(opened.lock))
    }

    /// Waits a moment for the file. Whether it is still to come.
    fn look(&mut self) -> Result<bool> {
        match &self.state {
            State::Opened(_) => return Ok(false),
            State::Late(pending) => match pending.poll() {
                None => {}
                Some(Ok(opened)) => self.state = State::Opened(opened?.into()),
                Some(Err(_)) => self.state = State::Refused,
            },
            State::Refused => {
                std::thread::sleep(AGAIN_AFTER);
                if let Ok(pending) = self.attempt() {
                    self.state = State::Late(pending);
                }
            }
        }
        Ok(true)
    }

    fn attempt(&self) -> std::result::Result<Pending<Result<Opened>>, NoAnswer> {
        let file = self.file.clone();
        self.work.start(&self.file, move |_| {
            let lock = state_lock::take(&file)?;
            Ok(Opened { lock, kept: load(&file) })
        })
    }
}

/// Whether no more events come.
pub(super) fn is_over(events: &EventReceiver) -> bool {
    while let Some(event) = events.try_recv() {
        if event.kind() == EventKind::PipelineStop {
            return true;
        }
    }
    events.is_closed()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc::channel;

    use super::*;
    use crate::pipeline::state_file::keep::Keeper;

    /// A state file whose disk answers when the sender is dropped.
    fn late(file: &Path) -> (Opening, std::sync::mpsc::Sender<()>) {
        let work = FileWork::new();
        let (answers, answer) = channel::<()>();
        let own = file.to_owned();
        let pending = work.start(file, move |_| {
            let _ = answer.recv();
            Ok(Opened { lock: state_lock::take(&own)?, kept: load(&own) })
        });
        let state = State::Late(pending.unwrap());
        (Opening { file: file.to_owned(), work, state }, answers)
    }

    #[test]
    fn a_state_that_comes_late_is_set_aside_and_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state");
        Keeper::new(&file).keep(PipelineSnapshot::empty()).unwrap();
        let text = fs::read(&file).unwrap();
        let (mut opening, answers) = late(&file);
        assert!(opening.take_kept().is_none());
        drop(answers);
        let lock = opening.finish(|| false).unwrap().expect("it is opened");
        assert!(lock.is_some() && state_lock::take(&file).is_err(), "it is locked");
        assert_eq!(fs::read(folder.path().join("state.aside")).unwrap(), text);
        assert!(!file.exists());
    }

    #[test]
    fn a_late_state_that_another_pipeline_keeps_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state");
        let _other = state_lock::take(&file).unwrap().expect("a lock");
        let (opening, answers) = late(&file);
        drop(answers);
        let refused = opening.finish(|| false).unwrap_err().to_string();
        assert!(refused.contains("on the air keeps its state in"), "{refused}");
    }

    #[test]
    fn the_end_of_a_pipeline_waits_for_no_state() {
        let folder = tempfile::tempdir().unwrap();
        let (opening, _answers) = late(&folder.path().join("state"));
        assert!(opening.finish(|| true).unwrap().is_none());
    }
}
