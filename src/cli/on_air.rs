//! A station from its start to its end.

use longwave::Config;

use super::Failure;

/// Runs the station until SIGTERM or SIGINT, and stops it in order.
pub fn run(_config: Config) -> Result<(), Failure> {
    Err(Failure::Station(longwave::Error::Stopped("station")))
}
