//! A naive model of the programme: lists of names, and lengths in frames.

use std::collections::BTreeMap;

use longwave::EntryId;

/// A mixer's job at 8 kHz.
pub const BLOCK: u64 = 1024;
/// A cut takes 10 ms.
const CUT: u64 = 80;

/// An entry of the queue.
#[derive(Clone, Debug)]
pub struct Queued {
    pub id: EntryId,
    pub name: String,
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
    pub queue: Vec<Queued>,
    list: List,
    current: Option<Current>,
    /// What is to begin as soon as something sounds. It is out of the queue, and has had its turn in the list.
    due: Option<Current>,
    /// The frame where the current track continues after a fade.
    seek: Option<u64>,
    /// Whether nothing has been on the air, or nothing since the last track has ended.
    is_idle: bool,
    /// The frames until silence, if the programme is held.
    held: Option<u64>,
    /// All tracks in the order of their beginnings.
    pub began: Vec<String>,
}

impl Model {
    pub fn new(lengths: BTreeMap<String, u64>) -> Model {
        Model {
            lengths,
            queue: Vec::new(),
            list: List::default(),
            current: None,
            due: None,
            seek: None,
            is_idle: true,
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
        self.queue.iter().map(|queued| (queued.id, self.lengths.contains_key(&queued.name)))
    }

    /// What is on the air, or due, gives way to what comes after it.
    pub fn skip(&mut self) {
        (self.current, self.seek, self.due) = (None, None, None);
        self.draw();
    }

    pub fn hold(&mut self) {
        self.held.get_or_insert(CUT);
    }

    pub fn resume(&mut self) {
        self.held = None;
    }

    pub fn play_file(&mut self, name: &str) {
        (self.current, self.seek) = (None, None);
        self.due = Some(Current { name: name.into(), played: 0 });
    }

    pub fn queue(&mut self, entries: impl Iterator<Item = (EntryId, String)>, next: bool) {
        let queued: Vec<_> = entries.map(|(id, name)| Queued { id, name }).collect();
        let place = if next { 0 } else { self.queue.len() };
        self.queue.splice(place..place, queued);
        self.draw();
    }

    pub fn clear(&mut self) {
        self.queue.clear();
    }

    pub fn remove(&mut self, id: EntryId) -> Option<Queued> {
        let place = self.queue.iter().position(|queued| queued.id == id)?;
        Some(self.queue.remove(place))
    }

    pub fn move_to(&mut self, id: EntryId, first: bool) {
        let Some(queued) = self.remove(id) else { return };
        let place = if first { 0 } else { self.queue.len() };
        self.queue.insert(place, queued);
    }

    pub fn play_list(&mut self, names: Vec<String>, now: bool, repeat: bool) {
        self.list = List { names, next: 0, repeat };
        if now {
            (self.current, self.seek) = (None, None);
            self.due = self.take_listed();
        }
        self.draw();
    }

    pub fn set_repeat(&mut self, repeat: bool) {
        self.list.repeat = repeat;
        self.draw();
    }

    pub fn seek(&mut self, to: u64) {
        let Some(current) = &mut self.current else { return };
        match self.held {
            Some(0) => current.played = to,
            _ => self.seek = Some(to),
        }
    }

    /// The current track continues, and nothing is held.
    pub fn restart(&mut self) {
        (self.held, self.seek) = (None, None);
        if let Some(current) = self.current.take()
            && current.played < self.lengths[&current.name]
        {
            self.due = Some(current);
        }
        self.draw();
    }

    /// Advances by this many frames.
    pub fn advance(&mut self, mut frames: u64) {
        while frames > 0 && self.held != Some(0) {
            // While it is held, nothing begins where nothing was on the air.
            if self.current.is_none() && ((self.held.is_some() && self.is_idle) || !self.begin()) {
                self.is_idle = true;
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
        self.draw();
        let Some(due) = self.due.take() else { return false };
        self.began.push(due.name.clone());
        self.is_idle = false;
        self.current = Some(due);
        true
    }

    /// If nothing is on the air, the next track is due. Bad tracks are skipped.
    fn draw(&mut self) {
        while self.current.is_none() && self.due.is_none() && !self.queue.is_empty() {
            let Queued { name, .. } = self.queue.remove(0);
            self.due = self.lengths.contains_key(&name).then_some(Current { name, played: 0 });
        }
        if self.current.is_none() && self.due.is_none() {
            self.due = self.take_listed();
        }
    }

    fn take_listed(&mut self) -> Option<Current> {
        let List { names, next, repeat } = &self.list;
        let around = if *repeat { 0..names.len() } else { 0..0 };
        let place =
            (*next..names.len()).chain(around).find(|place| self.lengths.contains_key(&names[*place]))?;
        let name = names[place].clone();
        self.list.next = place + 1;
        Some(Current { name, played: 0 })
    }
}
