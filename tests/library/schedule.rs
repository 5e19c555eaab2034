//! What a schedule knows of the library's tracks.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use longwave::{Edits, Library, PipelineSettings, preview_schedule};
use longwave_testing::studio::constant;

use crate::music::{Shelf, age, scan};

/// Adds a track of this length.
fn add(shelf: &Shelf, name: &str, seconds: usize) -> PathBuf {
    let path = shelf.music().join(name);
    constant(&path, 0.25, seconds * 8000);
    age(&path);
    path
}

fn edit(library: &Library, path: &Path, change: impl Fn(&mut Edits) + Send + 'static) {
    let id = library.track_at(path).unwrap().unwrap().id;
    let edited = library.edit(id, move |edits| {
        change(edits);
        Ok(())
    });
    edited.unwrap();
}

#[test]
fn a_schedule_separates_artists_and_fits_lengths_by_what_the_library_says() {
    let shelf = Shelf::new();
    let files = ["a.wav", "b.wav", "c.wav", "d.wav"].map(|name| add(&shelf, name, 60));
    let library = shelf.open();
    scan(&library);
    let seconds = Duration::from_secs;
    for (index, path) in files.iter().enumerate() {
        edit(&library, path, move |edits| {
            let artist = if index < 2 { "Ella" } else { "Louis" };
            edits.artist = Some(artist.into());
            (edits.cue_in, edits.cue_out) = (Some(seconds(10)), Some(seconds(20 + index as u64)));
        });
    }
    let mut settings = PipelineSettings {
        playlist: vec![shelf.music()],
        library: Some(library),
        ..PipelineSettings::default()
    };
    settings.schedule.separation.artist = seconds(15);
    let planned = preview_schedule(&settings, SystemTime::now(), seconds(600)).unwrap();
    assert!(planned.len() > 40, "{} tracks of 10 to 13 seconds", planned.len());
    let index = |path: &PathBuf| files.iter().position(|file| file == path).unwrap();
    for track in &planned {
        let length = track.ends.duration_since(track.at).unwrap();
        assert_eq!(length, seconds(10 + index(&track.entry.path) as u64));
    }
    let is_ella = |path| index(path) < 2;
    for two in planned.windows(2) {
        assert_ne!(is_ella(&two[0].entry.path), is_ella(&two[1].entry.path), "{two:?}");
    }
}
