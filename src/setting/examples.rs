//! A value for every key that differs from its default, for tests that go through the declarations.

use super::Written;

/// A valid value of this key, other than its default.
pub(crate) fn another(key: &str) -> Written<'static> {
    match key {
        "listen" => Written::Text("127.0.0.1:1"),
        "icy_listen" => Written::Text("127.0.0.1:2"),
        "icy_mount" => Written::Text("/another"),
        "public_url" | "url" => Written::Text("https://radio.example"),
        "trusted_proxies" => Written::Text("10.0.0.0/8"),
        "burst" | "write_timeout" | "header_timeout" | "source_timeout" => Written::Text("7s"),
        "max_listeners"
        | "max_event_clients"
        | "max_sources"
        | "max_connections_per_address"
        | "max_listeners_per_address"
        | "max_event_clients_per_address"
        | "max_voices"
        | "max_queue" => Written::Integer(7),
        "deny" | "metrics_allow" => Written::Text("192.0.2.0/24"),
        "name" => Written::Text("another"),
        // These exist.
        "playlist" | "fallback" | "folders" => Written::Path("examples".into()),
        "folder" => Written::Path("web/page".into()),
        "logo" => Written::Path("tests/pictures/logo.png".into()),
        "greeting" => Written::Text("another"),
        "links" => Written::Text("another https://radio.example"),
        "accent" | "accent_dark" => Written::Text("#123456"),
        "access_log" => Written::Path("/dev/null".into()),
        "loop" | "shuffle" | "access_log_api" | "dead_air_while_held" | "public" | "hidden" => {
            Written::Flag(true)
        }
        "timezone" => Written::Text("Asia/Tokyo"),
        "days" => Written::Text("Sat,Sun"),
        "from" | "to" => Written::Text("06:00"),
        "weight" => Written::Integer(3),
        "every" => Written::Text("7 songs"),
        "kind" => Written::Text("spot"),
        "at" => Written::Text("Mon 20:00"),
        "play" | "otherwise" => Written::Path("examples".into()),
        "start" => Written::Text("hard"),
        "over_live" => Written::Text("skip"),
        "late" | "max_age" | "for" | "track" | "artist" | "title" => Written::Text("2h"),
        "crossfade" | "fade_in" | "fade_out" | "skip_crossfade" | "dead_air_after" => Written::Text("2s"),
        "addresses" => Written::Text("shortened"),
        "loudness" => Written::Text("-16 LUFS"),
        "replaygain" => Written::Text("album"),
        "dead_air_below_db" => Written::Integer(-50),
        "history_file" => Written::Path("played".into()),
        "history_keep" | "statistics_keep" => Written::Text("400d"),
        "database" => Written::Path("another.db".into()),
        "analyse" => Written::Flag(false),
        "poll" => Written::Text("2h"),
        "inbox" => Written::Path("examples/shows".into()),
        "inbox_file_most" | "inbox_user_most" | "inbox_most" => Written::Text("7MiB"),
        "state_file" => Written::Path("state".into()),
        "channels" => Written::Integer(1),
        "sample_rate" => Written::Integer(48_000),
        "open" => Written::Text("Mon 08:00 for 2h"),
        "per_address" | "per_hour" | "waiting" => Written::Integer(7),
        "per_track" => Written::Text("2h"),
        "path" => Written::Text("/another"),
        "priority" => Written::Integer(7),
        "buffer" | "grace" => Written::Text("2s"),
        "outputs" => Written::Text("/a"),
        "segment" => Written::Text("6s"),
        "window" => Written::Integer(7),
        "count" => Written::Flag(false),
        "after_live" => Written::Text("resume"),
        "mount" => Written::Text("/another"),
        "genre" | "description" => Written::Text("another"),
        "content_type" => Written::Text("audio/x-another"),
        "metaint" => Written::Integer(4_096),
        "fallback_mount" => Written::Text("/spare"),
        "bitrate" => Written::Integer(96),
        "quality" => Written::Integer(5),
        "profile" => Written::Text("he"),
        "afterburner" => Written::Flag(false),
        "record" => Written::Text("/dev/null/%Y/{mount}"),
        "record_every" => Written::Text("2h"),
        "record_keep" => Written::Text("30d"),
        "record_reserve" => Written::Text("7MiB"),
        other => panic!("give an example of the key {other:?} in setting/examples.rs"),
    }
}
