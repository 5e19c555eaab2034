//! Writes the table.

use std::collections::BTreeMap;

use crate::declarations::Face;
use crate::mapping::{Cell, Mapping};

const HEAD: &str = "\
# What each face has

Every function of Longwave in Rust, C, C++, Python, Common Lisp and HTTP. The table is made from the
declarations and from [parity.txt](parity.txt), and a test refuses what is missing. A number in parentheses is
the [reason](#reasons) why a face has no such function. What a function does stands in `cargo doc`,
[longwave.h](../ffi/include/longwave.h) and [API.md](API.md); [EMBEDDING.md](EMBEDDING.md) is the guide.
";

pub fn table(mapping: &Mapping) -> String {
    let reasons: Vec<&str> = mapping.reasons.iter().map(|(_, reason)| reason.as_str()).collect();
    let number = |reason: &str| {
        let index = reasons.iter().position(|known| *known == reason).expect("a reason");
        format!("({})", index + 1)
    };
    let explained: BTreeMap<&str, &str> =
        mapping.reasons.iter().map(|(word, reason)| (word.as_str(), reason.as_str())).collect();
    let cell = |cell: &Cell| match cell {
        Cell::Hole(word) => number(explained.get(word.as_str()).copied().unwrap_or_default()),
        Cell::Names(names) => {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            names.join(", ")
        }
    };
    let mut text = HEAD.to_owned();
    for (section, items) in &mapping.sections {
        let faces = [Face::Rust, Face::C, Face::Cpp, Face::Python, Face::Lisp, Face::Http];
        text += &format!("\n## {section}\n\n| {} |\n", faces.map(Face::name).join(" | "));
        text += "|---|---|---|---|---|---|\n";
        for item in items {
            text += &format!("| {} |\n", faces.map(|face| cell(&item.cells[&face])).join(" | "));
        }
    }
    text += "\n## Reasons\n\n";
    for (index, reason) in reasons.iter().enumerate() {
        text += &format!("{}. {reason}\n", index + 1);
    }
    text += "\n## What the table leaves out\n\n| | | |\n|---|---|---|\n";
    let mut groups: BTreeMap<(Face, &str), Vec<String>> = BTreeMap::new();
    for (face, name, word) in &mapping.left_out {
        groups.entry((*face, word)).or_default().push(format!("`{name}`"));
    }
    for ((face, word), names) in groups {
        text +=
            &format!("| {} | {} | {} |\n", face.name(), names.join(", "), explained.get(word).unwrap_or(&""));
    }
    text
}
