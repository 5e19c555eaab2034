//! Pushes events (Server-Sent Events): those of the whole station, and what each mount plays.
//!
//! All clients of a stream share one record. An event's id is the position of its end in the record, so a
//! client that reconnects with the id continues there. A new client, and one that was away for too long, gets
//! a snapshot first.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::call::open_json;
use super::core::Core;
use super::nowplaying::{Fingerprint, NowPlaying};
use super::problem::Problem;
use super::router::Follow;
use super::views::{PipelineEvent, Snapshot};
use crate::access::Identity;
use crate::server::EventRoom;
use crate::{
    Entry as TrackEntry, Event, EventKind, EventReceiver, EventStream, Following, HttpAnswer, HttpRequest,
    MountInfo, Pipeline, Server, StationEvent, StreamPos, TrackInfo,
};

/// A comment is sent after this much silence. It shows proxies and clients that the connection is alive.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
/// The number of a mount's listeners is sent at most once in this time.
const LISTENERS_EVERY: Duration = Duration::from_secs(2);
/// The capacity of the queue of the station's events. It takes a join storm between two looks while no client
/// follows.
const WAITING: usize = 16_384;
/// The most events that are pushed before requests are looked at again.
const EVENTS_AT_ONCE: usize = 512;
/// The time between two looks at changes while a client follows.
const TICK: Duration = Duration::from_millis(50);
/// The same while no client follows. Events are still recorded, for clients that reconnect. (Most events wake
/// the thread at once: see [`wakes`].)
const IDLE_TICK: Duration = Duration::from_secs(1);
/// The time within which the server has counted a new follower.
const COUNTED_WITHIN: Duration = Duration::from_secs(2);

/// All event streams of a station. They belong to the thread `api`.
pub(crate) struct Streams {
    /// The name of this run of the station. Positions of another run mean nothing here.
    run: String,
    /// The events of all pipelines, in one order.
    events: EventReceiver<StationEvent>,
    station: Stream,
    /// The clients of the station's events.
    followers: Vec<Follower>,
    /// For each pipeline, the files that were looked at last: what plays, and what comes.
    wanted: Vec<[Option<PathBuf>; 2]>,
    mounts: BTreeMap<String, MountStream>,
    looked_at: Instant,
    /// Whether the last turn left events for the next one.
    behind: bool,
}

/// A client of the station's events.
struct Follower {
    who: Identity,
    /// The number of the session that it belongs to, if it does.
    session: Option<u64>,
    following: Following,
}

/// The event stream about what a mount plays.
struct MountStream {
    stream: Stream,
    said: Fingerprint,
    listeners_said: Instant,
}

struct Stream {
    events: EventStream,
    pushed: Instant,
    /// The time when the last follower came.
    came: Option<Instant>,
}

impl Streams {
    pub(crate) fn new(core: &Core, run: String) -> crate::Result<Streams> {
        let now = Instant::now();
        let bell = core.bell.clone();
        let notify = move |kind| {
            if wakes(kind) {
                bell.ring();
            }
        };
        Ok(Streams {
            run,
            events: core.server.subscribe_notifying(WAITING, |_| true, notify),
            station: Stream::new(&core.server, EventRoom::CROWD, now)?,
            followers: Vec::new(),
            wanted: vec![[None, None]; core.pipelines.len()],
            mounts: BTreeMap::new(),
            looked_at: now,
            behind: false,
        })
    }

    /// How long the next turn may wait.
    pub(crate) fn patience(&self, now: Instant) -> Duration {
        let mut streams =
            std::iter::once(&self.station).chain(self.mounts.values().map(|mount| &mount.stream));
        match self.behind || streams.any(|stream| stream.is_followed(now)) {
            true => TICK,
            false => IDLE_TICK,
        }
    }

    /// Pushes news, and requests the tags of the next tracks. `wants_tags` returns false if `api-files` is
    /// busy.
    pub(crate) fn turn(
        &mut self,
        core: &Core,
        now: Instant,
        wants_tags: &mut dyn FnMut(&TrackEntry) -> bool,
    ) {
        self.behind = self.tell(core, now);
        self.station.stay_alive(now);
        if now.saturating_duration_since(self.looked_at) < TICK {
            self.behind = true;
            return;
        }
        self.looked_at = now;
        for (pipeline, wanted) in core.pipelines.iter().zip(&mut self.wanted) {
            let playing = pipeline.current_track().map(|current| entry_of(&current.track));
            let next = pipeline.up_next(1).into_iter().next().map(|(_, entry)| entry);
            for (entry, wanted) in [playing, next].into_iter().zip(wanted) {
                let Some(entry) = entry.filter(|entry| wanted.as_ref() != Some(&entry.path)) else {
                    continue;
                };
                match core.knows(&entry.path) || wants_tags(&entry) {
                    true => *wanted = Some(entry.path),
                    false => self.behind = true,
                }
            }
        }
        // A stream ends with its mount.
        self.mounts.retain(|mount, stream| {
            let Some(info) = core.server.mount_info(mount) else { return false };
            stream.tell(&self.run, core, &info, now);
            stream.stream.stay_alive(now);
            true
        });
    }

    /// Ends what users follow who were removed or changed, whose first password has expired, or whose session
    /// has ended. Whoever has another role logs in again.
    pub(crate) fn end_without_right(&mut self, core: &Core, now: Instant) {
        let ended = |id: u64| !core.guard.has_session(id, now);
        let gone = |follower: &mut Follower| {
            !core.guard.still_knows(&follower.who) || follower.session.is_some_and(ended)
        };
        for Follower { who, following, .. } in self.followers.extract_if(.., gone) {
            log::info!(
                "{}: has logged out, was changed or removed, or has expired: no more events",
                who.name
            );
            following.end();
        }
    }

    /// Pushes the events. Returns true if some are left for the next turn.
    fn tell(&mut self, core: &Core, now: Instant) -> bool {
        let media = core.media.load();
        let mut taken = 0;
        for StationEvent { pipeline: name, event } in
            std::iter::from_fn(|| self.events.try_recv()).take(EVENTS_AT_ONCE)
        {
            taken += 1;
            let mut push = |document| self.station.push(&self.run, event.kind().as_str(), &document, now);
            let is_about = |pipeline: &&Pipeline| match &name {
                Some(name) => pipeline.name() == &**name,
                // Any of them may have lost some.
                None => matches!(event, Event::Missed { .. }),
            };
            let about = core.pipelines.iter().filter(is_about);
            about.for_each(|pipeline| push(PipelineEvent::of(&event, pipeline, &media)));
            match (&name, &event) {
                (Some(_), _) | (None, Event::Missed { .. }) => {}
                // Listeners of mounts that no pipeline feeds come in crowds, and concern nobody here.
                (None, Event::ListenerJoined { .. } | Event::ListenerLeft { .. }) => {}
                (None, _) => push(PipelineEvent::of_server(&event, &media)),
            }
        }
        taken == EVENTS_AT_ONCE
    }

    /// `GET /api/v1/events`
    pub(crate) fn follow_station(
        &mut self,
        core: &Core,
        request: HttpRequest,
        Follow { who, .. }: Follow<'_>,
    ) {
        // Push first: the snapshot already shows these events, so they must come before it.
        let now = Instant::now();
        core.server.settle_events();
        for _ in 0..WAITING / EVENTS_AT_ONCE {
            if !self.tell(core, now) {
                break;
            }
        }
        let session = core.guard.session_of(&request, now).map(|session| session.id);
        let following = self.station.follow(&self.run, request, now, "snapshot", || Snapshot::of(core));
        self.followers.retain(|follower| follower.following.is_there());
        self.followers.extend(who.map(|who| Follower { who: who.clone(), session, following }));
    }

    /// `GET /nowplaying/{mount*}`
    pub(crate) fn follow_mount(&mut self, core: &Core, request: HttpRequest, follow: Follow<'_>) {
        let path = format!("/{}", follow.held[0]);
        let refuse = |request: HttpRequest, problem: Problem| {
            request.answer(problem.answer().readable_by_all());
        };
        let Some(info) = core.server.mount_info(&path) else {
            let detail = format!("there is no mount {path:?} on the air");
            return refuse(request, Problem::new("not-found", detail));
        };
        let pipeline = core.feeding(&path);
        let wants_events = match wants_events(&request) {
            Ok(wants_events) => wants_events,
            Err(problem) => return refuse(request, problem),
        };
        if !wants_events {
            return request
                .answer(open_json(200, &NowPlaying::of(&info, pipeline, core)).with("Vary", "Accept"));
        }
        let now = Instant::now();
        let stream = match self.mounts.entry(path) {
            Entry::Occupied(there) => {
                let stream = there.into_mut();
                // Push first: the snapshot already shows these events, so they must come before it.
                stream.tell(&self.run, core, &info, now);
                stream
            }
            Entry::Vacant(free) => {
                let Ok(stream) = Stream::new(&core.server, EventRoom::FEW, now) else { return };
                free.insert(MountStream {
                    stream,
                    said: Fingerprint::of(&info, pipeline, core),
                    listeners_said: now,
                })
            }
        };
        let snapshot = || NowPlaying::of(&info, pipeline, core);
        stream.stream.follow(&self.run, request, now, "now-playing", snapshot);
    }
}

impl MountStream {
    /// Pushes what the mount plays now and how many listen, if that has changed.
    fn tell(&mut self, run: &str, core: &Core, info: &MountInfo, now: Instant) {
        let mount = info.settings.path.as_str();
        let pipeline = core.feeding(mount);
        let fingerprint = Fingerprint::of(info, pipeline, core);
        if !fingerprint.plays_the_same(&self.said) {
            let playing = NowPlaying::of(info, pipeline, core);
            self.stream.push(run, "now-playing", &playing, now);
            self.said = fingerprint;
        } else if fingerprint.listeners != self.said.listeners
            && now.saturating_duration_since(self.listeners_said) >= LISTENERS_EVERY
        {
            let count = Listeners { mount, listeners: fingerprint.listeners };
            self.stream.push(run, "listeners", &count, now);
            (self.said, self.listeners_said) = (fingerprint, now);
        }
    }
}

#[derive(Serialize)]
struct Listeners<'a> {
    mount: &'a str,
    listeners: u64,
}

impl Stream {
    fn new(server: &Server, room: EventRoom, now: Instant) -> crate::Result<Stream> {
        Ok(Stream { events: server.event_stream_with(room)?, pushed: now, came: None })
    }

    fn is_followed(&self, now: Instant) -> bool {
        let came_just_now = |came| now.saturating_duration_since(came) < COUNTED_WITHIN;
        self.events.followers() > 0 || self.came.is_some_and(came_just_now)
    }

    /// Pushes an event. An event that cannot be sent is lost.
    fn push(&mut self, run: &str, name: &str, data: &impl Serialize, now: Instant) {
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

    fn stay_alive(&mut self, now: Instant) {
        if now.saturating_duration_since(self.pushed) >= SIGN_OF_LIFE {
            self.events.push(b":\n\n");
            self.pushed = now;
        }
    }

    fn follow<T: Serialize>(
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

/// Whether an event of this kind wakes the thread `api` at once. Listeners join and leave by the thousand:
/// while no client follows, the thread reads these events once a second.
fn wakes(kind: EventKind) -> bool {
    !matches!(kind, EventKind::ListenerJoined | EventKind::ListenerLeft)
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

/// The entry of a track that plays.
fn entry_of(track: &TrackInfo) -> TrackEntry {
    TrackEntry { confined: track.confined, ..TrackEntry::new(&track.file) }
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

/// Whether the client asked for events rather than for JSON.
fn wants_events(request: &HttpRequest) -> Result<bool, Problem> {
    match request.parameter("format").as_deref() {
        Some("events") => Ok(true),
        Some("json") => Ok(false),
        Some(other) => {
            let detail = format!("format={other:?} is none: it is json or events");
            Err(Problem::new("invalid-parameter", detail).at("format"))
        }
        None => Ok(request.header("accept").is_some_and(|accept| accept.contains("text/event-stream"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_that_come_and_go_wake_nobody() {
        let frequent = [EventKind::ListenerJoined, EventKind::ListenerLeft];
        for kind in EventKind::ALL {
            assert_eq!(wakes(*kind), !frequent.contains(kind), "{kind:?}");
        }
    }

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
