//! Keeps a panic of a reader or decoder to the file that is damaged so.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::errors::{Error as Cause, Result as Decoded};

/// What `work` returns, or `otherwise` if damaged data make it panic. What panicked is not used again.
pub(super) fn contained<T>(work: impl FnOnce() -> Decoded<T>, otherwise: Cause) -> Decoded<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(otherwise))
}

/// What is said of a file whose reader panicked.
pub(super) fn panicked() -> Cause {
    Cause::IoError(io::Error::other("it is damaged so that its reader panicked"))
}
