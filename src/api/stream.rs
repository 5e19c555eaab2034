//! One stream of Server-Sent Events, which its clients share.
//!
//! An event's id is the position of its end in the stream's record, so a client that reconnects with the id
//! continues there. A new client, and one that was away for too long, gets a snapshot first.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use crate::server::EventRoom;
use crate::{EventStream, Following, HttpAnswer, HttpRequest, Server, StreamPos};

/// A comment is sent after this much silence. It shows proxies and clients that the connection is alive.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
/// The time within which the server has counted a new follower.
const COUNTED_WITHIN: Duration = Duration::from_secs(2);

pub(super) struct Stream {
    events: EventStream,
    pushed: Instant,
    /// The time when the last follower came.
    came: Option<Instant>,
}

impl Stream {
    pub(super) fn new(server: &Server, room: EventRoom, now: Instant) -> crate::Result<Stream> {
        Ok(Stream { events: server.event_stream_with(room)?, pushed: now, came: None })
    }

    pub(super) fn is_followed(&self, now: Instant) -> bool {
        let came_just_now = |came| now.saturating_duration_since(came) < COUNTED_WITHIN;
        self.events.followers() > 0 || self.came.is_some_and(came_just_now)
    }

    /// Pushes an event. An event that cannot be sent is lost.
    pub(super) fn push(&mut self, run: &str, name: &str, data: &impl Serialize, now: Instant) {
        let event = self.event(run, name, data);
        if !self.events.push(event.as_bytes()) {
            log::warn!("an event {name} could not be sent: the server is away, or the event too long");
        }
        self.pushed = now;
    }

    /// The text of an event. Its id is the position where it ends, which is where the next one begins.
    fn event(&self, run: &str, name: &str, data: &impl Serialize) -> String {
        let rest = fitting_body(name, data);
        let id_line = "id: \n".len() + event_id(run, StreamPos(0)).len();
        let end = self.events.end() + (id_line + rest.len()) as u64;
        format!("id: {}\n{rest}", event_id(run, end))
    }

    pub(super) fn stay_alive(&mut self, now: Instant) {
        if now.saturating_duration_since(self.pushed) >= SIGN_OF_LIFE {
            self.events.push(b":\n\n");
            self.pushed = now;
        }
    }

    pub(super) fn follow<T: Serialize>(
        &mut self,
        run: &str,
        request: HttpRequest,
        now: Instant,
        name: &str,
        snapshot: impl FnOnce() -> T,
    ) -> Following {
        self.came = Some(now);
        let last = request.header("last-event-id").map(str::to_owned);
        let last = last.or_else(|| request.parameter("last_event_id"));
        let goes_on_at = last.and_then(|id| position(run, &id)).filter(|at| self.events.can_go_on_at(*at));
        let (prelude, from) = match goes_on_at {
            Some(position) => (":\n\n".to_owned(), position),
            None => {
                let end = self.events.end();
                (format!("id: {}\n{}", event_id(run, end), event_body(name, &snapshot())), end)
            }
        };
        let answer = HttpAnswer::new(200, "text/event-stream", format!("retry: 2000\n{prelude}"))
            .with("Cache-Control", "no-store")
            // Without this header, nginx buffers events.
            .with("X-Accel-Buffering", "no");
        let answer = match request.raw_path().starts_with("/nowplaying/") {
            true => answer.readable_by_all().with("Vary", "Accept"),
            false => answer,
        };
        request.follow(answer, &self.events, from)
    }
}

/// The text of an event without its id. The JSON here contains no line ends.
fn event_body(name: &str, data: &impl Serialize) -> String {
    let data = serde_json::to_string(data).expect("every document can be written as JSON");
    format!("event: {name}\ndata: {data}\n\n")
}

/// The same, no longer than what can be sent. Where it would be, all texts in it are cut at one length: it is
/// the longest of 4,096, 2,048, 1,024 … characters at which the event fits.
fn fitting_body(name: &str, data: &impl Serialize) -> String {
    /// The id's line is sent with it.
    const ROOM: usize = EventStream::MAX_EVENT - 1024;
    const LONGEST: usize = 4096;
    let body = event_body(name, data);
    if body.len() <= ROOM {
        return body;
    }
    let mut document = serde_json::to_value(data).expect("every document can be written as JSON");
    let lengths = std::iter::successors(Some(LONGEST), |longest| Some(longest / 2)).take_while(|it| *it > 0);
    let bodies = lengths.map(|longest| {
        cut_texts(&mut document, longest);
        event_body(name, &document)
    });
    bodies.into_iter().find(|body| body.len() <= ROOM).unwrap_or(body)
}

/// Cuts all texts in a document that have more characters than `longest`.
fn cut_texts(document: &mut Value, longest: usize) {
    match document {
        Value::String(text) => {
            if text.chars().count() > longest {
                *text = text.chars().take(longest - 1).chain(['…']).collect();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| cut_texts(value, longest)),
        Value::Object(fields) => fields.values_mut().for_each(|value| cut_texts(value, longest)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// An event's id. All ids of a run have one length.
fn event_id(run: &str, position: StreamPos) -> String {
    format!("{run}-{:016x}", position.0)
}

fn position(run: &str, id: &str) -> Option<StreamPos> {
    let position = id.strip_prefix(run)?.strip_prefix('-').filter(|hex| hex.len() == 16)?;
    u64::from_str_radix(position, 16).ok().map(StreamPos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_with_long_texts_is_sent_with_shorter_ones() {
        let document = |title: &str| serde_json::json!({"id": 3, "track": {"title": title, "name": title}});
        let data = |body: &str| {
            let json = body.strip_prefix("event: x\ndata: ").and_then(|rest| rest.strip_suffix("\n\n"));
            serde_json::from_str::<Value>(json.expect("an event")).expect("JSON")
        };
        for title in ["ö".repeat(15_000), "a".to_owned()] {
            let whole = document(&title);
            assert_eq!(data(&fitting_body("x", &whole)), whole);
        }
        for (character, left) in [("ö", 4_096), ("\"", 4_096), ("\u{1}", 4_096), ("𝄞", 4_096)] {
            let body = fitting_body("x", &document(&character.repeat(40_000)));
            assert!(body.len() <= EventStream::MAX_EVENT - 1024, "{character}: {}", body.len());
            let cut = character.repeat(left - 1) + "…";
            assert_eq!(data(&body), document(&cut), "{character}");
        }
        let many = serde_json::json!(vec!["x".repeat(5_000); 200]);
        assert!(fitting_body("x", &many).len() < EventStream::MAX_EVENT);
    }

    #[test]
    fn an_id_says_where_to_go_on_and_in_which_run() {
        let id = event_id("00c0ffee", StreamPos(0x1234));
        assert_eq!(id, "00c0ffee-0000000000001234");
        assert_eq!(position("00c0ffee", &id), Some(StreamPos(0x1234)));
        assert_eq!(position("00c0ffef", &id), None);
        for wrong in [
            "",
            "00c0ffee",
            "00c0ffee-",
            "00c0ffee-12",
            "00c0ffee-000000000000123g",
            "00c0ffee--000000000001234",
        ] {
            assert_eq!(position("00c0ffee", wrong), None, "{wrong}");
        }
    }
}
