// longwave.h: a radio station inside a program, by the C ABI of Longwave.
//
// Generated from the sources of the library; docs/EMBEDDING.md is the guide.
//
// Handles (lw_station, lw_pipeline, lw_server, lw_encoder, lw_input, lw_tap, lw_requests, lw_request,
// lw_packets, lw_source_request, lw_source) are numbers. Zero stands for nothing. A handle that was closed,
// was never given out, or stands for something else is refused with LW_BAD_HANDLE; closing one twice is
// harmless.
//
// Threads: every function may be called on any thread, at any time, unless it says otherwise. None keeps the
// audio waiting. Functions of the host are called on threads of the library: see lw_hook, lw_log,
// lw_next_track, lw_admit_source and lw_encoder_opens. Threads of the library block all signals. In a forked
// child all handles of its parent count as closed; it may open its own.
//
// Results: functions that can fail return an lw_status; what they give goes through pointers, which are
// written only when it is LW_OK. Such a pointer must not be NULL unless it says that it may be.
//
// Text is UTF-8 and ends with NUL; paths are bytes and end with NUL. What is passed in is read during the
// call only. Text that comes out by a char ** is the caller's, and freed by lw_free. Declarations are TOML,
// or JSON where they begin with a brace. In JSON a path that is not UTF-8 is a percent-encoded file:// URL.
//
// Units: times are whole milliseconds, and their names end in _ms; points of time are milliseconds since
// 1970. In JSON, times are seconds, to the millisecond, and points of time are RFC 3339 in UTC: the documents
// are those of the HTTP API (docs/API.md). A frame is one sample for each channel, left then right.
//
// The caller's floating-point environment and errno are the same after a call as before, and do not matter to
// it.


#ifndef LONGWAVE_H
#define LONGWAVE_H

#include <stddef.h>
#include <stdint.h>

// The version of this interface: it grows when something is added, and `LW_ABI_MAJOR`, which is the number
// in the library's soname, when something changes.
#define LW_ABI_VERSION 1

// See `LW_ABI_VERSION`.
#define LW_ABI_MAJOR 0

// The most events that wait to be read: those of several minutes, or of a crowd that joins at once.
#define EVENTS 1024

// The result of a call. Zero is success. Above zero, the call succeeded and there was nothing to return.
// Below zero, it failed: it changed nothing that it was given, and `lw_last_error` says why.
enum lw_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Done.
  LW_OK = 0,
  // There is nothing to return: no current track, or no event within the time. Nothing was written.
  LW_NONE = 1,
  // An invalid argument: NULL, text that is not UTF-8, or JSON that is not what was asked for.
  LW_INVALID = -1,
  // A handle that is zero, was closed, was never given out, or stands for another kind of object.
  LW_BAD_HANDLE = -2,
  // A declaration or a value that cannot work. Change it.
  LW_SETTING = -3,
  // A file that cannot be read or played.
  LW_FILE = -4,
  // An address that cannot be listened on. Choose another, or stop the program that uses it.
  LW_LISTEN = -5,
  // Something by that name exists already.
  LW_EXISTS = -6,
  // Nothing has that name or number.
  LW_NOT_FOUND = -7,
  // It is not running: not started yet, or stopped.
  LW_STOPPED = -8,
  // An encoder failed. Close it and open another.
  LW_ENCODER = -9,
  // The system refused something.
  LW_IO = -10,
  // A panic in Longwave, which is a bug. Please report it.
  LW_PANIC = -11,
  // A failure that this version of the interface has no number for.
  LW_FAILED = -12,
  // A limit was reached, which `lw_last_error` names. Make room, or raise it if it is a setting.
  LW_LIMIT = -13,
  // Too many orders wait already. Try again in a moment.
  LW_BUSY = -14,
  // A file whose disk does not answer. Try again when it does.
  LW_NO_ANSWER = -15,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum lw_status lw_status;
#else
typedef int32_t lw_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// An encoder: PCM in, whole packets out.
typedef uint64_t lw_encoder;

// A pipeline: one programme, its mixer, and its outputs.
typedef uint64_t lw_pipeline;

// A server: addresses that it listens on, and mounts.
typedef uint64_t lw_server;

// A function that is called when something happens. `event` is JSON with a `kind` and the event's details,
// which are in the table of events of docs/API.md. It is valid until the function returns. `user` is the
// pointer that `lw_pipeline_add_hook` was given.
//
// It is called on the pipeline's hook thread, one call at a time. It may take its time: later calls wait,
// the audio does not. It may call every function of this interface; it may also stop and close its own
// pipeline. It must return, and not unwind or jump out. The thread's signal mask is that of the thread that
// added the pipeline's first hook; its floating-point environment is the default one, and may be changed by
// the function.
typedef void (*lw_hook)(lw_pipeline pipeline, const char *event, void *user);

// A station: a server and its pipelines, declared together.
typedef uint64_t lw_station;

// A function that log lines go to. `level` is 1 for errors, 2 for warnings, 3 for information, 4 for
// details, 5 for traces. `target` is where the line comes from, "longwave::access" for the access log. Both
// strings are valid until the function returns. The function is called on a thread of its own, one line at a
// time, with the signal mask of the thread that called `lw_log_to`. It must return.
typedef void (*lw_log)(int32_t level, const char *target, const char *message, void *user);

// What an encoder of the host's gives in one call. It is closed when that returns.
typedef uint64_t lw_packets;

// Opens an encoder of the host's for PCM of so many frames per second and samples per frame, and returns
// what the other functions get as `state`. `lw_packets_header` and `lw_packets_delay` say what belongs to
// it; `lw_packets_fail` refuses, and then there is no state to close. `user` is the pointer that
// `lw_pipeline_add_own_output` was given.
//
// It is called by `lw_pipeline_add_own_output`, on the thread that adds the output, and again a second after
// the encoder has failed. That call, and those of the functions below, are made on encoder threads of the
// library, for one encoder one at a time, with the signal mask of the thread that has added the output. The
// functions must keep up with the audio, return, and not unwind or jump out.
typedef void *(*lw_encoder_opens)(uint32_t sample_rate, uint32_t channels, lw_packets packets, void *user);

// Encodes any number of interleaved frames, about ten times a second, and gives each packet that is whole by
// `lw_packets_add`. After `lw_packets_fail` the encoder is closed, and opened again a second later.
typedef void (*lw_encoder_encodes)(void *state, const float *pcm, size_t frames, lw_packets packets);

// Gives what the encoder still holds, by `lw_packets_add`. Nothing is encoded afterwards.
typedef void (*lw_encoder_flushes)(void *state, lw_packets packets);

// Frees what `lw_encoder_opens` has returned. The last call with this state.
typedef void (*lw_encoder_closes)(void *state);

// A function that is asked what is to play next. It answers by `lw_pipeline_queue_file` or
// `lw_pipeline_queue_files`. If it queues nothing, the playlist goes on. `user` is the pointer that
// `lw_pipeline_on_next_track` was given.
//
// It is called when a track begins and the queue is empty, and before the first track, on a thread of its
// own, one call at a time. It may take its time and call every function of this interface. If what it has
// queued cannot be played, it is called again, up to eight times for a track. It must return, and not unwind
// or jump out. The thread's signal mask is that of the thread that gave the first function; its
// floating-point environment is the default one, and may be changed by the function.
typedef void (*lw_next_track)(lw_pipeline pipeline, void *user);

// A voice of PCM that the host pushes.
typedef uint64_t lw_input;

// A reader of the mixed PCM.
typedef uint64_t lw_tap;

// A source at a live input that the host writes.
typedef uint64_t lw_source;

// The requests for paths that the host has taken over.
typedef uint64_t lw_requests;

// A request that waits for the host's answer.
typedef uint64_t lw_request;

// A source that waits for the host's decision. It is closed when the function that decides returns.
typedef uint64_t lw_source_request;

// A function that decides whether a source may send. `description` is JSON: `path` (where it wants to
// send), `user` and `password` (its login; a program that knows only a password logs in as
// `name:password`, else as `source`; with a token `user` is empty), `address`, `program`, `content_type`,
// `name` (of the stream), `genre`, `description`, `url`, `bitrate` (kbit/s), `sample_rate` (Hz),
// `channels`; what is not known is null. It is valid until the function returns. The function answers by
// `lw_source_request_admit`, `lw_source_request_refuse` or `lw_source_request_fail`; the last answer
// counts, and without one the source is refused. `user` is the pointer that `lw_station_admit_sources` was
// given.
//
// It is called on a thread of its own, one call at a time. It may take its time and call every function of
// this interface, but a source that has waited for five seconds is refused. It must return, and not unwind
// or jump out. The thread's signal mask is that of the thread that gave the first function; its
// floating-point environment is the default one, and may be changed by the function.
typedef void (*lw_admit_source)(lw_station station,
                                lw_source_request request,
                                const char *description,
                                void *user);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the interface that the library in use has; `LW_ABI_VERSION` is that of the header. The
// library's may be the larger.
uint32_t lw_abi_version(void);

// The version of Longwave, "0.1.0". Static: never freed.
const char *lw_version(void);

// The codec libraries in this build, as JSON: `[{"name":…,"version":…,"role":…,"licence":…}]`.
// `json` is freed by `lw_free`.
lw_status lw_codecs(char **json);

// Opens an encoder for PCM of so many frames per second and samples per frame (1 or 2). `declaration` is
// TOML or JSON with `format` (mp3 or aac) and perhaps `bitrate` (kbit/s), `quality`, `profile`,
// `afterburner`, as in docs/CONFIGURATION.md. It is used by one thread at a time, and closed by
// `lw_encoder_close`.
lw_status lw_encoder_open(const char *declaration,
                          uint32_t sample_rate,
                          uint32_t channels,
                          lw_encoder *encoder);

// Encodes any number of interleaved frames, with samples from -1 to 1. `bytes` points to the packets that
// became whole, and `count` is their size in bytes (often 0). They belong to the encoder and are valid until
// the next call with it.
lw_status lw_encoder_encode(lw_encoder encoder,
                            const float *pcm,
                            size_t frames,
                            const uint8_t **bytes,
                            size_t *count);

// The same for samples of 16 bits.
lw_status lw_encoder_encode_s16(lw_encoder encoder,
                                const int16_t *pcm,
                                size_t frames,
                                const uint8_t **bytes,
                                size_t *count);

// Returns what the encoder still holds, padded with silence, like `lw_encoder_encode`. The encoder is at its
// end then.
lw_status lw_encoder_flush(lw_encoder encoder, const uint8_t **bytes, size_t *count);

// How many frames late an encoder's output is.
lw_status lw_encoder_delay(lw_encoder encoder, uint64_t *frames);

// The content type of an encoder's packets, for example "audio/mpeg", freed by `lw_free`.
lw_status lw_encoder_content_type(lw_encoder encoder, char **content_type);

// Closes an encoder; what it gave last is gone with it. Closing it again is harmless.
lw_status lw_encoder_close(lw_encoder encoder);

// The next event, as JSON like a hook's, freed by `lw_free`. This waits for it, `timeout_ms` milliseconds at
// most. With 0 it does not wait; below 0 it waits as long as it takes. `LW_NONE` if no event came within
// this time. `LW_STOPPED` if the pipeline has stopped and all events were read, and at once if it is not
// started yet. Events are kept from `lw_pipeline_open` on, 1,024 at most: an event `missed` says how many
// did not fit. Every event goes to one caller.
lw_status lw_pipeline_next_event(lw_pipeline pipeline, int64_t timeout_ms, char **event);

// A file descriptor for `poll`, `epoll`, `select` and event loops built on them. It is readable as long as
// events wait, and once the pipeline has stopped. Wait for it, then call `lw_pipeline_next_event` with a
// timeout of 0 until it returns none. It belongs to the pipeline: do not read or close it. It is closed with
// the pipeline's last handle.
lw_status lw_pipeline_event_fd(lw_pipeline pipeline, int *fd);

// The next event of a server and of all pipelines on it, as JSON like a hook's, with the name of its
// `pipeline` (null for a mount that no pipeline feeds, and its listeners). `timeout_ms` and the results are
// as for `lw_pipeline_next_event`. Events are kept from the first call of this or of `lw_server_event_fd`
// on, 1,024 at most: an event `missed` says how many did not fit. `LW_STOPPED` before the server is started,
// and when it and these pipelines have stopped and all events were read.
lw_status lw_server_next_event(lw_server server, int64_t timeout_ms, char **event);

// A file descriptor like that of `lw_pipeline_event_fd`, for the events of `lw_server_next_event`. It
// belongs to the server: do not read or close it. It is closed with the server's last handle.
lw_status lw_server_event_fd(lw_server server, int *fd);

// The message of the last call that failed on this thread: one line, or one line for each problem of a
// declaration. It is empty if no call has failed. It is valid until the next failure on this thread; copy it
// to keep it longer. Never NULL.
const char *lw_last_error(void);

// The name of a status, for example "LW_SETTING". For an unknown number it is "unknown". It is static and
// never freed.
const char *lw_status_name(int status);

// Calls `function` at every event of this kind (`track-change`, for example), or at every event if `kind` is
// NULL: see `lw_hook`. It may be called before this function has returned. `user` is passed to it. If it is
// added before `lw_pipeline_start`, it is called for the start, too. `hook` is its number, for
// `lw_pipeline_remove_hook`. `LW_LIMIT` if the pipeline has 256 hooks.
//
// The kinds are pipeline-start, pipeline-stop, track-change, playlist-change, track-failed, slot-dropped,
// schedule-change, nothing-to-play, hold-change, voice-began, voice-ended, ramp-done, live-began,
// live-title, live-ended, announcement-began, announcement-ended, dead-air-begins, dead-air-ends,
// encoder-failed, encoder-recovered, audio-unreadable, audio-readable, mixer-behind, mixer-recovered,
// listener-joined, listener-left, source-connected, source-left, live-ends-soon, source-refused, changed,
// recording-began, recording-ended, recording-failed, missed.
lw_status lw_pipeline_add_hook(lw_pipeline pipeline,
                               const char *kind,
                               lw_hook function,
                               void *user,
                               uint64_t *hook);

// Removes a hook. When this returns, its function does not run and will not run again, and what `user`
// points to may be freed; only a hook that removes itself runs on to its end. Do not hold a lock that the
// function waits for.
lw_status lw_pipeline_remove_hook(lw_pipeline pipeline, uint64_t hook);

// How the library of a station is doing, as JSON: how many `tracks`, `missing`, `unplayable` and `to_hear`
// it has, its last or present `scan`, whether it is `paused`, and `problems`, a list of sentences.
// `LW_NOT_FOUND` if the station has no library, here and below. `json` is freed by `lw_free`.
lw_status lw_library_state(lw_station station, char **json);

// Searches the library of a station, as one types: tracks that have all `words` in artist, title, album,
// genre, year or file, the best first; without words the newest. `most` tracks (up to 1,000) after the first
// `offset`, as JSON: `tracks`, `total`, and `more` (whether there are more than that). `json` is freed by
// `lw_free`.
lw_status lw_library_search(lw_station station, const char *words, size_t most, size_t offset, char **json);

// All that the library of a station knows of a track, by its id, as JSON. `LW_NOT_FOUND` if there is none.
// `json` is freed by `lw_free`.
lw_status lw_library_track(lw_station station, int64_t track, char **json);

// Changes what a person says of a track: `changes` is a JSON object with `artist`, `title`, `kind`,
// `enabled`, `rating`, `loudness_lufs`, `cue_in`, `cue_out` or `start_next`; `null` takes back what was
// said. `json` is the track as it is then, freed by `lw_free`, and may be NULL.
lw_status lw_library_edit(lw_station station, int64_t track, const char *changes, char **json);

// Looks through all folders of a station's library now. It does not wait for that.
lw_status lw_library_start_scan(lw_station station);

// Lets scanning and listening rest.
lw_status lw_library_pause(lw_station station);

// Lets scanning and listening go on.
lw_status lw_library_resume(lw_station station);

// The playlists of a station's library, as a JSON list of objects with `name`, `kind`, and `ordered` (ids of
// tracks) or `smart` (a query): see docs/LIBRARY.md. `json` is freed by `lw_free`.
lw_status lw_library_playlists(lw_station station, char **json);

// The playlist of this name, as `lw_library_playlists` has it. `LW_NOT_FOUND` if there is none. `json` is
// freed by `lw_free`.
lw_status lw_library_playlist(lw_station station, const char *name, char **json);

// Makes a playlist of this name, or replaces it: `playlist` is a JSON object like `{"smart": {"genre":
// ["Jazz"]}, "kind": "music"}` or `{"ordered": [17, 4]}`.
lw_status lw_library_set_playlist(lw_station station, const char *name, const char *playlist);

// Removes a playlist of a station's library. Its tracks stay. `LW_NOT_FOUND` if there is none.
lw_status lw_library_remove_playlist(lw_station station, const char *name);

// What a station has played, the oldest first, as a JSON list like that of the HTTP API (docs/HISTORY.md).
// `from` and `to` are days (`2026-01-31`, which is a part of it) or points of time, in the zone of the
// pipeline, or of the first one; NULL is the beginning, or now. `most` of them: the first where there is a
// `from`, else the last. `pipeline_name` may be NULL for all pipelines. It reads the history's file.
// `LW_NOT_FOUND` if nothing is written down. `json` is freed by `lw_free`.
lw_status lw_station_history(lw_station station,
                             const char *from,
                             const char *to,
                             const char *pipeline_name,
                             size_t most,
                             char **json);

// What a station has played in a span, for licensing societies, as `longwave report` writes it. `from` and
// `to` as for `lw_station_history`. `by` is "track" or "play", `format` "csv" or "json". `report` is freed
// by `lw_free`.
lw_status lw_station_report(lw_station station,
                            const char *from,
                            const char *to,
                            const char *pipeline_name,
                            const char *by,
                            const char *format,
                            char **report);

// How many listened to a station and its streams over time, as a JSON object like that of the HTTP API's
// `statistics` (docs/HISTORY.md). `from` and `to` as for `lw_station_history`; NULL is the last day. `mount`
// is a mount, or the playlist of an HLS; NULL is the station and all of its streams. `step` is how long a
// step is, from "1m" to "1d"; NULL is one of which there are some hundred. It reads the history's file.
// `LW_NOT_FOUND` if nothing is written down. `json` is freed by `lw_free`.
lw_status lw_station_statistics(lw_station station,
                                const char *from,
                                const char *to,
                                const char *mount,
                                const char *step,
                                char **json);

// Searches for tracks that listeners may request of a pipeline, `most` of them, as a JSON list of objects
// with `track` (the id), `artist`, `title`, `album` and `duration`. `LW_NOT_FOUND` if it takes no requests.
// `json` is freed by `lw_free`.
lw_status lw_pipeline_search_requests(lw_pipeline pipeline, const char *words, size_t most, char **json);

// Takes the request of a listener at this IP address: a track of the library goes to the end of the queue.
// If a limit of `[pipeline.requests]` is reached, or it is not a time for requests, this returns `LW_LIMIT`,
// and `lw_last_error` says why and when to come again. `json` is like an item of
// `lw_pipeline_search_requests`, with the `id` of its entry in the queue. It is freed by `lw_free` and may
// be NULL.
lw_status lw_pipeline_request(lw_pipeline pipeline, int64_t track, const char *address, char **json);

// Sends log lines to `function` from now on, in place of the function before. If it is NULL, lines go
// nowhere, as in the beginning. `level` is error, warn, info, debug or trace: lines of this level and graver
// ones are sent. NULL means info. `user` is passed to the function. When this returns, the function before
// has received all its lines and does not run any more. A log function must not call this.
lw_status lw_log_to(lw_log function, void *user, const char *level);

// A file's tags, as JSON: `file`, `title` (the line that a station shows), `artist`, `name` (of the piece
// alone), `album`, `duration`, `track_gain_db`, `album_gain_db`, `track_peak`, `album_peak`, `album_artist`,
// `composer`, `genre`, `label`, `label_code`, `isrc`, `year`, `track_number`, and `cue_in`, `cue_out` and
// `start_next` in seconds; null where there is none. `LW_FILE` if it cannot be read. `json` is freed by
// `lw_free`.
lw_status lw_read_metadata(const char *file, char **json);

// The line that a station shows for a track: `given`, else "artist - name", else the name, else the artist,
// else `extinf`, else the file's name without its extension. `tags` is JSON like that of `lw_read_metadata`.
// All but `file` may be NULL. `title` is freed by `lw_free`.
lw_status lw_format_title(const char *file,
                          const char *tags,
                          const char *given,
                          const char *extinf,
                          char **title);

// Adds an output to a pipeline on the air that encodes by functions of the host; the others notice nothing.
// `declaration` is like that of `lw_server_add_mount`: `mount`, `content_type`, and whatever else is known.
// If `open` refuses, this returns `LW_ENCODER`. `lw_pipeline_remove_output` ends it, and `user` is not used
// any more when that or the pipeline's stop has returned, unless the encoder is stuck. A station's reload
// does not touch it. The mount's rate and channels are the pipeline's.
lw_status lw_pipeline_add_own_output(lw_pipeline pipeline,
                                     const char *declaration,
                                     lw_encoder_opens open,
                                     lw_encoder_encodes encode,
                                     lw_encoder_flushes flush,
                                     lw_encoder_closes close,
                                     void *user);

// Gives one whole packet, headers included (what MP3 and ADTS call a frame; an Ogg page), which sounds for
// so many frames. A listener joins at the beginning of one. A packet has 65,307 bytes at most.
lw_status lw_packets_add(lw_packets packets, const uint8_t *bytes, size_t count, uint32_t frames);

// While an encoder is opened: the bytes that a listener needs before the first packet, such as Ogg header
// pages or a WAV header. Most formats need none.
lw_status lw_packets_header(lw_packets packets, const uint8_t *bytes, size_t count);

// While an encoder is opened: how many frames late its output is, the decoder's delay included. Titles are
// shifted by it, so that they stay with their audio.
lw_status lw_packets_delay(lw_packets packets, uint64_t frames);

// Says that this call of an encoder's function has failed, and why.
lw_status lw_packets_fail(lw_packets packets, const char *reason);

// Declares a pipeline: TOML or JSON with the keys of `[[pipeline]]` in docs/CONFIGURATION.md. Its mounts are
// put on `server`. That server must be started first, and other pipelines may share it. If `server` is 0,
// the pipeline gets its own server on port 8000, which ends with it. `lw_pipeline_start` puts it on the air.
// `pipeline` is closed by `lw_pipeline_close`.
lw_status lw_pipeline_open(const char *declaration, lw_server server, lw_pipeline *pipeline);

// Puts a pipeline on the air. It can be started once: a pipeline that has stopped does not start again. If
// it cannot start, nothing is left running. A pipeline of a station is started by its station.
lw_status lw_pipeline_start(lw_pipeline pipeline);

// Takes a pipeline off the air and ends what it owns: decoders, mixer, encoders, mounts, hooks, in this
// order. Listeners get what is due. It takes five seconds at most. `abandoned` is a JSON list of the threads
// that had to be left behind. It is freed by `lw_free` and may be NULL. If a hook calls this, it does not
// wait for hooks. Stopping again is harmless.
lw_status lw_pipeline_stop(lw_pipeline pipeline, char **abandoned);

// Whether a pipeline is on the air: 1 or 0.
lw_status lw_pipeline_is_running(lw_pipeline pipeline, int32_t *running);

// Stops a pipeline and closes its handle. A pipeline of a station is not stopped: its hooks stay, and are
// still called with the closed handle. Closing again is harmless.
lw_status lw_pipeline_close(lw_pipeline pipeline);

// A handle to a pipeline's server, closed by `lw_server_close`.
lw_status lw_pipeline_server(lw_pipeline pipeline, lw_server *server);

// A pipeline's name, freed by `lw_free`.
lw_status lw_pipeline_name(lw_pipeline pipeline, char **name);

// The shape of a pipeline's audio, and of PCM that is pushed into it: frames per second, and samples per
// frame (1 or 2). Either pointer may be NULL.
lw_status lw_pipeline_spec(lw_pipeline pipeline, uint32_t *sample_rate, uint32_t *channels);

// Lets a pipeline run by a clock that stands still until `lw_pipeline_step_clock`. It then mixes as fast as
// the machine can, waits for its decoders, and gives the same result every time: for tests, and for
// rendering. To be called before `lw_pipeline_start` or `lw_station_start`; calling it again changes
// nothing.
lw_status lw_pipeline_use_stepped_clock(lw_pipeline pipeline);

// Moves the clock of a pipeline on, by so many milliseconds, and returns when everything that became due has
// been mixed, or when the pipeline has stopped. Encoders and hooks may be a little behind;
// `lw_pipeline_stop` waits for both. `LW_INVALID` without `lw_pipeline_use_stepped_clock`. Not to be called
// by hooks and `lw_next_track` functions, for which the mixer waits.
lw_status lw_pipeline_step_clock(lw_pipeline pipeline, uint64_t by_ms);

// Announces a file: it sounds above the programme, live inputs and decks, also while the programme is held,
// within half a second; all else fades out and comes back after it. If another announcement sounds, it
// follows that one. It is opened on this thread; this returns `LW_FILE` if it cannot be played,
// `LW_NO_ANSWER` if its disk does not answer, and `LW_LIMIT` if 16 announcements sound or wait.
// `announcement` is its number, as long as the pipeline runs.
lw_status lw_pipeline_announce(lw_pipeline pipeline, const char *file, uint64_t *announcement);

// Stops an announcement. If it sounds, it fades out.
lw_status lw_pipeline_stop_announcement(lw_pipeline pipeline, uint64_t announcement);

// Stops all announcements: the one that sounds, and those that wait.
lw_status lw_pipeline_stop_announcements(lw_pipeline pipeline);

// The announcements that sound or wait, in their order, as of the mixer's last job, as JSON: a list of `id`,
// `file`, `sounding`, `position`, `duration`. `json` is freed by `lw_free`.
lw_status lw_pipeline_announcements(lw_pipeline pipeline, char **json);

// The live input that has the air, as JSON like an item of `lw_pipeline_live_inputs`. `LW_NONE` if the
// programme has it. `json` is freed by `lw_free`.
lw_status lw_pipeline_live(lw_pipeline pipeline, char **json);

// All live inputs, as of the mixer's last job, as JSON: a list of `path`, `state`, `muted`, `forced`,
// `source`, `title`, `aired`, `buffered`, `drift_ppm`, `drops`, `gaps`. `json` is freed by `lw_free`.
lw_status lw_pipeline_live_inputs(lw_pipeline pipeline, char **json);

// Gives the live input with this path the air as soon as it has sound, whatever the priorities say, until
// another order, and until the session is over that it has brought on the air.
lw_status lw_pipeline_force_live(lw_pipeline pipeline, const char *path);

// Gives the programme the air, although a live input has sound, until another order.
lw_status lw_pipeline_force_programme(lw_pipeline pipeline);

// Ends `lw_pipeline_force_live` and `lw_pipeline_force_programme`: priorities decide again.
lw_status lw_pipeline_release_live(lw_pipeline pipeline);

// Who has the air by an order, as of the mixer's last job, as JSON: `programme`, the path of a live input,
// or null. `json` is freed by `lw_free`.
lw_status lw_pipeline_forced_air(lw_pipeline pipeline, char **json);

// Keeps the live input with this path off the air, within 300 ms, until `lw_pipeline_unmute_live`. Something
// else sounds instead: another live input, or the programme.
lw_status lw_pipeline_mute_live(lw_pipeline pipeline, const char *path);

// Lets a live input on the air again.
lw_status lw_pipeline_unmute_live(lw_pipeline pipeline, const char *path);

// Asks `function` what is to play next, from `lw_pipeline_start` on: see `lw_next_track`. It has `within_ms`
// milliseconds each time; 0 means five seconds. After that, the playlist goes on, and what it queues later
// is played later. If the track on the air ends in this time, there is silence until then.
//
// To be called before `lw_pipeline_start` or `lw_station_start`. If it was, another function may take its
// place at any time, or none, if `function` is NULL; `within_ms` stays as it was then. When this returns,
// the function before does not run and will not run again, unless it has called this itself. Do not hold a
// lock that it waits for.
lw_status lw_pipeline_on_next_track(lw_pipeline pipeline,
                                    lw_next_track function,
                                    void *user,
                                    uint64_t within_ms);

// The paths of a pipeline's mounts, in the order in which they were added, as a JSON list. `json` is freed
// by `lw_free`.
lw_status lw_pipeline_mounts(lw_pipeline pipeline, char **json);

// Adds an output; the others notice nothing. `declaration` is TOML or JSON with the keys of
// `[[pipeline.output]]` in docs/CONFIGURATION.md.
lw_status lw_pipeline_add_output(lw_pipeline pipeline, const char *declaration);

// Ends an output and its mount: listeners get what is due, the others notice nothing.
lw_status lw_pipeline_remove_output(lw_pipeline pipeline, const char *mount);

// Encodes an output in another way from now on: of `declaration`, like that of `lw_pipeline_add_output`,
// only `format`, `bitrate`, `quality`, `profile` and `afterburner` matter. Its listeners stay; so must its
// content type.
lw_status lw_pipeline_replace_encoder(lw_pipeline pipeline, const char *mount, const char *declaration);

// Gives an output other settings; its listeners stay. `declaration` is like that of
// `lw_pipeline_add_output`, with the output's `mount`, and its content type must be as before. The encoder
// is replaced if its settings have changed; new listeners get the new headers.
lw_status lw_pipeline_update_output(lw_pipeline pipeline, const char *declaration);

// Its HLS, in the order of their paths, as JSON: a list of `path`, `playlist`, `variants`, `segment`,
// `window`, `count`, and counters. `json` is freed by `lw_free`.
lw_status lw_pipeline_hls(lw_pipeline pipeline, char **json);

// Plays PCM that the host pushes by `lw_input_push`. Until it does, and whenever it is late, the voice is
// silent. `input` is closed by `lw_input_close`; `voice` is the voice's number and may be NULL.
lw_status lw_pipeline_play_input(lw_pipeline pipeline,
                                 double volume,
                                 int32_t paused,
                                 lw_input *input,
                                 uint64_t *voice);

// Pushes interleaved frames, samples from -1 to 1 in the pipeline's rate and channels, as far as there is
// room (about two seconds in all), and says in `taken` how many frames were taken. Offer the rest again
// later. `LW_STOPPED` when the voice was stopped.
lw_status lw_input_push(lw_input input, const float *pcm, size_t frames, size_t *taken);

// The same, but waits for room until all frames were taken, for `timeout_ms` at most (less than 0: for as
// long as it takes). A paused voice makes no room. Other calls for this input wait meanwhile, except
// `lw_input_close`.
lw_status lw_input_push_within(lw_input input,
                               const float *pcm,
                               size_t frames,
                               int64_t timeout_ms,
                               size_t *taken);

// Closes an input: its voice ends when all that was pushed has sounded. Closing it again is harmless.
lw_status lw_input_close(lw_input input);

// Plays what is written into a pipe: interleaved samples in the pipeline's rate and channels, as `format`
// says: `f32le` (NULL means that) or `s16le`. `fd` is the pipe's writing end. It belongs to the host, and
// can be the standard output of another program. A write waits while about two seconds wait to sound; with
// `O_NONBLOCK`, wait until it is writable. The voice ends when it is closed and everything has sounded. Once
// the voice has been stopped, a write fails with `EPIPE` (and `SIGPIPE`). `voice` is the voice's number and
// may be NULL.
lw_status lw_pipeline_play_pipe(lw_pipeline pipeline,
                                const char *format,
                                double volume,
                                int32_t paused,
                                int *fd,
                                uint64_t *voice);

// Opens a tap: the mixed PCM, just as the encoders get it, with all voices. For meters, recordings,
// recognition. It is closed by `lw_tap_close`. `LW_LIMIT` if the pipeline has 16 taps.
lw_status lw_pipeline_tap(lw_pipeline pipeline, lw_tap *tap);

// Reads interleaved frames that follow each other into `pcm`, which has room for so many frames in the
// pipeline's channels: as many as there are now. If there are none, it waits for the first, for `timeout_ms`
// at most (less than 0: for as long as it takes). `read` is how many it has read, 0 if none came in time.
// `position` is where the first of them lies on the pipeline's sample clock, in frames; it may be NULL.
// About two seconds wait to be read; what comes then is lost to this tap: the positions show where.
// `LW_STOPPED` when the pipeline has stopped and everything was read.
lw_status lw_tap_read(lw_tap tap,
                      float *pcm,
                      size_t frames,
                      int64_t timeout_ms,
                      size_t *read,
                      uint64_t *position);

// How many frames were lost to this tap because they were not read in time.
lw_status lw_tap_lost(lw_tap tap, uint64_t *frames);

// A file descriptor for `poll` and the like. It is readable while there is PCM that no read has begun, and
// once the pipeline has stopped. Wait for it, then call `lw_tap_read` with a timeout of 0 until it reads
// nothing. It belongs to the tap: do not read or close it.
lw_status lw_tap_fd(lw_tap tap, int *fd);

// Closes a tap. Closing it again is harmless.
lw_status lw_tap_close(lw_tap tap);

// Makes a file the current track now, by a quick crossfade. What was up next goes on after it. The file is
// opened on this thread. If it cannot be played, this returns `LW_FILE`, or `LW_NO_ANSWER` if its disk does
// not answer, and nothing changes. `title` goes before the file's tags and may be NULL. `id` is the entry's
// number and may be NULL.
lw_status lw_pipeline_play_file(lw_pipeline pipeline, const char *file, const char *title, uint64_t *id);

// Plays files as the playlist, in place of the one before. `files` is a JSON list of paths or of objects
// with `file` and perhaps `title`, or of what `lw_pipeline_queue` gives; other keys are `LW_INVALID`. A path
// that is not UTF-8 is a percent-encoded file:// URL. `options` is a JSON object, or NULL: `now` (else after
// the current track and the queue), `loop`, `shuffle`, and `crossfade`, `fade_in`, `fade_out` in seconds,
// which hold for the pipeline from now on and are as before where they are left out. When its first track
// begins, the event `playlist-change` tells `name`.
lw_status lw_pipeline_play_list(lw_pipeline pipeline,
                                const char *name,
                                const char *files,
                                const char *options);

// Plays a file, a folder, or an M3U, PLS or XSPF playlist as the playlist, in place of the one before. It is
// read on a thread of the pipeline, and again when it changes; what is wrong with it is logged. It is named
// as its path. `options`: as for `lw_pipeline_play_list`, or NULL.
lw_status lw_pipeline_play_path(lw_pipeline pipeline, const char *path, const char *options);

// Whether the playlist begins again at its end, from now on: 1 or 0.
lw_status lw_pipeline_set_loop(lw_pipeline pipeline, int32_t repeat);

// Shuffles what is left of the playlist's pass, and each pass from now on (1); or goes on in its own order
// (0).
lw_status lw_pipeline_set_shuffle(lw_pipeline pipeline, int32_t shuffle);

// Sets the fades between tracks from now on, in milliseconds: `crossfade_ms`, how long two tracks overlap;
// `fade_in_ms` and `fade_out_ms`, how long a track comes or goes where none is beside it. Below 0: as
// before.
lw_status lw_pipeline_set_fades(lw_pipeline pipeline,
                                int64_t crossfade_ms,
                                int64_t fade_in_ms,
                                int64_t fade_out_ms);

// Skips the current track, by a crossfade of `skip_crossfade`.
lw_status lw_pipeline_skip(lw_pipeline pipeline);

// Moves the current track to so many milliseconds from its beginning.
lw_status lw_pipeline_seek(lw_pipeline pipeline, uint64_t to_ms);

// Queues a file, to be played once before the playlist goes on: after what is queued already, or, where
// `next` is not 0, before it. `title` goes before its tags and may be NULL; `id`, its number, may be NULL.
lw_status lw_pipeline_queue_file(lw_pipeline pipeline,
                                 const char *file,
                                 const char *title,
                                 int32_t next,
                                 uint64_t *id);

// Queues files in their order. `files`: as for `lw_pipeline_play_list`; `next`: as for
// `lw_pipeline_queue_file`. `ids` is a JSON list of their numbers, in the same order, freed by `lw_free`; it
// may be NULL.
lw_status lw_pipeline_queue_files(lw_pipeline pipeline, const char *files, int32_t next, char **ids);

// The queue, in the order in which it will be played, as JSON: a list of `id`, `file`, `title` (as far as it
// is known before the file is opened). `json` is freed by `lw_free`.
lw_status lw_pipeline_queue(lw_pipeline pipeline, char **json);

// An entry of the queue or of the playlist by its number, as JSON like one of `lw_pipeline_queue`.
// `LW_NOT_FOUND` if it is in neither. `json` is freed by `lw_free`.
lw_status lw_pipeline_entry(lw_pipeline pipeline, uint64_t id, char **json);

// Empties the queue; the playlist goes on after the current track.
lw_status lw_pipeline_clear_queue(lw_pipeline pipeline);

// Takes an entry out of the queue.
lw_status lw_pipeline_remove(lw_pipeline pipeline, uint64_t id);

// Moves an entry of the queue to this place, 0 being the next; beyond the end is the end.
lw_status lw_pipeline_move_to(lw_pipeline pipeline, uint64_t id, size_t index);

// Takes the programme off the air where it is: it fades out, in so many milliseconds, and waits. Decks go
// on.
lw_status lw_pipeline_hold(lw_pipeline pipeline, uint64_t fade_ms);

// Holds the programme when the current track has come to its end; `lw_pipeline_resume` takes it back. If the
// track gives way before, because it is skipped or a slot comes, the track that follows is meant. If there
// is no track, the programme is held at once.
lw_status lw_pipeline_hold_after_current(lw_pipeline pipeline);

// Puts a held programme back on the air, where it waits, by a fade of so many milliseconds.
lw_status lw_pipeline_resume(lw_pipeline pipeline, uint64_t fade_ms);

// Sets the title that one mount announces, or all of the pipeline's mounts if `mount` is NULL. It holds
// until the next track begins, or until `lw_pipeline_clear_metadata` if `until_cleared` is not 0. `url` may
// be NULL.
lw_status lw_pipeline_update_metadata(lw_pipeline pipeline,
                                      const char *title,
                                      const char *url,
                                      const char *mount,
                                      int32_t until_cleared);

// Returns to the sounding track's title, on one mount, or on all if `mount` is NULL.
lw_status lw_pipeline_clear_metadata(lw_pipeline pipeline, const char *mount);

// Adds a daypart, an insert or a slot to the schedule that is declared, or puts it in the place of what was
// added under its name. `kind` is `daypart`, `insert` or `slot`, and `declaration` JSON with the keys of
// `[[pipeline.daypart]]` and the like in docs/CONFIGURATION.md, with a `name`. It is in the database of the
// library when this returns, and in force. This returns `LW_EXISTS` if the schedule that is declared has
// that name, `LW_LIMIT` if there are 256 of its kind, `LW_NO_ANSWER` if the database cannot be written, and
// `LW_SETTING` for what cannot work, and if the station has no library.
lw_status lw_pipeline_set_ingredient(lw_pipeline pipeline, const char *kind, const char *declaration);

// Removes what was added under this name by `lw_pipeline_set_ingredient`. This returns `LW_NOT_FOUND` if
// there is none, else what that says.
lw_status lw_pipeline_remove_ingredient(lw_pipeline pipeline, const char *kind, const char *name);

// Puts a source on the air at the live input at `path`: as soon as its buffer is full, and nothing of a
// higher priority is there. `lw_source_write` gives it MP3, AAC with ADTS headers, or Ogg with Vorbis,
// Opus or FLAC, at the pace at which it sounds. `info` is JSON with what is known of it, and may be NULL:
// `user`, `program`, `name` (of the stream), `genre`, `description`, `url`, and `content_type`, which
// decides in doubt. `LW_NOT_FOUND` if there is no such live input, `LW_EXISTS` if another source is there.
// `source` is closed by `lw_source_close`.
lw_status lw_pipeline_go_live(lw_pipeline pipeline, const char *path, const char *info, lw_source *source);

// Gives a source bytes, cut anywhere. This does not wait: `taken` is how many of them there was room for;
// offer the others again later. `LW_STOPPED` if the source has ended: it was removed, nothing of it could
// be played for ten seconds, nothing has come for `source_timeout`, or the pipeline has stopped.
lw_status lw_source_write(lw_source source, const uint8_t *bytes, size_t count, size_t *taken);

// Sets the title of what is written from now on. It is heard when the buffer has played what came before.
lw_status lw_source_set_title(lw_source source, const char *title);

// What is known of a source, as JSON like an item of `lw_station_sources`. `json` is freed by `lw_free`.
lw_status lw_source_state(lw_source source, char **json);

// Ends a source: it fades out, and the programme comes back. Closing it again is harmless.
lw_status lw_source_close(lw_source source);

// The track on the air, as of the mixer's last job (a tenth of a second at most), as JSON: `id`, `file`,
// `title` (what its mounts announce), `artist`, `name` (of the piece alone), `album`, `duration`, `played`,
// `remaining`. `LW_NONE` if there is none. `json` is freed by `lw_free`.
lw_status lw_pipeline_current_track(lw_pipeline pipeline, char **json);

// The title of the track on the air, freed by `lw_free`. `LW_NONE` if there is none.
lw_status lw_pipeline_current_title(lw_pipeline pipeline, char **title);

// How much of the current track has been mixed, in milliseconds. `LW_NONE` if there is none.
lw_status lw_pipeline_played_ms(lw_pipeline pipeline, uint64_t *milliseconds);

// How much of the current track is to come, in milliseconds. `LW_NONE` if there is none, or if that is not
// known.
lw_status lw_pipeline_remaining_ms(lw_pipeline pipeline, uint64_t *milliseconds);

// The next entries, `most` of them: first the queue, then the playlist; as JSON like `lw_pipeline_queue`.
// `json` is freed by `lw_free`.
lw_status lw_pipeline_up_next(lw_pipeline pipeline, size_t most, char **json);

// What the schedule plays in the next `hours` (1 to 168) if nothing intervenes, as JSON: objects with `at`,
// `ends`, `file`, `kind`, `reason`, `cut` (whether it is ended before its time) and `dropped` (whether it is
// a slot that is not played). Nothing is touched that is on the air. Without a schedule the list is empty.
// `json` is freed by `lw_free`.
lw_status lw_pipeline_preview(lw_pipeline pipeline, size_t hours, char **json);

// The last hundred tracks, oldest first, as JSON: what `lw_pipeline_current_track` says of a track, with
// `began_at`. The last of them may still be on the air. A pipeline that has stopped still gives them. `json`
// is freed by `lw_free`.
lw_status lw_pipeline_history(lw_pipeline pipeline, char **json);

// The playlist in play, and how far it is, as JSON: `name`, `length`, `played` (of this pass), `passes`
// (before this one), `loop`, `shuffle`, `begun`. `LW_NONE` if there is none. `json` is freed by `lw_free`.
lw_status lw_pipeline_playlist(lw_pipeline pipeline, char **json);

// The number of listeners of one mount of a pipeline, or of all its mounts if `mount` is NULL.
// `LW_NOT_FOUND` if no output of the pipeline has this mount.
lw_status lw_pipeline_listener_count(lw_pipeline pipeline, const char *mount, uint64_t *count);

// How much has been mixed since the pipeline started, in milliseconds.
lw_status lw_pipeline_time_on_air_ms(lw_pipeline pipeline, uint64_t *milliseconds);

// Whether the programme is held: 1 or 0.
lw_status lw_pipeline_is_held(lw_pipeline pipeline, int32_t *held);

// How far an order is that holds the programme, freed by `lw_free`: "released" if there is none,
// "after-current" if it will be held when the current track has come to its end, "fading" while it fades
// out, "held".
lw_status lw_pipeline_hold_state(lw_pipeline pipeline, char **state);

// How loud the mix is, as JSON: `peak_db` and `power_db` over the mixer's last job, left and right, in
// decibels below full scale; `momentary_lufs` and `short_term_lufs`, the loudness over 400 ms and 3 s.
// `json` is freed by `lw_free`.
lw_status lw_pipeline_levels(lw_pipeline pipeline, char **json);

// How much a pipeline has of what is limited, as JSON: `voices` and `max_voices`, `queued` and `max_queue`;
// and `audio_left_out`, in seconds, because the mixer was too late. `json` is freed by `lw_free`.
lw_status lw_pipeline_fill(lw_pipeline pipeline, char **json);

// Whether a pipeline works as it should, as JSON: `ok`, and `problems`, a list of sentences. It is also told
// of a pipeline that has stopped. `json` is freed by `lw_free`.
lw_status lw_pipeline_health(lw_pipeline pipeline, char **json);

// What a pipeline needs to go on from here: its queue, its playlist and how far it is, its history, and the
// current track with its offset. JSON to be kept and given to `lw_pipeline_restore`, opaque otherwise; freed
// by `lw_free`. A pipeline that has stopped still gives it.
lw_status lw_pipeline_snapshot(lw_pipeline pipeline, char **json);

// Goes on from a snapshot. What was up next is up next again. The track that was on the air goes on where it
// was, by a quick crossfade.
lw_status lw_pipeline_restore(lw_pipeline pipeline, const char *snapshot);

// Sets the titles of tracks that are opened from now on: a text in which `{title}` stands for the usual
// line, `{artist}`, `{name}` (of the piece alone) and `{album}` for tags, `{file}` for the file's name
// without its extension. For example `{name} ({artist})`, or `Radio X: {title}`. The usual line itself is
// the title of a track if the format names a tag that the track does not have, or if its title was given and
// the format names anything but `{title}`. NULL: the usual line, as at first. `LW_SETTING` for another name
// in braces.
lw_status lw_pipeline_set_title_format(lw_pipeline pipeline, const char *format);

// The format of `lw_pipeline_set_title_format`, freed by `lw_free`. `LW_NONE` if none is set.
lw_status lw_pipeline_title_format(lw_pipeline pipeline, char **format);

// Plays a file over the programme. It is opened on this thread; this returns `LW_FILE` if it cannot be
// played, and `LW_NO_ANSWER` if its disk does not answer. A volume of 1 leaves it unchanged. If `paused` is
// not 0, it waits for `lw_pipeline_resume_voice`.
// `voice` is its number, as long as the pipeline runs.
lw_status lw_pipeline_play_voice(lw_pipeline pipeline,
                                 const char *file,
                                 double volume,
                                 int32_t paused,
                                 uint64_t *voice);

// Stops a voice, by a fade of so many milliseconds.
lw_status lw_pipeline_stop_voice(lw_pipeline pipeline, uint64_t voice, uint64_t fade_ms);

// Stops decks, pushed PCM and the current track, by a fade of so many milliseconds. What follows is the next
// track, or nothing while the programme is held.
lw_status lw_pipeline_stop_all_voices(lw_pipeline pipeline, uint64_t fade_ms);

// Pauses a voice where it is.
lw_status lw_pipeline_pause_voice(lw_pipeline pipeline, uint64_t voice);

// Lets a paused voice go on.
lw_status lw_pipeline_resume_voice(lw_pipeline pipeline, uint64_t voice);

// Moves a voice to so many milliseconds from its beginning.
lw_status lw_pipeline_seek_voice(lw_pipeline pipeline, uint64_t voice, uint64_t to_ms);

// Sets a voice's volume, from 0 to 16, 1 being unchanged. It does not click.
lw_status lw_pipeline_set_volume(lw_pipeline pipeline, uint64_t voice, double volume);

// Ramps a voice's volume to another in so many milliseconds, sample by sample. This returns at once; the
// event `ramp-done` says when the ramp ends. `curve` is equal-power, smooth, linear or decibels; NULL means
// equal-power. If `then_stop` is not 0, the voice ends with the ramp.
lw_status lw_pipeline_ramp_volume(lw_pipeline pipeline,
                                  uint64_t voice,
                                  double to,
                                  uint64_t over_ms,
                                  const char *curve,
                                  int32_t then_stop);

// All voices but the programme's, as of the mixer's last job, as JSON: a list of `id`, `file` (null for
// pushed PCM), `paused`, `volume`, `position`, `duration`. `json` is freed by `lw_free`.
lw_status lw_pipeline_voices(lw_pipeline pipeline, char **json);

// Takes over the requests for these paths, a JSON list: whole paths (`"/hello"`), or such as end with a
// slash and stand for everything below them (`"/shop/"`). At most `waiting` of them wait to be read; the
// server refuses further ones. If two have taken the same path, the first has it. They come complete; a body
// has 64 KiB at most. `requests` is closed by `lw_requests_close`. `LW_STOPPED` if the server is not
// running.
lw_status lw_server_take_requests(lw_server server, const char *paths, size_t waiting, lw_requests *requests);

// The next request. This waits for it, `timeout_ms` milliseconds at most; with 0 it does not wait, below 0
// it waits as long as it takes. `LW_NONE` if none came within this time. `LW_STOPPED` when the server has
// stopped or `requests` was closed meanwhile. Other calls for these requests wait meanwhile, except
// `lw_requests_close`. `request` is closed by `lw_request_answer`, or by `lw_request_close`; a client waits
// a minute.
lw_status lw_requests_next(lw_requests requests, int64_t timeout_ms, lw_request *request);

// Gives the paths back to the server, and ends the wait of `lw_requests_next`. Requests that were not read
// are answered with 500. Closing them again is harmless.
lw_status lw_requests_close(lw_requests requests);

// A request, as JSON: `method`, `path` (as it was sent, without the query), `segments` (of the path, each
// decoded; null if one is not UTF-8), `address` (of the client, as far as `addresses` allows), `base_url`
// (by which the client reaches the server). `json` is freed by `lw_free`.
lw_status lw_request_info(lw_request request, char **json);

// The decoded value of the first parameter of this name in a request's query, freed by `lw_free`. `LW_NONE`
// if there is none, or if it is not UTF-8.
lw_status lw_request_parameter(lw_request request, const char *name, char **value);

// The first header of this name (in any case) of a request, freed by `lw_free`. `LW_NONE` if there is none,
// or if it is not UTF-8.
lw_status lw_request_header(lw_request request, const char *name, char **value);

// The body of a request; `count` is 0 if it has none. It belongs to the request and is valid until that is
// answered or closed.
lw_status lw_request_body(lw_request request, const uint8_t **bytes, size_t *count);

// Answers a request with a status from 200 to 599, a body, and headers: a JSON object like
// `{"Content-Type": "text/html"}`, or NULL, which means plain text. The server adds what depends on the
// connection, and a policy for browsers that forbids scripts, unless `headers` has its own
// `Content-Security-Policy`. `request` is closed with it. For a header that cannot be one this returns
// `LW_INVALID`, and the request still waits.
lw_status lw_request_answer(lw_request request,
                            uint32_t status,
                            const char *headers,
                            const uint8_t *bytes,
                            size_t count);

// Closes a request without an answer: its client gets 500. Closing it again, or after it was answered, is
// harmless.
lw_status lw_request_close(lw_request request);

// Declares a server: TOML or JSON with the keys of `[server]` in docs/CONFIGURATION.md, for example `listen
// = "127.0.0.1:8000"`. NULL means the defaults. `lw_server_start` makes it listen. `server` is closed by
// `lw_server_close`.
lw_status lw_server_open(const char *declaration, lw_server *server);

// Makes a server listen. It can be started once: a server that has stopped does not start again.
lw_status lw_server_start(lw_server server);

// Answers this path with 503 and Retry-After instead of 404 until a mount is there, because players and
// directories take 404 for "gone". For the mounts that follow a start: call it before `lw_server_start`, or
// at any time after.
lw_status lw_server_expect(lw_server server, const char *path);

// Ends what `lw_server_expect` began: if nobody has taken this path, it is 404 again.
lw_status lw_server_expect_no_more(lw_server server, const char *path);

// Gives a server other settings while it runs; no client is closed for it. `declaration` is like that of
// `lw_server_open`, and what it leaves out is the default. These keys take effect: `max_listeners`,
// `max_event_clients`, `max_sources`, the limits of each address, `deny`, `public_url`, `trusted_proxies`,
// `access_log`, `access_log_api`, `addresses`. The others need a restart and are left alone. For the server
// of a station there is `lw_station_reload`.
lw_status lw_server_reconfigure(lw_server server, const char *declaration);

// Stops a server. The ports are free at once; its listeners get what is due within two seconds. It takes
// five seconds at most. `abandoned` is a JSON list of the threads that had to be left behind. It is freed by
// `lw_free` and may be NULL. Stopping again is harmless.
lw_status lw_server_stop(lw_server server, char **abandoned);

// Whether a server listens: 1 or 0.
lw_status lw_server_is_running(lw_server server, int32_t *running);

// Closes a handle. The server ends with its last handle and the last pipeline on it. Closing it again is
// harmless.
lw_status lw_server_close(lw_server server);

// The port that a server listens on: the one that it got where 0 was declared; the first, if there are
// several.
lw_status lw_server_port(lw_server server, uint16_t *port);

// All addresses that a server listens on, as JSON: `["127.0.0.1:8000"]`. `json` is freed by `lw_free`.
lw_status lw_server_addresses(lw_server server, char **json);

// Opens the file of a server's access log anew (the key `access_log`), as after its rotation. It waits for
// no disk. Without such a file, it does nothing.
lw_status lw_server_reopen_logs(lw_server server);

// What a server has done since it started, as JSON. `json` is freed by `lw_free`.
lw_status lw_server_stats(lw_server server, char **json);

// Whether a server works as it should, as JSON like that of `lw_pipeline_health`: mounts that the host feeds
// with something else than their content type, addresses that may be a proxy's, an access log that cannot be
// written. `json` is freed by `lw_free`.
lw_status lw_server_health(lw_server server, char **json);

// The number of listeners of one mount, or of all mounts if `mount` is NULL. A listener counts from its
// second second on. `LW_NOT_FOUND` if there is no such mount.
lw_status lw_server_listener_count(lw_server server, const char *mount, uint64_t *count);

// The listeners of one mount, or of all mounts if `mount` is NULL, as a JSON list: `id`, `mount`, `address`
// (as far as `addresses` allows), `agent`, `duration`, `bytes`, `is_behind`. A listener that comes or goes
// meanwhile may be missing. `LW_NOT_FOUND` if there is no such mount. `json` is freed by `lw_free`.
lw_status lw_server_listeners(lw_server server, const char *mount, char **json);

// Closes the connection of a listener, by its `id` in `lw_server_listeners`. (Its player may come again.)
// `LW_NOT_FOUND` if no listener has this number.
lw_status lw_server_kick(lw_server server, uint64_t listener);

// Puts a mount on the air that the host feeds with encoded audio. `declaration` is TOML or JSON with `mount`
// (its path), `content_type`, and whatever else is known: `bitrate`, `sample_rate`, `channels`, `name`,
// `genre`, `description`, `url`, `public`, `max_listeners`, `metaint`. A known bitrate sizes its memory.
lw_status lw_server_add_mount(lw_server server, const char *declaration);

// Gives a mount of `lw_server_add_mount` other settings; its listeners stay. `declaration` is as there, with
// the same path and content type. For the mounts of pipelines there is `lw_pipeline_update_output`.
lw_status lw_server_update_mount(lw_server server, const char *declaration);

// Takes a mount of `lw_server_add_mount` off the air: its listeners get what is due, then a close. For the
// mounts of pipelines there is `lw_pipeline_remove_output`.
lw_status lw_server_remove_mount(lw_server server, const char *mount);

// Feeds a mount of `lw_server_add_mount`. MP3, ADTS and Ogg may be cut anywhere; anything else goes to
// listeners call by call. Takes bytes as far as there is room, and says in `taken` how many; never waits,
// never drops. Audio is to come in real time; about ten seconds of it may be ahead. Offer later what was not
// taken. Bytes that belong to no packet of the content type are taken and left out; `lw_server_mount_info`
// counts them (`garbage_bytes`), and says after 64 KiB without a packet what is wrong (`unreadable`).
lw_status lw_server_write_audio(lw_server server,
                                const char *mount,
                                const uint8_t *bytes,
                                size_t count,
                                size_t *taken);

// The title of the audio that is written from now on to a mount of `lw_server_add_mount`. `url` may be NULL.
// For the mounts of pipelines there is `lw_pipeline_update_metadata`.
lw_status lw_server_update_metadata(lw_server server, const char *mount, const char *title, const char *url);

// Sets the bytes that a listener who joins from now on gets before any audio, on a mount of
// `lw_server_add_mount` whose content type is not parsed.
lw_status lw_server_set_header(lw_server server, const char *mount, const uint8_t *bytes, size_t count);

// When the first packet of its title reached a mount, in milliseconds since 1970.
lw_status lw_server_changed_at(lw_server server, const char *mount, uint64_t *ms_since_1970);

// A mount's state, as JSON: `mount` (its path), `content_type`, `name` and its other settings, `title`,
// `title_changed_at`, `audible_at` (when a listener hears the title begin), `listeners` and its other
// counters. `json` is freed by `lw_free`.
lw_status lw_server_mount_info(lw_server server, const char *mount, char **json);

// All mounts by path, as a JSON list of what `lw_server_mount_info` gives. `json` is freed by `lw_free`.
lw_status lw_server_mounts(lw_server server, char **json);

// Lets `function` decide who may send to the live inputs and relayed mounts of a station, instead of the
// users file: see `lw_admit_source`. To be called before `lw_station_start`; the station then serves the
// HTTP API, as with `users_file`. If it serves it anyway, this may be called at any time.
//
// Later another function may take its place, or none, if `function` is NULL: then every source is refused.
// When this returns, the function before does not run and will not run again, unless it has called this
// itself. Do not hold a lock that it waits for. After `lw_station_stop` it is not called either, unless
// that has named the thread `admission`.
lw_status lw_station_admit_sources(lw_station station, lw_admit_source function, void *user);

// Lets a source in. It is known by `name` from then on.
lw_status lw_source_request_admit(lw_source_request request, const char *name);

// Refuses a source, by the status 403. Its DJ reads `reason`.
lw_status lw_source_request_refuse(lw_source_request request, const char *reason);

// Refuses a source because the host's own code has failed. `reason` goes to the log (`lw_log_to`), and not
// to the DJ.
lw_status lw_source_request_fail(lw_source_request request, const char *reason);

// The sources that are connected to a station, in the order of their coming, as a JSON list: `id`, `path`,
// `user`, `program`, `address`, `content_type`, `name`, `since`, `received_bytes`, `lost_bytes`,
// `silent_for`, and `live`, which tells of the sound at a live input. `json` is freed by `lw_free`.
lw_status lw_station_sources(lw_station station, char **json);

// Removes a source, by its `id`. Its path is free at once. `LW_NOT_FOUND` if there is no such source.
lw_status lw_station_kick_source(lw_station station, uint64_t source);

// Sets the title of what the source at `path` sends from now on. `url` may be NULL. `LW_NOT_FOUND` if the
// path has no source.
lw_status lw_station_update_source_metadata(lw_station station,
                                            const char *path,
                                            const char *title,
                                            const char *url);

// Declares a station: TOML or JSON as in docs/CONFIGURATION.md. Relative paths are relative to the working
// directory. All its problems are reported at once, a line each. `lw_station_start` puts it on the air.
// `station` is closed by `lw_station_close`.
lw_status lw_station_open(const char *declaration, lw_station *station);

// The same from a file: JSON where its name ends in `.json`, else TOML. Relative paths are relative to the
// file.
lw_status lw_station_read(const char *file, lw_station *station);

// Starts the server, then every pipeline. If one cannot start, nothing is left running. A station is started
// once. If its declaration has `users_file` or `media_roots`, or `lw_station_admit_sources` was called, it
// serves the HTTP API, as the program does. (Users are made by `longwave user`; a users file without users
// lets nobody in.)
lw_status lw_station_start(lw_station station);

// Applies another declaration to a station on the air, or, if `declaration` is NULL, the file of
// `lw_station_read` as it is now: mounts, outputs, bitrates, limits, playlists, crossfades; users and media
// roots if they are from the file. Listeners stay, except those of a mount that is gone. If anything is
// wrong with the declaration, this returns `LW_SETTING`, and nothing changes. `report` is JSON with three
// lists of sentences: `changed`, what was applied; `restart`, what differs but needs a restart; `failed`,
// what could not be applied, and why. It is freed by `lw_free` and may be NULL. What calls have added to the
// declared outputs stays.
lw_status lw_station_reload(lw_station station, const char *declaration, char **report);

// Does what a request to the HTTP API does, as an admin could, without a socket, a user or a token: so a host
// has all of the API, also what has no function here. `method` is `"GET"`, `"POST"` and so on; `target` is a
// path, percent-encoded, with its query (`"/api/v1/denied"`, `"/played/a.mp3?at=14:32"`); `body` is JSON, or
// NULL. `http_status` is as over HTTP, and so is `answer`: JSON mostly, also for a refusal, and empty where
// the status is 204. It is freed by `lw_free`. It runs on the calling thread, and takes as long as the
// request would: up to some seconds where a disk does not answer. What streams, or may, is for HTTP alone, and
// refused with 405: events, levels, `/nowplaying`, uploads, downloads. `LW_STOPPED` if the station is not
// on the air, `LW_INVALID` if it serves no API.
lw_status lw_station_ask(lw_station station,
                         const char *method,
                         const char *target,
                         const char *body,
                         uint32_t *http_status,
                         char **answer);

// Stops the pipelines, then the server. It takes five seconds at most. `abandoned` is a JSON list of the
// threads that had to be left behind. It is freed by `lw_free` and may be NULL. Stopping again is harmless.
lw_status lw_station_stop(lw_station station, char **abandoned);

// Stops a station and closes its handle. Closing it again is harmless.
lw_status lw_station_close(lw_station station);

// A handle to a station's server, closed by `lw_server_close`; the station keeps its own.
lw_status lw_station_server(lw_station station, lw_server *server);

// A handle to one of a station's pipelines, by its name, or to the first if `name` is NULL. It is available
// before the station is started, so that hooks are called for the start, too. Closed by `lw_pipeline_close`;
// the station keeps its own.
lw_status lw_station_pipeline(lw_station station, const char *name, lw_pipeline *pipeline);

// The names of a station's pipelines, in the order in which they were declared, as a JSON list. `json` is
// freed by `lw_free`.
lw_status lw_station_pipelines(lw_station station, char **json);

// Frees text that a function of this interface has returned. NULL is allowed. C's `free` does the same.
void lw_free(char *text);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LONGWAVE_H */
