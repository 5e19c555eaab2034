//! Servers, and mounts that the host feeds itself.

use std::collections::BTreeMap;
use std::ffi::c_char;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use longwave::json::{Mount, ServerStatistics};
use longwave::{AudioWriter, MountInfo, MountSettings, ServerSettings, Title};

use crate::entry::call;
use crate::failure::{Failure, Outcome, lw_status};
use crate::handles;
use crate::json;
use crate::text::{Out, items, optional_text, report, text, to_ms};

/// A server: addresses that it listens on, and mounts.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_server = u64;

/// A server. It is declared first and started later.
pub struct Server {
    declared: Mutex<ServerSettings>,
    running: OnceLock<longwave::Server>,
    /// Paths that `lw_server_expect` named before the start.
    expected: Mutex<Vec<String>>,
    /// The mounts that the host feeds, by path. Each is fed by one thread at a time, and waits for no other.
    writers: Mutex<BTreeMap<String, Arc<Mutex<AudioWriter>>>>,
}

impl handles::Kind for Server {
    const WORD: &'static str = "a server";
}

impl Server {
    pub fn new(settings: ServerSettings) -> Server {
        Server {
            declared: Mutex::new(settings),
            running: OnceLock::new(),
            expected: Mutex::default(),
            writers: Mutex::default(),
        }
    }

    /// The declared settings. The thread that starts the server holds the lock meanwhile.
    pub fn declared(&self) -> MutexGuard<'_, ServerSettings> {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that it was started, and as which server of the library.
    pub fn runs(&self, running: &longwave::Server) {
        self.running.get_or_init(|| running.clone());
    }

    /// Starts it. These paths, and those that the host named, answer 503 until they are there.
    pub fn start_expecting(&self, mounts: &[&str]) -> Outcome {
        let declared = self.declared();
        if self.running.get().is_some() {
            return Err(Failure::exists(
                "the server was started already; a stopped one does not start again: open another",
            ));
        }
        let expected = self.expected();
        let expected: Vec<&str> = mounts.iter().copied().chain(expected.iter().map(String::as_str)).collect();
        self.runs(&longwave::Server::start_expecting(declared.clone(), &expected)?);
        Ok(lw_status::LW_OK)
    }

    /// The paths that `lw_server_expect` named before the start.
    pub fn expected(&self) -> MutexGuard<'_, Vec<String>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Expects a path now, or from the start on.
    fn expect(&self, path: &str) -> Outcome {
        // Locked first, so that a start on another thread either has the path or is over.
        let mut expected = self.expected();
        match self.running.get() {
            Some(server) => server.expect(&[path])?,
            None => expected.push(path.to_owned()),
        }
        Ok(lw_status::LW_OK)
    }

    pub fn running(&self) -> Outcome<&longwave::Server> {
        self.running.get().ok_or_else(|| Failure::stopped("the server is not started yet: lw_server_start"))
    }

    /// Stops it, if it was started. Returns the names of the threads that were left behind.
    pub fn stop(&self) -> Vec<String> {
        self.writers().clear();
        self.running.get().map(|server| server.stop().abandoned).unwrap_or_default()
    }

    fn writers(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Mutex<AudioWriter>>>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self, mount: &str) -> Outcome<Arc<Mutex<AudioWriter>>> {
        if !self.running()?.is_running() {
            return Err(Failure::stopped("the server has stopped"));
        }
        let writer = self.writers().get(mount).cloned();
        writer.ok_or_else(|| {
            Failure::not_found(format!(
                "there is no mount {mount} that lw_server_add_mount added on this server"
            ))
        })
    }

    fn feed<T>(&self, mount: &str, feed: impl FnOnce(&mut AudioWriter) -> Outcome<T>) -> Outcome<T> {
        let writer = self.writer(mount)?;
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        feed(&mut writer)
    }
}

fn server(handle: lw_server) -> Outcome<Arc<Server>> {
    handles::find(handle)
}

fn mount_info(server: &Server, mount: &str) -> Outcome<MountInfo> {
    let info = server.running()?.mount_info(mount);
    info.ok_or_else(|| Failure::not_found(format!("there is no mount {mount}")))
}

/// Declares a server: TOML or JSON with the keys of `[server]` in docs/CONFIGURATION.md, for example `listen
/// = "127.0.0.1:8000"`. NULL means the defaults. `lw_server_start` makes it listen. `server` is closed by
/// `lw_server_close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_open(declaration: *const c_char, server: *mut lw_server) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (server, declaration) =
            unsafe { (Out::new(server, "server")?, optional_text(declaration, "declaration")?) };
        let settings = match declaration {
            None => ServerSettings::default(),
            Some(text) if json::is_json(text) => ServerSettings::from_json(text)?,
            Some(text) => ServerSettings::from_toml(text, Path::new("server"))?,
        };
        server.set(handles::add(Server::new(settings)))
    })
}

/// Makes a server listen. It can be started once: a server that has stopped does not start again.
#[unsafe(no_mangle)]
pub extern "C" fn lw_server_start(server: lw_server) -> lw_status {
    call(|| self::server(server)?.start_expecting(&[]))
}

/// Answers this path with 503 and Retry-After instead of 404 until a mount is there, because players and
/// directories take 404 for "gone". For the mounts that follow a start: call it before `lw_server_start`, or
/// at any time after.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_expect(server: lw_server, path: *const c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let path = unsafe { text(path, "path") }?;
        self::server(server)?.expect(path)
    })
}

/// Stops a server. The ports are free at once; its listeners get what is due within two seconds. It takes
/// five seconds at most. `abandoned` is a JSON list of the threads that had to be left behind. It is freed by
/// `lw_free` and may be NULL. Stopping again is harmless.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_stop(server: lw_server, abandoned: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let abandoned = unsafe { Out::optional(abandoned, "abandoned") }?;
        report(abandoned, self::server(server)?.stop())
    })
}

/// Whether a server listens: 1 or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_is_running(server: lw_server, running: *mut i32) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let running = unsafe { Out::new(running, "running") }?;
        let server = self::server(server)?;
        running.set(server.running.get().is_some_and(longwave::Server::is_running).into())
    })
}

/// Closes a handle. The server ends with its last handle and the last pipeline on it. Closing it again is
/// harmless.
#[unsafe(no_mangle)]
pub extern "C" fn lw_server_close(server: lw_server) -> lw_status {
    call(|| {
        handles::close::<Server>(server)?;
        Ok(lw_status::LW_OK)
    })
}

/// The port that a server listens on: the one that it got where 0 was declared; the first, if there are
/// several.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_port(server: lw_server, port: *mut u16) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let port = unsafe { Out::new(port, "port") }?;
        let server = self::server(server)?;
        let first = server.running()?.local_addrs().first().map(|address| address.port());
        first.map_or(Ok(lw_status::LW_NONE), |first| port.set(first))
    })
}

/// All addresses that a server listens on, as JSON: `["127.0.0.1:8000"]`. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_addresses(server: lw_server, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        let server = self::server(server)?;
        let addresses: Vec<_> = server.running()?.local_addrs().iter().map(ToString::to_string).collect();
        json.json(&addresses)
    })
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
        let settings = if json::is_json(declaration) {
            MountSettings::from_json(declaration)?
        } else {
            MountSettings::from_toml(declaration, Path::new("mount"))?
        };
        let path = settings.path.clone();
        let writer = server.running()?.add_mount(settings)?.into_audio();
        server.writers().insert(path, Arc::new(Mutex::new(writer)));
        Ok(lw_status::LW_OK)
    })
}

/// Opens the file of a server's access log anew (the key `access_log`), as after its rotation. It waits for no disk.
/// Without such a file, it does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn lw_server_reopen_logs(server: lw_server) -> lw_status {
    call(|| {
        self::server(server)?.running()?.reopen_logs();
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
        let title = Title { text: title.into(), url: url.map(Into::into) };
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

/// What a server has done since it started, as JSON. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_stats(server: lw_server, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        let server = self::server(server)?;
        json.json(&ServerStatistics::of(&server.running()?.stats()))
    })
}

fn since_1970(time: SystemTime) -> u64 {
    to_ms(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}
