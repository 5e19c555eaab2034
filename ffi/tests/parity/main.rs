//! What each face of Longwave has. `docs/PARITY.md` is made from the declarations and from the mapping
//! `docs/parity.txt`. Nothing that is declared is missing from it, and no hole is without a reason.

mod declarations;
mod mapping;
mod table;

use std::path::Path;
use std::{env, fs};

use declarations::declarations;
use mapping::Mapping;

fn mapping() -> Mapping {
    Mapping::parse(&fs::read_to_string(repository("docs/parity.txt")).unwrap())
}

/// A path in the repository.
fn repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

#[test]
fn every_declaration_has_its_place_and_every_hole_its_reason() {
    let wrong = mapping().problems(&declarations());
    assert!(wrong.is_empty(), "docs/parity.txt:\n{}\n", wrong.join("\n"));
}

/// `LONGWAVE_WRITE_PARITY=1 cargo test -p longwave-ffi --test parity` writes it anew.
#[test]
fn the_table_is_up_to_date() {
    let (file, table) = (repository("docs/PARITY.md"), table::table(&mapping()));
    if env::var_os("LONGWAVE_WRITE_PARITY").is_some() {
        fs::write(&file, &table).unwrap();
    }
    let is_there = fs::read_to_string(&file).unwrap_or_default();
    let differs = table.lines().zip(is_there.lines()).find(|(made, there)| made != there);
    assert!(
        table == is_there,
        "docs/PARITY.md is not what the declarations make, first where {differs:?}: \
         LONGWAVE_WRITE_PARITY=1 cargo test -p longwave-ffi --test parity"
    );
}
