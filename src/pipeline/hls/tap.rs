//! From an output to the thread that makes its segments.
//!
//! A worker that encodes puts copies of its packets here. They wait until a segment is complete, and go to
//! the thread together, so that it wakes once for a segment. It is never waited for: if it is away for too
//! long, packets are lost and counted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crossbeam::channel::Sender;

use super::publisher::Message;
use crate::engine::line::LinePacket;
use crate::hls::{HlsClock, HlsPacket, ShownTitle};
use crate::metadata::Title;
use crate::server::RoomBoard;

/// Messages that may wait for the thread, of all its variants. It needs milliseconds for a segment.
const WAITING: usize = 256;
/// Packets of one segment that may wait: more than ten seconds of the shortest.
const MOST_PACKETS: usize = 4096;

/// Where the packets of an output go for HLS. Nobody needs to be there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outlets(Arc<Mutex<Vec<Outlet>>>);

/// The way to one thread.
#[derive(Debug)]
struct Outlet {
    to: Sender<Message>,
    /// Counts what is lost.
    room: Arc<RoomBoard>,
    variant: usize,
    clock: HlsClock,
    /// The segment that is being collected. `None`: what comes first goes at once, with its date.
    segment: Option<u64>,
    packets: Vec<HlsPacket>,
    /// The last title, in both forms.
    title: (Arc<Title>, Arc<ShownTitle>),
}

impl Outlets {
    /// Sends copies of all packets from now on, until the receiver is gone.
    pub(super) fn attach(&self, to: Sender<Message>, room: Arc<RoomBoard>, variant: usize, clock: HlsClock) {
        let title = Default::default();
        self.all().push(Outlet { to, room, variant, clock, segment: None, packets: Vec::new(), title });
    }

    /// Sends nothing more to this thread.
    pub(super) fn detach(&self, from: &Sender<Message>) {
        self.all().retain(|outlet| !outlet.to.same_channel(from));
    }

    /// Takes copies of the packets of a job.
    pub fn take(&self, packets: &[LinePacket]) {
        self.all().retain_mut(|outlet| packets.iter().all(|packet| outlet.take(packet)) && outlet.begin());
    }

    /// Only a reload waits for it, or is waited for.
    fn all(&self) -> MutexGuard<'_, Vec<Outlet>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outlet {
    /// Takes a copy. False if the thread is gone.
    fn take(&mut self, packet: &LinePacket) -> bool {
        let LinePacket { titled, at, title_at } = packet;
        if !Arc::ptr_eq(&self.title.0, &titled.title) {
            self.title = (titled.title.clone(), Arc::new(shown(&titled.title)));
        }
        self.packets.push(HlsPacket {
            at: *at,
            frames: titled.packet.frames,
            bytes: titled.packet.bytes.clone(),
            title: self.title.1.clone(),
            title_at: *title_at,
        });
        // The first packet of a segment shows that the one before it is complete.
        let index = self.clock.index_of(*at);
        let is_complete = self.segment.is_some_and(|segment| segment != index);
        match is_complete || self.packets.len() >= MOST_PACKETS {
            true => {
                self.segment = Some(index);
                self.send()
            }
            false => true,
        }
    }

    /// Sends what came first. False if the thread is gone.
    fn begin(&mut self) -> bool {
        let Some(last) = self.packets.last().filter(|_| self.segment.is_none()) else { return true };
        self.segment = Some(self.clock.index_of(last.at));
        self.send()
    }

    fn send(&mut self) -> bool {
        let packets = std::mem::take(&mut self.packets);
        if self.to.len() >= WAITING {
            // It shows as a gap in the positions.
            self.room.lose(packets.len() as u64);
            return true;
        }
        let message = Message::Packets { variant: self.variant, packets, at: SystemTime::now() };
        self.to.send(message).is_ok()
    }
}

/// A title as players of HLS show it.
fn shown(title: &Title) -> ShownTitle {
    match title.parts.as_deref() {
        Some(parts) => ShownTitle::new(
            parts.title.as_deref().unwrap_or(&title.text),
            parts.artist.as_deref(),
            parts.album.as_deref(),
        ),
        None => ShownTitle::new(&title.text, None, None),
    }
}
