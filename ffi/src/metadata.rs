//! Tags and titles, without a pipeline.

use std::ffi::c_char;

use longwave::json::{FileMetadata, WholePaths};
use longwave::{Tags, format_title, read_metadata};
use serde::Deserialize;

use crate::entry::call;
use crate::failure::lw_status;
use crate::json;
use crate::text::{Out, optional_text, path};

/// A file's tags, as JSON: `file`, `title` (the line that a station shows), `artist`, `name` (of the piece
/// alone), `album`, `duration`, `track_gain_db`, `album_gain_db`, `track_peak`, `album_peak`, `album_artist`,
/// `composer`, `genre`, `label`, `label_code`, `isrc`, `year`, `track_number`, and `cue_in`, `cue_out` and
/// `start_next` in seconds; null where there is none. `LW_FILE` if it cannot be read. `json` is freed by
/// `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_read_metadata(file: *const c_char, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (file, json) = unsafe { (path(file, "file")?, Out::new(json, "json")?) };
        json.json(&FileMetadata::of(file, &read_metadata(file)?, &WholePaths))
    })
}

/// The line that a station shows for a track: `given`, else "artist - name", else the name, else the artist,
/// else `extinf`, else the file's name without its extension. `tags` is JSON like that of `lw_read_metadata`.
/// All but `file` may be NULL. `title` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_format_title(
    file: *const c_char,
    tags: *const c_char,
    given: *const c_char,
    extinf: *const c_char,
    title: *mut *mut c_char,
) -> lw_status {
    #[derive(Default, Deserialize)]
    struct Said {
        artist: Option<String>,
        name: Option<String>,
    }
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (file, title) = unsafe { (path(file, "file")?, Out::new(title, "title")?) };
        // SAFETY: as above.
        let [tags, given, extinf] = unsafe {
            [optional_text(tags, "tags")?, optional_text(given, "given")?, optional_text(extinf, "extinf")?]
        };
        let said: Said = match tags {
            Some(tags) => json::read(tags, "tags", r#"an object like {"artist": "A", "name": "T"}"#)?,
            None => Said::default(),
        };
        let tags = Tags { artist: said.artist, title: said.name, ..Tags::default() };
        title.text(&format_title(given, &tags, extinf, file))
    })
}
