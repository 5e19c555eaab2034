//! Picks the next track. A `decode` thread opens the entry that is up next, and skips entries that cannot be
//! played. Then the same thread decodes the track.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, bounded};
use log::Level;

use super::chooser::Chooser;
use super::crew::Crew;
use super::cut::Cut;
use super::decode::{AHEAD, Pump, Source, prime};
use super::planner::Planner;
use super::shared::SharedUpNext;
use crate::audio::PcmSpec;
use crate::error::Error;
use crate::event::{Emitter, Event, TrackInfo};
use crate::filework::{Doing, FileWork, NoAnswer};
use crate::ids::EntryId;
use crate::metadata::{Tags, format_title, one_line};
use crate::playout::{Began, Entry, GiveWay, Heard, LONGEST_OVERLAP, Origin, Rank, Reason};
use crate::ring::Feed;
use crate::units::{FrameCount, SampleRate};

/// Opens the file of an entry. It may block, because it is called on a decode thread.
pub(crate) type Open = dyn Fn(&Entry, PcmSpec) -> crate::Result<Box<dyn Source>> + Send + Sync;

/// The line that a station shows for an entry with these tags.
pub(crate) type TitleFormat = dyn Fn(&Entry, &Tags) -> String + Send + Sync;

/// Corrects the tags of a file by what a person has said of it.
pub(crate) type CorrectTags = dyn Fn(&Path, &mut Tags) + Send + Sync;

/// How an entry with these tags is to sound.
pub(crate) type SoundOf = dyn Fn(&Entry, &Tags) -> Sound + Send + Sync;

/// How a file is to sound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sound {
    /// Its gain, as a factor.
    pub gain: f32,
    /// Where it is cut, and where the next track starts.
    pub heard: Heard,
}

impl Default for Sound {
    /// All of it, as it is.
    fn default() -> Sound {
        Sound { gain: 1.0, heard: Heard::default() }
    }
}

/// How long before the end of a track the mixer must know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// For every track: the longest fade before an end.
    pub fade: Duration,
    /// Whether the next one starts where a track has decayed, too.
    pub decay: bool,
}

impl Reach {
    /// For a track after whose start of the next so many frames follow.
    fn of(self, decay: Option<FrameCount>, rate: SampleRate) -> Duration {
        let decay = decay.filter(|_| self.decay).map_or(Duration::ZERO, |decay| rate.duration_of(decay));
        self.fade.max(decay.min(LONGEST_OVERLAP))
    }
}

/// How long the next track may take to open before the one after it is tried. A disk may have to spin up.
const OPEN_WITHIN: Duration = Duration::from_secs(15);

/// How often the application, or the schedule, is asked for one track, if what it chooses cannot be played, or
/// is not right any more.
const QUESTIONS_A_PICK: u32 = 8;

/// A track whose file is open and whose first audio is decoded.
pub(crate) struct OpenedTrack {
    pub id: EntryId,
    /// The version of the list in which this track is next.
    pub version: u64,
    pub info: Arc<TrackInfo>,
    /// The gain of its file, as a factor.
    pub file_gain: f32,
    /// Where the next track should start, counted from where it begins itself, if that is known.
    pub start_next: Option<FrameCount>,
    pub feed: Feed,
    /// Whether it comes from the fallback.
    pub fallback: bool,
    /// When it may sound at the earliest, if it was chosen for a time that is to come.
    pub not_before: Option<Instant>,
}

/// Where the next track is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PickFrom {
    /// What is up next.
    List,
    /// What is up next, or the fallback if the list gives no track.
    ListThenFallback,
    /// The fallback alone.
    Fallback,
}

/// The result of picking, as of a version of the list.
pub(crate) enum Pick {
    Track(Box<OpenedTrack>),
    /// The list is empty.
    Nothing {
        version: u64,
    },
    /// Every entry that is up next was tried, and none can be played.
    AllFailed {
        version: u64,
    },
}

/// A pick that is being made.
pub(crate) struct PendingPick {
    /// The answer. The sender is dropped without one if no thread could be started.
    pub answer: Receiver<Pick>,
    /// The last version of the list in which the entry that is being opened was next.
    pub version: u64,
    opening: Arc<Opening>,
}

impl PendingPick {
    /// The entry that is being opened.
    pub fn opening(&self) -> Option<Opened> {
        self.opening.lock().clone()
    }

    /// Whether the disk of that entry has had time enough. The mixer asks often, so it does not wait for the
    /// thread that opens.
    pub fn is_late(&self) -> bool {
        let opening = self.opening.0.try_lock();
        opening.is_ok_and(|opened| opened.as_ref().is_some_and(|open| open.since.elapsed() >= OPEN_WITHIN))
    }

    /// What is left of it once it is dropped.
    pub fn weak(&self) -> WeakPick {
        WeakPick(Arc::downgrade(&self.opening))
    }
}

/// A pick that may have been dropped while its thread opens a file.
pub(crate) struct WeakPick(Weak<Opening>);

impl WeakPick {
    /// Whether its thread is still at work.
    pub fn is_being_made(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// An entry that is being opened.
#[derive(Clone)]
pub(crate) struct Opened {
    pub id: EntryId,
    file: PathBuf,
    /// Whether it comes from the fallback.
    pub fallback: bool,
    since: Instant,
}

/// The entry that is being opened. Opening may never end on a dead disk. The thread that opens the entry and
/// the owner of the pending pick share this.
#[derive(Default)]
struct Opening(Mutex<Option<Opened>>);

impl Opening {
    fn lock(&self) -> MutexGuard<'_, Option<Opened>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the pending pick was dropped, so that nobody waits for the answer.
    fn is_abandoned(self: &Arc<Opening>) -> bool {
        Arc::strong_count(self) == 1
    }
}

/// What picking needs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Picker {
    pub pipeline: Arc<str>,
    pub spec: PcmSpec,
    pub up_next: Arc<SharedUpNext>,
    /// The entries that stand in if `up_next` gives no track. It may be empty.
    pub fallback: Arc<SharedUpNext>,
    /// How many tracks have begun to sound. It changes only while the list of the track is locked. A reader
    /// locks the list and compares this with `OnAir::begun`, to see whether the list and the state are of one
    /// moment.
    pub begun: Arc<AtomicU64>,
    /// The entry that was on the air before a restart, and the position at which it continues.
    pub goes_on_at: Arc<Mutex<Option<(EntryId, FrameCount)>>>,
    pub open: Arc<Open>,
    pub title: Arc<Mutex<Arc<TitleFormat>>>,
    pub sound: Arc<SoundOf>,
    pub correct: Arc<CorrectTags>,
    pub emitter: Emitter,
    pub crew: Arc<Crew>,
    /// The file work of `up_next` and of `fallback`. Each has a bound of its own, so that the fallback can be
    /// opened when the disk of the list is dead.
    pub files: FileWork,
    pub fallback_files: FileWork,
    /// Asks the application, if it wants to be asked.
    pub chooser: Option<Chooser>,
    /// The schedule, where there can be one.
    pub planner: Option<Arc<dyn Planner>>,
    pub stopping: Arc<AtomicBool>,
}

impl Picker {
    /// Starts picking, and returns at once. The thread ends when the feed in its answer is dropped, if not
    /// before.
    pub fn pick(&self, from: PickFrom, reach: Reach) -> PendingPick {
        let (sender, answer) = bounded(1);
        let pending = PendingPick { answer, version: self.version(), opening: Arc::default() };
        let (picker, opening) = (self.clone(), pending.opening.clone());
        let spawned = self.crew.spawn("decode", move || picker.run(sender, &opening, from, reach));
        if let Err(error) = spawned {
            // The receiver sees that the sender is gone, and tries again later.
            self.emitter.log(Level::Error, format!("{}: {error}", self.pipeline));
        }
        pending
    }

    /// The current version of the list.
    pub fn version(&self) -> u64 {
        self.up_next.version()
    }

    /// How many tracks have begun to sound.
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Whether this entry is next on the list.
    pub fn is_next(&self, id: EntryId) -> bool {
        self.up_next.lock().peek().is_some_and(|next| next.id == id)
    }

    /// Whether the fallback has an entry.
    pub fn has_fallback(&self) -> bool {
        !self.fallback.lock().is_empty()
    }

    /// The number of the turn, and how a track of an earlier turn gives way.
    pub fn turn(&self) -> (u64, GiveWay) {
        self.up_next.lock().turn()
    }

    /// Notes that the track is on the air from then on.
    pub fn begin(&self, opened: &OpenedTrack, at: Instant) -> Began {
        let mut list = self.list_of(opened.fallback).lock();
        self.begun.fetch_add(1, Ordering::Relaxed);
        let began = list.begin(opened.id);
        if let Some(planner) = &self.planner {
            planner.began(&opened.info, at);
        }
        if !opened.fallback {
            return began;
        }
        drop(list);
        let mut up_next = self.up_next.lock();
        up_next.ended();
        Began { list: None, turn: up_next.turn().0 }
    }

    /// Notes that the track on the air ends at this moment by itself.
    pub fn ends_at(&self, at: Instant) {
        self.up_next.lock().ends_at(at);
    }

    /// Notes that the track on the air has ended, and that no other has begun.
    pub fn ended(&self) {
        self.up_next.lock().ended();
    }

    fn run(&self, answer: Sender<Pick>, opening: &Arc<Opening>, from: PickFrom, reach: Reach) {
        let version = self.version();
        let list = || {
            let picked = self.run_list(false, opening, reach);
            // Only now, if the application was to be asked for the first track, too.
            self.up_next.lock().start();
            picked
        };
        let fallback = || self.run_list(true, opening, reach);
        let found = match from {
            PickFrom::List => list(),
            PickFrom::Fallback => fallback(),
            PickFrom::ListThenFallback => list().or_else(|_| fallback()),
        };
        match found {
            Ok((opened, pump)) => {
                send(answer, Pick::Track(Box::new(opened)));
                pump.run();
            }
            Err(NoTrack::Empty) => send(answer, Pick::Nothing { version }),
            Err(NoTrack::AllFailed) => send(answer, Pick::AllFailed { version: self.version() }),
            Err(NoTrack::Stopping) => {}
        }
    }

    /// Picks from one list.
    fn run_list(
        &self,
        fallback: bool,
        opening: &Arc<Opening>,
        reach: Reach,
    ) -> Result<(OpenedTrack, Pump), NoTrack> {
        let list = self.list_of(fallback);
        list.lock().try_again();
        // The application is asked about what plays, not about what stands in for it.
        let chooser = self.chooser.as_ref().filter(|_| !fallback);
        let planner = self.planner.as_ref().filter(|_| !fallback);
        let (mut questions, mut plans) = (QUESTIONS_A_PICK, QUESTIONS_A_PICK);
        while !self.stopping.load(Ordering::Relaxed) {
            if let Some(chooser) = chooser
                && questions > 0
                && !list.lock().has_request()
            {
                let is_over = || opening.is_abandoned() || self.stopping.load(Ordering::Relaxed);
                questions = if chooser.ask(is_over) { questions - 1 } else { 0 };
            }
            if let Some(planner) = planner
                && list.lock().is_schedule_awaited()
            {
                match plans {
                    // The playlist goes on.
                    0 => _ = list.lock().schedule(None, Rank::AfterQueue),
                    _ => planner.plan(),
                }
                plans = plans.saturating_sub(1);
                if list.lock().is_schedule_awaited() {
                    // Something has changed meanwhile.
                    continue;
                }
            }
            let version = self.version();
            let next = {
                let list = list.lock();
                let next = list.peek();
                next.map(|next| (next.id, next.entry.clone(), next.origin, list.not_before(next.id)))
            };
            let (id, entry, origin, not_before) = match next {
                Some(next) => next,
                // It is asked again later.
                None if chooser.is_some() || plans == 0 => return Err(NoTrack::AllFailed),
                None => return Err(NoTrack::Empty),
            };
            let file = entry.path.clone();
            let reason = match origin {
                _ if fallback => Reason::Fallback,
                Origin::Queue => Reason::Queue,
                Origin::Playlist | Origin::Schedule => Reason::Playlist,
            };
            let reason = entry.reason.as_deref().cloned().unwrap_or(reason);
            *opening.lock() = Some(Opened { id, file, fallback, since: Instant::now() });
            let primed = self.admit(fallback, &entry.path).and_then(|doing| {
                // If a decoder panics, the track is skipped like any bad file.
                catch_unwind(AssertUnwindSafe(|| self.prime(id, &entry, reason, reach, doing)))
                    .unwrap_or_else(|_| Err(Error::file(&entry.path, "its decoder panicked")))
            });
            *opening.lock() = None;
            match primed {
                Ok((Primed { info, file_gain, start_next, feed }, pump)) => {
                    let opened =
                        OpenedTrack { id, version, info, file_gain, start_next, feed, fallback, not_before };
                    return Ok((opened, pump));
                }
                Err(_) if opening.is_abandoned() => break,
                // It hung before, and that was told. A request is told of again: it does not come back.
                Err(Error::NoAnswer { reason, .. }) if origin == Origin::Playlist => {
                    list.lock().skip_failed(id);
                    if let Some(planner) = planner {
                        planner.failed(id, &reason);
                    }
                }
                Err(error) => self.pass_over(fallback, id, entry.path, &error),
            }
            if list.lock().all_failed() {
                return Err(NoTrack::AllFailed);
            }
        }
        Err(NoTrack::Stopping)
    }

    /// Whether this file may be opened. A file that hung is not tried again soon.
    fn admit(&self, fallback: bool, file: &Path) -> crate::Result<Doing> {
        let files = if fallback { &self.fallback_files } else { &self.files };
        files.begin_unless_left_alone(file).map_err(|reason| match reason {
            NoAnswer::Hangs(_) | NoAnswer::LeftAlone(_) => {
                log::debug!("{}: {}: {reason}", self.pipeline, file.display());
                reason.of(file)
            }
            other => Error::file(file, other.to_string()),
        })
    }

    fn prime(
        &self,
        id: EntryId,
        entry: &Entry,
        reason: Reason,
        reach: Reach,
        doing: Doing,
    ) -> crate::Result<(Primed, Pump)> {
        let source = (self.open)(entry, self.spec)?;
        let mut tags = source.tags().clone();
        let Sound { gain: file_gain, heard } = (self.sound)(entry, &tags);
        (self.correct)(&entry.path, &mut tags);
        let (source, start_next) = Cut::of(source, &heard, self.spec)?;
        let duration = source.duration();
        let decay = duration.zip(start_next).map(|(end, at)| FrameCount(end.0.saturating_sub(at.0)));
        // The mixer knows the end only when the decoder has seen it, whatever the file declares. So the
        // decoder must be ahead by the longest fade before the end, too.
        let ahead = AHEAD + reach.of(decay, self.spec.rate);
        let goes_on_at = *self.goes_on_at.lock().unwrap_or_else(PoisonError::into_inner);
        let from = goes_on_at.filter(|at| at.0 == id).map_or(FrameCount(0), |at| at.1);
        let (feed, pump) =
            prime(source, self.spec, from, ahead).map_err(|reason| Error::file(&entry.path, reason))?;
        let pump = pump.watched(doing);
        let format = self.title.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let title = catch_unwind(AssertUnwindSafe(|| format(entry, &tags))).unwrap_or_else(|_| {
            self.emitter.log(Level::Error, format!("{}: the title format panicked", self.pipeline));
            format_title(entry.title.as_deref(), &tags, None, &entry.path)
        });
        let info = TrackInfo {
            id,
            file: entry.path.clone(),
            given: entry.title.clone(),
            tags,
            title: one_line(&title).into_owned(),
            duration,
            confined: entry.confined,
            kind: entry.kind,
            reason,
        };
        Ok((Primed { info: Arc::new(info), file_gain, start_next, feed }, pump))
    }

    /// Gives up an entry whose opening does not end.
    pub fn give_up(&self, opened: Opened) {
        let Opened { id, file, fallback, since } = opened;
        let waited = since.elapsed().as_secs();
        let error = Error::file(&file, format!("it cannot be opened in time: no answer for {waited} s"));
        self.pass_over(fallback, id, file, &error);
    }

    fn pass_over(&self, fallback: bool, id: EntryId, file: PathBuf, error: &Error) {
        self.list_of(fallback).lock().skip_failed(id);
        let reason = match error {
            Error::File { reason, .. } | Error::NoAnswer { reason, .. } => reason.clone(),
            other => other.to_string(),
        };
        // The fallback has ids of its own, which are no ids of the schedule's choices.
        if let Some(planner) = self.planner.as_ref().filter(|_| !fallback) {
            planner.failed(id, &reason);
        }
        self.emitter.emit(Event::TrackFailed { file, reason });
    }

    fn list_of(&self, fallback: bool) -> &SharedUpNext {
        if fallback { &self.fallback } else { &self.up_next }
    }
}

/// An entry whose first audio is decoded.
struct Primed {
    info: Arc<TrackInfo>,
    file_gain: f32,
    start_next: Option<FrameCount>,
    feed: Feed,
}

/// Why a list gave no track.
enum NoTrack {
    Empty,
    AllFailed,
    /// The pipeline is being stopped, or nobody waits for the answer any more.
    Stopping,
}

/// Sends the answer and drops the sender. A track that nobody takes is dropped with the channel, so that its
/// decode thread ends.
fn send(answer: Sender<Pick>, pick: Pick) {
    // Sending fails if nobody waits for the answer any more.
    let _ = answer.send(pick);
}
