//! What a user may use of a station: all of it, or some paths and pipelines; and at what times.

use std::time::SystemTime;

use super::role::{Right, Role};
use super::slot::{self, Slot, Slotted};
use crate::percent;

/// Begins each option of a line in the users file.
const PATH: &str = ":path=";
const PIPELINE: &str = ":pipeline=";
const SLOT: &str = ":slot=";
const EXPIRES: &str = ":expires=";
/// The longest path. A mount's is not longer.
const LONGEST_PATH: usize = 255;
/// The longest name of a pipeline.
const LONGEST_PIPELINE: usize = 64;
/// The most paths, pipelines and slots that one user is limited to.
const MOST: usize = 64;

/// The limits of a user or a token. An empty list is no limit.
///
/// ```
/// use longwave::UserLimits;
///
/// let limits = UserLimits { paths: vec!["/live".into()], ..UserLimits::default() };
/// assert!(limits.allow_path("/live") && !limits.allow_path("/guest.mp3"));
/// assert!(limits.allow_pipeline("main"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserLimits {
    /// The paths that the user may send a stream to: `/live`.
    pub paths: Vec<String>,
    /// The names of the pipelines that the user may change, and to whose live inputs they may send a stream.
    pub pipelines: Vec<String>,
    /// The times at which the user may send a stream.
    pub slots: Vec<Slot>,
}

impl UserLimits {
    /// Whether the user may send a stream to this path, if the role allows it to send at all.
    pub fn allow_path(&self, path: &str) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|allowed| allowed == path)
    }

    /// Whether the user may change the pipeline of this name, if the role allows it to change anything.
    pub fn allow_pipeline(&self, pipeline: &str) -> bool {
        self.pipelines.is_empty() || self.pipelines.iter().any(|allowed| allowed == pipeline)
    }

    /// Whether the user may send a stream to this path, which is a live input of this pipeline (`None`: a
    /// relayed mount).
    pub fn allow_place(&self, path: &str, pipeline: Option<&str>) -> bool {
        self.allow_path(path) && pipeline.is_none_or(|name| self.allow_pipeline(name))
    }

    /// Where this moment is among the user's slots.
    pub(crate) fn slotted(&self, now: SystemTime) -> Slotted<'_> {
        slot::slotted(&self.slots, now)
    }

    /// Why the user may not send now, if so.
    pub(crate) fn between_slots(&self, now: SystemTime) -> Option<String> {
        match self.slotted(now) {
            Slotted::Always | Slotted::Now(_) => None,
            Slotted::Next(slot, turn) => {
                Some(format!("your next slot begins at {}: come back then", slot.shown(turn.begins)))
            }
            Slotted::Never => Some("you have no slot any more".into()),
        }
    }

    /// Refuses limits that would be written wrong, or that limit nothing of this role.
    pub(super) fn check(&self, role: Role) -> Result<(), (&'static str, String)> {
        let useless = |right, what| {
            let roles: Vec<_> = Role::ALL.iter().filter(|role| role.may(right)).collect();
            let roles: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
            format!(
                "a {} {what} nothing: only the role {} can be limited so",
                role.as_str(),
                super::role::one_of(&roles)
            )
        };
        if !self.paths.is_empty() && !role.may(Right::Send) {
            return Err(("path", useless(Right::Send, "sends")));
        }
        // Whoever may change a pipeline may send to it, too.
        if !self.pipelines.is_empty() && !role.may(Right::Send) {
            return Err(("pipeline", useless(Right::Send, "sends")));
        }
        if !self.slots.is_empty() && !role.may(Right::Send) {
            return Err(("slot", useless(Right::Send, "sends")));
        }
        let counts =
            [("path", self.paths.len()), ("pipeline", self.pipelines.len()), ("slot", self.slots.len())];
        if let Some((key, count)) = counts.into_iter().find(|(_, count)| *count > MOST) {
            return Err((key, format!("{count} are too many: a user has {MOST} of them at most")));
        }
        let no_path = |path: &&String| {
            !path.starts_with('/') || path.len() > LONGEST_PATH || path.contains(char::is_control)
        };
        if let Some(path) = self.paths.iter().find(no_path) {
            return Err(("path", format!("{path:?} is no path: it begins with a slash, as \"/live\"")));
        }
        let no_name = |name: &&String| {
            name.is_empty() || name.len() > LONGEST_PIPELINE || name.contains(char::is_control)
        };
        if let Some(name) = self.pipelines.iter().find(no_name) {
            return Err(("pipeline", format!("{name:?} is no name of a pipeline")));
        }
        Ok(())
    }
}

/// Writes what follows a hash in the users file.
pub(super) fn write_options(limits: &UserLimits, expires: Option<SystemTime>) -> String {
    let slots = limits.slots.iter().map(Slot::to_string).collect();
    let lists = [(PATH, &limits.paths), (PIPELINE, &limits.pipelines), (SLOT, &slots)];
    let options = lists.into_iter().flat_map(|(key, values)| values.iter().map(move |value| (key, value)));
    let mut text: String =
        options.map(|(key, value)| format!("{key}{}", percent::encode_plainly(value.as_bytes()))).collect();
    if let Some(expires) = expires {
        text.push_str(EXPIRES);
        text.push_str(&humantime::format_rfc3339_seconds(expires).to_string());
    }
    text
}

/// Reads a hash and what follows it: `:path=/live:pipeline=main:expires=2026-03-08T12:00:00Z`. The time comes
/// last, since it has colons itself.
pub(super) fn read_options(line: &str) -> Result<(&str, UserLimits, Option<SystemTime>), String> {
    let (line, expires) = match line.split_once(EXPIRES) {
        None => (line, None),
        Some((line, time)) => {
            let time = humantime::parse_rfc3339(time).map_err(|_| format!("{time:?} is no time"))?;
            (line, Some(time))
        }
    };
    let hash = line.split(':').next().unwrap_or_default();
    let (mut options, mut limits) = (&line[hash.len()..], UserLimits::default());
    while !options.is_empty() {
        let end = options[1..].find(':').map_or(options.len(), |at| at + 1);
        let option = &options[..end];
        options = &options[end..];
        let (key, value) = option.find('=').map_or((option, ""), |at| option.split_at(at + 1));
        let text = percent::decode_text(value).ok_or_else(|| format!("{value:?} is not UTF-8"))?;
        match key {
            PATH => limits.paths.push(text.into_owned()),
            PIPELINE => limits.pipelines.push(text.into_owned()),
            SLOT => limits.slots.push(text.parse()?),
            _ => return Err(format!("{:?} is no path=, pipeline=, slot= or expires=", &option[1..])),
        }
    }
    Ok((hash, limits, expires))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(paths: &[&str], pipelines: &[&str]) -> UserLimits {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        UserLimits { paths: owned(paths), pipelines: owned(pipelines), slots: Vec::new() }
    }

    #[test]
    fn an_empty_list_allows_all_and_any_other_what_it_names() {
        assert!(limits(&[], &[]).allow_path("/x") && limits(&[], &[]).allow_pipeline("x"));
        let some = limits(&["/a", "/b"], &["main"]);
        assert!(some.allow_path("/a") && some.allow_path("/b") && some.allow_pipeline("main"));
        assert!(!some.allow_path("/a/b") && !some.allow_path("a") && !some.allow_pipeline("mai"));
    }

    #[test]
    fn options_are_read_as_they_are_written() {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
        for paths in [&[][..], &["/live"], &["/a:path=/b", "/jóga%", "/x"]] {
            for pipelines in [&[][..], &["Björk-2.b_"]] {
                for expires in [None, Some(time)] {
                    let mut limits = limits(paths, pipelines);
                    limits
                        .slots
                        .extend(expires.map(|_| "Mon-Fri 20:00 for 2h in Europe/Berlin".parse().unwrap()));
                    let line = format!("hash{}", write_options(&limits, expires));
                    assert_eq!(read_options(&line), Ok(("hash", limits, expires)), "{line}");
                }
            }
        }
        let text = write_options(&limits(&["/a:b"], &["main"]), Some(time));
        assert_eq!(text, ":path=/a%3Ab:pipeline=main:expires=2027-01-15T08:00:00Z");
        for line in ["hash:", "hash:paths=/a", "hash::path=/a", "hash:path=%ff", "hash:slot=Mon"] {
            assert!(read_options(line).is_err(), "{line}");
        }
    }

    #[test]
    fn what_limits_nothing_or_cannot_be_written_is_refused() {
        let key = |role, paths: &[&str], pipelines: &[&str]| {
            limits(paths, pipelines).check(role).err().map(|(key, _)| key)
        };
        assert_eq!(key(Role::Source, &["/live"], &[]), None);
        assert_eq!(key(Role::Admin, &["/live"], &["main"]), None);
        assert_eq!(key(Role::Viewer, &["/live"], &[]), Some("path"));
        assert_eq!(key(Role::Viewer, &[], &["main"]), Some("pipeline"));
        // The live inputs of a pipeline are its own.
        assert_eq!((key(Role::Source, &[], &["main"]), key(Role::Dj, &[], &["main"])), (None, None));
        for path in ["", "live", "/a\nb", &format!("/{}", "x".repeat(255))] {
            assert_eq!(key(Role::Source, &[path], &[]), Some("path"), "{path:?}");
        }
        assert_eq!(key(Role::Admin, &[], &[""]), Some("pipeline"));
        let (_, reason) = limits(&["/live"], &[]).check(Role::Viewer).unwrap_err();
        assert_eq!(reason, "a viewer sends nothing: only the role source, dj or admin can be limited so");
    }
}
