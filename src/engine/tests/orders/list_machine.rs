//! The naive model that random orders are judged by.

use std::collections::VecDeque;

use crate::playout::When;

/// A list machine. What plays is out of the queue, and has had its turn in the list.
#[derive(Debug, Default)]
pub(super) struct ListMachine {
    pub now: Option<String>,
    /// Whether it has been on the air.
    pub begun: bool,
    /// Whether it is the first of a list that is to play now. If it is bad, the list goes on.
    pub from_new_list: bool,
    pub queue: VecDeque<String>,
    pub list: Vec<String>,
    pub at: usize,
    pub repeat: bool,
    /// Whether something of this pass was heard, and how many passes went before it.
    pub heard: bool,
    pub passes: usize,
    /// If what plays is the list's: whether something of its pass had been heard before.
    pub heard_before: Option<bool>,
    pub held: bool,
    /// From which frame it plays; `None` once that was checked.
    pub from: Option<u64>,
}

impl ListMachine {
    fn listed(&self) -> Option<usize> {
        if self.at < self.list.len() {
            Some(self.at)
        } else {
            (self.repeat && !self.list.is_empty()).then_some(0)
        }
    }

    pub fn take_listed(&mut self) -> Option<String> {
        let next = self.listed()?;
        if self.at >= self.list.len() {
            self.heard = false;
            self.passes += 1;
        }
        self.at = next + 1;
        Some(self.list[next].clone())
    }

    pub fn take(&mut self) {
        match self.queue.pop_front() {
            Some(next) => self.set(Some(next)),
            None => self.play_listed(),
        }
    }

    pub fn play_listed(&mut self) {
        let next = self.take_listed();
        let is_any = next.is_some();
        self.set(next);
        if is_any {
            self.heard_before = Some(std::mem::replace(&mut self.heard, true));
        }
    }

    pub fn set(&mut self, now: Option<String>) {
        (self.now, self.begun, self.from_new_list, self.from) = (now, false, false, Some(0));
        self.heard_before = None;
    }

    pub fn take_if_nothing(&mut self) {
        if self.now.is_none() {
            self.take();
        }
    }

    pub fn load(&mut self, list: Vec<String>, when: When, repeat: bool) {
        (self.list, self.at, self.repeat, self.from_new_list) = (list, 0, repeat, false);
        (self.heard, self.passes, self.heard_before) = (false, 0, None);
        match when {
            When::AfterCurrent => self.take_if_nothing(),
            When::Now => {
                self.play_listed();
                self.from_new_list = self.now.is_some();
                self.take_if_nothing();
            }
        }
    }

    /// Time passes: what is bad costs its turn, whether it is due or is opened ahead. `begins`: whether what
    /// is due begins to sound.
    pub fn settle(&mut self, begins: bool) {
        let bad = |file: &Option<String>| file.as_deref().is_some_and(is_bad);
        while !self.begun && bad(&self.now) {
            // A pass of which nothing could be heard has not begun.
            self.heard = self.heard_before.unwrap_or(self.heard);
            if self.from_new_list && self.listed().is_some() {
                self.play_listed();
                self.from_new_list = true;
            } else {
                self.take();
            }
        }
        self.begun |= begins && self.now.is_some();
        while self.begun && bad(&self.queue.front().cloned()) {
            self.queue.pop_front();
        }
        while self.begun && self.queue.is_empty() && bad(&self.listed().map(|next| self.list[next].clone())) {
            self.take_listed();
        }
    }
}

/// Whether a file of this name cannot be played.
pub(super) fn is_bad(file: &str) -> bool {
    file.starts_with("bad")
}
