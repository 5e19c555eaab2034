//! The way of packets into a recording: from the thread that makes or receives them to the thread that writes
//! them to a disk.
//!
//! It never waits. A disk that does not keep up costs the recording: what does not fit is lost and counted.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::packet::Packet;

/// The bytes that may wait for a disk: 100 s of MP3 at 320 kbit/s, half a minute of FLAC.
pub(crate) const WAITING_BYTES: usize = 4 << 20;
/// The batches that may wait: a batch is what a job of 100 ms or a read of a socket gives. So of a low
/// bitrate, three minutes at least.
const WAITING_BATCHES: usize = 2048;

/// Where packets can be recorded: an output, a relayed mount, a live input. The recording can be switched on
/// and off while packets pass.
#[derive(Default)]
pub(crate) struct RecordPoint {
    outlet: ArcSwapOption<Outlet>,
}

/// The way to the thread that writes.
struct Outlet {
    queue: Sender<Batch>,
    waiting: Arc<Waiting>,
    /// Called when something was lost, and nothing had been before. It must return at once.
    on_loss: Box<dyn Fn() + Send + Sync>,
}

/// What both ends share.
#[derive(Debug, Default)]
struct Waiting {
    bytes: AtomicUsize,
    /// Packets that did not fit.
    lost: AtomicU64,
    /// Set by a loss, cleared when something was written after it.
    is_losing: AtomicBool,
}

/// One source's stay on its path, or an output's time on the air. It is one recording, cut or not.
#[derive(Debug)]
pub(crate) struct RecordedSession {
    /// Who sends it.
    pub user: String,
    pub content_type: String,
    has_ended: AtomicBool,
}

/// A packet to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct RecordedPacket {
    pub bytes: Box<[u8]>,
    /// What a file that begins with it needs first.
    pub header: Option<Arc<[u8]>>,
}

/// Packets that came together.
#[derive(Debug)]
pub(crate) struct Batch {
    pub session: Arc<RecordedSession>,
    /// When they came.
    pub at: SystemTime,
    /// How many packets were lost on this way until then. If that has grown, there is a gap before them.
    pub lost_before: u64,
    /// None: only to wake the thread.
    pub packets: Vec<RecordedPacket>,
}

/// The producer's end, which takes a copy of what passes. Dropping it ends the recording of its session,
/// unless that lasts longer.
#[derive(Debug)]
pub(crate) struct RecordTap {
    point: Arc<RecordPoint>,
    session: Arc<RecordedSession>,
    taken: Vec<RecordedPacket>,
    is_last: bool,
}

/// The end of the thread that writes.
#[derive(Debug)]
pub(crate) struct RecordQueue {
    queue: Receiver<Batch>,
    waiting: Arc<Waiting>,
}

impl RecordPoint {
    /// Sends what passes from now on into the queue that this returns.
    pub fn switch_on(&self, on_loss: impl Fn() + Send + Sync + 'static) -> RecordQueue {
        let (sender, queue) = bounded(WAITING_BATCHES);
        let waiting = Arc::<Waiting>::default();
        let outlet = Outlet { queue: sender, waiting: waiting.clone(), on_loss: Box::new(on_loss) };
        self.outlet.store(Some(Arc::new(outlet)));
        RecordQueue { queue, waiting }
    }

    /// Ends the queue: its thread gets what is in it.
    pub fn switch_off(&self) {
        self.outlet.store(None);
    }

    /// A tap for a session of this user.
    pub fn tap(self: &Arc<RecordPoint>, user: &str, content_type: &str) -> RecordTap {
        let session = Arc::new(RecordedSession::new(user, content_type));
        RecordTap { point: Arc::clone(self), session, taken: Vec::new(), is_last: true }
    }

    /// A tap for a part of a session, which goes on until [`end`](RecordPoint::end).
    pub fn tap_of(self: &Arc<RecordPoint>, session: &Arc<RecordedSession>) -> RecordTap {
        let (point, session) = (Arc::clone(self), Arc::clone(session));
        RecordTap { point, session, taken: Vec::new(), is_last: false }
    }

    /// Nothing more comes of a session.
    pub fn end(&self, session: &Arc<RecordedSession>) {
        session.has_ended.store(true, Ordering::Release);
        // If there is no room for it, the thread looks by itself.
        self.send(session, SystemTime::now(), Vec::new());
    }

    fn send(&self, session: &Arc<RecordedSession>, at: SystemTime, packets: Vec<RecordedPacket>) {
        let outlet = self.outlet.load();
        let Some(outlet) = &*outlet else { return };
        let (bytes, count) = (bytes_of(&packets), packets.len() as u64);
        let waiting = &outlet.waiting;
        let lost_before = waiting.lost.load(Ordering::Relaxed);
        let batch = Batch { session: session.clone(), at, lost_before, packets };
        let has_room = waiting.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= WAITING_BYTES;
        if has_room && outlet.queue.try_send(batch).is_ok() {
            return;
        }
        waiting.bytes.fetch_sub(bytes, Ordering::Relaxed);
        waiting.lost.fetch_add(count, Ordering::Relaxed);
        if count > 0 && !waiting.is_losing.swap(true, Ordering::Relaxed) {
            (outlet.on_loss)();
        }
    }
}

impl RecordTap {
    /// Takes a copy of a packet, and of the header that it needs, if it is recorded.
    pub fn take(&mut self, packet: &Packet, header: Option<&Arc<[u8]>>) {
        let copy = self.copy_of(packet, header);
        self.taken.extend(copy);
    }

    /// The same copy, for [`keep`](RecordTap::keep).
    pub fn copy_of(&self, packet: &Packet, header: Option<&Arc<[u8]>>) -> Option<RecordedPacket> {
        self.point.outlet.load().as_ref()?;
        Some(RecordedPacket { bytes: packet.bytes.clone(), header: header.cloned() })
    }

    /// Takes a copy.
    pub fn keep(&mut self, packet: RecordedPacket) {
        self.taken.push(packet);
    }

    /// Sends what was taken on its way. It came at this time.
    pub fn send(&mut self, at: SystemTime) {
        if !self.taken.is_empty() {
            self.point.send(&self.session, at, mem::take(&mut self.taken));
        }
    }
}

impl Drop for RecordTap {
    fn drop(&mut self) {
        if self.is_last {
            self.point.end(&self.session);
        }
    }
}

impl RecordedSession {
    /// A session of this user, which begins.
    pub fn new(user: &str, content_type: &str) -> RecordedSession {
        let (user, content_type) = (user.to_owned(), content_type.to_owned());
        RecordedSession { user, content_type, has_ended: AtomicBool::new(false) }
    }

    /// Whether nothing more comes of it.
    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }
}

impl RecordQueue {
    /// Waits so long for the next packets.
    pub fn recv_timeout(&self, patience: std::time::Duration) -> Result<Batch, RecvTimeoutError> {
        let batch = self.queue.recv_timeout(patience)?;
        self.waiting.bytes.fetch_sub(bytes_of(&batch.packets), Ordering::Relaxed);
        Ok(batch)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many packets did not fit.
    #[cfg(test)]
    pub fn lost(&self) -> u64 {
        self.waiting.lost.load(Ordering::Relaxed)
    }

    /// The disk keeps up again: the next loss is told anew.
    pub fn keeps_up(&self) {
        self.waiting.is_losing.store(false, Ordering::Relaxed);
    }
}

fn bytes_of(packets: &[RecordedPacket]) -> usize {
    packets.iter().map(|packet| packet.bytes.len()).sum()
}

impl fmt::Debug for RecordPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordPoint").field("is_on", &self.outlet.load().is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn packet(bytes: usize) -> Packet {
        Packet { bytes: vec![7; bytes].into(), frames: 1 }
    }

    #[test]
    fn what_does_not_fit_is_lost_counted_and_told_once() {
        let point = Arc::<RecordPoint>::default();
        let mut tap = point.tap("anna", "audio/mpeg");
        tap.take(&packet(10), None);
        tap.send(SystemTime::UNIX_EPOCH);
        let told = Arc::<AtomicU64>::default();
        let counter = told.clone();
        let queue = point.switch_on(move || _ = counter.fetch_add(1, Ordering::Relaxed));
        assert!(queue.is_empty(), "what passed before is not recorded");
        let mut sent = 0;
        for _ in 0..WAITING_BYTES / 65_536 + 10 {
            tap.take(&packet(65_536), None);
            tap.send(SystemTime::UNIX_EPOCH);
            sent += 1;
        }
        let mut received = 0;
        let mut take = || {
            let batch = queue.recv_timeout(Duration::ZERO).ok()?;
            received += batch.packets.len() as u64;
            Some(batch.lost_before)
        };
        while let Some(lost_before) = take() {
            assert_eq!(lost_before, 0);
        }
        assert_eq!((received, queue.lost(), told.load(Ordering::Relaxed)), (64, sent - 64, 1));
        tap.take(&packet(1), None);
        tap.send(SystemTime::UNIX_EPOCH);
        assert_eq!(queue.recv_timeout(Duration::ZERO).unwrap().lost_before, 10, "there is a gap before it");
        // Small batches are bounded, too.
        for _ in 0..WAITING_BATCHES + 5 {
            tap.take(&packet(1), None);
            tap.send(SystemTime::UNIX_EPOCH);
        }
        assert_eq!((queue.lost(), told.load(Ordering::Relaxed)), (15, 1));
        queue.keeps_up();
        tap.take(&packet(1), None);
        tap.send(SystemTime::UNIX_EPOCH);
        assert_eq!((queue.lost(), told.load(Ordering::Relaxed)), (16, 2));
    }

    #[test]
    fn the_end_of_a_tap_and_of_its_point_reach_the_queue() {
        let point = Arc::<RecordPoint>::default();
        let queue = point.switch_on(|| ());
        let mut tap = point.tap("anna", "audio/mpeg");
        tap.take(&packet(1), None);
        tap.send(SystemTime::UNIX_EPOCH);
        drop(tap);
        let first = queue.recv_timeout(Duration::ZERO).unwrap();
        let last = queue.recv_timeout(Duration::ZERO).unwrap();
        assert!(Arc::ptr_eq(&first.session, &last.session) && last.session.has_ended());
        assert_eq!((first.packets.len(), last.packets.len()), (1, 0));
        point.switch_off();
        assert_eq!(queue.recv_timeout(Duration::ZERO).unwrap_err(), RecvTimeoutError::Disconnected);
    }
}
