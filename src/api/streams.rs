//! Pushes events (Server-Sent Events): those of the whole station, what each mount plays, and how loud each
//! pipeline is.
//!
//! They belong to the thread `api`. (One of them is in `stream.rs`.)

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::core::Core;
use super::nowplaying::{Fingerprint, NowPlaying, PublicStream};
use super::problem::Problem;
use super::router::Follow;
use super::shared_answers::SharedAnswers;
use super::stream::Stream;
use super::views::{PipelineEvent, Snapshot};
use crate::access::Identity;
use crate::json::Levels;
use crate::server::EventRoom;
use crate::{
    Entry as TrackEntry, Event, EventKind, EventReceiver, Following, HttpRequest, MountInfo, Pipeline,
    StationEvent, TrackInfo,
};

/// The number of a mount's listeners is sent at most once in this time.
const LISTENERS_EVERY: Duration = Duration::from_secs(2);
/// How loud a pipeline is is sent this often: the mixer measures as often.
const LEVELS_EVERY: Duration = Duration::from_millis(100);
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

/// All event streams of a station. They belong to the thread `api`.
pub(crate) struct Streams {
    /// The name of this run of the station. Positions of another run mean nothing here.
    run: String,
    /// The events of all pipelines, in one order.
    events: EventReceiver<StationEvent>,
    station: Stream,
    /// The clients of what needs a credential: the station's events, and levels.
    followers: Vec<Follower>,
    /// For each pipeline, the files that were looked at last: what plays, and what comes.
    wanted: Vec<[Option<PathBuf>; 2]>,
    mounts: BTreeMap<String, MountStream>,
    /// How loud pipelines are, by their names, while somebody follows it.
    levels: BTreeMap<String, LevelStream>,
    /// What mounts play, for clients that ask now and then: by their paths, and of all by an empty one.
    answers: SharedAnswers,
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

/// The event stream about how loud a pipeline is.
struct LevelStream {
    stream: Stream,
    told: Instant,
}

/// The event stream about what a mount plays.
struct MountStream {
    stream: Stream,
    said: Fingerprint,
    listeners_said: Instant,
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
            levels: BTreeMap::new(),
            answers: SharedAnswers::default(),
            looked_at: now,
            behind: false,
        })
    }

    /// How long the next turn may wait.
    pub(crate) fn patience(&self, now: Instant) -> Duration {
        let mounts = self.mounts.values().map(|mount| &mount.stream);
        let levels = self.levels.values().map(|levels| &levels.stream);
        let mut streams = std::iter::once(&self.station).chain(mounts).chain(levels);
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
        self.levels.retain(|name, levels| {
            if let Ok(pipeline) = core.pipeline(name) {
                levels.tell(&self.run, pipeline, now);
            }
            levels.stream.is_followed(now)
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
        let session = session_of(core, &request, now);
        let following = self.station.follow(&self.run, request, now, "snapshot", || Snapshot::of(core));
        self.keep(who, session, following);
    }

    /// `GET /api/v1/pipelines/{pipeline}/levels`
    pub(crate) fn follow_levels(
        &mut self,
        core: &Core,
        request: HttpRequest,
        Follow { held, who }: Follow<'_>,
    ) {
        let pipeline = match core.pipeline(&held[0]) {
            Ok(pipeline) => pipeline,
            Err(problem) => return request.answer(problem.answer()),
        };
        let (now, session) = (Instant::now(), session_of(core, &request, Instant::now()));
        let levels = match self.levels.entry(held[0].clone()) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(free) => {
                let Ok(stream) = Stream::new(&core.server, EventRoom::FEW, now) else { return };
                free.insert(LevelStream { stream, told: now })
            }
        };
        let snapshot = || Levels::of(&pipeline.levels());
        let following = levels.stream.follow(&self.run, request, now, "levels", snapshot);
        self.keep(who, session, following);
    }

    /// Keeps a client that follows as long as its user may.
    fn keep(&mut self, who: Option<&Identity>, session: Option<u64>, following: Following) {
        self.followers.retain(|follower| follower.following.is_there());
        self.followers.extend(who.map(|who| Follower { who: who.clone(), session, following }));
    }

    /// `GET /nowplaying`
    pub(crate) fn all_mounts(&mut self, core: &Core, request: HttpRequest, _: Follow<'_>) {
        let answer = self.answers.answer("", &request, Instant::now(), || PublicStream::all(core));
        request.answer(answer);
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
        let now = Instant::now();
        if !wants_events {
            let make = || NowPlaying::of(&info, pipeline, core);
            let answer = self.answers.answer(&path, &request, now, make);
            return request.answer(answer);
        }
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

/// The number of the session that a request belongs to, if it does.
fn session_of(core: &Core, request: &HttpRequest, now: Instant) -> Option<u64> {
    core.guard.session_of(request, now).map(|session| session.id)
}

impl LevelStream {
    /// Pushes how loud the pipeline is, if it is time.
    fn tell(&mut self, run: &str, pipeline: &Pipeline, now: Instant) {
        if now.saturating_duration_since(self.told) >= LEVELS_EVERY {
            self.stream.push(run, "levels", &Levels::of(&pipeline.levels()), now);
            self.told = now;
        }
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

/// Whether an event of this kind wakes the thread `api` at once. Listeners join and leave by the thousand:
/// while no client follows, the thread reads these events once a second.
fn wakes(kind: EventKind) -> bool {
    !matches!(kind, EventKind::ListenerJoined | EventKind::ListenerLeft)
}

/// The entry of a track that plays.
fn entry_of(track: &TrackInfo) -> TrackEntry {
    TrackEntry { confined: track.confined, ..TrackEntry::new(&track.file) }
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
}
