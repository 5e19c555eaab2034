//! What is wrong with the files that a declaration names: those that have two purposes, and those in whose
//! place no state can be kept.

use std::path::Path;

use super::{complaints, toml};
use crate::config::*;

#[test]
fn pipelines_do_not_share_a_state_file() {
    assert_eq!(
        complaints(
            "[[pipeline]]\nstate_file = 's'\noutput = []\n[[pipeline]]\nname = 'b'\nstate_file = 's'\noutput = []"
        ),
        [
            "station.toml:1: pipeline: there must be at least one output",
            "station.toml:4: pipeline: there must be at least one output",
            "station.toml:6: pipeline.state_file: the file s belongs to pipeline.state_file already, on line 2: name another",
        ]
    );
    // Different spellings of one path name the same file. Relative paths begin in the current directory.
    let whole = std::env::current_dir().unwrap().join("s");
    let files = [Path::new("./s"), Path::new("src/../s"), &whole];
    let text = files
        .iter()
        .enumerate()
        .map(|(index, file)| format!("[[pipeline]]\nname = '{index}'\nstate_file = '{}'\n", file.display()));
    let refused = complaints(&text.collect::<String>());
    for (line, file) in [(6, files[1]), (9, files[2])] {
        let problem = format!(
            "station.toml:{line}: pipeline.state_file: the file {} belongs to pipeline.state_file already, on line 3: \
             name another",
            file.display()
        );
        assert!(refused.contains(&problem), "{problem} is not in {refused:?}");
    }
    // A state file `s` is first written as `s.new`, which is here the state file of the other pipeline.
    let text = "[[pipeline]]\nname = 'a'\nstate_file = 's.new'\n[[pipeline]]\nname = 'b'\nstate_file = 's'\n";
    let said = "station.toml:6: pipeline.state_file: the file s.new belongs to pipeline.state_file already, on line 3: \
                name another";
    assert!(complaints(text).contains(&said.to_owned()), "{:?}", complaints(text));
    let config = toml("[[pipeline]]\ndead_air_after = 'off'").unwrap();
    assert_eq!(config.pipelines[0].dead_air.after, None);
}

/// The problems of a configuration in a file of this folder.
fn complaints_in(folder: &Path, text: &str) -> Vec<String> {
    let file = folder.join("station.toml");
    std::fs::write(&file, text).unwrap();
    let problems = Config::read(&file).err().map_or_else(Vec::new, |error| error.problems);
    let folder = folder.display().to_string();
    problems.iter().map(|problem| problem.to_string().replace(&folder, "")).collect()
}

#[test]
fn no_file_has_two_purposes() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("sub")).unwrap();
    std::fs::write(path("list.m3u"), "").unwrap();
    std::fs::write(path("there"), "").unwrap();
    std::fs::hard_link(path("there"), path("hard")).unwrap();
    symlink("sub", path("folder")).unwrap();
    symlink("sub/not-yet", path("link")).unwrap();
    for (server, pipeline, line, refused) in [
        (
            "access_log = 'u'\nusers_file = 'u'",
            "",
            3,
            "server.users_file: the file /u belongs to server.access_log already, on line 2",
        ),
        (
            "access_log = 'sub/../u'\nusers_file = './u'",
            "",
            3,
            "server.users_file: the file /./u belongs to server.access_log already, on line 2",
        ),
        (
            "access_log = 'u.lock'\nusers_file = 'u'",
            "",
            3,
            "server.users_file: the file /u.lock belongs to server.access_log already, on line 2",
        ),
        (
            "access_log = 'there'\nusers_file = 'hard'",
            "",
            3,
            "server.users_file: the file /hard belongs to server.access_log already, on line 2",
        ),
        (
            "access_log = 'station.toml'",
            "",
            2,
            "server.access_log: the file /station.toml is this configuration itself",
        ),
        (
            "users_file = 'station.toml'",
            "",
            2,
            "server.users_file: the file /station.toml is this configuration itself",
        ),
        (
            "",
            "state_file = 'station.toml'",
            4,
            "pipeline.state_file: the file /station.toml is this configuration itself",
        ),
        (
            "",
            "playlist = ['list.m3u', 'station.toml']",
            4,
            "pipeline.playlist: the file /station.toml is this configuration itself",
        ),
        (
            "access_log = 'sub/s'",
            "state_file = 'folder/s'",
            4,
            "pipeline.state_file: the file /folder/s belongs to server.access_log already, on line 2",
        ),
        (
            "access_log = 'link'",
            "state_file = 'sub/not-yet'",
            4,
            "pipeline.state_file: the file /sub/not-yet belongs to server.access_log already, on line 2",
        ),
        (
            "users_file = 's.journal'",
            "state_file = 's'",
            4,
            "pipeline.state_file: the file /s.journal belongs to server.users_file already, on line 2",
        ),
        (
            "users_file = 'u'",
            "state_file = 'u.first'",
            4,
            "pipeline.state_file: the file /u.first belongs to server.users_file already, on line 2",
        ),
        (
            "access_log = 'u.first'\nusers_file = './u'",
            "",
            3,
            "server.users_file: the file /./u.first belongs to server.access_log already, on line 2",
        ),
        (
            "users_file = 'link'",
            "state_file = 'sub/not-yet.lock'",
            4,
            "pipeline.state_file: the file /sub/not-yet.lock belongs to server.users_file already, on line 2",
        ),
        (
            "users_file = 'link'",
            "state_file = 'link.first'",
            4,
            "pipeline.state_file: the file /link.first belongs to server.users_file already, on line 2",
        ),
        (
            "access_log = 'list.m3u'",
            "playlist = 'list.m3u'",
            4,
            "pipeline.playlist: the file /list.m3u belongs to server.access_log already, on line 2",
        ),
        (
            "",
            "state_file = 'there'\nfallback = 'hard'",
            4,
            "pipeline.state_file: the file /there belongs to pipeline.fallback already, on line 5",
        ),
    ] {
        let text = format!("[server]\n{server}\n[[pipeline]]\n{pipeline}\n");
        assert_eq!(
            complaints_in(folder.path(), &text),
            [format!("/station.toml:{line}: {refused}: name another")],
            "{text}"
        );
    }
    // These are no files, or they are only played.
    let good = "[server]\naccess_log = '/dev/null'\n[[pipeline]]\nstate_file = 'sub/s'\nfallback = 'list.m3u'\n\
                playlist = ['list.m3u', 'sub', 'list.m3u']\n";
    assert_eq!(complaints_in(folder.path(), good), [] as [&str; 0]);
}

#[test]
fn a_song_is_no_state_file() {
    let folder = tempfile::tempdir().unwrap();
    let song = folder.path().join("song.mp3");
    std::fs::write(&song, "ID3\x04").unwrap();
    let said = complaints_in(folder.path(), "[[pipeline]]\nplaylist = '.'\nstate_file = 'song.mp3'\n");
    let reason = "pipeline.state_file: /song.mp3 is not a station's state, and would be lost: name another file, or \
                  move it away";
    assert_eq!(said, [format!("/station.toml:3: {reason}")]);
    assert_eq!(std::fs::read(&song).unwrap(), b"ID3\x04");
}

#[test]
fn where_no_state_can_be_kept_is_said_by_line() {
    let states =
        ["gone/s", "/dev/null", "/", ""].map(|path| format!("[[pipeline]]\nstate_file = '{path}'\n"));
    let said = complaints(&states.concat());
    for (line, reason) in [
        (2, "there is no folder gone: make it, or name another"),
        (4, "/dev/null is a device: name a file"),
        (6, "\"/\" names no file: write \"main.state\", for example"),
        (8, "an empty path: name a file or a folder, or leave the key out"),
    ] {
        let problem = format!("station.toml:{line}: pipeline.state_file: {reason}");
        assert!(said.contains(&problem), "{problem} is not in {said:?}");
    }
}
