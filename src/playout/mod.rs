//! The rules of playing: what comes next, and how it is mixed. Values in, values out: no threads, no sockets,
//! and callers pass the time. Playlists are read from disk here.
//!
//! [`UpNext`] says which [`Entry`] comes next, [`Pace`] when a block is due, [`GainRamp`] and [`VoiceGain`]
//! how loud a voice is at each frame, [`add`] puts voices together, [`Limiter`] keeps the sum from clipping,
//! [`measure`] and [`LoudnessMeter`] say how loud it came out, and [`Guard`] what is to be done when nothing
//! is heard. [`Precedence`] says which of the programme and the live inputs has the air, and [`Steering`]
//! keeps the buffer of a live input at its level. [`Heard`] is what is known of how a track sounds, and
//! [`Join`] is how two of them meet. [`schedule`] chooses tracks by the clock.

mod cues;
mod fade;
mod guard;
mod hold;
mod join;
mod lateness;
mod limiter;
mod loudness;
mod mix;
mod pace;
mod pieces;
pub mod playlist;
mod precedence;
mod requests;
pub mod schedule;
#[cfg(feature = "library")]
mod silence;
mod steering;
mod upnext;

pub use cues::{Heard, TrackHeard};
pub use fade::{Curve, GainRamp, crossing, overlap};
pub use guard::{Act, DeadAir, Expected, Guard, Stretch};
pub use hold::HoldState;
pub use join::{Crossfade, Join, LONGEST_OVERLAP, Meeting};
pub use lateness::{Change, Lateness};
pub use limiter::Limiter;
pub use loudness::{Loudness, LoudnessMeter};
pub use mix::{Gain, Level, VoiceGain, add, measure};
pub use pace::{Moved, Pace};
pub(crate) use pieces::{Piece, assemble, pieces};
pub use playlist::{Entry, TrackKind};
pub use precedence::{AfterLive, Air, Handover, LivePhase, LiveTerms, Precedence, Seen, USELESS_AFTER};
pub(crate) use requests::Requested;
#[cfg(feature = "library")]
pub(crate) use requests::{HeardAt, Wish};
pub use requests::{NoRequest, RequestLimits};
pub use schedule::{
    DaypartHours, DaypartSettings, Every, Ingredient, IngredientKind, InsertSettings, OverLive, Planned,
    Reason, Relaxed, Schedule, ScheduledDay, SeparationSettings, Since, SlotSettings, SlotStart, SlotTime,
};
#[cfg(feature = "library")]
pub use silence::{CuePoints, SLICE, cue_points};
pub use steering::{MAX_CORRECTION, Steering};
pub(crate) use upnext::{
    Appointment, Asked, Began, Delta, Due, Follower, GiveWay, Meant, Rank, RunningOrder,
};
pub use upnext::{Candidate, ListId, ListState, Origin, Place, Playlist, Snapshot, Turn, UpNext, When};
