//! Tests: a list that is read within media roots, on a real disk.

use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tempfile::TempDir;

use super::{Found, read_within};
use crate::roots::MediaRoots;

/// A media root `m` beside other files.
struct Disk(TempDir);

impl Disk {
    fn new() -> Disk {
        let disk = Disk(tempfile::tempdir().unwrap());
        for file in ["m/in.mp3", "m/sub/deep.mp3", "private.mp3", "out/album/1.mp3"] {
            disk.write(file, "");
        }
        disk.write("secret.m3u", "#EXTM3U\nsecret line\nsecret.mp3\n");
        disk
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, content: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), content).unwrap();
        super::tests::age(&self.path(path), 60);
    }

    /// The entries and the problems of what is read, with paths relative to the disk.
    fn read(&self, path: &str) -> (Vec<String>, Vec<String>) {
        let (mut entries, mut problems) = (Vec::new(), Vec::new());
        let base = format!("{}/", self.0.path().display());
        let bounds = MediaRoots::new(vec![self.path("m")]).bounds(true);
        read_within(&bounds, &[self.path(path)], &mut |found| {
            match found {
                Found::Entry(entry) => {
                    assert!(entry.confined);
                    entries.push(entry.path.display().to_string().replace(&base, ""));
                }
                Found::Problem(problem) => problems.push(problem.to_string().replace(&base, "")),
                Found::Name(_) | Found::PassedOver { .. } | Found::Step => {}
            }
            ControlFlow::Continue(())
        });
        (entries, problems)
    }

    /// Reads a list of which `count` entries lead outside, and nothing else is wrong.
    fn assert_refused(&self, list: &str, content: &str, count: usize) {
        self.write(list, content);
        let (entries, problems) = self.read(list);
        assert_eq!(entries, ["m/in.mp3"], "{content}");
        assert_eq!(problems.len(), count, "{problems:#?}");
        for problem in problems {
            assert!(problem.ends_with(": leads outside the media roots"), "{problem}");
            assert!(!problem.contains("secret line"), "{problem}");
        }
    }
}

#[test]
fn entries_outside_are_refused_however_they_are_written() {
    let disk = Disk::new();
    let out = disk.0.path().display().to_string();
    disk.assert_refused(
        "m/list.m3u",
        &format!("../private.mp3\n{out}/private.mp3\n../secret.m3u\n..\\private.mp3\nfile://{out}/private.mp3\nin.mp3\n"),
        5,
    );
    disk.assert_refused(
        "m/escaped.m3u",
        "%2e%2e/private.mp3\n%2E%2E%2Fsecret.m3u\nsub/../../private.mp3\nin.mp3",
        3,
    );
    disk.assert_refused("m/list.pls", "File1=../private.mp3\nFile2=in.mp3\nFile3=../out\n", 2);
    let track = |location: &str| format!("<track><location>{location}</location></track>");
    let tracks = [
        track(&format!("file://{out}/m/%2e%2e/private.mp3")),
        track("%2e%2e/private.mp3"),
        track(&format!("file://localhost{out}/private.mp3")),
        track("in.mp3"),
        format!("<track xml:base='file://{out}/out/'><location>album/1.mp3</location></track>"),
    ];
    let xspf = |tracks: &[String]| format!("<playlist><trackList>{}</trackList></playlist>", tracks.concat());
    disk.assert_refused("m/list.xspf", &xspf(&tracks), 4);
}

#[test]
fn lists_in_lists_are_as_confined_as_the_first() {
    let disk = Disk::new();
    disk.write("m/inner.pls", "File1=third.m3u\n");
    disk.write("m/third.m3u", "last.xspf\n");
    let location =
        "<track><location>../private.mp3</location></track><track><location>in.mp3</location></track>";
    disk.write("m/last.xspf", &format!("<playlist><trackList>{location}</trackList></playlist>"));
    disk.assert_refused("m/outer.m3u", "inner.pls\n../secret.m3u\n", 2);
    // A list that lies outside by a link of its own.
    symlink(disk.path("secret.m3u"), disk.path("m/link.m3u")).unwrap();
    disk.assert_refused("m/outer.m3u", "link.m3u\nin.mp3\n", 1);
    assert_eq!(
        disk.read("m/link.m3u"),
        (vec![], vec![format!("{}: leads outside the media roots", "m/link.m3u")])
    );
}

#[test]
fn folders_and_links_in_them_lead_nowhere_else() {
    let disk = Disk::new();
    symlink("../out", disk.path("m/album")).unwrap();
    symlink("../../private.mp3", disk.path("m/sub/private.mp3")).unwrap();
    symlink("../private.mp3", disk.path("m/cover.jpg")).unwrap();
    symlink("../in.mp3", disk.path("m/sub/in-again.mp3")).unwrap();
    let (entries, problems) = disk.read("m");
    assert_eq!(entries, ["m/in.mp3", "m/sub/deep.mp3", "m/sub/in-again.mp3"]);
    assert_eq!(
        problems,
        ["m/album: leads outside the media roots", "m/sub/private.mp3: leads outside the media roots"]
    );
    disk.write("m/list.m3u", "album\nalbum/album/1.mp3\nsub\n");
    assert_eq!(disk.read("m/list.m3u").0, ["m/sub/deep.mp3", "m/sub/in-again.mp3"]);
}

#[test]
fn what_is_no_list_is_not_quoted() {
    let disk = Disk::new();
    disk.write("m/passwd.m3u", "root:x:0:0:a secret line\npassword=a secret line\ngone.mp3\n");
    disk.write("m/page.xspf", "<html><a secret line></b></html>");
    disk.write("m/key.pls", "File1=a secret line\n");
    for list in ["m/passwd.m3u", "m/page.xspf", "m/key.pls"] {
        let (entries, problems) = disk.read(list);
        assert!(entries.is_empty() && !problems.is_empty());
        let problems = problems.join("\n");
        assert!(!problems.contains("secret"), "{problems}");
        assert!(problems.contains("line 1"), "{problems}");
    }
    assert!(disk.read("m/passwd.m3u").1[2].contains("line 3: gone.mp3: there is no such file"));
}

/// A check costs a few calls for each line of a list, and nothing for the files of a folder.
#[test]
fn many_entries_are_read_as_quickly_as_before() {
    const FILES: usize = 20_000;
    let disk = Disk(tempfile::tempdir().unwrap());
    let names: Vec<String> = (0..FILES).map(|n| format!("{n}.mp3")).collect();
    names.iter().for_each(|name| disk.write(&format!("m/{name}"), ""));
    let timed = |roots: &MediaRoots, confined: bool, path: &Path| {
        let began = Instant::now();
        let mut count = 0;
        read_within(&roots.bounds(confined), &[path.to_owned()], &mut |found| {
            count += usize::from(matches!(found, Found::Entry(_)));
            ControlFlow::Continue(())
        });
        assert_eq!(count, FILES);
        began.elapsed()
    };
    let roots = MediaRoots::new(vec![disk.path("m")]);
    let folder = disk.path("m");
    let free = timed(&roots, false, &folder).min(timed(&roots, false, &folder));
    let confined = timed(&roots, true, &folder).min(timed(&roots, true, &folder));
    assert!(confined < free * 3, "a folder: {free:?}, confined {confined:?}");
    disk.write("m/list.m3u", &(names.join("\n") + "\n"));
    let list = timed(&roots, true, &disk.path("m/list.m3u"));
    println!("a folder of {FILES}: {free:?}, confined {confined:?}; a list: {list:?}");
    assert!(list.as_secs() < 5, "a list: {list:?}");
}
