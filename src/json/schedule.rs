//! What is played by the clock, as a calendar.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::{Map, Value};

use super::FileNames;
use crate::time::{as_seconds, rfc3339};
use crate::{
    DaypartSettings, Ingredient, IngredientKind, InsertSettings, ScheduledDay, SeparationSettings,
    SlotSettings, path_text,
};

/// A schedule, and a week of it.
#[derive(Debug, Serialize)]
pub struct Schedule {
    /// The name of its time zone. All civil times are meant in it.
    zone: String,
    now: String,
    dayparts: Vec<Daypart>,
    inserts: Vec<Insert>,
    slots: Vec<Slot>,
    separation: Separation,
    week: Vec<Day>,
    /// The slots that could not be played within the last hour, each in a sentence.
    dropped: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Daypart {
    name: String,
    days: String,
    from: String,
    to: String,
    playlists: Vec<Weighted>,
    /// The first daypart before it that it overlaps with. That one is played then.
    gives_way_to: Option<String>,
    #[serde(flatten)]
    origin: Origin,
}

/// Whether it was added to what is declared.
#[derive(Debug, Serialize)]
struct Origin {
    added: bool,
    /// What was added, by the keys of a configuration: what has its default is left out.
    written: Option<Map<String, Value>>,
}

#[derive(Debug, Serialize)]
struct Weighted {
    playlist: String,
    weight: u32,
}

#[derive(Debug, Serialize)]
struct Insert {
    name: String,
    playlist: String,
    every: String,
    kind: &'static str,
    #[serde(flatten)]
    origin: Origin,
}

#[derive(Debug, Serialize)]
struct Slot {
    name: String,
    at: Vec<String>,
    play: String,
    otherwise: Option<String>,
    start: &'static str,
    #[serde(serialize_with = "as_seconds")]
    late: Duration,
    max_age: Option<f64>,
    over_live: &'static str,
    #[serde(rename = "for")]
    lasts: Option<f64>,
    kind: &'static str,
    #[serde(flatten)]
    origin: Origin,
}

#[derive(Debug, Serialize)]
struct Separation {
    #[serde(serialize_with = "as_seconds")]
    track: Duration,
    #[serde(serialize_with = "as_seconds")]
    artist: Duration,
    #[serde(serialize_with = "as_seconds")]
    title: Duration,
}

#[derive(Debug, Serialize)]
struct Day {
    date: String,
    begins: String,
    ends: String,
    dayparts: Vec<Hours>,
    slots: Vec<Time>,
}

#[derive(Debug, Serialize)]
struct Hours {
    daypart: usize,
    begins: String,
    ends: String,
    /// The same as its clocks show it.
    from: String,
    to: String,
}

#[derive(Debug, Serialize)]
struct Time {
    slot: usize,
    at: String,
    /// The same as its clocks show it.
    time: String,
}

impl Schedule {
    /// From [`Pipeline::schedule_with_added`](crate::Pipeline::schedule_with_added), its week and
    /// [`Pipeline::dropped_slots`](crate::Pipeline::dropped_slots).
    pub fn of(
        schedule: &crate::Schedule,
        added: &[Ingredient],
        week: &[ScheduledDay],
        dropped: Vec<String>,
        now: SystemTime,
        names: &dyn FileNames,
    ) -> Schedule {
        let dayparts = schedule.dayparts.iter().enumerate();
        let origin = |kind: IngredientKind, name: &str| {
            let one = added.iter().find(|one| one.kind() == kind && one.name() == name);
            let written = one.map(|one| one.written(&|path| listed(path, names)));
            Origin { added: written.is_some(), written }
        };
        let daypart = |(index, is): (usize, &DaypartSettings)| {
            Daypart::of(is, schedule, index, names, origin(IngredientKind::Daypart, &is.name))
        };
        let insert = |is: &InsertSettings| Insert::of(is, names, origin(IngredientKind::Insert, &is.name));
        let slot = |is: &SlotSettings| Slot::of(is, names, origin(IngredientKind::Slot, &is.name));
        Schedule {
            zone: schedule.zone.to_string(),
            now: rfc3339(now),
            dayparts: dayparts.map(daypart).collect(),
            inserts: schedule.inserts.iter().map(insert).collect(),
            slots: schedule.slots.iter().map(slot).collect(),
            separation: Separation::of(&schedule.separation),
            week: week.iter().map(|day| Day::of(day, schedule)).collect(),
            dropped,
        }
    }
}

impl Daypart {
    fn of(
        DaypartSettings { name, days, from, to, playlists, weights }: &DaypartSettings,
        schedule: &crate::Schedule,
        index: usize,
        names: &dyn FileNames,
        origin: Origin,
    ) -> Daypart {
        let weight = |index: usize| weights.get(index).copied().unwrap_or(1);
        let weighted = |(index, path): (usize, &std::path::PathBuf)| Weighted {
            playlist: listed(path, names),
            weight: weight(index),
        };
        Daypart {
            name: name.clone(),
            days: days.to_string(),
            from: from.to_string(),
            to: to.to_string(),
            playlists: playlists.iter().enumerate().map(weighted).collect(),
            gives_way_to: schedule.hidden_by(index).map(ToString::to_string),
            origin,
        }
    }
}

impl Insert {
    fn of(insert: &InsertSettings, names: &dyn FileNames, origin: Origin) -> Insert {
        Insert {
            name: insert.label(),
            playlist: listed(&insert.playlist, names),
            every: insert.every.to_string(),
            kind: insert.kind.as_str(),
            origin,
        }
    }
}

impl Slot {
    fn of(slot: &SlotSettings, names: &dyn FileNames, origin: Origin) -> Slot {
        Slot {
            name: slot.label(),
            at: slot.at.iter().map(ToString::to_string).collect(),
            play: names.file(&slot.play),
            otherwise: slot.otherwise.as_ref().map(|path| names.file(path)),
            start: slot.start.as_str(),
            late: slot.late,
            max_age: slot.max_age.map(crate::time::seconds),
            over_live: slot.over_live.as_str(),
            lasts: slot.lasts.map(crate::time::seconds),
            kind: slot.kind.as_str(),
            origin,
        }
    }
}

impl Separation {
    fn of(SeparationSettings { track, artist, title }: &SeparationSettings) -> Separation {
        Separation { track: *track, artist: *artist, title: *title }
    }
}

impl Day {
    fn of(
        ScheduledDay { date, begins, ends, dayparts, slots }: &ScheduledDay,
        schedule: &crate::Schedule,
    ) -> Day {
        let clock = |at: SystemTime| schedule.zone.clock(at);
        Day {
            date: date.clone(),
            begins: rfc3339(*begins),
            ends: rfc3339(*ends),
            dayparts: dayparts
                .iter()
                .map(|hours| Hours {
                    daypart: hours.daypart,
                    begins: rfc3339(hours.begins),
                    ends: rfc3339(hours.ends),
                    from: clock(hours.begins),
                    to: clock(hours.ends),
                })
                .collect(),
            slots: slots
                .iter()
                .map(|slot| Time { slot: slot.slot, at: rfc3339(slot.at), time: clock(slot.at) })
                .collect(),
        }
    }
}

/// A path, or a playlist of the library, which keeps its name.
fn listed(path: &Path, names: &dyn FileNames) -> String {
    match crate::library::library_playlist(path) {
        Some(_) => path_text::to_text(path).into_owned(),
        None => names.file(path),
    }
}
