//! Event streams as the reactor keeps them: each event is kept once, in a backlog that all followers share.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;

use super::event_stream::{EventBoard, EventRoom};
use super::producer::{Drained, End, PACKETS_A_TURN, drain};
use crate::error::CloseReason;
use crate::ring::{Backlog, HandoffReader};
use crate::units::StreamPos;

/// On the reactor thread (but made on the thread that adds it, so that the reactor need not allocate the
/// backlog).
#[derive(Debug)]
pub(crate) struct EventBacklog {
    board: Arc<EventBoard>,
    pub(crate) backlog: Backlog,
    /// None once the stream has ended.
    handoff: Option<HandoffReader>,
    /// The keys of the connections that follow it.
    followers: HashSet<usize>,
    /// The followers know of everything before this position.
    called_up_to: StreamPos,
    pub(crate) end: Option<End>,
}

impl EventBacklog {
    pub(crate) fn new(board: Arc<EventBoard>, handoff: HandoffReader, room: EventRoom) -> EventBacklog {
        let mut backlog = Backlog::new(room.bytes);
        // Every packet of a backlog has a title. That of events is never sent.
        backlog.set_title(0, Arc::default(), None);
        EventBacklog {
            board,
            backlog,
            handoff: Some(handoff),
            followers: HashSet::new(),
            called_up_to: StreamPos(0),
            end: None,
        }
    }

    /// Takes what was pushed: at most `most` events.
    fn drain(&mut self, most: usize) -> Drained {
        let Some(handoff) = &self.handoff else { return Drained::Empty };
        // Events have a place, but no time.
        drain(handoff, most, |event| self.backlog.append(&event.packet.bytes, Duration::ZERO)).0
    }

    fn is_done(&self) -> bool {
        self.end.is_some() && self.followers.is_empty()
    }
}

/// All event streams of a server. A stream that has ended stays until its followers are gone.
#[derive(Debug, Default)]
pub(crate) struct EventBacklogs(Slab<EventBacklog>);

impl EventBacklogs {
    pub(crate) fn add(&mut self, stream: EventBacklog) {
        self.0.insert(stream);
    }

    pub(crate) fn get(&self, stream: usize) -> &EventBacklog {
        &self.0[stream]
    }

    /// The stream that has this board.
    pub(crate) fn find(&self, board: &Arc<EventBoard>) -> Option<usize> {
        self.0.iter().find(|(_, stream)| Arc::ptr_eq(&stream.board, board)).map(|(key, _)| key)
    }

    /// Takes the events that were pushed. Returns whether there may be more, and the streams whose producer
    /// is gone.
    pub(crate) fn drain(&mut self) -> (bool, Vec<usize>) {
        let (mut more, mut ended) = (false, Vec::new());
        for (key, stream) in &mut self.0 {
            match stream.drain(PACKETS_A_TURN) {
                Drained::Empty => (),
                Drained::Partly => more = true,
                Drained::Ended => ended.push(key),
            }
        }
        (more, ended)
    }

    /// The followers for whom something is new since the last call.
    pub(crate) fn followers_to_serve(&mut self) -> Vec<usize> {
        let mut called = Vec::new();
        for (_, stream) in &mut self.0 {
            let head = stream.backlog.head();
            if stream.called_up_to < head {
                called.extend(&stream.followers);
                stream.called_up_to = head;
            }
        }
        called
    }

    /// Ends a stream. Returns its followers, who get what is due.
    pub(crate) fn end(&mut self, key: usize, reason: CloseReason, now: Instant) -> Vec<usize> {
        let stream = &mut self.0[key];
        // More than a turn's share, but what was pushed before the end is due.
        stream.drain(stream.handoff.as_ref().map_or(0, HandoffReader::waiting));
        stream.handoff = None;
        stream.end.get_or_insert(End::new(reason, now));
        let followers = stream.followers.iter().copied().collect();
        self.forget_if_done(key);
        followers
    }

    /// The streams that have not ended.
    pub(crate) fn live(&self) -> Vec<usize> {
        self.0.iter().filter(|(_, stream)| stream.end.is_none()).map(|(key, _)| key).collect()
    }

    /// A connection follows this stream from now on.
    pub(crate) fn join(&mut self, key: usize, follower: usize) {
        let stream = &mut self.0[key];
        stream.followers.insert(follower);
        stream.board.followers.set(stream.followers.len() as u64);
    }

    /// A connection follows it no more.
    pub(crate) fn leave(&mut self, key: usize, follower: usize) {
        let stream = &mut self.0[key];
        stream.followers.remove(&follower);
        stream.board.followers.set(stream.followers.len() as u64);
        self.forget_if_done(key);
    }

    fn forget_if_done(&mut self, key: usize) {
        if self.0[key].is_done() {
            self.0.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::icy::Pieces;
    use crate::ring::{Doorbell, handoff};
    use crate::server::client_address::ClientAddress;
    use crate::server::connections::visit::Visit;
    use crate::server::mounts::event_stream::EventStream;
    use crate::server::mounts::follower::Follower;
    use crate::server::mounts::follower::Presence;

    fn stream(streams: &mut EventBacklogs) -> (EventStream, Arc<EventBoard>, usize) {
        let board: Arc<EventBoard> = Arc::default();
        let (writer, reader) = handoff(64, Arc::new(Doorbell::new(|| ())));
        streams.add(EventBacklog::new(Arc::clone(&board), reader, EventRoom::FEW));
        let key = streams.find(&board).unwrap();
        (EventStream::new(writer, Arc::clone(&board)), board, key)
    }

    fn due(follower: &Follower, streams: &EventBacklogs) -> Vec<u8> {
        let mut pieces = Pieces::new();
        follower.cursor.gather(&streams.get(follower.stream).backlog, &mut pieces);
        pieces.as_slices().iter().flat_map(|piece| piece.to_vec()).collect()
    }

    fn follower(streams: &EventBacklogs, stream: usize, from: StreamPos) -> Follower {
        let visit = Visit::new(1, ClientAddress::new([127, 0, 0, 1].into()), None);
        let presence = Presence { ticket: 0, _alive: Arc::default() };
        Follower::new(stream, streams.get(stream), b"HEAD".to_vec(), from, presence, visit, Instant::now())
    }

    #[test]
    fn followers_are_called_once_for_what_is_new() {
        let mut streams = EventBacklogs::default();
        let (mut events, _, key) = stream(&mut streams);
        let (mut quiet, _, other) = stream(&mut streams);
        streams.join(key, 7);
        streams.join(other, 8);
        assert!(streams.followers_to_serve().is_empty());
        assert!(events.push(b"one"));
        streams.drain();
        assert_eq!(streams.followers_to_serve(), [7]);
        assert!(streams.followers_to_serve().is_empty());
        assert!(quiet.push(b"two"));
        streams.drain();
        assert_eq!(streams.followers_to_serve(), [8]);
    }

    #[test]
    fn a_stream_that_has_ended_stays_for_its_followers() {
        let mut streams = EventBacklogs::default();
        let (events, board, key) = stream(&mut streams);
        streams.join(key, 7);
        assert_eq!(events.followers(), 1);
        drop(events);
        assert_eq!(streams.drain(), (false, vec![key]));
        assert_eq!(streams.end(key, CloseReason::MountEnded, Instant::now()), [7]);
        assert!(streams.live().is_empty() && streams.find(&board).is_some());
        streams.leave(key, 7);
        assert!(streams.find(&board).is_none());
    }

    #[test]
    fn a_stream_that_ends_keeps_all_that_was_pushed() {
        let mut streams = EventBacklogs::default();
        let board: Arc<EventBoard> = Arc::default();
        let (writer, reader) = handoff(4 * PACKETS_A_TURN, Arc::new(Doorbell::new(|| ())));
        streams.add(EventBacklog::new(Arc::clone(&board), reader, EventRoom::FEW));
        let key = streams.find(&board).unwrap();
        streams.join(key, 7);
        let mut events = EventStream::new(writer, board);
        for _ in 0..3 * PACKETS_A_TURN {
            assert!(events.push(b"x"));
        }
        streams.end(key, CloseReason::MountEnded, Instant::now());
        assert_eq!(streams.get(key).backlog.head(), events.end());
    }

    #[test]
    fn a_follower_begins_at_an_event_that_is_held_and_is_lost_once_the_backlog_has_dropped_its_place() {
        let mut streams = EventBacklogs::default();
        let (mut events, _, key) = stream(&mut streams);
        assert!(events.push(b"one"));
        let second = events.end();
        assert!(events.push(b"two"));
        streams.drain();
        assert_eq!(due(&follower(&streams, key, second), &streams), b"HEADtwo");
        // What never was is not held.
        assert_eq!(due(&follower(&streams, key, StreamPos(1 << 40)), &streams), b"HEAD");

        let follower = follower(&streams, key, second);
        // All that is remembered for those who come back is held.
        let remembered = vec![b'y'; 64 * 1024];
        assert!(events.push(&remembered) && events.push(&remembered));
        streams.drain();
        assert!(!follower.cursor.is_lost(&streams.get(key).backlog));
        let event = vec![b'x'; 60_000];
        for _ in 0..EventRoom::FEW.bytes / event.len() + 1 {
            assert!(events.push(&event));
            streams.drain();
        }
        assert!(follower.cursor.is_lost(&streams.get(key).backlog));
    }
}
