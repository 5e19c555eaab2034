//! A server that an application runs without a pipeline.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use longwave::{Error, MountSettings, Pipeline, Server, ServerSettings, Title};
use longwave_testing::studio::server;
use longwave_testing::tap::Tap;
use longwave_testing::until;

fn mount(path: &str) -> MountSettings {
    MountSettings { path: path.into(), content_type: "audio/x-own".into(), ..MountSettings::default() }
}

/// Sends a request. The connection yields everything until the server closes.
fn get(server: &Server, path: &str) -> TcpStream {
    let mut player = TcpStream::connect(server.local_addrs()[0]).unwrap();
    write!(player, "GET {path} HTTP/1.0\r\nIcy-MetaData: 1\r\n\r\n").unwrap();
    player
}

fn read_all(mut player: TcpStream) -> String {
    let mut answer = Vec::new();
    player.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn start_stop_is_running() {
    let server = server();
    let address = server.local_addrs()[0];
    assert!(server.is_running() && address.port() != 0);
    assert!(read_all(get(&server, "/nothing")).starts_with("HTTP/1.0 404"));
    let handle = server.clone();
    assert_eq!(server.stop().abandoned, Vec::<String>::new());
    assert!(!handle.is_running());
    assert_eq!(handle.stop().abandoned, Vec::<String>::new(), "stopping twice is harmless");
    assert!(matches!(handle.add_mount(mount("/late")), Err(Error::Stopped("server"))));
    let refused = TcpStream::connect(address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    TcpListener::bind(address).expect("the port is free at once");
}

#[test]
fn start_on_a_port_that_is_taken_says_which() {
    let first = server();
    let taken = first.local_addrs()[0];
    let settings = ServerSettings { listen: vec![taken], ..Default::default() };
    match Server::start(settings) {
        Err(Error::Listen { address, cause }) => {
            assert_eq!((address, cause.kind()), (taken, ErrorKind::AddrInUse));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn add_mount_and_remove_mount() {
    let server = server();
    let mut audio = server.add_mount(mount("/live")).unwrap().into_audio();
    assert!(matches!(server.add_mount(mount("/live")), Err(Error::Exists(_))));
    assert!(matches!(server.add_mount(mount("no slash")), Err(Error::Setting { key: "mount", .. })));
    audio.write_audio(b"what is due").unwrap();
    until("it has arrived", || server.mount_info("/live").is_some_and(|info| info.packets == 1));
    let mut player = get(&server, "/live");
    player.read_exact(&mut [0; 15]).unwrap();
    server.remove_mount("/live").unwrap();
    assert!(read_all(player).ends_with("what is due"), "then a close");
    assert!(matches!(server.remove_mount("/live"), Err(Error::NotFound(_))));
    assert!(read_all(get(&server, "/live")).starts_with("HTTP/1.0 404"));
    assert!(matches!(audio.write_audio(b"late"), Err(Error::Stopped("mount"))));
    server.add_mount(mount("/live")).expect("the path is free again");
}

#[test]
fn write_audio_update_metadata_and_listener_count() {
    let server = server();
    let mut audio = server.add_mount(mount("/live")).unwrap().into_audio();
    audio.set_header(b"<header>");
    audio.update_metadata(Title::new("First"));
    audio.write_audio(b"one").unwrap();
    until("it has arrived", || audio.info().packets == 1);
    let mut player = get(&server, "/live");
    player.read_exact(&mut [0; 15]).unwrap();
    until("it is counted", || server.listener_count(Some("/live")).unwrap() == 1);
    assert_eq!(server.listener_count(None).unwrap(), 1);
    let unknown = server.listener_count(Some("/other")).unwrap_err();
    assert!(matches!(&unknown, Error::NotFound(what) if what == "mount /other"), "{unknown:?}");
    assert!(matches!(server.listeners(Some("/other")), Err(Error::NotFound(_))));
    audio.update_metadata(Title::new("Second"));
    // Enough audio to reach the next place for a title.
    audio.write_audio(&[b'.'; 16_000]).unwrap();
    audio.write_audio(b"three").unwrap();
    until("the title holds", || audio.info().title.title.text == "Second");
    drop(audio);
    let heard = read_all(player);
    assert!(heard.contains("<header>one"), "a joiner gets the header first");
    assert!(heard.contains("StreamTitle='Second';") && heard.ends_with("three"), "{}", heard.len());
}

#[test]
fn a_server_made_for_a_pipeline_ends_with_the_last_that_uses_it() {
    let start = |name: &str| {
        let builder = Pipeline::builder(name).sample_rate(8000).channels(1);
        builder.output(&format!("/{name}"), Tap::counting()).listen(([127, 0, 0, 1], 0).into())
    };
    let main = start("main").start().unwrap();
    let server = main.server().unwrap();
    let address = server.local_addrs()[0];
    let shuffle = start("shuffle").server(&server).start().unwrap();
    drop(server);
    main.stop();
    assert!(shuffle.server().unwrap().mount_info("/shuffle").is_some(), "the others notice nothing");
    shuffle.stop();
    let refused = TcpStream::connect(address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_server_made_for_a_pipeline_is_as_its_builder_says() {
    let settings = ServerSettings {
        listen: vec![([127, 0, 0, 1], 0).into()],
        max_listeners: Some(1),
        ..ServerSettings::default()
    };
    let builder = Pipeline::builder("main").sample_rate(8000).channels(1).output("/main", Tap::counting());
    let builder = builder.server_settings(settings).listen(([127, 0, 0, 2], 0).into());
    let builder = builder.skip_crossfade(std::time::Duration::from_millis(250));
    assert!(format!("{builder:?}").contains("skip_crossfade: 250ms"));
    let pipeline = builder.start().unwrap();
    let server = pipeline.server().unwrap();
    let hosts: Vec<_> = server.local_addrs().iter().map(|address| address.ip().to_string()).collect();
    assert_eq!(hosts, ["127.0.0.1", "127.0.0.2"]);
    let mut first = get(&server, "/main");
    first.read_exact(&mut [0; 15]).unwrap();
    assert!(read_all(get(&server, "/main")).starts_with("HTTP/1.0 503 "), "one listener, and no more");
}
