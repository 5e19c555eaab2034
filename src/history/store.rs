//! The database of a history. Every call touches the disk, which may never answer.

use std::fs;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::types::{Type, Value};
use rusqlite::{Row, params, params_from_iter};

use super::play::{Piece, Play, PlayKind, PlaysWanted};
use super::schema::SCHEMA;
use crate::database::{Database, Place, Trouble, files, set_aside};
use crate::error::{Error, Result};

/// How long a reader, which somebody waits for, waits while another program has the database locked.
const READS_WITHIN: Duration = Duration::from_secs(4);

/// How many old plays are deleted at once, so that no transaction takes long.
const DELETED_AT_ONCE: usize = 10_000;

/// A history, open for writing.
pub(super) struct Store {
    database: Database,
    file: PathBuf,
    /// The number of this run of the station.
    run: i64,
}

/// A history that has been opened, and what somebody should know of that.
pub(super) struct Opened {
    pub store: Store,
    /// Where the one is that was damaged.
    pub set_aside: Option<PathBuf>,
}

type Outcome<T> = std::result::Result<T, Trouble>;

impl Store {
    /// Opens a history, or makes one. One that is damaged is set aside, and a new one begins in its place.
    pub fn open(file: &Path, run: i64) -> Outcome<Opened> {
        match Store::open_as_it_is(file, run) {
            Err(Trouble::Damaged(reason)) => {
                let aside = set_aside(file, SystemTime::now()).map_err(|error| {
                    Trouble::Passing(format!("it is damaged ({reason}), and cannot be set aside: {error}"))
                })?;
                let (shown, aside_shown) = (file.display(), aside.display());
                log::error!(
                    "{shown}: the history is damaged, a new one begins; now it is {aside_shown}: {reason}"
                );
                Ok(Opened { store: Store::open_as_it_is(file, run)?, set_aside: Some(aside) })
            }
            opened => Ok(Opened { store: opened?, set_aside: None }),
        }
    }

    fn open_as_it_is(file: &Path, run: i64) -> Outcome<Store> {
        // The log is there only after a crash: a clean end leaves the file alone.
        let [_, log, _] = files(file);
        let has_crashed = fs::metadata(log).is_ok_and(|log| log.len() > 0);
        let database = Database::open(file, &SCHEMA)?;
        if has_crashed {
            database.check()?;
        }
        Ok(Store { database, file: file.to_owned(), run })
    }

    /// The same store if its file is where it was. One that was deleted is still open here: it is written
    /// again, and must be opened again then.
    pub fn in_place(self) -> Option<Store> {
        match self.database.place(&self.file) {
            Place::AsItWas => return Some(self),
            Place::Gone => match self.database.write_again(&self.file) {
                Ok(()) => log::warn!("{}: it was deleted: all of it was written again", self.file.display()),
                Err(trouble) => {
                    log::error!("{}: it was deleted, and is lost: {trouble}", self.file.display());
                }
            },
            Place::Replaced => {}
        }
        None
    }

    /// Writes plays, or what they are now: all of them or none.
    pub fn write(&mut self, plays: &[(u64, Play)]) -> Outcome<()> {
        let transaction = self.database.connection.transaction()?;
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
        let deleted = self.database.connection.execute(
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
/// # Errors
/// [`Error::NotFound`] if there is no history; [`Error::File`] if it cannot be read, or was written
/// by another version of Longwave.
pub fn read_plays(file: &Path, wanted: &PlaysWanted) -> Result<Vec<Play>> {
    let mut plays = Vec::new();
    each_play(file, wanted, |play| {
        plays.push(play);
        ControlFlow::Continue(())
    })?;
    Ok(plays)
}

/// The same for each play, so that not all of them need be in memory, until `each` breaks off.
pub(super) fn each_play(
    file: &Path,
    wanted: &PlaysWanted,
    each: impl FnMut(Play) -> ControlFlow<()>,
) -> Result<()> {
    if fs::metadata(file).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Err(Error::NotFound(format!("history {}", file.display())));
    }
    read_each(file, wanted, each)
        .map_err(|trouble| Error::file(file, format!("the history cannot be read: {trouble}")))
}

fn read_each(
    file: &Path,
    wanted: &PlaysWanted,
    mut each: impl FnMut(Play) -> ControlFlow<()>,
) -> Outcome<()> {
    let connection = Database::open_to_read(file)?;
    connection.busy_timeout(READS_WITHIN)?;
    if SCHEMA.version_of(&connection)? < SCHEMA.steps.len() {
        let reason = "an older Longwave made it: start the station once, which brings it up to date";
        return Err(Trouble::Foreign(reason.into()));
    }
    let (sql, values) = query(wanted);
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        if each(play_of(row)?).is_break() {
            break;
        }
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
