//! Reads a table key by key. A key that nothing reads is a problem.

use std::path::Path;

use super::node::{Entry, Node, Value};
use super::problem::{Place, Problems};
use super::tables;
use crate::setting::{Declared, Draft, Kind, Setting, Settings, Values, Written, suggest};

/// The base of relative paths, and the collector of problems.
pub(super) struct Context<'a> {
    pub base: &'a Path,
    pub problems: &'a mut Problems,
}

/// A table: the entries that have not been read yet, and the keys that have been requested.
pub(super) struct Fields {
    place: Place,
    left: Vec<Entry>,
    known: Vec<&'static str>,
    taken: Vec<Taken>,
}

/// A key that was in the table.
struct Taken {
    key: &'static str,
    place: Place,
    /// The places of the valid values: for a list, of each item.
    valid: Vec<Place>,
    /// Whether one of its values was invalid.
    has_failed: bool,
}

impl Fields {
    pub fn of(node: Node, place: Place, cx: &mut Context<'_>) -> Fields {
        let left = match node.value {
            Value::Table(entries) => entries,
            other => {
                wrong_kind(&place, "a table", &other, cx);
                Vec::new()
            }
        };
        Fields { place, left, known: Vec::new(), taken: Vec::new() }
    }

    /// The place of the table.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Reads the keys of `table` into `settings`. Returns false if a value is invalid. An invalid value
    /// leaves the setting unchanged.
    pub fn read<S: Settings>(
        &mut self,
        settings: &mut S,
        table: &'static [Setting<S>],
        cx: &mut Context<'_>,
    ) -> bool {
        let read = |setting: &'static Setting<S>| {
            self.value(&setting.declared, cx, |written| setting.set(settings, written))
        };
        table.iter().map(read).fold(true, |all, good| all & good)
    }

    /// Reads these keys into settings of a type that is unknown here.
    pub fn read_draft(
        &mut self,
        draft: &mut dyn Draft,
        keys: &[&'static Declared],
        cx: &mut Context<'_>,
    ) -> bool {
        let read = |key: &&'static Declared| self.value(key, cx, |written| draft.set(key.key, written));
        keys.iter().map(read).fold(true, |all, good| all & good)
    }

    /// Reads one key: passes its value, or each item of its list, to `set`. Returns false if a value is
    /// invalid.
    pub fn value(
        &mut self,
        declared: &'static Declared,
        cx: &mut Context<'_>,
        mut set: impl FnMut(Written<'_>) -> Result<(), String>,
    ) -> bool {
        let Some((node, place)) = self.take(declared.key) else { return true };
        let mut taken = Taken { key: declared.key, place, valid: Vec::new(), has_failed: false };
        let items = items(node, &taken.place, declared);
        if let (Values::AtLeastOne(instead), []) = (declared.values, items.as_slice()) {
            cx.problems.add(&taken.place, format!("an empty list: {instead}"));
            taken.has_failed = true;
        }
        for (node, place, wanted) in items {
            let done = match written(&node.value, declared.kind, cx.base) {
                Some(Written::Path(_)) if is_empty(&node.value) => {
                    cx.problems.add(&place, "an empty path: name a file or a folder, or leave the key out");
                    Err(())
                }
                Some(written) => set(written).map_err(|reason| cx.problems.add(&place, reason)),
                None => {
                    wrong_kind(&place, wanted, &node.value, cx);
                    Err(())
                }
            };
            match done {
                Ok(()) => taken.valid.push(place),
                Err(()) => taken.has_failed = true,
            }
        }
        let good = !taken.has_failed;
        self.taken.push(taken);
        good
    }

    /// The table under this key.
    pub fn table(&mut self, key: &'static str) -> Option<(Node, Place)> {
        self.take(key)
    }

    /// The tables under this key. A single table counts as a list of one.
    pub fn tables(&mut self, key: &'static str, cx: &mut Context<'_>) -> Option<Vec<(Node, Place)>> {
        let (node, place) = self.take(key)?;
        let tables = match node.value {
            Value::List(tables) => tables,
            table @ Value::Table(_) => vec![Node { line: node.line, value: table }],
            other => {
                wrong_kind(&place, "a list of tables", &other, cx);
                return None;
            }
        };
        let place_of = |(index, table): (usize, Node)| {
            let place = Place { key: format!("{}[{index}]", place.key), line: table.line };
            (table, place)
        };
        Some(tables.into_iter().enumerate().map(place_of).collect())
    }

    /// Whether the key is in the table, with any value.
    pub fn has(&self, key: &str) -> bool {
        self.taken.iter().any(|taken| taken.key == key)
    }

    /// The place of the key, or that of the table if the key is left out.
    pub fn place_of(&self, key: &str) -> Place {
        let taken = self.taken.iter().find(|taken| taken.key == key);
        taken.map_or(&self.place, |taken| &taken.place).clone()
    }

    /// The place of the key like [`place_of`](Self::place_of), but `None` if its value is invalid. Then no
    /// further problem is reported about it.
    pub fn place_of_valid(&self, key: &str) -> Option<Place> {
        let failed = self.taken.iter().any(|taken| taken.key == key && taken.has_failed);
        (!failed).then(|| self.place_of(key))
    }

    /// The places of the valid items of a list.
    pub fn items(&self, key: &str) -> &[Place] {
        self.taken.iter().find(|taken| taken.key == key).map_or(&[], |taken| &taken.valid)
    }

    /// The place that the key has, or would have.
    pub fn place_of_key(&self, key: &str) -> Place {
        match self.has(key) {
            true => self.place_of(key),
            false => self.place_below(key, self.place.line),
        }
    }

    /// Reports a problem for this reason if the key is in the table.
    pub fn refuse(&mut self, key: &'static str, reason: &str, cx: &mut Context<'_>) {
        if let Some((_, place)) = self.take(key) {
            cx.problems.add(&place, reason);
        }
    }

    /// Accepts this key without reading it.
    pub fn ignore(&mut self, key: &'static str) {
        self.take(key);
    }

    /// Reports every key that was not requested.
    pub fn finish(self, cx: &mut Context<'_>) {
        for entry in &self.left {
            let place = self.place_below(&entry.key, entry.line);
            let (reason, nearest) =
                suggest::unknown_key(&entry.key, &self.known, tables::home_of(&entry.key));
            cx.problems.add_unknown(&place, reason, nearest);
        }
    }

    fn take(&mut self, key: &'static str) -> Option<(Node, Place)> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let index = self.left.iter().position(|entry| entry.key == key)?;
        let entry = self.left.swap_remove(index);
        let place = self.place_below(key, entry.line);
        match entry.node.value {
            Value::Nothing => None,
            _ => Some((entry.node, place)),
        }
    }

    fn place_below(&self, key: &str, line: Option<u32>) -> Place {
        let key = match self.place.key.as_str() {
            "" => key.to_owned(),
            table => format!("{table}.{key}"),
        };
        Place { key, line }
    }
}

/// The values of a key, with their places and the names of their kinds.
fn items(node: Node, place: &Place, declared: &Declared) -> Vec<(Node, Place, &'static str)> {
    let is_number = declared.kind == Kind::Integer;
    match node.value {
        // An item may have a line of its own.
        Value::List(items) if declared.values != Values::One => items
            .into_iter()
            .map(|item| (Place { key: place.key.clone(), line: item.line }, item))
            .map(|(place, item)| (item, place, if is_number { "whole numbers only" } else { "strings only" }))
            .collect(),
        value => {
            let wanted = match declared.values {
                Values::One => declared.kind.name(),
                _ if is_number => "a whole number or a list of them",
                Values::List | Values::AtLeastOne(_) => "a string or a list of strings",
            };
            vec![(Node { line: node.line, value }, place.clone(), wanted)]
        }
    }
}

/// The value if it has this kind.
fn written<'v>(value: &'v Value, kind: Kind, base: &Path) -> Option<Written<'v>> {
    Some(match (kind, value) {
        (kind, Value::Text(text)) => return kind.of_text(text, base),
        (Kind::Integer, Value::Integer(number)) => Written::Integer(*number),
        (Kind::Flag, Value::Flag(flag)) => Written::Flag(*flag),
        _ => return None,
    })
}

/// Whether this is an empty text, which as a path would be the folder of the configuration.
fn is_empty(value: &Value) -> bool {
    matches!(value, Value::Text(text) if text.is_empty())
}

fn wrong_kind(place: &Place, wanted: &str, found: &Value, cx: &mut Context<'_>) {
    cx.problems.add_of_kind(place, format!("expected {wanted}, found {}", found.kind()));
}
