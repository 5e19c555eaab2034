//! What the tests of Longwave share: sounds to play, an ear that judges what comes out, clients, and stations
//! on a free port.
//!
//! The unit tests of `longwave` use only what knows nothing of the library: `sound`, `ear`, `tools`, `ts`,
//! `client`, `player`, `proxy`, `crowd` and `log_lines`. To them, the library that this crate depends on is
//! another crate than the one under test. The integration tests use the rest too: `server`, `studio`, `radio`
//! and `tap`.

pub mod client;
pub mod crowd;
pub mod ear;
pub mod log_lines;
pub mod player;
pub mod proxy;
pub mod radio;
pub mod server;
pub mod sound;
pub mod studio;
pub mod tap;
pub mod tools;
pub mod ts;

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Nothing in a test should take this long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What a stop may take: the five seconds that are promised, and what a machine adds that is busy with other
/// tests.
pub const A_STOP: Duration = Duration::from_secs(5 + 3);

/// The same for what a thread of the lowest priority does, beside other tests on all cores.
const PATIENCE_OF_THE_LOWEST: Duration = Duration::from_secs(150);

/// Waits until a condition holds. Panics if it does not hold in time.
pub fn until(what: &str, holds: impl FnMut() -> bool) {
    until_within(PATIENCE, what, holds);
}

/// The same for what a thread of the lowest priority does.
pub fn until_lowest(what: &str, holds: impl FnMut() -> bool) {
    until_within(PATIENCE_OF_THE_LOWEST, what, holds);
}

fn until_within(time: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + time;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Reads once from a socket, to the end of `input`. False at the end of the stream. Panics if nothing comes
/// in time.
fn read_more(socket: &mut TcpStream, input: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 65_536];
    match socket.read(&mut buffer) {
        Ok(0) => false,
        Ok(count) => {
            input.extend_from_slice(&buffer[..count]);
            true
        }
        Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
        Err(error) => panic!("nothing came: {error}"),
    }
}

/// Whether tests take the time that it takes to be sure: `LONGWAVE_LONG=1`.
pub fn long() -> bool {
    std::env::var_os("LONGWAVE_LONG").is_some_and(|value| value == "1")
}

/// What the random choices of a test begin with: `LONGWAVE_SEED`, as in CI, otherwise another number each
/// time. A test says it, so that what it has found can be found again.
pub fn seed() -> u64 {
    let told = std::env::var("LONGWAVE_SEED").ok();
    told.map_or_else(|| fastrand::u64(..), |seed| seed.parse().expect("LONGWAVE_SEED is a number"))
}

pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}
