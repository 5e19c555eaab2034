//! The track after the current one: picked, opened and decoded ahead by a `decode` thread.

use std::time::{Duration, Instant};

use crossbeam::channel::{RecvTimeoutError, TryRecvError};

use super::super::picker::{OpenedTrack, PendingPick, Pick, PickFrom, Picker, Reach, WeakPick};
use crate::playout::{Began, GiveWay, Meeting};
use crate::units::FramePos;

/// How long nothing is tried when everything up next has failed.
const RETRY_FIRST: Duration = Duration::from_secs(2);
const RETRY_MOST: Duration = Duration::from_secs(60);

/// The most tracks that are still being opened although they are no longer next. Each has a thread. While
/// there are so many, the list may change and the track that is being opened is waited for.
const MOST_GIVEN_UP: usize = 16;

/// What follows the current track, and where it comes from.
pub(super) struct NextTrack {
    picker: Picker,
    state: Next,
    /// The picks that were given up. Their threads may still open a file.
    given_up: Vec<WeakPick>,
    supply: Supply,
    /// How long nothing is tried if everything up next fails again.
    retry_after: Duration,
    /// The version of the list whose turn is known.
    turn_of: Option<u64>,
}

/// How far the next track is.
enum Next {
    /// Nothing is up next in this version of the list. The list is tried again when it changes, and at
    /// `retry_at`.
    Nothing { version: u64, retry_at: Option<FramePos> },
    /// A decode thread looks for it.
    Pending(PendingPick),
    /// It is opened and decoded ahead.
    Ready(Box<OpenedTrack>),
}

/// Where tracks come from.
enum Supply {
    List,
    /// The fallback stands in for the list. Nothing of this version of the list could be heard.
    Fallback {
        instead_of: u64,
    },
}

impl NextTrack {
    pub fn new(picker: Picker, reach: Reach) -> NextTrack {
        let state = Next::Pending(picker.pick(PickFrom::List, reach));
        NextTrack {
            picker,
            state,
            given_up: Vec::new(),
            supply: Supply::List,
            retry_after: RETRY_FIRST,
            turn_of: None,
        }
    }

    /// The next track, once it is ready.
    pub fn ready(&self) -> Option<&OpenedTrack> {
        match &self.state {
            Next::Ready(opened) => Some(opened),
            _ => None,
        }
    }

    /// How it meets the current track, once it is ready. Its length is where its decoder found the end, else
    /// as its file declares.
    pub fn meeting(&self) -> Option<Meeting> {
        let next = self.ready()?;
        let length = next.feed.end().or(next.info.duration);
        Some(Meeting { kind: next.info.kind, length, start_next: next.start_next })
    }

    /// Whether nothing follows.
    pub fn is_nothing(&self) -> bool {
        matches!(self.state, Next::Nothing { .. })
    }

    /// Whether a track of the list is ready. If the fallback stands in, the list must have changed since it
    /// began to.
    pub fn list_is_back(&self) -> bool {
        self.ready().is_some_and(|next| {
            let useless =
                matches!(self.supply, Supply::Fallback { instead_of } if instead_of == next.version);
            !next.fallback && !useless
        })
    }

    /// How many tracks have begun to sound.
    pub fn begun(&self) -> u64 {
        self.picker.begun()
    }

    /// The number of the turn, and how a track of an earlier turn gives way; `None` if nothing has changed.
    pub fn new_turn(&mut self) -> Option<(u64, GiveWay)> {
        let version = Some(self.picker.version());
        (std::mem::replace(&mut self.turn_of, version) != version).then(|| self.picker.turn())
    }

    /// To be called when it is known that the current track ends at this moment by itself.
    pub fn ends_at(&self, at: Instant) {
        self.picker.ends_at(at);
    }

    /// To be called when the current track has ended, and no other has begun.
    pub fn ended(&self) {
        self.picker.ended();
    }

    /// Takes the track that is ready and begins then, and picks the one after it. Also says what begins with
    /// it.
    pub fn take(&mut self, at: Instant, reach: Reach) -> Option<(OpenedTrack, Began)> {
        let Next::Ready(opened) = std::mem::replace(&mut self.state, Next::NOTHING) else {
            return None;
        };
        self.retry_after = RETRY_FIRST;
        let began = self.picker.begin(&opened, at);
        // An order may have come first that is another track's.
        self.turn_of = None;
        if !opened.fallback {
            self.supply = Supply::List;
        }
        self.pick(reach);
        Some((*opened, began))
    }

    /// Lets the fallback stand in for at least one track, until what is up next changes. Returns false if
    /// there is no fallback.
    pub fn fall_back(&mut self, reach: Reach) -> bool {
        if !self.picker.has_fallback() {
            return false;
        }
        self.supply = Supply::Fallback { instead_of: self.picker.version() };
        self.pick_from(PickFrom::Fallback, reach);
        true
    }

    /// Gives up an entry whose opening does not end, and picks the one after it.
    pub fn give_up_opening(&mut self, reach: Reach) {
        if let Next::Pending(pending) = &self.state
            && let Some(opened) = pending.opening()
        {
            self.picker.give_up(opened);
            self.pick(reach);
        }
    }

    /// To be called when the list of what is up next may have changed, and now and then: gives up a next
    /// track that is no longer the next.
    pub fn look_at_list(&mut self, at: FramePos, reach: Reach) {
        if let Next::Pending(pending) = &self.state
            && pending.is_late()
        {
            return self.give_up_opening(reach);
        }
        let version = self.picker.version();
        let stale = match &self.state {
            Next::Ready(opened) => {
                opened.version != version && (opened.fallback || !self.picker.is_next(opened.id))
            }
            Next::Nothing { version: seen, retry_at } => {
                *seen != version || retry_at.is_some_and(|retry_at| retry_at <= at)
            }
            // What is no longer next is not waited for: it may be on a disk that never answers.
            Next::Pending(pending) => {
                pending.version != version
                    && pending.opening().is_some_and(|open| !open.fallback && !self.picker.is_next(open.id))
            }
        };
        if stale {
            if self.may_give_up() {
                self.pick(reach);
            }
            return;
        }
        match &mut self.state {
            Next::Ready(opened) => opened.version = version,
            Next::Pending(pending) => pending.version = version,
            Next::Nothing { .. } => {}
        }
    }

    /// Takes in what the decode thread has found. With `patience` it waits for that.
    pub fn receive(&mut self, at: FramePos, patience: Option<Duration>, reach: Reach) {
        // Again and again, for the list may have changed since the pick was made.
        while let Next::Pending(pending) = &self.state {
            let pick = match patience {
                None => pending.answer.try_recv().map_err(|error| error == TryRecvError::Empty),
                Some(patience) => {
                    let answer = pending.answer.recv_timeout(patience);
                    answer.map_err(|error| error == RecvTimeoutError::Timeout)
                }
            };
            self.state = match pick {
                Ok(Pick::Track(opened)) => Next::Ready(opened),
                Ok(Pick::Nothing { version }) => Next::Nothing { version, retry_at: None },
                Ok(Pick::AllFailed { version }) => self.retry_later(version, at),
                Err(true) => return,
                // There was no thread to be had: as if all had failed.
                Err(false) => self.retry_later(self.picker.version(), at),
            };
            self.look_at_list(at, reach);
        }
    }

    fn pick(&mut self, reach: Reach) {
        let from = match self.supply {
            Supply::List => PickFrom::List,
            Supply::Fallback { .. } => PickFrom::ListThenFallback,
        };
        self.pick_from(from, reach);
    }

    fn pick_from(&mut self, from: PickFrom, reach: Reach) {
        self.given_up.retain(WeakPick::is_being_made);
        if let Next::Pending(pending) = &self.state {
            self.given_up.push(pending.weak());
        }
        self.state = Next::Pending(self.picker.pick(from, reach));
    }

    /// Whether a pick that is being made may be given up for another.
    fn may_give_up(&mut self) -> bool {
        self.given_up.retain(WeakPick::is_being_made);
        !matches!(self.state, Next::Pending(_)) || self.given_up.len() < MOST_GIVEN_UP
    }

    fn retry_later(&mut self, version: u64, at: FramePos) -> Next {
        let retry_at = Some(at + self.picker.spec.rate.frames_in(self.retry_after));
        self.retry_after = (self.retry_after * 2).min(RETRY_MOST);
        Next::Nothing { version, retry_at }
    }
}

impl Next {
    const NOTHING: Next = Next::Nothing { version: 0, retry_at: None };
}
