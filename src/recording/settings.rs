//! The settings of a recording, which stand at an output, a relayed mount or a live input.

use std::path::PathBuf;
use std::time::Duration;

use super::template::Template;
use crate::error::{Error, Result};
use crate::setting::{SIZE, Setting, Settings, TEXT, TIME_OR_OFF, settings};

/// What is recorded, and where: the packets of an output, or of a source, as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSettings {
    /// Where the files go: `archive/%Y-%m-%d/%H%M-{mount}-{user}`. `%…` is the time at which a file begins,
    /// as in strftime(3), in the system's zone; `{mount}` is the path of the mount or live input, without its
    /// ending; `{user}` is who sends, or the pipeline's name for an output. The ending of the format is
    /// added. `None`: nothing is recorded.
    pub record: Option<String>,
    /// The folder in which a relative `record` begins. Empty: the current folder of the process. A
    /// configuration sets its own folder.
    pub base: PathBuf,
    /// A new file begins at each multiple of this, counted from midnight, from one minute to 24 hours.
    /// `None`: a file for each source, or for an output's time on the air.
    pub record_every: Option<Duration>,
    /// Recordings are removed when they are so old, at least an hour. `None`: never.
    pub record_keep: Option<Duration>,
    /// The recording pauses while less than so many bytes are free on its disk.
    pub record_reserve: usize,
}

/// A GiB.
const RESERVE: usize = 1 << 30;

impl Default for RecordSettings {
    fn default() -> RecordSettings {
        let (record, base, record_every, record_keep) = Default::default();
        RecordSettings { record, base, record_every, record_keep, record_reserve: RESERVE }
    }
}

impl Settings for RecordSettings {
    const KEYS: &'static [Setting<RecordSettings>] = settings! {
        "record" else "none", TEXT => record, Applied,
            "Records what is sent, as it is: `\"archive/%Y-%m-%d/%H%M-{mount}-{user}\"`. See [RECORDING.md](RECORDING.md).";
        "record_every" = "off", TIME_OR_OFF => record_every, Applied,
            "A new file begins at each multiple of this, counted from midnight: 1m to 24h. Otherwise a source has \
             one file, and an output one for its time on the air.";
        "record_keep" = "off", TIME_OR_OFF => record_keep, Applied,
            "Recordings that are so old are removed: `\"30d\"`, at least 1h. Files that Longwave has not recorded \
             stay.";
        "record_reserve" = "1GiB", SIZE => record_reserve, Applied,
            "The recording pauses while less than this is free on its disk, so that there is room for everything \
             else.";
    };

    fn sample() -> RecordSettings {
        RecordSettings::default()
    }

    fn check(&self) -> Result<()> {
        RecordSettings::check(self)
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LEAST_EVERY: Duration = Duration::from_secs(60);
/// A shorter time is a slip of the keyboard that would cost an archive.
const LEAST_KEEP: Duration = Duration::from_secs(60 * 60);

impl RecordSettings {
    /// Records into files of this form.
    pub fn into_files(record: impl Into<String>) -> RecordSettings {
        RecordSettings { record: Some(record.into()), ..RecordSettings::default() }
    }

    /// Refuses settings that cannot work.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(record) = &self.record {
            Template::parse(record).map_err(|reason| Error::setting("record", reason))?;
        }
        if self.record_every.is_some_and(|every| !(LEAST_EVERY..=DAY).contains(&every)) {
            return Err(Error::setting("record_every", "1m to 24h, or \"off\""));
        }
        if self.record_keep.is_some_and(|keep| keep < LEAST_KEEP) {
            return Err(Error::setting("record_keep", "at least 1h, or \"off\""));
        }
        Ok(())
    }

    /// Where the files go. `None` if nothing is recorded.
    pub(super) fn template(&self) -> Option<Template> {
        Template::parse(self.record.as_deref()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        let key = |change: &dyn Fn(&mut RecordSettings)| {
            let mut settings = RecordSettings::into_files("a/%H{mount}");
            change(&mut settings);
            match settings.check() {
                Err(Error::Setting { key, .. }) => Some(key),
                _ => None,
            }
        };
        let secs = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(key(&|_| ()), None);
        assert_eq!(key(&|settings| settings.record = Some("a/{users}".into())), Some("record"));
        assert_eq!(key(&|settings| settings.record_every = secs(59)), Some("record_every"));
        assert_eq!(key(&|settings| settings.record_every = secs(86_401)), Some("record_every"));
        assert_eq!(key(&|settings| settings.record_every = secs(86_400)), None);
        assert_eq!(key(&|settings| settings.record_keep = secs(30)), Some("record_keep"));
    }
}
