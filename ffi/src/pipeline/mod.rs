//! Pipelines: declared, started, stopped, closed. What can be done with one meanwhile is in the modules below.

mod outputs;
mod programme;
mod state;
mod voices;

use std::ffi::c_char;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use longwave::{EventKind, EventReceiver, PcmSpec, PipelineSettings, ServerSettings};

use crate::entry::call;
use crate::events::Hooks;
use crate::failure::{Failure, Outcome, lw_status};
use crate::handles;
use crate::json;
use crate::server::{Server, lw_server};
use crate::text::{Out, report, text};

/// A pipeline: one programme, its mixer, and its outputs.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_pipeline = u64;

/// How many events wait to be read: those of several minutes, or of a crowd that comes at once.
const EVENTS: usize = 1024;

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
}

impl handles::Kind for Pipeline {
    const WORD: &'static str = "a pipeline";
}

/// What ends with what.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// It is stopped by its station.
    Station,
    /// It is stopped when it is closed.
    Host,
    /// So is its server, which was made for it.
    HostWithServer,
}

impl Pipeline {
    pub fn of_station(settings: PipelineSettings, server: &Arc<Server>) -> Arc<Pipeline> {
        Pipeline::new(settings, server.clone(), Owner::Station)
    }

    fn new(mut settings: PipelineSettings, server: Arc<Server>, belongs_to: Owner) -> Arc<Pipeline> {
        let hooks = Arc::new(Hooks::new(settings.spec));
        let events = settings.hooks.events(EVENTS);
        Arc::new_cyclic(|this: &Weak<Pipeline>| {
            for kind in EventKind::ALL {
                let (hooks, this) = (hooks.clone(), this.clone());
                settings.hooks = std::mem::take(&mut settings.hooks).on(*kind, move |running, event| {
                    // This may be earlier than what starts it has come back.
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
            Pipeline { declared, running: OnceLock::new(), server, belongs_to, name, spec, hooks, events }
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

    /// What it is to be. Held while it is started, by whom ever.
    pub fn declared(&self) -> MutexGuard<'_, PipelineSettings> {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It was started as this.
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
            self.server.start()?;
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

    /// Ends it, if it was started.
    pub fn stop(&self) -> Vec<String> {
        let mut abandoned = self.running.get().map(|running| running.stop().abandoned).unwrap_or_default();
        abandoned.extend(self.end_own_server());
        abandoned
    }

    fn end_own_server(&self) -> Vec<String> {
        if self.belongs_to == Owner::HostWithServer { self.server.stop() } else { Vec::new() }
    }
}

/// What a handle stands for, on the air or not.
pub fn declared(handle: lw_pipeline) -> Outcome<Arc<Pipeline>> {
    handles::find(handle)
}

/// Does something with a pipeline that was started.
fn with<T>(handle: lw_pipeline, act: impl FnOnce(&longwave::Pipeline) -> Outcome<T>) -> Outcome<T> {
    act(declared(handle)?.running()?)
}

/// Something that gives nothing back.
fn order(handle: lw_pipeline, act: impl FnOnce(&longwave::Pipeline) -> longwave::Result<()>) -> lw_status {
    call(|| {
        with(handle, |pipeline| Ok(act(pipeline)?))?;
        Ok(lw_status::LW_OK)
    })
}

/// Declares a pipeline: TOML or JSON with the keys of `[[pipeline]]` in docs/CONFIGURATION.md. Its mounts are put on `server`,
/// which is to be started before it and which others may share; with 0 it gets a server of its own on port 8000, which ends
/// with it. `lw_pipeline_start` puts it on the air. `pipeline` is closed by `lw_pipeline_close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_open(
    declaration: *const c_char,
    server: lw_server,
    pipeline: *mut lw_pipeline,
) -> lw_status {
    call(|| {
        // SAFETY: what the header demands of pointers.
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

/// Puts a pipeline on the air. It is started once: one that has stopped does not start again. If it
/// cannot start, nothing is left running. A pipeline of a station is started by its station.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_start(pipeline: lw_pipeline) -> lw_status {
    call(|| declared(pipeline)?.start())
}

/// Takes a pipeline off the air and ends what it owns: decoders, mixer, encoders, mounts, hooks, in this order. Listeners
/// get what is due. It takes five seconds at most; threads that had to be left behind are in `abandoned`, a JSON list of names,
/// which is freed by `lw_free` and may be NULL. Called by a hook, it does not wait for hooks. Stopping it again is harmless.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_stop(pipeline: lw_pipeline, abandoned: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: what the header demands of pointers.
        let abandoned = unsafe { Out::optional(abandoned, "abandoned") }?;
        report(abandoned, declared(pipeline)?.stop())
    })
}

/// Whether a pipeline is on the air: 1 or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_is_running(pipeline: lw_pipeline, running: *mut i32) -> lw_status {
    call(|| {
        // SAFETY: what the header demands of pointers.
        let running = unsafe { Out::new(running, "running") }?;
        let pipeline = declared(pipeline)?;
        running.set(pipeline.running.get().is_some_and(longwave::Pipeline::is_running).into())
    })
}

/// Stops a pipeline and closes its handle. One that belongs to a station goes on with it; hooks that were added stay then,
/// and are still called with the handle that is closed. Closing it again is harmless.
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
        // SAFETY: what the header demands of pointers.
        let server = unsafe { Out::new(server, "server") }?;
        server.set(handles::add_shared(declared(pipeline)?.server.clone()))
    })
}

/// A pipeline's name, freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_name(pipeline: lw_pipeline, name: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: what the header demands of pointers.
        let name = unsafe { Out::new(name, "name") }?;
        name.text(declared(pipeline)?.name())
    })
}

/// The shape of a pipeline's audio, and of PCM that is pushed into it: frames per second, and samples per frame (1 or 2).
/// Either pointer may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_spec(
    pipeline: lw_pipeline,
    sample_rate: *mut u32,
    channels: *mut u32,
) -> lw_status {
    call(|| {
        // SAFETY: what the header demands of pointers.
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
