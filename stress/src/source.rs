//! A source client: sends a stream with PUT, in real time, or by a clock that runs faster or slower.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// Sends until it is stopped. Several sources come one after another, and each has a thread. The first that
/// fails ends all.
pub fn run(args: &SourceArgs, stop: &Stop) -> Result<(), String> {
    let failed = AtomicBool::new(false);
    let has_ended = &|| stop.asked() || failed.load(Ordering::Relaxed);
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for number in 1..=args.count {
            let number = if args.count == 1 { String::new() } else { number.to_string() };
            let url = Target { path: format!("{}{number}", args.url.path), ..args.url.clone() };
            let source = Source::begin(args, url).inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
            let failed = &failed;
            threads.push(scope.spawn(move || {
                source.send(args, has_ended).inspect_err(|_| failed.store(true, Ordering::Relaxed))
            }));
        }
        threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    })
}

/// A source that has been let in.
struct Source {
    url: Target,
    feed: Feed,
    socket: TcpStream,
}

impl Source {
    fn begin(args: &SourceArgs, url: Target) -> Result<Source, String> {
        let feed = match &args.file {
            Some(path) => Feed::file(path)?,
            None => Feed::numbered(args.bitrate),
        };
        let in_vain = |error: std::io::Error| format!("{}: {error}", url.host);
        let mut socket = connect_patiently(&url, PATIENCE).map_err(in_vain)?;
        let status = begin(&mut socket, &url, &feed).map_err(in_vain)?;
        if !matches!(status, 100 | 200) {
            return Err(format!("{} answered {status} for {}", url.host, url.path));
        }
        eprintln!("feeding http://{}{} with {} kbit/s", url.host, url.path, feed.kbit());
        Ok(Source { url, feed, socket })
    }

    fn send(self, args: &SourceArgs, has_ended: &dyn Fn() -> bool) -> Result<(), String> {
        let Source { url, mut feed, mut socket } = self;
        let start = Instant::now();
        let clock = Clock { start, rate: 1.0 + args.clock_ppm / 1e6 };
        let mut titles = 0;
        let mut due = Vec::new();
        while !has_ended() && start.elapsed() < args.seconds {
            while feed.take(clock.elapsed(), &mut due) {}
            if socket.write_all(&due).is_err() {
                return Err(format!("{} has closed after {:.1} s", url.host, start.elapsed().as_secs_f64()));
            }
            due.clear();
            if let Some(every) = args.title_every
                && start.elapsed() >= every * titles
            {
                titles += 1;
                if let Err(error) = set_title(&url, &format!("Title – {titles}")) {
                    eprintln!("title {titles}: {error}");
                }
            }
            thread::sleep(clock.until(feed.next_due()));
        }
        Ok(())
    }
}

/// The clock of the source's sound card.
struct Clock {
    start: Instant,
    /// Its seconds in one of ours.
    rate: f64,
}

impl Clock {
    /// Since the start, as it shows.
    fn elapsed(&self) -> Duration {
        self.start.elapsed().mul_f64(self.rate)
    }

    /// How long it takes until it shows this, as ours shows.
    fn until(&self, shown: Duration) -> Duration {
        shown.saturating_sub(self.elapsed()).div_f64(self.rate)
    }
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
/// The status of an HTTP answer, whose head is read to its end.
pub fn status(socket: &mut TcpStream) -> std::io::Result<u16> {
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
    fn a_clock_that_is_wrong_shows_more_or_less_than_has_passed() {
        let start = Instant::now();
        let [fast, slow] = [1.5, 0.5].map(|rate| Clock { start, rate });
        let (fast_shows, slow_shows) = (fast.elapsed(), slow.elapsed());
        assert!(
            slow_shows <= slow.elapsed() && slow.elapsed() <= fast.elapsed() && fast_shows <= fast.elapsed()
        );
        let hour = Duration::from_secs(3600);
        assert!(fast.until(hour) < hour.mul_f64(0.7) && slow.until(hour) > hour.mul_f64(1.9));
        assert_eq!(fast.until(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn a_title_and_a_login_survive_the_request() {
        let url: Target = "http://source:hackme@localhost:8000/a,b.mp3".parse().unwrap();
        let request = title_request(&url, "a&b – ü");
        assert!(request.contains("?mount=%2Fa%2Cb%2Emp3&"), "{request}");
        assert!(request.contains("&song=a%26b%20%E2%80%93%20%C3%BC HTTP"), "{request}");
        assert!(request.contains("Authorization: Basic c291cmNlOmhhY2ttZQ==\r\n"), "{request}");
    }
}
