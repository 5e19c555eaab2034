//! A source client: sends a stream by PUT, in real time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::feed::Feed;
use crate::net::{Target, connect_patiently};
use crate::options::SourceArgs;
use crate::stop::Stop;

/// A server that takes nothing for so long is gone.
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

/// Asks to send, and returns the answer's status.
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

/// Sets the mount's title, as source clients do.
fn set_title(url: &Target, title: &str) -> std::io::Result<()> {
    let mut socket = connect_patiently(url, PATIENCE)?;
    let request = format!(
        "GET /admin/metadata?mount={}&mode=updinfo&charset=UTF-8&song={} HTTP/1.0\r\nHost: {}\r\n{}User-Agent: longwave-stress\r\n\r\n",
        percent_encoded(&url.path),
        percent_encoded(title),
        url.host,
        authorization(url),
    );
    socket.write_all(request.as_bytes())?;
    match status(&mut socket)? {
        200 => Ok(()),
        status => Err(std::io::Error::other(format!("answered {status}"))),
    }
}

/// The status of the answer that comes next; its head is read.
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
        Some(login) => format!("Authorization: Basic {}\r\n", base64(login.as_bytes())),
        None => String::new(),
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(three.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::{base64, percent_encoded};

    #[test]
    fn encodings() {
        assert_eq!(base64(b""), "");
        assert_eq!(base64(b"f"), "Zg==");
        assert_eq!(base64(b"fo"), "Zm8=");
        assert_eq!(base64(b"source:hackme"), "c291cmNlOmhhY2ttZQ==");
        assert_eq!(percent_encoded("/a b – ü"), "/a%20b%20%E2%80%93%20%C3%BC");
    }
}
