//! Keeps the tables in docs/CONFIGURATION.md the same as the declarations.

use std::path::Path;
use std::{env, fs};

use super::tables::{Table, tables};
use crate::setting::{Declared, DefaultValue, Kind, Reload};

const FILE: &str = "docs/CONFIGURATION.md";

/// `LONGWAVE_WRITE_MANUAL=1 cargo test --lib config::manual` writes the tables.
#[test]
fn the_manual_has_the_tables_of_the_declarations() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let mut manual = fs::read_to_string(&path).unwrap();
    for table in tables() {
        let rows = rows(&table);
        let (before, rest) = manual.split_at(start_of(&manual, &table));
        let length = rest.lines().take_while(|line| line.starts_with('|')).map(|line| line.len() + 1).sum();
        let (there, after) = rest.split_at(length);
        if env::var_os("LONGWAVE_WRITE_MANUAL").is_some() {
            manual = format!("{before}{rows}{after}");
            continue;
        }
        assert!(
            there == rows,
            "{FILE} should have this table under {}:\n\n{rows}\n\
             To write it: LONGWAVE_WRITE_MANUAL=1 cargo test --lib config::manual",
            title(&table)
        );
    }
    if env::var_os("LONGWAVE_WRITE_MANUAL").is_some() {
        fs::write(&path, manual).unwrap();
    }
}

/// The start of the table, after the heading of its keys.
fn start_of(manual: &str, table: &Table) -> usize {
    let title = title(table);
    let heading = manual.find(&title).unwrap_or_else(|| panic!("{FILE} has no heading {title:?}"));
    let rest = &manual[heading..];
    heading + rest.find("\n|").unwrap_or_else(|| panic!("{FILE} has no table under {title:?}")) + 1
}

fn title(table: &Table) -> String {
    match &table.only_with {
        None => format!("## `{}`\n", table.header),
        Some(condition) => format!("### With `{condition}`\n"),
    }
}

fn rows(table: &Table) -> String {
    let rows: String = table.keys.iter().map(|key| row(key)).collect();
    format!("| key | default | reload | meaning |\n|---|---|---|---|\n{rows}")
}

fn row(key: &Declared) -> String {
    let default = match (key.default, key.kind) {
        (DefaultValue::Words(words), _) => words.to_owned(),
        (DefaultValue::Value(value), Kind::Integer | Kind::Flag) => format!("`{value}`"),
        (DefaultValue::Value(value), _) => format!("`\"{value}\"`"),
    };
    let reload = match key.reload {
        Reload::Applied => "at once",
        Reload::Restart => "restart",
    };
    format!("| `{}` | {default} | {reload} | {} |\n", key.key, key.doc)
}
