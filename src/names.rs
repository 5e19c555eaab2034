//! Enums whose variants have names in text.

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
