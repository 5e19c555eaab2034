//! The database, and everything that can be wrong with it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::play;
use crate::database::Trouble;
use crate::history::play::{Play, PlaysWanted};
use crate::history::retention::Oldest;
use crate::history::store::{Opened, Store, read_plays};
use crate::history::waiting::Batch;

fn open(file: &Path) -> Store {
    Store::open(file, 1).unwrap_or_else(|fault| panic!("{}: {fault:?}", file.display())).store
}

fn write(store: &mut Store, plays: &[(u64, Play)]) {
    store.write(&Batch { plays: plays.to_vec(), ..Batch::default() }).unwrap();
}

fn all(file: &Path) -> Vec<Play> {
    read_plays(file, &PlaysWanted::default()).unwrap()
}

fn files_in(folder: &Path) -> Vec<String> {
    let name =
        |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn what_is_written_is_read_and_written_again_it_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    // SQLite takes any bytes.
    let file = folder.path().join(OsStr::from_bytes(b"h\xff.db"));
    let mut store = open(&file);
    let plays = [play(1, 100), play(2, 200)];
    write(&mut store, &plays);
    let longer = Play { heard: Duration::from_secs(60), ended: false, ..plays[1].1.clone() };
    write(&mut store, &[(2, longer.clone())]);
    assert_eq!(all(&file), [plays[0].1.clone(), longer]);
    drop(store);
    // Another run has numbers of its own.
    let mut store = Store::open(&file, 2).ok().unwrap().store;
    write(&mut store, &[play(1, 300)]);
    assert_eq!(all(&file).len(), 3);
}

#[test]
fn a_span_is_read_from_its_beginning_and_the_last_ones_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history");
    let plays: Vec<_> = (0..100).map(|n| play(n, n * 10)).collect();
    let mut store = open(&file);
    write(&mut store, &plays);
    let other = Play { pipeline: "night".into(), ..play(200, 500).1 };
    write(&mut store, &[(200, other)]);
    let seconds = |wanted: &PlaysWanted| -> Vec<u64> {
        read_plays(&file, wanted).unwrap().iter().map(|play| play.began_at / 1000).collect()
    };
    let wanted = PlaysWanted { pipeline: Some("main".into()), ..PlaysWanted::default() };
    let span = PlaysWanted { from: Some(500_000), before: Some(540_000), ..wanted.clone() };
    assert_eq!(seconds(&span), [500, 510, 520, 530]);
    assert_eq!(seconds(&PlaysWanted { limit: Some(2), ..span }), [500, 510]);
    assert_eq!(seconds(&PlaysWanted { limit: Some(2), ..wanted.clone() }), [980, 990]);
    assert_eq!(seconds(&PlaysWanted { before: Some(20_000), limit: Some(9), ..wanted }), [0, 10]);
    let of_night = PlaysWanted { pipeline: Some("night".into()), ..PlaysWanted::default() };
    assert_eq!(seconds(&of_night), [500]);
    let missing = read_plays(&folder.path().join("none"), &PlaysWanted::default()).unwrap_err();
    assert!(missing.to_string().contains("none"), "{missing}");
}

#[test]
fn old_plays_are_deleted_and_one_of_a_killed_run_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history");
    let mut store = open(&file);
    let cut_off = Play { ended: false, ..play(3, 30).1 };
    write(&mut store, &[play(1, 10), play(2, 2000), (3, cut_off.clone())]);
    drop(store);
    let mut store = Store::open(&file, 2).ok().unwrap().store;
    write(&mut store, &[(1, cut_off)]);
    assert!(store.delete(Oldest { play: Some(1_000_000), minute: 0 }).unwrap());
    let left: Vec<_> = all(&file).iter().map(|play| (play.began_at, play.ended)).collect();
    assert_eq!(left, [(30_000, false), (2_000_000, true)], "what is on the air stays");
}

#[test]
fn a_damaged_history_is_set_aside_and_a_new_one_begins() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history");
    fs::write(&file, "SQLite format 3\0, and nothing of it after that").unwrap();
    let Opened { mut store, set_aside } = Store::open(&file, 1).ok().unwrap();
    let aside = set_aside.unwrap();
    write(&mut store, &[play(1, 1)]);
    assert!(fs::read_to_string(&aside).unwrap().contains("nothing of it"));
    // A crash, and a page in the middle that is not what it was.
    let plays: Vec<_> = (0..2000).map(|n| play(n, n)).collect();
    write(&mut store, &plays);
    drop(store);
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 8192].fill(0x5a);
    fs::write(&file, bytes).unwrap();
    fs::write(folder.path().join("history-wal"), [0; 40]).unwrap();
    let Opened { store, set_aside } = Store::open(&file, 1).ok().unwrap();
    assert!(set_aside.is_some_and(|other| other != aside));
    drop(store);
    assert_eq!(all(&file), []);
}

#[test]
fn a_file_that_was_never_a_history_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    fs::write(&file, "no database, by any means").unwrap();
    let refused = Store::open(&file, 1).err().unwrap().to_string();
    assert!(refused.contains("no database of Longwave"), "{refused}");
    let refused = read_plays(&file, &PlaysWanted::default()).unwrap_err().to_string();
    assert!(refused.contains("choose another name"), "{refused}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "no database, by any means");
}

#[test]
fn what_another_program_or_a_newer_longwave_wrote_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    Connection::open(at("other")).unwrap().execute_batch("CREATE TABLE bookmarks (url)").unwrap();
    drop(open(&at("newer")));
    let newer = Connection::open(at("newer")).unwrap();
    newer.pragma_update(None, "user_version", 7).unwrap();
    drop(newer);
    for (name, said) in
        [("other", "another program's database"), ("newer", "version 7, and this one knows 2")]
    {
        let before = fs::read(at(name)).unwrap();
        match Store::open(&at(name), 1) {
            Err(Trouble::Foreign(reason)) => assert!(reason.contains(said), "{reason}"),
            other => panic!("{name}: {:?}", other.err()),
        }
        let unread = read_plays(&at(name), &PlaysWanted::default()).unwrap_err();
        assert!(unread.to_string().contains(said), "{unread}");
        assert!(fs::read(at(name)).unwrap() == before, "{name} was changed");
    }
    // A reader needs these, and leaves them.
    let of_readers = |name: &String| name.ends_with("-shm") || name.ends_with("-wal");
    let files: Vec<_> = files_in(folder.path()).into_iter().filter(|name| !of_readers(name)).collect();
    assert_eq!(files, ["newer", "other"], "nothing was set aside");
}
