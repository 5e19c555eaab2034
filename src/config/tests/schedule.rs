//! What stations declare to be played by the clock.

use std::path::Path;
use std::time::Duration;

use super::{complaints, toml};
use crate::{Every, SlotStart};

/// The stations of docs/SCHEDULE.md.
#[cfg(feature = "library")]
fn stations() -> Vec<&'static str> {
    let guide = include_str!("../../../docs/SCHEDULE.md");
    let blocks = guide.split("```toml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}

#[cfg(feature = "library")]
#[test]
fn the_stations_of_the_guide_are_good_and_are_planned_without_a_gap() {
    let stations = stations();
    assert_eq!(stations.len(), 5);
    for text in stations {
        let folder = tempfile::tempdir().unwrap();
        // What must exist: folders.
        let playlists = ["ambient", "jazz", "jingles", "spots", "ids"];
        for name in ["shows/morning", "shows/best-of", "shows/books", "shows/sports", "reports", "playlists"]
        {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        for name in ["music", "filler"].into_iter().chain(playlists) {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            for n in 0..5 {
                std::fs::write(folder.path().join(name).join(format!("{n}.mp3")), b"").unwrap();
            }
        }
        std::fs::write(folder.path().join("all.m3u"), "music/0.mp3\nmusic/1.mp3\n").unwrap();
        let config = crate::Config::from_toml(text, &folder.path().join("station.toml")).unwrap();
        // Files may come later.
        let is_told = |warning: &&crate::ConfigProblem| warning.reason.contains("it is played when it comes");
        assert!(config.warnings.iter().all(|warning| is_told(&warning)), "{:?}", config.warnings);
        let day = Duration::from_secs(86_400);
        let plan = crate::preview_schedule(&config.pipelines[0], std::time::SystemTime::now(), day).unwrap();
        let plan: Vec<_> = plan.iter().filter(|planned| !planned.reason.is_dropped()).collect();
        assert!(plan.windows(2).all(|two| two[0].ends == two[1].at));
        assert!(plan.len() > 300, "{} tracks of four minutes", plan.len());
    }
}

#[test]
fn a_schedule_is_read() {
    let text = "
        [[pipeline]]
        timezone = 'Europe/Berlin'
        [[pipeline.daypart]]
        days = 'Mon-Fri'
        from = '06:00'
        to = '10:00'
        playlist = ['a', 'b']
        weight = [2, 1]
        [[pipeline.insert]]
        playlist = 'jingles'
        every = '15m'
        [[pipeline.slot]]
        at = ['Mon-Fri 07:00', 'Sat 08-10:30']
        play = 'news.mp3'
        start = 'hard'
        for = '5m'
        [pipeline.separation]
        artist = '1h'";
    let config = toml(text).unwrap();
    let schedule = &config.pipelines[0].schedule;
    assert_eq!(schedule.zone, "Europe/Berlin".parse().unwrap());
    assert_eq!(schedule.dayparts[0].to_string(), "Mon-Fri 06:00-10:00");
    assert_eq!((schedule.dayparts[0].playlists.len(), schedule.dayparts[0].weights.len()), (2, 2));
    assert_eq!(schedule.inserts[0].every, Every::Time(Duration::from_secs(900)));
    let slot = &schedule.slots[0];
    assert_eq!((slot.start, slot.lasts), (SlotStart::Hard, Some(Duration::from_secs(300))));
    assert_eq!((slot.at.len(), slot.label().as_str()), (2, "news"));
    assert!(slot.play.ends_with(Path::new("news.mp3")));
    assert_eq!(schedule.separation.artist, Duration::from_secs(3600));
}

#[test]
fn what_is_wrong_with_a_schedule_is_told_by_line_and_key() {
    for (text, reason) in [
        ("timezone = 'Atlantis'", "pipeline.timezone: \"Atlantis\" is no time zone"),
        ("[[pipeline.slot]]\nplay = 'x'", "pipeline.slot.at: a slot needs a time"),
        ("[[pipeline.slot]]\nat = 'daily 7:00'", "pipeline.slot.at: \"daily 7:00\": \"7:00\" is no time"),
        ("[[pipeline.daypart]]\nfrom = '06:00'", "pipeline.daypart.playlist: a daypart needs one"),
        ("[[pipeline.insert]]\nevery = '0 songs'", "pipeline.insert.every: it takes one song"),
        ("[[pipeline.slot]]\nstart = 'hrad'", "did you mean \"hard\"?"),
    ] {
        let told = complaints(&format!("[[pipeline]]\n{text}"));
        assert!(told.iter().any(|told| told.contains(reason)), "{text}: {told:?}");
    }
}

#[test]
fn a_slot_may_play_what_comes_later_but_from_no_folder_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("news")).unwrap();
    std::fs::write(folder.path().join("here.mp3"), "").unwrap();
    let read = |keys: &str| {
        let text = format!("[[pipeline]]\nplaylist = '.'\n[[pipeline.slot]]\nat = 'daily *:00'\n{keys}");
        crate::Config::from_toml(&text, &folder.path().join("station.toml"))
    };
    for (keys, warnings) in [
        ("play = 'here.mp3'", 0),
        ("play = 'news'", 0),
        ("play = 'news/%Y-%m-%d/%H.mp3'", 0),
        ("play = 'news/later.mp3'", 1),
        ("play = 'here.mp3'\notherwise = 'later.mp3'", 1),
    ] {
        assert_eq!(read(keys).unwrap().warnings.len(), warnings, "{keys}");
    }
    for keys in
        ["play = 'nwes'", "play = 'nwes/%H.mp3'", "play = 'nwes/a.mp3'", "play = 'news'\notherwise = 'nwes'"]
    {
        let told = read(keys).unwrap_err().to_string();
        assert!(told.contains("its folder must exist"), "{keys}: {told}");
    }
    let text = "[[pipeline]]\nplaylist = '.'\n[[pipeline.insert]]\nplaylist = 'jingles'";
    let config = crate::Config::from_toml(text, &folder.path().join("station.toml")).unwrap();
    assert_eq!(config.warnings.len(), 1);
}

#[test]
fn dayparts_that_overlap_are_warned_of() {
    let text = |from: &str, to: &str| {
        format!(
            "[[pipeline]]\nplaylist = '.'\n[[pipeline.daypart]]\nfrom = '22:00'\nto = '06:00'\nplaylist = 'a'\n\
             [[pipeline.daypart]]\ndays = 'Mon'\nfrom = '{from}'\nto = '{to}'\nplaylist = 'b'"
        )
    };
    let warnings = |from, to| {
        let config = toml(&text(from, to)).unwrap();
        config.warnings.iter().filter(|warning| warning.reason.contains("it overlaps with")).count()
    };
    assert_eq!(warnings("05:00", "07:00"), 1);
    assert_eq!(warnings("06:00", "22:00"), 0);
    assert_eq!(warnings("00:00", "00:00"), 1);
}

#[test]
fn what_no_slot_can_play_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.mp3"), "").unwrap();
    let read = |keys: &str| {
        let text = format!("[[pipeline]]\n[[pipeline.slot]]\nat = 'daily *:00'\n{keys}");
        crate::Config::from_toml(&text, &folder.path().join("station.toml"))
    };
    assert!(read("play = 'a.mp3'\nmax_age = '1h'").is_ok());
    for (keys, told) in [
        ("play = 'a.mp3'\notherwise = ''", "slot.otherwise: an empty path"),
        ("play = ''", "slot.play: an empty path"),
        ("play = 'a.mp3'\nmax_age = '0s'", "slot.max_age: every file is older than 0s"),
        ("play = '/dev/null'", "slot.play: /dev/null is neither a file nor a folder"),
        ("play = 'library:news'", "slot.play: \"library:news\" is no path: a slot plays a file or a folder"),
        ("play = 'http://example.org/news'", "a slot plays a file or a folder"),
        ("play = 'a.mp3'\nlate = '13h'", "slot.late: 13h is out of range: 1s to 12h"),
        ("play = 'a.mp3'\nlate = '0s'", "slot.late: 0s is out of range"),
    ] {
        let refused = read(keys).unwrap_err().to_string();
        assert!(refused.contains(told), "{keys}: {refused}");
    }
    let daypart = complaints("[[pipeline]]\n[[pipeline.daypart]]\nplaylist = ''");
    assert!(daypart[0].contains("daypart.playlist: an empty path"), "{daypart:?}");
}

#[cfg(feature = "library")]
#[test]
fn a_library_says_what_it_lacks() {
    use crate::{Library, LibraryPlaylist, LibrarySettings};
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("music")).unwrap();
    let read = |library: &str, rest: &str| {
        crate::Config::from_toml(&format!("[library]\n{library}\n{rest}"), &at("station.toml"))
    };
    let music = "folders = 'music'";
    for (library, rest, told) in [
        ("folders = []", "[[pipeline]]", "library.folders: an empty list: a library needs a folder"),
        ("", "[[pipeline]]", "library: the key \"folders\" is missing"),
        ("folders = 'music'\ndatabase = 'music'", "[[pipeline]]", "is a folder: name a file"),
        ("folders = 'music'\ndatabase = 'db/l'", "[[pipeline]]", "library.database: there is no folder"),
        (music, "[server]\nhistory_file = 'music'\n[[pipeline]]", "server.history_file: "),
        (music, "[server]\nhistory_file = 'h/h'\n[[pipeline]]", "there is no folder"),
        (music, "[[pipeline]]\n[pipeline.requests]\nopen = []", "requests.open: an empty list"),
    ] {
        let refused = read(library, rest).unwrap_err().to_string();
        assert!(refused.contains(told), "{library} {rest}: {refused}");
    }

    let named = "[[pipeline]]\nplaylist = 'library:day'\n[[pipeline.daypart]]\nplaylist = ['library:day', \
                 'library:dya']\n[[pipeline.insert]]\nplaylist = 'library:jingles'";
    let warnings = || {
        let warnings = read(music, named).unwrap().warnings;
        warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(warnings().len(), 4, "there is no database yet: {:?}", warnings());
    assert!(!at("library.db").exists(), "a check makes none");
    let library = Library::open(&LibrarySettings::of([at("music")], at("library.db"))).unwrap();
    library.set_playlist(LibraryPlaylist::ordered("day", Vec::new())).unwrap();
    let told = warnings();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("the library has no playlist \"dya\""), "{told:?}");
    assert!(told[1].contains("the library has no playlist \"jingles\""), "{told:?}");
}
