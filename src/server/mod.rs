//! Serves every mount to its listeners from one reactor thread.

use std::net::SocketAddr;
use std::time::Duration;

/// How a server listens and what it bears. `Default` is what the daemon has.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where it listens; port 0 takes a free one. Empty: `[::]:8000` for both families, else `0.0.0.0:8000`.
    pub listen: Vec<SocketAddr>,
    /// Listeners at most, over all mounts; `None`: what the limit of open files allows less a reserve of 200.
    pub max_listeners: Option<usize>,
    /// How much a new listener gets at once.
    pub burst: Burst,
    /// How long a listener may take nothing before it is closed.
    pub write_timeout: Duration,
    /// How long a client may take over a request head.
    pub header_timeout: Duration,
}

/// How much of the backlog a new listener gets at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Burst {
    /// So much audio, and at least 64 KiB where the backlog has it.
    Time(Duration),
    /// So many bytes.
    Bytes(usize),
}

/// What a mount is. Names become `icy-*` headers; control characters are refused.
#[derive(Clone, Debug, Default)]
pub struct MountSettings {
    /// Where it is: `/stream.mp3`. Starts with a slash.
    pub path: String,
    /// `audio/mpeg`, `audio/aac`, …
    pub content_type: String,
    /// `icy-name`.
    pub name: Option<String>,
    /// `icy-genre`.
    pub genre: Option<String>,
    /// `icy-description`.
    pub description: Option<String>,
    /// `icy-url`: the station's home page.
    pub url: Option<String>,
    /// `icy-pub`: whether directories may list it.
    pub public: bool,
    /// Kilobits per second: `icy-br`, and the size of the backlog. Unknown: 320 is assumed for the size.
    pub bitrate: Option<u32>,
    /// For `ice-audio-info`, and for the time that packets take.
    pub sample_rate: Option<u32>,
    /// For `ice-audio-info`.
    pub channels: Option<u8>,
    /// Listeners at most on this mount.
    pub max_listeners: Option<usize>,
    /// Audio bytes between two ICY blocks; `None`: 16,000.
    pub metaint: Option<usize>,
}

impl Default for ServerSettings {
    fn default() -> ServerSettings {
        ServerSettings {
            listen: Vec::new(),
            max_listeners: None,
            burst: Burst::Time(Duration::from_secs(4)),
            write_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(15),
        }
    }
}
