//! Whether an order keeps the programme off the air.

use crate::names::named;

named! {
    /// How far an order is that holds the programme. A live input that has the air is another matter.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum HoldState {
        /// No order holds it.
        #[default]
        Released = "released",
        /// It will be held when the current track has come to its end.
        AfterCurrent = "after-current",
        /// It is held, and still fades out.
        Fading = "fading",
        /// It is held, and nothing is heard of it.
        Held = "held",
    }
}

impl HoldState {
    /// Whether the programme is held, though it may still fade out.
    pub fn is_held(self) -> bool {
        matches!(self, HoldState::Fading | HoldState::Held)
    }
}
