//! The `hooks` thread, one a pipeline that has hooks: calls the application's hooks.
//!
//! Reads: the pipeline's events. Writes: nothing but what the hooks do. A hook that is slow, hangs or panics
//! delays later hooks of its pipeline, and nothing else.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::ThreadId;

use super::{Inner, Pipeline};
use crate::error::{Error, Result};
use crate::event::{Emitter, Event, EventKind, EventReceiver, HOOK_PATIENCE, Inbox, Receivers};

/// Events that wait for the hook thread at most; those beyond are missed.
const HOOK_EVENTS: usize = 4096;

/// The most hooks that a pipeline has.
const MAX_HOOKS: usize = 256;

/// A hook, until it is removed. Never used twice in a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HookId(u64);

pub(super) type Function = Arc<Mutex<dyn FnMut(&Pipeline, &Event) + Send>>;

/// Hooks that a pipeline has from the start, so that they hear of the start too.
///
/// ```
/// use longwave::{EventKind, Hooks};
/// let hooks = Hooks::new().on(EventKind::PipelineStart, |pipeline, _| {
///     println!("{} is on the air", pipeline.name());
/// });
/// ```
#[derive(Clone, Default)]
pub struct Hooks {
    hooks: Vec<(EventKind, Function)>,
    receivers: Vec<Arc<Inbox>>,
}

impl Hooks {
    /// None yet.
    pub fn new() -> Hooks {
        Hooks::default()
    }

    /// And this one: see [`Pipeline::add_hook`].
    #[must_use]
    pub fn on(mut self, kind: EventKind, hook: impl FnMut(&Pipeline, &Event) + Send + 'static) -> Hooks {
        self.hooks.push((kind, Arc::new(Mutex::new(hook))));
        self
    }

    /// And a receiver of all events, the start included: see [`Pipeline::events`].
    pub fn events(&mut self, capacity: usize) -> EventReceiver {
        let receiver = EventReceiver::new(capacity);
        self.receivers.push(receiver.inbox().clone());
        receiver
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.hooks.iter().map(|hook| hook.0)).finish()
    }
}

/// The hooks of a pipeline.
pub(super) struct HookTable {
    state: Mutex<Added>,
    next: AtomicU64,
    /// How many hooks are called when a track begins.
    pub track_hooks: Arc<AtomicUsize>,
    events: EventReceiver,
    /// All receivers of the application.
    pub receivers: Receivers,
}

#[derive(Default)]
struct Added {
    hooks: Vec<(HookId, EventKind, Function)>,
    /// Those that the application made before the pipeline was started, until they are attached.
    receivers: Vec<Arc<Inbox>>,
    calling: Calling,
}

/// Who calls the hooks.
#[derive(Default)]
enum Calling {
    /// The pipeline is not on the air yet.
    #[default]
    Early,
    /// There was no hook yet: a thread starts with the first one.
    Idle,
    /// A thread. It is known when it has begun.
    Thread(Option<ThreadId>),
    /// Nobody will call one any more.
    Over,
}

impl HookTable {
    pub fn new(hooks: Hooks) -> Result<HookTable> {
        let table = HookTable {
            state: Mutex::new(Added { receivers: hooks.receivers, ..Added::default() }),
            next: AtomicU64::new(1),
            track_hooks: Arc::default(),
            events: EventReceiver::watched(HOOK_EVENTS),
            receivers: Receivers::default(),
        };
        for inbox in &table.lock().receivers {
            table.receivers.add(inbox)?;
        }
        for (kind, function) in hooks.hooks {
            table.add(kind, function)?;
        }
        Ok(table)
    }

    /// Receivers hear of the events from now on, and hooks do if there are any.
    ///
    /// # Errors
    /// As for [`call`](HookTable::call).
    pub fn attach(&self, emitter: &Emitter, start: impl FnOnce() -> Result<()>) -> Result<()> {
        let mut state = self.lock();
        state.calling = Calling::Idle;
        // Only the application holds its receivers from now on: one that it drops is gone.
        let receivers = std::mem::take(&mut state.receivers);
        receivers.iter().for_each(|inbox| emitter.attach(inbox));
        let has_hooks = !state.hooks.is_empty();
        drop(state);
        if has_hooks { self.call(emitter, start) } else { Ok(()) }
    }

    /// Has the hooks called from now on, by the thread that `start` starts, unless there is one.
    ///
    /// # Errors
    /// [`Error::Io`] if no thread can be started; [`Error::Stopped`] if no event is to come any more.
    pub fn call(&self, emitter: &Emitter, start: impl FnOnce() -> Result<()>) -> Result<()> {
        let mut state = self.lock();
        match state.calling {
            Calling::Early | Calling::Thread(_) => {}
            Calling::Idle => {
                start()?;
                state.calling = Calling::Thread(None);
                emitter.attach(self.events.inbox());
            }
            Calling::Over => return Err(Error::Stopped("pipeline")),
        }
        Ok(())
    }

    /// No hook is called any more, if there is no thread that calls the rest and then says so.
    pub fn close(&self) {
        if !matches!(self.lock().calling, Calling::Thread(_)) {
            self.forget_hooks();
        }
    }

    pub fn add(&self, kind: EventKind, function: Function) -> Result<HookId> {
        let id = HookId(self.next.fetch_add(1, Ordering::Relaxed));
        let mut state = self.lock();
        if matches!(state.calling, Calling::Over) {
            // Nothing will call it. It is dropped without the lock, as in `remove`.
            drop(state);
            drop(function);
            return Err(Error::Stopped("pipeline"));
        } else if state.hooks.len() >= MAX_HOOKS {
            drop(state);
            drop(function);
            let advice = "remove a hook first: one hook can do many things";
            return Err(Error::Limit { limit: "MAX_HOOKS", most: MAX_HOOKS, advice });
        } else {
            state.hooks.push((id, kind, function));
            self.count(&state);
        }
        Ok(id)
    }

    pub fn remove(&self, id: HookId) -> bool {
        let mut state = self.lock();
        let Some(index) = state.hooks.iter().position(|hook| hook.0 == id) else { return false };
        let hook = state.hooks.remove(index);
        self.count(&state);
        // Dropped without the lock: a hook may hold a pipeline, whose end takes time.
        drop(state);
        drop(hook);
        true
    }

    /// Drops all hooks: none will be called again, and what they hold (this very pipeline, say) is free.
    fn forget_hooks(&self) {
        let mut state = self.lock();
        state.calling = Calling::Over;
        let hooks = std::mem::take(&mut state.hooks);
        self.count(&state);
        drop(state);
        drop(hooks);
    }

    fn count(&self, state: &Added) {
        let count = state.hooks.iter().filter(|hook| hook.1 == EventKind::TrackChange).count();
        self.track_hooks.store(count, Ordering::Relaxed);
    }

    /// The event whose hooks have been running for too long, if there is one.
    pub fn hanging(&self) -> Option<EventKind> {
        let task = self.events.inbox().task();
        task.filter(|task| task.since.elapsed() > HOOK_PATIENCE).map(|task| task.kind)
    }

    /// Whether the caller is a hook of this pipeline.
    pub fn is_hook_thread(&self) -> bool {
        matches!(self.lock().calling, Calling::Thread(Some(id)) if id == std::thread::current().id())
    }

    fn lock(&self) -> MutexGuard<'_, Added> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The hook thread's work: until its receiver is closed, or the pipeline is gone.
pub(super) fn run(table: &HookTable, pipeline: &Weak<Inner>) {
    table.lock().calling = Calling::Thread(Some(std::thread::current().id()));
    call_hooks(table, pipeline);
    table.forget_hooks();
}

fn call_hooks(table: &HookTable, pipeline: &Weak<Inner>) {
    while let Some(event) = table.events.recv() {
        let Some(pipeline) = pipeline.upgrade().map(Pipeline::from_inner) else { return };
        if let Event::Missed { count } = event {
            log::warn!("{}: {count} events came too fast for the hooks", pipeline.name());
        }
        let kind = event.kind();
        let due: Vec<_> =
            table.lock().hooks.iter().filter(|hook| hook.1 == kind).map(|hook| hook.0).collect();
        for id in due {
            // A hook may have been removed by the one before it.
            let hook = table.lock().hooks.iter().find(|hook| hook.0 == id).map(|hook| hook.2.clone());
            let Some(function) = hook else { continue };
            let call = || (function.lock().unwrap_or_else(PoisonError::into_inner))(&pipeline, &event);
            if catch_unwind(AssertUnwindSafe(call)).is_err() {
                log::error!("a hook for {} panicked; it stays, and hooks go on", kind.as_str());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_that_the_application_drops_is_gone() {
        let mut hooks = Hooks::new();
        let receiver = hooks.events(4);
        let inbox = Arc::downgrade(receiver.inbox());
        let table = HookTable::new(hooks).unwrap();
        table.attach(&Emitter::unheard(), || unreachable!("there is no hook")).unwrap();
        assert!(inbox.upgrade().is_some());
        drop(receiver);
        assert!(inbox.upgrade().is_none());
    }

    fn nothing() -> Function {
        Arc::new(Mutex::new(|_: &Pipeline, _: &Event| ()))
    }

    #[test]
    fn hooks_are_bounded_and_one_that_is_removed_makes_room() {
        let table = HookTable::new(Hooks::new()).unwrap();
        let ids: Vec<_> =
            (0..MAX_HOOKS).map(|_| table.add(EventKind::TrackChange, nothing()).unwrap()).collect();
        let refused = table.add(EventKind::TrackChange, nothing());
        assert!(matches!(refused, Err(Error::Limit { limit: "MAX_HOOKS", .. })));
        assert!(table.remove(ids[0]));
        table.add(EventKind::PipelineStop, nothing()).unwrap();
        assert!(table.add(EventKind::PipelineStop, nothing()).is_err());
    }

    #[test]
    fn hooks_and_receivers_that_are_there_from_the_start_are_bounded_too() {
        let many = (0..=MAX_HOOKS).fold(Hooks::new(), |hooks, _| hooks.on(EventKind::TrackChange, |_, _| ()));
        assert!(HookTable::new(many).is_err());
        let mut many = Hooks::new();
        let _kept: Vec<_> = (0..=256).map(|_| many.events(1)).collect();
        assert!(HookTable::new(many).is_err());
    }
}
