//! How a setting is declared: once, beside the settings that it belongs to.
//!
//! Every type of settings (`ServerSettings`, `Mp3Settings`, …) has a table of its keys, written with the
//! macro [`settings!`]. Three things follow from these tables: how a configuration is read (`config/`), the
//! tables in docs/CONFIGURATION.md, and what a reload applies or reports (`pipeline/reload/`).

#[cfg(test)]
pub(crate) mod examples;
pub(crate) mod suggest;
mod takes;
pub(crate) mod values;

use crate::error::{self, Error};

pub(crate) use takes::{
    COUNT, DECIBELS, DISK_SIZE, EXISTING, EXISTING_FOLDER, FLAG, Kind, PATH, SIZE, SMALL_COUNT, TEXT, TIME,
    TIME_OR_OFF, Takes, Written, choice, exists, is_folder,
};

/// The declaration of a key.
#[derive(Debug)]
pub(crate) struct Declared {
    /// Its name in TOML and JSON.
    pub key: &'static str,
    /// The kind of its value; for a list, the kind of an item.
    pub kind: Kind,
    pub values: Values,
    /// The value if the key is left out.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the manual, which a test writes"))]
    pub default: DefaultValue,
    /// The effect of a changed value at a reload.
    pub reload: Reload,
    /// Its description in docs/CONFIGURATION.md.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the manual, which a test writes"))]
    pub doc: &'static str,
}

/// How many values a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    One,
    /// A list. A single value counts as a list of one.
    List,
    /// A list that must not be empty. These words say what to do instead.
    AtLeastOne(&'static str),
}

/// The value of a key that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DefaultValue {
    /// This value, written as in TOML but without quotes.
    Value(&'static str),
    /// A value that these words describe.
    Words(&'static str),
}

/// The effect of a changed value at a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reload {
    /// The value is applied while the station is on the air.
    Applied,
    /// The reload reports that the value needs a restart.
    Restart,
}

/// A key of the settings `S`, and the field that holds its value.
pub(crate) struct Setting<S> {
    pub declared: Declared,
    /// Reads a value into the field. For a list, it appends an item.
    pub read: fn(&mut S, Written<'_>) -> Result<(), String>,
    /// Whether both have the same value.
    pub same: fn(&S, &S) -> bool,
    /// Copies the value from the second to the first.
    pub copy: fn(&mut S, &S),
}

/// Settings with declared keys.
pub(crate) trait Settings: Sized + 'static {
    /// Every key, in the order of the documentation.
    const KEYS: &'static [Setting<Self>];

    /// Valid settings, in which a single value can be tried.
    fn sample() -> Self;

    /// Refuses values that cannot work.
    fn check(&self) -> error::Result<()> {
        Ok(())
    }
}

impl<S: Settings> Setting<S> {
    /// Sets a value if it is valid. It is tried in a sample, so that only its own faults are found.
    pub fn set(&self, settings: &mut S, written: Written<'_>) -> Result<(), String> {
        let mut trial = S::sample();
        (self.copy)(&mut trial, settings);
        (self.read)(&mut trial, written)?;
        trial.check().map_err(reason_of)?;
        (self.copy)(settings, &trial);
        Ok(())
    }
}

/// Settings of a type that the reader of a configuration does not know.
pub(crate) trait Draft {
    /// Sets the value of a key of [`Settings::KEYS`].
    fn set(&mut self, key: &str, written: Written<'_>) -> Result<(), String>;
}

impl<S: Settings> Draft for S {
    fn set(&mut self, key: &str, written: Written<'_>) -> Result<(), String> {
        let setting = S::KEYS.iter().find(|setting| setting.declared.key == key);
        setting.ok_or_else(|| format!("the key {key:?} is not declared"))?.set(self, written)
    }
}

/// The declarations of the keys of `S`.
pub(crate) fn declared<S: Settings>() -> impl Iterator<Item = &'static Declared> {
    S::KEYS.iter().map(|setting| &setting.declared)
}

/// The settings whose values differ.
pub(crate) fn differences<S: Settings>(old: &S, new: &S) -> impl Iterator<Item = &'static Setting<S>> {
    S::KEYS.iter().filter(move |setting| !(setting.same)(old, new))
}

/// The reason of a refusal without the key, which the caller adds.
pub(crate) fn reason_of(error: Error) -> String {
    match error {
        Error::Setting { reason, .. } => reason,
        other => other.to_string(),
    }
}

/// Writes a table of [`Setting`]s. A row has the key, its default, what it takes, the field that holds it,
/// what a reload does, and its documentation:
///
/// ```text
/// "crossfade" = "0s", TIME => crossfade, Applied, "How long two tracks overlap.";
/// "deny" else "nobody", NETWORK => [deny], Applied, "Network or list of networks.";
/// "listen" else "every address", ADDRESS => [listen, "name an address"], Restart, "Address, or a list.";
/// ```
///
/// `= "0s"` is a default value, `else "…"` describes a default in words. `[deny]` is a field that is a list.
/// `[listen, "…"]` is one that must not be empty, and the words say what to do instead.
macro_rules! settings {
    ($($key:literal $how:tt $default:literal, $takes:expr => $field:tt $(.$part:ident)*, $reload:ident,
       $doc:expr;)*) => {
        &[$($crate::setting::Setting {
            declared: $crate::setting::Declared {
                key: $key,
                kind: $takes.kind(),
                values: $crate::setting::settings!(@values $field),
                default: $crate::setting::settings!(@default $how $default),
                reload: $crate::setting::Reload::$reload,
                doc: $doc,
            },
            read: |settings, written| {
                let value = $takes.read(written)?;
                $crate::setting::settings!(@store settings, value, $field $(.$part)*);
                Ok(())
            },
            same: |old, new| $crate::setting::settings!(@of old, $field $(.$part)*)
                == $crate::setting::settings!(@of new, $field $(.$part)*),
            copy: |to, from| $crate::setting::settings!(@of to, $field $(.$part)*)
                .clone_from(&$crate::setting::settings!(@of from, $field $(.$part)*)),
        }),*]
    };
    (@values [$field:ident]) => { $crate::setting::Values::List };
    (@values [$field:ident, $instead:literal]) => { $crate::setting::Values::AtLeastOne($instead) };
    (@values $field:ident) => { $crate::setting::Values::One };
    (@default = $value:literal) => { $crate::setting::DefaultValue::Value($value) };
    (@default else $words:literal) => { $crate::setting::DefaultValue::Words($words) };
    (@store $settings:ident, $value:ident, [$field:ident $(, $instead:literal)?]) => { $settings.$field.push($value) };
    (@store $settings:ident, $value:ident, $field:ident $(.$part:ident)*) => {
        $settings.$field $(.$part)* = $value.into()
    };
    (@of $settings:ident, [$field:ident $(, $instead:literal)?]) => { $settings.$field };
    (@of $settings:ident, $field:ident $(.$part:ident)*) => { $settings.$field $(.$part)* };
}
pub(crate) use settings;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[derive(Clone, Debug, Default, PartialEq)]
    struct Shape {
        name: Option<String>,
        sizes: Vec<usize>,
        inner: Inner,
    }

    #[derive(Clone, Debug, Default, PartialEq)]
    struct Inner {
        time: Duration,
    }

    impl Settings for Shape {
        const KEYS: &'static [Setting<Shape>] = settings! {
            "name" else "none", TEXT => name, Applied, "A name.";
            "size" else "none", COUNT => [sizes, "say how large"], Applied, "Sizes.";
            "time" = "0s", TIME => inner.time, Restart, "A time.";
        };

        fn sample() -> Shape {
            Shape::default()
        }

        fn check(&self) -> error::Result<()> {
            match self.sizes.as_slice() {
                [.., a, b] if a == b => Err(Error::setting("size", format!("{a} is there twice"))),
                _ => Ok(()),
            }
        }
    }

    #[test]
    fn a_row_reads_compares_and_copies_its_field() {
        let mut shape = Shape::default();
        shape.set("name", Written::Text("x")).unwrap();
        shape.set("size", Written::Integer(3)).unwrap();
        shape.set("size", Written::Integer(4)).unwrap();
        shape.set("time", Written::Text("2s")).unwrap();
        let inner = Inner { time: Duration::from_secs(2) };
        assert_eq!(shape, Shape { name: Some("x".into()), sizes: vec![3, 4], inner });
        assert_eq!(shape.set("size", Written::Integer(4)), Err("4 is there twice".into()));
        assert_eq!(shape.set("size", Written::Integer(-1)), Err("-1 is negative".into()));
        assert_eq!(shape.sizes, [3, 4]);

        let mut other = Shape { sizes: vec![3, 4], ..Shape::default() };
        let keys = |a: &Shape, b: &Shape| -> Vec<_> {
            differences(a, b).map(|setting| setting.declared.key).collect()
        };
        assert_eq!(keys(&other, &shape), ["name", "time"]);
        differences(&other.clone(), &shape).for_each(|setting| (setting.copy)(&mut other, &shape));
        assert_eq!(other, shape);
        let declared: Vec<_> = declared::<Shape>().map(|key| (key.key, key.kind, key.values)).collect();
        let sizes = Values::AtLeastOne("say how large");
        assert_eq!(
            declared,
            [
                ("name", Kind::Text, Values::One),
                ("size", Kind::Integer, sizes),
                ("time", Kind::Amount, Values::One)
            ]
        );
    }
}
