//! Before Longwave is compiled: looks for the C libraries that it links, and makes ready what it embeds.

mod c_libraries;
mod web;

use std::process::ExitCode;

fn main() -> ExitCode {
    println!("cargo:rerun-if-changed=build");
    web::embed();
    if c_libraries::are_there() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
