//! A track of the library: what its file tells of it, and what a person has said otherwise.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fault::Fault;
use super::readers::View;
use super::shared::Folder;
use crate::error::{Error, Result};
use crate::listening::Waveform;
use crate::metadata::Tags;
use crate::path_text::cleaned;
use crate::playout::{Heard, TrackHeard, TrackKind};
use crate::time::{from_millis, optional_seconds, seconds};

/// A track of the library.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Its id, which stays the same when its file is moved. No other track ever has it.
    pub id: i64,
    /// Its file.
    pub path: PathBuf,
    /// The folder of the library in which it lies.
    pub folder: PathBuf,
    /// The size of its file, in bytes.
    pub size: u64,
    /// What its file says of it.
    pub tags: Tags,
    /// What a person has said of it, which takes precedence over the file.
    pub edits: Edits,
    /// How it sounds.
    pub hearing: Hearing,
    /// When it came into the library.
    pub added: SystemTime,
    /// Since when its file has not been there any more. `None`: it is there.
    pub missing: Option<SystemTime>,
    /// Why it cannot be played. `None`: nothing is wrong with it.
    pub problem: Option<String>,
    /// How often it was played.
    pub plays: u64,
    /// When it was played last.
    pub last_played: Option<SystemTime>,
}

impl Track {
    /// Its performer.
    pub fn artist(&self) -> Option<&str> {
        self.edits.artist.as_deref().or(self.tags.artist.as_deref())
    }

    /// How it sounds: what a person has set, and what was measured.
    pub(super) fn heard(&self) -> TrackHeard {
        TrackHeard { set: self.edits.heard(), measured: self.measured() }
    }

    /// Its name.
    pub fn title(&self) -> Option<&str> {
        self.edits.title.as_deref().or(self.tags.title.as_deref())
    }

    /// What it is for.
    pub fn kind(&self) -> TrackKind {
        self.edits.kind.unwrap_or_default()
    }

    /// How long it sounds, if that is known: as it was heard, else as its file says.
    pub fn duration(&self) -> Option<Duration> {
        self.measured().duration.or(self.tags.duration)
    }

    /// What was heard of it.
    fn measured(&self) -> Heard {
        match self.hearing {
            Hearing::Heard(heard) => heard,
            Hearing::Waiting | Hearing::Unhearable => Heard::default(),
        }
    }
}

/// Whether somebody has listened to a track.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Hearing {
    /// Not yet.
    #[default]
    Waiting,
    /// This was heard.
    Heard(Heard),
    /// It cannot be decoded to its end. It plays as far as it goes.
    Unhearable,
}

/// What a person has said of a track. It outlives whatever happens to the file: new tags, another folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Edits {
    /// The performer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
    /// The name of the piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<TrackKind>,
    /// Whether playlists of the library may have it: `None` is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How much somebody likes it: 1 to 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<u8>,
    /// Its loudness in LUFS, instead of what was heard: -70 to 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loudness_lufs: Option<f32>,
    /// Where it begins, from the file's first frame. In JSON seconds, like those below.
    #[serde(skip_serializing_if = "Option::is_none", with = "optional_seconds")]
    pub cue_in: Option<Duration>,
    /// Where it ends.
    #[serde(skip_serializing_if = "Option::is_none", with = "optional_seconds")]
    pub cue_out: Option<Duration>,
    /// Where the next track starts.
    #[serde(skip_serializing_if = "Option::is_none", with = "optional_seconds")]
    pub start_next: Option<Duration>,
}

/// The longest text that somebody may set, in characters.
const MAX_TEXT: usize = 500;

impl Edits {
    /// How a person says that it sounds.
    pub fn heard(&self) -> Heard {
        let Edits { loudness_lufs, cue_in, cue_out, start_next, .. } = *self;
        Heard { loudness_lufs, cue_in, cue_out, start_next, ..Heard::default() }
    }

    /// Puts the artist and the title that a person has set in place of those in these tags.
    pub(super) fn correct(&self, tags: &mut Tags) {
        for (said, tag) in [(&self.artist, &mut tags.artist), (&self.title, &mut tags.title)] {
            if said.is_some() {
                tag.clone_from(said);
            }
        }
    }

    /// The same with these changes, by key. A value of `null` is said no more.
    ///
    /// # Errors
    /// [`Error::Setting`] for a key that there is not, and for a value of another type.
    pub fn changed(&self, changes: &Map<String, Value>) -> Result<Edits> {
        let Ok(Value::Object(mut all)) = serde_json::to_value(self) else {
            unreachable!("edits are an object")
        };
        for (key, value) in changes {
            match value {
                Value::Null => drop(all.remove(key)),
                value => drop(all.insert(key.clone(), value.clone())),
            }
        }
        serde_json::from_value(Value::Object(all)).map_err(|error| Error::setting("edits", error.to_string()))
    }

    /// Refuses cue points that were changed and lie beyond the end of the file.
    fn check_cues(&self, before: &Edits, length: Duration) -> Result<()> {
        for (key, now, before) in [
            ("cue_in", self.cue_in, before.cue_in),
            ("cue_out", self.cue_out, before.cue_out),
            ("start_next", self.start_next, before.start_next),
        ] {
            if now != before && now.is_some_and(|point| point > length) {
                let reason = format!("it is beyond the end of the file: {} seconds at most", seconds(length));
                return Err(Error::setting(key, reason));
            }
        }
        Ok(())
    }

    /// Refuses what cannot be.
    fn check(&self) -> Result<()> {
        for (key, text) in [("artist", &self.artist), ("title", &self.title)] {
            let Some(text) = text else { continue };
            if text.trim().is_empty() || text.chars().count() > MAX_TEXT {
                return Err(Error::setting(key, format!("1 to {MAX_TEXT} characters, or nothing at all")));
            }
            if text.contains(char::is_control) {
                return Err(Error::setting(key, "it has a control character: leave it out"));
            }
        }
        if self.loudness_lufs.is_some_and(|loudness| !(-70.0..=0.0).contains(&loudness)) {
            return Err(Error::setting("loudness_lufs", "-70 to 0, in LUFS"));
        }
        let crossed =
            |from: Option<Duration>, to: Option<Duration>| from.zip(to).is_some_and(|(a, b)| a >= b);
        if crossed(self.cue_in, self.cue_out) || crossed(self.cue_in, self.start_next) {
            return Err(Error::setting("cue_in", "it must be before cue_out and start_next"));
        }
        if self.cue_out.zip(self.start_next).is_some_and(|(out, next)| next > out) {
            return Err(Error::setting("start_next", "it must not be after cue_out"));
        }
        match self.rating {
            Some(rating) if !(1..=5).contains(&rating) => {
                Err(Error::setting("rating", format!("{rating} is not within 1 and 5")))
            }
            _ => Ok(()),
        }
    }
}

/// What [`from_row`] needs, for a query of `tracks t LEFT JOIN edits e ON e.track = t.id`.
pub(super) const COLUMNS: &str = "t.id, t.folder, t.path, t.size, t.tags, e.edits, t.added, t.missing, \
                                  t.problem, t.plays, t.last_played, t.hearing, t.heard";

/// What tracks are read from.
pub(super) const SOURCE: &str = "tracks t LEFT JOIN edits e ON e.track = t.id";

/// The track of a row with [`COLUMNS`].
pub(super) fn from_row(row: &Row<'_>, folders: &[Folder]) -> rusqlite::Result<Track> {
    let text_of = |column: usize| row.get_ref(column)?.as_str_or_null().map_err(rusqlite::Error::from);
    let folder: i64 = row.get(1)?;
    let folder = folders.iter().find(|known| known.id == folder).map(|known| known.path.clone());
    let folder = folder.unwrap_or_default();
    // What an older version wrote may lack a field; what cannot be read at all is read again with its file.
    let tags = text_of(4)?.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let edits = text_of(5)?.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let time = |millis: Option<i64>| millis.map(from_millis);
    Ok(Track {
        id: row.get(0)?,
        path: folder.join(path_of(row.get_ref(2)?.as_blob()?)),
        folder,
        size: row.get::<_, i64>(3)?.unsigned_abs(),
        tags,
        edits,
        hearing: hearing_of(row)?,
        added: from_millis(row.get(6)?),
        missing: time(row.get(7)?),
        problem: row.get(8)?,
        plays: row.get::<_, i64>(9)?.unsigned_abs(),
        last_played: time(row.get(10)?),
    })
}

/// Whether somebody has listened to the track of a row, and what was heard.
fn hearing_of(row: &Row<'_>) -> rusqlite::Result<Hearing> {
    let heard = row.get_ref(12)?.as_str_or_null().map_err(rusqlite::Error::from)?;
    Ok(match row.get::<_, i64>(11)? {
        0 => Hearing::Waiting,
        2 => Hearing::Unhearable,
        _ => heard.and_then(|text| serde_json::from_str(text).ok()).map_or(Hearing::Waiting, Hearing::Heard),
    })
}

/// The path that the database has as bytes.
pub(super) fn path_of(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// The bytes of a path, for the database.
pub(super) fn bytes_of(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// The track with this id.
pub(super) fn by_id(
    connection: &Connection,
    folders: &[Folder],
    id: i64,
) -> std::result::Result<Track, Fault> {
    let query = format!("SELECT {COLUMNS} FROM {SOURCE} WHERE t.id = ?1");
    let mut query = connection.prepare_cached(&query)?;
    let track = query.query_row(params![id], |row| from_row(row, folders)).optional()?;
    Ok(track.ok_or_else(|| unknown(id))?)
}

/// The id of the track in this file. A configuration and a list may have `..` in their paths.
pub(super) fn id_at(
    connection: &Connection,
    folders: &[Folder],
    path: &Path,
) -> std::result::Result<Option<i64>, Fault> {
    let path = cleaned(path);
    let place = folders.iter().find_map(|folder| {
        let below = path.strip_prefix(cleaned(&folder.path)).ok()?;
        Some((folder.id, below))
    });
    let Some((folder, path)) = place else { return Ok(None) };
    let query = "SELECT id FROM tracks WHERE folder = ?1 AND path = ?2";
    let mut query = connection.prepare_cached(query)?;
    Ok(query.query_row(params![folder, bytes_of(path)], |row| row.get(0)).optional()?)
}

/// The tags of the track in this file, with what a person has set, and how it sounds.
pub(super) fn known_at(
    view: &View<'_>,
    path: &Path,
) -> std::result::Result<Option<(Tags, TrackHeard)>, Fault> {
    let Some(id) = id_at(view.connection, view.folders, path)? else { return Ok(None) };
    let track = by_id(view.connection, view.folders, id)?;
    let heard = track.heard();
    let Track { mut tags, edits, .. } = track;
    edits.correct(&mut tags);
    Ok(Some((tags, heard)))
}

/// The picture of a track. `None` if nobody has listened to it yet.
pub(super) fn waveform(connection: &Connection, id: i64) -> std::result::Result<Option<Waveform>, Fault> {
    let query = "SELECT w.peaks FROM tracks t LEFT JOIN waveforms w ON w.track = t.id WHERE t.id = ?1";
    let peaks =
        connection.query_row(query, params![id], |row| row.get::<_, Option<Vec<u8>>>(0)).optional()?;
    Ok(peaks.ok_or_else(|| unknown(id))?.and_then(|peaks| Waveform::of_peaks(&peaks)))
}

fn unknown(id: i64) -> Error {
    Error::NotFound(format!("track {id} in the library"))
}

/// The first tracks that cannot be played.
pub(super) fn unplayable(view: &View<'_>, limit: usize) -> std::result::Result<Vec<Track>, Fault> {
    let query = format!(
        "SELECT {COLUMNS} FROM {SOURCE} WHERE t.missing IS NULL AND t.problem IS NOT NULL \
         ORDER BY t.folder, t.path LIMIT ?1"
    );
    let mut query = view.connection.prepare_cached(&query)?;
    let rows = query.query_map(params![limit], |row| from_row(row, view.folders))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Changes what a person has said of a track, and what a search finds it by.
pub(super) fn edit(
    connection: &Connection,
    id: i64,
    change: impl FnOnce(&mut Edits) -> Result<()>,
) -> std::result::Result<(), Fault> {
    let track = by_id(connection, &[], id)?;
    let mut edits = track.edits.clone();
    change(&mut edits)?;
    edits.check()?;
    if let Some(length) = track.measured().duration {
        edits.check_cues(&track.edits, length)?;
    }
    if edits == Edits::default() {
        connection.execute("DELETE FROM edits WHERE track = ?1", params![id])?;
    } else {
        let text = serde_json::to_string(&edits).expect("edits are plain values");
        connection
            .execute("INSERT OR REPLACE INTO edits (track, edits) VALUES (?1, ?2)", params![id, text])?;
    }
    index(connection, id)
}

/// What a search finds a track by, as the file and a person say it.
struct Words {
    artist: Option<String>,
    title: Option<String>,
    album: Option<String>,
    genre: Option<String>,
    year: Option<i32>,
    path: Vec<u8>,
}

/// Brings what a search finds a track by up to date. A track that is missing or cannot be played is not
/// found.
pub(super) fn index(connection: &Connection, id: i64) -> std::result::Result<(), Fault> {
    let mut forget = connection.prepare_cached("DELETE FROM words WHERE rowid = ?1")?;
    forget.execute(params![id])?;
    let mut query = connection.prepare_cached(
        "SELECT coalesce(e.edits ->> 'artist', t.artist), coalesce(e.edits ->> 'title', t.title), t.album, \
         t.genre, t.year, t.path FROM tracks t LEFT JOIN edits e ON e.track = t.id \
         WHERE t.id = ?1 AND t.missing IS NULL AND t.problem IS NULL",
    )?;
    let words = query.query_row(params![id], |row| {
        Ok(Words {
            artist: row.get(0)?,
            title: row.get(1)?,
            album: row.get(2)?,
            genre: row.get(3)?,
            year: row.get(4)?,
            path: row.get(5)?,
        })
    });
    let Some(Words { artist, title, album, genre, year, path }) = words.optional()? else { return Ok(()) };
    let mut enter = connection.prepare_cached(
        "INSERT INTO words (rowid, artist, title, album, genre, year, file) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    enter.execute(params![id, artist, title, album, genre, year, crate::path_text::shown(&path)])?;
    Ok(())
}
