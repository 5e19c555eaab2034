//! A declaration as a tree, made from TOML or JSON. Only TOML gives the lines of values; the modules that
//! read the tree treat both alike.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problems};

/// A value and its line, if lines are known.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub line: Option<u32>,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Flag(bool),
    List(Vec<Node>),
    Table(Vec<Entry>),
    /// JSON's null. It means the same as a missing key.
    Nothing,
    /// A value that no key takes: a fraction, a date, a number beyond 64 bits.
    Unwanted(&'static str),
}

/// A key, its line and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub key: String,
    pub line: Option<u32>,
    pub node: Node,
}

impl Value {
    /// The kind of the value, for a sentence: "expected a string, found a list".
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a string",
            Value::Integer(_) => "a whole number",
            Value::Flag(_) => "true or false",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Nothing => "nothing",
            Value::Unwanted(kind) => kind,
        }
    }
}

impl Node {
    /// The tree of a TOML document. Errors of syntax become problems, and the rest of the document is still
    /// read.
    pub fn from_toml(text: &str, problems: &mut Problems) -> Node {
        let lines = Lines::of(text);
        let (table, mut errors) = DeTable::parse_recoverable(text);
        errors.sort_by_key(|error| error.span().map(|span| span.start));
        let mut blamed = None;
        for error in errors {
            let line = error.span().map(|span| lines.line_at(span.start));
            // Further errors on the same line mostly follow from the first.
            if line.is_none() || line != blamed {
                problems.add(&Place { key: String::new(), line }, error.message());
            }
            blamed = line;
        }
        Node { line: None, value: toml_table(table.get_ref(), &lines) }
    }

    /// The tree of a JSON document. Its parser stops at the first error of syntax.
    pub fn from_json(text: &str, problems: &mut Problems) -> Node {
        // Editors of Windows begin a file with a byte order mark. (Of TOML, the parser leaves it out itself.)
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        serde_json::from_str(text).unwrap_or_else(|error| {
            problems.add(&Place::default(), format!("this is not valid JSON: {error}"));
            Node { line: None, value: Value::Table(Vec::new()) }
        })
    }
}

fn toml_table(table: &DeTable<'_>, lines: &Lines) -> Value {
    let entry = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| Entry {
        key: key.get_ref().to_string(),
        line: Some(lines.line_at(key.span().start)),
        node: toml_node(value, lines),
    };
    Value::Table(table.iter().map(entry).collect())
}

fn toml_node(value: &Spanned<DeValue<'_>>, lines: &Lines) -> Node {
    let line = Some(lines.line_at(value.span().start));
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
            .map_or(Value::Unwanted("a number that is too large"), Value::Integer),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Array(list) => Value::List(list.iter().map(|item| toml_node(item, lines)).collect()),
        DeValue::Table(table) => toml_table(table, lines),
        DeValue::Float(_) => Value::Unwanted("a fraction"),
        DeValue::Datetime(_) => Value::Unwanted("a date"),
    };
    Node { line, value }
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        Lines(text.match_indices('\n').map(|(at, _)| at + 1).collect())
    }

    fn line_at(&self, offset: usize) -> u32 {
        let before = self.0.partition_point(|&start| start <= offset);
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Node, D::Error> {
        let value = json.deserialize_any(JsonValue)?;
        Ok(Node { line: None, value })
    }
}

struct JsonValue;

impl<'de> Visitor<'de> for JsonValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Unwanted("a number that is too large"), Value::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Unwanted("a fraction"))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = items.next_element()? {
            list.push(node);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut table: Vec<Entry> = Vec::new();
        while let Some((key, node)) = entries.next_entry::<String, Node>()? {
            if table.iter().any(|entry| entry.key == key) {
                return Err(de::Error::custom(format_args!("the key {key:?} is there twice")));
            }
            table.push(Entry { key, line: None, node });
        }
        Ok(Value::Table(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toml_and_json_give_the_same_tree_but_for_the_lines() {
        let toml = "a = 'x'\nb = [1, true]\n[[c]]\nd = 2.5\n[[c]]\n";
        let json = r#"{"a": "x", "b": [1, true], "c": [{"d": 2.5}, {}]}"#;
        let mut problems = Problems::new(None);
        let from_json = Node::from_json(json, &mut problems);
        let mut from_toml = Node::from_toml(toml, &mut problems);
        assert_eq!(problems.count(), 0);
        assert_ne!(from_toml, from_json);
        forget_lines(&mut from_toml);
        assert_eq!(from_toml, from_json);
    }

    #[test]
    fn every_error_of_syntax_is_found_with_its_line() {
        let mut problems = Problems::new(None);
        Node::from_toml("a = \nb = 1\nc = [1,\n\nd 2\ne = \"x\n", &mut problems);
        assert_eq!(problems.lines(), [1, 5, 6]);
    }

    #[test]
    fn a_byte_order_mark_before_json_is_passed_over_once() {
        let mut problems = Problems::new(None);
        let with_mark = Node::from_json("\u{feff}{\"a\": \"\u{feff}x\"}", &mut problems);
        assert_eq!(with_mark, Node::from_json("{\"a\": \"\u{feff}x\"}", &mut problems));
        assert!(problems.into_result().is_ok());
        for text in ["\u{feff}\u{feff}{}", "\u{feff}", " \u{feff}{}"] {
            let mut problems = Problems::new(None);
            Node::from_json(text, &mut problems);
            assert!(problems.into_result().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_json_key_that_is_there_twice_is_refused() {
        let mut problems = Problems::new(None);
        Node::from_json("{\"a\": 1,\n \"a\": 2}", &mut problems);
        let error = problems.into_result().unwrap_err();
        assert!(error.to_string().contains("the key \"a\" is there twice at line 2"), "{error}");
    }

    fn forget_lines(node: &mut Node) {
        node.line = None;
        match &mut node.value {
            Value::List(list) => list.iter_mut().for_each(forget_lines),
            Value::Table(table) => {
                for entry in table {
                    entry.line = None;
                    forget_lines(&mut entry.node);
                }
            }
            _ => {}
        }
    }
}
