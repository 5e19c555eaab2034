//! Whole numbers in bodies: in JSON, 2.0 is as whole as 2.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Reads a whole number from 0 up. One beyond 64 bits stands for the largest.
pub(crate) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    of(f64::deserialize(deserializer)?)
}

/// The same, where there need not be one.
pub(crate) fn some_whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Option::<f64>::deserialize(deserializer)?.map(of).transpose()
}

fn of<E: Error>(number: f64) -> Result<u64, E> {
    let is_whole = number >= 0.0 && number.fract() == 0.0;
    let wrong = || E::custom(format!("{number} is no whole number from 0 up"));
    if is_whole { Ok(number as u64) } else { Err(wrong()) }
}
