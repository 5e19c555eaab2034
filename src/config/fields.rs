//! Takes a table apart, key by key: what is there has the kind that its key wants, or becomes a
//! problem; and no key is passed over.

use super::node::{Entry, Node, Value};
use super::problem::{Place, Problems};
use super::suggest;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct At<T> {
    pub value: T,
    pub place: Place,
}

/// The entries of one table that have not been taken yet.
pub(super) struct Fields<'p> {
    place: Place,
    entries: Vec<Entry>,
    keys: &'static [&'static str],
    problems: &'p mut Problems,
}

impl<'p> Fields<'p> {
    /// The entries of the table `node`, at `place`, of which `keys` are known; those that are not
    /// are reported at once.
    pub fn of(
        node: Node,
        place: Place,
        keys: &'static [&'static str],
        problems: &'p mut Problems,
    ) -> Fields<'p> {
        let mut fields = Fields { place, entries: Vec::new(), keys, problems };
        match node.value {
            Value::Table(entries) => fields.entries = entries,
            other => fields.wrong_kind(&fields.place.clone(), "a table", &other),
        }
        for entry in std::mem::take(&mut fields.entries) {
            if keys.contains(&entry.key.as_str()) {
                fields.entries.push(entry);
            } else {
                let place = fields.place_of(&entry.key, entry.line);
                let (reason, nearest) = suggest::unknown_key(&entry.key, keys);
                fields.problems.add_unknown(&place, reason, nearest);
            }
        }
        fields
    }

    /// Where the table stands.
    pub fn place(&self) -> Place {
        self.place.clone()
    }

    /// For what is read from the values that were taken.
    pub fn problems(&mut self) -> &mut Problems {
        self.problems
    }

    pub fn text(&mut self, key: &'static str) -> Option<At<String>> {
        self.value(key, "a string", |value| match value {
            Value::Text(text) => Ok(text),
            other => Err(other),
        })
    }

    /// A string with a number and its unit.
    pub fn amount(&mut self, key: &'static str) -> Option<At<String>> {
        self.value(key, "a string with a unit, such as \"3s\"", |value| match value {
            Value::Text(text) => Ok(text),
            other => Err(other),
        })
    }

    pub fn integer(&mut self, key: &'static str) -> Option<At<i64>> {
        self.value(key, "a whole number", |value| match value {
            Value::Integer(number) => Ok(number),
            other => Err(other),
        })
    }

    pub fn flag(&mut self, key: &'static str) -> Option<At<bool>> {
        self.value(key, "true or false", |value| match value {
            Value::Flag(flag) => Ok(flag),
            other => Err(other),
        })
    }

    /// A list of strings; one string alone is a list of one. It is empty only where it was written so.
    pub fn texts(&mut self, key: &'static str) -> Option<At<Vec<At<String>>>> {
        let (node, place) = self.take(key)?;
        let items = match node.value {
            Value::List(items) => items,
            text @ Value::Text(_) => vec![Node { line: node.line, value: text }],
            other => {
                self.wrong_kind(&place, "a string or a list of strings", &other);
                return None;
            }
        };
        let written = items.len();
        let mut texts = Vec::with_capacity(written);
        for item in items {
            // An item may stand on a line of its own.
            let place = Place { key: place.key.clone(), line: item.line };
            match item.value {
                Value::Text(value) => texts.push(At { value, place }),
                other => self.wrong_kind(&place, "strings only", &other),
            }
        }
        (written == 0 || !texts.is_empty()).then_some(At { value: texts, place })
    }

    pub fn table(&mut self, key: &'static str) -> Option<(Node, Place)> {
        self.take(key)
    }

    /// A list of tables; one table alone is a list of one.
    pub fn tables(&mut self, key: &'static str) -> Option<Vec<(Node, Place)>> {
        let (node, place) = self.take(key)?;
        let items = match node.value {
            Value::List(items) => items,
            table @ Value::Table(_) => vec![Node { line: node.line, value: table }],
            other => {
                self.wrong_kind(&place, "a list of tables", &other);
                return None;
            }
        };
        let place_of = |(index, item): (usize, Node)| {
            let place = Place { key: format!("{}[{index}]", place.key), line: item.line };
            (item, place)
        };
        Some(items.into_iter().enumerate().map(place_of).collect())
    }

    fn value<T>(
        &mut self,
        key: &'static str,
        wanted: &str,
        convert: impl FnOnce(Value) -> Result<T, Value>,
    ) -> Option<At<T>> {
        let (node, place) = self.take(key)?;
        match convert(node.value) {
            Ok(value) => Some(At { value, place }),
            Err(other) => {
                self.wrong_kind(&place, wanted, &other);
                None
            }
        }
    }

    fn take(&mut self, key: &'static str) -> Option<(Node, Place)> {
        debug_assert!(self.keys.contains(&key), "{key} is read and not declared");
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        let entry = self.entries.swap_remove(index);
        let place = self.place_of(key, entry.line);
        match entry.node.value {
            Value::Nothing => None,
            _ => Some((entry.node, place)),
        }
    }

    fn place_of(&self, key: &str, line: Option<u32>) -> Place {
        let key = match self.place.key.as_str() {
            "" => key.to_owned(),
            table => format!("{table}.{key}"),
        };
        Place { key, line }
    }

    fn wrong_kind(&mut self, place: &Place, wanted: &str, found: &Value) {
        self.problems.add(place, format!("expected {wanted}, found {}", found.kind()));
    }
}
