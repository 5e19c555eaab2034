//! What a track is for.

use serde::{Deserialize, Serialize};

use crate::names::named;

named! {
    /// What a track is for: it decides how the track is cut, joined, counted and reported.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum TrackKind {
        /// A piece of the rotation.
        #[default]
        Music = "music",
        /// A short piece of the station's own: it is not cut.
        Jingle = "jingle",
        /// An advertisement: nothing else sounds over it.
        Spot = "spot",
        /// A programme of its own, such as the news: nothing else sounds over it.
        Show = "show",
    }
}

impl TrackKind {
    /// Whether it is music, as nearly every track is.
    pub fn is_music(&self) -> bool {
        *self == TrackKind::Music
    }

    /// Whether nothing else sounds while it does.
    pub fn is_alone(self) -> bool {
        matches!(self, TrackKind::Spot | TrackKind::Show)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_one_name() {
        for kind in TrackKind::ALL {
            let json = serde_json::to_string(kind).unwrap();
            assert_eq!(json, format!("{:?}", kind.as_str()));
            assert_eq!(serde_json::from_str::<TrackKind>(&json).unwrap(), *kind);
        }
        assert!(TrackKind::default().is_music());
    }
}
