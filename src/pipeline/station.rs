//! A server and its pipelines, started together.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::admission::Admission;
use super::{
    HeardTracks, Hooks, Pipeline, PipelineSettings, Plays, Relays, Reloaded, Reloader, SERVER_STOPS_WITHIN,
    STOP_WITHIN, Sources, StationSettings,
};
use crate::engine::clock::Clock;
use crate::error::{Error, Result};
#[cfg(feature = "library")]
use crate::history::History;
use crate::ingest::Sessions;
use crate::library::Library;
use crate::recording::RecordingList;
use crate::server::{PageSettings, Server, StopReport};
use crate::thread;

/// Events that wait for the library, which may not be writable for a while: those of some hours.
const MAX_PLAYS: usize = 1_024;

/// A server, its pipelines and its relayed mounts, declared together. Stops when it is dropped.
#[derive(Debug)]
pub struct Station {
    server: Server,
    pipelines: Vec<Pipeline>,
    pub(super) admission: Admission,
    sessions: Sessions,
    relays: Arc<Relays>,
    plays: Plays,
    library: Option<Library>,
    /// What the station runs with.
    running: Arc<Mutex<StationSettings>>,
}

impl Station {
    /// Starts the server, then every pipeline, then declares the relayed mounts. If one cannot start, nothing
    /// is left running.
    ///
    /// # Errors
    /// What the server or the first pipeline that failed says.
    pub fn start(settings: StationSettings) -> Result<Station> {
        Station::start_expecting(settings, &[])
    }

    /// Starts a station for services that are added later, such as an [`Api`](crate::Api)
    /// ([`Api::PATHS`](crate::Api::PATHS)). Their paths answer 503 until then, as those of the declared
    /// mounts do while the station starts and stops. See [`Server::expect`].
    ///
    /// # Errors
    /// As for [`start`](Station::start).
    pub fn start_expecting(settings: StationSettings, paths: &[&str]) -> Result<Station> {
        let running = Arc::new(Mutex::new(without_hooks(settings.clone())));
        let own: Vec<String> = settings.pipelines.iter().flat_map(PipelineSettings::paths).collect();
        let expected: Vec<&str> = own.iter().map(String::as_str).chain(paths.iter().copied()).collect();
        let library = settings.library.as_ref().map(Library::open).transpose()?;
        let server = Server::start_expecting(settings.server, &expected)?;
        let sessions = Sessions::default();
        let relays = Arc::new(Relays::new(&server, sessions.clone()));
        let plays = Plays::start(&settings.history, &server)?;
        if let Some(library) = &library {
            // Before the first track begins.
            library.note_plays(|wants| server.subscribe_notifying(MAX_PLAYS, wants, |_| ()))?;
        }
        let (pipelines, admission) = Default::default();
        let requests = takes_requests(&settings.pipelines);
        // A disk that is sick does not hold up the start, so the page has its own files afterwards.
        let bare = PageSettings { logo: None, folder: None, ..settings.page.clone() };
        server.show_page_taking(&bare, requests)?;
        let mut station = Station { server, pipelines, admission, sessions, relays, plays, library, running };
        for mut pipeline in settings.pipelines {
            if let Some(library) = &station.library {
                pipeline.library.get_or_insert_with(|| library.clone());
                pipeline.heard_tracks.get_or_insert_with(|| heard_by(library.clone()));
            }
            let sessions = station.sessions.clone();
            let pipeline = Pipeline::start_among(pipeline, &station.server, Some(sessions), &station.plays)?;
            station.pipelines.push(pipeline);
        }
        for mount in settings.mounts {
            station.relays.add(mount)?;
        }
        if let Some(library) = &station.library {
            library.follow()?;
        }
        if settings.page != bare {
            station.show_files(&settings.page, requests)?;
        }
        Ok(station)
    }

    /// Gives the listeners' page its own files. A disk that is sick costs these, not the start.
    fn show_files(&self, page: &PageSettings, requests: bool) -> Result<()> {
        match self.server.show_page_taking(page, requests) {
            Err(error @ Error::Setting { key: "logo" | "folder", .. }) => {
                log::warn!("the page is shown without its own files until the next reload: {error}");
                Ok(())
            }
            done => done,
        }
    }

    /// Applies new settings while the station is on the air: mounts, outputs, bitrates, limits, playlists,
    /// crossfades. Listeners stay, except those of a mount that is gone. Values that need a restart are
    /// reported each time. Hooks and clocks stay as they are.
    pub fn reload(&self, settings: &StationSettings) -> Reloaded {
        self.reloader().apply(settings)
    }

    /// What [`reload`](Station::reload) would change with these settings. Nothing is changed. What would fail
    /// then shows only then.
    pub fn rehearse(&self, settings: &StationSettings) -> Reloaded {
        self.reloader().rehearse(settings)
    }

    /// For a thread that applies settings without holding the station.
    pub(crate) fn reloader(&self) -> Reloader {
        Reloader {
            server: self.server.clone(),
            pipelines: self.pipelines.clone(),
            relays: Arc::clone(&self.relays),
            running: Arc::clone(&self.running),
        }
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The pipelines, in the order in which they were declared.
    pub fn pipelines(&self) -> &[Pipeline] {
        &self.pipelines
    }

    /// What it has played. `None` if its settings name no file for it.
    #[cfg(feature = "library")]
    pub fn history(&self) -> Option<&History> {
        self.plays.history()
    }

    pub(crate) fn plays(&self) -> &Plays {
        &self.plays
    }

    /// The library. `None`: there is none.
    pub fn library(&self) -> Option<&Library> {
        self.library.as_ref()
    }

    /// What was recorded: of its relayed mounts, and of its pipelines. It waits for disks, like
    /// [`Pipeline::recordings`].
    pub fn recordings(&self) -> RecordingList {
        let of_pipelines = self.pipelines.iter().map(Pipeline::recordings);
        of_pipelines.fold(self.relays.recordings().list(), RecordingList::and)
    }

    /// Its sources, and where they can go.
    pub(crate) fn places(&self) -> Sources {
        let (sessions, relays, admission) =
            (self.sessions.clone(), self.relays.clone(), self.admission.clone());
        Sources::new(sessions, relays, self.pipelines.clone(), admission, self.server.emitter())
    }

    /// Lets all sources go, stops the pipelines side by side, writes down the last plays, then stops the
    /// server, all within five seconds.
    /// Stopping twice is harmless.
    pub fn stop(&self) -> StopReport {
        self.stop_by(Instant::now() + STOP_WITHIN)
    }

    /// Stops like [`stop`](Station::stop), by this time. Listeners may need two seconds for what is due, and
    /// everything else as much again.
    pub fn stop_by(&self, deadline: Instant) -> StopReport {
        self.server.expect_all_mounts();
        let pipelines_by = deadline - SERVER_STOPS_WITHIN;
        let of_sources = self.places().stop();
        let mut report = self.stop_pipelines(pipelines_by);
        let stuck = of_sources.iter().filter(|thread| !thread.join_before(pipelines_by));
        report.abandoned.extend(stuck.map(|thread| thread.name.clone()));
        report.abandoned.extend(self.relays.recordings().join(pipelines_by));
        report.abandoned.extend(self.plays.stop(pipelines_by));
        let of_library = self.library.iter().flat_map(|library| library.close(pipelines_by));
        report.abandoned.extend(of_library);
        report.abandoned.extend(self.server.stop_before(deadline).abandoned);
        report
    }

    /// Stops each pipeline on a thread of its own, so that a stuck one does not use up the time of the
    /// others.
    fn stop_pipelines(&self, deadline: Instant) -> StopReport {
        let (mut abandoned, mut elsewhere) = (Vec::new(), Vec::new());
        for (index, pipeline) in self.pipelines.iter().enumerate() {
            let stop = {
                let pipeline = pipeline.clone();
                move || pipeline.inner.stop_before(deadline).abandoned
            };
            // The last one needs no other thread. A pipeline whose own hook stops it must be stopped on this
            // thread, by which it recognizes the hook.
            let here = index + 1 == self.pipelines.len() || pipeline.inner.hooks.is_hook_thread();
            match (!here).then(|| thread::spawn("stop", stop)) {
                Some(Ok(thread)) => elsewhere.push(thread),
                _ => abandoned.extend(pipeline.inner.stop_before(deadline).abandoned),
            }
        }
        abandoned.extend(elsewhere.into_iter().flat_map(|thread| thread.join().unwrap_or_default()));
        StopReport { abandoned }
    }
}

/// Whether the page can have a form for requests: it does not ask for which pipeline they are.
pub(super) fn takes_requests(pipelines: &[PipelineSettings]) -> bool {
    pipelines.iter().filter(|pipeline| pipeline.requests.is_some()).count() == 1
}

/// What the library knows of how files sound.
fn heard_by(library: Library) -> HeardTracks {
    HeardTracks::new(move |path| library.heard(path))
}

/// An application's hooks and clocks must not outlive the pipelines, nor an open library.
fn without_hooks(mut settings: StationSettings) -> StationSettings {
    for pipeline in &mut settings.pipelines {
        pipeline.hooks = Hooks::new();
        pipeline.clock = Clock::default();
        pipeline.library = None;
        pipeline.heard_tracks = None;
    }
    settings
}

impl Drop for Station {
    fn drop(&mut self) {
        self.stop();
    }
}
