//! Databases that are locked, full, read-only, damaged, deleted or made by a newer version: what is known
//! already can be read where that is possible, what is wrong is said, and all is well again after.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use longwave::{Error, Library, LibraryPlaylist, LibrarySettings, SmartList};
use longwave_testing::{long, until};
use rusqlite::Connection;

use crate::music::{Shelf, scan, titles, write_track};

/// A shelf with one track, and its library.
fn shelf() -> (Shelf, Library) {
    let shelf = Shelf::new();
    shelf.add("one.mp3", "A", "One");
    let library = shelf.open();
    scan(&library);
    library.set_playlist(LibraryPlaylist::smart("all", SmartList::default())).unwrap();
    (shelf, library)
}

fn change(library: &Library, name: &str) -> Result<(), Error> {
    library.set_playlist(LibraryPlaylist::ordered(name, Vec::new()))
}

/// It says this of itself.
fn says(library: &Library, what: &str) -> bool {
    library.problems().iter().any(|problem| problem.contains(what))
}

#[test]
fn a_locked_database_can_be_read_and_is_written_after() {
    let (shelf, library) = shelf();
    let other = Connection::open(shelf.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let lock_for = Duration::from_secs(if long() { 60 } else { 1 });
    let until_then = Instant::now() + lock_for;
    shelf.add("two.mp3", "A", "Two");
    library.start_scan().unwrap();
    let refused = change(&library, "new").unwrap_err();
    assert!(refused.to_string().contains("another program has locked it"), "{refused}");
    assert!(says(&library, "another program has locked it"), "{:?}", library.problems());
    while Instant::now() < until_then {
        assert_eq!(titles(&library, "one"), ["One"]);
        std::thread::sleep(Duration::from_millis(100));
    }
    other.execute_batch("ROLLBACK").unwrap();
    until("the scan goes on", || titles(&library, "two") == ["Two"]);
    change(&library, "new").unwrap();
    assert_eq!(library.problems(), [""; 0]);
}

#[test]
fn a_deleted_database_is_written_again() {
    let (shelf, library) = shelf();
    for more in ["", "-wal", "-shm"] {
        fs::remove_file(format!("{}{more}", shelf.database().display())).unwrap();
    }
    until("it is there again", || says(&library, "it was deleted: all of it was written again"));
    assert_eq!(titles(&library, "one"), ["One"]);
    change(&library, "new").unwrap();
    assert_eq!(library.playlists().unwrap().len(), 2);
    drop(library);
    let library = shelf.open();
    assert_eq!((library.playlists().unwrap().len(), library.problems().len()), (2, 0));
}

#[test]
fn a_damaged_database_is_set_aside_and_made_of_the_folders_again() {
    let (shelf, library) = shelf();
    library.follow().unwrap();
    drop(library);
    for damage in [&b"SQLite format 3\0, once"[..], &[0; 8192]] {
        fs::write(shelf.database(), damage).unwrap();
        // Who only looks leaves it where it is.
        let looked_at = Library::open_as_it_is(&shelf.settings()).unwrap();
        let refused = looked_at.playlists().unwrap_err();
        assert!(refused.to_string().contains("start the station"), "{refused}");
        drop(looked_at);
        assert_eq!(fs::read(shelf.database()).unwrap(), damage);
        let library = shelf.open();
        library.follow().unwrap();
        until("it is made again", || titles(&library, "one") == ["One"]);
        assert!(says(&library, "it was damaged"), "{:?}", library.problems());
    }
    let names = fs::read_dir(shelf.home.path()).unwrap().map(|file| file.unwrap().file_name());
    let aside = names.filter(|name| name.to_string_lossy().contains("library.db.corrupt-2")).count();
    assert!(aside >= 1);
}

/// A slip in `database` must not cost somebody a file.
#[test]
fn a_file_that_was_never_a_database_is_left_alone() {
    let shelf = Shelf::new();
    let note = b"What I must not forget".repeat(300);
    fs::write(shelf.database(), &note).unwrap();
    let library = shelf.open();
    library.follow().unwrap();
    let refused = library.playlists().unwrap_err();
    assert!(refused.to_string().contains("no database of Longwave"), "{refused}");
    assert!(says(&library, "choose another name"), "{:?}", library.problems());
    drop(library);
    assert_eq!(fs::read(shelf.database()).unwrap(), note);
    let beside = fs::read_dir(shelf.home.path()).unwrap().count();
    assert_eq!(beside, 2, "the file and the music");
}

#[test]
fn a_database_that_is_emptied_is_set_aside_and_made_of_the_folders_again() {
    let (shelf, library) = shelf();
    library.follow().unwrap();
    fs::File::options().write(true).open(shelf.database()).and_then(|file| file.set_len(0)).unwrap();
    until("it is noticed", || says(&library, "its file was emptied"));
    until("it is made again", || titles(&library, "one") == ["One"]);
    change(&library, "new").unwrap();
}

/// Damage in the middle shows while the library is used.
#[test]
fn damage_that_shows_later_is_mended_as_well() {
    let shelf = Shelf::new();
    for n in 0..300 {
        shelf.add(&format!("{n}.mp3"), "A", &format!("Title {n}"));
    }
    let library = shelf.open();
    scan(&library);
    drop(library);
    let mut bytes = fs::read(shelf.database()).unwrap();
    let length = bytes.len();
    bytes[8192..length].fill(0x55);
    fs::write(shelf.database(), bytes).unwrap();
    let library = shelf.open();
    library.follow().unwrap();
    until("it is made again", || {
        library.search(&longwave::Search::new("title 299")).is_ok_and(|hits| hits.total == 1)
    });
    assert!(says(&library, "it was damaged"), "{:?}", library.problems());
}

#[test]
fn a_newer_database_is_left_alone() {
    let (shelf, library) = shelf();
    drop(library);
    let newer = Connection::open(shelf.database()).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    let before = fs::read(shelf.database()).unwrap();
    let library = shelf.open();
    let refused = library.playlists().unwrap_err();
    assert!(refused.to_string().contains("a newer Longwave made it (version 99"), "{refused}");
    assert!(says(&library, "a newer Longwave made it"));
    assert!(change(&library, "new").is_err());
    drop(library);
    assert_eq!(fs::read(shelf.database()).unwrap(), before);
}

/// In a name space of its own, as root or as a user who may make one.
fn on_a_small_disk(test: &str) -> bool {
    let ways = [&["unshare", "-m"][..], &["unshare", "-rm"]];
    let may_mount = |way: &&[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let mut probe = Command::new(way[0]);
        probe.args(&way[1..]).args(["mount", "-t", "tmpfs", "tmpfs"]).arg(folder.path());
        probe.output().is_ok_and(|output| output.status.success())
    };
    let Some(way) = ways.into_iter().find(may_mount) else {
        println!("no small disk can be mounted here");
        return false;
    };
    let child = Command::new(way[0])
        .args(&way[1..])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("sick::{test}"), "--nocapture", "--ignored"])
        .output()
        .unwrap();
    let said = [child.stdout, child.stderr].concat();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&said));
    true
}

fn mount(options: &str, folder: &std::path::Path) {
    let mut mount = Command::new("mount");
    assert!(mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder).status().unwrap().success());
}

#[test]
fn a_full_disk_stops_nothing_and_is_over_when_there_is_room() {
    on_a_small_disk("full");
}

#[test]
#[ignore = "a child of the test above"]
fn full() {
    let shelf = Shelf::new();
    let disk = shelf.home.path().join("disk");
    fs::create_dir(&disk).unwrap();
    mount("size=1m", &disk);
    shelf.add("one.mp3", "A", "One");
    let settings = LibrarySettings { database: disk.join("library.db"), ..shelf.settings() };
    let library = Library::open(&settings).unwrap();
    scan(&library);
    for n in 0..3_000 {
        write_track(&shelf.music().join(format!("{n}/{n}.mp3")), "B", &format!("Title {n}"));
    }
    library.start_scan().unwrap();
    until("it is full", || says(&library, "its disk is full") || says(&library, "its disk fails"));
    assert_eq!(titles(&library, "one"), ["One"], "what is known can be read");
    let mut remount = Command::new("mount");
    assert!(remount.args(["-o", "remount,size=100m"]).arg(&disk).status().unwrap().success());
    until("all is well again", || library.problems().is_empty() && library.state().unwrap().tracks == 3_001);
}

#[test]
fn a_read_only_disk_is_named_and_all_is_well_after() {
    on_a_small_disk("read_only");
}

#[test]
#[ignore = "a child of the test above"]
fn read_only() {
    let shelf = Shelf::new();
    let disk = shelf.home.path().join("disk");
    fs::create_dir(&disk).unwrap();
    mount("size=50m", &disk);
    shelf.add("one.mp3", "A", "One");
    let settings = LibrarySettings { database: disk.join("library.db"), ..shelf.settings() };
    let library = Library::open(&settings).unwrap();
    scan(&library);
    drop(library);
    let remount = |how: &str| {
        let mut remount = Command::new("mount");
        assert!(remount.args(["-o", &format!("remount,{how}")]).arg(&disk).status().unwrap().success());
    };
    remount("ro");
    let library = Library::open(&settings).unwrap();
    let refused = change(&library, "new").unwrap_err();
    assert!(refused.to_string().contains("cannot be written"), "{refused}");
    assert!(says(&library, "cannot be written"), "{:?}", library.problems());
    remount("rw");
    until("it can be written", || change(&library, "new").is_ok());
    assert_eq!((titles(&library, "one"), library.problems().len()), (vec!["One".to_owned()], 0));
}
