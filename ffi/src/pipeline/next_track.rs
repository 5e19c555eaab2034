//! The host is asked what is to play next.

use std::ffi::c_void;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{declared, lw_pipeline};
use crate::caller::{Caller, User};
use crate::entry::{call, lock};
use crate::failure::{Failure, Outcome, lw_status};

/// A function that is asked what is to play next. It answers by `lw_pipeline_queue_file` or
/// `lw_pipeline_queue_files`. If it queues nothing, the playlist goes on. `user` is the pointer that
/// `lw_pipeline_on_next_track` was given.
///
/// It is called when a track begins and the queue is empty, and before the first track, on a thread of its
/// own, one call at a time. It may take its time and call every function of this interface. If what it has
/// queued cannot be played, it is called again, up to eight times for a track. It must return, and not unwind
/// or jump out. The thread's signal mask is that of the thread that gave the first function; its
/// floating-point environment is the default one, and may be changed by the function.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_next_track = Option<unsafe extern "C" fn(pipeline: lw_pipeline, user: *mut c_void)>;

/// The host's function, and the thread that calls it.
#[derive(Default)]
pub struct NextTrack {
    caller: Caller,
    function: Mutex<Option<Function>>,
}

#[derive(Clone, Copy)]
struct Function {
    function: unsafe extern "C" fn(lw_pipeline, *mut c_void),
    pipeline: lw_pipeline,
    user: User,
}

impl NextTrack {
    /// Asks the host. Runs on the thread `next`.
    fn ask(&self) {
        // SAFETY: the host has said that it may be called, on this thread, until it is replaced.
        let ask = |asked: Function| unsafe { (asked.function)(asked.pipeline, asked.user.0) };
        self.caller.call(|| *lock(&self.function), ask);
    }

    /// Asks this function from now on, and none before it.
    fn replace(&self, function: Option<Function>) {
        if function.is_some() {
            self.caller.take_mask();
        }
        *lock(&self.function) = function;
        self.caller.wait();
    }
}

/// Asks `function` what is to play next, from `lw_pipeline_start` on: see `lw_next_track`. It has `within_ms`
/// milliseconds each time; 0 means five seconds. After that, the playlist goes on, and what it queues later
/// is played later. If the track on the air ends in this time, there is silence until then.
///
/// To be called before `lw_pipeline_start` or `lw_station_start`. If it was, another function may take its
/// place at any time, or none, if `function` is NULL; `within_ms` stays as it was then. When this returns,
/// the function before does not run and will not run again, unless it has called this itself. Do not hold a
/// lock that it waits for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_on_next_track(
    pipeline: lw_pipeline,
    function: lw_next_track,
    user: *mut c_void,
    within_ms: u64,
) -> lw_status {
    call(|| {
        let user = User(user);
        let function = function.map(|function| Function { function, pipeline, user });
        let pipeline = declared(pipeline)?;
        pipeline.be_asked(within_ms)?;
        pipeline.next_track.replace(function);
        Ok(lw_status::LW_OK)
    })
}

impl super::Pipeline {
    /// Declares that the host is asked.
    fn be_asked(self: &Arc<Self>, within_ms: u64) -> Outcome<()> {
        let mut declared = self.declared();
        if self.was_started() {
            return match declared.next_track {
                Some(_) => Ok(()),
                None => Err(Failure::invalid(
                    "nobody is asked in this pipeline: call lw_pipeline_on_next_track before its start",
                )),
            };
        }
        let (next_track, this) = (self.next_track.clone(), Arc::downgrade(self));
        let asks = longwave::NextTrack::new(move |running| {
            // This may run before the call that starts the pipeline has returned.
            if let Some(this) = this.upgrade() {
                this.runs(running);
            }
            next_track.ask();
            None
        });
        let within = Duration::from_millis(within_ms);
        declared.next_track = Some(if within.is_zero() { asks } else { asks.within(within) });
        Ok(())
    }
}
