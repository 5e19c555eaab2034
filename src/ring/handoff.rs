//! The queue of packets from one producer's thread to the reactor. It has no locks, and neither side waits.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam::queue::ArrayQueue;

use super::wake::WakeFlag;
use crate::packet::TitledPacket;

/// Wakes the reactor of a server. All threads that have work for it share the doorbell.
pub(crate) struct Doorbell {
    flag: WakeFlag,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Doorbell {
    pub(crate) fn new(wake: impl Fn() + Send + Sync + 'static) -> Doorbell {
        Doorbell { flag: WakeFlag::new(), wake: Box::new(wake) }
    }

    /// Wakes the reactor, if that has not happened since its last look. It is called after the work is where
    /// the reactor looks for it.
    pub(crate) fn ring(&self) {
        if self.flag.raise() {
            (self.wake)();
        }
    }

    /// Notes that the reactor looks for work now. The reactor calls it before it looks.
    pub(crate) fn answer(&self) {
        self.flag.clear();
    }
}

impl fmt::Debug for Doorbell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doorbell").field("flag", &self.flag).finish_non_exhaustive()
    }
}

/// A bounded ring from one producer to the reactor.
pub(crate) fn handoff(packets: usize, doorbell: Arc<Doorbell>) -> (HandoffWriter, HandoffReader) {
    let ring = Arc::new(Ring {
        queue: ArrayQueue::new(packets),
        dropped: AtomicU64::new(0),
        ended: AtomicBool::new(false),
        abandoned: AtomicBool::new(false),
    });
    (HandoffWriter { ring: Arc::clone(&ring), doorbell }, HandoffReader { ring })
}

#[derive(Debug)]
struct Ring {
    queue: ArrayQueue<TitledPacket>,
    /// Packets that were lost because the reactor was away for longer than the queue lasts.
    dropped: AtomicU64,
    /// Whether the producer is gone. It is stored after the last push (Release) and loaded before the last
    /// drain (Acquire), so a drain after it has everything.
    ended: AtomicBool,
    /// Whether the reactor has dropped its end.
    abandoned: AtomicBool,
}

/// The producer's end. Dropping it tells the reactor that nothing more will come.
#[derive(Debug)]
pub(crate) struct HandoffWriter {
    ring: Arc<Ring>,
    doorbell: Arc<Doorbell>,
}

impl HandoffWriter {
    /// Pushes a packet without waiting. If the ring is full, the oldest packet is dropped and counted.
    pub(crate) fn push(&mut self, packet: TitledPacket) {
        if self.push_quietly(packet) {
            self.doorbell.ring();
        }
    }

    /// Pushes a packet without waking the reactor. Call [`ring`](Self::ring) after the last of several.
    /// Returns false if the reactor has dropped its end.
    pub(crate) fn push_quietly(&mut self, packet: TitledPacket) -> bool {
        let reads = !self.is_abandoned();
        if reads && self.ring.queue.force_push(packet).is_some() {
            self.ring.dropped.fetch_add(1, Ordering::Relaxed);
        }
        reads
    }

    /// Wakes the reactor for packets that were pushed quietly.
    pub(crate) fn ring(&self) {
        self.doorbell.ring();
    }

    /// Counts a packet as dropped that no mount could take.
    pub(crate) fn count_drop(&mut self) {
        self.ring.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Pushes a packet, or gives it back if the ring is full.
    pub(crate) fn try_push(&mut self, packet: TitledPacket) -> Result<(), TitledPacket> {
        if self.is_abandoned() {
            return Ok(());
        }
        self.ring.queue.push(packet)?;
        self.doorbell.ring();
        Ok(())
    }

    /// Whether the reactor has dropped its end. Pushed packets have no effect then.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.ring.abandoned.load(Ordering::Relaxed)
    }
}

impl Drop for HandoffWriter {
    fn drop(&mut self) {
        self.ring.ended.store(true, Ordering::Release);
        self.doorbell.ring();
    }
}

/// The reactor's end.
#[derive(Debug)]
pub(crate) struct HandoffReader {
    ring: Arc<Ring>,
}

impl HandoffReader {
    pub(crate) fn pop(&self) -> Option<TitledPacket> {
        self.ring.queue.pop()
    }

    /// The number of packets that wait now.
    pub(crate) fn waiting(&self) -> usize {
        self.ring.queue.len()
    }

    /// The number of packets that may wait.
    pub(crate) fn capacity(&self) -> usize {
        self.ring.queue.capacity()
    }

    /// Whether the producer is gone. Ask before a drain, not after it.
    pub(crate) fn has_ended(&self) -> bool {
        self.ring.ended.load(Ordering::Acquire)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.ring.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for HandoffReader {
    fn drop(&mut self) {
        self.ring.abandoned.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Title;
    use crate::packet::Packet;
    use std::sync::atomic::AtomicUsize;

    fn packet(number: u8) -> TitledPacket {
        let title = Arc::new(Title::new(format!("title {number}")));
        TitledPacket { packet: Packet { bytes: Box::new([number]), frames: 1152 }, title, header: None }
    }

    fn numbers(reader: &HandoffReader) -> Vec<u8> {
        std::iter::from_fn(|| reader.pop()).map(|titled| titled.packet.bytes[0]).collect()
    }

    fn counting_doorbell() -> (Arc<Doorbell>, Arc<AtomicUsize>) {
        let rung = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&rung);
        let doorbell = Doorbell::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        (Arc::new(doorbell), rung)
    }

    #[test]
    fn a_full_ring_loses_its_oldest_packets_and_counts_them() {
        let (mut writer, reader) = handoff(4, counting_doorbell().0);
        for number in 0..10 {
            writer.push(packet(number));
        }
        assert_eq!(numbers(&reader), [6, 7, 8, 9]);
        assert_eq!(reader.dropped(), 6);
    }

    #[test]
    fn try_push_gives_the_packet_back_and_loses_nothing() {
        let (mut writer, reader) = handoff(2, counting_doorbell().0);
        assert!(writer.try_push(packet(0)).is_ok());
        assert!(writer.try_push(packet(1)).is_ok());
        assert_eq!(writer.try_push(packet(2)).unwrap_err().packet.bytes[0], 2);
        assert_eq!(numbers(&reader), [0, 1]);
        assert_eq!(reader.dropped(), 0);
    }

    #[test]
    fn many_pushes_ring_once_until_the_reactor_looks() {
        let (doorbell, rung) = counting_doorbell();
        let (mut writer, reader) = handoff(8, Arc::clone(&doorbell));
        for number in 0..5 {
            writer.push(packet(number));
        }
        assert_eq!(rung.load(Ordering::Relaxed), 1);
        doorbell.answer();
        assert_eq!(numbers(&reader).len(), 5);
        writer.push(packet(5));
        assert_eq!(rung.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn what_is_pushed_together_rings_once_however_quick_the_reactor_is() {
        let (doorbell, rung) = counting_doorbell();
        let (mut writer, reader) = handoff(8, Arc::clone(&doorbell));
        for number in 0..5 {
            doorbell.answer();
            assert!(writer.push_quietly(packet(number)));
        }
        writer.ring();
        assert_eq!((rung.load(Ordering::Relaxed), numbers(&reader)), (1, vec![0, 1, 2, 3, 4]));
        drop(reader);
        assert!(!writer.push_quietly(packet(5)));
    }

    #[test]
    fn the_last_packets_are_there_when_the_end_is_seen() {
        let (doorbell, rung) = counting_doorbell();
        let (mut writer, reader) = handoff(8, Arc::clone(&doorbell));
        writer.push(packet(7));
        assert!(!reader.has_ended());
        doorbell.answer();
        drop(writer);
        assert_eq!(rung.load(Ordering::Relaxed), 2);
        assert!(reader.has_ended());
        assert_eq!(numbers(&reader), [7]);
    }

    #[test]
    fn a_ring_that_nobody_drains_takes_everything_and_keeps_nothing() {
        let (mut writer, reader) = handoff(1, counting_doorbell().0);
        drop(reader);
        assert!(writer.is_abandoned());
        writer.push(packet(0));
        assert!(writer.try_push(packet(1)).is_ok());
        assert!(writer.try_push(packet(2)).is_ok());
    }

    #[test]
    fn packets_cross_threads_in_order_while_the_reader_keeps_up_or_not() {
        let (mut writer, reader) = handoff(64, counting_doorbell().0);
        let producer = std::thread::spawn(move || {
            for round in 0..2_000_u32 {
                writer.push(packet((round % 251) as u8));
            }
        });
        let mut seen = Vec::new();
        loop {
            let ended = reader.has_ended();
            seen.extend(numbers(&reader));
            if ended {
                break;
            }
        }
        producer.join().unwrap();
        assert_eq!(seen.len() as u64 + reader.dropped(), 2_000);
        // In order: the sequence 0..=250 repeats, and each number must be found further on.
        let mut expected = 0_u64;
        for number in &seen {
            while expected % 251 != u64::from(*number) {
                expected += 1;
            }
            expected += 1;
        }
        assert!(expected <= 2_000, "out of order");
    }
}
