//! The thread `library`: the only one that writes the database.
//!
//! Reads: orders, which are changes of the database. Writes: the database, each order whole or not at all; an
//! order is answered when it is on the disk. Never: gives up. A database that is locked, full or gone is
//! tried again; orders of people are answered in time all the same, and a scan waits.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::fault::Fault;
use super::schema::SCHEMA;
use super::shared::{Access, Folder, Repair, Shared, tell_progress};
use crate::database::{Database, Place, Trouble, set_aside};
use crate::error::{Error, Result};
use crate::time::millis_since_1970;

/// How long whoever asks for a change waits for it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// How often the database is tried again, and looked at: whether it is still there.
const TRIED_EVERY: Duration = Duration::from_secs(2);

/// How often the thread sees whether it is to end.
const POLL: Duration = Duration::from_millis(200);

/// Orders that wait for the thread.
const MAX_WAITING: usize = 64;

/// A change of the database, and whoever waits for it.
trait Order: Send {
    /// Makes the change. It may be called again, if it was undone.
    fn change(&mut self, connection: &Connection) -> std::result::Result<(), Fault>;

    /// Whether nobody waits any more.
    fn is_late(&self, now: Instant) -> bool;

    /// Whether it waits until the database can be written.
    fn is_patient(&self) -> bool;

    /// Tells whoever waits that the change is on the disk, or why it is not.
    fn answer(self: Box<Self>, refused: Option<Error>);
}

struct Asked<T, F> {
    change: F,
    value: Option<T>,
    deadline: Option<Instant>,
    reply: Sender<Result<T>>,
}

impl<T: Send, F: FnMut(&Connection) -> std::result::Result<T, Fault> + Send> Order for Asked<T, F> {
    fn change(&mut self, connection: &Connection) -> std::result::Result<(), Fault> {
        self.value = Some((self.change)(connection)?);
        Ok(())
    }

    fn is_late(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    fn is_patient(&self) -> bool {
        self.deadline.is_none()
    }

    fn answer(self: Box<Self>, refused: Option<Error>) {
        let answer = match (refused, self.value) {
            (None, Some(value)) => Ok(value),
            (refused, _) => Err(refused.unwrap_or(Error::Stopped("library"))),
        };
        // Nobody may wait any more.
        let _ = self.reply.send(answer);
    }
}

/// How others have the database changed.
#[derive(Clone)]
pub(super) struct Orders {
    sender: Sender<Box<dyn Order>>,
    shared: Arc<Shared>,
}

impl Orders {
    /// Has a change made for somebody who waits. It is on the disk when this returns.
    pub fn ask<T: Send + 'static>(
        &self,
        change: impl FnMut(&Connection) -> std::result::Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        let deadline = Instant::now() + ANSWERED_WITHIN;
        let answer = self.send(change, Some(deadline))?;
        // The thread may be about to answer.
        match answer.recv_deadline(deadline + TRIED_EVERY) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => Err(self.shared.not_written()),
            Err(RecvTimeoutError::Disconnected) => Err(Error::Stopped("library")),
        }
    }

    /// Has a change made for a scan, which waits until the database can be written, or the library ends.
    pub fn wait_for<T: Send + 'static>(
        &self,
        change: impl FnMut(&Connection) -> std::result::Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        self.send(change, None)?.recv().unwrap_or(Err(Error::Stopped("library")))
    }

    fn send<T: Send + 'static>(
        &self,
        change: impl FnMut(&Connection) -> std::result::Result<T, Fault> + Send + 'static,
        deadline: Option<Instant>,
    ) -> Result<Receiver<Result<T>>> {
        let (reply, answer) = bounded(1);
        let order: Box<dyn Order> = Box::new(Asked { change, value: None, deadline, reply });
        let sent = match deadline {
            Some(deadline) => self.sender.send_deadline(order, deadline).map_err(|error| error.is_timeout()),
            None => self.sender.send(order).map_err(|_| false),
        };
        match sent {
            Ok(()) => Ok(answer),
            Err(true) => Err(self.shared.not_written()),
            Err(false) => Err(Error::Stopped("library")),
        }
    }
}

/// The way of orders to the thread, and the thread's work.
pub(super) fn writer(shared: &Arc<Shared>) -> (Orders, impl FnOnce() + Send + 'static) {
    let (sender, orders) = bounded(MAX_WAITING);
    let (shared, own) = (Arc::clone(shared), Arc::clone(shared));
    let run = move || Writer { shared: own, database: None, orders }.run();
    (Orders { sender, shared }, run)
}

struct Writer {
    shared: Arc<Shared>,
    /// `None` while it cannot be used.
    database: Option<Database>,
    orders: Receiver<Box<dyn Order>>,
}

impl Writer {
    fn run(mut self) {
        self.open();
        let mut looked = Instant::now();
        loop {
            let order = match self.orders.recv_timeout(POLL) {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) if !self.shared.is_ending() => None,
                // Nothing is left to do.
                Err(_) => return,
            };
            if looked.elapsed() >= TRIED_EVERY {
                self.look();
                looked = Instant::now();
            }
            if let Some(order) = order {
                self.carry_out(order);
            }
        }
    }

    /// Makes a change, as often as it takes.
    fn carry_out(&mut self, mut order: Box<dyn Order>) {
        loop {
            if order.is_late(Instant::now()) {
                return order.answer(Some(self.shared.not_written()));
            }
            let refused = match self.attempt(order.as_mut()) {
                Some(Ok(())) => {
                    self.shared.set_writing(None);
                    self.shared.changes.fetch_add(1, Ordering::Release);
                    None
                }
                Some(Err(Fault::Refused(error))) => Some(error),
                Some(Err(Fault::Database(Trouble::Wrong(reason)))) => {
                    let file = self.shared.settings.database.display();
                    log::error!("{file}: a change was refused: {reason}");
                    Some(self.shared.no_answer(reason))
                }
                Some(Err(Fault::Database(trouble))) if !self.shared.is_ending() => {
                    let is_damaged = matches!(trouble, Trouble::Damaged(_));
                    self.take(trouble);
                    // A new database takes it at once.
                    if !is_damaged {
                        self.rest();
                        self.look();
                    }
                    continue;
                }
                None if order.is_patient() && !self.shared.is_ending() => {
                    self.rest();
                    self.look();
                    continue;
                }
                Some(Err(Fault::Database(_))) | None => Some(self.shared.not_written()),
            };
            return order.answer(refused);
        }
    }

    /// Waits a little before it is tried again.
    fn rest(&self) {
        let until = Instant::now() + TRIED_EVERY;
        while Instant::now() < until && !self.shared.is_ending() {
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Makes a change, whole or not at all. `None`: the database is not open.
    fn attempt(&mut self, order: &mut dyn Order) -> Option<std::result::Result<(), Fault>> {
        // So it is named if its disk hangs. Whether others hang does not matter here.
        let doing = self.shared.files.begin(&self.shared.settings.database);
        let connection = &mut self.database.as_mut()?.connection;
        let mut change = || -> std::result::Result<(), Fault> {
            if let Ok(doing) = &doing {
                tell_progress(connection, doing.job())?;
            }
            let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            order.change(&change)?;
            if order.is_late(Instant::now()) {
                // Whoever waited is told that nothing has changed.
                return Err(self.shared.not_written().into());
            }
            Ok(change.commit()?)
        };
        Some(change())
    }

    /// Opens the database if it is not open, mends it if it is damaged, and sees whether it is still there.
    fn look(&mut self) {
        let file = self.shared.settings.database.clone();
        let _doing = self.shared.files.begin(&file);
        let Some(database) = &self.database else { return self.open() };
        match database.place(&file) {
            Place::AsItWas if self.shared.is_suspect.swap(false, Ordering::Relaxed) => {
                if let Err(trouble) = database.check() {
                    self.take(trouble);
                }
            }
            Place::AsItWas => self.notice_others(),
            Place::Replaced => {
                self.shared.set_mended("another database was put in its place: it is used now".into());
                self.open();
            }
            Place::Gone => self.write_again(&file),
            Place::Emptied => self.take(Trouble::Damaged("its file was emptied".into())),
        }
    }

    /// Notes changes that other programs made.
    fn notice_others(&mut self) {
        let Some(database) = &mut self.database else { return };
        if database.was_changed_by_others() {
            self.shared.changes.fetch_add(1, Ordering::Release);
        }
    }

    /// A file that was deleted is still open here.
    fn write_again(&mut self, file: &Path) {
        let Some(database) = self.database.take() else { return };
        match database.write_again(file) {
            Ok(()) => self.shared.set_mended("it was deleted: all of it was written again".into()),
            Err(trouble) => {
                let what =
                    format!("it was deleted, and could not be written again ({trouble}): a new one is made");
                self.shared.set_mended(what);
            }
        }
        self.open();
    }

    /// What is done about trouble with the database.
    fn take(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Damaged(reason) if self.shared.repair == Repair::Never => {
                self.shut(format!(
                    "it is damaged: {reason}: start the station, or run `longwave library scan`; both set it \
                     aside and make a new one of the folders"
                ));
            }
            Trouble::Damaged(reason) => {
                self.database = None;
                match set_aside(&self.shared.settings.database, SystemTime::now()) {
                    Ok(aside) => {
                        let aside = aside.display();
                        self.shared.set_mended(format!(
                            "it was damaged ({reason}): it is {aside} now, and a new one is made of the folders"
                        ));
                        self.open_anew();
                    }
                    Err(error) => {
                        let reason = format!("it is damaged, and cannot be set aside: {error}");
                        self.shut(reason);
                    }
                }
            }
            Trouble::Passing(reason) => self.shared.set_writing(Some(reason)),
            Trouble::Foreign(reason) | Trouble::Wrong(reason) => self.shut(reason),
        }
    }

    fn open(&mut self) {
        self.database = None;
        match self.opened() {
            Ok(()) => {}
            Err(trouble @ Trouble::Damaged(_)) => self.take(trouble),
            Err(trouble) => self.shut(trouble.to_string()),
        }
    }

    /// After a database was set aside. One that is damaged again is not made a third time at once.
    fn open_anew(&mut self) {
        if let Err(trouble) = self.opened() {
            self.shut(trouble.to_string());
        }
    }

    fn opened(&mut self) -> std::result::Result<(), Trouble> {
        let database = Database::open(&self.shared.settings.database, &SCHEMA)?;
        let folders = self.enter_folders(&database.connection)?;
        let opening = self.shared.openings.fetch_add(1, Ordering::Release) + 1;
        self.shared.set_access(Access::Open { opening, folders });
        self.shared.set_writing(None);
        self.shared.changes.fetch_add(1, Ordering::Release);
        self.database = Some(database);
        Ok(())
    }

    fn shut(&mut self, reason: String) {
        self.database = None;
        self.shared.set_writing(Some(reason.clone()));
        self.shared.set_access(Access::Shut(reason));
    }

    /// Enters the folders that are declared. The tracks of others count as missing.
    fn enter_folders(&self, connection: &Connection) -> std::result::Result<Vec<Folder>, Trouble> {
        let settings = &self.shared.settings;
        let mut folders = Vec::new();
        for path in &settings.folders {
            let name = settings.name_of(path).as_os_str().as_bytes();
            let known = || {
                let query = "SELECT id FROM folders WHERE name = ?1";
                connection.query_row(query, params![name], |row| row.get(0)).optional()
            };
            let id = match known()? {
                Some(id) => id,
                // Another program may enter it at the same time.
                None => {
                    connection.execute("INSERT OR IGNORE INTO folders (name) VALUES (?1)", params![name])?;
                    known()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?
                }
            };
            folders.push(Folder { id, path: path.clone() });
        }
        let ids: Vec<String> = folders.iter().map(|folder| folder.id.to_string()).collect();
        let elsewhere = format!("missing IS NULL AND folder NOT IN ({})", ids.join(", "));
        let others: i64 =
            connection
                .query_row(&format!("SELECT count(*) FROM tracks WHERE {elsewhere}"), [], |row| row.get(0))?;
        if others > 0 {
            let now = millis_since_1970(SystemTime::now());
            let change = connection.unchecked_transaction()?;
            change.execute(
                &format!("DELETE FROM words WHERE rowid IN (SELECT id FROM tracks WHERE {elsewhere})"),
                [],
            )?;
            change.execute(&format!("UPDATE tracks SET missing = ?1 WHERE {elsewhere}"), params![now])?;
            change.commit()?;
        }
        Ok(folders)
    }
}
