//! What is added to a schedule, and what becomes of it when a station moves, and when its database is an
//! older one, is locked, lost, or cannot be read.
#![cfg(feature = "mp3")]

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use longwave::{
    Config, Error, Ingredient, IngredientKind, Library, Pipeline, PipelineSettings, Schedule, SlotSettings,
    Station, preview_schedule,
};
use longwave_testing::until;
use rusqlite::Connection;

use crate::music::{Shelf, titles};
use crate::station::station;

/// A slot whose file lies in the music of this folder.
fn slot(name: &str, home: &Path) -> Ingredient {
    Ingredient::Slot(SlotSettings {
        name: name.into(),
        at: vec!["daily *:00".parse().unwrap()],
        play: home.join("music/news-%H.mp3"),
        ..SlotSettings::default()
    })
}

fn names(pipeline: &Pipeline) -> Vec<String> {
    pipeline.schedule().slots.into_iter().map(|slot| slot.name).collect()
}

/// How many are in the database.
fn count(shelf: &Shelf) -> Option<i64> {
    let database = Connection::open(shelf.database()).ok()?;
    database.query_row("SELECT count(*) FROM ingredients", [], |row| row.get(0)).ok()
}

const DECLARED: &str = "[[pipeline.slot]]\nname = \"Declared\"\nat = \"daily 07:00\"\nplay = \"music\"";

#[test]
fn what_is_added_moves_with_the_folder_of_the_station() {
    let home = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let start = |home: &Path| {
        let text = "[server]\nlisten = '127.0.0.1:0'\n[library]\nfolders = 'music'\nanalyse = false\n\
                    [[pipeline]]\n[[pipeline.output]]\nformat = 'mp3'\n";
        let config = Config::from_toml(text, &home.join("station.toml")).unwrap();
        Station::start(config.into()).unwrap()
    };
    let (old, new) = (home.path().join("old"), home.path().join("new"));
    fs::create_dir_all(old.join("music")).unwrap();
    let mut station = start(&old);
    let pipeline = station.pipelines()[0].clone();
    for ingredient in [slot("Near", &old), slot("Far", elsewhere.path())] {
        pipeline.set_ingredient(ingredient).unwrap();
    }
    station.stop();
    drop(station);
    fs::rename(&old, &new).unwrap();
    station = start(&new);
    let plays: Vec<_> = station.pipelines()[0].schedule().slots.into_iter().map(|slot| slot.play).collect();
    assert_eq!(plays, [new.join("music/news-%H.mp3"), elsewhere.path().join("music/news-%H.mp3")]);
}

#[test]
fn an_older_database_is_kept_and_takes_what_is_added() {
    let shelf = Shelf::new();
    shelf.add("one.mp3", "A", "One");
    let library = shelf.open();
    crate::music::scan(&library);
    drop(library);
    let older = Connection::open(shelf.database()).unwrap();
    older.execute_batch("DROP TABLE ingredients; DROP TABLE origin; PRAGMA user_version = 1").unwrap();
    drop(older);
    let station = station(&shelf, "");
    let (library, pipeline) = (station.library().unwrap(), &station.pipelines()[0]);
    pipeline.set_ingredient(slot("News", shelf.home.path())).unwrap();
    assert_eq!((names(pipeline), titles(library, "one")), (vec!["News".into()], vec!["One".into()]));
    let kept = Connection::open(shelf.home.path().join("library.db.schema-1")).unwrap();
    assert_eq!(kept.query_row("SELECT count(*) FROM tracks", [], |row| row.get(0)), Ok(1));
}

#[test]
fn a_database_that_is_locked_takes_nothing_and_what_was_known_goes_on() {
    let shelf = Shelf::new();
    let station = station(&shelf, DECLARED);
    let pipeline = &station.pipelines()[0];
    pipeline.set_ingredient(slot("News", shelf.home.path())).unwrap();
    let other = Connection::open(shelf.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = pipeline.set_ingredient(slot("Talk", shelf.home.path())).unwrap_err();
    assert!(matches!(&refused, Error::NoAnswer { .. }), "{refused}");
    let refused = pipeline.remove_ingredient(IngredientKind::Slot, "News").unwrap_err();
    assert!(matches!(&refused, Error::NoAnswer { .. }), "{refused}");
    assert_eq!(names(pipeline), ["Declared", "News"]);
    other.execute_batch("ROLLBACK").unwrap();
    pipeline.set_ingredient(slot("Talk", shelf.home.path())).unwrap();
    pipeline.remove_ingredient(IngredientKind::Slot, "News").unwrap();
    assert_eq!(names(pipeline), ["Declared", "Talk"]);
}

#[test]
fn a_database_that_cannot_be_read_at_the_start_is_taken_up_when_it_can() {
    let shelf = Shelf::new();
    let first = station(&shelf, DECLARED);
    first.pipelines()[0].set_ingredient(slot("News", shelf.home.path())).unwrap();
    drop(first);
    let change = |version: i64| {
        let newer = Connection::open(shelf.database()).unwrap();
        newer.pragma_update(None, "user_version", version).unwrap();
    };
    let version = Connection::open(shelf.database()).unwrap();
    let version = version.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).unwrap();
    change(99);
    let station = station(&shelf, DECLARED);
    let pipeline = &station.pipelines()[0];
    assert_eq!(names(pipeline), ["Declared"]);
    assert!(pipeline.set_ingredient(slot("Talk", shelf.home.path())).is_err());
    change(version);
    until("it is taken up", || names(pipeline) == ["Declared", "News"]);
}

#[test]
fn a_database_that_is_lost_gets_back_what_is_known() {
    let shelf = Shelf::new();
    let station = station(&shelf, "");
    let pipeline = &station.pipelines()[0];
    pipeline.set_ingredient(slot("News", shelf.home.path())).unwrap();
    let emptied = fs::File::options().write(true).open(shelf.database());
    emptied.and_then(|file| file.set_len(0)).unwrap();
    until("it is written again", || count(&shelf) == Some(1));
    pipeline.set_ingredient(slot("Talk", shelf.home.path())).unwrap();
    assert_eq!((names(pipeline), count(&shelf)), (vec!["News".into(), "Talk".into()], Some(2)));
}

/// The change itself finds it, and is made again in the new database.
#[test]
fn a_database_that_a_change_finds_damaged_gets_back_what_is_known_before_it() {
    let shelf = Shelf::new();
    let station = station(&shelf, "");
    let pipeline = &station.pipelines()[0];
    for name in ["News", "Talk"] {
        pipeline.set_ingredient(slot(name, shelf.home.path())).unwrap();
    }
    let other = Connection::open(shelf.database()).unwrap();
    let version: i64 = other.pragma_query_value(None, "schema_version", |row| row.get(0)).unwrap();
    let damage = "PRAGMA writable_schema = ON; \
                  UPDATE sqlite_schema SET rootpage = 99999 WHERE name = 'ingredients'";
    other.execute_batch(&format!("{damage}; PRAGMA schema_version = {}", version + 1)).unwrap();
    drop(other);
    pipeline.remove_ingredient(IngredientKind::Slot, "News").unwrap();
    pipeline.set_ingredient(slot("Weather", shelf.home.path())).unwrap();
    assert_eq!((names(pipeline), count(&shelf)), (vec!["Talk".into(), "Weather".into()], Some(2)));
}

#[test]
fn many_who_wait_for_a_locked_database_are_refused_each_in_time_and_others_read_it() {
    let shelf = Shelf::new();
    let station = station(&shelf, "");
    let (library, pipeline) = (station.library().unwrap(), &station.pipelines()[0]);
    pipeline.set_ingredient(slot("News", shelf.home.path())).unwrap();
    let other = Connection::open(shelf.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    thread::scope(|scope| {
        let ask = |n| pipeline.set_ingredient(slot(&format!("Talk {n}"), shelf.home.path()));
        let asked: Vec<_> = (0..8).map(|n| scope.spawn(move || ask(n))).collect();
        assert_eq!(library.playlists().unwrap(), []);
        for refused in asked.into_iter().map(|asked| asked.join().unwrap()) {
            assert!(matches!(&refused, Err(Error::NoAnswer { .. })), "{refused:?}");
        }
        assert_eq!(library.playlists().unwrap(), []);
    });
    other.execute_batch("ROLLBACK").unwrap();
    pipeline.set_ingredient(slot("Weather", shelf.home.path())).unwrap();
    // Nobody's comes after the refusal.
    assert_eq!((names(pipeline), count(&shelf)), (vec!["News".into(), "Weather".into()], Some(2)));
}

#[test]
fn what_another_program_changes_is_followed_and_what_it_alone_understands_rests() {
    let shelf = Shelf::new();
    let station = station(&shelf, "");
    let pipeline = &station.pipelines()[0];
    pipeline.set_ingredient(slot("News", shelf.home.path())).unwrap();
    let other = Connection::open(shelf.database()).unwrap();
    let enter = |name: &str, written: &str| {
        let row = ["main", "slot", name, written];
        other
            .execute("INSERT INTO ingredients (pipeline, kind, name, written) VALUES (?1, ?2, ?3, ?4)", row)
            .unwrap();
    };
    enter("Later", r#"{"at": "daily 07:00", "play": "music", "mood": "calm"}"#);
    enter("Talk", r#"{"at": "daily 07:00", "play": "music"}"#);
    until("it is followed", || names(pipeline) == ["News", "Talk"]);
    assert_eq!(pipeline.schedule().slots[1].play, shelf.music());
    // It rests, and is not lost.
    pipeline.remove_ingredient(IngredientKind::Slot, "News").unwrap();
    assert_eq!((names(pipeline), count(&shelf)), (vec!["Talk".into()], Some(2)));
}

#[test]
fn there_are_no_more_than_there_may_be() {
    let shelf = Shelf::new();
    let station = station(&shelf, "");
    let pipeline = &station.pipelines()[0];
    let declared = (1..Schedule::MAX_OF_A_KIND).map(|n| match slot(&n.to_string(), shelf.home.path()) {
        Ingredient::Slot(slot) => slot,
        other => panic!("{other:?}"),
    });
    pipeline.set_schedule(Schedule { slots: declared.collect(), ..Schedule::default() }).unwrap();
    for _ in 0..2 {
        pipeline.set_ingredient(slot("News", shelf.home.path())).unwrap();
    }
    let refused = pipeline.set_ingredient(slot("Talk", shelf.home.path())).unwrap_err();
    assert!(matches!(&refused, Error::Limit { most: Schedule::MAX_OF_A_KIND, .. }), "{refused}");
    assert_eq!(names(pipeline).len(), Schedule::MAX_OF_A_KIND);
}

#[test]
fn a_preview_without_a_station_has_what_was_added() {
    let shelf = Shelf::new();
    let news = shelf.add("news.mp3", "A", "News");
    let station = station(&shelf, "");
    let play = Ingredient::Slot(SlotSettings {
        name: "News".into(),
        at: vec!["daily *:00".parse().unwrap()],
        play: news,
        ..SlotSettings::default()
    });
    station.pipelines()[0].set_ingredient(play).unwrap();
    drop(station);
    let library = Some(Library::open_as_it_is(&shelf.settings()).unwrap());
    let settings = PipelineSettings { library, ..PipelineSettings::default() };
    let hours = Duration::from_secs(3 * 3600);
    let planned = preview_schedule(&settings, SystemTime::now(), hours).unwrap();
    let reasons: Vec<String> = planned.iter().map(|planned| planned.reason.to_string()).collect();
    assert!((2..=4).contains(&reasons.len()), "{reasons:?}");
    assert!(reasons.iter().all(|reason| reason.starts_with("slot News at ")), "{reasons:?}");
}
