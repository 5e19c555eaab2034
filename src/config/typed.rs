//! From the declaration as it is written to settings that can be started: what every value
//! means, and whether they go together. All that is wrong is found in one pass.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::audio::{Channels, PcmSpec};
use crate::error::Error;
use crate::path_text;
use crate::pipeline::{OutputSettings, PipelineSettings, ReplayGain, state_file};
use crate::playout::DeadAir;
use crate::server::{MountSettings, ServerSettings, check_fallback};
use crate::units::SampleRate;

use super::Config;
use super::api::ApiSettings;
use super::encoder::{self, Format, SpecPlaces};
use super::fields::At;
use super::problem::{Place, Problems};
use super::raw::{RawConfig, RawMount, RawOutput, RawPipeline, RawServer};
use super::{suggest, values};

/// Makes settings of what is written, and remembers what must differ between pipelines.
pub(super) struct Reader<'a> {
    base: &'a Path,
    problems: &'a mut Problems,
    names: Vec<At<String>>,
    mounts: Vec<At<String>>,
    /// By the one name that each has.
    state_files: Vec<At<PathBuf>>,
    /// The mounts that have a fallback, and where that is declared.
    fallbacks: Vec<At<String>>,
}

impl<'a> Reader<'a> {
    /// Relative paths are relative to `base`.
    pub fn new(base: &'a Path, problems: &'a mut Problems) -> Reader<'a> {
        Reader {
            base,
            problems,
            names: Vec::new(),
            mounts: Vec::new(),
            state_files: Vec::new(),
            fallbacks: Vec::new(),
        }
    }

    /// Settings for all of it; usable if no problem was found.
    pub fn config(&mut self, raw: RawConfig) -> Config {
        let mut api = self.api(&raw.server);
        let says_media_roots = raw.server.media_roots.is_some();
        let server = self.server(raw.server);
        if raw.pipelines.as_ref().is_none_or(Vec::is_empty) {
            let place = Place { key: "pipeline".into(), line: None };
            self.problems.add(&place, "a station needs at least one: add a [[pipeline]]");
        }
        let pipelines: Vec<_> =
            raw.pipelines.unwrap_or_default().into_iter().map(|raw| self.pipeline(raw)).collect();
        if !says_media_roots {
            api.media_roots = ApiSettings::media_roots_of(&pipelines);
        }
        self.stand_ins(&pipelines, true);
        Config { server, pipelines, api, warnings: Vec::new() }
    }

    /// Settings for the API; usable if no problem was found.
    fn api(&mut self, raw: &RawServer) -> ApiSettings {
        let mut media_roots = Vec::new();
        for root in raw.media_roots.iter().flat_map(|list| &list.value) {
            match self.existing(root.clone()) {
                Some(folder) if !folder.is_dir() => {
                    self.problems.add(&root.place, format!("{} is not a folder", folder.display()));
                }
                Some(folder) => media_roots.push(folder),
                None => {}
            }
        }
        let users_file = raw.users_file.as_ref().map(|path| self.base.join(&path.value));
        ApiSettings { users_file, media_roots, ..ApiSettings::default() }
    }

    /// Settings for a server; usable if no problem was found.
    pub fn server(&mut self, raw: RawServer) -> ServerSettings {
        let default = ServerSettings::default();
        let public_url = self.parse(raw.public_url, |text| {
            let server = ServerSettings { public_url: Some(text.into()), ..ServerSettings::default() };
            accepted(server.check()).map(|()| text.to_owned())
        });
        let mut trusted_proxies = Vec::new();
        for proxy in raw.trusted_proxies.into_iter().flat_map(|list| list.value) {
            if proxy.value.ends_with("/0") {
                self.problems.warn(&proxy.place, "everybody is believed who says to speak for somebody else");
            }
            trusted_proxies.extend(self.parse(Some(proxy), |text| {
                let trusted_proxies = vec![text.to_owned()];
                let server = ServerSettings { trusted_proxies, ..ServerSettings::default() };
                accepted(server.check()).map(|()| text.to_owned())
            }));
        }
        if let Some(At { place, .. }) = raw.listen.as_ref().filter(|list| list.value.is_empty()) {
            let reason = "an empty list: name an address, or leave the key out to listen on [::]:8000";
            self.problems.add(place, reason);
        }
        let mut listen = Vec::new();
        for text in raw.listen.into_iter().flat_map(|list| list.value) {
            let place = text.place.clone();
            match self.parse(Some(text), values::address) {
                Some(address) if listen.contains(&address) && address.port() != 0 => {
                    self.problems.add(&place, format!("{address} is there twice"));
                }
                Some(address) => listen.push(address),
                None => {}
            }
        }
        ServerSettings {
            listen,
            max_listeners: self.listeners(raw.max_listeners),
            burst: self
                .of_server(raw.burst, values::burst, |server, burst| server.burst = burst)
                .unwrap_or(default.burst),
            write_timeout: self
                .of_server(raw.write_timeout, values::duration, |server, time| server.write_timeout = time)
                .unwrap_or(default.write_timeout),
            header_timeout: self
                .of_server(raw.header_timeout, values::duration, |server, time| server.header_timeout = time)
                .unwrap_or(default.header_timeout),
            max_event_clients: self
                .whole(raw.max_event_clients)
                .map_or(default.max_event_clients, |clients| clients.value),
            public_url,
            trusted_proxies,
        }
    }

    /// Settings for one pipeline alone; usable if no problem was found.
    pub fn lone_pipeline(&mut self, raw: RawPipeline) -> PipelineSettings {
        let pipeline = self.pipeline(raw);
        self.stand_ins(std::slice::from_ref(&pipeline), false);
        pipeline
    }

    fn pipeline(&mut self, raw: RawPipeline) -> PipelineSettings {
        let default = PipelineSettings::default();
        let spec_places = SpecPlaces {
            channels: place_of(raw.channels.as_ref(), &raw.place),
            sample_rate: place_of(raw.sample_rate.as_ref(), &raw.place),
        };
        let spec = self.spec(raw.channels, raw.sample_rate);
        let outputs = match raw.outputs {
            Some(outputs) if outputs.is_empty() => {
                self.problems.add(&raw.place, "there must be at least one output");
                Vec::new()
            }
            Some(outputs) => outputs,
            None => Format::built().map(|format| RawOutput::of_format(format.name(), &raw.place)).collect(),
        };
        let outputs = outputs.into_iter().filter_map(|raw| self.output(raw, spec, &spec_places)).collect();
        PipelineSettings {
            name: self.pipeline_name(raw.name, &raw.place).unwrap_or(default.name),
            spec,
            playlist: self.playlist(raw.playlist),
            repeat: raw.repeat.map_or(default.repeat, |at| at.value),
            shuffle: raw.shuffle.map_or(default.shuffle, |at| at.value),
            crossfade: self
                .fade(raw.crossfade, |pipeline, time| pipeline.crossfade = time)
                .unwrap_or(default.crossfade),
            fade_in: self
                .fade(raw.fade_in, |pipeline, time| pipeline.fade_in = time)
                .unwrap_or(default.fade_in),
            fade_out: self
                .fade(raw.fade_out, |pipeline, time| pipeline.fade_out = time)
                .unwrap_or(default.fade_out),
            skip_crossfade: self
                .fade(raw.skip_crossfade, |pipeline, time| pipeline.skip_crossfade = time)
                .unwrap_or(default.skip_crossfade),
            replaygain: self.parse(raw.replaygain, replaygain).unwrap_or(default.replaygain),
            dead_air: DeadAir {
                after: self
                    .of_pipeline(
                        raw.dead_air_after,
                        |text| silence(text),
                        |pipeline, after| {
                            pipeline.dead_air.after = after;
                        },
                    )
                    .unwrap_or(default.dead_air.after),
                below_db: self
                    .of_pipeline(
                        raw.dead_air_below_db,
                        |below| Ok(*below as f32),
                        |pipeline, below| {
                            pipeline.dead_air.below_db = below;
                        },
                    )
                    .unwrap_or(default.dead_air.below_db),
                while_held: raw.dead_air_while_held.map_or(default.dead_air.while_held, |at| at.value),
            },
            fallback: raw.fallback.and_then(|path| self.existing(path)),
            state_file: raw.state_file.map(|path| self.state_file(path)),
            outputs,
            ..default
        }
    }

    fn output(&mut self, raw: RawOutput, spec: PcmSpec, places: &SpecPlaces) -> Option<OutputSettings> {
        let format = match raw.format.as_ref() {
            Some(format) => self.parse(Some(format.clone()), Format::parse),
            None => {
                self.problems.add(&raw.place, "the key \"format\" is missing: \"mp3\" or \"aac\"");
                None
            }
        };
        let encoder = format.and_then(|format| encoder::settings(format, &raw, spec, places, self.problems));
        let path = self.mount_path(raw.mount.clone(), format, &raw.place);
        let mount = self.mount(raw, path);
        Some(OutputSettings { encoder: encoder?, mount })
    }

    /// An output without the pipeline that it is for, of which the shape is known.
    pub fn output_alone(&mut self, raw: RawOutput, spec: PcmSpec) -> Option<OutputSettings> {
        let places = SpecPlaces { channels: raw.place.clone(), sample_rate: raw.place.clone() };
        self.output(raw, spec, &places)
    }

    /// A mount that an application feeds.
    pub fn mount_alone(&mut self, raw: RawMount) -> Option<MountSettings> {
        let RawMount { sample_rate, channels, common } = raw;
        let table = common.place.clone();
        for (key, missing) in
            [("mount", common.mount.is_none()), ("content_type", common.content_type.is_none())]
        {
            if missing {
                let example = if key == "mount" { "\"/live.mp3\"" } else { "\"audio/mpeg\"" };
                self.problems.add(&table, format!("the key {key:?} is missing: {example}, say"));
            }
        }
        let bitrate = self.whole(common.bitrate.clone()).map(small);
        let sample_rate = self.whole(sample_rate).map(small);
        let channels = self.parse_number(channels, |count| match count {
            1..=255 => Ok(count as u8),
            _ => Err(format!("{count} channels: from 1 to 255")),
        });
        let path = self.mount_path(common.mount.clone(), None, &table);
        Some(MountSettings {
            bitrate: self.of_mount(bitrate, |mount, bitrate| mount.bitrate = Some(bitrate)),
            sample_rate: self.of_mount(sample_rate, |mount, rate| mount.sample_rate = Some(rate)),
            channels,
            ..self.mount(common, path)
        })
    }

    /// What an output says of its mount.
    fn mount(&mut self, raw: RawOutput, path: String) -> MountSettings {
        let metaint = self.whole(raw.metaint);
        let fallback_place = raw.fallback_mount.as_ref().map(|path| path.place.clone());
        let mount = MountSettings {
            path,
            content_type: self
                .of_mount(raw.content_type, |mount, text| mount.content_type = text)
                .unwrap_or_default(),
            name: self.of_mount(raw.name, |mount, text| mount.name = Some(text)),
            genre: self.of_mount(raw.genre, |mount, text| mount.genre = Some(text)),
            description: self.of_mount(raw.description, |mount, text| mount.description = Some(text)),
            url: self.of_mount(raw.url, |mount, text| mount.url = Some(text)),
            public: raw.public.is_some_and(|at| at.value),
            max_listeners: self.listeners(raw.max_listeners),
            metaint: self.of_mount(metaint, |mount, bytes| mount.metaint = Some(bytes)),
            fallback_mount: self
                .of_mount(raw.fallback_mount, |mount, path| mount.fallback_mount = Some(path)),
            ..MountSettings::default()
        };
        if let (Some(_), Some(place)) = (&mount.fallback_mount, fallback_place) {
            self.fallbacks.push(At { value: mount.path.clone(), place });
        }
        mount
    }

    /// Whether fallbacks and the mounts they stand in for go together. With `all` the station has no
    /// other mounts.
    fn stand_ins(&mut self, pipelines: &[PipelineSettings], all: bool) {
        let outputs = pipelines.iter().flat_map(|pipeline| &pipeline.outputs);
        let mounts: Vec<_> = outputs.map(OutputSettings::typed_mount).collect();
        for At { value: path, place } in &self.fallbacks {
            let Some(mount) = mounts.iter().find(|mount| mount.path == *path) else { continue };
            let others: Vec<_> = mounts.iter().filter(|other| other.path != *path).collect();
            let mut known = others.iter().map(|other| other.path.as_str());
            if let Err(reason) = check_fallback(mount, &others) {
                self.problems.add(place, reason);
            } else if let Some(fallback) = mount.fallback_mount.as_deref()
                && all
                && !known.any(|other| other == fallback)
            {
                let known: Vec<_> = others.iter().map(|other| other.path.as_str()).collect();
                self.problems.add(place, suggest::unknown_mount(fallback, &known));
            }
        }
    }

    fn spec(&mut self, channels: Option<At<i64>>, rate: Option<At<i64>>) -> PcmSpec {
        let default = PcmSpec::CD;
        let channels = self.parse_number(channels, |count| {
            usize::try_from(count)
                .ok()
                .and_then(Channels::from_count)
                .ok_or_else(|| format!("{count} channels: write 1 for mono or 2 for stereo"))
        });
        let rate = self.parse_number(rate, |hz| {
            u32::try_from(hz)
                .ok()
                .and_then(SampleRate::new)
                .ok_or_else(|| format!("{hz} Hz is out of range: 8000 to 192000, usually 44100 or 48000"))
        });
        PcmSpec { rate: rate.unwrap_or(default.rate), channels: channels.unwrap_or(default.channels) }
    }

    fn pipeline_name(&mut self, name: Option<At<String>>, table: &Place) -> Option<String> {
        let default = || At { value: PipelineSettings::default().name, place: table.clone() };
        let name = name.unwrap_or_else(default);
        let named = PipelineSettings { name: name.value.clone(), ..PipelineSettings::default() };
        if let Err(reason) = accepted(named.check()) {
            self.problems.add(&name.place, reason);
            return None;
        }
        if let Some(other) = self.names.iter().find(|other| other.value == name.value) {
            let reason = format!("there is a pipeline {:?} already{}", name.value, at_line(&other.place));
            self.problems.add(&name.place, reason);
        }
        self.names.push(name.clone());
        Some(name.value)
    }

    fn mount_path(&mut self, path: Option<At<String>>, format: Option<Format>, table: &Place) -> String {
        let path = match (path, format) {
            (Some(path), _) => path,
            (None, Some(format)) => At { value: format.default_mount().to_owned(), place: table.clone() },
            // That the format is missing has been said.
            (None, None) => return String::new(),
        };
        if self.of_mount(Some(path.clone()), |mount, path| mount.path = path).is_none() {
            return String::new();
        }
        if let Some(other) = self.mounts.iter().find(|other| other.value == path.value) {
            let reason = format!("the mount {} exists already{}", path.value, at_line(&other.place));
            self.problems.add(&path.place, reason);
        }
        self.mounts.push(path.clone());
        path.value
    }

    fn playlist(&mut self, paths: Option<At<Vec<At<String>>>>) -> Vec<PathBuf> {
        paths.into_iter().flat_map(|list| list.value).filter_map(|path| self.existing(path)).collect()
    }

    /// The path of something that is there.
    fn existing(&mut self, path: At<String>) -> Option<PathBuf> {
        let file = self.base.join(path_text::from_text(&path.value));
        match file.metadata() {
            Ok(_) => Some(file),
            Err(error) => {
                self.problems.add(&path.place, format!("{}: {error}", file.display()));
                None
            }
        }
    }

    fn state_file(&mut self, path: At<String>) -> PathBuf {
        let At { value, place } = path;
        let file = self.base.join(path_text::from_text(&value));
        match accepted(state_file::check(&file)) {
            Ok(one) => {
                let collide = |other: &Path| {
                    other == one || state_file::beside(other) == one || other == state_file::beside(&one)
                };
                if let Some(other) = self.state_files.iter().find(|other| collide(&other.value)) {
                    let reason = format!("another pipeline keeps its state there{}", at_line(&other.place));
                    self.problems.add(&place, reason);
                }
                self.state_files.push(At { value: one, place });
            }
            Err(reason) => self.problems.add(&place, reason),
        }
        file
    }

    /// A value of a server, as text and as the server takes it.
    fn of_server<T: Copy>(
        &mut self,
        text: Option<At<String>>,
        parse: impl FnOnce(&str) -> Result<T, String>,
        set: impl FnOnce(&mut ServerSettings, T),
    ) -> Option<T> {
        self.parse(text, |text| {
            let value = parse(text)?;
            let mut server = ServerSettings::default();
            set(&mut server, value);
            accepted(server.check()).map(|()| value)
        })
    }

    /// A value of a mount. It is checked alone, so that all that are wrong are found.
    fn of_mount<T: Clone>(
        &mut self,
        value: Option<At<T>>,
        set: impl FnOnce(&mut MountSettings, T),
    ) -> Option<T> {
        let At { value, place } = value?;
        let mut mount = MountSettings {
            path: "/stream".into(),
            content_type: "audio/mpeg".into(),
            ..MountSettings::default()
        };
        set(&mut mount, value.clone());
        accepted(mount.check()).map_err(|reason| self.problems.add(&place, reason)).ok()?;
        Some(value)
    }

    /// A value of a pipeline, as it is written and as the pipeline takes it.
    fn of_pipeline<T, V: Copy>(
        &mut self,
        written: Option<At<T>>,
        parse: impl FnOnce(&T) -> Result<V, String>,
        set: impl FnOnce(&mut PipelineSettings, V),
    ) -> Option<V> {
        let At { value, place } = written?;
        let mut pipeline = PipelineSettings::default();
        let parsed = parse(&value).and_then(|value| {
            set(&mut pipeline, value);
            accepted(pipeline.check()).map(|()| value)
        });
        parsed.map_err(|reason| self.problems.add(&place, reason)).ok()
    }

    fn fade(
        &mut self,
        text: Option<At<String>>,
        set: impl FnOnce(&mut PipelineSettings, Duration),
    ) -> Option<Duration> {
        self.of_pipeline(text, |text| values::duration(text), set)
    }

    fn listeners(&mut self, count: Option<At<i64>>) -> Option<usize> {
        match self.whole(count)? {
            At { value: 0, place } => {
                self.problems.add(&place, "0 listeners: at least 1");
                None
            }
            At { value, .. } => Some(value),
        }
    }

    fn whole(&mut self, number: Option<At<i64>>) -> Option<At<usize>> {
        let At { value, place } = number?;
        let Ok(value) = usize::try_from(value) else {
            self.problems.add(&place, format!("{value} is less than nothing"));
            return None;
        };
        Some(At { value, place })
    }

    fn parse<T>(
        &mut self,
        text: Option<At<String>>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = text?;
        parse(&text.value).map_err(|reason| self.problems.add(&text.place, reason)).ok()
    }

    fn parse_number<T>(
        &mut self,
        number: Option<At<i64>>,
        parse: impl FnOnce(i64) -> Result<T, String>,
    ) -> Option<T> {
        let number = number?;
        parse(number.value).map_err(|reason| self.problems.add(&number.place, reason)).ok()
    }
}

/// Numbers beyond 32 bits are refused by what they are for.
fn small(number: At<usize>) -> At<u32> {
    At { value: u32::try_from(number.value).unwrap_or(u32::MAX), place: number.place }
}

/// Where a value stands, else where its table does.
fn place_of<T>(value: Option<&At<T>>, table: &Place) -> Place {
    value.map_or_else(|| table.clone(), |at| at.place.clone())
}

fn at_line(place: &Place) -> String {
    match place.line {
        Some(line) => format!(", on line {line}"),
        None => format!(", at {}", place.key),
    }
}

fn replaygain(text: &str) -> Result<ReplayGain, String> {
    match text {
        "track" => Ok(ReplayGain::Track),
        "album" => Ok(ReplayGain::Album),
        "off" => Ok(ReplayGain::Off),
        _ => Err(suggest::unknown_name(text, &["track", "album", "off"])),
    }
}

/// How long silence may last, or that it may last for ever.
fn silence(text: &str) -> Result<Option<Duration>, String> {
    if text == "off" { Ok(None) } else { values::duration(text).map(Some) }
}

/// A refusal as its reason: the key is known where it is made.
fn accepted<T>(check: crate::Result<T>) -> Result<T, String> {
    check.map_err(|error| match error {
        Error::Setting { reason, .. } => reason,
        other => other.to_string(),
    })
}
