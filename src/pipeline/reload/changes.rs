//! What differs between two declarations of the same thing, by its keys.

use crate::codec::is_same_encoder;
use crate::library::LibrarySettings;
use crate::pipeline::{OutputSettings, RequestSettings};
use crate::recording::RecordSettings;
use crate::server::MountSettings;
use crate::setting::{Setting, Settings, differences};

/// What differs in the settings of the library.
pub(super) fn changes_of_library(
    old: Option<&LibrarySettings>,
    new: Option<&LibrarySettings>,
) -> Vec<String> {
    match (old, new) {
        (Some(old), Some(new)) => {
            differences(old, new).map(|setting| format!("library.{}", setting.declared.key)).collect()
        }
        (None, None) => Vec::new(),
        _ => vec!["library".into()],
    }
}

/// What differs in the requests of a pipeline: `requests: per_hour, open`.
pub(super) fn changes_of_requests(old: Option<&RequestSettings>, new: Option<&RequestSettings>) -> String {
    match (old, new) {
        (Some(old), Some(new)) => {
            let keys: Vec<_> = differences(old, new).map(|setting| setting.declared.key).collect();
            if keys.is_empty() { String::new() } else { format!("requests: {}", keys.join(", ")) }
        }
        (None, Some(_)) => "requests: added".into(),
        (Some(_), None) => "requests: removed".into(),
        (None, None) => String::new(),
    }
}

/// What differs in a list of things that have a path: `/live: priority, record`. `more` gives keys that their
/// own tables do not have.
pub(super) fn changes_of<S: Settings>(
    old: &[S],
    new: &[S],
    path: fn(&S) -> &String,
    more: impl Fn(&S, &S) -> Vec<&'static str>,
) -> Vec<String> {
    let like = |list: &[S], one: &S| list.iter().position(|other| path(other) == path(one));
    let gone = old.iter().filter(|old| like(new, old).is_none());
    let gone = gone.map(|old| format!("{}: removed", path(old)));
    let changed = new.iter().filter_map(|new| {
        let Some(at) = like(old, new) else { return Some(format!("{}: added", path(new))) };
        let keys = differences(&old[at], new).map(|setting| setting.declared.key);
        let keys: Vec<_> = keys.chain(more(&old[at], new)).collect();
        (!keys.is_empty()).then(|| format!("{}: {}", path(new), keys.join(", ")))
    });
    gone.chain(changed).collect()
}

/// What differs in an output: `encoder`, and the keys of its mount.
pub(super) fn changes(old: &OutputSettings, new: &OutputSettings) -> Vec<&'static str> {
    let encoder = (!is_same_encoder(&old.encoder, &new.encoder)).then_some("encoder");
    let differs = |setting: &&'static Setting<MountSettings>| !(setting.same)(&old.mount, &new.mount);
    let stream = MountSettings::STREAM_KEYS.iter().filter(differs);
    let mount = differences(&old.mount, &new.mount).chain(stream).map(|setting| setting.declared.key);
    encoder.into_iter().chain(mount).chain(of_recording(&old.record, &new.record)).collect()
}

/// The keys of a recording that differ. In another folder, the same name is another one.
pub(super) fn of_recording(old: &RecordSettings, new: &RecordSettings) -> impl Iterator<Item = &'static str> {
    let is_elsewhere = old.base != new.base && old.record == new.record;
    let keys = differences(old, new).map(|setting| setting.declared.key);
    keys.chain(is_elsewhere.then_some("record"))
}
