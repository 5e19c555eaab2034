//! How a database gets its tables, and an older one becomes one of today.

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, TransactionBehavior};

use super::trouble::Trouble;
use crate::path_text::with_suffix;

/// The tables of a database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schema<'a> {
    /// By this number a database is known as one of ours.
    pub application: i32,
    /// What makes each version out of the one before it. A step that was released is never changed.
    pub steps: &'a [&'a str],
}

impl Schema<'_> {
    /// The version of a database. Refuses one that is not of this kind, or newer than what is known.
    pub fn version_of(&self, connection: &Connection) -> Result<usize, Trouble> {
        let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        let (found, application) = (pragma("user_version")?, pragma("application_id")?);
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables > 0 && application != self.application {
            return Err(Trouble::Foreign("it is another program's database: name another file".into()));
        }
        let newest = self.steps.len();
        usize::try_from(found).ok().filter(|found| *found <= newest).ok_or_else(|| {
            Trouble::Foreign(format!(
                "a newer Longwave made it (version {found}, and this one knows {newest}): update Longwave, or \
                 name another file"
            ))
        })
    }

    /// Makes the tables, or brings those of an older version to this one, all at once. The older database is
    /// kept beside it: `library.db.schema-1`.
    pub fn migrate(&self, connection: &mut Connection, file: &Path) -> Result<(), Trouble> {
        let (found, newest) = (self.version_of(connection)?, self.steps.len());
        if found == newest {
            return self.check_tables(connection);
        }
        if found > 0 {
            let kept = with_suffix(file, &format!(".schema-{found}"));
            copy(connection, &kept)?;
            let (file, kept) = (file.display(), kept.display());
            log::info!("{file}: it is brought to version {newest}; {kept} is as it was");
        }
        let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another program may have done it meanwhile.
        let found = self.version_of(&change)?;
        for step in &self.steps[found..] {
            change.execute_batch(step)?;
        }
        change.pragma_update(None, "application_id", self.application)?;
        change.pragma_update(None, "user_version", i32::try_from(newest).unwrap_or(i32::MAX))?;
        Ok(change.commit()?)
    }

    /// Refuses a database that lacks a table of its version.
    fn check_tables(&self, connection: &Connection) -> Result<(), Trouble> {
        let model = Connection::open_in_memory()?;
        for step in self.steps {
            model.execute_batch(step)?;
        }
        let there = tables(connection)?;
        match tables(&model)?.into_iter().find(|table| !there.contains(table)) {
            Some(missing) => Err(Trouble::Damaged(format!("it lacks the table {missing}"))),
            None => Ok(()),
        }
    }
}

fn tables(connection: &Connection) -> Result<Vec<String>, Trouble> {
    let mut names = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let names = names.query_map([], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

/// Writes the whole database into another file, which takes the place of what was there only when it is
/// whole. Others may write to the database meanwhile.
pub(super) fn copy(connection: &Connection, to: &Path) -> Result<(), Trouble> {
    let unfinished = with_suffix(to, ".part");
    let _ = fs::remove_file(&unfinished);
    // SQLite takes any path.
    let name = ToSqlOutput::Borrowed(ValueRef::Text(unfinished.as_os_str().as_bytes()));
    let copied = connection.execute("VACUUM INTO ?1", [name]).map_err(Trouble::from);
    // SQLite does not wait until it is on the disk.
    let whole = copied.and_then(|_| {
        let placed = File::open(&unfinished)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&unfinished, to));
        placed.map_err(|error| Trouble::Passing(error.to_string()))
    });
    if whole.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    whole
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    fn open(file: &Path) -> Connection {
        Connection::open(file).unwrap()
    }

    fn migrate(file: &Path, steps: &[&str]) -> Result<(), Trouble> {
        Schema { application: 7, steps }.migrate(&mut open(file), file)
    }

    #[test]
    fn an_older_database_is_kept_and_brought_to_this_version() {
        let folder = tempfile::tempdir().unwrap();
        // Any path will do.
        let file = folder.path().join(OsStr::from_bytes(b"l\xefbrary.db"));
        migrate(&file, &["CREATE TABLE a (x); INSERT INTO a VALUES (7)"]).unwrap();
        let next = ["CREATE TABLE a (x)", "ALTER TABLE a ADD y; UPDATE a SET y = x + 1"];
        migrate(&file, &next).unwrap();
        let connection = open(&file);
        let y = |connection: &Connection| connection.query_row("SELECT y FROM a", [], |row| row.get(0));
        assert_eq!(y(&connection), Ok(8));
        let kept = open(&with_suffix(&file, ".schema-1"));
        assert!(y(&kept).is_err(), "it is as it was");
        assert_eq!(kept.query_row("SELECT x FROM a", [], |row| row.get(0)), Ok(7));
    }

    /// A step that fails leaves the database as it was.
    #[test]
    fn a_migration_is_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("library.db");
        migrate(&file, &["CREATE TABLE a (x)"]).unwrap();
        let broken = ["", "CREATE TABLE b (x)", "CREATE TABLE a (x)"];
        assert!(matches!(migrate(&file, &broken), Err(Trouble::Wrong(_))));
        let version = open(&file).pragma_query_value(None, "user_version", |row| row.get::<_, i32>(0));
        assert_eq!(version, Ok(1));
        assert!(open(&file).execute("SELECT * FROM b", []).is_err());
    }

    #[test]
    fn a_database_that_lacks_a_table_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("library.db");
        let steps = ["CREATE TABLE a (x)", "CREATE TABLE b (x)"];
        migrate(&file, &steps).unwrap();
        migrate(&file, &steps).unwrap();
        open(&file).execute_batch("DROP TABLE a").unwrap();
        let damaged = migrate(&file, &steps).unwrap_err();
        assert!(matches!(damaged, Trouble::Damaged(_)));
        assert_eq!(damaged.to_string(), "it is damaged: it lacks the table a");
    }

    #[test]
    fn a_newer_database_and_a_foreign_one_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("library.db");
        migrate(&file, &["CREATE TABLE a (x)", "CREATE TABLE b (x)"]).unwrap();
        let before = fs::read(&file).unwrap();
        let refused = migrate(&file, &["CREATE TABLE a (x)"]).unwrap_err();
        assert!(refused.to_string().contains("version 2, and this one knows 1"), "{refused}");
        assert_eq!(fs::read(&file).unwrap(), before);
        let foreign = folder.path().join("mail.db");
        open(&foreign).execute_batch("CREATE TABLE mail (x)").unwrap();
        let refused = migrate(&foreign, &["CREATE TABLE a (x)"]).unwrap_err();
        assert!(refused.to_string().contains("another program"), "{refused}");
    }
}
