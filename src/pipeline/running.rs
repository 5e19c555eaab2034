//! A pipeline from its start to its end: what it owns, and in which order it lets go of it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::Plays;
use super::STOP_WITHIN;
use super::announcements::AnnouncementTable;
use super::declared::DeclaredOrder;
use super::hls::HlsTable;
use super::hooks::{self, HookId, HookTable};
use super::limits::Limits;
use super::live::LiveTable;
use super::next_track::NextTrack;
use super::outputs::Outputs;
use super::plays::folders_of;
use super::programming::Programming;
use super::requests::Requests;
use super::resume::{PipelineSnapshot, SnapshotSource};
use super::schedule::{Added, Scheduling};
use super::settings::PipelineSettings;
use super::state::History;
use super::state_file::{self, Keeping, Opening};
use super::taps::TapTable;
use super::threads::{Deadlines, Threads};
use super::voices::VoiceTable;
use crate::audio::PcmSpec;
use crate::engine::chooser::Chooser;
use crate::engine::clock::Clock;
use crate::engine::counters::PipelineCounters;
use crate::engine::live::LiveInputs;
use crate::engine::mixer::{Command, Links, Mixer, OnAir};
use crate::engine::programme::Programme;
use crate::engine::shared::Locked;
use crate::error::{Error, Result};
use crate::event::{Emitter, Event, EventKind, Membership};
use crate::home::Home;
use crate::ingest::Sessions;
use crate::playout::{DeadAir, GiveWay};
use crate::recording::Recordings;
use crate::ring::{QuietReceiver, QuietSender, quiet_channel};
use crate::server::{Server, StopReport};
use crate::staff::Round;

/// Events that wait for the state to be kept. Only a few kinds matter, and of those the last.
const STATE_EVENTS: usize = 1024;

/// Orders that wait for the mixer, at most. It takes all of them about ten times a second.
const MAX_ORDERS: usize = 4096;

/// What all handles of a pipeline share.
pub(super) struct Inner {
    pub name: Arc<str>,
    pub spec: PcmSpec,
    pub programming: Programming,
    pub schedule: Arc<Scheduling>,
    pub added: Arc<Added>,
    pub outputs: Mutex<Outputs>,
    pub recordings: Arc<Recordings>,
    pub hls: HlsTable,
    pub voices: Arc<VoiceTable>,
    pub announcements: Arc<AnnouncementTable>,
    pub taps: TapTable,
    pub limits: Limits,
    pub live: LiveTable,
    pub requests: Arc<Requests>,
    pub history: Arc<History>,
    pub on_air: Arc<ArcSwap<OnAir>>,
    pub counters: Arc<PipelineCounters>,
    pub emitter: Emitter,
    pub hooks: Arc<HookTable>,
    /// Set if the application is asked what is next.
    pub chooser: OnceLock<Chooser>,
    membership: Arc<Membership>,
    commands: QuietSender<Command>,
    pub threads: Threads,
    /// The writing of the state.
    pub state_keeping: Arc<Keeping>,
    /// Dropped at the end: a server that was made for this pipeline ends with it.
    server: Mutex<Option<Server>>,
    pub stopping: Arc<AtomicBool>,
    stopped: Mutex<Option<StopReport>>,
    /// The home of its state.
    pub home: Home,
}

/// Builds a pipeline and puts it on the air.
pub(super) fn start(
    mut settings: PipelineSettings,
    server: Server,
    sessions: Option<Sessions>,
    plays: &Plays,
) -> Result<Arc<Inner>> {
    settings.check_to_start()?;
    let state_keeping = Arc::new(Keeping::new());
    let open_state = |file| Opening::begin(file, &state_keeping.work);
    let mut state_file = settings.state_file.as_deref().map(open_state).transpose()?;
    let kept = state_file.as_mut().and_then(Opening::take_kept);
    let home = home_of(settings.state_file.as_deref(), kept.as_ref());
    let name: Arc<str> = settings.name.as_str().into();
    let (history, voices, threads) = <(Arc<History>, Arc<VoiceTable>, Threads)>::default();
    let announcements = Arc::<AnnouncementTable>::default();
    let membership = Arc::new(Membership::enter(server.hub()?, name.clone()));
    let recordings = Arc::new(Recordings::new(membership.emitter()));
    let counters = Arc::<PipelineCounters>::default();
    let remember = remember(&counters, &history, &voices, &announcements, &recordings);
    let emitter = membership.emitter().after(remember);
    let hooks = Arc::new(HookTable::new(std::mem::take(&mut settings.hooks))?);

    let staff = server.staff();
    let (of_outputs, of_staff) = (recordings.clone(), staff.clone());
    let mut outputs =
        Outputs::new(name.clone(), settings.spec, of_staff, membership.clone(), emitter.clone(), of_outputs);
    for output in std::mem::take(&mut settings.outputs) {
        let encoder = output.encoder.open(settings.spec)?;
        outputs.add(&server, output, encoder)?;
    }
    let programming = Programming::start(&settings, &threads.decoders, &staff.rounds)?;
    for input in &settings.live {
        recordings.set(&input.path, &input.record)?;
    }
    let live = LiveTable::new(&settings.live, sessions);
    let stopping = Arc::new(AtomicBool::new(false));
    let (commands, receiver) = quiet_channel();
    let on_air = Arc::<ArcSwap<OnAir>>::default();
    let schedule = Scheduling::new(&settings, &programming, on_air.clone(), emitter.clone(), home.clone());
    let added = Added::new(name.clone(), settings.library.clone(), programming.files.clone());
    let inner = Arc::new(Inner {
        name,
        spec: settings.spec,
        programming,
        schedule,
        added,
        outputs: Mutex::new(outputs),
        recordings,
        hls: HlsTable::default(),
        voices,
        announcements,
        taps: TapTable::default(),
        limits: Limits::of(&settings),
        live,
        requests: Arc::new(Requests::of(&settings)),
        history,
        on_air,
        counters,
        emitter,
        hooks,
        chooser: OnceLock::new(),
        membership,
        commands,
        threads,
        state_keeping,
        server: Mutex::new(Some(server)),
        stopping,
        stopped: Mutex::new(None),
        home,
    });
    let restored = kept.and_then(|kept| {
        let before = kept.declared();
        inner.snapshot_source().restore(kept, GiveWay::Crossfade(Duration::ZERO));
        let mut list = inner.up_next();
        if let Some(before) = before {
            DeclaredOrder::of(&settings).apply_changes(before, &mut list);
        }
        list.list()
    });
    inner.programming.load_first(&settings, restored);
    inner.added.begin(&settings.schedule, &inner, settings.clock.is_stepped())?;
    let looked_after: Arc<dyn Round> = inner.added.clone();
    staff.rounds.add(Arc::downgrade(&looked_after))?;
    inner.set_hls(std::mem::take(&mut settings.hls))?;
    inner.keep_state(state_file)?;
    match settings.next_track.take() {
        Some(next_track) => inner.ask_for_next_tracks(next_track)?,
        None => inner.up_next().start(),
    }
    plays.follow(&inner, folders_of(&settings));
    inner.run_mixer(receiver, settings.clock, settings.dead_air)?;
    Ok(inner)
}

/// The home of a state that was kept, or of one that begins.
fn home_of(state_file: Option<&Path>, kept: Option<&PipelineSnapshot>) -> Home {
    let known = kept.map(PipelineSnapshot::home).filter(|home| !home.is_none());
    known.cloned().or_else(|| state_file.map(Home::of)).unwrap_or_default()
}

/// What an event changes before anybody hears of it.
fn remember(
    counters: &Arc<PipelineCounters>,
    history: &Arc<History>,
    voices: &Arc<VoiceTable>,
    announcements: &Arc<AnnouncementTable>,
    recordings: &Arc<Recordings>,
) -> impl Fn(&Event) + Send + Sync + 'static {
    let (counters, history, voices) = (counters.clone(), history.clone(), voices.clone());
    let (announcements, recordings) = (announcements.clone(), recordings.clone());
    move |event| match event {
        Event::TrackChange { track, .. } => {
            counters.tracks.add_shared(1);
            history.add(track);
        }
        Event::TrackFailed { .. } => counters.failed_tracks.add_shared(1),
        Event::LiveTitle { source, title, .. } => history.add_live(source, title),
        Event::VoiceEnded { voice, .. } => voices.forget(*voice),
        // Until then its recording stays open.
        Event::SourceLeft { id, .. } => recordings.end_session(*id),
        Event::AnnouncementEnded { announcement, .. } => announcements.forget(*announcement),
        _ => {}
    }
}

impl Inner {
    /// Starts the thread that keeps its state, if that is to be kept.
    fn keep_state(self: &Arc<Inner>, state_file: Option<Opening>) -> Result<()> {
        if let Some(opening) = state_file {
            let (events, state) = (self.emitter.subscribe(STATE_EVENTS), self.snapshot_source());
            let keeping = self.state_keeping.clone();
            self.threads
                .followers
                .spawn("state", move || state_file::keep(opening, &state, &events, &keeping))?;
        }
        Ok(())
    }

    /// Adds a hook. The first one starts the thread that calls them.
    pub fn add_hook(self: &Arc<Inner>, kind: EventKind, function: hooks::Function) -> Result<HookId> {
        let id = self.hooks.add(kind, function)?;
        let called = self.hooks.call(&self.emitter, || self.start_hooks());
        called.inspect_err(|_| _ = self.hooks.remove(id)).map(|()| id)
    }

    fn start_hooks(self: &Arc<Inner>) -> Result<()> {
        let (hooks, pipeline) = (self.hooks.clone(), Arc::downgrade(self));
        self.threads.followers.spawn("hooks", move || hooks::run(&hooks, &pipeline))
    }

    /// Starts the thread that asks the application what is next. The programme starts when it was asked for
    /// the first track.
    fn ask_for_next_tracks(self: &Arc<Inner>, next_track: NextTrack) -> Result<()> {
        let (choose, within) = next_track.of(Arc::downgrade(self));
        let up_next = self.programming.up_next.clone();
        let chooser = Chooser::start(self.name.clone(), choose, within, up_next, &self.threads.followers)?;
        // There is none yet.
        let _ = self.chooser.set(chooser);
        Ok(())
    }

    /// Starts the mixer, and with it the first pick. A mixer that panics stops the pipeline.
    fn run_mixer(
        self: &Arc<Inner>,
        commands: QuietReceiver<Command>,
        clock: Clock,
        dead_air: DeadAir,
    ) -> Result<()> {
        let (spec, transitions) = (self.spec, *self.programming.transitions());
        let outputs = self.outputs().for_mixer();
        let (name, emitter, on_air) = (self.name.to_string(), self.emitter.clone(), self.on_air.clone());
        let counters = self.counters.clone();
        let start = clock.now();
        let track_hooks = self.hooks.track_hooks.clone();
        let picker = self.programming.picker(
            self.name.clone(),
            self.emitter.clone(),
            self.threads.decoders.clone(),
            self.chooser.get().cloned(),
            self.schedule.clone(),
            self.stopping.clone(),
        );
        let links = Links { name, clock, commands, emitter, on_air, counters, track_hooks };
        let live = LiveInputs::new(spec, self.live.setups(spec), self.programming.skip_crossfade());
        let mix = move || {
            // Made on the mixer's thread, because picking begins here.
            let programme = Programme::new(spec, transitions, picker);
            Mixer::new(links, programme, live, start, dead_air, outputs).run();
        };
        // Not earlier: if a pipeline cannot start, an application may start it again with the same receivers.
        self.hooks.attach(&self.emitter, || self.start_hooks())?;
        self.emitter.emit(Event::PipelineStart);
        let pipeline = Arc::downgrade(self);
        self.threads.mixer.spawn(&format!("mix:{}", self.name), move || {
            if catch_unwind(AssertUnwindSafe(mix)).is_err()
                && let Some(pipeline) = pipeline.upgrade()
            {
                log::error!("{}: the mixer has panicked: the pipeline goes off the air", pipeline.name);
                // It was not taken off the air on purpose, so its mounts are not gone.
                if let Ok(server) = pipeline.server() {
                    let mounts = pipeline.outputs().mounts().to_vec();
                    let _ = server.expect(&mounts.iter().map(String::as_str).collect::<Vec<_>>());
                }
                // Its holders see that it is not running, and its mounts end rather than starve.
                pipeline.stop();
            }
        })
    }

    pub fn is_running(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed)
    }

    /// An error when it is off the air.
    pub fn check_running(&self) -> Result<()> {
        if self.is_running() { Ok(()) } else { Err(Error::Stopped("pipeline")) }
    }

    /// Asks the mixer; an error when it is off the air.
    pub fn command(&self, command: Command) -> Result<()> {
        self.check_running()?;
        // Several threads may pass here at once, so there may be one more for each thread.
        if self.commands.waiting() >= MAX_ORDERS {
            return Err(Error::Busy("mixer"));
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

    pub fn membership(&self) -> &Membership {
        &self.membership
    }

    pub fn up_next(&self) -> Locked<'_> {
        self.programming.lock()
    }

    /// What its snapshots are taken from.
    pub fn snapshot_source(&self) -> SnapshotSource {
        SnapshotSource {
            spec: self.spec,
            up_next: self.programming.up_next.clone(),
            on_air: self.on_air.clone(),
            begun: self.programming.begun.clone(),
            goes_on_at: self.programming.goes_on_at.clone(),
            history: self.history.clone(),
            schedule: self.schedule.clone(),
            hls: self.hls.left().clone(),
            requests: self.requests.clone(),
            declared: self.programming.declared.clone(),
            home: self.home.clone(),
        }
    }

    pub fn outputs(&self) -> MutexGuard<'_, Outputs> {
        self.outputs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn stop(&self) -> StopReport {
        self.stop_before(Instant::now() + STOP_WITHIN)
    }

    /// Ends all that it owns, and is done by `deadline`, give or take a moment.
    pub fn stop_before(&self, deadline: Instant) -> StopReport {
        let mut stopped = match self.stopped.try_lock() {
            // The thread that is stopping it already waits for this very hook.
            Err(TryLockError::WouldBlock) if self.hooks.is_hook_thread() => return StopReport::default(),
            Err(TryLockError::WouldBlock) => self.stopped.lock().unwrap_or_else(PoisonError::into_inner),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Ok(stopped) => stopped,
        };
        if let Some(report) = &mut *stopped {
            // If a hook or a mixer that panicked stopped it, nobody has waited for that thread yet.
            report.abandoned.extend(self.threads.mixer.join(deadline));
            report.abandoned.extend(self.threads.followers.join(deadline));
            return report.clone();
        }
        let abandoned = self.end(deadline);
        for thread in &abandoned {
            log::error!("{}: thread {thread} is stuck and was left behind", self.name);
        }
        log::info!("{}: off the air", self.name);
        stopped.insert(StopReport { abandoned }).clone()
    }

    /// Ends everything in order. Gives the threads that are stuck.
    fn end(&self, deadline: Instant) -> Vec<String> {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        let own_server = server.as_ref().is_some_and(Server::is_last_handle);
        if let Some(server) = server.as_ref().filter(|_| own_server) {
            server.expect_all_mounts();
        }
        let by = Deadlines::within(deadline, own_server);
        self.stopping.store(true, Ordering::Relaxed);
        self.programming.stop();
        self.schedule.stop();
        let sources = self.live.stop();
        self.chooser.get().into_iter().for_each(Chooser::end);
        // A mixer that has ended on its own is joined all the same.
        self.commands.send(Command::Stop);
        let mut abandoned = self.threads.mixer.join(by.mixer);
        let stuck = sources.iter().filter(|thread| !thread.join_before(by.decoders));
        abandoned.extend(stuck.map(|thread| thread.name.clone()));
        // The mixer has dropped the feeds: decoders see it at their next chunk.
        abandoned.extend(self.threads.decoders.join(by.decoders));
        abandoned.extend(self.programming.settle(by.decoders));
        abandoned.extend(self.outputs().finish(by.encoders));
        self.recordings.finish();
        self.hls.stop();
        // A server that others use stays; its own ends with it.
        abandoned.extend(server.map(|server| server.release(by.server).abandoned).unwrap_or_default());
        // Their last events are the pipeline's. Usually they have ended long ago.
        abandoned.extend(self.recordings.join(by.server));
        let stopped = self.membership.stop(by.listeners);
        self.hooks.close();
        abandoned.extend(self.threads.followers.join(by.hooks));
        // Every receiver has the last event when this returns.
        let _ = stopped.recv_deadline(by.hooks);
        abandoned.extend(self.membership.leave(deadline));
        abandoned
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
