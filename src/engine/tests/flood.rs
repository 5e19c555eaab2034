//! A mixer plays on while listeners come and go by the thousand, and while the hub stands still.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Rig;
use crate::engine::clock::Clock;
use crate::error::CloseReason;
use crate::event::{Event, EventKind, EventReceiver, Hub, Membership, StationEvent};
use crate::playout::DeadAir;
use crate::thread::Worker;

const LISTENERS: u64 = 10_000;

/// Listeners come or go in so many crowds. After each, the pipeline plays for a second.
const CROWDS: u64 = 4;

fn hub() -> Arc<Hub> {
    let log = Worker::spawn("log", || {}).unwrap();
    Arc::new(Hub::start(Box::new(|_, _| {}), log).unwrap())
}

/// Plays two tracks of eight seconds. `crowd` is called four times within the first.
fn play(pipeline: &Membership, mut crowd: impl FnMut(u64)) -> (Vec<EventKind>, Vec<f32>) {
    let (clock, stepper) = Clock::stepped();
    let tracks = ["0.1:64000", "0.2:64000"];
    let rig = Rig::heard(clock, &tracks, true, 0, DeadAir::default(), &pipeline.emitter());
    let rig = Rig { stepper: Some(stepper), ..rig };
    rig.run(1.0);
    for number in 0..CROWDS {
        crowd(number);
        rig.run(1.0);
    }
    crowd(CROWDS);
    rig.run(5.0);
    assert_eq!(rig.began().len(), 2);
    let kinds = rig.events.lock().unwrap().iter().map(Event::kind).collect();
    (kinds, rig.stop())
}

fn joined(id: u64) -> Event {
    let address = Some(IpAddr::from([127, 0, 0, 1]));
    Event::ListenerJoined { id, mount: "/a".into(), address, agent: String::new() }
}

fn left(id: u64) -> Event {
    Event::ListenerLeft {
        id,
        mount: "/a".into(),
        address: Some(IpAddr::from([127, 0, 0, 1])),
        agent: String::new(),
        duration: Duration::from_secs(1),
        bytes: 1,
        reason: CloseReason::Left,
    }
}

fn all(events: &EventReceiver<StationEvent>) -> Vec<Event> {
    std::iter::from_fn(|| events.try_recv()).map(|event| event.event).collect()
}

/// The hub waits for the lock of the slow receiver while the crowds come and go: the mixer's clock is stepped
/// through these seconds all the same.
#[test]
fn a_flood_of_listeners_does_not_concern_the_mixer() {
    let (kinds, quiet) = play(&Membership::enter(hub(), "quiet".into()), |_| {});

    let hub = hub();
    let server = hub.emitter();
    let (slow, others) = (server.subscribe(100), server.subscribe(50_000));
    let pipeline = Membership::enter(hub, "flooded".into());
    pipeline.own("/a");
    let own = pipeline.emitter().subscribe::<StationEvent>(50_000);
    let mut heard = Vec::new();
    let mut held = None;
    let (told, flooded) = play(&pipeline, |crowd| {
        if crowd == 0 {
            heard = all(&others);
            held = Some(slow.inbox().hold());
        }
        assert!(all(&others).is_empty(), "the hub stands still");
        let half = LISTENERS / 2;
        match crowd {
            0 | 1 => (0..half).for_each(|id| server.emit(joined(crowd * half + id))),
            2 | 3 => (0..half).for_each(|id| server.emit(left((crowd - 2) * half + id))),
            _ => held = None,
        }
    });
    assert_eq!(told, kinds);
    assert_eq!(flooded.len(), quiet.len(), "as many jobs");
    assert!(flooded == quiet, "with the same audio");

    server.settle();
    heard.extend(all(&others));
    let count = heard.len();
    assert_eq!(all(&own).len(), count);
    let (mut listeners, mut of_mixer) = (Vec::new(), Vec::new());
    for event in &heard {
        match event {
            Event::ListenerJoined { id, .. } => listeners.push((true, *id)),
            Event::ListenerLeft { id, .. } => listeners.push((false, *id)),
            event => of_mixer.push(event.kind()),
        }
    }
    let both = [true, false].into_iter().flat_map(|comes| (0..LISTENERS).map(move |id| (comes, id)));
    assert!(listeners.into_iter().eq(both), "each is told, in order");
    assert_eq!(of_mixer, kinds);
    let of_slow = all(&slow);
    assert_eq!(of_slow.len(), 101);
    assert!(matches!(of_slow[100], Event::Missed { count: missed } if missed == count as u64 - 100));
    assert_eq!(pipeline.leave(Instant::now() + Duration::from_secs(20)), Vec::<String>::new());
}
