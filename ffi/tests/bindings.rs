//! Python and Lisp have every function of the header.

use std::path::Path;
use std::{fs, iter};

/// The functions that a text names: `lw_…` up to the first character that belongs to no name.
fn functions(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    iter::from_fn(move || {
        let start = rest.find("lw_")?;
        let name = &rest[start..];
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
        rest = &name[end..];
        Some(&name[..end])
    })
}

fn source(folder: &Path, extension: &str) -> String {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        file.extension().is_some_and(|found| found == extension)
            && file.file_stem().is_some_and(|name| name != "tests")
    });
    files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

#[test]
fn every_function_of_the_header_is_bound() {
    let ffi = Path::new(env!("CARGO_MANIFEST_DIR"));
    let header = fs::read_to_string(ffi.join("include/longwave.h")).unwrap();
    let code: String = header.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let declared: Vec<_> = functions(&code).filter(|name| code.contains(&format!("{name}("))).collect();
    assert!(declared.len() > 100, "{declared:?}");
    for (folder, extension) in [("python", "py"), ("lisp", "lisp")] {
        let source = source(&ffi.join("../bindings").join(folder), extension);
        let bound: Vec<_> = functions(&source).collect();
        let missing: Vec<_> = declared.iter().filter(|name| !bound.contains(name)).collect();
        assert!(missing.is_empty(), "bindings/{folder} has no {missing:?}");
        // And it calls nothing that is not there, which Lisp would only notice when it is called.
        let unknown: Vec<_> = bound.iter().filter(|name| !code.contains(*name)).collect();
        assert!(unknown.is_empty(), "bindings/{folder} calls {unknown:?}");
    }
}
