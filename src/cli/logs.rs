//! What the station says to its operator, on standard error: a line each, whatever is in it.

use std::env;
use std::fmt::Write as _;
use std::io::Write as _;

use env_logger::{Builder, Env};

/// Decoders complain of much that a player passes over; `RUST_LOG` can ask for it.
const DEFAULT_FILTER: &str = "warn,longwave=info,symphonia=error";

/// The access log: its lines have a form of their own, which tools read, with their own time.
const ACCESS: &str = "longwave::access";

/// Logs from here on, as much as `RUST_LOG` says.
pub fn start() {
    // The journal has the time already.
    let own_time = env::var_os("JOURNAL_STREAM").is_none();
    Builder::from_env(Env::default().default_filter_or(DEFAULT_FILTER))
        .format(move |out, record| {
            let text = one_line(&record.args().to_string());
            if record.target() == ACCESS {
                return writeln!(out, "{text}");
            }
            if own_time {
                write!(out, "{} ", out.timestamp_seconds())?;
            }
            let style = out.default_level_style(record.level());
            write!(out, "{style}{:<5}{style:#} ", record.level())?;
            writeln!(out, "{text}")
        })
        .init();
}

/// The text with control characters written out: a title must neither end a line nor steer a terminal.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            // Writing to a string does not fail.
            let _ = write!(line, "{}", c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(one_line("Jóga\n\u{1b}[2J\u{9b}"), "Jóga\\n\\u{1b}[2J\\u{9b}");
    }
}
