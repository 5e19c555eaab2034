//! A process that is stopped again and again for up to twenty seconds, as by a debugger or by a machine that
//! sleeps. (`src/server/stalls.rs` stalls the reactor alone.)
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use longwave_testing::crowd::{Counted, Crowd, Plan};
use longwave_testing::server::{Station, settings};
use longwave_testing::until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The variable that is set for the process that is stopped.
const STATION: &str = "LONGWAVE_TEST_STATION";

fn plan() -> Plan {
    Plan::from_environment((Duration::from_millis(100), Duration::from_secs(20)))
}

#[test]
fn however_it_is_stopped_nobody_gets_a_broken_packet_and_all_is_counted() {
    let plan = plan();
    let myself = std::env::current_exe().unwrap();
    let mut child = Command::new(myself)
        .args(["--exact", "stalls::the_station_that_is_stopped", "--nocapture"])
        .env(STATION, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_raw(child.id() as i32);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The test harness prints lines of its own.
    let mut answer = |name: &str| {
        lines.find_map(|line| line.unwrap().split_once(name).map(|(_, rest)| rest.to_owned())).expect(name)
    };
    let address = answer("address ").parse().unwrap();
    let crowd = Crowd::join(address, 20, plan);
    // This makes it begin to feed.
    drop(child.stdin.take());
    let seed = longwave_testing::seed();
    println!("{plan:?}, seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let (began, mut stops) = (Instant::now(), 0);
    while Instant::now() + plan.stalls.1 < plan.stalls_until(began) {
        kill(pid, Signal::SIGSTOP).unwrap();
        thread::sleep(plan.a_stall(&mut random));
        kill(pid, Signal::SIGCONT).unwrap();
        stops += 1;
        thread::sleep(plan.a_stall(&mut random) / 2);
    }
    let heard = crowd.heard();
    let counts: Vec<u64> = answer("counted ").split(' ').map(|count| count.parse().unwrap()).collect();
    let [pushed, dropped, position, skipped_bytes] = counts[..] else { panic!("{counts:?}") };
    assert!(child.wait().unwrap().success());
    println!("stopped {stops} times");
    let counted = Counted { pushed, dropped, position, skipped_bytes };
    counted.check(&heard);
}

/// Not a test by itself: the test above runs it as the process that is stopped.
#[test]
fn the_station_that_is_stopped() {
    if std::env::var_os(STATION).is_none() {
        return;
    }
    let plan = plan();
    let station = Station::start(settings());
    let mut feed = station.mount("/stream.mp3");
    println!("address {}", station.address);
    // It waits until the listeners are there.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    let pushed = plan.feed(Instant::now(), |number| {
        if number.is_multiple_of(100) {
            feed.title(&format!("title {number}"));
        }
        let packet = feed.packet();
        feed.writer.push(packet);
    });
    until("all packets have arrived", || {
        let info = feed.info();
        info.packets + info.dropped_packets == u64::from(pushed)
    });
    let info = feed.info();
    // An ended mount does not wait long for those that are behind.
    until("all listeners have caught up", || {
        !station.server.listeners(None).unwrap().iter().any(|listener| listener.is_behind)
    });
    drop(feed);
    until("the crowd has gone", || station.server.stats().connections == 0);
    let skipped = station.server.stats().skipped_bytes;
    println!("counted {pushed} {} {} {skipped}", info.dropped_packets, info.position.0);
}
