use std::fmt::Write;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::*;
use crate::roots::MediaRoots;

fn find(name: &Name, folder: &Path) -> Result<(PathBuf, Metadata), Refusal> {
    Lookup::new(&Bounds::Anywhere).find(name, folder)
}

/// A folder with these files.
fn disk(files: &[&[u8]]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(OsStr::from_bytes(file));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"").unwrap();
    }
    folder
}

/// The file that `name` finds in a folder with `files`.
fn found(files: &[&[u8]], name: Name) -> Option<Vec<u8>> {
    let folder = disk(files);
    let (path, metadata) = find(&name, folder.path()).ok()?;
    assert!(metadata.is_file() && path.is_file());
    Some(path.strip_prefix(folder.path()).unwrap().as_os_str().as_bytes().to_vec())
}

fn assert_found(on_disk: &[u8], name: Name) {
    let shown = name.text();
    assert_eq!(found(&[b"other.mp3", on_disk], name).as_deref(), Some(on_disk), "{shown}");
}

#[test]
fn a_name_is_found_in_every_spelling() {
    let utf8 = "Björk/Jóga.mp3".as_bytes();
    let latin = b"Bj\xf6rk/J\xf3ga.mp3";
    let decomposed = "Bjo\u{308}rk/Jo\u{301}ga.mp3".as_bytes();
    let mixed = "Bjo\u{308}rk/Jóga.mp3".as_bytes();
    for on_disk in [utf8, latin, decomposed, mixed] {
        for written in [utf8, latin, decomposed, b"Bj\xf6rk\\J\xf3ga.mp3", b" Bj\xf6rk/J\xf3ga.mp3\t"] {
            assert_found(on_disk, Name::path(written));
        }
    }
    assert_found("Пример.mp3".as_bytes(), Name::path("Пример.mp3".as_bytes()));
    assert_found("がぎ.mp3".as_bytes(), Name::path("か\u{3099}き\u{3099}.mp3".as_bytes()));
}

#[test]
fn a_name_as_it_is_written_goes_before_what_it_can_mean() {
    for (written, on_disk) in [
        ("a%20b.mp3", ["a%20b.mp3", "a b.mp3"]),
        ("a\\b.mp3", ["a\\b.mp3", "a/b.mp3"]),
        (" a.mp3", [" a.mp3", "a.mp3"]),
        ("é.mp3", ["é.mp3", "e\u{301}.mp3"]),
        ("e\u{301}.mp3", ["e\u{301}.mp3", "é.mp3"]),
    ] {
        let [first, second] = on_disk.map(str::as_bytes);
        let name = Name::path(written.as_bytes());
        assert_eq!(found(&[second, first], name.clone()).as_deref(), Some(first), "{written}");
        assert_eq!(found(&[second], name).as_deref(), Some(second), "{written}");
    }
    assert_eq!(found(&[b"a%20b.mp3", b"a b.mp3"], Name::url(b"a%20b.mp3")).as_deref(), Some(&b"a b.mp3"[..]));
    assert_found(b"100%.mp3", Name::url(b"100%.mp3"));
    assert_found(b"a#b?c.mp3", Name::url(b"a%23b%3Fc.mp3"));
    assert_found(b"J\xf3ga.mp3", Name::url(b"J%F3ga.mp3"));
    assert_found("Jóga.mp3".as_bytes(), Name::url(b"J%F3ga.mp3"));
}

#[test]
fn paths_of_windows_are_found_by_their_ends() {
    for written in [
        &b"C:\\Users\\me\\Music\\Bj\xf6rk\\J\xf3ga.mp3"[..],
        b"\\\\server\\share\\Bj\xf6rk\\J\xf3ga.mp3",
        b"file:///C:/Music/Bj%C3%B6rk/J%C3%B3ga.mp3",
    ] {
        assert_found("Björk/Jóga.mp3".as_bytes(), Name::path(written));
    }
    assert_found(b"a.mp3", Name::path(b"D:\\a.mp3"));
    assert_eq!(found(&[b"a.mp3"], Name::path(b"D:\\b.mp3")), None);
    assert_eq!(found(&[b"a.mp3"], Name::path(b"/home/me/a.mp3")), None, "an absolute path is meant so");
    assert_eq!(found(&[b"a.mp3"], Name::path(b"C:\\")), None);
}

#[test]
fn file_urls_are_paths_and_others_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a b.mp3");
    fs::write(&file, b"").unwrap();
    let encoded = file.to_str().unwrap().replace(' ', "%20");
    for url in [format!("file://{encoded}"), format!("FILE://localhost{encoded}"), format!("file:{encoded}")]
    {
        for name in [Name::path(url.as_bytes()), Name::url(url.as_bytes())] {
            assert_eq!(find(&name, Path::new("/nowhere")).unwrap().0, file);
        }
    }
    let refused = find(&Name::path(b"http://radio.example/a.mp3"), folder.path()).unwrap_err();
    assert_eq!(refused.reason(), "is on the network; a playlist can name files only");
}

#[test]
fn what_cannot_be_a_path_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    for name in [&b"a\0b.mp3"[..], &[b'x'; 5000], &b"\xff/".repeat(3000), b"..\\..\\..\\nowhere.mp3"] {
        assert!(find(&Name::path(name), folder.path()).is_err());
        assert!(Name::path(name).text().chars().count() <= 401);
    }
    assert_eq!(Name::path(b"a\x1b[31m\nb").text(), "a\u{fffd}[31m\u{fffd}b");
}

#[test]
fn case_is_another_systems_matter() {
    let on_disk = "Music/Björk/One.MP3".as_bytes();
    for written in [
        "music\\björk\\ONE.mp3".as_bytes(),
        "MUSIC/BJO\u{308}RK/one.mp3".as_bytes(),
        b"music/BJ\xd6RK/one.Mp3",
        b"E:\\music\\bj\xf6rk\\one.mp3",
        b"music%5Cbj%C3%B6rk%5Cone.mp3",
    ] {
        assert_found(on_disk, Name::path(written));
    }
    let several: &[&[u8]] = &[b"a.MP3", b"A.mp3", b"a.mp3"];
    assert_eq!(found(several, Name::path(b"a.mp3")).unwrap(), b"a.mp3", "the exact one");
    assert_eq!(found(several, Name::path(b"A.MP3")).unwrap(), b"A.mp3", "else the first");
    // A way that ends is left for another.
    assert_eq!(found(&[b"MUSIC/y.mp3", b"music/x.mp3"], Name::path(b"MUSIC/X.mp3")).unwrap(), b"music/x.mp3");
    assert_eq!(found(&[b"a.mp3"], Name::path(b"b.mp3")), None);
}

#[test]
fn the_root_of_another_system_is_looked_for_around_the_playlist() {
    for written in [
        &b"\\Music\\Artist\\one.wav"[..],
        b"file://NAS/share/Music/Artist/one.wav",
        b"file:////NAS/share/Music/Artist/one.wav",
        b"file://C:/Music/Artist/one.wav",
        b"\\\\?\\UNC\\nas\\share\\music\\artist\\ONE.wav",
        b"smb\\..\\Music\\Artist\\one.wav",
    ] {
        let folder = disk(&[b"Music/Artist/one.wav", b"smb/x", b"Playlists/By me/list.m3u"]);
        let (path, _) = find(&Name::path(written), folder.path()).unwrap();
        assert_eq!(
            path.canonicalize().unwrap(),
            folder.path().join("Music/Artist/one.wav").canonicalize().unwrap()
        );
        if written.starts_with(b"smb") {
            continue;
        }
        // A list may lie in a folder of its own on that drive or share.
        let (path, _) = find(&Name::path(written), &folder.path().join("Playlists/By me")).unwrap();
        assert_eq!(path, folder.path().join("Music/Artist/one.wav"), "{}", written.escape_ascii());
        let other = Name::path(b"\\Music\\Other\\one.wav");
        assert!(find(&other, &folder.path().join("Playlists/By me")).is_err(), "the end alone is too little");
    }
}

#[test]
fn nothing_is_listed_out_of_bounds_and_no_name_leads_there() {
    let folder = disk(&[b"m/in.mp3", b"out/Secret.mp3", b"m/sub/list.m3u"]);
    symlink(folder.path().join("out"), folder.path().join("m/link")).unwrap();
    let root = folder.path().join("m");
    let bounds = MediaRoots::new(vec![root.clone()]).bounds(true);
    let mut lookup = Lookup::new(&bounds);
    for written in ["..\\OUT\\secret.mp3", "\\out\\secret.mp3", "link/SECRET.mp3", "c:\\out\\Secret.mp3"] {
        let name = Name::path(written.as_bytes());
        assert!(lookup.find(&name, &root.join("sub")).is_err(), "{written}");
        assert_eq!(lookup.find_below(&name, &root), None, "{written}");
    }
    assert_eq!(lookup.find_below(&Name::path(b"IN.mp3"), &root), Some(root.join("in.mp3")));
    assert_eq!(lookup.find_below(&Name::path(b"..\\m\\in.mp3"), &root), None);
    assert_eq!(lookup.find_below(&Name::path(b"\\In.mp3"), &root), Some(root.join("in.mp3")));
}

/// A list of millions of names must not list a folder, or take every way, for each of them.
#[test]
fn many_names_in_other_spellings_read_each_folder_once() {
    let files: Vec<String> = (0..2_000).map(|n| format!("Music/Artist {n}/Trück {n}.mp3")).collect();
    let files: Vec<&[u8]> = files.iter().map(|file| file.as_bytes()).collect();
    let folder = disk(&files);
    let mut lookup = Lookup::new(&Bounds::Anywhere);
    let mut pass = || {
        let (mut found, mut missing) = (0, 0);
        for n in 0..4_000 {
            let mut written = String::new();
            write!(written, "C:\\Users\\me\\music\\ARTIST {n}\\TRÜCK {n}.MP3").unwrap();
            match lookup.find(&Name::path(written.as_bytes()), folder.path()) {
                Ok(_) => found += 1,
                Err(_) => missing += 1,
            }
        }
        assert_eq!((found, missing), (2_000, 2_000));
        lookup.listings.read
    };
    let read = pass();
    assert!(read >= 4_001, "Music, its folders, and their files: {read}");
    assert_eq!(pass(), read);
}

#[test]
fn a_name_with_countless_meanings_is_given_up() {
    let deep = "a/".repeat(60);
    let folder = tempfile::tempdir().unwrap();
    // Two ways at every step: 2^20 in all.
    let mut at = folder.path().to_owned();
    for _ in 0..20 {
        fs::create_dir(at.join("a")).unwrap();
        symlink("a", at.join("A")).unwrap();
        at.push("a");
    }
    let since = Instant::now();
    assert!(find(&Name::path(format!("{deep}x.mp3").as_bytes()), folder.path()).is_err());
    assert!(find(&Name::path("a/".repeat(19).as_bytes()), folder.path()).is_ok());
    assert!(find(&Name::path(("a\\".repeat(20) + "x.mp3").as_bytes()), folder.path()).is_err());
    assert!(find(&Name::path("x\\".repeat(5_000).as_bytes()), folder.path()).is_err());
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
}
