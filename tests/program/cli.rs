//! The program on the command line: its output and its exit codes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Runs `longwave` in `folder` until it ends.
fn longwave(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_longwave"))
        .args(args)
        .current_dir(folder)
        .env_remove("RUST_LOG")
        .output()
        .expect("the program runs")
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

#[test]
#[cfg(all(feature = "mp3", feature = "aac"))]
fn the_example_is_good() {
    let output = longwave(here(), &["check", "examples/station.toml"]);
    assert_eq!(stdout(&output), "examples/station.toml: good: /radio.mp3, /mobile.aac\n");
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
}

#[test]
fn check_says_all_that_is_wrong_and_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("bad.toml"),
        "[server]\nbrust = \"4s\"\n[[pipeline]]\ncrossfade = \"3\"\nplaylist = \"gone\"\n",
    )
    .unwrap();
    for command in ["check", "serve"] {
        let output = longwave(folder.path(), &[command, "bad.toml"]);
        assert_eq!(
            stderr(&output),
            "bad.toml:2: server.brust: unknown key; did you mean \"burst\"?\n\
             bad.toml:4: pipeline.crossfade: \"3\" lacks a unit: write \"3s\" for seconds, or use ms, m, h or d\n\
             bad.toml:5: pipeline.playlist: gone: No such file or directory (os error 2)\n\
             longwave: 3 problems\n",
            "{command}"
        );
        assert_eq!((stdout(&output), output.status.code()), ("", Some(2)), "{command}");
    }
}

#[test]
fn check_sees_that_a_state_cannot_be_kept_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let check = |state: &str| {
        let text = format!("[[pipeline]]\nplaylist = '.'\nstate_file = '{state}'\n");
        fs::write(folder.path().join("a.toml"), text).unwrap();
        longwave(folder.path(), &["check", "a.toml"])
    };
    let refused = check("gone/state");
    assert_eq!(
        stderr(&refused),
        "a.toml:3: pipeline.state_file: there is no folder gone: make it, or name another\nlongwave: 1 problem\n"
    );
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(check("state").status.code(), Some(0));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn check_warns_of_what_is_rarely_meant() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[server]\ntrusted_proxies = \"0.0.0.0/0\"\n[[pipeline]]\n";
    fs::write(folder.path().join("a.toml"), text).unwrap();
    let output = longwave(folder.path(), &["check", "a.toml"]);
    assert_eq!(
        stderr(&output),
        "warning: a.toml:2: server.trusted_proxies: this trusts every client: any of them can pretend to be another one\n\
         warning: a.toml: pipeline \"main\" has no playlist: it sends silence\n"
    );
    assert_eq!(output.status.code(), Some(0));
    let file = folder.path().join("a.toml");
    fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let output = longwave(folder.path(), &["check", "a.toml"]);
    let warned = "warning: a.toml: a.toml can be changed by others (its mode is 666): `chmod go-w a.toml`\n";
    assert!(stderr(&output).contains(warned), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let output = longwave(here(), &["check", "no-such.toml"]);
    assert_eq!(
        stderr(&output),
        "no-such.toml: No such file or directory (os error 2)\nlongwave: 1 problem\n"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
#[cfg(any(feature = "mp3", feature = "aac"))]
fn play_prints_itself_as_a_configuration_that_is_good() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("a \"b\" Jóga");
    fs::create_dir(&music).unwrap();
    let line = [
        "play",
        "a \"b\" Jóga",
        "--loop",
        "--shuffle",
        "--crossfade",
        "2.5s",
        "--bitrate",
        "96",
        "--name",
        "Björk's \"Radio\" \\ 日本",
        "--listen",
        ":0",
        "--print-config",
    ];
    let printed = longwave(folder.path(), &line);
    assert_eq!((stderr(&printed), printed.status.code()), ("", Some(0)));
    let text = stdout(&printed);
    for part in ["listen = [\":0\"]", "loop = true", "shuffle = true", "crossfade = \"2.5s\"", "bitrate = 96"]
    {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }

    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("station.toml");
    fs::write(&file, text).unwrap();
    let checked = longwave(elsewhere.path(), &["check", "station.toml"]);
    assert_eq!((stderr(&checked), checked.status.code()), ("", Some(0)));
    let config = longwave::Config::read(&file).unwrap();
    let pipeline = &config.pipelines[0];
    assert_eq!(pipeline.playlist, [music.canonicalize().unwrap()]);
    for output in &pipeline.outputs {
        assert_eq!(output.mount.name.as_deref(), Some("Björk's \"Radio\" \\ 日本"));
        assert_eq!(output.encoder.bitrate(), Some(96));
    }
}

#[test]
fn play_refuses_what_cannot_be_played() {
    for (line, said) in [
        (
            &["play", "no-such-1.mp3", ".", "no-such-2"][..],
            "longwave: no-such-1.mp3: No such file or directory (os error 2)\n\
             longwave: no-such-2: No such file or directory (os error 2)\n",
        ),
        (&["play", "-"], "longwave: standard input cannot be played: name files\n"),
        (
            &["play", ".", "--crossfade", "3x", "--listen", "localhost"],
            "longwave: --listen: \"localhost\" is not an address: write a port (\"8001\") or a numeric address \
             with a port (\"127.0.0.1:8001\", \"[::1]:8001\")\n\
             longwave: --crossfade: \"3x\" is not a duration: write \"30s\", \"250ms\", \"2m\" or \"1h30m\"\n",
        ),
    ] {
        let output = longwave(here(), line);
        assert_eq!(stderr(&output), said);
        assert_eq!((stdout(&output), output.status.code()), ("", Some(2)), "{line:?}");
    }
}

#[test]
#[cfg(feature = "mp3")]
fn a_bitrate_that_a_codec_lacks_is_refused_with_those_that_it_has() {
    let output = longwave(here(), &["play", ".", "--bitrate", "100"]);
    assert!(stderr(&output).starts_with("longwave: --bitrate: "), "{}", stderr(&output));
    assert!(stderr(&output).contains("112"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_wrong_command_line_ends_with_2_and_help_with_0() {
    for line in [&[][..], &["play"], &["tune"], &["check"], &["play", ".", "--bitrate", "x"]] {
        let output = longwave(here(), line);
        assert_eq!((stdout(&output), output.status.code()), ("", Some(2)), "{line:?}");
        assert!(stderr(&output).contains("--help"), "{line:?}: {}", stderr(&output));
    }
    for line in [&["--help"][..], &["play", "--help"], &["help", "serve"], &["--version"]] {
        let output = longwave(here(), line);
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)), "{line:?}");
    }
}

#[test]
fn the_version_names_every_codec_and_its_licence() {
    let output = longwave(here(), &["--version"]);
    let text = stdout(&output);
    assert!(
        text.starts_with(&format!("longwave {} (MIT OR Apache-2.0)\n", env!("CARGO_PKG_VERSION"))),
        "{text}"
    );
    for codec in longwave::codecs() {
        let line = text.lines().find(|line| line.starts_with(codec.name)).unwrap();
        assert!(
            line.contains(codec.licence) && line.contains(codec.version.as_deref().unwrap_or("")),
            "{line}"
        );
    }
}

#[test]
fn check_warns_of_a_mount_that_nobody_may_send_to() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[server]\nusers_file = 'users'\n[[mount]]\nmount = '/guest'\n";
    fs::write(folder.path().join("a.toml"), text).unwrap();
    let said = || stderr(&longwave(folder.path(), &["check", "a.toml"])).to_owned();
    assert_eq!(said(), "", "the first user, who is made at the start, may");
    let token = |name: &str, path: &str| {
        let args = ["user", "token", name, "--role", "source", "--path", path];
        assert_eq!(longwave(folder.path(), &args).status.code(), Some(0));
    };
    token("other", "/other");
    let warning =
        "warning: a.toml: nobody may send to /guest: add a user by `longwave user add --role source`\n";
    assert_eq!(said(), warning);
    token("dj", "/guest");
    assert_eq!(said(), "");
}

#[test]
fn places_for_sources_need_users() {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in
        [("/guest", "[[mount]]\nmount = '/guest'\n"), ("/live", "[[pipeline]]\n[[pipeline.live]]\n")]
    {
        fs::write(folder.path().join("a.toml"), text).unwrap();
        for command in ["check", "serve"] {
            let output = longwave(folder.path(), &[command, "a.toml"]);
            assert_eq!(output.status.code(), Some(2), "{command}: {output:?}");
            let reason = format!(
                "longwave: a.toml: nobody could send to {path}: set users_file in [server], and add a user by \
                 `longwave user add --role source`\n"
            );
            assert!(stderr(&output).contains(&reason), "{}", stderr(&output));
        }
    }
}

#[test]
fn users_and_tokens_are_kept_in_a_file_that_only_its_owner_reads() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let user = move |args: &[&str], input: &str| {
        let mut process = Command::new(env!("CARGO_BIN_EXE_longwave"))
            .arg("user")
            .args(args)
            .current_dir(at)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // A process that reads no input may have ended already.
        let _ = std::io::Write::write_all(process.stdin.as_mut().unwrap(), input.as_bytes());
        process.wait_with_output().unwrap()
    };
    let good = |output: Output| {
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
        stdout(&output).to_owned()
    };
    good(user(&["add", "alice"], "correct horse\n"));
    let token = good(user(&["token", "queue", "--role", "viewer"], ""));
    assert!(token.starts_with("lw-") && token.len() == 68, "{token:?}");
    good(user(&["passwd", "alice"], "battery staple\n"));
    let list = good(user(&["list"], ""));
    let words: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words, [["alice", "admin", "password"], ["queue", "viewer", "token"]]);
    let mode = fs::metadata(folder.path().join("users")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    good(user(&["remove", "queue"], ""));
    good(user(&["add", "dj", "--role", "source", "--path", "/live", "--path", "/a:b"], "correct horse\n"));
    good(user(&["token", "night", "--pipeline", "night"], ""));
    let list = good(user(&["list"], ""));
    assert!(list.contains("source   password, only /live, only /a:b\n"), "{list}");
    assert!(list.contains("admin    token, only pipeline night\n"), "{list}");
    good(user(&["role", "dj", "--role", "viewer"], ""));
    let list = good(user(&["list"], ""));
    assert!(list.contains("viewer   password\n"), "the limits are those that were named: {list}");
    let refused = user(&["token", "x", "--role", "viewer", "--path", "/live"], "");
    assert!(stderr(&refused).contains("longwave: path: a viewer sends nothing"), "{}", stderr(&refused));
    assert_eq!(refused.status.code(), Some(2));
    ["dj", "night"].iter().for_each(|name| _ = good(user(&["remove", name], "")));

    // Programs that change the file at the same time lose nothing of each other.
    std::thread::scope(|scope| {
        for n in 0..10 {
            scope.spawn(move || good(user(&["token", &format!("program-{n}")], "")));
        }
    });
    assert_eq!(good(user(&["list"], "")).lines().count(), 11);

    let mode = |name: &str, mode: u32| {
        fs::set_permissions(at.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    for (name, wide, narrow) in [("users", 0o666, 0o600), (".", 0o777, 0o700)] {
        mode(name, wide);
        let output = user(&["list"], "");
        assert!(
            stderr(&output).contains("can be changed by others") && stderr(&output).contains("`chmod go-w")
        );
        assert_eq!(output.status.code(), Some(1));
        mode(name, narrow);
    }

    for (args, input, reason, code) in [
        (&["add", "alice"][..], "correct horse\n", "longwave: the user \"alice\" exists already\n", 1),
        (&["add", "bob"], "short\n", "longwave: password: at least 8 bytes\n", 2),
        (&["add", "a:b"], "correct horse\n", "longwave: name: \"a:b\" is no name for a user", 2),
        (&["add", "bob", "--role", "root"], "", "longwave: --role: \"root\" is no role", 2),
        (&["remove", "queue"], "", "longwave: there is no user \"queue\"\n", 1),
    ] {
        let output = user(args, input);
        assert!(stderr(&output).starts_with(reason), "{args:?}: {}", stderr(&output));
        assert_eq!(output.status.code(), Some(code), "{args:?}");
    }
}

/// Runs the program in a folder with a named pipe `fifo`, from which nothing ever comes. It has 20 seconds.
fn with_a_fifo(args: &[&str], config: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    assert!(Command::new("mkfifo").arg(folder.path().join("fifo")).status().unwrap().success());
    fs::write(folder.path().join("station.toml"), config).unwrap();
    let output = Command::new("timeout")
        .args(["20", env!("CARGO_BIN_EXE_longwave")])
        .args(args)
        .current_dir(folder.path())
        .env_remove("LONGWAVE_CREDENTIALS")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn no_command_waits_for_a_file_from_which_nothing_comes() {
    let users = "[server]\nlisten = '127.0.0.1:0'\nusers_file = 'fifo'\n[[pipeline]]\n";
    for (args, config, code) in [
        (&["check", "fifo"][..], "", 2),
        (&["serve", "fifo"], "", 2),
        (&["check", "station.toml"], users, 2),
        (&["serve", "station.toml"], users, 2),
        (&["user", "--file", "fifo", "list"], "", 1),
        (&["user", "--file", "fifo", "remove", "ana"], "", 1),
        (&["ctl", "--credentials", "fifo", "status"], "", 2),
    ] {
        // Without a codec, a pipeline has no outputs, and that is said first.
        if config == users && cfg!(not(any(feature = "mp3", feature = "aac"))) {
            continue;
        }
        let (ended, said) = with_a_fifo(args, config);
        assert_eq!(ended, Some(code), "{args:?}: {said}");
        assert!(said.contains("fifo: it is a named pipe, not a file"), "{args:?}: {said}");
    }
    let playlist = "[[pipeline]]\nplaylist = 'fifo'\n";
    assert_ne!(with_a_fifo(&["check", "station.toml"], playlist).0, Some(124), "it hangs");
}

#[test]
fn check_and_serve_say_what_is_wrong_with_the_users_file() {
    for (make, wrong) in [
        (&(|file: &Path| fs::create_dir(file).unwrap()) as &dyn Fn(&Path), "it is a folder, not a file"),
        (&|file| fs::write(file, "admin\n").unwrap(), "line 1: is not name:role:hash"),
        (&|file| fs::write(file, [0xff; 100]).unwrap(), "users"),
        (&|_| (), ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let config = "[server]\nlisten = '127.0.0.1:0'\nusers_file = 'users'\n[[pipeline]]\nplaylist = '.'\n";
        fs::write(folder.path().join("station.toml"), config).unwrap();
        make(&folder.path().join("users"));
        for command in ["check", "serve"] {
            if command == "serve" && wrong.is_empty() {
                continue;
            }
            let mut program = Command::new(env!("CARGO_BIN_EXE_longwave"));
            let output = program.args([command, "station.toml"]).current_dir(folder.path()).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(if wrong.is_empty() { 0 } else { 2 }), "{command}: {said}");
            assert!(said.contains(wrong), "{command}: {said}");
        }
    }
}

#[test]
fn a_configuration_may_come_from_standard_input() {
    let config = "printf \"[[pipeline]]\\nname = 'x'\\n\"";
    let check = format!("{config} | {} check /dev/stdin", env!("CARGO_BIN_EXE_longwave"));
    let output = Command::new("sh").args(["-c", &check]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
