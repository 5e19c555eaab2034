//! What users have changed through the API. Each change is an event, and the last ones are remembered.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde::Serialize;

use super::core::Core;
use crate::time::rfc3339;
use crate::{Event, HttpRequest};

/// The most changes that are remembered.
const REMEMBERED: usize = 1_000;
/// The longest path that is told, in characters.
const LONGEST_PATH: usize = 500;

/// A request that was done.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Change {
    at: String,
    user: String,
    method: String,
    /// Without the query. A body is not told: it may hold a secret.
    path: String,
}

/// The last changes, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Changes(Mutex<VecDeque<Change>>);

impl Changes {
    /// All that are remembered, the newest first.
    pub(crate) fn list(&self) -> Vec<Change> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }

    fn add(&self, change: Change) {
        let mut changes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if changes.len() >= REMEMBERED {
            changes.pop_front();
        }
        changes.push_back(change);
    }
}

impl Core {
    /// Notes and tells what a user's request has changed, if it was one that changes something.
    pub(super) fn note_change(&self, user: &str, request: &HttpRequest) {
        if matches!(request.method(), "GET" | "HEAD") {
            return;
        }
        let path: String = request.raw_path().chars().take(LONGEST_PATH).collect();
        let (user, method) = (user.to_owned(), request.method().to_owned());
        let event = Event::Changed { user: user.clone(), method: method.clone(), path: path.clone() };
        self.changes.add(Change { at: rfc3339(SystemTime::now()), user, method, path });
        self.server.emitter().emit(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_changes_are_remembered_the_newest_first() {
        let changes = Changes::default();
        for n in 0..REMEMBERED + 5 {
            let (at, user, method) = (String::new(), "ana".into(), "POST".into());
            changes.add(Change { at, user, method, path: n.to_string() });
        }
        let list = changes.list();
        assert_eq!((list.len(), &*list[0].path), (REMEMBERED, "1004"));
        assert_eq!(list[REMEMBERED - 1].path, "5");
    }
}
