//! The settings of the history.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::path_text::with_suffix;
use crate::setting::values::duration_text;
use crate::setting::{Setting, Settings, TIME, Takes, Written, settings};

/// Where it is written down what was played and how many listened, and for how long that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistorySettings {
    /// The file, a database of SQLite. It is made if it is missing. `None`: nothing is written down. If a
    /// [`Config`](crate::Config) names none, it is beside the first `state_file`, else beside the library's
    /// database.
    pub file: Option<PathBuf>,
    /// How old a play may be. `None`: it is kept for ever.
    pub keep: Option<Duration>,
    /// How old the statistics of listeners may be: from a day to ten years.
    pub statistics_keep: Duration,
}

impl Default for HistorySettings {
    fn default() -> HistorySettings {
        HistorySettings { file: None, keep: None, statistics_keep: STATISTICS_KEEP }
    }
}

/// Ninety days: a quarter of a year can be seen.
const STATISTICS_KEEP: Duration = Duration::from_secs(90 * 24 * 3600);

/// Whatever is shorter is a slip of the keyboard, and would delete what somebody must report.
const SHORTEST_KEEP: Duration = Duration::from_secs(24 * 3600);

/// Statistics have a row for each stream and minute, so they must end. These are ten years.
const LONGEST_STATISTICS: Duration = Duration::from_secs(3653 * 24 * 3600);

impl Settings for HistorySettings {
    const KEYS: &'static [Setting<HistorySettings>] = settings! {
        "history_file" else "`FILE.history` beside the first `state_file`, else beside the library's `database`, \
                             else none", FILE => file, Restart,
            "Where it is written down what was played, for reports to licensing societies: a database of its own, or \
             `\"off\"`. It is made if it is missing. See [HISTORY.md](HISTORY.md).";
        "history_keep" else "for ever", TIME => keep, Restart,
            "How old a play may be, such as `\"1100d\"`; at least a day. Older ones are deleted.";
        "statistics_keep" = "90d", TIME => statistics_keep, Restart,
            "How old the statistics of listeners may be, which are in `history_file`: from `\"1d\"` to \
             `\"3653d\"`. Older ones are deleted.";
    };

    fn sample() -> HistorySettings {
        HistorySettings::default()
    }

    fn check(&self) -> Result<()> {
        if let Some(keep) = self.keep
            && keep < SHORTEST_KEEP
        {
            return Err(Error::setting(
                "history_keep",
                format!("{} is less than a day", duration_text(keep)),
            ));
        }
        if !(SHORTEST_KEEP..=LONGEST_STATISTICS).contains(&self.statistics_keep) {
            return Err(Error::setting("statistics_keep", "it is not within 1 and 3653 days"));
        }
        Ok(())
    }
}

const FILE: Takes<Option<PathBuf>> = Takes::PathOr(&["off"], |written| match written {
    Written::Text(_) => Ok(None),
    Written::Path(path) if cfg!(feature = "library") => Ok(Some(path)),
    Written::Path(_) => Err("this build keeps no history: it lacks the cargo feature \"library\"".into()),
    other => Err(format!("expected a string, found {other:?}")),
});

/// The history's file if none is named: beside this one.
pub(crate) fn beside(file: &Path) -> Option<PathBuf> {
    cfg!(feature = "library").then(|| with_suffix(file, ".history"))
}
