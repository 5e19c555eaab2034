//! What can be asked for.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

/// An internet radio station in one process
#[derive(Debug, Parser)]
#[command(
    name = "longwave",
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:
  longwave demo
  longwave play ~/Music --loop --crossfade 3s
  longwave play ~/Music --loop --print-config > station.toml
  longwave check station.toml && longwave serve station.toml
  longwave ctl status

SIGTERM and SIGINT (Ctrl-C) stop a station in order; SIGHUP (a closed terminal) stops `demo` and `play`, and has `serve` apply a
changed configuration. Logs go to standard error; RUST_LOG=debug tells more. Exit codes: 0 done, 2 the command or the
configuration was wrong, 1 anything else."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Put a station on the air with music that it makes itself
    ///
    /// Nothing else is needed: try it, open http://127.0.0.1:8000/stream.mp3 in any player.
    Demo(Server),
    Play(Play),
    /// Put the station on the air that a configuration declares
    ///
    /// CONFIG is TOML, see docs/CONFIGURATION.md; `longwave play … --print-config` makes one.
    Serve(ConfigFile),
    Ctl(Ctl),
    User(User),
    /// Say what is wrong with a configuration: file, line, key, reason
    ///
    /// Reads CONFIG as `longwave serve` does, lists everything that is wrong with it at once, and
    /// puts nothing on the air.
    Check(ConfigFile),
}

/// Play files, folders and playlists
///
/// Puts a station on the air that plays PATHs in their order, as MP3 at /stream.mp3 and as AAC at
/// /stream.aac. A line on standard output says where, once listeners are welcome.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longwave play ~/Music --loop --shuffle --crossfade 3s --name \"My Radio\"
  longwave play one.flac two.mp3 evening.m3u --listen 127.0.0.1:8001")]
pub struct Play {
    /// Audio files, folders (with all that is in them), M3U, PLS and XSPF playlists
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Begin again at the end
    #[arg(long = "loop")]
    pub repeat: bool,
    /// Play in random order, each track once before any comes again
    #[arg(long)]
    pub shuffle: bool,
    /// Let tracks overlap for so long: 3s, 500ms; 0s joins them without a gap
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub crossfade: String,
    /// Send so many kilobits per second
    #[arg(long, value_name = "KBIT", default_value_t = 128)]
    pub bitrate: u32,
    /// The station's name, as players show it
    #[arg(long)]
    pub name: Option<String>,
    #[command(flatten)]
    pub server: Server,
    /// Print the same station as a configuration for `longwave serve`, and end
    #[arg(long)]
    pub print_config: bool,
}

impl Play {
    /// What the demo plays.
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
    /// Listen there: 8001 or :8001 (every address), ADDR:PORT, [::1]:8001; port 0 takes a free one
    ///
    /// By default [::]:8000, port 8000 of every address.
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<String>,
}

#[derive(Debug, Args)]
pub struct ConfigFile {
    /// The configuration: TOML, or JSON in a file named .json
    #[arg(value_name = "CONFIG")]
    pub path: PathBuf,
}

/// Say who may steer a station: users with passwords, tokens for programs
///
/// They stand in the file that `users_file` of the configuration names. A running station takes a
/// changed file when it reloads (SIGHUP).
#[derive(Debug, Args)]
pub struct User {
    #[command(subcommand)]
    pub action: UserAction,
    #[command(flatten)]
    pub file: UsersFile,
}

#[derive(Debug, Args)]
pub struct UsersFile {
    /// The users file; it is made if it is not there
    #[arg(long, global = true, value_name = "FILE", default_value = "users")]
    pub file: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum UserAction {
    /// Add a user; the password is asked for, or read from standard input
    Add {
        name: String,
        /// What it allows: "admin" changes things, "viewer" looks
        #[arg(long, default_value = "admin")]
        role: String,
    },
    /// Give a user another password
    Passwd { name: String },
    /// Remove a user or a token
    Remove { name: String },
    /// Make a token for a program, and print it: it cannot be seen again
    Token {
        name: String,
        /// What it allows: "admin" changes things, "viewer" looks
        #[arg(long, default_value = "admin")]
        role: String,
    },
    /// List users and tokens
    List,
}

/// Steer and watch a running station
///
/// It asks the station at --server by its HTTP API (docs/API.md). Files are named relative to the
/// station's media roots. For a station that this user started on this machine without a users file,
/// the credential is found by itself.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longwave ctl status
  longwave ctl queue add jingle.mp3 --next
  longwave ctl playlist load evening.m3u --after-current --loop
  longwave ctl --json watch | jq .event")]
pub struct Ctl {
    #[command(subcommand)]
    pub command: CtlCommand,
    /// Where the station is [default: $LONGWAVE_SERVER, else http://127.0.0.1:8000]
    #[arg(long, global = true, value_name = "URL")]
    pub server: Option<String>,
    /// A file with a token or with name:password in its first line [default: $LONGWAVE_CREDENTIALS; a token alone: $LONGWAVE_TOKEN]
    #[arg(long, global = true, value_name = "FILE")]
    pub credentials: Option<PathBuf>,
    /// Which pipeline, where there are several
    #[arg(long, global = true, value_name = "NAME")]
    pub pipeline: Option<String>,
    /// Show what the station answers as JSON, for scripts
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum CtlCommand {
    /// What is on the air, and whether all is well
    Status,
    /// Skip to what is up next
    Skip,
    /// Go on in the current track, so many seconds from its beginning
    Seek {
        #[arg(value_name = "SECONDS")]
        to: f64,
    },
    /// Play a file now; then what was up next goes on
    Play {
        file: String,
        /// Goes before the file's tags
        #[arg(long)]
        title: Option<String>,
    },
    /// The queue: each file is played once, before the playlist goes on
    Queue {
        #[command(subcommand)]
        command: QueueCommand,
    },
    /// The playlist
    Playlist {
        #[command(subcommand)]
        command: ListCommand,
    },
    /// What comes next
    Next {
        #[arg(long, default_value_t = 10)]
        count: u32,
    },
    /// The last hundred tracks
    History,
    /// Set what players show, until the next track
    Title {
        #[arg(required_unless_present = "clear")]
        title: Option<String>,
        /// Only at this mount
        #[arg(long)]
        mount: Option<String>,
        /// A link that goes with it
        #[arg(long)]
        url: Option<String>,
        /// Until it is cleared
        #[arg(long)]
        until_cleared: bool,
        /// Show the track's title again
        #[arg(long, conflicts_with = "title")]
        clear: bool,
    },
    /// Take the programme off the air where it is
    Hold {
        /// Seconds
        #[arg(long, default_value_t = 1.0)]
        fade: f64,
    },
    /// Put the programme back on the air where it waits
    Resume {
        /// Seconds
        #[arg(long, default_value_t = 1.0)]
        fade: f64,
    },
    /// Who listens
    Listeners {
        /// Only to this mount
        #[arg(long)]
        mount: Option<String>,
    },
    /// Remove a listener
    Kick { id: u64 },
    /// Apply a changed configuration
    Reload,
    /// Everything that happens, as it happens
    Watch,
}

#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    /// What is queued
    List,
    /// Queue files, by their names below a media root
    Add {
        #[arg(required = true)]
        files: Vec<String>,
        /// Before what is queued already
        #[arg(long)]
        next: bool,
    },
    /// Take an entry out
    Remove { id: u64 },
    /// Empty it
    Clear,
}

#[derive(Debug, Subcommand)]
pub enum ListCommand {
    /// Which list is in play, and how far it is
    Show,
    /// Play other files, folders or lists as the playlist
    Load {
        #[arg(required = true)]
        files: Vec<String>,
        /// Now, by a crossfade
        #[arg(long)]
        now: bool,
        /// After the current track (it is so unless --now is given)
        #[arg(long, conflicts_with = "now")]
        after_current: bool,
        /// Begin again at the end
        #[arg(long = "loop")]
        repeat: bool,
        /// In random order
        #[arg(long)]
        shuffle: bool,
    },
}

/// The command that was given; without one, or for help, this does not return.
pub fn parse() -> Command {
    let matches = Cli::command().version(version()).get_matches();
    match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli.command,
        Err(error) => error.exit(),
    }
}

/// What this program is made of, and under which licences.
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
}
