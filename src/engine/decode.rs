//! The `decode` threads: one for each voice, from an opened file to its feed.
//!
//! Reads: a [`Source`]. Writes: a [`Feed`], ahead of what the mixer has taken by two seconds, and for a track
//! by the longest fade before its end, too.
//! Never: waits for the mixer longer than the mixer lives. Dropping the feed ends the thread.

use std::time::Duration;

use crate::audio::PcmSpec;
use crate::codec::file::{AudioFile, Status};
use crate::error::Result;
use crate::filework::Doing;
use crate::metadata::Tags;
use crate::ring::{Ending, Feed, FeedWriter, Wanted, feed};
use crate::units::FrameCount;

/// How much a voice is decoded ahead: a disk may be away for so long and nobody hears it.
pub(crate) const AHEAD: Duration = Duration::from_secs(2);

/// How much travels at once from a decode thread to the mixer. The thread wakes for each, so longer ones
/// would be cheaper; but a seek waits until so much has been decoded.
const CHUNK: Duration = Duration::from_millis(200);

/// What a voice plays: a file in the pipeline's shape, or anything else that yields PCM.
pub(crate) trait Source: Send {
    /// Its tags.
    fn tags(&self) -> &Tags;
    /// How long it sounds, if it says so.
    fn duration(&self) -> Option<FrameCount>;
    /// Appends the next interleaved frames; false when there are no more.
    fn read(&mut self, out: &mut Vec<f32>) -> Result<bool>;
    /// Goes on reading at `to`; beyond the end is the end.
    fn seek(&mut self, to: FrameCount) -> Result<()>;
}

impl Source for AudioFile {
    fn tags(&self) -> &Tags {
        AudioFile::tags(self)
    }

    fn duration(&self) -> Option<FrameCount> {
        AudioFile::duration(self)
    }

    fn read(&mut self, out: &mut Vec<f32>) -> Result<bool> {
        Ok(AudioFile::read(self, out)? == Status::More)
    }

    fn seek(&mut self, to: FrameCount) -> Result<()> {
        AudioFile::seek(self, to)
    }
}

/// What a decode thread does until its feed is gone.
pub(crate) struct Pump {
    source: Box<dyn Source>,
    feed: FeedWriter,
    chunk_samples: usize,
    /// Shows others when its file hangs.
    doing: Option<Doing>,
}

/// A feed that is ready to sound `from` a frame on, and the work that keeps it full `ahead` of the mixer.
/// Decodes the first chunk, so that a file without any audio is found out here and not on the air: then the
/// reason comes back.
pub(crate) fn prime(
    mut source: Box<dyn Source>,
    spec: PcmSpec,
    from: FrameCount,
    ahead: Duration,
) -> std::result::Result<(Feed, Pump), String> {
    if from > FrameCount(0) {
        source.seek(from).map_err(|error| error.to_string())?;
    }
    let chunk_frames = spec.rate.frames_in(CHUNK).0;
    let chunk_samples = chunk_frames as usize * spec.channels.count();
    let (samples, end) = decode(source.as_mut(), chunk_samples);
    if samples.is_empty() {
        return Err(match end {
            Some(Ending::Broken(reason)) => reason,
            _ => "there is no audio in it".into(),
        });
    }
    let chunks = spec.rate.frames_in(ahead).0.div_ceil(chunk_frames).max(2);
    let (feed, mut writer) = feed(spec.channels, from, chunks as usize);
    // There is room, and nobody has the feed yet who could seek.
    writer.write(samples, end);
    Ok((feed, Pump { source, feed: writer, chunk_samples, doing: None }))
}

impl Pump {
    /// Tells of the work on its file from now on.
    pub fn watched(self, doing: Doing) -> Pump {
        doing.is_answered();
        Pump { doing: Some(doing), ..self }
    }

    /// Decodes until the feed is dropped. Blocks wherever its source does.
    pub fn run(mut self) {
        let mut wanted = Wanted::More;
        loop {
            wanted = match wanted {
                // At its end there is nothing to do but to be asked to go back.
                Wanted::More if self.feed.has_ended() => self.feed.wait_at_end(),
                Wanted::More => {
                    let chunk_samples = self.chunk_samples;
                    let (samples, end) = self.ask(|source| decode(source, chunk_samples));
                    self.feed.write(samples, end)
                }
                Wanted::Seek(to) => match self.ask(|source| source.seek(to)) {
                    Ok(()) => Wanted::More,
                    Err(error) => self.feed.write(Vec::new(), Some(Ending::Broken(error.to_string()))),
                },
                Wanted::Nothing => return,
            }
        }
    }

    /// Does what may hang.
    fn ask<T>(&mut self, work: impl FnOnce(&mut dyn Source) -> T) -> T {
        self.doing.iter().for_each(Doing::asks);
        let result = work(self.source.as_mut());
        self.doing.iter().for_each(Doing::is_answered);
        result
    }
}

/// Reads a chunk of samples, and how the source ended if they were the last.
fn decode(source: &mut dyn Source, full: usize) -> (Vec<f32>, Option<Ending>) {
    // What a source gives at once rarely ends where a chunk does.
    let mut samples = Vec::with_capacity(full + full / 4);
    let mut end = None;
    while samples.len() < full && end.is_none() {
        match source.read(&mut samples) {
            Ok(true) => {}
            Ok(false) => end = Some(Ending::Complete),
            Err(error) => end = Some(Ending::Broken(error.to_string())),
        }
    }
    (samples, end)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::audio::Channels;
    use crate::error::Error;
    use crate::ring::Taken;

    /// Frames that count up from zero, in pieces that fit nothing.
    pub(crate) struct Counting {
        pub frames: u64,
        pub at: u64,
        pub tags: Tags,
        pub declares: bool,
        pub breaks_at: Option<u64>,
    }

    impl Counting {
        pub fn of(frames: u64) -> Counting {
            Counting { frames, at: 0, tags: Tags::default(), declares: true, breaks_at: None }
        }
    }

    impl Source for Counting {
        fn tags(&self) -> &Tags {
            &self.tags
        }
        fn duration(&self) -> Option<FrameCount> {
            self.declares.then_some(FrameCount(self.frames))
        }
        fn read(&mut self, out: &mut Vec<f32>) -> Result<bool> {
            if self.breaks_at.is_some_and(|at| self.at >= at) {
                return Err(Error::file("x", "torn"));
            }
            for _ in 0..777.min(self.frames - self.at) {
                out.push(self.at as f32);
                self.at += 1;
            }
            Ok(self.at < self.frames)
        }
        fn seek(&mut self, to: FrameCount) -> Result<()> {
            self.at = to.0.min(self.frames);
            Ok(())
        }
    }

    const MONO: PcmSpec = PcmSpec { rate: crate::units::SampleRate::CD, channels: Channels::Mono };
    const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));

    fn play(source: Counting) -> (Feed, std::thread::JoinHandle<()>) {
        let (feed, pump) = prime(Box::new(source), MONO, FrameCount(0), AHEAD).unwrap();
        (feed, std::thread::spawn(move || pump.run()))
    }

    fn read_all(feed: &mut Feed, stretch: usize) -> Vec<f32> {
        let mut all = Vec::new();
        let mut out = vec![0.0; stretch];
        loop {
            match feed.read(&mut out, PATIENCE) {
                Taken::Full => all.extend(&out),
                Taken::Ended(frames) => {
                    all.extend(&out[..frames]);
                    return all;
                }
                Taken::Behind(_) => panic!("the decoder is not there"),
            }
        }
    }

    #[test]
    fn every_frame_comes_once_and_in_order_however_it_is_read() {
        let chunk = MONO.rate.frames_in(CHUNK).0;
        for (frames, stretch) in [
            (1, 1024),
            (777, 1),
            (chunk - 1, 1024),
            (chunk, chunk as usize),
            (chunk + 1, 1024),
            (300_000, 1024),
            (300_001, 4099),
        ] {
            let (mut feed, thread) = play(Counting::of(frames));
            let all = read_all(&mut feed, stretch);
            assert!(all.iter().copied().eq((0..frames).map(|frame| frame as f32)), "{frames}/{stretch}");
            assert_eq!(feed.ending(), Some(&Ending::Complete));
            assert_eq!((feed.position(), feed.end()), (FrameCount(frames), Some(FrameCount(frames))));
            drop(feed);
            thread.join().unwrap();
        }
    }

    #[test]
    fn a_seek_drops_what_was_decoded_ahead_and_nothing_else() {
        let (mut feed, _thread) = play(Counting::of(1_000_000));
        let mut out = vec![0.0; 1000];
        for (to, first) in [(500_000, 500_000), (3, 3), (999_999, 999_999), (0, 0)] {
            assert_ne!(feed.read(&mut out, PATIENCE), Taken::Behind(0));
            feed.seek(FrameCount(to));
            assert_eq!(feed.position(), FrameCount(to));
            feed.read(&mut out, PATIENCE);
            assert_eq!(out[0], first as f32);
        }
        // Back from its end, and beyond it.
        feed.seek(FrameCount(1_000_000));
        assert_eq!(feed.read(&mut out, PATIENCE), Taken::Ended(0));
        feed.seek(FrameCount(999_000));
        assert_eq!(feed.read(&mut out, PATIENCE), Taken::Full);
        assert_eq!(out[999], 999_999.0);
    }

    #[test]
    fn a_source_that_breaks_off_gives_what_it_had_and_says_why() {
        let (mut feed, _thread) = play(Counting { breaks_at: Some(5000), ..Counting::of(100_000) });
        let all = read_all(&mut feed, 1024);
        assert!((5000..5777).contains(&all.len()));
        assert!(matches!(feed.ending(), Some(Ending::Broken(reason)) if reason.contains("torn")));
    }

    #[test]
    fn a_source_without_audio_is_refused_before_it_is_heard() {
        assert_eq!(
            prime(Box::new(Counting::of(0)), MONO, FrameCount(0), AHEAD).err().unwrap(),
            "there is no audio in it"
        );
        let torn = Counting { breaks_at: Some(0), ..Counting::of(10) };
        assert!(prime(Box::new(torn), MONO, FrameCount(0), AHEAD).err().unwrap().contains("torn"));
    }

    #[test]
    fn a_decoder_that_panics_ends_its_voice() {
        struct Panics;
        impl Source for Panics {
            fn tags(&self) -> &Tags {
                unreachable!()
            }
            fn duration(&self) -> Option<FrameCount> {
                None
            }
            fn read(&mut self, out: &mut Vec<f32>) -> Result<bool> {
                match out.capacity() {
                    0 => panic!("as a decoder may"),
                    // The first chunk is whole at once.
                    _ if out.is_empty() => out.extend([0.5; 44_100]),
                    _ => {}
                }
                Ok(true)
            }
            fn seek(&mut self, _: FrameCount) -> Result<()> {
                panic!("on purpose, in a test")
            }
        }
        let (mut feed, pump) = prime(Box::new(Panics), MONO, FrameCount(0), AHEAD).unwrap();
        let thread = std::thread::spawn(move || pump.run());
        feed.seek(FrameCount(1));
        assert!(thread.join().is_err());
        assert_eq!(feed.read(&mut [0.0; 64], None), Taken::Ended(0));
        assert!(matches!(feed.ending(), Some(Ending::Broken(_))));
    }
}
