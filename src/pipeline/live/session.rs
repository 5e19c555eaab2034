//! A source's time at a live input, for the application that has brought it there.

use std::sync::Arc;
use std::time::Instant;

use crate::error::LeaveReason;
use crate::ingest::{LiveView, Session, Sessions, SourceState};
use crate::metadata::Title;

/// A source at a live input, from [`Pipeline::go_live`](crate::Pipeline::go_live). Dropping it changes
/// nothing: the source is there until its stream ends. Where it stands among other sources is in
/// [`Pipeline::live_inputs`](crate::Pipeline::live_inputs).
#[derive(Debug)]
pub struct LiveSession {
    pub(super) sessions: Sessions,
    pub(super) session: Arc<Session>,
    pub(super) view: LiveView,
}

impl LiveSession {
    /// Its number at the station.
    pub fn id(&self) -> u64 {
        self.session.id()
    }

    /// Who it is, and what it has sent.
    pub fn state(&self) -> SourceState {
        SourceState { live: Some(self.view.state()), ..self.session.snapshot(Instant::now()) }
    }

    /// Sets the title that is announced for what comes from now on. It is heard when the buffer has played
    /// what came before. An empty one stands for the name of the source.
    pub fn set_title(&self, title: impl Into<String>) {
        // One that has ended sends nothing that could have a title.
        let _ = self.session.update_metadata(Title::from_outside(title));
    }

    /// Ends it: it fades out, and its session is over.
    pub fn end(&self) {
        self.sessions.let_go(&self.session, LeaveReason::Kicked);
    }

    /// Why it has ended; `None` as long as it goes on.
    pub fn ended(&self) -> Option<LeaveReason> {
        self.view.ended()
    }
}
