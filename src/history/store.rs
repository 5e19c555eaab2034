//! The database of a history. Every call touches the disk, which may never answer.

use std::fs;
use std::io::ErrorKind;
use std::iter;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, Type, Value, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, params, params_from_iter};

use super::play::{Piece, Play, PlayKind, PlaysWanted};
use super::schema::{APPLICATION_ID, STEPS};
use super::settings::{files, with_suffix};
use crate::error::{Error, Result};

/// How long a call waits while another program has the database locked. What cannot be written then is tried
/// again later.
const LOCKED_WITHIN: Duration = Duration::from_secs(1);

/// The same for a reader, which somebody waits for.
const READS_WITHIN: Duration = Duration::from_secs(4);

/// How many old plays are deleted at once, so that no transaction takes long.
const DELETED_AT_ONCE: usize = 10_000;

/// A history, open for writing.
pub(super) struct Store {
    connection: Connection,
    file: PathBuf,
    /// Which file it is. Another one may have taken its place.
    mark: (u64, u64),
    /// The number of this run of the station.
    run: i64,
}

/// Why a history cannot be used now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is locked, its disk is full or cannot be written to, or it is not ours to write: it stays as it is.
    Refused(String),
    /// It is damaged: it is of no use any more.
    Damaged(String),
}

type Outcome<T> = std::result::Result<T, Fault>;

impl Fault {
    pub fn into_reason(self) -> String {
        match self {
            Fault::Refused(reason) | Fault::Damaged(reason) => reason,
        }
    }
}

/// A history that has been opened, and what somebody should know of that.
pub(super) struct Opened {
    pub store: Store,
    /// Where the one is that was damaged.
    pub set_aside: Option<PathBuf>,
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Fault::Damaged(error.to_string()),
            _ => Fault::Refused(error.to_string()),
        }
    }
}

impl Store {
    /// Opens a history, or makes one. One that is damaged is set aside, and a new one begins in its place.
    pub fn open(file: &Path, run: i64) -> Outcome<Opened> {
        match Store::open_with(file, run, STEPS) {
            Err(Fault::Damaged(reason)) => {
                let aside = set_aside(file, &reason).map_err(|error| {
                    Fault::Refused(format!("it is damaged ({reason}), and cannot be set aside: {error}"))
                })?;
                let store = Store::open_with(file, run, STEPS)?;
                Ok(Opened { store, set_aside: Some(aside) })
            }
            opened => Ok(Opened { store: opened?, set_aside: None }),
        }
    }

    /// The same by these steps, and without setting anything aside.
    pub(super) fn open_with(file: &Path, run: i64, steps: &[&str]) -> Outcome<Store> {
        // It is there only after a crash: a clean end leaves the file alone.
        let has_crashed = fs::metadata(with_suffix(file, "-wal")).is_ok_and(|log| log.len() > 0);
        let mut connection = Connection::open(file)?;
        connection.busy_timeout(LOCKED_WITHIN)?;
        let version = version_of(&connection, steps.len())?;
        if has_crashed {
            let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if found != "ok" {
                return Err(Fault::Damaged(found));
            }
        }
        // Readers do not keep a writer waiting, and the other way round. (Not every file system can.)
        connection.pragma_update(None, "journal_mode", "wal")?;
        // A power cut does not lose what was written.
        connection.pragma_update(None, "synchronous", "full")?;
        if version < steps.len() {
            migrate(&mut connection, file, version, steps)?;
        }
        let mark = mark_of(file).map_err(|error| Fault::Refused(error.to_string()))?;
        Ok(Store { connection, file: file.to_owned(), mark, run })
    }

    /// Whether its file is still the one that was opened. What is written to one that was removed is lost.
    pub fn is_in_place(&self) -> bool {
        mark_of(&self.file).is_ok_and(|mark| mark == self.mark)
    }

    /// Writes plays, or what they are now: all of them or none.
    pub fn write(&mut self, plays: &[(u64, Play)]) -> Outcome<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO play (id, run, number, pipeline, kind, began_at, zone, utc_offset, \
                 heard_ms, ended, user, title, artist, name, album, composer, label, label_code, isrc, file, \
                 reason, listeners_at_start, listeners_peak, listened_ms) \
                 VALUES ((SELECT id FROM play WHERE run = ?1 AND number = ?2), ?1, ?2, ?3, ?4, ?5, ?6, ?7, \
                 ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)",
            )?;
            for (number, play) in plays {
                let Play { piece, .. } = play;
                insert.execute(params![
                    self.run,
                    whole(*number),
                    play.pipeline,
                    play.kind.as_str(),
                    whole(play.began_at),
                    play.zone,
                    play.utc_offset,
                    milliseconds(play.heard),
                    play.ended,
                    play.user,
                    play.title,
                    piece.artist,
                    piece.name,
                    piece.album,
                    piece.composer,
                    piece.label,
                    piece.label_code,
                    piece.isrc,
                    play.file,
                    play.reason,
                    whole(play.listeners_at_start),
                    whole(play.listeners_peak),
                    milliseconds(play.listened),
                ])?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// Deletes plays that began before this time, in milliseconds since 1970. Returns whether all are gone.
    pub fn delete_before(&mut self, time: u64) -> Outcome<bool> {
        let deleted = self.connection.execute(
            "DELETE FROM play WHERE id IN \
             (SELECT id FROM play WHERE began_at < ?1 AND (ended OR run <> ?2) LIMIT ?3)",
            params![whole(time), self.run, DELETED_AT_ONCE as i64],
        )?;
        Ok(deleted < DELETED_AT_ONCE)
    }
}

/// Reads plays of a history, the earliest first. A station may write to it meanwhile. It touches the disk,
/// which may not answer.
///
/// # Errors [`Error::NotFound`] if there is no history; [`Error::File`] if it cannot be read, or was written
/// by another version of Longwave.
pub fn read_plays(file: &Path, wanted: &PlaysWanted) -> Result<Vec<Play>> {
    let mut plays = Vec::new();
    each_play(file, wanted, |play| plays.push(play))?;
    Ok(plays)
}

/// The same for each play, so that not all of them need be in memory.
pub(crate) fn each_play(file: &Path, wanted: &PlaysWanted, each: impl FnMut(Play)) -> Result<()> {
    if fs::metadata(file).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Err(Error::NotFound(format!("history {}", file.display())));
    }
    read_each(file, wanted, each)
        .map_err(|fault| Error::file(file, format!("the history cannot be read: {}", fault.into_reason())))
}

fn read_each(file: &Path, wanted: &PlaysWanted, mut each: impl FnMut(Play)) -> Outcome<()> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(READS_WITHIN)?;
    if version_of(&connection, STEPS.len())? < STEPS.len() {
        let reason = "an older Longwave wrote it: start the station once, which brings it up to date";
        return Err(Fault::Refused(reason.into()));
    }
    let (sql, values) = query(wanted);
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        each(play_of(row)?);
    }
    Ok(())
}

/// The statement for these plays, and its values.
fn query(wanted: &PlaysWanted) -> (String, Vec<Value>) {
    let number = |number| Value::Integer(whole(number));
    let conditions = [
        wanted.from.map(|from| ("began_at >= ?", number(from))),
        wanted.before.map(|before| ("began_at < ?", number(before))),
        wanted.pipeline.clone().map(|pipeline| ("pipeline = ?", Value::Text(pipeline))),
    ];
    let (texts, mut values): (Vec<&str>, Vec<Value>) = conditions.into_iter().flatten().unzip();
    let conditions = if texts.is_empty() { String::new() } else { format!(" WHERE {}", texts.join(" AND ")) };
    let forward = "ORDER BY began_at, id";
    let sql = match wanted.limit {
        None => format!("SELECT * FROM play{conditions} {forward}"),
        Some(limit) => {
            values.push(number(limit));
            let first = wanted.from.is_some();
            let order = if first { forward } else { "ORDER BY began_at DESC, id DESC" };
            format!("SELECT * FROM (SELECT * FROM play{conditions} {order} LIMIT ?) {forward}")
        }
    };
    (sql, values)
}

fn play_of(row: &Row<'_>) -> rusqlite::Result<Play> {
    let number = |column| row.get(column).map(|number: i64| number.max(0) as u64);
    let time = |column| number(column).map(Duration::from_millis);
    let kind: String = row.get("kind")?;
    let unknown = || rusqlite::Error::InvalidColumnType(0, format!("kind {kind:?}"), Type::Text);
    Ok(Play {
        pipeline: row.get("pipeline")?,
        kind: PlayKind::named(&kind).ok_or_else(unknown)?,
        began_at: number("began_at")?,
        zone: row.get("zone")?,
        utc_offset: row.get("utc_offset")?,
        heard: time("heard_ms")?,
        ended: row.get("ended")?,
        user: row.get("user")?,
        title: row.get("title")?,
        piece: Piece {
            artist: row.get("artist")?,
            name: row.get("name")?,
            album: row.get("album")?,
            composer: row.get("composer")?,
            label: row.get("label")?,
            label_code: row.get("label_code")?,
            isrc: row.get("isrc")?,
        },
        file: row.get("file")?,
        reason: row.get("reason")?,
        listeners_at_start: number("listeners_at_start")?,
        listeners_peak: number("listeners_peak")?,
        listened: time("listened_ms")?,
    })
}

/// SQLite's integers have a sign.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// How many steps a database has. Refuses one that is no history, or has more steps than are known.
fn version_of(connection: &Connection, known: usize) -> Outcome<usize> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != i64::from(APPLICATION_ID) && tables > 0 {
        return Err(Fault::Refused("it is another program's database: name another file".into()));
    }
    match usize::try_from(version) {
        Ok(version) if version <= known => Ok(version),
        _ => Err(Fault::Refused(format!(
            "a newer Longwave wrote it (version {version}, and this one knows {known}): update Longwave, or name \
             another file"
        ))),
    }
}

/// Brings a database up to date, all at once. What it was before stays beside it.
fn migrate(connection: &mut Connection, file: &Path, version: usize, steps: &[&str]) -> Outcome<()> {
    if version > 0 {
        let kept = free_name(file, &format!(".v{version}"));
        copy_into(connection, &kept)?;
        log::info!("{}: brought up to date; as it was before, it is {}", file.display(), kept.display());
    }
    let transaction = connection.transaction()?;
    for step in &steps[version..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", steps.len() as i64)?;
    Ok(transaction.commit()?)
}

/// Copies a database as it is at this moment, while others may write to it. Any path will do.
fn copy_into(connection: &Connection, file: &Path) -> rusqlite::Result<()> {
    let path = ToSqlOutput::Borrowed(ValueRef::Text(file.as_os_str().as_bytes()));
    connection.execute("VACUUM INTO ?1", [path]).map(drop)
}

/// Copies any database of SQLite as it is at this moment. Others may write to it meanwhile.
///
/// # Errors
/// [`Error::File`] if it cannot be read, or the copy not written.
pub(crate) fn copy(file: &Path, to: &Path) -> Result<()> {
    let copied = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(|database| {
        database.busy_timeout(READS_WITHIN)?;
        copy_into(&database, to)
    });
    copied.map_err(|error| Error::file(file, format!("it cannot be copied: {error}")))
}

/// Renames a damaged history with all that belongs to it.
fn set_aside(file: &Path, reason: &str) -> std::io::Result<PathBuf> {
    let aside = free_name(file, ".aside");
    fs::rename(file, &aside)?;
    let (from, to) = (files(file), files(&aside));
    for (from, to) in from.iter().zip(&to).skip(1) {
        match fs::rename(from, to) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    log::error!(
        "{}: the history is damaged, a new one begins; now it is {}: {reason}",
        file.display(),
        aside.display()
    );
    Ok(aside)
}

/// The file's name with this suffix, or with a number if that is taken.
fn free_name(file: &Path, suffix: &str) -> PathBuf {
    let names = iter::once(suffix.to_owned()).chain((2..).map(|n| format!("{suffix}-{n}")));
    let mut free =
        names.map(|name| with_suffix(file, &name)).filter(|name| fs::symlink_metadata(name).is_err());
    free.next().expect("numbers do not end")
}

fn mark_of(file: &Path) -> std::io::Result<(u64, u64)> {
    fs::metadata(file).map(|about| (about.dev(), about.ino()))
}
