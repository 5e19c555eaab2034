//! The settings of a live input.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::super::relay_settings::SOURCE_TIMEOUTS;
use crate::audio::PcmSpec;
use crate::engine::live::LiveSetup;
use crate::error::{Error, Result};
use crate::playout::{AfterLive, LiveTerms};
use crate::recording::RecordSettings;
use crate::setting::values::duration_text;
use crate::setting::{
    DECIBELS, Declared, DefaultValue, Kind, Reload, SMALL_COUNT, Setting, Settings, TEXT, TIME, TIME_OR_OFF,
    Takes, Values, choice, settings,
};

/// A place in a pipeline where a source is decoded and mixed: a DJ takes over the air there, and gives it
/// back.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveSettings {
    /// Where sources go: `/live`. It begins with `/`, and no other live input or mount has it.
    pub path: String,
    /// The higher goes before the lower; of equals, the one whose sound came first has the air.
    pub priority: u32,
    /// How long its take-over fades: up to 30 s.
    pub fade_in: Duration,
    /// How long it fades when it gives back: up to 30 s.
    pub fade_out: Duration,
    /// How much is buffered before it goes on the air: 200 ms to 20 s. So long may its line stall.
    pub buffer: Duration,
    /// How long it may send nothing before its connection is closed: 1 s to 10 min.
    pub source_timeout: Duration,
    /// How long a source that has left may come back and go on with its session: up to 10 min.
    pub grace: Duration,
    /// Which track the programme goes on with after a session.
    pub after_live: AfterLive,
    /// How long it may be silent before the programme takes over; `None`: for ever.
    pub dead_air_after: Option<Duration>,
    /// What counts as silence, in decibels below full scale (of the mean power): -120 to -20.
    pub dead_air_below_db: f32,
    /// Where its sources are recorded, if at all.
    pub record: RecordSettings,
}

impl Default for LiveSettings {
    fn default() -> LiveSettings {
        LiveSettings {
            path: "/live".into(),
            priority: 1,
            fade_in: Duration::from_secs(1),
            fade_out: Duration::from_secs(1),
            buffer: Duration::from_secs(5),
            source_timeout: Duration::from_secs(10),
            grace: Duration::from_secs(10),
            after_live: AfterLive::Next,
            dead_air_after: Some(Duration::from_secs(20)),
            dead_air_below_db: -60.0,
            record: RecordSettings::default(),
        }
    }
}

impl Settings for LiveSettings {
    const KEYS: &'static [Setting<LiveSettings>] = settings! {
        "path" = "/live", TEXT => path, Applied,
            "Where sources go. It begins with `/`, and no other live input and no mount has it.";
        "priority" = "1", SMALL_COUNT => priority, Applied,
            "The live input with the highest one that has sound is on the air; of equals, the one whose sound \
             came first. Two of equal priority hand over to each other directly.";
        "fade_in" = "1s", TIME => fade_in, Applied,
            "How long it fades in, and what it takes over from fades out: up to 30s.";
        "fade_out" = "1s", TIME => fade_out, Applied,
            "How long it fades out when it gives back, and the programme fades in: up to 30s. A broken line \
             fades over what is left in the buffer, if that is less.";
        "buffer" = "5s", TIME => buffer, Applied,
            "How much is buffered before it goes on the air: `\"200ms\"` to `\"20s\"`. So long may its line \
             stall. What a DJ says is heard so much later.";
        "source_timeout" = "10s", TIME => source_timeout, Applied,
            "How long a source may send nothing before its connection is closed: 1s to 10m.";
        "grace" = "10s", TIME => grace, Applied,
            "How long a source that has left may come back and go on with the same session, up to 10m. \
             Meanwhile the track goes on that was held.";
        "after_live" = "next", AFTER_LIVE => after_live, Applied,
            "Which track the programme goes on with when a session is over: `\"next\"`, or `\"resume\"` for the \
             one that was held. After a session that was shorter than `grace` it is always that one.";
        "dead_air_after" = "20s", TIME_OR_OFF => dead_air_after, Applied,
            "How long it may be silent before the programme takes over, or `\"off\"`. After a second of sound it \
             is on the air again.";
        "dead_air_below_db" = "-60", DECIBELS => dead_air_below_db, Applied,
            "What counts as silence, in decibels below full scale: -120 to -20.";
    };

    fn sample() -> LiveSettings {
        LiveSettings::default()
    }

    fn check(&self) -> Result<()> {
        LiveSettings::check(self)
    }
}

/// The key of a pipeline's live inputs.
pub(crate) const LIVE: Declared = Declared {
    key: "live",
    kind: Kind::Table,
    values: Values::List,
    default: DefaultValue::Words("none"),
    reload: Reload::Applied,
    doc: "Places where a DJ takes over the air, see below.",
};

const AFTER_LIVE: Takes<AfterLive> =
    Takes::Text(|name| choice(name, &[("next", AfterLive::Next), ("resume", AfterLive::Resume)]));

const LONGEST_FADE: Duration = Duration::from_secs(30);
const LONGEST_GRACE: Duration = Duration::from_secs(600);
const BUFFER: RangeInclusive<Duration> = Duration::from_millis(200)..=Duration::from_secs(20);
const PATH_BYTES: usize = 255;

/// The most live inputs of a pipeline.
const MOST_INPUTS: usize = 64;

/// Refuses live inputs that cannot be together.
pub(in crate::pipeline) fn check_all(inputs: &[LiveSettings]) -> Result<()> {
    if inputs.len() > MOST_INPUTS {
        return Err(Error::setting("live", format!("{} live inputs: up to {MOST_INPUTS}", inputs.len())));
    }
    for (index, input) in inputs.iter().enumerate() {
        input.check()?;
        if inputs[..index].iter().any(|other| other.path == input.path) {
            return Err(Error::setting("path", format!("there is a live input {} already", input.path)));
        }
    }
    Ok(())
}

impl LiveSettings {
    /// A live input at this path, with the default settings.
    pub fn at(path: impl Into<String>) -> LiveSettings {
        LiveSettings { path: path.into(), ..LiveSettings::default() }
    }

    fn check(&self) -> Result<()> {
        check_path(&self.path)?;
        check_time("fade_in", self.fade_in, Duration::ZERO..=LONGEST_FADE)?;
        check_time("fade_out", self.fade_out, Duration::ZERO..=LONGEST_FADE)?;
        check_time("buffer", self.buffer, BUFFER)?;
        check_time("source_timeout", self.source_timeout, SOURCE_TIMEOUTS)?;
        check_time("grace", self.grace, Duration::ZERO..=LONGEST_GRACE)?;
        super::super::settings::check_silence(self.dead_air_after, self.dead_air_below_db)?;
        self.record.check()
    }

    /// What a mixer has to know of it.
    pub(in crate::pipeline) fn setup(&self, spec: PcmSpec) -> LiveSetup {
        let frames = |time| spec.rate.frames_in(time);
        LiveSetup {
            path: Arc::from(self.path.as_str()),
            terms: LiveTerms {
                priority: self.priority,
                fade_in: frames(self.fade_in),
                fade_out: frames(self.fade_out),
                buffer: frames(self.buffer),
                dead_air_after: self.dead_air_after.map(frames),
                silence: 10_f32.powf(self.dead_air_below_db / 10.0),
            },
            grace: frames(self.grace),
            after_live: self.after_live,
        }
    }
}

fn check_path(path: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '%' | '"' | '<' | '>' | '\\');
    if path.starts_with('/') && path.len() > 1 && path.len() <= PATH_BYTES && path.chars().all(plain) {
        return Ok(());
    }
    Err(Error::setting(
        "path",
        format!(
            "{path:?} is no path for a live input: it begins with / as in /live, and goes on with plain characters"
        ),
    ))
}

fn check_time(key: &'static str, time: Duration, range: RangeInclusive<Duration>) -> Result<()> {
    if range.contains(&time) {
        return Ok(());
    }
    let [time, shortest, longest] = [time, *range.start(), *range.end()].map(duration_text);
    Err(Error::setting(key, format!("{time} is out of range: {shortest} to {longest}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        fn refused(differ: impl FnOnce(&mut LiveSettings)) -> Option<&'static str> {
            let mut input = LiveSettings::default();
            differ(&mut input);
            match input.check() {
                Err(Error::Setting { key, .. }) => Some(key),
                other => other.map(|()| None).unwrap(),
            }
        }
        let seconds = Duration::from_secs;
        assert_eq!(refused(|_| ()), None);
        for path in ["", "/", "live", "/a b", "/a?b", "/ü", "/\n"] {
            assert_eq!(refused(|input| input.path = path.into()), Some("path"), "{path:?}");
        }
        assert_eq!(refused(|input| input.fade_in = seconds(31)), Some("fade_in"));
        assert_eq!(refused(|input| input.fade_out = seconds(31)), Some("fade_out"));
        for buffer in [Duration::from_millis(199), seconds(21), Duration::ZERO] {
            assert_eq!(refused(|input| input.buffer = buffer), Some("buffer"));
        }
        assert_eq!(refused(|input| input.grace = seconds(601)), Some("grace"));
        assert_eq!(refused(|input| (input.grace, input.fade_in) = (seconds(0), seconds(0))), None);
        assert_eq!(refused(|input| input.dead_air_after = Some(seconds(0))), Some("dead_air_after"));
        assert_eq!(refused(|input| input.dead_air_below_db = 0.0), Some("dead_air_below_db"));
        let twice = [LiveSettings::default(), LiveSettings::default()];
        assert!(check_all(&twice).unwrap_err().to_string().contains("/live already"));
        assert!(check_all(&[LiveSettings::default(), LiveSettings::at("/two")]).is_ok());
    }
}
