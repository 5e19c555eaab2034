//! The thread `events`, one a server: it brings what happened to all who want to know.
//!
//! Reads: what the emitters of the server and its pipelines say, by a queue. Writes: the queues of receivers, and lines
//! for the thread that writes the log. Never: runs a hook or a logger, or waits for a reader.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crossbeam::channel::Sender;
use log::Level;

use super::emitter::{Emitter, Source};
use super::log_lines::LogLines;
use super::receiver::Inbox;
use super::{Event, StationEvent};
use crate::error::{Error, Result};
use crate::ring::{Nothing, QuietReceiver, QuietSender, quiet_channel};
use crate::thread::Worker;

/// Events of a server that may wait: a few seconds of a join storm.
const SERVER_EVENTS: usize = 16_384;

/// Events of a pipeline that may wait. A folder of broken files makes the most of them.
const PIPELINE_EVENTS: usize = 4096;

/// How long hooks may run for an event before the log says so.
pub(crate) const HOOK_PATIENCE: Duration = Duration::from_secs(5);

/// Writes a log line; must return at once.
pub(crate) type WriteLine = Box<dyn FnMut(Level, String) + Send>;

/// The hub of a server and its pipelines. The last of them that leaves it ends its threads.
#[derive(Debug)]
pub(crate) struct Hub {
    queue: QuietSender<Message>,
    next_pipeline: AtomicU64,
    /// In the order in which they end.
    threads: Vec<Worker>,
}

/// A pipeline, as long as its hub lives. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PipelineId(u64);

/// What the hub is told.
pub(super) enum Message {
    Event {
        source: Arc<Source>,
        /// How many were lost before it.
        missed: u64,
        event: Event,
    },
    Line {
        source: Arc<Source>,
        missed: u64,
        level: Level,
        text: String,
    },
    Subscribe(Subscriber),
    Enter(PipelineId, Arc<str>),
    /// The listeners of this mount are the pipeline's.
    Own(PipelineId, String),
    Disown(PipelineId, String),
    /// The pipeline stops when its listeners have left, or at this time.
    Stop(PipelineId, Instant),
    /// The pipeline is gone without a word.
    Leave(PipelineId),
    /// Dropped when all that came before it has been delivered.
    Settle(#[expect(dead_code, reason = "it is dropped, not used")] Sender<()>),
    /// All pipelines and the server are gone.
    End,
}

/// A receiver, and what it hears of.
pub(super) struct Subscriber {
    pub inbox: Weak<Inbox>,
    /// `None`: of the whole station.
    pub pipeline: Option<PipelineId>,
}

/// The receiver learns that no more will come.
impl Drop for Subscriber {
    fn drop(&mut self) {
        if let Some(inbox) = self.inbox.upgrade() {
            inbox.close();
        }
    }
}

impl Hub {
    /// Starts the hub. Log lines go to `write_line`. `log` is the thread that writes them, and ends once nobody calls
    /// `write_line` any more.
    pub fn start(write_line: WriteLine, log: Worker) -> Result<Hub> {
        let (queue, messages) = quiet_channel();
        let distributor = Distributor::new(messages, write_line);
        let events =
            Worker::spawn("events", move || distributor.run()).map_err(Error::io("starting a thread"))?;
        let threads = vec![events, log];
        Ok(Hub { queue, next_pipeline: AtomicU64::new(1), threads })
    }

    /// The server's emitter.
    pub fn emitter(&self) -> Emitter {
        Emitter::new(None, SERVER_EVENTS, self.queue.clone())
    }

    /// Lets go of this handle. If it was the last, the threads are joined, or named if they do not end by `deadline`.
    pub fn leave(self: Arc<Hub>, deadline: Instant) -> Vec<String> {
        Arc::into_inner(self).map(|mut hub| hub.end(deadline)).unwrap_or_default()
    }

    fn end(&mut self, deadline: Instant) -> Vec<String> {
        self.queue.send(Message::End);
        let threads = std::mem::take(&mut self.threads);
        // A thread that has nothing left to do ends at once, but not in no time.
        let deadline = deadline.max(Instant::now() + Duration::from_millis(100));
        threads
            .iter()
            .filter(|thread| !thread.join_before(deadline))
            .map(|thread| thread.name.into())
            .collect()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.end(Instant::now() + HOOK_PATIENCE);
    }
}

/// A pipeline's place in the hub.
#[derive(Debug)]
pub(crate) struct Membership {
    id: PipelineId,
    queue: QuietSender<Message>,
    hub: Mutex<Option<Arc<Hub>>>,
}

impl Membership {
    pub fn enter(hub: Arc<Hub>, name: Arc<str>) -> Membership {
        let id = PipelineId(hub.next_pipeline.fetch_add(1, Ordering::Relaxed));
        hub.queue.send(Message::Enter(id, name));
        Membership { id, queue: hub.queue.clone(), hub: Mutex::new(Some(hub)) }
    }

    pub fn emitter(&self) -> Emitter {
        Emitter::new(Some(self.id), PIPELINE_EVENTS, self.queue.clone())
    }

    /// From now on the events of who listens to this mount are the pipeline's.
    pub fn own(&self, mount: &str) {
        self.queue.send(Message::Own(self.id, mount.into()));
    }

    /// Who joins this mount from now on is not the pipeline's listener.
    pub fn disown(&self, mount: &str) {
        self.queue.send(Message::Disown(self.id, mount.into()));
    }

    /// The pipeline's mounts have ended. When all its listeners were told to have left, or at `deadline`, it is told to
    /// have stopped, and its receivers are closed.
    pub fn stop(&self, deadline: Instant) {
        self.queue.send(Message::Stop(self.id, deadline));
    }

    /// Leaves the hub: see [`Hub::leave`].
    pub fn leave(&self, deadline: Instant) -> Vec<String> {
        let hub = self.hub.lock().unwrap_or_else(PoisonError::into_inner).take();
        hub.map(|hub| hub.leave(deadline)).unwrap_or_default()
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.queue.send(Message::Leave(self.id));
    }
}

/// All that the thread `events` knows.
struct Distributor {
    messages: QuietReceiver<Message>,
    write_line: WriteLine,
    subscribers: Vec<Subscriber>,
    pipelines: Vec<Pipeline>,
    /// Which mount is whose.
    owners: HashMap<String, PipelineId>,
    /// The listeners whose pipeline was told that they joined, by the server's number.
    present: HashMap<u64, PipelineId>,
    /// Emitters that may have lost something.
    sources: Vec<Arc<Source>>,
    /// When to look whether hooks hang.
    look_at: Option<Instant>,
    ends: bool,
}

struct Pipeline {
    id: PipelineId,
    name: Arc<str>,
    lines: LogLines,
    /// How many of its listeners are present.
    listeners: usize,
    /// When it is told to have stopped, at the latest.
    stops_by: Option<Instant>,
}

impl Distributor {
    fn new(messages: QuietReceiver<Message>, write_line: WriteLine) -> Distributor {
        Distributor {
            messages,
            write_line,
            subscribers: Vec::new(),
            pipelines: Vec::new(),
            owners: HashMap::new(),
            present: HashMap::new(),
            sources: Vec::new(),
            look_at: None,
            ends: false,
        }
    }

    /// Until the station is gone, and every pipeline was told to have stopped.
    fn run(mut self) {
        while !(self.ends && self.pipelines.iter().all(|pipeline| pipeline.stops_by.is_none())) {
            match self.next() {
                Ok(message) => self.handle(message),
                Err(Nothing::Yet) => {}
                Err(Nothing::EverAgain) => return,
            }
            self.stop_pipelines();
            self.watch_hooks();
        }
        self.tell_losses();
    }

    /// The next message; sleeps until there is one, or something else is due.
    fn next(&mut self) -> std::result::Result<Message, Nothing> {
        match self.messages.try_recv() {
            Err(Nothing::Yet) => {}
            found => return found,
        }
        self.tell_losses();
        let due = self.pipelines.iter().filter_map(|pipeline| pipeline.stops_by).chain(self.look_at).min();
        match due {
            None => self.messages.recv().ok_or(Nothing::EverAgain),
            Some(due) => self.messages.recv_by(due),
        }
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Event { source, missed, event } => {
                self.take(source, missed, |hub, pipeline| {
                    let owner = pipeline.or_else(|| hub.owner(&event));
                    hub.deliver(owner, event);
                });
            }
            Message::Line { source, missed, level, text } => {
                self.take(source, missed, |hub, _| (hub.write_line)(level, text));
            }
            Message::Subscribe(subscriber) => {
                let is_known = |id| self.pipelines.iter().any(|pipeline| pipeline.id == id);
                // One that comes after the end of its pipeline is closed by being dropped.
                if subscriber.pipeline.is_none_or(is_known) {
                    self.subscribers.push(subscriber);
                }
            }
            Message::Enter(id, name) => {
                let (lines, stops_by) = Default::default();
                self.pipelines.push(Pipeline { id, name, lines, listeners: 0, stops_by });
            }
            Message::Own(id, mount) => _ = self.owners.insert(mount, id),
            Message::Disown(id, mount) => {
                if self.owners.get(&mount) == Some(&id) {
                    self.owners.remove(&mount);
                }
            }
            Message::Stop(id, deadline) => {
                if let Some(pipeline) = self.pipeline(id) {
                    pipeline.stops_by = Some(deadline);
                }
            }
            Message::Leave(id) => self.forget(id),
            Message::Settle(_) => {}
            Message::End => self.ends = true,
        }
    }

    /// Takes what an emitter sent, after what it lost before.
    fn take(
        &mut self,
        source: Arc<Source>,
        missed: u64,
        handle: impl FnOnce(&mut Distributor, Option<PipelineId>),
    ) {
        source.taken();
        self.tell_missed(&source, missed);
        handle(self, source.pipeline);
        if !self.sources.iter().any(|known| Arc::ptr_eq(known, &source)) {
            self.sources.push(source);
        }
    }

    /// Whose listener this is about. Who was told of its coming is told of its going, whoever has the mount by then.
    fn owner(&mut self, event: &Event) -> Option<PipelineId> {
        match event {
            Event::ListenerJoined { id, mount, .. } => {
                let owner = *self.owners.get(mount)?;
                self.pipeline(owner)?.listeners += 1;
                self.present.insert(*id, owner);
                Some(owner)
            }
            Event::ListenerLeft { id, .. } => {
                let owner = self.present.remove(id)?;
                self.pipeline(owner)?.listeners -= 1;
                Some(owner)
            }
            _ => None,
        }
    }

    /// Brings an event to all who hear of it.
    fn deliver(&mut self, of: Option<PipelineId>, event: Event) {
        let mut name = None;
        if let Some(of) = of {
            // Of a pipeline that has stopped nothing is told any more.
            let Some(pipeline) = self.pipelines.iter_mut().find(|pipeline| pipeline.id == of) else { return };
            pipeline.lines.write(&pipeline.name, &event, Instant::now(), &mut self.write_line);
            name = Some(pipeline.name.clone());
        }
        let event = StationEvent { pipeline: name, event };
        let mut were_watched = false;
        self.subscribers.retain(|subscriber| {
            let Some(inbox) = subscriber.inbox.upgrade() else { return false };
            if subscriber.pipeline.is_none() || subscriber.pipeline == of {
                inbox.put(event.clone());
                were_watched |= inbox.is_watched();
            }
            true
        });
        if were_watched && self.look_at.is_none() {
            self.look_at = Some(Instant::now() + HOOK_PATIENCE);
        }
    }

    /// Tells of what emitters lost after the last event that they sent. An emitter that lost something has sent something
    /// just before, for the queue was full of it.
    fn tell_losses(&mut self) {
        for source in std::mem::take(&mut self.sources) {
            self.tell_missed(&source, source.take_lost());
        }
    }

    /// Tells all whom it may concern that so many events of this emitter were lost.
    fn tell_missed(&mut self, source: &Source, count: u64) {
        if count == 0 {
            return;
        }
        (self.write_line)(Level::Warn, format!("{count} events came too fast and were lost"));
        for subscriber in &self.subscribers {
            let may_concern = source.pipeline.is_none()
                || subscriber.pipeline.is_none()
                || subscriber.pipeline == source.pipeline;
            if let Some(inbox) = subscriber.inbox.upgrade().filter(|_| may_concern) {
                inbox.miss(count);
            }
        }
    }

    /// Stops the pipelines whose listeners have left, or whose time is over.
    fn stop_pipelines(&mut self) {
        while let Some(pipeline) = self.pipelines.iter().find(|pipeline| pipeline.is_due()) {
            let id = pipeline.id;
            self.deliver(Some(id), Event::PipelineStop);
            self.forget(id);
        }
    }

    fn forget(&mut self, id: PipelineId) {
        self.pipelines.retain(|pipeline| pipeline.id != id);
        self.owners.retain(|_, owner| *owner != id);
        self.present.retain(|_, owner| *owner != id);
        self.subscribers.retain(|subscriber| subscriber.pipeline != Some(id));
    }

    /// Reports hooks that have been running for too long. It looks again only while hooks run.
    fn watch_hooks(&mut self) {
        let Some(due) = self.look_at else { return };
        let now = Instant::now();
        if now < due {
            return;
        }
        self.look_at = None;
        for subscriber in &self.subscribers {
            let Some(inbox) = subscriber.inbox.upgrade().filter(|inbox| inbox.is_watched()) else { continue };
            if let Some(task) = inbox.report(now, HOOK_PATIENCE) {
                let kind = task.kind.as_str();
                let text =
                    format!("hooks for {kind} have been running for {HOOK_PATIENCE:?}; later hooks wait");
                (self.write_line)(Level::Warn, text);
            }
            if inbox.has_work() {
                let begun = inbox.task().filter(|task| !task.reported).map(|task| task.since);
                let again = begun.unwrap_or(now) + HOOK_PATIENCE;
                self.look_at = Some(self.look_at.map_or(again, |look_at| look_at.min(again)));
            }
        }
    }

    fn pipeline(&mut self, id: PipelineId) -> Option<&mut Pipeline> {
        self.pipelines.iter_mut().find(|pipeline| pipeline.id == id)
    }
}

impl Pipeline {
    fn is_due(&self) -> bool {
        self.stops_by.is_some_and(|deadline| self.listeners == 0 || Instant::now() >= deadline)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::error::CloseReason;
    use crate::event::EventReceiver;

    /// A hub, and the lines that it writes.
    fn hub() -> (Arc<Hub>, Arc<Mutex<Vec<String>>>) {
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let write_line = Box::new({
            let lines = lines.clone();
            move |_, line| lines.lock().unwrap().push(line)
        });
        let log = Worker::spawn("log", || {}).unwrap();
        (Arc::new(Hub::start(write_line, log).unwrap()), lines)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    fn number(number: u64) -> Event {
        Event::DeadAirEnds { lasted: Duration::from_secs(number) }
    }

    fn joined(id: u64, mount: &str) -> Event {
        let address = IpAddr::from([127, 0, 0, 1]);
        Event::ListenerJoined { id, mount: mount.into(), address, agent: String::new() }
    }

    fn left(id: u64, mount: &str) -> Event {
        Event::ListenerLeft {
            id,
            mount: mount.into(),
            address: IpAddr::from([127, 0, 0, 1]),
            agent: String::new(),
            duration: Duration::from_secs(2),
            bytes: 1,
            reason: CloseReason::Left,
        }
    }

    fn shown(event: &Event) -> String {
        match event {
            Event::DeadAirEnds { lasted } => lasted.as_secs().to_string(),
            Event::Missed { count } => format!("missed {count}"),
            Event::ListenerJoined { id, .. } => format!("joined {id}"),
            Event::ListenerLeft { id, .. } => format!("left {id}"),
            other => other.kind().as_str().into(),
        }
    }

    fn read(events: &EventReceiver) -> Vec<String> {
        std::iter::from_fn(|| events.try_recv()).map(|event| shown(&event)).collect()
    }

    fn read_station(events: &EventReceiver<StationEvent>) -> Vec<String> {
        let all = std::iter::from_fn(|| events.try_recv());
        all.map(|of| format!("{}: {}", of.pipeline.as_deref().unwrap_or("-"), shown(&of.event))).collect()
    }

    #[test]
    fn what_was_missed_is_told_where_it_was_missed() {
        let (hub, _) = hub();
        let pipeline = Membership::enter(hub, "main".into());
        let emitter = pipeline.emitter();
        let events: EventReceiver = emitter.subscribe(2);
        let mut numbers = 0..;
        let mut emit = |count| {
            numbers.by_ref().take(count).for_each(|next| emitter.emit(number(next)));
            emitter.settle();
        };
        let some = |count: usize| -> Vec<String> {
            (0..count).map_while(|_| events.try_recv()).map(|event| shown(&event)).collect()
        };
        emit(5);
        assert_eq!(some(1), ["0"]);
        emit(2);
        assert_eq!(some(9), ["1", "missed 3", "5", "missed 1"]);
        emit(3);
        assert_eq!(some(9), ["7", "8", "missed 1"]);
        assert_eq!(some(1), [""; 0]);
    }

    #[test]
    fn a_station_hears_all_in_order_and_a_pipeline_its_own() {
        let (hub, lines) = hub();
        let server = hub.emitter();
        let [a, b] = ["a", "b"].map(|name| Membership::enter(hub.clone(), name.into()));
        let station = server.subscribe(100);
        let of = [&a, &b].map(|pipeline| pipeline.emitter().subscribe(100));
        a.own("/a");
        b.own("/b");
        a.emitter().emit(number(1));
        server.emit(joined(7, "/b"));
        b.emitter().emit(number(2));
        server.emit(joined(8, "/of-nobody"));
        a.emitter().emit(number(3));
        server.settle();
        assert_eq!(read_station(&station), ["a: 1", "b: joined 7", "b: 2", "-: joined 8", "a: 3"]);
        assert_eq!(of.map(|events| read(&events)), [vec!["1", "3"], vec!["joined 7", "2"]]);
        assert_eq!(lines.lock().unwrap()[2], "a: dead air is over after 3.0s");
    }

    #[test]
    fn whoever_joined_is_told_to_have_left_before_the_pipeline_stops() {
        let (hub, _) = hub();
        let server = hub.emitter();
        let pipeline = Membership::enter(hub, "a".into());
        let events = pipeline.emitter().subscribe(100);
        pipeline.own("/a");
        server.emit(joined(1, "/a"));
        server.emit(joined(2, "/a"));
        pipeline.disown("/a");
        server.emit(joined(3, "/a"));
        server.emit(left(1, "/a"));
        pipeline.stop(soon());
        server.emit(left(3, "/a"));
        server.settle();
        assert_eq!(read(&events), ["joined 1", "joined 2", "left 1"]);
        server.emit(left(2, "/a"));
        pipeline.emitter().emit(number(1));
        server.settle();
        assert_eq!(read(&events), ["left 2", "pipeline-stop"]);
        assert!(events.recv().is_none(), "nothing follows");
        assert!(pipeline.emitter().subscribe::<Event>(1).recv().is_none(), "nor for who comes later");
        assert_eq!(pipeline.leave(soon()), Vec::<String>::new());
    }

    #[test]
    fn a_pipeline_whose_listeners_do_not_leave_stops_at_its_deadline() {
        let (hub, _) = hub();
        let pipeline = Membership::enter(hub.clone(), "a".into());
        let events: EventReceiver = pipeline.emitter().subscribe(100);
        pipeline.own("/a");
        hub.emitter().emit(joined(1, "/a"));
        pipeline.stop(Instant::now() + Duration::from_millis(50));
        let told: Vec<_> = std::iter::from_fn(|| events.recv()).map(|event| shown(&event)).collect();
        assert_eq!(told, ["joined 1", "pipeline-stop"]);
    }

    /// A distributor that does not run yet, its queue, and a station's receiver.
    fn away() -> (Distributor, QuietSender<Message>, EventReceiver<StationEvent>) {
        let (queue, messages) = quiet_channel();
        let station = EventReceiver::new(100_000);
        let (inbox, pipeline) = (Arc::downgrade(station.inbox()), None);
        queue.send(Message::Subscribe(Subscriber { inbox, pipeline }));
        (Distributor::new(messages, Box::new(|_, _| {})), queue, station)
    }

    #[test]
    fn what_comes_too_fast_for_the_hub_is_counted_in_its_place_and_costs_no_other_emitter() {
        let (distributor, queue, station) = away();
        let server = Emitter::new(None, 10, queue.clone());
        queue.send(Message::Enter(PipelineId(1), "a".into()));
        let of_pipeline = Emitter::new(Some(PipelineId(1)), 10, queue.clone());
        let pipeline: EventReceiver = of_pipeline.subscribe(100);
        (0..25).for_each(|id| server.emit(joined(id, "/x")));
        of_pipeline.emit(number(1));
        // Of those who leave, as many more are told.
        (0..15).for_each(|id| server.emit(left(id, "/x")));
        queue.send(Message::End);
        distributor.run();
        let all = read_station(&station);
        assert_eq!(
            all[..11],
            [(0..10).map(|id| format!("-: joined {id}")).collect(), vec!["a: 1".into()]].concat()
        );
        assert_eq!(all[11..], {
            let left = (0..10).map(|id| format!("-: left {id}"));
            let missed = |count| [format!("-: missed {count}")];
            missed(15).into_iter().chain(left).chain(missed(5)).collect::<Vec<_>>()
        });
        assert_eq!(read(&pipeline), ["1", "missed 20"]);
        assert!(station.recv().is_none() && pipeline.recv().is_none(), "both are closed");
    }
}
