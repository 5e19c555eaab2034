//! `longwave ctl schedule`: what a running station plays by the clock.

use std::ffi::OsString;

use clap::Subcommand;
use clap::builder::{OsStringValueParser, TypedValueParser};
use longwave::json::{FileNames as _, WholePaths};
use longwave::{IngredientKind, Zone};
use serde_json::{Map, Value, json};

use super::{Out, Pipeline, encoded, table};
use crate::cli::Failure;

#[derive(Debug, Subcommand)]
pub enum ScheduleCtl {
    /// List the dayparts, inserts and slots: those of the configuration, and those that were added
    List,
    /// Add a daypart, an insert or a slot, or replace the one that was added under this name
    ///
    /// The keys are those of the configuration. One that takes a list may be there more than once. Files are
    /// named relative to a media root.
    #[command(after_help = "Examples:
  longwave ctl schedule set slot News at=\"Mon-Fri 07:00\" play=news.mp3 start=hard late=5m
  longwave ctl schedule set daypart Morning days=Mon-Fri from=06:00 to=10:00 playlist=library:morning
  longwave ctl schedule set insert Jingles playlist=jingles every=\"4 songs\"")]
    Set {
        #[arg(value_parser = kind())]
        kind: IngredientKind,
        name: String,
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = OsStringValueParser::new())]
        values: Vec<OsString>,
    },
    /// Remove a daypart, an insert or a slot that was added
    Remove {
        #[arg(value_parser = kind())]
        kind: IngredientKind,
        name: String,
    },
}

fn kind() -> impl TypedValueParser<Value = IngredientKind> {
    let names = IngredientKind::ALL.iter().map(|kind| kind.as_str());
    clap::builder::PossibleValuesParser::new(names)
        .map(|name| IngredientKind::named(&name).expect("one of the names"))
}

pub(super) fn run(
    command: Option<&ScheduleCtl>,
    hours: u32,
    pipeline: &Pipeline<'_>,
    out: &Out,
) -> Result<(), Failure> {
    match command {
        None => {
            let list = pipeline.ask("GET", &format!("/schedule/preview?hours={hours}"), None)?;
            // Programs have all times in UTC.
            let zone = if out.json { None } else { Some(zone_of(pipeline)?) };
            out.show(&list, |list| table::planned(list, zone.as_ref().unwrap_or(&Zone::default())))
        }
        Some(ScheduleCtl::List) => out.show(&pipeline.ask("GET", "/schedule", None)?, table::schedule),
        Some(ScheduleCtl::Set { kind, name, values }) => {
            out.done(&pipeline.ask("PUT", &path(*kind, name), Some(written(values)?))?)
        }
        Some(ScheduleCtl::Remove { kind, name }) => {
            out.done(&pipeline.ask("DELETE", &path(*kind, name), None)?)
        }
    }
}

/// The time zone of a pipeline.
fn zone_of(pipeline: &Pipeline<'_>) -> Result<Zone, Failure> {
    let schedule = pipeline.ask("GET", "/schedule", None)?;
    let name = schedule["zone"].as_str().unwrap_or_default();
    name.parse().map_err(|reason| Failure::Refused(format!("longwave: the station's zone: {reason}")))
}

fn path(kind: IngredientKind, name: &str) -> String {
    format!("/schedule/{}s/{}", kind.as_str(), encoded(name))
}

/// `at="Mon 07:00" at="Sun 08:00" weight=3` as the API takes it.
fn written(values: &[OsString]) -> Result<Value, Failure> {
    let mut written = Map::new();
    for given in values {
        // What a shell gives may be the name of a file that is not UTF-8.
        let bytes = given.as_encoded_bytes();
        let Some(sign) = bytes.iter().position(|byte| *byte == b'=') else {
            let given = given.display();
            return Err(Failure::Usage(format!(
                "longwave: {given} is not KEY=VALUE: play=news.mp3, for example"
            )));
        };
        let (key, value) = (String::from_utf8_lossy(&bytes[..sign]).into_owned(), text(&bytes[sign + 1..]));
        // The only numbers.
        let value = match key.as_str() {
            "weight" => value.parse::<u32>().map_or(json!(value), |weight| json!(weight)),
            _ => json!(value),
        };
        match written.get_mut(&key) {
            None => drop(written.insert(key, value)),
            Some(Value::Array(list)) => list.push(value),
            Some(first) => *first = json!([first.take(), value]),
        }
    }
    Ok(Value::Object(written))
}

/// A value. Only the name of a file may be no UTF-8.
fn text(bytes: &[u8]) -> String {
    use std::os::unix::ffi::OsStrExt;
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => WholePaths.file(std::ffi::OsStr::from_bytes(bytes).as_ref()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn keys_that_come_again_are_lists_and_weights_are_numbers() {
        let values = ["at=Mon 07:00", "play=a=b.mp3", "weight=3", "weight=x", "weight=7", "at=Sun 08:00"];
        let Ok(written) = written(&values.map(OsString::from)) else { panic!("they are well formed") };
        let expected = json!({ "at": ["Mon 07:00", "Sun 08:00"], "play": "a=b.mp3", "weight": [3, "x", 7] });
        assert_eq!(written, expected);
        assert!(super::written(&["play".into()]).is_err());
        let latin = OsString::from_vec(b"play=M\xe4rz.mp3".to_vec());
        assert_eq!(super::written(&[latin]).ok(), Some(json!({ "play": "file://M%E4rz.mp3" })));
    }
}
