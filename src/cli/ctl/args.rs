//! The commands and options of `longwave ctl`.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Subcommand};
use longwave::json::{FileNames as _, WholePaths};

/// Control and watch a running station
///
/// A client of the station's HTTP API (docs/API.md). File names are relative to the station's media
/// roots. No credential is needed for a station that the same user started on this machine without a
/// users file: its token is found automatically.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longwave ctl status
  longwave ctl queue add jingle.mp3 --next
  longwave ctl playlist load evening.m3u --after-current --loop
  longwave ctl --json watch | jq .event")]
pub struct Ctl {
    #[command(subcommand)]
    pub command: CtlCommand,
    /// URL of the station [default: $LONGWAVE_SERVER, else http://127.0.0.1:8000]
    #[arg(long, global = true, value_name = "URL")]
    pub server: Option<String>,
    /// File whose first line is a token or name:password [default: $LONGWAVE_CREDENTIALS, else the token in
    /// $LONGWAVE_TOKEN]
    #[arg(long, global = true, value_name = "FILE")]
    pub credentials: Option<PathBuf>,
    /// Name of the pipeline, if the station has several
    #[arg(long, global = true, value_name = "NAME")]
    pub pipeline: Option<String>,
    /// Print the station's answer as JSON, for scripts
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum CtlCommand {
    /// Show what is on the air, and any problems
    Status,
    /// Skip to the next track
    Skip,
    /// Seek in the current track, in seconds from its beginning
    Seek {
        #[arg(value_name = "SECONDS")]
        to: f64,
    },
    /// Play a file now, then go on with what was up next
    Play {
        #[arg(value_parser = file_name())]
        file: String,
        /// Title to show instead of the file's tags
        #[arg(long)]
        title: Option<String>,
    },
    /// Show or change the queue, which plays once before the playlist goes on
    Queue {
        #[command(subcommand)]
        command: QueueCommand,
    },
    /// Show or change the playlist
    Playlist {
        #[command(subcommand)]
        command: ListCommand,
    },
    /// Show what plays next
    Next {
        /// Number of tracks
        #[arg(long, default_value_t = 10)]
        count: u32,
    },
    /// Show the last hundred tracks, or what was played when
    History {
        /// The first day, such as 2026-01-01; or a point of time
        #[arg(long, value_name = "DATE")]
        from: Option<String>,
        /// The last day, which is shown too; or a point of time
        #[arg(long, value_name = "DATE")]
        to: Option<String>,
        /// So many plays at most
        #[arg(long)]
        limit: Option<u64>,
    },
    /// Show what was heard at a time
    Played {
        /// When: the last time that clocks showed this, such as 14:32; or a point of time
        #[arg(long, value_name = "TIME")]
        at: String,
        /// At this mount, not at the pipeline's first
        #[arg(long)]
        mount: Option<String>,
    },
    /// Print what was played, for licensing societies: see `longwave report`
    Report {
        /// The first day, such as 2026-01-01; or a point of time
        #[arg(long, value_name = "DATE")]
        from: String,
        /// The last day, which is a part of the report; or a point of time
        #[arg(long, value_name = "DATE")]
        to: String,
        /// What a row is: "track" sums up its plays, "play" is each by itself
        #[arg(long, default_value = "track")]
        by: String,
    },
    /// Print how many listened over time, as CSV
    Statistics {
        /// The first day, such as 2026-01-01; or a point of time [default: a day ago]
        #[arg(long, value_name = "DATE")]
        from: Option<String>,
        /// The last day, which is a part of it; or a point of time [default: now]
        #[arg(long, value_name = "DATE")]
        to: Option<String>,
        /// From 1m to 1d, in whole minutes [default: such that there are some hundred]
        #[arg(long)]
        step: Option<String>,
        /// Only of this mount, or of this playlist of HLS
        #[arg(long)]
        mount: Option<String>,
    },
    /// Show why the track on the air is played, and the next one
    Why,
    /// Show what the schedule will play, and why, if nothing intervenes; or change it
    #[command(args_conflicts_with_subcommands = true)]
    Schedule {
        /// How many hours
        #[arg(long, default_value_t = 24)]
        hours: u32,
        #[command(subcommand)]
        command: Option<super::schedule::ScheduleCtl>,
    },
    /// Set the title that players show, until the next track begins
    Title {
        #[arg(required_unless_present = "clear")]
        title: Option<String>,
        /// Only on this mount
        #[arg(long)]
        mount: Option<String>,
        /// A link to send with the title
        #[arg(long)]
        url: Option<String>,
        /// Keep the title until it is cleared
        #[arg(long)]
        until_cleared: bool,
        /// Show the track's title again
        #[arg(long, conflicts_with = "title")]
        clear: bool,
    },
    /// Fade the programme out and hold it where it is
    Hold {
        /// Length of the fade, in seconds
        #[arg(long, default_value_t = 1.0)]
        fade: f64,
        /// Play the current track to its end first; `resume` takes it back
        #[arg(long, conflicts_with = "fade")]
        after_current: bool,
    },
    /// Fade the held programme in again
    Resume {
        /// Length of the fade, in seconds
        #[arg(long, default_value_t = 1.0)]
        fade: f64,
    },
    /// Play a file above everything else, live inputs included
    ///
    /// The programme, live inputs and decks fade out and come back after it. Relayed mounts are not reached.
    Announce {
        #[arg(value_parser = file_name(), required_unless_present = "stop")]
        file: Option<String>,
        /// On all pipelines of the station
        #[arg(long)]
        all: bool,
        /// Stop what is announced instead
        #[arg(long, conflicts_with = "file")]
        stop: bool,
    },
    /// Show the live inputs, or order who has the air
    Live {
        #[command(subcommand)]
        command: Option<LiveCommand>,
    },
    /// Show what is served as HLS, and who listens
    Hls,
    /// Show how the station's library is doing, search it, or change it
    Library {
        #[command(subcommand)]
        command: Option<super::library::LibraryCtl>,
    },
    /// Search what listeners may request, or request it like them
    Requests {
        #[command(subcommand)]
        command: RequestsCommand,
    },
    /// List the listeners
    Listeners {
        /// Only those of this mount
        #[arg(long)]
        mount: Option<String>,
    },
    /// Disconnect a listener
    Kick { id: u64 },
    /// Deny a listener's address until the station stops, and disconnect all its listeners
    Deny {
        #[arg(value_name = "ID", required_unless_present = "address")]
        listener: Option<u64>,
        /// This address instead
        #[arg(long, conflicts_with = "listener")]
        address: Option<std::net::IpAddr>,
        /// Also if it is the address from which this is asked
        #[arg(long)]
        even_own: bool,
    },
    /// List the addresses that are denied until the station stops
    Denied {
        /// Allow this one again instead
        #[arg(long, value_name = "ID")]
        allow: Option<u64>,
    },
    /// List the sources: who sends a stream
    Sources {
        /// Disconnect this one instead
        #[arg(long, value_name = "ID")]
        kick: Option<u64>,
    },
    /// List who is logged in with a browser
    Sessions {
        /// End this session instead
        #[arg(long, value_name = "ID")]
        end: Option<u64>,
    },
    /// Send a show into the inbox of the library, where it is when the station has looked at it
    Upload {
        file: PathBuf,
        /// Its name in the inbox; without it, that of the file
        #[arg(long)]
        name: Option<String>,
        /// Replace a file of yours that has this name
        #[arg(long)]
        replace: bool,
    },
    /// List what was recorded
    Recordings {
        /// Write this recording to standard output instead
        #[arg(long, value_name = "NAME")]
        get: Option<String>,
    },
    /// List the users and tokens of the station (`longwave user` adds them)
    Users {
        /// Remove this one instead
        #[arg(long, value_name = "NAME")]
        remove: Option<String>,
    },
    /// Apply a changed configuration
    Reload,
    /// Print all events as they happen
    Watch,
}

/// The name of a file for the API. A shell may give one that is not UTF-8.
fn file_name() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().map(|given| match given.into_string() {
        Ok(name) => name,
        Err(bytes) => WholePaths.file(bytes.as_ref()),
    })
}

#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    /// List the queue
    List,
    /// Add files, named relative to a media root
    Add {
        #[arg(required = true, value_parser = file_name())]
        files: Vec<String>,
        /// Ahead of the entries that are already queued
        #[arg(long)]
        next: bool,
    },
    /// Remove an entry
    Remove { id: u64 },
    /// Remove all entries
    Clear,
}

#[derive(Debug, Subcommand)]
pub enum RequestsCommand {
    /// Print tracks that may be requested and have these words, each with its id
    Search {
        #[arg(value_name = "WORD")]
        words: Vec<String>,
    },
    /// Request the track with this id, within the limits of listeners
    Add { track: i64 },
}

#[derive(Debug, Subcommand)]
pub enum LiveCommand {
    /// Give a live input the air as soon as it has sound, whatever its priority; or the programme
    Force {
        /// Path of the live input, or "programme"
        #[arg(value_name = "PATH")]
        to: String,
    },
    /// Let priorities decide again who has the air
    Release,
    /// Keep a live input off the air; the programme sounds instead
    Mute { path: String },
    /// Let a live input on the air again
    Unmute { path: String },
}

#[derive(Debug, Subcommand)]
pub enum ListCommand {
    /// Show the current playlist and its position
    Show,
    /// Replace the playlist by files, folders or playlists
    Load {
        #[arg(required = true, value_parser = file_name())]
        files: Vec<String>,
        /// Begin now, with a crossfade
        #[arg(long)]
        now: bool,
        /// Begin after the current track (the default)
        #[arg(long, conflicts_with = "now")]
        after_current: bool,
        /// Start again at the end
        #[arg(long = "loop")]
        repeat: bool,
        /// Play in random order
        #[arg(long)]
        shuffle: bool,
    },
}
