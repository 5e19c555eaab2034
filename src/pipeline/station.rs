//! A server and its pipelines, started together.

use std::time::Instant;

use super::{Pipeline, SERVER_STOPS_WITHIN, STOP_WITHIN, StationSettings};
use crate::error::Result;
use crate::server::{Server, StopReport};
use crate::thread;

/// A server and its pipelines, declared together. Stops when it is dropped.
#[derive(Debug)]
pub struct Station {
    server: Server,
    pipelines: Vec<Pipeline>,
}

impl Station {
    /// Starts the server, then every pipeline. If one cannot start, nothing is left running.
    ///
    /// # Errors
    /// What the server or the first pipeline that failed says.
    pub fn start(settings: StationSettings) -> Result<Station> {
        let server = Server::start(settings.server)?;
        let mut station = Station { server, pipelines: Vec::new() };
        for pipeline in settings.pipelines {
            let pipeline = Pipeline::start(pipeline, &station.server)?;
            station.pipelines.push(pipeline);
        }
        Ok(station)
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The pipelines, in the order in which they were declared.
    pub fn pipelines(&self) -> &[Pipeline] {
        &self.pipelines
    }

    /// Stops the pipelines side by side, then the server, all within five seconds. Stopping twice is harmless.
    pub fn stop(&self) -> StopReport {
        let deadline = Instant::now() + STOP_WITHIN;
        let mut report = self.stop_pipelines(deadline - SERVER_STOPS_WITHIN);
        report.abandoned.extend(self.server.stop_before(deadline).abandoned);
        report
    }

    /// On a thread each: one that is stuck does not use up the time of the next.
    fn stop_pipelines(&self, deadline: Instant) -> StopReport {
        let (mut abandoned, mut elsewhere) = (Vec::new(), Vec::new());
        for (index, pipeline) in self.pipelines.iter().enumerate() {
            let stop = {
                let pipeline = pipeline.clone();
                move || pipeline.inner.stop_before(deadline).abandoned
            };
            // Whether it is stopped by a hook of its own it sees by the thread.
            let here = index + 1 == self.pipelines.len() || pipeline.inner.hub.is_hook_thread();
            match (!here).then(|| thread::spawn("stop", stop)) {
                Some(Ok(thread)) => elsewhere.push(thread),
                _ => abandoned.extend(pipeline.inner.stop_before(deadline).abandoned),
            }
        }
        abandoned.extend(elsewhere.into_iter().flat_map(|thread| thread.join().unwrap_or_default()));
        StopReport { abandoned }
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.stop();
    }
}
