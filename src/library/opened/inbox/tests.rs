//! The inbox on a disk of its own, without a station.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossbeam::channel::{Receiver, bounded};
use longwave_testing::studio::constant;
use tempfile::TempDir;

use super::*;

const MOST: u64 = 100_000;

fn inbox() -> (TempDir, Inbox, Receiver<Scan>) {
    let home = tempfile::tempdir().unwrap();
    let settings = LibrarySettings {
        inbox: Some(home.path().join("inbox")),
        inbox_file_most: MOST,
        inbox_user_most: MOST,
        inbox_most: MOST,
        ..LibrarySettings::of([home.path().to_owned()], home.path().join("library.db"))
    };
    let (scans, asked) = bounded(8);
    let inbox = Inbox::of(&settings, &scans).unwrap();
    (home, inbox, asked)
}

fn show(home: &Path) -> Vec<u8> {
    let path = home.join("sample.wav");
    constant(&path, 0.25, 8_000);
    fs::read(path).unwrap()
}

#[test]
fn a_file_is_there_when_it_is_finished_and_the_library_is_told() {
    let (home, inbox, asked) = inbox();
    let show = show(home.path());
    assert_eq!(inbox.list().unwrap(), []);
    let mut upload = inbox.receive("anna", "a.wav", false, Some(show.len() as u64)).unwrap();
    upload.write_all(&show).unwrap();
    assert_eq!(inbox.list().unwrap(), []);
    let file = upload.finish().unwrap();
    assert_eq!((&*file.user, &*file.name, file.bytes), ("anna", "a.wav", show.len() as u64));
    let listed = inbox.list().unwrap();
    assert_eq!((listed.len(), &listed[0].path), (1, &file.path));
    assert!(
        matches!(asked.try_recv(), Ok(Scan::Changed(folder)) if folder == home.path().join("inbox/anna"))
    );
    inbox.remove("anna", "a.wav").unwrap();
    assert!(asked.try_recv().is_ok() && !home.path().join("inbox/anna").exists());
    assert!(matches!(inbox.remove("anna", "a.wav"), Err(Error::NotFound(_))));
}

#[test]
fn room_that_others_may_need_is_not_given_twice() {
    let (_home, inbox, _asked) = inbox();
    let kind = |refused: Result<InboxUpload>| match refused {
        Err(Error::Io { cause, .. }) => cause.kind(),
        other => panic!("{other:?}"),
    };
    let first = inbox.receive("anna", "a.wav", false, Some(60_000)).unwrap();
    assert_eq!(kind(inbox.receive("ben", "b.wav", false, Some(40_001))), ErrorKind::QuotaExceeded);
    assert!(matches!(inbox.receive("anna", "b.wav", false, Some(1)), Err(Error::Limit { .. })));
    let mut second = inbox.receive("ben", "b.wav", false, None).unwrap();
    let error = second.write_all(&[0; 40_001]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
    assert_eq!(
        error.to_string(),
        "40000 bytes are left of inbox_most: this file has 40001. Remove others first"
    );
    drop((first, second));
    assert!(!inbox.folder().join("anna").exists() && !inbox.folder().join("ben").exists());
    assert_eq!(kind(inbox.receive("ben", "b.wav", false, Some(MOST + 1))), ErrorKind::FileTooLarge);
    assert!(inbox.receive("ben", "b.wav", false, Some(MOST)).is_ok());
}

/// The upload of Anna gets its name while Ben's begins: at no moment both have the room of one.
#[test]
fn what_becomes_a_file_while_another_one_begins_is_counted() {
    let (_home, inbox, _asked) = inbox();
    let mut under_way = inbox.shared.under_way();
    under_way.insert(0, Coming { user: "anna".into(), most: 60_000 });
    fs::create_dir_all(inbox.folder().join("anna")).unwrap();
    let (begins, begun) = bounded(0);
    let other = inbox.clone();
    let ben = thread::spawn(move || {
        begins.send(()).unwrap();
        other.receive("ben", "b.wav", false, Some(40_001)).map(drop)
    });
    begun.recv().unwrap();
    // If Ben's would look at the folders without the lock, it has time for it. Otherwise it waits.
    (0..1_000).for_each(|_| thread::yield_now());
    fs::write(inbox.folder().join("anna/a.wav"), [0; 60_000]).unwrap();
    under_way.remove(&0);
    drop(under_way);
    let refused = ben.join().unwrap();
    assert!(
        matches!(&refused, Err(Error::Io { cause, .. }) if cause.kind() == ErrorKind::QuotaExceeded),
        "{refused:?}"
    );
}

#[test]
fn a_folder_that_is_removed_because_it_is_empty_keeps_no_file_from_coming() {
    let (_home, inbox, _asked) = inbox();
    let folder = inbox.folder().join("anna");
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        // As a removal of the last file does.
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                inbox.shared.remove_if_empty(&folder);
                thread::yield_now();
            }
        });
        let refused = (0..300).find_map(|_| inbox.receive("anna", "a.wav", false, Some(1)).err());
        is_done.store(true, Ordering::Relaxed);
        assert!(refused.is_none(), "{refused:?}");
    });
}

#[test]
fn a_folder_that_goes_while_the_inbox_is_read_has_no_files() {
    let (_home, inbox, _asked) = inbox();
    for user in ["anna", "ben", "cleo"] {
        fs::create_dir_all(inbox.folder().join(user)).unwrap();
        fs::write(inbox.folder().join(user).join("a.wav"), "").unwrap();
    }
    let folders = inbox.shared.folders().unwrap();
    fs::remove_dir_all(inbox.folder().join("anna")).unwrap();
    fs::remove_dir_all(inbox.folder().join("cleo")).unwrap();
    fs::write(inbox.folder().join("cleo"), "").unwrap();
    let files = Shared::files_in(folders).unwrap();
    assert_eq!(files.iter().map(|file| &*file.user).collect::<Vec<_>>(), ["ben"]);
}

#[test]
fn whatever_is_listed_can_be_removed_and_nothing_else() {
    let (home, inbox, _asked) = inbox();
    let outside = home.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("a.wav"), "").unwrap();
    for (user, name) in [("anna", "What? Two: a.wav"), ("Con", "nul.txt"), ("anna", " b\u{308}\n.")] {
        fs::create_dir_all(inbox.folder().join(user)).unwrap();
        fs::write(inbox.folder().join(user).join(name), "").unwrap();
    }
    fs::create_dir_all(inbox.folder().join("anna/folder")).unwrap();
    fs::write(inbox.folder().join("anna/.upload-1-1.wav"), "").unwrap();
    std::os::unix::fs::symlink(&outside, inbox.folder().join("link")).unwrap();
    let listed = inbox.list().unwrap();
    assert_eq!(listed.len(), 3, "{listed:?}");
    for file in listed {
        inbox.remove(&file.user, &file.name).unwrap();
    }
    assert_eq!(inbox.list().unwrap(), []);
    for (user, name) in [
        ("anna", "folder"),
        ("anna", ".upload-1-1.wav"),
        ("link", "a.wav"),
        ("..", "outside"),
        ("anna", "../../outside/a.wav"),
        ("../outside", "a.wav"),
        ("anna", "a\0.wav"),
        ("", "link"),
    ] {
        let removed = inbox.remove(user, name);
        assert!(matches!(removed, Err(Error::NotFound(_))), "{user}/{name}: {removed:?}");
    }
    assert!(outside.join("a.wav").exists() && inbox.folder().join("anna/.upload-1-1.wav").exists());
}

#[test]
fn a_disk_that_refuses_leaves_no_trace_of_a_user() {
    let (home, inbox, _asked) = inbox();
    // A file is where the folder should be.
    fs::create_dir(home.path().join("inbox")).unwrap();
    fs::write(home.path().join("inbox/anna"), "").unwrap();
    assert!(matches!(inbox.receive("anna", "a.wav", false, None), Err(Error::Io { .. })));
    fs::remove_file(home.path().join("inbox/anna")).unwrap();
    assert!(inbox.receive("anna", "a.wav", false, None).is_ok(), "nothing of hers is on its way");
}

#[test]
fn a_user_whose_name_is_no_folder_sends_nothing() {
    let (_home, inbox, _asked) = inbox();
    for user in ["..", ".", "con", ".anna", "anna."] {
        let refused = inbox.receive(user, "a.wav", false, None);
        assert!(matches!(refused, Err(Error::Setting { key: "user", .. })), "{user}");
    }
}
