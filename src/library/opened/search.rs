//! Search as one types.

use rusqlite::{Connection, params};

use super::fault::Fault;
use super::readers::View;
use super::track::{COLUMNS, SOURCE, Track, from_row};

/// With fewer hits than this, the best come first. To rank more takes longer than somebody types.
const RANKED: usize = 1_000;

/// The most words of a search that count.
const MAX_WORDS: usize = 16;

/// The fields of a track that a search may name: `artist:björk`.
const FIELDS: [&str; 6] = ["artist", "title", "album", "genre", "year", "file"];

/// What is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// Words that must all occur in artist, title, album, genre, year or file, in any order, without regard
    /// to case and accents. The last one may be the beginning of a word, unless a space follows.
    /// `artist:ella` and `year:1959` look there alone. Without words, all tracks are found, the newest first.
    pub words: String,
    /// The most tracks to give: up to [`MAX_LIMIT`](Search::MAX_LIMIT).
    pub limit: usize,
    /// How many tracks to leave out before.
    pub offset: usize,
}

impl Search {
    /// The most tracks that one search gives.
    pub const MAX_LIMIT: usize = 1_000;

    /// The first hundred tracks with these words.
    pub fn new(words: impl Into<String>) -> Search {
        Search { words: words.into(), limit: 100, offset: 0 }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hits {
    /// The tracks: the best first, if there are fewer than 1,000 hits.
    pub tracks: Vec<Track>,
    /// How many there are in all. From 1,000 on they are not counted.
    pub total: usize,
    /// Whether there are more than `total`.
    pub more: bool,
}

/// Searches.
pub(super) fn search(view: &View<'_>, search: &Search) -> Result<Hits, Fault> {
    match expression(&search.words) {
        Some(expression) => search_for(view, &expression, search),
        None => newest(view, search),
    }
}

fn search_for(view: &View<'_>, expression: &str, search: &Search) -> Result<Hits, Fault> {
    let connection = view.connection;
    let mut count = connection
        .prepare_cached("SELECT count(*) FROM (SELECT rowid FROM words WHERE words MATCH ?1 LIMIT ?2)")?;
    let total: usize = count.query_row(params![expression, RANKED], |row| row.get(0))?;
    let (score, order) = match total < RANKED {
        true => ("bm25(words, 8.0, 8.0, 4.0, 1.0, 1.0, 1.0)", "ORDER BY score"),
        false => ("0", ""),
    };
    // The rows are looked up for those alone that are shown.
    let query = format!(
        "SELECT {COLUMNS} FROM (SELECT rowid AS hit, {score} AS score FROM words WHERE words MATCH ?1 {order} \
         LIMIT ?2 OFFSET ?3) JOIN tracks t ON t.id = hit LEFT JOIN edits e ON e.track = t.id {order}"
    );
    let limit = search.limit.min(Search::MAX_LIMIT);
    let mut query = connection.prepare_cached(&query)?;
    let values = params![expression, limit, signed(search.offset)];
    let rows = query.query_map(values, |row| from_row(row, view.folders))?;
    Ok(Hits { tracks: rows.collect::<rusqlite::Result<_>>()?, total, more: total == RANKED })
}

fn newest(view: &View<'_>, search: &Search) -> Result<Hits, Fault> {
    let query = format!(
        "SELECT {COLUMNS} FROM {SOURCE} WHERE t.missing IS NULL ORDER BY t.added DESC LIMIT ?1 OFFSET ?2"
    );
    let mut query = view.connection.prepare_cached(&query)?;
    let limit = search.limit.min(Search::MAX_LIMIT);
    let rows = query.query_map(params![limit, signed(search.offset)], |row| from_row(row, view.folders))?;
    let tracks = rows.collect::<rusqlite::Result<_>>()?;
    Ok(Hits { tracks, total: present(view.connection)?, more: false })
}

/// A number for SQLite, which counts with a sign.
pub(super) fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The number of tracks that are there.
pub(super) fn present(connection: &Connection) -> rusqlite::Result<usize> {
    connection.query_row("SELECT count(*) FROM tracks WHERE missing IS NULL", [], |row| row.get(0))
}

/// The words as SQLite's full-text search takes them. `None` if there are none. Control characters separate
/// words like spaces do: for SQLite, an expression would end at a NUL.
pub(super) fn expression(words: &str) -> Option<String> {
    let separates = |c: char| c.is_whitespace() || c.is_control();
    let is_open = !words.ends_with(separates);
    let words = words.split(separates).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.take(MAX_WORDS).collect();
    let last = words.len().checked_sub(1)?;
    let term = |(index, word): (usize, &&str)| {
        let (field, word) = match word.split_once(':') {
            Some((field, word)) if FIELDS.contains(&field) => (Some(field), word),
            _ => (None, *word),
        };
        if !word.contains(char::is_alphanumeric) {
            return None;
        }
        let field = field.map(|field| format!("{field} : ")).unwrap_or_default();
        let rest = if is_open && index == last { "*" } else { "" };
        Some(format!("{field}\"{}\"{rest}", word.replace('"', "\"\"")))
    };
    let terms: Vec<String> = words.iter().enumerate().filter_map(term).collect();
    (!terms.is_empty()).then(|| terms.join(" AND "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_typed_is_an_expression() {
        for (typed, meant) in [
            ("", None),
            ("  ", None),
            ("& - *", None),
            ("björk", Some("\"björk\"*")),
            ("björk ", Some("\"björk\"")),
            ("AC/DC back", Some("\"AC/DC\" AND \"back\"*")),
            ("artist:ella NOT (x", Some("artist : \"ella\" AND \"NOT\" AND \"(x\"*")),
            ("12\" mix", Some("\"12\"\"\" AND \"mix\"*")),
            ("re:zero", Some("\"re:zero\"*")),
            ("genre:jazz year:195", Some("genre : \"jazz\" AND year : \"195\"*")),
            ("a\0b", Some("\"a\" AND \"b\"*")),
            ("file:a\0", Some("file : \"a\"")),
            ("\0\x1b", None),
        ] {
            assert_eq!(expression(typed).as_deref(), meant, "{typed:?}");
        }
    }
}
