//! The command line: what is asked for, the station that is meant, and how it ended.
//!
//! `args` is what can be asked for. `play` turns a command line into the same configuration that a
//! file has. `on_air` runs a station until it is told to stop. `ctl` steers one that runs.
//! `user` keeps the users file, `credentials` makes the first of its users.

mod args;
mod credentials;
mod ctl;
mod logs;
mod on_air;
mod places;
mod play;
mod text;
mod user;

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use longwave::{Config, ConfigError};

use args::Command;
use on_air::OnHangup;

/// Runs the command line; its exit code is 0, 2 where the command or a configuration was wrong, or
/// 1 where something else was.
pub fn main() -> ExitCode {
    let command = args::parse();
    // Written to its end when this function is left.
    let _log = match logs::start() {
        Ok(log) => log,
        Err(error) => return end(Failure::Station(longwave::Error::io("starting the log")(error))),
    };
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => end(failure),
    }
}

/// Says why, on standard error.
fn end(failure: Failure) -> ExitCode {
    // With nobody reading, there is nobody to tell.
    let _ = writeln!(io::stderr(), "{failure}");
    failure.exit_code()
}

/// Why the program ends with another code than 0.
enum Failure {
    /// What was asked for cannot be: the command line or a configuration is wrong.
    Usage(String),
    /// The station could not start, or did not last.
    Station(longwave::Error),
    /// A running station did not do it.
    Refused(String),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            // A setting that only the machine can refuse (too many listeners) is still a setting.
            Failure::Usage(_) | Failure::Station(longwave::Error::Setting { .. }) => ExitCode::from(2),
            Failure::Station(_) | Failure::Refused(_) => ExitCode::from(1),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(text) | Failure::Refused(text) => f.write_str(text),
            Failure::Station(error) => write!(f, "longwave: {error}"),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        let count = match error.problems.len() {
            1 => "1 problem".to_owned(),
            many => format!("{many} problems"),
        };
        Failure::Usage(format!("{error}\nlongwave: {count}"))
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
        Command::User(args) => user::run(&args),
        Command::Serve(file) => {
            let config = Config::read(&file.path)?;
            for warning in warnings(&config, &file.path) {
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

/// A station with music of its own, which is gone when the station is.
fn demo(server: args::Server) -> Result<(), Failure> {
    // Before there is anything to be cleaned up.
    let stop = stop(OnHangup::Stop)?;
    // A port that is taken is known before seconds of work.
    drop(longwave::Server::start(play::config(&args::Play::demo(Vec::new(), server.clone()))?.server)?);
    log::info!("composing some music");
    let music = longwave_demo::Music::compose().map_err(longwave::Error::io("composing music"))?;
    let config = play::config(&args::Play::demo(music.files(), server))?;
    // The files are gone before anything can hang; what plays from them is not disturbed.
    on_air::run(config, None, stop, move || drop(music))
}

fn stop(on_hangup: OnHangup) -> Result<on_air::Stop, Failure> {
    Ok(on_air::Stop::on_signals(on_hangup).map_err(longwave::Error::io("listening to signals"))?)
}

/// Says what a configuration would put on the air, or all that is wrong with it.
fn check(file: &Path) -> Result<(), Failure> {
    let config = Config::read(file)?;
    for warning in warnings(&config, file) {
        let _ = writeln!(io::stderr(), "warning: {warning}");
    }
    let mounts: Vec<&str> = mounts(&config).collect();
    say(&format!("{}: good: {}\n", file.display(), mounts.join(", ")));
    Ok(())
}

/// What a configuration asks for in vain, a line each.
fn warnings<'c>(config: &'c Config, file: &'c Path) -> impl Iterator<Item = String> {
    let unsupported = config.warnings.iter().map(ToString::to_string);
    let silent = config.pipelines.iter().filter(|pipeline| pipeline.playlist.is_empty()).map(|pipeline| {
        format!("{}: pipeline {:?} has no playlist: it sends silence", file.display(), pipeline.name)
    });
    unsupported.chain(silent)
}

fn mounts(config: &Config) -> impl Iterator<Item = &str> {
    config.pipelines.iter().flat_map(|pipeline| &pipeline.outputs).map(|output| output.mount.path.as_str())
}

/// On standard output, at once; whether anybody reads it makes no difference.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
