//! An audio file as PCM in a pipeline's shape. symphonia is known here alone.
//!
//! What comes out is exactly what was put in when the file was made: the delay and the padding of
//! its encoder are cut off, and resampling changes no length by more than half a frame.

#[cfg(feature = "aac")]
mod aac;
mod ape;
mod bitstream;
mod codecs;
mod id3;
mod mp4;
mod open;
mod riff;
mod source;
mod stream;
mod survey;
mod tags;

use std::path::Path;

use self::open::Opened;
use self::source::Source;
use self::stream::Stream;
use super::reshape::{Reshape, Shape};
use crate::audio::PcmSpec;
use crate::error::Result;
use crate::metadata::Tags;
use crate::units::FrameCount;

/// [`AudioFile::read`] appends at least so many frames, until the end is near.
const CHUNK_FRAMES: usize = 1024;

/// Whether there is more to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// There is, or may be.
    More,
    /// That was all.
    End,
}

/// The tags of a file. Nothing is decoded; the file is read on the caller's thread.
///
/// # Errors
/// [`Error::File`](crate::Error::File) if it is not there, may not be read, or is no audio.
pub fn read_metadata(path: &Path) -> Result<Tags> {
    Ok(Opened::new(source::open(path)?, path)?.tags)
}

/// A file being read. Used by one thread at a time.
pub(crate) struct AudioFile {
    spec: PcmSpec,
    tags: Tags,
    stream: Stream,
    /// The next frames in the file's own shape: decoded already, since only that tells whether
    /// the file can be played.
    decoded: Vec<f32>,
    shape: Shape,
    reshape: Reshape,
    /// Frames of the pipeline's shape to drop before any are given out, after a seek.
    drop_frames: u64,
    ended: bool,
}

impl AudioFile {
    /// Opens a file and decodes its first packets. It reads little, whatever the file's size.
    pub(crate) fn open(path: &Path, spec: PcmSpec) -> Result<AudioFile> {
        AudioFile::open_source(source::open(path)?, path, spec)
    }

    /// The same for anything that can be read like a file; `name` is for messages, and a hint.
    pub(crate) fn open_source(source: Box<dyn Source>, name: &Path, spec: PcmSpec) -> Result<AudioFile> {
        let opened = Opened::new(source, name)?;
        let tags = opened.tags.clone();
        let mut stream = Stream::new(opened, name)?;
        let mut decoded = Vec::new();
        let Some(shape) = stream.next(&mut decoded)?.cloned() else {
            return Err(crate::Error::file(name, "has no sound in it"));
        };
        let reshape = Reshape::new(&shape, spec);
        Ok(AudioFile { spec, tags, stream, decoded, shape, reshape, drop_frames: 0, ended: false })
    }

    /// Its tags.
    pub(crate) fn tags(&self) -> &Tags {
        &self.tags
    }

    /// How many frames [`read`](AudioFile::read) gives in all, at the pipeline's rate, if the file
    /// tells. ADTS, and MP3 without a note of its encoder, do not: the duration in their
    /// [tags](AudioFile::tags) is an estimate.
    pub(crate) fn duration(&self) -> Option<FrameCount> {
        self.stream.frames_at(self.spec.rate).map(FrameCount)
    }

    /// Appends the next frames, a thousand or a few, interleaved in the pipeline's shape.
    pub(crate) fn read(&mut self, out: &mut Vec<f32>) -> Result<Status> {
        let begin = out.len();
        let enough = begin + CHUNK_FRAMES * self.spec.channels.count();
        while out.len() < enough && !self.ended {
            self.reshape.push(&self.decoded, out);
            match self.stream.next(&mut self.decoded)? {
                Some(shape) if *shape == self.shape => {}
                Some(shape) => {
                    self.shape = shape.clone();
                    self.reshape.finish(out);
                    self.reshape = Reshape::new(&self.shape, self.spec);
                }
                None => {
                    self.ended = true;
                    self.reshape.finish(out);
                }
            }
            self.drop_first(begin, out);
        }
        Ok(if self.ended { Status::End } else { Status::More })
    }

    /// Goes to a frame, counted from the file's first at the pipeline's rate: it is the next that
    /// is read. After the end there is nothing.
    pub(crate) fn seek(&mut self, to: FrameCount) -> Result<()> {
        self.reshape = Reshape::new(&self.shape, self.spec);
        let (from, drop) = self.reshape.entry(to);
        self.stream.seek(from.0)?;
        self.drop_frames = drop.0;
        self.decoded.clear();
        self.ended = false;
        Ok(())
    }

    /// Drops what a seek did not ask for from what lies in `out` beyond `begin`.
    fn drop_first(&mut self, begin: usize, out: &mut Vec<f32>) {
        let channels = self.spec.channels.count();
        let there = (out.len() - begin) / channels;
        let drop = usize::try_from(self.drop_frames).unwrap_or(usize::MAX).min(there);
        out.drain(begin..begin + drop * channels);
        self.drop_frames -= drop as u64;
    }
}

#[cfg(test)]
mod tests;
