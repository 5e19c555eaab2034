//! What a schedule is made of, one by one: how it is called, written, and read again.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::settings::{DaypartSettings, InsertSettings, SlotSettings};
use crate::error::{Error, Result};
use crate::names::{check_plain, named};
use crate::setting::values::duration_text;
use crate::setting::{Kind, Setting, Settings, Values, Written, differences};

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

    /// Reads what [`written`](Ingredient::written) wrote. Relative paths are relative to `base`.
    pub(crate) fn read(
        kind: IngredientKind,
        name: &str,
        written: &str,
        base: &Path,
    ) -> std::result::Result<Ingredient, String> {
        Ok(match kind {
            IngredientKind::Daypart => {
                Ingredient::Daypart(DaypartSettings { name: name.to_owned(), ..read(written, base)? })
            }
            IngredientKind::Insert => {
                Ingredient::Insert(InsertSettings { name: name.to_owned(), ..read(written, base)? })
            }
            IngredientKind::Slot => {
                Ingredient::Slot(SlotSettings { name: name.to_owned(), ..read(written, base)? })
            }
        })
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
trait Writable: Settings + Default {
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
        let time = |time: Option<std::time::Duration>| time.map(duration_text).into();
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

fn read<S: Writable>(written: &str, base: &Path) -> std::result::Result<S, String> {
    let table: Map<String, Value> = serde_json::from_str(written).map_err(|error| error.to_string())?;
    let mut settings = S::default();
    for (key, value) in &table {
        let setting = S::KEYS.iter().find(|setting| setting.declared.key == key);
        let setting = setting.ok_or_else(|| format!("{key}: unknown key"))?;
        let items = match value {
            Value::Array(items) if setting.declared.values != Values::One => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        for item in items {
            set(setting, &mut settings, item, base).map_err(|reason| format!("{key}: {reason}"))?;
        }
    }
    settings.check().map_err(|error| error.to_string())?;
    Ok(settings)
}

fn set<S: Settings>(
    setting: &Setting<S>,
    settings: &mut S,
    value: &Value,
    base: &Path,
) -> std::result::Result<(), String> {
    let kind = setting.declared.kind;
    let written = match (kind, value) {
        (_, Value::String(text)) => kind.of_text(text, base),
        (Kind::Integer, Value::Number(number)) => number.as_i64().map(Written::Integer),
        _ => None,
    };
    setting.set(settings, written.ok_or_else(|| format!("expected {}, found {value}", kind.name()))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path_text;
    use crate::setting::examples::another;

    fn name_of(path: &Path) -> String {
        path_text::to_text(path).into_owned()
    }

    fn again(one: &Ingredient) -> Ingredient {
        let written = Value::Object(one.written(&name_of)).to_string();
        Ingredient::read(one.kind(), one.name(), &written, Path::new("")).unwrap()
    }

    /// It goes through the declarations, so it covers new keys, too.
    fn every_key_survives<S: Writable + Clone>(wrap: fn(S) -> Ingredient) {
        assert_eq!(again(&wrap(S::sample())), wrap(S::sample()));
        for setting in S::KEYS {
            let mut settings = S::sample();
            setting.set(&mut settings, another(setting.declared.key)).unwrap();
            let one = wrap(settings);
            assert_ne!(one, wrap(S::sample()), "{}", setting.declared.key);
            assert_eq!(again(&one), one, "{}", setting.declared.key);
        }
    }

    #[test]
    fn every_key_that_is_written_is_read_again() {
        every_key_survives::<InsertSettings>(Ingredient::Insert);
        every_key_survives::<SlotSettings>(Ingredient::Slot);
        // What the sample has so many playlists for is a limit of weights.
        let two = DaypartSettings { playlists: vec!["a".into(), "b".into()], ..DaypartSettings::default() };
        assert_eq!(again(&Ingredient::Daypart(two.clone())), Ingredient::Daypart(two));
        every_key_survives::<DaypartSettings>(Ingredient::Daypart);
    }

    #[test]
    fn any_path_survives_relative_to_its_base() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        for path in [&b"/radio/news/%Y.mp3"[..], b"/radio/M\xe4rz.mp3", b"/elsewhere/a.mp3"] {
            let slot = SlotSettings { play: OsStr::from_bytes(path).into(), ..SlotSettings::sample() };
            let one = Ingredient::Slot(slot);
            let written = one.written(&|path| name_of(path.strip_prefix("/radio").unwrap_or(path)));
            let written = Value::Object(written).to_string();
            let read = Ingredient::read(IngredientKind::Slot, "", &written, Path::new("/radio"));
            assert_eq!(read, Ok(one));
        }
        let list = InsertSettings { playlist: "library:jingles".into(), ..InsertSettings::default() };
        assert_eq!(again(&Ingredient::Insert(list.clone())), Ingredient::Insert(list));
    }

    #[test]
    fn what_a_newer_program_wrote_is_refused_with_the_key() {
        let read = |written| Ingredient::read(IngredientKind::Insert, "A", written, Path::new(""));
        for (written, reason) in [
            (r#"{"playlist": "a", "until": "noon"}"#, "until: unknown key"),
            (r#"{"playlist": 7}"#, "playlist: expected a string, found 7"),
            (r#"{"playlist": "a", "every": "noon"}"#, "every: "),
            ("{}", "playlist: an insert needs one"),
            ("", "EOF"),
        ] {
            let refused = read(written).unwrap_err();
            assert!(refused.starts_with(reason), "{written}: {refused}");
        }
    }
}
