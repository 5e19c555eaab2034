//! A station that plays playlists of its library.
#![cfg(feature = "mp3")]

use std::fs;

use longwave::{Config, LibraryPlaylist, ScanState, SmartList, Station, TrackKind};
use longwave_testing::until;

use crate::music::Shelf;

/// A station of this shelf, with these keys of its pipeline.
pub fn station(shelf: &Shelf, keys: &str) -> Station {
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[library]\nfolders = \"music\"\nanalyse = false\n\
         [[pipeline]]\n{keys}\n[[pipeline.output]]\nformat = \"mp3\"\n"
    );
    fs::write(shelf.home.path().join("station.toml"), &text).unwrap();
    let config = Config::read(&shelf.home.path().join("station.toml")).unwrap();
    Station::start(config.into()).unwrap()
}

#[test]
fn a_playlist_of_the_library_plays_and_follows_its_changes() {
    let shelf = Shelf::new();
    for n in 0..3 {
        shelf.add(&format!("{n}.mp3"), "A", &format!("Title {n}"));
    }
    let station = station(&shelf, "playlist = \"library:morning\"\nloop = true");
    let (library, pipeline) = (station.library().unwrap(), &station.pipelines()[0]);
    until("the first scan", || matches!(library.state().unwrap().scan, ScanState::Ended { .. }));
    until("nothing is up next", || !pipeline.health().is_ok());
    let jingles = LibraryPlaylist {
        kind: TrackKind::Jingle,
        ..LibraryPlaylist::smart("morning", SmartList::default())
    };
    library.set_playlist(jingles).unwrap();
    until("the playlist plays", || pipeline.current_track().is_some());
    let kinds = |kind| pipeline.up_next(10).iter().all(|(_, entry)| entry.kind == kind);
    assert!(kinds(TrackKind::Jingle));
    library.set_playlist(LibraryPlaylist::smart("morning", SmartList::default())).unwrap();
    until("the change is taken up", || kinds(TrackKind::Music));
    let first = shelf.music().join("0.mp3");
    until("its plays are noted", || library.track_at(&first).unwrap().unwrap().plays > 1);
    library
        .edit(library.track_at(&first).unwrap().unwrap().id, |edits| {
            edits.loudness_lufs = Some(-12.0);
            Ok(())
        })
        .unwrap();
    assert_eq!(library.heard(&first).unwrap().set.loudness_lufs, Some(-12.0));
}

#[test]
fn a_playlist_that_is_not_there_leaves_the_air_to_the_fallback() {
    let shelf = Shelf::new();
    shelf.add("a.mp3", "A", "Spare");
    let station =
        station(&shelf, "playlist = \"library:gone\"\nfallback = \"music\"\ndead_air_after = \"2s\"");
    let pipeline = &station.pipelines()[0];
    until("the fallback is on the air", || {
        pipeline.health().problems.iter().any(|problem| problem.contains("fallback"))
    });
}

#[test]
fn what_is_wrong_with_a_library_is_said_by_its_key() {
    let shelf = Shelf::new();
    fs::create_dir(shelf.music().join("inner")).unwrap();
    let said = |library: &str, keys: &str| {
        let text = format!("{library}\n[[pipeline]]\n{keys}\n");
        let read = Config::from_toml(&text, &shelf.home.path().join("station.toml"));
        read.map_or_else(|error| error.to_string(), |_| String::new())
    };
    for (library, keys, expected) in [
        ("[library]\nfolders = \"music\"", "playlist = \"library:x\"", ""),
        ("[library]\nfolders = \"music\"", "playlist = \"library:\"", "lacks the name of a playlist"),
        (
            "",
            "playlist = [\"music\", \"library:x\"]",
            "pipeline.playlist: there is no library: add a [library]",
        ),
        ("", "fallback = \"library:x\"", "pipeline.fallback: there is no library"),
        ("", "[[pipeline.daypart]]\nplaylist = \"library:x\"", "pipeline.daypart: there is no library"),
        ("", "[[pipeline.insert]]\nplaylist = \"library:x\"", "pipeline.insert: there is no library"),
        ("[library]", "", "library: the key \"folders\" is missing"),
        ("[library]\nfolders = \"musik\"", "", "library.folders: "),
        ("[library]\nfolders = [\"music\", \"music/inner\"]", "", "leave it out"),
        ("[library]\nfolders = \"music\"\npoll = \"1s\"", "", "library.poll: at least 1m"),
        ("[library]\nfolders = \"music\"\ndatabase = \"a\"", "state_file = \"a-wal\"", "belongs to"),
    ] {
        let text = said(library, keys);
        assert!(
            text.contains(expected) && text.is_empty() == expected.is_empty(),
            "{library} {keys}: {text}"
        );
    }
}
