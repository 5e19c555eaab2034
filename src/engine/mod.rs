//! The threads that turn files into packets: decoders, the mixer, encoders. None of it knows of a
//! server: packets leave through sinks that are given to it.

pub(crate) mod announcements;
pub(crate) mod chooser;
pub(crate) mod clock;
pub(crate) mod counters;
pub(crate) mod crew;
mod cut;
pub(crate) mod deck;
pub(crate) mod decode;
pub(crate) mod encoders;
mod handover;
pub(crate) mod job;
pub(crate) mod line;
pub(crate) mod live;
pub(crate) mod mixer;
pub(crate) mod picker;
pub(crate) mod planner;
pub(crate) mod programme;
pub(crate) mod shared;
pub(crate) mod tap;
pub(crate) mod titles;
pub(crate) mod voice;

#[cfg(test)]
mod tests;
