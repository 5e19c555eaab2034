//! How loud a file is played, and which part of it: by what is known of how it sounds.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(feature = "library")]
use super::schedule::HeardAhead;
use super::{Pipeline, ReplayGain};
use crate::engine::picker::Sound;
use crate::metadata::Tags;
use crate::playout::{Entry, TrackHeard};

type Function = dyn Fn(&Path) -> Option<TrackHeard> + Send + Sync;

/// Who knows how files sound: usually the station's library, or an application with a database of its own.
///
/// It is asked for each file that is about to be played, by its path, on the thread that opens the file: an
/// answer that takes a second lets that thread wait for a second. `None`: nothing is known beside the tags.
///
/// ```
/// use longwave::{Heard, HeardTracks, TrackHeard};
///
/// let heard_tracks = HeardTracks::new(|path| {
///     let measured = Heard { loudness_lufs: Some(-9.5), ..Heard::default() };
///     path.ends_with("loud.flac").then(|| TrackHeard { measured, ..TrackHeard::default() })
/// });
/// ```
#[derive(Clone)]
pub struct HeardTracks(Arc<Function>);

impl HeardTracks {
    /// Asks this function.
    pub fn new(ask: impl Fn(&Path) -> Option<TrackHeard> + Send + Sync + 'static) -> HeardTracks {
        HeardTracks(Arc::new(ask))
    }

    /// What is known of a file. A function that panics knows nothing.
    fn of(&self, path: &Path) -> Option<TrackHeard> {
        catch_unwind(AssertUnwindSafe(|| (self.0)(path))).unwrap_or_else(|_| {
            log::error!("{}: the function that tells how files sound panicked", path.display());
            None
        })
    }
}

impl fmt::Debug for HeardTracks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeardTracks").finish_non_exhaustive()
    }
}

/// What a pipeline does to files as they are played.
pub(super) struct Levelling {
    loudness_lufs: Option<f32>,
    replaygain: ReplayGain,
    heard_tracks: Mutex<Option<HeardTracks>>,
    /// What the schedule has listened to, for it comes soon.
    #[cfg(feature = "library")]
    heard_ahead: Arc<HeardAhead>,
}

impl Levelling {
    pub fn new(
        loudness_lufs: Option<f32>,
        replaygain: ReplayGain,
        heard_tracks: Option<HeardTracks>,
    ) -> Levelling {
        Levelling {
            loudness_lufs,
            replaygain,
            heard_tracks: Mutex::new(heard_tracks),
            #[cfg(feature = "library")]
            heard_ahead: Arc::default(),
        }
    }

    /// Whether there is a loudness to which all is brought.
    #[cfg(feature = "library")]
    pub fn has_target(&self) -> bool {
        self.loudness_lufs.is_some()
    }

    /// Where the schedule notes what it has listened to.
    #[cfg(feature = "library")]
    pub fn heard_ahead(&self) -> &Arc<HeardAhead> {
        &self.heard_ahead
    }

    /// Asks this one from now on.
    pub fn ask(&self, heard_tracks: HeardTracks) {
        *self.heard_tracks.lock().unwrap_or_else(PoisonError::into_inner) = Some(heard_tracks);
    }

    /// How an entry with these tags sounds. `loudness` goes before ReplayGain, which is for files of which no
    /// loudness is known, and for stations without `loudness`.
    pub fn sound(&self, entry: &Entry, tags: &Tags) -> Sound {
        let asked = self.heard_tracks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let known = asked.and_then(|heard_tracks| heard_tracks.of(&entry.path)).unwrap_or_default();
        // The file has not changed since; the library may not have heard the change yet.
        #[cfg(feature = "library")]
        let known = match self.heard_ahead.of(&entry.path) {
            Some(heard) => TrackHeard { measured: heard.or(known.measured), ..known },
            None => known,
        };
        let heard = known.in_force(tags, entry.kind);
        let levelled = self.loudness_lufs.and_then(|loudness| heard.gain_db(loudness));
        let gain_db = levelled.or_else(|| self.replaygain_db(tags).map(|db| db.clamp(-40.0, 20.0)));
        Sound { gain: gain_db.map_or(1.0, |db| 10_f32.powf(db / 20.0)), heard }
    }

    fn replaygain_db(&self, tags: &Tags) -> Option<f32> {
        match self.replaygain {
            ReplayGain::Off => None,
            ReplayGain::Track => tags.track_gain_db,
            ReplayGain::Album => tags.album_gain_db.or(tags.track_gain_db),
        }
    }
}

impl Pipeline {
    /// Asks this one how files sound, from the next file on that is opened: see
    /// [`PipelineSettings::heard_tracks`](crate::PipelineSettings::heard_tracks).
    pub fn set_heard_tracks(&self, heard_tracks: HeardTracks) {
        self.inner.programming.levelling().ask(heard_tracks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playout::Heard;

    /// What is known of a file that was measured at -10 LUFS.
    fn known() -> HeardTracks {
        HeardTracks::new(|path| {
            assert_ne!(path, "panics", "on purpose, in a test");
            let measured =
                Heard { loudness_lufs: Some(-10.0), true_peak_dbtp: Some(-0.5), ..Heard::default() };
            path.ends_with("heard").then(|| TrackHeard { measured, ..TrackHeard::default() })
        })
    }

    fn gain_db(levelling: &Levelling, path: &str, tags: &Tags) -> f32 {
        (20.0 * levelling.sound(&Entry::new(path), tags).gain.log10() * 10.0).round() / 10.0
    }

    #[test]
    fn loudness_goes_before_replaygain_which_is_for_what_is_unknown() {
        let tagged = Tags { track_gain_db: Some(-6.0), track_peak: Some(0.5), ..Tags::default() };
        let levelling = |loudness, replaygain| Levelling::new(loudness, replaygain, Some(known()));
        for (loudness, replaygain, heard, of_tags, unknown) in [
            (Some(-16.0), ReplayGain::Track, -6.0, -4.0, 0.0),
            (Some(-8.0), ReplayGain::Off, -0.5, 4.0, 0.0),
            (None, ReplayGain::Track, -6.0, -6.0, 0.0),
            (None, ReplayGain::Off, 0.0, 0.0, 0.0),
        ] {
            let levelling = levelling(loudness, replaygain);
            assert_eq!(gain_db(&levelling, "heard", &tagged), heard, "{loudness:?} {replaygain:?}");
            assert_eq!(gain_db(&levelling, "other", &tagged), of_tags, "{loudness:?} {replaygain:?}");
            assert_eq!(gain_db(&levelling, "other", &Tags::default()), unknown);
        }
    }

    #[test]
    fn a_function_that_panics_knows_nothing_and_another_may_be_asked_later() {
        let levelling = Levelling::new(Some(-16.0), ReplayGain::Track, Some(known()));
        assert_eq!(gain_db(&levelling, "panics", &Tags::default()), 0.0);
        levelling.ask(HeardTracks::new(|_| {
            let set = Heard { loudness_lufs: Some(-20.0), true_peak_dbtp: Some(-20.0), ..Heard::default() };
            Some(TrackHeard { set, ..TrackHeard::default() })
        }));
        assert_eq!(gain_db(&levelling, "panics", &Tags::default()), 4.0);
    }
}
