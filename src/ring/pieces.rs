//! The way of a file between the thread that has it and the reactor, in pieces, in either direction.
//!
//! A channel holds one piece, beside the one at the socket and the one in the thread's hands: so a transfer
//! takes as much memory as these three, whatever the length of the file. The thread waits, for a piece or for
//! room. The reactor never does: it goes on when the thread wakes it. Whoever drops its end ends the
//! transfer.

use std::io::{self, ErrorKind, Read};

use crossbeam::channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};

/// The bytes of a piece; the last one may have fewer.
pub(crate) const PIECE: usize = 64 * 1024;

/// The pieces that wait in a channel.
const WAITING: usize = 1;

/// Has the reactor look at the transfer again.
type Wake = Box<dyn Fn() + Send + Sync>;

/// Bytes that arrive.
struct Piece {
    bytes: Vec<u8>,
    /// Whether the body is complete with it.
    is_last: bool,
}

/// The reactor's end of a body that arrives.
pub(crate) struct ArrivingPieces {
    pieces: Sender<Piece>,
    /// What had no room yet.
    held: Option<Piece>,
}

/// A body that arrives, on the thread that takes it. Reading waits for bytes, as long as the client may take
/// for them. A body that is torn off is an error of the kind `UnexpectedEof`.
pub(crate) struct ArrivingBody {
    pieces: Receiver<Piece>,
    wake: Wake,
    piece: Piece,
    read: usize,
}

/// The end of a file that leaves, on the thread that reads it.
pub(crate) struct LeavingFile {
    pieces: Sender<Vec<u8>>,
    wake: Wake,
}

/// The reactor's end of a file that leaves.
#[derive(Debug)]
pub(crate) struct LeavingPieces(Receiver<Vec<u8>>);

/// What the reactor finds.
pub(crate) enum Next {
    Piece(Vec<u8>),
    NotYet,
    /// The thread has given up.
    Torn,
}

/// The two ends of a body that arrives. `wake` is called when the reactor can hand over more.
pub(crate) fn arriving(wake: impl Fn() + Send + Sync + 'static) -> (ArrivingPieces, ArrivingBody) {
    let (sender, pieces) = bounded(WAITING);
    let piece = Piece { bytes: Vec::new(), is_last: false };
    let body = ArrivingBody { pieces, wake: Box::new(wake), piece, read: 0 };
    (ArrivingPieces { pieces: sender, held: None }, body)
}

/// The two ends of a file that leaves. `wake` is called when the reactor can have more.
pub(crate) fn leaving(wake: impl Fn() + Send + Sync + 'static) -> (LeavingFile, LeavingPieces) {
    let (sender, pieces) = bounded(WAITING);
    (LeavingFile { pieces: sender, wake: Box::new(wake) }, LeavingPieces(pieces))
}

impl ArrivingPieces {
    /// Hands over bytes, as soon as there is room. It must have none in its hands.
    pub(crate) fn push(&mut self, bytes: Vec<u8>, is_last: bool) {
        debug_assert!(self.held.is_none());
        self.held = Some(Piece { bytes, is_last });
        self.go_on();
    }

    /// Hands over what had no room, if there is some now.
    pub(crate) fn go_on(&mut self) {
        let Some(piece) = self.held.take() else { return };
        match self.pieces.try_send(piece) {
            Err(TrySendError::Full(piece)) => self.held = Some(piece),
            // Nobody takes it any more: whoever did answers the client.
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
        }
    }

    /// Whether it can be given more.
    pub(crate) fn has_room(&self) -> bool {
        self.held.is_none()
    }
}

impl std::fmt::Debug for ArrivingPieces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArrivingPieces").field("has_room", &self.has_room()).finish_non_exhaustive()
    }
}

impl Read for ArrivingBody {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.piece.bytes.len() {
            if self.piece.is_last || buffer.is_empty() {
                return Ok(0);
            }
            self.piece = self.pieces.recv().map_err(|_| io::Error::from(ErrorKind::UnexpectedEof))?;
            self.read = 0;
            (self.wake)();
        }
        let rest = &self.piece.bytes[self.read..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.read += count;
        Ok(count)
    }
}

impl LeavingFile {
    /// Hands over the next bytes, when there is room. False: nobody wants them any more.
    pub(crate) fn push(&self, bytes: Vec<u8>) -> bool {
        let taken = self.pieces.send(bytes).is_ok();
        if taken {
            (self.wake)();
        }
        taken
    }
}

impl Drop for LeavingFile {
    fn drop(&mut self) {
        // The channel itself closes after this, so it is closed here: the reactor must find that.
        self.pieces = bounded(0).0;
        (self.wake)();
    }
}

impl LeavingPieces {
    /// The next bytes, if they are there.
    pub(crate) fn next(&self) -> Next {
        match self.0.try_recv() {
            Ok(bytes) => Next::Piece(bytes),
            Err(TryRecvError::Empty) => Next::NotYet,
            Err(TryRecvError::Disconnected) => Next::Torn,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn counted() -> (Arc<AtomicUsize>, impl Fn() + Send + Sync + 'static) {
        let woken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&woken);
        (woken, move || {
            count.fetch_add(1, Ordering::SeqCst);
        })
    }

    #[test]
    fn a_body_arrives_whole_in_pieces_and_nothing_is_held_but_one() {
        let (woken, wake) = counted();
        let (mut pieces, mut body) = arriving(wake);
        pieces.push(b"ab".to_vec(), false);
        assert!(pieces.has_room());
        pieces.push(b"c".to_vec(), false);
        assert!(!pieces.has_room(), "one waits already");
        let mut buffer = [0; 1];
        assert_eq!(body.read(&mut buffer).unwrap(), 1);
        assert_eq!(woken.load(Ordering::SeqCst), 1, "there is room");
        pieces.go_on();
        assert!(pieces.has_room());
        let rest = std::thread::spawn(move || {
            let mut rest = Vec::new();
            body.read_to_end(&mut rest).map(|_| rest)
        });
        while !pieces.has_room() {
            pieces.go_on();
        }
        pieces.push(b"d".to_vec(), true);
        while !pieces.has_room() {
            pieces.go_on();
        }
        assert_eq!(rest.join().unwrap().unwrap(), b"bcd");
    }

    #[test]
    fn a_body_that_is_torn_off_is_not_complete() {
        let (mut pieces, mut body) = arriving(|| ());
        pieces.push(b"ab".to_vec(), false);
        drop(pieces);
        let mut read = Vec::new();
        assert_eq!(body.read_to_end(&mut read).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(read, b"ab");
        let (mut pieces, body) = arriving(|| ());
        drop(body);
        pieces.push(b"ab".to_vec(), false);
        assert!(pieces.has_room(), "nobody takes it");
    }

    #[test]
    fn an_empty_body_is_complete() {
        let (mut pieces, mut body) = arriving(|| ());
        pieces.push(Vec::new(), true);
        assert_eq!(body.read(&mut [0; 8]).unwrap(), 0);
    }

    #[test]
    fn a_file_leaves_as_fast_as_it_is_taken_and_its_end_is_told() {
        let (woken, wake) = counted();
        let (file, pieces) = leaving(wake);
        assert!(matches!(pieces.next(), Next::NotYet));
        assert!(file.push(b"ab".to_vec()));
        assert!(matches!(pieces.next(), Next::Piece(bytes) if bytes == b"ab"));
        assert!(matches!(pieces.next(), Next::NotYet));
        assert_eq!(woken.load(Ordering::SeqCst), 1);
        drop(file);
        assert_eq!(woken.load(Ordering::SeqCst), 2);
        assert!(matches!(pieces.next(), Next::Torn));
        let (file, pieces) = leaving(|| ());
        drop(pieces);
        assert!(!file.push(b"ab".to_vec()));
    }
}
