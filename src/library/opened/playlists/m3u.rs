//! Playlists of the library from M3U files, and back.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{Imported, LibraryPlaylist, PlaylistTracks, leave_out, set, title_of, tracks};
use crate::library::opened::fault::Fault;
use crate::library::opened::readers::View;
use crate::library::opened::shared::Folder;
use crate::library::opened::track::{bytes_of, id_at};
use crate::percent;
use crate::playout::TrackKind;
use crate::playout::playlist::{self, Found};

/// What a playlist file names, and what of it cannot be read. It reads the disk.
pub(in crate::library::opened) fn import(file: &Path, step: &mut dyn FnMut()) -> (Vec<PathBuf>, Vec<String>) {
    let (mut paths, mut problems) = (Vec::new(), Vec::new());
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    playlist::read(&[file], &mut |found| {
        step();
        match found {
            Found::Entry(entry) => paths.push(entry.path),
            Found::Problem(problem) => problems.push(problem.to_string()),
            Found::Name(_) | Found::PassedOver { .. } | Found::Step => {}
        }
        ControlFlow::Continue(())
    });
    (paths, problems)
}

/// Makes an ordered playlist of the files that are tracks of the library.
pub(in crate::library::opened) fn set_from_files(
    connection: &Connection,
    folders: &[Folder],
    (name, kind): (&str, TrackKind),
    (paths, problems): &(Vec<PathBuf>, Vec<String>),
) -> Result<Imported, Fault> {
    let mut imported = Imported::default();
    problems.iter().for_each(|problem| leave_out(&mut imported, problem));
    let mut ids = Vec::new();
    for path in paths {
        match id_at(connection, folders, path)? {
            Some(id) => ids.push(id),
            None => leave_out(&mut imported, format!("{}: it is not in the library", path.display())),
        }
    }
    imported.tracks = ids.len();
    set(connection, &LibraryPlaylist { name: name.into(), kind, tracks: PlaylistTracks::Ordered(ids) })?;
    Ok(imported)
}

/// The playlist as an extended M3U, with absolute paths: of all its tracks that can be played now.
pub(in crate::library::opened) fn export(view: &View<'_>, name: &str) -> Result<Vec<u8>, Fault> {
    let (_, tracks) = tracks(view, name)?;
    let mut text = format!("#EXTM3U\n#PLAYLIST:{name}\n").into_bytes();
    for track in tracks {
        let seconds = track.duration().map_or(-1, |time| time.as_secs_f64().round() as i64);
        text.extend(format!("#EXTINF:{seconds},{}\n", title_of(&track)).into_bytes());
        let path = bytes_of(&track.path);
        // A line break would begin another entry.
        if path.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            text.extend(b"file://");
            text.extend(percent::encode_plainly(path).as_bytes());
        } else {
            text.extend(path);
        }
        text.push(b'\n');
    }
    Ok(text)
}
