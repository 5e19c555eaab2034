//! The declaration of a pipeline in Rust. The same names as in TOML and JSON.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{
    HeardTracks, HlsSettings, LiveSettings, NextTrack, OutputSettings, Pipeline, PipelineSettings, ReplayGain,
};
use crate::audio::{Channels, PcmSpec};
use crate::codec::EncoderSettings;
use crate::engine::clock::Clock;
use crate::error::{Error, Result};
use crate::event::{Event, EventKind, EventReceiver};
use crate::playout::{Crossfade, DeadAir, Schedule};
use crate::recording::RecordSettings;
use crate::server::{MountSettings, Server, ServerSettings};
use crate::units::SampleRate;

/// Declares a pipeline, then starts it. Made by [`Pipeline::builder`].
#[derive(Debug, Default)]
#[must_use = "nothing happens before start()"]
pub struct PipelineBuilder {
    settings: PipelineSettings,
    channels: Option<usize>,
    sample_rate: Option<u32>,
    server: Option<Server>,
    own_server: ServerSettings,
}

impl Pipeline {
    /// Declares a pipeline.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use longwave::{Mp3Settings, Pipeline};
    ///
    /// # fn main() -> longwave::Result<()> {
    /// let pipeline = Pipeline::builder("main")
    ///     .playlist("music")
    ///     .repeat(true)
    ///     .crossfade(Duration::from_secs(3))
    ///     .output("/radio.mp3", Mp3Settings::default())
    ///     .start()?;
    /// # pipeline.stop();
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(name: &str) -> PipelineBuilder {
        let settings = PipelineSettings { name: name.into(), ..PipelineSettings::default() };
        PipelineBuilder { settings, ..PipelineBuilder::default() }
    }
}

impl PipelineBuilder {
    /// 1 or 2; 2 unless it is said.
    pub fn channels(mut self, channels: usize) -> PipelineBuilder {
        self.channels = Some(channels);
        self
    }

    /// Frames per second; 44,100 unless it is said.
    pub fn sample_rate(mut self, frames_per_second: u32) -> PipelineBuilder {
        self.sample_rate = Some(frames_per_second);
        self
    }

    /// Adds a file, a folder, an M3U, PLS or XSPF to the playlist.
    pub fn playlist(mut self, path: impl Into<PathBuf>) -> PipelineBuilder {
        self.settings.playlist.push(path.into());
        self
    }

    /// Whether the playlist begins again at its end (`loop` in TOML and JSON).
    pub fn repeat(mut self, repeat: bool) -> PipelineBuilder {
        self.settings.repeat = repeat;
        self
    }

    /// Whether each pass of the playlist has an order of its own.
    pub fn shuffle(mut self, shuffle: bool) -> PipelineBuilder {
        self.settings.shuffle = shuffle;
        self
    }

    /// How long two tracks overlap, or [`Crossfade::Auto`]; zero joins them without a gap.
    pub fn crossfade(mut self, crossfade: impl Into<Crossfade>) -> PipelineBuilder {
        self.settings.crossfade = crossfade.into();
        self
    }

    /// See [`PipelineSettings::fade_in`].
    pub fn fade_in(mut self, fade_in: Duration) -> PipelineBuilder {
        self.settings.fade_in = fade_in;
        self
    }

    /// See [`PipelineSettings::fade_out`].
    pub fn fade_out(mut self, fade_out: Duration) -> PipelineBuilder {
        self.settings.fade_out = fade_out;
        self
    }

    /// How long the crossfade of a skip takes.
    pub fn skip_crossfade(mut self, crossfade: Duration) -> PipelineBuilder {
        self.settings.skip_crossfade = crossfade;
        self
    }

    /// The loudness to which files are brought: see [`PipelineSettings::loudness_lufs`].
    pub fn loudness_lufs(mut self, lufs: f32) -> PipelineBuilder {
        self.settings.loudness_lufs = Some(lufs);
        self
    }

    /// Who knows how files sound, beside their tags.
    pub fn heard_tracks(mut self, heard_tracks: HeardTracks) -> PipelineBuilder {
        self.settings.heard_tracks = Some(heard_tracks);
        self
    }

    /// Which gain tag is applied to files.
    pub fn replaygain(mut self, replaygain: ReplayGain) -> PipelineBuilder {
        self.settings.replaygain = replaygain;
        self
    }

    /// When silence is dead air.
    pub fn dead_air(mut self, dead_air: DeadAir) -> PipelineBuilder {
        self.settings.dead_air = dead_air;
        self
    }

    /// What fills in when dead air lasts: a file, a folder or a playlist.
    pub fn fallback(mut self, path: impl Into<PathBuf>) -> PipelineBuilder {
        self.settings.fallback = Some(path.into());
        self
    }

    /// Where the pipeline keeps what it needs to go on where it was.
    pub fn state_file(mut self, path: impl Into<PathBuf>) -> PipelineBuilder {
        self.settings.state_file = Some(path.into());
        self
    }

    /// Adds an output: this encoder, served at this path.
    pub fn output(self, mount: &str, encoder: impl EncoderSettings + 'static) -> PipelineBuilder {
        let mount = MountSettings { path: mount.into(), ..MountSettings::default() };
        self.output_with(OutputSettings {
            encoder: Arc::new(encoder),
            mount,
            record: RecordSettings::default(),
        })
    }

    /// Adds an output with all that can be said of its mount.
    pub fn output_with(mut self, output: OutputSettings) -> PipelineBuilder {
        self.settings.outputs.push(output);
        self
    }

    /// Adds a hook that hears of everything from the start on: see [`Pipeline::add_hook`].
    pub fn on(
        mut self,
        kind: EventKind,
        hook: impl FnMut(&Pipeline, &Event) + Send + 'static,
    ) -> PipelineBuilder {
        self.settings.hooks = self.settings.hooks.on(kind, hook);
        self
    }

    /// What it plays by the clock: see [`Pipeline::set_schedule`].
    pub fn schedule(mut self, schedule: Schedule) -> PipelineBuilder {
        self.settings.schedule = schedule;
        self
    }

    /// A place where a source takes over the air: see [`Pipeline::go_live`].
    pub fn live(mut self, input: LiveSettings) -> PipelineBuilder {
        self.settings.live.push(input);
        self
    }

    /// Some of its outputs as HLS: see [`Pipeline::set_hls`].
    pub fn hls(mut self, hls: HlsSettings) -> PipelineBuilder {
        self.settings.hls.push(hls);
        self
    }

    /// A receiver of all its events, the start included: see [`Pipeline::events`].
    pub fn events(&mut self, capacity: usize) -> EventReceiver {
        self.settings.hooks.events(capacity)
    }

    /// Asks the application what is to play next: see [`NextTrack`].
    pub fn next_track(mut self, next_track: NextTrack) -> PipelineBuilder {
        self.settings.next_track = Some(next_track);
        self
    }

    /// The time that it runs by. Leave it alone unless you test or render.
    pub fn clock(mut self, clock: Clock) -> PipelineBuilder {
        self.settings.clock = clock;
        self
    }

    /// Serves its mounts on a server that others use too.
    pub fn server(mut self, server: &Server) -> PipelineBuilder {
        self.server = Some(server.clone());
        self
    }

    /// How the server made for it is to be. Of no use with [`server`](PipelineBuilder::server).
    pub fn server_settings(mut self, settings: ServerSettings) -> PipelineBuilder {
        self.own_server = settings;
        self
    }

    /// Where the server made for it listens, besides what [`server_settings`](PipelineBuilder::server_settings) said
    /// before; `[::]:8000` unless it is said. Of no use with [`server`](PipelineBuilder::server).
    pub fn listen(mut self, address: SocketAddr) -> PipelineBuilder {
        self.own_server.listen.push(address);
        self
    }

    /// Puts it on the air: on the server that was given, or on one made for it, which ends with the
    /// pipeline and the last handle to it.
    ///
    /// # Errors
    /// As for [`Pipeline::start`], and [`Error::Listen`] where its own server cannot listen.
    pub fn start(mut self) -> Result<Pipeline> {
        self.settings.spec = self.spec()?;
        let server = match self.server {
            Some(server) => server,
            None => {
                let paths = self.settings.paths();
                Server::start_expecting(
                    self.own_server,
                    &paths.iter().map(String::as_str).collect::<Vec<_>>(),
                )?
            }
        };
        Pipeline::start(self.settings, &server)
    }

    fn spec(&self) -> Result<PcmSpec> {
        let mut spec = PcmSpec::CD;
        if let Some(channels) = self.channels {
            spec.channels = Channels::from_count(channels)
                .ok_or_else(|| Error::setting("channels", format!("{channels}: a pipeline has 1 or 2")))?;
        }
        if let Some(rate) = self.sample_rate {
            spec.rate = SampleRate::new(rate)
                .ok_or_else(|| Error::setting("sample_rate", format!("{rate}: from 8000 to 192000")))?;
        }
        Ok(spec)
    }
}
