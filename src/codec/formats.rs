//! The formats that an output can be encoded as. A new codec adds one entry to [`FORMATS`]. Its keys are
//! declared beside its settings. A pipeline that declares no outputs has one for each format that is built
//! in.

use std::sync::Arc;

use super::EncoderSettings;
use super::aac::AacSettings;
use super::mp3::Mp3Settings;
use crate::setting::{self, Declared, DefaultValue, Draft, Kind, Reload, Values, suggest};

/// What an output can be encoded as.
pub(crate) struct Format {
    /// As configurations write it.
    pub name: &'static str,
    /// For sentences.
    pub title: &'static str,
    /// The mount of an output that names none.
    pub default_mount: &'static str,
    /// The keys of its codec.
    pub keys: fn() -> Vec<&'static Declared>,
    /// New settings for its encoder; `None` where this build lacks the codec.
    pub draft: Option<fn() -> Box<dyn EncoderDraft>>,
}

/// Settings of an encoder while they are read.
pub(crate) trait EncoderDraft: Draft {
    /// The settings, once all keys are read. `is_given` says whether a key was there.
    fn finish(self: Box<Self>, is_given: &dyn Fn(&str) -> bool) -> Arc<dyn EncoderSettings>;
}

/// Every format, in the order in which a pipeline without outputs has them.
pub(crate) const FORMATS: &[Format] = &[
    Format {
        name: "mp3",
        title: "MP3",
        default_mount: "/stream.mp3",
        keys: || setting::declared::<Mp3Settings>().collect(),
        #[cfg(feature = "mp3")]
        draft: Some(|| Box::new(Mp3Settings::default())),
        #[cfg(not(feature = "mp3"))]
        draft: None,
    },
    Format {
        name: "aac",
        title: "AAC",
        default_mount: "/stream.aac",
        keys: || setting::declared::<AacSettings>().collect(),
        #[cfg(feature = "aac")]
        draft: Some(|| Box::new(AacSettings::default())),
        #[cfg(not(feature = "aac"))]
        draft: None,
    },
];

/// The key that chooses one of them.
pub(crate) const FORMAT: Declared = Declared {
    key: "format",
    kind: Kind::Text,
    values: Values::One,
    default: DefaultValue::Words("*must be given*"),
    reload: Reload::Applied,
    doc: "`\"mp3\"` or `\"aac\"`. Each has keys of its own, see below.",
};

impl Format {
    /// The format of this name, if this build has it.
    pub fn named(name: &str) -> Result<&'static Format, String> {
        let format = FORMATS.iter().find(|format| format.name == name);
        let names = || FORMATS.iter().map(|format| format.name).collect::<Vec<_>>();
        let format = format.ok_or_else(|| suggest::unknown_name(name, &names()))?;
        match format.draft {
            Some(_) => Ok(format),
            None => Err(format!(
                "this build of longwave lacks {name:?}: build it with the cargo feature `{name}`"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::examples::another;

    #[test]
    fn a_format_goes_by_its_name_and_its_codec_has_keys() {
        for format in FORMATS {
            assert_eq!(Format::named(format.name).is_ok(), format.draft.is_some(), "{}", format.name);
            assert!((format.keys)().iter().any(|key| key.key == "bitrate"), "{}", format.name);
        }
        assert!(Format::named("ogg").is_err());
    }

    /// A codec's keys arrive in its settings, and settings are compared by value.
    #[test]
    fn a_key_changes_the_settings_and_the_same_value_does_not() {
        let encoder = |format: &Format, key: Option<&str>| {
            let mut draft = format.draft.expect("it is built")();
            key.iter().for_each(|key| draft.set(key, another(key)).unwrap());
            draft.finish(&|other| key == Some(other))
        };
        for format in FORMATS.iter().filter(|format| format.draft.is_some()) {
            let plain = encoder(format, None);
            assert!(plain.is_same(&*encoder(format, None)), "{}", format.name);
            for declared in (format.keys)() {
                let other = encoder(format, Some(declared.key));
                assert!(!plain.is_same(&*other), "{} has no effect", declared.key);
                assert!(other.is_same(&*encoder(format, Some(declared.key))), "{}", declared.key);
            }
        }
    }

    #[test]
    #[cfg(all(feature = "mp3", feature = "aac"))]
    fn encoders_of_two_kinds_differ() {
        let [mp3, aac] = ["mp3", "aac"].map(|name| {
            let draft = Format::named(name).ok().and_then(|format| format.draft).unwrap()();
            draft.finish(&|_| false)
        });
        assert!(!mp3.is_same(&*aac) && !aac.is_same(&*mp3));
    }
}
