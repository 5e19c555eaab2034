//! The listeners of a server.

use std::ffi::c_char;

use longwave::json::Listener;

use super::{lw_server, server};
use crate::entry::call;
use crate::failure::lw_status;
use crate::text::{Out, optional_text};

/// The number of listeners of one mount, or of all mounts if `mount` is NULL. A listener counts from its
/// second second on. `LW_NOT_FOUND` if there is no such mount.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_listener_count(
    server: lw_server,
    mount: *const c_char,
    count: *mut u64,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (mount, count) = unsafe { (optional_text(mount, "mount")?, Out::new(count, "count")?) };
        let server = self::server(server)?;
        count.set(server.running()?.listener_count(mount)? as u64)
    })
}

/// The listeners of one mount, or of all mounts if `mount` is NULL, as a JSON list: `id`, `mount`, `address`
/// (as far as `addresses` allows), `agent`, `duration`, `bytes`, `is_behind`. A listener that comes or goes
/// meanwhile may be missing. `LW_NOT_FOUND` if there is no such mount. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_listeners(
    server: lw_server,
    mount: *const c_char,
    json: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (mount, json) = unsafe { (optional_text(mount, "mount")?, Out::new(json, "json")?) };
        let server = self::server(server)?;
        let listeners = server.running()?.listeners(mount)?;
        json.json(&listeners.iter().map(Listener::of).collect::<Vec<_>>())
    })
}

/// Closes the connection of a listener, by its `id` in `lw_server_listeners`. (Its player may come again.)
/// `LW_NOT_FOUND` if no listener has this number.
#[unsafe(no_mangle)]
pub extern "C" fn lw_server_kick(server: lw_server, listener: u64) -> lw_status {
    call(|| {
        self::server(server)?.running()?.kick(listener)?;
        Ok(lw_status::LW_OK)
    })
}
