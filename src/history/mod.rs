//! What was played and how many listened: a file of its own, to which each play and each minute is added, so
//! that a library that is broken or built anew loses nothing of what licensing societies ask for.
//!
//! The thread `history` (`keeper.rs`) reads the station's events, and asks once a second what sounds and how
//! many listen. It writes rows for the file, into a bounded queue. It never touches a file,
//! because that may never end: threads `files` write the rows (`disk.rs`), a batch at a time.
//!
//! `account.rs` is the rule that makes plays of events, `minutes.rs` that which makes minutes of looks;
//! `store.rs` has the SQL, `schema.rs` the tables, `retention.rs` says what is too old. `report.rs` writes what
//! was played, `statistics.rs` how many listened, for a span of time (`span.rs`).

#[cfg(feature = "library")]
mod account;
#[cfg(feature = "library")]
mod disk;
#[cfg(feature = "library")]
mod keeper;
#[cfg(feature = "library")]
mod minutes;
#[cfg(feature = "library")]
mod play;
#[cfg(feature = "library")]
mod report;
#[cfg(feature = "library")]
mod retention;
#[cfg(feature = "library")]
mod schema;
mod settings;
#[cfg(feature = "library")]
mod span;
#[cfg(feature = "library")]
mod statistics;
#[cfg(feature = "library")]
mod store;
#[cfg(all(test, feature = "library"))]
mod tests;
#[cfg(feature = "library")]
mod waiting;

#[cfg(feature = "library")]
pub(crate) use account::Sample;
#[cfg(feature = "library")]
pub(crate) use keeper::Followed;
#[cfg(feature = "library")]
pub use keeper::History;
#[cfg(feature = "library")]
pub(crate) use minutes::StreamSample;
#[cfg(feature = "library")]
pub use play::{Piece, Play, PlayKind, PlaysWanted};
#[cfg(feature = "library")]
pub(crate) use report::write_report_while;
#[cfg(feature = "library")]
pub use report::{ReportBy, ReportFormat, write_report};
pub use settings::HistorySettings;
pub(crate) use settings::beside;
#[cfg(feature = "library")]
pub use span::ReportSpan;
#[cfg(feature = "library")]
pub(crate) use statistics::read_statistics_while;
#[cfg(feature = "library")]
pub use statistics::{Statistics, StatisticsPoint, StatisticsWanted, StreamStatistics, read_statistics};
#[cfg(feature = "library")]
pub use store::read_plays;
