//! Enums whose variants have names in text, and names that people give.

/// Declares an enum and the name of each variant. `ALL`, `as_str` and `named` are derived from the one list.
macro_rules! named {
    (
        $(#[$about:meta])*
        $visibility:vis enum $Enum:ident {
            $($(#[$about_variant:meta])* $Variant:ident = $name:literal,)+
        }
    ) => {
        $(#[$about])*
        $visibility enum $Enum {
            $($(#[$about_variant])* $Variant,)+
        }

        impl $Enum {
            /// All of them, in the order of their declaration.
            $visibility const ALL: &'static [$Enum] = &[$($Enum::$Variant,)+];

            /// Its name in configuration, logs and JSON.
            $visibility const fn as_str(self) -> &'static str {
                match self {
                    $($Enum::$Variant => $name,)+
                }
            }

            /// The one with this name.
            $visibility fn named(name: &str) -> Option<$Enum> {
                $Enum::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }
    };
}

pub(crate) use named;

/// The longest name that a person gives, in characters.
const LONGEST: usize = 100;

/// Refuses a name that could not be a part of an address, or read aloud. `what` is what it is given to: a
/// "playlist".
pub(crate) fn check_plain(name: &str, what: &str) -> Result<(), String> {
    // Browsers take "." and ".." out of an address.
    let is_plain = name.trim() == name
        && ![".", ".."].contains(&name)
        && !name.contains(|c: char| c == '/' || c.is_control());
    if (1..=LONGEST).contains(&name.chars().count()) && is_plain {
        return Ok(());
    }
    let rule = format!("1 to {LONGEST} characters, without \"/\", control characters and spaces around it");
    Err(format!("{name:?} is not a name for a {what}: {rule}"))
}
