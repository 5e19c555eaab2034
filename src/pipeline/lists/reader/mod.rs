//! What the thread `lists` does: follows the reading of a list, hands its entries over, and reads it again
//! when it has changed.

mod reading_log;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError, bounded};

use super::found::{self, Origins, Seen};
use super::{FIRST_ENTRY, Load};
use crate::engine::shared::SharedUpNext;
use crate::filework::{FileWork, NoAnswer, Pending};
use crate::library::Library;
use crate::playout::playlist::Found;
use crate::playout::{Asked, Entry, GiveWay, ListId, Playlist, When};
use crate::roots::MediaRoots;
use reading_log::ReadingLog;

/// How soon the reading of a list is broken off, whatever its disk does.
const INTERRUPTED_WITHIN: Duration = Duration::from_millis(50);

/// The number of entries that are handed over together while a list is being read.
const BATCH: usize = 256;

/// What the thread works with. It rests while nothing is read.
pub(super) struct Reader {
    pipeline: Arc<str>,
    up_next: Arc<SharedUpNext>,
    media_roots: MediaRoots,
    library: Option<Library>,
    files: FileWork,
    in_play: Option<InPlay>,
    /// A list that could not be read, because its disk does not answer, or because another one came.
    waiting: Option<Load>,
    loads: Receiver<Load>,
    ending: Arc<AtomicBool>,
}

/// What a reader at rest has to do.
pub(super) enum Due {
    Nothing,
    Reading,
    /// To see whether this has changed on disk. It is named if that hangs.
    Look {
        watch: Arc<Seen>,
        label: PathBuf,
    },
}

/// How the reading of a list ended.
enum Outcome {
    /// It is in play.
    Done,
    /// Nothing of it can be played.
    Nothing,
    /// Its disk does not answer.
    Later(Load),
    /// Another list is to be read.
    Interrupted(Load),
}

/// The list that was read last, and its state on disk at that time.
struct InPlay {
    id: ListId,
    roots: Vec<PathBuf>,
    confined: bool,
    watch: Arc<Seen>,
    /// The passes of the list that had ended when it was read. `None`: it has yet to be read, whether it has
    /// changed or not.
    passes: Option<u64>,
    /// What was logged of that reading.
    logged: HashSet<String>,
}

impl Reader {
    pub(super) fn new(
        pipeline: Arc<str>,
        up_next: Arc<SharedUpNext>,
        (media_roots, library): (MediaRoots, Option<Library>),
        files: FileWork,
        loads: Receiver<Load>,
        ending: Arc<AtomicBool>,
    ) -> Reader {
        Reader { pipeline, up_next, media_roots, library, files, in_play: None, waiting: None, loads, ending }
    }

    /// Reads what is to be read: the list that was asked for, else one that waits, else the one in play if it
    /// has changed.
    pub(super) fn read(&mut self) {
        match self.loads.try_recv().ok().or_else(|| self.waiting.take()) {
            Some(load) => self.load(load),
            None => self.read_again_if_changed(),
        }
    }

    /// What it has to do.
    pub(super) fn due(&self) -> Due {
        match &self.in_play {
            _ if self.waiting.is_some() => Due::Reading,
            None => Due::Nothing,
            Some(list) if list.passes != Some(self.passes()) => Due::Reading,
            Some(list) => Due::Look { watch: list.watch.clone(), label: label(&list.roots).to_owned() },
        }
    }

    /// Whether to stop reading, because another list is to be read or the thread is to end.
    fn is_interrupted(&self) -> bool {
        !self.loads.is_empty() || self.ending.load(Ordering::Relaxed)
    }

    /// Reads a list. If it gives nothing, the one that it interrupted is read again: a list that cannot be
    /// played must not take a station off the air.
    fn load(&mut self, mut load: Load) {
        let before = self.waiting.take().or_else(|| load.before.take().map(|before| *before));
        match self.read_list(load, before.is_some()) {
            Outcome::Done => {}
            Outcome::Nothing => before.into_iter().for_each(|before| self.load(before)),
            Outcome::Later(load) => {
                before.into_iter().for_each(|before| self.load(before));
                self.waiting = Some(load);
            }
            Outcome::Interrupted(load) => {
                let is_in_play = load.in_place_of.is_some();
                self.waiting = before.filter(|_| !is_in_play).or(Some(load));
            }
        }
    }

    /// Reads a list and hands over its entries as they are found, until another list is to be read. A list
    /// without entries is in play, too, unless another one can be played in its place.
    fn read_list(&mut self, mut load: Load, has_other: bool) -> Outcome {
        if let Some(id) = load.in_place_of {
            let (roots, confined) = (load.roots.clone(), load.confined);
            let (watch, logged) = (Arc::default(), HashSet::new());
            self.in_play = Some(InPlay { id, roots, confined, watch, passes: None, logged });
            self.read_again_if_changed();
            let is_unread = self.in_play.as_ref().is_some_and(|list| list.passes.is_none());
            return if is_unread && self.is_interrupted() {
                Outcome::Interrupted(load)
            } else {
                Outcome::Done
            };
        }
        let reading = match self.begin(&load.roots, load.confined) {
            Ok(reading) => reading,
            Err(reason) => {
                if !std::mem::replace(&mut load.refused, true) {
                    log::error!("{}: {}: it is read later: {reason}", self.pipeline, load.name);
                }
                (load.ready, load.read) = (None, None);
                return Outcome::Later(load);
            }
        };
        let name = load.name.clone();
        let list = Playlist { name, entries: Vec::new(), repeat: load.repeat, shuffle: load.shuffle };
        let mut into = Into::Waiting { list, asked: load.asked, when: load.when, give_way: load.give_way };
        let mut batch = Vec::new();
        let none = HashSet::new();
        let mut log = ReadingLog::new(&self.pipeline, &none);
        let since = Instant::now();
        let watch = self.follow(reading, &mut |found| {
            if let Some(entry) = log.entry(found) {
                batch.push(entry);
                // The first entry goes first, so that playing can begin. A shuffled list waits a little, so
                // that it does not always begin with the same entry.
                let may_begin = !load.shuffle || since.elapsed() > FIRST_ENTRY / 2;
                if batch.len() == BATCH || matches!(into, Into::Waiting { .. }) && may_begin {
                    into.hand_over(&self.up_next, &mut batch);
                    load.ready.take();
                }
            }
        });
        let Some(watch) = watch else {
            if let Into::List(id) = into {
                load.in_place_of = Some(id);
            }
            return Outcome::Interrupted(load);
        };
        if has_other && batch.is_empty() && matches!(into, Into::Waiting { .. }) {
            log::error!("{}: {}: nothing of it can be played", self.pipeline, load.name);
            return Outcome::Nothing;
        }
        into.hand_over(&self.up_next, &mut batch);
        if let Into::List(id) = into {
            let (watch, logged) = (Arc::new(watch), log.into_lines());
            let Load { roots, confined, .. } = load;
            self.in_play = Some(InPlay { id, roots, confined, watch, passes: Some(self.passes()), logged });
        }
        Outcome::Done
    }

    fn read_again_if_changed(&mut self) {
        let passes = Some(self.passes());
        let Some(in_play) = self.in_play.take() else { return };
        if in_play.passes == passes && !self.has_changed(&in_play) {
            self.in_play = Some(in_play);
            return;
        }
        let Ok(reading) = self.begin(&in_play.roots, in_play.confined) else {
            self.in_play = Some(in_play);
            return;
        };
        let mut entries = Vec::new();
        let mut log = ReadingLog::new(&self.pipeline, &in_play.logged);
        let watch = self.follow(reading, &mut |found| entries.extend(log.entry(found)));
        // The reading was interrupted: another list takes this one's place, if it gives anything.
        let Some(watch) = watch else {
            self.in_play = Some(InPlay { passes: None, ..in_play });
            return;
        };
        // If nothing can be read, the disk may come back. A list that is empty on purpose has no problems.
        let unreadable = log.has_problems() && entries.is_empty();
        if unreadable {
            log.problem("nothing of the playlist can be read: it stays as it was".into());
        }
        let logged = log.into_lines();
        // It returns false if another list has taken this one's place.
        if unreadable || self.up_next.lock().replace(in_play.id, entries) {
            self.in_play = Some(InPlay { watch: Arc::new(watch), passes, logged, ..in_play });
        }
    }

    /// Whether a list has changed on disk. A disk that does not answer has not changed it.
    fn has_changed(&self, in_play: &InPlay) -> bool {
        let watch = Arc::clone(&in_play.watch);
        let Ok(looking) = self.files.start(label(&in_play.roots), move |job| {
            // Each look is progress: a large library on a slow disk does not hang.
            watch.changed_while(|| {
                job.step();
                !job.is_abandoned()
            })
        }) else {
            return false;
        };
        self.result(&looking).unwrap_or(false)
    }

    /// Has a thread read these files, folders and playlists, by the media roots of this moment.
    fn begin(&self, roots: &[PathBuf], confined: bool) -> Result<Reading, NoAnswer> {
        let (sender, found) = bounded(BATCH);
        let (own, bounds) = (roots.to_vec(), self.media_roots.bounds(confined));
        let origins = Origins { bounds, library: self.library.clone() };
        let pending = self.files.start(label(roots), move |job| {
            found::read(&origins, &own, &mut |found| {
                job.step();
                let goes_on = match found {
                    Found::Step => !job.is_abandoned(),
                    found => sender.send(found).is_ok(),
                };
                if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
        })?;
        Ok(Reading { found, pending })
    }

    /// Takes in what is found, to the end. `None` if it is interrupted.
    fn follow(&self, reading: Reading, found: &mut dyn FnMut(Found)) -> Option<Seen> {
        loop {
            match reading.found.recv_timeout(INTERRUPTED_WITHIN) {
                Ok(item) => found(item),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.result(&reading.pending),
            }
            if self.is_interrupted() {
                return None;
            }
        }
    }

    /// Waits for the result, unless it is interrupted.
    fn result<T>(&self, pending: &Pending<T>) -> Option<T> {
        loop {
            match pending.poll() {
                Some(result) => return result.ok(),
                None if self.is_interrupted() => return None,
                None => {}
            }
        }
    }

    fn passes(&self) -> u64 {
        self.up_next.lock().list().map_or(0, |list| list.passes)
    }
}

/// A list that a thread reads. Dropping it stops the thread, as soon as the disk answers.
struct Reading {
    found: Receiver<Found>,
    pending: Pending<Seen>,
}

/// What is named if reading these roots hangs.
fn label(roots: &[PathBuf]) -> &Path {
    roots.first().map_or(Path::new("playlist"), PathBuf::as_path)
}

/// The destination of entries.
enum Into {
    /// No entry has been found yet.
    Waiting {
        list: Playlist,
        asked: Asked,
        when: When,
        give_way: GiveWay,
    },
    List(ListId),
    /// Nowhere: another list has taken its place.
    Nowhere,
}

impl Into {
    fn hand_over(&mut self, up_next: &SharedUpNext, batch: &mut Vec<Entry>) {
        let entries = std::mem::take(batch);
        *self = match std::mem::replace(self, Into::Nowhere) {
            Into::Waiting { list, asked, when, give_way } => {
                // A list without entries takes nothing off the air.
                let when = if entries.is_empty() { When::AfterCurrent } else { when };
                let list = Playlist { entries, ..list };
                up_next.lock().load_asked(asked, list, when, give_way).map_or(Into::Nowhere, Into::List)
            }
            Into::List(id) if up_next.lock().extend(id, entries) => Into::List(id),
            Into::List(_) | Into::Nowhere => Into::Nowhere,
        };
    }
}
