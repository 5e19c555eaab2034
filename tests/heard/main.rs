//! What is heard of tracks, on the air: one loudness for all, silence cut, and joins that fit.

mod joins;
mod levels;
mod shows;
mod tracks;
