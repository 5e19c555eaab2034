//! What a station plays by the clock: a rule. Civil time, what was heard, and what there is to choose from go
//! in; the next track and the reason for it come out.
//!
//! `Schedule` is what is declared, and `Rules` the same, ready for use. The `Director` owns all that
//! changes: how far each playlist is, what was heard when, which slots are over. It is asked for the next
//! track as often as one likes, and told what has begun. What there is to choose from is `Material`.
//! A `preview` asks a copy of the director.

mod composed;
mod director;
mod fit;
mod ingredient;
mod inserts;
mod last_plays;
mod material;
mod pick;
mod preview;
#[cfg(feature = "library")]
mod reading;
mod reason;
mod rotation;
mod settings;
mod slots;
#[cfg(test)]
mod tests;
mod week;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use crate::civil::Zone;
use crate::error::{self, Error};
use crate::home::Home;
use crate::path_text;
use crate::playout::Crossfade;
use crate::setting::Settings;

use self::settings::MOST_OF_A_KIND;

pub(crate) use self::composed::Composed;
pub(crate) use self::director::{Director, Interruption, Playing};
pub use self::ingredient::{Ingredient, IngredientKind};
pub(in crate::playout) use self::last_plays::CLOCK_SLACK;
#[cfg(feature = "library")]
pub(crate) use self::material::address_key;
pub(crate) use self::material::{Keys, Material, SlotWants, Track, Tracks, Wanted};
pub(crate) use self::pick::Pick;
pub use self::preview::Planned;
pub(crate) use self::preview::{preview, preview_of_what_comes};
pub use self::reason::{Reason, Relaxed, Since};
pub(crate) use self::settings::{DAYPART, INSERT, SEPARATION, SLOT, without_time};
pub use self::settings::{
    DaypartSettings, Every, InsertSettings, OverLive, SeparationSettings, SlotSettings, SlotStart,
};
pub(crate) use self::slots::{Dropped, DueSlot, HARD_WITHIN};
pub use self::week::{DaypartHours, ScheduledDay, SlotTime};

/// What a pipeline plays by the clock. The default is nothing: its playlist alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schedule {
    /// Where its times are meant.
    pub zone: Zone,
    /// Hours of the week that have playlists of their own. Of two at the same time, the first counts.
    pub dayparts: Vec<DaypartSettings>,
    /// What comes again and again between the songs.
    pub inserts: Vec<InsertSettings>,
    /// Times at which something is to play.
    pub slots: Vec<SlotSettings>,
    /// How much time lies between two plays of a track or an artist.
    pub separation: SeparationSettings,
}

impl Schedule {
    /// The most dayparts, inserts or slots that it has.
    pub const MAX_OF_A_KIND: usize = MOST_OF_A_KIND;

    /// Whether nothing is declared: then tracks are not chosen by it.
    pub fn is_empty(&self) -> bool {
        *self == Schedule { zone: self.zone.clone(), ..Schedule::default() }
    }

    /// The keys whose values differ, but for the zone's.
    pub(crate) fn changes(&self, new: &Schedule) -> Vec<&'static str> {
        let keys = [
            (DAYPART.key, self.dayparts != new.dayparts),
            (INSERT.key, self.inserts != new.inserts),
            (SLOT.key, self.slots != new.slots),
            (SEPARATION.key, self.separation != new.separation),
        ];
        keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }

    /// The files, folders and playlists that it names. Of one with a time in its name, the folder in which
    /// all of them lie.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        let of_dayparts = self.dayparts.iter().flat_map(|daypart| &daypart.playlists);
        let of_inserts = self.inserts.iter().map(|insert| &insert.playlist);
        let of_slots = self.slots.iter().flat_map(SlotSettings::paths);
        of_dayparts.chain(of_inserts).map(PathBuf::as_path).chain(of_slots)
    }

    /// Refuses what cannot work.
    pub(crate) fn check(&self) -> error::Result<()> {
        let counts = [
            (DAYPART.key, self.dayparts.len()),
            (INSERT.key, self.inserts.len()),
            (SLOT.key, self.slots.len()),
        ];
        if let Some((key, count)) = counts.into_iter().find(|(_, count)| *count > MOST_OF_A_KIND) {
            return Err(Error::setting(key, format!("{count} of them: up to {MOST_OF_A_KIND}")));
        }
        self.dayparts.iter().try_for_each(Settings::check)?;
        self.inserts.iter().try_for_each(Settings::check)?;
        self.slots.iter().try_for_each(Settings::check)?;
        self.separation.check()
    }

    /// The first daypart before this one that it overlaps with, and so gives way to.
    pub(crate) fn hidden_by(&self, index: usize) -> Option<&DaypartSettings> {
        let own = minutes_of(&self.dayparts[index]);
        let meet = |one: &(i32, i32), other: &(i32, i32)| (other.0 - one.0).rem_euclid(WEEK) < one.1;
        let overlaps = |other: &&DaypartSettings| {
            let other = minutes_of(other);
            other.iter().any(|other| own.iter().any(|own| meet(own, other) || meet(other, own)))
        };
        self.dayparts[..index].iter().find(overlaps)
    }
}

/// A schedule that is ready for use.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    zone: TimeZone,
    dayparts: Vec<Named<DaypartSettings>>,
    inserts: Vec<Named<InsertSettings>>,
    slots: Vec<Named<SlotSettings>>,
    separation: SeparationSettings,
    /// How two tracks meet.
    crossfade: Crossfade,
    /// The home of what the director remembers.
    home: Home,
}

/// Settings, and the name under which the director remembers their state. It is made of what is declared, so
/// that the state outlives a reload that moves them.
#[derive(Clone, Debug)]
struct Named<S> {
    key: String,
    is: S,
}

impl Rules {
    /// Makes the rules of a schedule, for tracks that meet in this way. Nothing remembers anything.
    pub fn new(schedule: &Schedule, crossfade: Crossfade) -> Rules {
        Rules::at_home(schedule, crossfade, &Home::default())
    }

    /// The same for a director that remembers what it has of this home.
    pub fn at_home(schedule: &Schedule, crossfade: Crossfade, home: &Home) -> Rules {
        let dayparts = schedule.dayparts.iter().map(|is| Named { key: is.to_string(), is: is.clone() });
        let inserts = schedule.inserts.iter().map(|is| {
            let name = if is.name.is_empty() { String::new() } else { format!(" {}", is.name) };
            let key = format!("{} {:?}{name}", name_at(home, &is.playlist), is.every);
            Named { key, is: is.clone() }
        });
        let slots = schedule.slots.iter().map(|is| {
            let at: Vec<String> = is.at.iter().map(ToString::to_string).collect();
            let key = format!("{} {} {}", at.join(", "), name_at(home, &is.play), is.name);
            Named { key, is: is.clone() }
        });
        Rules {
            zone: schedule.zone.zone(),
            dayparts: dayparts.collect(),
            inserts: inserts.collect(),
            slots: slots.collect(),
            separation: schedule.separation,
            crossfade,
            home: home.clone(),
        }
    }

    /// The same for tracks that meet in another way.
    pub fn with(&self, crossfade: Crossfade) -> Rules {
        Rules { crossfade, ..self.clone() }
    }

    /// How long a track and the next one overlap. Nothing overlaps with a show or a spot.
    pub fn overlap(&self, track: &Track) -> Duration {
        match self.crossfade {
            _ if track.entry.kind.is_alone() => Duration::ZERO,
            Crossfade::For(time) => time,
            Crossfade::Auto => track.decay,
        }
    }

    /// By what the director remembers a path.
    fn name_of(&self, path: &Path) -> String {
        name_at(&self.home, path)
    }

    /// The playlists that it names.
    pub fn playlists(&self) -> impl Iterator<Item = &Path> {
        let of_dayparts = self.dayparts.iter().flat_map(|daypart| &daypart.is.playlists);
        let of_inserts = self.inserts.iter().map(|insert| &insert.is.playlist);
        of_dayparts.chain(of_inserts).map(PathBuf::as_path)
    }

    /// The index of the daypart of this moment.
    fn daypart_at(&self, at: Timestamp) -> Option<usize> {
        if self.dayparts.is_empty() {
            return None;
        }
        let civil = self.zone.to_datetime(at);
        self.dayparts.iter().position(|daypart| is_within(&daypart.is, civil))
    }
}

fn name_at(home: &Home, path: &Path) -> String {
    path_text::to_text(&home.name_of(path)).into_owned()
}

/// The minutes of a week.
const WEEK: i32 = 7 * 24 * 60;

/// In which minute of the week a daypart begins on each of its days, and how many it has.
fn minutes_of(daypart: &DaypartSettings) -> Vec<(i32, i32)> {
    let minute = |time: Time| i32::from(time.hour()) * 60 + i32::from(time.minute());
    let (from, to) = (minute(daypart.from.time()), minute(daypart.to.time()));
    let length = if from < to { to - from } else { to - from + 24 * 60 };
    let days = Weekday::Monday.cycle_forward().take(7).filter(|day| daypart.days.has(*day));
    days.map(|day| (i32::from(day.to_monday_zero_offset()) * 24 * 60 + from, length)).collect()
}

/// Whether a moment lies in a daypart. One over midnight belongs to the day on which it begins.
fn is_within(daypart: &DaypartSettings, civil: DateTime) -> bool {
    let (from, to) = (daypart.from.time(), daypart.to.time());
    let (today, yesterday) = (civil.weekday(), civil.weekday().previous());
    let time = civil.time();
    match from < to {
        true => daypart.days.has(today) && from <= time && time < to,
        false => (daypart.days.has(today) && from <= time) || (daypart.days.has(yesterday) && time < to),
    }
}
