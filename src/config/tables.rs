//! The tables of a configuration, with the keys that are declared beside the settings.

use super::api::ApiSettings;
use crate::codec::formats::{FORMAT, FORMATS};
use crate::history::HistorySettings;
use crate::library::LibrarySettings;
use crate::pipeline::{
    HLS, HlsSettings, LIVE, LiveSettings, OUTPUT, PipelineSettings, REQUESTS, RelayedMountSettings,
    RequestSettings,
};
use crate::playout::schedule::{
    DAYPART, DaypartSettings, INSERT, InsertSettings, SEPARATION, SLOT, SeparationSettings, SlotSettings,
};
use crate::recording::RecordSettings;
use crate::server::{MountSettings, PAGE, PageSettings, ServerSettings};
use crate::setting::{Declared, declared};

/// A table of a configuration.
pub(super) struct Table {
    /// Its header in TOML.
    pub header: &'static str,
    /// The condition under which its keys hold: `format = "mp3"`.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the manual, which a test writes"))]
    pub only_with: Option<String>,
    pub keys: Vec<&'static Declared>,
}

/// Every table. The keys of a codec are a part of `[[pipeline.output]]`.
pub(super) fn tables() -> Vec<Table> {
    let table = |header, keys| Table { header, only_with: None, keys };
    let server = declared::<ServerSettings>().chain(declared::<ApiSettings>());
    let server = server.chain(declared::<HistorySettings>()).chain([&PAGE]).collect();
    let of_schedule = [&DAYPART, &INSERT, &SLOT, &SEPARATION];
    let pipeline = declared::<PipelineSettings>().chain(of_schedule);
    let pipeline = pipeline.chain([&LIVE, &REQUESTS, &HLS, &OUTPUT]).collect();
    let output = [&FORMAT].into_iter().chain(declared::<MountSettings>());
    let output = output.chain(declared::<RecordSettings>()).collect();
    let relayed = declared::<MountSettings>().chain(declared::<RelayedMountSettings>());
    let relayed = relayed.chain(declared::<RecordSettings>()).collect();
    let mut tables = vec![
        table("[server]", server),
        table("[server.page]", declared::<PageSettings>().collect()),
        table("[[pipeline]]", pipeline),
        table("[[pipeline.daypart]]", declared::<DaypartSettings>().collect()),
        table("[[pipeline.insert]]", declared::<InsertSettings>().collect()),
        table("[[pipeline.slot]]", declared::<SlotSettings>().collect()),
        table("[pipeline.separation]", declared::<SeparationSettings>().collect()),
        table("[[pipeline.live]]", declared::<LiveSettings>().chain(declared::<RecordSettings>()).collect()),
        table("[pipeline.requests]", declared::<RequestSettings>().collect()),
        table("[[pipeline.hls]]", declared::<HlsSettings>().collect()),
        table("[[pipeline.output]]", output),
        table("[[mount]]", relayed),
        table("[library]", declared::<LibrarySettings>().collect()),
    ];
    tables.extend(FORMATS.iter().map(|format| Table {
        only_with: Some(format!("format = {:?}", format.name)),
        ..table("[[pipeline.output]]", (format.keys)())
    }));
    tables
}

/// The header of the table where this key belongs.
pub(super) fn home_of(key: &str) -> Option<&'static str> {
    let has = |table: &Table| table.keys.iter().any(|declared| declared.key == key);
    tables().iter().find(|table| has(table)).map(|table| table.header)
}

#[cfg(test)]
mod tests {
    use super::super::node::{Entry, Node, Value};
    use super::super::problem::{Place, Problems};
    use super::super::reader::Reader;
    use super::*;
    use crate::audio::PcmSpec;
    use std::path::Path;

    /// The problem of a key in a table with this header.
    fn said(header: &str, key: &str) -> String {
        let entry =
            |key: &str, value| Entry { key: key.into(), line: None, node: Node { line: None, value } };
        let mut entries = vec![entry(key, Value::Integer(0))];
        let mut problems = Problems::new(None);
        let mut reader = Reader::new(Path::new(""), &mut problems);
        let node =
            |entries: &mut Vec<Entry>| Node { line: None, value: Value::Table(std::mem::take(entries)) };
        match header {
            "[server]" => drop(reader.server(node(&mut entries), Place::default())),
            "[server.page]" => drop(reader.page(node(&mut entries), Place::default())),
            "[[pipeline]]" => drop(reader.lone_pipeline(node(&mut entries))),
            "[library]" => drop(reader.library(node(&mut entries), Place::default())),
            "[[mount]]" => drop(reader.relayed_mount(node(&mut entries), Place::default())),
            "[[pipeline.daypart]]" => {
                drop(reader.of_programme::<DaypartSettings>(node(&mut entries), Place::default()));
            }
            "[[pipeline.insert]]" => {
                drop(reader.of_programme::<InsertSettings>(node(&mut entries), Place::default()));
            }
            "[[pipeline.slot]]" => {
                drop(reader.of_programme::<SlotSettings>(node(&mut entries), Place::default()));
            }
            "[pipeline.separation]" => {
                _ = reader.of_programme::<SeparationSettings>(node(&mut entries), Place::default());
            }
            "[[pipeline.live]]" => drop(reader.live(node(&mut entries), Place::default())),
            "[pipeline.requests]" => {
                drop(reader.of_programme::<RequestSettings>(node(&mut entries), Place::default()));
            }
            "[[pipeline.hls]]" => drop(reader.hls(node(&mut entries), Place::default(), None)),
            "[[pipeline.output]]" => {
                if key != FORMAT.key {
                    entries.push(entry("format", Value::Text("mp3".into())));
                }
                drop(reader.output_alone(node(&mut entries), PcmSpec::CD));
            }
            other => panic!("{other}"),
        }
        problems.into_result().map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn slips_are_understood() {
        let (server, pipeline, output) = ("[server]", "[[pipeline]]", "[[pipeline.output]]");
        for (slip, table, meant) in [
            ("bitrat", output, "bitrate"),
            ("BitRate", output, "bitrate"),
            ("sample-rate", pipeline, "sample_rate"),
            ("samplerate", pipeline, "sample_rate"),
            ("crosfade", pipeline, "crossfade"),
            ("crossfade_duration", pipeline, "crossfade"),
            ("lop", pipeline, "loop"),
            ("outputs", pipeline, "output"),
            ("maxlisteners", server, "max_listeners"),
            ("write_timout", server, "write_timeout"),
            ("burst_size", server, "burst"),
        ] {
            let expected = format!("{slip}: unknown key; did you mean {meant:?}?");
            assert!(said(table, slip).contains(&expected), "{}", said(table, slip));
        }
    }

    /// A table accepts exactly the declared keys, and points other keys to their tables.
    #[test]
    fn the_keys_that_are_read_are_those_that_are_declared() {
        let tables = tables();
        for header in [
            "[server]",
            "[server.page]",
            "[[pipeline]]",
            "[[pipeline.daypart]]",
            "[[pipeline.insert]]",
            "[[pipeline.slot]]",
            "[pipeline.separation]",
            "[[pipeline.live]]",
            "[pipeline.requests]",
            "[[pipeline.hls]]",
            "[[pipeline.output]]",
            "[[mount]]",
            "[library]",
        ] {
            for table in &tables {
                for key in &table.keys {
                    let at_home =
                        tables.iter().any(|t| t.header == header && t.keys.iter().any(|k| k.key == key.key));
                    let text = said(header, key.key);
                    let unknown = text.contains("unknown key") || text.contains("this key belongs under");
                    assert_eq!(at_home, !unknown, "{} in {header}: {text}", key.key);
                }
            }
        }
        assert!(said("[[pipeline]]", "bitrate").contains("this key belongs under [[pipeline.output]]"));
    }
}
