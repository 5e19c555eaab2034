//! Turns a command line into a configuration. `play` parses the text that `--print-config` prints, so the two
//! cannot differ.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use longwave::{ApiSettings, Config, ConfigError, ConfigProblem};

use super::Failure;
use super::args::Play;

/// Formats and their mounts, and whether this build has them.
const OUTPUTS: [(bool, &str, &str); 2] =
    [(cfg!(feature = "mp3"), "mp3", "/stream.mp3"), (cfg!(feature = "aac"), "aac", "/stream.aac")];

/// The configuration for a command line.
pub fn config(args: &Play) -> Result<Config, Failure> {
    let paths = existing(&args.paths)?;
    // Paths are set afterwards, because TOML cannot contain paths that are not UTF-8.
    let text = declaration(args, &[]);
    let mut config = Config::from_toml(&text, Path::new("")).map_err(|error| by_option(&error))?;
    for pipeline in &mut config.pipelines {
        pipeline.playlist.clone_from(&paths);
    }
    config.api.media_roots = ApiSettings::media_roots_of(&config.pipelines);
    Ok(config)
}

/// The text of `--print-config`.
pub fn config_text(args: &Play) -> Result<String, Failure> {
    config(args)?;
    let mut paths = Vec::new();
    for path in &args.paths {
        let absolute = std::path::absolute(path).map_err(|error| usage(path, &error.to_string()))?;
        match absolute.into_os_string().into_string() {
            Ok(path) => paths.push(path),
            Err(_) => return Err(usage(path, "a configuration cannot name this path: it is not UTF-8")),
        }
    }
    Ok(declaration(args, &paths))
}

fn declaration(args: &Play, paths: &[String]) -> String {
    let mut text = String::from("[server]\n");
    text += &match &args.server.listen {
        Some(address) => format!("listen = [{}]\n", quoted(address)),
        None => "# listen = [\"[::]:8000\"]\n".to_owned(),
    };
    text += "\n[[pipeline]]\n";
    if !paths.is_empty() {
        text += "playlist = [\n";
        for path in paths {
            text += &format!("    {},\n", quoted(path));
        }
        text += "]\n";
    }
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "loop = {}\nshuffle = {}\ncrossfade = {}\n",
        args.repeat,
        args.shuffle,
        quoted(&args.crossfade)
    );
    for (_, format, mount) in OUTPUTS.iter().filter(|(built, ..)| *built) {
        let _ = write!(
            text,
            "\n[[pipeline.output]]\nformat = \"{format}\"\nmount = \"{mount}\"\nbitrate = {}\n",
            args.bitrate
        );
        if let Some(name) = &args.name {
            let _ = writeln!(text, "name = {}", quoted(name));
        }
    }
    text
}

/// A string in TOML.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// The paths, if all of them exist.
fn existing(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut missing = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            return Err(Failure::Usage("longwave: standard input cannot be played: name files".into()));
        }
        if let Err(error) = path.metadata() {
            missing.push(format!("longwave: {}: {error}", path.display()));
        }
    }
    if missing.is_empty() { Ok(paths.to_vec()) } else { Err(Failure::Usage(missing.join("\n"))) }
}

fn usage(path: &Path, reason: &str) -> Failure {
    Failure::Usage(format!("longwave: {}: {reason}", path.display()))
}

/// Names the options instead of the keys. Both outputs have the same options, so an error is listed once.
fn by_option(error: &ConfigError) -> Failure {
    let mut lines: Vec<String> = Vec::new();
    for ConfigProblem { key, reason, .. } in &error.problems {
        let name = key.rsplit('.').next().unwrap_or(key);
        let line = format!("longwave: --{name}: {reason}");
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    Failure::Usage(lines.join("\n"))
}
