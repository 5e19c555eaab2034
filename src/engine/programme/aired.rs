//! What the programme tells of what is on the air.

use std::sync::Arc;

use crate::event::{Event, TrackInfo};
use crate::playout::Due;
use crate::units::{FrameCount, FramePos};

/// What the programme has to tell, in order.
#[derive(Debug)]
pub(crate) enum News {
    /// The track begins at this sample: its title holds from here.
    Begins {
        track: Arc<TrackInfo>,
        at: FramePos,
        /// Its entry, and the turn that it has; the fallback's have none.
        began: Option<Due>,
    },
    Event(Event),
}

/// A track on the air, and how far it is.
#[derive(Clone, Debug)]
pub(crate) struct Aired {
    pub track: Arc<TrackInfo>,
    pub played: FrameCount,
    /// How much of it is to come, as well as it is known.
    pub remaining: Option<FrameCount>,
    /// Whether it is the fallback's.
    pub fallback: bool,
}

impl Aired {
    /// The same, so many frames later.
    pub(super) fn after(&self, frames: FrameCount) -> Aired {
        Aired {
            played: FrameCount(self.played.0 + frames.0),
            remaining: self.remaining.map(|left| FrameCount(left.0.saturating_sub(frames.0))),
            ..self.clone()
        }
    }
}
