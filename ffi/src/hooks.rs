//! Hooks: functions of the host that are called at events, on the pipeline's hook thread.

use std::ffi::{c_char, c_void};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use longwave::{Error, Event, EventKind, PcmSpec};

use crate::caller::{Caller, User};
use crate::entry::{call, lock};
use crate::failure::{Failure, Outcome, lw_status};
use crate::json::EventDocument;
use crate::pipeline::{declared, lw_pipeline};
use crate::text::{self, Out, optional_text};

/// A function that is called when something happens. `event` is JSON with a `kind` and the event's details,
/// which are in the table of events of docs/API.md. It is valid until the function returns. `user` is the
/// pointer that `lw_pipeline_add_hook` was given.
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
    caller: Caller,
}

struct Hook {
    id: u64,
    kind: Option<EventKind>,
    function: unsafe extern "C" fn(lw_pipeline, *const c_char, *mut c_void),
    pipeline: lw_pipeline,
    user: User,
}

impl Hooks {
    pub fn new(spec: PcmSpec) -> Hooks {
        Hooks { spec, added: Mutex::default(), next: AtomicU64::new(1), caller: Caller::default() }
    }

    /// Calls every hook for this event. Runs on the hook thread.
    pub fn tell(&self, event: &Event) {
        let due: Vec<_> = self.added().iter().filter(|hook| hook.hears_of(event.kind())).cloned().collect();
        if due.is_empty() {
            return;
        }
        let text = text::json(&EventDocument::of(event, self.spec.rate));
        for hook in due {
            // The hook before it may have removed it.
            let is_there = || self.added().iter().any(|added| added.id == hook.id).then_some(());
            // SAFETY: the host has said that it may be called, on this thread, until it is removed.
            self.caller
                .call(is_there, |()| unsafe { (hook.function)(hook.pipeline, text.as_ptr(), hook.user.0) });
        }
    }

    fn add(&self, hook: impl FnOnce(u64) -> Hook) -> Outcome<u64> {
        self.caller.take_mask();
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
        if removed {
            self.caller.wait();
        }
        removed
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

/// Which kind a name means; none: all.
fn kind(name: Option<&str>) -> Outcome<Option<EventKind>> {
    let Some(name) = name else { return Ok(None) };
    EventKind::named(name).map(Some).ok_or_else(|| {
        let known: Vec<_> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        Failure::not_found(format!("there is no event {name:?}; there are {}", known.join(", ")))
    })
}

/// Calls `function` at every event of this kind (`track-change`, for example), or at every event if `kind` is
/// NULL: see `lw_hook`. It may be called before this function has returned. `user` is passed to it. If it is
/// added before `lw_pipeline_start`, it is called for the start, too. `hook` is its number, for
/// `lw_pipeline_remove_hook`. `LW_LIMIT` if the pipeline has 256 hooks.
///
/// The kinds are pipeline-start, pipeline-stop, track-change, playlist-change, track-failed, slot-dropped,
/// schedule-change, nothing-to-play, hold-change, voice-began, voice-ended, ramp-done, live-began,
/// live-title, live-ended, announcement-began, announcement-ended, dead-air-begins, dead-air-ends,
/// encoder-failed, encoder-recovered, audio-unreadable, audio-readable, mixer-behind, mixer-recovered,
/// listener-joined, listener-left, source-connected, source-left, live-ends-soon, source-refused, changed,
/// recording-began, recording-ended, recording-failed, missed.
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
