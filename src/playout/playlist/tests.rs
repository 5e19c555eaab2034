//! Playlists and folders on a real disk.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::time::{Duration, SystemTime};

use nix::unistd::{Uid, setfsuid};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::roots::Bounds;

/// The items of a playlist with these bytes.
pub(super) fn parsed(format: Format, bytes: &[u8]) -> io::Result<Vec<Item>> {
    let mut items = Vec::new();
    let flow = parse(format, &mut &bytes[..], &mut |item| {
        items.push(item);
        ControlFlow::Continue(())
    })?;
    assert!(flow.is_continue());
    Ok(items)
}

/// Makes a file look as if it had been written so many seconds ago.
pub(super) fn age(file: &Path, seconds: u64) {
    let then = SystemTime::now() - Duration::from_secs(seconds);
    fs::File::open(file).unwrap().set_modified(then).unwrap();
}

struct Disk(TempDir);

impl Disk {
    /// Makes a folder with these files. Playlists contain the given lines; other files are empty.
    fn with(files: &[&str]) -> Disk {
        let disk = Disk(tempfile::tempdir().unwrap());
        files.iter().for_each(|file| disk.write(file, ""));
        disk
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        age(&path, 60);
    }

    fn link(&self, target: &str, link: &str) {
        symlink(target, self.path(link)).unwrap();
    }

    fn read(&self, root: &str) -> Read {
        let mut all = Vec::new();
        let watch = read(&[self.path(root)], &mut |found| {
            all.push(found);
            ControlFlow::Continue(())
        });
        let mut read = Read { entries: vec![], names: vec![], passed_over: vec![], problems: vec![], watch };
        let base = format!("{}/", self.0.path().display());
        for found in all {
            match found {
                Found::Entry(entry) => {
                    let path = entry.path.to_str().unwrap().trim_start_matches(&base).to_owned();
                    read.entries.push((path, entry.extinf));
                }
                Found::Name(name) => read.names.push(name),
                Found::Step => {}
                Found::PassedOver { reason, count, .. } => read.passed_over.push((reason, count)),
                Found::Problem(problem) => read.problems.push(problem.to_string().replace(&base, "")),
            }
        }
        read
    }
}

struct Read {
    entries: Vec<(String, Option<String>)>,
    names: Vec<String>,
    passed_over: Vec<(Reason, u64)>,
    problems: Vec<String>,
    watch: Watch,
}

impl Read {
    fn paths(&self) -> Vec<&str> {
        self.entries.iter().map(|(path, _)| path.as_str()).collect()
    }

    fn assert(&self, paths: &[&str], problems: &[&str]) {
        assert_eq!(self.paths(), paths);
        assert_eq!(self.problems, problems);
    }
}

#[test]
fn a_folder_is_read_in_natural_order_and_only_audio_counts() {
    let disk = Disk::with(&[
        "m/CD10/1.flac",
        "m/CD2/2.OGG",
        "m/CD2/10.mp3",
        "m/CD2/cover.jpg",
        "m/CD2/list.m3u",
        "m/3.mp3/a.wav",
        "m/3.mp3/.hidden.mp3",
        "m/.git/x.mp3",
        "m/notes.txt",
        "m/b.opus",
        "m/noext",
        "m/.DS_Store",
    ]);
    let read = disk.read("m");
    read.assert(&["m/3.mp3/a.wav", "m/b.opus", "m/CD2/2.OGG", "m/CD2/10.mp3", "m/CD10/1.flac"], &[]);
    assert_eq!(read.passed_over, [(Reason::NotAudio, 4), (Reason::Hidden, 3)]);
    disk.read("m/3.mp3").assert(&["m/3.mp3/a.wav"], &[]);
}

#[test]
fn what_was_deleted_is_not_played_unless_its_bin_is_named() {
    let disk = Disk::with(&[
        "m/a.mp3",
        "m/$RECYCLE.BIN/S-1-5-21-1/deleted.mp3",
        "m/sub/#recycle/deleted.mp3",
        "m/sub/b.mp3",
        "m/@Recently-Snapshot/old/a.mp3",
        "m/@eaDir/a.mp3/SYNOINDEX.mp3",
        "m/__MACOSX/._a.mp3",
        "m/.Trash-1000/files/deleted.mp3",
        "m/._a.mp3",
        "m/.hidden.mp3",
    ]);
    let read = disk.read("m");
    read.assert(&["m/a.mp3", "m/sub/b.mp3"], &[]);
    let passed_over = [
        (Reason::Hidden, 1),
        (Reason::AppleDouble, 1),
        (Reason::Bin, 3),
        (Reason::Snapshot, 1),
        (Reason::SystemFolder, 2),
    ];
    assert_eq!(read.passed_over, passed_over);
    disk.read("m/sub/#recycle").assert(&["m/sub/#recycle/deleted.mp3"], &[]);
    disk.write("list.m3u", "m/$RECYCLE.BIN\nm/.hidden.mp3\n");
    disk.read("list.m3u").assert(&["m/$RECYCLE.BIN/S-1-5-21-1/deleted.mp3", "m/.hidden.mp3"], &[]);
}

#[test]
fn a_file_that_is_being_written_waits_until_it_is_quiet_unless_nothing_else_plays() {
    let disk = Disk::with(&["m/a.mp3", "m/b.mp3", "m/c.mp3.part", "named.mp3"]);
    let is_written = |file| age(&disk.path(file), 0);
    is_written("m/b.mp3");
    let read = disk.read("m");
    read.assert(&["m/a.mp3"], &[]);
    assert_eq!(read.passed_over, [(Reason::Unfinished, 1), (Reason::Changing, 1)]);
    assert!(!read.watch.changed());
    age(&disk.path("m/b.mp3"), 11);
    assert!(read.watch.changed(), "it is quiet");
    disk.read("m").assert(&["m/a.mp3", "m/b.mp3"], &[]);

    is_written("m/a.mp3");
    is_written("m/b.mp3");
    let read = disk.read("m");
    read.assert(&["m/a.mp3", "m/b.mp3"], &[]);
    assert_eq!(read.passed_over, [(Reason::Unfinished, 1)], "a folder that was just filled plays at once");

    // What somebody names plays.
    is_written("named.mp3");
    disk.write("list.m3u", "m\nnamed.mp3\n");
    let read = disk.read("list.m3u");
    read.assert(&["named.mp3"], &[]);
    assert_eq!(read.passed_over, [(Reason::Unfinished, 1), (Reason::Changing, 2)]);
    fs::rename(disk.path("m/c.mp3.part"), disk.path("m/c.mp3")).unwrap();
    assert!(read.watch.changed(), "it has its name");
    disk.read("m").assert(&["m/c.mp3"], &[]);
}

#[test]
fn links_are_followed_and_never_round() {
    let disk = Disk::with(&["m/a/1.mp3", "elsewhere/2.mp3", "elsewhere/deep/3.mp3"]);
    disk.link("..", "m/a/up");
    disk.link("../elsewhere", "m/b");
    disk.link("../elsewhere/deep", "m/c");
    disk.link("../elsewhere/2.mp3", "m/d.mp3");
    disk.link("nowhere.mp3", "m/e.mp3");
    disk.link("nowhere", "m/f");
    disk.link("g.mp3", "m/g.mp3");
    disk.link("h", "m/h");
    let read = disk.read("m");
    read.assert(
        &["m/a/1.mp3", "m/b/2.mp3", "m/b/deep/3.mp3", "m/d.mp3"],
        &["m/e.mp3: there is no such file"],
    );
    let passed_over = [(Reason::NotAudio, 1), (Reason::Circular, 2), (Reason::Again, 2)];
    assert_eq!(read.passed_over, passed_over);
}

#[test]
fn a_very_deep_folder_is_read_to_its_bottom() {
    let disk = Disk::with(&[]);
    let deep = "m/".to_string() + &"d/".repeat(500) + "x.mp3";
    disk.write(&deep, "");
    disk.read("m").assert(&[&deep], &[]);
}

#[test]
fn a_playlist_names_files_folders_and_playlists_relative_to_itself() {
    let disk =
        Disk::with(&["lists/a.mp3", "music/b.mp3", "music/sub/c.mp3", "music/notes.txt", "lists/noext"]);
    let absolute = disk.path("music/b.mp3");
    disk.write(
        "lists/main.m3u",
        format!(
            "#PLAYLIST:Main\n#EXTINF:1,A - Song\na.mp3\n../music\nmore/list.pls\n{}\nnoext\n",
            absolute.display()
        ),
    );
    disk.write("lists/more/list.pls", "[playlist]\nFile2=../a.mp3\nTitle2=Again\nFile1=inner.xspf\n");
    disk.write(
        "lists/more/inner.xspf",
        "<playlist><title>inner</title><trackList><track><location>../../music/b.mp3</location>\
         <title>T</title><creator>C</creator></track></trackList></playlist>",
    );
    let read = disk.read("lists/main.m3u");
    let up = "lists/../music";
    read.assert(
        &[
            "lists/a.mp3",
            &format!("{up}/b.mp3"),
            &format!("{up}/sub/c.mp3"),
            "lists/more/../../music/b.mp3",
            "lists/more/../a.mp3",
            "music/b.mp3",
            "lists/noext",
        ],
        &[],
    );
    let said: Vec<_> = read.entries.iter().map(|(_, said)| said.as_deref()).collect();
    assert_eq!(said, [Some("A - Song"), None, None, Some("C - T"), Some("Again"), None, None]);
    assert_eq!(read.names, ["Main"], "the outermost list names itself");
    assert_eq!(read.passed_over, [(Reason::NotAudio, 1)]);
}

#[test]
fn a_playlist_that_names_itself_is_refused_by_whatever_name() {
    let disk = Disk::with(&["a.mp3", "z.mp3"]);
    disk.write("self.m3u", "a.mp3\nself.m3u\n./link.m3u\nhard.m3u\nother.m3u8\nz.mp3\n");
    disk.link("self.m3u", "link.m3u");
    fs::hard_link(disk.path("self.m3u"), disk.path("hard.m3u")).unwrap();
    disk.write("other.m3u8", "z.mp3\nlink.m3u\n");
    disk.read("self.m3u").assert(
        &["a.mp3", "z.mp3", "z.mp3"],
        &[
            "self.m3u, line 2: self.m3u: would name itself: self.m3u is being read",
            "self.m3u, line 3: ./link.m3u: would name itself: self.m3u is being read",
            "self.m3u, line 4: hard.m3u: would name itself: self.m3u is being read",
            "other.m3u8, line 2: link.m3u: would name itself: self.m3u → other.m3u8 is being read",
        ],
    );
}

#[test]
fn lists_that_multiply_are_cut_off() {
    let disk = Disk::with(&[]);
    for n in 0..15 {
        disk.write(&format!("{n}.m3u"), format!("{0}.m3u\n{0}.m3u\n{0}.m3u\n", n + 1));
    }
    disk.write("15.m3u", "");
    let read = disk.read("0.m3u");
    assert!(read.problems.iter().any(|problem| problem.contains("no more than 10000 playlists are read")));

    for n in 0..20 {
        disk.write(&format!("chain{n}.m3u"), format!("chain{}.m3u\n", n + 1));
    }
    disk.read("chain0.m3u")
        .assert(&[], &["chain15.m3u, line 1: chain16.m3u: lies deeper than 16 playlists within each other"]);
}

#[test]
fn ten_thousand_missing_files_cost_six_lines() {
    let disk = Disk::with(&["here.mp3"]);
    let missing: String = (0..10_000).map(|n| format!("#EXTINF:1,Title\nmissing{n}.mp3\n")).collect();
    disk.write("list.m3u", missing + "here.mp3\n");
    let read = disk.read("list.m3u");
    read.assert(
        &["here.mp3"],
        &[
            "list.m3u, line 2: missing0.mp3: there is no such file",
            "list.m3u, line 4: missing1.mp3: there is no such file",
            "list.m3u, line 6: missing2.mp3: there is no such file",
            "list.m3u, line 8: missing3.mp3: there is no such file",
            "list.m3u, line 10: missing4.mp3: there is no such file",
            "list.m3u: 9995 more in it cannot be played, 10000 in all",
        ],
    );
    assert!(!read.watch.changed());
    disk.write("missing77.mp3", "");
    assert!(read.watch.changed(), "one of them came");
}

#[test]
fn a_missing_file_is_awaited_in_the_nearest_folder_that_is_there() {
    let disk = Disk::with(&["lists/Other/a.mp3", "lists/Sub/a.mp3"]);
    disk.write("lists/list.m3u", "Sub/Deep/x.mp3\nSub\\Deep\\y.mp3\n../z.mp3\n/z.mp3\nC:\\z.mp3\n");
    for (comes, changed) in [("lists/Other/z.mp3", false), ("z.mp3", true), ("lists/Sub/Deep", true)] {
        let watch = disk.read("lists/list.m3u").watch;
        assert!(!watch.changed(), "before {comes}");
        fs::create_dir(disk.path(comes)).unwrap();
        assert_eq!(watch.changed(), changed, "{comes}");
    }
}

#[test]
fn unplayable_entries_are_reported_and_the_rest_plays() {
    let disk = Disk::with(&["a.mp3"]);
    assert!(
        Command::new("mkfifo")
            .args([disk.path("pipe.mp3"), disk.path("pipe.m3u")])
            .status()
            .unwrap()
            .success()
    );
    disk.write("list.m3u", "pipe.mp3\nhttp://radio.example/live\npipe.m3u\n/dev/zero\ngone/x.mp3\na.mp3\n");
    disk.read("list.m3u").assert(
        &["a.mp3"],
        &[
            "list.m3u, line 1: pipe.mp3: is neither a file nor a folder",
            "list.m3u, line 2: http://radio.example/live: is on the network; a playlist can name files only",
            "list.m3u, line 3: pipe.m3u: is neither a file nor a folder",
            "list.m3u, line 4: a name that is not audio's: is neither a file nor a folder",
            "list.m3u, line 5: gone/x.mp3: there is no such file",
        ],
    );
    disk.read("nowhere").assert(&[], &["nowhere: there is no such file"]);
    disk.read("pipe.m3u").assert(&[], &["pipe.m3u: is neither a file nor a folder"]);
    disk.write(
        "damaged.xspf",
        "<playlist><trackList>\n<track><location>a.mp3</location></track>\n<track></trackList>",
    );
    let read = disk.read("damaged.xspf");
    assert_eq!(read.paths(), ["a.mp3"]);
    assert!(read.problems[0].starts_with("damaged.xspf: is damaged: line 3: "), "{:?}", read.problems);
}

#[test]
fn an_unreadable_file_is_reported_with_the_list_that_named_it() {
    let disk = Disk::with(&["m/open/a.mp3", "m/shut/b.mp3", "shut.m3u", "a.mp3"]);
    disk.write("list.m3u", "m/shut\nm/shut/b.mp3\nshut.m3u\na.mp3\n");
    let mode =
        |path: &str, mode| fs::set_permissions(disk.path(path), fs::Permissions::from_mode(mode)).unwrap();
    mode("", 0o755);
    mode("m/shut", 0);
    mode("shut.m3u", 0);
    let (folder, list) = std::thread::scope(|scope| {
        let as_anyone = || {
            // This changes which files the thread may open. The thread ends afterwards.
            setfsuid(Uid::from_raw(65534));
            (disk.read("m"), disk.read("list.m3u"))
        };
        scope.spawn(as_anyone).join().unwrap()
    });
    mode("m/shut", 0o755);
    folder.assert(&["m/open/a.mp3"], &["m/shut: may not be read (permission denied)"]);
    list.assert(
        &["a.mp3"],
        &[
            "list.m3u, line 1: m/shut: may not be read (permission denied)",
            "list.m3u, line 2: m/shut/b.mp3: may not be read (permission denied)",
            "list.m3u, line 3: shut.m3u: may not be read (permission denied)",
        ],
    );
}

#[test]
fn what_is_found_is_told_at_once_and_reading_breaks_off_when_told() {
    let disk = Disk::with(&["m/1/a.mp3", "m/2/b.mp3", "m/3/c.mp3"]);
    let mut told = Vec::new();
    let watch = read(&[disk.path("m"), disk.path("m")], &mut |found| {
        if found == Found::Step {
            return ControlFlow::Continue(());
        }
        told.push(found);
        // Later entries have not been read yet.
        fs::remove_dir_all(disk.path("m/2")).ok();
        if told.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(&told[0], Found::Entry(entry) if entry.path == disk.path("m/1/a.mp3")));
    assert!(matches!(&told[1], Found::Problem(problem) if problem.what.ends_with("m/2")));
    assert_eq!(told.len(), 2);
    assert!(watch.changed());
}

#[test]
fn a_watch_notices_what_comes_and_goes() {
    let disk = Disk::with(&["m/a/1.mp3", "b.mp3"]);
    disk.write("list.m3u", "m\nother.m3u\nb.mp3\n");
    disk.write("other.m3u", "b.mp3\n");
    let changed = |change: &dyn Fn()| {
        let watch = disk.read("list.m3u").watch;
        assert!(!watch.changed());
        change();
        watch.changed()
    };
    assert!(changed(&|| disk.write("m/a/2.mp3", "")));
    assert!(changed(&|| fs::remove_file(disk.path("m/a/1.mp3")).unwrap()));
    assert!(changed(&|| disk.write("m/new/3.mp3", "")));
    assert!(changed(&|| disk.write("other.m3u", "b.mp3\nb.mp3\n")));
    assert!(changed(&|| fs::remove_file(disk.path("other.m3u")).unwrap()));
    assert!(changed(&|| disk.write("other.m3u", "b.mp3\n")));
    assert!(changed(&|| disk.write("list.m3u", "b.mp3\n")));
    assert!(!changed(&|| disk.write("unrelated.m3u", "")), "the list's own folder is not read");
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd_for_a_parser(
        parts in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..20),
            prop::sample::select(vec![
                "\n", "\r", "#EXTINF:", ",", "\"", "#PLAYLIST:", "File1=", "Title", "=", "<playlist>", "<trackList>",
                "<track>", "<location>", "</location>", "</track>", "&amp;", "&#x0;", "&", "<![CDATA[", "]]>",
                "<!DOCTYPE a [<!ENTITY b 'c'>]>", "<?xml encoding='UTF-16'?>", "xml:base='", "\u{feff}", "%41", "\\",
                "file://", "C:\\", "../", "é",
            ]).prop_map(|text| text.as_bytes().to_vec()),
        ], 0..40)
    ) {
        let bytes = parts.concat();
        let lines = 1 + bytes.iter().filter(|&&byte| byte == b'\n' || byte == b'\r').count() as u64;
        for format in [Format::M3u, Format::Pls, Format::Xspf] {
            for item in parsed(format, &bytes).unwrap_or_default() {
                if let Item::Entry { line, names, .. } = item {
                    prop_assert!(!names.is_empty() && (1..=lines).contains(&line));
                    for name in names {
                        let _ = Lookup::new(&Bounds::Anywhere).find(&name, Path::new("/nowhere"));
                    }
                }
            }
        }
    }
}

/// Three million names that lead nowhere are a line each; there is no entry at which the reading could stop.
#[test]
fn a_list_of_missing_files_can_be_broken_off_at_any_name() {
    let disk = Disk::with(&[]);
    disk.write("list.m3u", "missing.mp3\n".repeat(100_000));
    disk.write("folder/list.m3u", "");
    (0..1000).for_each(|n| disk.write(&format!("folder/{n}.txt"), ""));
    for root in ["list.m3u", "folder"] {
        for stop_at in [1, 7, 100] {
            let mut calls = 0;
            read(&[disk.path(root)], &mut |_| {
                calls += 1;
                if calls == stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert_eq!(calls, stop_at, "{root}");
        }
    }
}

#[test]
fn the_problems_of_many_lists_are_told_up_to_a_number() {
    let disk = Disk::with(&[]);
    let lists: Vec<String> = (0..2000).map(|n| format!("{n}.m3u")).collect();
    lists.iter().for_each(|list| disk.write(list, "a.mp3\n".repeat(9)));
    disk.write("all.m3u", lists.join("\n"));
    let problems = disk.read("all.m3u").problems;
    assert_eq!(problems.len(), 501);
    assert_eq!(problems[500], "the playlist: 11500 more problems are not told");
}

#[test]
fn a_title_in_a_list_is_one_line() {
    let disk = Disk::with(&["a.mp3", "b.mp3"]);
    disk.write(
        "a.m3u8",
        "#EXTM3U\n#PLAYLIST:Night\tmusic\n#EXTINF:1,The\tBand - Prelude\x0cAllegro\u{2028}1\na.mp3\n",
    );
    disk.write("b.pls", "[playlist]\nFile1=b.mp3\nTitle1=Prelude\x0bAllegro\n");
    disk.write(
        "c.xspf",
        "<playlist xmlns='http://xspf.org/ns/0/'><title>Long\nnight</title><trackList><track>\
         <location>a.mp3</location><creator>The\r\nBand</creator><title>Prelude\n   Allegro</title>\
         </track></trackList></playlist>",
    );
    for (list, title) in [
        ("a.m3u8", "The Band - Prelude Allegro 1"),
        ("b.pls", "Prelude Allegro"),
        ("c.xspf", "The Band - Prelude Allegro"),
    ] {
        assert_eq!(disk.read(list).entries[0].1.as_deref(), Some(title), "{list}");
    }
    assert_eq!(disk.read("a.m3u8").names, ["Night music"]);
    assert_eq!(disk.read("c.xspf").names, ["Long night"]);
}
