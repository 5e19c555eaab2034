//! Random orders without waits between them, beside a naive model: they take effect in their order.

mod list_machine;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longwave_testing::until;

use self::list_machine::{ListMachine, is_bad};
use super::Rig;
use crate::engine::mixer::Command;
use crate::engine::shared::SharedUpNext;
use crate::ids::EntryId;
use crate::playout::{Entry, GiveWay, ListId, Place, Playlist, RunningOrder, UpNext, When};
use crate::units::FrameCount;

/// How long the orders of one batch have to take effect. Fades are shorter, tracks far longer.
const BATCH_SECONDS: f64 = 0.4;
const BATCH_FRAMES: u64 = 4_096;
/// A hold fades out over 10 ms, in which the track plays on.
const HOLD_FADE_FRAMES: u64 = 80;

const FADE: Duration = Duration::from_millis(50);

#[derive(Clone, Debug)]
enum Order {
    Skip,
    /// The current track stops, and the next one follows.
    Stop,
    PlayNow(String),
    Queue(Vec<String>, Place),
    Remove(usize),
    Move(usize, usize),
    Clear,
    Load(Vec<String>, When, bool),
    /// A list that was asked for before, and is ready only now. Another list may have been given since.
    LoadAsked(Vec<String>, When),
    /// The list is read again: its first entries are gone, and these are new.
    Replace(usize, Vec<String>),
    Extend(Vec<String>),
    Repeat(bool),
    Seek(u64),
    Hold,
    Resume,
}

/// Who plays what the running order says.
enum Player {
    /// The engine.
    Rig(Box<Rig>),
    /// Nobody but this: what is due begins, and what is bad fails.
    Naive { up_next: Arc<SharedUpNext>, began: Vec<String>, held: bool },
}

impl Player {
    fn engine() -> Player {
        let mut engine = Player::Rig(Box::new(Rig::new(&[], true, 0)));
        // The first job is due at once. From here on, none comes between orders.
        engine.run();
        engine
    }

    fn naive() -> Player {
        let mut order = RunningOrder::new(UpNext::new(fastrand::Rng::with_seed(1)));
        order.start();
        Player::Naive { up_next: Arc::new(SharedUpNext::new(order)), began: Vec::new(), held: false }
    }

    fn up_next(&self) -> &Arc<SharedUpNext> {
        match self {
            Player::Rig(rig) => &rig.up_next,
            Player::Naive { up_next, .. } => up_next,
        }
    }

    fn command(&mut self, command: Command) {
        match self {
            Player::Rig(rig) => rig.command(command),
            Player::Naive { held, .. } => match command {
                Command::Hold { .. } => *held = true,
                Command::Resume { .. } => *held = false,
                _ => {}
            },
        }
    }

    fn run(&mut self) {
        match self {
            Player::Rig(rig) => rig.run(BATCH_SECONDS),
            Player::Naive { up_next, began, held } => loop {
                let mut order = up_next.lock();
                let Some((id, file)) = order.peek().map(|next| (next.id, name(next.entry))) else { return };
                let is_due = order.due().is_some();
                if is_bad(&file) {
                    order.skip_failed(id);
                } else if is_due && !*held {
                    order.begin(id);
                    began.push(file);
                } else {
                    return;
                }
            },
        }
    }

    /// What has begun, but for so many.
    fn began_since(&self, seen: usize) -> Vec<String> {
        match self {
            Player::Rig(rig) => {
                rig.began()[seen..].iter().map(|(file, _)| file.display().to_string()).collect()
            }
            Player::Naive { began, .. } => began[seen..].to_vec(),
        }
    }

    fn stop(self) {
        if let Player::Rig(rig) = self {
            rig.stop();
        }
    }
}

/// A player and the model, which get the same orders.
struct Both {
    player: Player,
    model: ListMachine,
    list: Option<ListId>,
    /// How many tracks have begun, as far as that was checked.
    seen: usize,
    /// What may have begun while the programme was being held.
    maybe: Vec<String>,
}

impl Both {
    fn new(player: Player) -> Both {
        Both { player, model: ListMachine::default(), list: None, seen: 0, maybe: Vec::new() }
    }

    fn with_engine() -> Both {
        Both::new(Player::engine())
    }

    fn obey(&mut self, order: Order) {
        let (order_of, model) = (self.player.up_next().clone(), &mut self.model);
        let (crossfade, fade) = (GiveWay::Crossfade(FADE), GiveWay::FadeOut(FADE));
        let id = |n: usize| order_of.lock().queued().nth(n).map_or(EntryId(u64::MAX), |queued| queued.0);
        match order {
            Order::Skip => {
                order_of.lock().skip(crossfade);
                model.take();
            }
            Order::Stop => {
                order_of.lock().skip(fade);
                model.take();
            }
            Order::PlayNow(file) => {
                order_of.lock().play_now(Entry::new(&file), crossfade);
                model.set(Some(file));
            }
            Order::Queue(files, place) => {
                order_of.lock().queue(entries(&files), place);
                match place {
                    Place::End => model.queue.extend(files),
                    Place::Next => files.into_iter().rev().for_each(|file| model.queue.push_front(file)),
                }
                model.take_if_nothing();
            }
            Order::Remove(n) => {
                let removed = id(n);
                let removed = order_of.lock().remove(removed);
                assert_eq!(removed.is_some(), model.queue.remove(n).is_some());
            }
            Order::Move(n, to) => {
                let moved = id(n);
                assert_eq!(order_of.lock().move_to(moved, to), n < model.queue.len());
                if let Some(moved) = model.queue.remove(n) {
                    model.queue.insert(to.min(model.queue.len()), moved);
                }
            }
            Order::Clear => {
                order_of.lock().clear();
                model.queue.clear();
            }
            Order::Load(files, when, repeat) => {
                let list = playlist(&files, repeat);
                self.list = Some(order_of.lock().load(list, when, crossfade));
                model.load(files, when, repeat);
            }
            Order::LoadAsked(files, when) => {
                let asked = order_of.lock().asked();
                let list = playlist(&files, true);
                let other = playlist(&["0.2:9000000".into()], true);
                // Another list that is given meanwhile stays.
                let given = order_of.lock().load(other, When::AfterCurrent, crossfade);
                model.load(vec!["0.2:9000000".into()], When::AfterCurrent, true);
                assert_eq!(order_of.lock().load_asked(asked, list.clone(), when, crossfade), None);
                // A file that is played meanwhile is not cut short.
                let asked = order_of.lock().asked();
                order_of.lock().play_now(Entry::new("0.2:9000001"), crossfade);
                model.set(Some("0.2:9000001".into()));
                let loaded = order_of.lock().load_asked(asked, list, when, crossfade);
                assert!(loaded.is_some_and(|loaded| loaded != given));
                self.list = loaded;
                model.load(files, When::AfterCurrent, true);
            }
            Order::Replace(gone, files) => {
                let Some(list) = self.list else { return };
                let gone = gone.min(model.list.len());
                model.list.drain(..gone);
                model.at = model.at.saturating_sub(gone);
                model.list.extend(files);
                assert!(order_of.lock().replace(list, entries(&model.list)));
                model.take_if_nothing();
            }
            Order::Extend(files) => {
                let Some(list) = self.list else { return };
                assert!(order_of.lock().extend(list, entries(&files)));
                model.list.extend(files);
                model.take_if_nothing();
            }
            Order::Repeat(repeat) => {
                order_of.lock().set_repeat(repeat);
                if self.list.is_some() {
                    model.repeat = repeat;
                    if !repeat && !model.heard && model.passes > 0 {
                        (model.at, model.heard, model.passes) = (model.list.len(), true, model.passes - 1);
                    }
                }
                model.take_if_nothing();
            }
            Order::Seek(to) => {
                let meant = order_of.lock().meant();
                self.player.command(Command::SeekCurrent { to: FrameCount(to), meant });
                model.from = model.now.is_some().then_some(to);
            }
            Order::Hold => {
                self.player.command(Command::Hold { fade: Duration::ZERO });
                model.held = true;
            }
            Order::Resume => {
                self.player.command(Command::Resume { fade: Duration::ZERO });
                model.held = false;
            }
        }
    }

    /// Gives orders without waiting, lets them take effect, and compares.
    fn batch(&mut self, orders: Vec<Order>) -> Result<(), String> {
        let was = (self.model.now.clone(), self.model.begun);
        let held_before = self.model.held;
        let mut was_held = held_before;
        for order in orders {
            self.obey(order);
            was_held |= self.model.held;
            if was_held {
                self.maybe.extend(self.model.now.clone());
            }
        }
        self.player.run();
        // It may begin, and make room for the next, while a hold fades out.
        let in_the_fade = self.model.held && !held_before && self.player.up_next().lock().due().is_none();
        self.model.settle(!self.model.held || in_the_fade);
        self.compare(was, was_held)
    }

    fn compare(&mut self, was: (Option<String>, bool), was_held: bool) -> Result<(), String> {
        let queue: Vec<String> =
            self.player.up_next().lock().queued().map(|(_, entry)| name(entry)).collect();
        if self.model.queue != queue {
            return Err(format!("the queue is {queue:?}"));
        }
        let began = self.player.began_since(self.seen);
        self.seen += began.len();
        if self.model.held {
            self.maybe.extend(was.0.into_iter().chain(self.model.now.clone()));
            return match began.iter().all(|file| self.maybe.contains(file)) {
                true => Ok(()),
                false => Err(format!("{began:?} began while it was held")),
            };
        }
        if let Player::Rig(rig) = &self.player {
            let on_air = rig.on_air.load();
            let current = on_air.current.as_ref().map(|current| current.track.file.display().to_string());
            if current != self.model.now {
                return Err(format!("{current:?} is on the air"));
            }
            if let (Some(from), Some(current)) = (self.model.from.take(), &on_air.current)
                && !(from..=from + BATCH_FRAMES + HOLD_FADE_FRAMES).contains(&current.played.0)
            {
                return Err(format!("it has been played up to {:?}, from {from}", current.played));
            }
        }
        if was_held {
            self.maybe.clear();
            return Ok(());
        }
        // Nothing has begun but what is on the air now.
        let expected: Vec<String> = self.model.now.clone().into_iter().collect();
        match began == expected || (began.is_empty() && self.model.now == was.0 && was.1) {
            true => Ok(()),
            false => Err(format!("{began:?} began")),
        }
    }
}

fn name(entry: &Entry) -> String {
    entry.path.display().to_string()
}

fn entries(files: &[String]) -> Vec<Entry> {
    files.iter().map(Entry::new).collect()
}

fn playlist(files: &[String], repeat: bool) -> Playlist {
    Playlist { name: "list".into(), entries: entries(files), repeat, shuffle: false }
}

/// Files that are all different. One in eight is bad.
struct Names(u64);

impl Names {
    fn good(&mut self) -> String {
        self.0 += 1;
        format!("0.1:{}", 8_000_000 + self.0)
    }

    fn any(&mut self, random: &mut fastrand::Rng) -> String {
        if random.u8(0..8) > 0 {
            return self.good();
        }
        self.0 += 1;
        format!("bad{}", self.0)
    }

    fn some(&mut self, random: &mut fastrand::Rng) -> Vec<String> {
        (0..random.u8(1..3)).map(|_| self.any(random)).collect()
    }

    /// A list has a good file at its end: one of bad files only would be tried again and again.
    fn list(&mut self, random: &mut fastrand::Rng) -> Vec<String> {
        let mut list = self.some(random);
        list.push(self.good());
        list
    }
}

fn order(random: &mut fastrand::Rng, names: &mut Names) -> Order {
    let when = if random.bool() { When::Now } else { When::AfterCurrent };
    match random.u8(0..32) {
        0..8 => Order::Skip,
        8..11 => Order::Stop,
        11..15 => Order::PlayNow(names.any(random)),
        15..18 => Order::Queue(names.some(random), Place::End),
        18..21 => Order::Queue(names.some(random), Place::Next),
        21 => Order::Remove(random.usize(0..3)),
        22 => Order::Move(random.usize(0..3), random.usize(0..3)),
        23..25 => Order::Clear,
        25 => Order::Load(names.list(random), when, random.bool()),
        26 => Order::LoadAsked(names.list(random), when),
        27 => Order::Replace(random.usize(0..4), names.list(random)),
        28 => Order::Extend(names.list(random)),
        29 => Order::Repeat(random.bool()),
        30 => Order::Seek(random.u64(0..1_000_000)),
        _ if random.bool() => Order::Hold,
        _ => Order::Resume,
    }
}

/// Gives this player batches of orders. The first one that goes wrong is the shortest that does.
fn compare(seed: u64, batches: usize, player: Player) {
    let random = &mut fastrand::Rng::with_seed(seed);
    let (mut both, mut names) = (Both::new(player), Names(0));
    for batch in 0..batches {
        let orders: Vec<Order> = (0..random.u8(1..6)).map(|_| order(random, &mut names)).collect();
        let before = format!("{:?}", both.model);
        if let Err(wrong) = both.batch(orders.clone()) {
            panic!("seed {seed}, batch {batch}: {wrong}\n{before}\n{orders:#?}\n{:?}", both.model);
        }
    }
    both.player.stop();
}

#[test]
fn orders_without_waits_are_those_of_a_list_machine() {
    let first = fastrand::u64(..1 << 32);
    (first..first + 500).for_each(|seed| compare(seed, 20, Player::naive()));
}

/// As many as there is time for: an engine has threads, which a busy machine runs late.
#[test]
fn orders_without_waits_play_what_a_list_machine_plays() {
    let (first, began) = (fastrand::u64(..1 << 32), Instant::now());
    for seed in first..first + 200 {
        compare(seed, 25, Player::engine());
        if began.elapsed() > Duration::from_secs(6) {
            println!("{} engines, 25 batches of orders each", seed + 1 - first);
            return;
        }
    }
}

/// What plays after these orders, which come at once while `0.1:800000` is on the air.
fn began_after(orders: Vec<Order>) -> Vec<String> {
    let mut both = Both::with_engine();
    both.batch(vec![Order::Load(vec!["0.1:800000".into(), "0.2:800000".into()], When::Now, true)]).unwrap();
    both.batch(orders).unwrap();
    let began = both.player.began_since(0);
    both.player.stop();
    began
}

#[test]
fn a_file_that_is_played_at_once_is_played_whatever_follows() {
    let play = || Order::PlayNow("0.3:800000".into());
    let jingle = || Order::Queue(vec!["0.4:800000".into()], Place::Next);
    let list = || Order::Load(vec!["0.5:800000".into()], When::AfterCurrent, true);
    for orders in [
        vec![play(), Order::Clear],
        vec![play(), jingle()],
        vec![jingle(), play(), Order::Move(0, 0)],
        vec![play(), list()],
        vec![Order::PlayNow("0.4:800000".into()), play()],
        vec![Order::Skip, play()],
        vec![play(), Order::Seek(100)],
    ] {
        let case = format!("{orders:?}");
        assert_eq!(began_after(orders), ["0.1:800000", "0.3:800000"], "{case}");
    }
}

#[test]
fn each_skip_takes_a_track_though_the_one_before_is_still_being_opened() {
    let files = ["0.3:800000", "0.4:800000", "0.5:800000"];
    let queue = || Order::Queue(files.map(String::from).to_vec(), Place::End);
    let skipped = began_after(vec![queue(), Order::Skip, Order::Skip, Order::Skip]);
    assert_eq!(skipped, ["0.1:800000", "0.5:800000"]);
    // What begins by itself, because nothing was on the air, has begun for the orders that follow.
    let mut both = Both::with_engine();
    both.batch(vec![queue(), Order::Skip, Order::Clear]).unwrap();
    both.player.stop();
}

#[test]
fn a_list_with_a_file_that_can_be_played_is_not_given_up() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let list = |files: &[&str]| Order::Load(names(files), When::Now, true);
    for batches in [
        // The bad one fails ahead of its turn, and again in it.
        [vec![list(&["bad1", "0.1:8000002"])], vec![Order::Repeat(false), Order::Stop, Order::Repeat(true)]],
        // What fails is no longer in the list.
        [
            vec![list(&["0.1:8000001", "0.1:8000002", "bad3"])],
            vec![Order::Skip, Order::Skip, Order::Replace(3, names(&["bad4", "0.1:8000005"]))],
        ],
    ] {
        let mut both = Both::new(Player::naive());
        for batch in batches {
            both.batch(batch).unwrap();
        }
        assert!(both.player.up_next().lock().due().is_none() && both.model.begun);
        both.batch(vec![Order::Queue(names(&["0.1:8000006"]), Place::End)]).unwrap();
    }
}

#[test]
fn a_seek_is_for_the_entry_that_is_due_again_and_not_for_its_earlier_turn() {
    let files = ["0.1:8000001", "0.1:8000002", "0.1:8000003"].map(String::from).to_vec();
    for skips in [
        vec![Order::Skip, Order::Skip, Order::Skip],
        vec![Order::PlayNow("0.1:8000004".into()), Order::Skip, Order::Stop, Order::Skip],
        vec![Order::Stop, Order::Stop, Order::Stop],
    ] {
        let mut both = Both::with_engine();
        both.batch(vec![Order::Load(files.clone(), When::Now, true)]).unwrap();
        both.batch(vec![Order::Skip]).unwrap();
        // The list comes round to the track on the air.
        both.batch(skips.into_iter().chain([Order::Seek(601_838)]).collect()).unwrap();
        both.player.stop();
    }
}

/// By the machine's clock, for a stepped one would wait for what is being opened.
#[test]
fn a_skip_leaves_behind_what_cannot_be_opened() {
    let rig = Rig::by(crate::engine::clock::Clock::default(), &["hangs", "0.3:800000"], false, 0);
    until("it is being opened", || rig.crew.at_work("decode") == 1);
    rig.skip(FADE);
    until("the next one plays", || rig.began().last().is_some_and(|last| last.0 == Path::new("0.3:800000")));
    rig.answers.store(true, std::sync::atomic::Ordering::Relaxed);
    rig.stop();
}
