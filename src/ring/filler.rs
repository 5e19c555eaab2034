//! A voice's queue that an application fills with its own PCM.

use std::time::{Duration, Instant};

use crossbeam::channel::{SendError, SendTimeoutError, Sender, bounded};

use super::feed::{Chunk, Feed};
use crate::audio::{Channels, PcmSpec};

/// A feed that an application fills, up to `ahead` of the mixer, with its filler.
pub(crate) fn by_hand(spec: PcmSpec, ahead: Duration) -> (Feed, Filler) {
    let capacity = spec.rate.frames_in(ahead).0.div_ceil(Filler::CHUNK_FRAMES as u64).max(2);
    let (chunks, from_hand) = bounded(capacity as usize);
    let feed = Feed::by_hand(spec.channels, from_hand);
    (feed, Filler { channels: spec.channels, chunks, chunk: Vec::new() })
}

/// Fills a feed with an application's PCM. The feed ends when this is dropped.
pub(crate) struct Filler {
    channels: Channels,
    chunks: Sender<Chunk>,
    /// Samples that do not fill a chunk yet.
    chunk: Vec<f32>,
}

impl Filler {
    /// The length of a chunk. It is short, because pushed audio is often live.
    const CHUNK_FRAMES: usize = 512;

    /// Takes as many interleaved frames as there is room for until the deadline (`None`: as long as it takes), and
    /// returns their number. `None` if the voice has ended. A partial frame at the end is not taken.
    pub fn push(&mut self, frames: &[f32], deadline: Option<Instant>) -> Option<usize> {
        let frames = &frames[..frames.len() / self.channels.count() * self.channels.count()];
        let full = Filler::CHUNK_FRAMES * self.channels.count();
        let mut rest = frames;
        loop {
            let (now, later) = rest.split_at(rest.len().min(full - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            rest = later;
            if self.chunk.len() < full || !self.send(deadline)? {
                return Some((frames.len() - rest.len()) / self.channels.count());
            }
        }
    }

    /// Sends what does not fill a chunk, too. Returns false if there is no room for it until the deadline, and
    /// `None` if the voice has ended.
    pub fn flush(&mut self, deadline: Option<Instant>) -> Option<bool> {
        if self.chunk.is_empty() { Some(true) } else { self.send(deadline) }
    }

    /// Sends the chunk. Returns false if there is no room for it until the deadline.
    fn send(&mut self, deadline: Option<Instant>) -> Option<bool> {
        let chunk = Chunk::pushed(std::mem::take(&mut self.chunk));
        let sent = match deadline {
            Some(deadline) => self.chunks.send_deadline(chunk, deadline),
            None => self.chunks.send(chunk).map_err(|SendError(chunk)| SendTimeoutError::Disconnected(chunk)),
        };
        match sent {
            Ok(()) => Some(true),
            Err(SendTimeoutError::Timeout(chunk)) => {
                self.chunk = chunk.into_samples();
                Some(false)
            }
            Err(SendTimeoutError::Disconnected(_)) => None,
        }
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        // If there is no room even for the last few milliseconds, they are lost.
        self.flush(Some(Instant::now()));
    }
}
