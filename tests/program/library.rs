//! The library from the command line.
#![cfg(feature = "library")]

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::SystemTime;

use longwave_testing::studio::constant;

fn library(folder: &Path, args: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_longwave"));
    program.arg("library").args(args).current_dir(folder).env_remove("RUST_LOG").output().unwrap()
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn a_folder_becomes_a_library_by_one_command() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    let at = |name: &[u8]| folder.join("music").join(std::ffi::OsStr::from_bytes(name));
    fs::create_dir(folder.join("music")).unwrap();
    for name in [&b"Blue Moon.wav"[..], b"J\xf3ga.wav", b"bad.mp3"] {
        if name.ends_with(b"wav") {
            constant(&at(name), 0.1, 8000);
        } else {
            fs::write(at(name), "no audio").unwrap();
        }
        fs::File::options().write(true).open(at(name)).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
    fs::write(folder.join("station.toml"), "[library]\nfolders = \"music\"\n[[pipeline]]\n").unwrap();
    fs::write(folder.join("plain.toml"), "[[pipeline]]\n").unwrap();

    let none = library(folder, &["search", "station.toml", "blue"]);
    assert!(stderr(&none).contains("make it by `longwave library scan station.toml`"), "{}", stderr(&none));
    assert_eq!(none.status.code(), Some(2));
    assert!(!folder.join("library.db").exists());
    let undeclared = library(folder, &["scan", "plain.toml"]);
    assert!(stderr(&undeclared).contains("plain.toml: it declares no library"), "{}", stderr(&undeclared));

    let scanned = library(folder, &["scan", "station.toml"]);
    assert_eq!(
        stdout(&scanned),
        "3 files: 3 new, 0 changed, 0 moved, 0 gone, 1 cannot be played (`longwave library check` names them)\n"
    );
    assert_eq!((stderr(&scanned), scanned.status.code()), ("", Some(0)));
    let found = library(folder, &["search", "station.toml", "joga"]);
    assert_eq!(found.stdout, [at(b"J\xf3ga.wav").as_os_str().as_bytes(), b"\n"].concat());
    let shown = library(folder, &["show", "station.toml", "music/Blue Moon.wav"]);
    assert!(stdout(&shown).contains("kind          music\n"), "{}", stdout(&shown));
    let checked = library(folder, &["check", "station.toml"]);
    assert!(stdout(&checked).contains("music/bad.mp3: "), "{}", stdout(&checked));
    assert_eq!(checked.status.code(), Some(1));

    fs::write(folder.join("list.m3u"), "music/Blue Moon.wav\nmusic/gone.wav\n").unwrap();
    let imported = library(folder, &["import", "station.toml", "moon", "list.m3u", "--kind", "jingle"]);
    assert_eq!(stdout(&imported), "moon: 1 tracks\n");
    assert!(stderr(&imported).contains("gone.wav"), "{}", stderr(&imported));
    let exported = library(folder, &["export", "station.toml", "moon"]);
    assert!(stdout(&exported).starts_with("#EXTM3U\n#PLAYLIST:moon\n"), "{}", stdout(&exported));
    assert_eq!(stdout(&library(folder, &["export", "station.toml"])), "moon\n");
    let unknown = library(folder, &["export", "station.toml", "sun"]);
    assert!(stderr(&unknown).contains("there is no playlist \"sun\" in the library: it has moon"));
}
