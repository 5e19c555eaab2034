//! Announcements, and orders on who has the air.

use std::ffi::c_char;

use longwave::json::{Announcement, LiveInput, WholePaths};
use longwave::{AnnouncementId, ForcedAir};

use super::{lw_pipeline, order, with};
use crate::entry::call;
use crate::failure::lw_status;
use crate::text::{Out, path, text};

/// Announces a file: it sounds above the programme, live inputs and decks, also while the programme is held,
/// within half a second; all else fades out and comes back after it. If another announcement sounds, it
/// follows that one. It is opened on this thread; this returns `LW_FILE` if it cannot be played,
/// `LW_NO_ANSWER` if its disk does not answer, and `LW_LIMIT` if 16 announcements sound or wait.
/// `announcement` is its number, as long as the pipeline runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_announce(
    pipeline: lw_pipeline,
    file: *const c_char,
    announcement: *mut u64,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (file, announcement) = unsafe { (path(file, "file")?, Out::new(announcement, "announcement")?) };
        announcement.set(with(pipeline, |pipeline| Ok(pipeline.announce(file)?))?.0)
    })
}

/// Stops an announcement. If it sounds, it fades out.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_stop_announcement(pipeline: lw_pipeline, announcement: u64) -> lw_status {
    order(pipeline, |pipeline| pipeline.stop_announcement(AnnouncementId(announcement)))
}

/// Stops all announcements: the one that sounds, and those that wait.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_stop_announcements(pipeline: lw_pipeline) -> lw_status {
    order(pipeline, longwave::Pipeline::stop_announcements)
}

/// The announcements that sound or wait, in their order, as of the mixer's last job, as JSON: a list of `id`,
/// `file`, `sounding`, `position`, `duration`. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_announcements(
    pipeline: lw_pipeline,
    json: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        let announcements = with(pipeline, |pipeline| {
            let rate = pipeline.spec().rate;
            let document = |announcement| Announcement::of(announcement, rate, &WholePaths);
            Ok(pipeline.announcements().iter().map(document).collect::<Vec<_>>())
        })?;
        json.json(&announcements)
    })
}

/// The live input that has the air, as JSON like an item of `lw_pipeline_live_inputs`. `LW_NONE` if the
/// programme has it. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_live(pipeline: lw_pipeline, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        json.json_if_any(with(pipeline, |pipeline| Ok(pipeline.live().as_ref().map(LiveInput::of)))?)
    })
}

/// All live inputs, as of the mixer's last job, as JSON: a list of `path`, `state`, `muted`, `forced`,
/// `source`, `title`, `aired`, `buffered`, `drift_ppm`, `drops`, `gaps`. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_live_inputs(pipeline: lw_pipeline, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        let inputs = with(pipeline, |pipeline| {
            Ok(pipeline.live_inputs().iter().map(LiveInput::of).collect::<Vec<_>>())
        })?;
        json.json(&inputs)
    })
}

/// Gives the live input with this path the air as soon as it has sound, whatever the priorities say, until
/// another order, and until the session is over that it has brought on the air.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_force_live(pipeline: lw_pipeline, path: *const c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let path = unsafe { text(path, "path") }?;
        with(pipeline, |pipeline| Ok(pipeline.force_live(path)?))?;
        Ok(lw_status::LW_OK)
    })
}

/// Gives the programme the air, although a live input has sound, until another order.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_force_programme(pipeline: lw_pipeline) -> lw_status {
    order(pipeline, longwave::Pipeline::force_programme)
}

/// Ends `lw_pipeline_force_live` and `lw_pipeline_force_programme`: priorities decide again.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_release_live(pipeline: lw_pipeline) -> lw_status {
    order(pipeline, longwave::Pipeline::release_live)
}

/// Who has the air by an order, as of the mixer's last job, as JSON: `programme`, the path of a live input,
/// or null. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_forced_air(pipeline: lw_pipeline, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        let forced = with(pipeline, |pipeline| Ok(pipeline.forced_air()))?;
        json.json(&forced.map(|air| match air {
            ForcedAir::Live(path) => path,
            _ => "programme".to_owned(),
        }))
    })
}

/// Keeps the live input with this path off the air, within 300 ms, until `lw_pipeline_unmute_live`. Something
/// else sounds instead: another live input, or the programme.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_mute_live(pipeline: lw_pipeline, path: *const c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let path = unsafe { text(path, "path") }?;
        with(pipeline, |pipeline| Ok(pipeline.mute_live(path)?))?;
        Ok(lw_status::LW_OK)
    })
}

/// Lets a live input on the air again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_unmute_live(pipeline: lw_pipeline, path: *const c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let path = unsafe { text(path, "path") }?;
        with(pipeline, |pipeline| Ok(pipeline.unmute_live(path)?))?;
        Ok(lw_status::LW_OK)
    })
}
