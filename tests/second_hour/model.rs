//! A naive model of the programme: lists of names, and lengths in frames.

use std::collections::BTreeMap;

use longwave::EntryId;

/// A mixer's job at 8 kHz.
pub const BLOCK: u64 = 1024;
/// A cut takes 10 ms.
const CUT: u64 = 80;

/// An item that comes before the playlist.
#[derive(Clone, Debug)]
pub enum Item {
    /// An entry that plays from this frame on.
    Queued { id: EntryId, name: String, from: u64 },
    /// The first track of a playlist that comes at once.
    ListFirst,
}

#[derive(Debug, Default)]
struct List {
    names: Vec<String>,
    next: usize,
    repeat: bool,
}

#[derive(Debug)]
struct Current {
    name: String,
    played: u64,
}

#[derive(Debug)]
pub struct Model {
    /// The lengths of the good tracks.
    lengths: BTreeMap<String, u64>,
    pub items: Vec<Item>,
    list: List,
    current: Option<Current>,
    /// The frame where the current track continues after a fade.
    seek: Option<u64>,
    /// The frames until silence, if the programme is held.
    held: Option<u64>,
    /// All tracks in the order of their beginnings.
    pub began: Vec<String>,
}

impl Model {
    pub fn new(lengths: BTreeMap<String, u64>) -> Model {
        Model {
            lengths,
            items: Vec::new(),
            list: List::default(),
            current: None,
            seek: None,
            held: None,
            began: Vec::new(),
        }
    }

    pub fn now(&self) -> String {
        self.current.as_ref().map_or("-".into(), |current| current.name.clone())
    }

    pub fn current_length(&self) -> Option<u64> {
        self.current.as_ref().map(|current| self.lengths[&current.name])
    }

    pub fn played_of_current(&self) -> Option<u64> {
        self.current.as_ref().map(|current| current.played)
    }

    /// Each entry with whether it is good.
    pub fn queued(&self) -> impl Iterator<Item = (EntryId, bool)> {
        self.items.iter().filter_map(|item| match item {
            Item::Queued { id, name, .. } => Some((*id, self.lengths.contains_key(name))),
            Item::ListFirst => None,
        })
    }

    pub fn skip(&mut self) {
        self.stop_current();
    }

    pub fn stop_current(&mut self) {
        self.current = None;
        self.seek = None;
    }

    pub fn hold(&mut self) {
        self.held.get_or_insert(CUT);
    }

    pub fn resume(&mut self) {
        self.held = None;
    }

    pub fn play_file(&mut self, id: EntryId, name: &str) {
        self.items.insert(0, Item::Queued { id, name: name.into(), from: 0 });
        self.skip();
    }

    pub fn queue(&mut self, entries: impl Iterator<Item = (EntryId, String)>, next: bool) {
        let queued = entries.map(|(id, name)| Item::Queued { id, name, from: 0 });
        let place = if next { self.front() } else { self.items.len() };
        self.items.splice(place..place, queued.collect::<Vec<_>>());
    }

    /// The place of the next entry in the queue. A playlist that comes at once is before the queue.
    fn front(&self) -> usize {
        usize::from(matches!(self.items.first(), Some(Item::ListFirst)))
    }

    pub fn clear(&mut self) {
        self.items.retain(|item| matches!(item, Item::ListFirst));
    }

    pub fn remove(&mut self, id: EntryId) -> Option<Item> {
        let is_it = |item: &Item| matches!(item, Item::Queued { id: other, .. } if *other == id);
        let place = self.items.iter().position(is_it)?;
        Some(self.items.remove(place))
    }

    pub fn move_to(&mut self, id: EntryId, first: bool) {
        let Some(item) = self.remove(id) else { return };
        let place = if first { self.front() } else { self.items.len() };
        self.items.insert(place, item);
    }

    pub fn play_list(&mut self, names: Vec<String>, now: bool, repeat: bool) {
        self.list = List { names, next: 0, repeat };
        self.items.retain(|item| matches!(item, Item::Queued { .. }));
        if now {
            self.items.insert(0, Item::ListFirst);
            self.skip();
        }
    }

    pub fn set_repeat(&mut self, repeat: bool) {
        self.list.repeat = repeat;
    }

    pub fn seek(&mut self, to: u64) {
        let Some(current) = &mut self.current else { return };
        match self.held {
            Some(0) => current.played = to,
            _ => self.seek = Some(to),
        }
    }

    /// The current track continues under another id, and nothing is held.
    pub fn restart(&mut self, goes_on: Option<EntryId>) {
        self.held = None;
        self.seek = None;
        if let Some(Current { name, played }) = self.current.take()
            && played < self.lengths[&name]
        {
            let id = goes_on.expect("it is up next");
            self.items.insert(0, Item::Queued { id, name, from: played });
        }
    }

    /// Advances by this many frames.
    pub fn advance(&mut self, mut frames: u64) {
        while frames > 0 && self.held != Some(0) {
            if self.current.is_none() && !self.begin() {
                self.held = self.held.map(|until_silent| until_silent.saturating_sub(frames));
                return;
            }
            let length = self.current_length().expect("there is a current track");
            let current = self.current.as_mut().expect("there is a current track");
            let left = length.saturating_sub(current.played);
            // It plays to its end, to a jump, or to silence.
            let mut some = frames.min(left);
            if self.seek.is_some() {
                some = some.min(CUT);
            }
            if let Some(until_silent) = self.held {
                some = some.min(until_silent);
            }
            current.played += some;
            frames -= some;
            self.held = self.held.map(|until_silent| until_silent - some);
            if let Some(to) = self.seek.take() {
                current.played = to;
            } else if some == left && frames > 0 {
                self.current = None;
            }
        }
    }

    fn begin(&mut self) -> bool {
        let Some((name, from)) = self.next() else { return false };
        self.take_next();
        self.began.push(name.clone());
        self.current = Some(Current { name, played: from });
        true
    }

    /// The next track and its first frame. Bad tracks are skipped.
    fn next(&self) -> Option<(String, u64)> {
        for item in &self.items {
            match item {
                Item::Queued { name, from, .. } if self.lengths.contains_key(name) => {
                    return Some((name.clone(), *from));
                }
                Item::Queued { .. } => {}
                Item::ListFirst if self.next_listed().is_none() => {}
                Item::ListFirst => break,
            }
        }
        self.next_listed().map(|place| (self.list.names[place].clone(), 0))
    }

    fn next_listed(&self) -> Option<usize> {
        let List { names, next, repeat } = &self.list;
        let around = if *repeat { 0..names.len() } else { 0..0 };
        (*next..names.len()).chain(around).find(|place| self.lengths.contains_key(&names[*place]))
    }

    fn take_next(&mut self) {
        while let Some(item) = self.items.first() {
            match item {
                Item::Queued { name, .. } => {
                    let good = self.lengths.contains_key(name);
                    self.items.remove(0);
                    if good {
                        return;
                    }
                }
                Item::ListFirst => break,
            }
        }
        let listed = self.next_listed();
        match (listed, self.items.iter().position(|item| matches!(item, Item::Queued { .. }))) {
            (Some(place), _) => {
                self.list.next = place + 1;
                self.items.retain(|item| matches!(item, Item::Queued { .. }));
            }
            // The list has nothing more. The queue behind it still plays.
            (None, Some(_)) => {
                let marker = self.items.remove(0);
                self.take_next();
                self.items.insert(0, marker);
            }
            (None, None) => {}
        }
    }
}
