//! Servers are declared, started, stopped and closed here. The modules below are about their mounts and
//! listeners.

pub mod listeners;
pub mod mounts;

use std::collections::BTreeMap;
use std::ffi::c_char;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use longwave::json::{Health, ServerStatistics};
use longwave::{AudioWriter, EventReceiver, PipelineSettings, SampleRate, ServerSettings, StationEvent};

use crate::entry::{call, lock};
use crate::events::EVENTS;
use crate::failure::{Failure, Outcome, lw_status};
use crate::handles;
use crate::json;
use crate::text::{Out, optional_text, report, text};

/// A server: addresses that it listens on, and mounts.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_server = u64;

/// A server. It is declared first and started later.
pub struct Server {
    declared: Mutex<ServerSettings>,
    running: OnceLock<longwave::Server>,
    /// Paths that `lw_server_expect` named before the start.
    expected: Mutex<Vec<String>>,
    /// The mounts that the host feeds, by path. Each is fed by one thread at a time, and waits for no other.
    writers: Mutex<BTreeMap<String, Arc<Mutex<AudioWriter>>>>,
    /// What is left to read by `lw_server_next_event`, from its first call on.
    events: OnceLock<EventReceiver<StationEvent>>,
    /// The rates of the pipelines that were declared on it, by name: events tell times of their clocks.
    rates: Mutex<BTreeMap<String, SampleRate>>,
}

impl handles::Kind for Server {
    const WORD: &'static str = "a server";
}

impl Server {
    pub fn new(settings: ServerSettings) -> Server {
        Server {
            declared: Mutex::new(settings),
            running: OnceLock::new(),
            expected: Mutex::default(),
            writers: Mutex::default(),
            events: OnceLock::new(),
            rates: Mutex::default(),
        }
    }

    /// The declared settings. The thread that starts the server holds the lock meanwhile.
    pub fn declared(&self) -> MutexGuard<'_, ServerSettings> {
        lock(&self.declared)
    }

    /// Notes that it was started, and as which server of the library.
    pub fn runs(&self, running: &longwave::Server) {
        self.running.get_or_init(|| running.clone());
    }

    /// Starts it. These paths, and those that the host named, answer 503 until they are there.
    pub fn start_expecting(&self, mounts: &[&str]) -> Outcome {
        let declared = self.declared();
        if self.running.get().is_some() {
            return Err(Failure::exists(
                "the server was started already; a stopped one does not start again: open another",
            ));
        }
        let expected = self.expected();
        let expected: Vec<&str> = mounts.iter().copied().chain(expected.iter().map(String::as_str)).collect();
        self.runs(&longwave::Server::start_expecting(declared.clone(), &expected)?);
        Ok(lw_status::LW_OK)
    }

    /// The paths that `lw_server_expect` named before the start.
    pub fn expected(&self) -> MutexGuard<'_, Vec<String>> {
        lock(&self.expected)
    }

    /// Expects a path now, or from the start on.
    fn expect(&self, path: &str) -> Outcome {
        // Locked first, so that a start on another thread either has the path or is over.
        let mut expected = self.expected();
        match self.running.get() {
            Some(server) => server.expect(&[path])?,
            None => expected.push(path.to_owned()),
        }
        Ok(lw_status::LW_OK)
    }

    fn expect_no_more(&self, path: &str) -> Outcome {
        let mut expected = self.expected();
        expected.retain(|expected| expected != path);
        if let Some(server) = self.running.get() {
            server.expect_no_more(path)?;
        }
        Ok(lw_status::LW_OK)
    }

    pub fn running(&self) -> Outcome<&longwave::Server> {
        self.running.get().ok_or_else(|| Failure::stopped("the server is not started yet: lw_server_start"))
    }

    /// Whether it listens.
    pub fn is_running(&self) -> bool {
        self.running.get().is_some_and(longwave::Server::is_running)
    }

    /// Stops it, if it was started. Returns the names of the threads that were left behind.
    pub fn stop(&self) -> Vec<String> {
        self.writers().clear();
        self.running.get().map(|server| server.stop().abandoned).unwrap_or_default()
    }

    /// Notes a pipeline that is declared on it.
    pub fn notes(&self, pipeline: &PipelineSettings) {
        lock(&self.rates).insert(pipeline.name.clone(), pipeline.spec.rate);
    }

    /// The rate of the pipeline that an event is about.
    pub fn rate_of(&self, event: &StationEvent) -> SampleRate {
        let rates = lock(&self.rates);
        event.pipeline.as_deref().and_then(|name| rates.get(name).copied()).unwrap_or(SampleRate::CD)
    }

    /// The events of it and of its pipelines. They are kept from the first call on.
    pub fn events(&self) -> Outcome<&EventReceiver<StationEvent>> {
        // Locked, so that no second thread subscribes meanwhile.
        let _declared = self.declared();
        if let Some(events) = self.events.get() {
            return Ok(events);
        }
        let events = self.running()?.subscribe(EVENTS)?;
        Ok(self.events.get_or_init(|| events))
    }

    fn writers(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Mutex<AudioWriter>>>> {
        lock(&self.writers)
    }

    fn writer(&self, mount: &str) -> Outcome<Arc<Mutex<AudioWriter>>> {
        if !self.running()?.is_running() {
            return Err(Failure::stopped("the server has stopped"));
        }
        let writer = self.writers().get(mount).cloned();
        writer.ok_or_else(|| {
            Failure::not_found(format!(
                "there is no mount {mount} that lw_server_add_mount added on this server"
            ))
        })
    }

    fn feed<T>(&self, mount: &str, feed: impl FnOnce(&mut AudioWriter) -> Outcome<T>) -> Outcome<T> {
        let writer = self.writer(mount)?;
        let mut writer = lock(&writer);
        feed(&mut writer)
    }
}

/// The server of a handle.
pub fn server(handle: lw_server) -> Outcome<Arc<Server>> {
    handles::find(handle)
}

fn settings(declaration: &str) -> Outcome<ServerSettings> {
    Ok(if json::is_json(declaration) {
        ServerSettings::from_json(declaration)?
    } else {
        ServerSettings::from_toml(declaration, Path::new("server"))?
    })
}

/// Declares a server: TOML or JSON with the keys of `[server]` in docs/CONFIGURATION.md, for example `listen
/// = "127.0.0.1:8000"`. NULL means the defaults. `lw_server_start` makes it listen. `server` is closed by
/// `lw_server_close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_open(declaration: *const c_char, server: *mut lw_server) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (server, declaration) =
            unsafe { (Out::new(server, "server")?, optional_text(declaration, "declaration")?) };
        let settings = declaration.map(settings).transpose()?;
        server.set(handles::add(Server::new(settings.unwrap_or_default())))
    })
}

/// Makes a server listen. It can be started once: a server that has stopped does not start again.
#[unsafe(no_mangle)]
pub extern "C" fn lw_server_start(server: lw_server) -> lw_status {
    call(|| self::server(server)?.start_expecting(&[]))
}

/// Answers this path with 503 and Retry-After instead of 404 until a mount is there, because players and
/// directories take 404 for "gone". For the mounts that follow a start: call it before `lw_server_start`, or
/// at any time after.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_expect(server: lw_server, path: *const c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let path = unsafe { text(path, "path") }?;
        self::server(server)?.expect(path)
    })
}

/// Ends what `lw_server_expect` began: if nobody has taken this path, it is 404 again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_expect_no_more(server: lw_server, path: *const c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let path = unsafe { text(path, "path") }?;
        self::server(server)?.expect_no_more(path)
    })
}

/// Gives a server other settings while it runs; no client is closed for it. `declaration` is like that of
/// `lw_server_open`, and what it leaves out is the default. These keys take effect: `max_listeners`,
/// `max_event_clients`, `max_sources`, the limits of each address, `deny`, `public_url`, `trusted_proxies`,
/// `access_log`, `access_log_api`, `addresses`. The others need a restart and are left alone. For the server
/// of a station there is `lw_station_reload`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_reconfigure(server: lw_server, declaration: *const c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let declaration = unsafe { text(declaration, "declaration") }?;
        let server = self::server(server)?;
        server.running()?.reconfigure(&settings(declaration)?)?;
        Ok(lw_status::LW_OK)
    })
}

/// Stops a server. The ports are free at once; its listeners get what is due within two seconds. It takes
/// five seconds at most. `abandoned` is a JSON list of the threads that had to be left behind. It is freed by
/// `lw_free` and may be NULL. Stopping again is harmless.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_stop(server: lw_server, abandoned: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let abandoned = unsafe { Out::optional(abandoned, "abandoned") }?;
        report(abandoned, self::server(server)?.stop())
    })
}

/// Whether a server listens: 1 or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_is_running(server: lw_server, running: *mut i32) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let running = unsafe { Out::new(running, "running") }?;
        running.set(self::server(server)?.is_running().into())
    })
}

/// Closes a handle. The server ends with its last handle and the last pipeline on it. Closing it again is
/// harmless.
#[unsafe(no_mangle)]
pub extern "C" fn lw_server_close(server: lw_server) -> lw_status {
    call(|| {
        handles::close::<Server>(server)?;
        Ok(lw_status::LW_OK)
    })
}

/// The port that a server listens on: the one that it got where 0 was declared; the first, if there are
/// several.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_port(server: lw_server, port: *mut u16) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let port = unsafe { Out::new(port, "port") }?;
        let server = self::server(server)?;
        let first = server.running()?.local_addrs().first().map(|address| address.port());
        first.map_or(Ok(lw_status::LW_NONE), |first| port.set(first))
    })
}

/// All addresses that a server listens on, as JSON: `["127.0.0.1:8000"]`. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_addresses(server: lw_server, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        let server = self::server(server)?;
        let addresses: Vec<_> = server.running()?.local_addrs().iter().map(ToString::to_string).collect();
        json.json(&addresses)
    })
}

/// Opens the file of a server's access log anew (the key `access_log`), as after its rotation. It waits for
/// no disk. Without such a file, it does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn lw_server_reopen_logs(server: lw_server) -> lw_status {
    call(|| {
        self::server(server)?.running()?.reopen_logs();
        Ok(lw_status::LW_OK)
    })
}

/// What a server has done since it started, as JSON. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_stats(server: lw_server, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        let server = self::server(server)?;
        json.json(&ServerStatistics::of(&server.running()?.stats()))
    })
}

/// Whether a server works as it should, as JSON like that of `lw_pipeline_health`: mounts that the host feeds
/// with something else than their content type, addresses that may be a proxy's, an access log that cannot be
/// written. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_health(server: lw_server, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        json.json(&Health::of(self::server(server)?.running()?.health()))
    })
}
