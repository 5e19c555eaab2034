//! The way of a source's bytes from the reactor to the thread that reads them.
//!
//! The reactor copies what a socket gives into pieces of 16 KiB, and the thread takes one piece at a time.
//! Both hold the lock for a copy or a swap, and never while they read or write anything else. The reactor
//! never waits for the thread: if the inlet is full, the oldest piece is lost and counted. Pieces are used
//! again, so bytes that arrive allocate nothing once the inlet has the pieces that it needs.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::units::StreamPos;

/// The bytes of a piece. What is lost at once is as long.
const PIECE: usize = 16 * 1024;
/// An inlet holds so much time of its stream, by the rate that was measured.
const HOLDS: Duration = Duration::from_secs(10);
/// It holds no less than this.
const LEAST_ROOM: usize = 256 * 1024;
/// It holds no more than this, whatever the rate.
const MOST_ROOM: usize = 2 * 1024 * 1024;
/// The rate is measured over so long.
const MEASURED_OVER: Duration = Duration::from_secs(1);

/// The stream of a source, from [`HttpRequest::receive_source`](crate::HttpRequest::receive_source). Reading
/// waits for bytes; it returns 0 at the end, and [`InletHandle::end`] says how it ended. Dropping it closes
/// the connection.
///
/// The server reads on whether or not this is read: source clients give up when their writes stall. It holds
/// about ten seconds of the stream, between 256 KiB and 2 MiB. If it is full, the oldest bytes are lost.
pub struct Inlet {
    handle: InletHandle,
    /// The piece that is being read, and how much of it has been.
    piece: Piece,
    read: usize,
}

/// A handle of an [`Inlet`] and its connection, for any thread. It outlives both.
#[derive(Clone)]
pub struct InletHandle {
    shared: Arc<Shared>,
}

/// How the stream of a source ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceEnd {
    /// The body is complete, as its length or its last chunk says.
    Complete,
    /// The client closed the connection. Many programs do that without having read their answer, and so by a
    /// reset.
    Left,
    /// The connection broke: the client gave no sign of life any more. Or what came was no body.
    Broken,
    /// It was closed here, for this reason.
    Kicked(Arc<str>),
    /// The server had no place for it: `max_sources`.
    Refused,
    /// The server stopped.
    ServerStopped,
}

/// The reactor's end. If it is dropped without an end, the server has stopped.
#[derive(Debug)]
pub(crate) struct InletWriter {
    shared: Arc<Shared>,
    /// The start of the time in which the rate is measured, and the bytes since.
    since: Instant,
    bytes: u64,
}

struct Shared {
    state: Mutex<State>,
    /// A piece, or the end, is there for the reader.
    changed: Condvar,
    /// Has the reactor close the connection.
    close: Box<dyn Fn() + Send + Sync>,
}

struct State {
    /// What waits to be read, the oldest first. All but the last are full.
    pieces: VecDeque<Piece>,
    /// Buffers to use again.
    spare: Vec<Vec<u8>>,
    /// The most pieces that wait.
    room: usize,
    received: u64,
    lost: u64,
    silent_since: Instant,
    /// Whether the reader waits for `changed`.
    is_awaited: bool,
    end: Option<SourceEnd>,
    /// What the stream takes up as long as it lasts: dropped at its end.
    taken: Option<Box<dyn Send>>,
}

/// Bytes of the stream, with the position of the first.
#[derive(Default)]
struct Piece {
    start: StreamPos,
    bytes: Vec<u8>,
}

/// Makes the two ends of an inlet. `taken` is dropped when the stream ends. `close` has the reactor close the
/// connection.
pub(crate) fn inlet(
    now: Instant,
    taken: impl Send + 'static,
    close: impl Fn() + Send + Sync + 'static,
) -> (InletWriter, Inlet) {
    let state = State {
        pieces: VecDeque::new(),
        spare: Vec::new(),
        room: LEAST_ROOM / PIECE,
        received: 0,
        lost: 0,
        silent_since: now,
        is_awaited: false,
        end: None,
        taken: Some(Box::new(taken)),
    };
    let shared =
        Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), close: Box::new(close) });
    let handle = InletHandle { shared: Arc::clone(&shared) };
    (InletWriter { shared, since: now, bytes: 0 }, Inlet { handle, piece: Piece::default(), read: 0 })
}

impl Inlet {
    /// A handle that tells how the source is, and can close its connection.
    pub fn handle(&self) -> InletHandle {
        self.handle.clone()
    }

    /// The position in the source's stream behind the bytes that were read last. What was lost counts, so a
    /// read after a gap moves it further than by what was read. No read goes across a gap.
    pub fn position(&self) -> StreamPos {
        self.piece.start + self.read as u64
    }

    /// Waits for the next piece. False: the stream has ended.
    fn next_piece(&mut self) -> bool {
        let behind = self.position();
        let used = std::mem::take(&mut self.piece.bytes);
        let mut state = self.handle.shared.lock();
        if used.capacity() > 0 {
            state.spare.push(used);
        }
        let piece = loop {
            match state.pieces.pop_front() {
                None if state.end.is_none() => {
                    state.is_awaited = true;
                    let changed = self.handle.shared.changed.wait(state);
                    state = changed.unwrap_or_else(PoisonError::into_inner);
                }
                piece => break piece,
            }
        };
        let more = piece.is_some();
        self.piece = piece.unwrap_or(Piece { start: behind, bytes: Vec::new() });
        self.read = 0;
        more
    }
}

impl Read for Inlet {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || (self.read == self.piece.bytes.len() && !self.next_piece()) {
            return Ok(0);
        }
        let rest = &self.piece.bytes[self.read..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.read += count;
        Ok(count)
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        self.handle.kick("nobody reads it any more");
    }
}

impl fmt::Debug for Inlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inlet")
            .field("position", &self.position())
            .field("shared", &self.handle.shared)
            .finish()
    }
}

impl InletHandle {
    /// The bytes of the stream that have come. What was lost counts.
    pub fn received_bytes(&self) -> u64 {
        self.shared.lock().received
    }

    /// The bytes that were lost because the inlet was full: nobody had read them in time.
    pub fn lost_bytes(&self) -> u64 {
        self.shared.lock().lost
    }

    /// When the last bytes came. Before the first: when the source was accepted.
    pub fn silent_since(&self) -> Instant {
        self.shared.lock().silent_since
    }

    /// How the stream ended. `None`: it goes on. What came before may still wait to be read, unless it was
    /// kicked.
    pub fn end(&self) -> Option<SourceEnd> {
        self.shared.lock().end.clone()
    }

    /// Closes the connection at once. What waits to be read is discarded, and a read that waits returns 0. It
    /// does nothing if the stream has ended.
    pub fn kick(&self, reason: &str) {
        if self.shared.finish(SourceEnd::Kicked(reason.into())) {
            (self.shared.close)();
        }
    }
}

impl fmt::Debug for InletHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InletHandle").field(&self.shared).finish()
    }
}

impl fmt::Display for SourceEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceEnd::Complete => f.write_str("its stream is complete"),
            SourceEnd::Left => f.write_str("it left"),
            SourceEnd::Broken => f.write_str("its connection broke"),
            SourceEnd::Kicked(reason) => f.write_str(reason),
            SourceEnd::Refused => f.write_str("the server has as many sources as max_sources allows"),
            SourceEnd::ServerStopped => f.write_str("the server stopped"),
        }
    }
}

impl InletWriter {
    /// Takes bytes of the stream without waiting. Returns how many older ones were lost for them.
    pub(crate) fn push(&mut self, bytes: &[u8], now: Instant) -> u64 {
        self.bytes += bytes.len() as u64;
        let room = self.measured_room(now);
        let mut state = self.shared.lock();
        if state.end.is_some() || bytes.is_empty() {
            return 0;
        }
        state.room = state.room.max(room.unwrap_or(0));
        state.silent_since = now;
        let lost_before = state.lost;
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = state.append(rest);
        }
        if std::mem::take(&mut state.is_awaited) {
            self.shared.changed.notify_one();
        }
        state.lost - lost_before
    }

    /// The room in pieces for the rate of the time that is over, if one is over.
    fn measured_room(&mut self, now: Instant) -> Option<usize> {
        let time = now.saturating_duration_since(self.since);
        if time < MEASURED_OVER {
            return None;
        }
        let rate = self.bytes as f64 / time.as_secs_f64();
        (self.since, self.bytes) = (now, 0);
        let wanted = (rate * HOLDS.as_secs_f64()) as usize;
        Some(wanted.clamp(LEAST_ROOM, MOST_ROOM).div_ceil(PIECE))
    }

    /// The bytes of the stream that have come.
    pub(crate) fn received(&self) -> u64 {
        self.shared.lock().received
    }

    /// Whether the stream has ended: its reader may have closed it.
    pub(crate) fn has_ended(&self) -> bool {
        self.shared.lock().end.is_some()
    }

    /// Ends the stream, unless it has ended.
    pub(crate) fn finish(&self, end: SourceEnd) {
        self.shared.finish(end);
    }
}

impl Drop for InletWriter {
    fn drop(&mut self) {
        self.finish(SourceEnd::ServerStopped);
    }
}

impl State {
    /// Copies what fits into the last piece, or into a new one. Returns the rest.
    fn append<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let mut last = match self.pieces.pop_back() {
            Some(last) if last.bytes.len() < PIECE => last,
            full => {
                self.pieces.extend(full);
                self.new_piece()
            }
        };
        let (now, later) = bytes.split_at(bytes.len().min(PIECE - last.bytes.len()));
        last.bytes.extend_from_slice(now);
        self.pieces.push_back(last);
        self.received += now.len() as u64;
        later
    }

    /// An empty piece. If there is no room for one more, the oldest gives way.
    fn new_piece(&mut self) -> Piece {
        let oldest = if self.pieces.len() < self.room { None } else { self.pieces.pop_front() };
        self.lost += oldest.as_ref().map_or(0, |oldest| oldest.bytes.len() as u64);
        let used = oldest.map(|oldest| oldest.bytes).or_else(|| self.spare.pop());
        let mut bytes = used.unwrap_or_else(|| Vec::with_capacity(PIECE));
        bytes.clear();
        Piece { start: StreamPos(self.received), bytes }
    }
}

impl Shared {
    /// Ends the stream. False: it has ended already.
    fn finish(&self, end: SourceEnd) -> bool {
        let mut state = self.lock();
        if state.end.is_some() {
            return false;
        }
        let is_kick = matches!(end, SourceEnd::Kicked(_));
        let unread = if is_kick { std::mem::take(&mut state.pieces) } else { VecDeque::new() };
        let spare = std::mem::take(&mut state.spare);
        state.end = Some(end);
        let taken = state.taken.take();
        self.changed.notify_one();
        // Their memory is freed without the lock.
        drop(state);
        drop((unread, spare, taken));
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Copied first: whoever prints may be slow, and the reactor needs the lock.
        let (received, lost, end) = {
            let state = self.lock();
            (state.received, state.lost, state.end.clone())
        };
        let mut shown = f.debug_struct("Shared");
        shown.field("received", &received).field("lost", &lost).field("end", &end).finish_non_exhaustive()
    }
}
