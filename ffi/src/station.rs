//! A whole declaration: a server and its pipelines.

use std::ffi::c_char;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use longwave::{Config, StationSettings};

use crate::entry::call;
use crate::failure::{Failure, Outcome, lw_status};
use crate::handles;
use crate::json;
use crate::pipeline::{Pipeline, lw_pipeline};
use crate::server::{Server, lw_server};
use crate::text::{Out, optional_text, path, report, text};

/// A station: a server and its pipelines, declared together.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_station = u64;

/// A server and its pipelines. They are declared first and started later.
pub struct Station {
    server: Arc<Server>,
    pipelines: Vec<Arc<Pipeline>>,
    running: OnceLock<longwave::Station>,
}

impl handles::Kind for Station {
    const WORD: &'static str = "a station";
}

impl Station {
    fn new(config: Config) -> Station {
        let server = Arc::new(Server::new(config.server));
        let pipelines = config.pipelines.into_iter().map(|settings| Pipeline::of_station(settings, &server));
        Station { pipelines: pipelines.collect(), server, running: OnceLock::new() }
    }

    /// Starts all of it, or nothing.
    fn start(&self) -> Outcome {
        let server = self.server.declared();
        if self.running.get().is_some() {
            return Err(Failure::exists(
                "the station was started already; a stopped one does not start again: open another",
            ));
        }
        let settings = StationSettings {
            server: server.clone(),
            pipelines: self.pipelines.iter().map(|pipeline| pipeline.declared().clone()).collect(),
        };
        let expected = self.server.expected().clone();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        let running = longwave::Station::start_expecting(settings, &expected)?;
        self.server.runs(running.server());
        for (pipeline, running) in self.pipelines.iter().zip(running.pipelines()) {
            pipeline.runs(running);
        }
        self.running.get_or_init(|| running);
        Ok(lw_status::LW_OK)
    }

    /// Stops it, if it was started. Returns the names of the threads that were left behind.
    fn stop(&self) -> Vec<String> {
        self.running.get().map(|station| station.stop().abandoned).unwrap_or_default()
    }
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
        let config = if json::is_json(declaration) {
            Config::from_json(declaration, Path::new(""))?
        } else {
            Config::from_toml(declaration, Path::new("station"))?
        };
        station.set(handles::add(Station::new(config)))
    })
}

/// The same from a file: JSON where its name ends in `.json`, else TOML. Relative paths are relative to the
/// file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_station_read(file: *const c_char, station: *mut lw_station) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (file, station) = unsafe { (path(file, "file")?, Out::new(station, "station")?) };
        station.set(handles::add(Station::new(Config::read(file)?)))
    })
}

/// Starts the server, then every pipeline. If one cannot start, nothing is left running. A station is started
/// once.
#[unsafe(no_mangle)]
pub extern "C" fn lw_station_start(station: lw_station) -> lw_status {
    call(|| handles::find::<Station>(station)?.start())
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
