//! Playlists of the library from M3U files, and back.

use std::io::BufRead;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{Imported, LibraryPlaylist, MAX_TRACKS, PlaylistTracks, set, title_of, too_many, tracks};
use crate::error::Error;
use crate::library::opened::fault::Fault;
use crate::library::opened::readers::View;
use crate::library::opened::shared::Folder;
use crate::library::opened::track::id_at;
use crate::percent;
use crate::playout::TrackKind;
use crate::playout::playlist::{self, Format, Found, Item, Lookup};
use crate::roots::MediaRoots;

/// What a playlist file names.
#[derive(Debug, Default)]
pub(in crate::library::opened) struct Listed {
    entries: Vec<ListedEntry>,
    /// What of it cannot be read.
    problems: Vec<String>,
}

#[derive(Debug)]
struct ListedEntry {
    /// What the file calls it.
    name: String,
    /// Where it may be, the likeliest place first.
    places: Vec<PathBuf>,
}

/// What a playlist file on the disk names. It reads the disk.
pub(in crate::library::opened) fn import(file: &Path, step: &mut dyn FnMut()) -> Listed {
    let mut listed = Listed::default();
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    playlist::read(&[file], &mut |found| {
        step();
        match found {
            Found::Entry(entry) => {
                let name = entry.path.display().to_string();
                listed.entries.push(ListedEntry { name, places: vec![entry.path] });
            }
            Found::Problem(problem) => listed.problems.push(problem.to_string()),
            Found::Name(_) | Found::PassedOver { .. } | Found::Step => {}
        }
        ControlFlow::Continue(())
    });
    listed
}

/// What an M3U names that lies in no folder: its names are looked up below each of `roots`, by the rules of
/// playlists. An absolute path is one of the library's as it stands, or none. It reads the disk.
pub(in crate::library::opened) fn import_text(
    m3u: &mut dyn BufRead,
    roots: &[PathBuf],
    step: &mut dyn FnMut(),
) -> Result<Listed, Error> {
    let mut names = Vec::new();
    let parsed = playlist::parse(Format::M3u, m3u, &mut |item| {
        if let Item::Entry { names: of_entry, .. } = item {
            names.extend(of_entry);
        }
        if names.len() > MAX_TRACKS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if parsed.map_err(Error::io("reading an M3U"))?.is_break() {
        return Err(too_many());
    }
    let bounds = MediaRoots::new(roots.to_vec()).bounds(true);
    let mut lookup = Lookup::new(&bounds);
    let entries = names.into_iter().map(|name| {
        let mut places: Vec<PathBuf> = roots.iter().map(|root| root.join(name.literal())).collect();
        for root in roots {
            step();
            places.extend(lookup.find_below(&name, root));
        }
        ListedEntry { name: name.text(), places }
    });
    Ok(Listed { entries: entries.collect(), problems: Vec::new() })
}

/// Makes an ordered playlist of the files that are tracks of the library. A file of which nothing is there
/// replaces no playlist.
pub(in crate::library::opened) fn set_from_files(
    connection: &Connection,
    folders: &[Folder],
    (name, kind): (&str, TrackKind),
    Listed { entries, problems }: &Listed,
) -> Result<Imported, Fault> {
    let mut imported = Imported::default();
    problems.iter().for_each(|problem| imported.leave_out(problem));
    let mut ids = Vec::new();
    for ListedEntry { name, places } in entries {
        let mut found = None;
        for place in places {
            found = id_at(connection, folders, place)?;
            if found.is_some() {
                break;
            }
        }
        match found {
            Some(id) => ids.push(id),
            None => imported.leave_out(format!("{name}: it is not in the library")),
        }
    }
    if let Some(first) = imported.left_out.first().filter(|_| ids.is_empty()) {
        let all = imported.left_out.len() + imported.more_left_out;
        let reason = format!("none of its entries ({all}) is a track of the library; the first: {first}");
        return Err(Error::setting("file", reason).into());
    }
    imported.tracks = ids.len();
    set(connection, &LibraryPlaylist { name: name.into(), kind, tracks: PlaylistTracks::Ordered(ids) })?;
    Ok(imported)
}

/// The playlist as an extended M3U, of all its tracks that can be played now, which `named` names.
pub(in crate::library::opened) fn export(
    view: &View<'_>,
    name: &str,
    named: &dyn Fn(&Path) -> Vec<u8>,
) -> Result<Vec<u8>, Fault> {
    let (_, tracks) = tracks(view, name)?;
    let mut text = format!("#EXTM3U\n#PLAYLIST:{name}\n").into_bytes();
    for track in tracks {
        let seconds = track.duration().map_or(-1, |time| time.as_secs_f64().round() as i64);
        text.extend(format!("#EXTINF:{seconds},{}\n", title_of(&track)).into_bytes());
        text.extend(line_of(named(&track.path)));
        text.push(b'\n');
    }
    Ok(text)
}

/// The line of an M3U that names this file.
fn line_of(name: Vec<u8>) -> Vec<u8> {
    // A line break would begin another entry, and what begins with # is a comment.
    if name.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return format!("file://{}", percent::encode_plainly(&name)).into_bytes();
    }
    match name.trim_ascii_start().first() {
        Some(b'#') => [b"./", &name[..]].concat(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_entry_whatever_the_file_is_called() {
        for (name, line) in [
            (&b"/a/b.mp3"[..], &b"/a/b.mp3"[..]),
            (b"#1 hit.mp3", b"./#1 hit.mp3"),
            (b" #1 hit.mp3", b"./ #1 hit.mp3"),
            (b"a\nb 1%.mp3", b"file://a%0Ab%201%25.mp3"),
            (b"\xe4.mp3", b"\xe4.mp3"),
        ] {
            assert_eq!(line_of(name.to_vec()), line);
        }
    }
}
