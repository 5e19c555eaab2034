//! What is known of a source.

use std::fmt;
use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::error::LeaveReason;
use crate::ring::{Inlet, InletHandle, SourceEnd};

/// What a source says of itself, and who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceInfo {
    /// The content type of its stream: `audio/mpeg`, `audio/aac`, `audio/ogg` or an alias of these.
    pub content_type: String,
    /// The user who has logged in. `source` stands for all whose programs know only a password; they, and
    /// those without a name, are never the same user.
    pub user: String,
    /// The program, as it names itself.
    pub program: String,
    /// Its address, as far as the setting `addresses` of the server allows.
    pub address: Option<IpAddr>,
    /// The name of its stream.
    pub name: Option<String>,
    /// The genre.
    pub genre: Option<String>,
    /// A sentence about it.
    pub description: Option<String>,
    /// A home page.
    pub url: Option<String>,
    /// The bitrate in kilobits per second.
    pub bitrate: Option<u32>,
    /// Frames per second.
    pub sample_rate: Option<u32>,
    /// The number of channels.
    pub channels: Option<u8>,
}

/// What other threads do with a stream.
pub(crate) trait Link: Send {
    /// Ends it, and a read that waits.
    fn close(&self, reason: &str);

    /// How it ended, once a read has found its end.
    fn end(&self) -> LeaveReason {
        LeaveReason::Left
    }

    /// The bytes of it that were lost because nobody had read them in time.
    fn lost_bytes(&self) -> u64 {
        0
    }
}

/// The link of a stream that an application reads from somewhere.
struct Closer<F>(F);

impl<F: Fn(&str) + Send> Link for Closer<F> {
    fn close(&self, reason: &str) {
        (self.0)(reason);
    }
}

impl Link for InletHandle {
    fn close(&self, reason: &str) {
        self.kick(reason);
    }

    fn end(&self) -> LeaveReason {
        match InletHandle::end(self) {
            Some(SourceEnd::Broken) => LeaveReason::Broken,
            Some(SourceEnd::ServerStopped) => LeaveReason::StationStopped,
            _ => LeaveReason::Left,
        }
    }

    fn lost_bytes(&self) -> u64 {
        InletHandle::lost_bytes(self)
    }
}

/// The bytes that a source sends, in its own time: they are passed on as they come.
///
/// ```no_run
/// # fn example(station: &longwave::Station, socket: std::net::TcpStream) -> longwave::Result<()> {
/// use longwave::{SourceInfo, SourceStream};
///
/// let closer = socket.try_clone().expect("a second handle");
/// let stream = SourceStream::new(socket).closed_by(move |_reason| {
///     let _ = closer.shutdown(std::net::Shutdown::Both);
/// });
/// let content_type = "audio/mpeg".into();
/// station.relay("/guest.mp3", SourceInfo { content_type, ..SourceInfo::default() }, stream)?;
/// # Ok(())
/// # }
/// ```
pub struct SourceStream {
    pub(crate) read: Box<dyn Read + Send>,
    pub(crate) link: Box<dyn Link>,
}

impl SourceStream {
    /// The stream ends where reading it ends or fails.
    pub fn new(stream: impl Read + Send + 'static) -> SourceStream {
        SourceStream { read: Box::new(stream), link: Box::new(Closer(|_: &str| ())) }
    }

    /// What ends a read that waits, when the source is let go. It must return at once. Without it, the thread
    /// of a source whose stream is silent is left behind until the stream ends.
    #[must_use]
    pub fn closed_by(self, close: impl Fn(&str) + Send + 'static) -> SourceStream {
        SourceStream { link: Box::new(Closer(close)), ..self }
    }
}

impl From<Inlet> for SourceStream {
    /// The stream of a source that the server has received.
    fn from(inlet: Inlet) -> SourceStream {
        let link = Box::new(inlet.handle());
        SourceStream { read: Box::new(inlet), link }
    }
}

impl fmt::Debug for SourceStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceStream").finish_non_exhaustive()
    }
}

impl SourceInfo {
    /// A source of which only the content type is known.
    pub fn new(content_type: impl Into<String>) -> SourceInfo {
        SourceInfo { content_type: content_type.into(), ..SourceInfo::default() }
    }
}

/// A source that is connected.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SourceState {
    /// Its number. No two sources of a station have the same.
    pub id: u64,
    /// The path that it sends to.
    pub path: Arc<str>,
    /// Who it is.
    pub info: Arc<SourceInfo>,
    /// When it came.
    pub since: SystemTime,
    /// The bytes that it has sent.
    pub received_bytes: u64,
    /// The bytes of these that were lost because they came faster than they could be taken.
    pub lost_bytes: u64,
    /// How long nothing has come.
    pub silent_for: Duration,
    /// What is known of its sound, if it is at a live input.
    pub live: Option<LiveSourceState>,
}

/// The sound of a source at a live input.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LiveSourceState {
    /// The format of its stream, once it is known.
    pub format: Option<LiveFormat>,
    /// How many bytes were neither packets nor tags.
    pub skipped_bytes: u64,
    /// How many packets could not be decoded.
    pub bad_packets: u64,
    /// How much is in its buffer.
    pub buffered: Duration,
    /// How much faster than ours the sender's clock runs, in millionths.
    pub drift_ppm: f64,
    /// How often sound was dropped because too much had come.
    pub drops: u64,
    /// How often there was a gap because too little had come.
    pub gaps: u64,
}

/// The format of a source's stream, as it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveFormat {
    /// Its name: `MP3`, `AAC`, `Vorbis`, `Opus` or `FLAC`.
    pub name: &'static str,
    /// Frames per second.
    pub rate: u32,
    /// The number of channels.
    pub channels: usize,
}
