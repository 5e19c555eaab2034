//! The state of a mount. The reactor keeps it up to date, and any thread reads it; neither waits for the
//! other.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::counters::{Counter, counters};
use crate::metadata::Title;
use crate::server::mount_settings::MountSettings;
use crate::units::StreamPos;

counters! {
    /// The state of a mount, and its counters.
    #[derive(Clone, Debug)]
    #[non_exhaustive]
    pub struct MountInfo {
        /// Its settings.
        pub settings: Arc<MountSettings>,
        /// When it was added.
        pub since: SystemTime,
        /// The title that it announces.
        pub title: Arc<TitleInfo>,
        /// The end of its stream: audio bytes since it was added.
        pub position: StreamPos,
        /// How long that audio sounds.
        pub duration: Duration,
        /// Why listeners hear nothing of what an application writes ([`AudioWriter`](crate::AudioWriter)): "gets
        /// what is not audio/mpeg (it looks like FLAC)". `None` if nothing is wrong.
        pub unreadable: Option<Arc<String>>,
        /// The playlists of the HLS that carry it: `/radio/hls.m3u8`.
        pub hls: Vec<String>,
    }

    /// What the reactor counts for one mount.
    pub(crate) struct MountCounters {}

    counted {
        /// Listeners now. A listener counts from its second second on.
        listeners: Gauge of listeners,
        /// The most listeners at once.
        listener_peak: Gauge of listeners,
        /// Listeners that have come, after their first second or from another mount.
        joins: Counter of listeners,
        /// Packets received.
        packets: Counter of packets,
        /// Packets lost on the way from the producer: the reactor was away for too long, or the packet was
        /// larger than a backlog can hold.
        dropped_packets: Counter of packets,
        /// Packets that waited for the reactor when it last took some.
        waiting_packets: Gauge of packets,
        /// The most packets that have waited for it.
        waiting_packets_peak: Gauge of packets,
        /// Packets that may wait for it.
        max_waiting_packets: Gauge of packets,
        /// Bytes that an application wrote and that belong to no packet of the content type. They were left
        /// out.
        garbage_bytes: Counter of bytes,
        /// Bytes that listeners' sockets took, heads and titles included.
        bytes_sent: Counter of bytes,
        /// Jumps of listeners that fell too far behind, or moved before they had everything.
        skips: Counter of jumps,
        /// Audio bytes that were jumped over.
        skipped_bytes: Counter of bytes,
    }
}

/// The title in force at a mount, and since when.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TitleInfo {
    /// The title.
    pub title: Arc<Title>,
    /// When its first packet reached the mount.
    pub changed_at: SystemTime,
    /// Where that packet begins.
    pub position: StreamPos,
    /// When a listener hears it, who is one burst behind the mount.
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
    pub(crate) counters: MountCounters,
    pub(crate) unreadable: ArcSwapOption<String>,
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
            counters: MountCounters::default(),
            unreadable: ArcSwapOption::empty(),
        }
    }

    pub(crate) fn settings(&self) -> Arc<MountSettings> {
        self.settings.load_full()
    }

    /// Applies new settings. The path stays.
    pub(crate) fn set_settings(&self, settings: Arc<MountSettings>) {
        debug_assert_eq!(*settings.path, *self.path);
        self.settings.store(settings);
    }

    pub(crate) fn snapshot(&self) -> MountInfo {
        let duration = Duration::from_micros(self.micros.get());
        let position = StreamPos(self.position.get());
        let (title, unreadable) = (self.title.load_full(), self.unreadable.load_full());
        self.counters.copy(self.settings(), self.since, title, position, duration, unreadable, Vec::new())
    }
}
