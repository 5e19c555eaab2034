//! The thread `mix:NAME`: one pipeline's sample clock and everything that sounds on it.
//!
//! Reads: commands, and the feeds of its voices. Writes: a job of PCM about every 100 ms to every output,
//! events, and its state. Never: waits for a decoder, an encoder or a reader of its state. If it is late, it
//! catches up; if it stays late, an event and the pipeline's health say so.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::announcements::{AnnouncementOrder, AnnouncementState, Announcements};
use super::clock::Clock;
use super::counters::PipelineCounters;
use super::deck::{Deck, DeckCommand, VoiceState};
use super::encoders::Output;
use super::job::{Job, Mark, OutputId, job_blocks};
use super::live::{Arrival, ForcedAir, LiveInputState, LiveInputs, LiveNews, LiveOrder, LiveSetup};
use super::programme::{Aired, News, Programme, Transitions};
use super::tap::TapEnd;
use super::titles::{TitleOrder, Titles};
use super::voice::Scratch;
use crate::audio::{BLOCK_FRAMES, PcmBlock, PcmSpec};
use crate::event::{Emitter, Event};
use crate::ids::VoiceId;
use crate::metadata::Title;
use crate::playout::{
    Act, Change, DeadAir, Expected, Guard, HoldState, Lateness, Level, Limiter, Loudness, LoudnessMeter,
    Meant, Pace, Stretch, measure,
};
use crate::ring::{Nothing, QuietReceiver};
use crate::units::{FrameCount, FramePos};

/// What a mixer is asked to do, before its next job. (What plays is a matter of the list of what is up next,
/// where an order takes effect at once.)
pub(crate) enum Command {
    Hold {
        fade: Duration,
    },
    HoldAfterCurrent,
    Resume {
        fade: Duration,
    },
    /// The track that was `meant` then goes on at `to`.
    SeekCurrent {
        to: FrameCount,
        meant: Meant,
    },
    Transitions(Transitions),
    /// A title for the current track, or for the one that was `meant` then if that is still due.
    Title {
        output: Option<OutputId>,
        order: TitleOrder,
        meant: Meant,
    },
    /// These are the live inputs from now on.
    DeclareLive(Vec<LiveSetup>),
    /// A source has come to a live input.
    GoLive(Box<Arrival>),
    Live(LiveOrder),
    Announcement(AnnouncementOrder),
    AddDeck(Box<Deck>),
    Deck(VoiceId, DeckCommand),
    StopDecks {
        fade: Duration,
    },
    AddOutput(Arc<Output>),
    RemoveOutput(OutputId),
    AddTap(TapEnd),
    Stop,
}

/// The state of a mixer, as of its last job.
#[derive(Clone, Debug, Default)]
pub(crate) struct OnAir {
    /// The track that was announced last.
    pub current: Option<Aired>,
    /// The track whose turn it is. It may still rise, so that it is not announced yet.
    pub turn: Option<Aired>,
    /// How many tracks have begun to sound.
    pub begun: u64,
    /// How far the order is that holds the programme.
    pub hold: HoldState,
    pub nothing_to_play: bool,
    /// The reason for dead air, while there is any.
    pub dead_air: Option<&'static str>,
    /// How late the mixer was at worst, while it does not keep up with its clock.
    pub behind: Option<Duration>,
    /// How much audio was left out in all, because the mixer was too late to catch up.
    pub left_out: Duration,
    /// The end of the last job on the sample clock.
    pub position: FramePos,
    /// The moment at which that is due; `None` before the first job.
    pub until: Option<Instant>,
    pub level: Level,
    pub loudness: Loudness,
    pub live: Vec<LiveInputState>,
    /// Who has the air by an order.
    pub forced: Option<ForcedAir>,
    pub announcements: Vec<AnnouncementState>,
    pub voices: Vec<VoiceState>,
}

/// What connects a mixer to the rest of its pipeline.
pub(crate) struct Links {
    pub name: String,
    pub clock: Clock,
    pub commands: QuietReceiver<Command>,
    pub emitter: Emitter,
    pub on_air: Arc<ArcSwap<OnAir>>,
    pub counters: Arc<PipelineCounters>,
    /// How many hooks hear of a track's beginning.
    pub track_hooks: Arc<AtomicUsize>,
}

/// All that one pipeline's mixer owns.
pub(crate) struct Mixer {
    links: Links,
    spec: PcmSpec,
    pace: Pace,
    programme: Programme,
    live: LiveInputs,
    decks: Vec<Deck>,
    announcements: Announcements,
    titles: Titles,
    outputs: Vec<Fed>,
    taps: Vec<TapEnd>,
    limiter: Limiter,
    meter: LoudnessMeter,
    guard: Guard,
    lateness: Lateness,
    /// How late the last job was.
    late: Duration,
    left_out: Duration,
    dead_air: Option<&'static str>,
    /// How far the order is that holds the programme, as it was told last.
    hold: HoldState,
    scratch: Scratch,
    /// Title changes of the job that is being mixed.
    marks: Vec<Mark>,
    /// Where in the job that is being mixed the last track begins, if one does.
    beginning: Option<FramePos>,
    /// The last job, if a track begins in it and hooks hear of that. They may give the track a title until
    /// the next job.
    waiting: Option<Waiting>,
    /// Events of the job that is being mixed. They are emitted when the published state shows their effects.
    events: Vec<Event>,
}

/// A job that waits, and where the title of its track takes effect.
struct Waiting {
    job: Job,
    at: FramePos,
}

/// An output, and the title of its last mark.
struct Fed {
    output: Arc<Output>,
    title: Arc<Title>,
}

impl Fed {
    fn new(output: Arc<Output>) -> Fed {
        Fed { output, title: Arc::default() }
    }
}

/// How long a stepped clock's mixer waits for a decoder: for as long as a test may take.
const STEPPED_PATIENCE: Duration = Duration::from_secs(20);

/// How often a stepped clock is looked at while it stands still.
const STEPPED_GLANCE: Duration = Duration::from_millis(1);

impl Mixer {
    /// A mixer whose first block is due at `start`.
    pub fn new(
        links: Links,
        programme: Programme,
        live: LiveInputs,
        start: Instant,
        dead_air: DeadAir,
        outputs: Vec<Arc<Output>>,
    ) -> Mixer {
        let spec = programme.spec();
        let patience = links.clock.is_stepped().then_some(STEPPED_PATIENCE);
        Mixer {
            links,
            spec,
            pace: Pace::new(spec.rate, start),
            programme,
            live,
            decks: Vec::new(),
            announcements: Announcements::new(spec),
            titles: Titles::default(),
            outputs: outputs.into_iter().map(Fed::new).collect(),
            taps: Vec::new(),
            limiter: Limiter::new(spec),
            meter: LoudnessMeter::new(spec),
            guard: Guard::new(spec.rate, dead_air),
            lateness: Lateness::default(),
            late: Duration::ZERO,
            left_out: Duration::ZERO,
            dead_air: None,
            hold: HoldState::default(),
            scratch: Scratch::new(spec.channels, patience),
            marks: Vec::new(),
            beginning: None,
            waiting: None,
            events: Vec::new(),
        }
    }

    /// Mixes until a command stops it, or until no sender of commands is left.
    pub fn run(mut self) {
        self.mix_on();
        self.live.stop();
        self.announcements.finish();
        self.tell_live();
        self.events.extend(self.announcements.news());
        self.tell();
        self.stop_waiting();
    }

    fn mix_on(&mut self) {
        let job = job_blocks(self.spec) as u64;
        let mut next = 0;
        loop {
            let now = self.links.clock.now();
            // A stepped clock may leap: all of the time is played.
            if !self.links.clock.is_stepped()
                && let Some(moved) = self.pace.move_if_lost(next, now)
            {
                let (name, by) = (&self.links.name, moved.by);
                self.links.emitter.log(
                    log::Level::Warn,
                    format!("{name}: the machine was away, or too slow: {by:.1?} are left out, and the sample clock goes on from here"),
                );
                self.left_out += by;
                let change = self.lateness.left_out(by, now);
                self.late = by;
                self.tell_lateness(change);
            }
            while self.pace.blocks_due(next, now) >= job {
                if !self.obey_all() {
                    return;
                }
                let until = self.pace.due(next + job);
                self.links.clock.wait_for_schedule(until, STEPPED_PATIENCE);
                self.mix_job(next, job);
                self.links.clock.has_mixed(until);
                next += job;
            }
            if !self.wait(next + job - 1) {
                return;
            }
        }
    }

    /// Waits until `block` is due, and obeys commands meanwhile. Returns false after a command to stop.
    fn wait(&mut self, block: u64) -> bool {
        let due = self.pace.due(block);
        loop {
            let now = self.links.clock.now();
            if now >= due {
                return true;
            }
            // A stepped clock may have moved by less than a job.
            self.links.clock.settle(now);
            let deadline = match self.links.clock.is_stepped() {
                false => due,
                true => Instant::now() + STEPPED_GLANCE,
            };
            match self.links.commands.recv_by(deadline) {
                Ok(Command::Stop) | Err(Nothing::EverAgain) => return false,
                Ok(command) => self.obey(command),
                Err(Nothing::Yet) => {}
            }
        }
    }

    fn obey_all(&mut self) -> bool {
        while let Ok(command) = self.links.commands.try_recv() {
            if let Command::Stop = command {
                return false;
            }
            self.obey(command);
        }
        true
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Hold { fade } => self.programme.hold(fade),
            Command::HoldAfterCurrent => self.programme.hold_after_current(),
            Command::Resume { fade } => self.programme.resume(fade),
            Command::SeekCurrent { to, meant } => self.programme.seek(to, meant),
            Command::Transitions(transitions) => self.programme.set_transitions(transitions),
            Command::Title { output, order, meant } => self.entitle(output, order, meant),
            Command::DeclareLive(setups) => self.live.declare(setups),
            Command::GoLive(arrival) => self.live.arrive(*arrival),
            Command::Live(order) => self.live.obey(order),
            Command::Announcement(order) => self.announcements.obey(order),
            Command::AddDeck(deck) => self.decks.push(*deck),
            Command::Deck(id, command) => {
                if let Some(deck) = self.decks.iter_mut().find(|deck| deck.id() == id) {
                    deck.command(command);
                }
            }
            Command::StopDecks { fade } => {
                for deck in &mut self.decks {
                    deck.command(DeckCommand::Stop { fade });
                }
            }
            Command::AddOutput(output) => {
                // It has what is mixed from now on.
                self.stop_waiting();
                self.outputs.push(Fed::new(output));
            }
            Command::RemoveOutput(id) => self.outputs.retain(|fed| fed.output.id() != id),
            Command::AddTap(tap) => self.taps.push(tap),
            Command::Stop => unreachable!("whoever receives it stops"),
        }
    }

    /// Obeys an order on titles. If another track was due when it was given, it is that track's. (A programme
    /// that is held waits, and titles do not.)
    fn entitle(&mut self, output: Option<OutputId>, order: TitleOrder, meant: Meant) {
        let due = match meant {
            Meant::Due(due) if !self.programme.is_held() && !self.programme.plays(due) => Some(due),
            Meant::Due(_) | Meant::OnAir { .. } | Meant::Nothing => None,
        };
        if let Some(due) = due {
            self.titles.obey_later(due, output, order.clone());
        }
        if due.is_none() || self.programme.turn().is_none() {
            self.titles.obey(output, order);
            self.retitle_waiting();
        }
    }

    /// A track that begins in a job that waits has its title from its first sample on.
    fn retitle_waiting(&mut self) {
        let Some(Waiting { job, at }) = &mut self.waiting else { return };
        for Fed { output, title } in &mut self.outputs {
            let (id, now) = (output.id(), self.titles.of(output.id()));
            if title != now {
                title.clone_from(now);
                job.marks.retain(|mark| mark.at < *at || mark.output != Some(id));
                job.marks.push(Mark { at: *at, title: now.clone(), output: Some(id) });
            }
        }
    }

    /// Hands over a job that has waited.
    fn stop_waiting(&mut self) {
        if let Some(Waiting { job, .. }) = self.waiting.take() {
            self.hand_over(job);
        }
    }

    fn hand_over(&mut self, job: Job) {
        let job = Arc::new(job);
        for Fed { output, .. } in &self.outputs {
            output.encode(job.clone(), self.links.clock.is_stepped());
        }
        self.taps.retain(|tap| tap.give(&job));
    }

    fn mix_job(&mut self, first: u64, blocks: u64) {
        let position = FramePos(first * BLOCK_FRAMES as u64);
        self.stop_waiting();
        self.programme.look_at_list(position, &self.pace);
        self.mark(position);
        let mut level = Level::default();
        let mixed: Vec<_> = (first..first + blocks)
            .map(|block| {
                let block = self.mix_block(FramePos(block * BLOCK_FRAMES as u64));
                level = louder(level, measure(&block.samples, self.spec.channels));
                self.meter.add(&block.samples);
                block
            })
            .collect();
        let frames = FrameCount(blocks * BLOCK_FRAMES as u64);
        self.watch(frames, level);
        self.tell_hold();
        self.keep_time(first + blocks - 1);
        let now = self.pace.due(first + blocks);
        self.publish(position + frames, now, level);
        // Whoever is asked what comes next then sees what was published.
        self.programme.tell_end(now);
        self.tell();
        // The audio goes last: no mount announces a track that state and history do not know yet.
        let job = Job { blocks: mixed, marks: std::mem::take(&mut self.marks) };
        match self.beginning.take() {
            Some(at) if self.links.track_hooks.load(Ordering::Relaxed) > 0 => {
                self.waiting = Some(Waiting { job, at });
            }
            _ => self.hand_over(job),
        }
    }

    /// Looks at how late the job is that ends with this block. (A stepped clock waits for the mixer.)
    fn keep_time(&mut self, last: u64) {
        if self.links.clock.is_stepped() {
            return;
        }
        let now = self.links.clock.now();
        self.late = now.saturating_duration_since(self.pace.due(last));
        self.links.counters.lateness.add(self.late);
        let change = self.lateness.look(self.late, now);
        self.tell_lateness(change);
    }

    fn tell_lateness(&mut self, change: Option<Change>) {
        self.events.extend(change.map(|change| match change {
            Change::FallsBehind => Event::MixerBehind { late: self.late, voices: self.decks.len() },
            Change::Recovers(lasted) => Event::MixerRecovered { lasted },
        }));
    }

    /// Emits the events of this job. If the clock is stepped, this waits until the receivers have them.
    fn tell(&mut self) {
        let settles = self.links.clock.is_stepped() && !self.events.is_empty();
        self.events.drain(..).for_each(|event| self.links.emitter.emit(event));
        if settles {
            self.links.emitter.settle();
        }
    }

    /// Shows the guard what was mixed, and does what it says.
    fn watch(&mut self, frames: FrameCount, level: Level) {
        let mixed = self.spec.rate.duration_of(frames);
        self.links.counters.mixed.add_time(mixed);
        if self.dead_air.is_some() {
            self.links.counters.dead_air.add_time(mixed);
        }
        let expected = match self.programme.expected() {
            _ if self.announcements.has_air() => Expected::Announcement,
            _ if self.live.has_air() => Expected::Live,
            Expected::Held | Expected::NothingUpNext if self.decks.iter().any(Deck::sounding) => {
                Expected::Sound
            }
            expected => expected,
        };
        let power = level.mean_square[0].max(level.mean_square[1]);
        match self.guard.watch(Stretch { frames, power, expected }) {
            None => {}
            Some(Act::Begin(reason)) => {
                self.dead_air = Some(reason);
                self.events.push(Event::DeadAirBegins { reason: reason.into() });
                match expected {
                    Expected::Announcement => self.announcements.end_silence(),
                    _ => self.programme.skip_silence(),
                }
            }
            Some(Act::FallBack) if expected == Expected::Announcement => {}
            Some(Act::FallBack) => self.programme.fall_back(),
            Some(Act::End(lasted)) => {
                self.dead_air = None;
                self.events.push(Event::DeadAirEnds { lasted });
            }
        }
    }

    fn mix_block(&mut self, position: FramePos) -> PcmBlock {
        let mut samples = vec![0.0; BLOCK_FRAMES * self.spec.channels.count()].into_boxed_slice();
        self.live.hand_over(position, &mut self.programme);
        let is_announced = !self.announcements.is_idle();
        if is_announced {
            self.announcements.mix(position, &mut self.scratch);
            self.mix_beneath(position, &mut samples);
        } else {
            self.programme.mix(position, &mut samples, &self.pace, &mut self.scratch);
        }
        self.live.mix(&mut samples, &mut self.scratch);
        let (scratch, events) = (&mut self.scratch, &mut self.events);
        self.decks.retain_mut(|deck| deck.mix(&mut samples, scratch, &mut |event| events.push(event)));
        if is_announced {
            self.announcements.cover(&mut samples);
            self.events.extend(self.announcements.news());
        }
        self.limiter.process(&mut samples);
        self.tell_news();
        self.tell_live();
        PcmBlock { position, samples }
    }

    /// Mixes the programme in those parts of a block in which something is heard of it.
    fn mix_beneath(&mut self, position: FramePos, samples: &mut [f32]) {
        let (mut at, mut rest) = (position, samples);
        for part in self.announcements.parts() {
            let frames = FrameCount(part.frames as u64);
            let (here, after) = rest.split_at_mut(part.frames * self.spec.channels.count());
            match part.programme_waits {
                true => self.programme.wait(at, frames, self.scratch.patience()),
                false => self.programme.mix(at, here, &self.pace, &mut self.scratch),
            }
            (at, rest) = (at + frames, after);
        }
    }

    fn tell_news(&mut self) {
        let news: Vec<_> = self.programme.news().collect();
        for news in news {
            match news {
                News::Begins { track, at, began } => {
                    let title = match track.given {
                        Some(_) => Title::new(track.title.clone()),
                        None => Title::from_tags(track.title.clone(), &track.tags),
                    };
                    self.titles.begin(Arc::new(title), began);
                    self.mark(at);
                    self.beginning = Some(at + self.limiter.delay());
                    self.events.push(Event::TrackChange { track, at });
                }
                News::Event(event) => self.events.push(event),
            }
        }
    }

    fn tell_hold(&mut self) {
        let hold = self.programme.hold_state();
        if self.hold != hold {
            self.hold = hold;
            self.events.push(Event::HoldChange { hold });
        }
    }

    fn tell_live(&mut self) {
        let news: Vec<_> = self.live.news().collect();
        for news in news {
            match news {
                LiveNews::Title { at, title } => {
                    self.titles.go_live(title);
                    self.mark(at);
                }
                LiveNews::Event(event) => self.events.push(event),
            }
        }
    }

    /// Marks the titles that changed. They hold from `at` on, plus the limiter's look-ahead, which delays all
    /// sound.
    fn mark(&mut self, at: FramePos) {
        let at = at + self.limiter.delay();
        for Fed { output, title } in &mut self.outputs {
            let now = self.titles.of(output.id());
            if title != now {
                title.clone_from(now);
                self.marks.push(Mark { at, title: now.clone(), output: Some(output.id()) });
            }
        }
    }

    /// Publishes the state. Neither the mixer nor a reader ever waits.
    fn publish(&mut self, position: FramePos, until: Instant, level: Level) {
        let on_air = OnAir {
            current: self.programme.on_air(),
            turn: self.programme.turn(),
            begun: self.programme.begun(),
            hold: self.hold,
            nothing_to_play: self.programme.nothing_to_play(),
            dead_air: self.dead_air,
            behind: self.lateness.worst(),
            left_out: self.left_out,
            position,
            until: Some(until),
            level,
            loudness: self.meter.loudness(),
            live: self.live.states(),
            forced: self.live.forced(),
            announcements: self.announcements.states(),
            voices: self.decks.iter().map(Deck::state).collect(),
        };
        self.links.on_air.store(Arc::new(on_air));
    }
}

impl Drop for Mixer {
    fn drop(&mut self) {
        self.links.clock.settle_for_good();
    }
}

fn louder(a: Level, b: Level) -> Level {
    let each = |a: [f32; 2], b: [f32; 2]| [a[0].max(b[0]), a[1].max(b[1])];
    Level { peak: each(a.peak, b.peak), mean_square: each(a.mean_square, b.mean_square) }
}

impl OnAir {
    /// Whether the fallback is on the air.
    pub fn plays_fallback(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.fallback)
    }
}

/// The state as of the mixer's last job.
pub(crate) fn read(on_air: &ArcSwap<OnAir>) -> Arc<OnAir> {
    on_air.load_full()
}
