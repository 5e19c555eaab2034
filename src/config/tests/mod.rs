//! Whole declarations: what they mean, and what is wrong with them.

mod files;
mod meaning;
mod problems;
mod schedule;

use std::path::Path;

use super::{Config, ConfigError};

fn toml(text: &str) -> Result<Config, ConfigError> {
    Config::from_toml(text, Path::new("station.toml"))
}

/// The problems of a declaration, one line each.
fn complaints(text: &str) -> Vec<String> {
    toml(text).expect_err("it is wrong").problems.iter().map(ToString::to_string).collect()
}
