//! AAC: the ADTS header of a packet, and encoding by FDK-AAC.

pub(crate) mod adts;
#[cfg(feature = "aac")]
mod dither;
#[cfg(feature = "aac")]
mod encoder;
#[cfg(feature = "aac")]
#[allow(unsafe_code, reason = "calls FDK-AAC's encoder")]
mod fdk;
mod settings;

#[cfg(feature = "aac")]
pub(super) use fdk::version;
#[cfg(feature = "aac")]
pub use settings::AacProfile;
pub use settings::AacSettings;
