//! The page over sockets.

use std::net::TcpStream;
use std::path::PathBuf;

use longwave_testing::PATIENCE;
use longwave_testing::client::{Client, Fetched};

use super::*;
use crate::server::MountSettings;
use crate::server::tests::server;

fn get(server: &Server, target: &str, headers: &str) -> Fetched {
    let socket = TcpStream::connect(server.local_addrs()[0]).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    Client::new(socket).fetch("GET", target, headers)
}

fn mp3_settings(path: &str) -> MountSettings {
    MountSettings { path: path.into(), content_type: "audio/mpeg".into(), ..MountSettings::default() }
}

fn text(fetched: &Fetched) -> String {
    String::from_utf8(fetched.bytes.clone()).unwrap()
}

#[test]
fn the_page_has_what_its_settings_say_and_none_of_it_is_markup() {
    let server = server();
    let evil = "</title><script>alert(1)</script>{{streams}}";
    let settings = PageSettings {
        name: Some(evil.into()),
        greeting: Some(evil.into()),
        links: vec![PageLink { text: evil.into(), url: "https://radio.example/?a&b".into() }],
        ..PageSettings::default()
    };
    server.show_page(&settings).unwrap();
    let _writer = server.add_mount(mp3_settings("/a.mp3")).unwrap();
    for (path, ancestors) in [("/", "frame-ancestors 'none'"), ("/embed", "frame-ancestors *")] {
        let page = get(&server, path, "");
        let text = text(&page);
        assert_eq!((page.status, page.header("Content-Type")), (200, Some("text/html; charset=utf-8")));
        assert!(
            !text.contains("<script>") && !text.contains("</title><") && !text.contains("style="),
            "{text}"
        );
        assert!(!text.contains(" on") || !text.contains("=\"alert"), "{text}");
        assert!(text.contains("&lt;/title&gt;&lt;script&gt;alert(1)"), "{text}");
        assert_eq!(text.matches("<audio").count(), 1, "{text}");
        let policy = page.header("Content-Security-Policy").unwrap();
        assert!(policy.ends_with(ancestors) && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(page.header("Cache-Control"), Some("no-cache"));
    }
    assert!(text(&get(&server, "/", "")).contains("href=\"https://radio.example/?a&amp;b\""));
}

#[test]
fn an_embedded_player_has_one_stream_or_all() {
    let server = server();
    server.show_page(&PageSettings::default()).unwrap();
    let _writers = ["/a.mp3", "/ä.mp3"].map(|path| server.add_mount(mp3_settings(path)).unwrap());
    let streams = |target: &str| text(&get(&server, target, "")).matches("<audio").count();
    assert_eq!(streams("/embed"), 2);
    assert_eq!(streams("/embed?mount=/a.mp3"), 1);
    assert_eq!(streams("/embed?x=1&mount=%2Fa.mp3"), 1);
    assert_eq!(streams("/embed?mount=/none.mp3"), 0);
    assert_eq!(streams("/embed?mount=%2F%C3%A4.mp3"), 1);
    assert_eq!(streams("/?mount=/none.mp3"), 2);
}

#[test]
fn files_are_compressed_for_whoever_takes_that() {
    let server = server();
    server.show_page(&PageSettings::default()).unwrap();
    for name in ["page.js", "page.css"] {
        let target = format!("/page/{name}");
        let file = web::files_of(FOLDER).find(|file| file.name() == name).unwrap();
        let [plain, packed] =
            ["", "Accept-Encoding: br, gzip\r\n"].map(|headers| get(&server, &target, headers));
        assert_eq!((plain.bytes.as_slice(), plain.header("Content-Encoding")), (file.bytes, None));
        assert_eq!((packed.bytes.as_slice(), packed.header("Content-Encoding")), (file.gzip, Some("gzip")));
        let tags = [plain.header("ETag").unwrap(), packed.header("ETag").unwrap()];
        assert_ne!(tags[0], tags[1]);
        for fetched in [&plain, &packed] {
            assert_eq!(fetched.header("Vary"), Some("Accept-Encoding"));
            assert_eq!(fetched.header("Cache-Control"), Some("no-cache"));
        }
        let known = format!("Accept-Encoding: gzip\r\nIf-None-Match: {}\r\n", tags[1]);
        let known = get(&server, &target, &known);
        assert_eq!(
            (known.status, known.header("Content-Encoding"), known.header("Vary")),
            (304, None, Some("Accept-Encoding"))
        );
        let part = get(&server, &target, "Accept-Encoding: gzip\r\nRange: bytes=2-5\r\n");
        assert_eq!(
            (part.status, part.bytes.as_slice(), part.header("Content-Encoding")),
            (206, &file.bytes[2..6], None)
        );
    }
    assert_eq!(get(&server, "/page/none.js", "").status, 404);
}

#[test]
fn the_form_for_requests_is_there_where_they_are_taken() {
    let server = server();
    for (taken, said) in [(true, "data-taken=\"yes\""), (false, "data-taken=\"no\"")] {
        server.show_page_taking(&PageSettings::default(), taken).unwrap();
        assert!(text(&get(&server, "/", "")).contains(said));
    }
}

#[test]
fn colours_and_a_logo_come_and_go() {
    let server = server();
    let logo = PathBuf::from("tests/pictures/logo.png");
    let settings = PageSettings {
        accent: Some(Colour([0, 0x80, 0x80])),
        accent_dark: Some(Colour([0xff; 3])),
        logo: Some(logo.clone()),
        ..PageSettings::default()
    };
    server.show_page(&settings).unwrap();
    let css = text(&get(&server, "/page/page.css", ""));
    let dark = "@media(prefers-color-scheme:dark){:root{--accent:#ffffff;--on-accent:#000}}";
    assert!(css.ends_with(&format!(":root{{--accent:#008080;--on-accent:#fff}}{dark}")), "{css}");
    let picture = get(&server, LOGO, "");
    assert_eq!((picture.bytes, picture.status), (std::fs::read(logo).unwrap(), 200));
    assert!(text(&get(&server, "/", "")).contains("src=\"/page/logo\""));
    server.show_page(&PageSettings::default()).unwrap();
    assert_eq!(get(&server, LOGO, "").status, 404);
    assert!(!text(&get(&server, "/", "")).contains("/page/logo"));
}

#[test]
fn a_logo_that_is_no_picture_is_refused_and_the_page_stays() {
    let folder = tempfile::tempdir().unwrap();
    let server = server();
    let shown = |name: &str, logo: Option<PathBuf>| {
        server.show_page(&PageSettings { name: Some(name.into()), logo, ..PageSettings::default() })
    };
    shown("before", None).unwrap();
    let (svg, large) = (folder.path().join("logo.png"), folder.path().join("large.png"));
    std::fs::write(&svg, "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>").unwrap();
    std::fs::File::create(&large).unwrap().set_len(100 << 20).unwrap();
    for (file, reason) in [(svg, "none of JPEG"), (large, "too large"), ("/none".into(), "/none")] {
        let error = shown("after", Some(file)).unwrap_err();
        assert!(matches!(&error, Error::Setting { key: "logo", .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
    assert!(text(&get(&server, "/", "")).contains("before"));
}

#[test]
fn a_folder_of_ones_own_takes_the_place_of_the_page_and_gives_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("index.html", "<script src=\"mine.js\"></script>");
    write("mine.js", "1");
    let server = server();
    let own = PageSettings { folder: Some(folder.path().into()), ..PageSettings::default() };
    server.show_page(&own).unwrap();
    let page = get(&server, "/", "");
    assert_eq!(text(&page), "<script src=\"mine.js\"></script>");
    assert_eq!(page.header("Content-Security-Policy"), Some("frame-ancestors 'none'"));
    let known = format!("If-None-Match: {}\r\n", page.header("ETag").unwrap());
    assert_eq!(get(&server, "/", &known).status, 304);
    assert_eq!(text(&get(&server, "/mine.js", "")), "1");
    assert_eq!(get(&server, "/embed", "").status, 200);
    for path in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/.git"] {
        assert_eq!(get(&server, path, "").status, 404, "{path}");
    }
    // A mount cannot have the path of a file, nor a file that of a mount.
    assert!(matches!(server.add_mount(mp3_settings("/mine.js")), Err(Error::Exists(_))));
    let _writer = server.add_mount(mp3_settings("/a.mp3")).unwrap();
    write("a.mp3", "");
    let error = server.show_page(&own).unwrap_err();
    assert!(error.to_string().contains("the mount /a.mp3"), "{error}");
    assert_eq!(text(&get(&server, "/mine.js", "")), "1");
    std::fs::remove_file(folder.path().join("a.mp3")).unwrap();
    write("mine.js", "2");
    server.show_page(&own).unwrap();
    assert_eq!(text(&get(&server, "/mine.js", "")), "2");
    server.show_page(&PageSettings::default()).unwrap();
    assert_eq!(get(&server, "/mine.js", "").status, 404);
    assert!(text(&get(&server, "/", "")).contains("/page/page.js"));
}
