//! Turns a tree into settings: reads every table by its declared keys, and checks that tables do not use the
//! same thing twice. One pass finds all problems. `outputs.rs` reads outputs and mounts,
//! `library.rs` the library.

mod library;
mod outputs;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::access::{files_of_users, lock_of};
use crate::error::Error;
use crate::filework::look;
use crate::history::{self, HistorySettings};
use crate::library::library_playlist;
use crate::pipeline::{
    HLS, HlsSettings, LIVE, LiveSettings, MOUNT, OUTPUT, OutputSettings, PipelineSettings, REQUESTS,
    RelayedMountSettings, check_all_hls, check_hls_outputs, state_file,
};
use crate::playout::Schedule;
use crate::playout::schedule::{
    DAYPART, DaypartSettings, INSERT, InsertSettings, SEPARATION, SLOT, SlotSettings, without_time,
};
use crate::server::{AccessLog, PAGE, PageSettings, ServerSettings};
use crate::setting::{Settings, exists, reason_of};

use super::Config;
use super::api::ApiSettings;
use super::claims::{FileClaims, Purpose};
use super::fields::{Context, Fields};
use super::node::{Node, Value};
use super::problem::{Place, Problems};
use outputs::default_outputs;

/// A value and its place.
struct At<T> {
    value: T,
    place: Place,
}

/// Turns tables into settings, and collects values that must be unique. Its result is usable if there is no
/// problem.
pub(super) struct Reader<'a> {
    cx: Context<'a>,
    names: Vec<At<String>>,
    mounts: Vec<At<String>>,
    files: FileClaims,
    /// The mounts that have a fallback, with the places of their declarations.
    fallbacks: Vec<At<String>>,
    /// The path of sources that speak ICY, if they are listened for.
    icy: Option<At<String>>,
    /// All HLS, with the places of their paths.
    hls: Vec<At<HlsSettings>>,
    /// The keys and tables that need a library, with the playlists that they name.
    of_library: Vec<At<Vec<String>>>,
}

/// What the table `[server]` has.
struct ServerTable {
    server: ServerSettings,
    page: PageSettings,
    api: ApiSettings,
    history: HistorySettings,
    /// Whether it sets media roots.
    gives_roots: bool,
    /// Whether it names a file for the history, or none.
    gives_history: bool,
}

/// The places of the PCM spec's keys. A codec may refuse the spec.
struct SpecPlaces {
    channels: Place,
    sample_rate: Place,
}

/// The tables of a schedule, with their places.
struct ScheduleTables {
    dayparts: Vec<(Node, Place)>,
    inserts: Vec<(Node, Place)>,
    slots: Vec<(Node, Place)>,
    separation: Option<(Node, Place)>,
}

impl<'a> Reader<'a> {
    /// A reader with `base` as the base of relative paths.
    pub fn new(base: &'a Path, problems: &'a mut Problems) -> Reader<'a> {
        let files = FileClaims::of_configuration(problems.file());
        Reader {
            cx: Context { base, problems },
            names: Vec::new(),
            mounts: Vec::new(),
            files,
            fallbacks: Vec::new(),
            icy: None,
            hls: Vec::new(),
            of_library: Vec::new(),
        }
    }

    /// Reads a whole configuration.
    pub fn config(&mut self, root: Node) -> Config {
        let mut top = Fields::of(root, Place::default(), &mut self.cx);
        let empty = || (Node { line: None, value: Value::Table(Vec::new()) }, Place::default());
        let (node, place) = top.table("server").unwrap_or_else(empty);
        let place_of_server = place.clone();
        let ServerTable { server, page, mut api, mut history, gives_roots, gives_history } =
            self.server_table(node, place);
        let declares_api = gives_roots || api.users_file.is_some();
        let library = top.table("library").map(|(node, place)| self.library(node, place));
        let tables = top.tables("pipeline", &mut self.cx).unwrap_or_default();
        let relayed = top.tables(MOUNT.key, &mut self.cx).unwrap_or_default();
        top.finish(&mut self.cx);
        if tables.is_empty() && relayed.is_empty() {
            let place = Place { key: "pipeline".into(), line: None };
            self.cx.problems.add(&place, "a station needs at least one: add a [[pipeline]], or a [[mount]]");
        }
        let pipelines: Vec<_> = tables.into_iter().map(|(node, place)| self.pipeline(node, place)).collect();
        let mounts: Vec<_> =
            relayed.into_iter().map(|(node, place)| self.relayed_mount(node, place)).collect();
        if !gives_roots {
            api.media_roots = ApiSettings::media_roots_of(&pipelines);
        }
        if !gives_history {
            let state_files = pipelines.iter().filter_map(|pipeline| pipeline.state_file.as_deref());
            let database = library.as_ref().map(|library| library.database.as_path());
            let mut beside = state_files.chain(database).filter_map(history::beside);
            history.file = beside.next();
            self.claim_history(&history, place_of_server.clone());
            self.warn_of_other_histories(&history, beside, &place_of_server);
        }
        for folder in library.iter().flat_map(|library| &library.folders) {
            if !api.media_roots.iter().any(|root| folder.starts_with(root)) {
                api.media_roots.push(folder.clone());
            }
        }
        self.check_playlists_of_library(library.as_ref());
        self.check_fallbacks(&pipelines, &mounts, true);
        self.check_icy(&pipelines, &mounts);
        self.check_paths_of_hls();
        Config { server, page, pipelines, mounts, history, library, api, declares_api, warnings: Vec::new() }
    }

    /// Reads a server without pipelines. The keys of the API, of the history and of the page are allowed and
    /// have no effect.
    pub fn server(&mut self, node: Node, place: Place) -> ServerSettings {
        self.server_table(node, place).server
    }

    fn server_table(&mut self, node: Node, place: Place) -> ServerTable {
        let mut fields = Fields::of(node, place, &mut self.cx);
        let mut server = ServerSettings::default();
        fields.read(&mut server, ServerSettings::KEYS, &mut self.cx);
        for (proxy, place) in server.trusted_proxies.iter().zip(fields.items("trusted_proxies")) {
            if proxy.ends_with("/0") {
                self.cx
                    .problems
                    .warn(place, "this trusts every client: any of them can pretend to be another one");
            }
        }
        self.look_at_icy(&server, &fields);
        let mut api = ApiSettings::default();
        fields.read(&mut api, ApiSettings::KEYS, &mut self.cx);
        let gives_roots = fields.has("media_roots");
        let mut history = HistorySettings::default();
        fields.read(&mut history, HistorySettings::KEYS, &mut self.cx);
        let gives_history = fields.has("history_file");
        if let Some(file) = &history.file {
            self.check_own_file(file, &fields.place_of("history_file"));
        }
        self.claim_history(&history, fields.place_of("history_file"));
        let page = fields.table(PAGE.key).map(|(node, place)| self.page(node, place)).unwrap_or_default();
        if let AccessLog::File(file) = &server.access_log {
            self.claim(fields.place_of("access_log"), Purpose::Own, std::slice::from_ref(file));
        }
        if let Some(file) = &api.users_file {
            self.claim(fields.place_of("users_file"), Purpose::Own, &files_of_users(file));
        }
        fields.finish(&mut self.cx);
        ServerTable { server, page, api, history, gives_roots, gives_history }
    }

    /// Reads the table of the listeners' page.
    pub fn page(&mut self, node: Node, place: Place) -> PageSettings {
        let mut fields = Fields::of(node, place, &mut self.cx);
        let mut page = PageSettings::default();
        fields.read(&mut page, PageSettings::KEYS, &mut self.cx);
        fields.finish(&mut self.cx);
        page
    }

    /// Notes the path of sources that speak ICY. Refuses a port that is that of listeners, too, and warns of
    /// one that their programs do not come to.
    fn look_at_icy(&mut self, server: &ServerSettings, fields: &Fields) {
        let Some(first) = server.icy_listen.first() else { return };
        let at = fields.place_of(if fields.has("icy_mount") { "icy_mount" } else { "icy_listen" });
        self.icy = Some(At { value: server.icy_mount.clone(), place: at });
        if let Err(error @ Error::Setting { key: "icy_listen", .. }) = server.check() {
            return self.cx.problems.add(&fields.place_of("icy_listen"), reason_of(error));
        }
        let ports: Vec<u16> = server.listens_at().iter().map(SocketAddr::port).collect();
        let is_next = |port: &u16| port.checked_add(1) == Some(first.port()) || *port == 0;
        if first.port() != 0 && !ports.iter().any(is_next) {
            let [port, next] = [ports[0], ports[0].saturating_add(1)];
            let reason = format!(
                "most programs for SHOUTcast add 1 to the port that they are given, and send titles to that port: \
                 {next}, behind {port} (listen), is where they come"
            );
            self.cx.problems.warn(&fields.place_of("icy_listen"), reason);
        }
    }

    /// Checks that sources that speak ICY lead somewhere.
    fn check_icy(&mut self, pipelines: &[PipelineSettings], relayed: &[RelayedMountSettings]) {
        let Some(At { value: path, place }) = self.icy.take() else { return };
        let live = pipelines.iter().flat_map(|pipeline| &pipeline.live).map(|live| live.path.as_str());
        let known: Vec<&str> =
            relayed.iter().map(|relayed| relayed.mount.path.as_str()).chain(live).collect();
        if known.contains(&path.as_str()) {
            return;
        }
        let reason = match known.as_slice() {
            [] => {
                "there is nothing that a source could send to: add a [[mount]], or a [[pipeline.live]]".into()
            }
            known => format!(
                "there is neither a relayed mount nor a live input {path}: set icy_mount to {}",
                known.join(" or ")
            ),
        };
        self.cx.problems.add(&place, reason);
    }

    /// Reads a pipeline without a server, with its keys at the top level. Its fallback mounts may be
    /// elsewhere.
    pub fn lone_pipeline(&mut self, root: Node) -> PipelineSettings {
        let pipeline = self.pipeline(root, Place::default());
        self.check_fallbacks(std::slice::from_ref(&pipeline), &[], false);
        self.check_paths_of_hls();
        pipeline
    }

    fn pipeline(&mut self, node: Node, place: Place) -> PipelineSettings {
        let mut fields = Fields::of(node, place, &mut self.cx);
        let mut pipeline = PipelineSettings::default();
        fields.read(&mut pipeline, PipelineSettings::KEYS, &mut self.cx);
        let schedule = self.tables_of_schedule(&mut fields);
        let live = fields.tables(LIVE.key, &mut self.cx);
        let hls = fields.tables(HLS.key, &mut self.cx);
        let requests = fields.table(REQUESTS.key);
        let outputs = fields.tables(OUTPUT.key, &mut self.cx);
        if let Some(place) = fields.place_of_valid("name") {
            self.claim_name(&pipeline.name, place);
        }
        for (key, paths) in [("playlist", &pipeline.playlist[..]), ("fallback", pipeline.fallback.as_slice())]
        {
            let place = fields.place_of(key);
            self.note_library(paths, &place);
            let on_disk = paths.iter().filter(|path| library_playlist(path).is_none());
            self.claim(place, Purpose::Played, &on_disk.cloned().collect::<Vec<_>>());
        }
        if let Some(file) = &pipeline.state_file {
            self.claim_state_file(file, fields.place_of("state_file"));
        }
        if outputs.as_ref().is_some_and(Vec::is_empty) {
            self.cx.problems.add(fields.place(), "there must be at least one output");
        }
        let outputs = outputs.unwrap_or_else(|| default_outputs(fields.place()));
        let places =
            SpecPlaces { channels: fields.place_of("channels"), sample_rate: fields.place_of("sample_rate") };
        fields.finish(&mut self.cx);
        self.schedule(schedule, &mut pipeline.schedule);
        if let Some((node, place)) = requests {
            self.of_library.push(At { value: Vec::new(), place: place.clone() });
            pipeline.requests = Some(self.of_programme(node, place));
        }
        pipeline.live = live.into_iter().flatten().map(|(node, place)| self.live(node, place)).collect();
        let declared = outputs.len();
        for (node, place) in outputs {
            pipeline.outputs.extend(self.output(node, place, pipeline.spec, &places));
        }
        let are_good = pipeline.outputs.len() == declared;
        for (node, place) in hls.into_iter().flatten() {
            // What is wrong with an output has been told.
            let hls = self.hls(node, place, are_good.then_some(&pipeline.outputs));
            pipeline.hls.push(hls);
        }
        if let Err(error @ Error::Setting { key: "hls", .. }) = check_all_hls(&pipeline.hls) {
            let last = self.hls.last().map_or_else(Place::default, |last| last.place.clone());
            self.cx.problems.add(&last, reason_of(error));
        }
        pipeline
    }

    /// The tables of a pipeline's schedule.
    fn tables_of_schedule(&mut self, fields: &mut Fields) -> ScheduleTables {
        let mut tables = |key| fields.tables(key, &mut self.cx).unwrap_or_default();
        ScheduleTables {
            dayparts: tables(DAYPART.key),
            inserts: tables(INSERT.key),
            slots: tables(SLOT.key),
            separation: fields.table(SEPARATION.key),
        }
    }

    /// Reads what a pipeline plays by the clock.
    fn schedule(&mut self, tables: ScheduleTables, schedule: &mut Schedule) {
        for (index, (node, place)) in tables.dayparts.into_iter().enumerate() {
            let daypart: DaypartSettings = self.of_programme(node, place.clone());
            self.note_library(&daypart.playlists, &place);
            daypart.playlists.iter().for_each(|path| self.warn_of_missing(path, "playlist", &place));
            schedule.dayparts.push(daypart);
            if let Some(other) = schedule.hidden_by(index) {
                let reason = format!("it overlaps with {other}, which is declared before it and counts then");
                self.cx.problems.warn(&place, reason);
            }
        }
        for (node, place) in tables.inserts {
            let insert: InsertSettings = self.of_programme(node, place.clone());
            self.note_library(std::slice::from_ref(&insert.playlist), &place);
            self.warn_of_missing(&insert.playlist, "playlist", &place);
            schedule.inserts.push(insert);
        }
        for (node, place) in tables.slots {
            let slot: SlotSettings = self.of_programme(node, place.clone());
            self.look_for_files_of(&slot, &place);
            schedule.slots.push(slot);
        }
        if let Some((node, place)) = tables.separation {
            schedule.separation = self.of_programme(node, place);
        }
    }

    /// Refuses what a slot cannot ever play, for it has no folder, and warns of what is not there yet.
    fn look_for_files_of(&mut self, slot: &SlotSettings, place: &Place) {
        for (key, path) in [("play", Some(&slot.play)), ("otherwise", slot.otherwise.as_ref())] {
            let Some(path) = path.filter(|path| !path.as_os_str().is_empty()) else { continue };
            let fixed = without_time(path);
            let is_dated = fixed != path;
            let is_folder = is_dated || fixed.extension().is_none();
            let folder = if is_folder { fixed } else { fixed.parent().unwrap_or(fixed) };
            let there = if folder.as_os_str().is_empty() { Ok(()) } else { exists(folder) };
            match there {
                Ok(()) if !is_dated && is_special(fixed) => {
                    let reason = format!("{} is neither a file nor a folder", fixed.display());
                    self.cx.problems.add(&place.of(key), reason);
                }
                Ok(()) if !is_folder => self.warn_of_missing(fixed, key, place),
                Ok(()) => {}
                Err(reason) => {
                    let reason = format!("{reason}: a slot's file may come later, but its folder must exist");
                    self.cx.problems.add(&place.of(key), reason);
                }
            }
        }
    }

    /// Warns of a file or folder that is not there yet.
    fn warn_of_missing(&mut self, path: &Path, key: &str, place: &Place) {
        let is_on_disk = !path.as_os_str().is_empty() && library_playlist(path).is_none();
        if let Some(Err(reason)) = is_on_disk.then(|| exists(path)) {
            self.cx.problems.warn(&place.of(key), format!("{reason}: it is played when it comes"));
        }
    }

    /// Reads a table of a schedule, or of requests. What it must have is missed here.
    pub fn of_programme<S: Settings + Default>(&mut self, node: Node, place: Place) -> S {
        let mut fields = Fields::of(node, place, &mut self.cx);
        let mut settings = S::default();
        let is_good = fields.read(&mut settings, S::KEYS, &mut self.cx);
        match settings.check() {
            Err(Error::Setting { key, reason }) if is_good => {
                self.cx.problems.add(&fields.place_of_key(key), reason);
            }
            _ => {}
        }
        fields.finish(&mut self.cx);
        settings
    }

    /// Reads a live input. Its path is no mount's.
    pub fn live(&mut self, node: Node, place: Place) -> LiveSettings {
        let mut fields = Fields::of(node, place, &mut self.cx);
        let mut live = LiveSettings::default();
        fields.read(&mut live, LiveSettings::KEYS, &mut self.cx);
        live.record = self.recording(&mut fields);
        self.claim_mount(&live.path, fields.place_of("path"));
        fields.finish(&mut self.cx);
        live
    }

    /// Reads HLS of these outputs, if they are known.
    pub fn hls(&mut self, node: Node, place: Place, outputs: Option<&Vec<OutputSettings>>) -> HlsSettings {
        let mut fields = Fields::of(node, place, &mut self.cx);
        let mut hls = HlsSettings::default();
        fields.read(&mut hls, HlsSettings::KEYS, &mut self.cx);
        let outputs = outputs.map(|outputs| outputs.iter().collect::<Vec<_>>());
        if let Some(Err(error)) = outputs.map(|outputs| check_hls_outputs(&hls, &outputs)) {
            self.cx.problems.add(&fields.place_of_key("outputs"), reason_of(error));
        }
        self.hls.push(At { value: hls.clone(), place: fields.place_of_key("path") });
        fields.finish(&mut self.cx);
        hls
    }

    /// Refuses HLS whose paths meet, and mounts that are below one.
    fn check_paths_of_hls(&mut self) {
        for (index, At { value: hls, place }) in self.hls.iter().enumerate() {
            if let Some(other) = self.hls[..index].iter().find(|other| other.value.meets(hls)) {
                let reason = format!("its files would be among those of HLS at {}", other.value.path);
                self.cx.problems.add(place, format!("{reason}{}", at_line(&other.place)));
            }
            for mount in self.mounts.iter().filter(|mount| hls.has(&mount.value)) {
                let reason = format!("{} is a file of HLS at {}", mount.value, hls.path);
                self.cx.problems.add(&mount.place, format!("{reason}{}", at_line(place)));
            }
        }
    }

    fn claim_name(&mut self, name: &str, place: Place) {
        if let Some(other) = self.names.iter().find(|other| other.value == name) {
            let reason = format!("there is a pipeline {name:?} already{}", at_line(&other.place));
            self.cx.problems.add(&place, reason);
        }
        self.names.push(At { value: name.to_owned(), place });
    }

    fn claim_mount(&mut self, path: &str, place: Place) {
        if let Some(other) = self.mounts.iter().find(|other| other.value == path) {
            let reason = format!("the mount {path} exists already{}", at_line(&other.place));
            self.cx.problems.add(&place, reason);
        }
        self.mounts.push(At { value: path.to_owned(), place });
    }

    fn claim_state_file(&mut self, file: &Path, place: Place) {
        let mut files = state_file::files(file).to_vec();
        files.push(lock_of(file));
        let own = file.to_owned();
        if self.claim(place.clone(), Purpose::Own, &files)
            // What is wrong with its disk may be over by the start.
            && let Ok(Err(error @ Error::Setting { .. })) = look(file, move || state_file::check(&own))
        {
            self.cx.problems.add(&place, reason_of(error));
        }
    }

    fn claim(&mut self, place: Place, purpose: Purpose, files: &[PathBuf]) -> bool {
        self.files.claim(place, purpose, files, self.cx.problems)
    }
}

/// Whether there is a device, a FIFO or a socket: nothing that has an end.
fn is_special(path: &Path) -> bool {
    let own = path.to_owned();
    let there = look(path, move || own.metadata());
    there.is_ok_and(|about| about.is_ok_and(|about| !about.is_file() && !about.is_dir()))
}

fn at_line(place: &Place) -> String {
    match place.line {
        Some(line) => format!(", on line {line}"),
        None => format!(", at {}", place.key),
    }
}
