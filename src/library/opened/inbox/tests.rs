//! The inbox on a disk of its own, without a station.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

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
