//! The API, which controls and observes a station over HTTP. It does so through the public interface of the
//! library, as any application could. Two things are private to the crate: the reloader, and the subscription
//! to events that wakes the thread `api`.
//!
//! The thread `api` reads the requests that the server hands over, answers those that need no file, and
//! pushes events. The thread `door` lets sources in; the thread `admission` asks the application about them,
//! if it decides. The threads `api-files` answer requests that name files. The thread `login` verifies
//! passwords that are not remembered. Neither the reactor nor the audio ever waits for them.

mod admin;
mod admission;
mod ask;
mod call;
mod changes;
mod console;
mod core;
mod covers;
mod door;
mod files;
mod find;
mod guard;
mod handlers;
mod icecast;
mod icy;
#[cfg(test)]
mod library_test;
mod login;
mod media;
mod metrics;
mod nowplaying;
mod numbers;
mod origin;
mod played;
mod problem;
mod reload;
mod router;
mod routes;
mod service;
mod sessions;
mod shared_answers;
mod stream;
mod streams;
mod transfers;
mod users;
mod views;

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam::channel::unbounded;

use self::admission::Admissions;
use self::core::{Core, Declared};
use crate::config::{ApiSettings, Config};
use crate::engine::crew::Crew;
use crate::error::Result;
use crate::pipeline::{Reloaded, Station};
use crate::server::Room;
use crate::{RequestsBell, StopReport};
use door::Door;
use files::Files;
use guard::Guard;
use media::Media;
use reload::read_users;
use service::Service;
use streams::Streams;

/// The capacity of the queue of requests to the thread `api`: about one second of a busy station.
const WAITING: usize = 512;

/// How long stopping waits for the API's threads. One may be verifying a password.
const STOP_WITHIN: Duration = Duration::from_millis(250);

/// The API of a station. It runs as long as this value lives. Stop it before the station.
pub struct Api {
    core: Arc<Core>,
    stopping: Arc<AtomicBool>,
    files: Files,
    door_bell: RequestsBell,
    /// The console is served until the stop.
    console: Mutex<Option<Room>>,
    threads: Arc<Crew>,
}

impl Api {
    /// The paths that the API takes, for [`Station::start_expecting`]: they answer 503 until it is there.
    pub const PATHS: &[&str] = routes::PATHS;

    /// Starts the API. It lets sources in, and answers requests below `/api/` and `/nowplaying/`, at
    /// `/health`, at `/metrics`, at `/status-json.xsl`, at `/admin/metadata` and at `/admin.cgi`. At `/console` it
    /// has a page by which users run the station.
    ///
    /// # Errors
    /// [`Error::Stopped`](crate::Error::Stopped) if the station is not running;
    /// [`Error::File`](crate::Error::File) if the users file is malformed or cannot be read.
    pub fn start(station: &Station, settings: &ApiSettings) -> Result<Api> {
        Api::of(station, settings, None)
    }

    /// Starts the API of a station that was started from this configuration, which was read from `file`. The
    /// file can be changed and then applied by [`reload`](Api::reload) or over HTTP.
    ///
    /// # Errors
    /// As for [`start`](Api::start).
    pub fn start_reloadable(station: &Station, config: Config, file: &Path) -> Result<Api> {
        let settings = config.api.clone();
        let declared = Declared { file: file.to_owned(), api: config.api, station: station.reloader() };
        Api::of(station, &settings, Some(declared))
    }

    /// Reads the configuration file again and applies it. The API applies users and media roots;
    /// [`Station::reload`] applies the rest.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration. Nothing has changed then.
    pub fn reload(&self) -> std::result::Result<Reloaded, String> {
        self.core.reload().map_err(|problem| problem.detail.clone())
    }

    fn of(station: &Station, settings: &ApiSettings, declared: Option<Declared>) -> Result<Api> {
        let media = Media::new(&settings.media_roots);
        let guard = Guard::new(read_users(settings)?.and(&settings.users))?;
        let (server, pipelines) = (station.server().clone(), station.pipelines().to_vec());
        for pipeline in &pipelines {
            // One that has stopped opens no files.
            let _ = pipeline.set_media_roots(settings.media_roots.clone());
        }
        let requests = server.take_polls(routes::PATHS, routes::UPLOADS, WAITING)?;
        let sources = server.take_sources(door::WAITING)?;
        let door_bell = sources.bell();
        let places = station.places();
        let core = Core::new(server, pipelines, places, media, guard, declared, requests.bell());
        let core = core.with_plays(station.plays().clone()).with_library(station.library().cloned());
        let core = core.with_users(settings);
        let core = Arc::new(core);
        let console = console::show(&core.server)?;
        let streams = Streams::new(&core, run_name())?;
        let stopping = Arc::new(AtomicBool::new(false));
        let files = Files::new(Arc::clone(&core));
        let (logins, pending) = login::queue(Arc::clone(&core));
        let (welcome, verified) = unbounded();
        let (logins, threads) = (Arc::new(logins), Arc::<Crew>::default());
        let door = Door {
            core: Arc::clone(&core),
            requests: sources,
            logins: Arc::clone(&logins),
            admissions: Admissions::new(Arc::clone(&core), Arc::clone(&threads)),
            stopping: Arc::clone(&stopping),
        };
        let service = Service {
            core: Arc::clone(&core),
            requests,
            streams,
            files: files.clone(),
            logins,
            verified,
            look: core.guard.look(Instant::now()),
            stopping: Arc::clone(&stopping),
        };
        threads.spawn("api", move || service.run())?;
        threads.spawn("door", move || door.run())?;
        threads.spawn("login", move || pending.run(&welcome))?;
        Ok(Api { core, stopping, files, door_bell, console: Mutex::new(Some(console)), threads })
    }

    /// Stops the API, within a quarter of a second. Later requests to its paths are answered with 503. A
    /// thread that waits for a file is left behind, and named in the result. Stopping twice is harmless.
    pub fn stop(&self) -> StopReport {
        let deadline = Instant::now() + STOP_WITHIN;
        if !self.stopping.swap(true, Ordering::Relaxed) {
            // If the server has stopped, nobody asks.
            let _ = self.core.server.expect(Api::PATHS);
        }
        drop(self.console.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.core.bell.ring();
        self.door_bell.ring();
        let mut abandoned = self.threads.join(deadline);
        abandoned.extend(self.files.stop(deadline));
        abandoned.extend(self.core.files.join(deadline));
        abandoned.extend(self.core.roots.join(deadline));
        StopReport { abandoned }
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("server", &self.core.server).finish_non_exhaustive()
    }
}

/// A name that distinguishes this run of the station from others.
fn run_name() -> String {
    format!("{:08x}", fastrand::u32(..))
}
