//! The settings of requests.

use std::time::Duration;

use crate::access::Slot;
use crate::error::{Error, Result};
use crate::playout::RequestLimits;
use crate::setting::{
    COUNT, Declared, DefaultValue, Kind, Reload, Setting, Settings, TIME, Takes, Values, settings,
};

/// What listeners may request of a pipeline, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestSettings {
    /// When requests are taken. If empty, always.
    pub open: Vec<Slot>,
    /// The limits.
    pub limits: RequestLimits,
}

impl Default for RequestSettings {
    fn default() -> RequestSettings {
        let per_track = Duration::from_secs(4 * 3600);
        RequestSettings {
            open: Vec::new(),
            limits: RequestLimits { per_address: 3, per_hour: 12, per_track, waiting: 10 },
        }
    }
}

/// The key of a pipeline's requests.
pub(crate) const REQUESTS: Declared = Declared {
    key: "requests",
    kind: Kind::Table,
    values: Values::One,
    default: DefaultValue::Words("none are taken"),
    reload: Reload::Applied,
    doc: "What listeners may request, see below. It needs a `[library]`.",
};

/// Whatever is longer is a slip of the keyboard, and is remembered for so long.
const LONGEST_PER_TRACK: Duration = Duration::from_secs(30 * 24 * 3600);

/// As many are remembered.
const MOST_PER_HOUR: usize = 1_000;

/// Whatever is longer says no more than always.
const MOST_OPEN: usize = 256;

impl Settings for RequestSettings {
    const KEYS: &'static [Setting<RequestSettings>] = settings! {
        "open" else "always", OPEN => [open, "name times, or leave the key out to take them always"], Applied,
            "When requests are taken: `\"Mon-Fri 08:00 for 12h\"`, or a list of such times, as for the slots of \
             users. They are meant in the pipeline's `timezone`, unless they name one: \
             `\"Sat 20:00 for 4h in Europe/Berlin\"`.";
        "per_address" = "3", COUNT => limits.per_address, Applied,
            "Requests of one address in an hour, at most. With IPv6, a whole /64 counts as one.";
        "per_hour" = "12", COUNT => limits.per_hour, Applied, "Requests of all in an hour, at most; up to 1000.";
        "per_track" = "4h", TIME => limits.per_track, Applied,
            "How long after it was heard a track may be requested again, up to 30d. One that waits may not be.";
        "waiting" = "10", COUNT => limits.waiting, Applied, "Requests that wait to be played, at most; up to 1000.";
    };

    fn sample() -> RequestSettings {
        RequestSettings::default()
    }

    fn check(&self) -> Result<()> {
        if self.limits.per_track > LONGEST_PER_TRACK {
            return Err(Error::setting("per_track", "up to 30d"));
        }
        if self.limits.per_hour > MOST_PER_HOUR {
            return Err(Error::setting("per_hour", format!("up to {MOST_PER_HOUR}")));
        }
        if self.limits.waiting > MOST_PER_HOUR {
            return Err(Error::setting("waiting", format!("up to {MOST_PER_HOUR}")));
        }
        if self.open.len() > MOST_OPEN {
            return Err(Error::setting("open", format!("{} times: up to {MOST_OPEN}", self.open.len())));
        }
        Ok(())
    }
}

const OPEN: Takes<Slot> = Takes::Text(str::parse);
