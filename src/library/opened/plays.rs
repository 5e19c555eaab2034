//! The thread `library-plays`: notes which tracks the station plays.
//!
//! Reads: the station's events. Writes: orders for the thread `library`. Never: touches a disk. What
//! happens while the database cannot be written waits, up to the capacity of the events.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, params};

use super::fault::Fault;
use super::readers::Readers;
use super::shared::Shared;
use super::track::id_at;
use super::writer::Orders;
use crate::error::Result;
use crate::event::{Event, EventReceiver, StationEvent};

/// How often the thread sees whether it is to end.
const POLL: Duration = Duration::from_millis(250);

/// What the thread works with.
pub(super) struct Plays {
    pub shared: Arc<Shared>,
    pub orders: Orders,
    pub readers: Readers,
    pub events: EventReceiver<StationEvent>,
}

impl Plays {
    /// Notes plays until the library ends, or the events do.
    pub fn run(self) {
        while !self.shared.is_ending() {
            let track = match self.events.recv_timeout(POLL) {
                Some(StationEvent { event: Event::TrackChange { track, .. }, .. }) => track,
                None if self.events.is_closed() => return,
                _ => continue,
            };
            let at = SystemTime::now();
            // What is wrong with the database is told elsewhere.
            if let Ok(Some(id)) = find(&self.readers, &track.file) {
                let _ = self.orders.wait_for(move |connection| count(connection, id, at));
            }
        }
    }
}

/// The track in this file. `None` if the library does not have it.
pub(super) fn find(readers: &Readers, path: &Path) -> Result<Option<i64>> {
    let path = path.to_owned();
    readers.read(move |view| id_at(view.connection, view.folders, &path))
}

/// Counts a play of a track.
pub(super) fn count(connection: &Connection, id: i64, at: SystemTime) -> std::result::Result<(), Fault> {
    connection.execute(
        "UPDATE tracks SET plays = plays + 1, last_played = max(coalesce(last_played, 0), ?2) WHERE id = ?1",
        params![id, crate::time::millis_since_1970(at)],
    )?;
    Ok(())
}
