//! The problems of a configuration, each with its place and what would work.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

/// The reason why a configuration was refused: all of its problems, in the order of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub problems: Vec<ConfigProblem>,
    /// Whether nothing is wrong but a disk that does not answer, or fails: then the same configuration may be
    /// good when it is read again.
    pub is_passing: bool,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// A problem of a configuration, or a warning. Its text is one line: `station.toml:12:
/// pipeline.output.bitrat: unknown key; did you mean "bitrate"?`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The file. `None` if the configuration did not come from a file.
    pub file: Option<PathBuf>,
    /// The line, counted from 1. `None` if lines are not known (JSON).
    pub line: Option<u32>,
    /// The full key: `pipeline[0].output[1].bitrate`. Empty if the problem has no key.
    pub key: String,
    /// What is wrong, and what would work.
    pub reason: String,
    /// The known key that is nearest to an unknown one.
    pub nearest: Option<String>,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(&mut OneLine(f))
    }
}

/// Escapes control characters: the text of a file must neither end a line nor control a terminal.
struct OneLine<'w, 'f>(&'w mut fmt::Formatter<'f>);

impl Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| match c.is_control() {
            true => write!(self.0, "{}", c.escape_default()),
            false => self.0.write_char(c),
        })
    }
}

impl ConfigProblem {
    /// A problem of a file as a whole.
    pub(crate) fn of_file(file: &Path, reason: String) -> ConfigProblem {
        ConfigProblem { file: Some(file.to_owned()), line: None, key: String::new(), reason, nearest: None }
    }

    fn write(&self, f: &mut OneLine<'_, '_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", file.display())?;
        }
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        if self.file.is_some() || self.line.is_some() {
            write!(f, " ")?;
        }
        if !self.key.is_empty() {
            // A line number leads to the place, so the indices of the tables are not needed.
            let key = if self.line.is_some() { without_indices(&self.key) } else { self.key.clone() };
            write!(f, "{key}: ")?;
        }
        write!(f, "{}", self.reason)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; did you mean {nearest:?}?"),
            None => Ok(()),
        }
    }
}

fn without_indices(key: &str) -> String {
    let mut plain = String::with_capacity(key.len());
    let mut inside = false;
    for c in key.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            _ if !inside => plain.push(c),
            _ => {}
        }
    }
    plain
}

/// A place in a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// As in [`ConfigProblem::key`].
    pub key: String,
    /// As in [`ConfigProblem::line`].
    pub line: Option<u32>,
}

impl Place {
    /// The place of a key in a table at this place. Its line is the table's.
    pub fn of(&self, key: &str) -> Place {
        Place { key: format!("{}.{key}", self.key), line: self.line }
    }

    /// The key for a sentence. A line number leads to the place, so the indices of the tables are not needed.
    pub fn shown_key(&self) -> String {
        if self.line.is_some() { without_indices(&self.key) } else { self.key.clone() }
    }
}

/// Collects problems and warnings while a configuration is read.
#[derive(Debug)]
pub(super) struct Problems {
    file: Option<PathBuf>,
    /// The lines with syntax errors, if there is any. Kinds and names of keys can still be judged on other
    /// lines. What values mean together cannot, because some of them may be missing.
    broken: Option<Vec<u32>>,
    /// Wrong kinds and unknown keys. They are reported first if there are no lines.
    found: Vec<ConfigProblem>,
    /// Values that cannot work.
    refused: Vec<ConfigProblem>,
    warnings: Vec<ConfigProblem>,
}

impl Problems {
    pub fn new(file: Option<&Path>) -> Problems {
        Problems {
            file: file.map(Path::to_owned),
            broken: None,
            found: Vec::new(),
            refused: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The file of the configuration.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Adds a value that cannot work. It is not reported if there are syntax errors.
    pub fn add(&mut self, place: &Place, reason: impl Into<String>) {
        if self.broken.is_none() {
            let problem = self.problem(place, reason.into());
            self.refused.push(problem);
        }
    }

    /// Adds a value of the wrong kind.
    pub fn add_of_kind(&mut self, place: &Place, reason: impl Into<String>) {
        self.push(place, reason.into(), None);
    }

    /// Adds an unknown key, and the known key nearest to it.
    pub fn add_unknown(&mut self, place: &Place, reason: impl Into<String>, nearest: Option<&str>) {
        self.push(place, reason.into(), nearest);
    }

    /// Adds a warning: a value that works but is rarely intended.
    pub fn warn(&mut self, place: &Place, reason: impl Into<String>) {
        let problem = self.problem(place, reason.into());
        self.warnings.push(problem);
    }

    /// Ends the reading of the syntax. If there was an error, only kinds and unknown keys are reported from
    /// here on, and nothing on the lines with errors.
    pub fn end_of_syntax(&mut self) {
        if self.found.len() + self.refused.len() > 0 {
            self.broken = Some(self.lines());
        }
    }

    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.found.len() + self.refused.len()
    }

    /// The lines that have a problem.
    pub fn lines(&self) -> Vec<u32> {
        self.found.iter().chain(&self.refused).filter_map(|problem| problem.line).collect()
    }

    /// The warnings if there is no problem, else every problem, by line.
    pub fn into_result(mut self) -> Result<Vec<ConfigProblem>, ConfigError> {
        self.found.append(&mut self.refused);
        if self.found.is_empty() {
            return Ok(self.warnings);
        }
        self.found.sort_by_key(|problem| problem.line);
        Err(ConfigError { problems: self.found, is_passing: false })
    }

    fn push(&mut self, place: &Place, reason: String, nearest: Option<&str>) {
        let is_broken = |line| self.broken.as_ref().is_some_and(|lines| lines.contains(&line));
        if !place.line.is_some_and(is_broken) {
            let problem =
                ConfigProblem { nearest: nearest.map(str::to_owned), ..self.problem(place, reason) };
            self.found.push(problem);
        }
    }

    fn problem(&self, place: &Place, reason: String) -> ConfigProblem {
        ConfigProblem {
            file: self.file.clone(),
            line: place.line,
            key: place.key.clone(),
            reason,
            nearest: None,
        }
    }
}
