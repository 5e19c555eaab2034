//! The multivariant playlists of an output: which variants there are.

use std::fmt::Write;

use super::profile::Profile;

/// The multivariant playlist of the first variant's profile.
const FIRST: &str = "hls.m3u8";

/// The names of all multivariant playlists that there can be.
pub(crate) fn multivariant_names() -> impl Iterator<Item = &'static str> {
    Profile::ALL.into_iter().map(Profile::playlist).chain([FIRST])
}

/// What a variant needs of a player's line, in bits per second, MPEG-TS included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bandwidth {
    /// Of the segment that needs most.
    pub peak: u64,
    pub average: u64,
}

/// A variant as a multivariant playlist names it.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    /// Its directory, from [`VariantNames`](super::VariantNames).
    pub directory: String,
    pub profile: Profile,
    pub bandwidth: Bandwidth,
}

/// The names and texts of an output's multivariant playlists: one for each profile, because players cannot
/// switch from one to another. Players start with the first variant of each. `query` follows each address, as
/// it stands: `?s=…`.
pub(crate) fn multivariants(variants: &[Variant], query: &str) -> Vec<(&'static str, String)> {
    let mut profiles: Vec<Profile> = Vec::new();
    for variant in variants {
        if !profiles.contains(&variant.profile) {
            profiles.push(variant.profile);
        }
    }
    let named = profiles.iter().enumerate().map(|(number, profile)| {
        let name = if number == 0 { FIRST } else { profile.playlist() };
        (name, render(variants.iter().filter(|variant| variant.profile == *profile), query))
    });
    named.collect()
}

fn render<'a>(variants: impl Iterator<Item = &'a Variant>, query: &str) -> String {
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    for Variant { directory, profile, bandwidth } in variants {
        // To a whole kilobit, so that the text seldom changes.
        let [peak, average] = [bandwidth.peak, bandwidth.average].map(|bits| bits.next_multiple_of(1000));
        let codecs = profile.codecs();
        writeln!(
            text,
            "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS=\"{codecs}\"\n\
             hls/{directory}/live.m3u8{query}"
        )
        .expect("a string takes all");
    }
    text
}
