//! `GET /metrics`: what Prometheus reads. Counters become metrics by their declarations (`counted.rs`), what
//! else there is to know is declared here (`states.rs`, `tracks.rs`, `process.rs`).
//!
//! All of it is in memory but the number of the library's tracks: that is counted by a thread `api-files` for
//! the next answers, since the database may not answer.

mod counted;
#[cfg(feature = "library")]
mod counting;
mod family;
mod process;
mod states;
#[cfg(test)]
mod tests;
mod tracks;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use self::family::Format;
use self::states::States;
use super::call::{Call, Handled};
use super::core::Core;
use crate::HttpAnswer;

/// How long an answer serves everybody who asks. Descriptors are counted for each, and there may be many.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// What has been measured. The threads of the API share it.
#[derive(Debug, Default)]
pub(super) struct Measuring {
    /// The last answer in each format, and when it was made.
    made: Mutex<[Option<Made>; 2]>,
    #[cfg(feature = "library")]
    library: Mutex<counting::Counting>,
}

/// An answer, and when it was made.
type Made = (Instant, Arc<[u8]>);

/// `GET /metrics`
pub(super) fn metrics(core: &Core, call: &Call<'_>) -> Handled {
    let format = Format::asked_for(call.request.header("accept"));
    let body = core.measuring.answer(format, Instant::now(), || {
        let families = States::of(core).families().into_iter().chain(counted::families(core));
        family::write(families.collect(), format)
    });
    let answer = HttpAnswer::shared(200, format.content_type(), body);
    Ok(answer.with("Cache-Control", "no-store").with("Vary", "Accept"))
}

impl Measuring {
    /// The last answer, unless it is old: then it is made.
    fn answer(&self, format: Format, now: Instant, make: impl FnOnce() -> String) -> Arc<[u8]> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut made[format as usize] {
            Some((at, body)) if now.saturating_duration_since(*at) < KEPT_FOR => body.clone(),
            old => {
                let body: Arc<[u8]> = make().into_bytes().into();
                *old = Some((now, body.clone()));
                body
            }
        }
    }
}

#[cfg(not(feature = "library"))]
impl Measuring {
    fn tracks(&self, _: &Core) -> tracks::Tracks {
        tracks::Tracks::default()
    }
}
