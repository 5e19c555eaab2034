//! What works, but is rarely intended: what `longwave check` tells, and the API.

use std::path::Path;

use super::{Config, ConfigProblem};
use crate::access::{Right, UserLimits, Users};

impl Config {
    /// The warnings of a configuration that was read from `file`, and its pipelines that would only send
    /// silence.
    pub fn advice(&self, file: &Path) -> Vec<ConfigProblem> {
        let silent = self.pipelines.iter().filter(|pipeline| pipeline.playlist.is_empty());
        let silent = silent.map(|pipeline| {
            let reason = format!("pipeline {:?} has no playlist: it sends silence", pipeline.name);
            ConfigProblem::of_file(file, reason)
        });
        self.warnings.iter().cloned().chain(silent).collect()
    }

    /// Its relayed mounts and live inputs that none of these users may send to. (If there is no user yet, the
    /// first is made at the start, and may.)
    pub fn closed_to(&self, users: &Users, file: &Path) -> Vec<ConfigProblem> {
        let may_send = |path: &str, pipeline: Option<&str>| {
            let mut all = users.list();
            let allow = |limits: &UserLimits| limits.allow_place(path, pipeline);
            users.is_empty()
                || all.any(|(name, role, _)| role.may(Right::Send) && users.limits(name).is_some_and(allow))
        };
        let closed = self.places_for_sources().filter(|(path, pipeline)| !may_send(path, *pipeline));
        let problem = |(path, _): (&str, _)| {
            let advice = "add a user by `longwave user add --role source`";
            ConfigProblem::of_file(file, format!("nobody may send to {path}: {advice}"))
        };
        closed.map(problem).collect()
    }

    /// The paths that sources are for, each with its pipeline if it is a live input's.
    pub fn places_for_sources(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let relayed = self.mounts.iter().map(|relayed| (relayed.mount.path.as_str(), None));
        let live = self.pipelines.iter().flat_map(|pipeline| {
            pipeline.live.iter().map(|input| (input.path.as_str(), Some(pipeline.name.as_str())))
        });
        relayed.chain(live)
    }
}
