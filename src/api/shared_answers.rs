//! Answers that are the same for everybody. Each is made a few times a second at most, however many ask.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::http::{entity_tag, names_tag};
use crate::{HttpAnswer, HttpRequest};

/// How long an answer serves whoever asks. Listeners hear of a change some seconds after it.
const KEPT_FOR: Duration = Duration::from_millis(250);

/// How long caches may serve it.
const CACHED: &str = "public, max-age=1";

/// Answers by what they are about. They belong to one thread.
#[derive(Debug, Default)]
pub(super) struct SharedAnswers {
    made: BTreeMap<String, Made>,
}

#[derive(Debug)]
struct Made {
    at: Instant,
    /// With its quotes.
    etag: String,
    body: Arc<[u8]>,
}

impl SharedAnswers {
    /// The answer about `about`, which is made if there is none, or an old one. A client that has it already
    /// is told so.
    pub fn answer<T: Serialize>(
        &mut self,
        about: &str,
        request: &HttpRequest,
        now: Instant,
        make: impl FnOnce() -> T,
    ) -> HttpAnswer {
        let is_old = |made: &Made| now.saturating_duration_since(made.at) >= KEPT_FOR;
        if self.made.get(about).is_none_or(is_old) {
            // Those of mounts that have gone are not asked for any more.
            self.made.retain(|_, made| !is_old(made));
            let body = serde_json::to_vec(&make()).expect("what is answered can be written as JSON");
            let made = Made { at: now, etag: entity_tag(&body), body: body.into() };
            self.made.insert(about.to_owned(), made);
        }
        let Made { etag, body, .. } = &self.made[about];
        let answer = match request.header("if-none-match").is_some_and(|known| names_tag(known, etag)) {
            true => HttpAnswer::empty(304),
            false => HttpAnswer::shared(200, "application/json", body.clone()),
        };
        answer.with("Cache-Control", CACHED).with("ETag", etag).with("Vary", "Accept").readable_by_all()
    }
}
