//! The thread `library-hear`: has each track listened to once, the newest first, while no scan runs.
//!
//! Reads: which tracks nobody has listened to, and what a thread `files` hears, which has the lowest
//! priority. Writes: orders for the thread `library`. Never: touches a disk. What was heard is on the
//! disk at once, so it goes on where it was after a restart.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Fault;
use super::readers::{Readers, View};
use super::shared::{Shared, lock};
use super::status::ScanState;
use super::track::path_of;
use super::writer::Orders;
use crate::error::Error;
use crate::filework::{NoAnswer, Pending};
use crate::listening::{Listened, listen};
use crate::thread;

/// How often the thread sees whether there is something to listen to.
const RESTS: Duration = Duration::from_millis(500);

/// How long a track is left alone whose disk did not answer, or whose file could not be opened.
const LEFT_ALONE: Duration = Duration::from_secs(600);

/// The most tracks that are left alone at once. With more of them, the thread waits.
const MAX_LEFT_ALONE: usize = 16;

/// What the thread works with.
pub(super) struct Listening {
    pub shared: Arc<Shared>,
    pub orders: Orders,
    pub readers: Readers,
    /// Tracks that could not be listened to just now, and until when they are left alone.
    pub left_alone: Vec<(i64, Instant)>,
}

/// A track to listen to.
#[derive(Clone, Debug)]
struct Next {
    id: i64,
    path: PathBuf,
    /// What it is known by: the file may change meanwhile.
    content: Option<Vec<u8>>,
}

/// What came of listening.
enum Outcome {
    Heard(Box<Listened>),
    /// It cannot be decoded to its end.
    Unhearable(String),
    /// Its disk does not answer, or the file cannot be opened.
    Later,
    /// The library rests, or ends.
    Interrupted,
}

impl Listening {
    /// Listens until the library ends.
    pub fn run(mut self) {
        while !self.shared.is_ending() {
            match self.next() {
                Some(next) => self.take_in(next),
                None => std::thread::sleep(RESTS),
            }
        }
    }

    /// What is to be listened to now.
    fn next(&mut self) -> Option<Next> {
        let rests = self.shared.paused.load(Ordering::Relaxed);
        let is_scanning = matches!(lock(&self.shared.scanning).state, ScanState::Running(_));
        let now = Instant::now();
        self.left_alone.retain(|(_, until)| *until > now);
        if rests || is_scanning || self.left_alone.len() == MAX_LEFT_ALONE {
            return None;
        }
        let left: Vec<i64> = self.left_alone.iter().map(|(id, _)| *id).collect();
        // What is wrong with the database is told elsewhere.
        self.readers.read(move |view| next(view, &left)).ok().flatten()
    }

    fn take_in(&mut self, next: Next) {
        let stored = match self.listen(&next) {
            Outcome::Heard(listened) => {
                let next = next.clone();
                self.orders.wait_for(move |connection| keep(connection, &next, &listened))
            }
            Outcome::Unhearable(reason) => {
                log::info!("{}: it is not listened to: {reason}", next.path.display());
                let next = next.clone();
                self.orders.wait_for(move |connection| give_up(connection, &next))
            }
            Outcome::Later => {
                self.left_alone.push((next.id, Instant::now() + LEFT_ALONE));
                Ok(())
            }
            Outcome::Interrupted => Ok(()),
        };
        if stored.is_err() {
            std::thread::sleep(RESTS);
        }
    }

    /// Has a thread `files` listen.
    fn listen(&self, next: &Next) -> Outcome {
        let path = next.path.clone();
        let listening = self.shared.files.start(&next.path, move |job| {
            thread::go_last();
            match listen(&path, |_| job.go_on()) {
                // It says nothing of the file that its disk is away, or that it may not be read.
                Err(_) if File::open(&path).is_err() => Ok(None),
                listened => listened,
            }
        });
        let Ok(listening) = listening else { return Outcome::Later };
        match self.result(&listening) {
            None => Outcome::Interrupted,
            Some(Ok(Ok(Some(listened)))) => Outcome::Heard(Box::new(listened)),
            Some(Ok(Err(Error::File { reason, .. }))) => Outcome::Unhearable(reason),
            Some(Err(NoAnswer::Panicked)) => Outcome::Unhearable("listening to it has panicked".into()),
            Some(_) => Outcome::Later,
        }
    }

    /// The result. `None` if the library rests or ends meanwhile.
    fn result<T>(&self, listening: &Pending<T>) -> Option<Result<T, NoAnswer>> {
        loop {
            if let Some(result) = listening.poll() {
                return Some(result);
            }
            if listening.hangs() {
                return Some(Err(NoAnswer::Late(RESTS)));
            }
            if self.shared.is_ending() || self.shared.paused.load(Ordering::Relaxed) {
                return None;
            }
        }
    }
}

/// The newest track that nobody has listened to.
fn next(view: &View<'_>, left_alone: &[i64]) -> Result<Option<Next>, Fault> {
    let left_alone: Vec<String> = left_alone.iter().map(i64::to_string).collect();
    let query = format!(
        "SELECT id, folder, path, content FROM tracks WHERE hearing = 0 AND missing IS NULL AND problem IS NULL \
         AND id NOT IN ({}) ORDER BY added DESC LIMIT 1",
        left_alone.join(", ")
    );
    let row = view.connection.query_row(&query, [], |row| {
        let path = path_of(row.get_ref(2)?.as_blob()?).to_owned();
        Ok((row.get(0)?, row.get::<_, i64>(1)?, path, row.get(3)?))
    });
    let Some((id, folder, path, content)) = row.optional()? else { return Ok(None) };
    let folder = view.folders.iter().find(|known| known.id == folder);
    Ok(folder.map(|folder| Next { id, path: folder.path.join(path), content }))
}

/// Writes down what was heard, unless the file has changed meanwhile.
fn keep(connection: &Connection, next: &Next, listened: &Listened) -> Result<(), Fault> {
    let heard = serde_json::to_string(&listened.heard).expect("what was heard is plain values");
    let loudness = listened.heard.loudness_lufs.map(f64::from);
    let kept = connection.execute(
        "UPDATE tracks SET hearing = 1, heard = ?3, loudness = ?4 WHERE id = ?1 AND content IS ?2",
        params![next.id, next.content, heard, loudness],
    )?;
    if kept > 0 {
        connection.execute(
            "INSERT OR REPLACE INTO waveforms (track, peaks) VALUES (?1, ?2)",
            params![next.id, listened.waveform.peaks()],
        )?;
    }
    Ok(())
}

/// Notes that a track cannot be listened to.
fn give_up(connection: &Connection, next: &Next) -> Result<(), Fault> {
    connection.execute(
        "UPDATE tracks SET hearing = 2 WHERE id = ?1 AND content IS ?2",
        params![next.id, next.content],
    )?;
    Ok(())
}
