//! Handlers for what is added to a schedule. They name files and write the library's database, so they run on
//! the threads `api-files`.

use serde_json::{Map, Value};

use super::library::{library, problem};
use crate::api::call::{Call, Handled, done};
use crate::api::core::Core;
use crate::api::problem::Problem;
use crate::library::library_playlist;
use crate::{Ingredient, IngredientKind, path_text};

/// `PUT /api/v1/pipelines/{pipeline}/schedule/{kind}/{name}`. The body has the keys of the table in a
/// configuration.
pub(crate) fn set(core: &Core, call: &Call<'_>) -> Handled {
    let (pipeline, kind, name) = (core.pipeline(&call.held[0])?, kind(&call.held[1])?, &call.held[2]);
    library(core)?;
    let mut written: Map<String, Value> = call.body()?;
    match written.insert("name".into(), name.as_str().into()) {
        Some(other) if other != name.as_str() => {
            let detail = format!("it is called {name:?} in the path: leave \"name\" out");
            return Err(Problem::new("invalid-value", detail).at("name"));
        }
        _ => {}
    }
    let mut ingredient = declared(kind, written)?;
    for (field, path) in ingredient.paths_mut() {
        if let Some(name) = library_playlist(path) {
            library(core)?.playlist(name).map_err(|error| problem(error).at(field))?;
        } else {
            let name = path_text::to_text(path).into_owned();
            let own = name.clone();
            *path = core.with_files(call, &name, move |media, _| match kind {
                IngredientKind::Slot => media.finder().resolve_coming(&own, field),
                IngredientKind::Daypart | IngredientKind::Insert => {
                    media.finder().resolve_to_keep(&own, field)
                }
            })?;
        }
    }
    pipeline.set_ingredient(ingredient).map_err(problem)?;
    done()
}

/// `DELETE /api/v1/pipelines/{pipeline}/schedule/{kind}/{name}`
pub(crate) fn unset(core: &Core, call: &Call<'_>) -> Handled {
    let (pipeline, kind) = (core.pipeline(&call.held[0])?, kind(&call.held[1])?);
    library(core)?;
    pipeline.remove_ingredient(kind, &call.held[2]).map_err(problem)?;
    done()
}

/// The kind of the ingredients below a path: `dayparts`, `inserts`, `slots`.
fn kind(plural: &str) -> Result<IngredientKind, Problem> {
    let kind = plural.strip_suffix('s').and_then(IngredientKind::named);
    kind.ok_or_else(|| {
        let detail = format!("a schedule has dayparts, inserts and slots, and no {plural:?}");
        Problem::new("not-found", detail)
    })
}

/// Reads it by the keys of a configuration.
fn declared(kind: IngredientKind, written: Map<String, Value>) -> Result<Ingredient, Problem> {
    let text = Value::Object(written).to_string();
    Ingredient::from_json(kind, &text, "".as_ref()).map_err(|error| {
        let reasons: Vec<_> = error.problems.iter().map(|problem| problem.reason.as_str()).collect();
        Problem::new("invalid-value", reasons.join("; ")).at(&*error.problems[0].key)
    })
}
