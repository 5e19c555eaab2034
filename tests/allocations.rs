//! The reactor allocates nothing for a write, nor for what a source sends. This test has a process of its
//! own, because it counts the allocations of the process.
#![allow(unsafe_code, reason = "an allocator that counts")]
#![cfg(target_os = "linux")]

use longwave::{HttpAnswer, ServerSettings};
use longwave_testing::player::Player;
use longwave_testing::server::{Station, settings};
use longwave_testing::until;
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::time::Duration;

/// Counts the allocations of one thread.
struct Counting;

static THREAD: AtomicI32 = AtomicI32::new(-1);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does everything.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if THREAD.load(Ordering::Relaxed) == nix::unistd::gettid().as_raw() {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The kernel's number of the thread with this name.
fn thread_id(name: &str) -> i32 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap());
    let mut named = tasks.filter(|task| {
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim_end() == name)
    });
    named.next().expect("the thread runs").file_name().into_string().unwrap().parse().unwrap()
}

#[test]
fn serving_allocates_nothing() {
    let icy_listen = vec![([127, 0, 0, 1], 0).into()];
    let station = Station::start(ServerSettings { icy_listen, ..settings() });
    let mut feed = station.mount("/stream.mp3");
    feed.title("first");
    // Fill the whole backlog, so that its own tables have their final size.
    for _ in 0..20 {
        feed.push(100);
    }
    let mut players: Vec<_> =
        (0..50).map(|_| Player::get(&station, "/stream.mp3", "Icy-MetaData: 1\r\n")).collect();
    until("all count", || station.server.listener_count(None).unwrap() == 50);
    // The inlet of a source has all its pieces once it has been full.
    let requests = station.server.take_sources(1).unwrap();
    let next = || requests.next_within(Duration::from_secs(30)).unwrap();
    let mut source = station.connect();
    source.write_all(b"SOURCE /live HTTP/1.0\r\n\r\n").unwrap();
    let by_http = next().receive_source();
    let mut icy_source = TcpStream::connect(station.server.icy_addrs()[0]).unwrap();
    icy_source.write_all(b"secret\nicy-name:x\n\n").unwrap();
    next().answer(HttpAnswer::empty(200));
    let by_icy = next().receive_source();
    let sent = [by_http.handle(), by_icy.handle()];
    let mut sources = [source, icy_source];
    sources.iter_mut().for_each(|source| source.write_all(&vec![0; 4 << 20]).unwrap());
    until("all has come", || sent.iter().all(|sent| sent.received_bytes() == 4 << 20));
    for mut stream in [by_http, by_icy] {
        std::thread::spawn(move || std::io::copy(&mut stream, &mut std::io::sink()));
    }
    let writes = station.server.stats().writes;
    THREAD.store(thread_id("reactor"), Ordering::Relaxed);
    for _ in 0..4 {
        feed.push(40);
        for source in &mut sources {
            (0..100).for_each(|_| source.write_all(&[0; 1_000]).unwrap());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    THREAD.store(-1, Ordering::Relaxed);
    let writes = station.server.stats().writes - writes;
    let allocations = ALLOCATIONS.load(Ordering::Relaxed);
    assert!(writes >= 100, "{writes} writes");
    sent.iter().for_each(|sent| assert_eq!(sent.received_bytes(), (4 << 20) + 400_000));
    assert_eq!(allocations, 0, "in {writes} writes");
    for player in &mut players {
        player.packets(158 + 160);
    }
}
