//! Recordings: what an output or a source sends, in files, as it was.
//!
//! A [`RecordPoint`](crate::ring::RecordPoint) stands where packets pass. When it is switched on, copies of
//! them go through a bounded queue to a thread of its own (`recorder.rs`), which nothing waits for.

mod archive;
mod cuts;
mod disk;
mod ending;
mod keep;
mod recorder;
mod settings;
mod shared;
mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use jiff::tz::TimeZone;

pub use self::archive::{Recording, RecordingList, RecordingState};
use self::disk::{Disk, RealDisk};
use self::recorder::Recorder;
pub use self::settings::RecordSettings;
use self::shared::Shared;
use crate::error::{Error, Result};
use crate::event::Emitter;
use crate::filework::FileWork;
use crate::health::Warning;
use crate::ring::{RecordPoint, RecordTap, RecordedSession};
use crate::thread::Worker;

/// The recordings of a pipeline, or of a station's relayed mounts.
pub(crate) struct Recordings {
    emitter: Emitter,
    work: FileWork,
    /// Tests have disks that fail.
    disk: fn() -> Box<dyn Disk>,
    table: Mutex<Table>,
    /// By the number of the source. The mixer takes this lock when a source has left, so it is held for
    /// moments only.
    lasting: Mutex<BTreeMap<u64, Lasting>>,
}

#[derive(Default)]
struct Table {
    /// By the path of the output, relayed mount or live input.
    places: BTreeMap<String, Place>,
    /// Recordings that are not among the places any more, and whose threads may still write.
    ending: Vec<Ending>,
    has_ended: bool,
}

#[derive(Default)]
struct Place {
    point: Arc<RecordPoint>,
    running: Option<Running>,
}

/// The session of a source that may come back.
struct Lasting {
    session: Arc<RecordedSession>,
    point: Arc<RecordPoint>,
}

struct Running {
    shared: Arc<Shared>,
    thread: Worker,
}

/// A thread that ends when its point is switched off, or is gone.
struct Ending {
    point: Weak<RecordPoint>,
    thread: Worker,
}

impl Recordings {
    /// Nothing is recorded yet.
    pub fn new(emitter: Emitter) -> Recordings {
        let (table, lasting) = Default::default();
        Recordings { emitter, work: FileWork::new(), disk: || Box::new(RealDisk), table, lasting }
    }

    /// Records a place by these settings from now on, or not any more.
    ///
    /// # Errors
    /// [`Error::Setting`] for what cannot work, [`Error::Io`] if the system has no thread for it.
    pub fn set(&self, path: &str, settings: &RecordSettings) -> Result<()> {
        settings.check()?;
        let mut table = self.lock();
        table.ending.retain(|ending| !ending.thread.has_ended());
        if table.has_ended {
            return Ok(());
        }
        let Table { places, ending, .. } = &mut *table;
        if settings.record.is_none() {
            // Taps that are there may be recorded later.
            if let Some(place) = places.get_mut(path) {
                place.point.switch_off();
                ending.extend(place.end());
            }
            return Ok(());
        }
        let place = places.entry(path.to_owned()).or_default();
        match &place.running {
            Some(running) => running.shared.settings.store(Arc::new(settings.clone())),
            None => place.running = Some(self.start(&place.point, path, settings.clone())?),
        }
        Ok(())
    }

    /// The place is going. What its last tap still takes is recorded.
    pub fn remove(&self, path: &str) {
        let mut table = self.lock();
        let ended = table.places.remove(path).and_then(|mut place| place.end());
        table.ending.extend(ended);
    }

    /// A tap for what passes at this place, for as long as it is kept. What it takes is of this user, and of
    /// this content type.
    pub fn tap(&self, path: &str, user: &str, content_type: &str) -> RecordTap {
        self.lock().places.entry(path.to_owned()).or_default().point.tap(user, content_type)
    }

    /// A tap for a source with this number, whose line may break: a source of the same number goes on with
    /// the same recording, until its [`session`](Recordings::end_session) is over.
    pub fn tap_of_source(&self, path: &str, number: u64, user: &str, content_type: &str) -> RecordTap {
        let point = Arc::clone(&self.lock().places.entry(path.to_owned()).or_default().point);
        let new = Arc::new(RecordedSession::new(user, content_type));
        let mut lasting = self.lasting();
        let session = lasting.remove(&number).map_or(new, |known| known.session);
        let tap = point.tap_of(&session);
        lasting.insert(number, Lasting { session, point });
        tap
    }

    /// The source with this number does not come back.
    pub fn end_session(&self, number: u64) {
        let ended = self.lasting().remove(&number);
        if let Some(Lasting { session, point }) = ended {
            point.end(&session);
        }
    }

    /// What is wrong with them.
    pub fn warnings(&self) -> Vec<Warning> {
        let hanging = self.work.warning().map(|text| {
            Warning::new(format!("recording: {text}"), "recording: the disk does not answer".to_owned())
        });
        let table = self.lock();
        let faults = table.places.iter().filter_map(|(path, place)| {
            let fault = place.running.as_ref()?.shared.fault()?;
            Some(Warning::new(fault, format!("{path} is not recorded")))
        });
        hanging.into_iter().chain(faults).collect()
    }

    /// Ends all, for good: what waits is written, and the files are complete.
    pub fn finish(&self) {
        let mut table = self.lock();
        table.has_ended = true;
        let Table { places, ending, .. } = &mut *table;
        ending.extend(places.values_mut().filter_map(Place::end));
        ending.iter().filter_map(|ending| ending.point.upgrade()).for_each(|point| point.switch_off());
    }

    /// Waits until all have ended. Names the threads that have not by `deadline`.
    pub fn join(&self, deadline: Instant) -> Vec<String> {
        let ending = std::mem::take(&mut self.lock().ending);
        let stuck = ending.iter().filter(|ending| !ending.thread.join_before(deadline));
        stuck.map(|ending| ending.thread.name.clone()).collect()
    }

    fn start(&self, point: &RecordPoint, path: &str, settings: RecordSettings) -> Result<Running> {
        let shared = Arc::new(Shared::new(path, settings, self.emitter.clone()));
        let of_tap = shared.clone();
        let queue =
            point.switch_on(move || of_tap.fail("its disk does not keep up, and what does not fit is lost"));
        let (of_thread, work, disk) = (shared.clone(), self.work.clone(), (self.disk)());
        // The system's zone is in a file, so it is read there.
        let run = move || Recorder::new(of_thread, queue, disk, TimeZone::system(), work).run();
        match Worker::spawn(format!("rec:{path}"), run) {
            Ok(thread) => Ok(Running { shared, thread }),
            Err(cause) => {
                point.switch_off();
                Err(Error::Io { doing: "starting the thread of a recording", cause })
            }
        }
    }

    fn lasting(&self) -> MutexGuard<'_, BTreeMap<u64, Lasting>> {
        self.lasting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Its thread, if it is recorded.
    fn end(&mut self) -> Option<Ending> {
        let Running { thread, .. } = self.running.take()?;
        Some(Ending { point: Arc::downgrade(&self.point), thread })
    }
}

impl fmt::Debug for Recordings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recordings").field("places", &self.lock().places.len()).finish_non_exhaustive()
    }
}
