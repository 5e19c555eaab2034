//! Fallbacks: which mount stands in for another. Values in, values out.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::server::mount_settings::MountSettings;

/// So many mounts that are off the air have their fallback remembered. The one that ended first is forgotten
/// first.
const REMEMBERED: usize = 256;
/// No chain of fallbacks is followed further. Fallbacks that are remembered may form a circle with those of
/// new mounts.
pub(super) const LONGEST_CHAIN: usize = 16;

/// The fallbacks of mounts that are off the air, so that a chain goes on past a mount that is missing.
#[derive(Debug, Default)]
pub(super) struct Fallbacks {
    absent: VecDeque<Absent>,
    /// Mounts that are declared and may be off the air for long. They are as many as the configuration has.
    declared: HashMap<Arc<str>, Arc<MountSettings>>,
}

#[derive(Debug)]
struct Absent {
    path: Arc<str>,
    settings: Arc<MountSettings>,
}

impl Fallbacks {
    /// A mount has left the air.
    pub(super) fn remember(&mut self, path: &Arc<str>, settings: &Arc<MountSettings>) {
        if settings.fallback_mount.is_none() {
            return;
        }
        self.forget(path);
        if self.absent.len() == REMEMBERED {
            self.absent.pop_front();
        }
        self.absent.push_back(Absent { path: Arc::clone(path), settings: Arc::clone(settings) });
    }

    /// A mount is on the air again, with a fallback of its own.
    pub(super) fn forget(&mut self, path: &str) {
        self.absent.retain(|absent| &*absent.path != path);
    }

    /// A mount is declared. Its settings count while it is off the air, until they are taken back (`None`).
    pub(super) fn declare(&mut self, path: &str, settings: Option<Arc<MountSettings>>) {
        self.forget(path);
        match settings {
            Some(settings) => _ = self.declared.insert(path.into(), settings),
            None => _ = self.declared.remove(path),
        }
    }

    /// The settings of a mount that is off the air, if it has a fallback.
    pub(super) fn find(&self, path: &str) -> Option<&Arc<MountSettings>> {
        let absent = || self.absent.iter().find(|absent| &*absent.path == path);
        self.declared.get(path).or_else(|| absent().map(|absent| &absent.settings))
    }
}

impl MountSettings {
    /// Whether listeners of `other` can go on with this mount. A declared mount whose source decides its
    /// content type has none (an empty one) until the source is there.
    pub(super) fn can_stand_in_for(&self, other: &MountSettings) -> bool {
        let is_open = self.content_type.is_empty() || other.content_type.is_empty();
        is_open || self.content_type.eq_ignore_ascii_case(&other.content_type)
    }
}

/// Refuses a mount if its fallback cannot work, or if it cannot work as the fallback of one of the others.
/// The order of declaration does not matter, and a fallback need not exist yet.
pub(crate) fn check(new: &MountSettings, others: &[&MountSettings]) -> Result<(), String> {
    let path = &new.path;
    let refuse = |mount: &MountSettings, stand_in: &MountSettings| {
        format!(
            "the listeners of {} ({}) cannot go on with {} ({}): a fallback is of the same content type",
            mount.path, mount.content_type, stand_in.path, stand_in.content_type
        )
    };
    if let Some(other) = others
        .iter()
        .find(|other| other.fallback_mount.as_ref() == Some(path) && !new.can_stand_in_for(other))
    {
        return Err(refuse(other, new));
    }
    let Some(first) = &new.fallback_mount else { return Ok(()) };
    if first == path {
        return Err(format!("{path} cannot stand in for itself: name another mount"));
    }
    let mut chain = vec![path.as_str()];
    let mut next = Some(first.as_str());
    while let Some(link) = next {
        chain.push(link);
        if link == path {
            return Err(format!("{} is a circle: one of them must end", chain.join(" → ")));
        }
        if chain.len() > LONGEST_CHAIN {
            return Err(format!("{}… is too long: {LONGEST_CHAIN} mounts in a row", chain.join(" → ")));
        }
        let Some(other) = others.iter().find(|other| other.path == link) else { break };
        if !other.can_stand_in_for(new) {
            return Err(refuse(new, other));
        }
        next = other.fallback_mount.as_deref();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(path: &str, content_type: &str, fallback: &str) -> MountSettings {
        MountSettings {
            path: path.into(),
            content_type: content_type.into(),
            fallback_mount: (!fallback.is_empty()).then(|| fallback.into()),
            ..MountSettings::default()
        }
    }

    fn refusal(new: &MountSettings, others: &[MountSettings]) -> String {
        check(new, &others.iter().collect::<Vec<_>>()).expect_err("it cannot work")
    }

    #[test]
    fn a_fallback_is_of_the_same_type_whichever_is_declared_first() {
        let (mp3, aac) = (mount("/a", "audio/mpeg", "/b"), mount("/b", "audio/aac", ""));
        let reason = "the listeners of /a (audio/mpeg) cannot go on with /b (audio/aac): a fallback is \
                      of the same content type";
        assert_eq!(refusal(&mp3, std::slice::from_ref(&aac)), reason);
        assert_eq!(refusal(&aac, std::slice::from_ref(&mp3)), reason);
        let (b, c) = (mount("/b", "audio/mpeg", "/c"), mount("/c", "audio/mpeg", ""));
        assert_eq!(check(&mp3, &[&b, &c]), Ok(()));
        assert_eq!(check(&mp3, &[]), Ok(()), "it may come later");
    }

    #[test]
    fn a_circle_is_refused() {
        let [a, b, c] = [("/a", "/b"), ("/b", "/c"), ("/c", "/a")].map(|(path, to)| mount(path, "x/y", to));
        assert_eq!(
            refusal(&mount("/a", "x/y", "/a"), &[]),
            "/a cannot stand in for itself: name another mount"
        );
        assert_eq!(check(&b, &[&a]), Ok(()));
        let text = refusal(&c, &[a, b]);
        assert_eq!(text, "/c → /a → /b → /c is a circle: one of them must end");
    }

    #[test]
    fn a_chain_has_an_end() {
        let link = |n: usize| mount(&format!("/{n}"), "x/y", &format!("/{}", n + 1));
        let others: Vec<_> = (1..LONGEST_CHAIN - 1).map(link).collect();
        assert_eq!(check(&link(0), &others.iter().collect::<Vec<_>>()), Ok(()));
        let more: Vec<_> = (1..100).map(link).collect();
        assert!(refusal(&link(0), &more).ends_with("is too long: 16 mounts in a row"));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut fallbacks = Fallbacks::default();
        for n in 0..REMEMBERED + 10 {
            let settings = Arc::new(mount(&format!("/{n}"), "x/y", "/other"));
            fallbacks.remember(&settings.path.as_str().into(), &settings);
        }
        assert!(fallbacks.find("/9").is_none() && fallbacks.find("/10").is_some());
        fallbacks.remember(&"/plain".into(), &Arc::new(mount("/plain", "x/y", "")));
        assert!(fallbacks.find("/plain").is_none());
        fallbacks.forget("/10");
        assert!(fallbacks.find("/10").is_none());
    }

    #[test]
    fn what_is_declared_is_remembered_until_it_is_taken_back() {
        let mut fallbacks = Fallbacks::default();
        let declared = Arc::new(mount("/guest", "", "/radio"));
        fallbacks.declare("/guest", Some(Arc::clone(&declared)));
        for n in 0..REMEMBERED + 10 {
            let settings = Arc::new(mount(&format!("/{n}"), "x/y", "/other"));
            fallbacks.remember(&settings.path.as_str().into(), &settings);
        }
        fallbacks.forget("/guest");
        assert_eq!(fallbacks.find("/guest"), Some(&declared));
        fallbacks.declare("/guest", None);
        assert_eq!(fallbacks.find("/guest"), None);
    }

    #[test]
    fn a_mount_without_a_content_type_yet_goes_with_any() {
        let (open, mp3) = (mount("/guest", "", "/radio"), mount("/radio", "audio/mpeg", ""));
        assert_eq!(check(&open, &[&mp3]), Ok(()));
        let aac = mount("/radio", "audio/aac", "/guest");
        assert_eq!(check(&aac, &[&mount("/guest", "", "")]), Ok(()));
    }
}
