//! The codec libraries of a build, with their licences.

/// A codec library in this build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    /// Its name: `LAME`.
    pub name: &'static str,
    /// The version in use, if the library can tell.
    pub version: Option<String>,
    /// Its purpose: `writes MP3`.
    pub role: &'static str,
    /// Its licence, as an SPDX identifier.
    pub licence: &'static str,
}

/// The codec libraries in this build, as `longwave --version` lists them.
pub fn codecs() -> Vec<Codec> {
    vec![
        #[cfg(feature = "mp3")]
        Codec {
            name: "LAME",
            version: Some(super::mp3::version()),
            role: "writes MP3; linked dynamically",
            licence: "LGPL-2.0-or-later",
        },
        #[cfg(feature = "aac")]
        Codec {
            name: "FDK-AAC",
            version: Some(super::aac::version()),
            role: "writes and reads AAC",
            licence: "FDK-AAC",
        },
        Codec {
            name: "libopus",
            version: None,
            role: "reads Opus; linked dynamically",
            licence: "BSD-3-Clause",
        },
        Codec { name: "Symphonia", version: None, role: "reads everything else", licence: "MPL-2.0" },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_in_is_listed_with_its_version() {
        let codecs = codecs();
        let version = |name: &str| codecs.iter().find(|codec| codec.name == name).map(|codec| &codec.version);
        for (name, compiled) in [("LAME", cfg!(feature = "mp3")), ("FDK-AAC", cfg!(feature = "aac"))] {
            match version(name) {
                Some(Some(version)) => {
                    assert!(
                        compiled && version.starts_with(|first: char| first.is_ascii_digit()),
                        "{name} {version}"
                    );
                }
                _ => assert!(!compiled, "{name}"),
            }
        }
        assert!(version("libopus").is_some() && version("Symphonia").is_some());
    }
}
