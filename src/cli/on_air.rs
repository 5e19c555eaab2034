//! A station from its start to its end.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use crossbeam::channel::{Receiver, bounded};
use crossbeam::select;
use longwave::{Api, Config, Error, Reloaded, ServerStats, Station};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::{Failure, credentials, places, say};

/// How often the main thread looks whether everything is still running.
const WATCH_EVERY: Duration = Duration::from_millis(500);

/// How long a line on standard output may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// SIGTERM and SIGINT from here on: the first asks the station to stop in order, the second ends
/// the process at once.
pub struct Stop {
    stop: Receiver<()>,
    reload: Receiver<()>,
}

/// What SIGHUP asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum OnHangup {
    /// To read the configuration again.
    Reload,
    /// To stop in order: the terminal that this was started in has been closed. Unless that was to make no
    /// difference (`nohup`).
    Stop,
}

impl Stop {
    /// Takes the signals over, with the thread `signals`.
    pub fn on_signals(on_hangup: OnHangup) -> io::Result<Stop> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        if on_hangup == OnHangup::Reload || !is_ignored(SIGHUP) {
            signals.add_signal(SIGHUP)?;
        }
        let (ask, stop) = bounded(1);
        let (ask_to_reload, reload) = bounded(1);
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            let mut stopping = false;
            for signal in signals.forever() {
                match signal {
                    // One that has not begun yet does for both.
                    SIGHUP if on_hangup == OnHangup::Reload => drop(ask_to_reload.try_send(())),
                    // A terminal that is closed may say so twice: by its shell, and by the kernel.
                    SIGHUP => {
                        stopping = true;
                        let _ = ask.try_send(());
                    }
                    // Once more: it takes too long for somebody.
                    _ if stopping => drop(emulate_default_handler(signal)),
                    _ => {
                        stopping = true;
                        // Who asks need not be there yet, or any more.
                        let _ = ask.try_send(());
                    }
                }
            }
        })?;
        Ok(Stop { stop, reload })
    }
}

/// Whether who started this program had it ignore the signal.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Runs a station, which is declared in `file` if anywhere, until it is asked to stop; then calls `before_stopping`, and stops in order.
pub fn run(
    config: Config,
    file: Option<&Path>,
    stop: Stop,
    before_stopping: impl FnOnce(),
) -> Result<(), Failure> {
    let mounts: Vec<String> = super::mounts(&config).map(str::to_owned).collect();
    let mut declared = config.clone();
    let station = Station::start(config.into())?;
    let addresses = station.server().local_addrs();
    let on_air =
        mounts.iter().map(|mount| format!("on air  {}\n", places::url(places::nearest(addresses), mount)));
    say_in_time(on_air.collect());
    places::tell(addresses, &mounts);
    let token = credentials::provide(&mut declared.api, places::nearest(addresses).port());
    let api = match file {
        Some(file) => Api::start_reloadable(&station, declared, file)?,
        None => Api::start(&station, &declared.api)?,
    };

    let ended = watch(&station, &api, &stop);
    before_stopping();
    log::info!("stopping");
    api.stop();
    drop(token);
    sum_up(&station.server().stats());
    let report = station.stop();
    for thread in &report.abandoned {
        log::error!("the thread {thread} did not stop in time and was left behind");
    }
    match ended {
        None => Ok(()),
        Some(what) => Err(Failure::Station(Error::Stopped(what))),
    }
}

/// What a run was like, for who wonders whether the machine had enough of it.
fn sum_up(stats: &ServerStats) {
    log::info!(
        "{} listeners at most; {} writes to them, {} of which met a full socket; {} turns of the reactor: {:?} half of them, {:?} 99 of 100, {:?} the longest",
        stats.listener_peak,
        stats.writes,
        stats.blocked_writes,
        stats.turns,
        stats.turn_p50,
        stats.turn_p99,
        stats.turn_max
    );
}

/// Says where the station is, but does not wait for ever for who does not read it.
fn say_in_time(text: String) {
    let (said, done) = bounded::<()>(1);
    let spawned = std::thread::Builder::new().name("say".into()).spawn(move || {
        say(&text);
        drop(said);
    });
    if spawned.is_ok() {
        let _ = done.recv_timeout(PATIENCE);
    }
}

/// Waits until the station is asked to stop, or until a part of it has ended by itself.
fn watch(station: &Station, api: &Api, stop: &Stop) -> Option<&'static str> {
    loop {
        select! {
            recv(stop.stop) -> _ => return None,
            recv(stop.reload) -> _ => match api.reload() {
                Ok(done) if done == Reloaded::default() => log::info!("reloaded: nothing has changed"),
                Ok(_) => {}
                Err(reason) => log::error!("not reloaded, everything is as before: {reason}"),
            },
            default(WATCH_EVERY) => {}
        }
        if !station.server().is_running() {
            return Some("server");
        }
        // Half a station is no station: whoever supervises this starts the whole again.
        if station.pipelines().iter().any(|pipeline| !pipeline.is_running()) {
            return Some("pipeline");
        }
    }
}
