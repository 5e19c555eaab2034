//! A pipeline from its start to its end: what it owns, and in which order it lets go of it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::control::ListOptions;
use super::hooks::{self, HookTable};
use super::lists::{Lists, Load};
use super::outputs::Outputs;
use super::resume::{PipelineSnapshot, State};
use super::settings::{PipelineSettings, ReplayGain};
use super::state::{self, History};
use super::voices::{self, Voices};
use super::{SERVER_STOPS_WITHIN, STOP_WITHIN, state_file};
use crate::audio::PcmSpec;
use crate::codec::file::AudioFile;
use crate::engine::clock::Clock;
use crate::engine::crew::Crew;
use crate::engine::decode::Source;
use crate::engine::encoders::Pool;
use crate::engine::mixer::{Command, Mixer, OnAir, Parts};
use crate::engine::picker::{Open, Picker, TitleFormat};
use crate::engine::programme::{Programme, Transitions};
use crate::engine::shared::{Locked, SharedUpNext};
use crate::error::{Error, Result};
use crate::event::{Emitter, Event, Membership};
use crate::ids::EntryId;
use crate::metadata::{Tags, format_title};
use crate::playout::{Entry, UpNext, When};
use crate::ring::{QuietSender, quiet_channel};
use crate::server::{Server, StopReport};
use crate::units::FrameCount;

/// What all handles of a pipeline share.
pub(super) struct Inner {
    pub name: Arc<str>,
    pub spec: PcmSpec,
    pub emitter: Emitter,
    pub hooks: Arc<HookTable>,
    pub up_next: Arc<SharedUpNext>,
    pub on_air: Arc<ArcSwap<OnAir>>,
    pub history: Arc<Mutex<History>>,
    pub outputs: Mutex<Outputs>,
    pub lists: Lists,
    pub goes_on_at: Arc<Mutex<Option<(EntryId, FrameCount)>>>,
    /// How many tracks have begun to sound.
    pub begun: Arc<AtomicU64>,
    /// Reads the fallback, if there is one.
    filling: Option<Lists>,
    pub title: Arc<Mutex<Arc<TitleFormat>>>,
    pub open: Arc<Open>,
    pub next_voice: AtomicU64,
    pub voices: Voices,
    transitions: Mutex<Transitions>,
    membership: Arc<Membership>,
    pub skip_crossfade: Duration,
    pub replaygain: ReplayGain,
    /// Let go of at the end: a server that was made for this pipeline ends with it.
    server: Mutex<Option<Server>>,
    commands: QuietSender<Command>,
    decoders: Arc<Crew>,
    mixer: Crew,
    encoders: Arc<Crew>,
    /// The threads `hooks` and `state`.
    followers: Crew,
    stopping: Arc<AtomicBool>,
    stopped: Mutex<Option<StopReport>>,
}

/// Builds a pipeline and puts it on the air.
pub(super) fn start(settings: PipelineSettings, server: Server) -> Result<Arc<Inner>> {
    settings.check()?;
    if settings.outputs.is_empty() {
        return Err(Error::setting("output", "a pipeline needs at least one"));
    }
    settings.state_file.as_deref().map(state_file::check).transpose()?;
    let kept = settings.state_file.as_deref().and_then(state_file::load);
    let name: Arc<str> = settings.name.as_str().into();
    let spec = settings.spec;
    let hooks = Arc::new(HookTable::new(settings.hooks));
    let history = Arc::new(Mutex::new(History::default()));
    let voices = Voices::default();
    let membership = Arc::new(Membership::enter(server.hub()?, name.clone()));
    let emitter = membership.emitter().after({
        let (history, voices) = (history.clone(), voices.clone());
        move |event| match event {
            Event::TrackChange { track, .. } => state::remember(&history, track),
            Event::VoiceEnded { voice, .. } => voices::forget(&voices, *voice),
            _ => {}
        }
    });
    let [mixer, followers]: [Crew; 2] = Default::default();
    let [decoders, encoders]: [Arc<Crew>; 2] = Default::default();
    let stopping = Arc::new(AtomicBool::new(false));

    let pool = Arc::new(Pool::new());
    let mut outputs = Outputs::new(spec, pool.clone(), encoders.clone(), membership.clone(), emitter.clone());
    for output in settings.outputs {
        outputs.add(&server, output)?;
    }

    let up_next = Arc::new(SharedUpNext::new(UpNext::new(fastrand::Rng::new())));
    let fallback = Arc::new(SharedUpNext::new(UpNext::new(fastrand::Rng::new())));
    let open: Arc<Open> = Arc::new(|path: &Path, spec| -> Result<Box<dyn Source>> {
        Ok(Box::new(AudioFile::open(path, spec)?))
    });
    let format: Arc<TitleFormat> = Arc::new(|entry: &Entry, tags: &Tags| {
        format_title(entry.title.as_deref(), tags, entry.extinf.as_deref(), &entry.path)
    });
    let title = Arc::new(Mutex::new(format));
    let lists = Lists::start(name.clone(), up_next.clone(), &decoders)?;
    let filling = match settings.fallback {
        Some(path) => {
            let filling = Lists::start(name.clone(), fallback.clone(), &decoders)?;
            filling.load(Load::new(vec![path], true, true));
            Some(filling)
        }
        None => None,
    };
    let begun: Arc<AtomicU64> = Arc::default();
    let goes_on_at: Arc<Mutex<Option<(EntryId, FrameCount)>>> = Arc::default();
    let transitions =
        Transitions { crossfade: settings.crossfade, fade_in: settings.fade_in, fade_out: settings.fade_out };
    let replaygain = settings.replaygain;
    let picker = Picker {
        pipeline: name.clone(),
        spec,
        up_next: up_next.clone(),
        fallback: fallback.clone(),
        begun: begun.clone(),
        goes_on_at: goes_on_at.clone(),
        open: open.clone(),
        title: title.clone(),
        file_gain: Arc::new(move |tags: &Tags| file_gain(tags, replaygain)),
        emitter: emitter.clone(),
        crew: decoders.clone(),
        stopping: stopping.clone(),
    };
    let (commands, receiver) = quiet_channel();
    let on_air = Arc::<ArcSwap<OnAir>>::default();
    let inner = Arc::new(Inner {
        name: name.clone(),
        spec,
        server: Mutex::new(Some(server)),
        emitter: emitter.clone(),
        hooks: hooks.clone(),
        up_next,
        on_air: on_air.clone(),
        history,
        lists,
        filling,
        goes_on_at,
        begun,
        title,
        open,
        next_voice: AtomicU64::new(1),
        voices,
        transitions: Mutex::new(transitions),
        membership,
        skip_crossfade: settings.skip_crossfade,
        replaygain,
        commands,
        decoders,
        mixer,
        encoders,
        followers,
        stopping,
        stopped: Mutex::new(None),
        outputs: Mutex::new(outputs),
    });
    inner.fill(&settings.playlist, settings.repeat, settings.shuffle, settings.clock.is_stepped(), kept);
    if let Some(file) = settings.state_file {
        let (events, state) = (emitter.subscribe(STATE_EVENTS), State::of(&inner));
        inner.followers.spawn("state", move || state_file::keep(&state, &events, &file))?;
    }
    inner.followers.spawn("hooks", {
        let (hooks, pipeline) = (hooks.clone(), Arc::downgrade(&inner));
        move || hooks::run(&hooks, &pipeline)
    })?;
    let running = inner.outputs().running();
    let clock: Clock = settings.clock;
    let start = clock.now();
    let (pipeline, mixer, of_mixer) = (Arc::downgrade(&inner), format!("mix:{name}"), emitter.clone());
    let mix = move || {
        // Made on its own thread: picking begins here.
        let programme = Programme::new(spec, transitions, picker);
        let parts = Parts {
            name: name.to_string(),
            spec,
            clock,
            start,
            commands: receiver,
            programme,
            dead_air: settings.dead_air,
            outputs: running,
            pool,
            emitter: of_mixer,
            on_air,
        };
        Mixer::new(parts).run();
    };
    // Not before: if a pipeline cannot start, an application may start it again with the same receivers.
    hooks.attach(&emitter);
    emitter.emit(Event::PipelineStart);
    inner.mixer.spawn(&mixer, move || {
        if catch_unwind(AssertUnwindSafe(mix)).is_err()
            && let Some(pipeline) = pipeline.upgrade()
        {
            log::error!("{}: the mixer has panicked: the pipeline goes off the air", pipeline.name);
            // Who holds the pipeline sees that it is not running, and its mounts end rather than starve.
            pipeline.stop();
        }
    })?;
    Ok(inner)
}

/// Events that wait for the state to be kept; only a few kinds matter, and the last of them.
const STATE_EVENTS: usize = 1024;

/// The factor that a file's gain tags ask for.
pub(super) fn file_gain(tags: &Tags, replaygain: ReplayGain) -> f32 {
    let gain_db = match replaygain {
        ReplayGain::Off => None,
        ReplayGain::Track => tags.track_gain_db,
        ReplayGain::Album => tags.album_gain_db.or(tags.track_gain_db),
    };
    gain_db.map_or(1.0, |db| 10_f32.powf(db.clamp(-40.0, 20.0) / 20.0))
}

impl Inner {
    pub fn is_running(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed)
    }

    /// Puts the first playlist up next. Where the state was kept it goes on where it was, in the same
    /// playlist as it is now.
    fn fill(
        &self,
        roots: &[PathBuf],
        repeat: bool,
        shuffle: bool,
        patience: bool,
        kept: Option<PipelineSnapshot>,
    ) {
        let list = kept.and_then(|kept| {
            self.restore(kept);
            self.up_next().list()
        });
        if roots.is_empty() {
            return;
        }
        let load = Load::new(roots.to_vec(), repeat, shuffle);
        match list.filter(|list| list.name == load.name) {
            Some(list) => self.lists.load(Load { in_place_of: Some(list.id), ..load }),
            None => self.lists.load_first(load, patience),
        }
    }

    /// Asks the mixer; an error when it is off the air.
    pub fn command(&self, command: Command) -> Result<()> {
        if !self.is_running() {
            return Err(Error::Stopped("pipeline"));
        }
        match self.commands.send(command) {
            true => Ok(()),
            false => Err(Error::Stopped("pipeline")),
        }
    }

    pub fn server(&self) -> Result<Server> {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.clone().ok_or(Error::Stopped("pipeline"))
    }

    pub fn up_next(&self) -> Locked<'_> {
        self.up_next.lock()
    }

    pub fn outputs(&self) -> MutexGuard<'_, Outputs> {
        self.outputs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn transitions(&self) -> MutexGuard<'_, Transitions> {
        self.transitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a crossfade takes that is asked for now.
    pub fn quick_crossfade(&self) -> Duration {
        self.transitions().crossfade.max(self.skip_crossfade)
    }

    /// Reads a list on the `lists` thread, which skips to it if it is to come now.
    pub fn load(&self, roots: Vec<PathBuf>, options: &ListOptions) {
        let mut load = Load::new(roots, options.repeat, options.shuffle);
        load.when = options.when;
        if options.when == When::Now {
            let (commands, crossfade) = (self.commands.clone(), self.quick_crossfade());
            // A mixer that has ended has nothing to skip.
            load.begun =
                Some(Box::new(move |version| _ = commands.send(Command::SkipTo { version, crossfade })));
        }
        self.lists.load(load);
    }

    pub fn decoders(&self) -> &Crew {
        &self.decoders
    }

    pub fn stop(&self) -> StopReport {
        self.stop_before(Instant::now() + STOP_WITHIN)
    }

    /// Ends all that it owns, and is done by `deadline`, give or take a moment.
    pub fn stop_before(&self, deadline: Instant) -> StopReport {
        let mut stopped = match self.stopped.try_lock() {
            // Who is stopping it already waits for this very hook.
            Err(TryLockError::WouldBlock) if self.hooks.is_hook_thread() => return StopReport::default(),
            Err(TryLockError::WouldBlock) => self.stopped.lock().unwrap_or_else(PoisonError::into_inner),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Ok(stopped) => stopped,
        };
        if let Some(report) = &mut *stopped {
            // If a hook or a mixer that panicked stopped it, its own thread has not been waited for yet.
            report.abandoned.extend(self.mixer.join(deadline));
            report.abandoned.extend(self.followers.join(deadline));
            return report.clone();
        }
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        let by = Deadlines::within(deadline, server.as_ref().is_some_and(Server::is_last_handle));
        let mut abandoned = Vec::new();
        self.stopping.store(true, Ordering::Relaxed);
        self.lists.stop();
        self.filling.iter().for_each(Lists::stop);
        // A mixer that has ended on its own is joined all the same.
        self.commands.send(Command::Stop);
        abandoned.extend(self.mixer.join(by.mixer));
        // With the mixer went the feeds: decoders see it at their next chunk.
        abandoned.extend(self.decoders.join(by.decoders));
        self.outputs().finish(by.encoders);
        abandoned.extend(self.encoders.join(by.encoders));
        // A server that others use stays; its own ends with it.
        abandoned.extend(server.map(|server| server.release(by.server).abandoned).unwrap_or_default());
        self.membership.stop(by.listeners);
        abandoned.extend(self.followers.join(by.hooks));
        abandoned.extend(self.membership.leave(deadline));
        for thread in &abandoned {
            log::error!("{}: thread {thread} is stuck and was left behind", self.name);
        }
        log::info!("{}: off the air", self.name);
        stopped.insert(StopReport { abandoned }).clone()
    }
}

/// By when each stage of stopping is over. Each leaves enough for those after it: one that is stuck does not
/// have them named as stuck who had no time.
struct Deadlines {
    mixer: Instant,
    decoders: Instant,
    encoders: Instant,
    server: Instant,
    /// They get what is due to them for two seconds. Usually nothing before it has taken any time.
    listeners: Instant,
    hooks: Instant,
}

impl Deadlines {
    /// For a chunk of a file; for the jobs that wait, and what the encoder holds; for hooks, and a last write of the
    /// state.
    const DECODERS: Duration = Duration::from_millis(250);
    const ENCODERS: Duration = Duration::from_millis(500);
    const HOOKS: Duration = Duration::from_secs(1);
    const LEAST_FOR_HOOKS: Duration = Duration::from_millis(250);
    /// For the threads that a server leaves to its last pipeline.
    const HUB: Duration = Duration::from_millis(250);

    fn within(deadline: Instant, own_server: bool) -> Deadlines {
        let hooks = deadline - Deadlines::HUB;
        let server = hooks - Deadlines::HOOKS;
        let encoders = if own_server { server - SERVER_STOPS_WITHIN } else { server };
        let decoders = encoders - Deadlines::ENCODERS;
        let listeners = hooks - Deadlines::LEAST_FOR_HOOKS;
        Deadlines { mixer: decoders - Deadlines::DECODERS, decoders, encoders, server, listeners, hooks }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("name", &self.name)
            .field("running", &self.is_running())
            .finish_non_exhaustive()
    }
}
