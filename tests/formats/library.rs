//! A folder of real files: a station plays all of them without a word in the log. What ffmpeg decodes
//! otherwise is printed, for a person to judge.
//!
//! ```text
//! LONGWAVE_MUSIC=~/Music cargo nextest run --test formats --run-ignored all library --no-capture
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use longwave::Event;
use longwave_testing::seconds;
use longwave_testing::studio::Studio;

use crate::judges::{self, End};
use crate::make::RATE;

const AUDIO: [&str; 8] = ["wav", "flac", "mp3", "ogg", "oga", "opus", "m4a", "aiff"];

/// Lines of the log that are warnings and errors.
static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Listens;

impl log::Log for Listens {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            SAID.lock().unwrap().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

#[test]
#[ignore = "it needs a folder of files: LONGWAVE_MUSIC"]
fn library() {
    log::set_logger(&Listens).expect("the only logger");
    log::set_max_level(log::LevelFilter::Warn);
    let folder = std::env::var_os("LONGWAVE_MUSIC").expect("LONGWAVE_MUSIC=FOLDER");
    let mut files = Vec::new();
    collect(Path::new(&folder), &mut files);
    let heard: Vec<Heard> = files.iter().map(|file| compare(file)).collect();
    let lasts: f64 = heard.iter().map(|heard| heard.seconds).sum();
    let other: Vec<&String> = heard.iter().filter_map(|heard| heard.other.as_ref()).collect();
    println!("{} files, {lasts:.0} s; not as ffmpeg decodes them: {other:#?}", files.len());

    let playlist = files.clone();
    let studio = Studio::with(|settings| {
        settings.playlist = playlist;
    });
    studio.run(seconds(lasts - 0.5));
    let began = studio.told(|event| matches!(event, Event::TrackChange { .. }));
    let said = SAID.lock().unwrap().clone();
    println!("{began} tracks were played; the log says: {said:#?}");
    assert!(said.is_empty() && began >= files.len());
}

/// All files below a folder that a playlist of it would have.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if path.is_dir() {
            collect(&path, files);
        } else if AUDIO.contains(&extension.to_ascii_lowercase().as_str()) {
            files.push(path);
        }
    }
}

/// How long a file sounds, and what ffmpeg makes of it if that is something else.
struct Heard {
    seconds: f64,
    other: Option<String>,
}

fn compare(file: &Path) -> Heard {
    let (name, ours, theirs) = (file.display(), judges::longwave(file, RATE), judges::ffmpeg(file, RATE));
    let seconds = ours.as_ref().map_or(0.0, |(sound, _)| sound.frames as f64 / f64::from(RATE));
    let other = match (ours, theirs) {
        (Err(refusal), _) => panic!("{refusal}"),
        (Ok((ours, _)), _) if ours.end == End::BrokenOff => Some(format!("{name}: {ours}")),
        (Ok((ours, _)), Ok((theirs, _))) if ours.frames.abs_diff(theirs.frames) > 1 => {
            Some(format!("{name}: {} frames, {} of ffmpeg", ours.frames, theirs.frames))
        }
        (Ok((ours, said)), Ok((theirs, text)))
            if !ours.sounds_like(theirs) || !said.agrees_as_text(&text) =>
        {
            Some(format!("{name}: {ours}; {said}; ffmpeg: {theirs}; {text}"))
        }
        (Ok(_), _) => None,
    };
    Heard { seconds, other }
}
