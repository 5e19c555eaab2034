//! A whole declaration: a server and its pipelines.

use std::ffi::c_char;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use longwave::{Api, ApiSettings, Config, PipelineSettings, RelayedMountSettings, Reloaded, StationSettings};

use crate::entry::{call, lock};
use crate::failure::{Failure, Outcome, lw_status};
use crate::handles;
use crate::json;
use crate::pipeline::{Pipeline, lw_pipeline};
use crate::server::{Server, lw_server};
use crate::sources::{Admission, Function};
use crate::text::{Out, optional_text, path, report, text};

/// A station: a server and its pipelines, declared together.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_station = u64;

/// A server and its pipelines. They are declared first and started later.
pub struct Station {
    server: Arc<Server>,
    pipelines: Vec<Arc<Pipeline>>,
    mounts: Vec<RelayedMountSettings>,
    /// The file that it was read from, which a reload reads again.
    file: Option<PathBuf>,
    /// What the API is started with, if the declaration has users or media roots, or the host decides who may
    /// send.
    config: Config,
    /// Shared with the running station, which asks.
    pub admission: Arc<Admission>,
    /// Held while the station is started.
    starts: Mutex<()>,
    running: OnceLock<Running>,
}

/// A station on the air. The API is dropped, and with it stopped, first.
struct Running {
    api: Option<Api>,
    station: longwave::Station,
    /// Whether the host's function is asked about sources.
    asks: OnceLock<()>,
}

impl handles::Kind for Station {
    const WORD: &'static str = "a station";
}

impl Station {
    fn new(config: Config, file: Option<&Path>) -> Station {
        let file = file.map(Path::to_owned);
        let server = Arc::new(Server::new(config.server.clone()));
        let pipelines = config.pipelines.iter().cloned();
        let pipelines = pipelines.map(|settings| Pipeline::of_station(settings, &server)).collect();
        let (mounts, admission) = (config.mounts.clone(), Arc::default());
        let (starts, running) = (Mutex::default(), OnceLock::new());
        Station { pipelines, mounts, server, file, config, admission, starts, running }
    }

    /// Starts all of it, or nothing.
    fn start(&self) -> Outcome {
        let _starts = lock(&self.starts);
        let server = self.server.declared();
        if self.running.get().is_some() {
            return Err(Failure::exists(
                "the station was started already; a stopped one does not start again: open another",
            ));
        }
        // Locked until they are started: what is declared on another thread is in, or is refused.
        let declared: Vec<_> = self.pipelines.iter().map(|pipeline| pipeline.declared()).collect();
        let pipelines = declared.iter().map(|settings| PipelineSettings::clone(settings)).collect();
        let (mounts, history) = (self.mounts.clone(), self.config.history.clone());
        let (page, library) = (self.config.page.clone(), self.config.library.clone());
        let server = server.clone();
        let settings = StationSettings { server, page, pipelines, mounts, history, library };
        let expected = self.server.expected().clone();
        let mut expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        let serves_api = self.config.declares_api || self.admission.is_there();
        expected.extend(serves_api.then_some(Api::PATHS).into_iter().flatten());
        let station = longwave::Station::start_expecting(settings, &expected)?;
        let asks = OnceLock::new();
        if self.admission.is_there() {
            // Before the API lets the first source in.
            self.ask_for(&station, &asks);
        }
        let start_api = || match &self.file {
            Some(file) => Api::start_reloadable(&station, self.config.clone(), file),
            None => Api::start(&station, &self.config.api),
        };
        let api = serves_api.then(start_api).transpose()?;
        self.server.runs(station.server());
        for (pipeline, running) in self.pipelines.iter().zip(station.pipelines()) {
            pipeline.runs(running);
        }
        self.running.get_or_init(|| Running { api, station, asks });
        Ok(lw_status::LW_OK)
    }

    /// Lets a function of the host decide who may send: before the start, or where the API runs, which lets
    /// sources in.
    pub fn let_decide(&self, function: Option<Function>) -> Outcome<()> {
        let _starts = lock(&self.starts);
        let running = self.running.get();
        if function.is_some() && running.is_some_and(|running| running.api.is_none()) {
            return Err(Failure::invalid(
                "nobody lets sources in at this station: call lw_station_admit_sources before its start",
            ));
        }
        let decides = function.is_some();
        self.admission.set(function);
        if let Some(Running { station, asks, .. }) = running
            && decides
        {
            self.ask_for(station, asks);
        }
        Ok(())
    }

    fn ask_for(&self, station: &longwave::Station, asks: &OnceLock<()>) {
        let admission = self.admission.clone();
        asks.get_or_init(|| station.admit_sources(move |request| admission.ask(request)));
    }

    /// Applies a declaration, or its file as it is now.
    fn reload(&self, declaration: Option<&str>) -> Outcome<Reloaded> {
        let Running { api, station, .. } = self.on_air()?;
        let config = match (declaration, &self.file, api) {
            (Some(declaration), ..) => read(declaration)?,
            (None, None, _) => {
                return Err(Failure::invalid(
                    "declaration is NULL, and the station was not read from a file",
                ));
            }
            // It reads the file itself, and the users.
            (None, Some(_), Some(api)) => {
                let setting = |message| Failure { status: lw_status::LW_SETTING, message };
                return api.reload().map_err(setting);
            }
            (None, Some(file), None) => Config::read(file)?,
        };
        let waiting = self.waits_for_a_restart(&config);
        let mut report = station.reload(&config.into());
        report.restart.extend(waiting);
        Ok(report)
    }

    fn on_air(&self) -> Outcome<&Running> {
        match self.running.get() {
            None => Err(Failure::stopped("the station is not started yet: lw_station_start")),
            Some(running) if !running.station.server().is_running() => {
                Err(Failure::stopped("the station has stopped"))
            }
            Some(running) => Ok(running),
        }
    }

    /// The keys of the API that differ: a declaration in a text cannot change them.
    fn waits_for_a_restart(&self, new: &Config) -> Vec<String> {
        let declared = |config: &Config| match config.declares_api {
            true => config.api.clone(),
            false => ApiSettings::default(),
        };
        let (old, new) = (declared(&self.config), declared(new));
        let keys = [
            ("users_file", old.users_file != new.users_file),
            ("media_roots", old.media_roots != new.media_roots),
        ];
        keys.iter().filter(|(_, differs)| *differs).map(|(key, _)| format!("server.{key}")).collect()
    }

    /// Stops it, if it was started. Returns the names of the threads that were left behind.
    fn stop(&self) -> Vec<String> {
        let Some(Running { api, station, .. }) = self.running.get() else { return Vec::new() };
        let mut abandoned = api.as_ref().map(|api| api.stop().abandoned).unwrap_or_default();
        abandoned.extend(station.stop().abandoned);
        abandoned
    }
}

/// Calls `act` with a station that is on the air.
pub fn on_air<T>(handle: lw_station, act: impl FnOnce(&longwave::Station) -> Outcome<T>) -> Outcome<T> {
    act(&handles::find::<Station>(handle)?.on_air()?.station)
}

fn read(declaration: &str) -> Outcome<Config> {
    Ok(if json::is_json(declaration) {
        Config::from_json(declaration, Path::new(""))?
    } else {
        Config::from_toml(declaration, Path::new("station"))?
    })
}

/// Declares a station: TOML or JSON as in docs/CONFIGURATION.md. Relative paths are relative to the working
/// directory. All its problems are reported at once, a line each. `lw_station_start` puts it on the air.
/// `station` is closed by `lw_station_close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_station_open(declaration: *const c_char, station: *mut lw_station) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (declaration, station) =
            unsafe { (text(declaration, "declaration")?, Out::new(station, "station")?) };
        station.set(handles::add(Station::new(read(declaration)?, None)))
    })
}

/// The same from a file: JSON where its name ends in `.json`, else TOML. Relative paths are relative to the
/// file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_station_read(file: *const c_char, station: *mut lw_station) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (file, station) = unsafe { (path(file, "file")?, Out::new(station, "station")?) };
        station.set(handles::add(Station::new(Config::read(file)?, Some(file))))
    })
}

/// Starts the server, then every pipeline. If one cannot start, nothing is left running. A station is started
/// once. If its declaration has `users_file` or `media_roots`, or `lw_station_admit_sources` was called, it
/// serves the HTTP API, as the program does. (Users are made by `longwave user`; a users file without users
/// lets nobody in.)
#[unsafe(no_mangle)]
pub extern "C" fn lw_station_start(station: lw_station) -> lw_status {
    call(|| handles::find::<Station>(station)?.start())
}

/// Applies another declaration to a station on the air, or, if `declaration` is NULL, the file of
/// `lw_station_read` as it is now: mounts, outputs, bitrates, limits, playlists, crossfades; users and media
/// roots if they are from the file. Listeners stay, except those of a mount that is gone. If anything is
/// wrong with the declaration, this returns `LW_SETTING`, and nothing changes. `report` is JSON with three
/// lists of sentences: `changed`, what was applied; `restart`, what differs but needs a restart; `failed`,
/// what could not be applied, and why. It is freed by `lw_free` and may be NULL. What calls have added to the
/// declared outputs stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_station_reload(
    station: lw_station,
    declaration: *const c_char,
    report: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (declaration, report) =
            unsafe { (optional_text(declaration, "declaration")?, Out::optional(report, "report")?) };
        let done = handles::find::<Station>(station)?.reload(declaration)?;
        report.map_or(Ok(lw_status::LW_OK), |report| report.json(&done))
    })
}

/// Does what a request to the HTTP API does, as an admin could, without a socket, a user or a token: so a host
/// has all of the API, also what has no function here. `method` is `"GET"`, `"POST"` and so on; `target` is a
/// path, percent-encoded, with its query (`"/api/v1/denied"`, `"/played/a.mp3?at=14:32"`); `body` is JSON, or
/// NULL. `http_status` is as over HTTP, and so is `answer`: JSON mostly, also for a refusal, and empty where
/// the status is 204. It is freed by `lw_free`. It runs on the calling thread, and takes as long as the
/// request would: up to some seconds where a disk does not answer. What streams, or may, is for HTTP alone, and
/// refused with 405: events, levels, `/nowplaying`, uploads, downloads. `LW_STOPPED` if the station is not
/// on the air, `LW_INVALID` if it serves no API.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_station_ask(
    station: lw_station,
    method: *const c_char,
    target: *const c_char,
    body: *const c_char,
    http_status: *mut u32,
    answer: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (method, target, body) =
            unsafe { (text(method, "method")?, text(target, "target")?, optional_text(body, "body")?) };
        // SAFETY: as above.
        let (http_status, answer) =
            unsafe { (Out::new(http_status, "http_status")?, Out::new(answer, "answer")?) };
        let station = handles::find::<Station>(station)?;
        let api = station.on_air()?.api.as_ref().ok_or_else(|| {
            Failure::invalid(
                "the station serves no API: its declaration has neither users_file nor media_roots",
            )
        })?;
        let answered = api.ask(method, target, body.unwrap_or_default().as_bytes());
        answer.text(&String::from_utf8_lossy(answered.body()))?;
        http_status.set(answered.status().into())
    })
}

/// Stops the pipelines, then the server. It takes five seconds at most. `abandoned` is a JSON list of the
/// threads that had to be left behind. It is freed by `lw_free` and may be NULL. Stopping again is harmless.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_station_stop(station: lw_station, abandoned: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let abandoned = unsafe { Out::optional(abandoned, "abandoned") }?;
        report(abandoned, handles::find::<Station>(station)?.stop())
    })
}

/// Stops a station and closes its handle. Closing it again is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn lw_station_close(station: lw_station) -> lw_status {
    call(|| {
        if let Some(station) = handles::close::<Station>(station)? {
            station.stop();
        }
        Ok(lw_status::LW_OK)
    })
}

/// A handle to a station's server, closed by `lw_server_close`; the station keeps its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_station_server(station: lw_station, server: *mut lw_server) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let server = unsafe { Out::new(server, "server") }?;
        server.set(handles::add_shared(handles::find::<Station>(station)?.server.clone()))
    })
}

/// A handle to one of a station's pipelines, by its name, or to the first if `name` is NULL. It is available
/// before the station is started, so that hooks are called for the start, too. Closed by `lw_pipeline_close`;
/// the station keeps its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_station_pipeline(
    station: lw_station,
    name: *const c_char,
    pipeline: *mut lw_pipeline,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (name, pipeline) = unsafe { (optional_text(name, "name")?, Out::new(pipeline, "pipeline")?) };
        let station = handles::find::<Station>(station)?;
        let found = station.pipelines.iter().find(|pipeline| name.is_none_or(|name| pipeline.name() == name));
        let found = found.ok_or_else(|| {
            Failure::not_found(format!("there is no pipeline {:?} in this station", name.unwrap_or_default()))
        })?;
        pipeline.set(handles::add_shared(found.clone()))
    })
}

/// The names of a station's pipelines, in the order in which they were declared, as a JSON list. `json` is
/// freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_station_pipelines(station: lw_station, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        let station = handles::find::<Station>(station)?;
        json.json(&station.pipelines.iter().map(|pipeline| pipeline.name()).collect::<Vec<_>>())
    })
}

#[cfg(all(test, feature = "mp3"))]
mod tests {
    use std::ffi::CString;
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::ptr::null;

    use super::*;
    use crate::pipeline::lw_pipeline_close;
    use crate::server::listeners::lw_server_listener_count;
    use crate::server::{lw_server_close, lw_server_port};

    /// A station of this declaration, on the air.
    fn on_air(declaration: &str) -> (lw_station, lw_server, u16) {
        let declaration = CString::new(declaration).unwrap();
        let (mut station, mut server, mut port) = (0, 0, 0);
        // SAFETY: the texts and the variables live.
        unsafe {
            assert_eq!(lw_station_open(declaration.as_ptr(), &raw mut station), lw_status::LW_OK);
            assert_eq!(lw_station_start(station), lw_status::LW_OK);
            assert_eq!(lw_station_server(station, &raw mut server), lw_status::LW_OK);
            assert_eq!(lw_server_port(server, &raw mut port), lw_status::LW_OK);
        }
        (station, server, port)
    }

    /// The status of an answer.
    fn ask(port: u16, path: &str, token: &str) -> u16 {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).unwrap();
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).unwrap();
        std::str::from_utf8(&answer[9..]).unwrap().parse().unwrap()
    }

    #[test]
    fn a_station_that_declares_users_or_media_roots_serves_the_api() {
        let folder = std::env::temp_dir().join(format!("longwave-abi-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let users_file = folder.join("users");
        let token =
            longwave::Users::update(&users_file, |users| users.add_token("host", longwave::Role::Viewer));
        let token = token.unwrap();
        let folder = serde_json::Value::from(folder.to_str().unwrap());
        let users = serde_json::Value::from(users_file.to_str().unwrap());
        let cases = [
            (format!(r#""users_file": {users}, "#), (200, 200)),
            (format!(r#""media_roots": [{folder}], "#), (200, 401)),
            (String::new(), (404, 404)),
        ];
        for (keys, (health, pipelines)) in cases {
            let (station, server, port) = on_air(&format!(
                r#"{{ "server": {{ {keys}"listen": ["127.0.0.1:0"] }}, "pipeline": [{{ "output": [{{ "format": "mp3", "mount": "/a" }}] }}] }}"#
            ));
            // Nothing is up next, which is a problem; that it is told is the point.
            let told = ask(port, "/health", "");
            assert!(told == health || (health == 200 && told == 503), "{keys}: {told}");
            assert_eq!(ask(port, "/api/v1/pipelines", &token), pipelines, "{keys}");
            let mut count = 7;
            let typo = CString::new("/typo").unwrap();
            // SAFETY: the texts and the variables live.
            unsafe {
                let unknown = lw_server_listener_count(server, typo.as_ptr(), &raw mut count);
                assert_eq!((unknown, count), (lw_status::LW_NOT_FOUND, 7));
                assert_eq!(lw_station_stop(station, std::ptr::null_mut()), lw_status::LW_OK);
                let stopped = lw_server_listener_count(server, null(), &raw mut count);
                assert_eq!((stopped, count), (lw_status::LW_STOPPED, 7));
            }
            assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
            assert_eq!(lw_server_close(server), lw_status::LW_OK);
            assert_eq!(lw_station_close(station), lw_status::LW_OK);
        }
        std::fs::remove_dir_all(users_file.parent().unwrap()).unwrap();
    }

    #[test]
    fn after_a_stop_the_calls_of_a_pipeline_say_stopped() {
        use crate::pipeline::state::*;
        let (station, server, _) = on_air(
            r#"{ "server": { "listen": ["127.0.0.1:0"] }, "pipeline": [{ "output": [{ "format": "mp3", "mount": "/a" }] }] }"#,
        );
        let mut pipeline = 0;
        // SAFETY: the texts and the variables live.
        unsafe {
            assert_eq!(lw_station_pipeline(station, null(), &raw mut pipeline), lw_status::LW_OK);
            assert_eq!(lw_station_stop(station, std::ptr::null_mut()), lw_status::LW_OK);
            let (mut text, mut number, mut flag) = (std::ptr::null_mut(), 0, 0);
            let stopped = [
                lw_pipeline_current_track(pipeline, &raw mut text),
                lw_pipeline_current_title(pipeline, &raw mut text),
                lw_pipeline_played_ms(pipeline, &raw mut number),
                lw_pipeline_remaining_ms(pipeline, &raw mut number),
                lw_pipeline_up_next(pipeline, 9, &raw mut text),
                lw_pipeline_playlist(pipeline, &raw mut text),
                lw_pipeline_listener_count(pipeline, null(), &raw mut number),
                lw_pipeline_time_on_air_ms(pipeline, &raw mut number),
                lw_pipeline_is_held(pipeline, &raw mut flag),
                lw_pipeline_hold_state(pipeline, &raw mut text),
                lw_pipeline_levels(pipeline, &raw mut text),
                lw_pipeline_fill(pipeline, &raw mut text),
            ];
            assert!(stopped.iter().all(|status| *status == lw_status::LW_STOPPED), "{stopped:?}");
            for kept in [lw_pipeline_health, lw_pipeline_history, lw_pipeline_snapshot] {
                assert_eq!(kept(pipeline, &raw mut text), lw_status::LW_OK);
                crate::text::lw_free(text);
            }
        }
        assert_eq!(lw_pipeline_close(pipeline), lw_status::LW_OK);
        assert_eq!(lw_server_close(server), lw_status::LW_OK);
        assert_eq!(lw_station_close(station), lw_status::LW_OK);
    }
}
