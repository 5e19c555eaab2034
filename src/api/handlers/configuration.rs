//! Handlers for the configuration file: what it says, and reading it again.

use serde::Serialize;

use crate::api::call::{Call, Handled, json};
use crate::api::core::Core;
use crate::api::reload::Inspected;
use crate::{ConfigProblem, Reloaded, path_text};

/// The configuration file, as it is now.
#[derive(Serialize)]
struct Configuration {
    file: String,
    text: Option<String>,
    shortened: bool,
    problems: Vec<Finding>,
    warnings: Vec<Finding>,
    reload: Option<Reloaded>,
}

/// What is wrong with it, or unusual, and where.
#[derive(Serialize)]
struct Finding {
    line: Option<u32>,
    key: String,
    reason: String,
}

/// `GET /api/v1/configuration`: reads the file, so it runs on the thread `api-files`.
pub(crate) fn show(core: &Core, call: &Call<'_>) -> Handled {
    let Inspected { file, text, is_shortened, problems, warnings, reload } = core.inspect(call.user())?;
    let findings = |list: Vec<ConfigProblem>| list.into_iter().map(Finding::of).collect();
    let file = path_text::to_text(&file).into_owned();
    let (problems, warnings) = (findings(problems), findings(warnings));
    Ok(json(200, &Configuration { file, text, shortened: is_shortened, problems, warnings, reload }))
}

/// `POST /api/v1/reload`: reads the configuration again, and applies it.
pub(crate) fn reload(core: &Core, _: &Call<'_>) -> Handled {
    Ok(json(200, &core.reload()?))
}

impl Finding {
    fn of(problem: ConfigProblem) -> Finding {
        let ConfigProblem { line, key, reason, nearest, .. } = problem;
        let reason = match nearest {
            Some(nearest) => format!("{reason}; did you mean {nearest:?}?"),
            None => reason,
        };
        Finding { line, key, reason }
    }
}
