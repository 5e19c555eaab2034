//! Addresses of the server and of this tool. Only loopback is allowed, so that nobody can attack a server
//! with this tool.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use crate::sys;

/// `http://[user:password@]host:port/path` on this machine.
#[derive(Clone, Debug)]
pub struct Target {
    pub address: SocketAddr,
    /// As in a Host header.
    pub host: String,
    pub path: String,
    pub login: Option<String>,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(url: &str) -> Result<Target, String> {
        let rest = url.strip_prefix("http://").ok_or("want a URL like http://127.0.0.1:8000/stream.mp3")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, host) = match authority.rsplit_once('@') {
            Some((login, host)) => (Some(login.to_owned()), host),
            None => (None, authority),
        };
        let with_port =
            if host.ends_with(']') || !host.contains(':') { format!("{host}:80") } else { host.to_owned() };
        let mut addresses = with_port.to_socket_addrs().map_err(|error| format!("{host}: {error}"))?;
        let address = addresses.next().ok_or_else(|| format!("{host} has no address"))?;
        if !address.ip().is_loopback() {
            return Err(format!("{host} is not this machine: only loopback addresses are measured"));
        }
        if path.contains(|c: char| c.is_ascii_control() || c == ' ') {
            return Err(format!("/{path} is no path of a URL"));
        }
        Ok(Target { address, host: host.to_owned(), path: format!("/{path}"), login })
    }
}

/// The source address of connection `index`: one of `count` loopback addresses from 127.0.0.2 on. There are
/// several, because one address has fewer than 30,000 ports for each server.
pub fn source_address(target: &Target, index: usize, count: u8) -> IpAddr {
    match target.address {
        SocketAddr::V4(_) => {
            IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2 + (index % usize::from(count.max(1))) as u8))
        }
        SocketAddr::V6(_) => target.address.ip(),
    }
}

/// Begins to connect from `source`, without waiting.
pub fn connect(target: &Target, source: IpAddr, receive_buffer: Option<usize>) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target.address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    sys::bind_address_no_port(&socket)?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    match socket.connect(&target.address.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(error) => return Err(error),
    }
    Ok(TcpStream::from_std(socket.into()))
}

/// A connection whose calls block, but at most for this time.
pub fn connect_patiently(target: &Target, patience: Duration) -> io::Result<std::net::TcpStream> {
    made_patient(std::net::TcpStream::connect_timeout(&target.address, patience)?, patience)
}

/// The same, from this address.
pub fn connect_from(target: &Target, from: IpAddr, patience: Duration) -> io::Result<std::net::TcpStream> {
    let socket = Socket::new(Domain::for_address(target.address), Type::STREAM, Some(Protocol::TCP))?;
    sys::bind_address_no_port(&socket)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    socket.connect_timeout(&target.address.into(), patience)?;
    made_patient(socket.into(), patience)
}

fn made_patient(socket: std::net::TcpStream, patience: Duration) -> io::Result<std::net::TcpStream> {
    socket.set_read_timeout(Some(patience))?;
    socket.set_write_timeout(Some(patience))?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::{Target, source_address};

    #[test]
    fn urls_on_this_machine_are_targets() {
        let target: Target = "http://source:p@ss@127.0.0.1:8000/a/b.mp3?x=1".parse().unwrap();
        assert_eq!(target.address.to_string(), "127.0.0.1:8000");
        assert_eq!(target.host, "127.0.0.1:8000");
        assert_eq!(target.path, "/a/b.mp3?x=1");
        assert_eq!(target.login.as_deref(), Some("source:p@ss"));
        assert_eq!("http://[::1]:81".parse::<Target>().unwrap().path, "/");
        assert_eq!("http://127.0.0.1/x".parse::<Target>().unwrap().address.port(), 80);
    }

    #[test]
    fn other_urls_are_refused() {
        for url in
            ["https://127.0.0.1/x", "http://192.0.2.1:8000/x", "127.0.0.1:8000/x", "http://127.0.0.1:1/a b"]
        {
            assert!(url.parse::<Target>().is_err(), "{url}");
        }
    }

    #[test]
    fn sources_take_turns() {
        let target: Target = "http://127.0.0.1:8000/x".parse().unwrap();
        let sources: Vec<_> = (0..4).map(|index| source_address(&target, index, 3).to_string()).collect();
        assert_eq!(sources, ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.2"]);
    }
}
