//! What was added to the schedules of pipelines: dayparts, inserts and slots, by the keys of a configuration.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use super::Library;
use super::fault::Fault;
use crate::error::{Error, Result};
use crate::library::{LibrarySettings, library_playlist};
use crate::path_text;
use crate::playout::{Ingredient, IngredientKind, Schedule};

/// What was added to the schedule of a pipeline.
#[derive(Debug, Default)]
pub(crate) struct AddedIngredients {
    /// In the order in which they were added first.
    pub ingredients: Vec<Ingredient>,
    /// What cannot be read, each in a sentence: a newer program has written it.
    pub unread: Vec<String>,
}

impl Library {
    /// What was added to the schedule of this pipeline.
    pub(crate) fn ingredients(&self, pipeline: &str) -> Result<AddedIngredients> {
        let (settings, pipeline) = (self.settings().clone(), pipeline.to_owned());
        self.inner.readers.read(move |view| Ok(all(view.connection, &settings, &pipeline)?))
    }

    /// Adds something to the schedule of this pipeline, or puts it in the place of what was added under its
    /// name. So many of its kind are `declared`. Returns all that is added then.
    pub(crate) fn set_ingredient(
        &self,
        pipeline: &str,
        ingredient: Ingredient,
        declared: usize,
    ) -> Result<AddedIngredients> {
        let (settings, pipeline) = (self.settings().clone(), pipeline.to_owned());
        self.inner.orders.ask(move |connection| {
            set(connection, &settings, &pipeline, &ingredient, declared)?;
            Ok(all(connection, &settings, &pipeline)?)
        })
    }

    /// Writes what was added to the schedule of this pipeline into a database that was made anew. What is in
    /// it already stays. Returns all that is added then.
    pub(crate) fn put_back_ingredients(
        &self,
        pipeline: &str,
        ingredients: Vec<Ingredient>,
    ) -> Result<AddedIngredients> {
        let (settings, pipeline) = (self.settings().clone(), pipeline.to_owned());
        self.inner.orders.ask(move |connection| {
            for ingredient in &ingredients {
                write(connection, &settings, &pipeline, ingredient, "NOTHING")?;
            }
            Ok(all(connection, &settings, &pipeline)?)
        })
    }

    /// Removes what was added to the schedule of this pipeline under this name. Returns what is left.
    pub(crate) fn remove_ingredient(
        &self,
        pipeline: &str,
        kind: IngredientKind,
        name: &str,
    ) -> Result<AddedIngredients> {
        let (settings, pipeline) = (self.settings().clone(), pipeline.to_owned());
        let name = name.to_owned();
        self.inner.orders.ask(move |connection| {
            let query = "DELETE FROM ingredients WHERE pipeline = ?1 AND kind = ?2 AND name = ?3";
            if connection.execute(query, params![pipeline, kind.as_str(), name])? == 0 {
                let what = format!("{} {name:?} that was added to {pipeline:?}", kind.as_str());
                return Err(Error::NotFound(what).into());
            }
            Ok(all(connection, &settings, &pipeline)?)
        })
    }
}

fn all(
    connection: &Connection,
    settings: &LibrarySettings,
    pipeline: &str,
) -> rusqlite::Result<AddedIngredients> {
    let query = "SELECT kind, name, written FROM ingredients WHERE pipeline = ?1 ORDER BY id";
    let mut rows = connection.prepare_cached(query)?;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let rows = rows.query_map(params![pipeline], row)?;
    let mut added = AddedIngredients::default();
    for row in rows {
        let (kind, name, written): (String, String, String) = row?;
        let read = IngredientKind::named(&kind).ok_or_else(|| "it is of no known kind".to_owned());
        match read.and_then(|kind| Ingredient::read(kind, &name, &written, home(settings))) {
            Ok(ingredient) => added.ingredients.push(ingredient),
            Err(reason) => added.unread.push(format!("{kind} {name:?} cannot be read: {reason}")),
        }
    }
    Ok(added)
}

fn set(
    connection: &Connection,
    settings: &LibrarySettings,
    pipeline: &str,
    ingredient: &Ingredient,
    declared: usize,
) -> std::result::Result<(), Fault> {
    let (kind, name) = (ingredient.kind().as_str(), ingredient.name());
    let mut count =
        connection.prepare_cached("SELECT count(*) FROM ingredients WHERE pipeline = ?1 AND kind = ?2")?;
    let others: usize = count.query_row(params![pipeline, kind], |row| row.get(0))?;
    let known = "SELECT 1 FROM ingredients WHERE pipeline = ?1 AND kind = ?2 AND name = ?3";
    let is_there = connection.query_row(known, params![pipeline, kind, name], |_| Ok(())).optional()?;
    if is_there.is_none() && declared + others >= Schedule::MAX_OF_A_KIND {
        let advice = "remove one that was added, or leave one out of the configuration";
        return Err(Error::Limit { limit: "MAX_OF_A_KIND", most: Schedule::MAX_OF_A_KIND, advice }.into());
    }
    Ok(write(connection, settings, pipeline, ingredient, "UPDATE SET written = ?4")?)
}

/// Writes one. If there is one of its name, this is done.
fn write(
    connection: &Connection,
    settings: &LibrarySettings,
    pipeline: &str,
    ingredient: &Ingredient,
    on_conflict: &str,
) -> rusqlite::Result<()> {
    let (kind, name) = (ingredient.kind().as_str(), ingredient.name());
    let written = Value::Object(ingredient.written(&|path| name_of(settings, path))).to_string();
    let insert = format!(
        "INSERT INTO ingredients (pipeline, kind, name, written) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (pipeline, kind, name) DO {on_conflict}"
    );
    connection.execute(&insert, params![pipeline, kind, name, written]).map(|_| ())
}

/// What relative paths are relative to.
fn home(settings: &LibrarySettings) -> &Path {
    settings.database.parent().unwrap_or(Path::new("/"))
}

/// A path as it is written: relative to the database, if it lies beside or below it. So the folder of a
/// station can move.
fn name_of(settings: &LibrarySettings, path: &Path) -> String {
    if library_playlist(path).is_some() {
        return path_text::to_text(path).into_owned();
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // The API names files by what their links lead to.
    let real: Option<PathBuf> = home(settings).canonicalize().ok();
    let below_real = real.as_ref().and_then(|real| path.strip_prefix(real).ok());
    path_text::to_text(below_real.unwrap_or_else(|| settings.name_of(&path))).into_owned()
}
