//! Handlers for the outputs of a running pipeline.

use crate::api::call::{Call, Handled, done, json};
use crate::api::core::Core;
use crate::api::problem::Problem;
use crate::api::views::StationMount;
use crate::json::Hls;
use crate::{OutputSettings, PcmSpec, PipelineSettings};

/// `GET /api/v1/pipelines/{pipeline}/outputs`
pub(crate) fn list(core: &Core, call: &Call<'_>) -> Handled {
    let mounts = core.pipeline(&call.held[0])?.mounts();
    let infos = mounts.iter().filter_map(|mount| core.server.mount_info(mount));
    let base = call.request.base_url();
    Ok(json(200, &infos.map(|info| StationMount::of(&info, core, base)).collect::<Vec<_>>()))
}

/// `POST /api/v1/pipelines/{pipeline}/outputs`: adds an output. The body has the keys of
/// `[[pipeline.output]]`.
pub(crate) fn add(core: &Core, call: &Call<'_>) -> Handled {
    let pipeline = core.pipeline(&call.held[0])?;
    let output = declared(call, pipeline.spec())?;
    let mount = output.mount.path.clone();
    pipeline.add_output(output)?;
    let info =
        core.server.mount_info(&mount).ok_or_else(|| Problem::new("stopped", "the mount has ended"))?;
    Ok(json(201, &StationMount::of(&info, core, call.request.base_url())))
}

/// `PUT /api/v1/pipelines/{pipeline}/outputs`: replaces the settings of an output, and its listeners stay.
pub(crate) fn update(core: &Core, call: &Call<'_>) -> Handled {
    let pipeline = core.pipeline(&call.held[0])?;
    let output = declared(call, pipeline.spec())?;
    pipeline.update_output(output)?;
    done()
}

/// `DELETE /api/v1/pipelines/{pipeline}/outputs?mount=`
pub(crate) fn remove(core: &Core, call: &Call<'_>) -> Handled {
    let pipeline = core.pipeline(&call.held[0])?;
    let mount = call.request.parameter("mount");
    let mount = mount.ok_or_else(|| Problem::new("invalid-parameter", "mount= says which").at("mount"))?;
    pipeline.remove_output(&mount)?;
    done()
}

/// `GET /api/v1/pipelines/{pipeline}/hls`
pub(crate) fn hls(core: &Core, call: &Call<'_>) -> Handled {
    let all = core.pipeline(&call.held[0])?.hls();
    Ok(json(200, &all.iter().map(Hls::of).collect::<Vec<_>>()))
}

/// Reads the settings of an output. The body has the keys of the configuration, in JSON.
fn declared(call: &Call<'_>, spec: PcmSpec) -> Result<OutputSettings, Problem> {
    let output: serde_json::Value = call.body()?;
    if !output.is_object() {
        return Err(Problem::new("invalid-body", "an output is an object: {\"format\": \"mp3\", …}"));
    }
    // The output is put into a pipeline of its own, so that it is checked like one in a file.
    let pipeline = serde_json::json!({
        "channels": spec.channels.count(), "sample_rate": spec.rate.hz(), "output": [output],
    });
    let settings = PipelineSettings::from_json(&pipeline.to_string(), "".as_ref()).map_err(|error| {
        let first = &error.problems[0];
        let field = first.key.strip_prefix("output[0].").unwrap_or(&first.key);
        Problem::new(
            "invalid-value",
            error.problems.iter().map(|problem| problem.reason.as_str()).collect::<Vec<_>>().join("; "),
        )
        .at(field)
    })?;
    settings.outputs.into_iter().next().ok_or_else(|| Problem::new("internal", "an output was lost"))
}
