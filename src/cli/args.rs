//! The commands and options of the command line, with their help.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use longwave::Pipeline;

use super::ctl::args::Ctl;

/// The end of `longwave --help`. A paragraph is one line here: clap wraps it to the width of the terminal.
const AFTER_HELP: &str = "\
Examples:
  longwave demo
  longwave play ~/Music --loop --crossfade 3s
  longwave play ~/Music --loop --print-config > station.toml
  longwave check station.toml && longwave serve station.toml
  longwave ctl status

Signals: SIGTERM and SIGINT (Ctrl-C) stop the station in order. SIGHUP (a closed terminal) stops `demo` and `play`; \
`serve` applies a changed configuration.

Logs go to standard error; RUST_LOG=debug shows more of them.

Exit codes: 0 success, 2 a wrong command line, configuration or users file, 1 any other failure.";

/// An internet radio station in one process
#[derive(Debug, Parser)]
#[command(
    name = "longwave",
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = AFTER_HELP
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a station that plays music of its own
    ///
    /// The music is composed at start, so no file is needed. Open http://127.0.0.1:8000/stream.mp3 in any
    /// player.
    Demo(Server),
    Play(Play),
    /// Start the station that a configuration file declares
    ///
    /// docs/CONFIGURATION.md describes the file; `longwave play … --print-config` prints one.
    Serve(ConfigFile),
    Ctl(Ctl),
    User(User),
    Schedule(Schedule),
    #[cfg(feature = "library")]
    Library(super::library::args::Library),
    #[cfg(feature = "library")]
    Report(Report),
    #[cfg(feature = "library")]
    Backup(Backup),
    #[cfg(feature = "library")]
    Restore(Restore),
    /// List all errors of a configuration file, with line, key and reason
    ///
    /// Reads CONFIG as `longwave serve` does, but starts nothing.
    Check(ConfigFile),
}

impl Command {
    /// Whether it runs a station, until it is told to stop.
    pub fn goes_on_air(&self) -> bool {
        match self {
            Command::Demo(_) | Command::Play(_) | Command::Serve(_) => true,
            Command::Ctl(_) | Command::User(_) | Command::Schedule(_) | Command::Check(_) => false,
            #[cfg(feature = "library")]
            Command::Library(_) | Command::Report(_) | Command::Backup(_) | Command::Restore(_) => false,
        }
    }
}

/// Play files, folders and playlists
///
/// Starts a station that plays the PATHs in the given order, as MP3 at /stream.mp3 and as AAC at
/// /stream.aac. As soon as it accepts listeners, it prints the URL of each stream on standard output.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longwave play ~/Music --loop --shuffle --crossfade 3s --name \"My Radio\"
  longwave play one.flac two.mp3 evening.m3u --listen 127.0.0.1:8001")]
pub struct Play {
    /// Audio files, folders (with their subfolders), and M3U, PLS or XSPF playlists
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Start again at the end
    #[arg(long = "loop")]
    pub repeat: bool,
    /// Play in random order; no track is repeated before all have played
    #[arg(long)]
    pub shuffle: bool,
    /// How long tracks overlap, such as 3s or 500ms; 0s joins them without a gap
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub crossfade: String,
    /// Bitrate of each stream, in kilobits per second
    #[arg(long, value_name = "KBIT", default_value_t = 128)]
    pub bitrate: u32,
    /// The station's name, shown by players
    #[arg(long)]
    pub name: Option<String>,
    #[command(flatten)]
    pub server: Server,
    /// Print this station as a configuration for `longwave serve`, and exit
    #[arg(long)]
    pub print_config: bool,
}

impl Play {
    /// The command line of `longwave demo`.
    pub fn demo(paths: Vec<PathBuf>, server: Server) -> Play {
        Play {
            paths,
            repeat: true,
            shuffle: false,
            crossfade: "2s".into(),
            bitrate: 128,
            name: Some("Longwave Demo".into()),
            server,
            print_config: false,
        }
    }
}

#[derive(Clone, Debug, Args)]
pub struct Server {
    /// Address to listen on: 8001 or :8001 (all addresses), 127.0.0.1:8001, [::1]:8001; port 0 means any free
    /// port
    /// [default: [::]:8000]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<String>,
}

#[derive(Debug, Args)]
pub struct ConfigFile {
    /// Configuration file: TOML, or JSON if its name ends in .json
    #[arg(value_name = "CONFIG")]
    pub path: PathBuf,
}

/// Print what a station has played, for licensing societies
///
/// Reads the history that the configuration names. The station may be on the air. docs/HISTORY.md describes
/// what is counted.
#[cfg(feature = "library")]
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longwave report station.toml --from 2026-01-01 --to 2026-03-31 > first-quarter.csv
  longwave report station.toml --from 2026-03-29 --to 2026-03-29 --by play --format json")]
pub struct Report {
    #[command(flatten)]
    pub config: ConfigFile,
    /// The first day, such as 2026-01-01; or a point of time, such as 2026-01-01T12:00:00Z
    #[arg(long, value_name = "DATE")]
    pub from: String,
    /// The last day, which is a part of the report; or a point of time
    #[arg(long, value_name = "DATE")]
    pub to: String,
    /// Only this pipeline
    #[arg(long, value_name = "NAME")]
    pub pipeline: Option<String>,
    /// What a row is: "track" sums up its plays, "play" is each by itself
    #[arg(long, default_value = "track")]
    pub by: String,
    /// csv or json
    #[arg(long, default_value = "csv")]
    pub format: String,
    /// Time zone of days and times, such as Europe/Berlin [default: the pipeline's, or the first one's]
    #[arg(long, value_name = "ZONE")]
    pub zone: Option<String>,
}

/// Pack all that a station knows into one archive
///
/// Its configuration, users, states and databases; no music. The station may be on the air.
/// docs/BACKUP.md has the details.
#[cfg(feature = "library")]
#[derive(Debug, Args)]
pub struct Backup {
    #[command(flatten)]
    pub config: ConfigFile,
    /// The archive to make, such as station-2026-03-29.tar.gz; it must not exist
    #[arg(value_name = "FILE")]
    pub archive: PathBuf,
}

/// Put back what `longwave backup` has packed
///
/// Each file goes where it was. Stop the station first.
#[cfg(feature = "library")]
#[derive(Debug, Args)]
pub struct Restore {
    /// The archive
    #[arg(value_name = "FILE")]
    pub archive: PathBuf,
    /// A folder to take the place of the one that had the configuration
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    pub force: bool,
}

/// Look at what a configuration plays by the clock
#[derive(Debug, Args)]
pub struct Schedule {
    #[command(subcommand)]
    pub action: ScheduleAction,
}

#[derive(Debug, Subcommand)]
pub enum ScheduleAction {
    /// List what will be played in the next hours, and why, if nothing intervenes
    ///
    /// Reads the files that the configuration names, and goes on from its state file; changes nothing.
    Preview(Preview),
}

/// How many hours a preview has.
const HOURS: RangeInclusive<i64> = 1..=Pipeline::MAX_PREVIEW_HOURS as i64;

#[derive(Debug, Args)]
pub struct Preview {
    #[command(flatten)]
    pub config: ConfigFile,
    /// How many hours
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(HOURS))]
    pub hours: u32,
    /// Name of the pipeline, if there are several
    #[arg(long, value_name = "NAME")]
    pub pipeline: Option<String>,
    /// Print JSON, for scripts
    #[arg(long)]
    pub json: bool,
}

/// Manage the users and tokens that may control a station
///
/// They are kept in the file that `users_file` names in the configuration. A running station reads a
/// changed file when it reloads (`longwave ctl reload`, or SIGHUP).
#[derive(Debug, Args)]
pub struct User {
    #[command(subcommand)]
    pub action: UserAction,
    #[command(flatten)]
    pub file: UsersFile,
}

#[derive(Debug, Args)]
pub struct UsersFile {
    /// Users file; it is created if it does not exist
    #[arg(long, global = true, value_name = "FILE", default_value = "users")]
    pub file: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum UserAction {
    /// Add a user; prompts for the password, or reads it from standard input
    Add {
        name: String,
        #[command(flatten)]
        may: May,
    },
    /// Change a user's password
    Passwd { name: String },
    /// Give a user or a token another role, with the limits that are named here
    Role {
        name: String,
        #[command(flatten)]
        may: May,
    },
    /// Remove a user or a token
    Remove { name: String },
    /// Create a token for a program and print it; it cannot be shown again
    Token {
        name: String,
        #[command(flatten)]
        may: May,
    },
    /// List all users and tokens
    List,
}

/// What a user or a token may do.
#[derive(Debug, Args)]
pub struct May {
    /// Rights: "admin" may change everything, "dj" may read, queue, play, use decks, announce, steer live
    /// inputs and send a stream, "viewer" may only read, "source" may only send a stream
    #[arg(long, default_value = "admin")]
    pub role: String,
    /// A path that it may send a stream to, and no other; several times for several paths
    #[arg(long = "path", value_name = "PATH")]
    pub paths: Vec<String>,
    /// A pipeline that it may change, and to whose live inputs it may send, and no other; several times for
    /// several pipelines
    #[arg(long = "pipeline", value_name = "NAME")]
    pub pipelines: Vec<String>,
    /// A time at which it may send a stream, as "Mon-Fri 20:00 for 2h overrun 10m in Europe/Berlin"; several
    /// times for several slots
    #[arg(long = "slot", value_name = "SLOT")]
    pub slots: Vec<longwave::Slot>,
}

/// Parses the command line. Exits the process for `--help`, `--version` and a wrong command line.
pub fn parse() -> Command {
    let matches = Cli::command().version(version()).get_matches();
    match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli.command,
        Err(error) => error.exit(),
    }
}

/// The text of `--version`: the codecs in this build, with their licences.
fn version() -> String {
    let mut text = format!("{} ({})\n", env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_LICENSE"));
    for codec in longwave::codecs() {
        let name = match codec.version {
            Some(version) => format!("{} {version}", codec.name),
            None => codec.name.to_owned(),
        };
        let _ = write!(text, "\n{name:<16} {} ({})", codec.role, codec.licence);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    /// Text that is wrapped in the source and again by clap has stumps: lines that end although the next
    /// word would fit.
    #[test]
    fn every_line_of_help_is_filled() {
        for width in 72..=100 {
            let mut cli = Cli::command().term_width(width);
            cli.build();
            check_lines(&mut cli, width);
        }
    }

    fn check_lines(command: &mut clap::Command, width: usize) {
        for help in [command.render_help(), command.render_long_help()].map(|help| help.to_string()) {
            let lines: Vec<&str> = help.lines().collect();
            for (line, next) in lines.iter().zip(&lines[1..]) {
                let name = command.get_name();
                assert!(line.chars().count() <= width, "{name}, {width} columns: too long: {line}");
                let Some(word) = next.split_whitespace().next().filter(|_| continues(line, next)) else {
                    continue;
                };
                let filled = line.chars().count() + 1 + word.chars().count() > width;
                assert!(filled, "{name}, {width} columns: a stump: {line}\n{next}");
            }
        }
        command.get_subcommands_mut().for_each(|command| check_lines(command, width));
    }

    /// Whether `next` is the same paragraph: text at the margin, or in the column of descriptions.
    fn continues(line: &str, next: &str) -> bool {
        let column = next.len() - next.trim_start().len();
        if line.trim().is_empty() || next.trim().is_empty() || (1..10).contains(&column) {
            return false;
        }
        let (before, text) = line.split_at(column.min(line.len()));
        !text.starts_with(' ') && !text.is_empty() && (column == 0 || before.ends_with("  "))
    }

    #[test]
    fn a_stump_is_recognised() {
        assert!(continues("one two", "three"));
        assert!(continues("      --name <NAME>  one two", "                     three"));
        assert!(continues("          one two", "          three"));
        for (line, next) in
            [("one", ""), ("", "two"), ("Commands:", "  play"), ("  -h, --help", "  -V, --version")]
        {
            assert!(!continues(line, next), "{line:?} {next:?}");
        }
        assert!(!continues("      --name <NAME>", "          The name"));
    }
}
