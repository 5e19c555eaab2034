//! The declaration as it is written: every key that is there, its kind checked, its place kept.
//! Nothing is known yet of what the values mean.

use super::fields::{At, Fields};
use super::node::Node;
use super::problem::{Place, Problems};

/// The keys at the top.
pub(super) const TOP_KEYS: &[&str] = &["server", "pipeline"];

/// The keys of `[server]`.
pub(super) const SERVER_KEYS: &[&str] = &[
    "listen",
    "public_url",
    "trusted_proxies",
    "max_listeners",
    "max_event_clients",
    "burst",
    "write_timeout",
    "header_timeout",
    "users_file",
    "media_roots",
];

/// The keys of `[[pipeline]]`.
pub(super) const PIPELINE_KEYS: &[&str] = &[
    "name",
    "channels",
    "sample_rate",
    "playlist",
    "loop",
    "shuffle",
    "crossfade",
    "fade_in",
    "fade_out",
    "skip_crossfade",
    "replaygain",
    "dead_air_after",
    "dead_air_below_db",
    "dead_air_while_held",
    "fallback",
    "state_file",
    "output",
];

/// The keys of `[[pipeline.output]]`.
pub(super) const OUTPUT_KEYS: &[&str] = &[
    "format",
    "mount",
    "bitrate",
    "quality",
    "profile",
    "afterburner",
    "content_type",
    "name",
    "genre",
    "description",
    "url",
    "public",
    "max_listeners",
    "metaint",
    "fallback_mount",
];

/// The keys of a mount that no pipeline feeds.
pub(super) const MOUNT_KEYS: &[&str] = &[
    "mount",
    "content_type",
    "bitrate",
    "sample_rate",
    "channels",
    "name",
    "genre",
    "description",
    "url",
    "public",
    "max_listeners",
    "metaint",
    "fallback_mount",
];

/// Every table, as the configuration writes its header, and its keys.
pub(super) const TABLES: [(&str, &[&str]); 4] = [
    ("the top", TOP_KEYS),
    ("[server]", SERVER_KEYS),
    ("[[pipeline]]", PIPELINE_KEYS),
    ("[[pipeline.output]]", OUTPUT_KEYS),
];

/// A server and its pipelines.
#[derive(Debug)]
pub(super) struct RawConfig {
    pub server: RawServer,
    /// `None` where the key is missing, or is no list of tables.
    pub pipelines: Option<Vec<RawPipeline>>,
}

/// A mount alone.
#[derive(Debug)]
pub(super) struct RawMount {
    pub sample_rate: Option<At<i64>>,
    pub channels: Option<At<i64>>,
    /// The keys that it has in common with an output; `format` is not among them.
    pub common: RawOutput,
}

/// `[server]`
#[derive(Debug, Default)]
pub(super) struct RawServer {
    pub listen: Option<At<Vec<At<String>>>>,
    pub public_url: Option<At<String>>,
    pub trusted_proxies: Option<At<Vec<At<String>>>>,
    pub max_listeners: Option<At<i64>>,
    pub max_event_clients: Option<At<i64>>,
    pub burst: Option<At<String>>,
    pub write_timeout: Option<At<String>>,
    pub header_timeout: Option<At<String>>,
    pub users_file: Option<At<String>>,
    pub media_roots: Option<At<Vec<At<String>>>>,
}

/// `[[pipeline]]`
#[derive(Debug)]
pub(super) struct RawPipeline {
    pub place: Place,
    pub name: Option<At<String>>,
    pub channels: Option<At<i64>>,
    pub sample_rate: Option<At<i64>>,
    pub playlist: Option<At<Vec<At<String>>>>,
    pub repeat: Option<At<bool>>,
    pub shuffle: Option<At<bool>>,
    pub crossfade: Option<At<String>>,
    pub fade_in: Option<At<String>>,
    pub fade_out: Option<At<String>>,
    pub skip_crossfade: Option<At<String>>,
    pub replaygain: Option<At<String>>,
    pub dead_air_after: Option<At<String>>,
    pub dead_air_below_db: Option<At<i64>>,
    pub dead_air_while_held: Option<At<bool>>,
    pub fallback: Option<At<String>>,
    pub state_file: Option<At<String>>,
    pub outputs: Option<Vec<RawOutput>>,
}

/// `[[pipeline.output]]`
#[derive(Debug, Default)]
pub(super) struct RawOutput {
    pub place: Place,
    pub format: Option<At<String>>,
    pub mount: Option<At<String>>,
    pub bitrate: Option<At<i64>>,
    pub quality: Option<At<i64>>,
    pub profile: Option<At<String>>,
    pub afterburner: Option<At<bool>>,
    pub content_type: Option<At<String>>,
    pub name: Option<At<String>>,
    pub genre: Option<At<String>>,
    pub description: Option<At<String>>,
    pub url: Option<At<String>>,
    pub public: Option<At<bool>>,
    pub max_listeners: Option<At<i64>>,
    pub metaint: Option<At<i64>>,
    pub fallback_mount: Option<At<String>>,
}

impl RawConfig {
    pub fn read(root: Node, problems: &mut Problems) -> RawConfig {
        let mut top = Fields::of(root, Place::default(), TOP_KEYS, problems);
        let server = top.table("server").map(|(node, place)| RawServer::read(node, place, top.problems()));
        let pipelines = top.tables("pipeline").map(|tables| {
            tables.into_iter().map(|(node, place)| RawPipeline::read(node, place, top.problems())).collect()
        });
        RawConfig { server: server.unwrap_or_default(), pipelines }
    }
}

impl RawServer {
    pub fn read(node: Node, place: Place, problems: &mut Problems) -> RawServer {
        let mut fields = Fields::of(node, place, SERVER_KEYS, problems);
        RawServer {
            listen: fields.texts("listen"),
            public_url: fields.text("public_url"),
            trusted_proxies: fields.texts("trusted_proxies"),
            max_listeners: fields.integer("max_listeners"),
            max_event_clients: fields.integer("max_event_clients"),
            burst: fields.amount("burst"),
            write_timeout: fields.amount("write_timeout"),
            header_timeout: fields.amount("header_timeout"),
            users_file: fields.text("users_file"),
            media_roots: fields.texts("media_roots"),
        }
    }
}

impl RawPipeline {
    pub fn read(node: Node, place: Place, problems: &mut Problems) -> RawPipeline {
        let mut fields = Fields::of(node, place, PIPELINE_KEYS, problems);
        RawPipeline {
            name: fields.text("name"),
            channels: fields.integer("channels"),
            sample_rate: fields.integer("sample_rate"),
            playlist: fields.texts("playlist"),
            repeat: fields.flag("loop"),
            shuffle: fields.flag("shuffle"),
            crossfade: fields.amount("crossfade"),
            fade_in: fields.amount("fade_in"),
            fade_out: fields.amount("fade_out"),
            skip_crossfade: fields.amount("skip_crossfade"),
            replaygain: fields.text("replaygain"),
            dead_air_after: fields.amount("dead_air_after"),
            dead_air_below_db: fields.integer("dead_air_below_db"),
            dead_air_while_held: fields.flag("dead_air_while_held"),
            fallback: fields.text("fallback"),
            state_file: fields.text("state_file"),
            outputs: fields.tables("output").map(|tables| {
                tables
                    .into_iter()
                    .map(|(node, place)| RawOutput::read(node, place, fields.problems()))
                    .collect()
            }),
            place: fields.place(),
        }
    }
}

impl RawOutput {
    /// An output that a pipeline at `place` has without being told.
    pub fn of_format(format: &str, place: &Place) -> RawOutput {
        let format = At { value: format.to_owned(), place: place.clone() };
        RawOutput { place: place.clone(), format: Some(format), ..RawOutput::default() }
    }

    pub fn read(node: Node, place: Place, problems: &mut Problems) -> RawOutput {
        let mut fields = Fields::of(node, place, OUTPUT_KEYS, problems);
        RawOutput {
            format: fields.text("format"),
            quality: fields.integer("quality"),
            profile: fields.text("profile"),
            afterburner: fields.flag("afterburner"),
            ..RawOutput::of_mount(&mut fields)
        }
    }

    /// The keys that say something of the mount.
    fn of_mount(fields: &mut Fields<'_>) -> RawOutput {
        RawOutput {
            mount: fields.text("mount"),
            bitrate: fields.integer("bitrate"),
            content_type: fields.text("content_type"),
            name: fields.text("name"),
            genre: fields.text("genre"),
            description: fields.text("description"),
            url: fields.text("url"),
            public: fields.flag("public"),
            max_listeners: fields.integer("max_listeners"),
            metaint: fields.integer("metaint"),
            fallback_mount: fields.text("fallback_mount"),
            place: fields.place(),
            ..RawOutput::default()
        }
    }
}

impl RawMount {
    pub fn read(node: Node, place: Place, problems: &mut Problems) -> RawMount {
        let mut fields = Fields::of(node, place, MOUNT_KEYS, problems);
        RawMount {
            sample_rate: fields.integer("sample_rate"),
            channels: fields.integer("channels"),
            common: RawOutput::of_mount(&mut fields),
        }
    }
}
