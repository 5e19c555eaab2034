//! What a scan finds, and what it keeps.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use longwave::{Edits, Error, Library, LibrarySettings, ScanState, Search, TrackKind};
use longwave_testing::studio::constant;
use longwave_testing::until;

use crate::music::{Shelf, age, scan, tagged, titles, write_track};

#[test]
fn tracks_are_found_as_one_types() {
    let shelf = Shelf::new();
    shelf.add("a/one.mp3", "Björk", "Jóga");
    shelf.add("a/two.mp3", "Ella Fitzgerald & Louis Armstrong", "Cheek to Cheek");
    shelf.add("b/three.mp3", "AC/DC", "Back in Black");
    fs::write(shelf.music().join("b/cover.jpg"), "no audio").unwrap();
    let library = shelf.open();
    let result = scan(&library);
    assert_eq!((result.found, result.added, result.problems.as_slice()), (3, 3, &[][..]));
    for (words, title) in [
        ("bjork", "Jóga"),
        ("BJÖRK jog", "Jóga"),
        ("joga björk", "Jóga"),
        ("armstr cheek", ""),
        ("armstrong che", "Cheek to Cheek"),
        ("ac/dc", "Back in Black"),
        ("artist:dc", "Back in Black"),
        ("title:dc", ""),
        ("three", "Back in Black"),
        ("jóg ", ""),
    ] {
        let expected: Vec<&str> = Some(title).filter(|title| !title.is_empty()).into_iter().collect();
        assert_eq!(titles(&library, words), expected, "{words:?}");
    }
    let hits = library.search(&Search { limit: 2, offset: 1, ..Search::new("") }).unwrap();
    assert_eq!((hits.tracks.len(), hits.total, hits.more), (2, 3, false));
    for words in ["", "back"] {
        let behind = Search { offset: usize::MAX, ..Search::new(words) };
        assert_eq!(library.search(&behind).unwrap().tracks.len(), 0, "{words:?}");
    }
    let again = scan(&library);
    assert_eq!((again.found, again.added, again.changed), (3, 0, 0));
}

/// Names as Linux writes them, and decomposed, as a Mac does.
#[test]
fn files_without_tags_are_found_by_their_names_without_regard_to_accents() {
    let shelf = Shelf::new();
    for name in ["Jóga", "Ho\u{308}hle der Lo\u{308}wen", "ΣΊΣΥΦΟΣ", "Ångström 東京"] {
        let path = shelf.music().join(format!("{name}.wav"));
        constant(&path, 0.1, 800);
        age(&path);
    }
    let library = shelf.open();
    scan(&library);
    for words in ["joga", "JÓGA", "jo\u{301}g", "hohle lowen", "höhle", "σίσυφ", "angstr", "東京"] {
        assert_eq!(library.search(&Search::new(words)).unwrap().total, 1, "{words:?}");
    }
}

#[test]
fn tracks_are_found_by_genre_and_year() {
    let shelf = Shelf::new();
    for (name, genre, year) in
        [("one.mp3", "Jazz", "1957"), ("two.mp3", "Acid Jazz", "1991"), ("three.mp3", "Folk", "1959")]
    {
        let path = shelf.music().join(name);
        fs::write(&path, tagged(&[("TIT2", name), ("TCON", genre), ("TDRC", year)])).unwrap();
        age(&path);
    }
    let library = shelf.open();
    scan(&library);
    for (words, found) in
        [("genre:jazz", 2), ("genre:jazz year:195", 1), ("year:195", 2), ("jazz 1991", 1), ("genre:1991", 0)]
    {
        assert_eq!(titles(&library, words).len(), found, "{words:?}");
    }
}

#[test]
fn what_a_person_says_outlives_new_tags_and_another_place() {
    let shelf = Shelf::new();
    let first = shelf.add("in/one.mp3", "Bjork", "Joga");
    shelf.add("in/two.mp3", "Other", "Track");
    let library = shelf.open();
    scan(&library);
    let id = library.track_at(&first).unwrap().unwrap().id;
    let edited = library.edit(id, |edits| {
        edits.artist = Some("Björk Guðmundsdóttir".into());
        edits.kind = Some(TrackKind::Show);
        Ok(())
    });
    assert_eq!(edited.unwrap().artist(), Some("Björk Guðmundsdóttir"));
    assert_eq!(titles(&library, "guðmundsdottir"), ["Joga"]);
    assert_eq!(titles(&library, "artist:bjork"), ["Joga"]);
    // The file gets new tags.
    write_track(&first, "B.", "Jóga (1997)");
    fs::File::options()
        .write(true)
        .open(&first)
        .unwrap()
        .set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    assert_eq!(scan(&library).changed, 1);
    let track = library.track(id).unwrap();
    assert_eq!((track.artist(), track.title()), (Some("Björk Guðmundsdóttir"), Some("Jóga (1997)")));
    // It moves to another folder, under a name that is not UTF-8.
    let moved = shelf.music().join("out").join(OsStr::from_bytes(b"j\xf3ga.mp3"));
    fs::create_dir(shelf.music().join("out")).unwrap();
    fs::rename(&first, &moved).unwrap();
    let result = scan(&library);
    assert_eq!((result.moved, result.added, result.missing), (1, 0, 0));
    let track = library.track(id).unwrap();
    assert_eq!((track.path.as_path(), track.kind()), (moved.as_path(), TrackKind::Show));
    assert_eq!(titles(&library, "joga guðmundsd"), ["Jóga (1997)"]);
    let refused = library.edit(id, |edits| {
        *edits = Edits { rating: Some(6), ..Edits::default() };
        Ok(())
    });
    assert!(matches!(refused, Err(Error::Setting { key: "rating", .. })), "{refused:?}");
    assert_eq!(library.track(id).unwrap().kind(), TrackKind::Show, "nothing has changed");
}

#[test]
fn what_is_gone_is_kept_and_comes_back() {
    let shelf = Shelf::new();
    let (gone, stays) = (shelf.add("gone.mp3", "A", "Gone"), shelf.add("stays.mp3", "A", "Stays"));
    let library = shelf.open();
    scan(&library);
    let id = library.track_at(&gone).unwrap().unwrap().id;
    let bytes = fs::read(&gone).unwrap();
    let modified = fs::metadata(&gone).unwrap().modified().unwrap();
    fs::remove_file(&gone).unwrap();
    assert_eq!(scan(&library).missing, 1);
    assert_eq!(titles(&library, "a"), ["Stays"]);
    assert!(library.track(id).unwrap().missing.is_some());
    fs::write(&gone, bytes).unwrap();
    fs::File::options().write(true).open(&gone).unwrap().set_modified(modified).unwrap();
    assert_eq!(scan(&library).missing, 0);
    assert!(library.track(id).unwrap().missing.is_none());
    assert_eq!(titles(&library, "gone"), ["Gone"]);
    // A folder whose disk is not mounted looks empty, and costs nothing.
    fs::remove_file(&gone).unwrap();
    fs::remove_file(&stays).unwrap();
    let result = scan(&library);
    assert!(result.problems[0].contains("it is empty, and 2 tracks were in it"), "{:?}", result.problems);
    assert!(library.problems()[0].contains("is its disk mounted?"), "{:?}", library.problems());
    assert_eq!(titles(&library, "a").len(), 2);
    fs::remove_dir(shelf.music()).unwrap();
    assert!(scan(&library).problems[0].contains("No such file"));
    assert_eq!(library.state().unwrap().tracks, 2);
    fs::create_dir(shelf.music()).unwrap();
    shelf.add("stays.mp3", "A", "Stays");
    assert_eq!(scan(&library).missing, 1);
    assert_eq!(library.problems(), [""; 0]);
}

#[test]
fn a_file_that_cannot_be_played_says_why_and_is_not_read_again() {
    let shelf = Shelf::new();
    let bad = shelf.music().join("bad.mp3");
    fs::write(&bad, "this is no audio").unwrap();
    age(&bad);
    shelf.add("good.mp3", "A", "Good");
    let library = shelf.open();
    assert_eq!(scan(&library).unplayable, 1);
    let named = library.unplayable(10).unwrap();
    assert_eq!(named[0].path, bad);
    assert!(named[0].problem.is_some());
    assert_eq!(titles(&library, "bad"), [""; 0]);
    assert_eq!(scan(&library).changed, 0);
}

/// The whole folder of a station is moved, with its database.
#[test]
fn a_library_can_move() {
    let shelf = Shelf::new();
    shelf.add("a/one.mp3", "A", "One");
    let library = shelf.open();
    scan(&library);
    drop(library);
    let elsewhere = tempfile::tempdir().unwrap();
    let home = elsewhere.path().join("radio");
    fs::rename(shelf.home.path(), &home).unwrap();
    fs::create_dir(shelf.home.path()).unwrap();
    let settings = LibrarySettings::of([home.join("music")], home.join("library.db"));
    let library = Library::open(&settings).unwrap();
    assert_eq!(scan(&library).added, 0);
    assert_eq!(library.search(&Search::new("one")).unwrap().tracks[0].path, home.join("music/a/one.mp3"));
}

#[test]
fn changes_are_noticed_as_they_happen() {
    let shelf = Shelf::new();
    shelf.add("one.mp3", "A", "One");
    let library = shelf.open();
    library.follow().unwrap();
    let is_scanned = || matches!(library.state().unwrap().scan, ScanState::Ended { .. });
    until("the first scan", || is_scanned() && titles(&library, "one") == ["One"]);
    // It may take a moment until the folder is watched, and changes are collected until none comes for a
    // while.
    let mut n = 0;
    until("a change is noticed", || {
        n += 1;
        if n % 60 == 1 {
            let inbox = shelf.music().join(format!("new{n}.tmp"));
            write_track(&inbox, "B", "New");
            fs::rename(&inbox, inbox.with_extension("mp3")).unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        !titles(&library, "new").is_empty()
    });
}
