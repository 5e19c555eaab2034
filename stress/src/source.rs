//! A source client: sends a stream with PUT, in real time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::feed::Feed;
use crate::net::{Target, connect_patiently};
use crate::options::SourceArgs;
use crate::stop::Stop;

/// The connection fails if the server takes nothing for this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends until it is stopped.
pub fn run(args: &SourceArgs, stop: &Stop) -> Result<(), String> {
    let mut feed = match &args.file {
        Some(path) => Feed::file(path)?,
        None => Feed::numbered(args.bitrate),
    };
    let mut socket =
        connect_patiently(&args.url, PATIENCE).map_err(|error| format!("{}: {error}", args.url.host))?;
    let status =
        begin(&mut socket, &args.url, &feed).map_err(|error| format!("{}: {error}", args.url.host))?;
    if !matches!(status, 100 | 200) {
        return Err(format!("{} answered {status}", args.url.host));
    }
    eprintln!("feeding http://{}{} with {} kbit/s", args.url.host, args.url.path, feed.kbit());

    let start = Instant::now();
    let mut titles = 0;
    let mut due = Vec::new();
    while !stop.asked() && start.elapsed() < args.seconds {
        while feed.take(start.elapsed(), &mut due) {}
        if socket.write_all(&due).is_err() {
            return Err(format!("{} has closed after {:.1} s", args.url.host, start.elapsed().as_secs_f64()));
        }
        due.clear();
        if let Some(every) = args.title_every
            && start.elapsed() >= every * titles
        {
            titles += 1;
            if let Err(error) = set_title(&args.url, &format!("Title – {titles}")) {
                eprintln!("title {titles}: {error}");
            }
        }
        thread::sleep(feed.next_due().saturating_sub(start.elapsed()));
    }
    Ok(())
}

/// Sends the head of the PUT request, and returns the status of the answer.
fn begin(socket: &mut TcpStream, url: &Target, feed: &Feed) -> std::io::Result<u16> {
    let request = format!(
        "PUT {} HTTP/1.1\r\nHost: {}\r\n{}User-Agent: longwave-stress\r\nContent-Type: {}\r\n\
         Ice-Name: longwave-stress\r\nIce-Bitrate: {}\r\nIce-Public: 0\r\nExpect: 100-continue\r\n\r\n",
        url.path,
        url.host,
        authorization(url),
        feed.content_type(),
        feed.kbit(),
    );
    socket.write_all(request.as_bytes())?;
    status(socket)
}

/// Sets the mount's title in the way of source clients.
fn set_title(url: &Target, title: &str) -> std::io::Result<()> {
    let mut socket = connect_patiently(url, PATIENCE)?;
    socket.write_all(title_request(url, title).as_bytes())?;
    match status(&mut socket)? {
        200 => Ok(()),
        status => Err(std::io::Error::other(format!("answered {status}"))),
    }
}

fn title_request(url: &Target, title: &str) -> String {
    let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    format!(
        "GET /admin/metadata?mount={}&mode=updinfo&charset=UTF-8&song={} HTTP/1.0\r\nHost: {}\r\n{}User-Agent: longwave-stress\r\n\r\n",
        encoded(&url.path),
        encoded(title),
        url.host,
        authorization(url),
    )
}

/// Reads the head of the next answer, and returns its status.
fn status(socket: &mut TcpStream) -> std::io::Result<u16> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < 16 * 1024 {
        socket.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    let status = head.split(' ').nth(1).and_then(|status| status.get(..3)?.parse().ok());
    status.ok_or_else(|| std::io::Error::other("no HTTP answer"))
}

fn authorization(url: &Target) -> String {
    match &url.login {
        Some(login) => format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode(login)),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_and_a_login_survive_the_request() {
        let url: Target = "http://source:hackme@localhost:8000/a,b.mp3".parse().unwrap();
        let request = title_request(&url, "a&b – ü");
        assert!(request.contains("?mount=%2Fa%2Cb%2Emp3&"), "{request}");
        assert!(request.contains("&song=a%26b%20%E2%80%93%20%C3%BC HTTP"), "{request}");
        assert!(request.contains("Authorization: Basic c291cmNlOmhhY2ttZQ==\r\n"), "{request}");
    }
}
