//! The tables of the library's database.

use crate::database::Schema;

/// `LWlb`, by which a library is known.
pub(super) const SCHEMA: Schema = Schema { application: 0x4c57_6c62, steps: &[FIRST, INGREDIENTS] };

/// Paths are bytes, relative to their folder. Times are milliseconds since 1970, `modified` nanoseconds.
/// `words` has the tracks that are there, so a search reads nothing else. What is counted has an index of its
/// own, so that a count reads no track.
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
CREATE INDEX tracks_missing ON tracks (missing) WHERE missing IS NOT NULL;
CREATE INDEX tracks_unplayable ON tracks (folder, path) WHERE missing IS NULL AND problem IS NOT NULL;
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
    artist, title, album, genre, year, file,
    content = '', contentless_delete = 1, prefix = '1 2 3', tokenize = 'unicode61 remove_diacritics 2'
);
";

/// What was added to the schedules of pipelines, in its order. `written` has the keys of a configuration, as
/// JSON; paths in it are relative to the folder of the database. `origin` has one row: by it a database is
/// known as another one that was made anew, and how often what was added has changed in it.
const INGREDIENTS: &str = "
CREATE TABLE origin (
    database TEXT NOT NULL,
    changes INTEGER NOT NULL
) STRICT;
INSERT INTO origin VALUES (lower(hex(randomblob(16))), 0);
CREATE TABLE ingredients (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pipeline TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    written TEXT NOT NULL,
    UNIQUE (pipeline, kind, name)
) STRICT;
";
