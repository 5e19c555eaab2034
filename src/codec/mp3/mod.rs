//! MP3: the header of a packet, and encoding by LAME.

#[cfg(feature = "mp3")]
mod encoder;
pub(crate) mod header;
#[cfg(feature = "mp3")]
mod lame;

#[cfg(feature = "mp3")]
pub use encoder::Mp3Settings;
#[cfg(feature = "mp3")]
pub(super) use lame::version;
