//! The C ABI of Longwave, over nothing but the public API of the library.
//!
//! Every exported function is one line of the header `include/longwave.h`, which is generated from
//! these files. Each goes through [`entry`]: that keeps panics inside, and the caller's thread as it was.
//! What a handle stands for is in [`handles`]; text comes in and goes out by [`text`].
#![allow(
    unsafe_code,
    reason = "a C ABI takes pointers and exports names: each function reads its own, by `text`"
)]
#![allow(clippy::missing_safety_doc, reason = "the header demands the same of all pointers, once")]
#![deny(clippy::print_stdout, clippy::print_stderr, reason = "the standard streams belong to the host")]

mod caller;
mod encoder;
mod entry;
mod events;
mod failure;
mod handles;
mod hooks;
#[deny(unsafe_code)]
mod json;
#[cfg(feature = "library")]
mod library;
mod log_lines;
mod metadata;
mod own_encoder;
mod pipeline;
mod requests;
mod server;
mod sources;
mod station;
mod text;

use std::ffi::{CStr, c_char};

use entry::call;
use failure::lw_status;
use text::Out;

/// The version of this interface: it grows when something is added, and `LW_ABI_MAJOR`, which is the number
/// in the library's soname, when something changes.
pub const LW_ABI_VERSION: u32 = 1;

/// See `LW_ABI_VERSION`.
pub const LW_ABI_MAJOR: u32 = 0;

/// The version of the interface that the library in use has; `LW_ABI_VERSION` is that of the header. The
/// library's may be the larger.
#[unsafe(no_mangle)]
pub extern "C" fn lw_abi_version() -> u32 {
    LW_ABI_VERSION
}

/// The version of Longwave, "0.1.0". Static: never freed.
#[unsafe(no_mangle)]
pub extern "C" fn lw_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => panic!("a version has no NUL"),
        };
    VERSION.as_ptr()
}

/// The codec libraries in this build, as JSON: `[{"name":…,"version":…,"role":…,"licence":…}]`.
/// `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_codecs(json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the caller's pointer is NULL or may be written, as the header says of all of them.
        let json = unsafe { Out::new(json, "json") }?;
        let codecs = longwave::codecs().into_iter().map(|codec| {
            serde_json::json!({
                "name": codec.name,
                "version": codec.version,
                "role": codec.role,
                "licence": codec.licence,
            })
        });
        json.text(&serde_json::Value::Array(codecs.collect()).to_string())
    })
}
