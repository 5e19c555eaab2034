//! Whole declarations, and the exact messages about their problems.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::audio::PcmSpec;
#[cfg(feature = "mp3")]
use crate::pipeline::OutputSettings;
use crate::server::{Burst, MountSettings};

fn toml(text: &str) -> Result<Config, ConfigError> {
    Config::from_toml(text, Path::new("station.toml"))
}

/// The problems of a declaration, one line each.
fn complaints(text: &str) -> Vec<String> {
    toml(text).expect_err("it is wrong").problems.iter().map(ToString::to_string).collect()
}

/// The problems of a pipeline with these lines. They begin at line 2.
fn pipeline_complaints(lines: &str) -> Vec<String> {
    complaints(&format!("[[pipeline]]\n{lines}"))
}

#[test]
fn least_is_a_pipeline_and_the_rest_is_default() {
    let config = toml("[[pipeline]]").unwrap();
    assert!(config.server.listen.is_empty());
    assert_eq!(config.server.burst, Burst::Time(Duration::from_secs(4)));
    assert_eq!(config.warnings, []);
    let [pipeline] = &config.pipelines[..] else { panic!("one pipeline") };
    assert_eq!((pipeline.name.as_str(), pipeline.spec, pipeline.repeat), ("main", PcmSpec::CD, false));
    let mounts: Vec<&str> = pipeline.outputs.iter().map(|output| output.mount.path.as_str()).collect();
    let built =
        [cfg!(feature = "mp3").then_some("/stream.mp3"), cfg!(feature = "aac").then_some("/stream.aac")];
    assert_eq!(mounts, built.into_iter().flatten().collect::<Vec<_>>());
}

#[test]
#[cfg(feature = "mp3")]
fn every_key_arrives() {
    use crate::audio::Channels;
    use crate::pipeline::ReplayGain;
    use crate::playout::DeadAir;
    use crate::units::SampleRate;

    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("music")).unwrap();
    std::fs::write(folder.path().join("one.m3u"), "").unwrap();
    let file = folder.path().join("station.toml");
    std::fs::write(
        &file,
        r#"
        [server]
        listen = ["127.0.0.1:0", "[::1]:8001", "8002"]
        max_listeners = 10000
        burst = "64KiB"
        write_timeout = "20s"
        header_timeout = "5s"
        max_event_clients = 50
        public_url = "https://radio.example/"
        trusted_proxies = ["127.0.0.1", "10.0.0.0/8"]
        users_file = "users"
        media_roots = ["music"]
        [[pipeline]]
        name = "night"
        channels = 1
        sample_rate = 48000
        playlist = ["one.m3u", "music"]
        loop = true
        shuffle = true
        crossfade = "3s"
        fade_in = "250ms"
        fade_out = "1m"
        skip_crossfade = "1s"
        replaygain = "album"
        dead_air_after = "10s"
        dead_air_below_db = -50
        dead_air_while_held = true
        fallback = "music"
        state_file = "state.json"
        [[pipeline.output]]
        format = "mp3"
        mount = "/night.mp3"
        bitrate = 96
        quality = 2
        content_type = "audio/x-mp3"
        name = "Björk’s Night"
        genre = "Ambient"
        description = "Quiet"
        url = "https://radio.example"
        public = true
        max_listeners = 50
        metaint = 8192
        fallback_mount = "/day.mp3"
        [[pipeline]]
        name = "day"
        [[pipeline.output]]
        format = "mp3"
        mount = "/day.mp3"
        content_type = "audio/x-mp3"
        "#,
    )
    .unwrap();
    let Config { server, pipelines, api, warnings } = Config::read(&file).unwrap();
    assert_eq!(warnings, []);
    let listen: Vec<String> = server.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["127.0.0.1:0", "[::1]:8001", "[::]:8002"]);
    assert_eq!((server.max_listeners, server.burst), (Some(10_000), Burst::Bytes(65_536)));
    let seconds = Duration::from_secs;
    assert_eq!((server.write_timeout, server.header_timeout), (seconds(20), seconds(5)));
    assert_eq!(
        (server.max_event_clients, server.public_url.as_deref()),
        (50, Some("https://radio.example/"))
    );
    assert_eq!(server.trusted_proxies, ["127.0.0.1", "10.0.0.0/8"]);
    assert_eq!(api.users_file, Some(folder.path().join("users")));
    assert_eq!(api.media_roots, [folder.path().join("music")]);

    let pipeline = &pipelines[0];
    let rate = SampleRate::new(48_000).unwrap();
    assert_eq!(pipeline.name, "night");
    assert_eq!(pipeline.spec, PcmSpec { rate, channels: Channels::Mono });
    assert_eq!(pipeline.playlist, [folder.path().join("one.m3u"), folder.path().join("music")]);
    assert!(pipeline.repeat && pipeline.shuffle);
    assert_eq!(
        (pipeline.crossfade, pipeline.fade_in, pipeline.fade_out),
        (seconds(3), Duration::from_millis(250), seconds(60))
    );
    assert_eq!((pipeline.skip_crossfade, pipeline.replaygain), (seconds(1), ReplayGain::Album));
    let dead_air = DeadAir { after: Some(seconds(10)), below_db: -50.0, while_held: true };
    assert_eq!(pipeline.dead_air, dead_air);
    assert_eq!(pipeline.fallback, Some(folder.path().join("music")));
    assert_eq!(pipeline.state_file, Some(folder.path().join("state.json")));

    let OutputSettings { encoder, mount } = &pipeline.outputs[0];
    assert_eq!((encoder.content_type(), encoder.bitrate()), ("audio/mpeg", Some(96)));
    assert_eq!((mount.path.as_str(), mount.content_type.as_str()), ("/night.mp3", "audio/x-mp3"));
    assert_eq!(mount.name.as_deref(), Some("Björk’s Night"));
    assert_eq!(mount.genre.as_deref(), Some("Ambient"));
    assert_eq!(mount.description.as_deref(), Some("Quiet"));
    assert_eq!(mount.url.as_deref(), Some("https://radio.example"));
    assert!(mount.public);
    assert_eq!((mount.max_listeners, mount.metaint), (Some(50), Some(8_192)));
    assert_eq!(mount.fallback_mount.as_deref(), Some("/day.mp3"));
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
            "station.toml:2: server.burst: \"4\" lacks a unit: write \"4s\" for seconds, or use ms, m or h",
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
fn pipelines_do_not_share_a_state_file() {
    assert_eq!(
        complaints(
            "[[pipeline]]\nstate_file = 's'\noutput = []\n[[pipeline]]\nname = 'b'\nstate_file = 's'\noutput = []"
        ),
        [
            "station.toml:1: pipeline: there must be at least one output",
            "station.toml:4: pipeline: there must be at least one output",
            "station.toml:6: pipeline.state_file: another pipeline keeps its state there, on line 2",
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
    for line in [6, 9] {
        let problem = format!(
            "station.toml:{line}: pipeline.state_file: another pipeline keeps its state there, on line 3"
        );
        assert!(refused.contains(&problem), "{problem} is not in {refused:?}");
    }
    // A state file `s` is first written as `s.new`, which is here the state file of the other pipeline.
    let text = "[[pipeline]]\nname = 'a'\nstate_file = 's.new'\n[[pipeline]]\nname = 'b'\nstate_file = 's'\n";
    let said = "station.toml:6: pipeline.state_file: another pipeline keeps its state there, on line 3";
    assert!(complaints(text).contains(&said.to_owned()), "{:?}", complaints(text));
    let config = toml("[[pipeline]]\ndead_air_after = 'off'").unwrap();
    assert_eq!(config.pipelines[0].dead_air.after, None);
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
        (8, "\"\" names no file: write \"main.state\", for example"),
    ] {
        let problem = format!("station.toml:{line}: pipeline.state_file: {reason}");
        assert!(said.contains(&problem), "{problem} is not in {said:?}");
    }
}

#[test]
fn a_station_has_a_pipeline_and_a_pipeline_an_output() {
    assert_eq!(complaints(""), ["station.toml: pipeline: a station needs at least one: add a [[pipeline]]"]);
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
            "station.toml:2: server.burst: 120s is more than 60 s",
            "station.toml:3: server.write_timeout: 7200s is not between 1 ms and 1 hour",
            "station.toml:4: server.max_listeners: 0 listeners: at least 1",
            "station.toml:5: server.listen: [::]:8000 is listed twice",
            "station.toml:7: pipeline.sample_rate: 4000 Hz is out of range: 8000 to 192000, usually 44100 or 48000",
            "station.toml:8: pipeline.crossfade: 360s is too long: up to 5 minutes",
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
fn header_texts_have_one_line() {
    assert_eq!(
        pipeline_complaints(
            "[[pipeline.output]]\nformat='mp3'\nname = \"a\\nb\"\nmetaint = 0\ncontent_type='x'"
        ),
        [
            "station.toml:4: pipeline.output.name: control characters are not allowed, because it is sent as a header",
            "station.toml:5: pipeline.output.metaint: 1 to 16777216 bytes",
            "station.toml:6: pipeline.output.content_type: \"x\" is not a content type: write audio/mpeg, for example",
        ]
    );
}

#[test]
#[cfg(feature = "aac")]
fn the_afterburner_can_be_put_out() {
    use crate::codec::AacSettings;
    for (key, afterburner) in [("", true), ("afterburner = true", true), ("afterburner = false", false)] {
        let text = format!("[[output]]\nformat = 'aac'\n{key}");
        let pipeline = PipelineSettings::from_toml(&text, "x".as_ref()).unwrap();
        let expected = AacSettings { afterburner, ..AacSettings::default() };
        assert!(pipeline.outputs[0].encoder.is_same(&expected));
    }
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
    assert_eq!(
        error.to_string(),
        "/dev/zero: it has more than 64 MiB, which is too large for a configuration"
    );
}

#[test]
fn a_server_listens_somewhere() {
    assert_eq!(
        complaints("[server]\nlisten = []\n[[pipeline]]"),
        ["station.toml:2: server.listen: an empty list: name an address, or leave the key out to listen on \
             [::]:8000"]
    );
    assert_eq!(
        complaints("[server]\nlisten = [8000]\n[[pipeline]]"),
        ["station.toml:2: server.listen: expected strings only, found a whole number"],
        "one problem is said once"
    );
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
fn the_folders_of_the_playlists_are_the_media_roots_where_none_are_said() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("music")).unwrap();
    std::fs::write(folder.path().join("music/one.m3u"), "").unwrap();
    let file = folder.path().join("station.toml");
    std::fs::write(&file, "[[pipeline]]\nplaylist = ['music/one.m3u', 'music', '.']").unwrap();
    let config = Config::read(&file).unwrap();
    assert_eq!(config.api.media_roots, [folder.path().join("music"), folder.path().join(".")]);
    // An empty list means that there are no roots.
    std::fs::write(&file, "[server]\nmedia_roots = []\n[[pipeline]]\nplaylist = 'music'").unwrap();
    assert!(Config::read(&file).unwrap().api.media_roots.is_empty());
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

#[test]
fn a_json_file_is_read_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("station.json");
    std::fs::write(&file, r#"{ "pipeline": [{ "playlist": "." }] }"#).unwrap();
    assert_eq!(Config::read(&file).unwrap().pipelines[0].playlist, [folder.path().join(".")]);
}

#[test]
fn a_pipeline_alone_has_its_keys_at_the_top() {
    let settings = PipelineSettings::from_toml("name = 'x'\nloop = true", Path::new("x.toml")).unwrap();
    assert_eq!((settings.name.as_str(), settings.repeat), ("x", true));
    let error = PipelineSettings::from_json(r#"{"output": [{"format": "mp9"}]}"#, Path::new("")).unwrap_err();
    assert!(error.to_string().starts_with("output[0].format: \"mp9\" is unknown"), "{error}");
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
        let good = include_str!("../../examples/station.toml");
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

/// If a key is missing, its value is the default that is documented.
#[test]
#[cfg(all(feature = "mp3", feature = "aac"))]
fn the_default_that_is_documented_is_the_default() {
    use super::tables::tables;
    use crate::setting::{DefaultValue, Kind};
    let output = |format: &str, line: &str| {
        let text = format!("[[pipeline]]\n[[pipeline.output]]\nformat = {format:?}\n{line}");
        format!("{:?}", toml(&text).unwrap())
    };
    for table in tables() {
        for key in &table.keys {
            let DefaultValue::Value(value) = key.default else { continue };
            let line = match key.kind {
                Kind::Integer | Kind::Flag => format!("{} = {value}", key.key),
                _ => format!("{} = {value:?}", key.key),
            };
            let of_config = |text: String| format!("{:?}", toml(&text).unwrap());
            let [with, without] = match (table.header, &table.only_with) {
                ("[server]", _) => {
                    [&line, ""].map(|line| of_config(format!("[server]\n{line}\n[[pipeline]]")))
                }
                ("[[pipeline]]", _) => [&line, ""].map(|line| of_config(format!("[[pipeline]]\n{line}"))),
                (_, Some(condition)) => {
                    let format = condition.split('"').nth(1).unwrap();
                    [&line, ""].map(|line| output(format, line))
                }
                (_, None) => [&line, ""].map(|line| output("mp3", line)),
            };
            assert_eq!(with, without, "{line} in {}", table.header);
        }
    }
}

#[test]
fn parts_alone_are_read_like_the_whole() {
    let origin = Path::new("part.toml");
    let server = ServerSettings::from_toml("listen = '127.0.0.1:0'\nburst = '1s'", origin).unwrap();
    assert_eq!((server.listen[0].port(), server.burst), (0, Burst::Time(Duration::from_secs(1))));
    let error = ServerSettings::from_json(r#"{"burst": "1s", "lisen": ":0"}"#).unwrap_err();
    assert_eq!(error.to_string(), "lisen: unknown key; did you mean \"listen\"?");

    let text = "mount = '/live'\ncontent_type = 'audio/x-own'\nbitrate = 64\nchannels = 6\nname = 'Live'";
    let mount = MountSettings::from_toml(text, origin).unwrap();
    assert_eq!((mount.path.as_str(), mount.content_type.as_str()), ("/live", "audio/x-own"));
    assert_eq!((mount.bitrate, mount.channels, mount.name.as_deref()), (Some(64), Some(6), Some("Live")));
    let error = MountSettings::from_toml("channels = 0\nformat = 'mp3'", origin).unwrap_err().to_string();
    for complaint in
        ["\"mount\" is missing", "\"content_type\" is missing", "0 channels", "format: this key belongs"]
    {
        assert!(error.contains(complaint), "{error}");
    }
    let error =
        MountSettings::from_json(r#"{"mount": "live", "content_type": "x", "bitrate": -1}"#).unwrap_err();
    assert_eq!(error.problems.len(), 3, "{error}");
}

#[cfg(feature = "mp3")]
#[test]
fn an_output_alone_is_tried_for_the_shape_of_its_pipeline() {
    let text = r#"{"format": "mp3", "mount": "/a.mp3", "bitrate": 64}"#;
    let output = OutputSettings::from_json(text, PcmSpec::CD).unwrap();
    assert_eq!((output.mount.path.as_str(), output.encoder.bitrate()), ("/a.mp3", Some(64)));
    let error = OutputSettings::from_json(r#"{"format": "mp3", "bitrate": 65}"#, PcmSpec::CD).unwrap_err();
    assert!(error.to_string().starts_with("bitrate: "), "{error}");
}

#[test]
fn a_path_that_is_not_utf8_is_written_as_a_url() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(std::ffi::OsStr::from_bytes(b"\xe4.wav"));
    std::fs::write(&file, b"").unwrap();
    let text = format!(r#"{{"playlist": "file://{}/%E4.wav"}}"#, folder.path().display());
    assert_eq!(PipelineSettings::from_json(&text, Path::new("")).unwrap().playlist, [file]);
}
