//! Handlers for listeners who request tracks. Anybody may call them: the thread `api` has counted how often an
//! address does.

use crate::api::call::{Call, Handled};
use crate::api::core::Core;

/// `GET /requests/search?q=`: reads the library, so it runs on the thread `api-files`.
pub(crate) fn search(core: &Core, call: &Call<'_>) -> Handled {
    taken::search(core, call)
}

/// `POST /requests`
pub(crate) fn request(core: &Core, call: &Call<'_>) -> Handled {
    taken::request(core, call)
}

#[cfg(feature = "library")]
mod taken {
    use std::time::{Duration, SystemTime};

    use serde::Deserialize;

    use crate::api::call::{Call, Handled, open_json};
    use crate::api::core::Core;
    use crate::api::problem::Problem;
    use crate::http::form_value;
    use crate::json::{OfferedTrack, RequestedTrack};
    use crate::{Error, Pipeline, RequestRefused};

    /// How many tracks a search shows.
    const SHOWN: usize = 20;

    /// When to try again while the library does not answer.
    const LIBRARY_WITHIN: Duration = Duration::from_secs(60);

    pub(super) fn search(core: &Core, call: &Call<'_>) -> Handled {
        let words = call.request.parameter("q").unwrap_or_default();
        let pipeline = pipeline(core, call.request.parameter("pipeline").as_deref())?;
        let found = pipeline.search_requests(&words, SHOWN).map_err(problem)?;
        Ok(open_json(200, &found.iter().map(OfferedTrack::of).collect::<Vec<_>>()))
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        track: i64,
        pipeline: Option<String>,
    }

    pub(super) fn request(core: &Core, call: &Call<'_>) -> Handled {
        let Wanted { track, pipeline: name } = wanted(call)?;
        let pipeline = pipeline(core, name.as_deref())?;
        let (id, track) = pipeline.request(track, call.request.address().real()).map_err(problem)?;
        Ok(open_json(201, &RequestedTrack::of(id, &track)))
    }

    /// The body: JSON, or what a form sends.
    fn wanted(call: &Call<'_>) -> Result<Wanted, Problem> {
        let content_type = call.request.header("content-type").unwrap_or_default();
        if !content_type.starts_with("application/x-www-form-urlencoded") {
            return call.body();
        }
        let body = std::str::from_utf8(call.request.body()).unwrap_or_default();
        let value = |name| form_value(body, name).and_then(|value| String::from_utf8(value).ok());
        let track = value("track").and_then(|text| text.trim().parse().ok());
        let track = track.ok_or_else(|| Problem::new("invalid-body", "track= says which").at("track"))?;
        Ok(Wanted { track, pipeline: value("pipeline").filter(|name| !name.is_empty()) })
    }

    /// The pipeline with this name, or the only one that takes requests.
    fn pipeline<'c>(core: &'c Core, name: Option<&str>) -> Result<&'c Pipeline, Problem> {
        let taking: Vec<&Pipeline> =
            core.pipelines.iter().filter(|pipeline| pipeline.takes_requests()).collect();
        let named = |pipeline: &&&Pipeline| name.is_none_or(|name| pipeline.name() == name);
        match taking.iter().filter(named).collect::<Vec<_>>()[..] {
            [only] => Ok(only),
            [] => Err(problem(RequestRefused::Off)),
            _ => {
                Err(Problem::new("invalid-parameter", "several pipelines take requests: name one")
                    .at("pipeline"))
            }
        }
    }

    fn problem(refused: RequestRefused) -> Problem {
        let (wait, text) = (refused.wait(SystemTime::now()), refused.to_string());
        let problem = match refused {
            RequestRefused::Off | RequestRefused::NoTrack => Problem::new("not-found", text),
            RequestRefused::Closed(_) => Problem::new("requests-closed", text),
            RequestRefused::Limit(_) => Problem::new("too-many-requests", text),
            RequestRefused::Failed(Error::NoAnswer { reason, .. }) => {
                Problem::new("library-unavailable", reason).retry_after(LIBRARY_WITHIN)
            }
            RequestRefused::Failed(error) => error.into(),
        };
        wait.into_iter().fold(problem, Problem::retry_after)
    }
}

/// A build without the feature `library` has nothing to request.
#[cfg(not(feature = "library"))]
mod taken {
    use crate::api::call::{Call, Handled};
    use crate::api::core::Core;
    use crate::api::problem::Problem;

    pub(super) fn search(_: &Core, _: &Call<'_>) -> Handled {
        Err(Problem::new("not-found", "no requests are taken here"))
    }

    pub(super) fn request(_: &Core, _: &Call<'_>) -> Handled {
        Err(Problem::new("not-found", "no requests are taken here"))
    }
}
