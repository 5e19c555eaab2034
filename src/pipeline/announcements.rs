//! Announcements: an application says something above all that is on the air.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Pipeline, limits};
use crate::engine::announcements::{Announcement, AnnouncementOrder, AnnouncementState};
use crate::engine::mixer::{Command, read};
use crate::error::{Error, Result};
use crate::ids::AnnouncementId;
use crate::playout::Entry;

/// The announcements of a pipeline that are not over, by their numbers.
#[derive(Default)]
pub(super) struct AnnouncementTable {
    last: AtomicU64,
    present: Mutex<HashSet<AnnouncementId>>,
}

impl AnnouncementTable {
    /// The number of another announcement, if there is room for it.
    fn add(&self) -> Result<AnnouncementId> {
        let mut present = self.lock();
        limits::announcements_of(present.len() + 1)?;
        let id = AnnouncementId(self.last.fetch_add(1, Ordering::Relaxed) + 1);
        present.insert(id);
        Ok(id)
    }

    /// Whether it sounds or waits.
    pub fn has(&self, announcement: AnnouncementId) -> bool {
        self.lock().contains(&announcement)
    }

    /// One whose end is told is over.
    pub fn forget(&self, announcement: AnnouncementId) {
        self.lock().remove(&announcement);
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<AnnouncementId>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pipeline {
    /// Announces a file: it sounds above everything else, within half a second. The programme, live inputs
    /// and decks fade out over 300 ms, and come back when it is over: the programme at the place where it
    /// was, even in the middle of a crossfade; live inputs and decks have gone on unheard meanwhile. It
    /// sounds while the programme is held, too. If another announcement sounds, this one follows it.
    ///
    /// It waits until the file is open and its beginning is decoded, five seconds at most; nothing fades
    /// before that. Titles stay as they are, and the history does not have it.
    /// [`Event::AnnouncementBegan`](crate::Event::AnnouncementBegan) and
    /// [`Event::AnnouncementEnded`](crate::Event::AnnouncementEnded) tell of it. Relayed mounts are not
    /// reached: nothing is mixed into them.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be played, [`Error::NoAnswer`] if its disk does not answer within five
    /// seconds; [`Error::Limit`] if 16 announcements sound or wait; [`Error::Stopped`] if the pipeline is off
    /// the air; [`Error::Busy`] if the mixer has too many orders. Nothing is heard then.
    pub fn announce(&self, path: impl AsRef<Path>) -> Result<AnnouncementId> {
        self.announce_entry(Entry::new(path.as_ref()))
    }

    /// The same for an entry, which may be [confined](Entry::confined) to the media roots.
    ///
    /// # Errors
    /// As for [`announce`](Pipeline::announce).
    pub fn announce_entry(&self, entry: Entry) -> Result<AnnouncementId> {
        let inner = &self.inner;
        inner.check_running()?;
        // Before a file is opened and a thread started for it.
        limits::announcements_of(inner.announcements.lock().len() + 1)?;
        let (duration, _, voice) = self.open_voice(&entry)?;
        // It is known before the mixer has it, which may end it at once.
        let id = inner.announcements.add()?;
        let announcement = Box::new(Announcement::new(id, entry.path, duration, voice));
        let sent = inner.command(Command::Announcement(AnnouncementOrder::Announce(announcement)));
        sent.inspect_err(|_| inner.announcements.forget(id))?;
        Ok(id)
    }

    /// Stops an announcement. If it sounds, it fades out over 300 ms.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is over; [`Error::Stopped`] if the pipeline is off the air; [`Error::Busy`]
    /// if the mixer has too many orders.
    pub fn stop_announcement(&self, announcement: AnnouncementId) -> Result<()> {
        let inner = &self.inner;
        inner.check_running()?;
        if !inner.announcements.has(announcement) {
            let id = announcement.0;
            return Err(Error::NotFound(format!("announcement {id}: it is over, or is another pipeline's")));
        }
        inner.command(Command::Announcement(AnnouncementOrder::Stop(announcement)))
    }

    /// Stops all announcements: the one that sounds, and those that wait.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the pipeline is off the air; [`Error::Busy`] if the mixer has too many orders.
    pub fn stop_announcements(&self) -> Result<()> {
        self.inner.command(Command::Announcement(AnnouncementOrder::StopAll))
    }

    /// The announcements that sound or wait, in their order, as of the mixer's last job. A stopped pipeline
    /// has none.
    pub fn announcements(&self) -> Vec<AnnouncementState> {
        if !self.is_running() {
            return Vec::new();
        }
        read(&self.inner.on_air).announcements.clone()
    }
}
