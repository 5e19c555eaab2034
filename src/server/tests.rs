//! Tests with a reactor that is held up, or that panics on command.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use crossbeam::channel::{Sender, bounded};
use longwave_testing::{PATIENCE, until};

use super::mounts::mount::tests::{mp3_settings, packet};
use super::reactor::Command;
use super::{MountWriter, Server, ServerSettings};
use crate::error::Error;
use crate::metadata::Title;
use crate::{AccessLog, HttpAnswer};

pub(super) fn server() -> Server {
    server_with(ServerSettings::default())
}

fn server_with(settings: ServerSettings) -> Server {
    let listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    Server::start(ServerSettings { listen, ..settings }).unwrap()
}

/// A client that has sent this.
fn client(server: &Server, request: &str) -> TcpStream {
    let mut client = TcpStream::connect(server.local_addrs()[0]).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(request.as_bytes()).unwrap();
    client
}

fn push(writer: &mut MountWriter, numbers: std::ops::Range<u32>) {
    let title = Arc::new(Title::new("T"));
    for number in numbers {
        writer.push(packet(&number.to_be_bytes(), &title));
    }
}

/// Keeps the reactor busy until the sender is dropped.
pub(super) fn stall(server: &Server) -> Sender<()> {
    let (sender, receiver) = bounded::<()>(0);
    let (began, begins) = bounded(1);
    let run = Box::new(move || {
        began.send(()).unwrap();
        let _ = receiver.recv();
    });
    server.inner.commands.send(Command::Run(run)).unwrap();
    server.inner.doorbell.ring();
    begins.recv().unwrap();
    sender
}

/// Whoever reads a stream may close it before the reactor knows of the source.
#[test]
fn a_source_that_is_let_go_before_it_has_begun_is_told_so_and_closed() {
    let server = server();
    let requests = server.take_sources(1).unwrap();
    let mut client = client(&server, "SOURCE /live HTTP/1.0\r\n\r\n");
    let request = requests.next_within(PATIENCE).unwrap();
    let seat = request.source_seat().unwrap();
    let (inlet, arriving) = request.into_source(seat);
    assert_eq!(server.stats().sources, 1);
    drop(inlet);
    assert_eq!(server.stats().sources, 0, "its seat is free at once");
    arriving.accept();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 503 ") && answer.contains("let go"), "{answer}");
}

#[test]
#[cfg(feature = "library")]
fn a_file_that_would_come_during_a_stop_is_refused() {
    let server = server();
    let requests = server.take_polls(&["/"], &["/"], 1).unwrap();
    let mut client = client(&server, "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
    let mut request = requests.next_within(PATIENCE).unwrap();
    let (address, stopping) = (server.local_addrs()[0], server.clone());
    let stop = std::thread::spawn(move || stopping.stop());
    until("the stop has begun", || TcpStream::connect(address).is_err());
    let mut body = request.receive_upload();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("the server stops"), "{answer}");
    assert!(body.read(&mut [0; 8]).is_err());
    drop(client);
    assert!(stop.join().unwrap().abandoned.is_empty());
}

#[test]
fn a_file_is_in_the_access_log_when_it_ends_with_the_bytes_that_were_sent() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let access_log = AccessLog::File(log.clone());
    let server = server_with(ServerSettings { access_log, ..ServerSettings::default() });
    let requests = server.take_heads(&["/"], 1).unwrap();
    for (name, length) in [("whole", 200_000), ("torn", 300_000)] {
        let request = format!("GET /{name} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let mut client = client(&server, &request);
        let file = requests.next_within(PATIENCE).unwrap().send_file(HttpAnswer::empty(200), length);
        assert!(file.push(vec![0; 100_000]) && file.push(vec![0; 100_000]));
        drop(file);
        let mut got = Vec::new();
        client.read_to_end(&mut got).unwrap();
        assert!((200_000..201_000).contains(&got.len()), "{name}: {}", got.len());
        let line = format!("\"GET /{name} HTTP/1.1\" 200 {} ", got.len());
        until("its line is there", || fs::read_to_string(&log).is_ok_and(|text| text.contains(&line)));
    }
}

#[test]
fn a_packet_that_is_too_long_for_a_mount_costs_none_of_those_around_it() {
    let server = server();
    let mut writer = server.add_mount(mp3_settings()).unwrap();
    let title = Arc::new(Title::new("T"));
    let lengths = [400, 65_536, 65_537, 417];
    writer.push_all(lengths.map(|length| packet(&vec![0; length], &title)));
    until("they are there", || writer.info().position.0 == 400 + 65_536 + 417);
    until("they are counted", || writer.info().packets == 3);
    assert_eq!(writer.info().dropped_packets, 1);
}

#[test]
fn a_reactor_that_is_away_for_longer_than_a_handoff_lasts_loses_whole_packets_and_counts_them() {
    let server = server();
    let mut writer = server.add_mount(mp3_settings()).unwrap();
    push(&mut writer, 0..10);
    until("they are there", || writer.info().packets == 10);
    let mut socket = TcpStream::connect(server.local_addrs()[0]).unwrap();
    socket.write_all(b"GET /stream.mp3 HTTP/1.0\r\n\r\n").unwrap();
    until("it listens", || server.stats().writes > 0);

    let stalled = stall(&server);
    push(&mut writer, 10..2010);
    drop(stalled);
    until("it is back", || writer.info().packets > 10);
    let info = writer.info();
    drop(writer);

    let mut heard = Vec::new();
    socket.read_to_end(&mut heard).unwrap();
    let body = heard.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let numbers: Vec<_> =
        heard[body..].chunks(4).map(|bytes| u32::from_be_bytes(bytes.try_into().unwrap())).collect();
    let first_kept = 2010 - super::writer::handoff_packets(&mp3_settings()) as u32;
    let expected: Vec<_> = (0..10).chain(first_kept..2010).collect();
    assert_eq!(numbers, expected);
    assert_eq!(info.dropped_packets, u64::from(first_kept - 10));
    assert_eq!(info.skips, 0, "what was lost on the way is counted apart");
}

#[test]
fn a_reactor_that_panics_ends_the_server_in_order() {
    let server = server();
    let events = server.subscribe(1).unwrap();
    let mut writer = server.add_mount(mp3_settings()).unwrap();
    let socket = TcpStream::connect(server.local_addrs()[0]).unwrap();
    until("it is connected", || server.stats().connections == 1);
    server.inner.commands.send(Command::Run(Box::new(|| panic!("as the test wants it")))).unwrap();
    server.inner.doorbell.ring();
    until("it is down", || !server.is_running());
    assert_eq!((&socket).read(&mut [0]).unwrap_or(0), 0, "connections are closed");
    until("its mounts are off the air", || !writer.is_on_air());
    push(&mut writer, 0..10);
    assert!(matches!(server.remove_mount("/stream.mp3"), Err(Error::Stopped(_))));
    assert!(matches!(server.add_mount(mp3_settings()), Err(Error::Stopped(_))));
    assert!(server.stop().abandoned.is_empty());
    assert!(events.recv().is_none(), "a receiver learns that no more will come");
    assert!(TcpStream::connect(server.local_addrs()[0]).is_err());
}

#[test]
fn a_thread_that_does_not_end_is_named_and_left_behind() {
    let server = server();
    let stalled = stall(&server);
    // It comes back before the thread does.
    assert_eq!(server.stop().abandoned, ["reactor", "journal"]);
    drop(stalled);
}
