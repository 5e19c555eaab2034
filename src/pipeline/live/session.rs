//! A source's time at a live input, for the application that has brought it there.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::HangUp;
use crate::audio::PcmSpec;
use crate::error::LeaveReason;
use crate::event::LiveSourceInfo;
use crate::ingest::live::{LiveFormat, StreamStats};
use crate::metadata::Title;
use crate::ring::LiveLine;

/// A source at a live input, from [`Pipeline::go_live`](crate::Pipeline::go_live). Dropping it changes
/// nothing: the source is there until its stream ends. Where it stands among other sources is in
/// [`Pipeline::live_inputs`](crate::Pipeline::live_inputs).
pub struct LiveSession {
    pub(super) spec: PcmSpec,
    pub(super) source: Arc<LiveSourceInfo>,
    pub(super) line: Arc<LiveLine>,
    pub(super) stats: Arc<StreamStats>,
    pub(super) hang_up: HangUp,
}

impl LiveSession {
    /// Who sends.
    pub fn source(&self) -> &LiveSourceInfo {
        &self.source
    }

    /// Sets the title that is announced for what comes from now on. It is heard when the buffer has played
    /// what came before. An empty one stands for the name of the source.
    pub fn set_title(&self, title: impl Into<String>) {
        self.line.entitle(Arc::new(Title::from_outside(title)));
    }

    /// Ends it: it fades out, and its session is over.
    pub fn end(&self) {
        let reason = LeaveReason::Kicked;
        self.line.end(reason);
        self.hang_up.call(reason.as_str());
    }

    /// Why it has ended; `None` as long as it goes on.
    pub fn ended(&self) -> Option<LeaveReason> {
        self.line.ended()
    }

    /// The format of its stream, once it is known.
    pub fn format(&self) -> Option<LiveFormat> {
        self.stats.format()
    }

    /// How many bytes have arrived.
    pub fn bytes(&self) -> u64 {
        self.line.received()
    }

    /// How many bytes of them were of no use.
    pub fn skipped_bytes(&self) -> u64 {
        self.stats.skipped_bytes()
    }

    /// How many packets could not be decoded.
    pub fn bad_packets(&self) -> u64 {
        self.stats.bad_packets()
    }

    /// How much is in its buffer.
    pub fn buffered(&self) -> Duration {
        self.spec.rate.duration_of(self.line.level())
    }

    /// How much faster than ours the sender's clock runs, in millionths.
    pub fn drift_ppm(&self) -> f64 {
        self.line.drift_ppm()
    }

    /// How often sound was dropped because too much had come.
    pub fn drops(&self) -> u64 {
        self.line.drops_and_gaps().0
    }

    /// How often there was a gap because too little had come.
    pub fn gaps(&self) -> u64 {
        self.line.drops_and_gaps().1
    }
}

impl fmt::Debug for LiveSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSession")
            .field("source", &self.source)
            .field("format", &self.format())
            .field("buffered", &self.buffered())
            .field("ended", &self.ended())
            .finish_non_exhaustive()
    }
}
