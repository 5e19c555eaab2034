//! Which names a file in the inbox may have: those that are safe on every disk, and mean one file only. A
//! name that is not is refused, and never changed: whoever sent it would not find it again.

use std::path::{Component, Path};

use unicode_normalization::is_nfc;

use crate::error::{Error, Result};

/// The longest name, in bytes. File systems take 255.
const LONGEST: usize = 200;

/// What Windows, or a shell, takes for something else.
const SPECIAL: &str = "/\\<>:\"|?*";

/// Devices of Windows, with any ending.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// Devices of Windows that have a digit behind them.
const NUMBERED_DEVICES: [&str; 2] = ["COM", "LPT"];

/// Whether it is the name of something that the inbox shows: one part of a path, and not hidden. People may
/// give files other names than users may.
pub(super) fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let is_one_part = match (parts.next(), parts.next()) {
        (Some(Component::Normal(part)), None) => part == name,
        _ => false,
    };
    is_one_part && !name.contains('\0') && !name.starts_with('.')
}

/// Refuses a name that is not safe. `key` says whose it is.
pub(super) fn check(key: &'static str, name: &str) -> Result<()> {
    fault(name).map_or(Ok(()), |fault| Err(Error::setting(key, format!("{name:?} {fault}"))))
}

/// What is wrong with a name.
fn fault(name: &str) -> Option<String> {
    let fault = match () {
        () if name.is_empty() => "is no name",
        () if name.len() > LONGEST => return Some(format!("is longer than {LONGEST} bytes")),
        () if name.contains(is_invisible) => "has characters that nobody sees: leave them out",
        () if name.contains(|c| SPECIAL.contains(c)) => {
            "has one of / \\ < > : \" | ? *, which cannot be in the name of a file everywhere: leave it out"
        }
        () if name.starts_with('.') => "begins with a dot, so it would be hidden: leave the dot out",
        () if name.starts_with(' ') || name.ends_with(' ') => "begins or ends with a space: leave it out",
        () if name.ends_with('.') => "ends with a dot: leave it out",
        () if is_device(name) => "is the name of a device on Windows: call it something else",
        () if !is_nfc(name) => "is not in the composed form of Unicode (NFC): send it so",
        () => return None,
    };
    Some(fault.to_owned())
}

/// Whether a character shows nothing, or changes how its neighbours are shown.
fn is_invisible(c: char) -> bool {
    let is_join_or_mark = matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{feff}');
    let is_direction = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}');
    let is_other = matches!(c, '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}');
    c.is_control() || is_join_or_mark || is_direction || is_other
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    let has_number = |rest: &str| {
        let mut rest = rest.chars();
        // Windows takes these superscripts for digits.
        let is_number = rest.next().is_some_and(|c| c.is_ascii_digit() || "¹²³".contains(c));
        is_number && rest.next().is_none()
    };
    DEVICES.contains(&&*stem)
        || NUMBERED_DEVICES.iter().any(|device| stem.strip_prefix(device).is_some_and(has_number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_people_give_is_taken() {
        for name in [
            "show.mp3",
            "Gäste um acht.ogg",
            "2026-03-08 – Jóga (live).flac",
            "音楽.mp3",
            "مرحبا.mp3",
            "a.b.c.wav",
            "console.mp3",
            "com.mp3",
            "com10.mp3",
            "it's 5 o'clock & more.mp3",
            "👩‍🎤.mp3".split('\u{200d}').next().unwrap(),
        ] {
            assert_eq!(fault(name), None, "{name}");
            assert!(is_plain(name), "{name}");
        }
        assert_eq!(fault(&"x".repeat(LONGEST)), None);
    }

    #[test]
    fn what_people_call_their_files_is_shown_unless_it_hides_or_leads_elsewhere() {
        for name in ["con.mp3", "a: b?.mp3", " a.mp3 ", "a.mp3.", "a\u{308}.mp3", "a\n.mp3", "a\\b.mp3"] {
            assert!(is_plain(name), "{name:?}");
        }
        for name in ["", ".", "..", ".a.mp3", "a/b.mp3", "a.mp3/", "./a.mp3", "../a.mp3", "/a.mp3", "a\0.mp3"]
        {
            assert!(!is_plain(name), "{name:?}");
        }
    }

    #[test]
    fn a_name_that_leads_elsewhere_or_hides_is_refused_in_a_sentence() {
        let long = "ä".repeat(LONGEST / 2 + 1);
        for name in [
            "",
            ".",
            "..",
            "../a.mp3",
            "a/b.mp3",
            "/etc/passwd",
            "a\\b.mp3",
            "..\\a.mp3",
            "c:a.mp3",
            "a.mp3:stream",
            ".a.mp3",
            "a.mp3.",
            "a.mp3 ",
            " a.mp3",
            "a\0.mp3",
            "a\n.mp3",
            "a\u{7f}.mp3",
            "a\u{85}.mp3",
            "a?.mp3",
            "a*.mp3",
            "\"a\".mp3",
            "<a>.mp3",
            "a|b.mp3",
            "con",
            "CON.mp3",
            "nul.tar.mp3",
            "Aux .mp3",
            "com1.mp3",
            "LPT9",
            "com².mp3",
            "conin$.mp3",
            "gpj\u{202e}3pm.exe",
            "a\u{200b}.mp3",
            "\u{feff}a.mp3",
            "a\u{308}.mp3",
            &long,
        ] {
            let Err(Error::Setting { key: "name", reason }) = check("name", name) else {
                panic!("{name:?} is taken");
            };
            assert!(reason.starts_with(&format!("{name:?} ")), "{reason}");
        }
    }
}
