//! The boundary between host and library. Every exported function runs in [`call`]. Every function of the
//! host is called by [`outside`].
//!
//! Inside, the floating-point environment is the default one, whatever traps and rounding the host has set
//! for its thread. Outside, the host's own environment is restored.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use crate::failure::{Failure, Outcome, lw_status, remember};

/// Runs the body of an exported function. A panic becomes a status.
pub fn call(body: impl FnOnce() -> Outcome) -> lw_status {
    let _callers = Environment::enter();
    quiet_panics();
    let outcome = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        Err(Failure { status: lw_status::LW_PANIC, message: format!("a bug in Longwave: {}", said(&*panic)) })
    });
    outcome.unwrap_or_else(|failure| {
        remember(&failure.message);
        failure.status
    })
}

/// Calls a function of the host. It may change the thread's floating-point environment, which is restored
/// afterwards.
pub fn outside<T>(function: impl FnOnce() -> T) -> T {
    let _ours = Environment::enter();
    function()
}

/// Locks a mutex. A panic while it was locked was reported by [`call`]; the next calls go on.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The floating-point environment and errno that a thread had. They are restored on drop.
#[repr(C, align(8))]
struct Environment([u8; 64]);

unsafe extern "C" {
    // In c/environment.c, which asserts that 64 bytes are enough.
    fn longwave_enter(callers: *mut Environment);
    fn longwave_leave(callers: *const Environment);
}

impl Environment {
    fn enter() -> Environment {
        let mut callers = Environment([0; 64]);
        // SAFETY: it writes into these 64 bytes, and sets registers of this thread to their defaults, which
        // is what Rust requires anyway.
        unsafe { longwave_enter(&raw mut callers) };
        callers
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // SAFETY: `longwave_enter` has filled it, on this thread.
        unsafe { longwave_leave(&raw const *self) };
    }
}

/// Sends messages of panics to the log, not to the host's standard error.
fn quiet_panics() {
    static SET: Once = Once::new();
    SET.call_once(|| panic::set_hook(Box::new(|panic| log::error!("{panic}"))));
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it panicked")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_status_and_says_what_it_said() {
        assert_eq!(call(|| panic!("on purpose {}", 7)), lw_status::LW_PANIC);
        // SAFETY: a string of this thread.
        let last = unsafe { std::ffi::CStr::from_ptr(crate::failure::lw_last_error()) };
        assert_eq!(last.to_str(), Ok("a bug in Longwave: on purpose 7"));
    }
}
