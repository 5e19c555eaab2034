//! The process is killed at random moments of scans and edits: the database opens, and nothing that was
//! acknowledged is lost.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use longwave::{Library, LibraryPlaylist, LibrarySettings};
use longwave_testing::long;

use crate::music::{Shelf, scan, write_track};

/// The shelf on which the child works.
const HOME: &str = "LONGWAVE_LIBRARY_HOME";

/// How many files the shelf has, and how many of them are new after each kill.
const FILES: usize = 400;

#[test]
fn what_was_acknowledged_outlives_the_process() {
    let rounds = if long() { 50 } else { 8 };
    let seed = longwave_testing::seed();
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let shelf = Shelf::new();
    for n in 0..FILES {
        write_track(&shelf.music().join(format!("{n}.mp3")), "A", &format!("Title {n}"));
    }
    let mut acknowledged = 0;
    for round in 0..rounds {
        for n in 0..FILES / 10 {
            let path = shelf.music().join(format!("{}/{n}.mp3", round % 7));
            write_track(&path, "B", &format!("New {round} {n}"));
        }
        let after = Duration::from_micros(random.u64(0..400_000));
        acknowledged = killed(&shelf, acknowledged, after);
        let library = shelf.open();
        assert_eq!(library.problems(), [""; 0], "round {round}");
        let playlists = library.playlists().unwrap();
        // One that was on its way may be there, too.
        let made: usize =
            playlists.iter().map(|playlist| playlist.name.parse::<usize>().unwrap()).max().unwrap_or(0);
        assert!((acknowledged..=acknowledged + 1).contains(&made), "{made} of {acknowledged}, round {round}");
        assert_eq!(playlists.len(), made, "each of them is there");
        acknowledged = made;
        drop(library);
    }
    let library = shelf.open();
    scan(&library);
    let state = library.state().unwrap();
    assert_eq!(state.tracks as usize, FILES + rounds.min(7) * (FILES / 10));
    let connection = rusqlite::Connection::open(shelf.database()).unwrap();
    let finding: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(finding, "ok");
    println!("{rounds} kills, {acknowledged} changes");
}

/// Has a child scan and make playlists `known + 1`, …, and kills it after this time. Returns the last one
/// that was acknowledged.
fn killed(shelf: &Shelf, known: usize, after: Duration) -> usize {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::makes_changes_until_it_is_killed", "--nocapture", "--ignored"])
        .env(HOME, shelf.home.path())
        .env("LONGWAVE_LIBRARY_KNOWN", known.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    // What the test harness says comes before.
    let last = lines.by_ref().find(|line| line == "begins").map(|_| {
        std::thread::sleep(after);
        child.kill().unwrap();
        lines.filter_map(|line| line.parse().ok()).last()
    });
    child.wait().unwrap();
    last.expect("the child has begun").unwrap_or(known)
}

/// The child.
#[test]
#[ignore = "a child of the test above"]
fn makes_changes_until_it_is_killed() {
    let Some(home) = std::env::var_os(HOME).map(std::path::PathBuf::from) else { return };
    let known: usize = std::env::var("LONGWAVE_LIBRARY_KNOWN").unwrap().parse().unwrap();
    let settings = LibrarySettings {
        analyse: false,
        ..LibrarySettings::of([home.join("music")], home.join("library.db"))
    };
    let library = Library::open(&settings).unwrap();
    println!("\nbegins");
    library.start_scan().unwrap();
    for n in known + 1.. {
        library.set_playlist(LibraryPlaylist::ordered(n.to_string(), Vec::new())).unwrap();
        println!("{n}");
        std::io::stdout().flush().unwrap();
    }
    fs::remove_dir_all(home).unwrap();
}
