//! Runs a station from its start to its end.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, bounded};
use crossbeam::select;
use longwave::{Api, Config, Error, HlsSettings, Reloaded, ServerStats, Station};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use signal_hook::low_level::{emulate_default_handler, exit};

use super::credentials;
use super::in_time::in_time;
use super::memory::Memory;
use super::token_place::TokenFile;
use super::{Failure, places, say};

/// How often the main thread checks that all parts are still running.
const WATCH_EVERY: Duration = Duration::from_millis(500);

/// How long a signal to stop waits for a start, which may be nearly over.
const A_MOMENT: Duration = Duration::from_millis(250);

/// How long a stop may take. Then the process ends, whatever hangs.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// What is left of it for the last lines of the log.
const FOR_LAST_LINES: Duration = Duration::from_millis(450);

/// How long the main thread waits for a write to standard output.
const PATIENCE: Duration = Duration::from_secs(1);

/// Receives the signals SIGTERM and SIGINT. The first one asks the station to stop in order, the second ends
/// the process at once.
pub struct Stop {
    stop: Receiver<()>,
    reload: Receiver<()>,
    /// SIGUSR1: the files of the log were renamed.
    reopen: Receiver<()>,
}

/// What SIGHUP does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum OnHangup {
    /// Reads the configuration again.
    Reload,
    /// Stops in order, because the terminal was closed. The signal stays ignored if it was at start
    /// (`nohup`).
    Stop,
}

impl Stop {
    /// Starts the thread `signals`, which receives them.
    pub fn on_signals(on_hangup: OnHangup) -> io::Result<Stop> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGUSR1])?;
        if on_hangup == OnHangup::Reload || !is_ignored(SIGHUP) {
            signals.add_signal(SIGHUP)?;
        }
        let (ask, stop) = bounded(1);
        let (ask_to_reload, reload) = bounded(1);
        let (ask_to_reopen, reopen) = bounded(1);
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            let mut stopping = false;
            for signal in signals.forever() {
                match signal {
                    SIGUSR1 => drop(ask_to_reopen.try_send(())),
                    // If a reload is waiting already, one is enough.
                    SIGHUP if on_hangup == OnHangup::Reload => drop(ask_to_reload.try_send(())),
                    // When a terminal is closed, both its shell and the kernel may send the signal.
                    SIGHUP => {
                        stopping = true;
                        end_within(STOP_WITHIN);
                        let _ = ask.try_send(());
                    }
                    // The second signal: stopping in order takes too long for the user.
                    _ if stopping => drop(emulate_default_handler(signal)),
                    _ => {
                        stopping = true;
                        end_within(STOP_WITHIN);
                        // The main thread may not be waiting yet, or may have ended.
                        let _ = ask.try_send(());
                    }
                }
            }
        })?;
        Ok(Stop { stop, reload, reopen })
    }
}

/// Ends the process after this time, unless it has ended by then. The last resort: whatever hangs has
/// deadlines of its own.
fn end_within(time: Duration) {
    let end = move || {
        std::thread::sleep(time);
        log::error!("the stop took too long: the process ends without waiting any longer");
        // For the thread `log`.
        std::thread::sleep(Duration::from_millis(20));
        exit(1);
    };
    if let Err(error) = std::thread::Builder::new().name("last-resort".into()).spawn(end) {
        log::error!("starting a thread: {error}");
    }
}

/// Whether the signal was ignored when this program was started.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Runs a station until it is asked to stop, then calls `before_stopping` and stops in order. `file` is the
/// configuration to read again on a reload.
pub fn run(
    config: Config,
    file: Option<&Path>,
    stop: Stop,
    before_stopping: impl FnOnce(),
) -> Result<(), Failure> {
    let mounts: Vec<String> = super::mounts(&config).map(str::to_owned).collect();
    let icy_mount = config.server.icy_mount.clone();
    let relayed: Vec<String> = config.mounts.iter().map(|relayed| relayed.mount.path.clone()).collect();
    let hls = config.pipelines.iter().flat_map(|pipeline| &pipeline.hls);
    let hls: Vec<String> = hls.map(HlsSettings::playlist).collect();
    let live = config.pipelines.iter().flat_map(|pipeline| &pipeline.live);
    let live: Vec<String> = live.map(|input| input.path.clone()).collect();
    let Some((station, api, token)) = start_in_reach(config, file, &stop)? else {
        before_stopping();
        log::info!("stopped before everything had started");
        return Ok(());
    };
    let addresses = station.server().local_addrs();
    let line = |mount: &String| {
        // A relayed mount is on the air when its source comes.
        let state = if relayed.contains(mount) { "relays" } else { "on air" };
        format!("{state}  {}\n", places::url(places::nearest(addresses), mount))
    };
    let of_hls =
        |playlist: &String| format!("on air  {}\n", places::url(places::nearest(addresses), playlist));
    let of_live = |path: &String| format!("live    {}\n", places::url(places::nearest(addresses), path));
    say_in_time(
        mounts.iter().map(line).chain(hls.iter().map(of_hls)).chain(live.iter().map(of_live)).collect(),
    );
    places::tell(addresses, &mounts);
    let console = places::url(places::nearest(addresses), "/console");
    match &token {
        Some(TokenFile { path, .. }) => {
            log::info!("console: {console} (without a name, and with the token in {})", path.display());
        }
        None => log::info!("console: {console}"),
    }
    places::tell_icy(station.server().icy_addrs(), &icy_mount);

    let api = Arc::new(api);
    reload_on_demand(Arc::clone(&api), stop.reload.clone())?;
    let ended = watch(&station, &stop);
    let deadline = Instant::now() + STOP_WITHIN - FOR_LAST_LINES;
    end_within(STOP_WITHIN);
    before_stopping();
    log::info!("stopping");
    let of_api = api.stop();
    drop(token);
    sum_up(&station.server().stats());
    let of_station = station.stop_by(deadline);
    for thread in of_api.abandoned.iter().chain(&of_station.abandoned) {
        log::error!("the thread {thread} did not stop in time and was left behind");
    }
    match ended {
        None => Ok(()),
        Some(what) => Err(Failure::Station(Error::Stopped(what))),
    }
}

/// Starts everything on the thread `start`. A signal to stop ends the program wherever the start is, such as
/// in a folder on a dead disk (`None`). What has started by then ends with the process.
fn start_in_reach(
    config: Config,
    file: Option<&Path>,
    stop: &Stop,
) -> Result<Option<(Station, Api, Option<TokenFile>)>, Failure> {
    let (started, station) = bounded(1);
    let file = file.map(Path::to_owned);
    let start = move || drop(started.send(start(config, file.as_deref())));
    std::thread::Builder::new().name("start".into()).spawn(start).map_err(Error::io("starting a thread"))?;
    select! {
        recv(station) -> station => match station {
            Ok(station) => station.map(Some),
            Err(_) => Err(Failure::Station(Error::Stopped("station: it panicked at its start"))),
        },
        recv(stop.stop) -> _ => {
            // A start that is nearly over is undone in order.
            let deadline = Instant::now() + STOP_WITHIN - FOR_LAST_LINES;
            if let Ok(Ok((station, api, _token))) = station.recv_timeout(A_MOMENT) {
                api.stop();
                station.stop_by(deadline);
            }
            Ok(None)
        }
    }
}

/// Starts a station and its API. Nothing that is declared is 404 meanwhile.
fn start(config: Config, file: Option<&Path>) -> Result<(Station, Api, Option<TokenFile>), Failure> {
    super::look_at_users(&config, file)?;
    let mut declared = config.clone();
    let station = Station::start_expecting(config.into(), Api::PATHS)?;
    let port = places::nearest(station.server().local_addrs()).port();
    let token = credentials::provide(&mut declared.api, port);
    let api = match file {
        Some(file) => Api::start_reloadable(&station, declared, file)?,
        None => Api::start(&station, &declared.api)?,
    };
    Ok((station, api, token))
}

/// Logs figures of the whole run, which show whether the machine was fast enough.
fn sum_up(stats: &ServerStats) {
    let turns = &stats.turn_times;
    log::info!(
        "{} listeners at most; {} writes to them, {} of which met a full socket; {} turns of the reactor: {:?} half of them, {:?} 99 of 100, {:?} the longest",
        stats.listener_peak,
        stats.writes,
        stats.blocked_writes,
        turns.count(),
        turns.quantile(0.50),
        turns.quantile(0.99),
        turns.max()
    );
}

/// Writes to standard output on a thread of its own, so that a reader that does not read cannot block the
/// start.
fn say_in_time(text: String) {
    in_time("say", PATIENCE, move || say(&text));
}

/// Starts the thread `reload`, which reads the configuration again whenever it is asked to. A disk that does
/// not answer keeps it, but not the main thread. If it is asked meanwhile, it does so once more afterwards.
fn reload_on_demand(api: Arc<Api>, asked: Receiver<()>) -> Result<(), Failure> {
    let reload = move || {
        for () in asked {
            match api.reload() {
                Ok(done) if done == Reloaded::default() => log::info!("reloaded: nothing has changed"),
                Ok(_) => {}
                Err(reason) => log::error!("not reloaded, everything is as before: {reason}"),
            }
        }
    };
    let spawned = std::thread::Builder::new().name("reload".into()).spawn(reload);
    Ok(spawned.map(drop).map_err(Error::io("starting a thread"))?)
}

/// Waits until the station is asked to stop (`None`), or until a part of it has ended (its kind).
fn watch(station: &Station, stop: &Stop) -> Option<&'static str> {
    let mut memory = Memory::new(Instant::now());
    loop {
        memory.look(Instant::now());
        select! {
            recv(stop.stop) -> _ => return None,
            recv(stop.reopen) -> _ => station.server().reopen_logs(),
            default(WATCH_EVERY) => {}
        }
        if !station.server().is_running() {
            return Some("server");
        }
        // The program ends if one pipeline ends: its supervisor restarts the whole station.
        if station.pipelines().iter().any(|pipeline| !pipeline.is_running()) {
            return Some("pipeline");
        }
    }
}
