//! HLS: the packets of outputs as segments and playlists, in the form that PROTOCOL.md 6 describes.
//!
//! Packets come in (`packet.rs`), each with its position on the sample clock. Every time in a segment or a
//! playlist is made from such a position (`clock.rs`), never by adding durations: so nothing drifts, and all
//! variants are cut at the same samples. `segmenter.rs` makes segments: `muxer.rs` writes them as MPEG-TS
//! (`psi.rs` the tables, `pes.rs` audio and titles as units, `id3.rs` titles, `ts.rs` the packets of 188
//! bytes). `window.rs` knows which segments of a variant are listed or kept, `run.rs` their numbers and
//! dates, across restarts too. `playlist.rs` and `multivariant.rs` write the playlists, `names.rs` the names.
//!
//! Here are no threads, no clock of the system and no sockets. Who has them gives in packets and dates, and
//! gets whole objects.

mod clock;
mod id3;
mod multivariant;
mod muxer;
mod names;
mod packet;
mod pes;
mod playlist;
mod profile;
mod psi;
mod run;
mod segmenter;
#[cfg(test)]
mod tests;
mod ts;
mod window;

pub(crate) use clock::HlsClock;
#[cfg(test)]
pub(crate) use multivariant::Bandwidth;
pub(crate) use multivariant::{Variant, multivariant_names, multivariants};
pub(crate) use names::VariantNames;
pub(crate) use packet::{HlsPacket, ShownTitle};
pub(crate) use profile::Profile;
pub(crate) use run::{LastRun, Run};
#[cfg(test)]
pub(crate) use segmenter::Segment;
pub(crate) use segmenter::Segmenter;
pub(crate) use window::Window;
