//! Archives: there and back, damaged at any place, and made by somebody who means no good.

use std::fs;
use std::io::{Cursor, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use rusqlite::Connection;
use serde_json::{Value, json};
use tar::{Archive, Builder, EntryType, Header};

use super::{RestoreOptions, Restored, back_up, restore};
use crate::config::Config;

/// A station that has run: its folder, with an umlaut, and its configuration.
fn station(folder: &Path) -> (PathBuf, PathBuf) {
    let own = folder.join("stätion");
    fs::create_dir_all(own.join("keep")).unwrap();
    let text = "[server]\nusers_file = 'users'\nhistory_file = '../played.db'\n\
                [[pipeline]]\nstate_file = 'keep/main.state'\n\
                [[pipeline]]\nname = 'night'\nstate_file = 'keep/night.state'\n\
                [[pipeline.output]]\nformat = 'mp3'\nmount = '/n'\n";
    fs::write(own.join("station.toml"), text).unwrap();
    fs::write(own.join("users"), "").unwrap();
    fs::set_permissions(own.join("users"), fs::Permissions::from_mode(0o600)).unwrap();
    let database = Connection::open(folder.join("played.db")).unwrap();
    database.pragma_update(None, "journal_mode", "wal").unwrap();
    database.execute_batch("CREATE TABLE play (title); INSERT INTO play VALUES ('Jóga')").unwrap();
    (own.clone(), own.join("station.toml"))
}

/// The station is packed while its database is open, and another one writes to it.
fn pack(file: &Path, archive: &Path) -> Vec<PathBuf> {
    back_up(&Config::read(file).unwrap(), file, archive).unwrap().files
}

fn titles(database: &Path) -> Vec<String> {
    let connection = Connection::open(database).unwrap();
    let mut statement = connection.prepare("SELECT title FROM play ORDER BY rowid").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn into(folder: &Path) -> RestoreOptions {
    RestoreOptions { to: Some(folder.into()), force: false }
}

#[test]
fn what_was_packed_comes_back_where_it_was_or_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    let (own, file) = station(&base);
    let archive = base.join("backup.tar.gz");
    let on_air = Connection::open(base.join("played.db")).unwrap();
    let files = pack(&file, &archive);
    assert_eq!(files, [file.clone(), own.join("users"), base.join("played.db")]);
    assert_eq!(fs::metadata(&archive).unwrap().permissions().mode() & 0o777, 0o600);
    let again = back_up(&Config::read(&file).unwrap(), &file, &archive).unwrap_err();
    assert!(again.to_string().contains("exists already"), "{again}");
    on_air.execute("INSERT INTO play VALUES ('later')", []).unwrap();

    let elsewhere = base.join("new");
    let restored = restore(&archive, &into(&elsewhere)).unwrap();
    let moved = elsewhere.join("outside/2-played.db");
    let expected = [elsewhere.join("station.toml"), elsewhere.join("users"), moved.clone()];
    assert_eq!(restored, Restored { files: expected.to_vec(), moved: vec![moved.clone()] });
    assert_eq!(fs::read(&expected[0]).unwrap(), fs::read(&file).unwrap());
    assert_eq!(fs::metadata(&expected[1]).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(titles(&moved), ["Jóga"]);
    let refused = restore(&archive, &into(&elsewhere)).unwrap_err();
    assert!(refused.to_string().contains("station.toml (--force replaces it)"), "{refused}");

    // In its place, over a database with a log of its own.
    fs::write(&file, "spoilt").unwrap();
    let refused = restore(&archive, &RestoreOptions::default()).unwrap_err();
    assert!(refused.to_string().contains("--force"), "{refused}");
    assert_eq!(fs::read(&file).unwrap(), b"spoilt");
    let over = RestoreOptions { to: None, force: true };
    let refused = restore(&archive, &over).unwrap_err();
    assert!(refused.to_string().contains("played.db: a station on the air has it in use"), "{refused}");
    assert_eq!(fs::read(&file).unwrap(), b"spoilt");
    assert_eq!(titles(&base.join("played.db")), ["Jóga", "later"]);
    drop(on_air);
    fs::write(base.join("played.db-wal"), "of another database").unwrap();
    let restored = restore(&archive, &over).unwrap();
    assert_eq!((restored.files, restored.moved), (files, Vec::new()));
    assert_eq!(titles(&base.join("played.db")), ["Jóga"]);
    let left: Vec<_> = fs::read_dir(&own).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "no draft is left: {left:?}");
}

#[test]
fn an_archive_that_breaks_off_or_was_changed_restores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    let (_, file) = station(&base);
    let archive = base.join("backup");
    pack(&file, &archive);
    let whole = fs::read(&archive).unwrap();
    let damaged = base.join("damaged");
    let to = base.join("to");
    for length in (0..whole.len()).step_by(1 + whole.len() / 60).chain([whole.len() - 1]) {
        fs::write(&damaged, &whole[..length]).unwrap();
        let refused = restore(&damaged, &into(&to)).expect_err("it breaks off").to_string();
        assert!(refused.contains("damaged or cut short") || refused.contains("no backup"), "{refused}");
    }
    for at in (20..whole.len()).step_by(1 + whole.len() / 60) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        fs::write(&damaged, bytes).unwrap();
        restore(&damaged, &into(&to)).expect_err("it was changed");
    }
    fs::write(&damaged, "no archive").unwrap();
    let refused = restore(&damaged, &into(&to)).unwrap_err();
    assert!(refused.to_string().contains("no backup"), "{refused}");
    let files = |folder: &Path| fs::read_dir(folder).map_or(0, Iterator::count);
    assert_eq!((files(&to), files(&to.join("outside"))), (usize::from(to.join("outside").exists()), 0));
    restore(&archive, &into(&to)).unwrap();
}

/// The members of an archive: name, type, content.
type Members = Vec<(String, EntryType, Vec<u8>)>;

fn members_of(archive: &Path) -> Members {
    let mut archive = Archive::new(GzDecoder::new(fs::File::open(archive).unwrap()));
    let member = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        (name, EntryType::Regular, content)
    };
    archive.entries().unwrap().map(member).collect()
}

fn write(archive: &Path, members: &Members) {
    let mut builder = Builder::new(GzEncoder::new(fs::File::create(archive).unwrap(), Compression::fast()));
    for (name, kind, content) in members {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(if *kind == EntryType::Regular { content.len() as u64 } else { 0 });
        header.set_mode(0o777);
        match kind {
            EntryType::Regular => builder.append_data(&mut header, name, Cursor::new(content)),
            _ => builder.append_link(&mut header, name, "/etc/passwd"),
        }
        .unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap();
}

#[test]
fn who_means_no_good_writes_nowhere_else_and_not_too_much() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    let (_, file) = station(&base);
    let (archive, bad) = (base.join("backup"), base.join("bad"));
    pack(&file, &archive);
    let good = members_of(&archive);
    let manifest: Value = serde_json::from_slice(&good[0].2).unwrap();
    let changed = |pointer: &str, value: Value| {
        let mut manifest = manifest.clone();
        *manifest.pointer_mut(pointer).unwrap() = value;
        let mut members = good.clone();
        members[0].2 = serde_json::to_vec(&manifest).unwrap();
        members
    };
    let mut linked = good.clone();
    linked[1].1 = EntryType::Symlink;
    let mut renamed = good.clone();
    renamed[1].0 = "files/7".into();
    let mut more = good.clone();
    more.push(("files/3".into(), EntryType::Regular, b"more".to_vec()));
    let many = Value::Array(vec![manifest["files"][1].clone(); 2_000]);
    let cases = [
        (changed("/files/1/path", json!("../../etc/passwd")), "is no place for a file"),
        (changed("/files/1/path", json!("/srv/../etc/passwd")), "is no place for a file"),
        (changed("/folder", json!("relative")), "is no place for a file"),
        (changed("/files/2/bytes", json!(1_u64 << 50)), "bytes would come out of it"),
        (changed("/files/2/bytes", json!(7)), "is not in it as it should be"),
        (changed("/files", many), "2000 files"),
        (changed("/version", json!(99)), "which is newer"),
        (changed("/files/1/path", manifest["files"][0]["path"].clone()), "twice"),
        (linked, "is not in it as it should be"),
        (renamed, "is not in it as it should be"),
        (more, "more than it says"),
        (good[1..].to_vec(), "no backup"),
    ];
    let to = base.join("to");
    for (members, said) in cases {
        write(&bad, &members);
        let refused = restore(&bad, &into(&to)).expect_err(said).to_string();
        assert!(refused.contains(said), "{said}: {refused}");
        assert!(!to.join("station.toml").exists() && !to.join("users").exists(), "{said}");
    }
    write(&bad, &changed("/files/1/mode", json!(0o666)));
    restore(&bad, &into(&to)).unwrap();
    assert_eq!(fs::metadata(to.join("users")).unwrap().permissions().mode() & 0o777, 0o600, "still private");
}
