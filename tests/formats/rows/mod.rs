//! The rows of the table, by container.

pub mod adts;
pub mod aiff;
pub mod flac;
pub mod id3;
pub mod joins;
pub mod mp3;
pub mod mp4;
pub mod ogg;
pub mod refused;
pub mod wav;
