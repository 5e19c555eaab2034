//! Listeners that move to a fallback when their mount ends, and return, over real sockets.

use longwave::{CloseReason, Error, Event, EventReceiver, MountSettings, StationEvent};
use longwave_testing::player::{PACKET_BYTES, Player, header, text_of};
use longwave_testing::server::{Feed, Station, mount_settings, numbers, settings};
use longwave_testing::{PATIENCE, until};

/// A mount with this fallback.
fn declared(path: &str, fallback: Option<&str>) -> MountSettings {
    MountSettings {
        path: path.into(),
        fallback_mount: fallback.map(str::to_owned),
        metaint: Some(1000),
        ..mount_settings()
    }
}

/// A mount on the air. Its packets are numbered from `first`, so that the audio tells where a listener is.
fn on_air(station: &Station, path: &str, fallback: Option<&str>, first: u32) -> Feed {
    let mut feed = station.mount_with(declared(path, fallback));
    feed.next = first;
    feed.title(path);
    feed.push(200);
    feed
}

fn titles(player: &Player) -> Vec<String> {
    player.titles.iter().map(|(_, block)| text_of(block).to_owned()).collect()
}

/// Checks that the next packets belong to another mount than those before.
fn hears_from(player: &mut Player, first: u32) {
    let landed = player.packets(1)[0];
    assert!(
        landed >= first && landed < first + 10_000,
        "packet {landed} is not of the mount from {first} on"
    );
}

fn until_counted(station: &Station, listeners: usize) {
    until("they count", || station.server.listener_count(None).unwrap() == listeners);
}

fn until_moved(station: &Station, times: u64) {
    until("they have moved", || station.server.stats().closed_for(CloseReason::Moved) == times);
}

fn next_event(events: &EventReceiver<StationEvent>) -> (String, Option<CloseReason>) {
    match events.recv_timeout(PATIENCE).expect("an event").event {
        Event::ListenerJoined { mount, .. } => (mount, None),
        Event::ListenerLeft { mount, reason, .. } => (mount, Some(reason)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_listener_moves_to_the_fallback_and_returns() {
    let station = Station::start(settings());
    let events = station.server.subscribe(100).unwrap();
    let mut main = on_air(&station, "/main", Some("/spare"), 0);
    let mut spare = on_air(&station, "/spare", None, 10_000);
    let mut player = Player::get(&station, "/main", "Icy-MetaData: 1\r\n");
    assert_eq!(player.packets(158), numbers(42..200));
    until("it counts", || station.server.listener_count(Some("/main")).unwrap() == 1);
    main.push(20);
    drop(main);

    // Everything that was due, and then the other mount's audio from the start of a packet.
    assert_eq!(player.packets(20), numbers(200..220));
    until("it has moved", || station.server.listener_count(Some("/spare")).unwrap() == 1);
    assert!(station.server.listener_count(Some("/main")).is_err(), "that mount is gone");
    assert_eq!(station.server.listener_count(None).unwrap(), 1);
    spare.push(100);
    let landed = player.packets(1)[0];
    // The listener has most of a burst ahead, and gets only what is missing.
    assert!((10_100..=10_200).contains(&landed), "{landed}");
    let rest = 10_300 - landed as usize - 1;
    assert_eq!(player.packets(rest), numbers(landed + 1..10_300));
    assert_eq!(titles(&player), ["/main", "/spare"]);

    // The mount is back, but listeners return when it has audio.
    let mut main = station.mount_with(declared("/main", Some("/spare")));
    main.next = 20_000;
    main.title("/main again");
    spare.push(10);
    assert_eq!(player.packets(10), numbers(10_300..10_310));
    main.push(50);
    until("it is back", || station.server.listener_count(Some("/main")).unwrap() == 1);
    main.push(50);
    let landed = player.packets(1)[0];
    assert!((20_000..=20_050).contains(&landed), "{landed}");
    let rest = 20_100 - landed as usize - 1;
    assert_eq!(player.packets(rest), numbers(landed + 1..20_100));
    assert_eq!(titles(&player), ["/main", "/spare", "/main again"]);

    let stats = station.server.stats();
    assert_eq!((stats.closed_for(CloseReason::Moved), stats.listeners, stats.listener_peak), (2, 1, 1));
    assert_eq!((stats.skips, stats.skipped_bytes), (0, 0), "it had everything when it moved");
    assert_eq!(spare.info().listener_peak, 1);
    drop((main, spare));
    assert!(player.packets_to_end().is_empty());
    let moved = Some(CloseReason::Moved);
    let told: Vec<_> = (0..6).map(|_| next_event(&events)).collect();
    let main = |reason| ("/main".to_owned(), reason);
    let spare = |reason| ("/spare".to_owned(), reason);
    let ended = Some(CloseReason::MountEnded);
    assert_eq!(told, [main(None), main(moved), spare(None), spare(moved), main(None), main(ended)]);
}

#[test]
fn a_listener_that_lags_finishes_its_packet_and_what_it_misses_is_counted() {
    let station = Station::start(settings());
    let mut main = on_air(&station, "/main", Some("/spare"), 0);
    let mut spare = on_air(&station, "/spare", None, 10_000);
    let socket = station.connect();
    socket2::SockRef::from(&socket).set_recv_buffer_size(32_768).unwrap();
    let mut player = Player::on(socket, "/main", "Icy-MetaData: 1\r\n");
    let joined_at = 200 - 158;
    main.push(900);
    until("its socket is full", || station.server.stats().blocked_writes > 0);
    let info = main.info();
    drop(main);
    // The farewell lasts two seconds.
    until("it has moved", || station.server.stats().skips == 1);
    spare.push(100);
    // Each packet is whole, or `packets` fails. The titles are in their places.
    let mut of_main = Vec::new();
    let landed = loop {
        match player.packets(1)[0] {
            number if number < 10_000 => of_main.push(number),
            number => break number,
        }
    };
    assert_eq!(of_main, numbers(joined_at..joined_at + of_main.len() as u32));
    let missing = info.packets as usize - joined_at as usize - of_main.len();
    assert_eq!(
        station.server.stats().skipped_bytes,
        (missing * PACKET_BYTES) as u64,
        "sent + skipped = appended"
    );
    assert_eq!(player.packets(20), numbers(landed + 1..landed + 21));
    assert_eq!(titles(&player), ["/main", "/spare"]);
}

#[test]
fn chains_hold_where_a_link_is_missing() {
    let station = Station::start(settings());
    let a = on_air(&station, "/a", Some("/b"), 0);
    let b = on_air(&station, "/b", Some("/c"), 10_000);
    let mut c = on_air(&station, "/c", None, 20_000);
    let mut player = Player::get(&station, "/a", "");
    assert_eq!(player.packets(158).len(), 158);
    until_counted(&station, 1);
    drop(b);
    until("/b is gone", || station.server.mount_info("/b").is_none());
    drop(a);
    until_moved(&station, 1);
    c.push(200);
    hears_from(&mut player, 20_000);
    // A client that asks for an absent mount hears the same as its listeners.
    let mut late = Player::get(&station, "/a", "Icy-MetaData: 1\r\n");
    assert!(late.head.starts_with("HTTP/1.1 200") && header(&late.head, "icy-metaint") == Some("1000"));
    hears_from(&mut late, 20_000);
    until_counted(&station, 2);

    // Up the chain link by link, and then all the way down.
    let mut b = on_air(&station, "/b", Some("/c"), 30_000);
    until_moved(&station, 3);
    b.push(200);
    let mut a = on_air(&station, "/a", Some("/b"), 40_000);
    until_moved(&station, 5);
    a.push(200);
    assert_eq!(station.server.listener_count(Some("/a")).unwrap(), 2);
    drop((b, a));
    until("both are at /c", || station.server.listener_count(Some("/c")).unwrap() == 2);
    c.push(200);
    for player in [&mut player, &mut late] {
        while player.packets(1)[0] < 40_000 {}
        while player.packets(1)[0] >= 40_000 {}
        hears_from(player, 20_000);
    }
}

#[test]
fn without_a_fallback_on_the_air_a_listener_is_let_go() {
    let station = Station::start(settings());
    let main = on_air(&station, "/main", Some("/spare"), 0);
    let plain = on_air(&station, "/plain", None, 0);
    // It is on the air, but has had no audio.
    let _silent = station.mount_with(declared("/spare", None));
    for (path, feed) in [("/main", main), ("/plain", plain)] {
        let mut player = Player::get(&station, path, "");
        drop(feed);
        assert_eq!(player.packets_to_end(), numbers(42..200), "{path}: what is due, then a close");
        until("it is gone", || station.server.mount_info(path).is_none());
        let gone = Player::get(&station, path, "");
        assert!(gone.head.starts_with("HTTP/1.1 404"), "{}", gone.head);
    }
}

#[test]
fn a_mount_that_returns_as_something_else_does_not_get_its_listeners_back() {
    let station = Station::start(settings());
    let main = on_air(&station, "/main", Some("/spare"), 0);
    let mut spare = on_air(&station, "/spare", None, 10_000);
    let mut player = Player::get(&station, "/main", "");
    player.packets(158);
    until_counted(&station, 1);
    drop(main);
    until_moved(&station, 1);
    spare.push(200);
    hears_from(&mut player, 10_000);
    let other = MountSettings { content_type: "audio/aac".into(), ..declared("/main", None) };
    let mut main = station.mount_with(other);
    main.next = 20_000;
    main.push(100);
    spare.push(300);
    let heard = player.packets(400);
    assert!(heard.iter().all(|number| (10_000..20_000).contains(number)));
}

#[test]
fn a_fallback_that_cannot_work_is_refused() {
    let station = Station::start(settings());
    let refused = |settings: MountSettings| match station.server.add_mount(settings) {
        Err(Error::Setting { key: "fallback_mount", reason }) => reason,
        other => panic!("{other:?}"),
    };
    let _a = station.mount_with(declared("/a", Some("/b")));
    assert!(refused(declared("/x", Some("/x"))).contains("cannot stand in for itself"));
    assert!(refused(declared("/x", Some("no slash"))).contains("does not start with a slash"));
    assert_eq!(refused(declared("/b", Some("/a"))), "/b → /a → /b is a circle: one of them must end");
    let aac = MountSettings { content_type: "audio/aac".into(), ..declared("/b", None) };
    assert!(refused(aac).contains("/a (audio/mpeg) cannot go on with /b (audio/aac)"));
    station.server.add_mount(declared("/b", None)).expect("nothing was left of those refused");
}

#[test]
fn a_crowd_moves_and_the_server_stops_in_order() {
    let station = Station::start(settings());
    let main = on_air(&station, "/main", Some("/spare"), 0);
    let mut spare = on_air(&station, "/spare", None, 10_000);
    let mut crowd: Vec<_> = (0..300).map(|_| Player::get(&station, "/main", "")).collect();
    until_counted(&station, 300);
    drop(main);
    until_moved(&station, 300);
    assert_eq!(station.server.listener_count(Some("/spare")).unwrap(), 300);
    spare.push(200);
    for player in &mut crowd {
        player.packets(158);
        hears_from(player, 10_000);
    }
    assert_eq!(station.server.stop().abandoned, Vec::<String>::new());
    assert_eq!(station.server.stats().closed_for(CloseReason::ServerStopped), 300);
    assert!(station.server.listener_count(None).is_err(), "it has stopped");
}
