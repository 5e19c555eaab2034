//! The transport of a connection. The reactor and the connections read and write through it alone, so they do
//! not know what lies between them and the network: plain TCP is the only kind.

use std::io::{self, ErrorKind, IoSlice, Read};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use libc::{MSG_DONTWAIT, MSG_NOSIGNAL};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::SockRef;

use crate::error::CloseReason;

/// On the reactor thread. Dropping it closes the connection, which takes it out of the poll, too.
#[derive(Debug)]
pub(crate) struct Transport {
    socket: TcpStream,
}

/// The outcome of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// So many bytes.
    Some(usize),
    /// Nothing now. A readable edge will follow.
    Nothing,
    /// The peer sends nothing more.
    End,
    /// The peer is gone.
    Gone(CloseReason),
}

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrote {
    /// So many bytes were taken.
    Some(usize),
    /// Nothing is taken now. A writable edge will follow.
    Full,
    /// The peer is gone.
    Gone(CloseReason),
}

impl Transport {
    /// Plain TCP, on a non-blocking socket.
    pub(crate) fn plain(socket: TcpStream) -> Transport {
        Transport { socket }
    }

    /// Has the poll report both edges under this token.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE | Interest::WRITABLE)
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Received {
        loop {
            match self.socket.read(buffer) {
                Ok(0) => return Received::End,
                Ok(count) => return Received::Some(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Received::Nothing,
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) => return Received::Gone(reason(&error)),
            }
        }
    }

    /// One vectored write, which neither waits nor raises SIGPIPE.
    pub(crate) fn write(&mut self, pieces: &[IoSlice<'_>]) -> Wrote {
        loop {
            let socket = SockRef::from(&self.socket);
            match socket.send_vectored_with_flags(pieces, MSG_NOSIGNAL | MSG_DONTWAIT) {
                Ok(count) => return Wrote::Some(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Wrote::Full,
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) => return Wrote::Gone(reason(&error)),
            }
        }
    }

    /// Tells the peer that nothing more will come. False: the peer is gone.
    pub(crate) fn shut_write(&mut self) -> bool {
        self.socket.shutdown(Shutdown::Write).is_ok()
    }

    /// Why the peer is gone, after the poll has reported that it is.
    pub(crate) fn close_reason(&self) -> CloseReason {
        let error = self.socket.take_error().ok().flatten();
        error.as_ref().map_or(CloseReason::Left, reason)
    }

    /// The address that the client reached.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()
    }

    /// To be called for a mount whose burst is larger or smaller than usual.
    pub(crate) fn set_send_buffer(&self, bytes: usize) {
        // A refusal costs smoothness, not the listener.
        let _ = SockRef::from(&self.socket).set_send_buffer_size(bytes);
    }

    /// To be called for a client that sends a stream: its stream would let the system's own limit grow.
    pub(crate) fn set_receive_buffer(&self, bytes: usize) {
        // After a refusal the system decides, as it does for everybody.
        let _ = SockRef::from(&self.socket).set_recv_buffer_size(bytes);
    }

    /// Closes at once: what the peer has not taken is forgotten, and its memory is free.
    pub(crate) fn close_by_reset(self) {
        let _ = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
    }
}

/// Why a peer is gone whose socket has this error. When a peer gives no sign of life any more, the system
/// reports the last ICMP error if there was one, and not the time-out.
fn reason(error: &io::Error) -> CloseReason {
    match error.raw_os_error() {
        Some(libc::ETIMEDOUT | libc::EHOSTUNREACH | libc::ENETUNREACH) => CloseReason::Stalled,
        _ => CloseReason::Left,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{Ipv4Addr, TcpListener, TcpStream as Blocking};
    use std::time::Instant;

    fn pair() -> (Transport, Blocking) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = Blocking::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        accepted.set_nonblocking(true).unwrap();
        (Transport::plain(TcpStream::from_std(accepted)), client)
    }

    fn read_until(transport: &mut Transport, is_it: impl Fn(Received) -> bool) -> Received {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let received = transport.read(&mut [0; 16]);
            if is_it(received) {
                return received;
            }
            assert!(Instant::now() < deadline, "{received:?}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn nothing_now_the_end_and_a_peer_that_is_gone_are_told_apart() {
        let (mut transport, mut client) = pair();
        assert_eq!(transport.read(&mut [0; 16]), Received::Nothing);
        client.write_all(b"abc").unwrap();
        assert_eq!(read_until(&mut transport, |received| received != Received::Nothing), Received::Some(3));
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_until(&mut transport, |received| received != Received::Nothing), Received::End);
        let (mut transport, client) = pair();
        SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        read_until(&mut transport, |received| received == Received::Gone(CloseReason::Left));
    }

    #[test]
    fn a_full_socket_takes_nothing_and_a_closed_one_is_gone() {
        let (mut transport, client) = pair();
        let pieces = [IoSlice::new(&[1; 1 << 16]), IoSlice::new(&[2; 1 << 16])];
        let mut taken = 0;
        let last = loop {
            match transport.write(&pieces) {
                Wrote::Some(count) => taken += count,
                other => break other,
            }
        };
        assert_eq!(last, Wrote::Full);
        assert!(taken > 0);
        SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        let deadline = Instant::now() + Duration::from_secs(10);
        while transport.write(&pieces) != Wrote::Gone(CloseReason::Left) {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_peer_that_the_system_gives_up_on_has_stalled() {
        for (code, why) in [
            (libc::ETIMEDOUT, CloseReason::Stalled),
            (libc::EHOSTUNREACH, CloseReason::Stalled),
            (libc::ECONNRESET, CloseReason::Left),
            (libc::EPIPE, CloseReason::Left),
        ] {
            assert_eq!(reason(&io::Error::from_raw_os_error(code)), why);
        }
    }
}
