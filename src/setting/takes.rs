//! The kinds of values that keys take, and how each is read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{suggest, values};
use crate::error::is_passing;
use crate::filework::look;
use crate::path_text;

/// The kind of a written value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// A string with a number and its unit: `"3s"`, `"64KiB"`.
    Amount,
    /// A string. A relative path is relative to the folder of its configuration file.
    Path,
    /// One of these words, or a text that begins with one that has a colon at its end, or else a path.
    PathOr(&'static [&'static str]),
    Integer,
    Flag,
    Table,
}

impl Kind {
    /// For a sentence: "expected a string, found a list".
    pub fn name(self) -> &'static str {
        match self {
            Kind::Text | Kind::Path | Kind::PathOr(_) => "a string",
            Kind::Amount => "a string with a unit, such as \"3s\"",
            Kind::Integer => "a whole number",
            Kind::Flag => "true or false",
            Kind::Table => "a table",
        }
    }

    /// What a text is as a value of this kind, if it can be one. Relative paths are relative to `base`.
    pub fn of_text<'t>(self, text: &'t str, base: &Path) -> Option<Written<'t>> {
        match self {
            Kind::Text | Kind::Amount => Some(Written::Text(text)),
            Kind::PathOr(words) if is_one_of(words, text) => Some(Written::Text(text)),
            Kind::Path | Kind::PathOr(_) => Some(Written::Path(base.join(path_text::from_text(text)))),
            Kind::Integer | Kind::Flag | Kind::Table => None,
        }
    }
}

/// Whether a text is one of these words. A word with a colon begins the text: `library:morning`.
fn is_one_of(words: &[&str], text: &str) -> bool {
    words.iter().any(|word| if word.ends_with(':') { text.starts_with(word) } else { text == *word })
}

/// A value as it was written.
#[derive(Clone, Debug)]
pub(crate) enum Written<'a> {
    Text(&'a str),
    Path(PathBuf),
    Integer(i64),
    Flag(bool),
}

/// A kind, and how a value of this kind is read.
pub(crate) enum Takes<T> {
    Text(fn(&str) -> Result<T, String>),
    Amount(fn(&str) -> Result<T, String>),
    Path(fn(PathBuf) -> Result<T, String>),
    PathOr(&'static [&'static str], fn(Written<'_>) -> Result<T, String>),
    Integer(fn(i64) -> Result<T, String>),
    Flag(fn(bool) -> T),
}

impl<T> Takes<T> {
    pub const fn kind(&self) -> Kind {
        match self {
            Takes::Text(_) => Kind::Text,
            Takes::Amount(_) => Kind::Amount,
            Takes::Path(_) => Kind::Path,
            Takes::PathOr(words, _) => Kind::PathOr(words),
            Takes::Integer(_) => Kind::Integer,
            Takes::Flag(_) => Kind::Flag,
        }
    }

    pub fn read(&self, written: Written<'_>) -> Result<T, String> {
        match (self, written) {
            (Takes::Text(read) | Takes::Amount(read), Written::Text(text)) => read(text),
            (Takes::Path(read), Written::Path(path)) => read(path),
            (Takes::PathOr(_, read), written @ (Written::Text(_) | Written::Path(_))) => read(written),
            (Takes::Integer(read), Written::Integer(number)) => read(number),
            (Takes::Flag(read), Written::Flag(flag)) => Ok(read(flag)),
            (_, other) => Err(format!("expected {}, found {other:?}", self.kind().name())),
        }
    }
}

/// Any text.
pub(crate) const TEXT: Takes<String> = Takes::Text(|text| Ok(text.to_owned()));

/// A time with its unit.
pub(crate) const TIME: Takes<Duration> = Takes::Amount(values::duration);

/// A time with its unit, or `"off"`.
pub(crate) const TIME_OR_OFF: Takes<Option<Duration>> =
    Takes::Amount(|text| if text == "off" { Ok(None) } else { values::duration(text).map(Some) });

/// A number of bytes with its unit.
pub(crate) const SIZE: Takes<usize> = Takes::Amount(values::size);

/// The same for what is on a disk, which may be more than an address has bits for.
pub(crate) const DISK_SIZE: Takes<u64> = Takes::Amount(values::disk_size);

/// A number that is not negative.
pub(crate) const COUNT: Takes<usize> = Takes::Integer(count);

/// A number that is not negative, in 32 bits. A larger number becomes the largest, which the check of its
/// settings refuses.
pub(crate) const SMALL_COUNT: Takes<u32> =
    Takes::Integer(|number| Ok(u32::try_from(count(number)?).unwrap_or(u32::MAX)));

/// A level in decibels.
pub(crate) const DECIBELS: Takes<f32> = Takes::Integer(|decibels| Ok(decibels as f32));

/// `true` or `false`.
pub(crate) const FLAG: Takes<bool> = Takes::Flag(|flag| flag);

/// A path. Nothing needs to exist there.
pub(crate) const PATH: Takes<PathBuf> = Takes::Path(Ok);

/// The path of a file or folder that exists, or whose disk does not answer.
pub(crate) const EXISTING: Takes<PathBuf> = Takes::Path(|path| exists(&path).map(|()| path));

/// The path of a folder that exists, or whose disk does not answer.
pub(crate) const EXISTING_FOLDER: Takes<PathBuf> =
    Takes::Path(|path| match EXISTING.read(Written::Path(path))? {
        // A disk that does not answer may come back.
        folder if is_folder(&folder).unwrap_or(true) => Ok(folder),
        file => Err(format!("{} is not a folder", file.display())),
    });

/// Whether this is a folder. `None` if its disk does not answer, or fails.
pub(crate) fn is_folder(path: &Path) -> Option<bool> {
    let own = path.to_owned();
    look(path, move || match own.metadata() {
        Ok(about) => Some(about.is_dir()),
        Err(error) => (!is_passing(&error)).then_some(false),
    })
    .ok()?
}

/// One of these names.
pub(crate) fn choice<T: Copy>(name: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let chosen = choices.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let names = || choices.iter().map(|(known, _)| *known).collect::<Vec<_>>();
    chosen.ok_or_else(|| suggest::unknown_name(name, &names()))
}

fn count(number: i64) -> Result<usize, String> {
    usize::try_from(number).map_err(|_| format!("{number} is negative"))
}

/// What does not answer, or is on a disk that fails, may exist, and is taken up when it does.
pub(crate) fn exists(path: &Path) -> Result<(), String> {
    let own = path.to_owned();
    match look(path, move || own.metadata()) {
        Ok(Err(error)) if !is_passing(&error) => Err(format!("{}: {error}", path.display())),
        _ => Ok(()),
    }
}
