//! Reads `docs/parity.txt`, and compares it with the declarations.

use std::collections::{BTreeMap, BTreeSet};

use crate::declarations::{Declarations, Face};

/// The items of the table, and what it leaves out.
pub struct Mapping {
    /// What a word for a reason means, and the words in their order.
    pub reasons: Vec<(String, String)>,
    /// Names of a face that the table leaves out, each with the word for the reason.
    pub left_out: Vec<(Face, String, String)>,
    pub sections: Vec<(String, Vec<Item>)>,
}

pub struct Item {
    pub name: String,
    pub cells: BTreeMap<Face, Cell>,
}

/// What a face has of an item.
pub enum Cell {
    Names(Vec<String>),
    /// Nothing, with the word for the reason.
    Hole(String),
}

impl Mapping {
    pub fn parse(text: &str) -> Mapping {
        let (reasons, left_out, sections) = Default::default();
        let mut mapping = Mapping { reasons, left_out, sections };
        let mut section = "";
        for line in
            text.replace("\n  ", " ").lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name;
                if !["reasons", "left out"].contains(&name) {
                    mapping.sections.push((name.into(), Vec::new()));
                }
                continue;
            }
            let pair = || line.split_once(": ").unwrap_or_else(|| panic!("{line} has no colon"));
            match section {
                "reasons" => mapping.reasons.push((pair().0.into(), pair().1.into())),
                "left out" => {
                    let (of, reason) = pair().0.split_once(' ').unwrap();
                    let of = face(of).unwrap_or_else(|| panic!("{line}: which face?"));
                    mapping.left_out.extend(pair().1.split(' ').map(|name| (of, name.into(), reason.into())));
                }
                _ => mapping.sections.last_mut().expect("a section").1.push(Item::parse(line)),
            }
        }
        mapping
    }

    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.sections.iter().flat_map(|(_, items)| items)
    }

    /// What is wrong with it, a line each.
    pub fn problems(&self, declared: &Declarations) -> Vec<String> {
        let mut wrong = Vec::new();
        for (face, names) in declared {
            let known = self.known(*face);
            let is_value = |name: &str| {
                name.split_once("::").is_some_and(|(of, _)| *face == Face::Rust && known.contains(of))
            };
            // A type is there with its functions.
            let has_functions = |name: &str| {
                [format!("{name}::"), format!("{name}.")]
                    .iter()
                    .any(|of| known.iter().any(|known| known.starts_with(of)))
            };
            let missing = names.iter().filter(|name| !known.contains(name.as_str()) && !is_value(name));
            let missing = missing.filter(|name| !has_functions(name));
            wrong.extend(missing.map(|name| format!("{name} of {} is missing", face.name())));
            let stale = known.iter().filter(|name| !names.contains(**name));
            wrong.extend(stale.map(|name| format!("{} has no {name}", face.name())));
        }
        let holes = self.items().flat_map(|item| item.cells.values()).filter_map(|cell| match cell {
            Cell::Hole(reason) => Some(reason.as_str()),
            Cell::Names(_) => None,
        });
        let used: BTreeSet<&str> =
            holes.chain(self.left_out.iter().map(|(_, _, reason)| reason.as_str())).collect();
        let explained: BTreeSet<&str> = self.reasons.iter().map(|(word, _)| word.as_str()).collect();
        wrong.extend(used.difference(&explained).map(|word| format!("the reason {word:?} is not explained")));
        wrong.extend(explained.difference(&used).map(|word| format!("nothing has the reason {word:?}")));
        let mut items = BTreeSet::new();
        let twice = self.items().filter(|item| !items.insert(&item.name));
        wrong.extend(twice.map(|item| format!("{} stands there twice", item.name)));
        wrong
    }

    /// All names of a face that it has.
    fn known(&self, face: Face) -> BTreeSet<&str> {
        let cells = self.items().filter_map(|item| item.cells.get(&face));
        let names = cells.flat_map(|cell| match cell {
            Cell::Names(names) => names.as_slice(),
            Cell::Hole(_) => &[],
        });
        let others = self.left_out.iter().filter(|(of, _, _)| *of == face).map(|(_, name, _)| name);
        names.chain(others).map(String::as_str).collect()
    }
}

impl Item {
    fn parse(line: &str) -> Item {
        let mut parts = line.split("; ");
        let name = parts.next().unwrap();
        let mut cells: BTreeMap<Face, Cell> = Face::ALL
            .into_iter()
            .filter_map(|face| Some((face, Cell::Names(vec![by_rule(face, name)?]))))
            .collect();
        for part in parts {
            let (of, what) = part.split_once(' ').unwrap_or_else(|| panic!("{line}: {part}"));
            let cell = match what.strip_prefix("- ") {
                Some(reason) => Cell::Hole(reason.into()),
                None => Cell::Names(what.split(", ").map(str::to_owned).collect()),
            };
            cells.insert(face(of).unwrap_or_else(|| panic!("{line}: which face is {of}?")), cell);
        }
        assert_eq!(cells.len(), Face::ALL.len(), "{line}: HTTP has no rule");
        Item { name: name.into(), cells }
    }
}

fn face(name: &str) -> Option<Face> {
    Face::ALL.into_iter().find(|face| face.name() == name)
}

/// The name of an item by the rule.
fn by_rule(face: Face, item: &str) -> Option<String> {
    let (of, function) = item.split_once('.').unwrap_or(("", item));
    let in_rust = match of {
        "input" => "VoiceInput".into(),
        "request" => "HttpRequest".into(),
        of => capitalized(of),
    };
    let scoped = |of: &str, between: &str| match of {
        "" => function.to_owned(),
        of => format!("{of}{between}{function}"),
    };
    match face {
        Face::C => Some(format!("lw_{}", scoped(of, "_"))),
        Face::Rust => Some(scoped(&in_rust, "::")),
        Face::Cpp => Some(scoped(of, "::")),
        Face::Python => Some(scoped(&capitalized(of), ".")),
        Face::Lisp => Some(scoped(of, "-").replace('_', "-")),
        Face::Http => None,
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPPING: &str = "[reasons]\nwhy: because\n[left out]\nRust why: Value\n[All]\na.b;\n  HTTP - why\n";

    fn declared(change: impl FnOnce(&mut Declarations)) -> Declarations {
        let names = |face| by_rule(face, "a.b").into_iter().collect();
        let mut declared: Declarations = Face::ALL.into_iter().map(|face| (face, names(face))).collect();
        declared.get_mut(&Face::Rust).unwrap().insert("Value".into());
        change(&mut declared);
        declared
    }

    fn problems(mapping: &str, change: impl FnOnce(&mut Declarations)) -> Vec<String> {
        Mapping::parse(mapping).problems(&declared(change))
    }

    #[test]
    fn what_is_missing_stale_or_without_a_reason_is_named() {
        assert_eq!(problems(MAPPING, |_| ()), [""; 0]);
        for face in Face::ALL {
            let more =
                problems(MAPPING, |declared| _ = declared.get_mut(&face).unwrap().insert("new".into()));
            assert_eq!(more, [format!("new of {} is missing", face.name())]);
        }
        let less = problems(MAPPING, |declared| declared.get_mut(&Face::Lisp).unwrap().clear());
        assert_eq!(less, ["Lisp has no a-b"]);
        let unexplained = problems(&MAPPING.replace("why: because", "what: because"), |_| ());
        assert_eq!(unexplained, ["the reason \"why\" is not explained", "nothing has the reason \"what\""]);
        let twice = problems(&format!("{MAPPING}a.b; HTTP - why\n"), |_| ());
        assert_eq!(twice, ["a.b stands there twice"]);
    }

    #[test]
    fn functions_of_a_value_need_no_place_but_a_type_without_functions_does() {
        let with = |name: &'static str| {
            problems(MAPPING, move |declared| _ = declared.get_mut(&Face::Rust).unwrap().insert(name.into()))
        };
        assert_eq!(with("Value::of"), [""; 0]);
        assert_eq!(with("A"), [""; 0], "it has a function in the table");
        assert_eq!(with("Other"), ["Other of Rust is missing"]);
    }
}
