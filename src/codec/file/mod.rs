//! Decodes audio files to PCM with a pipeline's rate and channels. Only this module uses symphonia.
//!
//! The output is exactly what the file was made from: the encoder's delay and padding are cut off, and
//! resampling changes the length by at most half a frame.

#[cfg(feature = "aac")]
#[allow(unsafe_code, reason = "calls FDK-AAC's decoder")]
mod aac;
mod adts;
mod bitstream;
mod blocks;
mod budget;
mod caf;
mod codecs;
mod contained;
mod cover;
mod flac;
mod inner_tags;
mod kinds;
mod mp4;
mod mpeg;
mod ogg;
mod one_track;
mod open;
#[allow(unsafe_code, reason = "calls libopus's decoder")]
mod opus;
mod packet_decoder;
mod page_end;
mod pages;
mod riff;
mod sound;
mod source;
mod stream;
mod survey;
mod tags;
mod vorbis;
mod watch;

use std::path::{Path, PathBuf};

use self::budget::{Budget, Limited};
pub(crate) use self::cover::{Cover, read_cover};
use self::open::Opened;
pub(super) use self::packet_decoder::{Coding, PacketDecoder};
use self::source::Source;
use self::stream::{Stream, sane};
use self::watch::{Changed, Watched};
use super::reshape::{Reshape, Shape};
use crate::audio::PcmSpec;
use crate::error::Result;
use crate::metadata::Tags;
use crate::roots::Bounds;
use crate::units::FrameCount;

/// [`AudioFile::read`] appends at least this many frames, except at the end.
const CHUNK_FRAMES: usize = 1024;

/// Whether there is more to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// There may be more.
    More,
    /// There is no more.
    End,
}

/// Reads the tags of a file, on the caller's thread. Nothing is decoded.
///
/// # Errors
/// [`Error::File`](crate::Error::File) if the file does not exist, cannot be read, or is not audio.
pub fn read_metadata(path: impl AsRef<Path>) -> Result<Tags> {
    read_tags(path.as_ref(), &Bounds::Anywhere)
}

/// The same for a file within these bounds.
pub(crate) fn read_tags(path: &Path, bounds: &Bounds) -> Result<Tags> {
    let file = Box::new(source::open(path, bounds)?);
    Ok(Opened::new(Box::new(Limited::new(file, Budget::new())), path)?.tags)
}

/// Reads the tags in the bytes of a file, but not those that are in the audio's format alone. For fuzzing.
#[doc(hidden)]
pub fn read_tags_in(bytes: &[u8]) -> Option<Tags> {
    let source: Box<dyn Source> = Box::new(std::io::Cursor::new(bytes.to_vec()));
    let limited = Box::new(Limited::new(source, Budget::new()));
    let mut survey = survey::survey(source::Bytes::new(limited).ok()?).ok()?;
    survey.tags.fill_from(survey.old_tags);
    Some(survey.tags.finish(false).tags)
}

/// A file being read. Used by one thread at a time.
pub(crate) struct AudioFile {
    spec: PcmSpec,
    tags: Tags,
    stream: Stream,
    /// The next frames, in the file's own shape. The first ones are decoded when the file is opened, because
    /// only decoding shows that it can be played.
    decoded: Vec<f32>,
    shape: Shape,
    reshape: Reshape,
    /// What the file may use until the next sound.
    budget: Budget,
    /// Whether the file has changed since it was opened.
    changed: Changed,
    name: PathBuf,
    /// Frames of the output to drop after a seek.
    drop_frames: u64,
    ended: bool,
}

impl AudioFile {
    /// Opens a file and decodes its first packets. It reads only a small part of the file.
    pub(crate) fn open(path: &Path, spec: PcmSpec) -> Result<AudioFile> {
        AudioFile::open_within(&Bounds::Anywhere, path, spec)
    }

    /// The same for a file within these bounds.
    pub(crate) fn open_within(bounds: &Bounds, path: &Path, spec: PcmSpec) -> Result<AudioFile> {
        AudioFile::open_in(bounds, path, Some(spec))
    }

    /// Opens a file to be read at its own rate: in mono if it has one channel, else in stereo.
    #[cfg(feature = "library")]
    pub(crate) fn open_as_it_is(bounds: &Bounds, path: &Path) -> Result<AudioFile> {
        AudioFile::open_in(bounds, path, None)
    }

    fn open_in(bounds: &Bounds, path: &Path, spec: Option<PcmSpec>) -> Result<AudioFile> {
        let file = Watched::new(source::open(path, bounds)?)
            .map_err(|cause| crate::Error::file(path, source::reason(&cause)))?;
        let changed = file.changed();
        AudioFile::open_watched(Box::new(file), changed, path, spec)
    }

    /// Opens anything that can be read like a file, which nobody watches. `name` is used in messages, and as
    /// a hint for the format.
    #[cfg(test)]
    pub(crate) fn open_source(source: Box<dyn Source>, name: &Path, spec: PcmSpec) -> Result<AudioFile> {
        AudioFile::open_watched(source, Changed::default(), name, Some(spec))
    }

    /// The same; `changed` tells whether what it gives is still to be trusted. Without a `spec` it is read as
    /// it is.
    fn open_watched(
        source: Box<dyn Source>,
        changed: Changed,
        name: &Path,
        spec: Option<PcmSpec>,
    ) -> Result<AudioFile> {
        let budget = Budget::new();
        let opened = Opened::new(Box::new(Limited::new(source, budget.clone())), name)?;
        let tags = opened.tags.clone();
        let mut stream = Stream::new(opened, budget.clone(), name)?;
        let mut decoded = Vec::new();
        let Some(shape) = stream.next(&mut decoded)?.cloned() else {
            return Err(crate::Error::file(name, "has no sound in it"));
        };
        let spec = spec.unwrap_or_else(|| shape.spec());
        let reshape = Reshape::new(&shape, spec);
        let name = name.to_owned();
        Ok(AudioFile {
            spec,
            tags,
            stream,
            decoded,
            shape,
            reshape,
            budget,
            changed,
            name,
            drop_frames: 0,
            ended: false,
        })
    }

    /// The shape in which it is read.
    #[cfg(feature = "library")]
    pub(crate) fn spec(&self) -> PcmSpec {
        self.spec
    }

    /// Its tags.
    pub(crate) fn tags(&self) -> &Tags {
        &self.tags
    }

    /// The number of frames that [`read`](AudioFile::read) returns in all, at the pipeline's rate, if the
    /// file contains it. ADTS does not, nor does MP3 without an encoder's tag; there the duration in the
    /// [tags](AudioFile::tags) is an estimate.
    pub(crate) fn duration(&self) -> Option<FrameCount> {
        self.stream.frames_at(self.spec.rate).map(FrameCount)
    }

    /// Appends the next frames, a thousand or more, interleaved in the pipeline's shape.
    pub(crate) fn read(&mut self, out: &mut Vec<f32>) -> Result<Status> {
        let begin = out.len();
        let enough = begin + CHUNK_FRAMES * self.spec.channels.count();
        while out.len() < enough && !self.ended {
            self.reshape.push(&self.decoded, out);
            self.budget.renew();
            match self.next_decoded() {
                Ok(Some(shape)) if shape == self.shape => {}
                Ok(Some(shape)) => {
                    self.shape = shape;
                    self.reshape.finish(out);
                    self.reshape = Reshape::new(&self.shape, self.spec);
                }
                Ok(None) => {
                    self.ended = true;
                    self.reshape.finish(out);
                }
                // What there was is heard to its end.
                Err(broken) => {
                    self.reshape.finish(out);
                    self.reshape = Reshape::new(&self.shape, self.spec);
                    self.drop_first(begin, out);
                    return Err(broken);
                }
            }
            self.drop_first(begin, out);
        }
        Ok(if self.ended { Status::End } else { Status::More })
    }

    /// Seeks to a frame, counted from the file's first at the pipeline's rate. It is the next frame that is
    /// read. There is nothing to read beyond the end.
    pub(crate) fn seek(&mut self, to: FrameCount) -> Result<()> {
        self.reshape = Reshape::new(&self.shape, self.spec);
        let (from, drop) = self.reshape.entry(to);
        self.budget.renew_for_seek();
        let sought = self.stream.seek(from.0);
        self.trusted(sought)?;
        self.drop_frames = drop.0;
        self.decoded.clear();
        self.ended = false;
        Ok(())
    }

    /// Decodes the next frames, and gives their shape; nothing of what replaces them in a file that has
    /// changed.
    fn next_decoded(&mut self) -> Result<Option<Shape>> {
        let next = self.stream.next(&mut self.decoded).map(Option::<&Shape>::cloned);
        self.trusted(next)
    }

    /// What a file gave, unless it has changed.
    fn trusted<T>(&self, given: Result<T>) -> Result<T> {
        if self.changed.is_so() {
            return Err(crate::Error::file(&self.name, self.changed.to_string()));
        }
        given
    }

    /// After a seek, drops the frames before its target from `out[begin..]`.
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
