//! The account of a pipeline: what its events and a look at it once a second make of plays. Pure: the caller
//! says what time it is.
//!
//! What sounds is one of these: an announcement; else a live input, or the programme unless it is held; and
//! the decks beside it. Between two looks, it counts as it was at the first of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::play::{Piece, Play, PlayKind};
use crate::event::{Event, EventKind, LiveSourceInfo, TrackInfo};
use crate::ids::{AnnouncementId, EntryId, VoiceId};
use crate::metadata::{Tags, format_title};
use crate::path_text;
use crate::roots::MediaRoots;
use crate::time::millis_since_1970;

/// A source that changes its title within this time has corrected it: both are one play.
const TITLE_SETTLES: Duration = Duration::from_secs(2);

/// One reading of the clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub at: Instant,
    pub wall: SystemTime,
}

impl Moment {
    pub fn now() -> Moment {
        Moment { at: Instant::now(), wall: SystemTime::now() }
    }
}

/// What a look at a pipeline shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// Its time zone, if a reload may have changed that.
    pub zone: Option<TimeZone>,
    /// How many listen.
    pub listeners: u64,
    /// The current track, whether or not it is heard.
    pub programme: Option<Arc<TrackInfo>>,
    /// Whether an order holds the programme.
    pub held: bool,
    /// The source that has the air, and what it is called.
    pub live: Option<(Arc<LiveSourceInfo>, String)>,
    /// The voices that are not paused.
    pub decks: Vec<VoiceId>,
}

/// The plays of a pipeline that have not ended.
pub(super) struct Account {
    pipeline: Arc<str>,
    zone: TimeZone,
    roots: MediaRoots,
    /// Other folders whose files are named relative to them.
    folders: Vec<PathBuf>,
    numbers: Numbers,
    programme: Option<(EntryId, Open)>,
    /// By the number of the source.
    live: Option<(u64, Open)>,
    decks: Vec<(VoiceId, Open)>,
    announcement: Option<(AnnouncementId, Open)>,
    /// The last look.
    sample: Sample,
    /// Whether the last look showed another track than the account has. If the next one does too, the event
    /// that told it was missed.
    differs: bool,
    counted_to: Option<Instant>,
    ended: Vec<(u64, Play)>,
}

/// Numbers for the plays of one run, over all of its pipelines.
pub(super) type Numbers = Arc<std::sync::atomic::AtomicU64>;

/// A play that has not ended.
struct Open {
    number: u64,
    play: Play,
    /// Whether it has been heard. What is never heard is no play.
    heard: bool,
}

impl Account {
    pub fn new(
        pipeline: Arc<str>,
        zone: TimeZone,
        (roots, folders): (MediaRoots, Vec<PathBuf>),
        numbers: Numbers,
    ) -> Account {
        Account {
            pipeline,
            zone,
            roots,
            folders,
            numbers,
            programme: None,
            live: None,
            decks: Vec::new(),
            announcement: None,
            sample: Sample::default(),
            differs: false,
            counted_to: None,
            ended: Vec::new(),
        }
    }

    /// Whether events of this kind tell what sounds. Others are of no use here.
    pub fn takes(kind: EventKind) -> bool {
        matches!(
            kind,
            EventKind::TrackChange
                | EventKind::NothingToPlay
                | EventKind::LiveBegan
                | EventKind::LiveTitle
                | EventKind::LiveEnded
                | EventKind::VoiceBegan
                | EventKind::VoiceEnded
                | EventKind::AnnouncementBegan
                | EventKind::AnnouncementEnded
                | EventKind::PipelineStop
        )
    }

    /// An event of the pipeline. What it tells holds until the next look, which may come later.
    pub fn event(&mut self, event: &Event, now: Moment) {
        self.count(now);
        match event {
            Event::TrackChange { track, .. } => self.begin_track(track, now),
            Event::NothingToPlay => self.end_track(),
            Event::LiveBegan { source, .. } => {
                let title = source.default_title();
                self.begin_live(source, title, now);
                self.sample.live = Some((source.clone(), title.to_owned()));
            }
            Event::LiveTitle { source, title, .. } => self.title_live(source, title, now),
            Event::LiveEnded { source, .. } => {
                let ended = self.live.take_if(|(id, _)| *id == source.id);
                self.end(ended);
                self.sample.live.take_if(|(has_air, _)| has_air.id == source.id);
            }
            Event::VoiceBegan { voice, track: Some(track) } => {
                let open = self.open(PlayKind::Deck, &track.title, &track.tags, Some(&track.file), now);
                self.decks.push((*voice, open));
                self.sample.decks.push(*voice);
            }
            Event::VoiceEnded { voice, .. } => {
                let at = self.decks.iter().position(|(id, _)| id == voice);
                let ended = at.map(|at| self.decks.swap_remove(at));
                self.end(ended);
            }
            Event::AnnouncementBegan { announcement, file, .. } => {
                let none = Tags::default();
                let title = format_title(None, &none, None, file);
                let open = self.open(PlayKind::Announcement, &title, &none, Some(file), now);
                let before = self.announcement.replace((*announcement, open));
                self.end(before);
            }
            Event::AnnouncementEnded { announcement, .. } => {
                let ended = self.announcement.take_if(|(id, _)| id == announcement);
                self.end(ended);
            }
            Event::PipelineStop => self.end_all(),
            _ => {}
        }
        self.note_heard(now);
    }

    /// A look at the pipeline.
    pub fn look(&mut self, sample: Sample, now: Moment) {
        self.count(now);
        let had = self.differs;
        self.differs =
            sample.programme.as_ref().map(|track| track.id) != self.programme.as_ref().map(|(id, _)| *id);
        if had && self.differs {
            match &sample.programme {
                Some(track) => self.begin_track(track, now),
                None => self.end_track(),
            }
            self.differs = false;
        }
        if let Some((source, title)) = &sample.live
            && self.live.as_ref().is_none_or(|(id, _)| *id != source.id)
        {
            self.begin_live(source, title, now);
        }
        if let Some(zone) = &sample.zone {
            self.zone.clone_from(zone);
        }
        self.sample = sample;
        self.note_heard(now);
    }

    /// The plays that have been heard and have not ended, as they are now.
    pub fn open_plays(&self) -> impl Iterator<Item = (u64, &Play)> {
        let all = [self.programme.as_ref().map(|(_, open)| open), self.live.as_ref().map(|(_, open)| open)];
        let others = self.announcement.as_ref().map(|(_, open)| open);
        let all = all.into_iter().flatten().chain(others).chain(self.decks.iter().map(|(_, open)| open));
        all.filter(|open| open.heard).map(|open| (open.number, &open.play))
    }

    /// The plays that have ended since this was asked last.
    pub fn take_ended(&mut self) -> Vec<(u64, Play)> {
        std::mem::take(&mut self.ended)
    }

    /// Ends all plays, as at the end of the pipeline.
    pub fn end_all(&mut self) {
        let (programme, live) = (self.programme.take(), self.live.take());
        let (announcement, decks) = (self.announcement.take(), std::mem::take(&mut self.decks));
        self.end(programme);
        self.end(live);
        self.end(announcement);
        decks.into_iter().for_each(|deck| self.end(Some(deck)));
        self.sample = Sample::default();
    }

    fn begin_track(&mut self, track: &Arc<TrackInfo>, now: Moment) {
        let mut open = self.open(track.kind.into(), &track.title, &track.tags, Some(&track.file), now);
        open.play.reason = Some(track.reason.to_string());
        let before = self.programme.replace((track.id, open));
        self.end(before);
        self.sample.programme = Some(track.clone());
    }

    fn end_track(&mut self) {
        let ended = self.programme.take();
        self.end(ended);
        self.sample.programme = None;
    }

    fn begin_live(&mut self, source: &LiveSourceInfo, title: &str, now: Moment) {
        if self.live.as_ref().is_some_and(|(id, _)| *id == source.id) {
            return;
        }
        let mut open = self.open(PlayKind::Live, title, &Tags::default(), None, now);
        open.play.piece = Piece::of_title(title);
        open.play.user.clone_from(&source.user);
        let before = self.live.replace((source.id, open));
        self.end(before);
    }

    fn title_live(&mut self, source: &LiveSourceInfo, title: &str, now: Moment) {
        match &mut self.live {
            Some((id, open)) if *id == source.id && open.play.title == title => {}
            Some((id, open)) if *id == source.id && open.play.heard < TITLE_SETTLES => {
                title.clone_into(&mut open.play.title);
                open.play.piece = Piece::of_title(title);
            }
            _ => {
                let before = self.live.take();
                self.begin_live(source, title, now);
                self.end(before);
            }
        }
    }

    fn open(&self, kind: PlayKind, title: &str, tags: &Tags, file: Option<&Path>, now: Moment) -> Open {
        let offset = Timestamp::try_from(now.wall).map_or(0, |at| self.zone.to_offset(at).seconds());
        let play = Play {
            pipeline: self.pipeline.to_string(),
            kind,
            began_at: millis_since_1970(now.wall).unsigned_abs(),
            zone: name_of(&self.zone),
            utc_offset: offset,
            heard: Duration::ZERO,
            ended: false,
            user: None,
            title: title.to_owned(),
            piece: Piece::of_tags(tags),
            file: file.map(|file| path_text::to_text(&self.roots.below(file, &self.folders)).into_owned()),
            reason: None,
            listeners_at_start: self.sample.listeners,
            listeners_peak: self.sample.listeners,
            listened: Duration::ZERO,
        };
        let number = self.numbers.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Open { number, play, heard: false }
    }

    fn end<Id>(&mut self, open: Option<(Id, Open)>) {
        if let Some((_, open)) = open
            && open.heard
        {
            self.ended.push((open.number, Play { ended: true, ..open.play }));
        }
    }

    /// Counts the time since it was counted last, for all that sounded meanwhile.
    fn count(&mut self, now: Moment) {
        let since = self.counted_to.replace(now.at).map_or(Duration::ZERO, |to| now.at.duration_since(to));
        let listeners = self.sample.listeners;
        // More than ever fit into a process.
        let by = u32::try_from(listeners).unwrap_or(u32::MAX);
        self.each_sounding(|open| {
            open.play.heard += since;
            open.play.listened = open.play.listened.saturating_add(since.saturating_mul(by));
            open.play.listeners_peak = open.play.listeners_peak.max(listeners);
            open.heard |= !since.is_zero();
        });
    }

    /// What sounds now and has not done so before begins now.
    fn note_heard(&mut self, now: Moment) {
        let listeners = self.sample.listeners;
        self.each_sounding(|open| {
            if !std::mem::replace(&mut open.heard, true) {
                open.play.began_at = millis_since_1970(now.wall).unsigned_abs();
                open.play.listeners_at_start = listeners;
            }
            open.play.listeners_peak = open.play.listeners_peak.max(listeners);
        });
    }

    fn each_sounding(&mut self, mut each: impl FnMut(&mut Open)) {
        if let Some((_, open)) = &mut self.announcement {
            return each(open);
        }
        let Sample { programme, held, live, decks, .. } = &self.sample;
        let has_air = |id: &u64| live.as_ref().is_some_and(|(source, _)| source.id == *id);
        match (live, &mut self.live, &mut self.programme) {
            (Some(_), Some((id, open)), _) if has_air(id) => each(open),
            (None, _, Some((_, open))) if !held && programme.is_some() => each(open),
            _ => {}
        }
        for (_, open) in self.decks.iter_mut().filter(|(id, _)| decks.contains(id)) {
            each(open);
        }
    }
}

/// The name of a zone; that of one without a name is its offset from UTC.
fn name_of(zone: &TimeZone) -> String {
    let offset = || zone.to_fixed_offset().map_or_else(|_| "local".into(), |offset| offset.to_string());
    zone.iana_name().map_or_else(offset, str::to_owned)
}
