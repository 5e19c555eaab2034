//! A smart playlist: conditions, an order and a limit.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rusqlite::params_from_iter;
use rusqlite::types::Value;
use serde::{Deserialize, Serialize};

use super::{PLAYABLE, Page};
use crate::error::{Error, Result};
use crate::library::opened::fault::Fault;
use crate::library::opened::readers::View;
use crate::library::opened::search::{Hits, Search, expression, signed};
use crate::library::opened::shared::Folder;
use crate::library::opened::track::{COLUMNS, SOURCE, Track, from_row};
use crate::path_text;
use crate::playout::TrackKind;
use crate::setting::values::duration;
use crate::time::millis_since_1970;

/// The conditions of a smart playlist. A track must meet all that are set; without any, all tracks do. Tracks
/// that are missing, cannot be played or are not enabled are never in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmartList {
    /// Words as in a search: `artist:ella louis`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// One of these genres, in any case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub genre: Vec<String>,
    /// The year of the track, from this one on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year_from: Option<i32>,
    /// The year of the track, up to this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year_to: Option<i32>,
    /// A part of a folder of the library, relative to it, with all that is in it: `jazz/live`. The name of a
    /// folder of the library is all of that folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// One of these kinds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kind: Vec<TrackKind>,
    /// The loudness as it was heard, in LUFS, from this one on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loudness_from: Option<f64>,
    /// The loudness as it was heard, in LUFS, up to this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loudness_to: Option<f64>,
    /// The rating that somebody gave it, from this one on: 1 to 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating_from: Option<u8>,
    /// Whether it has never been played (true), or has been (false).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub never_played: Option<bool>,
    /// It was not played for so long, or never: `7d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_played_for: Option<String>,
    /// It came into the library within this time: `30d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added_within: Option<String>,
    /// The order of the tracks.
    pub order: SmartOrder,
    /// The most tracks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The order of a smart playlist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SmartOrder {
    /// By folder and file, as a folder is played.
    #[default]
    Path,
    /// By artist, album and file.
    Artist,
    /// By title.
    Title,
    /// By year, the oldest first.
    Year,
    /// The newest in the library first.
    Newest,
    /// What was not played for longest first, and before it what was never played.
    LeastRecentlyPlayed,
    /// What was played most often first.
    MostPlayed,
    /// By chance, in another way each day (of UTC). Within a day it stays the same, whatever is played.
    Random,
}

impl SmartOrder {
    fn clause(self) -> &'static str {
        match self {
            SmartOrder::Path => "t.folder, t.path",
            SmartOrder::Artist => "t.artist IS NULL, t.artist COLLATE NOCASE, t.album COLLATE NOCASE, t.path",
            SmartOrder::Title => "t.title IS NULL, t.title COLLATE NOCASE, t.path",
            SmartOrder::Year => "t.year IS NULL, t.year, t.path",
            SmartOrder::Newest => "t.added DESC, t.path",
            SmartOrder::LeastRecentlyPlayed => "t.last_played NULLS FIRST, t.path",
            SmartOrder::MostPlayed => "t.plays DESC, t.path",
            // It is put in order by chance afterwards.
            SmartOrder::Random => "t.id",
        }
    }
}

const DAY_MILLIS: i64 = 86_400_000;

/// A query that is being put together.
#[derive(Default)]
struct Conditions {
    clauses: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    /// Below this folder, which is a part of a folder of the library, or one of them itself.
    fn below(&mut self, folder: &Path, folders: &[Folder]) {
        let whole = folders.iter().filter(|known| known.path.ends_with(folder));
        let whole: Vec<String> = whole.map(|known| known.id.to_string()).collect();
        // All paths that begin with the folder and a slash: `0` comes after the slash.
        let bytes = |after: &[u8]| Value::from([folder.as_os_str().as_encoded_bytes(), after].concat());
        self.values.extend([bytes(b"/"), bytes(b"0")]);
        let last = self.values.len();
        self.clauses.push(format!(
            "(t.path >= ?{} AND t.path < ?{last} OR t.folder IN ({}))",
            last - 1,
            whole.join(", ")
        ));
    }

    /// Adds a condition, in which `?` stands for the value.
    fn with(&mut self, clause: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        self.clauses.push(clause.replace('?', &format!("?{}", self.values.len())));
    }

    fn one_of(&mut self, column: &str, values: impl Iterator<Item = String>) {
        let places = values.map(|value| {
            self.values.push(value.into());
            format!("?{}", self.values.len())
        });
        let places: Vec<String> = places.collect();
        if !places.is_empty() {
            self.clauses.push(format!("{column} IN ({})", places.join(", ")));
        }
    }

    /// A track may have several genres: the database has `jazz / swing`.
    fn genres(&mut self, genres: &[String]) {
        let each = genres.iter().map(|genre| {
            self.values.push(format!(" / {} / ", genre.to_lowercase()).into());
            format!("instr(' / ' || t.genre || ' / ', ?{}) > 0", self.values.len())
        });
        let each: Vec<String> = each.collect();
        if !each.is_empty() {
            self.clauses.push(format!("({})", each.join(" OR ")));
        }
    }
}

/// Where a track stands in the order by chance of this day.
fn place_of_day(id: i64, now: SystemTime) -> u64 {
    let day = (millis_since_1970(now) / DAY_MILLIS).cast_unsigned();
    fastrand::Rng::with_seed(day.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ id.cast_unsigned()).u64(..)
}

impl SmartList {
    /// Refuses what cannot be met.
    pub(super) fn check(&self) -> Result<()> {
        let time = |key, text: &Option<String>| match text.as_deref().map(duration) {
            Some(Err(reason)) => Err(Error::setting(key, reason)),
            _ => Ok(()),
        };
        time("not_played_for", &self.not_played_for)?;
        time("added_within", &self.added_within)?;
        if self.search.as_deref().is_some_and(|words| expression(words).is_none()) {
            return Err(Error::setting("search", "it has no words: leave it out to find all tracks"));
        }
        if self.folder.as_deref().is_some_and(|folder| folder.trim_matches('/').is_empty()) {
            return Err(Error::setting("folder", "it names none: leave it out for all folders"));
        }
        if self.rating_from.is_some_and(|rating| !(1..=5).contains(&rating)) {
            return Err(Error::setting("rating_from", "1 to 5"));
        }
        let crossed = |from: Option<f64>, to: Option<f64>| from.zip(to).is_some_and(|(from, to)| from > to);
        if crossed(self.year_from.map(f64::from), self.year_to.map(f64::from)) {
            return Err(Error::setting("year_from", "it is after year_to: no track meets both"));
        }
        if crossed(self.loudness_from, self.loudness_to) {
            return Err(Error::setting("loudness_from", "it is above loudness_to: no track meets both"));
        }
        if self.not_played_for.is_some() && self.never_played == Some(true) {
            let reason = "never_played says so already: leave one of them out";
            return Err(Error::setting("not_played_for", reason));
        }
        if self.limit == Some(0) {
            return Err(Error::setting("limit", "at least 1; leave it out for all tracks"));
        }
        Ok(())
    }

    /// The tracks that meet it now.
    pub(super) fn tracks(&self, view: &View<'_>) -> std::result::Result<Vec<Track>, Fault> {
        self.part(view, SystemTime::now(), Page { limit: self.most(), offset: 0 })
    }

    /// A part of them.
    pub(super) fn page(&self, view: &View<'_>, page: Page) -> std::result::Result<Hits, Fault> {
        let now = SystemTime::now();
        let Conditions { clauses, values } = self.conditions(view.folders, now);
        let count = format!("SELECT count(*) FROM {SOURCE} WHERE {PLAYABLE}{}", all_of(&clauses));
        let mut count = view.connection.prepare(&count)?;
        let total: usize = count.query_row(params_from_iter(values), |row| row.get(0))?;
        let total = total.min(self.most());
        let limit = page.limit.min(Search::MAX_LIMIT).min(total.saturating_sub(page.offset));
        let tracks = self.part(view, now, Page { limit, ..page })?;
        Ok(Hits { tracks, total, more: false })
    }

    fn part(&self, view: &View<'_>, now: SystemTime, page: Page) -> std::result::Result<Vec<Track>, Fault> {
        match self.order {
            SmartOrder::Random => self.by_chance(view, now, page),
            _ => self.ordered(view, now, page),
        }
    }

    /// The most tracks that it has.
    fn most(&self) -> usize {
        self.limit.map_or(usize::MAX, |limit| limit as usize)
    }

    /// Which of these tracks are in it now.
    pub(super) fn holds(&self, view: &View<'_>, ids: &[i64]) -> std::result::Result<Vec<i64>, Fault> {
        if self.limit.is_some() {
            // Whether one is in it depends on the others.
            let tracks = self.tracks(view)?;
            return Ok(tracks.into_iter().map(|track| track.id).filter(|id| ids.contains(id)).collect());
        }
        let Conditions { clauses, mut values } = self.conditions(view.folders, SystemTime::now());
        values.push(serde_json::to_string(ids).expect("ids are numbers").into());
        let query = format!(
            "SELECT t.id FROM {SOURCE} WHERE {PLAYABLE}{} AND t.id IN (SELECT value FROM json_each(?{}))",
            all_of(&clauses),
            values.len()
        );
        let mut query = view.connection.prepare_cached(&query)?;
        let held = query.query_map(params_from_iter(values), |row| row.get(0))?;
        Ok(held.collect::<rusqlite::Result<_>>()?)
    }

    /// A part of the tracks that meet it, in the order of this day. Each has its place among all of them, but
    /// those of the part alone are read.
    fn by_chance(
        &self,
        view: &View<'_>,
        now: SystemTime,
        page: Page,
    ) -> std::result::Result<Vec<Track>, Fault> {
        let Conditions { clauses, values } = self.conditions(view.folders, now);
        let query = format!("SELECT t.id FROM {SOURCE} WHERE {PLAYABLE}{}", all_of(&clauses));
        let mut query = view.connection.prepare_cached(&query)?;
        let ids = query.query_map(params_from_iter(values), |row| row.get(0))?;
        let mut ids: Vec<i64> = ids.collect::<rusqlite::Result<_>>()?;
        ids.sort_by_cached_key(|id| place_of_day(*id, now));
        let part: Vec<i64> = ids.into_iter().skip(page.offset).take(page.limit).collect();
        let query = format!(
            "SELECT {COLUMNS} FROM json_each(?1) chosen JOIN {SOURCE} WHERE t.id = chosen.value \
             ORDER BY chosen.key"
        );
        let mut query = view.connection.prepare_cached(&query)?;
        let part = serde_json::to_string(&part).expect("ids are numbers");
        let rows = query.query_map([part], |row| from_row(row, view.folders))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// A part of the tracks that meet it, in an order that the database knows.
    fn ordered(
        &self,
        view: &View<'_>,
        now: SystemTime,
        page: Page,
    ) -> std::result::Result<Vec<Track>, Fault> {
        let Conditions { clauses, mut values } = self.conditions(view.folders, now);
        let (more, order, next) = (all_of(&clauses), self.order.clause(), values.len() + 1);
        values.extend([page.limit, page.offset].map(|count| Value::from(signed(count))));
        let query = format!(
            "SELECT {COLUMNS} FROM {SOURCE} WHERE {PLAYABLE}{more} ORDER BY {order} LIMIT ?{next} OFFSET ?{}",
            next + 1
        );
        let mut query = view.connection.prepare_cached(&query)?;
        let rows = query.query_map(params_from_iter(values), |row| from_row(row, view.folders))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn conditions(&self, folders: &[Folder], now: SystemTime) -> Conditions {
        let mut all = Conditions::default();
        let ago = |time: Duration| millis_since_1970(now.checked_sub(time).unwrap_or(SystemTime::UNIX_EPOCH));
        let time = |text: &Option<String>| text.as_deref().and_then(|text| duration(text).ok()).map(ago);
        if let Some(words) = self.search.as_deref().and_then(expression) {
            all.with("t.id IN (SELECT rowid FROM words WHERE words MATCH ?)", words);
        }
        all.genres(&self.genre);
        let kinds = self.kind.iter().map(|kind| kind.as_str().to_owned());
        all.one_of("coalesce(e.edits ->> 'kind', 'music')", kinds);
        if let Some(year) = self.year_from {
            all.with("t.year >= ?", i64::from(year));
        }
        if let Some(year) = self.year_to {
            all.with("t.year <= ?", i64::from(year));
        }
        if let Some(folder) = &self.folder {
            all.below(&path_text::from_text(folder.trim_matches('/')), folders);
        }
        if let Some(loudness) = self.loudness_from {
            all.with("t.loudness >= ?", loudness);
        }
        if let Some(loudness) = self.loudness_to {
            all.with("t.loudness <= ?", loudness);
        }
        if let Some(rating) = self.rating_from {
            all.with("e.edits ->> 'rating' >= ?", i64::from(rating));
        }
        match self.never_played {
            Some(true) => all.clauses.push("t.plays = 0".into()),
            Some(false) => all.clauses.push("t.plays > 0".into()),
            None => {}
        }
        if let Some(since) = time(&self.not_played_for) {
            all.with("(t.last_played IS NULL OR t.last_played < ?)", since);
        }
        if let Some(since) = time(&self.added_within) {
            all.with("t.added >= ?", since);
        }
        all
    }
}

/// The clauses as the rest of a condition.
fn all_of(clauses: &[String]) -> String {
    clauses.iter().map(|clause| format!(" AND {clause}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::from_millis;

    #[test]
    fn what_cannot_be_met_is_refused_by_its_key() {
        let key = |json: &str| match serde_json::from_str::<SmartList>(json).unwrap().check() {
            Err(Error::Setting { key, .. }) => Some(key),
            Ok(()) => None,
            Err(other) => panic!("{other}"),
        };
        for (json, wrong) in [
            ("{}", None),
            (r#"{"search": "ella", "genre": ["Jazz"], "not_played_for": "7d", "limit": 5}"#, None),
            (r#"{"search": " - "}"#, Some("search")),
            (r#"{"not_played_for": "a week"}"#, Some("not_played_for")),
            (r#"{"added_within": "30"}"#, Some("added_within")),
            (r#"{"year_from": 1990, "year_to": 1980}"#, Some("year_from")),
            (r#"{"loudness_from": -10, "loudness_to": -20}"#, Some("loudness_from")),
            (r#"{"folder": "/"}"#, Some("folder")),
            (r#"{"rating_from": 6}"#, Some("rating_from")),
            (r#"{"never_played": true, "not_played_for": "1d"}"#, Some("not_played_for")),
            (r#"{"limit": 0}"#, Some("limit")),
        ] {
            assert_eq!(key(json), wrong, "{json}");
        }
        let slip = serde_json::from_str::<SmartList>(r#"{"genres": ["Jazz"]}"#).unwrap_err();
        assert!(slip.to_string().contains("unknown field `genres`"), "{slip}");
    }

    #[test]
    fn an_order_by_chance_stays_for_a_day() {
        let order = |millis: i64| {
            let mut ids: Vec<i64> = (1..200).collect();
            ids.sort_by_key(|id| place_of_day(*id, from_millis(millis)));
            ids
        };
        assert_eq!(order(3 * DAY_MILLIS), order(4 * DAY_MILLIS - 1));
        let (today, tomorrow) = (order(3 * DAY_MILLIS), order(4 * DAY_MILLIS));
        let same = today.iter().zip(&tomorrow).filter(|(one, other)| one == other).count();
        assert!(same < 20, "{same} of 199 stand where they stood");
        assert!(!today.is_sorted());
    }
}
