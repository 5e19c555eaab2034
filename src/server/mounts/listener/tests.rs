//! Listeners and their cursors, on a mount with a small backlog.

use super::*;
use crate::icy::{Pieces, unweave};
use crate::metadata::Title;
use crate::packet::TitledPacket;
use crate::ring::{Backlog, HandoffWriter};
use crate::server::client_address::ClientAddress;
use crate::server::mount_settings::MountSettings;
use crate::server::mounts::mount::tests::{moment, mount_of, mp3_settings, packet};
use crate::server::settings::{Burst, ServerSettings};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

/// A mount with a small backlog, its producer, one listener and the wire to it.
struct Scene {
    mount: Mount,
    writer: HandoffWriter,
    now: Instant,
    title: Arc<Title>,
    appended: u32,
    listener: Listener,
    wire: Vec<u8>,
    skips: usize,
}

/// A packet that says its length and its number, and has nothing else in it.
fn bytes_of(number: u32) -> Vec<u8> {
    let length = 6 + (number * 7 % 50) as u8;
    let mut bytes = vec![length];
    bytes.extend(number.to_be_bytes());
    bytes.resize(usize::from(length), number as u8);
    bytes
}

impl Scene {
    fn new(backlog: usize, burst: Burst, metaint: Option<usize>, packets: u32) -> Scene {
        let server = ServerSettings { burst, ..ServerSettings::default() };
        let (mut mount, writer) = mount_of(MountSettings { metaint, ..mp3_settings() }, &server);
        mount.backlog = Backlog::new(backlog);
        let now = Instant::now();
        let listener = Scene::listener(&mount, metaint.is_some(), now);
        let (title, wire) = (Arc::new(Title::new("0")), Vec::new());
        let mut scene = Scene { mount, writer, now, title, appended: 0, listener, wire, skips: 0 };
        scene.append(packets);
        scene.listener = Scene::listener(&scene.mount, metaint.is_some(), now);
        scene
    }

    fn listener(mount: &Mount, with_titles: bool, now: Instant) -> Listener {
        let visit = Visit::new(1, ClientAddress::new([127, 0, 0, 1].into()), None);
        let join = Join { mount: 0, home: None, head: b"HEAD".to_vec(), with_titles, probe: false, visit };
        Listener::new(join, mount, now)
    }

    fn append(&mut self, packets: u32) {
        for _ in 0..packets {
            self.writer.push(packet(&bytes_of(self.appended), &self.title));
            self.appended += 1;
            self.mount.drain(moment());
        }
    }

    /// Packets of 20 dots each, of a stream with that header.
    fn append_of(&mut self, header: &[u8], dot: u8, packets: u32) {
        for _ in 0..packets {
            let header = Some(Arc::from(header));
            self.writer.push(TitledPacket { header, ..packet(&[dot; 20], &self.title) });
        }
        self.mount.drain(moment());
    }

    /// A socket that takes `room` bytes, at most `a_write` at once, and then is full.
    fn serve(&mut self, mut room: usize, a_write: usize) {
        loop {
            let jumped = self.listener.catch_up(&self.mount, self.now);
            self.skips += usize::from(jumped > 0);
            let mut pieces = Pieces::new();
            self.listener.cursor.gather(&self.mount.backlog, &mut pieces);
            if pieces.bytes() == 0 {
                return self.listener.cursor.unblock();
            }
            let offered: Vec<u8> = pieces.as_slices().iter().flat_map(|piece| piece.to_vec()).collect();
            let taken = offered.len().min(room).min(a_write);
            if taken == 0 {
                return self.listener.cursor.block(&self.mount.backlog);
            }
            self.wire.extend_from_slice(&offered[..taken]);
            self.listener.cursor.advance(taken, &self.mount.backlog, self.now);
            room -= taken;
        }
    }

    /// The listener, which has moved, is served from the other's mount from now on.
    fn swap_mount(&mut self, other: &mut Scene) {
        std::mem::swap(&mut self.mount, &mut other.mount);
        std::mem::swap(&mut self.writer, &mut other.writer);
        std::mem::swap(&mut self.title, &mut other.title);
        std::mem::swap(&mut self.appended, &mut other.appended);
    }

    /// The numbers of the packets on the wire, each of which is whole (but for the last).
    fn heard(&self) -> Vec<u32> {
        let wire = self.wire.strip_prefix(b"HEAD").expect("the head comes first");
        let audio = match self.mount.settings.metaint {
            Some(_) => unweave(wire, self.mount.settings.metaint() as usize).0,
            None => wire.to_vec(),
        };
        let (mut rest, mut numbers) = (audio.as_slice(), Vec::new());
        while let Some(length) = rest.first()
            && rest.len() >= usize::from(*length)
        {
            let number = u32::from_be_bytes(rest[1..5].try_into().unwrap());
            assert_eq!(&rest[..usize::from(*length)], bytes_of(number), "a broken packet");
            numbers.push(number);
            rest = &rest[usize::from(*length)..];
        }
        numbers
    }
}

proptest! {
    #[test]
    fn packets_come_whole_and_in_order_and_what_is_missing_was_counted(
        backlog in 60_usize..600,
        burst in 0_usize..300,
        metaint in prop::option::of(1_usize..200),
        before in 0_u32..30,
        steps in prop::collection::vec((0_u32..12, 0_usize..400, 1_usize..90, any::<bool>()), 1..40),
    ) {
        let mut scene = Scene::new(backlog, Burst::Bytes(burst), metaint, before);
        let joined_at = scene.listener.cursor.tally().0;
        for (packets, room, a_write, new_title) in steps {
            if new_title {
                scene.title = Arc::new(Title::new(format!("title {}", scene.appended)));
            }
            scene.append(packets);
            scene.serve(room, a_write);
        }
        scene.serve(usize::MAX, usize::MAX);

        let listener = &scene.listener;
        prop_assert!(listener.cursor.is_up_to_date(&scene.mount.backlog));
        let (_, sent, skipped) = listener.cursor.tally();
        prop_assert_eq!(sent + skipped, scene.mount.backlog.head() - joined_at);
        prop_assert_eq!(listener.cursor.bytes() as usize, scene.wire.len());

        let heard = scene.heard();
        let length = |number: u32| bytes_of(number).len() as u64;
        let first = (0..=scene.appended).find(|first| (0..*first).map(length).sum::<u64>() == joined_at.0);
        let first = first.expect("it joined at a packet start");
        let (mut missing, mut gaps, mut expected) = (0, 0, first);
        for number in heard {
            prop_assert!(number >= expected, "out of order");
            gaps += usize::from(number > expected);
            missing += (expected..number).map(length).sum::<u64>();
            expected = number + 1;
        }
        // (A jump to the head may be the last thing that happened.)
        missing += (expected..scene.appended).map(length).sum::<u64>();
        gaps += usize::from(expected < scene.appended);
        prop_assert_eq!(missing, skipped);
        prop_assert!(gaps <= scene.skips);
    }
}

proptest! {
    /// From one mount to the other and back again, at any byte that the socket took last.
    #[test]
    fn who_moves_gets_whole_packets_and_whole_titles(
        metaint in prop::option::of(1_usize..200),
        steps in prop::collection::vec((1_u32..20, 0_usize..400, 1_usize..90, any::<bool>()), 1..40),
    ) {
        let burst = Burst::Bytes(120);
        let mut here = Scene::new(600, burst, metaint, 10);
        let mut there = Scene::new(600, burst, metaint, 5);
        there.title = Arc::new(Title::new("there"));
        let mut joined_at = here.listener.cursor.tally().0;
        for (packets, room, a_write, moves) in steps {
            here.append(packets);
            there.append(packets * 2);
            here.serve(room, a_write);
            if !moves {
                continue;
            }
            let rest = here.listener.cursor.end_of_begun() - here.listener.cursor.position();
            let (_, sent, skipped) = here.listener.cursor.tally();
            let jumped = here.listener.move_to(0, &here.mount, &there.mount, here.now);
            prop_assert_eq!(sent + rest + skipped + jumped, here.mount.backlog.head() - joined_at);
            joined_at = here.listener.cursor.tally().0;
            prop_assert!(there.mount.backlog.rest_of_packet(joined_at).concat().is_empty());
            here.swap_mount(&mut there);
        }
        here.append(10);
        here.serve(usize::MAX, usize::MAX);

        // (That every packet is whole is what `heard` looks at.)
        prop_assert!(here.listener.cursor.is_up_to_date(&here.mount.backlog));
        let heard = here.heard();
        prop_assert_eq!(heard.last(), Some(&(here.appended - 1)));
        prop_assert_eq!(here.listener.cursor.bytes() as usize, here.wire.len());
    }
}

#[test]
fn who_moves_lands_where_it_has_a_burst_again_and_hears_the_title() {
    let mut here = Scene::new(100_000, Burst::Time(SECOND * 2), Some(1000), 100);
    let mut there = Scene::new(100_000, Burst::Time(SECOND * 2), Some(1000), 0);
    there.title = Arc::new(Title::new("There"));
    there.append(2_000);
    here.serve(usize::MAX, usize::MAX);
    // It got 2.6 s, which are a second old.
    here.now += SECOND;
    let holds = here.listener.unplayed(&here.mount.backlog, here.now);
    assert_eq!(here.listener.move_to(1, &here.mount, &there.mount, here.now), 0);
    here.swap_mount(&mut there);
    let behind = here.mount.backlog.head_time() - here.mount.backlog.time_at(here.listener.cursor.position());
    assert_eq!(here.listener.unplayed(&here.mount.backlog, here.now), holds);
    here.serve(usize::MAX, usize::MAX);
    assert_eq!(here.listener.unplayed(&here.mount.backlog, here.now), holds + behind);
    assert_eq!(here.listener.at_this_mount(here.now + SECOND).1, SECOND);
    let (_, blocks) = unweave(here.wire.strip_prefix(b"HEAD").unwrap(), 1000);
    let titles: Vec<_> = blocks.iter().filter(|(_, block)| !block.is_empty()).collect();
    assert_eq!(titles.len(), 2);
    assert!(titles[1].1.starts_with(b"StreamTitle='There';"));
}

#[test]
fn who_moves_between_streams_with_headers_gets_each_whole() {
    let with = |header: &'static [u8], dot: u8| {
        let mut scene = Scene::new(300, Burst::Bytes(60), None, 0);
        scene.append_of(header, dot, 10);
        scene
    };
    for taken in 0..=4 + 5 + 60 {
        let (mut here, mut there) = (with(b"<one>", b'.'), with(b"<two>", b':'));
        here.listener = Scene::listener(&here.mount, false, here.now);
        here.serve(taken, usize::MAX);
        here.listener.move_to(1, &here.mount, &there.mount, here.now);
        here.swap_mount(&mut there);
        here.append_of(b"<two>", b':', 10);
        here.serve(usize::MAX, usize::MAX);
        let text = String::from_utf8(here.wire.clone()).unwrap();
        let (one, two) = text.split_once("<two>").expect("the header of where it is");
        let one = one.strip_prefix("HEAD").expect("the answer's head");
        let packets = one.strip_prefix("<one>").unwrap_or(one);
        assert!(packets.len().is_multiple_of(20) && packets.bytes().all(|byte| byte == b'.'), "{text}");
        assert!(two.len().is_multiple_of(20) && two.bytes().all(|byte| byte == b':'), "{text}");
    }
}

#[test]
fn a_lagging_listener_finishes_its_packet_and_lands_a_burst_behind_the_head() {
    let mut scene = Scene::new(500, Burst::Bytes(100), None, 4);
    let oldest = bytes_of(0).len() + bytes_of(1).len() + 3;
    scene.serve(4 + oldest, 1000);
    assert!(scene.listener.cursor.is_blocked());
    scene.append(60);
    assert!(!scene.mount.backlog.holds(scene.listener.cursor.position()));
    scene.serve(usize::MAX, 1000);
    let heard = scene.heard();
    assert_eq!(heard[..3], [0, 1, 2], "the third had begun");
    let landed = heard[3];
    let behind: usize = (landed..scene.appended).map(|number| bytes_of(number).len()).sum();
    assert!((100..100 + 56).contains(&behind), "{behind} bytes behind the head");
    assert_eq!(heard[3..], (landed..64).collect::<Vec<_>>());
    assert_eq!(scene.skips, 1);
}

#[test]
fn who_comes_back_in_time_misses_nothing() {
    let mut scene = Scene::new(2_000, Burst::Bytes(100), Some(64), 4);
    scene.serve(50, 7);
    scene.append(50);
    scene.serve(usize::MAX, 1000);
    assert_eq!(scene.heard(), (0..54).collect::<Vec<_>>());
    assert_eq!(scene.skips, 0);
}

#[test]
fn a_joiner_gets_the_header_first_and_again_only_where_it_is_another() {
    let mut scene = Scene::new(300, Burst::Bytes(60), None, 0);
    // It joins before the first packet, so before anybody knows the header.
    scene.serve(usize::MAX, 1000);
    scene.append_of(b"A", b'.', 2);
    scene.serve(usize::MAX, 1000);
    assert_eq!(scene.wire, [b"HEADA".as_slice(), &[b'.'; 40]].concat());
    // It jumps, within the same stream.
    scene.listener.cursor.block(&scene.mount.backlog);
    scene.append_of(b"A", b'.', 30);
    scene.serve(usize::MAX, 1000);
    assert_eq!(scene.wire.len(), 5 + 40 + 60);
    // And into another.
    scene.listener.cursor.block(&scene.mount.backlog);
    scene.append_of(b"B", b'.', 30);
    scene.serve(usize::MAX, 1000);
    assert_eq!(scene.wire[105..], [b"B".as_slice(), &[b'.'; 60]].concat());
    assert_eq!(scene.listener.cursor.tally().1, 160);
}

#[test]
fn who_jumps_into_a_stream_with_another_header_has_finished_the_one_before() {
    for taken in 0..4 + 5 + 60 {
        let mut scene = Scene::new(300, Burst::Bytes(60), None, 0);
        scene.append_of(b"<one>", b'.', 10);
        scene.listener = Scene::listener(&scene.mount, false, scene.now);
        scene.serve(taken, usize::MAX);
        scene.append_of(b"<two>", b':', 30);
        scene.serve(usize::MAX, usize::MAX);
        let text = String::from_utf8(scene.wire.clone()).unwrap();
        let (one, two) = text.split_once("<two>").expect("the header of where it is");
        let one = one.strip_prefix("HEAD").expect("the answer's head");
        // (It may have had nothing yet of where it was.)
        let packets = one.strip_prefix("<one>").unwrap_or(one);
        assert!(packets.len().is_multiple_of(20) && packets.bytes().all(|byte| byte == b'.'), "{text}");
        assert_eq!(two, ":".repeat(60), "{text}");
    }
}

#[test]
fn the_cadence_is_a_quarter_of_what_the_listener_holds() {
    // 26 ms a packet: 150 of them are 3.9 s.
    let mut scene = Scene::new(100_000, Burst::Time(SECOND * 4), None, 80);
    assert_eq!(scene.listener.cadence(&scene.mount, scene.now), FASTEST.max(scene.mount.packet_time()));
    scene.serve(usize::MAX, usize::MAX);
    let holds = scene.mount.backlog.head_time();
    assert_eq!(scene.listener.cadence(&scene.mount, scene.now), holds / 4);
    // Half a second later it holds half a second less.
    let later = scene.now + SECOND / 2;
    assert_eq!(scene.listener.cadence(&scene.mount, later), (holds - SECOND / 2) / 4);
    // With ten seconds it is served every second.
    scene.append(400);
    scene.serve(usize::MAX, usize::MAX);
    assert_eq!(scene.listener.cadence(&scene.mount, scene.now), SLOWEST);
    // And once it has nothing, every packet; or, when nothing has come for long, more seldom.
    scene.mount.drain(moment());
    let dry = scene.now + Duration::from_secs(3600);
    assert_eq!(scene.listener.cadence(&scene.mount, dry), QUIET);
}

#[test]
fn after_a_jump_what_it_holds_is_counted_anew() {
    let mut scene = Scene::new(500, Burst::Bytes(100), None, 4);
    scene.serve(20, 1000);
    scene.append(400);
    scene.now += SECOND * 10;
    scene.serve(usize::MAX, 1000);
    let holds = scene.listener.unplayed(&scene.mount.backlog, scene.now);
    let burst = scene.mount.backlog.head_time() - scene.mount.backlog.time_at(scene.mount.burst_start());
    assert_eq!(holds, burst);
}

#[test]
fn a_full_socket_has_write_timeout_since_it_took_something() {
    let mut scene = Scene::new(2_000, Burst::Bytes(100), None, 4);
    scene.listener.count();
    scene.serve(10, 1000);
    let timeout = SECOND * 30;
    assert_eq!(scene.listener.looked_at_by(&scene.mount, timeout), scene.now + timeout);
    scene.now += SECOND * 29;
    assert!(!scene.listener.cursor.is_stalled(timeout, scene.now));
    scene.serve(1, 1000);
    assert!(!scene.listener.cursor.is_stalled(timeout, scene.now + SECOND * 29));
    scene.serve(0, 1000);
    assert!(scene.listener.cursor.is_stalled(timeout, scene.now + SECOND * 30));
    scene.serve(usize::MAX, 1000);
    assert!(!scene.listener.cursor.is_stalled(timeout, scene.now + SECOND * 300), "it has all there is");
}

#[test]
fn one_counts_from_its_second_second_on() {
    let mut scene = Scene::new(2_000, Burst::Bytes(100), None, 4);
    assert!(!scene.listener.begins_to_count(scene.now + COUNTS_AFTER - Duration::from_millis(1)));
    assert!(scene.listener.begins_to_count(scene.now + COUNTS_AFTER));
    assert_eq!(scene.listener.looked_at_by(&scene.mount, SECOND * 30), scene.now + COUNTS_AFTER);
    scene.listener.input_ended(scene.now + SECOND / 2);
    assert!(!scene.listener.begins_to_count(scene.now + SECOND * 2), "it may be leaving");
    assert!(scene.listener.begins_to_count(scene.now + SECOND * 3));
    scene.listener.count();
    assert!(!scene.listener.begins_to_count(scene.now + SECOND * 5));
    scene.listener.counting = Counting::Never;
    assert!(!scene.listener.begins_to_count(scene.now + SECOND * 5));
}

#[test]
fn a_listener_is_a_few_hundred_bytes() {
    assert!(size_of::<Listener>() <= 288, "{}", size_of::<Listener>());
}
