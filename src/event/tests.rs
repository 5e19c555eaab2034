//! The hub as a whole, from its emitters to its receivers.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::distributor::Distributor;
use super::emitter::Emitter;
use super::hub::{Hub, Membership};
use super::message::{Message, PipelineId, Subscriber};
use super::{Event, EventKind, EventReceiver, StationEvent};
use crate::error::CloseReason;
use crate::ring::{QuietSender, quiet_channel};
use crate::thread::Worker;

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
    let address = Some(IpAddr::from([127, 0, 0, 1]));
    Event::ListenerJoined { id, mount: mount.into(), address, agent: String::new() }
}

fn left(id: u64, mount: &str) -> Event {
    Event::ListenerLeft {
        id,
        mount: mount.into(),
        address: Some(IpAddr::from([127, 0, 0, 1])),
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

/// An emitter whose capacity is zero has nothing in the queue, as one that loses an event just after the hub
/// took the last.
#[test]
fn a_loss_is_told_though_no_event_follows() {
    let (distributor, queue, station) = away();
    let thread = Worker::spawn("events", || distributor.run()).unwrap();
    let emitter = Emitter::new(None, 0, queue.clone());
    for _ in 0..2 {
        emitter.emit(number(1));
        let told = station.recv_timeout(Duration::from_secs(20)).expect("the loss is told");
        assert_eq!(shown(&told.event), "missed 1");
    }
    queue.send(Message::End);
    assert!(thread.join_before(soon()));
}

#[test]
fn losses_do_not_fill_the_queue() {
    let (queue, messages) = quiet_channel();
    let emitter = Emitter::new(None, 10, queue);
    (0..1000).for_each(|id| emitter.emit(joined(id, "/x")));
    let waiting = std::iter::from_fn(|| messages.try_recv().ok()).count();
    assert_eq!(waiting, 11, "ten events, and that some were lost");
}

#[test]
fn a_receiver_that_notifies_calls_at_each_event_when_it_can_be_read() {
    let (hub, _) = hub();
    let kinds = Arc::<Mutex<Vec<EventKind>>>::default();
    let events: EventReceiver<StationEvent> = EventReceiver::notifying(2, |_| true, {
        let kinds = kinds.clone();
        move |kind| kinds.lock().unwrap().push(kind)
    });
    let emitter = hub.emitter();
    emitter.attach(events.inbox());
    emitter.emit(joined(1, "/x"));
    emitter.emit(number(2));
    emitter.emit(left(1, "/x"));
    emitter.settle();
    assert_eq!(
        *kinds.lock().unwrap(),
        [EventKind::ListenerJoined, EventKind::DeadAirEnds, EventKind::ListenerLeft]
    );
    assert_eq!(read_station(&events), ["-: joined 1", "-: 2", "-: missed 1"]);
}

#[test]
fn events_that_a_receiver_does_not_want_take_no_room() {
    let (hub, _) = hub();
    let wants = |kind| kind == EventKind::DeadAirEnds;
    let events: EventReceiver<StationEvent> = EventReceiver::notifying(2, wants, |_| ());
    let emitter = hub.emitter();
    emitter.attach(events.inbox());
    (0..10).for_each(|id| emitter.emit(joined(id, "/x")));
    (1..4).for_each(|n| emitter.emit(number(n)));
    emitter.settle();
    assert_eq!(read_station(&events), ["-: 1", "-: 2", "-: missed 1"]);
}

#[test]
fn a_hook_finds_its_event_in_every_receiver() {
    let (hub, _) = hub();
    let pipeline = Membership::enter(hub.clone(), "main".into());
    let emitter = pipeline.emitter();
    let hooks = EventReceiver::<Event>::watched(8);
    emitter.attach(hooks.inbox());
    let receivers: Vec<EventReceiver> = (0..20).map(|_| emitter.subscribe(8)).collect();
    for n in 0..5 {
        emitter.emit(number(n));
        assert_eq!(hooks.recv().map(|event| shown(&event)), Some(n.to_string()));
        for receiver in &receivers {
            assert_eq!(receiver.try_recv().map(|event| shown(&event)), Some(n.to_string()));
        }
    }
}

#[test]
fn lost_lines_are_no_missed_events() {
    let (queue, messages) = quiet_channel();
    let lines = Arc::<Mutex<Vec<String>>>::default();
    let write_line = Box::new({
        let lines = lines.clone();
        move |_, line| lines.lock().unwrap().push(line)
    });
    log::set_max_level(log::LevelFilter::Warn);
    let emitter = Emitter::new(None, 2, queue);
    let receiver: EventReceiver<StationEvent> = emitter.subscribe(8);
    (0..5).for_each(|n| emitter.log(log::Level::Warn, format!("line {n}")));
    let thread = std::thread::spawn(move || Distributor::new(messages, write_line).run());
    emitter.settle();
    emitter.emit(number(1));
    drop(emitter);
    thread.join().unwrap();
    assert_eq!(receiver.try_recv().map(|event| shown(&event.event)), Some("1".into()));
    let lines = lines.lock().unwrap();
    assert_eq!(lines[..3], ["3 log lines came too fast and were lost", "line 0", "line 1"].map(String::from));
}
