//! `longwave ctl library`: the library of a running station.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::{Out, encoded, query, table};
use crate::cli::Failure;

#[derive(Debug, Subcommand)]
pub enum LibraryCtl {
    /// Print the tracks with these words, each with its id
    Search {
        #[arg(value_name = "WORD")]
        words: Vec<String>,
        /// The most tracks to print
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Print all that is known of a track
    Show { id: u64 },
    /// Print a picture of a track: 800 peaks of 0 to 255
    Waveform { id: u64 },
    /// Change what a person says of a track: artist, title, kind, enabled, rating, loudness_lufs, cue_in,
    /// cue_out, start_next
    ///
    /// Without a value after the sign, it is said no more: `title=`.
    Edit {
        id: u64,
        #[arg(required = true, value_name = "KEY=VALUE")]
        changes: Vec<String>,
    },
    /// Look through all folders now
    Scan,
    /// Let scanning and listening rest
    Pause,
    /// Let scanning and listening go on
    Resume,
    /// List the shows in the inbox: `longwave ctl upload` sends one
    Inbox {
        /// Remove this one instead
        #[arg(long, value_name = "NAME")]
        remove: Option<String>,
        /// Of this user; without it, one of yours
        #[arg(long, requires = "remove")]
        user: Option<String>,
    },
    /// List the playlists of the library
    Playlists,
    /// Show a playlist of the library, or change it
    Playlist {
        name: String,
        /// Make it, or replace it: {"smart": {"genre": ["Jazz"]}, "kind": "music"}
        #[arg(long, value_name = "JSON", conflicts_with = "remove")]
        set: Option<String>,
        /// Give it another name
        #[arg(long, value_name = "NAME", conflicts_with_all = ["set", "remove"])]
        rename: Option<String>,
        /// Print its tracks
        #[arg(long, conflicts_with_all = ["set", "remove", "rename"])]
        tracks: bool,
        /// Remove it
        #[arg(long)]
        remove: bool,
    },
}

/// The most tracks of a playlist that are printed: as many as one answer has.
const MOST_TRACKS: usize = 1_000;

pub(super) fn run(command: Option<&LibraryCtl>, client: &Client, out: &Out) -> Result<(), Failure> {
    let ask = |method, path: &str, body| client.ask(method, &format!("/api/v1/library{path}"), body);
    match command {
        None => out.show(&ask("GET", "", None)?, table::library),
        Some(LibraryCtl::Search { words, limit }) => {
            let words = words.join(" ");
            let found = ask("GET", &format!("/tracks?limit={limit}&search={}", encoded(&words)), None)?;
            out.show(&found, table::tracks)
        }
        Some(LibraryCtl::Show { id }) => out.show(&ask("GET", &format!("/tracks/{id}"), None)?, table::facts),
        Some(LibraryCtl::Waveform { id }) => {
            out.show(&ask("GET", &format!("/tracks/{id}/waveform"), None)?, table::facts)
        }
        Some(LibraryCtl::Edit { id, changes }) => {
            let edited = ask("PATCH", &format!("/tracks/{id}"), Some(edits(changes)?))?;
            out.show(&edited, table::facts)
        }
        Some(LibraryCtl::Scan) => out.done(&ask("POST", "/scan", None)?),
        Some(LibraryCtl::Pause) => out.done(&ask("POST", "/pause", None)?),
        Some(LibraryCtl::Resume) => out.done(&ask("POST", "/resume", None)?),
        Some(LibraryCtl::Inbox { remove: None, .. }) => out.show(&ask("GET", "/inbox", None)?, table::inbox),
        Some(LibraryCtl::Inbox { remove: Some(name), user }) => {
            let user = query(&[("user", user.as_deref())]);
            out.done(&ask("DELETE", &format!("/inbox/{}{user}", encoded(name)), None)?)
        }
        Some(LibraryCtl::Playlists) => out.show(&ask("GET", "/playlists", None)?, table::playlists),
        Some(LibraryCtl::Playlist { name, set, rename, tracks, remove }) => {
            let path = format!("/playlists/{}", encoded(name));
            if let Some(set) = set {
                let body = serde_json::from_str(set)
                    .map_err(|error| Failure::Usage(format!("longwave: --set: it is not JSON: {error}")))?;
                out.done(&ask("PUT", &path, Some(body))?)
            } else if let Some(name) = rename {
                out.done(&ask("PATCH", &path, Some(json!({"name": name})))?)
            } else if *tracks {
                out.show(&ask("GET", &format!("{path}/tracks?limit={MOST_TRACKS}"), None)?, table::tracks)
            } else if *remove {
                out.done(&ask("DELETE", &path, None)?)
            } else {
                out.show(&ask("GET", &path, None)?, table::facts)
            }
        }
    }
}

/// `kind=jingle rating=5 title=` as the API takes it.
fn edits(changes: &[String]) -> Result<Value, Failure> {
    let change = |change: &String| {
        let Some((key, value)) = change.split_once('=') else {
            return Err(Failure::Usage(format!(
                "longwave: {change:?} is not KEY=VALUE: kind=jingle, for example"
            )));
        };
        let value = match (key, value) {
            (_, "") => Value::Null,
            // A title may look like a number.
            ("artist" | "title" | "kind", text) => json!(text),
            (_, other) => serde_json::from_str(other).unwrap_or_else(|_| json!(other)),
        };
        Ok((key.to_owned(), value))
    };
    Ok(Value::Object(changes.iter().map(change).collect::<Result<Map<_, _>, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_texts_numbers_or_nothing() {
        let changes = ["title=1999", "rating=5", "enabled=false", "artist=", "kind=jingle", "cue_in=1.5"];
        let Ok(edits) = edits(&changes.map(str::to_owned)) else { panic!("they are well formed") };
        let expected = json!({
            "title": "1999", "rating": 5, "enabled": false, "artist": null, "kind": "jingle", "cue_in": 1.5
        });
        assert_eq!(edits, expected);
        assert!(super::edits(&["kind".to_owned()]).is_err());
    }
}
