//! Mounts of a server, and those that the host feeds itself.

use std::ffi::c_char;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use longwave::json::Mount;
use longwave::{MountInfo, MountSettings, Title};

use super::{Server, lw_server, server};
use crate::entry::call;
use crate::failure::{Failure, Outcome, lw_status};
use crate::json;
use crate::text::{Out, items, optional_text, text, to_ms};

fn mount_info(server: &Server, mount: &str) -> Outcome<MountInfo> {
    let info = server.running()?.mount_info(mount);
    info.ok_or_else(|| Failure::not_found(format!("there is no mount {mount}")))
}

/// The declaration of a mount.
pub fn settings(declaration: &str) -> Outcome<MountSettings> {
    Ok(if json::is_json(declaration) {
        MountSettings::from_json(declaration)?
    } else {
        MountSettings::from_toml(declaration, Path::new("mount"))?
    })
}

fn since_1970(time: SystemTime) -> u64 {
    to_ms(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Puts a mount on the air that the host feeds with encoded audio. `declaration` is TOML or JSON with `mount`
/// (its path), `content_type`, and whatever else is known: `bitrate`, `sample_rate`, `channels`, `name`,
/// `genre`, `description`, `url`, `public`, `max_listeners`, `metaint`. A known bitrate sizes its memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_add_mount(server: lw_server, declaration: *const c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let declaration = unsafe { text(declaration, "declaration") }?;
        let server = self::server(server)?;
        let settings = settings(declaration)?;
        let path = settings.path.clone();
        let writer = server.running()?.add_mount(settings)?.into_audio();
        server.writers().insert(path, Arc::new(Mutex::new(writer)));
        Ok(lw_status::LW_OK)
    })
}

/// Gives a mount of `lw_server_add_mount` other settings; its listeners stay. `declaration` is as there, with
/// the same path and content type. For the mounts of pipelines there is `lw_pipeline_update_output`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_update_mount(server: lw_server, declaration: *const c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let declaration = unsafe { text(declaration, "declaration") }?;
        let server = self::server(server)?;
        let settings = settings(declaration)?;
        server.writer(&settings.path)?;
        server.running()?.update_mount(settings)?;
        Ok(lw_status::LW_OK)
    })
}

/// Takes a mount of `lw_server_add_mount` off the air: its listeners get what is due, then a close. For the
/// mounts of pipelines there is `lw_pipeline_remove_output`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_remove_mount(server: lw_server, mount: *const c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let mount = unsafe { text(mount, "mount") }?;
        let server = self::server(server)?;
        // Held until the end, because the mount ends when its last writer is dropped.
        let _writer = server.writer(mount)?;
        // This goes first: once the mount is off the air, another thread may add one with the same path.
        server.writers().remove(mount);
        server.running()?.remove_mount(mount)?;
        Ok(lw_status::LW_OK)
    })
}

/// Feeds a mount of `lw_server_add_mount`. MP3, ADTS and Ogg may be cut anywhere; anything else goes to
/// listeners call by call. Takes bytes as far as there is room, and says in `taken` how many; never waits,
/// never drops. Audio is to come in real time; about ten seconds of it may be ahead. Offer later what was not
/// taken. Bytes that belong to no packet of the content type are taken and left out; `lw_server_mount_info`
/// counts them (`garbage_bytes`), and says after 64 KiB without a packet what is wrong (`unreadable`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_write_audio(
    server: lw_server,
    mount: *const c_char,
    bytes: *const u8,
    count: usize,
    taken: *mut usize,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (mount, bytes, taken) =
            unsafe { (text(mount, "mount")?, items(bytes, count, "bytes")?, Out::new(taken, "taken")?) };
        let server = self::server(server)?;
        let count = server.feed(mount, |writer| Ok(writer.write_audio(bytes)?))?;
        taken.set(count)
    })
}

/// The title of the audio that is written from now on to a mount of `lw_server_add_mount`. `url` may be NULL.
/// For the mounts of pipelines there is `lw_pipeline_update_metadata`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_update_metadata(
    server: lw_server,
    mount: *const c_char,
    title: *const c_char,
    url: *const c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (mount, title, url) =
            unsafe { (text(mount, "mount")?, text(title, "title")?, optional_text(url, "url")?) };
        let title = Title { url: url.map(Into::into), ..Title::new(title) };
        self::server(server)?.feed(mount, |writer| {
            writer.update_metadata(title);
            Ok(lw_status::LW_OK)
        })
    })
}

/// Sets the bytes that a listener who joins from now on gets before any audio, on a mount of
/// `lw_server_add_mount` whose content type is not parsed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_set_header(
    server: lw_server,
    mount: *const c_char,
    bytes: *const u8,
    count: usize,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (mount, bytes) = unsafe { (text(mount, "mount")?, items(bytes, count, "bytes")?) };
        self::server(server)?.feed(mount, |writer| {
            writer.set_header(bytes);
            Ok(lw_status::LW_OK)
        })
    })
}

/// When the first packet of its title reached a mount, in milliseconds since 1970.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_changed_at(
    server: lw_server,
    mount: *const c_char,
    ms_since_1970: *mut u64,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (mount, at) = unsafe { (text(mount, "mount")?, Out::new(ms_since_1970, "ms_since_1970")?) };
        let info = mount_info(&*self::server(server)?, mount)?;
        at.set(since_1970(info.title.changed_at))
    })
}

/// A mount's state, as JSON: `mount` (its path), `content_type`, `name` and its other settings, `title`,
/// `title_changed_at`, `audible_at` (when a listener hears the title begin), `listeners` and its other
/// counters. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_mount_info(
    server: lw_server,
    mount: *const c_char,
    json: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (mount, json) = unsafe { (text(mount, "mount")?, Out::new(json, "json")?) };
        json.json(&Mount::of(&mount_info(&*self::server(server)?, mount)?))
    })
}

/// All mounts by path, as a JSON list of what `lw_server_mount_info` gives. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_mounts(server: lw_server, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        let server = self::server(server)?;
        json.json(&server.running()?.mounts().iter().map(Mount::of).collect::<Vec<_>>())
    })
}
