//! The program `longwave`: its commands and exit codes.
//!
//! `args` declares the command line. `play` turns it into a configuration. `on_air` runs a station until it
//! is asked to stop. `ctl` is a client of a running station. `library` scans and searches, `report` prints
//! what was played, `backup` packs what a station knows, `user` edits the users file, `credentials` creates
//! the first user or token.

mod args;
#[cfg(feature = "library")]
mod backup;
mod credentials;
mod ctl;
mod in_time;
#[cfg(feature = "library")]
mod library;
mod logs;
#[allow(unsafe_code, reason = "asks glibc to give memory back")]
mod memory;
mod on_air;
mod places;
mod play;
#[cfg(feature = "library")]
mod report;
mod schedule;
mod signals;
mod text;
mod token_place;
mod user;

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use longwave::{Config, ConfigError, HlsSettings, Users};

use args::Command;
use on_air::OnHangup;

/// Runs the command. The exit code is 0 for success, 2 for a wrong command line, configuration or users file
/// of a station, 1 for any other failure: one that may be over when it is tried again.
pub fn main() -> ExitCode {
    memory::Memory::keep_little();
    signals::hold();
    let command = args::parse();
    if !command.goes_on_air() {
        signals::release();
    }
    // Dropping it writes the lines that still wait.
    let _log = match logs::start() {
        Ok(log) => log,
        Err(error) => return end(Failure::Station(longwave::Error::io("starting the log")(error))),
    };
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => end(failure),
    }
}

/// Prints the failure to standard error.
fn end(failure: Failure) -> ExitCode {
    // If standard error is closed, there is no other place.
    let _ = writeln!(io::stderr(), "{failure}");
    failure.exit_code()
}

/// Why the program exits with another code than 0.
enum Failure {
    /// The command line, a configuration or a users file is wrong. It stays so until somebody mends it, so
    /// nothing starts the program again by itself.
    Usage(String),
    /// The disk of the configuration does not answer, or fails. It may do so when it is tried again.
    Disk(String),
    /// The station could not start, or a part of it ended.
    Station(longwave::Error),
    /// A running station refused a request, or did not answer.
    Refused(String),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            // Some settings are refused only at start, such as more listeners than the machine allows.
            Failure::Usage(_) | Failure::Station(longwave::Error::Setting { .. }) => ExitCode::from(2),
            Failure::Station(_) | Failure::Disk(_) | Failure::Refused(_) => ExitCode::from(1),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(text) | Failure::Disk(text) | Failure::Refused(text) => f.write_str(text),
            Failure::Station(error) => write!(f, "longwave: {error}"),
        }
    }
}

/// `1 problem`, `2 problems`.
fn problems(count: usize) -> String {
    if count == 1 { "1 problem".into() } else { format!("{count} problems") }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        let count = problems(error.problems.len());
        let kind = if error.is_passing { Failure::Disk } else { Failure::Usage };
        kind(format!("{error}\nlongwave: {count}"))
    }
}

impl From<longwave::Error> for Failure {
    fn from(error: longwave::Error) -> Failure {
        Failure::Station(error)
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Check(file) => check(&file.path),
        Command::Ctl(args) => ctl::run(&args),
        #[cfg(feature = "library")]
        Command::Library(args) => library::run(&args.command),
        Command::User(args) => user::run(&args),
        #[cfg(feature = "library")]
        Command::Report(args) => report::run(&args),
        #[cfg(feature = "library")]
        Command::Backup(args) => backup::run(&args),
        #[cfg(feature = "library")]
        Command::Restore(args) => backup::restore(&args),
        Command::Schedule(args) => schedule::run(&args.action),
        Command::Serve(file) => {
            let config = Config::read(&file.path)?;
            for warning in config.advice(&file.path) {
                log::warn!("{warning}");
            }
            on_air::run(config, Some(&file.path), stop(OnHangup::Reload)?, || {})
        }
        Command::Demo(server) => demo(server),
        Command::Play(args) if args.print_config => {
            say(&play::config_text(&args)?);
            Ok(())
        }
        Command::Play(args) => on_air::run(play::config(&args)?, None, stop(OnHangup::Stop)?, || {}),
    }
}

/// Runs a station that plays composed music from a temporary folder.
fn demo(server: args::Server) -> Result<(), Failure> {
    // First, so that a signal cannot end the process while the temporary folder exists.
    let stop = stop(OnHangup::Stop)?;
    // Fails at once if the port is in use, before seconds of composing.
    drop(longwave::Server::start(play::config(&args::Play::demo(Vec::new(), server.clone()))?.server)?);
    log::info!("composing some music");
    let music = longwave_demo::Music::compose().map_err(longwave::Error::io("composing music"))?;
    let config = play::config(&args::Play::demo(music.files(), server))?;
    // The files are removed before the station stops, because stopping can hang. Open files stay readable.
    on_air::run(config, None, stop, move || drop(music))
}

fn stop(on_hangup: OnHangup) -> Result<on_air::Stop, Failure> {
    let stop = on_air::Stop::on_signals(on_hangup).map_err(longwave::Error::io("listening to signals"))?;
    signals::release();
    Ok(stop)
}

/// Prints the mounts of a configuration, or all its errors.
fn check(file: &Path) -> Result<(), Failure> {
    let config = Config::read(file)?;
    for warning in config.advice(file) {
        let _ = writeln!(io::stderr(), "warning: {warning}");
    }
    if let Some(users) = look_at_users(&config, Some(file))? {
        for warning in config.closed_to(&users, file) {
            let _ = writeln!(io::stderr(), "warning: {warning}");
        }
    }
    let hls = config.pipelines.iter().flat_map(|pipeline| &pipeline.hls).map(HlsSettings::playlist);
    let all: Vec<String> = mounts(&config).map(str::to_owned).chain(hls).collect();
    say(&format!("{}: good: {}\n", file.display(), all.join(", ")));
    Ok(())
}

/// A users file that cannot be used is a mistake like one in the configuration, for a check and for a start.
/// One that is not there yet is made at the start. One whose disk does not answer may be good. Places for
/// sources need one: only an application can let somebody in by itself.
fn look_at_users(config: &Config, declared_in: Option<&Path>) -> Result<Option<Users>, Failure> {
    let Some(file) = &config.api.users_file else {
        let Some((path, _)) = config.places_for_sources().next() else { return Ok(None) };
        let file = declared_in.map(|file| format!("{}: ", file.display())).unwrap_or_default();
        return Err(Failure::Usage(format!(
            "longwave: {file}nobody could send to {path}: set users_file in [server], and add a user by `longwave \
             user add --role source`"
        )));
    };
    Users::read(file).map(Some).map_err(|error| match error {
        longwave::Error::File { .. } => Failure::Usage(format!("longwave: {error}")),
        error => Failure::Station(error),
    })
}

fn mounts(config: &Config) -> impl Iterator<Item = &str> {
    let outputs = config.pipelines.iter().flat_map(|pipeline| &pipeline.outputs).map(|output| &output.mount);
    let mounts = outputs.chain(config.mounts.iter().map(|relayed| &relayed.mount));
    mounts.map(|mount| mount.path.as_str())
}

/// Writes to standard output and flushes it. Errors are ignored: a closed output must not stop the station.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
