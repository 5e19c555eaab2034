//! The `hooks` thread and the receivers of events.
//!
//! Reads: a pipeline's events. Writes: nothing but what the application's hooks do. Never touches
//! the audio: a hook that is slow, hangs or panics delays later hooks alone.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use super::event_log::EventLog;
use super::{Inner, Pipeline};
use crate::error::{Error, Result};
use crate::event::{Event, EventKind};

/// Events that wait for the hook thread at most; what comes then is counted as missed.
const HOOK_EVENTS: usize = 4096;

/// How long a hook may run before it is reported.
const HOOK_PATIENCE: Duration = Duration::from_secs(5);

/// A hook, until it is removed. Never used twice in a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HookId(u64);

type Function = Arc<Mutex<dyn FnMut(&Pipeline, &Event) + Send>>;

/// Hooks that a pipeline has from the start, so that they hear of the start too.
///
/// ```
/// use longwave::{EventKind, Hooks};
/// let hooks = Hooks::new().on(EventKind::PipelineStart, |pipeline, _| println!("{} is on the air", pipeline.name()));
/// ```
#[derive(Clone, Default)]
pub struct Hooks {
    hooks: Vec<(EventKind, Function)>,
    receivers: Vec<Arc<Mailbox>>,
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
        let mailbox = Arc::new(Mailbox::new(capacity.max(1)));
        self.receivers.push(mailbox.clone());
        EventReceiver(mailbox)
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.hooks.iter().map(|hook| hook.0)).finish()
    }
}

/// Where a pipeline's events go.
pub(super) struct Hub {
    state: Mutex<State>,
    next_hook: AtomicU64,
    for_hooks: EventReceiver,
}

#[derive(Default)]
struct State {
    hooks: Vec<(HookId, EventKind, Function)>,
    receivers: Vec<Weak<Mailbox>>,
    /// Whether the hook thread has ended.
    over: bool,
    running: Option<Run>,
    thread: Option<ThreadId>,
}

/// The hook that is running.
struct Run {
    kind: EventKind,
    since: Instant,
    reported: bool,
}

impl Hub {
    pub fn new(hooks: Hooks) -> Hub {
        let hub = Hub {
            state: Mutex::default(),
            next_hook: AtomicU64::new(1),
            for_hooks: EventReceiver(Arc::new(Mailbox::new(HOOK_EVENTS))),
        };
        for (kind, function) in hooks.hooks {
            hub.add(kind, function);
        }
        hub.lock().receivers.extend(hooks.receivers.iter().map(Arc::downgrade));
        hub
    }

    pub fn add(&self, kind: EventKind, function: Function) -> HookId {
        let id = HookId(self.next_hook.fetch_add(1, Ordering::Relaxed));
        let mut state = self.lock();
        if state.over {
            // Nothing will call it. It goes as `remove` has it go.
            drop(state);
            drop(function);
        } else {
            state.hooks.push((id, kind, function));
        }
        id
    }

    pub fn remove(&self, id: HookId) -> bool {
        let mut state = self.lock();
        let Some(index) = state.hooks.iter().position(|hook| hook.0 == id) else { return false };
        let hook = state.hooks.remove(index);
        // What a hook holds is let go of without the lock: it may be a pipeline, whose end takes time.
        drop(state);
        drop(hook);
        true
    }

    /// Lets go of all hooks: none will be called again, and what they hold (this very pipeline, say) is free.
    fn forget_hooks(&self) {
        let mut state = self.lock();
        state.over = true;
        let hooks = std::mem::take(&mut state.hooks);
        drop(state);
        drop(hooks);
    }

    pub fn subscribe(&self, capacity: usize) -> EventReceiver {
        let mailbox = Arc::new(Mailbox::new(capacity.max(1)));
        self.lock().receivers.push(Arc::downgrade(&mailbox));
        EventReceiver(mailbox)
    }

    /// Tells everybody, and waits for nobody.
    pub fn emit(&self, event: Event) {
        let mut state = self.lock();
        state.receivers.retain(|receiver| match receiver.upgrade() {
            Some(mailbox) => {
                mailbox.put(event.clone());
                true
            }
            None => false,
        });
        self.for_hooks.0.put(event);
    }

    /// Says so, once, when a hook has been running for too long.
    pub fn report_hanging(&self) {
        if let Some(run) = &mut self.lock().running
            && !run.reported
            && run.since.elapsed() > HOOK_PATIENCE
        {
            run.reported = true;
            log::warn!(
                "a hook for {} has been running for {HOOK_PATIENCE:?}; later hooks wait",
                run.kind.as_str()
            );
        }
    }

    /// The event whose hook has been running for too long, if one has.
    pub fn hanging(&self) -> Option<EventKind> {
        self.lock().running.as_ref().filter(|run| run.reported).map(|run| run.kind)
    }

    /// Lets the hook thread and the receivers end when they have read what there is.
    pub fn close(&self) {
        for receiver in &self.lock().receivers {
            if let Some(mailbox) = receiver.upgrade() {
                mailbox.close();
            }
        }
        self.for_hooks.0.close();
    }

    /// Whether the caller is a hook of this pipeline.
    pub fn is_hook_thread(&self) -> bool {
        self.lock().thread == Some(std::thread::current().id())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The hook thread's work: until the hub is closed, or the pipeline is gone.
pub(super) fn run(hub: &Hub, pipeline: &Weak<Inner>) {
    hub.lock().thread = Some(std::thread::current().id());
    call_hooks(hub, pipeline);
    hub.forget_hooks();
}

fn call_hooks(hub: &Hub, pipeline: &Weak<Inner>) {
    let mut log = EventLog::default();
    while let Some(event) = hub.for_hooks.recv() {
        let Some(pipeline) = pipeline.upgrade().map(Pipeline::from_inner) else { return };
        // A host's logger may panic; that costs its line.
        let _ = catch_unwind(AssertUnwindSafe(|| log.tell(pipeline.name(), &event, Instant::now())));
        let kind = event.kind();
        let due: Vec<_> = hub.lock().hooks.iter().filter(|hook| hook.1 == kind).map(|hook| hook.0).collect();
        for id in due {
            // A hook may have been removed by the one before it.
            let hook = hub.lock().hooks.iter().find(|hook| hook.0 == id).map(|hook| hook.2.clone());
            let Some(function) = hook else { continue };
            hub.lock().running = Some(Run { kind, since: Instant::now(), reported: false });
            let call = || (function.lock().unwrap_or_else(PoisonError::into_inner))(&pipeline, &event);
            if catch_unwind(AssertUnwindSafe(call)).is_err() {
                log::error!("a hook for {} panicked; it stays, and hooks go on", kind.as_str());
            }
            hub.lock().running = None;
        }
    }
}

/// A bounded queue of a pipeline's events, for those who would rather poll than be called. What does
/// not fit is never lost silently: [`Event::Missed`] says how many, where they are missing. May be read on any thread.
///
/// In an event loop, wait for [`descriptor`](EventReceiver::descriptor) to become readable.
pub struct EventReceiver(Arc<Mailbox>);

struct Mailbox {
    capacity: usize,
    letters: Mutex<Letters>,
    came: Condvar,
    closed: AtomicBool,
    /// Made when somebody asks for it, and shown with the letters locked.
    flag: OnceLock<Flag>,
}

#[derive(Default)]
struct Letters {
    /// Each with how many were missed before it.
    events: VecDeque<(u64, Event)>,
    /// How many were missed since the last that is kept.
    missed: u64,
}

impl EventReceiver {
    /// The next event, if one is there.
    pub fn try_recv(&self) -> Option<Event> {
        self.0.take(&mut self.0.lock())
    }

    /// The next event; waits for it. `None` when the pipeline has stopped and all was read.
    pub fn recv(&self) -> Option<Event> {
        self.wait(None)
    }

    /// The next event; waits so long at most.
    pub fn recv_timeout(&self, timeout: Duration) -> Option<Event> {
        // What no clock lives to see is for ever.
        self.wait(Instant::now().checked_add(timeout))
    }

    /// A descriptor that is readable as long as events wait, and once the pipeline has stopped: for `poll`
    /// and its like. It is the receiver's own and lives as long as it does; to be waited for, never read.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) when the process has no descriptor left.
    pub fn descriptor(&self) -> Result<BorrowedFd<'_>> {
        let mailbox = &*self.0;
        let letters = mailbox.lock();
        if mailbox.flag.get().is_none() {
            // Nobody else makes one meanwhile: the letters are locked.
            let _ = mailbox.flag.set(Flag::new().map_err(Error::io("making a descriptor for events"))?);
            mailbox.show_flag(&letters);
        }
        Ok(mailbox.flag.get().expect("it was made just now").readable.as_fd())
    }

    /// Whether the pipeline has stopped: nothing more will come than what waits.
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    fn wait(&self, deadline: Option<Instant>) -> Option<Event> {
        let mut letters = self.0.lock();
        loop {
            if let Some(event) = self.0.take(&mut letters) {
                return Some(event);
            }
            if self.0.closed.load(Ordering::Acquire) {
                return None;
            }
            letters = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.0.came.wait(letters).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return None,
                Some(left) => {
                    self.0.came.wait_timeout(letters, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl Mailbox {
    fn new(capacity: usize) -> Mailbox {
        Mailbox {
            capacity,
            letters: Mutex::default(),
            came: Condvar::new(),
            closed: AtomicBool::new(false),
            flag: OnceLock::new(),
        }
    }

    fn put(&self, event: Event) {
        let mut letters = self.lock();
        if letters.events.len() < self.capacity {
            let missed = std::mem::take(&mut letters.missed);
            letters.events.push_back((missed, event));
        } else {
            letters.missed += 1;
        }
        self.show_flag(&letters);
        self.came.notify_one();
    }

    fn close(&self) {
        let letters = self.lock();
        self.closed.store(true, Ordering::Release);
        self.show_flag(&letters);
        self.came.notify_all();
    }

    /// What was missed is told where it was missed.
    fn take(&self, letters: &mut Letters) -> Option<Event> {
        let Letters { events, missed } = letters;
        let missed = events.front_mut().map_or(missed, |(missed, _)| missed);
        let event = match std::mem::take(missed) {
            0 => events.pop_front().map(|(_, event)| event),
            count => Some(Event::Missed { count }),
        };
        self.show_flag(letters);
        event
    }

    fn show_flag(&self, letters: &Letters) {
        if let Some(flag) = self.flag.get() {
            flag.show(letters.waiting() || self.closed.load(Ordering::Acquire));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Letters {
    fn waiting(&self) -> bool {
        !self.events.is_empty() || self.missed > 0
    }
}

/// A descriptor that is readable, or is not: a pair of sockets with one byte between them, or none. It
/// never fills up; and whatever an application does to its end, nothing here waits or raises a signal.
struct Flag {
    readable: UnixStream,
    writer: UnixStream,
    shown: AtomicBool,
}

impl Flag {
    fn new() -> io::Result<Flag> {
        let (readable, writer) = UnixStream::pair()?;
        readable.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        Ok(Flag { readable, writer, shown: AtomicBool::new(false) })
    }

    /// By one thread at a time.
    fn show(&self, shown: bool) {
        if shown == self.shown.swap(shown, Ordering::Relaxed) {
            return;
        }
        // There is room for the byte, and there it is: what fails was done to it by the application.
        let _ = if shown { (&self.writer).write(&[1]) } else { (&self.readable).read(&mut [0]) };
    }
}

impl fmt::Debug for EventReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventReceiver").field("waiting", &self.0.lock().events.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_told_where_it_was_missed() {
        let hub = Hub::new(Hooks::new());
        let events = hub.subscribe(2);
        let mut numbers = 0..;
        let mut emit = |count| {
            for number in numbers.by_ref().take(count) {
                hub.emit(Event::DeadAirEnds { lasted: Duration::from_secs(number) });
            }
        };
        let read = |count: usize| -> Vec<String> {
            let told = (0..count).map_while(|_| events.try_recv());
            told.map(|event| match event {
                Event::DeadAirEnds { lasted } => lasted.as_secs().to_string(),
                Event::Missed { count } => format!("missed {count}"),
                other => panic!("{other:?}"),
            })
            .collect()
        };
        emit(5);
        assert_eq!(read(1), ["0"]);
        emit(2);
        assert_eq!(read(9), ["1", "missed 3", "5", "missed 1"]);
        emit(3);
        assert_eq!(read(9), ["7", "8", "missed 1"]);
        assert_eq!(read(1), [""; 0]);
    }
}
