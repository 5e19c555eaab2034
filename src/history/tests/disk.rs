//! Disks that refuse, and are well again. The clock is stepped; only the threads `files` take their time.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rusqlite::Connection;

use super::{minute, play};
use crate::history::account::Moment;
use crate::history::disk::{Disk, Keeping};
use crate::history::play::{Play, PlaysWanted};
use crate::history::settings::HistorySettings;
use crate::history::store::{Store, each_minute, read_plays};
use crate::history::waiting::{Batch, Lost, MAX_MINUTES, MAX_WAITING, Waiting};

struct Kept {
    disk: Disk,
    keeping: Arc<Keeping>,
    now: Moment,
}

impl Kept {
    fn new(file: &Path, keep: Option<Duration>) -> Kept {
        let (keeping, now) = (Arc::new(Keeping::new()), Moment::now());
        let settings = HistorySettings { keep, ..HistorySettings::default() };
        let mut kept = Kept { disk: Disk::new(file, &settings, keeping.clone(), now), keeping, now };
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
        let passed = Duration::from_secs(seconds);
        self.now = Moment { at: self.now.at + passed, wall: self.now.wall + passed };
        self.turn();
    }

    fn put(&mut self, (number, play): (u64, Play)) {
        self.disk.put(number, play);
        self.turn();
    }

    fn put_minute(&mut self, number: u64, at: u64) {
        self.disk.put_minute(number, minute(at, 1));
        self.turn();
    }

    fn warning(&self) -> String {
        self.keeping.warnings().into_iter().map(|warning| warning.whole).collect::<Vec<_>>().join("; ")
    }
}

fn count(file: &Path) -> usize {
    read_plays(file, &PlaysWanted::default()).unwrap().len()
}

/// The minutes in a history, with how many seconds of the station they have.
fn minutes(file: &Path) -> Vec<(u64, u64)> {
    let mut minutes = Vec::new();
    each_minute(file, 0..u64::MAX, Some(""), |at, _, count| {
        minutes.push((at, count.seconds));
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    minutes
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
    kept.put_minute(1, 70);
    let warning = kept.warning();
    assert!(
        warning.contains(
            "history: another program has locked it: it is tried again \
             (2 plays and 1 minutes of listeners wait"
        ),
        "{warning}"
    );
    kept.pass(6);
    assert_eq!(count(&file), 1);
    other.execute_batch("COMMIT").unwrap();
    kept.pass(4);
    assert_eq!(count(&file), 1, "it is not asked all the time");
    kept.pass(2);
    assert_eq!((count(&file), minutes(&file), &*kept.warning()), (3, vec![(70, 1)], ""));
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
fn what_is_older_than_is_kept_is_deleted_every_hour() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history");
    let recent = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let mut kept = Kept::new(&file, None);
    kept.put(play(1, 1000));
    kept.put(play(2, recent));
    kept.put_minute(1, recent / 60 - 91 * 1440);
    kept.put_minute(2, recent / 60);
    kept.pass(10_000);
    assert_eq!(count(&file), 2, "for ever");
    assert_eq!(minutes(&file), [(recent / 60, 1)]);
    let mut kept = Kept::new(&file, Some(Duration::from_secs(400 * 86_400)));
    assert_eq!(count(&file), 2);
    kept.pass(3601);
    assert_eq!(count(&file), 1);
    kept.put(play(3, 1000));
    kept.pass(3000);
    assert_eq!(count(&file), 2);
    kept.pass(601);
    assert_eq!(count(&file), 1);
}

/// A machine without a battery starts in 1970, or in the year of a broken one; then its clock is set.
#[test]
fn by_a_clock_that_was_set_nothing_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history");
    let mut kept = Kept::new(&file, Some(Duration::from_secs(400 * 86_400)));
    let (now, minute) = (kept.now.wall, kept.now.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap());
    kept.put(play(1, minute.as_secs()));
    kept.put_minute(1, minute.as_secs() / 60);
    for wrong in [now + Duration::from_secs(60 * 365 * 86_400), SystemTime::UNIX_EPOCH] {
        kept.now.wall = wrong;
        kept.pass(3601);
        assert_eq!((count(&file), minutes(&file).len()), (1, 1), "the clock was set before");
        kept.pass(1800);
        kept.now.wall = now;
        kept.pass(1801);
        assert_eq!((count(&file), minutes(&file).len()), (1, 1), "it was set right meanwhile");
        kept.pass(3601);
        assert_eq!((count(&file), minutes(&file).len()), (1, 1), "nothing is too old");
    }
}

/// A disk that hangs may write after all, when what it had was given back and is written again.
#[test]
fn a_minute_that_is_written_twice_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history");
    let batch = |numbers: std::ops::RangeInclusive<u64>| Batch {
        minutes: numbers.map(|number| (number, minute(100 + number / 3, 60))).collect(),
        ..Batch::default()
    };
    let mut hung = Store::open(&file, 1).ok().unwrap().store;
    let mut store = Store::open(&file, 1).ok().unwrap().store;
    store.write(&batch(1..=2)).unwrap();
    store.write(&batch(3..=5)).unwrap();
    hung.write(&batch(1..=2)).unwrap();
    hung.write(&batch(3..=4)).unwrap();
    hung.write(&batch(3..=6)).unwrap();
    assert_eq!(minutes(&file), [(100, 120), (101, 180), (102, 60)], "those that come again are added");
    // Another run counts for itself.
    Store::open(&file, 2).ok().unwrap().store.write(&batch(1..=1)).unwrap();
    assert_eq!(minutes(&file)[0], (100, 180));
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
    for number in 1..=MAX_MINUTES as u64 + 3 {
        waiting.put_minute(number, minute(number, 1));
    }
    assert_eq!((waiting.plays(), waiting.minutes()), (MAX_WAITING, MAX_MINUTES));
    // The one that is on the air comes again.
    assert_eq!(waiting.lost(), Lost { plays: 7, minutes: 3 });
    let first = waiting.take(2);
    assert_eq!(first.minutes.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(first.plays.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [8, 9]);
    waiting.put(8, Play { title: "later".into(), ..play(8, 8).1 });
    waiting.give_back(&first);
    let again = waiting.take(1);
    assert_eq!((&*again.plays[0].1.title, again.minutes[0].0), ("later", 4));
    assert_eq!(waiting.take(1).plays[0].0, 9);
}
