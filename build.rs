//! Looks for the C libraries that Longwave links and the C++ compiler that FDK-AAC wants, and says
//! which packages bring them: the linker would say it last, and in other words.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// Where Homebrew and hand-made libraries are, which linkers do not look at by themselves.
const LIBRARY_FOLDERS: [&str; 2] = ["/opt/homebrew/lib", "/usr/local/lib"];

/// The packages, for every system the same list as in the Makefile.
const PACKAGES: &str = "
    Debian, Ubuntu   apt install libmp3lame-dev libopus-dev g++
    Fedora           dnf install lame-devel opus-devel gcc-c++
    Arch             pacman -S lame opus gcc
    macOS            brew install lame opus, and xcode-select --install";

fn main() -> ExitCode {
    println!("cargo:rerun-if-changed=build.rs");
    for name in ["CC", "CXX", "LIBRARY_PATH", "LAME_LIB_DIR"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    for folder in LIBRARY_FOLDERS.iter().filter(|folder| Path::new(folder).is_dir()) {
        println!("cargo:rustc-link-search=native={folder}");
    }
    // For another machine, only its linker can tell.
    if env::var("HOST") != env::var("TARGET") {
        return ExitCode::SUCCESS;
    }

    let mut missing = Vec::new();
    if !links("opus") {
        missing.push("libopus (to read Opus files)");
    }
    if env::var_os("CARGO_FEATURE_MP3").is_some() && !links("mp3lame") {
        missing.push("libmp3lame (the cargo feature `mp3`)");
    }
    if env::var_os("CARGO_FEATURE_AAC").is_some() && !runs(&tool("CXX", "c++")) {
        missing.push("a C++ compiler (the cargo feature `aac`)");
    }
    if missing.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "\nLongwave cannot be built, this is missing: {}.\nInstall it:\n{PACKAGES}\n",
        missing.join(", ")
    );
    ExitCode::FAILURE
}

/// Whether an empty program links with this library.
fn links(library: &str) -> bool {
    let folder = env::var_os("OUT_DIR").expect("cargo tells where to write");
    let source = Path::new(&folder).join("empty.c");
    if fs::write(&source, "int main(void) { return 0; }\n").is_err() {
        return false;
    }
    let mut compiler = Command::new(tool("CC", "cc"));
    compiler.arg(&source).arg("-o").arg(Path::new(&folder).join("empty"));
    compiler.args(env::var("LAME_LIB_DIR").map(|folder| format!("-L{folder}")));
    compiler.args(LIBRARY_FOLDERS.map(|folder| format!("-L{folder}")));
    quiet(compiler.arg(format!("-l{library}")))
}

fn runs(program: &str) -> bool {
    quiet(Command::new(program).arg("--version"))
}

fn quiet(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn tool(variable: &str, default: &str) -> String {
    env::var(variable).unwrap_or_else(|_| default.to_owned())
}
