//! Writes down which files of `web/` are embedded, each as it is and compressed. (src/web.rs has them.)

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};

/// Writes `web.rs`, a list of all files in the folders of `web/`.
pub fn embed() {
    println!("cargo:rerun-if-changed=web");
    let variable = |name| PathBuf::from(env::var_os(name).expect("cargo sets it"));
    let (web, out) = (variable("CARGO_MANIFEST_DIR").join("web"), variable("OUT_DIR"));
    let mut list = String::from("&[\n");
    for folder in sorted(&web).iter().filter(|path| path.is_dir()) {
        for file in sorted(folder) {
            let name = file.strip_prefix(&web).expect("it is below").to_str().expect("a name in UTF-8");
            let packed = format!("{}.gz", name.replace('/', "-"));
            fs::write(out.join(&packed), compressed(&file)).expect("OUT_DIR can be written");
            let bytes = included("CARGO_MANIFEST_DIR", &format!("web/{name}"));
            let gzip = included("OUT_DIR", &packed);
            list.push_str(&format!("    WebFile {{ name: {name:?}, bytes: {bytes}, gzip: {gzip} }},\n"));
        }
    }
    list.push_str("]\n");
    fs::write(out.join("web.rs"), list).expect("OUT_DIR can be written");
}

/// An expression with the bytes of a file. Where its folder is, is found when the list is compiled: another
/// copy of the sources may share the list.
fn included(folder: &str, path: &str) -> String {
    format!("include_bytes!(concat!(env!({folder:?}), \"/\", {path:?}))")
}

/// What is in a folder, in an order that is the same on every machine.
fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

/// The same bytes give the same result: neither a name nor a time is in it.
fn compressed(file: &Path) -> Vec<u8> {
    let bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    encoder.write_all(&bytes).and_then(|()| encoder.finish()).expect("memory takes it all")
}
