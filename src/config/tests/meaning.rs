//! What a declaration that is right means.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use super::{complaints, toml};
use crate::audio::PcmSpec;
use crate::config::*;
#[cfg(feature = "mp3")]
use crate::pipeline::OutputSettings;
#[cfg(feature = "mp3")]
use crate::recording::RecordSettings;
use crate::server::{Burst, MountSettings};

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
        r##"
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
        [server.page]
        name = "Jóga FM"
        links = ["About us https://radio.example/about", "Write mailto:a@radio.example"]
        accent = "#0f766e"
        folder = "music"
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
        record = "archive/%Y-%m-%d/%H%M-{mount}-{user}"
        record_every = "1h"
        record_keep = "30d"
        record_reserve = "2GiB"
        [[pipeline]]
        name = "day"
        [[pipeline.output]]
        format = "mp3"
        mount = "/day.mp3"
        content_type = "audio/x-mp3"
        [[mount]]
        mount = "/guest.mp3"
        hidden = true
        source_timeout = "20s"
        record = "/srv/%Y"
        fallback_mount = "/day.mp3"
        "##,
    )
    .unwrap();
    let Config { server, page, pipelines, mounts, history, library: _, api, declares_api, warnings } =
        Config::read(&file).unwrap();
    assert!(declares_api);
    let beside = cfg!(feature = "library").then(|| folder.path().join("state.json.history"));
    assert_eq!(history, HistorySettings { file: beside, ..HistorySettings::default() });
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
    assert_eq!((page.name.as_deref(), page.greeting), (Some("Jóga FM"), None));
    let links: Vec<&str> = page.links.iter().map(|link| link.text.as_str()).collect();
    assert_eq!(links, ["About us", "Write"]);
    assert_eq!(page.accent.map(|colour| colour.to_string()).as_deref(), Some("#0f766e"));
    assert_eq!(page.folder, Some(folder.path().join("music")));
    assert_eq!(api.users_file, Some(folder.path().join("users")));
    assert_eq!(api.media_roots, [folder.path().join("music")]);

    assert_eq!(mounts.len(), 1);
    assert_eq!((&*mounts[0].mount.path, mounts[0].source_timeout), ("/guest.mp3", seconds(20)));
    assert!(mounts[0].mount.hidden && mounts[0].mount.content_type.is_empty());
    assert_eq!(mounts[0].mount.fallback_mount.as_deref(), Some("/day.mp3"));
    let record = RecordSettings { base: folder.path().into(), ..RecordSettings::into_files("/srv/%Y") };
    assert_eq!(mounts[0].record, record);

    let pipeline = &pipelines[0];
    let rate = SampleRate::new(48_000).unwrap();
    assert_eq!(pipeline.name, "night");
    assert_eq!(pipeline.spec, PcmSpec { rate, channels: Channels::Mono });
    assert_eq!(pipeline.playlist, [folder.path().join("one.m3u"), folder.path().join("music")]);
    assert!(pipeline.repeat && pipeline.shuffle);
    assert_eq!(
        (pipeline.crossfade, pipeline.fade_in, pipeline.fade_out),
        (seconds(3).into(), Duration::from_millis(250), seconds(60))
    );
    assert_eq!((pipeline.skip_crossfade, pipeline.replaygain), (seconds(1), ReplayGain::Album));
    let dead_air = DeadAir { after: Some(seconds(10)), below_db: -50.0, while_held: true };
    assert_eq!(pipeline.dead_air, dead_air);
    assert_eq!(pipeline.fallback, Some(folder.path().join("music")));
    assert_eq!(pipeline.state_file, Some(folder.path().join("state.json")));

    let OutputSettings { encoder, mount, record } = &pipeline.outputs[0];
    assert_eq!((encoder.content_type(), encoder.bitrate()), ("audio/mpeg", Some(96)));
    assert_eq!((mount.path.as_str(), mount.content_type.as_str()), ("/night.mp3", "audio/x-mp3"));
    assert_eq!(mount.name.as_deref(), Some("Björk’s Night"));
    assert_eq!(mount.genre.as_deref(), Some("Ambient"));
    assert_eq!(mount.description.as_deref(), Some("Quiet"));
    assert_eq!(mount.url.as_deref(), Some("https://radio.example"));
    assert!(mount.public);
    assert_eq!((mount.max_listeners, mount.metaint), (Some(50), Some(8_192)));
    assert_eq!(mount.fallback_mount.as_deref(), Some("/day.mp3"));
    let expected = RecordSettings {
        record: Some("archive/%Y-%m-%d/%H%M-{mount}-{user}".into()),
        base: folder.path().into(),
        record_every: Some(seconds(3600)),
        record_keep: Some(seconds(30 * 86_400)),
        record_reserve: 2 << 30,
    };
    assert_eq!(*record, expected);
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
fn the_folders_of_the_playlists_are_the_media_roots_where_none_are_said() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("music")).unwrap();
    std::fs::write(folder.path().join("music/one.m3u"), "").unwrap();
    let file = folder.path().join("station.toml");
    std::fs::write(&file, "[[pipeline]]\nplaylist = ['music/one.m3u', 'music', '.']").unwrap();
    let config = Config::read(&file).unwrap();
    assert_eq!(config.api.media_roots, [folder.path().join("music"), folder.path().join(".")]);
    // What the schedule plays, too, whether or not it is there yet.
    let scheduled = "[[pipeline]]\nplaylist = 'music'
        [[pipeline.insert]]\nplaylist = 'jingles'
        [[pipeline.slot]]\nat = 'daily *:00'\nplay = 'news/%Y/%m-%d.mp3'\notherwise = 'instead/news.mp3'";
    std::fs::write(&file, scheduled).unwrap();
    ["news", "instead"].iter().for_each(|name| std::fs::create_dir(folder.path().join(name)).unwrap());
    let roots = Config::read(&file).map(|config| config.api.media_roots);
    let expected = ["music", "instead", "jingles", "news"].map(|name| folder.path().join(name));
    assert!(matches!(&roots, Ok(roots) if *roots == expected), "{roots:?}");
    // An empty list means that there are no roots.
    std::fs::write(&file, "[server]\nmedia_roots = []\n[[pipeline]]\nplaylist = 'music'").unwrap();
    assert!(Config::read(&file).unwrap().api.media_roots.is_empty());
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

/// If a key is missing, its value is the default that is documented.
#[test]
#[cfg(all(feature = "mp3", feature = "aac"))]
fn the_default_that_is_documented_is_the_default() {
    use crate::config::tables::tables;
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
                ("[[pipeline.daypart]]" | "[[pipeline.insert]]", _) => {
                    let head = format!("[[pipeline]]\n{}\nplaylist = '.'", table.header);
                    [&line, ""].map(|line| of_config(format!("{head}\n{line}")))
                }
                ("[[pipeline.slot]]", _) => {
                    let head = "[[pipeline]]\n[[pipeline.slot]]\nat = 'daily 07:00'\nplay = '.'";
                    [&line, ""].map(|line| of_config(format!("{head}\n{line}")))
                }
                ("[pipeline.separation]", _) => {
                    [&line, ""].map(|line| of_config(format!("[[pipeline]]\n[pipeline.separation]\n{line}")))
                }
                ("[[pipeline.live]]", _) => {
                    [&line, ""].map(|line| of_config(format!("[[pipeline]]\n[[pipeline.live]]\n{line}")))
                }
                ("[pipeline.requests]", _) => {
                    let head = "[library]\nfolders = 'src'\n[[pipeline]]\n[pipeline.requests]";
                    [&line, ""].map(|line| of_config(format!("{head}\n{line}")))
                }
                ("[[pipeline.hls]]", _) => {
                    [&line, ""].map(|line| of_config(format!("[[pipeline]]\n[[pipeline.hls]]\n{line}")))
                }
                ("[library]", _) => [&line, ""]
                    .map(|line| of_config(format!("[library]\nfolders = 'src'\n{line}\n[[pipeline]]"))),
                ("[[mount]]", _) => {
                    let users = "[server]\nusers_file = 'users'\n[[mount]]\nmount = '/guest'";
                    [&line, ""].map(|line| of_config(format!("{users}\n{line}")))
                }
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

/// What was played is written down beside the state, or where it says, or nowhere.
#[cfg(feature = "library")]
#[test]
fn the_history_is_beside_the_first_state_unless_it_is_elsewhere_or_off() {
    let state = "[[pipeline]]\nname = 'a'\n[[pipeline]]\nname = 'b'\nstate_file = 's'\n\
                 [[pipeline.output]]\nformat = 'mp3'\nmount = '/b'";
    let file = |server: &str| toml(&format!("[server]\n{server}\n{state}")).unwrap().history.file;
    assert_eq!(file(""), Some("s.history".into()));
    assert_eq!(file("history_file = 'played'"), Some("played".into()));
    assert_eq!(file("history_file = 'off'"), None);
    assert_eq!(toml("[[pipeline]]").unwrap().history.file, None);
    let refused = |server: &str| complaints(&format!("[server]\n{server}\n{state}")).join("; ");
    assert!(refused("history_file = 's'").contains("belongs to"), "{}", refused("history_file = 's'"));
    assert!(refused("history_keep = '3h'").contains("less than a day"));
    assert!(refused("statistics_keep = '4000d'").contains("not within 1 and 3653 days"));
}

/// Neither a library nor another state moves the history: what was played would be lost for reports.
#[cfg(feature = "library")]
#[test]
fn a_library_does_not_move_the_history_and_one_that_is_not_used_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("music")).unwrap();
    let read = |text: &str| Config::from_toml(text, &at("station.toml")).unwrap();
    let library = "[library]\nfolders = 'music'\n";
    let state = "[[pipeline]]\nstate_file = 's'\n";
    let second =
        "[[pipeline]]\nname = 'b'\nstate_file = 't'\n[[pipeline.output]]\nformat = 'mp3'\nmount = '/b'";
    let both = read(&format!("{library}{state}"));
    assert_eq!((both.history.file, both.warnings), (Some(at("s.history")), vec![]));
    let without_state = read(&format!("{library}[[pipeline]]"));
    assert_eq!(without_state.history.file, Some(at("library.db.history")));

    for name in ["s.history", "t.history", "library.db.history"] {
        std::fs::write(at(name), "").unwrap();
    }
    let told = read(&format!("{library}{state}{second}")).warnings;
    let told: Vec<String> = told.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("t.history is there and is not used") && told[0].contains("history_file"));
    assert!(told[1].contains("library.db.history is there") && told[1].contains("into"), "{told:?}");
    let named = read(&format!("[server]\nhistory_file = 'library.db.history'\n{library}{state}"));
    assert_eq!(named.warnings, [], "a person has chosen");
}
