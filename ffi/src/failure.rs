//! Why a call failed: a status for programs, a sentence for people.

use std::cell::UnsafeCell;
use std::ffi::{c_char, c_int};

use longwave::{ConfigError, Error};

/// The result of a call. Zero is success. Above zero, the call succeeded and there was nothing to return.
/// Below zero, it failed: it changed nothing that it was given, and `lw_last_error` says why.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, reason = "these are the names in C")]
pub enum lw_status {
    /// Done.
    LW_OK = 0,
    /// There is nothing to return: no current track, or no event within the time. Nothing was written.
    LW_NONE = 1,
    /// An invalid argument: NULL, text that is not UTF-8, or JSON that is not what was asked for.
    LW_INVALID = -1,
    /// A handle that is zero, was closed, was never given out, or stands for another kind of object.
    LW_BAD_HANDLE = -2,
    /// A declaration or a value that cannot work. Change it.
    LW_SETTING = -3,
    /// A file that cannot be read or played.
    LW_FILE = -4,
    /// An address that cannot be listened on. Choose another, or stop the program that uses it.
    LW_LISTEN = -5,
    /// Something by that name exists already.
    LW_EXISTS = -6,
    /// Nothing has that name or number.
    LW_NOT_FOUND = -7,
    /// It is not running: not started yet, or stopped.
    LW_STOPPED = -8,
    /// An encoder failed. Close it and open another.
    LW_ENCODER = -9,
    /// The system refused something.
    LW_IO = -10,
    /// A panic in Longwave, which is a bug. Please report it.
    LW_PANIC = -11,
    /// A failure that this version of the interface has no number for.
    LW_FAILED = -12,
    /// A limit was reached, which `lw_last_error` names. Make room, or raise it if it is a setting.
    LW_LIMIT = -13,
    /// Too many orders wait already. Try again in a moment.
    LW_BUSY = -14,
    /// A file whose disk does not answer. Try again when it does.
    LW_NO_ANSWER = -15,
}

/// The result of an exported function's body.
pub type Outcome<T = lw_status> = Result<T, Failure>;

/// Why a call failed.
#[derive(Debug)]
pub struct Failure {
    pub status: lw_status,
    pub message: String,
}

impl Failure {
    pub fn invalid(message: impl Into<String>) -> Failure {
        Failure { status: lw_status::LW_INVALID, message: message.into() }
    }

    pub fn bad_handle(message: impl Into<String>) -> Failure {
        Failure { status: lw_status::LW_BAD_HANDLE, message: message.into() }
    }

    pub fn stopped(message: impl Into<String>) -> Failure {
        Failure { status: lw_status::LW_STOPPED, message: message.into() }
    }

    pub fn exists(message: impl Into<String>) -> Failure {
        Failure { status: lw_status::LW_EXISTS, message: message.into() }
    }

    pub fn not_found(message: impl Into<String>) -> Failure {
        Failure { status: lw_status::LW_NOT_FOUND, message: message.into() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let status = match error {
            Error::Setting { .. } => lw_status::LW_SETTING,
            Error::File { .. } => lw_status::LW_FILE,
            Error::NoAnswer { .. } => lw_status::LW_NO_ANSWER,
            Error::Listen { .. } => lw_status::LW_LISTEN,
            Error::Exists(_) | Error::Declared(_) => lw_status::LW_EXISTS,
            Error::NotFound(_) => lw_status::LW_NOT_FOUND,
            Error::Stopped(_) => lw_status::LW_STOPPED,
            Error::Limit { .. } => lw_status::LW_LIMIT,
            Error::Busy(_) => lw_status::LW_BUSY,
            Error::Encoder(_) => lw_status::LW_ENCODER,
            Error::Io { .. } => lw_status::LW_IO,
            _ => lw_status::LW_FAILED,
        };
        Failure { status, message: error.to_string() }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure { status: lw_status::LW_SETTING, message: error.to_string() }
    }
}

/// The most bytes of a message that are kept. Some twenty problems of a declaration fit.
const MESSAGE_BYTES: usize = 2048;

/// Stored in place and without a destructor. So a thread of the host has nothing to destroy when it ends,
/// even if the library is unloaded by then.
struct LastMessage(UnsafeCell<[u8; MESSAGE_BYTES]>);

thread_local! {
    static LAST: LastMessage = const { LastMessage(UnsafeCell::new([0; MESSAGE_BYTES])) };
}

/// Keeps the message. If it is too long, it is cut at the end of a character.
pub fn remember(message: &str) {
    const CUT: &str = " …";
    let (mut end, mut tail) = (message.len(), "");
    if end >= MESSAGE_BYTES {
        (end, tail) = (MESSAGE_BYTES - CUT.len() - 1, CUT);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
    }
    LAST.with(|last| {
        // SAFETY: only this thread touches it, and no reference to it outlives this function and
        // `lw_last_error`.
        let bytes = unsafe { &mut *last.0.get() };
        let text = message.as_bytes()[..end].iter().chain(tail.as_bytes()).chain(&[0]);
        for (to, from) in bytes.iter_mut().zip(text) {
            // A NUL would end the message.
            *to = *from;
        }
    });
}

/// The message of the last call that failed on this thread: one line, or one line for each problem of a
/// declaration. It is empty if no call has failed. It is valid until the next failure on this thread; copy it
/// to keep it longer. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn lw_last_error() -> *const c_char {
    LAST.with(|last| last.0.get().cast_const().cast())
}

/// The name of a status, for example "LW_SETTING". For an unknown number it is "unknown". It is static and
/// never freed.
#[unsafe(no_mangle)]
pub extern "C" fn lw_status_name(status: c_int) -> *const c_char {
    let names = [
        (lw_status::LW_OK, c"LW_OK"),
        (lw_status::LW_NONE, c"LW_NONE"),
        (lw_status::LW_INVALID, c"LW_INVALID"),
        (lw_status::LW_BAD_HANDLE, c"LW_BAD_HANDLE"),
        (lw_status::LW_SETTING, c"LW_SETTING"),
        (lw_status::LW_FILE, c"LW_FILE"),
        (lw_status::LW_LISTEN, c"LW_LISTEN"),
        (lw_status::LW_EXISTS, c"LW_EXISTS"),
        (lw_status::LW_NOT_FOUND, c"LW_NOT_FOUND"),
        (lw_status::LW_STOPPED, c"LW_STOPPED"),
        (lw_status::LW_ENCODER, c"LW_ENCODER"),
        (lw_status::LW_IO, c"LW_IO"),
        (lw_status::LW_PANIC, c"LW_PANIC"),
        (lw_status::LW_FAILED, c"LW_FAILED"),
        (lw_status::LW_LIMIT, c"LW_LIMIT"),
        (lw_status::LW_BUSY, c"LW_BUSY"),
        (lw_status::LW_NO_ANSWER, c"LW_NO_ANSWER"),
    ];
    let name = names.iter().find(|(known, _)| *known as c_int == status);
    name.map_or(c"unknown", |(_, name)| name).as_ptr()
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    fn last() -> String {
        // SAFETY: it is a string of this thread, read before the next call.
        unsafe { CStr::from_ptr(lw_last_error()) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_message_is_kept_whole_or_cut_where_a_character_ends() {
        assert_eq!(last(), "");
        remember("no");
        assert_eq!(last(), "no");
        for length in MESSAGE_BYTES - 12..MESSAGE_BYTES + 12 {
            let message = format!("{}ä", "x".repeat(length));
            remember(&message);
            let kept = last();
            assert!(kept == message || kept.ends_with(" …") && kept.len() >= MESSAGE_BYTES - 7, "{kept}");
        }
    }
}
