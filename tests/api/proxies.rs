//! A station behind Debian's nginx and HAProxy, configured as in docs/PROXY.md.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::process::Command;

use longwave::{Mp3Settings, PipelineSettings, Title, TitleHolds};
use longwave_testing::client::Client;
use longwave_testing::proxy::{self, Proxy, is_there};
use longwave_testing::radio::output;
use longwave_testing::{PATIENCE, until};
use socket2::{Domain, Socket, Type};

use crate::client::Radio;

/// The block of code in docs/PROXY.md that contains this.
fn documented(part: &str) -> String {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/PROXY.md")).unwrap();
    let block = page.split("```").skip(1).step_by(2).find(|block| block.contains(part)).expect(part);
    block.split_once('\n').unwrap().1.to_owned()
}

fn nginx(radio: &Radio) -> Proxy {
    let is_of_tls = |line: &&str| line.contains("ssl_certificate");
    let server: String = documented("proxy_pass")
        .lines()
        .filter(|line| !is_of_tls(line))
        .map(|line| format!("{line}\n"))
        .collect();
    proxy::nginx(&radio.folder.path().join("nginx"), |address| {
        server
            .replace("listen 443 ssl", &format!("listen {address}"))
            .replace("127.0.0.1:8000", &radio.address.to_string())
    })
}

fn haproxy(radio: &Radio) -> Proxy {
    Proxy::start(|listener| {
        let config = documented("frontend radio")
            .replace("bind :443 ssl crt /etc/haproxy/radio.pem", &format!("bind fd@{}", listener.as_raw_fd()))
            .replace("127.0.0.1:8000", &radio.address.to_string())
            // The machine is shared, so the limit is lower.
            .replace("maxconn 20000", "maxconn 100");
        let file = radio.folder.path().join("haproxy.cfg");
        fs::write(&file, format!("global\n    maxconn 100\n{config}")).unwrap();
        let mut haproxy = Command::new("haproxy");
        haproxy.arg("-db").arg("-f").arg(&file);
        haproxy
    })
}

/// A client with an address other than the proxy's.
fn client_of(proxy: &Proxy) -> Client {
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    client.bind(&SocketAddr::from(([127, 0, 0, 9], 0)).into()).unwrap();
    client.connect(&proxy.address.into()).unwrap();
    let client = TcpStream::from(client);
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    Client::new(client)
}

fn a_station_is_heard_through(start: fn(&Radio) -> Proxy, base_url: &str) {
    let output = output("/stream.mp3", Mp3Settings::default());
    let radio = Radio::with(
        |server| server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()],
        |pipeline| (pipeline.spec, pipeline.outputs) = (PipelineSettings::default().spec, vec![output]),
    );
    let proxy = start(&radio);

    let mut player = client_of(&proxy);
    player.send("GET", "/stream.mp3", "Icy-MetaData: 1\r\n", "");
    let head = String::from_utf8(player.until(b"\r\n\r\n")).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(!head.contains("transfer-encoding"), "old players know no chunks: {head}");
    let metaint = head.lines().find_map(|line| line.strip_prefix("icy-metaint: ")).expect(&head);
    let metaint: usize = metaint.parse().unwrap();

    let mut page = client_of(&proxy);
    page.send("GET", "/nowplaying/stream.mp3", "Accept: text/event-stream\r\n", "");
    page.until(b"event: now-playing");

    let title = Title::new("Grüße aus Ærø");
    radio.pipeline().update_metadata(title, None, TitleHolds::UntilCleared).unwrap();
    page.until("\"title\":\"Grüße aus Ærø\"".as_bytes());
    let announced = (0..100).find(|_| {
        let audio = player.exactly(metaint);
        assert_eq!(audio.len(), metaint);
        let length = usize::from(player.exactly(1)[0]) * 16;
        String::from_utf8(player.exactly(length)).unwrap().contains("StreamTitle='Grüße aus Ærø'")
    });
    assert!(announced.is_some(), "the title never came");

    let mut manager = client_of(&proxy);
    let login = format!("Authorization: Bearer {}\r\n", radio.viewer);
    // A listener counts after one second.
    until("it counts", || {
        let listeners = manager.ask("GET", "/api/v1/listeners", &login, "").json();
        let addresses: Vec<_> = listeners.as_array().unwrap().iter().map(|one| &one["address"]).collect();
        assert!(addresses.iter().all(|address| *address == "127.0.0.9"), "the client's, not the proxy's");
        addresses.len() == 1
    });
    let mounts = manager.ask("GET", "/api/v1/mounts", &login, "").json();
    assert_eq!(mounts[0]["listen_url"], format!("{base_url}/stream.mp3"));
    let refused = manager.ask("POST", "/api/v1/pipelines/main/skip", "Origin: https://evil.example\r\n", "");
    assert_eq!(refused.problem().1, "cross-origin");
    let origin = format!("Authorization: Bearer {}\r\nOrigin: {base_url}\r\n", radio.admin);
    assert_eq!(manager.ask("POST", "/api/v1/pipelines/main/skip", &origin, "").status, 204);
}

#[test]
fn a_station_is_heard_through_nginx() {
    if is_there("nginx") {
        a_station_is_heard_through(nginx, "http://localhost");
    }
}

#[test]
fn a_station_is_heard_through_haproxy() {
    if is_there("haproxy") {
        // The documented frontend is for HTTPS, and says so.
        a_station_is_heard_through(haproxy, "https://localhost");
    }
}
