//! What is wrong with a declaration, with the exact messages.

use std::path::{Path, PathBuf};

use super::{complaints, toml};
use crate::config::*;

/// The problems of a pipeline with these lines. They begin at line 2.
fn pipeline_complaints(lines: &str) -> Vec<String> {
    complaints(&format!("[[pipeline]]\n{lines}"))
}

#[test]
fn everything_wrong_is_said_in_one_pass_by_line() {
    let text = r#"[server]
burst = "4"
write_timout = "30s"
max_listeners = "many"

[[pipeline]]
name = "a b"
channels = 6
playlist = "no/such/file.m3u"
bitrate = 128

[[pipeline.output]]
format = "ogg"
mount = "radio"
bitrat = 128

[[pipeline.output]]
mount = "/x.pls"
"#;
    assert_eq!(
        complaints(text),
        [
            "station.toml:2: server.burst: \"4\" lacks a unit: write \"4s\" for seconds, or use ms, m, h or d",
            "station.toml:3: server.write_timout: unknown key; did you mean \"write_timeout\"?",
            "station.toml:4: server.max_listeners: expected a whole number, found a string",
            "station.toml:7: pipeline.name: \"a b\" is not a name for a pipeline: letters, digits, -, _ and ., \
             up to 64 bytes",
            "station.toml:8: pipeline.channels: 6 channels: write 1 for mono or 2 for stereo",
            "station.toml:9: pipeline.playlist: no/such/file.m3u: No such file or directory (os error 2)",
            "station.toml:10: pipeline.bitrate: this key belongs under [[pipeline.output]]",
            "station.toml:13: pipeline.output.format: \"ogg\" is unknown; it takes \"mp3\" or \"aac\"",
            "station.toml:14: pipeline.output.mount: \"radio\" does not start with a slash: write \"/radio\"",
            "station.toml:15: pipeline.output.bitrat: unknown key; did you mean \"bitrate\"?",
            "station.toml:17: pipeline.output: the key \"format\" is missing: \"mp3\" or \"aac\"",
            "station.toml:18: pipeline.output.mount: \"/x.pls\": .pls is reserved for the playlist that points \
             to a mount",
        ]
    );
}

#[test]
fn a_problem_can_be_taken_apart() {
    let error =
        toml("[[pipeline]]\n[[pipeline.output]]\nformat='mp3'\n[[pipeline.output]]\nbitrat=1").unwrap_err();
    let problem = error.problems.iter().find(|problem| problem.nearest.is_some()).unwrap();
    assert_eq!(
        *problem,
        ConfigProblem {
            file: Some(PathBuf::from("station.toml")),
            line: Some(5),
            key: "pipeline[0].output[1].bitrat".into(),
            reason: "unknown key".into(),
            nearest: Some("bitrate".into()),
        }
    );
}

#[test]
fn broken_syntax_does_not_hide_what_else_is_wrong() {
    let said =
        complaints("[server]\nburst = \nmax_listener = 5\nlisten = [\"8000\"\n[[pipeline]]\nname = 3\n");
    assert!(said[0].starts_with("station.toml:2: "), "{said:?}");
    assert!(
        said.iter().any(|line| line.starts_with("station.toml:3: server.max_listener: unknown key")),
        "{said:?}"
    );
}

#[test]
#[cfg(feature = "mp3")]
fn json_gets_the_same_checks_and_names_every_table() {
    let text = r#"{
        "server": { "burst": "4s", "listen": "70000" },
        "pipeline": [{ "name": null }, { "name": "b", "output": [{ "format": "mp3", "public": 1 }] }]
    }"#;
    let error = Config::from_json(text, Path::new("")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "pipeline[1].output[0].public: expected true or false, found a whole number\n\
         server.listen: \"70000\": a port is a number up to 65535\n\
         pipeline[1].output[0]: the mount /stream.mp3 exists already, at pipeline[0]"
    );
}

#[test]
#[cfg(feature = "mp3")]
fn names_and_mounts_are_there_once() {
    let output = "[[pipeline.output]]\nformat = 'mp3'\nmount = '/a'\n";
    assert_eq!(
        complaints(&format!("[[pipeline]]\n{output}[[pipeline]]\n{output}")),
        [
            "station.toml:5: pipeline: there is a pipeline \"main\" already, on line 1",
            "station.toml:8: pipeline.output.mount: the mount /a exists already, on line 4",
        ]
    );
}

#[test]
fn a_relayed_mount_needs_a_path_and_a_type_that_can_be_relayed() {
    let users = "[server]\nusers_file = 'users'\n";
    // It needs no pipeline.
    assert!(toml(&format!("{users}[[mount]]\nmount = '/guest'\n")).is_ok());
    let no_path = "station.toml:3: mount: the key \"mount\" is missing: \"/guest.mp3\", for example";
    assert_eq!(complaints(&format!("{users}[[mount]]\n")), [no_path]);
    for (line, part) in [
        ("content_type = 'video/webm'", "mount.content_type: \"video/webm\" cannot be relayed"),
        ("source_timeout = '0s'", "mount.source_timeout: 1s to 10m"),
        ("fallback_mount = '/none'", "mount.fallback_mount: "),
        ("bitrate = 128", "mount.bitrate: this key belongs under [[pipeline.output]]"),
    ] {
        let said = complaints(&format!("{users}[[mount]]\nmount = '/guest'\n{line}\n"));
        assert!(said.len() == 1 && said[0].contains(part), "{line}: {said:?}");
    }
    let twice = format!("{users}[[mount]]\nmount = '/a'\n[[mount]]\nmount = '/a'\n");
    assert!(complaints(&twice)[0].contains("the mount /a exists already"), "{:?}", complaints(&twice));
}

#[test]
fn icy_needs_a_path_that_a_source_may_send_to() {
    let icy = "[server]\nusers_file = 'users'\nicy_listen = '127.0.0.1:8001'\n";
    for rest in [
        "[[mount]]\nmount = '/live'",
        "[[pipeline]]\n[[pipeline.live]]",
        "icy_mount = '/guest'\n[[mount]]\nmount = '/guest'",
    ] {
        let config = toml(&format!("{icy}{rest}\n")).unwrap();
        assert_eq!((config.warnings.len(), config.server.icy_listen.len()), (0, 1), "{rest}");
    }
    for (rest, said) in [
        (
            "[[mount]]\nmount = '/guest'",
            "station.toml:3: server.icy_listen: there is neither a relayed mount nor a live input /live: set \
             icy_mount to /guest",
        ),
        (
            "icy_mount = '/radio.mp3'\n[[mount]]\nmount = '/a'\n[[pipeline]]\n[[pipeline.live]]\npath = '/b'",
            "station.toml:4: server.icy_mount: there is neither a relayed mount nor a live input /radio.mp3: \
             set icy_mount to /a or /b",
        ),
        (
            "[[pipeline]]",
            "station.toml:3: server.icy_listen: there is nothing that a source could send to: add a [[mount]], \
             or a [[pipeline.live]]",
        ),
        (
            "icy_mount = 'live'\n[[pipeline]]\n[[pipeline.live]]",
            "station.toml:4: server.icy_mount: \"live\" does not start with a slash: write \"/live\"",
        ),
        (
            "listen = '0.0.0.0:8001'\n[[pipeline]]\n[[pipeline.live]]",
            "station.toml:3: server.icy_listen: port 8001 is that of listeners (listen): take the next one",
        ),
    ] {
        assert_eq!(complaints(&format!("{icy}{rest}\n")), [said], "{rest}");
    }
    let elsewhere = icy.replace("8001", "9000") + "[[pipeline]]\n[[pipeline.live]]\n";
    let warned = toml(&elsewhere).unwrap().warnings;
    assert!(warned.len() == 1 && warned[0].to_string().contains("8001, behind 8000"), "{warned:?}");
}

#[test]
fn users_are_kept_in_a_folder_that_is_there() {
    let text = "[server]\nusers_file = 'gone/users'\n[[pipeline]]\n";
    assert_eq!(
        complaints(text),
        ["station.toml:2: server.users_file: there is no folder gone: make it, or name another"]
    );
}

#[test]
fn a_station_has_a_pipeline_and_a_pipeline_an_output() {
    assert_eq!(
        complaints(""),
        ["station.toml: pipeline: a station needs at least one: add a [[pipeline]], or a [[mount]]"]
    );
    assert_eq!(
        pipeline_complaints("output = []"),
        ["station.toml:1: pipeline: there must be at least one output"]
    );
}

#[test]
fn values_have_the_kind_of_their_key() {
    assert_eq!(
        pipeline_complaints(
            "crossfade = 3\nloop = 'yes'\nplaylist = [1, '.']\noutput = 'mp3'\nsample_rate = 44.1"
        ),
        [
            "station.toml:2: pipeline.crossfade: expected a string with a unit, such as \"3s\", found a whole number",
            "station.toml:3: pipeline.loop: expected true or false, found a string",
            "station.toml:4: pipeline.playlist: expected strings only, found a whole number",
            "station.toml:5: pipeline.output: expected a list of tables, found a string",
            "station.toml:6: pipeline.sample_rate: expected a whole number, found a fraction",
        ]
    );
}

#[test]
fn values_stay_within_what_works() {
    assert_eq!(
        complaints(
            "[server]\nburst = '2m'\nwrite_timeout = '2h'\nmax_listeners = 0\nlisten = ['8000', ':8000']\n\
             [[pipeline]]\nsample_rate = 4000\ncrossfade = '6m'\nreplaygain = 'tracks'\n\
             dead_air_after = '10ms'\ndead_air_below_db = 0\nfallback = 'gone'"
        ),
        [
            "station.toml:2: server.burst: 2m is more than 60s",
            "station.toml:3: server.write_timeout: 2h is not between 1ms and 1h",
            "station.toml:4: server.max_listeners: 0 listeners: at least 1",
            "station.toml:5: server.listen: [::]:8000 is listed twice",
            "station.toml:7: pipeline.sample_rate: 4000 Hz is out of range: 8000 to 192000, usually 44100 or 48000",
            "station.toml:8: pipeline.crossfade: 6m is too long: up to 5m",
            "station.toml:9: pipeline.replaygain: \"tracks\" is unknown; did you mean \"track\"? (It takes \
             \"track\", \"album\" or \"off\".)",
            "station.toml:10: pipeline.dead_air_after: 10ms is shorter than pauses in music: at least 1s, or \"off\"",
            "station.toml:11: pipeline.dead_air_below_db: 0 is out of range: -120 to -20, in decibels below full scale",
            "station.toml:12: pipeline.fallback: gone: No such file or directory (os error 2)",
        ]
    );
}

#[test]
#[cfg(feature = "mp3")]
fn fallbacks_go_together_or_are_refused_where_they_are_declared() {
    let output = |mount: &str, content_type: &str, fallback: &str| {
        format!(
            "[[pipeline.output]]\nformat='mp3'\nmount='{mount}'\ncontent_type='{content_type}'\n\
             fallback_mount='{fallback}'\n"
        )
    };
    let (mp3, other) = ("audio/mpeg", "audio/x-mp3");
    let two = |a: &str, b: &str| complaints(&format!("[[pipeline]]\n{a}{b}"));
    assert_eq!(
        two(&output("/day", mp3, "/night"), &output("/night", mp3, "/day")),
        [
            "station.toml:6: pipeline.output.fallback_mount: /day → /night → /day is a circle: one of \
             them must end",
            "station.toml:11: pipeline.output.fallback_mount: /night → /day → /night is a circle: one of \
             them must end",
        ]
    );
    assert_eq!(
        two(&output("/day", mp3, "/nigth"), &output("/night", other, "/night")),
        [
            "station.toml:6: pipeline.output.fallback_mount: this station has no mount /nigth; did you mean \
             /night?",
            "station.toml:11: pipeline.output.fallback_mount: /night cannot stand in for itself: name \
             another mount",
        ]
    );
    let refused = two(&output("/day", mp3, "/night"), &output("/night", other, "/x y"));
    assert!(refused[0].ends_with("a fallback is of the same content type"), "{refused:?}");
    assert!(refused[1].starts_with("station.toml:11: pipeline.output.fallback_mount: \"/x y\""));
    // If only one pipeline is declared, its fallback may be declared elsewhere.
    PipelineSettings::from_toml(&output("/day", mp3, "/night").replace("pipeline.", ""), "x".as_ref())
        .unwrap();
}

#[test]
#[cfg(feature = "mp3")]
fn what_becomes_a_header_is_what_it_should_be() {
    assert_eq!(
        pipeline_complaints(
            "[[pipeline.output]]\nformat='mp3'\nname = \"a\\nb\"\nmetaint = 0\ncontent_type='text/html'\n\
             url='javascript:alert(1)'"
        ),
        [
            "station.toml:4: pipeline.output.name: control characters are not allowed, because it is sent as a header",
            "station.toml:5: pipeline.output.metaint: 1 to 16777216 bytes",
            "station.toml:6: pipeline.output.content_type: \"text/html\" is not the content type of a stream: \
             audio/…, video/… or application/ogg",
            "station.toml:7: pipeline.output.url: \"javascript:alert(1)\" is not the address of a website: write \
             \"https://radio.example\"",
        ]
    );
}

#[test]
#[cfg(feature = "mp3")]
fn what_a_codec_refuses_is_blamed_on_the_key() {
    let said = pipeline_complaints("[[pipeline.output]]\nformat='mp3'\nbitrate = 100\nprofile = 'lc'");
    assert!(said[0].starts_with("station.toml:4: pipeline.output.bitrate: "), "{said:?}");
    assert!(said[0].contains("96, 112, 128"), "{said:?}");
    assert_eq!(said[1], "station.toml:5: pipeline.output.profile: only AAC has this key");
    assert_eq!(
        pipeline_complaints(
            "[[pipeline.output]]\nformat='mp3'\nbitrate = -1\n[[pipeline.output]]\nformat='mp3'\nquality = 300"
        ),
        [
            "station.toml:4: pipeline.output.bitrate: -1 is negative",
            "station.toml:5: pipeline.output: the mount /stream.mp3 exists already, on line 2",
            "station.toml:7: pipeline.output.quality: 300 is not from 0 (slowest, best) to 9 (fastest)",
        ]
    );
}

#[test]
#[cfg(not(feature = "mp3"))]
fn a_format_that_was_left_out_is_named() {
    assert_eq!(
        pipeline_complaints("[[pipeline.output]]\nformat = 'mp3'"),
        [
            "station.toml:3: pipeline.output.format: this build of longwave lacks \"mp3\": build it with the cargo \
          feature `mp3`"
        ]
    );
}

#[test]
fn a_file_without_end_is_none() {
    let error = Config::read(Path::new("/dev/zero")).unwrap_err();
    assert_eq!(error.to_string(), "/dev/zero: it is a device, not a file");
}

#[test]
fn what_can_be_meant_but_rarely_is_is_warned_of() {
    let config = toml("[server]\ntrusted_proxies = ['::/0']\n[[pipeline]]").unwrap();
    let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "station.toml:2: server.trusted_proxies: this trusts every client: any of them can pretend to be another one"
        ]
    );
}

#[test]
fn what_is_said_of_proxies_and_of_media_must_make_sense() {
    let text = "[server]\npublic_url = 'radio.example'\ntrusted_proxies = ['localhost', '10.0.0.0/33']\n\
                media_roots = ['gone', 'station.rs']\n[[pipeline]]";
    let complaints = complaints(text);
    for (line, reason) in [
        (2, "server.public_url: \"radio.example\" is not the address of a website"),
        (3, "server.trusted_proxies: \"localhost\" is neither an address"),
        (3, "server.trusted_proxies: \"10.0.0.0/33\" is neither an address"),
        (4, "server.media_roots: gone: "),
    ] {
        let start = format!("station.toml:{line}: {reason}");
        assert!(complaints.iter().any(|complaint| complaint.starts_with(&start)), "{start}: {complaints:?}");
    }
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("latin1.toml");
    std::fs::write(&file, b"# J\xf3ga").unwrap();
    let error = Config::read(&file).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: byte 4 is not UTF-8", file.display()));
    let error = Config::read(&folder.path().join("none.toml")).unwrap_err();
    assert!(error.to_string().contains("none.toml: No such file"), "{error}");
}

/// Nesting without end is refused, and does not use up the stack.
#[test]
fn depth_is_bounded() {
    let deep = 200_000;
    for text in [
        "a = ".to_owned() + &"[".repeat(deep),
        "a = ".to_owned() + &"{a=".repeat(deep),
        "a.".repeat(deep) + "a = 1",
        format!("[{}a]", "a.".repeat(deep)),
    ] {
        assert!(toml(&text).is_err());
    }
    for text in ["[".repeat(deep), "{\"a\":".repeat(deep)] {
        assert!(Config::from_json(&text, Path::new("")).is_err());
    }
}

proptest::proptest! {
    /// A declaration with damage at any place is either read, or refused with problems on existing lines.
    #[test]
    fn damage_is_a_problem_on_a_line(
        at in 0_usize..2_000,
        gone in 0_usize..40,
        instead in "[\\PC\n\t\"'=.\\[\\]{}]{0,6}",
    ) {
        let good = include_str!("../../../examples/station.toml");
        let near = |index: usize| (index.min(good.len())..).find(|&index| good.is_char_boundary(index)).unwrap();
        let (start, end) = (near(at), near(at + gone));
        let damaged = format!("{}{instead}{}", &good[..start], &good[end..]);
        let lines = damaged.lines().count() as u32 + 1;
        if let Err(error) = toml(&damaged) {
            proptest::prop_assert!(!error.problems.is_empty());
            for problem in error.problems {
                proptest::prop_assert!(problem.line.is_none_or(|line| (1..=lines).contains(&line)), "{problem}");
            }
        }
    }
}

#[cfg(all(feature = "mp3", feature = "aac"))]
#[test]
fn hls_has_paths_and_outputs_of_its_own() {
    let pipeline = "[[pipeline]]\n[[pipeline.output]]\nformat = 'aac'\nmount = '/a.aac'\n";
    let said = |rest: &str| complaints(&format!("{pipeline}{rest}\n"));
    assert!(toml(&format!("{pipeline}[[pipeline.hls]]\n")).is_ok());
    for (rest, expected) in [
        (
            "[[pipeline.hls]]\npath = '/radio'\n[[pipeline.hls]]\npath = '/radio/hls'",
            "station.toml:8: pipeline.hls.path: its files would be among those of HLS at /radio, on line 6",
        ),
        (
            "[[pipeline.output]]\nformat = 'mp3'\nmount = '/radio/hls/x.mp3'\n[[pipeline.hls]]\npath = '/radio'",
            "station.toml:7: pipeline.output.mount: /radio/hls/x.mp3 is a file of HLS at /radio, on line 9",
        ),
        (
            "[[pipeline.hls]]\noutputs = ['/b.aac']",
            "station.toml:6: pipeline.hls.outputs: the pipeline has no output /b.aac: it has /a.aac",
        ),
        (
            "[[pipeline.hls]]\nsegment = '1500ms'",
            "station.toml:6: pipeline.hls.segment: 1.5s is no length for a segment: 2 to 10 whole seconds",
        ),
    ] {
        assert_eq!(said(rest), [expected], "{rest}");
    }
}
