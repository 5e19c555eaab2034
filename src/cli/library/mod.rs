//! `longwave library`: the library of a station from the command line, whether the station runs or not.

pub mod args;
mod progress;

use std::io::{self, Write};
use std::path::Path;

use longwave::{Config, Library, LibrarySettings, LibraryState, ScanResult, ScanState, Search, Track};

use super::{Failure, problems, say};
use args::LibraryCommand;
use progress::Progress;

/// The most files that a check names.
const MAX_NAMED: usize = 1_000;

pub fn run(command: &LibraryCommand) -> Result<(), Failure> {
    match command {
        LibraryCommand::Scan(config) => scan(&open(&config.path)?),
        LibraryCommand::Search { config, words, limit } => {
            let search = Search { limit: *limit, ..Search::new(words.join(" ")) };
            let hits = existing(&config.path)?.search(&search)?;
            print_paths(hits.tracks.iter().map(|track| track.path.as_path()));
            Ok(())
        }
        LibraryCommand::Show { config, file: Some(file) } => show_track(&existing(&config.path)?, file),
        LibraryCommand::Show { config, file: None } => show(&existing(&config.path)?),
        LibraryCommand::Check(config) => check(&existing(&config.path)?),
        LibraryCommand::Import { config, name, file, kind } => {
            let imported = existing(&config.path)?.import_playlist(name, (*kind).into(), file)?;
            for left_out in &imported.left_out {
                note(&format!("left out: {left_out}"));
            }
            if imported.more_left_out > 0 {
                note(&format!("left out: {} more", imported.more_left_out));
            }
            say(&format!("{name}: {} tracks\n", imported.tracks));
            Ok(())
        }
        LibraryCommand::Export { config, name: Some(name) } => {
            write_out(&existing(&config.path)?.export_playlist(name)?);
            Ok(())
        }
        LibraryCommand::Export { config, name: None } => {
            let playlists = existing(&config.path)?.playlists()?;
            playlists.iter().for_each(|playlist| say(&format!("{}\n", playlist.name)));
            Ok(())
        }
    }
}

/// The library that a configuration declares.
fn open(file: &Path) -> Result<Library, Failure> {
    Ok(Library::open(&declared(file)?)?)
}

/// The same, if it has been made already.
fn existing(file: &Path) -> Result<Library, Failure> {
    let settings = declared(file)?;
    if !settings.database.exists() {
        let (database, file) = (settings.database.display(), file.display());
        return Err(Failure::Usage(format!(
            "longwave: there is no {database} yet: make it by `longwave library scan {file}`, or start the station"
        )));
    }
    Ok(Library::open_as_it_is(&settings)?)
}

fn declared(file: &Path) -> Result<LibrarySettings, Failure> {
    Config::read(file)?.library.ok_or_else(|| {
        let file = file.display();
        Failure::Usage(format!(
            "longwave: {file}: it declares no library: add a [library] table, with folders = \"music\", for example"
        ))
    })
}

fn scan(library: &Library) -> Result<(), Failure> {
    let mut progress = Progress::new();
    let result = library.scan(&mut |scan| progress.show(&scan))?;
    progress.end();
    for problem in &result.problems {
        note(problem);
    }
    say(&summary(&result));
    match result.problems.as_slice() {
        [] => Ok(()),
        found => Err(Failure::Refused(format!("longwave: {}", problems(found.len())))),
    }
}

fn summary(result: &ScanResult) -> String {
    let ScanResult { found, added, changed, moved, missing, unplayable, .. } = result;
    let bad = match unplayable {
        0 => String::new(),
        bad => format!(", {bad} cannot be played (`longwave library check` names them)"),
    };
    format!("{found} files: {added} new, {changed} changed, {moved} moved, {missing} gone{bad}\n")
}

fn show(library: &Library) -> Result<(), Failure> {
    let LibraryState { tracks, missing, unplayable, playlists, scan, problems, .. } = library.state()?;
    say(&format!("{tracks} tracks, {unplayable} of them cannot be played\n"));
    say(&format!("{missing} are gone and still known\n{playlists} playlists\n"));
    if let ScanState::Running(_) = scan {
        say("a scan is running\n");
    }
    problems.iter().for_each(|problem| note(problem));
    Ok(())
}

fn show_track(library: &Library, file: &Path) -> Result<(), Failure> {
    let path = std::path::absolute(file).map_err(longwave::Error::io("finding the file"))?;
    let Some(track) = library.track_at(&path)? else {
        return Err(Failure::Refused(format!("longwave: {}: it is not in the library", path.display())));
    };
    say(&lines_of(&track));
    Ok(())
}

/// What is known of a track: a line for each fact.
fn lines_of(track: &Track) -> String {
    let time = |time| humantime::format_rfc3339_seconds(time).to_string();
    let facts = [
        ("id", Some(track.id.to_string())),
        ("artist", track.artist().map(str::to_owned)),
        ("title", track.title().map(str::to_owned)),
        ("album", track.tags.album.clone()),
        ("kind", Some(track.kind().as_str().to_owned())),
        ("seconds", track.duration().map(|time| format!("{:.1}", time.as_secs_f64()))),
        ("added", Some(time(track.added))),
        ("missing since", track.missing.map(time)),
        ("plays", Some(track.plays.to_string())),
        ("last played", track.last_played.map(time)),
        ("problem", track.problem.clone()),
    ];
    let facts = facts.into_iter().filter_map(|(name, value)| Some(format!("{name:<14}{}\n", value?)));
    facts.collect()
}

fn check(library: &Library) -> Result<(), Failure> {
    let mut found: Vec<String> = library.problems();
    let bad = library.unplayable(MAX_NAMED)?;
    found.extend(bad.iter().map(|track| {
        format!("{}: {}", track.path.display(), track.problem.as_deref().unwrap_or("cannot be played"))
    }));
    found.iter().for_each(|problem| say(&format!("{problem}\n")));
    match found.len() {
        0 => {
            say(&format!("good: {} tracks\n", library.state()?.tracks));
            Ok(())
        }
        count => Err(Failure::Refused(format!("longwave: {}", problems(count)))),
    }
}

/// Prints paths as they are, whatever their bytes.
fn print_paths<'p>(paths: impl Iterator<Item = &'p Path>) {
    let lines = paths.flat_map(|path| [path.as_os_str().as_encoded_bytes(), &b"\n"[..]].concat());
    write_out(&lines.collect::<Vec<u8>>());
}

fn write_out(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    // A closed output ends nothing that matters.
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
