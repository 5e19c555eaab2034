//! Pipelines are declared, started, stopped and closed here. The modules below control one that runs.

mod clock;
mod live;
mod next_track;
mod outputs;
mod pcm;
mod programme;
mod source;
pub mod state;
mod title_format;
mod voices;

use std::ffi::c_char;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use longwave::{EventKind, EventReceiver, PcmSpec, PipelineSettings, ServerSettings, Stepper};

use crate::entry::{call, lock};
use crate::events::EVENTS;
use crate::failure::{Failure, Outcome, lw_status};
use crate::handles;
use crate::hooks::Hooks;
use crate::json;
use crate::server::{Server, lw_server};
use crate::text::{Out, report, text};
use next_track::NextTrack;

/// A pipeline: one programme, its mixer, and its outputs.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_pipeline = u64;

/// A pipeline, declared, then started.
pub struct Pipeline {
    declared: Mutex<PipelineSettings>,
    running: OnceLock<longwave::Pipeline>,
    server: Arc<Server>,
    belongs_to: Owner,
    name: String,
    spec: PcmSpec,
    pub hooks: Arc<Hooks>,
    pub events: EventReceiver,
    next_track: Arc<NextTrack>,
    title_format: title_format::Written,
    /// If its clock is stepped.
    stepper: OnceLock<Stepper>,
}

impl handles::Kind for Pipeline {
    const WORD: &'static str = "a pipeline";
}

/// Who stops a pipeline.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// Its station stops it.
    Station,
    /// The host stops it, at the latest when it closes it.
    Host,
    /// The same, and the server that was made for it stops with it.
    HostWithServer,
}

impl Pipeline {
    pub fn of_station(settings: PipelineSettings, server: &Arc<Server>) -> Arc<Pipeline> {
        Pipeline::new(settings, server.clone(), Owner::Station)
    }

    fn new(mut settings: PipelineSettings, server: Arc<Server>, belongs_to: Owner) -> Arc<Pipeline> {
        server.notes(&settings);
        let hooks = Arc::new(Hooks::new(settings.spec));
        let events = settings.hooks.events(EVENTS);
        Arc::new_cyclic(|this: &Weak<Pipeline>| {
            for kind in EventKind::ALL {
                let (hooks, this) = (hooks.clone(), this.clone());
                settings.hooks = std::mem::take(&mut settings.hooks).on(*kind, move |running, event| {
                    // This may run before the call that starts the pipeline has returned.
                    if event.kind() == EventKind::PipelineStart
                        && let Some(this) = this.upgrade()
                    {
                        this.runs(running);
                    }
                    hooks.tell(event);
                });
            }
            let (name, spec) = (settings.name.clone(), settings.spec);
            let declared = Mutex::new(settings);
            Pipeline {
                declared,
                running: OnceLock::new(),
                server,
                belongs_to,
                name,
                spec,
                hooks,
                events,
                next_track: Arc::default(),
                title_format: Mutex::default(),
                stepper: OnceLock::new(),
            }
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn spec(&self) -> PcmSpec {
        self.spec
    }

    pub fn was_started(&self) -> bool {
        self.running.get().is_some()
    }

    /// The declared settings. The thread that starts the pipeline holds the lock meanwhile.
    pub fn declared(&self) -> MutexGuard<'_, PipelineSettings> {
        lock(&self.declared)
    }

    /// Notes that it was started, and as which pipeline of the library.
    pub fn runs(&self, running: &longwave::Pipeline) {
        self.running.get_or_init(|| running.clone());
        if let Ok(server) = running.server() {
            self.server.runs(&server);
        }
    }

    pub fn start(&self) -> Outcome {
        if self.belongs_to == Owner::Station {
            return Err(Failure::invalid("a pipeline of a station is started by lw_station_start"));
        }
        let declared = self.declared();
        if self.was_started() {
            return Err(Failure::exists(format!(
                "the pipeline {} was started already; a stopped one does not start again: open another",
                self.name
            )));
        }
        if self.belongs_to == Owner::HostWithServer {
            self.server.start_expecting(&declared.mounts())?;
        }
        let running = longwave::Pipeline::start(declared.clone(), self.server.running()?)
            .inspect_err(|_| drop(self.end_own_server()))?;
        self.runs(&running);
        Ok(lw_status::LW_OK)
    }

    fn running(&self) -> Outcome<&longwave::Pipeline> {
        let name = &self.name;
        self.running.get().ok_or_else(|| {
            Failure::stopped(format!("the pipeline {name} is not started yet: lw_pipeline_start"))
        })
    }

    /// Stops it, if it was started. Returns the names of the threads that were left behind.
    pub fn stop(&self) -> Vec<String> {
        if self.belongs_to == Owner::HostWithServer
            && let (Some(pipeline), Ok(server)) = (self.running.get(), self.server.running())
        {
            // Its mounts end before the server does.
            let mounts = pipeline.mounts();
            let _ = server.expect(&mounts.iter().map(String::as_str).collect::<Vec<_>>());
        }
        let mut abandoned = self.running.get().map(|running| running.stop().abandoned).unwrap_or_default();
        abandoned.extend(self.end_own_server());
        abandoned
    }

    fn end_own_server(&self) -> Vec<String> {
        if self.belongs_to == Owner::HostWithServer { self.server.stop() } else { Vec::new() }
    }
}

/// The pipeline of a handle, on the air or not.
pub fn declared(handle: lw_pipeline) -> Outcome<Arc<Pipeline>> {
    handles::find(handle)
}

/// Calls `act` with a pipeline that is on the air.
pub fn with<T>(handle: lw_pipeline, act: impl FnOnce(&longwave::Pipeline) -> Outcome<T>) -> Outcome<T> {
    let pipeline = declared(handle)?;
    let running = pipeline.running()?;
    if !running.is_running() {
        return Err(Failure::stopped(format!("the pipeline {} has stopped", pipeline.name)));
    }
    act(running)
}

/// Calls `act` with a pipeline that was started. It may have stopped.
fn with_started<T>(handle: lw_pipeline, act: impl FnOnce(&longwave::Pipeline) -> T) -> Outcome<T> {
    Ok(act(declared(handle)?.running()?))
}

/// The same for an action without a result.
fn order(handle: lw_pipeline, act: impl FnOnce(&longwave::Pipeline) -> longwave::Result<()>) -> lw_status {
    call(|| {
        with(handle, |pipeline| Ok(act(pipeline)?))?;
        Ok(lw_status::LW_OK)
    })
}

/// Declares a pipeline: TOML or JSON with the keys of `[[pipeline]]` in docs/CONFIGURATION.md. Its mounts are
/// put on `server`. That server must be started first, and other pipelines may share it. If `server` is 0,
/// the pipeline gets its own server on port 8000, which ends with it. `lw_pipeline_start` puts it on the air.
/// `pipeline` is closed by `lw_pipeline_close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_open(
    declaration: *const c_char,
    server: lw_server,
    pipeline: *mut lw_pipeline,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (declaration, pipeline) =
            unsafe { (text(declaration, "declaration")?, Out::new(pipeline, "pipeline")?) };
        let (server, owner) = match server {
            0 => (Arc::new(Server::new(ServerSettings::default())), Owner::HostWithServer),
            shared => (handles::find::<Server>(shared)?, Owner::Host),
        };
        let settings = if json::is_json(declaration) {
            PipelineSettings::from_json(declaration, Path::new(""))?
        } else {
            PipelineSettings::from_toml(declaration, Path::new("pipeline"))?
        };
        pipeline.set(handles::add_shared(Pipeline::new(settings, server, owner)))
    })
}

/// Puts a pipeline on the air. It can be started once: a pipeline that has stopped does not start again. If
/// it cannot start, nothing is left running. A pipeline of a station is started by its station.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_start(pipeline: lw_pipeline) -> lw_status {
    call(|| declared(pipeline)?.start())
}

/// Takes a pipeline off the air and ends what it owns: decoders, mixer, encoders, mounts, hooks, in this
/// order. Listeners get what is due. It takes five seconds at most. `abandoned` is a JSON list of the threads
/// that had to be left behind. It is freed by `lw_free` and may be NULL. If a hook calls this, it does not
/// wait for hooks. Stopping again is harmless.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_stop(pipeline: lw_pipeline, abandoned: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let abandoned = unsafe { Out::optional(abandoned, "abandoned") }?;
        report(abandoned, declared(pipeline)?.stop())
    })
}

/// Whether a pipeline is on the air: 1 or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_is_running(pipeline: lw_pipeline, running: *mut i32) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let running = unsafe { Out::new(running, "running") }?;
        let pipeline = declared(pipeline)?;
        running.set(pipeline.running.get().is_some_and(longwave::Pipeline::is_running).into())
    })
}

/// Stops a pipeline and closes its handle. A pipeline of a station is not stopped: its hooks stay, and are
/// still called with the closed handle. Closing again is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_close(pipeline: lw_pipeline) -> lw_status {
    call(|| {
        if let Some(pipeline) = handles::close::<Pipeline>(pipeline)?
            && pipeline.belongs_to != Owner::Station
        {
            pipeline.stop();
        }
        Ok(lw_status::LW_OK)
    })
}

/// A handle to a pipeline's server, closed by `lw_server_close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_server(pipeline: lw_pipeline, server: *mut lw_server) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let server = unsafe { Out::new(server, "server") }?;
        server.set(handles::add_shared(declared(pipeline)?.server.clone()))
    })
}

/// A pipeline's name, freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_name(pipeline: lw_pipeline, name: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let name = unsafe { Out::new(name, "name") }?;
        name.text(declared(pipeline)?.name())
    })
}

/// The shape of a pipeline's audio, and of PCM that is pushed into it: frames per second, and samples per
/// frame (1 or 2). Either pointer may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_spec(
    pipeline: lw_pipeline,
    sample_rate: *mut u32,
    channels: *mut u32,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let outs =
            unsafe { [Out::optional(sample_rate, "sample_rate")?, Out::optional(channels, "channels")?] };
        let spec = declared(pipeline)?.spec();
        for (out, value) in outs.into_iter().zip([spec.rate.hz(), spec.channels.count() as u32]) {
            if let Some(out) = out {
                out.set(value)?;
            }
        }
        Ok(lw_status::LW_OK)
    })
}
