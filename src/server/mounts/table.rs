//! All mounts of a server, by key and by path.

use std::collections::HashMap;
use std::sync::Arc;

use slab::Slab;

use super::fallbacks::{Fallbacks, LONGEST_CHAIN};
use super::info::MountBoard;
use super::mount::Mount;
use super::producer::Drained;
use crate::error::CloseReason;
use crate::server::Moment;
use crate::server::mount_settings::MountSettings;

/// All mounts of a server. A mount that has ended stays until its listeners are gone.
#[derive(Debug, Default)]
pub(crate) struct Mounts {
    mounts: Slab<Mount>,
    /// The mounts on the air.
    paths: HashMap<Arc<str>, usize>,
    fallbacks: Fallbacks,
}

/// What new packets, and the end of producers, have changed.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// There may be more packets.
    pub(crate) more: bool,
    /// The mounts that got their first packet.
    pub(crate) begun: Vec<usize>,
    /// The mounts whose producer is gone.
    pub(crate) ended: Vec<usize>,
}

impl Mounts {
    /// Puts a mount on the air. A mount that had the path must have ended.
    pub(crate) fn add(&mut self, mount: Mount) {
        let path = Arc::clone(&mount.path);
        self.fallbacks.forget(&path);
        let key = self.mounts.insert(mount);
        let replaced = self.paths.insert(path, key);
        debug_assert!(replaced.is_none(), "two mounts of one path");
    }

    /// Keeps the settings of a declared mount for the time when it is off the air; `None` forgets them.
    pub(crate) fn declare(&mut self, path: &str, settings: Option<Arc<MountSettings>>) {
        self.fallbacks.declare(path, settings);
    }

    /// The mount that has this board.
    pub(crate) fn with_board(&self, board: &Arc<MountBoard>) -> Option<usize> {
        self.mounts.iter().find(|(_, mount)| Arc::ptr_eq(&mount.board, board)).map(|(key, _)| key)
    }

    pub(crate) fn get_mut(&mut self, key: usize) -> &mut Mount {
        &mut self.mounts[key]
    }

    /// Takes a mount off the air.
    pub(crate) fn end(&mut self, key: usize, reason: CloseReason, now: Moment) {
        let mount = &mut self.mounts[key];
        mount.end(reason, now);
        if self.paths.get(&mount.path) == Some(&key) {
            self.paths.remove(&mount.path);
            self.fallbacks.remember(&mount.path, &mount.settings);
        }
        self.forget_if_done(key);
    }

    pub(crate) fn find(&self, path: &str) -> Option<usize> {
        self.paths.get(path).copied()
    }

    /// The mount that a client of `path` hears: the mount itself if it has had audio, else the first of its
    /// fallbacks that has. `playing` is the mount that the client hears already: the content type must be the
    /// same.
    pub(crate) fn resolve(&self, path: &str, playing: Option<&MountSettings>) -> Option<usize> {
        let (mut path, mut playing) = (path, playing);
        for _ in 0..LONGEST_CHAIN {
            let settings = match (self.find(path), self.fallbacks.find(path)) {
                (Some(key), _) => {
                    let mount = &self.mounts[key];
                    let fits = playing.is_none_or(|playing| mount.settings.can_stand_in_for(playing));
                    if fits && mount.has_sounded() {
                        return Some(key);
                    }
                    &mount.settings
                }
                (None, Some(absent)) => absent,
                (None, None) => return None,
            };
            playing = playing.or(Some(settings));
            path = settings.fallback_mount.as_deref()?;
        }
        None
    }

    pub(crate) fn get(&self, key: usize) -> &Mount {
        &self.mounts[key]
    }

    pub(crate) fn attach(&mut self, key: usize) {
        self.mounts[key].attached += 1;
    }

    pub(crate) fn detach(&mut self, key: usize) {
        self.mounts[key].attached -= 1;
        self.forget_if_done(key);
    }

    fn forget_if_done(&mut self, key: usize) {
        if self.mounts[key].end.is_some() && self.mounts[key].attached == 0 {
            self.mounts.remove(key);
        }
    }

    /// Takes the packets that the producers have pushed.
    pub(crate) fn drain(&mut self, now: Moment) -> Changes {
        let mut changes = Changes::default();
        for (key, mount) in &mut self.mounts {
            let had_sounded = mount.has_sounded();
            match mount.drain(now) {
                Drained::Empty => (),
                Drained::Partly => changes.more = true,
                Drained::Ended => changes.ended.push(key),
            }
            if !had_sounded && mount.has_sounded() {
                changes.begun.push(key);
            }
        }
        changes
    }

    /// The mounts on the air, by path.
    pub(crate) fn on_air(&self) -> Vec<&Mount> {
        let mut mounts: Vec<_> = self.paths.values().map(|key| &self.mounts[*key]).collect();
        mounts.sort_by(|a, b| a.path.cmp(&b.path));
        mounts
    }

    /// The mounts that have not ended.
    pub(crate) fn live(&self) -> Vec<usize> {
        let live = self.mounts.iter().filter(|(_, mount)| mount.end.is_none());
        live.map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::mounts::mount::tests::{moment, mp3_mount};

    #[test]
    fn an_ended_mount_leaves_its_path_and_stays_for_its_listeners() {
        let mut mounts = Mounts::default();
        let (first, writer) = mp3_mount();
        mounts.add(first);
        let key = mounts.find("/stream.mp3").unwrap();
        mounts.attach(key);
        mounts.end(key, CloseReason::MountEnded, moment());
        assert!(writer.is_abandoned());
        assert_eq!(mounts.find("/stream.mp3"), None);
        mounts.add(mp3_mount().0);
        let second = mounts.find("/stream.mp3").unwrap();
        assert_ne!(second, key);
        assert!(mounts.get(key).end.is_some() && mounts.get(second).end.is_none());
        mounts.detach(key);
        assert_eq!(mounts.mounts.len(), 1);
        assert_eq!(mounts.on_air().len(), 1);
    }
}
