//! The hub of a server: the handles that start it, enter it and end it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, bounded};

use super::distributor::{Distributor, HOOK_PATIENCE, WriteLine};
use super::emitter::Emitter;
use super::message::{Message, PipelineId};
use crate::error::{Error, Result};
use crate::ring::{QuietSender, quiet_channel};
use crate::thread::Worker;

/// The capacity of the queue for a server's events: a few seconds of a join storm.
const SERVER_EVENTS: usize = 16_384;

/// The capacity of the queue for a pipeline's events. A folder of broken files causes the most of them.
const PIPELINE_EVENTS: usize = 4096;

/// The hub of a server and its pipelines. The last of them to leave ends the hub's threads.
#[derive(Debug)]
pub(crate) struct Hub {
    queue: QuietSender<Message>,
    next_pipeline: AtomicU64,
    /// They end in this order.
    threads: Vec<Worker>,
}

impl Hub {
    /// Starts the hub. Log lines go to `write_line`. `log` is the thread that writes them. It ends when
    /// `write_line` has been dropped.
    pub fn start(write_line: WriteLine, log: Worker) -> Result<Hub> {
        let (queue, messages) = quiet_channel();
        let distributor = Distributor::new(messages, write_line);
        let events =
            Worker::spawn("events", move || distributor.run()).map_err(Error::io("starting a thread"))?;
        let threads = vec![events, log];
        Ok(Hub { queue, next_pipeline: AtomicU64::new(1), threads })
    }

    /// The server's emitter.
    pub fn emitter(&self) -> Emitter {
        Emitter::new(None, SERVER_EVENTS, self.queue.clone())
    }

    /// Drops this handle. The last one joins the threads, and returns the names of those that do not end by
    /// `deadline`.
    pub fn leave(self: Arc<Hub>, deadline: Instant) -> Vec<String> {
        Arc::into_inner(self).map(|mut hub| hub.end(deadline)).unwrap_or_default()
    }

    fn end(&mut self, deadline: Instant) -> Vec<String> {
        self.queue.send(Message::End);
        let threads = std::mem::take(&mut self.threads);
        // Even an idle thread needs a moment to end.
        let deadline = deadline.max(Instant::now() + Duration::from_millis(100));
        threads
            .iter()
            .filter(|thread| !thread.join_before(deadline))
            .map(|thread| thread.name.clone())
            .collect()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.end(Instant::now() + HOOK_PATIENCE);
    }
}

/// A pipeline's place in the hub.
#[derive(Debug)]
pub(crate) struct Membership {
    id: PipelineId,
    queue: QuietSender<Message>,
    hub: Mutex<Option<Arc<Hub>>>,
}

impl Membership {
    pub fn enter(hub: Arc<Hub>, name: Arc<str>) -> Membership {
        let id = PipelineId(hub.next_pipeline.fetch_add(1, Ordering::Relaxed));
        hub.queue.send(Message::Enter(id, name));
        Membership { id, queue: hub.queue.clone(), hub: Mutex::new(Some(hub)) }
    }

    pub fn emitter(&self) -> Emitter {
        Emitter::new(Some(self.id), PIPELINE_EVENTS, self.queue.clone())
    }

    /// From now on, listeners that join this mount are the pipeline's.
    pub fn own(&self, mount: &str) {
        self.queue.send(Message::Own(self.id, mount.into()));
    }

    /// From now on, listeners that join this mount are not the pipeline's.
    pub fn disown(&self, mount: &str) {
        self.queue.send(Message::Disown(self.id, mount.into()));
    }

    /// The pipeline's mounts have ended. When the hub has told that all its listeners left, or at `deadline`,
    /// it delivers `pipeline-stop` and closes the pipeline's receivers. Then the result is disconnected.
    pub fn stop(&self, deadline: Instant) -> Receiver<()> {
        let (stopped, result) = bounded(0);
        self.queue.send(Message::Stop(self.id, deadline, stopped));
        result
    }

    /// Leaves the hub: see [`Hub::leave`].
    pub fn leave(&self, deadline: Instant) -> Vec<String> {
        let hub = self.hub.lock().unwrap_or_else(PoisonError::into_inner).take();
        hub.map(|hub| hub.leave(deadline)).unwrap_or_default()
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.queue.send(Message::Leave(self.id));
    }
}
