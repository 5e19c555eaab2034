//! The way of packets from one producer's thread to the reactor, without locks and without waiting.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam::queue::ArrayQueue;

use super::wake::WakeFlag;
use crate::packet::TitledPacket;

/// Wakes the reactor of one server; shared by all who have work for it.
pub(crate) struct Doorbell {
    flag: WakeFlag,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Doorbell {
    pub(crate) fn new(wake: impl Fn() + Send + Sync + 'static) -> Doorbell {
        Doorbell { flag: WakeFlag::new(), wake: Box::new(wake) }
    }

    /// To be rung after the work is where the reactor will look for it.
    pub(crate) fn ring(&self) {
        if self.flag.raise() {
            (self.wake)();
        }
    }

    /// To be called by the reactor before it looks.
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
    /// How many packets were lost because the reactor was away for longer than the queue lasts.
    dropped: AtomicU64,
    /// No packet will be pushed any more. Stored after the last push (Release), loaded before the
    /// last drain (Acquire): who sees it and then drains has everything.
    ended: AtomicBool,
    /// Nobody will drain it any more.
    abandoned: AtomicBool,
}

/// The producer's end. Dropping it tells the reactor that nothing more will come.
#[derive(Debug)]
pub(crate) struct HandoffWriter {
    ring: Arc<Ring>,
    doorbell: Arc<Doorbell>,
}

impl HandoffWriter {
    /// Never waits: when the ring is full, the oldest packet goes, and is counted.
    pub(crate) fn push(&mut self, packet: TitledPacket) {
        if self.push_quietly(packet) {
            self.doorbell.ring();
        }
    }

    /// Without waking the reactor: to be rung for after the last of several. False where it went nowhere.
    pub(crate) fn push_quietly(&mut self, packet: TitledPacket) -> bool {
        let reads = !self.is_abandoned();
        if reads && self.ring.queue.force_push(packet).is_some() {
            self.ring.dropped.fetch_add(1, Ordering::Relaxed);
        }
        reads
    }

    /// Wakes the reactor for what was pushed quietly.
    pub(crate) fn ring(&self) {
        self.doorbell.ring();
    }

    /// A packet is not pushed, because no mount could take it.
    pub(crate) fn count_drop(&mut self) {
        self.ring.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Never drops: when the ring is full, the packet comes back.
    pub(crate) fn try_push(&mut self, packet: TitledPacket) -> Result<(), TitledPacket> {
        if self.is_abandoned() {
            return Ok(());
        }
        self.ring.queue.push(packet)?;
        self.doorbell.ring();
        Ok(())
    }

    /// Whether the reactor has let go of it: what is pushed goes nowhere.
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

    /// Whether the producer is gone. To be asked before a drain, not after it.
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
        // In order: walking the sequence 0..=250 round and round, each number is found ahead.
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
