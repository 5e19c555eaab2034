//! Disks that refuse, and are well again. The clock is stepped; only the threads `files` take their time.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::play;
use crate::history::disk::{Disk, Keeping};
use crate::history::play::{Play, PlaysWanted};
use crate::history::store::read_plays;
use crate::history::waiting::{MAX_WAITING, Waiting};

struct Kept {
    disk: Disk,
    keeping: Arc<Keeping>,
    now: Instant,
}

impl Kept {
    fn new(file: &Path, keep: Option<Duration>) -> Kept {
        let (keeping, now) = (Arc::new(Keeping::new()), Instant::now());
        let mut kept = Kept { disk: Disk::new(file, keep, keeping.clone(), now), keeping, now };
        kept.turn();
        kept
    }

    /// Starts what is due, and waits until it is done.
    fn turn(&mut self) {
        self.disk.turn(self.now);
        while self.disk.is_busy() {
            self.disk.turn(self.now);
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.turn();
    }

    fn put(&mut self, (number, play): (u64, Play)) {
        self.disk.put(number, play);
        self.turn();
    }

    fn warning(&self) -> String {
        self.keeping.warnings().into_iter().map(|warning| warning.whole).collect::<Vec<_>>().join("; ")
    }
}

fn count(file: &Path) -> usize {
    read_plays(file, &PlaysWanted::default()).unwrap().len()
}

#[test]
fn what_comes_while_it_is_locked_is_written_when_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history");
    let mut kept = Kept::new(&file, None);
    kept.put(play(1, 1));
    let other = Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    kept.put(play(2, 2));
    kept.put(play(3, 3));
    let warning = kept.warning();
    assert!(
        warning.contains("history: another program has locked it: it is tried again (2 plays wait"),
        "{warning}"
    );
    kept.pass(6);
    assert_eq!(count(&file), 1);
    other.execute_batch("COMMIT").unwrap();
    kept.pass(4);
    assert_eq!(count(&file), 1, "it is not asked all the time");
    kept.pass(2);
    assert_eq!((count(&file), &*kept.warning()), (3, ""));
}

#[test]
fn one_that_is_deleted_is_written_again_and_one_whose_folder_is_gone_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (inner, file) = (folder.path().join("inner"), folder.path().join("inner/history"));
    fs::create_dir(&inner).unwrap();
    let mut kept = Kept::new(&file, None);
    kept.put(play(1, 1));
    fs::remove_file(&file).unwrap();
    kept.put(play(2, 2));
    assert_eq!((count(&file), &*kept.warning()), (2, ""));
    fs::rename(&inner, folder.path().join("away")).unwrap();
    kept.put(play(3, 3));
    assert!(kept.warning().contains("history: it cannot be written"), "{}", kept.warning());
    fs::rename(folder.path().join("away"), &inner).unwrap();
    kept.pass(6);
    assert_eq!((count(&file), &*kept.warning()), (3, ""));
}

#[test]
fn one_that_is_damaged_while_it_is_written_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history");
    let mut kept = Kept::new(&file, None);
    kept.put(play(1, 1));
    // What is in the log goes into the file, then that is spoilt in its place.
    Connection::open(&file).unwrap().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    fs::OpenOptions::new().write(true).open(&file).and_then(|file| file.set_len(4096)).unwrap();
    kept.put(play(2, 2));
    kept.pass(6);
    assert!(kept.warning().contains("the damaged one is"), "{}", kept.warning());
    assert_eq!(count(&file), 1);
    let names = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name());
    let aside = names.filter(|name| name.to_string_lossy().starts_with("history.corrupt-")).count();
    assert!(aside > 0, "it was set aside");
}

#[test]
fn what_is_older_than_is_kept_is_deleted_at_the_start_and_every_hour() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history");
    let recent = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut kept = Kept::new(&file, None);
    kept.put(play(1, 1000));
    kept.put(play(2, recent));
    kept.pass(10_000);
    assert_eq!(count(&file), 2, "for ever");
    let mut kept = Kept::new(&file, Some(Duration::from_secs(400 * 86_400)));
    assert_eq!(count(&file), 1);
    kept.put(play(3, 1000));
    assert_eq!(count(&file), 2);
    kept.pass(3601);
    assert_eq!(count(&file), 1);
}

#[test]
fn a_stop_writes_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history");
    let mut kept = Kept::new(&file, None);
    for number in 0..1200 {
        kept.disk.put(number, play(number, number).1);
    }
    kept.disk.finish(Instant::now() + Duration::from_secs(60));
    assert!(!folder.path().join("history-wal").exists(), "it was closed in order");
    assert_eq!(count(&file), 1200);
}

#[test]
fn what_waits_has_a_bound_and_what_is_lost_is_counted() {
    let mut waiting = Waiting::default();
    let most = MAX_WAITING as u64;
    for number in 0..most + 7 {
        let (number, mut play) = play(number, number);
        play.ended = number != 3;
        waiting.put(number, play);
        waiting.put(most + 100, super::play(0, 0).1);
    }
    assert_eq!(waiting.len(), MAX_WAITING);
    // The one that is on the air comes again.
    assert_eq!(waiting.lost(), 7);
    let first = waiting.take(2);
    assert_eq!(first.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [8, 9]);
    waiting.put(8, Play { title: "later".into(), ..play(8, 8).1 });
    waiting.give_back(&first);
    assert_eq!(waiting.take(1)[0].1.title, "later");
    assert_eq!(waiting.take(1)[0].0, 9);
}
