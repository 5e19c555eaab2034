//! What anybody may know of a mount: kept up to date by the reactor, read on any thread, without
//! either waiting for the other.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;

use super::settings::MountSettings;
use super::stats::Counter;
use crate::metadata::Title;
use crate::units::StreamPos;

/// A mount's state and counts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MountInfo {
    /// What it is.
    pub settings: Arc<MountSettings>,
    /// When it was added.
    pub since: SystemTime,
    /// What it announces.
    pub title: Arc<TitleInfo>,
    /// The end of its stream: audio bytes since it was added.
    pub position: StreamPos,
    /// How much audio that is.
    pub duration: Duration,
    /// Listeners now. One counts from its second second on.
    pub listeners: u64,
    /// The most listeners at once.
    pub listener_peak: u64,
    /// Packets received.
    pub packets: u64,
    /// Packets lost on the way from the producer, because the reactor was away for too long or the
    /// packet was larger than a backlog can hold.
    pub dropped_packets: u64,
    /// Bytes that listeners' sockets took, heads and titles included.
    pub bytes_sent: u64,
    /// How often a listener fell so far behind that it had to jump, or moved before it had everything.
    pub skips: u64,
    /// Audio bytes that were jumped over.
    pub skipped_bytes: u64,
}

/// A title in force at a mount, and since when.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TitleInfo {
    /// The title.
    pub title: Arc<Title>,
    /// When its first packet reached the mount.
    pub changed_at: SystemTime,
    /// Where that packet begins.
    pub position: StreamPos,
    /// When a listener who has a burst ahead hears it.
    pub audible_at: SystemTime,
}

/// Shared by the reactor, which writes, and the handles, which read.
#[derive(Debug)]
pub(crate) struct MountBoard {
    /// Never changes.
    pub(crate) path: Arc<str>,
    settings: ArcSwap<MountSettings>,
    since: SystemTime,
    pub(crate) title: ArcSwap<TitleInfo>,
    pub(crate) position: Counter,
    pub(crate) micros: Counter,
    pub(crate) listeners: Counter,
    pub(crate) listener_peak: Counter,
    pub(crate) packets: Counter,
    pub(crate) dropped_packets: Counter,
    pub(crate) bytes_sent: Counter,
    pub(crate) skips: Counter,
    pub(crate) skipped_bytes: Counter,
}

impl MountBoard {
    pub(crate) fn new(settings: Arc<MountSettings>, now: SystemTime) -> MountBoard {
        let title =
            TitleInfo { title: Arc::default(), changed_at: now, position: StreamPos(0), audible_at: now };
        MountBoard {
            path: settings.path.as_str().into(),
            settings: ArcSwap::new(settings),
            since: now,
            title: ArcSwap::from_pointee(title),
            position: Counter::default(),
            micros: Counter::default(),
            listeners: Counter::default(),
            listener_peak: Counter::default(),
            packets: Counter::default(),
            dropped_packets: Counter::default(),
            bytes_sent: Counter::default(),
            skips: Counter::default(),
            skipped_bytes: Counter::default(),
        }
    }

    pub(crate) fn settings(&self) -> Arc<MountSettings> {
        self.settings.load_full()
    }

    /// It is something else from now on, at the same path.
    pub(crate) fn set_settings(&self, settings: Arc<MountSettings>) {
        debug_assert_eq!(*settings.path, *self.path);
        self.settings.store(settings);
    }

    pub(crate) fn snapshot(&self) -> MountInfo {
        MountInfo {
            settings: self.settings(),
            since: self.since,
            title: self.title.load_full(),
            position: StreamPos(self.position.get()),
            duration: Duration::from_micros(self.micros.get()),
            listeners: self.listeners.get(),
            listener_peak: self.listener_peak.get(),
            packets: self.packets.get(),
            dropped_packets: self.dropped_packets.get(),
            bytes_sent: self.bytes_sent.get(),
            skips: self.skips.get(),
            skipped_bytes: self.skipped_bytes.get(),
        }
    }
}
