//! A server that runs out of file descriptors. This test has a process of its own, because it lowers the
//! limit of the process.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::time::Duration;

use longwave_testing::player::Player;
use longwave_testing::server::{Station, numbers, settings};
use longwave_testing::until;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

#[test]
fn without_descriptors_new_clients_wait_listeners_continue_and_nothing_spins() {
    let station = Station::start(settings());
    let mut feed = station.mount("/stream.mp3");
    feed.push(10);
    let mut player = Player::get(&station, "/stream.mp3", "");
    assert_eq!(player.packets(10), numbers(0..10));

    // The clients have their descriptors; the server has none left for them.
    let newcomers: Vec<_> = (0..20).map(|_| Socket::new(Domain::IPV4, Type::STREAM, None).unwrap()).collect();
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64 - 1;
    setrlimit(Resource::RLIMIT_NOFILE, open, hard).unwrap();
    let fillers: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    for newcomer in &newcomers {
        newcomer.connect(&station.address.into()).unwrap();
    }
    until("accepting fails", || station.server.stats().accept_failures > 0);

    let before = station.server.stats();
    feed.push(100);
    assert_eq!(player.packets(100), numbers(10..110));
    std::thread::sleep(Duration::from_millis(500));
    let after = station.server.stats();
    let failures = after.accept_failures - before.accept_failures;
    let turns = after.turn_times.count() - before.turn_times.count();
    assert!(failures <= 20, "{failures} tries in about a second");
    assert!(turns <= 500, "{turns} turns in about a second");
    assert_eq!(after.connections, 1);

    drop(fillers);
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    for newcomer in newcomers {
        let mut player = Player::on(newcomer.into(), "/stream.mp3", "");
        assert_eq!(player.packets(110), numbers(0..110));
    }
}
