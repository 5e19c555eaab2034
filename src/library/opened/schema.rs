//! The tables of the database, and how an older database becomes one of today.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::trouble::Trouble;

/// What makes each version out of the one before it. A version that was released is never changed.
pub(super) const MIGRATIONS: &[&str] = &[FIRST];

/// `LWlb`, by which a database of ours is known.
const APPLICATION: i32 = 0x4c57_6c62;

/// Paths are bytes, relative to their folder. Times are milliseconds since 1970, `modified` nanoseconds.
/// `words` has the tracks that are there, so a search reads nothing else.
const FIRST: &str = "
CREATE TABLE folders (
    id INTEGER PRIMARY KEY,
    name BLOB NOT NULL UNIQUE
) STRICT;
CREATE TABLE tracks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    folder INTEGER NOT NULL REFERENCES folders (id),
    path BLOB NOT NULL,
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    content BLOB,
    tags TEXT NOT NULL,
    artist TEXT,
    title TEXT,
    album TEXT,
    genre TEXT,
    year INTEGER,
    duration INTEGER,
    problem TEXT,
    heard TEXT,
    loudness REAL,
    hearing INTEGER NOT NULL DEFAULT 0,
    added INTEGER NOT NULL,
    missing INTEGER,
    plays INTEGER NOT NULL DEFAULT 0,
    last_played INTEGER,
    UNIQUE (folder, path)
) STRICT;
CREATE INDEX tracks_by_content ON tracks (content);
CREATE INDEX tracks_by_age ON tracks (added) WHERE missing IS NULL;
CREATE INDEX tracks_to_hear ON tracks (added) WHERE hearing = 0 AND missing IS NULL AND problem IS NULL;
CREATE TABLE waveforms (
    track INTEGER PRIMARY KEY REFERENCES tracks (id) ON DELETE CASCADE,
    peaks BLOB NOT NULL
) STRICT;
CREATE TABLE edits (
    track INTEGER PRIMARY KEY REFERENCES tracks (id) ON DELETE CASCADE,
    edits TEXT NOT NULL
) STRICT;
CREATE TABLE playlists (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    smart TEXT
) STRICT;
CREATE TABLE playlist_tracks (
    playlist INTEGER NOT NULL REFERENCES playlists (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    track INTEGER NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    PRIMARY KEY (playlist, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX playlists_of_track ON playlist_tracks (track);
CREATE VIRTUAL TABLE words USING fts5 (
    artist, title, album, file,
    content = '', contentless_delete = 1, prefix = '1 2 3', tokenize = 'unicode61 remove_diacritics 2'
);
";

/// Makes the tables, or brings those of an older version to this one. The older database is kept beside it:
/// `library.db.schema-1`.
pub(super) fn migrate(connection: &mut Connection, file: &Path, migrations: &[&str]) -> Result<(), Trouble> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (found, application) = (pragma("user_version")?, pragma("application_id")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 && application != APPLICATION {
        return Err(Trouble::Foreign("it is the database of another program: name another file".into()));
    }
    let newest = i32::try_from(migrations.len()).unwrap_or(i32::MAX);
    if found > newest {
        return Err(Trouble::Foreign(format!(
            "a newer Longwave made it (version {found}, this one knows {newest}): start the newer one again, or \
             name another file"
        )));
    }
    if found == newest {
        return Ok(());
    }
    if found > 0 {
        let kept = beside(file, &format!(".schema-{found}"));
        copy(connection, &kept)?;
        log::info!("{}: it is brought to version {newest}; {} is as it was", file.display(), kept.display());
    }
    let change = connection.transaction()?;
    for migration in &migrations[usize::try_from(found).unwrap_or(0)..] {
        change.execute_batch(migration)?;
    }
    change.pragma_update(None, "application_id", APPLICATION)?;
    change.pragma_update(None, "user_version", newest)?;
    Ok(change.commit()?)
}

/// Writes the whole database into another file, which takes the place of what was there only when it is
/// whole.
pub(super) fn copy(connection: &Connection, to: &Path) -> Result<(), Trouble> {
    let unfinished = beside(to, ".part");
    let _ = std::fs::remove_file(&unfinished);
    let name = unfinished.to_str().ok_or_else(|| Trouble::Passing("its path is not UTF-8".into()))?;
    connection.execute("VACUUM INTO ?1", params![name])?;
    std::fs::rename(&unfinished, to).map_err(|error| Trouble::Passing(error.to_string()))
}

/// A file beside another one, with more in its name.
pub(super) fn beside(file: &Path, more: &str) -> PathBuf {
    let mut name: OsString = file.as_os_str().to_owned();
    name.push(more);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(file: &Path) -> Connection {
        Connection::open(file).unwrap()
    }

    #[test]
    fn an_older_database_is_kept_and_brought_to_this_version() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("library.db");
        migrate(&mut open(&file), &file, &["CREATE TABLE a (x); INSERT INTO a VALUES (7)"]).unwrap();
        let next = ["CREATE TABLE a (x)", "ALTER TABLE a ADD y; UPDATE a SET y = x + 1"];
        let mut connection = open(&file);
        migrate(&mut connection, &file, &next).unwrap();
        let y = |connection: &Connection| connection.query_row("SELECT y FROM a", [], |row| row.get(0));
        assert_eq!(y(&connection), Ok(8));
        let kept = open(&folder.path().join("library.db.schema-1"));
        assert!(y(&kept).is_err(), "it is as it was");
        assert_eq!(kept.query_row("SELECT x FROM a", [], |row| row.get(0)), Ok(7));
    }

    /// A step that fails leaves the database as it was.
    #[test]
    fn a_migration_is_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("library.db");
        migrate(&mut open(&file), &file, &["CREATE TABLE a (x)"]).unwrap();
        let broken = ["", "CREATE TABLE b (x)", "CREATE TABLE a (x)"];
        assert!(matches!(migrate(&mut open(&file), &file, &broken), Err(Trouble::Wrong(_))));
        let version = open(&file).pragma_query_value(None, "user_version", |row| row.get::<_, i32>(0));
        assert_eq!(version, Ok(1));
        assert!(open(&file).execute("SELECT * FROM b", []).is_err());
    }

    #[test]
    fn a_newer_database_and_a_foreign_one_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("library.db");
        migrate(&mut open(&file), &file, &["CREATE TABLE a (x)", "CREATE TABLE b (x)"]).unwrap();
        let before = std::fs::read(&file).unwrap();
        let refused = migrate(&mut open(&file), &file, &["CREATE TABLE a (x)"]).unwrap_err();
        assert!(refused.to_string().contains("version 2, this one knows 1"), "{refused}");
        assert_eq!(std::fs::read(&file).unwrap(), before);
        let foreign = folder.path().join("mail.db");
        open(&foreign).execute_batch("CREATE TABLE mail (x)").unwrap();
        let refused = migrate(&mut open(&foreign), &foreign, MIGRATIONS).unwrap_err();
        assert!(refused.to_string().contains("another program"), "{refused}");
    }
}
