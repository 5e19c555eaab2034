//! Events of a pipeline. The host adds hooks that are called, or asks for the next event.
//!
//! Hooks are called on the pipeline's hook thread. Some runtimes stop their threads by signals, and must be
//! able to stop this one too once it has run their code. So it takes the signal mask of the host's thread
//! that added the first hook.

use std::ffi::{CString, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use longwave::{Error, Event, EventKind, PcmSpec};

use crate::entry::{call, outside};
use crate::failure::{Failure, Outcome, lw_status};
use crate::json::EventDocument;
use crate::pipeline::{Pipeline, declared, lw_pipeline};
use crate::text::{Out, optional_text};

/// A function that is called when something happens. `event` is JSON with a `kind` and the event's details.
/// It is valid until the function returns. `user` is the pointer that `lw_pipeline_add_hook` was given.
///
/// It is called on the pipeline's hook thread, one call at a time. It may take its time: later calls wait,
/// the audio does not. It may call every function of this interface; it may also stop and close its own
/// pipeline. It must return, and not unwind or jump out. The thread's signal mask is that of the thread that
/// added the pipeline's first hook; its floating-point environment is the default one, and may be changed by
/// the function.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_hook =
    Option<unsafe extern "C" fn(pipeline: lw_pipeline, event: *const c_char, user: *mut c_void)>;

/// The most hooks that a pipeline has.
const MAX_HOOKS: usize = 256;

/// The functions that a host has added to a pipeline.
pub struct Hooks {
    spec: PcmSpec,
    added: Mutex<Vec<Arc<Hook>>>,
    next: AtomicU64,
    /// The signal mask of the thread that added the first hook.
    mask: Mutex<Option<libc::sigset_t>>,
    /// Held while a hook runs.
    running: Mutex<()>,
    /// The hook thread, once it has run a hook.
    thread: AtomicUsize,
}

struct Hook {
    id: u64,
    kind: Option<EventKind>,
    function: unsafe extern "C" fn(lw_pipeline, *const c_char, *mut c_void),
    pipeline: lw_pipeline,
    user: User,
}

/// The host's own pointer: handed back, never followed.
struct User(*mut c_void);

// SAFETY: nothing here looks at what it points to. That the host's function is called on another thread is
// documented.
unsafe impl Send for User {}
// SAFETY: as above.
unsafe impl Sync for User {}

impl Hooks {
    pub fn new(spec: PcmSpec) -> Hooks {
        Hooks {
            spec,
            added: Mutex::default(),
            next: AtomicU64::new(1),
            mask: Mutex::default(),
            running: Mutex::default(),
            thread: AtomicUsize::new(0),
        }
    }

    /// Calls every hook for this event. Runs on the hook thread.
    pub fn tell(&self, event: &Event) {
        let due: Vec<_> = self.added().iter().filter(|hook| hook.hears_of(event.kind())).cloned().collect();
        if due.is_empty() {
            return;
        }
        if self.thread.swap(this_thread(), Ordering::Relaxed) == 0
            && let Some(mask) = self.mask()
        {
            set_mask(&mask);
        }
        let text = CString::new(
            serde_json::to_string(&EventDocument::of(event, self.spec.rate)).expect("an event is JSON"),
        )
        .expect("JSON has no NUL");
        for hook in due {
            let _running = lock(&self.running);
            // The hook before it may have removed it.
            if self.added().iter().any(|added| added.id == hook.id) {
                // SAFETY: the host has said that it may be called, on this thread, until it is removed.
                outside(|| unsafe { (hook.function)(hook.pipeline, text.as_ptr(), hook.user.0) });
            }
        }
    }

    fn add(&self, hook: impl FnOnce(u64) -> Hook) -> Outcome<u64> {
        lock(&self.mask).get_or_insert_with(mask_of_this_thread);
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut added = self.added();
        if added.len() >= MAX_HOOKS {
            let advice = "remove a hook first: one hook can do many things";
            return Err(Error::Limit { limit: "MAX_HOOKS", most: MAX_HOOKS, advice }.into());
        }
        added.push(Arc::new(hook(id)));
        Ok(id)
    }

    /// Removes a hook, and returns whether it existed. It does not run any more afterwards, unless it removes
    /// itself.
    fn remove(&self, id: u64) -> bool {
        let before = self.added().len();
        self.added().retain(|hook| hook.id != id);
        let removed = self.added().len() < before;
        if removed && self.thread.load(Ordering::Relaxed) != this_thread() {
            drop(lock(&self.running));
        }
        removed
    }

    fn mask(&self) -> Option<libc::sigset_t> {
        *lock(&self.mask)
    }

    fn added(&self) -> MutexGuard<'_, Vec<Arc<Hook>>> {
        lock(&self.added)
    }
}

impl Hook {
    fn hears_of(&self, kind: EventKind) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn this_thread() -> usize {
    // SAFETY: `pthread_self` has no preconditions.
    unsafe { libc::pthread_self() as usize }
}

fn mask_of_this_thread() -> libc::sigset_t {
    let mut mask = MaybeUninit::uninit();
    // SAFETY: without a new mask it only fills in the old one, and cannot fail.
    unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), mask.as_mut_ptr());
        mask.assume_init()
    }
}

fn set_mask(mask: &libc::sigset_t) {
    // SAFETY: it is a mask that a thread had.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, ptr::null_mut()) };
}

/// Which kind a name means; none: all.
fn kind(name: Option<&str>) -> Outcome<Option<EventKind>> {
    let Some(name) = name else { return Ok(None) };
    let found = EventKind::ALL.iter().find(|kind| kind.as_str() == name);
    found.copied().map(Some).ok_or_else(|| {
        let known: Vec<_> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        Failure::not_found(format!("there is no event {name:?}; there are {}", known.join(", ")))
    })
}

/// Calls `function` at every event of this kind (`track-change`, for example), or at every event if `kind` is
/// NULL: see `lw_hook`. It may be called before this function has returned. `user` is passed to it. If it is
/// added before `lw_pipeline_start`, it is called for the start, too. `hook` is its number, for
/// `lw_pipeline_remove_hook`. `LW_LIMIT` if the pipeline has 256 hooks.
///
/// The kinds are pipeline-start, pipeline-stop, track-change, playlist-change, track-failed, nothing-to-play,
/// voice-ended, ramp-done, dead-air-begins, dead-air-ends, encoder-failed, encoder-recovered,
/// audio-unreadable, audio-readable, mixer-behind, mixer-recovered, listener-joined, listener-left, missed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_add_hook(
    pipeline: lw_pipeline,
    kind: *const c_char,
    function: lw_hook,
    user: *mut c_void,
    hook: *mut u64,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (name, hook) = unsafe { (optional_text(kind, "kind")?, Out::new(hook, "hook")?) };
        let kind = self::kind(name)?;
        let function = function.ok_or_else(|| Failure::invalid("function is NULL"))?;
        let user = User(user);
        hook.set(declared(pipeline)?.hooks.add(|id| Hook { id, kind, function, pipeline, user })?)
    })
}

/// Removes a hook. When this returns, its function does not run and will not run again, and what `user`
/// points to may be freed; only a hook that removes itself runs on to its end. Do not hold a lock that the
/// function waits for.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_remove_hook(pipeline: lw_pipeline, hook: u64) -> lw_status {
    call(|| match declared(pipeline)?.hooks.remove(hook) {
        true => Ok(lw_status::LW_OK),
        false => Err(Failure::not_found(format!("there is no hook {hook}"))),
    })
}

/// The next event, as JSON like a hook's, freed by `lw_free`. This waits for it, `timeout_ms` milliseconds at
/// most. With 0 it does not wait; below 0 it waits as long as it takes. `LW_NONE` if no event came within
/// this time. `LW_STOPPED` if the pipeline has stopped and all events were read, and at once if it is not
/// started yet. Events are kept from `lw_pipeline_open` on, 1,024 at most: an event `missed` says how many
/// did not fit. Every event goes to one caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_next_event(
    pipeline: lw_pipeline,
    timeout_ms: i64,
    event: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let out = unsafe { Out::new(event, "event") }?;
        let pipeline = declared(pipeline)?;
        match pipeline.next_event(timeout_ms) {
            Some(event) => out.json(&EventDocument::of(&event, pipeline.spec().rate)),
            None if pipeline.events.is_closed() => {
                Err(Failure::stopped("the pipeline has stopped, and all its events were read"))
            }
            None if !pipeline.was_started() => Err(Failure::stopped("the pipeline is not started yet")),
            None => Ok(lw_status::LW_NONE),
        }
    })
}

impl Pipeline {
    fn next_event(&self, timeout_ms: i64) -> Option<Event> {
        let waited = match timeout_ms {
            0 => None,
            // No event would end the wait.
            _ if !self.was_started() => None,
            ..0 => self.events.recv(),
            _ => self.events.recv_timeout(Duration::from_millis(timeout_ms.unsigned_abs().min(LONGEST_MS))),
        };
        // The last event may have come just after the timeout.
        waited.or_else(|| self.events.try_recv())
    }
}

/// A year. Longer waits are cut to it, so that adding one to a time cannot overflow.
const LONGEST_MS: u64 = 365 * 24 * 3600 * 1000;

/// A file descriptor for `poll`, `epoll`, `select` and event loops built on them. It is readable as long as
/// events wait, and once the pipeline has stopped. Wait for it, then call `lw_pipeline_next_event` with a
/// timeout of 0 until it returns none. It belongs to the pipeline: do not read or close it. It is closed with
/// the pipeline's last handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_event_fd(pipeline: lw_pipeline, fd: *mut c_int) -> lw_status {
    use std::os::fd::AsRawFd;
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let fd = unsafe { Out::new(fd, "fd") }?;
        fd.set(declared(pipeline)?.events.descriptor()?.as_raw_fd())
    })
}
