//! What listeners request of a station with a library: what is offered, and what is granted.
#![cfg(feature = "mp3")]

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use longwave::{
    Config, Error, LibraryPlaylist, NoRequest, Pipeline, PipelineSnapshot, PlaysWanted, Reason,
    RequestRefused, RequestSettings, ScanState, SmartList, Station, TrackKind,
};
use longwave_testing::studio::constant;
use longwave_testing::until;

use crate::music::Shelf;

/// A station of this shelf that has been scanned. Its programme is held in the middle of a long track: what
/// is queued stays there.
fn station(shelf: &Shelf, keys: &str) -> Station {
    constant(&shelf.home.path().join("air.wav"), 0.1, 600 * 8000);
    let text = format!(
        "[server]\nlisten = '127.0.0.1:0'\n[library]\nfolders = 'music'\nanalyse = false\n\
         [[pipeline]]\nplaylist = 'air.wav'\nstate_file = 'state'\n{keys}\n[[pipeline.output]]\n\
         format = 'mp3'\n"
    );
    let file = shelf.home.path().join("station.toml");
    fs::write(&file, text).unwrap();
    let station = Station::start(Config::read(&file).unwrap().into()).unwrap();
    let library = station.library().unwrap();
    until("the first scan", || matches!(library.state().unwrap().scan, ScanState::Ended { .. }));
    let pipeline = &station.pipelines()[0];
    until("it is on the air", || pipeline.current_track().is_some());
    pipeline.hold(Duration::ZERO).unwrap();
    station
}

fn address(last: u8) -> IpAddr {
    [192, 0, 2, last].into()
}

/// The titles that are offered for these words.
fn offered(pipeline: &Pipeline, words: &str) -> Vec<String> {
    let tracks = pipeline.search_requests(words, 10).unwrap();
    tracks.iter().map(|track| track.title().unwrap_or("?").to_owned()).collect()
}

/// Requests the only track with these words.
fn request(pipeline: &Pipeline, words: &str, of: u8) -> Result<(), String> {
    let [track] = &pipeline.search_requests(words, 10).unwrap()[..] else {
        panic!("{words} is not one track")
    };
    pipeline.request(track.id, address(of)).map(drop).map_err(|refused| format!("{refused:?}"))
}

#[test]
fn music_that_can_be_played_is_offered_and_queued_with_its_reason() {
    let shelf = Shelf::new();
    // Far more jingles than a search looks at in one go.
    for n in 0..150 {
        shelf.add(&format!("jingle{n}.mp3"), "Station", "Love jingle");
    }
    let song = shelf.add("song.mp3", "Björk", "Love song");
    let other = shelf.add("other.mp3", "Björk", "Love letter");
    fs::write(shelf.music().join("broken.mp3"), "no audio at all").unwrap();
    let station = station(&shelf, "[pipeline.requests]\nper_address = 1");
    let (library, pipeline) = (station.library().unwrap(), &station.pipelines()[0]);
    let id = |path: &Path| library.track_at(path).unwrap().unwrap().id;
    for n in 0..150 {
        let of = |edits: &mut longwave::Edits| {
            edits.kind = Some(TrackKind::Jingle);
            Ok(())
        };
        library.edit(id(&shelf.music().join(format!("jingle{n}.mp3"))), of).unwrap();
    }
    let keep_out = |edits: &mut longwave::Edits| {
        edits.enabled = Some(false);
        Ok(())
    };
    library.edit(id(&other), keep_out).unwrap();
    assert_eq!(offered(pipeline, "love"), ["Love song"]);
    assert_eq!(offered(pipeline, ""), ["Love song"]);
    assert_eq!(offered(pipeline, "bjo"), ["Love song"]);
    for refused in [id(&other), id(&shelf.music().join("jingle7.mp3")), 999_999, -1] {
        let refused = pipeline.request(refused, address(1));
        assert!(matches!(refused, Err(RequestRefused::NoTrack)), "{refused:?}");
    }
    let (entry, track) = pipeline.request(id(&song), address(1)).unwrap();
    assert_eq!(track.path, song);
    let queue = pipeline.queue();
    assert_eq!(queue.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [entry]);
    assert_eq!(queue[0].1.reason.as_deref(), Some(&Reason::Request));
    let again = pipeline.request(id(&song), address(2));
    assert!(matches!(again, Err(RequestRefused::Limit(NoRequest::Again(_)))), "{again:?}");
}

#[test]
fn what_the_schedule_plays_and_what_lies_among_jingles_is_not_offered() {
    let shelf = Shelf::new();
    for (file, title) in [
        ("inserts/a.mp3", "of the insert"),
        ("news/b.mp3", "of the slot"),
        ("c.mp3", "of the jingles"),
        ("d.mp3", "of an insert of the library"),
        ("e.mp3", "a song among the jingles"),
        ("f.mp3", "a song"),
    ] {
        shelf.add(file, "A", title);
    }
    let station = station(
        &shelf,
        "[pipeline.requests]\n[[pipeline.insert]]\nplaylist = 'music/inserts'\n[[pipeline.insert]]\n\
         playlist = 'library:between'\n[[pipeline.slot]]\nat = 'Mon 03:00'\nplay = 'music/news/%Y.mp3'",
    );
    let (library, pipeline) = (station.library().unwrap(), &station.pipelines()[0]);
    let id = |file: &str| library.track_at(&shelf.music().join(file)).unwrap().unwrap().id;
    let list = LibraryPlaylist::smart(
        "between",
        SmartList { search: Some("insert".into()), ..SmartList::default() },
    );
    library.set_playlist(list).unwrap();
    let jingles = LibraryPlaylist::ordered("short", vec![id("c.mp3"), id("e.mp3")]);
    library.set_playlist(LibraryPlaylist { kind: TrackKind::Jingle, ..jingles }).unwrap();
    let of = |edits: &mut longwave::Edits| {
        edits.kind = Some(TrackKind::Music);
        Ok(())
    };
    library.edit(id("e.mp3"), of).unwrap();
    let mut found = offered(pipeline, "");
    found.sort_unstable();
    assert_eq!(found, ["a song", "a song among the jingles"]);
    let refused = pipeline.request(id("c.mp3"), address(1));
    assert!(matches!(refused, Err(RequestRefused::NoTrack)), "{refused:?}");
}

/// The tracks of an insert lie anywhere if it is a playlist of files.
#[test]
fn the_tracks_of_an_insert_that_is_a_playlist_of_files_are_neither_offered_nor_taken() {
    let shelf = Shelf::new();
    for (file, title) in [("a.mp3", "a jingle"), ("b.mp3", "a song among the jingles"), ("c.mp3", "a song")] {
        shelf.add(file, "A", title);
    }
    let list = "music/a.mp3\nmusic/../music/b.mp3\n";
    fs::write(shelf.music().parent().unwrap().join("jingles.m3u"), list).unwrap();
    let station =
        station(&shelf, "[pipeline.requests]\n[[pipeline.insert]]\nplaylist = 'jingles.m3u'\nkind = 'spot'");
    let (library, pipeline) = (station.library().unwrap(), &station.pipelines()[0]);
    let id = |file: &str| library.track_at(&shelf.music().join(file)).unwrap().unwrap().id;
    until("the playlist has been read", || offered(pipeline, "") == ["a song"]);
    let refused = pipeline.request(id("a.mp3"), address(1));
    assert!(matches!(refused, Err(RequestRefused::NoTrack)), "{refused:?}");
    let of = |edits: &mut longwave::Edits| {
        edits.kind = Some(TrackKind::Music);
        Ok(())
    };
    library.edit(id("b.mp3"), of).unwrap();
    pipeline.request(id("b.mp3"), address(1)).unwrap();
}

/// People have links to other disks in their folders. What a person corrects goes before the file, and the
/// history names the file below its media root.
#[test]
fn a_link_to_another_disk_is_offered_and_played_as_a_person_says() {
    let (shelf, disk) = (Shelf::new(), Shelf::new());
    disk.add("far.mp3", "Wrong", "Far");
    symlink(disk.music(), shelf.music().join("disk")).unwrap();
    let station = station(&shelf, "[pipeline.requests]");
    let (library, pipeline) = (station.library().unwrap(), &station.pipelines()[0]);
    let far = shelf.music().join("disk/far.mp3");
    let right = |edits: &mut longwave::Edits| {
        edits.artist = Some("Right".into());
        Ok(())
    };
    library.edit(library.track_at(&far).unwrap().unwrap().id, right).unwrap();
    request(pipeline, "far", 1).unwrap();
    pipeline.resume(Duration::ZERO).unwrap();
    pipeline.skip().unwrap();
    let history = station.history().unwrap();
    let play = || {
        history.plays(&PlaysWanted::default()).unwrap().into_iter().find(|play| play.title.contains("Far"))
    };
    until("it was played and is written down", || play().is_some());
    let play = play().unwrap();
    assert_eq!(
        (play.file.as_deref(), play.piece.artist.as_deref(), &*play.title),
        (Some("music/disk/far.mp3"), Some("Right"), "Right - Far")
    );
}

#[test]
fn a_request_is_no_reason_to_relax_separation() {
    let shelf = Shelf::new();
    shelf.add("1.mp3", "Björk", "Jóga");
    shelf.add("2.mp3", " BJÖRK", "Hunter");
    shelf.add("3.mp3", "Nina", "Joga two");
    shelf.add("4.mp3", "Ella", "Hunter");
    let station = station(&shelf, "[pipeline.requests]\n[pipeline.separation]\nartist = '1h'\ntitle = '2h'");
    let pipeline = &station.pipelines()[0];
    request(pipeline, "title:jóga artist:björk", 1).unwrap();
    let apart = request(pipeline, "hunter björk", 2).unwrap_err();
    assert!(apart.contains("Apart("), "it waits, and will be heard: {apart}");
    request(pipeline, "hunter ella", 3).unwrap();
    request(pipeline, "nina", 4).unwrap();
    // A person may do so.
    let track = &pipeline.search_requests("hunter björk", 1).unwrap()[0];
    pipeline.queue_files([longwave::Entry::new(&track.path)], longwave::Place::End).unwrap();
}

#[test]
fn what_was_taken_counts_after_a_restart_and_under_new_limits() {
    let shelf = Shelf::new();
    for n in 1..=6 {
        shelf.add(&format!("{n}.mp3"), &format!("artist{n}"), &format!("title{n}"));
    }
    let requests = "[pipeline.requests]\nper_address = 2";
    let first = station(&shelf, requests);
    let pipeline = first.pipelines()[0].clone();
    request(&pipeline, "title1", 1).unwrap();
    request(&pipeline, "title2", 1).unwrap();
    assert!(request(&pipeline, "title3", 1).unwrap_err().contains("OfAddress"));
    let settings = |change: fn(&mut RequestSettings)| {
        let mut settings = RequestSettings::default();
        change(&mut settings);
        pipeline.set_requests(Some(settings))
    };
    settings(|settings| settings.limits.per_address = 3).unwrap();
    request(&pipeline, "title3", 1).unwrap();
    settings(|settings| settings.limits.waiting = 3).unwrap();
    assert!(request(&pipeline, "title4", 2).unwrap_err().contains("Full"));
    let wrong = settings(|settings| settings.limits.per_track = Duration::from_secs(31 * 86_400));
    assert!(matches!(&wrong, Err(Error::Setting { key: "per_track", .. })), "{wrong:?}");
    pipeline.set_requests(None).unwrap();
    assert!(
        matches!(pipeline.search_requests("", 1), Err(RequestRefused::Off)) && !pipeline.takes_requests()
    );
    drop(pipeline);
    drop(first);

    let kept = fs::read_to_string(shelf.home.path().join("state")).unwrap();
    assert!(!kept.contains("192.0.2."), "no address is written down: {kept}");
    PipelineSnapshot::read(shelf.home.path().join("state")).unwrap();
    let second = station(&shelf, requests);
    let pipeline = &second.pipelines()[0];
    let queue = pipeline.queue();
    assert!(queue.iter().all(|(_, entry)| entry.reason.as_deref() == Some(&Reason::Request)), "{queue:?}");
    assert_eq!(queue.len(), 3);
    assert!(request(pipeline, "title4", 1).unwrap_err().contains("OfAddress"));
    assert!(request(pipeline, "title1", 2).unwrap_err().contains("Again"));
    request(pipeline, "title4", 2).unwrap();
}
