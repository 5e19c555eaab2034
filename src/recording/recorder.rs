//! Thread `rec:PATH`, one for each output, relayed mount and live input that is recorded.
//!
//! Reads: copies of packets, through a bounded queue. Writes: files, and the list of what was recorded.
//! Never: anything that the stream waits for.
//!
//! A file is written under its own name from the beginning on, and no `.part` is renamed at the end. All
//! these formats can be played up to where they break off, so what a crash leaves is a file that plays, and
//! that its players find. Whoever wants finished files only hears of them by the event `recording-ended`.
//! Each file is one piece of the stream, in whole packets: where a packet was lost, the next file begins.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crossbeam::channel::RecvTimeoutError;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use log::Level;

use super::RecordSettings;
use super::cuts::Slot;
use super::disk::{Disk, RecordFile};
use super::ending::Ending;
use super::keep::KeptList;
use super::shared::Shared;
use super::template::{Named, Template};
use crate::event::Event;
use crate::filework::{Doing, FileWork};
use crate::ring::{Batch, RecordQueue, RecordedPacket, RecordedSession};

/// How often the thread looks whether its session has ended, if that was not told.
const LOOKS_EVERY: Duration = Duration::from_secs(1);
/// The same while it writes nothing.
const IDLE_LOOKS_EVERY: Duration = Duration::from_secs(30);
/// The time from a refusal of the disk until it is asked again.
const TRIES_EVERY: Duration = Duration::from_secs(10);
/// How often the free space is looked at.
const SPACE_EVERY: Duration = Duration::from_secs(5);
/// How often old recordings are looked for.
const CLEANS_EVERY: Duration = Duration::from_secs(60 * 60);
/// A recording goes on when there is so much more than the reserve, by this part of it. Otherwise it would go
/// on and pause all the time.
const MORE_THAN_RESERVE: u64 = 16;
/// Recordings of one name.
const MOST_NUMBERS: u32 = 10_000;
/// A clock that is set back by less cuts no file.
const SET_BACK: Duration = Duration::from_secs(60);

pub(super) struct Recorder {
    pub shared: Arc<Shared>,
    pub queue: RecordQueue,
    pub disk: Box<dyn Disk>,
    pub zone: TimeZone,
    pub work: FileWork,
    settings: Arc<RecordSettings>,
    state: State,
    /// The value of [`Batch::lost_before`] that was seen last.
    lost_before: u64,
    /// Packets of this session that are in no file, since the last file.
    missed: u64,
    cleaned: Option<SystemTime>,
}

enum State {
    /// The next packet begins a file.
    Ready,
    Writing(OpenFile),
    /// The queue has overflowed: what waits is left out, until there is room again.
    Behind,
    Refused(Refusal),
}

struct OpenFile {
    session: Arc<RecordedSession>,
    file: Box<dyn RecordFile>,
    path: PathBuf,
    ending: Ending,
    list: KeptList,
    began: SystemTime,
    /// When the last packet came.
    last: SystemTime,
    slot: Option<Slot>,
    /// All whole packets.
    bytes: u64,
    space_seen: SystemTime,
    /// Names the file while its disk hangs.
    doing: Doing,
}

/// Whole packets for the file that is open, with the header that it begins with.
#[derive(Default)]
struct Ready {
    bytes: Vec<u8>,
    packets: u64,
}

/// The disk does not take it.
struct Refusal {
    session: Arc<RecordedSession>,
    since: SystemTime,
    /// There was too little space.
    is_full: bool,
}

impl Recorder {
    pub fn new(
        shared: Arc<Shared>,
        queue: RecordQueue,
        disk: Box<dyn Disk>,
        zone: TimeZone,
        work: FileWork,
    ) -> Recorder {
        let settings = shared.settings.load_full();
        let (state, lost_before, missed, cleaned) = (State::Ready, 0, 0, None);
        Recorder { shared, queue, disk, zone, work, settings, state, lost_before, missed, cleaned }
    }

    /// Records until its point is switched off.
    pub fn run(mut self) {
        self.look(SystemTime::now());
        loop {
            let patience = match &self.state {
                State::Writing(_) => LOOKS_EVERY,
                _ => IDLE_LOOKS_EVERY,
            };
            match self.queue.recv_timeout(patience) {
                Ok(batch) => self.take(batch),
                Err(RecvTimeoutError::Timeout) => self.look(SystemTime::now()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.finish_file();
        self.shared.is_well();
    }

    /// Takes packets that came together.
    pub fn take(&mut self, batch: Batch) {
        self.adopt_settings();
        let Batch { session, at, lost_before, packets } = batch;
        if self.session().is_some_and(|own| !Arc::ptr_eq(own, &session)) {
            self.end_session();
        }
        if lost_before != self.lost_before {
            self.missed += lost_before - self.lost_before;
            self.lost_before = lost_before;
            self.finish_file();
            self.state = State::Behind;
        }
        if matches!(self.state, State::Behind) && self.queue.is_empty() {
            self.state = State::Ready;
        }
        self.clean_if_due(at);
        self.record(&session, at, &packets);
        if session.has_ended() && self.queue.is_empty() {
            self.end_session();
        }
    }

    /// Looks at what has changed without packets.
    pub fn look(&mut self, now: SystemTime) {
        self.adopt_settings();
        if self.session().is_some_and(|session| session.has_ended()) && self.queue.is_empty() {
            self.end_session();
        }
        self.clean_if_due(now);
    }

    fn session(&self) -> Option<&Arc<RecordedSession>> {
        match &self.state {
            State::Ready | State::Behind => None,
            State::Writing(file) => Some(&file.session),
            State::Refused(refusal) => Some(&refusal.session),
        }
    }

    /// A recording of another name begins with the next packet.
    fn adopt_settings(&mut self) {
        let settings = self.shared.settings.load_full();
        if Arc::ptr_eq(&settings, &self.settings) {
            return;
        }
        if (&settings.record, &settings.base) != (&self.settings.record, &self.settings.base) {
            self.finish_file();
            self.state = State::Ready;
            self.cleaned = None;
        }
        if settings.record_keep != self.settings.record_keep {
            self.cleaned = None;
        }
        self.settings = settings;
    }

    fn record(&mut self, session: &Arc<RecordedSession>, at: SystemTime, packets: &[RecordedPacket]) {
        let mut ready = Ready::default();
        for packet in packets {
            if self.is_to_be_cut(packet, at) {
                self.write(std::mem::take(&mut ready), at);
                self.finish_file();
            }
            if !matches!(self.state, State::Writing(_)) {
                if !self.begin_file(session, packet, at) {
                    self.missed += 1;
                    continue;
                }
                ready.bytes.extend_from_slice(packet.header.as_deref().unwrap_or_default());
            }
            ready.bytes.extend_from_slice(&packet.bytes);
            ready.packets += 1;
        }
        self.write(ready, at);
    }

    /// Whether this packet begins another file.
    fn is_to_be_cut(&self, packet: &RecordedPacket, at: SystemTime) -> bool {
        let State::Writing(file) = &self.state else { return false };
        let is_other_format = file.ending.is_other_for(packet);
        let is_set_back = file.began.duration_since(at).is_ok_and(|time| !time.is_zero() && time < SET_BACK);
        is_other_format || (!is_set_back && self.slot(at) != file.slot)
    }

    fn slot(&self, at: SystemTime) -> Option<Slot> {
        self.settings.record_every.map(|every| Slot::of(&self.civil(at), every))
    }

    fn civil(&self, at: SystemTime) -> Zoned {
        // A clock before the year -9999 is none.
        let at = Timestamp::try_from(at).unwrap_or_default();
        at.to_zoned(self.zone.clone())
    }

    /// Begins a file with this packet. False if there is none.
    fn begin_file(
        &mut self,
        session: &Arc<RecordedSession>,
        packet: &RecordedPacket,
        at: SystemTime,
    ) -> bool {
        match &self.state {
            State::Behind => return false,
            State::Refused(refusal) => {
                // A clock that is set back makes nobody wait.
                if at.duration_since(refusal.since).is_ok_and(|time| time < TRIES_EVERY) {
                    return false;
                }
            }
            State::Ready | State::Writing(_) => {}
        }
        let Some(template) = self.settings.template() else { return false };
        match self.open(session, &template, packet, at) {
            Ok(file) => {
                self.state = State::Writing(file);
                true
            }
            Err(Refused { reason, is_full }) => {
                self.refuse(session.clone(), at, reason, is_full);
                false
            }
        }
    }

    fn open(
        &mut self,
        session: &Arc<RecordedSession>,
        template: &Template,
        packet: &RecordedPacket,
        at: SystemTime,
    ) -> Result<OpenFile, Refused> {
        let mount = self.shared.path.clone();
        let named = Named { mount: &mount, user: &session.user };
        let ending = Ending::of(&session.content_type, packet);
        let (base, time) = (self.settings.base.clone(), self.civil(at));
        let first = template.name(&base, &time, named, 1, ending.as_str());
        let folder = first.parent().unwrap_or(&base).to_owned();
        // Looking at a disk may hang, too.
        let looking = self.work.begin(&folder).map_err(|reason| Refused::because(reason.to_string()))?;
        self.check_space(&folder)?;
        drop(looking);
        for number in 1..MOST_NUMBERS {
            let path = template.name(&base, &time, named, number, ending.as_str());
            let doing = self.work.begin(&path).map_err(|reason| Refused::because(reason.to_string()))?;
            let file = match self.disk.create(&path) {
                Err(error)
                    if error.kind() == std::io::ErrorKind::AlreadyExists
                        && path.symlink_metadata().is_ok() =>
                {
                    continue;
                }
                created => created.map_err(|error| Refused::of(&path, &error))?,
            };
            doing.is_answered();
            let list = KeptList::new(&template.root(&base), &self.shared.path);
            let (session, slot) = (session.clone(), self.slot(at));
            return Ok(OpenFile {
                session,
                file,
                path,
                ending,
                list,
                began: at,
                last: at,
                slot,
                bytes: 0,
                space_seen: at,
                doing,
            });
        }
        Err(Refused::because(format!("{}: all numbers of this name are taken", first.display())))
    }

    /// Refuses a disk on which less than the reserve is free. After that, more must be free.
    fn check_space(&mut self, folder: &std::path::Path) -> Result<(), Refused> {
        let free = self.disk.free(folder).map_err(|error| Refused::of(folder, &error))?;
        let reserve = self.settings.record_reserve as u64;
        let needed = match &self.state {
            State::Refused(Refusal { is_full: true, .. }) => reserve + reserve / MORE_THAN_RESERVE,
            _ => reserve,
        };
        if free >= needed {
            return Ok(());
        }
        let amount = match reserve >> 20 {
            0 => format!("{reserve} bytes"),
            mebibytes => format!("{mebibytes} MiB"),
        };
        let reason = format!("less than {amount} are free on its disk (record_reserve)");
        Err(Refused { reason, is_full: true })
    }

    /// Writes whole packets. If that fails, the file ends before them.
    fn write(&mut self, ready: Ready, at: SystemTime) {
        let Ready { bytes, packets } = ready;
        let State::Writing(open) = &mut self.state else { return };
        if bytes.is_empty() {
            return;
        }
        open.doing.asks();
        let written = open.file.write_all(&bytes);
        open.doing.is_answered();
        let (is_first, path, session) = (open.bytes == 0, open.path.clone(), open.session.clone());
        match written {
            Ok(()) => {
                open.bytes += bytes.len() as u64;
                open.last = at;
                if is_first {
                    self.tell_beginning();
                }
                if self.queue.is_empty() {
                    self.queue.keeps_up();
                    self.shared.is_well();
                }
                self.watch_space(at);
            }
            Err(error) => {
                open.doing.asks();
                // If even that fails, players skip the torn packet.
                let _ = open.file.shorten(open.bytes);
                open.doing.is_answered();
                self.missed += packets;
                self.finish_file();
                let Refused { reason, is_full } = Refused::of(&path, &error);
                self.refuse(session, at, reason, is_full);
            }
        }
    }

    fn tell_beginning(&mut self) {
        let State::Writing(open) = &self.state else { return };
        // A file in the list that is neither finished nor being written would be one that a crash has left.
        self.shared.writes(Some(&open.path));
        open.doing.asks();
        let listed = open.list.add(&open.path);
        open.doing.is_answered();
        if let Err(error) = listed {
            let text = format!(
                "{}: {} cannot be listed, and will not be removed by record_keep: {error}",
                self.shared.path,
                open.path.display()
            );
            self.shared.emitter.log(Level::Warn, text);
        }
        let (path, user, file) = (self.shared.path.to_string(), open.session.user.clone(), open.path.clone());
        let lost = std::mem::take(&mut self.missed);
        let gap = if lost > 0 { format!(", after {lost} packets that were lost") } else { String::new() };
        self.shared.emitter.log(Level::Info, format!("{path}: recorded into {}{gap}", file.display()));
        self.shared.emitter.emit(Event::RecordingBegan { path, user, file, lost });
    }

    /// Looks now and then whether there is room for everybody else.
    fn watch_space(&mut self, at: SystemTime) {
        let State::Writing(open) = &mut self.state else { return };
        if at.duration_since(open.space_seen).is_ok_and(|time| time < SPACE_EVERY) {
            return;
        }
        open.space_seen = at;
        let session = open.session.clone();
        let folder = open.path.parent().unwrap_or(&open.path).to_owned();
        open.doing.asks();
        let found = self.check_space(&folder);
        if let State::Writing(open) = &self.state {
            open.doing.is_answered();
        }
        // A disk that does not tell is no reason to stop: writing to it succeeds.
        if let Err(Refused { reason, is_full: true }) = found {
            self.finish_file();
            self.refuse(session, at, reason, true);
        }
    }

    /// Ends the file, if one is open. One in which nothing is goes.
    fn finish_file(&mut self) {
        let OpenFile { session, mut file, path, list, began, last, bytes, doing, .. } =
            match std::mem::replace(&mut self.state, State::Ready) {
                State::Writing(open) => open,
                other => {
                    self.state = other;
                    return;
                }
            };
        doing.asks();
        if bytes == 0 {
            drop(file);
            let _ = std::fs::remove_file(&path);
            return;
        }
        let synced = file.sync();
        drop(file);
        // What was written is there, whatever becomes of the list.
        let _ = list.finish(&path, bytes, began, last);
        self.shared.writes(None);
        drop(doing);
        if let Err(error) = synced {
            let text = format!("{}: {}: its end may be missing: {error}", self.shared.path, path.display());
            self.shared.emitter.log(Level::Warn, text);
        }
        let duration = last.duration_since(began).unwrap_or_default();
        let (of, user) = (self.shared.path.to_string(), session.user.clone());
        self.shared
            .emitter
            .log(Level::Info, format!("{of}: {} is complete, with {bytes} bytes", path.display()));
        self.shared.emitter.emit(Event::RecordingEnded { path: of, user, file: path, bytes, duration });
    }

    fn end_session(&mut self) {
        self.finish_file();
        self.state = State::Ready;
        // There is nothing to record any more.
        self.queue.keeps_up();
        self.shared.is_well();
        let lost = std::mem::take(&mut self.missed);
        if lost > 0 {
            let text = format!("{}: {lost} packets at the end were not recorded", self.shared.path);
            self.shared.emitter.log(Level::Warn, text);
        }
    }

    /// Tells it once, until a recording was written again.
    fn refuse(&mut self, session: Arc<RecordedSession>, at: SystemTime, reason: String, is_full: bool) {
        self.shared.fail(&reason);
        self.state = State::Refused(Refusal { session, since: at, is_full });
    }

    fn clean_if_due(&mut self, now: SystemTime) {
        let is_due = self
            .cleaned
            .is_none_or(|cleaned| now.duration_since(cleaned).map_or(true, |time| time >= CLEANS_EVERY));
        let Some(template) = self.settings.template().filter(|_| is_due) else { return };
        self.cleaned = Some(now);
        let Some(age) = self.settings.record_keep else { return };
        let root = template.root(&self.settings.base);
        let Ok(_doing) = self.work.begin(&root) else { return };
        let writing = match &self.state {
            State::Writing(open) => Some(open.path.as_path()),
            _ => None,
        };
        let path = &self.shared.path;
        match KeptList::new(&root, path).clean(age, now, writing) {
            Ok(0) => {}
            Ok(count) => self
                .shared
                .emitter
                .log(Level::Info, format!("{path}: {count} old recordings were removed (record_keep)")),
            Err(error) => self
                .shared
                .emitter
                .log(Level::Warn, format!("{path}: old recordings cannot be looked for: {error}")),
        }
    }
}

/// Why there is no file.
struct Refused {
    reason: String,
    is_full: bool,
}

impl Refused {
    fn because(reason: String) -> Refused {
        Refused { reason, is_full: false }
    }

    fn of(file: &std::path::Path, error: &std::io::Error) -> Refused {
        let is_full = error.kind() == std::io::ErrorKind::StorageFull;
        Refused { reason: format!("{}: {error}", file.display()), is_full }
    }
}
