//! What a schedule is declared of: dayparts, inserts, slots, and the separation of what is heard.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::civil::{Days, TimeOfDay, WeekTimes};
use crate::error::{Error, Result};
use crate::names::named;
use crate::path_text;
use crate::playout::TrackKind;
use crate::setting::values::{duration, duration_text};
use crate::setting::{
    Declared, DefaultValue, Kind, Reload, Setting, Settings, TEXT, TIME, Takes, Values, Written, choice,
    settings,
};

/// The most dayparts, inserts or slots of a pipeline, times of a slot, and playlists of a daypart.
pub(crate) const MOST_OF_A_KIND: usize = 256;
/// The most parts that a playlist has of a daypart.
const MOST_WEIGHT: u32 = 100;
/// A slot that may not be later than its moment is always too late.
const LEAST_LATE: Duration = Duration::from_secs(1);
/// A slot that is later than this is another day's.
const LATEST: Duration = Duration::from_secs(12 * 3600);
/// What is remembered of what was heard.
const LONGEST_SEPARATION: Duration = Duration::from_secs(30 * 86_400);
const LONGEST_EVERY: Duration = Duration::from_secs(7 * 86_400);

/// Hours of the week that have playlists of their own. Outside of them the pipeline's `playlist` plays.
#[derive(Clone, Debug, PartialEq)]
pub struct DaypartSettings {
    /// What it is called in reasons; may be empty.
    pub name: String,
    /// The days on which it begins.
    pub days: Days,
    /// When it begins.
    pub from: TimeOfDay,
    /// When it ends: on the next day if that is not after `from`.
    pub to: TimeOfDay,
    /// Files, folders and playlists, each of which takes its turns.
    pub playlists: Vec<PathBuf>,
    /// How many turns each of them has: 1 to 100. Those without a number have one.
    pub weights: Vec<u32>,
}

impl Default for DaypartSettings {
    fn default() -> DaypartSettings {
        DaypartSettings {
            name: String::new(),
            days: Days::default(),
            from: TimeOfDay::MIDNIGHT,
            to: TimeOfDay::MIDNIGHT,
            playlists: Vec::new(),
            weights: Vec::new(),
        }
    }
}

impl DaypartSettings {
    /// How many turns the playlist at this index has.
    pub(super) fn weight(&self, index: usize) -> i64 {
        self.weights.get(index).map_or(1, |weight| i64::from(*weight))
    }
}

impl fmt::Display for DaypartSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = format!("{} {}-{}", self.days, self.from, self.to);
        if self.name.is_empty() { f.write_str(&hours) } else { write!(f, "{} ({hours})", self.name) }
    }
}

impl Settings for DaypartSettings {
    const KEYS: &'static [Setting<DaypartSettings>] = settings! {
        "name" else "none", TEXT => name, Applied,
            "What it is called where a choice is explained.";
        "days" = "daily", DAYS => days, Applied,
            "The days on which it begins: `\"Mon-Fri\"`, `\"Sat,Sun\"` or `\"daily\"`.";
        "from" = "00:00", TIME_OF_DAY => from, Applied, "When it begins, in the pipeline's `timezone`.";
        "to" = "00:00", TIME_OF_DAY => to, Applied,
            "When it ends: on the next day if that is not after `from`.";
        "playlist" else "required", LISTED => [playlists], Applied,
            "A path or a list of paths: audio files, folders, M3U, PLS and XSPF playlists, and playlists of \
             the library (`library:morning`). Each plays in an order of its own, in which no track comes \
             twice before all have played, and takes its turns.";
        "weight" else "1 each", WEIGHT => [weights], Applied,
            "A number or a list of numbers: how many turns each playlist has, 1 to 100.";
    };

    fn sample() -> DaypartSettings {
        DaypartSettings { playlists: vec![PathBuf::new(); MOST_OF_A_KIND], ..DaypartSettings::default() }
    }

    fn check(&self) -> Result<()> {
        if let Some(weight) = self.weights.iter().find(|weight| !(1..=MOST_WEIGHT).contains(*weight)) {
            return Err(Error::setting("weight", format!("{weight} is out of range: 1 to {MOST_WEIGHT}")));
        }
        if self.weights.len() > self.playlists.len() {
            let reason = format!("{} numbers for {} playlists", self.weights.len(), self.playlists.len());
            return Err(Error::setting("weight", reason));
        }
        if self.playlists.len() > MOST_OF_A_KIND {
            let reason = format!("a daypart has {MOST_OF_A_KIND} playlists at most");
            return Err(Error::setting("playlist", reason));
        }
        if self.playlists.is_empty() {
            return Err(Error::setting("playlist", "a daypart needs one at least"));
        }
        Ok(())
    }
}

/// Something short that comes again and again between the songs: jingles, spots.
#[derive(Clone, Debug, PartialEq)]
pub struct InsertSettings {
    /// What it is called in reasons. Empty: by what it plays.
    pub name: String,
    /// A file, folder or playlist. One track of it is played each time.
    pub playlist: PathBuf,
    /// How often it comes.
    pub every: Every,
    /// What its tracks are for.
    pub kind: TrackKind,
}

impl Default for InsertSettings {
    fn default() -> InsertSettings {
        InsertSettings {
            name: String::new(),
            playlist: PathBuf::new(),
            every: Every::Songs(4),
            kind: TrackKind::Jingle,
        }
    }
}

impl InsertSettings {
    /// What it is called.
    pub fn label(&self) -> String {
        label(&self.name, &self.playlist)
    }
}

impl Settings for InsertSettings {
    const KEYS: &'static [Setting<InsertSettings>] = settings! {
        "name" else "by what it plays", TEXT => name, Applied,
            "What it is called where a choice is explained.";
        "playlist" else "required", LISTED => playlist, Applied,
            "A path: an audio file, folder, M3U, PLS or XSPF playlist, or a playlist of the library \
             (`library:jingles`). One track of it is played each time, and none comes twice before all have \
             played.";
        "every" = "4 songs", EVERY => every, Applied,
            "How often it comes: `\"4 songs\"`, or a time such as `\"15m\"`. It comes between two tracks, \
             and once between two songs.";
        "kind" = "jingle", KIND => kind, Applied,
            "What its tracks are for: `\"jingle\"`, `\"spot\"`, `\"show\"` or `\"music\"`.";
    };

    fn sample() -> InsertSettings {
        InsertSettings { playlist: PathBuf::from("jingles"), ..InsertSettings::default() }
    }

    fn check(&self) -> Result<()> {
        match self.every {
            _ if self.playlist.as_os_str().is_empty() => {
                Err(Error::setting("playlist", "an insert needs one: \"jingles\", for example"))
            }
            Every::Songs(0) => Err(Error::setting("every", "it takes one song at least")),
            Every::Time(time) if time.is_zero() || time > LONGEST_EVERY => {
                Err(Error::setting("every", format!("{} is out of range: up to 7d", duration_text(time))))
            }
            _ => Ok(()),
        }
    }
}

/// How often an insert comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// After so many tracks of kind music.
    Songs(u32),
    /// When so much time has passed since it came last.
    Time(Duration),
}

impl fmt::Display for Every {
    /// As it is written: `4 songs`, `15m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Every::Songs(1) => f.write_str("1 song"),
            Every::Songs(songs) => write!(f, "{songs} songs"),
            Every::Time(time) => f.write_str(&duration_text(*time)),
        }
    }
}

/// A time at which something is to play.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotSettings {
    /// What it is called in reasons and reports. Empty: by what it plays.
    pub name: String,
    /// When it comes.
    pub at: Vec<WeekTimes>,
    /// A file; a folder, of which the newest file is played that it has not played yet; or either with
    /// `%Y-%m-%d` and the like in its name, for the time at which it comes.
    pub play: PathBuf,
    /// What is played instead if that cannot be.
    pub otherwise: Option<PathBuf>,
    /// How it begins.
    pub start: SlotStart,
    /// How late it may begin. After that it is dropped.
    pub late: Duration,
    /// How old its file may be. `None`: of any age.
    pub max_age: Option<Duration>,
    /// What it does when a DJ is live.
    pub over_live: OverLive,
    /// How long it may take: then it fades out. `None`: to its end.
    pub lasts: Option<Duration>,
    /// What its file is for.
    pub kind: TrackKind,
}

impl Default for SlotSettings {
    fn default() -> SlotSettings {
        SlotSettings {
            name: String::new(),
            at: Vec::new(),
            play: PathBuf::new(),
            otherwise: None,
            start: SlotStart::Soft,
            late: Duration::from_secs(600),
            max_age: None,
            over_live: OverLive::Wait,
            lasts: None,
            kind: TrackKind::Show,
        }
    }
}

impl SlotSettings {
    /// What it is called.
    pub fn label(&self) -> String {
        label(&self.name, &self.play)
    }

    /// What it names. Of a path with a time in it, the folder in which all of them lie.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.play), self.otherwise.as_ref()].into_iter().flatten().map(|path| without_time(path))
    }
}

impl Settings for SlotSettings {
    const KEYS: &'static [Setting<SlotSettings>] = settings! {
        "name" else "by what it plays", TEXT => name, Applied,
            "What it is called where a choice is explained.";
        "at" else "required", WEEK_TIMES => [at], Applied,
            "A time or a list of times, in the pipeline's `timezone`: `\"Mon-Fri 07:00\"`, `\"daily *:00\"` \
             (every hour), `\"Sat,Sun 06-10:30\"`. A time that is skipped when clocks go forward comes when \
             the gap ends, and one that is repeated when they go back comes the first time.";
        "play" else "required", SLOT_FILE => play, Applied,
            "A file; a folder, of which the newest file is played that it has not played yet; or a name \
             with the time in it: `\"news/%Y-%m-%d-%H.mp3\"`.";
        "otherwise" else "nothing", SLOT_FILE => otherwise, Applied,
            "A file or folder that is played instead if that is missing, too old, or cannot be played. \
             Without it, `play` is waited for until the slot is too `late`.";
        "start" = "soft", START => start, Applied,
            "`\"soft\"`: when the track on the air ends. `\"hard\"`: at the second, for which the track on \
             the air fades. `\"fit\"`: at the second within 15 seconds, for which tracks of fitting lengths \
             are chosen; where none fit, the track on the air fades.";
        "late" = "10m", TIME => late, Applied,
            "How late it may begin: 1s to 12h. What could not begin by then is dropped, with the reason, \
             and never played afterwards.";
        "max_age" else "any age", TIME => max_age, Applied,
            "How old its file may be, by the time at which it was written: `\"20h\"`. Yesterday's news are \
             not played.";
        "over_live" = "wait", OVER_LIVE => over_live, Applied,
            "What it does when a DJ is live or the programme is held: `\"wait\"` for the end of that, until \
             it is too `late`; `\"interrupt\"` it; or `\"skip\"` this time.";
        "for" else "to its end", TIME => lasts, Applied,
            "How long it may take: `\"30m\"`. What is longer fades out then.";
        "kind" = "show", KIND => kind, Applied,
            "What its file is for: `\"show\"`, `\"spot\"`, `\"jingle\"` or `\"music\"`.";
    };

    fn sample() -> SlotSettings {
        SlotSettings {
            at: vec!["daily 07:00".parse().expect("a time of the week")],
            play: PathBuf::from("news.mp3"),
            ..SlotSettings::default()
        }
    }

    fn check(&self) -> Result<()> {
        if self.at.len() > MOST_OF_A_KIND {
            return Err(Error::setting("at", format!("a slot has {MOST_OF_A_KIND} times at most")));
        }
        if self.at.is_empty() {
            return Err(Error::setting("at", "a slot needs a time: \"Mon-Fri 07:00\", for example"));
        }
        if self.play.as_os_str().is_empty() {
            return Err(Error::setting("play", "a slot needs something to play: \"news.mp3\", for example"));
        }
        if !(LEAST_LATE..=LATEST).contains(&self.late) {
            let late = duration_text(self.late);
            return Err(Error::setting("late", format!("{late} is out of range: 1s to 12h")));
        }
        if self.max_age.is_some_and(|age| age.is_zero()) {
            let reason =
                "every file is older than 0s: \"20h\", for example, or leave the key out for any age";
            return Err(Error::setting("max_age", reason));
        }
        if self.lasts.is_some_and(|lasts| lasts < Duration::from_secs(1)) {
            return Err(Error::setting("for", "it takes a second at least"));
        }
        Ok(())
    }
}

/// A name, else that of the file or folder without its extension.
fn label(name: &str, plays: &Path) -> String {
    match (name, plays.file_stem()) {
        ("", Some(stem)) => path_text::to_text(stem.as_ref()).into_owned(),
        ("", None) => path_text::to_text(plays).into_owned(),
        (name, _) => name.to_owned(),
    }
}

/// The part of a path before the first name that has a time in it.
pub(crate) fn without_time(path: &Path) -> &Path {
    let has_time =
        |path: &&Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().contains(&b'%'));
    let dated = path.ancestors().filter(has_time).last();
    dated.and_then(Path::parent).unwrap_or(path)
}

named! {
    /// How a slot begins.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub enum SlotStart {
        /// When the track on the air ends.
        #[default]
        Soft = "soft",
        /// At the second: the track on the air fades.
        Hard = "hard",
        /// At the second within 15 seconds: tracks of fitting lengths are chosen.
        Fit = "fit",
    }
}

impl SlotStart {
    /// Whether it does not wait for the end of a track.
    pub(crate) fn interrupts(self) -> bool {
        self != SlotStart::Soft
    }
}

named! {
    /// What a slot does when a DJ is live, or the programme is held.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub enum OverLive {
        /// It waits for the end of that, until it is too late.
        #[default]
        Wait = "wait",
        /// It takes the air.
        Interrupt = "interrupt",
        /// It is dropped.
        Skip = "skip",
    }
}

/// How much time lies between two plays of one track, artist or title. Where a library does not allow it, it
/// is relaxed step by step: of the artist first, of the track last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeparationSettings {
    /// Of one file.
    pub track: Duration,
    /// Of one artist.
    pub artist: Duration,
    /// Of one title, by whichever artist.
    pub title: Duration,
}

impl SeparationSettings {
    /// The longest of them.
    pub(crate) fn longest(&self) -> Duration {
        self.track.max(self.artist).max(self.title)
    }
}

impl Settings for SeparationSettings {
    const KEYS: &'static [Setting<SeparationSettings>] = settings! {
        "track" = "0s", TIME => track, Applied,
            "How much time lies between two plays of one track, up to 30d. (The same track never comes \
             twice in succession, unless there is no other.)";
        "artist" = "0s", TIME => artist, Applied,
            "How much time lies between two tracks of one artist, up to 30d.";
        "title" = "0s", TIME => title, Applied,
            "How much time lies between two tracks of one title, by whichever artist, up to 30d.";
    };

    fn sample() -> SeparationSettings {
        SeparationSettings::default()
    }

    fn check(&self) -> Result<()> {
        for (key, time) in [("track", self.track), ("artist", self.artist), ("title", self.title)] {
            if time > LONGEST_SEPARATION {
                let time = duration_text(time);
                return Err(Error::setting(key, format!("{time} is out of range: up to 30d")));
            }
        }
        Ok(())
    }
}

/// The key of a pipeline's dayparts.
pub(crate) const DAYPART: Declared =
    tables("daypart", "Hours of the week with playlists of their own, see below.");
/// The key of a pipeline's inserts.
pub(crate) const INSERT: Declared =
    tables("insert", "What comes again and again between the songs, see below.");
/// The key of a pipeline's slots.
pub(crate) const SLOT: Declared = tables("slot", "Times at which something is to play, see below.");
/// The key of a pipeline's separation.
pub(crate) const SEPARATION: Declared = Declared {
    values: Values::One,
    ..tables("separation", "How much time lies between two plays of a track or an artist, see below.")
};

const fn tables(key: &'static str, doc: &'static str) -> Declared {
    Declared {
        key,
        kind: Kind::Table,
        values: Values::List,
        default: DefaultValue::Words("none"),
        reload: Reload::Applied,
        doc,
    }
}

/// A path, or a playlist of the library.
const LISTED: Takes<PathBuf> = Takes::PathOr(&["library:"], |written| match written {
    Written::Path(path) => Ok(path),
    Written::Text(name) => Ok(name.into()),
    Written::Integer(_) | Written::Flag(_) => Err("it takes a path".into()),
});

/// A path. What else is played elsewhere is refused by what it begins with.
const SLOT_FILE: Takes<PathBuf> = Takes::PathOr(&["library:", "http:", "https:"], |written| match written {
    Written::Path(path) => Ok(path),
    Written::Text(text) => Err(format!(
        "{text:?} is no path: a slot plays a file or a folder, no playlist of the library and no stream"
    )),
    Written::Integer(_) | Written::Flag(_) => Err("it takes a path".into()),
});

const DAYS: Takes<Days> = Takes::Text(str::parse);
const TIME_OF_DAY: Takes<TimeOfDay> = Takes::Text(str::parse);
const WEEK_TIMES: Takes<WeekTimes> = Takes::Text(str::parse);
const KIND: Takes<TrackKind> = Takes::Text(|name| by_name(name, TrackKind::ALL, TrackKind::as_str));
const START: Takes<SlotStart> = Takes::Text(|name| by_name(name, SlotStart::ALL, SlotStart::as_str));
const OVER_LIVE: Takes<OverLive> = Takes::Text(|name| by_name(name, OverLive::ALL, OverLive::as_str));
const WEIGHT: Takes<u32> =
    Takes::Integer(|number| u32::try_from(number).map_err(|_| format!("{number} is out of range")));

const EVERY: Takes<Every> = Takes::Text(|text| {
    let songs = text.strip_suffix("songs").or_else(|| text.strip_suffix("song")).map(str::trim);
    match songs.map(str::parse) {
        Some(Ok(songs)) => Ok(Every::Songs(songs)),
        Some(Err(_)) => Err(format!("{text:?} is no number of songs: write \"4 songs\"")),
        None => duration(text).map(Every::Time).map_err(|reason| format!("{reason}, or \"4 songs\"")),
    }
});

fn by_name<T: Copy>(name: &str, all: &[T], name_of: fn(T) -> &'static str) -> std::result::Result<T, String> {
    let choices: Vec<(&str, T)> = all.iter().map(|one| (name_of(*one), *one)).collect();
    choice(name, &choices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        fn key<S: Settings>(differ: impl FnOnce(&mut S)) -> Option<&'static str> {
            let mut settings = S::sample();
            differ(&mut settings);
            match settings.check() {
                Err(Error::Setting { key, .. }) => Some(key),
                other => other.map(|()| None).unwrap(),
            }
        }
        let days = |days: u64| Duration::from_secs(days * 86_400);
        assert_eq!(key::<DaypartSettings>(|_| ()), None);
        assert_eq!(key::<DaypartSettings>(|daypart| daypart.weights = vec![1, 0]), Some("weight"));
        assert_eq!(key::<DaypartSettings>(|daypart| daypart.playlists.clear()), Some("playlist"));
        assert_eq!(key::<InsertSettings>(|insert| insert.every = Every::Songs(0)), Some("every"));
        assert_eq!(key::<InsertSettings>(|insert| insert.every = Every::Time(days(8))), Some("every"));
        assert_eq!(key::<InsertSettings>(|insert| insert.playlist = PathBuf::new()), Some("playlist"));
        assert_eq!(key::<SlotSettings>(|_| ()), None);
        assert_eq!(key::<SlotSettings>(|slot| slot.at.clear()), Some("at"));
        assert_eq!(key::<SlotSettings>(|slot| slot.play = PathBuf::new()), Some("play"));
        assert_eq!(key::<SlotSettings>(|slot| slot.late = days(1)), Some("late"));
        assert_eq!(key::<SlotSettings>(|slot| slot.late = Duration::ZERO), Some("late"));
        assert_eq!(key::<SlotSettings>(|slot| slot.max_age = Some(Duration::ZERO)), Some("max_age"));
        assert_eq!(key::<SlotSettings>(|slot| slot.lasts = Some(Duration::ZERO)), Some("for"));
        assert_eq!(key::<SeparationSettings>(|separation| separation.artist = days(31)), Some("artist"));
    }

    #[test]
    fn inserts_come_by_songs_or_by_time() {
        let read = |text| EVERY.read(Written::Text(text));
        assert_eq!(read("4 songs"), Ok(Every::Songs(4)));
        assert_eq!(read("1 song"), Ok(Every::Songs(1)));
        assert_eq!(read("15m"), Ok(Every::Time(Duration::from_secs(900))));
        for text in ["4 songs", "1 song", "15m", "1h30m", "1d", "7d"] {
            assert_eq!(read(text).unwrap().to_string(), text);
        }
        assert!(read("four songs").unwrap_err().contains("no number of songs"));
        assert!(read("4").unwrap_err().contains("or \"4 songs\""));
    }
}
