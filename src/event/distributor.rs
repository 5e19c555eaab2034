//! The thread `events`, one a server: it delivers events to receivers and the log.
//!
//! Reads: the queue of the hub, which the emitters of the server and its pipelines fill. Writes: the queues
//! of receivers, and lines for the thread that writes the log. Never: runs a hook or a logger, or waits for a
//! reader.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::Sender;
use log::Level;

use super::log_lines::LogLines;
use super::message::{Message, PipelineId, Source, Subscriber};
use super::{Event, StationEvent};
use crate::ring::{Nothing, QuietReceiver};

/// The time that hooks may take for an event. After it, a log line names the event.
pub(crate) const HOOK_PATIENCE: Duration = Duration::from_secs(5);

/// Writes a log line. It must return at once.
pub(crate) type WriteLine = Box<dyn FnMut(Level, String) + Send>;

/// The state of the thread `events`.
pub(super) struct Distributor {
    messages: QuietReceiver<Message>,
    write_line: WriteLine,
    subscribers: Vec<Subscriber>,
    pipelines: Vec<Pipeline>,
    /// The pipeline that owns each mount.
    owners: HashMap<String, PipelineId>,
    /// The listeners that a pipeline was told of, by the server's number, until it is told that they left.
    present: HashMap<u64, PipelineId>,
    /// Emitters that have lost events since the queue was empty.
    losers: Vec<Arc<Source>>,
    /// When to look for hooks that hang.
    look_at: Option<Instant>,
    ends: bool,
}

struct Pipeline {
    id: PipelineId,
    name: Arc<str>,
    lines: LogLines,
    /// The number of its listeners in `present`.
    listeners: usize,
    /// The deadline for its event `pipeline-stop`, once it stops.
    stops_by: Option<Instant>,
    /// Dropped when it has stopped. Somebody waits for that.
    stopped: Option<Sender<()>>,
}

impl Distributor {
    pub fn new(messages: QuietReceiver<Message>, write_line: WriteLine) -> Distributor {
        Distributor {
            messages,
            write_line,
            subscribers: Vec::new(),
            pipelines: Vec::new(),
            owners: HashMap::new(),
            present: HashMap::new(),
            losers: Vec::new(),
            look_at: None,
            ends: false,
        }
    }

    /// Runs until the server is gone and every pipeline that stops has got its event `pipeline-stop`.
    pub fn run(mut self) {
        while !(self.ends && self.pipelines.iter().all(|pipeline| pipeline.stops_by.is_none())) {
            match self.next() {
                Ok(message) => self.handle(message),
                Err(Nothing::Yet) => {}
                Err(Nothing::EverAgain) => return,
            }
            self.tell_left_out_lines();
            self.stop_pipelines();
            self.watch_hooks();
        }
        self.tell_losses();
    }

    /// Waits for the next message, or until something else is due.
    fn next(&mut self) -> Result<Message, Nothing> {
        match self.messages.try_recv() {
            Err(Nothing::Yet) => {}
            found => return found,
        }
        self.tell_losses();
        let of_pipeline = |pipeline: &Pipeline| [pipeline.stops_by, pipeline.lines.due()];
        let due = self.pipelines.iter().flat_map(of_pipeline).flatten().chain(self.look_at).min();
        match due {
            None => self.messages.recv().ok_or(Nothing::EverAgain),
            Some(due) => self.messages.recv_by(due),
        }
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Event { source, missed, event } => {
                self.take(&source);
                self.tell_missed(&source, missed);
                let pipeline = source.pipeline.or_else(|| self.owner(&event));
                self.deliver(pipeline, event);
            }
            Message::Line { source, level, text } => {
                self.take(&source);
                (self.write_line)(level, text);
            }
            Message::Loss(source) => {
                if !self.losers.iter().any(|known| Arc::ptr_eq(known, &source)) {
                    self.losers.push(source);
                }
            }
            Message::Subscribe(subscriber) => {
                let is_known = |id| self.pipelines.iter().any(|pipeline| pipeline.id == id);
                // The pipeline may have ended already: then dropping the subscriber closes it.
                if subscriber.pipeline.is_none_or(is_known) {
                    // Hooks come last: a hook finds its event in every receiver.
                    let first_hooks = self.subscribers.iter().position(Subscriber::is_for_hooks);
                    let at = match first_hooks {
                        Some(at) if !subscriber.is_for_hooks() => at,
                        _ => self.subscribers.len(),
                    };
                    self.subscribers.insert(at, subscriber);
                }
            }
            Message::Enter(id, name) => {
                let (lines, stops_by, stopped) = Default::default();
                self.pipelines.push(Pipeline { id, name, lines, listeners: 0, stops_by, stopped });
            }
            Message::Own(id, mount) => _ = self.owners.insert(mount, id),
            Message::Disown(id, mount) => {
                if self.owners.get(&mount) == Some(&id) {
                    self.owners.remove(&mount);
                }
            }
            Message::Stop(id, deadline, stopped) => {
                if let Some(pipeline) = self.pipeline(id) {
                    (pipeline.stops_by, pipeline.stopped) = (Some(deadline), Some(stopped));
                }
            }
            Message::Leave(id) => self.forget(id),
            Message::Settle(_) => {}
            Message::End => self.ends = true,
        }
    }

    /// Frees the room of a message, and reports the log lines that its source has lost.
    fn take(&mut self, source: &Source) {
        source.free();
        let lines = source.take_lost_lines();
        if lines > 0 {
            (self.write_line)(Level::Warn, format!("{lines} log lines came too fast and were lost"));
        }
    }

    /// The pipeline of the event's listener. The pipeline that was told of a join is also told of the leave,
    /// even if the mount has another owner by then.
    fn owner(&mut self, event: &Event) -> Option<PipelineId> {
        match event {
            Event::ListenerJoined { id, mount, .. } => {
                let owner = *self.owners.get(mount)?;
                self.pipeline(owner)?.listeners += 1;
                self.present.insert(*id, owner);
                Some(owner)
            }
            Event::ListenerLeft { id, .. } => {
                let owner = self.present.remove(id)?;
                self.pipeline(owner)?.listeners -= 1;
                Some(owner)
            }
            _ => None,
        }
    }

    /// Delivers an event to the receivers of its pipeline and of the station, and writes its log line.
    fn deliver(&mut self, of: Option<PipelineId>, event: Event) {
        let mut name = None;
        if let Some(of) = of {
            // A pipeline that has stopped has no more events.
            let Some(pipeline) = self.pipelines.iter_mut().find(|pipeline| pipeline.id == of) else { return };
            pipeline.lines.write(&pipeline.name, &event, Instant::now(), &mut self.write_line);
            name = Some(pipeline.name.clone());
        }
        let event = StationEvent { pipeline: name, event };
        let mut were_watched = false;
        self.subscribers.retain(|subscriber| {
            let Some(inbox) = subscriber.inbox.upgrade() else { return false };
            if subscriber.pipeline.is_none() || subscriber.pipeline == of {
                inbox.put(event.clone());
                were_watched |= inbox.is_watched();
            }
            true
        });
        if were_watched && self.look_at.is_none() {
            self.look_at = Some(Instant::now() + HOOK_PATIENCE);
        }
    }

    /// Tells the receivers what emitters lost after the last event that they sent.
    fn tell_losses(&mut self) {
        for source in std::mem::take(&mut self.losers) {
            self.tell_missed(&source, source.take_lost());
        }
    }

    /// Tells the receivers of this emitter's events that `count` of them were lost.
    fn tell_missed(&mut self, source: &Source, count: u64) {
        if count == 0 {
            return;
        }
        (self.write_line)(Level::Warn, format!("{count} events came too fast and were lost"));
        for subscriber in &self.subscribers {
            let may_concern = source.pipeline.is_none()
                || subscriber.pipeline.is_none()
                || subscriber.pipeline == source.pipeline;
            if let Some(inbox) = subscriber.inbox.upgrade().filter(|_| may_concern) {
                inbox.miss(count);
            }
        }
    }

    /// Writes how many lines about tracks were left out.
    fn tell_left_out_lines(&mut self) {
        for Pipeline { lines, name, .. } in self.pipelines.iter_mut().filter(|one| one.lines.due().is_some())
        {
            lines.tell_left_out(name, Instant::now(), &mut self.write_line);
        }
    }

    /// Stops the pipelines whose listeners have left, or whose deadline has passed.
    fn stop_pipelines(&mut self) {
        while let Some(pipeline) = self.pipelines.iter().find(|pipeline| pipeline.is_due()) {
            let id = pipeline.id;
            self.deliver(Some(id), Event::PipelineStop);
            self.forget(id);
        }
    }

    fn forget(&mut self, id: PipelineId) {
        self.pipelines.retain(|pipeline| pipeline.id != id);
        self.owners.retain(|_, owner| *owner != id);
        self.present.retain(|_, owner| *owner != id);
        self.subscribers.retain(|subscriber| subscriber.pipeline != Some(id));
    }

    /// Reports hooks that run for too long. It sets the next look only while hooks run.
    fn watch_hooks(&mut self) {
        let Some(due) = self.look_at else { return };
        let now = Instant::now();
        if now < due {
            return;
        }
        self.look_at = None;
        for subscriber in &self.subscribers {
            let Some(inbox) = subscriber.inbox.upgrade().filter(|inbox| inbox.is_watched()) else { continue };
            if let Some(task) = inbox.report(now, HOOK_PATIENCE) {
                let kind = task.kind.as_str();
                let text =
                    format!("hooks for {kind} have been running for {HOOK_PATIENCE:?}; later hooks wait");
                (self.write_line)(Level::Warn, text);
            }
            if inbox.has_work() {
                let begun = inbox.task().filter(|task| !task.reported).map(|task| task.since);
                let again = begun.unwrap_or(now) + HOOK_PATIENCE;
                self.look_at = Some(self.look_at.map_or(again, |look_at| look_at.min(again)));
            }
        }
    }

    fn pipeline(&mut self, id: PipelineId) -> Option<&mut Pipeline> {
        self.pipelines.iter_mut().find(|pipeline| pipeline.id == id)
    }
}

impl Pipeline {
    fn is_due(&self) -> bool {
        self.stops_by.is_some_and(|deadline| self.listeners == 0 || Instant::now() >= deadline)
    }
}
