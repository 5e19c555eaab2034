//! Looks for the C libraries that Longwave links and the C++ compiler that FDK-AAC wants, and says
//! which packages bring them: the linker would say it last, and in other words.
//!
//! Cargo runs this when it comes to it, among the dependencies; before all of them it is `make` that looks.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Where Homebrew and hand-made libraries are, which linkers do not look at by themselves.
const LIBRARY_FOLDERS: [&str; 2] = ["/opt/homebrew/lib", "/usr/local/lib"];

/// By which lame-sys and opusic-sys are told of another place.
const LIBRARY_VARIABLES: [&str; 2] = ["LAME_LIB_DIR", "OPUS_LIB_DIR"];

/// The packages, for every system the same list as in the Makefile.
const PACKAGES: &str = "
    Debian, Ubuntu   apt install libmp3lame-dev libopus-dev g++
    Fedora           dnf install lame-devel opus-devel gcc-c++
    Arch             pacman -S lame opus gcc
    macOS            brew install lame opus, and xcode-select --install";

/// Tells cargo where they may be. False if one is missing, which is said.
pub fn are_there() -> bool {
    for name in ["CC", "CXX", "LIBRARY_PATH"].iter().chain(&LIBRARY_VARIABLES) {
        println!("cargo:rerun-if-env-changed={name}");
    }
    for folder in LIBRARY_FOLDERS.iter().filter(|folder| Path::new(folder).is_dir()) {
        println!("cargo:rustc-link-search=native={folder}");
    }
    // For another machine, only its linker can tell.
    if env::var("HOST") != env::var("TARGET") {
        return true;
    }

    let mut missing = Vec::new();
    if !links("opus") {
        missing.push("libopus (to read Opus files)");
    }
    if env::var_os("CARGO_FEATURE_MP3").is_some() && !links("mp3lame") {
        missing.push("libmp3lame (the cargo feature `mp3`)");
    }
    if env::var_os("CARGO_FEATURE_AAC").is_some() && !quiet(tool("CXX", "c++").arg("--version")) {
        missing.push("a C++ compiler (the cargo feature `aac`)");
    }
    if missing.is_empty() {
        return true;
    }
    eprintln!(
        "\nLongwave cannot be built, this is missing: {}.\nInstall it:\n{PACKAGES}\n",
        missing.join(", ")
    );
    false
}

/// Whether an empty program links with this library.
fn links(library: &str) -> bool {
    let folder = env::var_os("OUT_DIR").expect("cargo tells where to write");
    let source = Path::new(&folder).join("empty.c");
    if fs::write(&source, "int main(void) { return 0; }\n").is_err() {
        return false;
    }
    let mut compiler = tool("CC", "cc");
    compiler.arg(&source).arg("-o").arg(Path::new(&folder).join("empty"));
    compiler.args(LIBRARY_VARIABLES.iter().flat_map(env::var).map(|folder| format!("-L{folder}")));
    compiler.args(LIBRARY_FOLDERS.map(|folder| format!("-L{folder}")));
    quiet(compiler.arg(format!("-l{library}")))
}

fn quiet(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The compiler that a variable names, perhaps with options or a wrapper (`ccache c++`), else the usual one. A
/// variable that names the target as well comes first, as in the crate `cc`.
fn tool(variable: &str, usual: &str) -> Command {
    let target = env::var("TARGET").unwrap_or_default();
    let names =
        [format!("{variable}_{target}"), format!("{variable}_{}", target.replace('-', "_")), variable.into()];
    let chosen = names.iter().find_map(|name| env::var(name).ok()).unwrap_or_else(|| usual.into());
    let mut words = chosen.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or(usual));
    command.args(words);
    command
}
