//! Listeners that take nothing, or too little, or pause, and the listeners beside them.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use longwave::{CloseReason, ServerSettings};
use longwave_testing::player::{PACKET_BYTES, Player};
use longwave_testing::server::{Feed, PACKET_FRAMES, Station, numbers, settings};
use longwave_testing::until;
use socket2::SockRef;

/// A connection whose system buffers little.
fn with_room_for(bytes: usize, station: &Station) -> TcpStream {
    let socket = station.connect();
    SockRef::from(&socket).set_recv_buffer_size(bytes).unwrap();
    socket
}

/// Reads what its system has buffered, and returns how the server closed.
fn ends_by_a_reset(mut socket: TcpStream) -> bool {
    let mut buffer = [0; 65_536];
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return false,
            Ok(_) => (),
            Err(error) => return error.kind() == ErrorKind::ConnectionReset,
        }
    }
}

/// Packets with a total duration of so long.
fn packets_of(time: Duration) -> u32 {
    (time.as_secs_f64() * 44_100.0 / f64::from(PACKET_FRAMES)) as u32
}

#[test]
fn stalled_and_slow_listeners_do_not_disturb_the_others() {
    const PLAYERS: usize = 28;
    const STALLED: usize = 10;
    const SLOW: usize = 2;
    let station = Station::start(ServerSettings { write_timeout: Duration::from_secs(2), ..settings() });
    let mut feed = station.mount("/stream.mp3");
    feed.push(158);
    let join = |_| Player::on(with_room_for(4096, &station), "/stream.mp3", "Icy-MetaData: 1\r\n");
    let stalled: Vec<_> = (0..STALLED).map(join).collect();
    let mut slow: Vec<_> = (0..SLOW).map(join).collect();
    let mut players: Vec<_> =
        (0..PLAYERS).map(|_| Player::get(&station, "/stream.mp3", "Icy-MetaData: 1\r\n")).collect();
    let mut heard = 0;
    let mut longest_wait = Duration::ZERO;
    // A slow listener is closed, or it falls out of the backlog and jumps. Both are counted.
    until("the stalled are gone, and the slow are dealt with", || {
        // Before the first round, the bytes are those of the join.
        let now = feed.next - heard;
        let asked = Instant::now();
        for player in &mut players {
            assert_eq!(player.packets(now as usize), numbers(heard..heard + now));
        }
        longest_wait = longest_wait.max(asked.elapsed());
        heard += now;
        for player in &mut slow {
            // A tenth of the others' bytes, or a reset.
            let _ = player.socket.read(&mut vec![0; now as usize * PACKET_BYTES / 10]);
        }
        feed.push(150);
        let let_go = station.server.stats().closed_for(CloseReason::Stalled);
        let_go >= STALLED as u64 && let_go + feed.info().skips >= (STALLED + SLOW) as u64
    });
    // The cadence is one second; the rest is for a busy machine.
    assert!(longest_wait < Duration::from_secs(2), "somebody waited for {longest_wait:?}");
    for player in stalled {
        assert!(ends_by_a_reset(player.socket), "it was not told");
    }
    assert_eq!(station.server.stats().closed_for(CloseReason::Left), 0);
}

/// Like a small receiver. Its buffers are always full, because it plays in real time.
#[test]
fn a_real_time_player_with_small_buffers_is_never_closed() {
    let write_timeout = Duration::from_secs(2);
    let station = Station::start(ServerSettings { write_timeout, ..settings() });
    let mut feed = station.mount("/stream.mp3");
    feed.push(158);
    let mut player = Player::on(with_room_for(4096, &station), "/stream.mp3", "");
    // More than its socket takes, and less than the backlog holds.
    feed.push(400);
    let (began, mut heard) = (Instant::now(), 0);
    while began.elapsed() < 2 * write_timeout + Duration::from_secs(1) {
        assert_eq!(player.packets(4), numbers(heard..heard + 4));
        heard += 4;
        feed.push(4);
        let due = Duration::from_millis(u64::from(heard) * 5);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
    }
    assert!(station.server.stats().blocked_writes > 0, "its socket was never full");
    assert_eq!(station.server.stats().closed_for(CloseReason::Stalled), 0);
    assert_eq!(feed.info().skips, 0);
}

/// A listener that reads nothing during twenty seconds of audio, which is appended at that pace.
fn pause_for_twenty_seconds(pace: fn(&mut Feed, u32)) {
    let station = Station::start(settings());
    let mut feed = station.mount("/stream.mp3");
    feed.push(158);
    let mut paused = Player::on(with_room_for(65_536, &station), "/stream.mp3", "Icy-MetaData: 1\r\n");
    assert_eq!(paused.packets(158), numbers(0..158));
    let while_paused = packets_of(Duration::from_secs(20));
    pace(&mut feed, while_paused);
    until("its socket was full", || station.server.stats().blocked_writes > 0);
    assert_eq!(paused.packets(while_paused as usize), numbers(158..158 + while_paused));
    feed.push(10);
    assert_eq!(paused.packets(10), numbers(158 + while_paused..feed.next));
    let info = feed.info();
    assert_eq!((info.skips, info.dropped_packets), (0, 0));
    assert_eq!(station.server.stats().closed_for(CloseReason::Stalled), 0);
}

#[test]
fn a_pause_of_twenty_seconds_of_audio_loses_nothing() {
    // The audio comes at once, but it is less than a handoff holds, so nothing is lost there.
    pause_for_twenty_seconds(|feed, packets| {
        for _ in 0..packets / 10 {
            feed.push(10);
        }
        feed.push(packets % 10);
    });
}

#[test]
fn a_pause_of_twenty_seconds_loses_nothing() {
    if std::env::var_os("LONGWAVE_LONG").is_none() {
        return eprintln!("takes twenty seconds: set LONGWAVE_LONG=1");
    }
    pause_for_twenty_seconds(|feed, packets| {
        let began = Instant::now();
        for number in 0..packets {
            let due = Duration::from_secs_f64(f64::from(number * PACKET_FRAMES) / 44_100.0);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
            feed.push(1);
        }
    });
}
