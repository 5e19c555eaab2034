//! Makes text from outside safe to show.

use std::fmt::Write as _;

/// Escapes control characters, so that a title can neither break a line nor control a terminal.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            // Writing to a string cannot fail.
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
