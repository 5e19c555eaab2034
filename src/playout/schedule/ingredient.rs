//! What a schedule is made of, one by one: how it is called, and written. `reading.rs` reads it again.

use std::path::Path;
#[cfg(feature = "library")]
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use super::settings::{DaypartSettings, InsertSettings, SlotSettings};
use crate::error::{Error, Result};
use crate::names::{check_plain, named};
use crate::setting::values::duration_text;
use crate::setting::{Settings, differences};

named! {
    /// What something in a schedule is.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum IngredientKind {
        /// Hours of the week that have playlists of their own.
        Daypart = "daypart",
        /// What comes again and again between the songs.
        Insert = "insert",
        /// A time at which something is to play.
        Slot = "slot",
    }
}

/// A daypart, an insert or a slot.
#[derive(Clone, Debug, PartialEq)]
pub enum Ingredient {
    /// Hours of the week that have playlists of their own.
    Daypart(DaypartSettings),
    /// What comes again and again between the songs.
    Insert(InsertSettings),
    /// A time at which something is to play.
    Slot(SlotSettings),
}

impl Ingredient {
    /// What it is.
    pub fn kind(&self) -> IngredientKind {
        match self {
            Ingredient::Daypart(_) => IngredientKind::Daypart,
            Ingredient::Insert(_) => IngredientKind::Insert,
            Ingredient::Slot(_) => IngredientKind::Slot,
        }
    }

    /// Its name. One that was declared may have none.
    pub fn name(&self) -> &str {
        match self {
            Ingredient::Daypart(daypart) => &daypart.name,
            Ingredient::Insert(insert) => &insert.name,
            Ingredient::Slot(slot) => &slot.name,
        }
    }

    /// Its values as a configuration writes them, by their keys. Its name is left out, and so is what has its
    /// default. `name_of` writes a path, or a playlist of the library that stands in its place.
    pub fn written(&self, name_of: &dyn Fn(&Path) -> String) -> Map<String, Value> {
        match self {
            Ingredient::Daypart(daypart) => written(daypart, name_of),
            Ingredient::Insert(insert) => written(insert, name_of),
            Ingredient::Slot(slot) => written(slot, name_of),
        }
    }

    /// Refuses what cannot be added: what is added has a name.
    pub(crate) fn check(&self) -> Result<()> {
        check_plain(self.name(), self.kind().as_str()).map_err(|reason| Error::setting("name", reason))?;
        match self {
            Ingredient::Daypart(daypart) => daypart.check(),
            Ingredient::Insert(insert) => insert.check(),
            Ingredient::Slot(slot) => slot.check(),
        }
    }

    /// The paths that it names, with their keys.
    #[cfg(feature = "library")]
    pub(crate) fn paths_mut(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        match self {
            Ingredient::Daypart(daypart) => {
                daypart.playlists.iter_mut().map(|path| ("playlist", path)).collect()
            }
            Ingredient::Insert(insert) => vec![("playlist", &mut insert.playlist)],
            Ingredient::Slot(slot) => {
                let otherwise = slot.otherwise.iter_mut().map(|path| ("otherwise", path));
                [("play", &mut slot.play)].into_iter().chain(otherwise).collect()
            }
        }
    }
}

/// Settings that can be written as they were read.
pub(super) trait Writable: Settings + Default {
    /// The value of a key.
    fn value(&self, key: &str, name_of: &dyn Fn(&Path) -> String) -> Value;
}

impl Writable for DaypartSettings {
    fn value(&self, key: &str, name_of: &dyn Fn(&Path) -> String) -> Value {
        match key {
            "name" => self.name.clone().into(),
            "days" => self.days.to_string().into(),
            "from" => self.from.to_string().into(),
            "to" => self.to.to_string().into(),
            "playlist" => one_or_all(self.playlists.iter().map(|path| name_of(path))),
            "weight" => one_or_all(self.weights.iter().copied()),
            _ => Value::Null,
        }
    }
}

impl Writable for InsertSettings {
    fn value(&self, key: &str, name_of: &dyn Fn(&Path) -> String) -> Value {
        match key {
            "name" => self.name.clone().into(),
            "playlist" => name_of(&self.playlist).into(),
            "every" => self.every.to_string().into(),
            "kind" => self.kind.as_str().into(),
            _ => Value::Null,
        }
    }
}

impl Writable for SlotSettings {
    fn value(&self, key: &str, name_of: &dyn Fn(&Path) -> String) -> Value {
        let time = |time: Option<Duration>| time.map(duration_text).into();
        match key {
            "name" => self.name.clone().into(),
            "at" => one_or_all(self.at.iter().map(ToString::to_string)),
            "play" => name_of(&self.play).into(),
            "otherwise" => self.otherwise.as_deref().map(name_of).into(),
            "start" => self.start.as_str().into(),
            "late" => time(Some(self.late)),
            "max_age" => time(self.max_age),
            "over_live" => self.over_live.as_str().into(),
            "for" => time(self.lasts),
            "kind" => self.kind.as_str().into(),
            _ => Value::Null,
        }
    }
}

/// A list of one is written as its only item.
fn one_or_all<T: Into<Value>>(items: impl Iterator<Item = T>) -> Value {
    let mut items: Vec<Value> = items.map(Into::into).collect();
    if items.len() == 1 { items.remove(0) } else { items.into() }
}

fn written<S: Writable>(settings: &S, name_of: &dyn Fn(&Path) -> String) -> Map<String, Value> {
    let keys = differences(&S::default(), settings).map(|setting| setting.declared.key).collect::<Vec<_>>();
    let keys = keys.into_iter().filter(|key| *key != "name");
    keys.map(|key| (key.to_owned(), settings.value(key, name_of))).collect()
}
