//! How much of everything a pipeline may have. A script that loops must not take the machine from listeners.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::PipelineSettings;
use crate::error::{Error, Result};

/// Outputs of a pipeline, at most. Each costs an encoder.
pub(super) const MAX_OUTPUTS: usize = 64;

/// Taps of a pipeline, at most. Each keeps two seconds of PCM.
const MAX_TAPS: usize = 16;

/// Announcements of a pipeline that sound or wait, at most. Each keeps two seconds of PCM and a thread.
const MAX_ANNOUNCEMENTS: usize = 16;

/// The limits that are settings. A reload changes them; what is there already stays.
pub(super) struct Limits {
    voices: AtomicUsize,
    queue: AtomicUsize,
}

impl Limits {
    pub fn of(settings: &PipelineSettings) -> Limits {
        Limits { voices: settings.max_voices.into(), queue: settings.max_queue.into() }
    }

    pub fn voices(&self) -> usize {
        self.voices.load(Ordering::Relaxed)
    }

    pub fn queue(&self) -> usize {
        self.queue.load(Ordering::Relaxed)
    }

    pub fn set_voices(&self, most: usize) {
        self.voices.store(most, Ordering::Relaxed);
    }

    pub fn set_queue(&self, most: usize) {
        self.queue.store(most, Ordering::Relaxed);
    }

    /// Whether one more voice may begin while there are so many.
    pub fn one_more_voice(&self, voices: usize) -> Result<()> {
        within("max_voices", voices + 1, self.voices(), "stop a voice first, or raise the limit")
    }

    /// Whether the queue may become so long.
    pub fn queue_of(&self, length: usize) -> Result<()> {
        within("max_queue", length, self.queue(), "queue fewer files, or raise the limit")
    }
}

/// Whether a pipeline may have so many taps.
pub(super) fn taps_of(count: usize) -> Result<()> {
    within("MAX_TAPS", count, MAX_TAPS, "drop a tap first")
}

/// Whether a pipeline may have so many announcements.
pub(super) fn announcements_of(count: usize) -> Result<()> {
    within("MAX_ANNOUNCEMENTS", count, MAX_ANNOUNCEMENTS, "wait until one of them is over, or stop one")
}

/// Whether a pipeline may have so many outputs.
pub(super) fn outputs_of(count: usize) -> Result<()> {
    within("MAX_OUTPUTS", count, MAX_OUTPUTS, "remove an output first")
}

fn within(limit: &'static str, count: usize, most: usize, advice: &'static str) -> Result<()> {
    if count <= most { Ok(()) } else { Err(Error::Limit { limit, most, advice }) }
}
