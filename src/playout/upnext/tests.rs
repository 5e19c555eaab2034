//! Random operations compared with a naive model, and tests of single rules.

use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn entry(label: u32) -> Entry {
    Entry::new(format!("{label}.mp3"))
}

fn entries(labels: impl IntoIterator<Item = u32>) -> Vec<Entry> {
    labels.into_iter().map(entry).collect()
}

fn list(labels: impl IntoIterator<Item = u32>, repeat: bool, shuffle: bool) -> Playlist {
    Playlist { name: "list".into(), entries: entries(labels), repeat, shuffle }
}

fn with_list(labels: impl IntoIterator<Item = u32>, repeat: bool, shuffle: bool) -> (UpNext, ListId) {
    let mut up_next = UpNext::new(fastrand::Rng::with_seed(7));
    let id = up_next.load(list(labels, repeat, shuffle), When::AfterCurrent);
    (up_next, id)
}

fn label(entry: &Entry) -> u32 {
    entry.path.file_stem().unwrap().to_str().unwrap().parse().unwrap()
}

/// Begins the next entry, and returns it.
fn play(up_next: &mut UpNext) -> Option<(u32, Turn)> {
    let next = up_next.peek()?;
    let (id, label) = (next.id, label(next.entry));
    up_next.begin(id).map(|turn| (label, turn))
}

fn play_all(up_next: &mut UpNext, count: usize) -> Vec<u32> {
    std::iter::from_fn(|| play(up_next)).map(|(label, _)| label).take(count).collect()
}

fn listed(up_next: &mut UpNext, count: usize) -> Vec<u32> {
    up_next.up_next(count).iter().map(|next| label(next.entry)).collect()
}

#[test]
fn the_queue_goes_first_and_once_then_the_playlist_goes_round() {
    let (mut up_next, _) = with_list(1..=3, true, false);
    assert_eq!(play_all(&mut up_next, 2), [1, 2]);
    up_next.queue(entries([10, 11]), Place::End);
    up_next.queue(entries([20, 21]), Place::Next);
    assert_eq!(listed(&mut up_next, 100), [20, 21, 10, 11, 3, 1, 2]);
    assert_eq!(play_all(&mut up_next, 8), [20, 21, 10, 11, 3, 1, 2, 3]);
}

#[test]
fn a_pass_whose_first_entries_failed_has_not_begun_when_repeat_is_taken_away() {
    for shuffle in [false, true] {
        let (mut up_next, _) = with_list(1..=3, true, shuffle);
        play_all(&mut up_next, 3);
        // The player looks ahead during the last track of the pass.
        let bad = up_next.peek().unwrap().id;
        up_next.skip_failed(bad);
        assert!(up_next.peek().is_some());
        up_next.set_repeat(false);
        assert_eq!(up_next.peek(), None);
        up_next.set_repeat(true);
        assert_eq!(play_all(&mut up_next, 2).len(), 2);
        // A track of this pass was heard, so the pass continues to its end.
        up_next.set_repeat(false);
        assert_eq!(play_all(&mut up_next, 9).len(), 1);
    }
    // The first pass takes place in any case.
    let (mut up_next, _) = with_list(1..=3, true, false);
    up_next.skip_failed(up_next.peek().unwrap().id);
    up_next.set_repeat(false);
    assert_eq!(play_all(&mut up_next, 9), [2, 3]);
}

#[test]
fn without_repeat_the_list_ends_and_repeat_takes_it_up_again() {
    for shuffle in [false, true] {
        let (mut up_next, _) = with_list(1..=3, false, shuffle);
        let (last, turn) = (0..3).map(|_| play(&mut up_next).unwrap()).last().unwrap();
        assert!(turn.pass_ended);
        assert_eq!(up_next.peek(), None);
        up_next.set_repeat(true);
        let (first, turn) = play(&mut up_next).unwrap();
        assert!(first != last && !turn.pass_ended);
    }
}

#[test]
fn a_new_playlist_is_told_when_its_first_track_begins_and_not_before() {
    let (mut up_next, _) = with_list(1..=3, true, false);
    assert_eq!(play(&mut up_next).unwrap().1.list_began, Some(("list".into(), 3)));
    assert_eq!(play(&mut up_next).unwrap().1.list_began, None);
    up_next.queue(entries([10]), Place::End);
    let night = Playlist { name: "night".into(), ..list(4..=9, true, false) };
    up_next.load(night, When::AfterCurrent);
    assert_eq!(
        play(&mut up_next).unwrap(),
        (10, Turn { origin: Origin::Queue, list_began: None, pass_ended: false })
    );
    // A bad file does not begin the list.
    let bad = up_next.peek().unwrap().id;
    assert_eq!(up_next.skip_failed(bad).unwrap().list_began, None);
    let (label, turn) = play(&mut up_next).unwrap();
    assert_eq!((label, turn.list_began), (5, Some(("night".into(), 6))));
}

#[test]
fn a_list_that_is_to_play_now_goes_before_the_queue_until_it_has_begun() {
    let (mut up_next, _) = with_list(1..=3, true, false);
    up_next.queue(entries([10, 11]), Place::End);
    up_next.load(list(4..=6, true, false), When::Now);
    assert_eq!(listed(&mut up_next, 4), [4, 10, 11, 5]);
    up_next.queue(entries([9]), Place::Next);
    assert_eq!(listed(&mut up_next, 4), [4, 9, 10, 11]);
    // A bad file does not begin it.
    up_next.skip_failed(up_next.peek().unwrap().id);
    assert_eq!(play_all(&mut up_next, 6), [5, 9, 10, 11, 6, 4]);
}

#[test]
fn what_is_begun_late_or_out_of_turn_has_its_turn_and_takes_none_from_others() {
    let (mut up_next, _) = with_list(1..=5, true, false);
    let fetched = up_next.peek().unwrap().id;
    let version = up_next.version();
    let urgent = up_next.queue(entries([10]), Place::Next)[0];
    assert_ne!(up_next.version(), version);
    assert!(up_next.begin(fetched).is_some());
    assert_eq!(play_all(&mut up_next, 2), [10, 2]);
    assert_eq!(up_next.begin(urgent), None, "it is gone");

    let (mut up_next, _) = with_list(0..50, true, true);
    let order = listed(&mut up_next, 50);
    let out_of_turn = up_next.up_next(50)[20].id;
    assert!(up_next.begin(out_of_turn).is_some());
    let mut expected = order.clone();
    expected.remove(20);
    assert_eq!(play_all(&mut up_next, 49), expected);
}

#[test]
fn a_pass_of_nothing_but_failures_is_known() {
    for shuffle in [false, true] {
        let (mut up_next, list) = with_list(1..=3, true, shuffle);
        let fail = |up_next: &mut UpNext| {
            let id = up_next.peek().unwrap().id;
            up_next.skip_failed(id).unwrap().pass_ended
        };
        assert!(!up_next.all_failed());
        let ended: Vec<bool> = (0..3).map(|_| fail(&mut up_next)).collect();
        assert_eq!(ended, [false, false, true]);
        assert!(up_next.all_failed());
        // A queued entry can be tried at once, and so can a new one.
        let id = up_next.queue(entries([9]), Place::End)[0];
        assert!(!up_next.all_failed());
        up_next.skip_failed(id);
        assert!(up_next.all_failed());
        assert!(up_next.replace(list, entries(1..=3)) && up_next.all_failed(), "nothing has changed");
        assert!(up_next.extend(list, entries([4])) && !up_next.all_failed());
        play(&mut up_next);
        assert!(!up_next.all_failed());
    }
    assert!(!UpNext::new(fastrand::Rng::with_seed(0)).all_failed());
}

#[test]
fn a_list_still_being_read_goes_on_and_new_entries_come_before_the_next_pass() {
    for shuffle in [false, true] {
        let (mut up_next, id) = with_list([], true, shuffle);
        assert_eq!(up_next.peek(), None);
        assert!(up_next.extend(id, entries([1])));
        assert!(play(&mut up_next).unwrap().1.pass_ended);
        assert!(up_next.extend(id, entries(2..=40)));
        let rest: HashSet<u32> = play_all(&mut up_next, 39).into_iter().collect();
        assert_eq!(rest, (2..=40).collect(), "shuffle {shuffle}");
        let old = id;
        up_next.load(list([], true, shuffle), When::AfterCurrent);
        assert!(!up_next.extend(old, entries([5])) && !up_next.replace(old, entries([5])));
        assert_eq!(up_next.peek(), None);
    }
}

#[test]
fn shuffled_new_entries_can_come_anywhere_in_what_is_left() {
    let mut places = HashSet::new();
    for seed in 0..200 {
        let mut up_next = UpNext::new(fastrand::Rng::with_seed(seed));
        let id = up_next.load(list(0..10, false, true), When::Now);
        play_all(&mut up_next, 4);
        up_next.extend(id, entries([99]));
        let rest = play_all(&mut up_next, 100);
        places.insert(rest.iter().position(|&label| label == 99).unwrap());
    }
    // Not the first place: that entry may have been fetched already.
    assert_eq!(places, (1..=6).collect());
}

#[test]
fn shuffles_are_fair() {
    // Each of six entries should be in each place a sixth of the time: 1,000 of 6,000, give or take
    // five standard deviations (29 each).
    let mut counts = [[0_u32; 6]; 6];
    let mut up_next = UpNext::new(fastrand::Rng::with_seed(99));
    for _ in 0..6000 {
        up_next.load(list(0..6, false, true), When::Now);
        for (place, label) in play_all(&mut up_next, 6).into_iter().enumerate() {
            counts[place][label as usize] += 1;
        }
    }
    assert!(counts.iter().flatten().all(|&count| count.abs_diff(1000) < 145), "{counts:?}");
}

#[test]
fn a_list_read_again_goes_on_after_what_was_current() {
    let (mut up_next, id) = with_list([1, 2, 3, 4], true, false);
    play_all(&mut up_next, 2);
    let three = up_next.peek().unwrap().id;
    let version = up_next.version();
    // An entry that is sorted in before the current one moves the position with it.
    up_next.replace(id, entries([0, 1, 2, 3, 4]));
    assert_eq!((up_next.peek().unwrap().id, up_next.version()), (three, version));
    // The current entry has gone, so playing continues after the one before it.
    up_next.replace(id, entries([0, 1, 5, 3, 4]));
    assert_eq!(listed(&mut up_next, 9), [5, 3, 4, 0, 1]);
    // In another order, playing continues after the entry's new place.
    play_all(&mut up_next, 2);
    up_next.replace(id, entries([3, 4, 0, 1, 5]));
    assert_eq!(play_all(&mut up_next, 2), [4, 0]);
    // With other entries, playing starts from the beginning.
    up_next.replace(id, entries([7, 8]));
    assert_eq!(play_all(&mut up_next, 3), [7, 8, 7]);
    // The same file with another title is another answer.
    let version = up_next.version();
    up_next.replace(id, vec![entry(7), Entry { extinf: Some("Eight".into()), ..entry(8) }]);
    assert_ne!(up_next.version(), version);
    up_next.replace(id, vec![]);
    assert_eq!(up_next.peek(), None);
}

#[test]
fn no_pass_begins_with_what_was_heard_last_however_the_one_before_ended() {
    for seed in 0..50 {
        let mut up_next = UpNext::new(fastrand::Rng::with_seed(seed));
        let id = up_next.load(list(0..4, true, true), When::Now);
        let first = up_next.peek().unwrap().id;
        let played = play_all(&mut up_next, 3);
        // The first plays once more. Then the fourth, which was still to come, is removed.
        up_next.begin(first);
        up_next.replace(id, entries(played.iter().copied()));
        assert_ne!(up_next.peek().unwrap().id, first, "seed {seed}");
    }
}

#[test]
fn an_entry_listed_twice_is_two_entries() {
    let (mut up_next, id) = with_list([1, 2, 1, 3], true, false);
    play_all(&mut up_next, 3);
    up_next.replace(id, entries([5, 1, 2, 1, 2, 3]));
    assert_eq!(play_all(&mut up_next, 3), [2, 3, 5]);
}

#[test]
fn turning_shuffle_on_repeats_nothing_and_off_goes_on_from_what_plays() {
    let (mut up_next, _) = with_list(0..20, true, false);
    let first = play_all(&mut up_next, 8);
    up_next.set_shuffle(true);
    let rest = play_all(&mut up_next, 12);
    let all: HashSet<u32> = first.into_iter().chain(rest).collect();
    assert_eq!(all.len(), 20);
    let (last, _) = play(&mut up_next).unwrap();
    up_next.set_shuffle(false);
    assert_eq!(play(&mut up_next).unwrap().0, (last + 1) % 20);
}

#[test]
fn what_was_due_when_a_snapshot_was_made_has_not_failed_and_all_others_keep_their_ids() {
    let cut = GiveWay::Crossfade(Duration::ZERO);
    let mut order = RunningOrder::new(UpNext::new(fastrand::Rng::with_seed(1)));
    order.start();
    order.load(list(0..2, true, false), When::Now, cut);
    let next = |order: &RunningOrder, expected| {
        let next = order.peek().unwrap();
        assert_eq!(label(next.entry), expected);
        next.id
    };
    order.begin(next(&order, 0));
    order.skip_failed(next(&order, 1));
    // The good one is due again, and has not begun to sound.
    order.skip(cut);
    let queued = order.queue(entries([2]), Place::End);
    let ids = |order: &mut RunningOrder| order.up_next(3)[1..].iter().map(|next| next.id).collect::<Vec<_>>();
    let before = ids(&mut order);
    order.go_on_from(order.snapshot(), None, cut);
    assert_eq!(ids(&mut order), before);
    order.remove(queued[0]).unwrap();
    order.begin(next(&order, 0));
    order.skip_failed(next(&order, 1));
    assert!(!order.all_failed(), "the good one is up next");
}

#[test]
fn a_snapshot_survives_what_text_can_do_to_it() {
    let (mut up_next, _) = with_list(0..5, true, true);
    up_next.queue(entries([10, 11]), Place::End);
    let text = serde_json::to_string(&up_next.snapshot()).unwrap();
    let restore =
        |text: &str| UpNext::restore(serde_json::from_str(text).unwrap(), fastrand::Rng::with_seed(3));
    let damage = |from: &str, to: &str| {
        let damaged = text.replacen(from, to, 1);
        assert_ne!(damaged, text, "{from} is not in {text}");
        damaged
    };
    for damaged in [
        damage(r#""order":["#, r#""order":[99,"#),
        damage(r#""order":["#, r#""order":[0,0,"#),
        damage(r#""next":0"#, r#""next":77"#),
        damage(r#""drawn":1"#, r#""drawn":6"#),
        damage(r#""last":null"#, r#""last":5"#),
        damage(r#""ahead":null"#, r#""ahead":5"#),
        damage(r#""next_id":"#, r#""next_id":1844674407370955"#),
        damage(r#""next_id":9"#, r#""next_id":3"#),
        damage(r#""id":7"#, r#""id":8"#),
    ] {
        let mut up_next = restore(&damaged);
        up_next.queue(entries([12]), Place::End);
        let played: HashSet<u32> = play_all(&mut up_next, 8).into_iter().collect();
        assert_eq!(played, [0, 1, 2, 3, 4, 10, 11, 12].into(), "{damaged}");
        let ids: HashSet<u64> = up_next.up_next(5).iter().map(|next| next.id.0).collect();
        assert!(ids.len() <= 5 && up_next.peek().is_some());
    }
}

/// The rules again, in the simplest form: vectors and linear search.
#[derive(Default)]
struct Model {
    queue: Vec<EntryId>,
    list: Vec<EntryId>,
    repeat: bool,
    shuffle: bool,
    begun: bool,
    /// When shuffled: the entries that have been played in this pass.
    played: Vec<EntryId>,
    /// When not shuffled: the position in the pass.
    next: usize,
    last: Option<EntryId>,
    failures: usize,
    /// Whether something of this pass was heard, and how many passes went before it.
    heard: bool,
    passes: usize,
    /// Whether the list was loaded to play now, and has not begun.
    list_first: bool,
}

impl Model {
    fn pass_over(&self) -> bool {
        if self.shuffle { self.played.len() == self.list.len() } else { self.next == self.list.len() }
    }

    /// The entries of the list that may be next.
    fn next_listed(&self) -> Vec<EntryId> {
        if self.pass_over() && !self.repeat {
            return Vec::new();
        }
        match (self.shuffle, self.pass_over()) {
            (false, true) => self.list.first().copied().into_iter().collect(),
            (false, false) => vec![self.list[self.next]],
            (true, true) if self.list.len() == 1 => self.list.clone(),
            (true, true) => self.list.iter().copied().filter(|&id| Some(id) != self.last).collect(),
            (true, false) => self.list.iter().copied().filter(|id| !self.played.contains(id)).collect(),
        }
    }

    fn candidates(&self) -> Vec<EntryId> {
        let listed = self.next_listed();
        if self.list_first && !listed.is_empty() || self.queue.is_empty() {
            listed
        } else {
            vec![self.queue[0]]
        }
    }

    /// Returns whether the list began, and whether its pass ended.
    fn take(&mut self, id: EntryId, failed: bool) -> (bool, bool) {
        if self.queue.contains(&id) {
            self.queue.retain(|&queued| queued != id);
            return (false, false);
        }
        if self.pass_over() {
            self.played.clear();
            self.heard = false;
            self.passes += 1;
        }
        self.heard |= !failed;
        if self.shuffle && !self.played.contains(&id) {
            self.played.push(id);
        }
        self.next = self.index(id) + 1;
        self.last = Some(id);
        self.failures = if failed { self.failures + 1 } else { 0 };
        if failed {
            return (false, self.pass_over());
        }
        self.list_first = false;
        (!std::mem::replace(&mut self.begun, true), self.pass_over())
    }

    fn index(&self, id: EntryId) -> usize {
        self.list.iter().position(|&listed| listed == id).unwrap()
    }
}

#[derive(Clone, Debug)]
enum Op {
    Begin,
    BeginAnother(usize),
    Fail,
    Queue(usize, bool),
    Remove(usize),
    Move(usize, usize),
    Clear,
    Load {
        length: usize,
        repeat: bool,
        shuffle: bool,
        now: bool,
    },
    Extend(usize),
    /// The entries that go (bits), whether the rest is reversed, and where how many come in.
    Replace {
        gone: u16,
        reverse: bool,
        at: usize,
        new: usize,
    },
    Repeat(bool),
    Shuffle(bool),
    List(usize),
    Restart,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        12 => Just(Op::Begin),
        1 => (0..9_usize).prop_map(Op::BeginAnother),
        3 => Just(Op::Fail),
        3 => (0..4_usize, any::<bool>()).prop_map(|(n, end)| Op::Queue(n, end)),
        1 => (0..9_usize).prop_map(Op::Remove),
        1 => (0..9_usize, 0..9_usize).prop_map(|(n, to)| Op::Move(n, to)),
        1 => Just(Op::Clear),
        2 => (0..9_usize, any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(length, repeat, shuffle, now)| Op::Load { length, repeat, shuffle, now }),
        2 => (0..4_usize).prop_map(Op::Extend),
        2 => (any::<u16>(), any::<bool>(), 0..9_usize, 0..3_usize)
            .prop_map(|(gone, reverse, at, new)| Op::Replace { gone, reverse, at, new }),
        1 => any::<bool>().prop_map(Op::Repeat),
        1 => any::<bool>().prop_map(Op::Shuffle),
        2 => (0..12_usize).prop_map(Op::List),
        1 => Just(Op::Restart),
    ];
    prop::collection::vec(op, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_operations_play_what_a_naive_model_plays(ops in ops(), seed: u64) {
        let mut up_next = UpNext::new(fastrand::Rng::with_seed(seed));
        let mut model = Model::default();
        let mut list_id = up_next.load(Playlist::default(), When::AfterCurrent);
        let mut labels = 0..;
        let mut fresh = |count: usize| entries(labels.by_ref().take(count));
        // The entries that were listed as coming, as long as no command has changed them.
        let mut promised: Vec<EntryId> = Vec::new();
        for op in ops {
            let (before, version) = (up_next.peek().map(|next| next.id), up_next.version());
            if !matches!(op, Op::Begin | Op::Fail | Op::List(_) | Op::Restart) {
                promised.clear();
            }
            match op {
                Op::Begin | Op::Fail => {
                    let failed = matches!(op, Op::Fail);
                    let Some(id) = before else { continue };
                    let turn = if failed { up_next.skip_failed(id) } else { up_next.begin(id) };
                    let turn = turn.unwrap();
                    let queued = model.queue.contains(&id);
                    let (began, ended) = model.take(id, failed);
                    prop_assert_eq!(turn.origin, if queued { Origin::Queue } else { Origin::Playlist });
                    prop_assert_eq!(turn.list_began.is_some(), began);
                    prop_assert_eq!(turn.pass_ended, ended);
                    if !promised.is_empty() {
                        prop_assert_eq!(promised.remove(0), id);
                    }
                    // A list that comes at once stays first until one of its tracks plays.
                    if failed {
                        promised.clear();
                    }
                }
                Op::BeginAnother(n) => {
                    let all: Vec<EntryId> = model.queue.iter().chain(&model.list).copied().collect();
                    if let Some(&id) = all.get(n) {
                        prop_assert!(up_next.begin(id).is_some());
                        model.take(id, false);
                    }
                }
                Op::Queue(count, end) => {
                    let place = if end { Place::End } else { Place::Next };
                    let ids = up_next.queue(fresh(count), place);
                    prop_assert_eq!(ids.len(), count);
                    let at = if end { model.queue.len() } else { 0 };
                    model.queue.splice(at..at, ids.iter().copied());
                }
                Op::Remove(n) => {
                    let id = model.queue.get(n).copied().unwrap_or(EntryId(u64::MAX));
                    prop_assert_eq!(up_next.remove(id).is_some(), n < model.queue.len());
                    model.queue.retain(|&queued| queued != id);
                }
                Op::Move(n, to) => {
                    let id = model.queue.get(n).copied().unwrap_or(EntryId(u64::MAX));
                    prop_assert_eq!(up_next.move_to(id, to), n < model.queue.len());
                    if n < model.queue.len() {
                        model.queue.remove(n);
                            let to = to.min(model.queue.len());
                        model.queue.insert(to, id);
                    }
                }
                Op::Clear => {
                    up_next.clear();
                    model.queue.clear();
                }
                Op::Load { length, repeat, shuffle, now } => {
                    let list = Playlist { name: "x".into(), entries: fresh(length), repeat, shuffle };
                    list_id = up_next.load(list, if now { When::Now } else { When::AfterCurrent });
                    model = Model {
                        queue: model.queue,
                        list: ids_of(&up_next),
                        repeat,
                        shuffle,
                        list_first: now,
                        ..Model::default()
                    };
                }
                Op::Extend(count) => {
                    prop_assert!(up_next.extend(list_id, fresh(count)));
                    let known = model.list.clone();
                    model.list = ids_of(&up_next);
                    prop_assert_eq!(&model.list[..known.len()], &known);
                    prop_assert_eq!(model.list.len(), known.len() + count);
                    if count > 0 {
                        model.failures = 0;
                    }
                }
                Op::Replace { gone, reverse, at, new } => {
                    let paths: Vec<Entry> = model.list.iter().map(|&id| up_next.get(id).unwrap().clone()).collect();
                    let mut kept: Vec<usize> = (0..paths.len()).filter(|n| gone >> (n % 16) & 1 == 0).collect();
                    if reverse {
                        kept.reverse();
                    }
                    let at = at.min(kept.len());
                    let mut list: Vec<Entry> = kept.iter().map(|&n| paths[n].clone()).collect();
                    list.splice(at..at, fresh(new));
                    prop_assert!(up_next.replace(list_id, list));
                    let old = std::mem::replace(&mut model.list, ids_of(&up_next));
                    let mut survivors: Vec<EntryId> = kept.iter().map(|&n| old[n]).collect();
                    survivors.splice(at..at, model.list[at..at + new].iter().copied());
                    prop_assert_eq!(&survivors, &model.list);
                    if new > 0 || kept.len() < old.len() {
                        model.failures = 0;
                    }
                    let anchor = old[..model.next.min(old.len())].iter().rfind(|id| model.list.contains(id));
                    model.next = anchor.map_or(0, |&id| model.index(id) + 1);
                    model.last = model.last.filter(|last| model.list.contains(last));
                    let list = model.list.clone();
                    model.played.retain(|id| list.contains(id));
                }
                Op::Repeat(repeat) => {
                    up_next.set_repeat(repeat);
                    model.repeat = repeat;
                    if !repeat && !model.heard && model.passes > 0 {
                        model.next = model.list.len();
                        model.played = if model.shuffle { model.list.clone() } else { Vec::new() };
                        (model.heard, model.passes) = (true, model.passes - 1);
                        model.failures = 0;
                    }
                }
                Op::Shuffle(shuffle) => {
                    up_next.set_shuffle(shuffle);
                    if shuffle && !model.shuffle {
                        model.played = model.list[..model.next].to_vec();
                    } else if model.shuffle && !shuffle {
                        model.next = model.last.map_or(0, |last| model.index(last) + 1);
                    }
                    if model.shuffle != shuffle {
                        model.failures = 0;
                    }
                    model.shuffle = shuffle;
                }
                Op::List(count) => {
                    promised = up_next.up_next(count).iter().map(|next| next.id).collect();
                    let left = if model.shuffle { model.list.len() - model.played.len() } else { model.list.len() };
                    prop_assert!(promised.len() <= count);
                    prop_assert!(promised.len() >= count.min(model.queue.len()));
                    if model.shuffle || model.repeat {
                        let expected = model.queue.len() + left;
                        prop_assert!(promised.len() >= count.min(expected));
                    }
                    prop_assert!(count == 0 || promised.first().copied() == before);
                }
                Op::Restart => {
                    let text = serde_json::to_string(&up_next.snapshot()).unwrap();
                    up_next = UpNext::restore(serde_json::from_str(&text).unwrap(), fastrand::Rng::with_seed(seed));
                    model.failures = 0;
                    prop_assert_eq!(up_next.peek().map(|next| next.id), before);
                }
            }

            let next = up_next.peek().map(|next| next.id);
            let candidates = model.candidates();
            prop_assert_eq!(next.is_some(), !candidates.is_empty());
            prop_assert!(next.is_none_or(|next| candidates.contains(&next)), "{:?} of {:?}", next, candidates);
            prop_assert!(next == before || up_next.version() != version || matches!(op, Op::Restart));
            prop_assert!(next != before || up_next.version() == version || matches!(op, Op::Restart));
            let queued: Vec<EntryId> = up_next.queued().map(|(id, _)| id).collect();
            prop_assert_eq!(&queued, &model.queue);
            let played = if model.shuffle { model.played.len() } else { model.next };
            prop_assert_eq!(up_next.list().unwrap().played, played);
            let all_failed = model.queue.is_empty() && !model.list.is_empty() && model.failures >= model.list.len();
            prop_assert_eq!(up_next.all_failed(), all_failed);
        }
    }
}

fn ids_of(up_next: &UpNext) -> Vec<EntryId> {
    up_next.list.iter().flat_map(|list| list.entries.iter()).map(|listed| listed.id).collect()
}
