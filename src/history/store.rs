//! The database of a history. Every call touches the disk, which may never answer.

use std::fs;
use std::io::ErrorKind;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::types::{Type, Value};
use rusqlite::{
    Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params, params_from_iter,
};

use super::minutes::{Count, Minute};
use super::play::{Piece, Play, PlayKind, PlaysWanted};
use super::retention::Oldest;
use super::schema::SCHEMA;
use super::waiting::Batch;
use crate::database::{Database, Place, Trouble, files, judged, set_aside};
use crate::error::{Error, Result};

/// How long a reader, which somebody waits for, waits while another program has the database locked.
const READS_WITHIN: Duration = Duration::from_secs(4);

/// How many old plays, and how many old minutes, are deleted at once, so that no transaction takes long.
const DELETED_AT_ONCE: usize = 10_000;

/// What the station as a whole is called among the streams.
pub(super) const STATION: &str = "";

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
            // It is set aside before it is closed: closing would write a part of it into the empty file.
            Place::Emptied => match set_aside(&self.file, SystemTime::now()) {
                Ok(aside) => {
                    let (file, aside) = (self.file.display(), aside.display());
                    log::error!("{file}: it was emptied, a new one begins; what is left of it is {aside}");
                }
                Err(error) => {
                    log::error!("{}: it was emptied, and cannot be set aside: {error}", self.file.display());
                }
            },
            Place::Replaced => {}
        }
        None
    }

    /// Writes plays, or what they are now, and minutes: all of them or none. Writing them again changes
    /// nothing.
    pub fn write(&mut self, batch: &Batch) -> Outcome<()> {
        let run = self.run;
        // Another attempt, whose disk has answered at last, may be under way.
        let transaction =
            self.database.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        write_plays(&transaction, run, &batch.plays)?;
        add_minutes(&transaction, run, &batch.minutes)?;
        Ok(transaction.commit()?)
    }

    /// Deletes what is older. Returns whether all of it is gone.
    pub fn delete(&mut self, oldest: Oldest) -> Outcome<bool> {
        let (most, connection) = (DELETED_AT_ONCE as i64, &self.database.connection);
        let mut deleted = connection.execute(
            "DELETE FROM minute WHERE (at, stream) IN (SELECT at, stream FROM minute WHERE at < ?1 LIMIT ?2)",
            params![whole(oldest.minute), most],
        )?;
        connection.execute(
            "DELETE FROM counted WHERE at < ?1 AND run <> ?2",
            params![whole(oldest.minute), self.run],
        )?;
        if let Some(time) = oldest.play {
            deleted = deleted.max(connection.execute(
                "DELETE FROM play WHERE id IN \
                 (SELECT id FROM play WHERE began_at < ?1 AND (ended OR run <> ?2) LIMIT ?3)",
                params![whole(time), self.run, most],
            )?);
        }
        Ok(deleted < DELETED_AT_ONCE)
    }
}

fn write_plays(transaction: &Transaction<'_>, run: i64, plays: &[(u64, Play)]) -> Outcome<()> {
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
            run,
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
    Ok(())
}

/// Adds minutes to what is known of them, unless that has been done. They come in the order of their numbers.
fn add_minutes(transaction: &Transaction<'_>, run: i64, minutes: &[(u64, Minute)]) -> Outcome<()> {
    let mut last = transaction.prepare_cached("SELECT number FROM counted WHERE run = ?1")?;
    let last: i64 = last.query_row([run], |row| row.get(0)).optional()?.unwrap_or(0);
    let mut add = transaction.prepare_cached(
        "INSERT INTO minute (at, stream, seconds, listened, peak, joins) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT DO UPDATE SET seconds = seconds + excluded.seconds, \
         listened = listened + excluded.listened, peak = max(peak, excluded.peak), \
         joins = joins + excluded.joins",
    )?;
    let mut count = transaction.prepare_cached("INSERT OR REPLACE INTO counted VALUES (?1, ?2, ?3)")?;
    for (number, minute) in minutes.iter().filter(|(number, _)| whole(*number) > last) {
        let at = whole(minute.at);
        let streams = minute.streams.iter().map(|(stream, count)| (&**stream, count));
        for (stream, counted) in streams.chain([(STATION, &minute.station)]) {
            let Count { seconds, listened, peak, joins } = *counted;
            add.execute(params![at, stream, whole(seconds), whole(listened), whole(peak), whole(joins)])?;
        }
        count.execute(params![run, whole(*number), at])?;
    }
    Ok(())
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
    mut each: impl FnMut(Play) -> ControlFlow<()>,
) -> Result<()> {
    reading(file, |connection| {
        let (sql, values) = query(wanted);
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            if each(play_of(row)?).is_break() {
                break;
            }
        }
        Ok(())
    })
}

/// The last play of a pipeline that began by this time, in milliseconds since 1970, and was the programme's
/// or a live input's. Decks and announcements sound over those, and set no title.
pub(super) fn play_at(file: &Path, pipeline: &str, at: u64) -> Result<Option<Play>> {
    reading(file, |connection| {
        let mut statement = connection.prepare(
            "SELECT * FROM play WHERE began_at <= ?1 AND pipeline = ?2 \
             AND kind NOT IN ('deck', 'announcement') ORDER BY began_at DESC, id DESC LIMIT 1",
        )?;
        Ok(statement.query_row(params![whole(at), pipeline], play_of).optional()?)
    })
}

/// Gives `each` what is known of a stream in a minute, in the order of the minutes, from the first one until
/// before the second.
pub(super) fn each_minute(
    file: &Path,
    minutes: Range<u64>,
    stream: Option<&str>,
    mut each: impl FnMut(u64, &str, Count) -> ControlFlow<()>,
) -> Result<()> {
    reading(file, |connection| {
        let mut statement = connection.prepare(
            "SELECT at, stream, seconds, listened, peak, joins FROM minute \
             WHERE at >= ?1 AND at < ?2 AND (?3 IS NULL OR stream = ?3) ORDER BY at, stream",
        )?;
        let mut rows = statement.query(params![whole(minutes.start), whole(minutes.end), stream])?;
        while let Some(row) = rows.next()? {
            let stream = row.get_ref("stream")?.as_str().map_err(rusqlite::Error::from)?;
            let number = |column| natural(row, column);
            let count = Count {
                seconds: number("seconds")?,
                listened: number("listened")?,
                peak: number("peak")?,
                joins: number("joins")?,
            };
            if each(number("at")?, stream, count).is_break() {
                break;
            }
        }
        Ok(())
    })
}

/// Reads a history by a connection of its own.
fn reading<T>(file: &Path, read: impl FnOnce(&Connection) -> Outcome<T>) -> Result<T> {
    if fs::metadata(file).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Err(Error::NotFound(format!("history {}", file.display())));
    }
    let opened = || -> Outcome<T> {
        let connection = Database::open_to_read(file)?;
        connection.busy_timeout(READS_WITHIN)?;
        if SCHEMA.version_of(&connection)? < SCHEMA.steps.len() {
            let reason = "an older Longwave made it: start the station once, which brings it up to date";
            return Err(Trouble::Foreign(reason.into()));
        }
        read(&connection)
    };
    opened().map_err(|trouble| match judged(file, trouble) {
        damaged @ Trouble::Damaged(_) => {
            let next = "start the station, which sets it aside and begins a new one";
            Error::file(file, format!("the history cannot be read: {damaged}: {next}"))
        }
        trouble => Error::file(file, format!("the history cannot be read: {trouble}")),
    })
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
    let number = |column| natural(row, column);
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

fn natural(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    row.get(column).map(|number: i64| number.max(0) as u64)
}

/// SQLite's integers have a sign.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
