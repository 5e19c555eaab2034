//! The database of a library that other programs lock or delete: the stream goes on, `/health` says what is
//! wrong, and all is well after. What its disk does is in the table of `sick_disks.rs`.
#![cfg(all(feature = "mp3", feature = "library"))]

use std::fs;
use std::time::{Duration, Instant};

use longwave_testing::{A_STOP, long};
use nix::sys::signal::{Signal, kill};
use rusqlite::Connection;

use super::sick_station::{Disk, Received, Sick, shim};

/// A player holds more than that.
const PAUSE: Duration = Duration::from_secs(3);

/// A station on the air whose library can be changed, and somebody who listens.
fn start() -> (Sick, std::sync::Arc<Received>) {
    let build = tempfile::tempdir().unwrap();
    let sick = Sick::start(Disk::Library, &shim(build.path()), "");
    let received = sick.listen();
    sick.until("it is on the air", || received.bytes() > 0);
    sick.until("the library takes a change", || status(&sick) == Some(204));
    (sick, received)
}

fn status(sick: &Sick) -> Option<u16> {
    sick.change_library().map(|answer| answer.0)
}

/// Ends it, and is sure that it was heard all the time.
fn end(mut sick: Sick, received: &Received) {
    let pause = received.longest_pause();
    assert!(pause < PAUSE, "{sick:?}: nothing came for {pause:?}");
    println!("the longest time without audio: {pause:?}");
    kill(sick.pid(), Signal::SIGTERM).unwrap();
    assert_eq!(sick.until_ended(A_STOP).code(), Some(0), "{sick:?}");
}

#[test]
fn a_library_that_is_locked_costs_its_changes_alone() {
    let (sick, received) = start();
    let other = Connection::open(sick.path("sick/library.db")).unwrap();
    let locked = Instant::now();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = sick.change_library().unwrap();
    assert!(refused.0 == 503 && refused.1.contains("another program has locked it"), "{refused:?}");
    assert!(sick.health_says("another program has locked it"), "{sick:?}");
    let time = Duration::from_secs(if long() { 60 } else { 1 });
    loop {
        let searched = sick.ask("GET", "/api/v1/library/tracks?search=one", "").unwrap();
        assert_eq!(searched.0, 200, "what is known can be read: {searched:?}");
        if locked.elapsed() >= time {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    other.execute_batch("ROLLBACK").unwrap();
    sick.until("a change is kept", || status(&sick) == Some(204));
    assert!(!sick.health_says("library.db"), "{sick:?}");
    end(sick, &received);
}

#[test]
fn a_library_that_is_deleted_is_written_again() {
    let (sick, received) = start();
    for companion in ["", "-wal", "-shm"] {
        fs::remove_file(sick.path(&format!("sick/library.db{companion}"))).unwrap();
    }
    sick.until("/health says it", || sick.health_says("it was deleted: all of it was written again"));
    let lists = sick.ask("GET", "/api/v1/library/playlists", "").unwrap();
    assert!(lists.0 == 200 && lists.1.contains("\"all\""), "{lists:?}");
    assert_eq!(status(&sick), Some(204), "{sick:?}");
    end(sick, &received);
}
