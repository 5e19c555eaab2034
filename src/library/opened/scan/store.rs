//! The statements of a scan.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::tagging::{FoundFile, ReadFile};
use crate::library::opened::fault::Fault;
use crate::library::opened::status::ScanResult;
use crate::library::opened::track::{bytes_of, index, path_of};
use crate::metadata::Tags;
use crate::time::millis_since_1970;

/// How long a track is kept whose file is gone, if nobody has edited or played it. A disk may be away for a
/// summer.
const MISSING_KEPT: Duration = Duration::from_secs(180 * 24 * 60 * 60);

/// A file that is gone is taken for one with the same content that came at most so long before.
const MOVED_WITHIN: Duration = Duration::from_secs(60 * 60);

/// What the database knows of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// All of it: the file has not changed.
    Same { id: i64 },
    /// All of it, but the file was missing.
    Back { id: i64 },
    /// Nothing, or what it was before.
    Not,
}

/// Looks up files.
pub(super) fn compare(
    connection: &Connection,
    folder: i64,
    files: Vec<FoundFile>,
) -> Result<Vec<(FoundFile, Known)>, Fault> {
    // One that could not be read is read again: nothing else shows that its owner lets it be read now.
    let query = "SELECT id, size, modified, missing, content IS NOT NULL FROM tracks \
                 WHERE folder = ?1 AND path = ?2";
    let mut query = connection.prepare_cached(query)?;
    let mut compare = |file: FoundFile| -> Result<_, Fault> {
        let row = query.query_row(params![folder, bytes_of(&file.path)], |row| {
            let is_same = row.get::<_, i64>(1)? as u64 == file.size
                && row.get::<_, i64>(2)? == file.modified
                && row.get::<_, bool>(4)?;
            let is_missing = row.get::<_, Option<i64>>(3)?.is_some();
            let id = row.get(0)?;
            Ok(match (is_same, is_missing) {
                (true, false) => Known::Same { id },
                (true, true) => Known::Back { id },
                (false, _) => Known::Not,
            })
        });
        Ok((file, row.optional()?.unwrap_or(Known::Not)))
    };
    files.into_iter().map(&mut compare).collect()
}

/// The number of tracks that are there in a folder.
pub(super) fn count(connection: &Connection, folder: i64) -> Result<i64, Fault> {
    let query = "SELECT count(*) FROM tracks WHERE folder = ?1 AND missing IS NULL";
    Ok(connection.query_row(query, params![folder], |row| row.get(0))?)
}

/// Notes that files are there again.
pub(super) fn bring_back(connection: &Connection, ids: &[i64]) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached("UPDATE tracks SET missing = NULL WHERE id = ?1")?;
    for id in ids {
        statement.execute(params![id])?;
        index(connection, *id)?;
    }
    Ok(())
}

/// What was written down.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub ids: Vec<i64>,
    pub result: ScanResult,
}

/// Writes down files that were read.
pub(super) fn keep(
    connection: &Connection,
    folder: i64,
    files: &[ReadFile],
    now: SystemTime,
) -> Result<Kept, Fault> {
    let now = millis_since_1970(now);
    let mut kept = Kept::default();
    for read in files {
        let (found, result) = (&read.file, &mut kept.result);
        let known = "SELECT id FROM tracks WHERE folder = ?1 AND path = ?2";
        let mut known = connection.prepare_cached(known)?;
        let known: Option<i64> =
            known.query_row(params![folder, bytes_of(&found.path)], |row| row.get(0)).optional()?;
        let known = match known {
            Some(id) => {
                result.changed += u64::from(read.content.is_some());
                Some(id)
            }
            None => {
                let moved = moved_from(connection, read)?;
                let count = if moved.is_some() { &mut result.moved } else { &mut result.added };
                *count += 1;
                moved
            }
        };
        let id = match known {
            Some(id) => update(connection, id, folder, read)?,
            None => insert(connection, folder, read, now)?,
        };
        result.unplayable += u64::from(read.tags.is_err());
        index(connection, id)?;
        kept.ids.push(id);
    }
    Ok(kept)
}

/// The track whose file was this one, in another place: it is missing there.
fn moved_from(connection: &Connection, read: &ReadFile) -> Result<Option<i64>, Fault> {
    let Some(content) = read.content else { return Ok(None) };
    let query =
        "SELECT id FROM tracks WHERE content = ?1 AND missing IS NOT NULL ORDER BY missing DESC LIMIT 1";
    let mut query = connection.prepare_cached(query)?;
    Ok(query.query_row(params![content], |row| row.get(0)).optional()?)
}

fn insert(connection: &Connection, folder: i64, read: &ReadFile, now: i64) -> Result<i64, Fault> {
    let statement =
        "INSERT INTO tracks (folder, path, size, modified, tags, added) VALUES (?1, ?2, 0, 0, '{}', ?3)";
    connection.prepare_cached(statement)?.execute(params![folder, bytes_of(&read.file.path), now])?;
    update(connection, connection.last_insert_rowid(), folder, read)
}

/// What the file says. A file that has another content now is to be listened to again.
fn update(connection: &Connection, id: i64, folder: i64, read: &ReadFile) -> Result<i64, Fault> {
    let FoundFile { path, size, modified } = &read.file;
    let none = Tags::default();
    let (tags, problem) = match &read.tags {
        Ok(tags) => (tags, None),
        Err(reason) => (&none, Some(reason)),
    };
    let duration = tags.duration.map(|time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
    let details = tags.details.as_deref();
    let text = serde_json::to_string(tags).expect("tags are plain values");
    let mut statement = connection.prepare_cached(
        "UPDATE tracks SET folder = ?2, path = ?3, size = ?4, modified = ?5, tags = ?7, artist = ?8, title = ?9, \
         album = ?10, duration = ?11, problem = ?12, genre = ?13, year = ?14, missing = NULL, \
         hearing = CASE WHEN content IS ?6 THEN hearing ELSE 0 END, \
         heard = CASE WHEN content IS ?6 THEN heard END, loudness = CASE WHEN content IS ?6 THEN loudness END, \
         content = ?6 WHERE id = ?1",
    )?;
    statement.execute(params![
        id,
        folder,
        bytes_of(path),
        i64::try_from(*size).unwrap_or(i64::MAX),
        modified,
        read.content,
        text,
        tags.artist,
        tags.title,
        tags.album,
        duration,
        problem,
        // Genres are compared without regard to case.
        details.and_then(|details| details.genre.as_deref()).map(str::to_lowercase),
        details.and_then(|details| details.year),
    ])?;
    Ok(id)
}

/// What is known of what is gone.
pub(super) struct Gone<'a> {
    pub folder: i64,
    /// The part of the folder that was looked through.
    pub below: &'a Path,
    /// The tracks that are there, sorted.
    pub there: &'a [i64],
    /// What could not be looked at, or is being written.
    pub refused: &'a [PathBuf],
    pub started: SystemTime,
}

/// Notes which tracks of a folder are gone. One whose content came elsewhere meanwhile was moved there.
pub(super) fn note_gone(connection: &Connection, gone: &Gone<'_>) -> Result<ScanResult, Fault> {
    let mut query = "SELECT id, path, content FROM tracks WHERE folder = ?1 AND missing IS NULL".to_owned();
    let mut values = vec![Value::from(gone.folder)];
    let below = bytes_of(gone.below);
    if !below.is_empty() {
        // All that is below `a/` is before `a0`; a few that are not lie between, such as `a.mp3`.
        query += " AND path >= ?2 AND path < ?3";
        values.extend([Value::from(below.to_vec()), Value::from([below, b"0"].concat())]);
    }
    let mut query = connection.prepare_cached(&query)?;
    let mut rows = query.query(params_from_iter(values))?;
    let refused: HashSet<&Path> = gone.refused.iter().map(PathBuf::as_path).collect();
    let mut left: Vec<(i64, Option<Vec<u8>>)> = Vec::new();
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        let path = path_of(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?);
        let is_looked_at =
            path.starts_with(gone.below) && !path.ancestors().any(|path| refused.contains(path));
        if is_looked_at && gone.there.binary_search(&id).is_err() {
            left.push((id, row.get(2)?));
        }
    }
    let mut result = ScanResult::default();
    let since = millis_since_1970(gone.started - MOVED_WITHIN);
    for (id, content) in left {
        match twin(connection, id, content.as_deref(), since)? {
            Some(twin) => {
                move_to(connection, id, twin)?;
                result.moved += 1;
            }
            None => {
                let now = millis_since_1970(gone.started);
                connection.execute("UPDATE tracks SET missing = ?2 WHERE id = ?1", params![id, now])?;
                index(connection, id)?;
                result.missing += 1;
            }
        }
    }
    Ok(result)
}

/// A track with the same content that has come lately, and that nobody has done anything with.
fn twin(connection: &Connection, id: i64, content: Option<&[u8]>, since: i64) -> Result<Option<i64>, Fault> {
    let query = "SELECT id FROM tracks WHERE content = ?1 AND id <> ?2 AND added >= ?3 AND missing IS NULL \
                 AND plays = 0 AND id NOT IN (SELECT track FROM edits) \
                 AND id NOT IN (SELECT track FROM playlist_tracks) ORDER BY added DESC LIMIT 1";
    let mut query = connection.prepare_cached(query)?;
    Ok(query.query_row(params![content, id, since], |row| row.get(0)).optional()?)
}

/// The track keeps its id, and gets the place of its twin.
fn move_to(connection: &Connection, id: i64, twin: i64) -> Result<(), Fault> {
    let place = "SELECT folder, path, modified FROM tracks WHERE id = ?1";
    let (folder, path, modified): (i64, Vec<u8>, i64) =
        connection.query_row(place, params![twin], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    connection.execute("DELETE FROM words WHERE rowid = ?1", params![twin])?;
    connection.execute("DELETE FROM tracks WHERE id = ?1", params![twin])?;
    let statement = "UPDATE tracks SET folder = ?2, path = ?3, modified = ?4 WHERE id = ?1";
    connection.execute(statement, params![id, folder, path, modified])?;
    index(connection, id)
}

/// Forgets tracks that have been missing for long, unless somebody has done something with them.
pub(super) fn forget(connection: &Connection, now: SystemTime) -> Result<(), Fault> {
    let before = millis_since_1970(now - MISSING_KEPT);
    connection.execute(
        "DELETE FROM tracks WHERE missing < ?1 AND plays = 0 AND id NOT IN (SELECT track FROM edits) \
         AND id NOT IN (SELECT track FROM playlist_tracks)",
        params![before],
    )?;
    Ok(())
}
