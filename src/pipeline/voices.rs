//! Voices for live mixing: decks, jingles, whatever an application plays over the programme. They
//! set no title.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Pipeline;
use super::limits::Limits;
use crate::engine::deck::{Deck, DeckCommand, VoiceState};
use crate::engine::decode::{AHEAD, prime};
use crate::engine::mixer::{Command, read};
use crate::engine::voice::Voice;
use crate::error::{Error, Result};
use crate::event::TrackInfo;
use crate::ids::{EntryId, VoiceId};
use crate::metadata::{Tags, format_title};
use crate::playout::{Curve, Entry, GiveWay, Reason};
use crate::units::FrameCount;

/// The voices of a pipeline that have not ended, by their numbers.
#[derive(Default)]
pub(super) struct VoiceTable {
    last: AtomicU64,
    present: Mutex<HashSet<VoiceId>>,
}

impl VoiceTable {
    /// The number of another voice, if the limit has room for it.
    fn add(&self, limits: &Limits) -> Result<VoiceId> {
        let mut present = self.lock();
        limits.one_more_voice(present.len())?;
        let id = VoiceId(self.last.fetch_add(1, Ordering::Relaxed) + 1);
        present.insert(id);
        Ok(id)
    }

    fn count(&self) -> usize {
        self.lock().len()
    }

    /// A voice whose end is told is no voice any more.
    pub fn forget(&self, voice: VoiceId) {
        self.lock().remove(&voice);
    }

    pub fn contains(&self, voice: VoiceId) -> bool {
        self.lock().contains(&voice)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<VoiceId>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a voice begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VoiceOptions {
    /// Its volume, from 0 to 16, 1.0 being unchanged.
    pub volume: f32,
    /// Whether it waits, paused, for [`Pipeline::resume_voice`].
    pub paused: bool,
    /// Whether its file must lie below the media roots: see [`Entry::confined`](crate::Entry::confined).
    pub confined: bool,
}

impl Default for VoiceOptions {
    fn default() -> VoiceOptions {
        VoiceOptions { volume: 1.0, paused: false, confined: false }
    }
}

impl Pipeline {
    /// Plays a file over the programme.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be played, [`Error::NoAnswer`] if its disk does not answer within five
    /// seconds; [`Error::Setting`] for a volume that no voice has; [`Error::Limit`] if there are
    /// [`max_voices`](crate::PipelineSettings::max_voices); [`Error::Stopped`] if the pipeline is off
    /// the air.
    pub fn play_voice(&self, path: impl AsRef<Path>, options: VoiceOptions) -> Result<VoiceId> {
        let path = path.as_ref();
        self.inner.check_running()?;
        // Before a file is opened and a thread started for it.
        self.inner.limits.one_more_voice(self.inner.voices.count())?;
        let entry = Entry { confined: options.confined, ..Entry::new(path) };
        let (duration, tags, voice) = self.open_voice(&entry)?;
        let tags = self.inner.programming.corrected(path, tags);
        self.add_voice(Some(Arc::new(track_of(entry, tags, duration))), duration, voice, options)
    }

    /// Opens a file, decodes its beginning, and starts the thread that decodes the rest.
    pub(super) fn open_voice(&self, entry: &Entry) -> Result<(Option<FrameCount>, Tags, Voice)> {
        let (inner, path) = (&self.inner, &entry.path);
        let (own, spec) = (path.clone(), inner.spec);
        let (levelling, levelled) = (inner.programming.levelling().clone(), entry.clone());
        let opened = inner.programming.open(entry, move |source| {
            let (duration, tags) = (source.duration(), source.tags().clone());
            let gain = levelling.sound(&levelled, &tags).gain;
            let (feed, pump) =
                prime(source, spec, FrameCount(0), AHEAD).map_err(|reason| Error::file(own, reason))?;
            Ok((duration, tags, gain, feed, pump))
        });
        let (duration, tags, gain, feed, pump) = opened?;
        let doing = inner.programming.files.begin(path).map_err(|reason| reason.of(path))?;
        inner.threads.decoders.spawn("decode", move || pump.watched(doing).run())?;
        Ok((duration, tags, Voice::new(feed, gain, inner.spec.rate)))
    }

    /// Stops a voice, by a fade of this length.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the voice has ended.
    pub fn stop_voice(&self, voice: VoiceId, fade: Duration) -> Result<()> {
        self.deck(voice, DeckCommand::Stop { fade })
    }

    /// Stops decks, application voices and the current track, by a fade of this length. What follows
    /// is the next track, or nothing while the programme is held.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the pipeline is off the air; [`Error::Busy`] if the mixer has too many orders.
    pub fn stop_all_voices(&self, fade: Duration) -> Result<()> {
        self.inner.command(Command::StopDecks { fade })?;
        self.inner.up_next().skip(GiveWay::FadeOut(fade));
        Ok(())
    }

    /// Pauses a voice where it is.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the voice has ended.
    pub fn pause_voice(&self, voice: VoiceId) -> Result<()> {
        self.deck(voice, DeckCommand::Pause)
    }

    /// A paused voice goes on.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the voice has ended.
    pub fn resume_voice(&self, voice: VoiceId) -> Result<()> {
        self.deck(voice, DeckCommand::Resume)
    }

    /// A voice goes on at this time from its beginning.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the voice has ended.
    pub fn seek_voice(&self, voice: VoiceId, to: Duration) -> Result<()> {
        self.deck(voice, DeckCommand::Seek(self.inner.spec.rate.frames_in(to)))
    }

    /// Sets a voice's volume, 1.0 being unchanged. It does not click.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the voice has ended; [`Error::Setting`] for a volume outside 0 to 16.
    pub fn set_volume(&self, voice: VoiceId, volume: f32) -> Result<()> {
        self.ramp_volume(voice, volume, Duration::ZERO, Curve::Smooth, false)
    }

    /// Takes a voice's volume to another, sample by sample, and returns at once. With `then_stop` the
    /// voice ends with the ramp. [`Event::RampDone`](crate::Event::RampDone) says when.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the voice has ended; [`Error::Setting`] for a volume outside 0 to 16.
    pub fn ramp_volume(
        &self,
        voice: VoiceId,
        to: f32,
        over: Duration,
        curve: Curve,
        then_stop: bool,
    ) -> Result<()> {
        let to = checked(to)?;
        self.deck(voice, DeckCommand::Volume { to, over, curve, then_stop })
    }

    /// All voices but the programme's, as of the mixer's last job. A stopped pipeline has none.
    pub fn voices(&self) -> Vec<VoiceState> {
        if !self.is_running() {
            return Vec::new();
        }
        read(&self.inner.on_air).voices.clone()
    }

    pub(super) fn add_voice(
        &self,
        track: Option<Arc<TrackInfo>>,
        duration: Option<FrameCount>,
        voice: Voice,
        options: VoiceOptions,
    ) -> Result<VoiceId> {
        let volume = checked(options.volume)?;
        // It is known before the mixer has it, which may end it at once.
        let id = self.inner.voices.add(&self.inner.limits)?;
        let mut deck = Deck::new(id, track, duration, voice, volume, self.inner.spec);
        if options.paused {
            deck.start_paused();
        }
        let sent = self.inner.command(Command::AddDeck(Box::new(deck)));
        sent.inspect_err(|_| self.inner.voices.forget(id))?;
        Ok(id)
    }

    fn deck(&self, voice: VoiceId, command: DeckCommand) -> Result<()> {
        if self.inner.is_running() && !self.inner.voices.contains(voice) {
            return Err(Error::NotFound(format!(
                "voice {}: it has ended, or is another pipeline's",
                voice.0
            )));
        }
        self.inner.command(Command::Deck(voice, command))
    }
}

/// What is told of the file of a voice. It is no entry, so it has the id 0.
fn track_of(entry: Entry, tags: Tags, duration: Option<FrameCount>) -> TrackInfo {
    let Entry { path, title, confined, kind, .. } = entry;
    let shown = format_title(title.as_deref(), &tags, None, &path);
    TrackInfo {
        id: EntryId(0),
        file: path,
        given: title,
        tags,
        title: shown,
        duration,
        confined,
        kind,
        reason: Reason::Queue,
    }
}

/// A volume that a voice can have.
fn checked(volume: f32) -> Result<f32> {
    // In floats the cosine of a right angle, which is a crossfader's end, is a little below zero.
    let volume = if volume.abs() < 1e-6 { 0.0 } else { volume };
    match volume {
        0.0..=16.0 => Ok(volume),
        _ => Err(Error::setting("volume", format!("{volume} is outside 0..=16; 1 is unchanged"))),
    }
}
