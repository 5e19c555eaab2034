//! The settings of a relayed mount.

use std::time::Duration;

use crate::codec::known_type;
use crate::error::{Error, Result};
use crate::ingest::SourceInfo;
use crate::recording::RecordSettings;
use crate::server::MountSettings;
use crate::setting::{Declared, DefaultValue, Kind, Reload, Setting, Settings, TIME, Values, settings};

/// A mount that gets its packets as they are from a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayedMountSettings {
    /// The mount. Without a content type, name, genre, description or URL it has those of its source, and its
    /// bitrate, rate and channels, too.
    pub mount: MountSettings,
    /// A source that sends nothing for so long is let go.
    pub source_timeout: Duration,
    /// Where it is recorded, if at all.
    pub record: RecordSettings,
}

impl Default for RelayedMountSettings {
    fn default() -> RelayedMountSettings {
        let source_timeout = Duration::from_secs(10);
        let (mount, record) = Default::default();
        RelayedMountSettings { mount, source_timeout, record }
    }
}

impl Settings for RelayedMountSettings {
    const KEYS: &'static [Setting<RelayedMountSettings>] = settings! {
        "source_timeout" = "10s", TIME => source_timeout, Applied,
            "A source that sends nothing for so long is let go, and the `fallback_mount` stands in: 1s to 10m.";
    };

    fn sample() -> RelayedMountSettings {
        RelayedMountSettings { mount: MountSettings::sample(), ..RelayedMountSettings::default() }
    }

    fn check(&self) -> Result<()> {
        RelayedMountSettings::check(self)
    }
}

/// The key of a station's relayed mounts.
pub(crate) const MOUNT: Declared = Declared {
    key: "mount",
    kind: Kind::Table,
    values: Values::List,
    default: DefaultValue::Words("none"),
    reload: Reload::Applied,
    doc: "The relayed mounts, see below.",
};

/// The times that a source may be silent.
pub(super) const SOURCE_TIMEOUTS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(600);

impl RelayedMountSettings {
    /// A relayed mount at this path, which is as its source says.
    pub fn new(path: &str) -> RelayedMountSettings {
        let mount = MountSettings { path: path.into(), ..MountSettings::default() };
        RelayedMountSettings { mount, ..RelayedMountSettings::default() }
    }

    /// Refuses settings that cannot work.
    pub(crate) fn check(&self) -> Result<()> {
        let content_type = match self.mount.content_type.as_str() {
            "" => "audio/mpeg",
            declared => declared,
        };
        if known_type(content_type).is_none() {
            let reason = format!(
                "{content_type:?} cannot be relayed: audio/mpeg, audio/aac or audio/ogg; without this key, the source \
                 decides"
            );
            return Err(Error::setting("content_type", reason));
        }
        MountSettings { content_type: content_type.into(), ..self.mount.clone() }.check()?;
        if !SOURCE_TIMEOUTS.contains(&self.source_timeout) {
            return Err(Error::setting("source_timeout", "1s to 10m"));
        }
        self.record.check()
    }

    /// The content type by which the mount serves what a source of this type sends. `None` if it does not
    /// take it.
    pub(super) fn served_type(&self, content_type: &str) -> Option<String> {
        let known = known_type(content_type)?;
        match self.mount.content_type.as_str() {
            "" => Some(known.to_owned()),
            declared => (known_type(declared) == Some(known)).then(|| declared.to_owned()),
        }
    }

    /// The mount as this source fills it, which serves this content type.
    pub(super) fn filled_in(&self, info: &SourceInfo, served_type: String) -> MountSettings {
        let mut mount = MountSettings { content_type: served_type, ..self.mount.clone() };
        mount.name = mount.name.filter(|name| !name.is_empty()).or_else(|| info.name.clone());
        mount.genre = mount.genre.or_else(|| info.genre.clone());
        mount.description = mount.description.or_else(|| info.description.clone());
        mount.url = mount.url.or_else(|| info.url.clone());
        mount.bitrate = mount.bitrate.or(info.bitrate);
        mount.sample_rate = mount.sample_rate.or(info.sample_rate);
        mount.channels = mount.channels.or(info.channels);
        mount
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_decides_what_is_not_declared() {
        let open = RelayedMountSettings::new("/guest");
        assert_eq!(open.served_type("audio/x-mpeg").as_deref(), Some("audio/mpeg"));
        assert_eq!(open.served_type("audio/aacp").as_deref(), Some("audio/aac"));
        assert_eq!(open.served_type("application/ogg; codecs=flac").as_deref(), Some("audio/ogg"));
        assert_eq!(open.served_type("video/webm"), None);
        let mut ogg = open.clone();
        ogg.mount.content_type = "application/ogg".into();
        assert_eq!(ogg.served_type("audio/ogg").as_deref(), Some("application/ogg"));
        assert_eq!(ogg.served_type("audio/mpeg"), None);

        let text = |text: &str| Some(text.to_owned());
        let info =
            SourceInfo { name: text("A"), genre: text("B"), bitrate: Some(96), ..SourceInfo::default() };
        ogg.mount.name = text("Own");
        let mount = ogg.filled_in(&info, "audio/ogg".into());
        assert_eq!((mount.name, mount.genre, mount.bitrate), (text("Own"), text("B"), Some(96)));
    }

    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        let key = |change: &dyn Fn(&mut RelayedMountSettings)| {
            let mut settings = RelayedMountSettings::new("/guest");
            change(&mut settings);
            match settings.check() {
                Err(Error::Setting { key, .. }) => Some(key),
                _ => None,
            }
        };
        assert_eq!(key(&|_| ()), None);
        assert_eq!(key(&|settings| settings.mount.path = "guest".into()), Some("mount"));
        assert_eq!(key(&|settings| settings.mount.content_type = "video/webm".into()), Some("content_type"));
        for seconds in [0, 601] {
            let timeout = Duration::from_secs(seconds);
            assert_eq!(key(&|settings| settings.source_timeout = timeout), Some("source_timeout"));
        }
    }
}
