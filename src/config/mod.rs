//! A station as it is declared: TOML for people, JSON for programs, one set of names.
//!
//! `problem` is what can be wrong, `node` the tree that both languages give, `fields` and `raw`
//! turn it into what is written, `typed` (with `encoder` and `values`) into what is meant. `parts` reads
//! one table alone.
//! A [`Config`] cannot be wrong in itself; what the machine refuses (a port in use) shows at start.

mod api;
mod encoder;
mod fields;
mod node;
mod parts;
mod problem;
mod raw;
mod suggest;
#[cfg(test)]
mod tests;
mod typed;
mod values;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::pipeline::{PipelineSettings, StationSettings};
use crate::server::ServerSettings;

pub use api::ApiSettings;
use node::Node;
pub use problem::{ConfigError, ConfigProblem};
use problem::{Place, Problems};
use raw::RawConfig;
use typed::Reader;

/// The longest file that is read. (A playlist of 100,000 files, each named here, has some ten MiB.)
const MAX_BYTES: u64 = 64 << 20;

/// A station: a server and its pipelines.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server that all of them share.
    pub server: ServerSettings,
    /// At least one.
    pub pipelines: Vec<PipelineSettings>,
    /// How it is steered from outside.
    pub api: ApiSettings,
    /// What the declaration asks for in vain: keys that are known and do nothing yet.
    pub warnings: Vec<ConfigProblem>,
}

impl Config {
    /// Reads a file: JSON where its name ends in `.json`, else TOML. Relative paths are relative
    /// to the file.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines.
    pub fn read(file: &Path) -> Result<Config, ConfigError> {
        let text = read_bounded(file).map_err(|error| error.to_string()).and_then(|bytes| {
            String::from_utf8(bytes)
                .map_err(|error| format!("byte {} is not UTF-8", error.utf8_error().valid_up_to() + 1))
        });
        let mut problems = Problems::new(Some(file));
        match text {
            Ok(text) => Config::parse(&text, language_of(file), folder_of(file), problems),
            Err(reason) => {
                problems.add(&Place::default(), reason);
                Err(problems.into_result().expect_err("a problem was added"))
            }
        }
    }

    /// A declaration in TOML. `origin` names it in problems, and relative paths are relative to
    /// the folder that it is in.
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

    /// A declaration in JSON, with the same names. Relative paths are relative to `base`.
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
        let config = read_tree(text, language, &mut problems, |root, problems| {
            let raw = RawConfig::read(root, problems);
            move |problems: &mut Problems| Reader::new(base, problems).config(raw)
        });
        let warnings = problems.into_result()?;
        let config = config.expect("there is a value where there is no problem");
        Ok(Config { warnings, ..config })
    }
}

impl From<Config> for StationSettings {
    fn from(config: Config) -> StationSettings {
        StationSettings { server: config.server, pipelines: config.pipelines }
    }
}

/// How a text becomes a tree.
type Language = fn(&str, &mut Problems) -> Node;

/// The two steps: what is written, then, unless the syntax is broken, what is meant.
fn read_tree<T, Meant: FnOnce(&mut Problems) -> T>(
    text: &str,
    language: Language,
    problems: &mut Problems,
    written: impl FnOnce(Node, &mut Problems) -> Meant,
) -> Option<T> {
    let root = language(text, problems);
    let broken = problems.lines();
    let syntax = problems.count();
    let meant = written(root, problems);
    if syntax > 0 {
        // Around a broken line one can still see what is written, but not what is missing.
        problems.forgive(syntax, &broken);
        return None;
    }
    Some(meant(problems))
}

/// All of a file, unless that is too much for a configuration: a device has no end.
fn read_bounded(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!("it has more than {} MiB: no configuration", MAX_BYTES >> 20)));
    }
    Ok(bytes)
}

fn language_of(file: &Path) -> Language {
    match file.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("json") => Node::from_json,
        _ => Node::from_toml,
    }
}

fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}
