//! What was added to the schedules of pipelines: dayparts, inserts and slots, by the keys of a configuration.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use rusqlite::{Connection, params};
use serde_json::Value;

use super::Library;
use super::fault::Fault;
use crate::error::{Error, Result};
use crate::library::{LibrarySettings, library_playlist};
use crate::path_text;
use crate::playout::{Ingredient, IngredientKind};

/// What was added to the schedule of a pipeline.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddedIngredients {
    /// In the order in which they were added first.
    pub ingredients: Vec<Ingredient>,
    /// What cannot be read, each in a sentence: a newer program has written it.
    pub unread: Vec<String>,
    rows: Vec<Row>,
    /// The database in which it is.
    database: String,
    state: State,
}

/// When something was read: the opening of the database, and how often what was added had changed in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
struct State {
    opening: u64,
    changes: i64,
}

/// One of them as it is written.
#[derive(Clone, Debug)]
struct Row {
    kind: String,
    name: String,
    written: String,
}

impl AddedIngredients {
    /// Whether it was read before that.
    pub fn is_older_than(&self, other: &AddedIngredients) -> bool {
        self.state < other.state
    }

    /// Whether that is in another database, and so this is not in it.
    pub fn is_missing_in(&self, other: &AddedIngredients) -> bool {
        !self.rows.is_empty() && self.database != other.database
    }
}

impl Library {
    /// What was added to the schedule of this pipeline.
    pub(crate) fn ingredients(&self, pipeline: &str) -> Result<AddedIngredients> {
        let (settings, pipeline) = (self.settings().clone(), pipeline.to_owned());
        self.inner.readers.read(move |view| Ok(all(view.connection, view.opening, &settings, &pipeline)?))
    }

    /// Adds something to the schedule of this pipeline, or puts it in the place of what was added under its
    /// name, unless `check` refuses what is added then. Returns all of that.
    pub(crate) fn set_ingredient(
        &self,
        pipeline: &str,
        known: AddedIngredients,
        ingredient: Ingredient,
        check: impl Fn(&[Ingredient]) -> Result<()> + Send + 'static,
    ) -> Result<AddedIngredients> {
        let row = Row::of(&ingredient, self.settings());
        self.change_ingredients(
            pipeline,
            known,
            move |connection, pipeline| row.write(connection, pipeline, "UPDATE SET written = ?4"),
            check,
        )
    }

    /// Writes what is known of the schedule of this pipeline into a database that was made anew. What is in
    /// it already stays. Returns all that is added then.
    pub(crate) fn put_back_ingredients(
        &self,
        pipeline: &str,
        known: AddedIngredients,
    ) -> Result<AddedIngredients> {
        self.change_ingredients(pipeline, known, |_, _| Ok(()), |_| Ok(()))
    }

    /// Removes what was added to the schedule of this pipeline under this name. Returns what is left.
    pub(crate) fn remove_ingredient(
        &self,
        pipeline: &str,
        known: AddedIngredients,
        kind: IngredientKind,
        name: &str,
    ) -> Result<AddedIngredients> {
        let name = name.to_owned();
        let remove = move |connection: &Connection, pipeline: &str| {
            let query = "DELETE FROM ingredients WHERE pipeline = ?1 AND kind = ?2 AND name = ?3";
            if connection.execute(query, params![pipeline, kind.as_str(), name])? == 0 {
                let what = format!("{} {name:?} that was added to {pipeline:?}", kind.as_str());
                return Err(Error::NotFound(what).into());
            }
            Ok(())
        };
        self.change_ingredients(pipeline, known, remove, |_| Ok(()))
    }

    /// Changes what is added. A database that was made anew, even just now by this order, has what is `known`
    /// before that.
    fn change_ingredients(
        &self,
        pipeline: &str,
        known: AddedIngredients,
        change: impl Fn(&Connection, &str) -> std::result::Result<(), Fault> + Send + 'static,
        check: impl Fn(&[Ingredient]) -> Result<()> + Send + 'static,
    ) -> Result<AddedIngredients> {
        let (settings, pipeline) = (self.settings().clone(), pipeline.to_owned());
        let shared = self.inner.shared.clone();
        self.inner.orders.ask(move |connection| {
            let database: String =
                connection.query_row("SELECT database FROM origin", [], |row| row.get(0))?;
            if known.database != database {
                for row in &known.rows {
                    row.write(connection, &pipeline, "NOTHING")?;
                }
            }
            change(connection, &pipeline)?;
            connection.execute("UPDATE origin SET changes = changes + 1", [])?;
            let opening = shared.openings.load(Ordering::Acquire);
            let added = all(connection, opening, &settings, &pipeline)?;
            check(&added.ingredients)?;
            Ok(added)
        })
    }
}

impl Row {
    fn of(ingredient: &Ingredient, settings: &LibrarySettings) -> Row {
        Row {
            kind: ingredient.kind().as_str().to_owned(),
            name: ingredient.name().to_owned(),
            written: Value::Object(ingredient.written(&|path| name_of(settings, path))).to_string(),
        }
    }

    /// Writes it. If there is one of its name, this is done.
    fn write(
        &self,
        connection: &Connection,
        pipeline: &str,
        on_conflict: &str,
    ) -> std::result::Result<(), Fault> {
        let insert = format!(
            "INSERT INTO ingredients (pipeline, kind, name, written) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (pipeline, kind, name) DO {on_conflict}"
        );
        connection.execute(&insert, params![pipeline, self.kind, self.name, self.written])?;
        Ok(())
    }

    fn read(&self, settings: &LibrarySettings) -> std::result::Result<Ingredient, String> {
        let kind = IngredientKind::named(&self.kind).ok_or_else(|| "it is of no known kind".to_owned());
        let read = kind.and_then(|kind| Ingredient::read(kind, &self.name, &self.written, home(settings)));
        read.map_err(|reason| format!("{} {:?} cannot be read: {reason}", self.kind, self.name))
    }
}

/// One statement, so that all of it is of one moment.
fn all(
    connection: &Connection,
    opening: u64,
    settings: &LibrarySettings,
    pipeline: &str,
) -> rusqlite::Result<AddedIngredients> {
    let query = "SELECT database, changes, kind, name, written FROM origin \
                 LEFT JOIN ingredients ON pipeline = ?1 ORDER BY id";
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query(params![pipeline])?;
    let mut added = AddedIngredients::default();
    while let Some(row) = rows.next()? {
        (added.database, added.state) = (row.get(0)?, State { opening, changes: row.get(1)? });
        let Some(kind) = row.get(2)? else { continue };
        let row = Row { kind, name: row.get(3)?, written: row.get(4)? };
        match row.read(settings) {
            Ok(ingredient) => added.ingredients.push(ingredient),
            Err(reason) => added.unread.push(reason),
        }
        added.rows.push(row);
    }
    Ok(added)
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
    // The API names some files by what their links lead to.
    let real: Option<PathBuf> = home(settings).canonicalize().ok();
    let below_real = real.as_ref().and_then(|real| path.strip_prefix(real).ok());
    let name = below_real.unwrap_or_else(|| settings.name_of(&path));
    // A file may be called like a playlist of the library.
    let name = if library_playlist(name).is_some() { Path::new(".").join(name) } else { name.to_owned() };
    path_text::to_text(&name).into_owned()
}
