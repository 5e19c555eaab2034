//! Each file is also played in a station, with another track behind it: nothing of it may be lost or heard
//! twice, with and without a crossfade.

use std::path::Path;
use std::time::Duration;

use longwave_testing::seconds;
use longwave_testing::studio::{SMALL, Studio, constant};

use crate::judges::Verdict;

/// The track behind it.
const NEXT: Duration = Duration::from_secs(8);
const LEVEL: f32 = 0.25;

/// Plays the file, which has so many frames, and then the other track.
pub fn check(path: &Path, rate: u32, frames: u64) -> Verdict<()> {
    let lasts = frames as f64 / f64::from(rate);
    for crossfade in [0.0, 3.0] {
        let overlap = lasts + NEXT.as_secs_f64() - all_lasts(path, seconds(crossfade), lasts)?;
        // A file that does not tell its end may be faded later than others, never earlier.
        if !(-0.02..=crossfade + 0.02).contains(&overlap) {
            return Err(format!("crossfade {crossfade} s: an overlap of {overlap:.3} s"));
        }
    }
    Ok(())
}

/// How long both sound together, in seconds.
fn all_lasts(path: &Path, crossfade: Duration, lasts: f64) -> Verdict<f64> {
    let folder = tempfile::tempdir().unwrap();
    let next = folder.path().join("next.wav");
    constant(&next, LEVEL, SMALL.rate.frames_in(NEXT).0 as usize);
    let playlist = vec![path.to_owned(), next];
    let studio = Studio::with(|settings| {
        settings.playlist = playlist;
        settings.repeat = false;
        settings.crossfade = crossfade.into();
    });
    studio.run(seconds(lasts) + NEXT + seconds(1.0));
    let began = studio.began_at().len();
    let samples = studio.stop();
    let ends = samples.iter().rposition(|sample| sample.abs() > 0.001).map_or(0, |last| last + 1);
    match began {
        2 => Ok(ends as f64 / f64::from(SMALL.rate.hz())),
        _ => Err(format!("{began} tracks were played")),
    }
}
