//! The producer's side of a mount.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::fallbacks;
use super::info::{MountBoard, MountInfo};
use crate::error::{Error, Result};
use crate::event::{Emitter, Event};
use crate::packet::TitledPacket;
use crate::ring::{HandoffWriter, RecordTap};
use crate::server::mount_settings::MountSettings;

/// A handoff holds so much. If the reactor is away for longer, packets are lost.
const HANDOFF_SECONDS: usize = 10;
/// The shortest usual packet, which is AAC's.
const PACKET_FRAMES: usize = 1024;
/// Larger packets do not fit into every backlog. (An Ogg page has 65,307 bytes at most.)
const MAX_PACKET: usize = 64 * 1024;

/// Feeds a mount with packets, from any one thread. Dropping it ends the mount in order: its
/// listeners get what is due, then a close.
#[derive(Debug)]
pub struct MountWriter {
    handoff: HandoffWriter,
    board: Arc<MountBoard>,
    registry: Registry,
    events: Emitter,
    /// Takes a copy of what is sent, for a recording.
    tap: Option<RecordTap>,
}

/// How many packets a mount's handoff holds.
pub(crate) fn handoff_packets(settings: &MountSettings) -> usize {
    settings.packet_rate().hz() as usize * HANDOFF_SECONDS / PACKET_FRAMES
}

impl MountWriter {
    pub(crate) fn new(
        handoff: HandoffWriter,
        board: Arc<MountBoard>,
        registry: Registry,
        events: Emitter,
    ) -> MountWriter {
        MountWriter { handoff, board, registry, events, tap: None }
    }

    /// Has a tap take a copy of what is sent from now on.
    pub(crate) fn recorded_by(mut self, tap: RecordTap) -> MountWriter {
        self.tap = Some(tap);
        self
    }

    /// Sends a packet on its way. It never waits. If the server has been away for so long that ten seconds of
    /// packets wait, the oldest packet is lost and counted.
    pub fn push(&mut self, packet: TitledPacket) {
        self.push_all([packet]);
    }

    /// Sends packets on their way together, as [`push`](MountWriter::push) does. The server wakes once, after
    /// the last. So the iterator must not wait, and of more than ten seconds of packets the oldest are lost.
    pub fn push_all(&mut self, packets: impl IntoIterator<Item = TitledPacket>) {
        let mut pushed = false;
        for packet in packets {
            if let Some(tap) = &mut self.tap {
                tap.take(&packet.packet, packet.header.as_ref());
            }
            match fits(&packet) {
                true => pushed |= self.handoff.push_quietly(packet),
                false => self.handoff.count_drop(),
            }
        }
        if pushed {
            self.handoff.ring();
        }
        self.send_recorded();
    }

    /// Sends a packet on its way, or gives it back if there is no room for it now. A packet for a mount that
    /// is off the air, or of more than 64 KiB, is taken and dropped.
    pub fn try_push(&mut self, packet: TitledPacket) -> std::result::Result<(), TitledPacket> {
        let recorded = self.tap.as_ref().and_then(|tap| tap.copy_of(&packet.packet, packet.header.as_ref()));
        match fits(&packet) {
            true => self.handoff.try_push(packet)?,
            false => self.handoff.count_drop(),
        }
        if let (Some(tap), Some(recorded)) = (&mut self.tap, recorded) {
            tap.keep(recorded);
        }
        Ok(())
    }

    /// Sends on their way to a recording the packets that [`try_push`](MountWriter::try_push) has taken.
    pub(super) fn send_recorded(&mut self) {
        if let Some(tap) = &mut self.tap {
            tap.send(SystemTime::now());
        }
    }

    /// False once the mount was removed or its server has stopped.
    pub fn is_on_air(&self) -> bool {
        !self.handoff.is_abandoned()
    }

    /// The mount's state and counts.
    pub fn info(&self) -> MountInfo {
        self.board.snapshot()
    }

    /// Says in the mount's state, and by an event, that nothing of what it gets can be read, for this reason,
    /// or that it can again (`None`).
    pub(super) fn tell_unreadable(&self, reason: Option<String>) {
        let mount = self.board.path.to_string();
        self.board.unreadable.store(reason.clone().map(Arc::new));
        self.events.emit(match reason {
            Some(reason) => Event::AudioUnreadable { mount, reason },
            None => Event::AudioReadable { mount },
        });
    }

    pub(super) fn is_unreadable(&self) -> bool {
        self.board.unreadable.load().is_some()
    }

    pub(super) fn count_garbage(&self, bytes: u64) {
        self.board.counters.garbage_bytes.set(bytes);
    }
}

fn fits(packet: &TitledPacket) -> bool {
    packet.packet.bytes.len() <= MAX_PACKET
}

impl Drop for MountWriter {
    fn drop(&mut self) {
        // The path is free at once. The drop of the handoff tells the reactor.
        self.registry.remove(&self.board);
    }
}

/// Which fallbacks a mount may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FallbackRule {
    /// One of the same content type, and no circle.
    Works,
    /// Any. One of another content type is passed over.
    Any,
}

/// The mounts of a server, for the handles. The reactor has its own table and never takes this lock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry(Arc<Mutex<BTreeMap<String, Arc<MountBoard>>>>);

impl Registry {
    /// Adds a mount. Refuses a path that is taken, and fallbacks that cannot work, unless any may be named.
    pub(crate) fn add(&self, board: &Arc<MountBoard>, fallback: FallbackRule) -> Result<()> {
        let mut boards = self.boards();
        let path = &*board.path;
        if boards.contains_key(path) {
            return Err(Error::Exists(format!("the mount {path}")));
        }
        if fallback == FallbackRule::Works {
            let others: Vec<_> = boards.values().map(|other| other.settings()).collect();
            let others: Vec<_> = others.iter().map(|other| &**other).collect();
            fallbacks::check(&board.settings(), &others)
                .map_err(|reason| Error::setting("fallback_mount", reason))?;
        }
        boards.insert(path.to_owned(), Arc::clone(board));
        Ok(())
    }

    /// Removes this very mount, not a later one of the same path.
    pub(crate) fn remove(&self, board: &Arc<MountBoard>) {
        let mut boards = self.boards();
        let path = &*board.path;
        if boards.get(path).is_some_and(|known| Arc::ptr_eq(known, board)) {
            boards.remove(path);
        }
    }

    pub(crate) fn find(&self, path: &str) -> Option<Arc<MountBoard>> {
        self.boards().get(path).cloned()
    }

    /// All mounts, by path.
    pub(crate) fn all(&self) -> Vec<Arc<MountBoard>> {
        self.boards().values().cloned().collect()
    }

    fn boards(&self) -> MutexGuard<'_, BTreeMap<String, Arc<MountBoard>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
