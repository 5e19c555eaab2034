//! What plays next, and when, and the titles that mounts announce.

use std::ffi::c_char;
use std::time::Duration;

use longwave::json::{ComingTrack, WholePaths};
use longwave::{
    Entry, EntryId, Ingredient, IngredientKind, ListOptions, Place, Tags, Title, TitleHolds, When,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{lw_pipeline, order, with};
use crate::entry::call;
use crate::failure::{Failure, Outcome, lw_status};
use crate::json;
use crate::text::{Out, ms, optional_text, path, text};

/// How a playlist is played, as the host writes it.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    now: bool,
    #[serde(rename = "loop")]
    repeat: bool,
    shuffle: bool,
    #[serde(deserialize_with = "seconds")]
    crossfade: Option<Duration>,
    #[serde(deserialize_with = "seconds")]
    fade_in: Option<Duration>,
    #[serde(deserialize_with = "seconds")]
    fade_out: Option<Duration>,
}

fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let seconds = Option::<f64>::deserialize(from)?;
    let duration = |seconds| Duration::try_from_secs_f64(seconds).map_err(D::Error::custom);
    seconds.map(duration).transpose()
}

fn options(text: Option<&str>) -> Outcome<ListOptions> {
    let options: Options = match text {
        Some(text) => json::read(text, "options", r#"an object like {"loop": true, "crossfade": 3}"#)?,
        None => Options::default(),
    };
    Ok(ListOptions {
        when: if options.now { When::Now } else { When::AfterCurrent },
        repeat: options.repeat,
        shuffle: options.shuffle,
        crossfade: options.crossfade,
        fade_in: options.fade_in,
        fade_out: options.fade_out,
        confined: false,
    })
}

/// Entries as a host reads them. Their tags are not known before they are opened.
pub fn coming_tracks(entries: &[(EntryId, Entry)]) -> Vec<ComingTrack> {
    let tags = Tags::default();
    entries.iter().map(|(id, entry)| ComingTrack::of(*id, entry, &tags, &WholePaths)).collect()
}

fn place(next: i32) -> Place {
    if next == 0 { Place::End } else { Place::Next }
}

/// Makes a file the current track now, by a quick crossfade. What was up next goes on after it. The file is
/// opened on this thread. If it cannot be played, this returns `LW_FILE`, or `LW_NO_ANSWER` if its disk does
/// not answer, and nothing changes. `title` goes before the file's tags and may be NULL. `id` is the entry's
/// number and may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_play_file(
    pipeline: lw_pipeline,
    file: *const c_char,
    title: *const c_char,
    id: *mut u64,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (file, title, id) =
            unsafe { (path(file, "file")?, optional_text(title, "title")?, Out::optional(id, "id")?) };
        let entry = with(pipeline, |pipeline| Ok(pipeline.play_file(file, title)?))?;
        id.map_or(Ok(lw_status::LW_OK), |id| id.set(entry.0))
    })
}

/// Plays files as the playlist, in place of the one before. `files` is a JSON list of paths or of objects
/// with `file` and perhaps `title`, or of what `lw_pipeline_queue` gives; other keys are `LW_INVALID`. A path
/// that is not UTF-8 is a percent-encoded file:// URL. `options` is a JSON object, or NULL: `now` (else after
/// the current track and the queue), `loop`, `shuffle`, and `crossfade`, `fade_in`, `fade_out` in seconds,
/// which hold for the pipeline from now on and are as before where they are left out. When its first track
/// begins, the event `playlist-change` tells `name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_play_list(
    pipeline: lw_pipeline,
    name: *const c_char,
    files: *const c_char,
    options: *const c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (name, files, options) =
            unsafe { (text(name, "name")?, text(files, "files")?, optional_text(options, "options")?) };
        let (entries, options) = (json::entries(files, "files")?, self::options(options)?);
        with(pipeline, |pipeline| Ok(pipeline.play_list(name, entries, &options)?))?;
        Ok(lw_status::LW_OK)
    })
}

/// Plays a file, a folder, or an M3U, PLS or XSPF playlist as the playlist, in place of the one before. It is
/// read on a thread of the pipeline, and again when it changes; what is wrong with it is logged. It is named
/// as its path. `options`: as for `lw_pipeline_play_list`, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_play_path(
    pipeline: lw_pipeline,
    path: *const c_char,
    options: *const c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (path, options) = unsafe { (self::path(path, "path")?, optional_text(options, "options")?) };
        let options = self::options(options)?;
        with(pipeline, |pipeline| Ok(pipeline.play_path(vec![path.to_owned()], &options)?))?;
        Ok(lw_status::LW_OK)
    })
}

/// Whether the playlist begins again at its end, from now on: 1 or 0.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_set_loop(pipeline: lw_pipeline, repeat: i32) -> lw_status {
    order(pipeline, |pipeline| pipeline.set_repeat(repeat != 0))
}

/// Shuffles what is left of the playlist's pass, and each pass from now on (1); or goes on in its own order
/// (0).
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_set_shuffle(pipeline: lw_pipeline, shuffle: i32) -> lw_status {
    order(pipeline, |pipeline| pipeline.set_shuffle(shuffle != 0))
}

/// Sets the fades between tracks from now on, in milliseconds: `crossfade_ms`, how long two tracks overlap;
/// `fade_in_ms` and `fade_out_ms`, how long a track comes or goes where none is beside it. Below 0: as
/// before.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_set_fades(
    pipeline: lw_pipeline,
    crossfade_ms: i64,
    fade_in_ms: i64,
    fade_out_ms: i64,
) -> lw_status {
    let fade = |milliseconds: i64| u64::try_from(milliseconds).ok().map(ms);
    order(pipeline, |pipeline| pipeline.set_fades(fade(crossfade_ms), fade(fade_in_ms), fade(fade_out_ms)))
}

/// Skips the current track, by a crossfade of `skip_crossfade`.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_skip(pipeline: lw_pipeline) -> lw_status {
    order(pipeline, longwave::Pipeline::skip)
}

/// Moves the current track to so many milliseconds from its beginning.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_seek(pipeline: lw_pipeline, to_ms: u64) -> lw_status {
    order(pipeline, |pipeline| pipeline.seek(ms(to_ms)))
}

/// Queues a file, to be played once before the playlist goes on: after what is queued already, or, where
/// `next` is not 0, before it. `title` goes before its tags and may be NULL; `id`, its number, may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_queue_file(
    pipeline: lw_pipeline,
    file: *const c_char,
    title: *const c_char,
    next: i32,
    id: *mut u64,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (file, title, id) =
            unsafe { (path(file, "file")?, optional_text(title, "title")?, Out::optional(id, "id")?) };
        let entry = Entry { title: title.map(Into::into), ..Entry::new(file) };
        let ids = with(pipeline, |pipeline| Ok(pipeline.queue_files([entry], place(next))?))?;
        id.zip(ids.first()).map_or(Ok(lw_status::LW_OK), |(id, first)| id.set(first.0))
    })
}

/// Queues files in their order. `files`: as for `lw_pipeline_play_list`; `next`: as for
/// `lw_pipeline_queue_file`. `ids` is a JSON list of their numbers, in the same order, freed by `lw_free`; it
/// may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_queue_files(
    pipeline: lw_pipeline,
    files: *const c_char,
    next: i32,
    ids: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (files, ids) = unsafe { (text(files, "files")?, Out::optional(ids, "ids")?) };
        let entries = json::entries(files, "files")?;
        let queued = with(pipeline, |pipeline| Ok(pipeline.queue_files(entries, place(next))?))?;
        let queued: Vec<_> = queued.iter().map(|id| id.0).collect();
        ids.map_or(Ok(lw_status::LW_OK), |ids| ids.json(&queued))
    })
}

/// The queue, in the order in which it will be played, as JSON: a list of `id`, `file`, `title` (as far as it
/// is known before the file is opened). `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_queue(pipeline: lw_pipeline, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        let queue = with(pipeline, |pipeline| Ok(pipeline.queue()))?;
        json.json(&coming_tracks(&queue))
    })
}

/// An entry of the queue or of the playlist by its number, as JSON like one of `lw_pipeline_queue`.
/// `LW_NOT_FOUND` if it is in neither. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_entry(
    pipeline: lw_pipeline,
    id: u64,
    json: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        let entry = with(pipeline, |pipeline| Ok(pipeline.entry(EntryId(id))))?;
        let entry = entry.ok_or_else(|| Failure::not_found(format!("there is no entry {id}")))?;
        json.json(&ComingTrack::of(EntryId(id), &entry, &Tags::default(), &WholePaths))
    })
}

/// Empties the queue; the playlist goes on after the current track.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_clear_queue(pipeline: lw_pipeline) -> lw_status {
    order(pipeline, longwave::Pipeline::clear_queue)
}

/// Takes an entry out of the queue.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_remove(pipeline: lw_pipeline, id: u64) -> lw_status {
    order(pipeline, |pipeline| pipeline.remove(EntryId(id)).map(drop))
}

/// Moves an entry of the queue to this place, 0 being the next; beyond the end is the end.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_move_to(pipeline: lw_pipeline, id: u64, index: usize) -> lw_status {
    order(pipeline, |pipeline| pipeline.move_to(EntryId(id), index))
}

/// Takes the programme off the air where it is: it fades out, in so many milliseconds, and waits. Decks go
/// on.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_hold(pipeline: lw_pipeline, fade_ms: u64) -> lw_status {
    order(pipeline, |pipeline| pipeline.hold(ms(fade_ms)))
}

/// Holds the programme when the current track has come to its end; `lw_pipeline_resume` takes it back. If the
/// track gives way before, because it is skipped or a slot comes, the track that follows is meant. If there
/// is no track, the programme is held at once.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_hold_after_current(pipeline: lw_pipeline) -> lw_status {
    order(pipeline, longwave::Pipeline::hold_after_current)
}

/// Puts a held programme back on the air, where it waits, by a fade of so many milliseconds.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_resume(pipeline: lw_pipeline, fade_ms: u64) -> lw_status {
    order(pipeline, |pipeline| pipeline.resume(ms(fade_ms)))
}

/// Sets the title that one mount announces, or all of the pipeline's mounts if `mount` is NULL. It holds
/// until the next track begins, or until `lw_pipeline_clear_metadata` if `until_cleared` is not 0. `url` may
/// be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_update_metadata(
    pipeline: lw_pipeline,
    title: *const c_char,
    url: *const c_char,
    mount: *const c_char,
    until_cleared: i32,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (title, url, mount) =
            unsafe { (text(title, "title")?, optional_text(url, "url")?, optional_text(mount, "mount")?) };
        let title = Title { url: url.map(Into::into), ..Title::new(title) };
        let holds = if until_cleared == 0 { TitleHolds::UntilNextTrack } else { TitleHolds::UntilCleared };
        with(pipeline, |pipeline| Ok(pipeline.update_metadata(title, mount, holds)?))?;
        Ok(lw_status::LW_OK)
    })
}

/// Returns to the sounding track's title, on one mount, or on all if `mount` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_clear_metadata(
    pipeline: lw_pipeline,
    mount: *const c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let mount = unsafe { optional_text(mount, "mount") }?;
        with(pipeline, |pipeline| Ok(pipeline.clear_metadata(mount)?))?;
        Ok(lw_status::LW_OK)
    })
}

/// Adds a daypart, an insert or a slot to the schedule that is declared, or puts it in the place of what was
/// added under its name. `kind` is `daypart`, `insert` or `slot`, and `declaration` JSON with the keys of
/// `[[pipeline.daypart]]` and the like in docs/CONFIGURATION.md, with a `name`. It is in the database of the
/// library when this returns, and in force. This returns `LW_EXISTS` if the schedule that is declared has
/// that name, `LW_LIMIT` if there are 256 of its kind, `LW_NO_ANSWER` if the database cannot be written, and
/// `LW_SETTING` for what cannot work, and if the station has no library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_set_ingredient(
    pipeline: lw_pipeline,
    kind: *const c_char,
    declaration: *const c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (kind, declaration) = unsafe { (text(kind, "kind")?, text(declaration, "declaration")?) };
        let ingredient = Ingredient::from_json(ingredient_kind(kind)?, declaration, "".as_ref())?;
        with(pipeline, |pipeline| Ok(pipeline.set_ingredient(ingredient)?))?;
        Ok(lw_status::LW_OK)
    })
}

/// Removes what was added under this name by `lw_pipeline_set_ingredient`. This returns `LW_NOT_FOUND` if
/// there is none, else what that says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_remove_ingredient(
    pipeline: lw_pipeline,
    kind: *const c_char,
    name: *const c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (kind, name) = unsafe { (text(kind, "kind")?, text(name, "name")?) };
        let kind = ingredient_kind(kind)?;
        with(pipeline, |pipeline| Ok(pipeline.remove_ingredient(kind, name)?))?;
        Ok(lw_status::LW_OK)
    })
}

fn ingredient_kind(name: &str) -> Outcome<IngredientKind> {
    let wrong = || Failure::invalid(format!("kind {name:?} is none: daypart, insert or slot"));
    IngredientKind::named(name).ok_or_else(wrong)
}
