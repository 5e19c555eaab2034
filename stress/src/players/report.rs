//! What the players of HLS have seen, and what it has cost the server.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::measure::per;
use crate::quantiles::Quantiles;

/// The result of a run. Figures are of the window of the measurement, but for those that say otherwise.
#[derive(Debug, Default, Serialize)]
pub struct PlayersReport {
    pub label: String,
    pub seconds: f64,
    /// Players that were opened, and of them those that have had audio, in the whole run.
    pub players: usize,
    pub started: usize,
    /// In the whole run.
    pub stalls: u64,
    pub stalled_players: usize,
    pub stalled_s: f64,
    /// Of the player that was silent for longest.
    pub most_stalled_s: f64,
    /// Audio that a player has in front of its playhead, at the end.
    pub buffered_s: Quantiles,
    /// Media playlists, those of them that had not changed (304), and segments.
    pub playlists: usize,
    pub not_modified: u64,
    pub segments: usize,
    pub requests_per_s: f64,
    /// From the request until the answer was complete.
    pub playlist_ms: Quantiles,
    pub segment_ms: Quantiles,
    /// Bytes of bodies.
    pub bytes: u64,
    /// Connections that were opened, in the whole run.
    pub connections: u64,
    /// What went wrong in the whole run, by kind.
    pub errors: BTreeMap<String, u64>,
    pub server: Option<ServerCost>,
    /// How much of a core this tool has used.
    pub own_cpu_percent: f64,
}

/// What the server has used in the window, in hundredths of a core.
#[derive(Debug, Serialize)]
pub struct ServerCost {
    pub cpu_percent: f64,
    /// The threads of the name that was given.
    pub serving_percent: Option<f64>,
    /// How long these threads were ready without a core.
    pub waited_percent: f64,
    /// Processor time of the serving threads, or of all, for each player in a second.
    pub us_per_player_s: f64,
    pub rss_kib: u64,
}

impl PlayersReport {
    /// What was wrong, in sentences.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.started < self.players {
            complaints.push(format!("{} of {} players have started", self.started, self.players));
        }
        if self.stalls > 0 {
            complaints.push(format!(
                "{} stalls of {} players, {:.1} s in all, {:.1} s of one player",
                self.stalls, self.stalled_players, self.stalled_s, self.most_stalled_s
            ));
        }
        complaints.extend(self.errors.iter().map(|(kind, count)| format!("{count} × {kind}")));
        complaints
    }
}

impl Display for PlayersReport {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        writeln!(
            f,
            "{}, {} players of HLS, {:.0} s: {} stalls",
            self.label, self.players, self.seconds, self.stalls
        )?;
        writeln!(
            f,
            "  {:.0} requests/s, {:.1} MB/s: {} playlists ({} not modified), {} segments; {} connections",
            self.requests_per_s,
            per(self.bytes as f64 / 1e6, self.seconds),
            self.playlists,
            self.not_modified,
            self.segments,
            self.connections
        )?;
        for (name, ms) in [("playlist", &self.playlist_ms), ("segment", &self.segment_ms)] {
            writeln!(f, "  {name:<9} ms: p50 {:.2}, p99 {:.2}, max {:.1}", ms.p50, ms.p99, ms.max)?;
        }
        let buffered = &self.buffered_s;
        writeln!(f, "  buffered at the end, s: least {:.1}, p50 {:.1}", buffered.min, buffered.p50)?;
        if let Some(server) = &self.server {
            let serving = server.serving_percent.map(|percent| format!(", serving {percent:.2} %"));
            writeln!(
                f,
                "  server: {:.2} % of a core{}, {:.1} µs for a player in a second, waited {:.2} %, {:.1} MB",
                server.cpu_percent,
                serving.unwrap_or_default(),
                server.us_per_player_s,
                server.waited_percent,
                server.rss_kib as f64 / 1024.0
            )?;
        }
        writeln!(f, "  this tool: {:.0} % of a core", self.own_cpu_percent)?;
        match self.complaints() {
            complaints if complaints.is_empty() => writeln!(f, "  nothing wrong"),
            complaints => complaints.iter().try_for_each(|complaint| writeln!(f, "  WRONG: {complaint}")),
        }
    }
}
