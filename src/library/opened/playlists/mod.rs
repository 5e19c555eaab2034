//! The playlists of the library: ordered ones, and smart ones, which are a query.

mod calls;
mod m3u;
mod smart;

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Deserializer, Serialize};

use super::fault::Fault;
use super::readers::View;
use super::search::{Hits, Search, signed};
use super::track::{COLUMNS, Track, from_row};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::filework::look;
use crate::library::LibrarySettings;
use crate::names::check_plain;
use crate::playout::{Entry, TrackKind};

use m3u::{export, import, import_text, set_from_files};
pub use smart::{SmartList, SmartOrder};

/// The most tracks of an ordered playlist.
const MAX_TRACKS: usize = 200_000;

/// A playlist of the library.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct LibraryPlaylist {
    /// Its name, by which `playlist = "library:NAME"` plays it: 1 to 100 characters, without `/` and control
    /// characters.
    pub name: String,
    /// What its tracks are for, unless a person has said otherwise of a track.
    pub kind: TrackKind,
    /// Its tracks.
    #[serde(flatten)]
    pub tracks: PlaylistTracks,
}

/// The tracks of a playlist.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PlaylistTracks {
    /// These, in this order. A track may be there more than once.
    Ordered(Vec<i64>),
    /// Those that a query finds, at the moment when the playlist is read.
    Smart(SmartList),
}

/// A playlist as somebody wrote it.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    name: String,
    #[serde(default)]
    kind: TrackKind,
    #[serde(default, deserialize_with = "some")]
    ordered: Option<Vec<i64>>,
    #[serde(default, deserialize_with = "some")]
    smart: Option<SmartList>,
}

/// What is written must be there: `null` is nothing that anybody wants to say.
fn some<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl TryFrom<Written> for LibraryPlaylist {
    type Error = &'static str;

    fn try_from(written: Written) -> std::result::Result<LibraryPlaylist, &'static str> {
        let Written { name, kind, ordered, smart } = written;
        let tracks = match (ordered, smart) {
            (Some(tracks), None) => PlaylistTracks::Ordered(tracks),
            (None, Some(smart)) => PlaylistTracks::Smart(smart),
            (Some(_), Some(_)) => return Err("it is either ordered or smart: leave one of them out"),
            (None, None) => {
                return Err(
                    "say which tracks: \"ordered\", by their ids ({\"ordered\": [1, 2]}), or \"smart\", \
                            by a query ({\"smart\": {\"genre\": [\"Jazz\"]}})",
                );
            }
        };
        Ok(LibraryPlaylist { name, kind, tracks })
    }
}

impl LibraryPlaylist {
    /// An ordered playlist of music.
    pub fn ordered(name: impl Into<String>, tracks: Vec<i64>) -> LibraryPlaylist {
        LibraryPlaylist { name: name.into(), kind: TrackKind::Music, tracks: PlaylistTracks::Ordered(tracks) }
    }

    /// A smart playlist of music.
    pub fn smart(name: impl Into<String>, smart: SmartList) -> LibraryPlaylist {
        LibraryPlaylist { name: name.into(), kind: TrackKind::Music, tracks: PlaylistTracks::Smart(smart) }
    }

    /// Refuses what cannot be.
    fn check(&self) -> Result<()> {
        check_name(&self.name)?;
        match &self.tracks {
            PlaylistTracks::Ordered(tracks) if tracks.len() > MAX_TRACKS => Err(too_many()),
            PlaylistTracks::Ordered(_) => Ok(()),
            PlaylistTracks::Smart(smart) => smart.check(),
        }
    }
}

fn too_many() -> Error {
    let advice = "make several playlists, or a smart one";
    Error::Limit { limit: "MAX_TRACKS", most: MAX_TRACKS, advice }
}

fn check_name(name: &str) -> Result<()> {
    check_plain(name, "playlist").map_err(|reason| Error::setting("name", reason))
}

/// The playlists, by their names.
fn all(connection: &Connection) -> std::result::Result<Vec<LibraryPlaylist>, Fault> {
    names(connection)?.iter().map(|name| by_name(connection, name)).collect()
}

fn names(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut names = connection.prepare_cached("SELECT name FROM playlists ORDER BY name")?;
    names.query_map([], |row| row.get(0))?.collect()
}

/// The names of the playlists in a library's database, which nothing is opened for or made. `None` if it
/// cannot be read now.
pub(crate) fn playlists_in(settings: &LibrarySettings) -> Option<Vec<String>> {
    let file = settings.database.clone();
    let read = move || match file.try_exists() {
        Ok(false) => Some(Vec::new()),
        Ok(true) => names(&Database::open_to_read(&file).ok()?).ok(),
        Err(_) => None,
    };
    look(&settings.database, read).ok()?
}

/// The playlist of this name.
fn by_name(connection: &Connection, name: &str) -> std::result::Result<LibraryPlaylist, Fault> {
    let (id, kind, smart) = head(connection, name)?;
    let tracks = match smart {
        Some(smart) => PlaylistTracks::Smart(smart),
        None => {
            let query = "SELECT track FROM playlist_tracks WHERE playlist = ?1 ORDER BY position";
            let mut tracks = connection.prepare_cached(query)?;
            let tracks = tracks.query_map(params![id], |row| row.get(0))?;
            PlaylistTracks::Ordered(tracks.collect::<rusqlite::Result<_>>()?)
        }
    };
    Ok(LibraryPlaylist { name: name.into(), kind, tracks })
}

fn head(
    connection: &Connection,
    name: &str,
) -> std::result::Result<(i64, TrackKind, Option<SmartList>), Fault> {
    let mut query = connection.prepare_cached("SELECT id, kind, smart FROM playlists WHERE name = ?1")?;
    let row = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?));
    let Some((id, kind, smart)) = query.query_row(params![name], row).optional()? else {
        return Err(unknown(connection, name)?.into());
    };
    let kind = TrackKind::named(&kind).unwrap_or_default();
    let read = |text: String| {
        let smart = serde_json::from_str(&text);
        smart.map_err(|error| {
            Error::setting("smart", format!("the playlist {name:?} cannot be read: {error}"))
        })
    };
    Ok((id, kind, smart.map(read).transpose()?))
}

fn unknown(connection: &Connection, name: &str) -> std::result::Result<Error, Fault> {
    let mut names = connection.prepare_cached("SELECT name FROM playlists ORDER BY name LIMIT 20")?;
    let names: Vec<String> = names.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let known = match names.as_slice() {
        [] => "it has none yet".into(),
        names => format!("it has {}", names.join(", ")),
    };
    Ok(Error::NotFound(format!("playlist {name:?} in the library: {known}")))
}

/// Makes a playlist, or replaces the one of the same name.
fn set(connection: &Connection, playlist: &LibraryPlaylist) -> std::result::Result<(), Fault> {
    playlist.check()?;
    let smart = match &playlist.tracks {
        PlaylistTracks::Smart(smart) => Some(serde_json::to_string(smart).expect("a query is plain values")),
        PlaylistTracks::Ordered(_) => None,
    };
    let LibraryPlaylist { name, kind, tracks } = playlist;
    connection.execute(
        "INSERT INTO playlists (name, kind, smart) VALUES (?1, ?2, ?3) \
         ON CONFLICT (name) DO UPDATE SET kind = ?2, smart = ?3",
        params![name, kind.as_str(), smart],
    )?;
    let (id, ..) = head(connection, name)?;
    connection.execute("DELETE FROM playlist_tracks WHERE playlist = ?1", params![id])?;
    let PlaylistTracks::Ordered(tracks) = tracks else { return Ok(()) };
    let mut enter = connection.prepare_cached(
        "INSERT INTO playlist_tracks (playlist, position, track) SELECT ?1, ?2, id FROM tracks WHERE id = ?3",
    )?;
    for (position, track) in tracks.iter().enumerate() {
        if enter.execute(params![id, position, track])? == 0 {
            return Err(Error::NotFound(format!("track {track} in the library")).into());
        }
    }
    Ok(())
}

/// Gives a playlist another name.
fn rename(connection: &Connection, name: &str, to: &str) -> std::result::Result<(), Fault> {
    check_name(to)?;
    let known = "SELECT count(*) FROM playlists WHERE name = ?1";
    let is_taken: bool = connection.query_row(known, params![to], |row| row.get(0))?;
    if is_taken && to != name {
        return Err(Error::Exists(format!("playlist {to:?} in the library")).into());
    }
    match connection.execute("UPDATE playlists SET name = ?2 WHERE name = ?1", params![name, to])? {
        0 => Err(unknown(connection, name)?.into()),
        _ => Ok(()),
    }
}

/// Removes a playlist.
fn remove(connection: &Connection, name: &str) -> std::result::Result<(), Fault> {
    match connection.execute("DELETE FROM playlists WHERE name = ?1", params![name])? {
        0 => Err(unknown(connection, name)?.into()),
        _ => Ok(()),
    }
}

/// The tracks of a playlist that can be played now, in their order, and what they are for.
fn tracks(view: &View<'_>, name: &str) -> std::result::Result<(TrackKind, Vec<Track>), Fault> {
    let (id, kind, smart) = head(view.connection, name)?;
    let tracks = match smart {
        Some(smart) => smart.tracks(view)?,
        None => {
            let query = format!(
                "SELECT {COLUMNS} FROM playlist_tracks p JOIN tracks t ON t.id = p.track \
                 LEFT JOIN edits e ON e.track = t.id WHERE p.playlist = ?1 AND {PLAYABLE} ORDER BY p.position"
            );
            let mut query = view.connection.prepare_cached(&query)?;
            let rows = query.query_map(params![id], |row| from_row(row, view.folders))?;
            rows.collect::<rusqlite::Result<_>>()?
        }
    };
    Ok((kind, tracks))
}

/// Which of these tracks are in playlists of jingles or spots, or in one of the playlists with these names.
fn set_apart(view: &View<'_>, ids: &[i64], names: &[String]) -> std::result::Result<HashSet<i64>, Fault> {
    let list_of = |plain: serde_json::Result<String>| plain.expect("a list of plain values");
    let (wanted, names) = (list_of(serde_json::to_string(ids)), list_of(serde_json::to_string(names)));
    let mut playlists = view.connection.prepare_cached(
        "SELECT name FROM playlists WHERE kind IN ('jingle', 'spot') \
         OR name IN (SELECT value FROM json_each(?1))",
    )?;
    let playlists = playlists.query_map([names], |row| row.get(0))?;
    let playlists: Vec<String> = playlists.collect::<rusqlite::Result<_>>()?;
    let mut ordered = view.connection.prepare_cached(
        "SELECT track FROM playlist_tracks \
         WHERE playlist = ?1 AND track IN (SELECT value FROM json_each(?2))",
    )?;
    let mut apart = HashSet::new();
    for name in &playlists {
        let (id, _, smart) = head(view.connection, name)?;
        match smart {
            Some(smart) => apart.extend(smart.holds(view, ids)?),
            None => {
                let held = ordered.query_map(params![id, wanted], |row| row.get::<_, i64>(0))?;
                apart.extend(held.collect::<rusqlite::Result<Vec<_>>>()?);
            }
        }
    }
    Ok(apart)
}

/// A part of a list.
#[derive(Clone, Copy, Debug)]
struct Page {
    limit: usize,
    /// How many are left out before.
    offset: usize,
}

/// A part of the tracks of a playlist that can be played now, in their order.
fn page(view: &View<'_>, name: &str, page: Page) -> std::result::Result<Hits, Fault> {
    let (id, _, smart) = head(view.connection, name)?;
    if let Some(smart) = smart {
        return smart.page(view, page);
    }
    let from = format!(
        "FROM playlist_tracks p JOIN tracks t ON t.id = p.track LEFT JOIN edits e ON e.track = t.id \
         WHERE p.playlist = ?1 AND {PLAYABLE}"
    );
    let mut count = view.connection.prepare_cached(&format!("SELECT count(*) {from}"))?;
    let total = count.query_row(params![id], |row| row.get(0))?;
    let query = format!("SELECT {COLUMNS} {from} ORDER BY p.position LIMIT ?2 OFFSET ?3");
    let mut query = view.connection.prepare_cached(&query)?;
    let limit = page.limit.min(Search::MAX_LIMIT);
    let rows = query.query_map(params![id, limit, signed(page.offset)], |row| from_row(row, view.folders))?;
    Ok(Hits { tracks: rows.collect::<rusqlite::Result<_>>()?, total, more: false })
}

/// The condition for tracks that a playlist may have.
const PLAYABLE: &str = "t.missing IS NULL AND t.problem IS NULL AND coalesce(e.edits ->> 'enabled', 1) <> 0";

/// What a pipeline plays of a playlist.
fn entries(view: &View<'_>, name: &str) -> std::result::Result<Vec<Entry>, Fault> {
    let (kind, tracks) = tracks(view, name)?;
    Ok(tracks.into_iter().map(|track| entry(track, kind)).collect())
}

/// A person's title of a track takes precedence over the file's tags; the kind of the track over the
/// playlist's.
fn entry(track: Track, kind: TrackKind) -> Entry {
    let kind = track.edits.kind.unwrap_or(kind);
    let edited = track.edits.artist.is_some() || track.edits.title.is_some();
    let title = edited.then(|| title_of(&track));
    Entry { title, kind, ..Entry::new(track.path) }
}

/// The line that is shown for a track.
fn title_of(track: &Track) -> String {
    let (artist, title) = (track.artist().map(str::to_owned), track.title().map(str::to_owned));
    let tags = crate::metadata::Tags { artist, title, ..track.tags.clone() };
    crate::metadata::format_title(None, &tags, None, &track.path)
}

/// What became of a playlist file that was imported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// How many tracks the playlist has now.
    pub tracks: usize,
    /// The files that the library does not have, and entries that cannot be read: the first hundred.
    pub left_out: Vec<String>,
    /// How many more were left out.
    pub more_left_out: usize,
}

/// The most files that are named.
const MAX_LEFT_OUT: usize = 100;

impl Imported {
    /// Notes what was left out.
    fn leave_out(&mut self, what: impl Into<String>) {
        match self.left_out.len() < MAX_LEFT_OUT {
            true => self.left_out.push(what.into()),
            false => self.more_left_out += 1,
        }
    }
}
