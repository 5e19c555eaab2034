//! An internet radio station in one process.
//!
//! Longwave plays files, playlists and voices through one mixer, encodes the result once per
//! output, and serves every output to thousands of listeners over HTTP/ICY.
#![deny(missing_docs)]
// A library leaves the standard streams to its host.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

// Each module has its floor in docs/ARCHITECTURE.md. Imports go down only: tests/floors.rs sees to it.
mod access;
mod api;
mod audio;
#[cfg(feature = "library")]
mod backup;
mod civil;
mod codec;
mod config;
mod counters;
mod cut;
mod database;
mod engine;
mod error;
mod event;
mod filework;
mod health;
mod history;
mod hls;
mod home;
mod http;
mod icy;
mod ids;
mod ingest;
pub mod json;
mod library;
#[cfg(feature = "library")]
mod listening;
#[doc(hidden)]
pub mod loops; // for benches
mod metadata;
mod names;
mod packet;
mod path_text;
mod per_process;
mod percent;
mod picture;
mod pipeline;
#[doc(hidden)]
pub mod playout; // for benches
mod recording;
mod ring;
mod roots;
mod server;
mod setting;
mod staff;
mod thread;
mod time;
mod units;
mod web;
mod whole_file;

pub use access::{Right, Role, Slot, UserLimits, Users, write_private};
pub use api::Api;
pub use audio::{BLOCK_FRAMES, Channels, PcmBlock, PcmSpec};
#[cfg(feature = "library")]
pub use backup::{Backup, RestoreOptions, Restored, back_up, restore};
pub use civil::{Days, TimeOfDay, WeekTimes, Zone};
#[cfg(feature = "mp3")]
pub use codec::Mp3Settings;
#[doc(hidden)]
pub use codec::decode; // for benches
#[cfg(feature = "aac")]
pub use codec::{AacProfile, AacSettings};
pub use codec::{
    Codec, Encoder, EncoderSettings, MAX_PACKET_BYTES, PacketReader, Parsed, StreamFormat, codecs,
    read_metadata,
};
#[doc(hidden)]
pub use codec::{LiveRead, OggRead, read_live, read_ogg, read_tags_in}; // for fuzzing
pub use config::{ApiSettings, Config, ConfigError, ConfigProblem, InspectedConfig};
pub use counters::{CounterInfo, CounterKind, Durations};
pub use engine::announcements::AnnouncementState;
pub use engine::clock::{Clock, Stepper};
pub use engine::counters::{EncoderStats, PipelineStats};
pub use engine::deck::VoiceState;
pub use engine::live::{ForcedAir, LiveInputState, LiveState};
pub use engine::tap::{Tap, TapRead};
pub use engine::titles::TitleHolds;
pub use error::{CloseReason, Error, LeaveReason, Result};
pub use event::{AnnouncementEnd, Event, EventKind, EventReceiver, LiveSourceInfo, StationEvent, TrackInfo};
pub use health::{Health, ProblemKind};
pub use history::HistorySettings;
#[cfg(feature = "library")]
pub use history::{
    History, Piece, Play, PlayKind, PlaysWanted, ReportBy, ReportFormat, ReportSpan, Statistics,
    StatisticsPoint, StatisticsWanted, StreamStatistics, read_plays, read_statistics, write_report,
};
pub use http::HttpAnswer;
#[doc(hidden)]
pub use http::{read_chunks, read_icy_login, read_request}; // for fuzzing
pub use ids::{AnnouncementId, EntryId, VoiceId};
pub use ingest::{LiveFormat, LiveSourceState, SourceInfo, SourceState, SourceStream};
#[cfg(feature = "library")]
pub use library::{
    Edits, Hearing, Hits, Imported, Inbox, InboxFile, InboxLimits, InboxUpload, LibraryPlaylist,
    LibraryState, PlaylistTracks, ScanProgress, ScanResult, ScanState, Search, SmartList, SmartOrder, Track,
};
pub use library::{Library, LibrarySettings};
#[cfg(feature = "library")]
pub use listening::{Listened, TrackListener, Waveform, listen};
pub use metadata::{CueTags, TagDetails, Tags, Title, TitleParts, format_title};
pub use packet::{Packet, TitledPacket};
pub use percent::mount_url;
#[cfg(feature = "library")]
pub use pipeline::RequestRefused;
pub use pipeline::{
    CurrentTrack, HeardTracks, HlsInfo, HlsSettings, HookId, Hooks, Levels, ListOptions, LiveSession,
    LiveSettings, NextTrack, OutputSettings, Pipeline, PipelineBuilder, PipelineSettings, PipelineSnapshot,
    PlayedTrack, RelayedMountSettings, Reloaded, ReplayGain, RequestSettings, SampleFormat, SourceRequest,
    Station, StationSettings, VoiceInput, VoiceOptions, preview_schedule, schedule_of,
};
pub use playout::{
    AfterLive, Crossfade, Curve, DaypartHours, DaypartSettings, DeadAir, Entry, Every, Heard, HoldState,
    Ingredient, IngredientKind, InsertSettings, Level, ListState, NoRequest, OverLive, Place, Planned,
    Playlist, Reason, Relaxed, RequestLimits, Schedule, ScheduledDay, SeparationSettings, Since,
    SlotSettings, SlotStart, SlotTime, TrackHeard, TrackKind, When,
};
pub use recording::{RecordSettings, Recording, RecordingList, RecordingState};
pub use ring::{Inlet, InletHandle, SourceEnd};
pub use server::{
    AccessLog, Addresses, AudioWriter, Burst, ClientAddress, Colour, Denial, EventStream, Following,
    HlsCounters, HttpRequest, ListenerInfo, MountInfo, MountSettings, MountWriter, PageLink, PageSettings,
    Requests, RequestsBell, Server, ServerSettings, ServerStats, ShownAddress, StopReport, TitleInfo,
};
#[doc(hidden)]
pub use server::{SourceDialogue, read_source}; // for fuzzing
pub use units::{FrameCount, FramePos, SampleRate, StreamPos};
pub use whole_file::read_whole;

// What the guide shows is compiled with the tests.
#[cfg(all(doctest, feature = "mp3", feature = "aac"))]
#[doc = include_str!("../docs/EMBEDDING.md")]
struct Guide;
