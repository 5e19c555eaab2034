//! The thread `schedule`: has the programme played by the clock.
//!
//! Reads: the time of the day, what has begun, who has the air, and the files that the schedule names (by
//! threads `files`). Writes: what comes next into the running order, and the orders by which slots take the
//! air. Never: makes the mixer wait, but for a stepped clock's.
//!
//! The next track is chosen by the thread that picks it ([`Planner::plan`]), with the same director.

mod acting;
mod added;
#[cfg(feature = "library")]
mod ahead;
mod over_live;
mod previewing;
mod reading;
mod slot_files;
mod stock;

#[cfg(feature = "library")]
use std::collections::HashSet;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam::channel::{Receiver, Sender, bounded};
use jiff::Timestamp;

use super::programming::Programming;
use super::running::Inner;
use super::settings::PipelineSettings;
use crate::civil::Zone;
use crate::engine::clock::Clock;
use crate::engine::mixer::{OnAir, read};
use crate::engine::planner::Planner;
use crate::engine::shared::SharedUpNext;
use crate::error::Result;
use crate::event::{Emitter, TrackInfo};
use crate::health::Warning;
use crate::home::Home;
use crate::ids::EntryId;
use crate::library::library_playlist;
#[cfg(feature = "library")]
use crate::path_text::cleaned;
#[cfg(feature = "library")]
use crate::playout::schedule::Material;
use crate::playout::schedule::{
    Composed, Director, DueSlot, Ingredient, Pick, Playing, Reason, Rules, Schedule, SlotWants, Track,
};
use crate::playout::{Crossfade, Entry, Rank};
use crate::roots::MediaRoots;
use crate::units::SampleRate;
pub(super) use added::Added;
#[cfg(feature = "library")]
pub(super) use ahead::HeardAhead;
use over_live::Above;
pub use previewing::{preview_schedule, schedule_of};
use slot_files::{FoundFiles, Looked};
use stock::Stock;

/// What the mixer tells and has not been read: more than a station plays in an hour.
const MAX_REPORTS: usize = 256;

/// How long health names a slot that was dropped.
const NAMED_FOR: Duration = Duration::from_secs(3600);

/// How long something waits for a disk while the clock is stepped: however busy a machine is, it plays the
/// same.
const STEPPED_PATIENCE: Duration = Duration::from_secs(60);

/// The most dropped slots that health names.
const MOST_NAMED: usize = 16;

/// What plays the programme of one pipeline by the clock. It is there without a schedule, too, and does
/// nothing then.
pub(super) struct Scheduling {
    clock: Clock,
    rate: SampleRate,
    up_next: Arc<SharedUpNext>,
    on_air: Arc<ArcSwap<OnAir>>,
    emitter: Emitter,
    media_roots: MediaRoots,
    reports: Sender<Report>,
    unread: Receiver<Report>,
    desk: Mutex<Desk>,
    changed: Condvar,
    /// What it plays by: with or without a schedule, a time zone.
    composed: ArcSwap<Composed>,
    /// Held while that changes.
    composing: Mutex<()>,
    /// Slots that were dropped, and when. By itself, for the desk may wait for a disk.
    dropped: Mutex<VecDeque<(Instant, String)>>,
    ending: AtomicBool,
    /// The home of what is remembered.
    home: Home,
    /// Set when the pipeline is built.
    pipeline: OnceLock<Weak<Inner>>,
}

/// What the mixer and the picking thread tell.
enum Report {
    Began(Arc<TrackInfo>, Instant),
    Failed(EntryId, String),
}

/// All that changes.
struct Desk {
    /// `None` without a schedule.
    rules: Option<Arc<Rules>>,
    director: Director,
    stock: Stock,
    #[cfg(feature = "library")]
    ahead: ahead::Ahead,
    /// What was chosen last.
    pending: Option<(EntryId, Pick)>,
    last: Option<Last>,
    /// The track that goes on after a restart, and what is known of it.
    resumes: Option<(PathBuf, Playing)>,
    /// What interrupts until then has been looked at.
    looked_until: Timestamp,
    /// Whether a slot that does not wait for a track waits for a DJ.
    waits_for_air: bool,
    /// When it is looked again for the file of a slot that has come, if one had nothing to play.
    looks_again: Option<Instant>,
    /// Whether there was nothing to choose from when the schedule was asked last.
    has_nothing: bool,
    /// Slots that are heard above a DJ for as long as they say.
    above: Vec<Above>,
    /// How often something has changed that the thread has to know of.
    changes: u64,
}

/// The track that has begun last.
struct Last {
    id: EntryId,
    /// When it ends, as its file declares.
    ends: Option<Instant>,
    /// How long it overlaps with the one after it.
    overlap: Duration,
}

impl Scheduling {
    /// What plays by the clock from now on. Its thread is started with a schedule.
    pub fn new(
        settings: &PipelineSettings,
        programming: &Programming,
        on_air: Arc<ArcSwap<OnAir>>,
        emitter: Emitter,
        home: Home,
    ) -> Arc<Scheduling> {
        let (clock, library) = (settings.clock.clone(), settings.library.clone());
        let (reports, unread) = bounded(MAX_REPORTS);
        let now = timestamp(&clock, clock.position());
        let desk = Desk {
            rules: None,
            director: Director::new(fastrand::u64(..), now),
            stock: Stock::new(programming.files.clone(), library, clock.is_stepped(), home.clone()),
            #[cfg(feature = "library")]
            ahead: ahead::Ahead::default(),
            pending: None,
            last: None,
            resumes: None,
            looked_until: now,
            waits_for_air: false,
            looks_again: None,
            has_nothing: false,
            above: Vec::new(),
            changes: 0,
        };
        Arc::new(Scheduling {
            clock,
            rate: settings.spec.rate,
            up_next: programming.up_next.clone(),
            on_air,
            emitter,
            media_roots: programming.media_roots.clone(),
            reports,
            unread,
            desk: Mutex::new(desk),
            changed: Condvar::new(),
            composed: ArcSwap::default(),
            composing: Mutex::default(),
            dropped: Mutex::default(),
            ending: AtomicBool::new(false),
            home,
            pipeline: OnceLock::new(),
        })
    }

    /// Plays by its first schedule. What was added may not be known yet.
    pub fn begin(
        self: &Arc<Scheduling>,
        declared: &Schedule,
        added: Option<Vec<Ingredient>>,
        pipeline: &Arc<Inner>,
    ) -> Result<()> {
        self.compose(pipeline, |_| Composed::new(declared.clone(), added)).map(|_| ())
    }

    /// Plays by this declaration from now on, and by what is added to it. True if that is something else than
    /// before.
    pub fn declare(self: &Arc<Scheduling>, schedule: &Schedule, pipeline: &Arc<Inner>) -> Result<bool> {
        self.compose(pipeline, |before| Composed::new(schedule.clone(), before.added().cloned()))
    }

    /// Plays by what was added from now on, and by what is declared. True if that is something else than
    /// before.
    pub fn add(self: &Arc<Scheduling>, added: Vec<Ingredient>, pipeline: &Arc<Inner>) -> Result<bool> {
        self.compose(pipeline, |before| Composed::new(before.declared().clone(), Some(added)))
    }

    fn compose(
        self: &Arc<Scheduling>,
        pipeline: &Arc<Inner>,
        compose: impl FnOnce(&Composed) -> Composed,
    ) -> Result<bool> {
        let _composing = self.composing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.composed.load_full();
        let composed = Arc::new(compose(&before));
        for resting in composed.resting().iter().filter(|resting| !before.resting().contains(resting)) {
            let (kind, name, pipeline) = (resting.kind().as_str(), resting.name(), &pipeline.name);
            let why = match composed.declared().has(resting.kind(), name) {
                true => "the configuration declares one of that name",
                false => "there is no room for it",
            };
            log::warn!("{pipeline}: the {kind} {name:?} that was added rests: {why}");
        }
        pipeline.requests.set_schedule(composed.in_force());
        self.apply(&composed, pipeline)?;
        Ok(composed != before)
    }

    /// The first schedule that is not empty starts the thread.
    fn apply(self: &Arc<Scheduling>, composed: &Arc<Composed>, pipeline: &Arc<Inner>) -> Result<()> {
        let schedule = composed.in_force();
        let is_there = !schedule.is_empty();
        let crossfade = pipeline.programming.transitions().crossfade;
        let rules = is_there.then(|| Arc::new(Rules::at_home(schedule, crossfade, &self.home)));
        let mut desk = self.desk();
        // What has happened, and what was chosen, is of the old rules.
        self.read_reports(&mut desk);
        // Together with the rules, for picks have its indices.
        self.composed.store(composed.clone());
        if let Some((id, pick)) = desk.pending.take() {
            let is_slot = pick.due().is_some();
            let carry = |(old, new): (&Arc<Rules>, &Arc<Rules>)| pick.carried_over(old, new);
            desk.pending = desk.rules.as_ref().zip(rules.as_ref()).and_then(carry).map(|pick| (id, pick));
            if is_slot && desk.pending.is_none() {
                // A slot that is not declared any more does not take the air.
                self.up_next.lock().take_back(id);
            }
        }
        // What was added may not be known yet: what it has played is not forgotten.
        if let Some(rules) = rules.as_ref().filter(|_| composed.added().is_some()) {
            desk.director.prune(rules);
        }
        desk.rules = rules;
        desk.looked_until = self.now();
        desk.changes += 1;
        if is_there && self.pipeline.set(Arc::downgrade(pipeline)).is_ok() {
            if self.clock.is_stepped() {
                // The mixer waits for it from its first job on.
                let _ = self.clock.has_come(self.clock.position());
                desk.stock.look_at_playlist(&self.up_next);
                desk.stock.read_all(schedule);
            }
            let own = self.clone();
            pipeline.threads.followers.spawn("schedule", move || own.run())?;
        }
        drop(desk);
        self.up_next.lock().set_scheduled(is_there);
        self.changed.notify_all();
        Ok(())
    }

    /// Tracks meet in this way from now on.
    pub fn set_crossfade(&self, crossfade: Crossfade) {
        let mut desk = self.desk();
        let changed = desk.rules.as_ref().map(|rules| Arc::new(rules.with(crossfade)));
        desk.rules = changed;
        desk.changes += 1;
        drop(desk);
        self.up_next.lock().ask_schedule();
        self.changed.notify_all();
    }

    /// The time zone that is declared.
    pub fn zone(&self) -> Zone {
        self.composed.load().declared().zone.clone()
    }

    /// What is declared, and what was added.
    pub fn composed(&self) -> Arc<Composed> {
        self.composed.load_full()
    }

    /// The files of the inserts that are no playlists of the library, as they were read last.
    #[cfg(feature = "library")]
    pub fn files_of_inserts(&self) -> HashSet<PathBuf> {
        let composed = self.composed();
        let paths = composed.in_force().inserts.iter().map(|insert| insert.playlist.as_path());
        let paths = paths.filter(|path| library_playlist(path).is_none());
        let desk = self.desk();
        let lists: Vec<_> = paths.map(|path| desk.stock.playlist(Some(path))).collect();
        drop(desk);
        let tracks = lists.iter().flat_map(|list| (0..list.len()).map(|index| list.track(index)));
        tracks.map(|track| cleaned(&track.entry.path)).collect()
    }

    /// Lets the thread end.
    pub fn stop(&self) {
        self.ending.store(true, Ordering::Relaxed);
        self.clock.plan_no_more();
        self.changed.notify_all();
    }

    /// What it needs to go on where it is; `None` without a schedule.
    pub fn director(&self) -> Option<Director> {
        let mut desk = self.desk();
        self.read_reports(&mut desk);
        desk.rules.is_some().then(|| desk.director.clone())
    }

    /// Whether what was on the air by this director is over by now, because its slot may take no longer.
    pub fn is_over(&self, director: &Director) -> bool {
        director.on_air().is_some_and(|on_air| on_air.is_over(self.now()))
    }

    /// Goes on from there. This track goes on where it was.
    pub fn restore(&self, director: Option<Director>, current: Option<PathBuf>) {
        let mut desk = self.desk();
        self.read_reports(&mut desk);
        if let Some(director) = director {
            desk.director = director;
        }
        desk.resumes = current.zip(desk.director.on_air());
        desk.pending = None;
        desk.changes += 1;
        drop(desk);
        self.up_next.lock().ask_schedule();
    }

    /// What an operator should know: slots that were dropped.
    pub fn warnings(&self) -> Vec<Warning> {
        let dropped = self.dropped().into_iter();
        dropped.map(|text| Warning::new(text, "a slot was not played")).collect()
    }

    /// The slots that were dropped within an hour, each in a sentence.
    pub fn dropped(&self) -> Vec<String> {
        let now = self.clock.position();
        let mut dropped = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        dropped.retain(|(at, _)| now.saturating_duration_since(*at) < NAMED_FOR);
        dropped.iter().map(|(_, text)| text.clone()).collect()
    }

    fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time of the day that is being mixed.
    fn now(&self) -> Timestamp {
        timestamp(&self.clock, self.clock.position())
    }

    /// When it will be this time of the day.
    fn instant(&self, time: Timestamp) -> Instant {
        let position = self.clock.position();
        let left = time.duration_since(timestamp(&self.clock, position));
        position + Duration::try_from(left).unwrap_or_default()
    }

    /// Tells the director what has happened since the last look.
    fn read_reports(&self, desk: &mut Desk) {
        while let Ok(report) = self.unread.try_recv() {
            let Some(rules) = desk.rules.clone() else { continue };
            match report {
                Report::Began(track, at) => self.note_begun(desk, &rules, &track, at),
                Report::Failed(id, reason) => {
                    if let Some((_, pick)) = desk.pending.take_if(|(pending, _)| *pending == id) {
                        let now = self.now();
                        desk.director.failed(&rules, &pick, now, &reason);
                    }
                }
            }
        }
        let (Some(rules), Some((id, pick))) = (desk.rules.clone(), &desk.pending) else { return };
        if self.up_next.lock().was_passed_over(*id) {
            let (pick, now) = (pick.clone(), self.now());
            desk.pending = None;
            match pick.due().map(DueSlot::at).filter(|due| *due > now) {
                // Its time has not come: what was ordered instead is heard until then.
                Some(due) => desk.looks_from(due),
                None => desk.director.skipped(&rules, &pick, now),
            }
        }
    }

    fn note_begun(&self, desk: &mut Desk, rules: &Rules, track: &Arc<TrackInfo>, at: Instant) {
        let entry = Entry { kind: track.kind, ..Entry::new(&track.file) };
        let known = desk.stock.known(&track.file).map(|known| known.track(entry.clone()));
        let length = track.duration.map(|frames| self.rate.duration_of(frames)).or(track.tags.duration);
        let mut own = Track {
            artist: track.tags.artist.as_deref().map(Arc::from),
            title: track.tags.title.as_deref().map(Arc::from),
            duration: length,
            ..Track::new(entry)
        };
        if let Some(known) = known {
            // What the library says of a track goes first.
            let (artist, title) = (known.artist.or(own.artist), known.title.or(own.title));
            own = Track { artist, title, decay: known.decay, ..own };
        }
        let ends = length.map(|length| at + length);
        desk.last = Some(Last { id: track.id, ends, overlap: rules.overlap(&own) });
        let (at, ends) = (timestamp(&self.clock, at), ends.map(|ends| timestamp(&self.clock, ends)));
        // The fallback has ids of its own.
        let is_fallback = track.reason == Reason::Fallback;
        let pick = desk.pending.take_if(|(pending, _)| !is_fallback && *pending == track.id);
        let pick = pick.map(|(_, pick)| pick);
        if pick.is_some() {
            // What was to go on has had its turn, or cannot be played.
            desk.resumes = None;
        } else if let Some((_, on_air)) = desk.resumes.take_if(|(file, _)| *file == track.file) {
            return desk.director.goes_on(on_air, ends);
        }
        desk.director.began(rules, &own, pick.as_ref(), at, ends);
    }

    /// Looks for the files of these slots, up to the first that has something to play. The desk is free
    /// meanwhile, for a disk may not answer: whatever was read from it before may have changed.
    fn look_for<'a>(
        &'a self,
        desk: MutexGuard<'a, Desk>,
        wanted: &[SlotWants],
    ) -> (MutexGuard<'a, Desk>, FoundFiles) {
        if wanted.is_empty() {
            return (desk, FoundFiles::default());
        }
        let finder = desk.stock.finder();
        drop(desk);
        let found = finder.find_first(wanted);
        let mut desk = self.desk();
        self.read_reports(&mut desk);
        (desk, found)
    }

    /// What is to be played of a pick. What was added is confined to the media roots, if there are any: the
    /// API names its files. A playlist of the library is not, for a link in its folders may lead to another
    /// disk.
    fn entry(&self, pick: &Pick) -> Entry {
        let composed = self.composed.load();
        let confines = |kind, index, list: &str| {
            let is_added = index >= composed.declared().count(kind);
            is_added && !self.media_roots.is_empty() && library_playlist(list.as_ref()).is_none()
        };
        let is_confined = pick.ingredient().is_some_and(|(kind, index, list)| confines(kind, index, list));
        let entry = pick.entry();
        Entry { confined: entry.confined || is_confined, ..entry }
    }

    /// From when on something may end the track on the air, and when it ends by itself. Nothing ends it while
    /// somebody else has the air.
    fn left_of_track(&self, desk: &Desk) -> (Timestamp, Timestamp) {
        let ends = self.next_begins(desk);
        match self.is_programme_on_air() {
            true => (desk.looked_until.max(self.now()), ends),
            false => (ends, ends),
        }
    }

    /// When the next track begins, as far as that is known.
    fn next_begins(&self, desk: &Desk) -> Timestamp {
        self.ends(desk).unwrap_or_else(|| self.now())
    }

    /// When the track on the air gives way to the next by itself; `None` if that is not known, or if there is
    /// none: then the next begins at once.
    fn ends(&self, desk: &Desk) -> Option<Timestamp> {
        if self.up_next.lock().has_nothing_on_air() {
            return None;
        }
        let now = self.clock.position();
        let Last { id, ends, overlap } = desk.last.as_ref()?;
        let on_air = read(&self.on_air);
        let playing = on_air.turn.as_ref().filter(|aired| aired.track.id == *id);
        let left = playing.and_then(|aired| aired.remaining).map(|left| self.rate.duration_of(left));
        let ends = on_air.until.zip(left).map(|(until, left)| until + left).or(*ends)?.max(now);
        Some(timestamp(&self.clock, ends.checked_sub(*overlap).unwrap_or(ends).max(now)))
    }
}

impl Planner for Scheduling {
    fn plan(&self) {
        let mut desk = self.desk();
        self.read_reports(&mut desk);
        let Some(rules) = desk.rules.clone() else { return };
        let ends = self.ends(&desk);
        desk.director.ends_at(ends);
        let (after, ends) = self.left_of_track(&desk);
        let wanted = desk.director.wanted_next(&rules, after, ends);
        let (mut desk, found) = self.look_for(desk, &wanted);
        if !desk.plays_by(&rules) || !self.up_next.lock().is_schedule_awaited() {
            // It is asked again, or something else comes next.
            return;
        }
        // It was awaited because something has begun, which was told before that.
        self.read_reports(&mut desk);
        let Desk { director, stock, .. } = &mut *desk;
        stock.look_at_playlist(&self.up_next);
        let material = Looked { stock, found: &found };
        let at = director.gives_way(&rules, &material, after, ends).unwrap_or(ends);
        let pick = director.next(&rules, &material, at);
        let entry = pick.as_ref().map(|pick| self.entry(pick));
        let rank = match pick.as_ref().and_then(Pick::due) {
            None => Rank::AfterQueue,
            Some(due) if director.due_slots(&rules, self.now()).contains(due) => Rank::First,
            Some(due) => Rank::FirstThen { from: self.instant(due.not_before(&rules)) },
        };
        let id = self.up_next.lock().schedule(entry, rank);
        desk.has_nothing = pick.is_none();
        desk.pending = id.zip(pick);
        // What has begun may be over before the next time that was known.
        desk.changes += 1;
        if self.clock.is_stepped() {
            let position = self.clock.position();
            let next = self.next_time(&mut desk, &rules, position);
            self.clock.stop_by(next);
        }
        drop(desk);
        self.changed.notify_all();
    }

    fn began(&self, track: &Arc<TrackInfo>, at: Instant) {
        // If nobody has read them for an hour, there is no schedule.
        let _ = self.reports.try_send(Report::Began(track.clone(), at));
    }

    fn failed(&self, id: EntryId, reason: &str) {
        let _ = self.reports.try_send(Report::Failed(id, reason.to_owned()));
    }
}

/// The time of the day at this moment.
fn timestamp(clock: &Clock, at: Instant) -> Timestamp {
    Timestamp::try_from(clock.civil(at)).unwrap_or(Timestamp::UNIX_EPOCH)
}
