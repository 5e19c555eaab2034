//! The thread `next`: asks the application what is to play next, if it wants to be asked.
//!
//! Reads: questions of the thread that picks the next track. Writes: the application's answers into the
//! queue. Whoever asks waits no longer than the application was given: then the playlist goes on. A late
//! answer is queued all the same. Meanwhile nothing is asked, and nothing else waits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::crew::Crew;
use super::shared::SharedUpNext;
use crate::error::Result;
use crate::playout::{Entry, Place};

/// Asks the application. `None`: it leaves the choice to the playlist. It may also have queued something
/// itself.
pub(crate) type Choose = dyn FnMut() -> Option<Entry> + Send;

/// How often whoever waits for an answer looks whether it still has to.
const GLANCE: Duration = Duration::from_millis(50);

/// Asks what is to play next. A handle, cheap to clone.
#[derive(Clone)]
pub(crate) struct Chooser {
    shared: Arc<Shared>,
    up_next: Arc<SharedUpNext>,
    within: Duration,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Asked,
    /// The application has been asked at this time, and has not answered yet.
    Choosing(Instant),
    Over,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        let mut now = self.lock();
        if *now != State::Over {
            *now = state;
        }
        self.changed.notify_all();
    }

    /// Waits until somebody asks. Returns false if nobody will.
    fn wait_for_question(&self) -> bool {
        let waits = |state: &mut State| !matches!(state, State::Asked | State::Over);
        let mut state = self.changed.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        if *state == State::Over {
            return false;
        }
        *state = State::Choosing(Instant::now());
        true
    }
}

impl Chooser {
    /// Starts the thread. What it chooses goes to `up_next`.
    pub fn start(
        pipeline: Arc<str>,
        mut choose: Box<Choose>,
        within: Duration,
        up_next: Arc<SharedUpNext>,
        crew: &Crew,
    ) -> Result<Chooser> {
        let shared = Arc::new(Shared { state: Mutex::new(State::Idle), changed: Condvar::new() });
        let chooser = Chooser { shared, up_next, within };
        let own = chooser.clone();
        crew.spawn("next", move || {
            while own.shared.wait_for_question() {
                let chosen = catch_unwind(AssertUnwindSafe(&mut choose)).unwrap_or_else(|_| {
                    log::error!("{pipeline}: the callback for the next track panicked: the playlist goes on");
                    None
                });
                if let Some(entry) = chosen {
                    own.up_next.lock().queue([entry], Place::End);
                }
                own.shared.set(State::Idle);
            }
        })?;
        Ok(chooser)
    }

    /// Asks what is next if the queue is empty, and waits for the answer. Returns whether the queue has an
    /// entry now. `is_over` says whether the answer is of no use any more.
    pub fn ask(&self, is_over: impl Fn() -> bool) -> bool {
        let deadline = Instant::now() + self.within;
        {
            let mut state = self.shared.lock();
            // Still choosing: it has had its time.
            if *state != State::Idle {
                return self.has_queued();
            }
            *state = State::Asked;
            self.shared.changed.notify_all();
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).min(GLANCE);
            let waits = |state: &mut State| matches!(state, State::Asked | State::Choosing(_));
            let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), left, waits);
            let answered = !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out();
            // A request may come before the answer.
            if answered || left.is_zero() || self.has_queued() || is_over() {
                return self.has_queued();
            }
        }
    }

    /// For how long the application has been choosing, if that is longer than it was given.
    pub fn hangs_for(&self) -> Option<Duration> {
        match *self.shared.lock() {
            State::Choosing(since) => Some(since.elapsed()).filter(|elapsed| *elapsed > self.within),
            _ => None,
        }
    }

    /// Lets the thread end.
    pub fn end(&self) {
        self.shared.set(State::Over);
    }

    fn has_queued(&self) -> bool {
        self.up_next.lock().queued().len() > 0
    }
}

#[cfg(test)]
mod tests {
    use crossbeam::channel::{Receiver, Sender, unbounded};

    use super::*;
    use crate::playout::{RunningOrder, UpNext};

    /// A chooser that gives what it is sent, and how it was asked.
    struct Rig {
        crew: Crew,
        chooser: Chooser,
        up_next: Arc<SharedUpNext>,
        answers: Sender<Option<&'static str>>,
        asked: Receiver<()>,
    }

    impl Rig {
        fn new(within: Duration) -> Rig {
            let up_next =
                Arc::new(SharedUpNext::new(RunningOrder::new(UpNext::new(fastrand::Rng::with_seed(1)))));
            let ((answers, given), (asks, asked)) = (unbounded::<Option<&str>>(), unbounded());
            let choose = move || {
                asks.send(()).unwrap();
                given.recv().expect("an answer, not a panic").map(Entry::new)
            };
            let crew = Crew::default();
            let chooser =
                Chooser::start("test".into(), Box::new(choose), within, up_next.clone(), &crew).unwrap();
            Rig { crew, chooser, up_next, answers, asked }
        }

        fn queued(&self) -> Vec<String> {
            self.up_next.lock().queued().map(|(_, entry)| entry.path.display().to_string()).collect()
        }
    }

    impl Drop for Rig {
        fn drop(&mut self) {
            self.chooser.end();
            let _ = self.answers.send(None);
            assert!(self.crew.join(Instant::now() + Duration::from_secs(20)).is_empty());
        }
    }

    #[test]
    fn an_answer_is_queued_and_none_leaves_it_to_the_playlist() {
        let rig = Rig::new(Duration::from_secs(20));
        rig.answers.send(Some("a")).unwrap();
        assert!(rig.chooser.ask(|| false));
        assert_eq!(rig.queued(), ["a"]);
        rig.up_next.lock().clear();
        rig.answers.send(None).unwrap();
        assert!(!rig.chooser.ask(|| false));
        assert_eq!(rig.asked.len(), 2);
    }

    #[test]
    fn whoever_does_not_answer_in_time_is_not_asked_again_and_a_late_answer_is_queued() {
        let rig = Rig::new(Duration::from_millis(1));
        assert!(!rig.chooser.ask(|| false));
        rig.asked.recv().unwrap();
        assert!(!rig.chooser.ask(|| false), "at once");
        assert!(rig.asked.is_empty());
        while rig.chooser.hangs_for().is_none() {
            std::thread::yield_now();
        }
        rig.answers.send(Some("late")).unwrap();
        while rig.queued().is_empty() {
            std::thread::yield_now();
        }
        assert_eq!(rig.queued(), ["late"]);
    }

    #[test]
    fn a_request_and_the_end_come_before_the_answer() {
        let rig = Rig::new(Duration::from_secs(20));
        let (chooser, up_next) = (rig.chooser.clone(), rig.up_next.clone());
        let asks = std::thread::spawn(move || chooser.ask(|| false));
        rig.asked.recv().unwrap();
        up_next.lock().queue([Entry::new("request")], Place::End);
        assert!(asks.join().unwrap());
        rig.answers.send(None).unwrap();
        rig.up_next.lock().clear();
        while *rig.chooser.shared.lock() != State::Idle {
            std::thread::yield_now();
        }
        assert!(!rig.chooser.ask(|| true), "nobody waits for the answer");
    }

    #[test]
    fn a_panic_is_no_answer() {
        let crew = Crew::default();
        let up_next =
            Arc::new(SharedUpNext::new(RunningOrder::new(UpNext::new(fastrand::Rng::with_seed(1)))));
        let choose: Box<Choose> = Box::new(|| panic!("on purpose"));
        let chooser = Chooser::start("test".into(), choose, Duration::from_secs(20), up_next, &crew).unwrap();
        assert!(!chooser.ask(|| false) && !chooser.ask(|| false));
        chooser.end();
        assert!(crew.join(Instant::now() + Duration::from_secs(20)).is_empty());
    }
}
