//! The settings of an HLS.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::hls::multivariant_names;
use crate::server::{belongs, reserved};
use crate::setting::{
    Declared, DefaultValue, FLAG, Kind, Reload, SMALL_COUNT, Setting, Settings, TEXT, TIME, Values, settings,
};

/// Outputs of a pipeline as HLS: a playlist of variants, among which players choose, and for each of them a
/// playlist of segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HlsSettings {
    /// Where it is: with `/radio`, players open `/radio/hls.m3u8`. No mount is below it.
    pub path: String,
    /// The mounts of its outputs, of AAC or MP3. Players start with the first.
    pub outputs: Vec<String>,
    /// How long a segment is: 2 to 10 whole seconds. Listeners are at least three segments behind.
    pub segment: Duration,
    /// How many segments a playlist lists: 3 to 60. Twice as many are kept in memory.
    pub window: u32,
    /// Whether listeners are counted, by session. Behind a cache they cannot be.
    pub count: bool,
}

impl Default for HlsSettings {
    fn default() -> HlsSettings {
        HlsSettings {
            path: "/hls".into(),
            outputs: Vec::new(),
            segment: Duration::from_secs(4),
            window: 12,
            count: true,
        }
    }
}

impl Settings for HlsSettings {
    const KEYS: &'static [Setting<HlsSettings>] = settings! {
        "path" = "/hls", TEXT => path, Applied,
            "Where it is: with `/radio`, players open `/radio/hls.m3u8`. No mount is below it.";
        "outputs" else "all of the pipeline", TEXT => [outputs], Applied,
            "The mounts of the outputs that are its variants, AAC or MP3. Players start with the first. Variants of \
             another profile have a playlist of their own: `he.m3u8`, `he-v2.m3u8`, `mp3.m3u8`.";
        "segment" = "4s", TIME => segment, Applied,
            "How long a segment is: 2s to 10s, in whole seconds. Listeners are at least three segments behind.";
        "window" = "12", SMALL_COUNT => window, Applied,
            "How many segments a playlist lists: 3 to 60. Twice as many are kept in memory.";
        "count" = "true", FLAG => count, Applied,
            "Whether listeners are counted, each by the session that its playlist names. Set it to false behind a \
             CDN or another cache, which would give the same session to everybody.";
    };

    fn sample() -> HlsSettings {
        HlsSettings::default()
    }

    fn check(&self) -> Result<()> {
        HlsSettings::check(self)
    }
}

/// The key of a pipeline's HLS.
pub(crate) const HLS: Declared = Declared {
    key: "hls",
    kind: Kind::Table,
    values: Values::List,
    default: DefaultValue::Words("none"),
    reload: Reload::Applied,
    doc: "Outputs as HLS, for phones, browsers, cars, speakers and CDNs, see below.",
};

const SEGMENT: RangeInclusive<u64> = 2..=10;
const WINDOW: RangeInclusive<u32> = 3..=60;
const PATH_BYTES: usize = 200;

/// Sessions end after so many segments without a request for a playlist. Players ask at least once a segment.
const SILENT_SEGMENTS: u32 = 3;

/// The most HLS of a pipeline, and the most variants of one.
const MOST: usize = 16;

/// Refuses HLS that cannot be together.
pub(crate) fn check_all(all: &[HlsSettings]) -> Result<()> {
    if all.len() > MOST {
        return Err(Error::setting("hls", format!("{} of them: up to {MOST}", all.len())));
    }
    for (index, one) in all.iter().enumerate() {
        one.check()?;
        if let Some(other) = all[..index].iter().find(|other| other.meets(one)) {
            return Err(Error::setting("path", format!("{} meets HLS at {}", one.path, other.path)));
        }
    }
    Ok(())
}

impl HlsSettings {
    /// These outputs at this path, with the default settings.
    pub fn at(path: impl Into<String>, outputs: impl IntoIterator<Item = impl Into<String>>) -> HlsSettings {
        let outputs = outputs.into_iter().map(Into::into).collect();
        HlsSettings { path: path.into(), outputs, ..HlsSettings::default() }
    }

    /// The playlist that players open.
    pub fn playlist(&self) -> String {
        format!("{}/hls.m3u8", self.path)
    }

    /// All paths that belong to it. One that ends with a slash stands for all below it.
    pub(in crate::pipeline) fn paths(&self) -> impl Iterator<Item = String> {
        let lists = multivariant_names().map(|name| format!("{}/{name}", self.path));
        lists.chain([format!("{}/hls/", self.path)])
    }

    /// Whether this path belongs to it.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.paths().any(|own| belongs(path, &own))
    }

    /// Whether a path belongs to both.
    pub(crate) fn meets(&self, other: &HlsSettings) -> bool {
        self.paths().any(|path| other.has(&path)) || other.paths().any(|path| self.has(&path))
    }

    fn check(&self) -> Result<()> {
        check_path(&self.path)?;
        if self.segment.subsec_nanos() != 0 || !SEGMENT.contains(&self.segment.as_secs()) {
            let reason = format!(
                "{:?} is no length for a segment: {} to {} whole seconds",
                self.segment,
                SEGMENT.start(),
                SEGMENT.end()
            );
            return Err(Error::setting("segment", reason));
        }
        if !WINDOW.contains(&self.window) {
            let reason =
                format!("{} segments are out of range: {} to {}", self.window, WINDOW.start(), WINDOW.end());
            return Err(Error::setting("window", reason));
        }
        if self.outputs.len() > MOST {
            return Err(Error::setting("outputs", format!("{} of them: up to {MOST}", self.outputs.len())));
        }
        match self.outputs.iter().enumerate().find(|(index, output)| self.outputs[..*index].contains(output))
        {
            Some((_, twice)) => Err(Error::setting("outputs", format!("{twice} is there twice"))),
            None => Ok(()),
        }
    }

    /// For how long a listener counts that asks for nothing, if they are counted.
    pub(super) fn counted_for(&self) -> Option<Duration> {
        self.count.then_some(self.segment * SILENT_SEGMENTS)
    }

    /// The length of a segment in seconds.
    pub(super) fn segment_seconds(&self) -> u32 {
        self.segment.as_secs() as u32
    }
}

/// It stands in the addresses of all its files as it is.
fn check_path(path: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~');
    let part_is_name = |part: &str| !part.is_empty() && part != "." && part != "..";
    let is_good = path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(part_is_name))
        && path.len() <= PATH_BYTES
        && path.chars().all(plain);
    if is_good {
        return reserved(path).map_err(|reason| Error::setting("path", reason));
    }
    let rule = "it begins with / as in /radio, and has letters, digits, -, _, . and ~, and no / at its end";
    Err(Error::setting("path", format!("{path:?} is no path for HLS: {rule}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        fn refused(differ: impl FnOnce(&mut HlsSettings)) -> Option<&'static str> {
            let mut hls = HlsSettings::at("/radio", ["/a.aac", "/b.aac"]);
            differ(&mut hls);
            match hls.check() {
                Err(Error::Setting { key, .. }) => Some(key),
                other => other.map(|()| None).unwrap(),
            }
        }
        assert_eq!(refused(|_| ()), None);
        for path in [
            "", "/", "radio", "/radio/", "/a//b", "/a/../b", "/.", "/a b", "/a?b", "/ü", "/a%20", "/a\n",
            "/api", "/api/v1",
        ] {
            assert_eq!(refused(|hls| hls.path = path.into()), Some("path"), "{path:?}");
        }
        assert_eq!(refused(|hls| hls.path = "/a/b.c~d".into()), None);
        for millis in [0, 1_999, 2_500, 10_001, 11_000] {
            assert_eq!(refused(|hls| hls.segment = Duration::from_millis(millis)), Some("segment"));
        }
        for window in [0, 2, 61, u32::MAX] {
            assert_eq!(refused(|hls| hls.window = window), Some("window"));
        }
        assert_eq!(refused(|hls| hls.outputs.push("/a.aac".into())), Some("outputs"));
        let radio = HlsSettings::at("/radio", ["/a"]);
        for (path, meets) in [("/radio", true), ("/radio/hls", true), ("/radio2", false), ("/radio/x", false)]
        {
            let other = HlsSettings::at(path, ["/b"]);
            assert_eq!((radio.meets(&other), other.meets(&radio)), (meets, meets), "{path}");
        }
        let twice = [HlsSettings::at("/x", ["/a"]), HlsSettings::at("/x", ["/b"])];
        assert!(check_all(&twice).unwrap_err().to_string().contains("/x meets HLS at /x"));
        assert_eq!(twice[0].playlist(), "/x/hls.m3u8");
    }
}
