"""Longwave in Python. It uses ctypes and needs only liblongwave.

    import longwave
    station = longwave.Station("[[pipeline]]")
    pipeline = station.pipeline()
    pipeline.add_hook("track-change", lambda event: print(event["track"]["title"]))
    station.start()
    pipeline.play_path("music", loop=True)

longwave.h documents each method, under the name of its class and its own name: `Pipeline.skip` is
lw_pipeline_skip. JSON is returned as Python values. Declarations are text (TOML or JSON) or dictionaries.
Paths are str, bytes or os.PathLike. Times are seconds. PCM is interleaved, as array.array("f") from -1 to 1.
A missing value is None. A call that fails raises `Error`. `close`, `with` or garbage collection closes an
object. When the interpreter ends, it waits for a running hook and closes everything that is still open.

Hooks run on a thread of the library, which waits for Python's interpreter lock like any other thread. An
exception in a hook is printed.
"""

import array
import atexit
import ctypes
import ctypes.util
import itertools
import json
import os
import sys
import time
import traceback
import weakref
from ctypes import (byref, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t, c_uint16, c_uint32,
                    c_uint64, c_void_p)

__all__ = ["Encoder", "Error", "Input", "Pipeline", "Refused", "Request", "Requests", "Server", "Source",
           "Station", "Tap", "abi_version", "codecs", "format_title", "log_to", "read_metadata", "version"]


def _load():
    """Loads the library: LONGWAVE_LIBRARY, or else the wheel's, the system's or that of `make install`."""
    here = os.path.dirname(os.path.abspath(__file__))
    wheel = os.path.join(here, "longwave.libs", "liblongwave.so.0")
    installed = os.path.join(here, "..", "..", "..", "lib", "liblongwave.so.0")
    given = os.environ.get("LONGWAVE_LIBRARY")
    names = [given] if given else [wheel, "liblongwave.so.0", installed, ctypes.util.find_library("longwave")]
    tried = []
    for name in filter(None, names):
        try:
            return ctypes.CDLL(name)
        except OSError as error:
            tried.append(str(error))
    raise ImportError("liblongwave was not found; LONGWAVE_LIBRARY says where it is: " + "; ".join(tried))


_lib = _load()
_lib.lw_last_error.restype = _lib.lw_version.restype = _lib.lw_status_name.restype = c_char_p
_lib.lw_free.restype = None
_lib.lw_abi_version.restype = c_uint32
_HOOK = ctypes.CFUNCTYPE(None, c_uint64, c_char_p, c_void_p)
_NEXT = ctypes.CFUNCTYPE(None, c_uint64, c_void_p)
_ADMITS = ctypes.CFUNCTYPE(None, c_uint64, c_uint64, c_char_p, c_void_p)
_OPENS = ctypes.CFUNCTYPE(c_void_p, c_uint32, c_uint32, c_uint64, c_void_p)
_ENCODES = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_size_t, c_uint64)
_FLUSHES = ctypes.CFUNCTYPE(None, c_void_p, c_uint64)
_CLOSES = ctypes.CFUNCTYPE(None, c_void_p)
_LOG = ctypes.CFUNCTYPE(None, c_int32, c_char_p, c_char_p, c_void_p)


class Error(Exception):
    """A failed call: its `status`, the `name` of the status, and a text that says what was wrong."""

    def __init__(self, status):
        super().__init__(_lib.lw_last_error().decode())
        self.status, self.name = status, _lib.lw_status_name(c_int(status)).decode()


class Refused(Exception):
    """What the function of `Station.admit_sources` raises to refuse a source. Its DJ reads the text."""


def _call(function, *arguments):
    """Whether the call returned a value."""
    status = getattr(_lib, function)(*arguments)
    if status < 0:
        raise Error(status)
    return status == 0


def _unless_forked(function, *arguments):
    """Ignores invalid handles: in a child after a fork, all handles are invalid."""
    try:
        _call(function, *arguments)
    except Error as error:
        if error.name != "LW_BAD_HANDLE":
            raise


def _get(kind, function, *arguments):
    """The number that a call writes to its last argument."""
    out = kind()
    return out.value if _call(function, *arguments, byref(out)) else None


def _text(function, *arguments):
    """The text that a call writes to its last argument."""
    out = c_void_p()
    if not _call(function, *arguments, byref(out)):
        return None
    try:
        return ctypes.string_at(out).decode()
    finally:
        _lib.lw_free(out)


def _bytes(function, *arguments):
    """A copy of the bytes that a call points to."""
    out, count = c_void_p(), c_size_t()
    _call(function, *arguments, byref(out), byref(count))
    return ctypes.string_at(out, count.value) if count.value else b""


def _json(function, *arguments):
    text = _text(function, *arguments)
    return None if text is None else json.loads(text)


def _whole(raw):
    """Refuses a NUL, because the library would not see what follows it."""
    if b"\0" in raw:
        raise ValueError("%r has a NUL in it" % raw)
    return raw


def _utf8(text):
    if text is not None and not isinstance(text, str):
        raise TypeError("expected text, not %r" % text)
    return None if text is None else _whole(text.encode())


def _reason(said):
    """A reason as the library takes it, whatever it is."""
    return str(said).replace("\0", " ").encode(errors="replace")


def _path(file):
    return _whole(os.fsencode(file))


def _octets(given):
    """Anything like bytes, and how many they are."""
    raw = memoryview(given).tobytes()
    return raw, c_size_t(len(raw))


def _natural(number, kind=c_uint64):
    """Refuses numbers that would wrap around in C."""
    bits = 8 * ctypes.sizeof(kind) - (kind(-1).value < 0)
    if not 0 <= number < 1 << bits:
        raise ValueError("%r is not from 0 to 2**%d - 1" % (number, bits))
    return kind(number)


def _milliseconds(seconds):
    """A time as C's functions take it."""
    return _natural(round(seconds * 1000))


def _seconds(function, *arguments):
    """A time that a call writes in milliseconds to its last argument; None if there is none."""
    milliseconds = _get(c_uint64, function, *arguments)
    return None if milliseconds is None else milliseconds / 1000


def _in_slices(timeout, step):
    """Calls `step` with milliseconds until it returns something or the time is over. Slices are short, so
    that Ctrl-C is noticed."""
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        left = 200 if end is None else max(0, min(200, round((end - time.monotonic()) * 1000)))
        found = step(c_int64(left))
        if found is not None or (end is not None and time.monotonic() >= end):
            return found


def _samples(pcm, channels):
    """Whole frames of floats, as bytes."""
    view = memoryview(pcm)
    if view.format != "f":
        raise TypeError("samples are array.array('f'), not of format %r" % view.format)
    if view.nbytes // view.itemsize % channels:
        raise ValueError("%d samples are not whole frames of %d" % (view.nbytes // view.itemsize, channels))
    return view.tobytes()


def _declaration(given):
    return _utf8(json.dumps(given) if isinstance(given, dict) else given)


def _files(files):
    """A list of files as JSON. A path that is not UTF-8 becomes a URL."""

    if isinstance(files, (str, bytes, os.PathLike)):
        raise TypeError("expected a list of files, not %r" % files)

    def path(given):
        raw = _path(given)
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text = ""
        if text and not text.startswith("file://"):
            return text
        plain = b"/.-_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
        return "file://" + "".join(chr(byte) if byte in plain else "%%%02X" % byte for byte in raw)

    def entry(given):
        return {**given, "file": path(given["file"])} if isinstance(given, dict) else path(given)

    return json.dumps([entry(file) for file in files]).encode()


class _Handle:
    def __init__(self, handle):
        self.handle = c_uint64(handle)
        _open.add(self)

    @classmethod
    def _of(cls, handle):
        made = cls.__new__(cls)
        _Handle.__init__(made, handle)
        return made

    def close(self):
        _unless_forked(self._close, self.handle)
        _open.discard(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if hasattr(self, "handle"):
            getattr(_lib, self._close)(self.handle)


_open = weakref.WeakSet()


@atexit.register
def _close_all():
    """Closes everything at exit: a thread of the library that calls Python while the interpreter ends would
    be killed in the middle of its work."""
    log_to(None)
    there = list(_open)
    for kind in (Request, Requests, Input, Source, Tap, Pipeline, Station, Server, Encoder):
        for handle in (handle for handle in there if isinstance(handle, kind)):
            try:
                handle.close()
            except Exception:  # go on with the others
                traceback.print_exc(file=sys.stderr)


class Station(_Handle):
    """A server and its pipelines, declared together."""

    _close = "lw_station_close"
    _admits = None

    def __init__(self, declaration):
        super().__init__(_get(c_uint64, "lw_station_open", _declaration(declaration)))

    def close(self):
        """Removes first what the library would call, so that Python can free it."""
        if self._admits:
            _unless_forked("lw_station_admit_sources", self.handle, None, None)
            self._admits = None
        super().close()

    def __del__(self):
        if hasattr(self, "handle"):
            self.close()

    @classmethod
    def read(cls, file):
        """A station that is declared in a file: JSON where its name ends in `.json`, else TOML."""
        return cls._of(_get(c_uint64, "lw_station_read", _path(file)))

    def start(self):
        _call("lw_station_start", self.handle)

    def stop(self):
        """Returns the names of threads that were left behind."""
        return _json("lw_station_stop", self.handle)

    def reload(self, declaration=None):
        """Applies another declaration, or the file of `read` as it is now. Returns lists of sentences:
        `changed`, `restart` (what needs one) and `failed`."""
        return _json("lw_station_reload", self.handle, _declaration(declaration))

    def ask(self, method, target, body=None):
        """What a request to the HTTP API does, without a socket. `body` is a document. Returns the status and
        the answer, a document where it is JSON: `ask("GET", "/api/v1/denied")`."""
        status = c_uint32()
        body = None if body is None else json.dumps(body).encode()
        text = _text("lw_station_ask", self.handle, _utf8(method), _utf8(target), body, byref(status))
        try:
            return status.value, json.loads(text) if text else None
        except ValueError:
            return status.value, text

    def server(self):
        return Server._of(_get(c_uint64, "lw_station_server", self.handle))

    def pipelines(self):
        """Their names."""
        return _json("lw_station_pipelines", self.handle)

    def pipeline(self, name=None):
        pipeline = Pipeline._of(_get(c_uint64, "lw_station_pipeline", self.handle, _utf8(name)))
        # The pipeline ends with the station, so it keeps the station alive.
        pipeline._station = self
        return pipeline

    def history(self, from_=None, to=None, pipeline=None, most=1000):
        """What was played. `from_` and `to` are days ("2026-01-31") or points of time, as text."""
        return _json("lw_station_history", self.handle, _utf8(from_), _utf8(to), _utf8(pipeline),
                     _natural(most, c_size_t))

    def report(self, from_=None, to=None, pipeline=None, by="track", format="csv"):
        """The text of a report for licensing societies."""
        return _text("lw_station_report", self.handle, _utf8(from_), _utf8(to), _utf8(pipeline), _utf8(by),
                     _utf8(format))

    def statistics(self, from_=None, to=None, mount=None, step=None):
        """How many listened over time. `step` is from "1m" to "1d"."""
        return _json("lw_station_statistics", self.handle, _utf8(from_), _utf8(to), _utf8(mount), _utf8(step))

    def library_state(self):
        return _json("lw_library_state", self.handle)

    def library_search(self, words="", most=100, offset=0):
        return _json("lw_library_search", self.handle, _utf8(words), _natural(most, c_size_t),
                     _natural(offset, c_size_t))

    def library_track(self, track):
        return _json("lw_library_track", self.handle, _natural(track, c_int64))

    def library_edit(self, track, **changes):
        """`library_edit(17, kind="jingle", title=None)`: None takes back what was said. Returns the
        track."""
        return _json("lw_library_edit", self.handle, _natural(track, c_int64), json.dumps(changes).encode())

    def library_start_scan(self):
        _call("lw_library_start_scan", self.handle)

    def library_pause(self):
        _call("lw_library_pause", self.handle)

    def library_resume(self):
        _call("lw_library_resume", self.handle)

    def library_playlists(self):
        return _json("lw_library_playlists", self.handle)

    def library_playlist(self, name):
        return _json("lw_library_playlist", self.handle, _utf8(name))

    def library_set_playlist(self, name, playlist):
        """`library_set_playlist("jazz", {"smart": {"genre": ["Jazz"]}})`"""
        _call("lw_library_set_playlist", self.handle, _utf8(name), json.dumps(playlist).encode())

    def library_remove_playlist(self, name):
        _call("lw_library_remove_playlist", self.handle, _utf8(name))

    def admit_sources(self, function):
        """Calls `function(request)` for each source that wants to send; `request` is a dictionary with `path`,
        `user`, `password`, `address`, `program`, `content_type`, `name` and more. It returns the name by which
        the source is known from then on, or raises `Refused(reason)`. Any other exception is printed, and
        refuses, too. To be called before `start`; later another function, or None, can take its place. None
        refuses every source."""

        def asked(_station, request, description, _user):
            request = c_uint64(request)
            try:
                _call("lw_source_request_admit", request, _utf8(function(json.loads(description))))
            except Refused as refused:
                _lib.lw_source_request_refuse(request, _reason(refused))
            except Exception as error:  # it must not reach the library
                traceback.print_exc(file=sys.stderr)
                _lib.lw_source_request_fail(request, _reason("%s: %s" % (type(error).__name__, error)))

        kept = _ADMITS(asked) if function else None
        _call("lw_station_admit_sources", self.handle, kept, None)
        self._admits = kept

    def sources(self):
        """Those that are connected, each with its `id`, `path`, `user`, `program` and more."""
        return _json("lw_station_sources", self.handle)

    def kick_source(self, source):
        """Removes a source, by its `id`."""
        _call("lw_station_kick_source", self.handle, _natural(source))

    def update_source_metadata(self, path, title, url=None):
        """Sets the title of what the source at this path sends from now on."""
        _call("lw_station_update_source_metadata", self.handle, _utf8(path), _utf8(title), _utf8(url))


class Server(_Handle):
    _close = "lw_server_close"

    def __init__(self, declaration=None):
        super().__init__(_get(c_uint64, "lw_server_open", _declaration(declaration)))

    def start(self):
        _call("lw_server_start", self.handle)

    def expect(self, path):
        """Answers `path` with 503 instead of 404 until a mount is there. It can be called before `start`."""
        _call("lw_server_expect", self.handle, _utf8(path))

    def expect_no_more(self, path):
        _call("lw_server_expect_no_more", self.handle, _utf8(path))

    def reconfigure(self, declaration):
        """Gives the server other settings while it runs. What is left out is the default."""
        _call("lw_server_reconfigure", self.handle, _declaration(declaration))

    def stop(self):
        return _json("lw_server_stop", self.handle)

    @property
    def is_running(self):
        return bool(_get(c_int32, "lw_server_is_running", self.handle))

    @property
    def port(self):
        return _get(c_uint16, "lw_server_port", self.handle)

    def addresses(self):
        return _json("lw_server_addresses", self.handle)

    def reopen_logs(self):
        """Opens the file of the access log anew, as after its rotation."""
        _call("lw_server_reopen_logs", self.handle)

    def next_event(self, timeout=None):
        """The next event of the server and of all pipelines on it, or None after so many seconds."""
        return _in_slices(timeout, lambda wait: _json("lw_server_next_event", self.handle, wait))

    def fileno(self):
        """A descriptor that is readable while events wait."""
        return _get(c_int, "lw_server_event_fd", self.handle)

    def take_requests(self, paths, waiting=32):
        """Takes over the HTTP requests for these paths, and for everything below those that end with a
        slash."""
        paths = json.dumps([paths] if isinstance(paths, str) else list(paths)).encode()
        waiting = _natural(waiting, c_size_t)
        return Requests(_get(c_uint64, "lw_server_take_requests", self.handle, paths, waiting))

    def add_mount(self, declaration):
        _call("lw_server_add_mount", self.handle, _declaration(declaration))

    def update_mount(self, declaration):
        """Gives a mount of `add_mount` other settings; its listeners stay."""
        _call("lw_server_update_mount", self.handle, _declaration(declaration))

    def remove_mount(self, mount):
        _call("lw_server_remove_mount", self.handle, _utf8(mount))

    def write_audio(self, mount, audio):
        """Returns how many of the bytes were accepted."""
        return _get(c_size_t, "lw_server_write_audio", self.handle, _utf8(mount), *_octets(audio))

    def set_header(self, mount, header):
        """Bytes that a listener who joins gets before any audio, on a mount whose content type is not
        parsed."""
        _call("lw_server_set_header", self.handle, _utf8(mount), *_octets(header))

    def update_metadata(self, mount, title, url=None):
        _call("lw_server_update_metadata", self.handle, _utf8(mount), _utf8(title), _utf8(url))

    def listener_count(self, mount=None):
        return _get(c_uint64, "lw_server_listener_count", self.handle, _utf8(mount))

    def listeners(self, mount=None):
        """Each with its `id`, `mount`, `address`, `agent`, `duration`, `bytes`, `is_behind`."""
        return _json("lw_server_listeners", self.handle, _utf8(mount))

    def kick(self, listener):
        """Closes the connection of a listener, by its `id`."""
        _call("lw_server_kick", self.handle, _natural(listener))

    def changed_at(self, mount):
        """Since when the mount has its title, as `time.time()` counts."""
        return _seconds("lw_server_changed_at", self.handle, _utf8(mount))

    def mount_info(self, mount):
        return _json("lw_server_mount_info", self.handle, _utf8(mount))

    def mounts(self):
        return _json("lw_server_mounts", self.handle)

    def stats(self):
        return _json("lw_server_stats", self.handle)

    def health(self):
        return _json("lw_server_health", self.handle)


class Requests(_Handle):
    """The HTTP requests for paths that this program has taken over. When it is closed, they are the server's
    again."""

    _close = "lw_requests_close"

    def next(self, timeout=None):
        """The next request, or None after so many seconds. Raises LW_STOPPED when the server has stopped."""
        request = _in_slices(timeout, lambda wait: _get(c_uint64, "lw_requests_next", self.handle, wait))
        return None if request is None else Request(request)


class Request(_Handle):
    """An HTTP request that waits for an answer: its `method`, `path`, `segments`, `address` and
    `base_url`."""

    _close = "lw_request_close"

    def __init__(self, handle):
        super().__init__(handle)
        self.__dict__.update(_json("lw_request_info", self.handle))

    def parameter(self, name):
        """The value of a parameter of the query, or None."""
        return _text("lw_request_parameter", self.handle, _utf8(name))

    def header(self, name):
        return _text("lw_request_header", self.handle, _utf8(name))

    @property
    def body(self):
        return _bytes("lw_request_body", self.handle)

    def answer(self, status, body=b"", headers=None):
        """Answers with text or bytes. Without headers, it is plain text."""
        body = _octets(body.encode() if isinstance(body, str) else body)
        headers = None if headers is None else json.dumps(headers).encode()
        _call("lw_request_answer", self.handle, _natural(status, c_uint32), headers, *body)


class Pipeline(_Handle):
    _close = "lw_pipeline_close"

    def __new__(cls, *_arguments, **_options):
        made = super().__new__(cls)
        made._hooks, made._next_track, made._own_outputs = {}, None, set()
        return made

    def __init__(self, declaration, server=None):
        shared = server.handle if server else c_uint64(0)
        super().__init__(_get(c_uint64, "lw_pipeline_open", _declaration(declaration), shared))

    def close(self):
        """Removes first what the library would call, so that Python can free it."""
        for hook in list(self._hooks):
            _unless_forked("lw_pipeline_remove_hook", self.handle, c_uint64(hook))
            del self._hooks[hook]
        if self._next_track:
            _unless_forked("lw_pipeline_on_next_track", self.handle, None, None, c_uint64(0))
            self._next_track = None
        for mount in list(self._own_outputs):
            self._own_outputs.discard(mount)
            _lib.lw_pipeline_remove_output(self.handle, _utf8(mount))  # it may have ended already
        super().close()

    def __del__(self):
        if hasattr(self, "handle"):
            self.close()

    def start(self):
        _call("lw_pipeline_start", self.handle)

    def stop(self):
        return _json("lw_pipeline_stop", self.handle)

    @property
    def is_running(self):
        return bool(_get(c_int32, "lw_pipeline_is_running", self.handle))

    @property
    def name(self):
        return _text("lw_pipeline_name", self.handle)

    def server(self):
        return Server._of(_get(c_uint64, "lw_pipeline_server", self.handle))

    def spec(self):
        """Frames per second, and samples per frame."""
        rate, channels = c_uint32(), c_uint32()
        _call("lw_pipeline_spec", self.handle, byref(rate), byref(channels))
        return rate.value, channels.value

    def mounts(self):
        return _json("lw_pipeline_mounts", self.handle)

    def add_hook(self, kind, function):
        """Calls `function` with each event of this kind, or of all kinds if it is None. Returns the hook's
        number."""

        def on_event(_pipeline, event, _user):
            try:
                function(json.loads(event))
            except Exception:  # it must not reach the library
                traceback.print_exc(file=sys.stderr)

        kept = _HOOK(on_event)
        hook = _get(c_uint64, "lw_pipeline_add_hook", self.handle, _utf8(kind), kept, None)
        self._hooks[hook] = kept
        return hook

    def remove_hook(self, hook):
        _call("lw_pipeline_remove_hook", self.handle, _natural(hook))
        del self._hooks[hook]

    def next_event(self, timeout=None):
        """Returns the next event, or None after so many seconds. Without a timeout it waits without a
        limit."""
        return _in_slices(timeout, lambda wait: _json("lw_pipeline_next_event", self.handle, wait))

    def fileno(self):
        """A descriptor that is readable while events wait, so a pipeline can be passed to select and the
        like."""
        return _get(c_int, "lw_pipeline_event_fd", self.handle)

    def on_next_track(self, function, within=0):
        """Calls `function()` when a track begins and the queue is empty, and before the first track. It
        returns what is to play next: a path, a dictionary with `file` and `title`, or None, and then the
        playlist goes on. It has so many seconds; 0 means five. To be called before `start`; later another
        function, or None, can take its place."""

        def asked(pipeline, _user):
            try:
                chosen = function()
                if chosen is not None:
                    _json("lw_pipeline_queue_files", c_uint64(pipeline), _files([chosen]), c_int32(0))
            except Exception:  # it must not reach the library
                traceback.print_exc(file=sys.stderr)

        kept = _NEXT(asked) if function else None
        _call("lw_pipeline_on_next_track", self.handle, kept, None, _milliseconds(within))
        self._next_track = kept

    def use_stepped_clock(self):
        """Lets the pipeline run by `step_clock` only, as fast as the machine can: for tests and for
        rendering. Before `start`."""
        _call("lw_pipeline_use_stepped_clock", self.handle)

    def step_clock(self, by):
        """Returns when so many seconds more have been mixed."""
        _call("lw_pipeline_step_clock", self.handle, _milliseconds(by))

    def play_file(self, file, title=None):
        return _get(c_uint64, "lw_pipeline_play_file", self.handle, _path(file), _utf8(title))

    def play_list(self, name, files, **options):
        """Options: now, loop, shuffle, crossfade, fade_in, fade_out."""
        _call("lw_pipeline_play_list", self.handle, _utf8(name), _files(files), json.dumps(options).encode())

    def play_path(self, path, **options):
        _call("lw_pipeline_play_path", self.handle, _path(path), json.dumps(options).encode())

    def set_fades(self, crossfade=None, fade_in=None, fade_out=None):
        """Sets the fades between tracks from now on, in seconds. None: as before."""
        fades = [-1 if fade is None else _milliseconds(fade).value for fade in (crossfade, fade_in, fade_out)]
        _call("lw_pipeline_set_fades", self.handle, *map(c_int64, fades))

    def set_loop(self, repeat):
        _call("lw_pipeline_set_loop", self.handle, c_int32(bool(repeat)))

    def set_shuffle(self, shuffle):
        _call("lw_pipeline_set_shuffle", self.handle, c_int32(bool(shuffle)))

    def skip(self):
        _call("lw_pipeline_skip", self.handle)

    def seek(self, to):
        _call("lw_pipeline_seek", self.handle, _milliseconds(to))

    def queue_file(self, file, title=None, next=False):
        """Returns the number of the entry."""
        next = c_int32(bool(next))
        return _get(c_uint64, "lw_pipeline_queue_file", self.handle, _path(file), _utf8(title), next)

    def queue_files(self, files, next=False):
        """Returns the numbers of the entries."""
        return _json("lw_pipeline_queue_files", self.handle, _files(files), c_int32(bool(next)))

    def queue(self):
        return _json("lw_pipeline_queue", self.handle)

    def entry(self, entry):
        """An entry of the queue or of the playlist, by its number."""
        return _json("lw_pipeline_entry", self.handle, _natural(entry))

    def clear_queue(self):
        _call("lw_pipeline_clear_queue", self.handle)

    def remove(self, entry):
        _call("lw_pipeline_remove", self.handle, _natural(entry))

    def move_to(self, entry, index):
        _call("lw_pipeline_move_to", self.handle, _natural(entry), _natural(index, c_size_t))

    def hold(self, fade=0):
        _call("lw_pipeline_hold", self.handle, _milliseconds(fade))

    def hold_after_current(self):
        """Holds the programme when the current track has come to its end; resume takes it back."""
        _call("lw_pipeline_hold_after_current", self.handle)

    def resume(self, fade=0):
        _call("lw_pipeline_resume", self.handle, _milliseconds(fade))

    def update_metadata(self, title, mount=None, url=None, until_cleared=False):
        texts = map(_utf8, (title, url, mount))
        _call("lw_pipeline_update_metadata", self.handle, *texts, c_int32(until_cleared))

    def clear_metadata(self, mount=None):
        _call("lw_pipeline_clear_metadata", self.handle, _utf8(mount))

    def set_title_format(self, format):
        """How titles are made from now on, for example "Radio X: {title}". None: as usual."""
        _call("lw_pipeline_set_title_format", self.handle, _utf8(format))

    def title_format(self):
        return _text("lw_pipeline_title_format", self.handle)

    def current_track(self):
        return _json("lw_pipeline_current_track", self.handle)

    def current_title(self):
        return _text("lw_pipeline_current_title", self.handle)

    def played(self):
        """How much of the current track has been mixed."""
        return _seconds("lw_pipeline_played_ms", self.handle)

    def remaining(self):
        """How much of the current track is to come; None if that is not known."""
        return _seconds("lw_pipeline_remaining_ms", self.handle)

    def time_on_air(self):
        """How much has been mixed since the start."""
        return _seconds("lw_pipeline_time_on_air_ms", self.handle)

    @property
    def is_held(self):
        return bool(_get(c_int32, "lw_pipeline_is_held", self.handle))

    def hold_state(self):
        """How far an order is that holds the programme: released, after-current, fading or held."""
        return _text("lw_pipeline_hold_state", self.handle)

    def search_requests(self, words="", most=20):
        return _json("lw_pipeline_search_requests", self.handle, _utf8(words), _natural(most, c_size_t))

    def request(self, track, address):
        """Takes the request of a listener at this IP address. Raises `Error` with the name LW_LIMIT if a
        limit is reached."""
        return _json("lw_pipeline_request", self.handle, _natural(track, c_int64), _utf8(address))

    def set_ingredient(self, kind, declaration):
        """Adds a "daypart", an "insert" or a "slot" to the schedule that is declared, by a dictionary with
        its keys and a `name`, or replaces what was added under this name. The library keeps it."""
        _call("lw_pipeline_set_ingredient", self.handle, _utf8(kind), _declaration(declaration))

    def remove_ingredient(self, kind, name):
        """Removes what was added under this name."""
        _call("lw_pipeline_remove_ingredient", self.handle, _utf8(kind), _utf8(name))

    def preview(self, hours=24):
        return _json("lw_pipeline_preview", self.handle, _natural(hours, c_size_t))

    def up_next(self, most):
        return _json("lw_pipeline_up_next", self.handle, _natural(most, c_size_t))

    def history(self):
        return _json("lw_pipeline_history", self.handle)

    def playlist(self):
        return _json("lw_pipeline_playlist", self.handle)

    def listener_count(self, mount=None):
        return _get(c_uint64, "lw_pipeline_listener_count", self.handle, _utf8(mount))

    def levels(self):
        return _json("lw_pipeline_levels", self.handle)

    def fill(self):
        return _json("lw_pipeline_fill", self.handle)

    def health(self):
        return _json("lw_pipeline_health", self.handle)

    def snapshot(self):
        return _text("lw_pipeline_snapshot", self.handle)

    def restore(self, snapshot):
        _call("lw_pipeline_restore", self.handle, _utf8(snapshot))

    def play_voice(self, file, volume=1.0, paused=False):
        """Returns the voice's number."""
        volume, paused = c_double(volume), c_int32(paused)
        return _get(c_uint64, "lw_pipeline_play_voice", self.handle, _path(file), volume, paused)

    def stop_voice(self, voice, fade=0):
        _call("lw_pipeline_stop_voice", self.handle, _natural(voice), _milliseconds(fade))

    def stop_all_voices(self, fade=0):
        _call("lw_pipeline_stop_all_voices", self.handle, _milliseconds(fade))

    def pause_voice(self, voice):
        _call("lw_pipeline_pause_voice", self.handle, _natural(voice))

    def resume_voice(self, voice):
        _call("lw_pipeline_resume_voice", self.handle, _natural(voice))

    def seek_voice(self, voice, to):
        _call("lw_pipeline_seek_voice", self.handle, _natural(voice), _milliseconds(to))

    def set_volume(self, voice, volume):
        _call("lw_pipeline_set_volume", self.handle, _natural(voice), c_double(volume))

    def ramp_volume(self, voice, to, over=0, curve=None, then_stop=False):
        over, ends = _milliseconds(over), c_int32(then_stop)
        _call("lw_pipeline_ramp_volume", self.handle, _natural(voice), c_double(to), over, _utf8(curve), ends)

    def voices(self):
        return _json("lw_pipeline_voices", self.handle)

    def announce(self, file):
        """A file above everything else, which comes back after it. Returns the announcement's number."""
        return _get(c_uint64, "lw_pipeline_announce", self.handle, _path(file))

    def stop_announcement(self, announcement):
        _call("lw_pipeline_stop_announcement", self.handle, _natural(announcement))

    def stop_announcements(self):
        _call("lw_pipeline_stop_announcements", self.handle)

    def announcements(self):
        return _json("lw_pipeline_announcements", self.handle)

    def go_live(self, path, **info):
        """A source at a live input that this program writes. `info` may have user, program, name, genre,
        description, url and content_type."""
        return Source(self, path, info)

    def live(self):
        """The live input that has the air, or None: the programme has it."""
        return _json("lw_pipeline_live", self.handle)

    def hls(self):
        """The outputs that are served as HLS: path, playlist, variants, counters."""
        return _json("lw_pipeline_hls", self.handle)

    def live_inputs(self):
        return _json("lw_pipeline_live_inputs", self.handle)

    def force_live(self, path):
        _call("lw_pipeline_force_live", self.handle, _utf8(path))

    def force_programme(self):
        _call("lw_pipeline_force_programme", self.handle)

    def release_live(self):
        _call("lw_pipeline_release_live", self.handle)

    def forced_air(self):
        """Who has the air by an order: "programme", the path of a live input, or None."""
        return _json("lw_pipeline_forced_air", self.handle)

    def mute_live(self, path):
        _call("lw_pipeline_mute_live", self.handle, _utf8(path))

    def unmute_live(self, path):
        _call("lw_pipeline_unmute_live", self.handle, _utf8(path))

    def play_input(self, volume=1.0, paused=False):
        """A voice of PCM that this program pushes."""
        return Input(self, volume, paused)

    def play_pipe(self, format="f32le", volume=1.0, paused=False):
        """A voice of PCM that is written into a pipe, as f32le or s16le. Returns the pipe's writing end, an
        unbuffered file, and the voice's number. It can be the standard output of another program. A write
        waits while two seconds are ahead."""
        volume, paused = c_double(volume), c_int32(paused)
        fd, voice = c_int(), c_uint64()
        _call("lw_pipeline_play_pipe", self.handle, _utf8(format), volume, paused, byref(fd), byref(voice))
        return os.fdopen(fd.value, "wb", buffering=0), voice.value

    def tap(self):
        """A reader of the mixed PCM."""
        return Tap(self)

    def add_output(self, declaration):
        _call("lw_pipeline_add_output", self.handle, _declaration(declaration))

    def add_own_output(self, declaration, open):
        """Adds an output that this program encodes. `declaration`, a dictionary, has `mount`, `content_type`,
        and whatever else is known. `open(sample_rate, channels)` returns an object with `encode(pcm)`, where
        `pcm` is an array.array("f"), and perhaps `flush()`; both return packets, a list of (bytes, frames).
        It may have `header` (bytes), `delay` (frames) and `close()`. An exception closes it, and a second
        later another is opened."""
        mount, functions = declaration["mount"], _own_encoder(open)
        _kept.append(functions)
        _call("lw_pipeline_add_own_output", self.handle, _utf8(json.dumps(declaration)), *functions, None)
        self._own_outputs.add(mount)

    def update_output(self, declaration):
        """Gives an output other settings; its listeners stay."""
        _call("lw_pipeline_update_output", self.handle, _declaration(declaration))

    def remove_output(self, mount):
        _call("lw_pipeline_remove_output", self.handle, _utf8(mount))
        self._own_outputs.discard(mount)

    def replace_encoder(self, mount, declaration):
        _call("lw_pipeline_replace_encoder", self.handle, _utf8(mount), _declaration(declaration))


# Functions of own encoders, for good: one that is stuck may still be in there.
_kept = []


def _own_encoder(open):
    """The four functions of an encoder, as the library calls them."""
    encoders, numbers = {}, itertools.count(1)

    def careful(packets, step):
        try:
            return step()
        except Exception as error:  # it must not reach the library
            reason = _reason("%s: %s" % (type(error).__name__, error))
            _lib.lw_packets_fail(c_uint64(packets), reason)

    def give(packets, given):
        for data, frames in given or ():
            _call("lw_packets_add", c_uint64(packets), *_octets(data), _natural(frames, c_uint32))

    def opens(rate, channels, packets, _user):
        def step():
            encoder = open(rate, channels)
            if header := getattr(encoder, "header", None):
                _call("lw_packets_header", c_uint64(packets), *_octets(header))
            _call("lw_packets_delay", c_uint64(packets), _natural(getattr(encoder, "delay", 0)))
            number = next(numbers)
            encoders[number] = (encoder, channels)
            return number

        return careful(packets, step)

    def encodes(state, pcm, frames, packets):
        def step():
            encoder, channels = encoders[state]
            samples = array.array("f")
            samples.frombytes(ctypes.string_at(pcm, 4 * frames * channels))
            give(packets, encoder.encode(samples))

        careful(packets, step)

    def flushes(state, packets):
        careful(packets, lambda: give(packets, getattr(encoders[state][0], "flush", list)()))

    def closes(state):
        try:
            getattr(encoders.pop(state)[0], "close", list)()
        except Exception:
            traceback.print_exc(file=sys.stderr)

    return _OPENS(opens), _ENCODES(encodes), _FLUSHES(flushes), _CLOSES(closes)


class Input(_Handle):
    """A voice of PCM that this program pushes. When it is closed, it ends as soon as all has sounded. `voice`
    is its number."""

    _close = "lw_input_close"

    def __init__(self, pipeline, volume, paused):
        self.channels = pipeline.spec()[1]
        volume, paused = c_double(volume), c_int32(paused)
        handle, voice = c_uint64(), c_uint64()
        _call("lw_pipeline_play_input", pipeline.handle, volume, paused, byref(handle), byref(voice))
        self.voice = voice.value
        super().__init__(handle.value)

    def push(self, pcm):
        """Returns how many frames were taken. Offer the others again later."""
        samples = _samples(pcm, self.channels)
        frames = len(samples) // 4 // self.channels
        return _get(c_size_t, "lw_input_push", self.handle, samples, c_size_t(frames))

    def push_within(self, pcm, timeout=None):
        """Waits for room until all frames were taken, for so many seconds at most. Returns how many were
        taken."""
        samples, frame = _samples(pcm, self.channels), 4 * self.channels
        frames, taken = len(samples) // frame, 0

        def push(wait):
            nonlocal taken
            rest = samples[taken * frame:]
            taken += _get(c_size_t, "lw_input_push_within", self.handle, rest, c_size_t(frames - taken), wait)
            return taken if taken == frames else None

        _in_slices(timeout, push)
        return taken


class Source(_Handle):
    """Encoded audio for a live input, which this program writes as it comes. When it is closed, it fades out."""

    _close = "lw_source_close"

    def __init__(self, pipeline, path, info):
        info = json.dumps(info).encode()
        super().__init__(_get(c_uint64, "lw_pipeline_go_live", pipeline.handle, _utf8(path), info))

    def write(self, audio):
        """Returns how many of the bytes were taken. Offer the others again later. Raises LW_STOPPED when the
        source has ended."""
        return _get(c_size_t, "lw_source_write", self.handle, *_octets(audio))

    def set_title(self, title):
        """The title of what is written from now on."""
        _call("lw_source_set_title", self.handle, _utf8(title))

    def state(self):
        return _json("lw_source_state", self.handle)


class Tap(_Handle):
    """A reader of the mixed PCM, just as the encoders get it. About two seconds wait to be read."""

    _close = "lw_tap_close"

    def __init__(self, pipeline):
        self.channels = pipeline.spec()[1]
        super().__init__(_get(c_uint64, "lw_pipeline_tap", pipeline.handle))

    def read(self, frames, timeout=None):
        """Returns the next frames, as many as there are, and where the first lies on the pipeline's clock, in
        frames. If none comes in so many seconds, the array is empty. Raises LW_STOPPED when the pipeline has
        stopped and all was read."""
        pcm = array.array("f", bytes(4 * _natural(frames, c_size_t).value * self.channels))
        address, position = c_void_p(pcm.buffer_info()[0]), c_uint64()

        def read(wait):
            count = c_size_t()
            _call("lw_tap_read", self.handle, address, c_size_t(frames), wait, byref(count), byref(position))
            return count.value or None

        del pcm[(_in_slices(timeout, read) or 0) * self.channels:]
        return pcm, position.value

    @property
    def lost(self):
        """How many frames were lost because they were not read in time."""
        return _get(c_uint64, "lw_tap_lost", self.handle)

    def fileno(self):
        """A descriptor that is readable while there is PCM, for select. Then read with a timeout of 0 until
        nothing comes."""
        return _get(c_int, "lw_tap_fd", self.handle)


class Encoder(_Handle):
    """Encodes PCM to whole packets, as bytes. `pcm` has 16-bit samples, as array.array("h"), or floats, as
    array.array("f")."""

    _close = "lw_encoder_close"

    def __init__(self, declaration, sample_rate=44100, channels=2):
        self.channels = channels
        rate, count = _natural(sample_rate, c_uint32), _natural(channels, c_uint32)
        super().__init__(_get(c_uint64, "lw_encoder_open", _declaration(declaration), rate, count))

    def encode(self, pcm):
        view = memoryview(pcm)
        function = {"f": "lw_encoder_encode", "h": "lw_encoder_encode_s16"}.get(view.format)
        if function is None:
            kinds = "array.array('h') or array.array('f')"
            raise TypeError("samples are %s, not of format %r" % (kinds, view.format))
        samples = view.tobytes()
        return self._step(function, samples, c_size_t(len(samples) // view.itemsize // self.channels))

    @property
    def content_type(self):
        return _text("lw_encoder_content_type", self.handle)

    @property
    def delay(self):
        """How many frames late the packets are."""
        return _get(c_uint64, "lw_encoder_delay", self.handle)

    def flush(self):
        return self._step("lw_encoder_flush")

    def _step(self, function, *arguments):
        return _bytes(function, self.handle, *arguments)


_log = None


def log_to(function, level="info"):
    """Calls `function(level, target, message)` with each log line from now on. None stops that."""
    global _log

    def on_line(number, target, message, _user):
        try:
            function(number, target.decode(), message.decode())
        except Exception:
            traceback.print_exc(file=sys.stderr)

    kept = _LOG(on_line) if function else None
    _call("lw_log_to", kept, None, _utf8(level))
    _log = kept


def read_metadata(file):
    return _json("lw_read_metadata", _path(file))


def format_title(file, tags=None, given=None, extinf=None):
    tags = None if tags is None else json.dumps(tags).encode()
    return _text("lw_format_title", _path(file), tags, _utf8(given), _utf8(extinf))


def version():
    return _lib.lw_version().decode()


def abi_version():
    """The version of the library's interface."""
    return _lib.lw_abi_version()


def codecs():
    """The codec libraries in this build, with their versions and licences."""
    return _json("lw_codecs")
