//! State and events as JSON documents. The HTTP API and the C ABI write them, and an application can, too.
//!
//! Each document has the name of its schema in the API's description (`/api/v1/openapi.json`). In all of them
//! durations are seconds, to the millisecond (those of counters to the microsecond); points of
//! time are RFC 3339 in UTC; volumes are factors, 1 being unchanged; levels are decibels. What is not known
//! is null.
//!
//! Only the names of files differ between the two: the C ABI gives [whole paths](WholePaths), the API gives
//! paths relative to the media roots.
//!
//! ```
//! use longwave::{Tags, json};
//! let tags = Tags { title: Some("Jóga".into()), ..Tags::default() };
//! let document = json::FileMetadata::of("/music/03.mp3".as_ref(), &tags, &json::WholePaths);
//! assert_eq!(serde_json::to_value(document).unwrap()["title"], "Jóga");
//! ```

mod event;
#[cfg(feature = "library")]
mod inbox;
#[cfg(feature = "library")]
mod library;
#[cfg(feature = "library")]
mod listeners;
mod live;
#[cfg(feature = "library")]
mod play;
mod recording;
mod schedule;
mod server;
mod source;
mod statistics;
mod tracks;

use std::path::{Path, PathBuf};

use serde::Serialize;

pub use event::Event;
#[cfg(feature = "library")]
pub use inbox::{InboxDocument, InboxFile};
#[cfg(feature = "library")]
pub use library::{FoundTracks, LibraryDocument, LibraryTrack, OfferedTrack, RequestedTrack};
#[cfg(feature = "library")]
pub use listeners::Statistics;
pub use live::{LiveInput, LiveSource};
#[cfg(feature = "library")]
pub use play::Play;
pub use recording::{Recording, Recordings};
pub use schedule::Schedule;
pub use server::{Hls, Listener, Mount, ServerStatistics};
pub use source::Source;
pub use statistics::{EncoderStatistics, PipelineStatistics};
pub use tracks::{
    Announcement, ComingTrack, CurrentTrack, FileMetadata, PlannedTrack, PlayedTrack, Playlist, Track, Voice,
};

use crate::path_text;
use crate::{pipeline, units::SampleRate};

/// How documents name files.
pub trait FileNames: std::fmt::Debug {
    /// The name of a file.
    fn file(&self, path: &Path) -> String;

    /// The name of a playlist: the path that it was read from, or the name that an application gave it.
    fn playlist(&self, name: &str) -> String;
}

/// Names files by their whole paths. A path that is not UTF-8 becomes a percent-encoded `file://` URL.
#[derive(Clone, Copy, Debug)]
pub struct WholePaths;

impl FileNames for WholePaths {
    fn file(&self, path: &Path) -> String {
        path_text::to_text(path).into_owned()
    }

    fn playlist(&self, name: &str) -> String {
        name.to_owned()
    }
}

impl WholePaths {
    /// The path with this name.
    pub fn path_of(name: &str) -> PathBuf {
        path_text::from_text(name)
    }
}

/// The loudness of a pipeline's mix.
#[derive(Debug, Serialize)]
pub struct Levels {
    peak_db: [f32; 2],
    power_db: [f32; 2],
    momentary_lufs: f32,
    short_term_lufs: f32,
}

impl Levels {
    /// From [`Pipeline::levels`](crate::Pipeline::levels).
    pub fn of(levels: &pipeline::Levels) -> Levels {
        let &pipeline::Levels { peak_db, power_db, momentary_lufs, short_term_lufs } = levels;
        Levels { peak_db, power_db, momentary_lufs, short_term_lufs }
    }
}

/// How much a pipeline has of what is limited, and what it has left out because it was too late.
#[derive(Debug, Serialize)]
pub struct Fill {
    voices: usize,
    max_voices: usize,
    queued: usize,
    max_queue: usize,
    #[serde(serialize_with = "crate::time::as_seconds")]
    audio_left_out: std::time::Duration,
}

impl Fill {
    /// That of this pipeline now.
    pub fn of(pipeline: &crate::Pipeline) -> Fill {
        Fill {
            voices: pipeline.voices().len(),
            max_voices: pipeline.max_voices(),
            queued: pipeline.queue().len(),
            max_queue: pipeline.max_queue(),
            audio_left_out: pipeline.audio_left_out(),
        }
    }
}

/// The health of a pipeline.
#[derive(Debug, Serialize)]
pub struct Health {
    ok: bool,
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Health {
    /// From [`Pipeline::health`](crate::Pipeline::health).
    pub fn of(health: crate::Health) -> Health {
        Health { ok: health.is_ok(), problems: health.problems, warnings: health.warnings }
    }
}

/// The duration of frames, in seconds.
fn seconds_of(frames: crate::FrameCount, rate: SampleRate) -> f64 {
    crate::time::seconds(rate.duration_of(frames))
}
