//! A server and its pipelines, started together.

use super::{Pipeline, StationSettings};
use crate::error::Result;
use crate::server::{Server, StopReport};

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

    /// Stops the pipelines in order, then the server. Stopping twice is harmless.
    pub fn stop(&self) -> StopReport {
        let mut report = StopReport::default();
        for pipeline in &self.pipelines {
            report.abandoned.extend(pipeline.stop().abandoned);
        }
        report.abandoned.extend(self.server.stop().abandoned);
        report
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.stop();
    }
}
