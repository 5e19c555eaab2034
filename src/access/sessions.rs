//! The sessions of users who have logged in with a browser. Nothing here reads a clock: callers pass `now`.
//!
//! A session is known by a key of 256 random bits, which only its browser has: here is its hash. Each login
//! makes a new key, so nobody can choose one for somebody else.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::credential::Identity;

/// A session ends after so long without a request.
const IDLE: Duration = Duration::from_secs(12 * 3_600);
/// A session ends after so long in any case.
const LASTS: Duration = Duration::from_secs(7 * 24 * 3_600);
/// The most sessions of one user. One more ends the one that was used least recently.
const OF_ONE_USER: usize = 16;
/// The most sessions in all. One more ends the one that was used least recently.
const SESSIONS: usize = 1_024;
/// The longest text that is kept of a browser's name for itself, in characters.
const LONGEST_AGENT: usize = 200;

/// The random bits of a session's key.
pub(crate) type SessionKey = [u8; 32];

/// The open sessions.
#[derive(Default)]
pub(crate) struct Sessions {
    open: HashMap<[u8; 32], Session>,
    last_id: u64,
}

/// A session: whose it is, and where it was opened.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// Its number. No other session of this run has it.
    pub(crate) id: u64,
    pub(crate) who: Identity,
    /// What may be shown of the address.
    pub(crate) address: String,
    pub(crate) agent: String,
    pub(crate) began: Instant,
    pub(crate) used: Instant,
}

impl Session {
    /// When it ends if there is no further request.
    pub(crate) fn ends(&self) -> Instant {
        (self.used + IDLE).min(self.began + LASTS)
    }
}

impl Sessions {
    /// Opens a session with this key, which must be random.
    pub(crate) fn open(
        &mut self,
        key: &SessionKey,
        who: Identity,
        address: String,
        agent: &str,
        now: Instant,
    ) -> Session {
        self.open.retain(|_, session| now < session.ends());
        let of_user = self.open.values().filter(|session| session.who.name == who.name).count();
        if of_user >= OF_ONE_USER {
            self.end_least_recent(|session| session.who.name == who.name);
        } else if self.open.len() >= SESSIONS {
            self.end_least_recent(|_| true);
        }
        self.last_id += 1;
        let agent = agent.chars().filter(|c| !c.is_control()).take(LONGEST_AGENT).collect();
        let session = Session { id: self.last_id, who, address, agent, began: now, used: now };
        self.open.insert(hash(key), session.clone());
        session
    }

    /// The session with this key, if it is open. It is used now.
    pub(crate) fn find(&mut self, key: &SessionKey, now: Instant) -> Option<Session> {
        let session = self.open.get_mut(&hash(key)).filter(|session| now < session.ends())?;
        session.used = now;
        Some(session.clone())
    }

    /// Whether the session with this number is open.
    pub(crate) fn is_open(&self, id: u64, now: Instant) -> bool {
        self.open.values().any(|session| session.id == id && now < session.ends())
    }

    /// Ends the session with this number. Returns whether it was open.
    pub(crate) fn end(&mut self, id: u64, now: Instant) -> bool {
        let is_open = self.is_open(id, now);
        self.open.retain(|_, session| session.id != id);
        is_open
    }

    /// Ends the sessions of everybody else.
    pub(crate) fn keep_of(&mut self, mut is_known: impl FnMut(&Identity) -> bool) {
        self.open.retain(|_, session| is_known(&session.who));
    }

    /// The open sessions, the oldest first.
    pub(crate) fn list(&self, now: Instant) -> Vec<Session> {
        let mut list: Vec<_> = self.open.values().filter(|session| now < session.ends()).cloned().collect();
        list.sort_by_key(|session| session.id);
        list
    }

    fn end_least_recent(&mut self, among: impl Fn(&Session) -> bool) {
        let oldest = self.open.iter().filter(|(_, session)| among(session));
        let oldest = oldest.min_by_key(|(_, session)| (session.used, session.id)).map(|(hash, _)| *hash);
        oldest.and_then(|hash| self.open.remove(&hash));
    }
}

/// Nobody can choose a hash, so a lookup by value reveals nothing.
fn hash(key: &SessionKey) -> [u8; 32] {
    Sha256::digest(key).into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::access::Role;

    fn user(name: &str) -> Identity {
        Identity { name: name.into(), role: Role::Dj, limits: Arc::default(), secret: [0; 32] }
    }

    /// The key with this number.
    fn key(n: u64) -> SessionKey {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&n.to_le_bytes());
        key
    }

    fn open(sessions: &mut Sessions, n: u64, name: &str, now: Instant) -> u64 {
        sessions.open(&key(n), user(name), "192.0.2.1".into(), "Browser", now).id
    }

    #[test]
    fn a_session_is_open_while_it_is_used_and_for_a_week_at_most() {
        let (mut sessions, began) = (Sessions::default(), Instant::now());
        let id = open(&mut sessions, 1, "ana", began);
        let mut now = began;
        while now + IDLE - Duration::from_secs(1) < began + LASTS {
            now += IDLE - Duration::from_secs(1);
            assert_eq!(sessions.find(&key(1), now).unwrap().id, id);
        }
        assert!(sessions.find(&key(1), began + LASTS).is_none() && !sessions.is_open(id, began + LASTS));

        let mut sessions = Sessions::default();
        let id = open(&mut sessions, 2, "ana", began);
        assert!(sessions.is_open(id, began + IDLE - Duration::from_secs(1)));
        assert!(sessions.find(&key(2), began + IDLE).is_none(), "it was not used");
        assert!(sessions.list(began + IDLE).is_empty());
    }

    #[test]
    fn another_key_finds_nothing_and_an_ended_session_is_gone() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let (first, second) = (open(&mut sessions, 1, "ana", now), open(&mut sessions, 2, "ana", now));
        assert_ne!(first, second);
        assert!(sessions.find(&key(3), now).is_none());
        assert!(sessions.end(first, now) && !sessions.end(first, now));
        assert!(sessions.find(&key(1), now).is_none() && sessions.find(&key(2), now).is_some());
        sessions.keep_of(|who| who.name != "ana");
        assert!(sessions.find(&key(2), now).is_none());
    }

    #[test]
    fn a_user_has_so_many_sessions_and_the_least_recent_gives_way() {
        let (mut sessions, began) = (Sessions::default(), Instant::now());
        open(&mut sessions, 1_000, "ben", began);
        for n in 0..40 {
            let now = began + Duration::from_secs(n);
            open(&mut sessions, n, "ana", now);
            // The first one is used all the time.
            assert!(sessions.find(&key(0), now).is_some());
        }
        let left: Vec<_> = sessions.list(began).iter().map(|session| session.who.name.clone()).collect();
        assert_eq!(left.iter().filter(|name| *name == "ana").count(), OF_ONE_USER);
        assert_eq!(left[0], "ben", "nobody else's");
    }

    #[test]
    fn however_many_users_log_in_there_are_so_many_sessions() {
        let (mut sessions, began) = (Sessions::default(), Instant::now());
        for n in 0..3_000 {
            open(&mut sessions, n, &n.to_string(), began + Duration::from_millis(n));
            assert!(sessions.open.len() <= SESSIONS);
        }
        assert!(sessions.find(&key(2_999), began + Duration::from_secs(3)).is_some());
    }

    #[test]
    fn what_a_browser_calls_itself_is_short_and_of_one_line() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let agent = format!("a\nb{}", "é".repeat(1_000));
        let session = sessions.open(&key(1), user("ana"), String::new(), &agent, now);
        assert!(session.agent.starts_with("abé") && session.agent.chars().count() == LONGEST_AGENT);
    }
}
