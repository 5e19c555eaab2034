//! The configuration of a station: in TOML for people, in JSON for programs, with the same keys.
//!
//! Both languages become a tree (`node`). `reader` takes its tables apart (`fields`) by the keys that are
//! declared beside the settings (`crate::setting`; `tables` lists them). It reports problems (`problem`).
//! `parts` reads a single table. A [`Config`] is valid in itself. What the machine refuses, such as a port in
//! use, shows at the start.

mod advice;
mod api;
mod claims;
mod fields;
mod inspected;
#[cfg(test)]
mod manual;
mod node;
mod parts;
mod problem;
mod reader;
mod redacted;
mod tables;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::access::changeable_by_others;
use crate::error::is_passing;
use crate::filework::read_ordered;
use crate::history::HistorySettings;
use crate::library::LibrarySettings;
use crate::pipeline::{PipelineSettings, RelayedMountSettings, StationSettings};
use crate::server::{PageSettings, ServerSettings};
use crate::whole_file::{is_own_descriptor, read_whole};

pub use api::ApiSettings;
pub use inspected::InspectedConfig;
use node::Node;
pub use problem::{ConfigError, ConfigProblem};
use problem::{Place, Problems};
use reader::Reader;

/// The largest file that is read. (A playlist that names 100,000 files has about ten MiB.)
const MAX_BYTES: u64 = 64 << 20;

/// A station: a server, its pipelines, its relayed mounts and its history.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server that all pipelines share.
    pub server: ServerSettings,
    /// The listeners' page.
    pub page: PageSettings,
    /// Its pipelines. There is one at least, or a relayed mount.
    pub pipelines: Vec<PipelineSettings>,
    /// Its relayed mounts.
    pub mounts: Vec<RelayedMountSettings>,
    /// Where it is written down what was played.
    pub history: HistorySettings,
    /// The library. `None`: there is none.
    pub library: Option<LibrarySettings>,
    /// The API.
    pub api: ApiSettings,
    /// Whether `users_file` or `media_roots` is declared. Then a station of the C ABI serves the API, as it
    /// does where the application decides who may send; the program always does.
    pub declares_api: bool,
    /// Values that work but are rarely intended.
    pub warnings: Vec<ConfigProblem>,
}

impl Config {
    /// Reads a file: as JSON if its name ends in `.json`, else as TOML. Relative paths are relative to the
    /// file's folder.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines.
    pub fn read(file: &Path) -> Result<Config, ConfigError> {
        Config::read_with_text(file).1
    }

    /// The same, with the text of the file.
    fn read_with_text(file: &Path) -> (Option<String>, Result<Config, ConfigError>) {
        let mut problems = Problems::new(Some(file));
        let (reason, is_passing) = match read_in_time(file).map(String::from_utf8) {
            Ok(Ok(text)) => {
                let config = Config::parse(&text, language_of(file), folder_of(file), problems);
                return (Some(text), config.map(|config| config.with_warning_of_writers(file)));
            }
            Ok(Err(error)) => (format!("byte {} is not UTF-8", error.utf8_error().valid_up_to() + 1), false),
            Err(unread) => unread,
        };
        problems.add(&Place::default(), reason);
        let error = problems.into_result().expect_err("a problem was added");
        (None, Err(ConfigError { is_passing, ..error }))
    }

    /// Warns if others can change the file. It names files that are broadcast, and who may steer the station.
    fn with_warning_of_writers(mut self, file: &Path) -> Config {
        if let Some(reason) = changeable_by_others(file) {
            self.warnings.push(ConfigProblem::of_file(file, reason));
        }
        self
    }

    /// Reads a configuration in TOML. `origin` is its path: problems name it, and relative paths are relative
    /// to its folder.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines.
    ///
    /// ```
    /// use longwave::Config;
    /// let error = Config::from_toml("[server]\nburts = '4s'", "radio.toml".as_ref()).unwrap_err();
    /// assert_eq!(
    ///     error.problems[1].to_string(),
    ///     "radio.toml:2: server.burts: unknown key; did you mean \"burst\"?"
    /// );
    /// ```
    pub fn from_toml(text: &str, origin: &Path) -> Result<Config, ConfigError> {
        Config::parse(text, Node::from_toml, folder_of(origin), Problems::new(Some(origin)))
    }

    /// Reads a configuration in JSON, with the same keys. Relative paths are relative to `base`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_json(text: &str, base: &Path) -> Result<Config, ConfigError> {
        Config::parse(text, Node::from_json, base, Problems::new(None))
    }

    fn parse(
        text: &str,
        language: Language,
        base: &Path,
        mut problems: Problems,
    ) -> Result<Config, ConfigError> {
        let root = language(text, &mut problems);
        problems.end_of_syntax();
        let config = Reader::new(base, &mut problems).config(root);
        let warnings = problems.into_result()?;
        Ok(Config { warnings, ..config })
    }
}

/// Reads a file whose disk may not answer. A program that writes to this one may take its time. The error is
/// why it cannot be read, and whether that may be over soon.
fn read_in_time(file: &Path) -> Result<Vec<u8>, (String, bool)> {
    let own = file.to_owned();
    let read = move || read_whole(&own, MAX_BYTES).map_err(|error| (error.to_string(), is_passing(&error)));
    match is_own_descriptor(file) {
        true => read(),
        false => read_ordered(file, read).map_err(|reason| (reason.to_string(), true))?,
    }
}

impl From<Config> for StationSettings {
    fn from(config: Config) -> StationSettings {
        let Config { server, page, mut pipelines, mounts, history, library, api, .. } = config;
        for pipeline in &mut pipelines {
            pipeline.media_roots.clone_from(&api.media_roots);
        }
        StationSettings { server, page, pipelines, mounts, history, library }
    }
}

/// Turns a text into a tree.
type Language = fn(&str, &mut Problems) -> Node;

fn language_of(file: &Path) -> Language {
    match file.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("json") => Node::from_json,
        _ => Node::from_toml,
    }
}

fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}
