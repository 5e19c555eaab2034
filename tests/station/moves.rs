//! A station's folder moves, with its state and its music: it goes on as one that has stayed.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use longwave::{
    DaypartSettings, Entry, PipelineSettings, PipelineSnapshot, Place, Schedule, SeparationSettings,
    SlotStart,
};
use longwave_testing::seconds;
use longwave_testing::studio::{Studio, constant, server};
use longwave_testing::tap::Tap;
use tempfile::TempDir;

use crate::schedule::{at, played, slot};

/// Not every name is UTF-8.
fn odd(name: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(name))
}

/// A file of this length that was written so many hours ago.
fn file(path: &Path, length: f64, hours: f64) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    constant(path, 0.25, (length * 8000.0) as usize);
    let written = fs::File::options().write(true).open(path).unwrap();
    written.set_modified(SystemTime::now() - seconds(hours * 3600.0)).unwrap();
}

/// The station in this folder, at this time.
fn start(
    folder: &Arc<TempDir>,
    home: &Path,
    time: &str,
    differ: impl FnOnce(&mut PipelineSettings),
) -> Studio {
    Studio::at(at(time), server(), Tap::default(), folder.clone(), |settings| {
        settings.state_file = Some(home.join("state"));
        settings.playlist = vec![home.join(odd(b"m\xfcsic"))];
        (settings.repeat, settings.shuffle) = (true, true);
        differ(settings);
    })
}

/// The newest show that was not played comes every minute; music is kept apart, in an order of its own.
fn schedule(home: &Path) -> Schedule {
    let mut shows = slot("daily 07:00", &home.join("shows"), SlotStart::Hard);
    shows.at.push("daily 07:01".parse().unwrap());
    let daypart =
        DaypartSettings { playlists: vec![home.join(odd(b"m\xfcsic"))], ..DaypartSettings::default() };
    // No track begins at the edge of it: which one comes there is a matter of a block.
    let separation = SeparationSettings { track: seconds(37.0), ..SeparationSettings::default() };
    let zone = "UTC".parse().unwrap();
    Schedule { zone, dayparts: vec![daypart], slots: vec![shows], separation, ..Schedule::default() }
}

/// The state that is kept, in one piece.
fn state(home: &Path) -> String {
    serde_json::to_string(&PipelineSnapshot::read(home.join("state")).unwrap()).unwrap()
}

/// What the station has when it goes on, and what it plays in the next minute. Paths count from its folder.
fn goes_on(studio: Studio, home: &Path) -> (Vec<PathBuf>, Duration, Vec<(String, u64)>) {
    let short = |path: &Path| path.strip_prefix(home).unwrap_or(path).to_owned();
    studio.run(seconds(0.5));
    let current = studio.pipeline.current_track().unwrap();
    let history = studio.pipeline.history();
    let mut files: Vec<PathBuf> = history.iter().map(|played| short(&played.track.file)).collect();
    files.push(short(&current.track.file));
    files.extend(studio.pipeline.queue().iter().map(|(_, entry)| short(&entry.path)));
    studio.run(seconds(60.0));
    let played = played(&studio);
    studio.stop();
    (files, current.played, played)
}

#[test]
fn a_station_that_moves_plays_on_as_one_that_stays() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let (old, new) = (folder.path().join(odd(b"st\xe4tion")), folder.path().join("deeper/new"));
    for n in 0..12 {
        file(&old.join(odd(b"m\xfcsic")).join(format!("{n}.wav")), 6.0, 20.0);
    }
    for (name, hours) in [("third", 3.0), ("second", 2.0), ("first", 1.0)] {
        file(&old.join(format!("shows/{name}.wav")), 4.0, hours);
    }
    let requested = [old.join(odd(b"r\xe9quest.wav")), folder.path().join("outside.wav")];
    requested.iter().for_each(|path| file(path, 6.0, 20.0));
    let by_clock = |home: &Path, time: &str| {
        let schedule = schedule(home);
        start(&folder, home, time, |settings| settings.schedule = schedule)
    };

    let studio = by_clock(&old, "2026-11-30T06:59:40Z");
    studio.run(seconds(27.0));
    assert_eq!(played(&studio).iter().filter(|(name, _)| name == "first").count(), 1);
    studio.pipeline.queue_files(requested.map(Entry::new), Place::End).unwrap();
    studio.run(seconds(1.0));
    studio.stop();
    let kept = state(&old);

    // Before stations could move, a state said nothing of its folder.
    let unaware = format!("{}}}", kept.split_once(",\"home\":").unwrap().0);
    fs::write(old.join("state"), unaware).unwrap();
    let stayed = goes_on(by_clock(&old, "2026-11-30T07:00:10Z"), &old);
    fs::write(old.join("state"), kept).unwrap();
    fs::create_dir(folder.path().join("deeper")).unwrap();
    fs::rename(&old, &new).unwrap();
    let moved = goes_on(by_clock(&new, "2026-11-30T07:00:10Z"), &new);

    assert_eq!(moved, stayed);
    let (files, at, played) = moved;
    assert_eq!(&files[files.len() - 2..], [odd(b"r\xe9quest.wav"), &folder.path().join("outside.wav")]);
    assert!(at > seconds(1.0), "the track goes on where it was: {at:?}");
    let shows: Vec<&str> =
        played.iter().map(|(name, _)| name.as_str()).filter(|name| name.len() > 4).collect();
    assert_eq!(shows[shows.len() - 1], "second", "{played:?}");
    let outside = played.iter().position(|(name, _)| name == "outside").unwrap();
    assert!(outside > 0 && !shows.contains(&"first"), "{played:?}");

    // It moves once more, and still knows what it has played.
    let last = folder.path().join("last");
    fs::rename(&new, &last).unwrap();
    let studio = by_clock(&last, "2026-12-01T06:59:55Z");
    studio.run(seconds(10.0));
    let names: Vec<String> = crate::schedule::played(&studio).into_iter().map(|(name, _)| name).collect();
    assert!(names.contains(&"third".to_owned()), "{names:?}");
    studio.stop();
}

#[test]
fn a_shuffled_playlist_that_moves_plays_the_rest_of_its_pass() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    (0..6).for_each(|n| file(&old.join(odd(b"m\xfcsic")).join(format!("{n}.wav")), 6.0, 20.0));
    let studio = start(&folder, &old, "2026-11-30T07:00:00Z", |_| {});
    studio.run(seconds(14.0));
    let mut names: Vec<String> = played(&studio).into_iter().map(|(name, _)| name).collect();
    studio.stop();
    fs::rename(&old, &new).unwrap();
    let studio = start(&folder, &new, "2026-11-30T07:00:20Z", |_| {});
    studio.run(seconds(20.0));
    let rest = played(&studio);
    assert_eq!(rest[0].0, names[2], "it goes on");
    names.extend(rest.into_iter().skip(1).map(|(name, _)| name));
    names.sort_unstable();
    assert_eq!(names, ["0", "1", "2", "3", "4", "5"]);
    studio.stop();
}

#[test]
fn a_state_that_is_moved_alone_stays_with_its_files() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let (home, states) = (folder.path().join("station"), folder.path().join("states"));
    (0..3).for_each(|n| file(&home.join(odd(b"m\xfcsic")).join(format!("{n}.wav")), 6.0, 20.0));
    let request = home.join("request.wav");
    file(&request, 6.0, 20.0);
    let studio = start(&folder, &home, "2026-11-30T07:00:00Z", |_| {});
    studio.run(seconds(3.0));
    studio.pipeline.queue_files([Entry::new(&request)], Place::End).unwrap();
    let current = studio.pipeline.current_track().unwrap().track.file.clone();
    studio.stop();
    fs::create_dir(&states).unwrap();
    for name in ["state", "state.journal"] {
        fs::rename(home.join(name), states.join(name)).unwrap();
    }
    let studio = start(&folder, &home, "2026-11-30T07:00:10Z", |settings| {
        settings.state_file = Some(states.join("state"));
    });
    studio.run(seconds(0.5));
    assert_eq!(studio.pipeline.current_track().unwrap().track.file, current);
    assert_eq!(studio.pipeline.queue()[0].1.path, request);
    studio.stop();
}
