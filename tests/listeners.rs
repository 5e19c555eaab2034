//! Players and worse at a real server, over real sockets.

mod support;

use support::{Player, Station, numbers, quick};

#[test]
fn a_listener_gets_a_burst_at_once_and_then_what_comes() {
    let station = Station::start(quick());
    let mut feed = station.mount("/stream.mp3");
    feed.push(500);
    let mut player = Player::get(&station, "/stream.mp3", "");
    assert!(player.head.starts_with("HTTP/1.1 200 OK\r\n"));
    let burst = player.packets(158);
    // 64 KiB of 417 bytes each, and it ends at the head.
    assert_eq!(burst, numbers(500 - 158..500));
    feed.push(100);
    assert_eq!(player.packets(100), numbers(500..600));
}
