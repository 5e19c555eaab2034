//! The names of variants and segments. They are made of letters, digits, `.`, `_` and `-` only.

use std::collections::HashSet;

/// Gives each variant of an output a directory.
#[derive(Debug, Default)]
pub(crate) struct VariantNames {
    taken: HashSet<String>,
}

impl VariantNames {
    /// The directory of a mount: its path without the first slash. If it is taken, `-2` follows, and so on.
    pub fn name(&mut self, mount: &str) -> String {
        let path = mount.strip_prefix('/').unwrap_or(mount);
        let mut name: String = path.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
        // Dots alone lead to another directory.
        if name.bytes().all(|byte| byte == b'.') {
            name = "-".repeat(name.len().max(1));
        }
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !self.taken.contains(name));
        let free = free.expect("there is always another number");
        self.taken.insert(free.clone());
        free
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// The name of a segment: the run's epoch in base 36, and the media sequence number.
pub(super) fn segment(epoch: u64, media_sequence: u64) -> String {
    format!("{}-{media_sequence}.ts", base_36(epoch))
}

fn base_36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((number % 36) as u32, 36).expect("a digit"));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}
