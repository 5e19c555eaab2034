//! Outputs that come and go while the pipeline runs.

use std::ffi::c_char;

use longwave::json::Hls;

use super::{lw_pipeline, with};
use crate::encoder::{Shared, output};
use crate::entry::call;
use crate::failure::lw_status;
use crate::text::{Out, text};

/// The paths of a pipeline's mounts, in the order in which they were added, as a JSON list. `json` is freed
/// by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_mounts(pipeline: lw_pipeline, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        let mounts = with(pipeline, |pipeline| Ok(pipeline.mounts()))?;
        json.json(&mounts)
    })
}

/// Adds an output; the others notice nothing. `declaration` is TOML or JSON with the keys of
/// `[[pipeline.output]]` in docs/CONFIGURATION.md.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_add_output(
    pipeline: lw_pipeline,
    declaration: *const c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let declaration = unsafe { text(declaration, "declaration") }?;
        with(pipeline, |pipeline| {
            let settings = output(declaration, pipeline.spec())?;
            Ok(pipeline.add_output(settings)?)
        })?;
        Ok(lw_status::LW_OK)
    })
}

/// Ends an output and its mount: listeners get what is due, the others notice nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_remove_output(pipeline: lw_pipeline, mount: *const c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let mount = unsafe { text(mount, "mount") }?;
        with(pipeline, |pipeline| Ok(pipeline.remove_output(mount)?))?;
        Ok(lw_status::LW_OK)
    })
}

/// Encodes an output in another way from now on: of `declaration`, like that of `lw_pipeline_add_output`,
/// only `format`, `bitrate`, `quality`, `profile` and `afterburner` matter. Its listeners stay; so must its
/// content type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_replace_encoder(
    pipeline: lw_pipeline,
    mount: *const c_char,
    declaration: *const c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (mount, declaration) = unsafe { (text(mount, "mount")?, text(declaration, "declaration")?) };
        with(pipeline, |pipeline| {
            let settings = output(declaration, pipeline.spec())?;
            Ok(pipeline.replace_encoder(mount, Shared(settings.encoder))?)
        })?;
        Ok(lw_status::LW_OK)
    })
}

/// Gives an output other settings; its listeners stay. `declaration` is like that of
/// `lw_pipeline_add_output`, with the output's `mount`, and its content type must be as before. The encoder
/// is replaced if its settings have changed; new listeners get the new headers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_update_output(
    pipeline: lw_pipeline,
    declaration: *const c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let declaration = unsafe { text(declaration, "declaration") }?;
        with(pipeline, |pipeline| Ok(pipeline.update_output(output(declaration, pipeline.spec())?)?))?;
        Ok(lw_status::LW_OK)
    })
}

/// Its HLS, in the order of their paths, as JSON: a list of `path`, `playlist`, `variants`, `segment`,
/// `window`, `count`, and counters. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_hls(pipeline: lw_pipeline, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        json.json(&with(pipeline, |pipeline| Ok(pipeline.hls().iter().map(Hls::of).collect::<Vec<_>>()))?)
    })
}
