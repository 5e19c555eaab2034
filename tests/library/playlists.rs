//! Playlists of the library.

use std::fs;

use longwave::{
    Error, Library, LibraryPlaylist, LibrarySettings, PlaylistTracks, SmartList, SmartOrder, TrackKind,
};

use crate::music::{Shelf, scan};

#[test]
fn an_ordered_playlist_is_imported_played_and_exported() {
    let shelf = Shelf::new();
    let (one, two) = (shelf.add("a/one.mp3", "A", "One"), shelf.add("b/two.mp3", "B", "Two"));
    let library = shelf.open();
    scan(&library);
    let list = shelf.home.path().join("morning.m3u");
    fs::write(&list, "music/b/two.mp3\nmusic/gone.mp3\nmusic/./a/../a/one.mp3\nmusic/b/two.mp3\n").unwrap();
    let imported = library.import_playlist("morning", TrackKind::Jingle, &list).unwrap();
    assert_eq!(imported.tracks, 3);
    assert!(imported.left_out[0].contains("gone.mp3"), "{:?}", imported.left_out);
    let entries = library.entries("morning").unwrap();
    let paths: Vec<_> = entries.iter().map(|entry| &entry.path).collect();
    assert_eq!(paths, [&two, &one, &two]);
    assert!(entries.iter().all(|entry| entry.kind == TrackKind::Jingle));
    let text = String::from_utf8(library.export_playlist("morning").unwrap()).unwrap();
    assert!(text.starts_with("#EXTM3U\n#PLAYLIST:morning\n#EXTINF:-1,B - Two\n/"), "{text}");
    fs::write(&list, &text).unwrap();
    assert_eq!(library.import_playlist("again", TrackKind::Music, &list).unwrap().tracks, 3);
    fs::write(&list, "music/gone.mp3\nmusic/none.mp3\n").unwrap();
    let refused = library.import_playlist("again", TrackKind::Music, &list).unwrap_err().to_string();
    assert!(refused.contains("none of its entries") && refused.contains("gone.mp3"), "{refused}");
    assert_eq!(library.entries("again").unwrap().len(), 3, "it is as it was");
    library.remove_playlist("again").unwrap();
    let gone = library.entries("again").unwrap_err();
    assert_eq!(gone.to_string(), "there is no playlist \"again\" in the library: it has morning");
}

/// The configuration may have `..` in its paths, and so may a list.
#[test]
fn a_track_is_found_by_any_spelling_of_its_path() {
    let shelf = Shelf::new();
    let one = shelf.add("a/one.mp3", "A", "One");
    fs::create_dir(shelf.home.path().join("conf")).unwrap();
    let folders = vec![shelf.home.path().join("conf/../music")];
    let library = Library::open(&LibrarySettings { folders, ..shelf.settings() }).unwrap();
    scan(&library);
    for path in [one, shelf.music().join("b/../a/one.mp3"), shelf.home.path().join("conf/../music/a/one.mp3")]
    {
        assert!(library.track_at(&path).unwrap().is_some(), "{}", path.display());
    }
}

#[test]
fn a_smart_playlist_is_what_its_query_finds_now() {
    let shelf = Shelf::new();
    for (path, artist, title) in
        [("jazz/a.mp3", "Ella", "Blue"), ("jazz live/b.mp3", "Ella", "Red"), ("rock/c.mp3", "AC/DC", "Black")]
    {
        shelf.add(path, artist, title);
    }
    let library = shelf.open();
    scan(&library);
    let titles = |smart: SmartList| {
        library.set_playlist(LibraryPlaylist::smart("smart", smart)).unwrap();
        let entries = library.entries("smart").unwrap();
        let track = |path| library.track_at(path).unwrap().unwrap();
        entries.iter().map(|entry| track(&entry.path).title().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let smart = SmartList::default;
    assert_eq!(titles(smart()), ["Red", "Blue", "Black"], "by path");
    assert_eq!(titles(SmartList { order: SmartOrder::Title, limit: Some(2), ..smart() }), ["Black", "Blue"]);
    assert_eq!(titles(SmartList { folder: Some("jazz".into()), ..smart() }), ["Blue"]);
    assert_eq!(titles(SmartList { folder: Some("music".into()), ..smart() }).len(), 3, "all of a folder");
    assert_eq!(titles(SmartList { search: Some("artist:ella".into()), ..smart() }), ["Red", "Blue"]);
    let played = shelf.music().join("jazz/a.mp3");
    library.played(&played, std::time::SystemTime::now()).unwrap();
    assert_eq!(titles(SmartList { never_played: Some(true), ..smart() }), ["Red", "Black"]);
    assert_eq!(titles(SmartList { not_played_for: Some("1d".into()), ..smart() }), ["Red", "Black"]);
    let least = SmartOrder::LeastRecentlyPlayed;
    assert_eq!(titles(SmartList { order: least, ..smart() }).last().unwrap(), "Blue");
    assert_eq!(titles(SmartList { added_within: Some("1h".into()), ..smart() }).len(), 3);
    let id = library.track_at(&played).unwrap().unwrap().id;
    library
        .edit(id, |edits| {
            edits.kind = Some(TrackKind::Jingle);
            Ok(())
        })
        .unwrap();
    assert_eq!(titles(SmartList { kind: vec![TrackKind::Jingle], ..smart() }), ["Blue"]);
    library
        .edit(id, |edits| {
            edits.enabled = Some(false);
            Ok(())
        })
        .unwrap();
    assert_eq!(titles(smart()), ["Red", "Black"], "it is not enabled");
}

#[test]
fn a_playlist_that_cannot_be_is_refused_and_changes_nothing() {
    let shelf = Shelf::new();
    shelf.add("a.mp3", "A", "One");
    let library = shelf.open();
    scan(&library);
    let id = library.track_at(&shelf.music().join("a.mp3")).unwrap().unwrap().id;
    library.set_playlist(LibraryPlaylist::ordered("x", vec![id])).unwrap();
    let refused = library.set_playlist(LibraryPlaylist::ordered("x", vec![id, 77])).unwrap_err();
    assert!(matches!(refused, Error::NotFound(_)), "{refused}");
    assert_eq!(library.playlist("x").unwrap().tracks, PlaylistTracks::Ordered(vec![id]));
    for name in ["", "a/b", " a", "a\n", &"x".repeat(101)] {
        let refused = library.set_playlist(LibraryPlaylist::ordered(name, vec![])).unwrap_err();
        assert!(matches!(refused, Error::Setting { key: "name", .. }), "{name:?}: {refused}");
    }
}
