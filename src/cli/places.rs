//! The URLs of a station, on this machine and from others.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use longwave::mount_url;

/// The address to use on this machine.
pub fn nearest(listening: &[SocketAddr]) -> SocketAddr {
    let near = |address: &&SocketAddr| address.ip().is_unspecified() || address.ip().is_loopback();
    let address = *listening.iter().find(near).or(listening.first()).expect("a server listens somewhere");
    match address.ip() {
        // A socket for all IPv6 addresses accepts IPv4 as well.
        ip if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        _ => address,
    }
}

/// The URL of a mount.
pub fn url(address: SocketAddr, mount: &str) -> String {
    mount_url(&format!("http://{address}"), mount)
}

/// Logs where sources that speak ICY are listened for.
pub fn tell_icy(listening: &[SocketAddr], mount: &str) {
    for address in listening {
        let given = address.port().saturating_sub(1);
        log::info!(
            "listening on {address} for sources of SHOUTcast 1, which send to {mount} (most programs add 1 to their \
             port: give them {given})"
        );
    }
}

/// Logs the URLs for other machines, if any can reach the station.
pub fn tell(listening: &[SocketAddr], mounts: &[String]) {
    for address in listening {
        log::info!("listening on {address}");
    }
    log::info!("a page with players: {}", url(nearest(listening), "/"));
    let outside = outside(listening, &addresses_of_machine());
    let Some(first) = outside.first() else {
        log::info!("only this machine can reach it");
        return;
    };
    for address in &outside {
        for mount in mounts {
            log::info!("other machines: {}", url(*address, mount));
        }
    }
    log::info!("a firewall, where there is one, must let TCP port {} in", first.port());
}

/// The addresses to use on other machines.
fn outside(listening: &[SocketAddr], machine: &[IpAddr]) -> Vec<SocketAddr> {
    let mut outside = Vec::new();
    for address in listening.iter().filter(|address| !address.ip().is_loopback()) {
        if !address.ip().is_unspecified() {
            outside.push(*address);
            continue;
        }
        let reached = machine.iter().filter(|ip| address.is_ipv6() || ip.is_ipv4());
        outside.extend(reached.map(|ip| SocketAddr::new(*ip, address.port())));
    }
    outside
}

/// This machine's address for each family: the one that it would send from. Connecting a UDP socket sends
/// nothing; the destinations are reserved for documentation.
fn addresses_of_machine() -> Vec<IpAddr> {
    let from = |any: &str, destination: &str| {
        let socket = UdpSocket::bind(any).ok()?;
        socket.connect(destination).ok()?;
        Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
    };
    [from("0.0.0.0:0", "192.0.2.1:9"), from("[::]:0", "[2001:db8::1]:9")].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn this_machine_takes_the_shortest_way() {
        for (listening, expected) in [
            (&["[::]:8000"][..], "127.0.0.1:8000"),
            (&["0.0.0.0:8000"], "127.0.0.1:8000"),
            (&["[::1]:8001"], "[::1]:8001"),
            (&["192.168.1.5:80", "127.0.0.1:8000"], "127.0.0.1:8000"),
            (&["192.168.1.5:80"], "192.168.1.5:80"),
        ] {
            assert_eq!(nearest(&addresses(listening)), expected.parse().unwrap(), "{listening:?}");
        }
    }

    #[test]
    fn other_machines_take_what_is_open_to_them() {
        let machine: Vec<IpAddr> = vec!["10.0.0.2".parse().unwrap(), "fd00::2".parse().unwrap()];
        for (listening, expected) in [
            (&["[::]:8000"][..], &["10.0.0.2:8000", "[fd00::2]:8000"][..]),
            (&["0.0.0.0:8000"], &["10.0.0.2:8000"]),
            (&["192.168.1.5:80"], &["192.168.1.5:80"]),
            (&["127.0.0.1:8000", "[::1]:8000"], &[]),
        ] {
            assert_eq!(outside(&addresses(listening), &machine), addresses(expected), "{listening:?}");
        }
    }

    #[test]
    fn a_url_is_ascii() {
        let address = "[::1]:8000".parse().unwrap();
        assert_eq!(url(address, "/jóga%.mp3"), "http://[::1]:8000/j%C3%B3ga%25.mp3");
    }
}
