use super::*;
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The byte at a position.
fn byte(at: u64) -> u8 {
    (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8
}

fn bytes(from: u64, count: usize) -> Vec<u8> {
    (from..from + count as u64).map(byte).collect()
}

fn new() -> (InletWriter, Inlet) {
    inlet(Instant::now(), (), || ())
}

/// Reads what is there.
fn read(inlet: &mut Inlet, most: usize) -> Vec<u8> {
    let mut buffer = vec![0; most];
    let count = inlet.read(&mut buffer).unwrap();
    buffer.truncate(count);
    buffer
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    Read(usize),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop_oneof![1..10_usize, 1..40_000_usize, Just(300_000)].prop_map(Step::Push),
        4 => (1..50_000_usize).prop_map(Step::Read),
        1 => (1..2_000_u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_byte_is_read_in_order_or_lost_and_counted(steps in steps()) {
        let mut now = Instant::now();
        let (mut writer, mut inlet) = inlet(now, (), || ());
        let handle = inlet.handle();
        let (mut pushed, mut read_bytes, mut lost, mut gaps) = (0, 0, 0, 0);
        for step in steps {
            match step {
                Step::Push(count) => {
                    lost += writer.push(&bytes(pushed, count), now);
                    pushed += count as u64;
                    prop_assert_eq!(handle.silent_since(), now);
                }
                Step::Read(most) => {
                    // A read without bytes would wait.
                    if pushed == lost + read_bytes {
                        continue;
                    }
                    let before = inlet.position();
                    let got = read(&mut inlet, most);
                    let start = inlet.position().0 - got.len() as u64;
                    prop_assert!(!got.is_empty() && start >= before.0);
                    prop_assert!(got.iter().zip(start..).all(|(got, at)| *got == byte(at)));
                    gaps += start - before.0;
                    read_bytes += got.len() as u64;
                }
                Step::Pass(millis) => now += Duration::from_millis(millis),
            }
            prop_assert_eq!((handle.received_bytes(), handle.lost_bytes()), (pushed, lost));
            let waiting = pushed - lost - read_bytes;
            prop_assert!(waiting <= (MOST_ROOM + PIECE) as u64, "{} wait", waiting);
            prop_assert!(gaps <= lost);
        }
        drop(writer);
        loop {
            let before = inlet.position();
            let got = read(&mut inlet, 50_000);
            if got.is_empty() {
                break;
            }
            gaps += inlet.position().0 - got.len() as u64 - before.0;
            read_bytes += got.len() as u64;
        }
        prop_assert_eq!((read_bytes + lost, gaps), (pushed, lost));
    }
}

#[test]
fn it_begins_small_and_holds_ten_seconds_of_what_was_measured() {
    let mut now = Instant::now();
    let (mut writer, inlet) = inlet(now, (), || ());
    let handle = inlet.handle();
    let mut second = |bytes: usize| {
        for part in vec![0; bytes].chunks(1_000) {
            writer.push(part, now);
        }
        now += Duration::from_secs(1);
        writer.push(&[0], now);
        handle.shared.lock().room * PIECE
    };
    // 128 kbit/s fit into the least room; 1,411 kbit/s do not.
    assert_eq!(second(16_000), LEAST_ROOM);
    assert!((700_000..=720_000).contains(&second(70_000)));
    assert!((700_000..=720_000).contains(&second(1_000)), "it does not shrink");
    assert_eq!(second(12_500_000), MOST_ROOM);
    let state = handle.shared.lock();
    assert!(state.pieces.len() + state.spare.len() <= MOST_ROOM / PIECE);
}

#[test]
fn single_bytes_share_a_piece() {
    let (mut writer, mut inlet) = new();
    for at in 0..PIECE as u64 + 1 {
        writer.push(&[byte(at)], Instant::now());
    }
    assert_eq!(inlet.handle.shared.lock().pieces.len(), 2);
    assert_eq!(read(&mut inlet, 1 << 20), bytes(0, PIECE));
    assert_eq!(read(&mut inlet, 1 << 20), bytes(PIECE as u64, 1));
    writer.push(&[7], Instant::now());
    assert_eq!(inlet.handle.shared.lock().spare.len(), 0, "the piece that was read is used again");
}

#[test]
fn a_reader_waits_for_bytes_and_for_the_end() {
    let (mut writer, mut inlet) = new();
    let handle = inlet.handle();
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        inlet.read_to_end(&mut all).unwrap();
        (all, inlet.handle().end())
    });
    for at in 0..1_000 {
        writer.push(&bytes(at * 10, 10), Instant::now());
        if at % 100 == 0 {
            // Sometimes the reader sleeps before the next bytes.
            while !handle.shared.lock().is_awaited {
                thread::yield_now();
            }
        }
    }
    writer.finish(SourceEnd::Complete);
    drop(writer);
    assert_eq!(reader.join().unwrap(), (bytes(0, 10_000), Some(SourceEnd::Complete)));
}

#[test]
fn a_kick_ends_a_waiting_read_and_closes_the_connection_once() {
    let closed = Arc::new(AtomicUsize::new(0));
    let (mut writer, mut inlet) = inlet(Instant::now(), (), {
        let closed = Arc::clone(&closed);
        move || {
            closed.fetch_add(1, Ordering::Relaxed);
        }
    });
    let handle = inlet.handle();
    let reader = thread::spawn(move || {
        assert_eq!(inlet.read(&mut [0; 9]).unwrap(), 0);
        inlet
    });
    while !handle.shared.lock().is_awaited {
        thread::yield_now();
    }
    handle.kick("over");
    let mut inlet = reader.join().unwrap();
    handle.kick("again");
    assert_eq!(writer.push(b"late", Instant::now()), 0);
    assert_eq!(inlet.read(&mut [0; 9]).unwrap(), 0);
    writer.finish(SourceEnd::Left);
    drop(inlet);
    assert_eq!(handle.end(), Some(SourceEnd::Kicked("over".into())));
    assert_eq!((handle.received_bytes(), closed.load(Ordering::Relaxed)), (0, 1));
}

#[test]
fn what_came_before_the_end_is_read_but_not_after_a_kick() {
    let (mut writer, mut inlet) = new();
    writer.push(b"abc", Instant::now());
    drop(writer);
    assert_eq!(inlet.handle().end(), Some(SourceEnd::ServerStopped));
    assert_eq!((read(&mut inlet, 9), read(&mut inlet, 9)), (b"abc".to_vec(), Vec::new()));
    let (mut writer, mut inlet) = new();
    writer.push(b"abc", Instant::now());
    inlet.handle().kick("over");
    assert_eq!(read(&mut inlet, 9), b"");
}
