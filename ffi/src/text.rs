//! Reads arguments and writes results: text, paths, numbers and memory.
//!
//! These functions read and write the host's pointers. They rely on what the header demands of every pointer:
//! it is NULL, or valid for its purpose during the call.

use std::ffi::{CStr, CString, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::failure::{Failure, Outcome, lw_status};

/// A required text.
///
/// # Safety
/// `pointer` is NULL or a string that ends with NUL.
pub unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Outcome<&'a str> {
    // SAFETY: as this function's.
    unsafe { optional_text(pointer, name) }?.ok_or_else(|| null(name))
}

/// A text that may be NULL.
///
/// # Safety
/// As [`text`].
pub unsafe fn optional_text<'a>(pointer: *const c_char, name: &str) -> Outcome<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: it is not NULL, so it ends with NUL.
    let bytes = unsafe { CStr::from_ptr(pointer) }.to_bytes();
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Failure::invalid(format!("{name}: byte {} is not UTF-8", error.valid_up_to() + 1))
    })?;
    Ok(Some(text))
}

/// A path: any bytes.
///
/// # Safety
/// As [`text`].
pub unsafe fn path<'a>(pointer: *const c_char, name: &str) -> Outcome<&'a Path> {
    if pointer.is_null() {
        return Err(null(name));
    }
    // SAFETY: it is not NULL, so it ends with NUL.
    let bytes = unsafe { CStr::from_ptr(pointer) }.to_bytes();
    Ok(Path::new(OsStr::from_bytes(bytes)))
}

/// A slice of `count` items. NULL is allowed if `count` is zero.
///
/// # Safety
/// `pointer` is NULL or leads to `count` items, which nobody changes meanwhile.
pub unsafe fn items<'a, T>(pointer: *const T, count: usize, name: &str) -> Outcome<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    check_items(pointer, count, name)?;
    // SAFETY: it is not NULL, aligned and not too long; the rest is as this function's.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// The same, to write to.
///
/// # Safety
/// `pointer` is NULL or leads to `count` items that have values and that nobody else uses meanwhile.
pub unsafe fn items_mut<'a, T>(pointer: *mut T, count: usize, name: &str) -> Outcome<&'a mut [T]> {
    if count == 0 {
        return Ok(&mut []);
    }
    check_items(pointer, count, name)?;
    // SAFETY: as in `items`.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, count) })
}

/// Whether a pointer can lead to so many items.
fn check_items<T>(pointer: *const T, count: usize, name: &str) -> Outcome<()> {
    if pointer.is_null() {
        return Err(null(name));
    }
    if !pointer.is_aligned() {
        return Err(Failure::invalid(format!("{name} is not aligned")));
    }
    if count.checked_mul(size_of::<T>()).is_none_or(|bytes| isize::try_from(bytes).is_err()) {
        return Err(Failure::invalid(format!("{name}: {count} is more than memory has")));
    }
    Ok(())
}

/// A time in milliseconds.
pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// How long a call waits: less than 0 is for ever.
pub fn patience(timeout_ms: i64) -> Duration {
    u64::try_from(timeout_ms).map_or(Duration::MAX, Duration::from_millis)
}

/// The milliseconds of a time.
pub fn to_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The host's pointer that a result is written to.
pub struct Out<T>(*mut T);

impl<T> Out<T> {
    /// # Safety
    /// `pointer` is NULL or may be written to, as long as the call takes.
    pub unsafe fn new(pointer: *mut T, name: &str) -> Outcome<Out<T>> {
        match pointer {
            _ if pointer.is_null() => Err(null(name)),
            _ if !pointer.is_aligned() => Err(Failure::invalid(format!("{name} is not aligned"))),
            _ => Ok(Out(pointer)),
        }
    }

    /// # Safety
    /// As [`Out::new`].
    pub unsafe fn optional(pointer: *mut T, name: &str) -> Outcome<Option<Out<T>>> {
        if pointer.is_null() {
            return Ok(None);
        }
        // SAFETY: the caller promises for this pointer what `new` demands.
        unsafe { Out::new(pointer, name) }.map(Some)
    }

    /// Writes the result.
    pub fn set(self, value: T) -> Outcome {
        // SAFETY: `new` was told that it may be written to, and it is aligned.
        unsafe { self.0.write(value) };
        Ok(lw_status::LW_OK)
    }
}

impl Out<*mut c_char> {
    /// Writes the result as text, in memory that the host frees.
    pub fn text(self, text: &str) -> Outcome {
        let text = c_string(text);
        let bytes = text.as_bytes_with_nul();
        // SAFETY: `malloc` takes any size. It is C's own, so that the host may free the text by `free`, too.
        let memory = unsafe { libc::malloc(bytes.len()) }.cast::<u8>();
        if memory.is_null() {
            return Err(Failure { status: lw_status::LW_IO, message: "out of memory".into() });
        }
        // SAFETY: it is as large as this, and new.
        unsafe { memory.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        self.set(memory.cast())
    }

    /// Writes the result as JSON.
    pub fn json(self, document: &impl Serialize) -> Outcome {
        self.text(&to_json(document))
    }

    /// Writes the result as JSON. Without one, this returns `LW_NONE`.
    pub fn json_if_any(self, document: Option<impl Serialize>) -> Outcome {
        document.map_or(Ok(lw_status::LW_NONE), |document| self.json(&document))
    }

    /// Writes the result as text. Without one, this returns `LW_NONE`.
    pub fn text_if_any(self, text: Option<&str>) -> Outcome {
        text.map_or(Ok(lw_status::LW_NONE), |text| self.text(text))
    }
}

/// A text for the host. A NUL would end it early, so it becomes a space.
pub fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', " ")).expect("every NUL was replaced")
}

/// A document as JSON for the host.
pub fn json(document: &impl Serialize) -> CString {
    c_string(&to_json(document))
}

fn to_json(document: &impl Serialize) -> String {
    serde_json::to_string(document).expect("no document has a map whose keys are not text")
}

fn null(name: &str) -> Failure {
    Failure::invalid(format!("{name} is NULL"))
}

/// Answers a stop. Writes the names of the threads that were left behind, if the host asks for them.
pub fn report(abandoned: Option<Out<*mut c_char>>, names: Vec<String>) -> Outcome {
    abandoned.map_or(Ok(lw_status::LW_OK), |abandoned| abandoned.json(&names))
}

/// Frees text that a function of this interface has returned. NULL is allowed. C's `free` does the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_free(text: *mut c_char) {
    // SAFETY: NULL, or memory of `Out::text`.
    unsafe { libc::free(text.cast()) }
}
