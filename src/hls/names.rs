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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_clean(name: &str) -> bool {
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        plain && !name.is_empty() && name.bytes().any(|byte| byte != b'.')
    }

    #[test]
    fn a_mount_gives_its_name_to_its_variant() {
        let mut names = VariantNames::default();
        for (mount, name) in [
            ("/radio.aac", "radio.aac"),
            ("/a/b c.mp3", "a-b-c.mp3"),
            ("/a-b-c.mp3", "a-b-c.mp3-2"),
            ("/a/b/c.mp3", "a-b-c.mp3-3"),
            ("/größe", "gr--e"),
            ("/..", "--"),
            ("/.", "-"),
            ("/", "--2"),
            ("", "--3"),
            ("/../x", "..-x"),
        ] {
            assert_eq!(names.name(mount), name, "{mount}");
        }
    }

    #[test]
    fn base_36_is_what_others_read() {
        for number in [0, 1, 35, 36, 1_796_126_400_000, u64::MAX] {
            assert_eq!(u64::from_str_radix(&base_36(number), 36), Ok(number));
        }
        assert_eq!(segment(1_796_126_400_000, 449_031_600), "mx4na800-449031600.ts");
    }

    proptest! {
        #[test]
        fn a_name_never_carries_other_bytes(mounts in prop::collection::vec("\\PC*|[/.a-b\0-]{0,4}", 0..20),
                                             epoch: u64, sequence: u64) {
            let mut names = VariantNames::default();
            let given: Vec<String> = mounts.iter().map(|mount| names.name(mount)).collect();
            for name in &given {
                prop_assert!(is_clean(name), "{:?}", name);
                prop_assert_eq!(given.iter().filter(|other| *other == name).count(), 1);
            }
            prop_assert!(is_clean(&segment(epoch, sequence)));
        }
    }
}
