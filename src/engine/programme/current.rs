//! The track that is on the air, or what is there instead.

use super::track::Track;

/// What is on the air.
pub(super) enum Current {
    Track(Box<Track>),
    /// Nothing sounds until a decoder has the next track ready.
    Awaited,
    /// There is nothing to play, and listeners to events know.
    Nothing,
}

impl Current {
    pub fn track(&self) -> Option<&Track> {
        match self {
            Current::Track(track) => Some(track),
            Current::Awaited | Current::Nothing => None,
        }
    }

    pub fn track_mut(&mut self) -> Option<&mut Track> {
        match self {
            Current::Track(track) => Some(track),
            Current::Awaited | Current::Nothing => None,
        }
    }

    /// The track, if there is one; another is awaited then.
    pub fn take(&mut self) -> Option<Box<Track>> {
        match std::mem::replace(self, Current::Awaited) {
            Current::Track(track) => return Some(track),
            other => *self = other,
        }
        None
    }
}
