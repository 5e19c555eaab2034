//! The thread `lists`, on folders and playlists that change, vanish and hang.

use std::fs;
use std::time::SystemTime;

use super::super::Lists;
use super::*;
use crate::engine::crew::Crew;
use crate::playout::playlist::MAX_CONFINED_ENTRIES;
use crate::playout::{RunningOrder, UpNext};
use crate::staff::Round;

fn nothing_up_next() -> Arc<SharedUpNext> {
    Arc::new(SharedUpNext::new(RunningOrder::new(UpNext::new(fastrand::Rng::with_seed(1)))))
}

/// A reader that has read these roots.
fn reader(roots: &[&Path]) -> Reader {
    let up_next = nothing_up_next();
    // No other list follows.
    let (_, loads) = bounded(1);
    let (media_roots, files) = (MediaRoots::default(), FileWork::new());
    let mut reader = Reader::new("main".into(), up_next, (media_roots, None), files, loads, Arc::default());
    reader.load(Load::new(roots.iter().map(|root| root.into()).collect(), true, false));
    reader
}

impl Reader {
    /// The names of the entries that are up next.
    fn names(&self) -> Vec<String> {
        let mut list = self.up_next.lock();
        let next = list.up_next(9).into_iter();
        next.map(|next| next.entry.path.file_stem().unwrap().display().to_string()).collect()
    }

    fn problems(&self) -> usize {
        self.in_play.as_ref().unwrap().logged.len()
    }
}

#[test]
fn a_folder_that_vanishes_leaves_the_playlist_as_it_was_and_is_read_when_it_is_back() {
    let disk = tempfile::tempdir().unwrap();
    let (music, away) = (disk.path().join("music"), disk.path().join("away"));
    fs::create_dir(&music).unwrap();
    fs::write(music.join("a.mp3"), "").unwrap();
    fs::write(music.join("b.mp3"), "").unwrap();
    let mut reader = reader(&[&music]);
    assert_eq!((reader.names(), reader.problems()), (vec!["a".into(), "b".into()], 0));
    fs::rename(&music, &away).unwrap();
    reader.read_again_if_changed();
    assert_eq!((reader.names(), reader.problems()), (vec!["a".into(), "b".into()], 2));
    fs::remove_file(away.join("a.mp3")).unwrap();
    fs::rename(&away, &music).unwrap();
    reader.read_again_if_changed();
    assert_eq!((reader.names(), reader.problems()), (vec!["b".into()], 0));
    // An empty folder that can be read counts as empty on purpose.
    fs::remove_file(music.join("b.mp3")).unwrap();
    // A file system's clock may have coarse ticks.
    let later = SystemTime::now() + Duration::from_secs(2);
    fs::File::open(&music).unwrap().set_modified(later).unwrap();
    reader.read_again_if_changed();
    assert_eq!((reader.names(), reader.problems()), (Vec::new(), 0));
}

#[test]
fn a_file_that_was_being_written_plays_when_it_is_quiet() {
    let disk = tempfile::tempdir().unwrap();
    let write = |name: &str, age: u64| {
        let file = fs::File::create(disk.path().join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
    };
    // A file system's clock may have coarse ticks.
    let folder_changed = |ahead: u64| {
        let later = SystemTime::now() + Duration::from_secs(ahead);
        fs::File::open(disk.path()).unwrap().set_modified(later).unwrap();
    };
    write("a.mp3", 60);
    write("b.mp3", 0);
    write("c.mp3.part", 60);
    let mut reader = reader(&[disk.path()]);
    assert_eq!(reader.names(), ["a"]);
    reader.read_again_if_changed();
    assert_eq!(reader.names(), ["a"], "it is still being written");
    write("b.mp3", 11);
    reader.read_again_if_changed();
    assert_eq!(reader.names(), ["a", "b"]);
    fs::rename(disk.path().join("c.mp3.part"), disk.path().join("c.mp3")).unwrap();
    folder_changed(1);
    reader.read_again_if_changed();
    assert_eq!(reader.names(), ["a", "b", "c"]);
    // Somebody begins to replace a file, and another one comes.
    write("a.mp3", 0);
    write("d.mp3", 60);
    folder_changed(2);
    reader.read_again_if_changed();
    assert_eq!(reader.names(), ["b", "c", "d"]);
    write("a.mp3", 11);
    reader.read_again_if_changed();
    assert_eq!(reader.names(), ["a", "b", "c", "d"]);
}

#[test]
fn a_list_that_is_read_again_is_as_confined_as_before() {
    let disk = tempfile::tempdir().unwrap();
    let (music, list) = (disk.path().join("music"), disk.path().join("music/list.m3u"));
    fs::create_dir(&music).unwrap();
    fs::create_dir(disk.path().join("out")).unwrap();
    for file in ["music/a.mp3", "music/b.mp3", "private.mp3", "out/secret.mp3"] {
        fs::write(disk.path().join(file), "").unwrap();
    }
    fs::write(&list, "a.mp3\n").unwrap();
    let mut reader = reader(&[]);
    reader.media_roots.set(vec![music.clone()]);
    reader.load(Load { confined: true, ..Load::new(vec![list.clone()], true, false) });
    assert_eq!((reader.names(), reader.problems()), (vec!["a".into()], 0));
    fs::write(&list, "a.mp3\n../private.mp3\nb.mp3\n").unwrap();
    reader.read_again_if_changed();
    assert_eq!((reader.names(), reader.problems()), (vec!["a".into(), "b".into()], 1));
    // The list itself becomes a link that leads outside: it stays as it was.
    fs::write(disk.path().join("out/list.m3u"), "secret.mp3\n").unwrap();
    fs::remove_file(&list).unwrap();
    std::os::unix::fs::symlink("../out/list.m3u", &list).unwrap();
    reader.read_again_if_changed();
    assert_eq!((reader.names(), reader.problems()), (vec!["a".into(), "b".into()], 2));
    // Roots that were taken away hold for lists, too.
    fs::remove_file(&list).unwrap();
    fs::write(&list, "b.mp3\n").unwrap();
    reader.media_roots.set(vec![disk.path().join("out")]);
    reader.read_again_if_changed();
    assert_eq!((reader.names(), reader.problems()), (vec!["a".into(), "b".into()], 2));
}

#[test]
fn the_existing_files_of_a_list_are_played() {
    let disk = tempfile::tempdir().unwrap();
    let list = disk.path().join("list.m3u");
    fs::write(disk.path().join("a.mp3"), "").unwrap();
    fs::write(&list, "a.mp3\n").unwrap();
    let mut reader = reader(&[&list]);
    fs::write(&list, "gone.mp3\na.mp3\n").unwrap();
    reader.read_again_if_changed();
    assert_eq!((reader.names(), reader.problems()), (vec!["a".into()], 1));
    fs::write(&list, "gone.mp3\n").unwrap();
    reader.read_again_if_changed();
    assert_eq!((reader.names(), reader.problems()), (vec!["a".into()], 2));
}

#[test]
fn a_list_that_the_api_loads_has_a_bound_and_says_so() {
    let disk = tempfile::tempdir().unwrap();
    let list = disk.path().join("list.m3u");
    fs::write(disk.path().join("a.mp3"), "").unwrap();
    fs::write(&list, "a.mp3\n".repeat(MAX_CONFINED_ENTRIES + 1)).unwrap();
    let mut reader = reader(&[]);
    reader.media_roots.set(vec![disk.path().to_owned()]);
    reader.load(Load { confined: true, ..Load::new(vec![list], true, false) });
    assert_eq!(reader.up_next.lock().list().unwrap().length, MAX_CONFINED_ENTRIES);
    let problems = &reader.in_play.as_ref().unwrap().logged;
    assert!(problems.iter().any(|problem| problem.contains("no more than 200000 files")), "{problems:?}");
}

/// Broken off by the list that takes its place, and by the stop.
#[test]
fn three_million_missing_files_hold_up_nobody() {
    let disk = tempfile::tempdir().unwrap();
    let (missing, other) = (disk.path().join("missing.m3u"), disk.path().join("other.m3u"));
    fs::write(&missing, "a\n".repeat(3_000_000)).unwrap();
    fs::write(disk.path().join("b.mp3"), "").unwrap();
    fs::write(&other, "b.mp3\n").unwrap();
    let up_next = Arc::new(SharedUpNext::new(RunningOrder::new(UpNext::new(fastrand::Rng::with_seed(1)))));
    let (files, crew) = (FileWork::new(), Arc::new(Crew::default()));
    let roots = MediaRoots::default();
    let lists = Lists::new("main".into(), up_next.clone(), roots, files.clone(), crew.clone(), None);
    let load = |list: &Path| Load::new(vec![list.to_owned()], true, false);
    lists.load(load(&missing));
    while files.is_idle() {
        std::thread::yield_now();
    }
    let since = Instant::now();
    lists.load(load(&other));
    while up_next.lock().peek().is_none() {
        std::thread::yield_now();
    }
    assert!(since.elapsed() < Duration::from_secs(2), "another list after {:?}", since.elapsed());
    lists.load(load(&missing));
    while files.is_idle() {
        std::thread::yield_now();
    }
    let since = Instant::now();
    lists.stop();
    assert_eq!(crew.join(since + Duration::from_secs(2)), [""; 0]);
    assert_eq!(files.join(since + Duration::from_secs(4)), [""; 0]);
}

/// The reader, to which another list comes while it reads this one. Then it reads that.
fn interrupted(mut reader: Reader, load: Load, by: Load) -> Reader {
    let (sender, loads) = bounded(1);
    reader.loads = loads;
    sender.send(by).unwrap();
    reader.load(load);
    let by = reader.loads.recv().unwrap();
    reader.load(by);
    reader
}

#[test]
fn a_list_that_gives_nothing_leaves_the_one_that_it_interrupted() {
    let disk = tempfile::tempdir().unwrap();
    let (music, refused) = (disk.path().join("music"), disk.path().join("refused.m3u"));
    fs::create_dir(&music).unwrap();
    ["a.mp3", "b.mp3", "c.mp3"].iter().for_each(|file| fs::write(music.join(file), "").unwrap());
    fs::write(&refused, "gone.mp3\nlost.mp3\n").unwrap();
    let all = ["a", "b", "c"];
    let refused = || Load::new(vec![refused.clone()], true, false);
    let configured = |shuffle| Load::new(vec![music.clone()], true, shuffle);
    // In order, the first entry is in play when the other list comes. Shuffled, there is none yet.
    for shuffle in [false, true] {
        let read = interrupted(reader(&[]), configured(shuffle), refused());
        let mut names = read.names();
        names.sort();
        assert_eq!(names, all, "shuffled: {shuffle}");
        assert!(read.in_play.unwrap().roots.iter().eq([&music]), "and it is watched");
    }
    // After a restart, the list is there and is read again.
    let read = reader(&[&music]);
    fs::remove_file(music.join("b.mp3")).unwrap();
    let in_place_of = Some(read.in_play.as_ref().unwrap().id);
    let read = interrupted(read, Load { in_place_of, ..configured(false) }, refused());
    assert_eq!(read.names(), ["a", "c"]);
    // One that has entries takes its place, and nothing is left to be read.
    let other = Load::new(vec![music.join("c.mp3")], true, false);
    let read = interrupted(reader(&[]), configured(false), other);
    assert_eq!((read.names(), read.waiting.is_none()), (vec!["c".into()], true));
}

#[test]
fn lists_that_were_not_read_yet_take_one_place_and_the_first_of_them_is_not_forgotten() {
    let (files, crew) = (FileWork::new(), Arc::new(Crew::default()));
    let lists = Lists::new("main".into(), nothing_up_next(), MediaRoots::default(), files, crew, None);
    // As if it read something else.
    lists.lock().reading = true;
    let unread = lists.unread.clone();
    let disk = tempfile::tempdir().unwrap();
    let music = disk.path().join("a.mp3");
    fs::write(&music, "").unwrap();
    lists.load(Load::new(vec![music], true, false));
    (0..1000).for_each(|n| lists.load(Load::new(vec![disk.path().join(format!("gone{n}"))], true, false)));
    let last = unread.recv().unwrap();
    assert!(unread.is_empty() && last.name.ends_with("gone999"));
    let mut reader = reader(&[]);
    reader.load(last);
    assert_eq!(reader.names(), ["a"]);
}

/// Lists whose thread has read this one, and rests.
fn at_rest(list: &Path) -> (Arc<Lists>, Arc<Crew>) {
    let crew = Arc::new(Crew::default());
    let (up_next, files) = (nothing_up_next(), FileWork::new());
    let lists = Lists::new("main".into(), up_next, MediaRoots::default(), files, crew.clone(), None);
    lists.load(Load::new(vec![list.to_owned()], true, false));
    until_at_rest(&lists);
    (lists, crew)
}

fn until_at_rest(lists: &Lists) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while lists.lock().reading {
        assert!(Instant::now() < deadline, "it still reads");
        std::thread::yield_now();
    }
}

/// The names of what is up next, when there are so many.
fn names_of(lists: &Lists, count: usize) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let mut list = lists.up_next.lock();
        let next = list.up_next(9);
        if next.len() == count || Instant::now() > deadline {
            return next.iter().map(|next| next.entry.path.display().to_string()).collect();
        }
        drop(list);
        std::thread::yield_now();
    }
}

#[test]
fn there_is_a_thread_only_while_something_is_read_and_a_round_finds_what_has_changed() {
    let disk = tempfile::tempdir().unwrap();
    let list = disk.path().join("list.m3u");
    ["a.mp3", "b.mp3"].iter().for_each(|file| fs::write(disk.path().join(file), "").unwrap());
    fs::write(&list, "a.mp3\n").unwrap();
    let (lists, crew) = at_rest(&list);
    assert_eq!(names_of(&lists, 1).len(), 1);
    let deadline = Instant::now() + Duration::from_secs(20);
    while crew.at_work("lists") > 0 {
        assert!(Instant::now() < deadline, "its thread ends");
        std::thread::yield_now();
    }
    // Nothing has changed.
    lists.look();
    while lists.lock().looking.as_ref().is_some_and(Pending::is_under_way) {
        std::thread::yield_now();
    }
    assert_eq!(crew.at_work("lists"), 0);
    fs::write(&list, "a.mp3\nb.mp3\n").unwrap();
    lists.look();
    assert_eq!(names_of(&lists, 2).len(), 2);
    until_at_rest(&lists);
    lists.stop();
    assert_eq!(crew.join(Instant::now() + Duration::from_secs(20)), [""; 0]);
}

#[test]
fn a_look_that_hangs_is_left_alone_and_another_list_is_read_meanwhile() {
    let disk = tempfile::tempdir().unwrap();
    let (a, b) = (disk.path().join("a.mp3"), disk.path().join("b.mp3"));
    [&a, &b].iter().for_each(|file| fs::write(file, "").unwrap());
    let (lists, crew) = at_rest(&a);
    let (never, hangs) = bounded::<()>(0);
    let (counted, looks) = (Arc::new(()), |counted: &Arc<()>| Arc::strong_count(counted) - 1);
    let own = counted.clone();
    let looking = lists.files.start("/a-look-that-hangs".as_ref(), move |_| {
        let _own = own;
        let _ = hangs.recv();
    });
    lists.lock().looking = Some(looking.unwrap());
    lists.look();
    assert!(lists.lock().looking.as_ref().is_some_and(Pending::is_under_way), "there is no second one");
    assert_eq!(looks(&counted), 1);
    lists.load(Load::new(vec![b.clone()], true, false));
    until_at_rest(&lists);
    assert!(names_of(&lists, 1)[0].ends_with("b.mp3"));
    assert_eq!(looks(&counted), 1, "it hangs to the end");
    lists.stop();
    assert_eq!(crew.join(Instant::now() + Duration::from_secs(20)), [""; 0], "the stop does not wait for it");
    drop(never);
    assert_eq!(lists.files.join(Instant::now() + Duration::from_secs(20)), [""; 0]);
}
