//! Voices of an application's own PCM: pushed by a call, or written into a pipe.

use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

use super::Pipeline;
use super::voices::{VoiceOptions, VoiceTable};
use crate::engine::decode::AHEAD;
use crate::engine::voice::Voice;
use crate::error::{Error, Result};
use crate::ids::VoiceId;
use crate::names::named;
use crate::ring::{Filler, by_hand};

/// How often a pipe that nobody writes to is asked whether its voice still sounds.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// So much is read from a pipe at once, in bytes. A pipe holds four times as much.
const AT_ONCE: usize = 16 * 1024;

/// PCM that an application pushes into a voice. The voice ends when this is dropped and what was
/// pushed has sounded. One thread at a time.
pub struct VoiceInput {
    id: VoiceId,
    filler: Filler,
}

impl VoiceInput {
    /// Which voice it feeds.
    pub fn voice(&self) -> VoiceId {
        self.id
    }

    /// Takes interleaved frames in the pipeline's rate and channels, as far as there is room for them
    /// now (about two seconds in all), and says how many frames it took. Offer the rest again
    /// later: it sounds as fast as the clock goes.
    ///
    /// # Errors
    /// [`Error::Stopped`] when the voice was stopped.
    pub fn push(&mut self, frames: &[f32]) -> Result<usize> {
        self.push_within(frames, Duration::ZERO)
    }

    /// The same, but waits for room until all frames were taken, for this long at most. A paused voice makes
    /// no room.
    ///
    /// # Errors
    /// [`Error::Stopped`] when the voice was stopped, also while it waits.
    pub fn push_within(&mut self, frames: &[f32], patience: Duration) -> Result<usize> {
        let deadline = Instant::now().checked_add(patience);
        self.filler.push(frames, deadline).ok_or(Error::Stopped("voice"))
    }
}

impl fmt::Debug for VoiceInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VoiceInput").field(&self.id).finish()
    }
}

named! {
    /// How the samples of a pipe are written. (ffmpeg and sox have the same names.)
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[non_exhaustive]
    pub enum SampleFormat {
        /// 32-bit floats from -1 to 1, little-endian.
        #[default]
        F32Le = "f32le",
        /// Signed 16-bit integers, little-endian.
        S16Le = "s16le",
    }
}

impl SampleFormat {
    /// The length of a sample in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            SampleFormat::F32Le => 4,
            SampleFormat::S16Le => 2,
        }
    }

    /// Appends whole samples to `pcm`. What is no number becomes silence.
    fn decode(self, bytes: &[u8], pcm: &mut Vec<f32>) {
        match self {
            SampleFormat::F32Le => pcm.extend(bytes.as_chunks().0.iter().map(|bytes| {
                let sample = f32::from_le_bytes(*bytes);
                if sample.is_finite() { sample } else { 0.0 }
            })),
            SampleFormat::S16Le => pcm.extend(
                bytes.as_chunks().0.iter().map(|bytes| f32::from(i16::from_le_bytes(*bytes)) / 32_768.0),
            ),
        }
    }
}

impl Pipeline {
    /// Plays PCM that the application pushes. Until it does, and whenever it is late, the voice is silent.
    ///
    /// # Errors
    /// [`Error::Limit`] if there are [`max_voices`](crate::PipelineSettings::max_voices); [`Error::Stopped`]
    /// if the pipeline is off the air.
    pub fn play_input(&self, options: VoiceOptions) -> Result<VoiceInput> {
        self.inner.check_running()?;
        let (feed, filler) = by_hand(self.inner.spec, AHEAD);
        let id = self.add_voice(None, None, Voice::new(feed, 1.0, self.inner.spec.rate), options)?;
        Ok(VoiceInput { id, filler })
    }

    /// Plays what is written into a pipe: interleaved samples in the pipeline's rate and channels, live or as
    /// fast as they can be made. A write waits while about two seconds wait to sound. (In an event loop, make
    /// the pipe non-blocking and wait until it is writable.) The pipe can be another program's standard
    /// output. The voice ends when the pipe is closed and everything has sounded. Once the voice has been
    /// stopped, writes fail with `EPIPE`.
    ///
    /// ```no_run
    /// # fn example(pipeline: &longwave::Pipeline) -> Result<(), Box<dyn std::error::Error>> {
    /// use longwave::{SampleFormat, VoiceOptions};
    /// use std::process::Command;
    ///
    /// let (pipe, voice) = pipeline.play_pipe(SampleFormat::S16Le, VoiceOptions::default())?;
    /// let arguments = "-re -i https://example.org/news.opus -f s16le -ar 44100 -ac 2 -";
    /// Command::new("ffmpeg").args(arguments.split(' ')).stdout(pipe).spawn()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Limit`] if there are [`max_voices`](crate::PipelineSettings::max_voices); [`Error::Io`] if
    /// the process has no descriptor or thread left; [`Error::Stopped`] if the pipeline is off the air.
    pub fn play_pipe(&self, format: SampleFormat, options: VoiceOptions) -> Result<(PipeWriter, VoiceId)> {
        let (reader, writer) = io::pipe().map_err(Error::io("making a pipe"))?;
        let input = self.play_input(options)?;
        let id = input.id;
        let pump = Pump {
            reader,
            input,
            format,
            channels: self.inner.spec.channels.count(),
            voices: self.inner.voices.clone(),
            stopping: self.inner.stopping.clone(),
        };
        self.inner.threads.decoders.spawn("pipe", move || pump.run())?;
        Ok((writer, id))
    }
}

/// Takes PCM from a pipe to a voice, on a thread of its own.
struct Pump {
    reader: PipeReader,
    input: VoiceInput,
    format: SampleFormat,
    channels: usize,
    voices: Arc<VoiceTable>,
    stopping: Arc<AtomicBool>,
}

impl Pump {
    fn run(mut self) {
        let frame = self.format.bytes() * self.channels;
        let mut bytes = vec![0; AT_ONCE];
        let (mut filled, mut pcm) = (0, Vec::new());
        while self.wait() {
            let count = match self.reader.read(&mut bytes[filled..]) {
                // A frame that is not whole at the end cannot be played.
                Ok(0) => return self.end(),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return log::warn!("voice {}: its pipe: {error}", self.input.id.0),
            };
            filled += count;
            let whole = filled / frame * frame;
            pcm.clear();
            self.format.decode(&bytes[..whole], &mut pcm);
            bytes.copy_within(whole..filled, 0);
            filled -= whole;
            if !self.push(&pcm) {
                return;
            }
        }
    }

    /// Waits until there is something to read. Returns false if the voice has ended.
    fn wait(&self) -> bool {
        let timeout = Timespec::try_from(LOOK_EVERY).ok();
        while self.sounds() {
            let mut readable = [PollFd::new(&self.reader, PollFlags::IN)];
            // A failure shows itself in the read.
            if poll(&mut readable, timeout.as_ref()) != Ok(0) {
                return true;
            }
        }
        false
    }

    /// Whether the voice has not ended.
    fn sounds(&self) -> bool {
        self.voices.contains(self.input.id) && !self.stopping.load(Ordering::Relaxed)
    }

    /// Brings what is left to the voice.
    fn end(&mut self) {
        while self.sounds() && self.input.filler.flush(Some(Instant::now() + LOOK_EVERY)) == Some(false) {}
    }

    /// Returns false if the voice has ended.
    fn push(&mut self, mut pcm: &[f32]) -> bool {
        while !pcm.is_empty() {
            match self.input.push_within(pcm, LOOK_EVERY) {
                Ok(frames) => pcm = &pcm[frames * self.channels..],
                Err(_) => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_in_each_format() {
        let decoded = |format: SampleFormat, bytes: &[u8]| {
            let mut pcm = Vec::new();
            format.decode(bytes, &mut pcm);
            pcm
        };
        let floats: Vec<u8> =
            [0.5_f32, -1.0, f32::NAN, 1.25].iter().flat_map(|one| one.to_le_bytes()).collect();
        assert_eq!(decoded(SampleFormat::F32Le, &floats), [0.5, -1.0, 0.0, 1.25]);
        let integers: Vec<u8> = [16_384_i16, -32_768, 0].iter().flat_map(|one| one.to_le_bytes()).collect();
        assert_eq!(decoded(SampleFormat::S16Le, &integers), [0.5, -1.0, 0.0]);
        for format in SampleFormat::ALL {
            assert_eq!(decoded(*format, &vec![0; format.bytes() * 3]).len(), 3);
        }
    }
}
