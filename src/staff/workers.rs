//! The workers `enc-0`, `enc-1`, …: threads that do the work of many posts.
//!
//! Reads: the list of posts that have work. Writes: nothing but what the posts do. Never: does the work of
//! one post on two threads.
//!
//! A post that has work is on the list once, or on one worker. The thread that sets `scheduled` puts the post
//! on the list. A worker does one piece of the post's work and puts it back at the end of the list, so that
//! a post with much work delays no other. If the post has no more work, the worker clears `scheduled`.
//!
//! There is a worker for each core, but no more than posts. A worker that is slow over its piece may hang: it
//! does not count until it is done, and another one is hired. So posts that hang keep no other from working.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::ring::{QuietReceiver, QuietSender, quiet_channel};
use crate::thread::Worker;

/// A piece of work that takes longer is slow. An encoder has to be quicker: its pieces are 100 ms of audio.
const SLOW: Duration = Duration::from_millis(50);

/// Where work waits: an encoder with its queue, for example.
pub(crate) trait Post: Send + Sync {
    /// Its place among the posts.
    fn place(&self) -> &Place;
    /// Whether there is work.
    fn has_work(&self) -> bool;
    /// Does a piece of the work, if there is any.
    fn do_piece(&self);
}

/// The place of a post among those of its workers.
pub(crate) struct Place {
    shared: Arc<Shared>,
    scheduled: AtomicBool,
    /// The places are counted by it.
    _counted: Arc<()>,
}

/// Workers that are hired by need.
pub(crate) struct Workers {
    shared: Arc<Shared>,
}

struct Shared {
    /// The posts that have work. `None` ends a worker. Sending cannot fail, because there is a receiver
    /// beside each sender.
    list: QuietSender<Option<Arc<dyn Post>>>,
    listed: QuietReceiver<Option<Arc<dyn Post>>>,
    name: &'static str,
    team: Mutex<Vec<Member>>,
    cores: usize,
    counted: Arc<()>,
    began: Instant,
}

struct Member {
    number: usize,
    desk: Arc<Desk>,
    thread: Worker,
}

/// What a worker does: the milliseconds at which it began its piece of work, or one of the following.
struct Desk(AtomicU64);

const IDLE: u64 = u64::MAX;
const LEFT: u64 = u64::MAX - 1;

impl Workers {
    /// No worker yet. They are to have this name, and a number.
    pub fn new(name: &'static str) -> Workers {
        let (list, listed) = quiet_channel();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (team, counted, began) = (Mutex::default(), Arc::new(()), Instant::now());
        Workers { shared: Arc::new(Shared { list, listed, name, team, cores, counted, began }) }
    }

    /// A place for a post. Hires a worker for it, if there is a core for one.
    pub fn place(&self) -> Result<Place> {
        let (shared, _counted) = (self.shared.clone(), self.shared.counted.clone());
        let place = Place { shared, scheduled: AtomicBool::new(false), _counted };
        let mut team = self.shared.team();
        self.shared.hire(&mut team).map_err(Error::io("starting a thread"))?;
        drop(team);
        Ok(place)
    }

    /// Forgets the workers that are slow over their work now. They end after it.
    pub fn dismiss_slow(&self) {
        let now = self.shared.now();
        self.shared.team().retain(|member| !member.desk.is_slow(now));
    }

    /// Ends all workers. Returns the names of those that are still at work at `deadline`.
    pub fn end(&mut self, deadline: Instant) -> Vec<String> {
        let members = std::mem::take(&mut *self.shared.team());
        // Each worker takes one `None`, after all posts that are listed now.
        members.iter().for_each(|_| _ = self.shared.list.send(None));
        let abandoned = members.iter().filter(|member| !member.thread.join_before(deadline));
        abandoned.map(|member| member.thread.name.clone()).collect()
    }

    /// How many workers there are.
    #[cfg(test)]
    pub fn hired(&self) -> usize {
        self.shared.team().iter().filter(|member| !member.desk.has_left()).count()
    }
}

impl Drop for Workers {
    /// The start of a pipeline has failed, for otherwise they have ended.
    fn drop(&mut self) {
        self.end(Instant::now() + Duration::from_secs(1));
    }
}

impl Place {
    /// Has the work of this post done, which must have some. It never waits, but may start a thread, if
    /// workers hang.
    pub fn call(&self, post: Arc<dyn Post>) {
        // SeqCst pairs with `do_one_piece`, which clears `scheduled` and then looks for work again. Either
        // the worker sees this work, or this thread sees that `scheduled` is clear.
        if !self.scheduled.swap(true, Ordering::SeqCst) {
            self.shared.list.send(Some(post));
        }
        self.shared.relieve();
    }
}

impl Shared {
    /// Hires workers until there are enough.
    fn hire(self: &Arc<Shared>, team: &mut Vec<Member>) -> io::Result<()> {
        let enough = self.cores.min(Arc::strong_count(&self.counted) - 1);
        while self.at_work(team) < enough {
            team.retain(|member| !member.thread.has_ended());
            let is_free = |number: &usize| team.iter().all(|member| member.number != *number);
            let number = (0..).find(is_free).expect("there are more numbers than workers");
            let desk = Arc::new(Desk(AtomicU64::new(IDLE)));
            let (shared, own) = (self.clone(), desk.clone());
            let thread = Worker::spawn(format!("{}-{number}", self.name), move || shared.work(&own))?;
            team.push(Member { number, desk, thread });
        }
        Ok(())
    }

    /// Hires others for those who are slow, if work waits. It does not wait: if somebody else has the team,
    /// they look after it, or the next call does.
    fn relieve(self: &Arc<Shared>) {
        if self.list.waiting() > 0
            && let Ok(mut team) = self.team.try_lock()
        {
            // Without a thread, the work waits for those who are slow.
            let _ = self.hire(&mut team);
        }
    }

    /// A worker's life.
    fn work(self: &Arc<Shared>, desk: &Arc<Desk>) {
        while let Some(Some(post)) = self.listed.recv() {
            desk.set(self.now());
            self.do_one_piece(post);
            let was_slow = desk.is_slow(self.now());
            desk.set(IDLE);
            if was_slow && self.may_leave(desk) {
                return;
            }
        }
        // This worker has had its `None`. Other workers may have put posts back after it. The other `None`s
        // that are found here belong to other workers, and are put back for them.
        let mut others = 0;
        while let Ok(listed) = self.listed.try_recv() {
            match listed {
                Some(post) => self.do_one_piece(post),
                None => others += 1,
            }
        }
        (0..others).for_each(|_| _ = self.list.send(None));
    }

    fn do_one_piece(&self, post: Arc<dyn Post>) {
        post.do_piece();
        if post.has_work() {
            self.list.send(Some(post));
            return;
        }
        let scheduled = &post.place().scheduled;
        scheduled.store(false, Ordering::SeqCst);
        if post.has_work() && !scheduled.swap(true, Ordering::SeqCst) {
            self.list.send(Some(post));
        }
    }

    /// Whether a worker that was slow is not needed any more: it was forgotten, or another was hired for it.
    fn may_leave(&self, desk: &Arc<Desk>) -> bool {
        let team = self.team();
        let is_member = team.iter().any(|member| Arc::ptr_eq(&member.desk, desk));
        let leaves = !is_member || self.at_work(&team) > self.cores;
        if leaves {
            desk.set(LEFT);
        }
        leaves
    }

    /// How many workers are there and not slow.
    fn at_work(&self, team: &[Member]) -> usize {
        let now = self.now();
        team.iter().filter(|member| !member.desk.has_left() && !member.desk.is_slow(now)).count()
    }

    fn team(&self) -> MutexGuard<'_, Vec<Member>> {
        self.team.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }
}

impl Desk {
    fn set(&self, state: u64) {
        self.0.store(state, Ordering::Relaxed);
    }

    fn is_slow(&self, now: u64) -> bool {
        let since = self.0.load(Ordering::Relaxed);
        since < LEFT && now.saturating_sub(since) >= SLOW.as_millis() as u64
    }

    fn has_left(&self) -> bool {
        self.0.load(Ordering::Relaxed) == LEFT
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Each piece of its work waits for a word, and then says how much is done.
    struct Waits {
        place: Place,
        words: Mutex<Receiver<()>>,
        waiting: AtomicU64,
        done: Mutex<Sender<u64>>,
    }

    impl Post for Waits {
        fn place(&self) -> &Place {
            &self.place
        }
        fn has_work(&self) -> bool {
            self.waiting.load(Ordering::SeqCst) > 0
        }
        fn do_piece(&self) {
            if self.has_work() {
                let _ = self.words.lock().unwrap().recv();
                let left = self.waiting.fetch_sub(1, Ordering::SeqCst) - 1;
                let _ = self.done.lock().unwrap().send(left);
            }
        }
    }

    /// A post, the words that it waits for, and what it says.
    fn post(workers: &Workers) -> (Arc<Waits>, Sender<()>, Receiver<u64>) {
        let ((word, words), (done, said)) = (channel(), channel());
        let (words, done) = (Mutex::new(words), Mutex::new(done));
        let waiting = AtomicU64::new(0);
        (Arc::new(Waits { place: workers.place().unwrap(), words, waiting, done }), word, said)
    }

    fn call(post: &Arc<Waits>) {
        post.waiting.fetch_add(1, Ordering::SeqCst);
        post.place.call(post.clone());
    }

    fn workers(cores: usize) -> Workers {
        let mut workers = Workers::new("enc");
        Arc::get_mut(&mut workers.shared).unwrap().cores = cores;
        workers
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn there_are_as_many_workers_as_posts_and_no_more_than_cores() {
        let mut workers = workers(2);
        let mut posts = Vec::new();
        for hired in [1, 2, 2, 2] {
            posts.push(post(&workers));
            assert_eq!(workers.hired(), hired);
        }
        for (post, word, said) in &posts {
            word.send(()).unwrap();
            call(post);
            assert_eq!(said.recv(), Ok(0));
        }
        assert_eq!(workers.end(soon()), [""; 0]);
    }

    #[test]
    fn posts_that_hang_keep_no_other_from_working_and_their_workers_leave_when_they_are_done() {
        let mut workers = workers(2);
        let hanging: Vec<_> = (0..5).map(|_| post(&workers)).collect();
        let (quick, word, said) = post(&workers);
        hanging.iter().for_each(|hanging| call(&hanging.0));
        for _ in 0..3 {
            word.send(()).unwrap();
            call(&quick);
            // Every call of any post looks whether somebody hangs: those of a station come all the time.
            while said.try_recv().is_err() {
                std::thread::sleep(Duration::from_millis(5));
                quick.place.shared.relieve();
            }
        }
        assert!(workers.hired() >= 6, "each that hangs has one: {}", workers.hired());
        for (_, word, said) in &hanging {
            word.send(()).unwrap();
            assert_eq!(said.recv(), Ok(0));
        }
        let deadline = soon();
        while workers.hired() > 2 && Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert_eq!(workers.hired(), 2);
        word.send(()).unwrap();
        call(&quick);
        assert_eq!(said.recv(), Ok(0), "and the others work on");
        assert_eq!(workers.end(soon()), [""; 0]);
    }

    #[test]
    fn one_that_never_ends_is_named_unless_it_was_dismissed() {
        for dismissed in [false, true] {
            let mut workers = workers(1);
            let (stuck, word, said) = post(&workers);
            call(&stuck);
            while workers.shared.list.waiting() > 0 {
                std::thread::yield_now();
            }
            std::thread::sleep(SLOW * 2);
            if dismissed {
                workers.dismiss_slow();
            }
            let abandoned = workers.end(Instant::now() + Duration::from_millis(10));
            assert_eq!(abandoned.is_empty(), dismissed, "{abandoned:?}");
            word.send(()).unwrap();
            assert_eq!(said.recv(), Ok(0), "what it has begun is done");
        }
    }
}
