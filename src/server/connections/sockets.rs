//! Listening sockets, with the options that a radio server wants.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use mio::net::TcpListener;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::transport::Transport;
use crate::error::{Error, Result};

/// How many connections may wait to be accepted, if the system allows it: those of one second of a join
/// storm.
const WAITING: i32 = 4096;
/// The system asks an idle peer for a sign of life after this time, three times.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// The send buffer of an accepted socket. A mount whose burst is larger or smaller than usual sets another.
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

/// Accepts a connection.
pub(crate) fn accept(listener: &TcpListener) -> io::Result<(Transport, SocketAddr)> {
    listener.accept().map(|(socket, address)| (Transport::plain(socket), address))
}

/// Whether there are no descriptors or no memory left. Then it is no use to try again at once.
pub(crate) fn is_exhaustion(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::net::TcpStream;
    use std::net::Ipv6Addr;

    fn accepted(listener: &TcpListener) -> TcpStream {
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
        let accepted = accepted(&listeners[0]);
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
