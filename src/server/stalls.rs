//! Holds the reactor back again and again, for longer than a handoff lasts. (`tests/server/stalls.rs` stops
//! the whole process instead.)

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use longwave_testing::crowd::{Counted, Crowd, Plan};
use longwave_testing::player::packet_bytes;
use longwave_testing::until;

use super::mounts::mount::tests::{mp3_settings, packet};
use super::tests::{server, stall};
use crate::metadata::Title;

#[test]
fn whatever_the_reactor_misses_nobody_gets_a_broken_packet_and_all_is_counted() {
    // More than one and a half times as long as a handoff lasts.
    let plan = Plan::from_environment((Duration::from_secs(15), Duration::from_secs(25)));
    let server = server();
    let mut writer = server.add_mount(mp3_settings()).unwrap();
    let crowd = Crowd::join(server.local_addrs()[0], 20, plan);
    let seed = longwave_testing::seed();
    println!("{plan:?}, seed {seed}");
    let began = Instant::now();
    let feeder = thread::spawn(move || {
        let mut title = Arc::default();
        let pushed = plan.feed(began, |number| {
            if number.is_multiple_of(100) {
                title = Arc::new(Title::new(format!("title {number}")));
            }
            writer.push(packet(&packet_bytes(number), &title));
        });
        (writer, pushed)
    });
    let mut random = fastrand::Rng::with_seed(seed);
    let mut stalls = 0;
    while Instant::now() + plan.stalls.1 < plan.stalls_until(began) {
        let stalled = stall(&server);
        thread::sleep(plan.a_stall(&mut random));
        drop(stalled);
        stalls += 1;
        // The reactor gets some time between two stalls.
        thread::sleep(plan.a_stall(&mut random) / 2);
    }
    let (writer, pushed) = feeder.join().unwrap();
    until("all packets have arrived", || {
        let info = writer.info();
        info.packets + info.dropped_packets == u64::from(pushed)
    });
    // None of them jumps at the end, and an ended mount does not wait long for those that are behind.
    until("all listeners have caught up", || {
        !server.listeners(None).unwrap().iter().any(|listener| listener.is_behind)
    });
    let before = writer.info();
    drop(writer);
    let heard = crowd.heard();
    let counted = Counted {
        pushed: u64::from(pushed),
        dropped: before.dropped_packets,
        position: before.position.0,
        skipped_bytes: server.stats().skipped_bytes,
    };
    println!("{stalls} stalls");
    counted.check(&heard);
    assert!(counted.dropped > 0, "no stall was longer than a handoff holds");
}
