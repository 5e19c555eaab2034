//! The schedule over days and years, with tracks as durations.

mod edges;
mod random;
mod rules;
mod year;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;

use super::*;
use crate::playout::Entry;

/// What there is in a simulation.
#[derive(Default)]
struct Simulated {
    playlists: HashMap<Option<PathBuf>, Arc<Tracks>>,
    /// Files, and since when each of them is there.
    files: HashMap<PathBuf, (Track, Timestamp)>,
}

impl Simulated {
    fn with(mut self, playlist: Option<&str>, tracks: Vec<Track>) -> Simulated {
        self.playlists
            .insert(playlist.map(PathBuf::from), Arc::new(Tracks::new(tracks, true, &Home::default())));
        self
    }

    fn with_file(mut self, path: &str, length: u64, since: Timestamp) -> Simulated {
        self.files.insert(path.into(), (track(path, "", length * 1000), since));
        self
    }

    fn tracks(&self, playlist: Option<&str>) -> &Arc<Tracks> {
        &self.playlists[&playlist.map(PathBuf::from)]
    }
}

impl Material for Simulated {
    fn playlist(&self, playlist: Option<&Path>) -> Arc<Tracks> {
        let there = self.playlists.get(&playlist.map(Path::to_owned));
        there.cloned().unwrap_or_else(|| Arc::new(Tracks::new(Vec::new(), true, &Home::default())))
    }

    fn file(&self, wanted: &Wanted) -> Result<Track, String> {
        let failed =
            |(file, (_, since)): (&PathBuf, &(Track, Timestamp))| wanted.failed(file, (*since).into());
        let (track, since) = match self.files.get_key_value(&wanted.path) {
            Some(there) => match failed(there) {
                Some(reason) => return Err(reason.to_owned()),
                None => there.1,
            },
            // The newest of a folder.
            None => {
                let in_folder = |(file, _): &(&PathBuf, _)| file.parent() == Some(&wanted.path);
                let unplayed =
                    self.files.iter().filter(in_folder).filter(|(file, _)| !wanted.is_played(file));
                let newest =
                    unplayed.filter(|there| failed(*there).is_none()).max_by_key(|(_, (_, since))| *since);
                newest
                    .map(|(_, there)| there)
                    .ok_or_else(|| format!("{} is missing", wanted.path.display()))?
            }
        };
        let is_old = |most| wanted.at.duration_since(*since) > jiff::SignedDuration::try_from(most).unwrap();
        if wanted.max_age.is_some_and(is_old) {
            return Err(format!("{} is too old", wanted.path.display()));
        }
        Ok(Track { written: Some((*since).into()), ..track.clone() })
    }
}

/// A track of so many milliseconds.
fn track(path: &str, artist: &str, millis: u64) -> Track {
    Track {
        artist: (!artist.is_empty()).then(|| artist.into()),
        title: None,
        duration: Some(Duration::from_millis(millis)),
        ..Track::new(Entry::new(path))
    }
}

/// So many tracks of two to six minutes, by a third as many artists.
fn music(folder: &str, count: usize, random: &mut fastrand::Rng) -> Vec<Track> {
    let artists = count / 3 + 1;
    (0..count)
        .map(|n| {
            track(
                &format!("{folder}/{n}"),
                &format!("artist {} of {folder}", n % artists),
                random.u64(120_000..360_000),
            )
        })
        .collect()
}

fn jingles(count: usize) -> Vec<Track> {
    (0..count).map(|n| track(&format!("jingles/{n}"), "", 5_000 + 700 * n as u64)).collect()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn time(of: SystemTime) -> Timestamp {
    Timestamp::try_from(of).unwrap()
}

fn slot(times: &str, play: &str, start: SlotStart) -> SlotSettings {
    SlotSettings { at: vec![times.parse().unwrap()], play: play.into(), start, ..SlotSettings::default() }
}

/// What is played from one moment to another, from an empty state.
fn plan(schedule: &Schedule, material: &Simulated, from: &str, until: &str) -> Vec<Planned> {
    played(whole_plan(schedule, material, from, until))
}

/// The same, with the slots that are not played.
fn whole_plan(schedule: &Schedule, material: &Simulated, from: &str, until: &str) -> Vec<Planned> {
    let rules = Rules::new(schedule, Crossfade::default());
    preview(Director::new(7, at(from)), &rules, material, at(from), at(until))
}

/// What of it is played.
fn played(plan: Vec<Planned>) -> Vec<Planned> {
    plan.into_iter().filter(|planned| !planned.reason.is_dropped()).collect()
}

/// The beginnings of a slot of this name.
fn begins(plan: &[Planned], name: &str) -> Vec<String> {
    let of =
        plan.iter().filter(|planned| matches!(&planned.reason, Reason::Slot { slot, .. } if slot == name));
    of.map(|planned| time(planned.at).to_string()).collect()
}
