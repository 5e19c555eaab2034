//! The thread `journal`: says what the reactor has to say, because a logger or a subscriber may be
//! slow and the reactor must not wait for either.
//!
//! Reads: entries from the reactor, by a bounded queue. Writes: log lines, events to subscribers.
//! Never: touches a socket.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use log::Level;

use crate::error::CloseReason;
use crate::server::connections::visit::Visit;

/// Entries that may wait to be written: a few seconds of a join storm.
const WAITING: usize = 16_384;
/// Where access lines are logged, at level info.
const ACCESS: &str = "longwave::access";

/// What has happened at a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ServerEvent {
    /// Somebody listens, and has for a second (before that it may be a player's probe).
    ListenerJoined {
        /// Counts the connections of this server.
        id: u64,
        /// What it listens to.
        mount: Arc<str>,
        /// Where it is.
        address: IpAddr,
        /// What it says it is; may be empty.
        agent: String,
    },
    /// A listener that had joined is gone; where it moved, it joins the other mount next, under the same id.
    ListenerLeft {
        /// As when it joined.
        id: u64,
        /// What it listened to.
        mount: Arc<str>,
        /// Where it was.
        address: IpAddr,
        /// What it said it was; may be empty.
        agent: String,
        /// For how long, at this mount.
        duration: Duration,
        /// How many bytes its socket took, at this mount.
        bytes: u64,
        /// Why it ended.
        reason: CloseReason,
    },
}

/// The events of a server, from when it subscribed. A subscriber who does not keep up misses some,
/// and can tell how many.
#[derive(Debug)]
pub struct ServerEvents {
    receiver: Receiver<ServerEvent>,
    missed: Arc<AtomicU64>,
}

impl ServerEvents {
    /// The next event that is there already.
    pub fn try_next(&self) -> Option<ServerEvent> {
        self.receiver.try_recv().ok()
    }

    /// Waits for the next event, at most so long. None after a timeout, and at once when the server
    /// has stopped and all its events are read.
    pub fn next_within(&self, timeout: Duration) -> Option<ServerEvent> {
        self.receiver.recv_timeout(timeout).ok()
    }

    /// How many events were lost because this subscriber, or the log, was too slow.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

/// The reactor's end.
#[derive(Clone, Debug)]
pub(crate) struct JournalWriter {
    entries: Sender<Entry>,
    lost: Arc<AtomicU64>,
}

/// Where subscribers sign up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subscribers(Arc<Mutex<Vec<Subscriber>>>);

#[derive(Debug)]
struct Subscriber {
    sender: Sender<ServerEvent>,
    missed: Arc<AtomicU64>,
}

/// The journal thread's end; `run` it there.
#[derive(Debug)]
pub(crate) struct Journal {
    entries: Receiver<Entry>,
    lost: Arc<AtomicU64>,
    subscribers: Subscribers,
}

/// Small, because a queue has room for all that may wait.
#[derive(Debug)]
enum Entry {
    Access(Box<AccessEntry>),
    Event(Box<ServerEvent>),
    Note(Level, Box<str>),
}

#[derive(Debug)]
struct AccessEntry {
    visit: Visit,
    status: u16,
    bytes: u64,
    duration: Duration,
    at: SystemTime,
}

pub(crate) fn journal(subscribers: Subscribers) -> (JournalWriter, Journal) {
    let (sender, receiver) = bounded(WAITING);
    let lost = Arc::new(AtomicU64::new(0));
    let writer = JournalWriter { entries: sender, lost: Arc::clone(&lost) };
    (writer, Journal { entries: receiver, lost, subscribers })
}

impl JournalWriter {
    /// Whether the access log may want to hear of requests. The reactor runs no code of the host's: what its logger
    /// makes of this target is asked on the journal's own thread.
    pub(crate) fn wants_requests(&self) -> bool {
        log::max_level() >= Level::Info
    }

    /// A request has ended.
    pub(crate) fn access(&self, visit: Visit, status: u16, bytes: u64, duration: Duration, at: SystemTime) {
        if self.wants_requests() {
            self.write(Entry::Access(Box::new(AccessEntry { visit, status, bytes, duration, at })));
        }
    }

    pub(crate) fn event(&self, event: ServerEvent) {
        self.write(Entry::Event(Box::new(event)));
    }

    pub(crate) fn note(&self, level: Level, text: impl Into<String>) {
        self.write(Entry::Note(level, text.into().into_boxed_str()));
    }

    fn write(&self, entry: Entry) {
        if let Err(TrySendError::Full(_)) = self.entries.try_send(entry) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Subscribers {
    /// A new subscriber with room for so many events.
    pub(crate) fn subscribe(&self, capacity: usize) -> ServerEvents {
        let (sender, receiver) = bounded(capacity.max(1));
        let missed = Arc::new(AtomicU64::new(0));
        self.list().push(Subscriber { sender, missed: Arc::clone(&missed) });
        ServerEvents { receiver, missed }
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Subscriber>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, event: &ServerEvent) {
        self.list().retain(|subscriber| match subscriber.sender.try_send(event.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                subscriber.missed.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        });
    }

    fn missed(&self, lost: u64) {
        for subscriber in self.list().iter() {
            subscriber.missed.fetch_add(lost, Ordering::Relaxed);
        }
    }
}

impl Journal {
    /// Until the reactor is gone and everything is said.
    pub(crate) fn run(self) {
        for entry in &self.entries {
            let lost = self.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                log::warn!("the log is too slow: {lost} entries were lost");
                self.subscribers.missed(lost);
            }
            match entry {
                Entry::Access(access) if log::log_enabled!(target: ACCESS, Level::Info) => {
                    log::info!(target: ACCESS, "{}", access.line());
                }
                Entry::Access(_) => {}
                Entry::Event(event) => self.subscribers.send(&event),
                Entry::Note(level, text) => log::log!(level, "{text}"),
            }
        }
        // Whoever waits for the next event learns that there will be none.
        self.subscribers.list().clear();
    }
}

impl AccessEntry {
    /// `IP - USER [dd/Mon/YYYY:HH:MM:SS +zzzz] "METHOD URI HTTP/1.x" CODE BYTES "REFERER" "UA" SECONDS`
    fn line(&self) -> String {
        let (visit, address) = (&self.visit, self.visit.address);
        let (date, status, bytes, seconds) =
            (log_date(self.at), self.status, self.bytes, self.duration.as_secs());
        let [request, referer, agent] = [visit.request_line(), visit.referer(), visit.agent()].map(quoted);
        let user = unquoted(visit.user());
        format!("{address} - {user} [{date}] {request} {status} {bytes} {referer} {agent} {seconds}")
    }
}

/// In quotes, with what could end them or forge a line escaped; `-` for nothing.
fn quoted(text: &str) -> String {
    if text.is_empty() {
        return "\"-\"".into();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            character if character.is_control() => quoted.extend(character.escape_default()),
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// A single word, whatever is in it; `-` for nothing.
fn unquoted(text: &str) -> String {
    if text.is_empty() {
        return "-".into();
    }
    let is_plain = |c: &char| !(c.is_whitespace() || c.is_control() || matches!(c, '"' | '\\'));
    text.chars().map(|c| if is_plain(&c) { c.to_string() } else { c.escape_unicode().to_string() }).collect()
}

/// `09/Sep/2001:01:46:40 +0000`, from HTTP's `Sun, 09 Sep 2001 01:46:40 GMT`. In UTC: asking the
/// system for its time zone would touch the host's environment.
fn log_date(at: SystemTime) -> String {
    let http = httpdate::fmt_http_date(at.max(UNIX_EPOCH));
    let (day, month, year, time) = (&http[5..7], &http[8..11], &http[12..16], &http[17..25]);
    format!("{day}/{month}/{year}:{time} +0000")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Request;

    fn joined(id: u64) -> ServerEvent {
        let address = IpAddr::from([127, 0, 0, 1]);
        ServerEvent::ListenerJoined { id, mount: "/a".into(), address, agent: String::new() }
    }

    fn id(event: &ServerEvent) -> u64 {
        match event {
            ServerEvent::ListenerJoined { id, .. } | ServerEvent::ListenerLeft { id, .. } => *id,
        }
    }

    #[test]
    fn what_could_end_a_quotation_or_forge_a_line_is_escaped() {
        assert_eq!(quoted("a\r\nb\t\u{1b}[2J"), r#""a\r\nb\t\u{1b}[2J""#);
        assert_eq!(quoted(r#"say "\"#), r#""say \"\\""#);
        assert_eq!(quoted(""), r#""-""#);
        assert_eq!(unquoted("Zoë B\r\"[\u{9b}"), r#"Zoë\u{20}B\u{d}\u{22}[\u{9b}"#);
        assert_eq!(unquoted(""), "-");
    }

    #[test]
    fn access_lines_are_as_tools_expect_them() {
        let head = b"GET /a\"b HTTP/1.1\r\nUser-Agent: evil\xc2\x9b[2J\\\r\n\r\n";
        let request = Request::parse(head).unwrap();
        let mut visit = Visit::new(1, IpAddr::from([192, 0, 2, 7]), Some(&request));
        visit.identify("ana");
        let entry = AccessEntry {
            visit,
            status: 200,
            bytes: 12_345,
            duration: Duration::from_millis(61_900),
            at: UNIX_EPOCH + Duration::from_secs(1_000_000_000),
        };
        assert_eq!(
            entry.line(),
            r#"192.0.2.7 - ana [09/Sep/2001:01:46:40 +0000] "GET /a\"b HTTP/1.1" 200 12345 "-" "evil\u{9b}[2J\\" 61"#
        );
    }

    #[test]
    fn a_slow_subscriber_knows_what_it_missed_and_a_gone_one_is_forgotten() {
        let subscribers = Subscribers::default();
        let (slow, fast) = (subscribers.subscribe(2), subscribers.subscribe(100));
        drop(subscribers.subscribe(1));
        let (writer, journal) = journal(subscribers.clone());
        (0..5).for_each(|id| writer.event(joined(id)));
        drop(writer);
        journal.run();
        let read = |events: &ServerEvents| {
            std::iter::from_fn(|| events.try_next()).map(|e| id(&e)).collect::<Vec<_>>()
        };
        assert_eq!(read(&slow), [0, 1]);
        assert_eq!(slow.missed(), 3);
        assert_eq!(read(&fast), [0, 1, 2, 3, 4]);
        assert_eq!(fast.missed(), 0);
        assert!(fast.next_within(Duration::from_secs(60)).is_none(), "the server is gone: no wait");
    }

    #[test]
    fn what_the_journal_loses_the_subscribers_missed() {
        let subscribers = Subscribers::default();
        let events = subscribers.subscribe(WAITING * 2);
        let (writer, journal) = journal(subscribers);
        (0..WAITING as u64 + 10).for_each(|id| writer.event(joined(id)));
        drop(writer);
        journal.run();
        assert_eq!(events.missed(), 10);
    }
}
