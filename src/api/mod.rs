//! The API: a station steered and watched from outside, over HTTP. It uses the public protocol of the library
//! alone, as any application could.
//!
//! The thread `api` reads requests that the server hands over, answers those that take no time, and pushes
//! events. What opens files goes to the thread `api-files`, passwords that are not known yet to `login`. None of
//! them ever makes the reactor or the audio wait.

mod call;
mod core;
mod guard;
mod handlers;
mod icecast;
mod media;
mod nowplaying;
mod origin;
mod problem;
mod reload;
mod router;
mod routes;
mod service;
mod streams;
mod views;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crossbeam::channel::{bounded, unbounded};

use self::core::{Core, Declared};
use crate::config::{ApiSettings, Config};
use crate::error::{Error, Result};
use crate::pipeline::{Reloaded, Station};
use crate::{EventKind, HookId, Pipeline, RequestsBell, thread};
use guard::Guard;
use media::Media;
use reload::read_users;
use service::{Files, Service};
use streams::Streams;

/// Requests that wait for the thread `api`: a second's worth of a busy station.
const WAITING: usize = 512;
/// Requests, and files whose tags are wanted, that wait for `api-files`.
const FILES_WAITING: usize = 64;
/// Passwords that wait to be verified: about a second's work.
const LOGINS_WAITING: usize = 32;

/// The API of a station, as long as this lives. Stop it before the station.
pub struct Api {
    core: Arc<Core>,
    stopping: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// Of each pipeline, those that call the thread `api`.
    hooks: Vec<Vec<HookId>>,
}

impl Api {
    /// Answers for the station from now on: below `/api/` and `/nowplaying/`, at `/health` and `/status-json.xsl`.
    ///
    /// # Errors
    /// [`Error::Stopped`] where the station is not running; [`Error::File`] for a users file that is none.
    pub fn start(station: &Station, settings: &ApiSettings) -> Result<Api> {
        Api::of(station, settings, None)
    }

    /// The same for a station that was started from this configuration, which was read from `file`. The file can be
    /// changed and applied by [`reload`](Api::reload) or over HTTP.
    ///
    /// # Errors
    /// As for [`start`](Api::start).
    pub fn start_reloadable(station: &Station, config: Config, file: &Path) -> Result<Api> {
        let settings = config.api.clone();
        let declared = Declared { file: file.to_owned(), api: config.api, station: station.reloader() };
        Api::of(station, &settings, Some(declared))
    }

    /// Reads the configuration again and applies it: users and media roots here, the rest as
    /// [`Station::reload`] does.
    ///
    /// # Errors
    /// What is wrong with the configuration; nothing has changed then.
    pub fn reload(&self) -> std::result::Result<Reloaded, String> {
        self.core.reload().map_err(|problem| problem.detail.clone())
    }

    fn of(station: &Station, settings: &ApiSettings, declared: Option<Declared>) -> Result<Api> {
        let media = Media::new(&settings.media_roots);
        let guard = Guard::new(read_users(settings)?.and(&settings.users))?;
        let (server, pipelines) = (station.server().clone(), station.pipelines().to_vec());
        let requests = server.take_requests(routes::PATHS, WAITING)?;
        let core = Arc::new(Core::new(server, pipelines, media, guard, declared, requests.bell()));
        let streams = Streams::new(&core, run_name())?;
        let stopping = Arc::new(AtomicBool::new(false));
        let (files, jobs) = bounded(FILES_WAITING);
        let files_thread = Files { core: Arc::clone(&core), jobs };
        let (logins, pending) = bounded(LOGINS_WAITING);
        let (welcome, verified) = unbounded();
        let doorkeeper = Arc::clone(&core);
        let service = Service {
            core: Arc::clone(&core),
            requests,
            streams,
            files,
            logins,
            verified,
            stopping: Arc::clone(&stopping),
        };
        let starting = || Error::io("starting a thread");
        let threads = vec![
            thread::spawn("api", move || service.run()).map_err(starting())?,
            thread::spawn("api-files", move || files_thread.run()).map_err(starting())?,
            thread::spawn("login", move || {
                guard::run_logins(&doorkeeper.guard, &pending, &welcome, &doorkeeper.bell);
            })
            .map_err(starting())?,
        ];
        let hooks = core.pipelines.iter().map(|pipeline| call_at_events(pipeline, &core.bell)).collect();
        Ok(Api { core, stopping, threads, hooks })
    }

    /// Ends it: what is asked from now on is not answered any more.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.core.bell.ring();
        for (pipeline, hooks) in self.core.pipelines.iter().zip(&self.hooks) {
            hooks.iter().for_each(|hook| _ = pipeline.remove_hook(*hook));
        }
        for thread in self.threads.drain(..) {
            // A panic was reported where it happened.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("server", &self.core.server).finish_non_exhaustive()
    }
}

/// Has the thread `api` called when something happens to the pipeline. Listeners come and go by the thousand: of them it
/// hears when it looks next.
fn call_at_events(pipeline: &Pipeline, bell: &RequestsBell) -> Vec<HookId> {
    let is_rare = |kind: &&EventKind| !matches!(kind, EventKind::ListenerJoined | EventKind::ListenerLeft);
    let hook = |kind: &EventKind| {
        let bell = bell.clone();
        pipeline.add_hook(*kind, move |_, _| bell.ring())
    };
    EventKind::ALL.iter().filter(is_rare).map(hook).collect()
}

/// Tells this run of the station from others.
fn run_name() -> String {
    format!("{:08x}", fastrand::u32(..))
}
