//! Sockets with the options that a radio server wants. What the system calls differently, it is
//! called here.

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use libc::{MSG_DONTWAIT, MSG_NOSIGNAL};
use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::error::{CloseReason, Error, Result};

/// How many connections may wait to be accepted, if the system allows it: a second's join storm.
const WAITING: i32 = 4096;
/// An idle peer is asked for a sign of life after this long, three times.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// What accepted sockets have, for a mount whose bursts are as usual.
pub(crate) const SEND_BUFFER: usize = 64 * 1024;

/// Listens on every address; on `[::]` for both families, or where there is no IPv6, on `0.0.0.0`.
pub(crate) fn listen(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>> {
    let on = |address: SocketAddr| {
        // Where IPv4 on that port has an acceptor of its own, IPv6 leaves it alone.
        let only_v6 = addresses.iter().any(|other| other.is_ipv4() && other.port() == address.port());
        match bind(address, only_v6) {
            Err(cause) if address.ip().is_unspecified() && address.is_ipv6() && lacks_ipv6(&cause) => {
                bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())), false)
            }
            other => other,
        }
        .map_err(|cause| Error::Listen { address, cause })
    };
    addresses.iter().copied().map(on).collect()
}

fn bind(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    // Accepted sockets inherit all of this, which saves five system calls a join.
    tune(&SockRef::from(&socket))?;
    socket.bind(&address.into())?;
    socket.listen(WAITING)?;
    Ok(TcpListener::from_std(socket.into()))
}

fn tune(socket: &SockRef<'_>) -> io::Result<()> {
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_INTERVAL).with_retries(3);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    // No TCP_USER_TIMEOUT: Linux counts it from the first time that the peer's window was too small
    // for what is queued, whatever the peer takes after that. So it ends a player with a small
    // buffer, which is always full because it plays in real time. The reactor's own `write_timeout`
    // is for a peer that takes nothing at all.
    Ok(())
}

fn lacks_ipv6(cause: &io::Error) -> bool {
    matches!(cause.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL | libc::EPROTONOSUPPORT))
}

/// To be called for a socket whose mount has other bursts than usual.
pub(crate) fn set_send_buffer(socket: &TcpStream, bytes: usize) {
    // A refusal costs smoothness, not the listener.
    let _ = SockRef::from(socket).set_send_buffer_size(bytes);
}

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrote {
    /// The socket took so many bytes.
    Some(usize),
    /// The socket is full.
    Full,
    /// The peer is gone.
    Gone(CloseReason),
}

/// One vectored write that neither waits nor raises SIGPIPE.
pub(crate) fn write(socket: &TcpStream, pieces: &[IoSlice<'_>]) -> Wrote {
    loop {
        match SockRef::from(socket).send_vectored_with_flags(pieces, MSG_NOSIGNAL | MSG_DONTWAIT) {
            Ok(count) => return Wrote::Some(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Wrote::Full,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Wrote::Gone(reason(&error)),
        }
    }
}

/// Closes at once: what the peer has not taken is forgotten, and its memory is free.
pub(crate) fn close_by_reset(socket: TcpStream) {
    let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
    drop(socket);
}

/// Why a listener is gone whose socket has this error. A system that gives up on a peer (which gives
/// no sign of life any more) reports the last ICMP error, if there was one, and not the timeout.
pub(crate) fn reason(error: &io::Error) -> CloseReason {
    match error.raw_os_error() {
        Some(libc::ETIMEDOUT | libc::EHOSTUNREACH | libc::ENETUNREACH) => CloseReason::Stalled,
        _ => CloseReason::Left,
    }
}

/// Whether there are no descriptors or no memory left, so that trying again at once is no use.
pub(crate) fn is_exhaustion(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv6Addr;

    fn accept(listener: &TcpListener) -> TcpStream {
        let deadline = std::time::Instant::now() + Duration::from_secs(5);
        loop {
            match listener.accept() {
                Ok((socket, _)) => return socket,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    assert!(std::time::Instant::now() < deadline);
                    std::thread::yield_now();
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn accepted_sockets_are_tuned() {
        let listeners = listen(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]).unwrap();
        let _client = std::net::TcpStream::connect(listeners[0].local_addr().unwrap()).unwrap();
        let accepted = accept(&listeners[0]);
        let socket = SockRef::from(&accepted);
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        // Linux doubles what it is asked for, to have room for its own bookkeeping.
        assert!((65_536..=131_072).contains(&socket.send_buffer_size().unwrap()));
    }

    #[test]
    fn both_families_on_one_port_together_or_apart() {
        let both = listen(&[SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))]).unwrap();
        let port = both[0].local_addr().unwrap().port();
        std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        if both[0].local_addr().unwrap().is_ipv6() {
            std::net::TcpStream::connect((Ipv6Addr::LOCALHOST, port)).unwrap();
        }
        drop(both);
        let apart = [
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
        ];
        match listen(&apart) {
            Ok(listeners) => assert_eq!(listeners.len(), 2),
            // Somebody else took the port in between. The two must not take it from each other.
            Err(error) => assert!(error.to_string().contains("[::]"), "{error}"),
        }
    }

    #[test]
    fn a_port_in_use_is_named() {
        let taken = listen(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]).unwrap();
        let address = taken[0].local_addr().unwrap();
        let refusal = listen(&[address]).unwrap_err();
        assert!(refusal.to_string().contains(&format!("port {} is in use", address.port())), "{refusal}");
    }
}
