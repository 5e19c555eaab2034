//! Roles and the rights that each of them has.

use std::str::FromStr;

/// An action that a role may allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Right {
    /// To read: state, events, listeners.
    Look,
    /// To drive a pipeline: its queue, its decks, what plays now, announcements, live inputs.
    Play,
    /// To change the station: its playlists and outputs, its listeners and sources, its configuration.
    Change,
    /// To send a stream, as a source.
    Send,
    /// To read the metrics. Every role has it.
    Measure,
}

impl Right {
    /// The name in the API: `look`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Right::Look => "look",
            Right::Play => "play",
            Right::Change => "change",
            Right::Send => "send",
            Right::Measure => "measure",
        }
    }
}

/// Declares the roles, one line each: documentation, variant, name, rights. A user has the rights of the
/// role. No role includes another.
macro_rules! roles {
    ($($(#[$doc:meta])+ $role:ident = $name:literal: $($right:ident)+;)+) => {
        /// The permissions of a user or a token: a named set of [`Right`]s.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Role {
            $($(#[$doc])+ $role,)+
        }

        impl Role {
            /// All roles.
            pub const ALL: &[Role] = &[$(Role::$role),+];

            /// The name in the users file and on the command line: `viewer`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Role::$role => $name,)+
                }
            }

            /// All rights of the role.
            pub const fn rights(self) -> &'static [Right] {
                match self {
                    $(Role::$role => &[$(Right::$right),+],)+
                }
            }
        }
    };
}

roles! {
    /// May read.
    Viewer = "viewer": Look Measure;
    /// May send a stream, and read the metrics.
    Source = "source": Send Measure;
    /// May read, drive pipelines (queue, decks, announcements, live inputs), and send a stream.
    Dj = "dj": Look Play Send Measure;
    /// May read and change everything, and send a stream.
    Admin = "admin": Look Play Change Send Measure;
}

impl Role {
    /// Whether the role has this right.
    pub fn may(self, right: Right) -> bool {
        self.rights().contains(&right)
    }

    /// The name with its article: "an admin".
    fn described(self) -> String {
        let name = self.as_str();
        let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        format!("{article} {name}")
    }
}

/// The reason why the user with this name may not do what needs `right`.
pub(super) fn refusal(name: &str, role: Role, right: Right) -> String {
    let sufficient: Vec<_> =
        Role::ALL.iter().filter(|role| role.may(right)).map(|role| role.described()).collect();
    format!("{name} is {}: this needs {}", role.described(), one_of(&sufficient))
}

/// "a source, a dj or an admin".
pub(super) fn one_of<T: AsRef<str>>(names: &[T]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        names => names.concat(),
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Role, String> {
        Role::ALL.iter().copied().find(|role| role.as_str() == text).ok_or_else(|| {
            let mut names: Vec<_> = Role::ALL.iter().map(|role| format!("{:?}", role.as_str())).collect();
            names.sort();
            format!("{text:?} is no role: {}", names.join(" or "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_allows_its_rights_and_no_other() {
        assert!(Role::Viewer.may(Right::Look) && !Role::Viewer.may(Right::Change));
        assert!(!Role::Viewer.may(Right::Send));
        assert_eq!(Role::Source.rights(), [Right::Send, Right::Measure]);
        assert_eq!(Role::Dj.rights(), [Right::Look, Right::Play, Right::Send, Right::Measure]);
        assert!(Role::ALL.iter().all(|role| role.may(Right::Measure)));
        let all = [Right::Look, Right::Play, Right::Change, Right::Send, Right::Measure];
        assert!(all.iter().all(|right| Role::Admin.may(*right)));
    }

    #[test]
    fn a_role_is_read_as_it_is_written() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(*role));
        }
        let error = "root".parse::<Role>().unwrap_err();
        assert_eq!(error, "\"root\" is no role: \"admin\" or \"dj\" or \"source\" or \"viewer\"");
    }

    #[test]
    fn a_refusal_says_which_roles_would_do() {
        let refusal = refusal("script", Role::Viewer, Right::Change);
        assert_eq!(refusal, "script is a viewer: this needs an admin");
        let refusal = super::refusal("script", Role::Viewer, Right::Send);
        assert_eq!(refusal, "script is a viewer: this needs a source, a dj or an admin");
    }
}
