//! Reads what was written of a schedule, by the same declarations as a configuration.

use std::path::Path;

use serde_json::{Map, Value};

use super::ingredient::{Ingredient, IngredientKind, Writable};
use super::settings::{DaypartSettings, InsertSettings, SlotSettings};
use crate::setting::{Kind, Setting, Settings, Values, Written};

impl Ingredient {
    /// Reads what [`written`](Ingredient::written) wrote. Relative paths are relative to `base`.
    pub(crate) fn read(
        kind: IngredientKind,
        name: &str,
        written: &str,
        base: &Path,
    ) -> Result<Ingredient, String> {
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
}

fn read<S: Writable>(written: &str, base: &Path) -> Result<S, String> {
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
) -> Result<(), String> {
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
    fn every_key_survives<S: Writable + Clone>(base: S, wrap: fn(S) -> Ingredient) {
        assert_eq!(again(&wrap(base.clone())), wrap(base.clone()));
        for setting in S::KEYS {
            let mut settings = base.clone();
            setting.set(&mut settings, another(setting.declared.key)).unwrap();
            let one = wrap(settings);
            assert_ne!(one, wrap(base.clone()), "{}", setting.declared.key);
            assert_eq!(again(&one), one, "{}", setting.declared.key);
        }
    }

    #[test]
    fn every_key_that_is_written_is_read_again() {
        every_key_survives(InsertSettings::sample(), Ingredient::Insert);
        every_key_survives(SlotSettings::sample(), Ingredient::Slot);
        // The sample has as many playlists as there may be.
        let two = DaypartSettings { playlists: vec!["a".into(), "b".into()], ..DaypartSettings::default() };
        every_key_survives(two, Ingredient::Daypart);
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
