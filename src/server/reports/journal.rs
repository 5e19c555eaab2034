//! The thread `journal`: writes the server's log. A logger may be slow, and neither the reactor nor a mixer
//! may wait for one.
//!
//! Reads: entries from the reactor and from the hub of events, through a bounded queue. Writes: log lines.
//! Never: touches a socket.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use log::Level;

use super::access::{Access, Destination};
use crate::server::client_address::{Addresses, ClientAddress, ShownAddress};
use crate::server::connections::visit::Visit;

/// The capacity of the queue in entries: a few seconds of a join storm.
const WAITING: usize = 16_384;
/// The target of access lines, which are logged at level info.
const ACCESS: &str = "longwave::access";
/// Where all other lines are logged.
pub(super) const LINES: &str = "longwave";

/// The sending end of the journal's queue.
#[derive(Clone, Debug)]
pub(crate) struct JournalWriter {
    entries: Sender<Entry>,
    lost: Arc<AtomicU64>,
    access: Arc<Access>,
}

/// The journal of a server. The thread `journal` calls `run`.
#[derive(Debug)]
pub(crate) struct Journal {
    entries: Receiver<Entry>,
    lost: Arc<AtomicU64>,
}

/// An entry in the queue. It is small, because the queue allocates its whole capacity.
#[derive(Debug)]
enum Entry {
    Access(Box<AccessEntry>),
    Note(Level, Box<str>),
}

#[derive(Debug)]
pub(crate) struct AccessEntry {
    pub(super) address: ShownAddress,
    pub(super) visit: Visit,
    pub(super) status: u16,
    pub(super) bytes: u64,
    pub(super) duration: Duration,
    pub(super) at: SystemTime,
}

pub(crate) fn journal(access: Arc<Access>) -> (JournalWriter, Journal) {
    let (sender, receiver) = bounded(WAITING);
    let lost = Arc::new(AtomicU64::new(0));
    let writer = JournalWriter { entries: sender, lost: Arc::clone(&lost), access };
    (writer, Journal { entries: receiver, lost })
}

impl JournalWriter {
    /// Whether access lines may be written.
    pub(crate) fn wants_requests(&self) -> bool {
        self.access.rules().want_requests()
    }

    /// What may be shown of a client's address, by the settings as they are now.
    pub(crate) fn shown(&self, address: ClientAddress) -> ShownAddress {
        address.shown(self.addresses())
    }

    pub(crate) fn addresses(&self) -> Addresses {
        self.access.rules().addresses
    }

    /// Logs a request that has ended.
    pub(crate) fn access(&self, visit: Visit, status: u16, bytes: u64, duration: Duration, at: SystemTime) {
        let rules = self.access.rules();
        if !rules.want_requests() || !rules.want(visit.is_poll, status) {
            return;
        }
        let address = visit.address.shown(rules.addresses);
        let entry = Box::new(AccessEntry { address, visit, status, bytes, duration, at });
        match &rules.to {
            Destination::File(file) => {
                if file.write(entry) {
                    let text =
                        format!("the access log {} takes no lines: they are lost", file.path().display());
                    self.note(Level::Warn, text);
                }
            }
            Destination::Log => self.write(Entry::Access(entry)),
            Destination::Nowhere => {}
        }
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

impl Journal {
    /// Writes entries until all writers are gone.
    pub(crate) fn run(self) {
        for entry in &self.entries {
            // A host's logger that panics loses its line, and not the lines after it.
            let _ = catch_unwind(AssertUnwindSafe(|| self.log(entry)));
        }
        let _ = catch_unwind(AssertUnwindSafe(|| self.say_lost()));
    }

    fn say_lost(&self) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            log::warn!(target: LINES, "the log is too slow: {lost} entries were lost");
        }
    }

    fn log(&self, entry: Entry) {
        self.say_lost();
        match entry {
            Entry::Access(access) if log::log_enabled!(target: ACCESS, Level::Info) => {
                log::info!(target: ACCESS, "{}", access.line());
            }
            Entry::Access(_) => {}
            Entry::Note(level, text) => log::log!(target: LINES, level, "{text}"),
        }
    }
}

impl AccessEntry {
    /// `IP - USER [dd/Mon/YYYY:HH:MM:SS +zzzz] "METHOD URI HTTP/1.x" CODE BYTES "REFERER" "UA" SECONDS`
    pub(super) fn line(&self) -> String {
        let (visit, address) = (&self.visit, self.address);
        let (date, status, bytes, seconds) =
            (log_date(self.at), self.status, self.bytes, self.duration.as_secs());
        let [request, referer, agent] = [visit.request_line(), visit.referer(), visit.agent()].map(quoted);
        let user = unquoted(visit.user());
        format!("{address} - {user} [{date}] {request} {status} {bytes} {referer} {agent} {seconds}")
    }
}

/// In quotes, with escapes for everything that could end them or forge a line; `-` for an empty text.
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

/// As a single word, whatever the text contains; `-` for an empty text.
fn unquoted(text: &str) -> String {
    if text.is_empty() {
        return "-".into();
    }
    let is_plain = |c: &char| !(c.is_whitespace() || c.is_control() || matches!(c, '"' | '\\'));
    text.chars().map(|c| if is_plain(&c) { c.to_string() } else { c.escape_unicode().to_string() }).collect()
}

/// Turns HTTP's `Sun, 09 Sep 2001 01:46:40 GMT` into `09/Sep/2001:01:46:40 +0000`. The time stays in UTC,
/// because asking the system for its time zone reads the host's environment.
fn log_date(at: SystemTime) -> String {
    let http = httpdate::fmt_http_date(at.max(UNIX_EPOCH));
    let (day, month, year, time) = (&http[5..7], &http[8..11], &http[12..16], &http[17..25]);
    format!("{day}/{month}/{year}:{time} +0000")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Request;

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
        let client = ClientAddress::new([192, 0, 2, 7].into());
        let mut visit = Visit::new(1, client, Some(&request));
        visit.identify("ana");
        let entry = AccessEntry {
            address: client.shown(Addresses::Full),
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
}
