//! A station from its start to its end.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use longwave::{Config, Error, Station, StationSettings};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::Failure;

/// Runs the station until SIGTERM or SIGINT, and stops it in order. A second signal ends it at once.
pub fn run(config: Config) -> Result<(), Failure> {
    let signals = Signals::new([SIGTERM, SIGINT]);
    let mut signals =
        signals.map_err(|cause| Error::Io { doing: "taking over SIGTERM and SIGINT", cause })?;
    let Config { server, pipelines, .. } = config;
    let station = Station::start(StationSettings { server, pipelines })?;
    announce(&station);
    if let Some(signal) = signals.forever().next() {
        log::info!("signal {signal}: stopping");
    }
    let handle = signals.handle();
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            std::process::exit(1);
        }
    });
    station.stop();
    handle.close();
    Ok(())
}

/// Says where the station is: one line a mount on standard output, when listeners are welcome.
fn announce(station: &Station) {
    let Some(address) = station.server().local_addrs().first() else { return };
    let mut out = std::io::stdout().lock();
    for pipeline in station.pipelines() {
        for mount in pipeline.mounts() {
            // Whether anybody reads it makes no difference.
            let _ = writeln!(out, "on air  http://{}{mount}", reachable(*address));
        }
    }
    let _ = out.flush();
    log::info!("listening on port {}; a firewall must let it in", address.port());
}

/// The address by which this machine reaches it.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if ip.is_unspecified() => SocketAddr::new(IpAddr::from([127, 0, 0, 1]), address.port()),
        _ => address,
    }
}
