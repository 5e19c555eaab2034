//! The options of `longwave library`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use longwave::TrackKind;

use crate::cli::args::ConfigFile;

/// Scan, search and check the library of a station
///
/// CONFIG declares the library in its table [library]. The station may run meanwhile, or not.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longwave library scan station.toml
  longwave library search station.toml artist:ella summer
  longwave library import station.toml morning morning.m3u")]
pub struct Library {
    #[command(subcommand)]
    pub command: LibraryCommand,
}

#[derive(Debug, Subcommand)]
pub enum LibraryCommand {
    /// Bring the library up to date with its folders
    Scan(ConfigFile),
    /// Print the files of the tracks with these words, one a line
    ///
    /// All words must occur in artist, title, album or file name, in any order; the last one may be the
    /// beginning of a word. `artist:ella` looks in that field alone; so do title:, album: and file:.
    Search {
        #[command(flatten)]
        config: ConfigFile,
        #[arg(value_name = "WORD")]
        words: Vec<String>,
        /// The most files to print: 1000 at most
        #[arg(long, default_value_t = 1000)]
        limit: usize,
    },
    /// Show how the library is doing, or what it knows of a file
    Show {
        #[command(flatten)]
        config: ConfigFile,
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// List what is wrong: files that cannot be played, folders that cannot be read
    ///
    /// The exit code is 1 if there is anything.
    Check(ConfigFile),
    /// Make a playlist of the library from an M3U, PLS or XSPF file
    ///
    /// `playlist = "library:NAME"` in CONFIG plays it.
    Import {
        #[command(flatten)]
        config: ConfigFile,
        #[arg(value_name = "NAME")]
        name: String,
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// What its tracks are for: music (the default), jingle, spot or show
        #[arg(long, value_enum, default_value_t = Kind::Music)]
        #[arg(hide_default_value = true, hide_possible_values = true)]
        kind: Kind,
    },
    /// Print a playlist of the library as M3U, or the names of all
    Export {
        #[command(flatten)]
        config: ConfigFile,
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
}

/// What a track is for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Kind {
    Music,
    Jingle,
    Spot,
    Show,
}

impl From<Kind> for TrackKind {
    fn from(kind: Kind) -> TrackKind {
        match kind {
            Kind::Music => TrackKind::Music,
            Kind::Jingle => TrackKind::Jingle,
            Kind::Spot => TrackKind::Spot,
            Kind::Show => TrackKind::Show,
        }
    }
}
