//! Random operations, compared with a naive model.

use proptest::prelude::*;

use super::*;

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
