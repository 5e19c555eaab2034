//! A changed configuration, applied while the station is on the air: what differs from what was applied last
//! is changed in place, and what cannot be is named.

use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use serde::Serialize;

use super::core::Core;
use super::media::Media;
use super::problem::Problem;
use crate::access::Users;
use crate::{ApiSettings, Config, ListOptions, OutputSettings, Pipeline, PipelineSettings, ServerSettings};

/// What a station was declared to be, and where.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) file: PathBuf,
    pub(crate) config: Config,
}

/// What a reload has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Reloaded {
    /// What was applied.
    pub changed: Vec<String>,
    /// What is declared otherwise, but needs a restart.
    pub restart: Vec<String>,
    /// What could not be applied, and why. It is as it was before.
    pub failed: Vec<String>,
}

impl Reloaded {
    fn did(&mut self, what: String, done: crate::Result<()>) {
        match done {
            Ok(()) => self.changed.push(what),
            Err(error) => self.failed.push(format!("{what}: {error}")),
        }
    }

    /// Names what differs and cannot be changed.
    fn fixed<T: PartialEq>(&mut self, what: &str, old: &T, new: &T) {
        if old != new {
            self.restart.push(what.to_owned());
        }
    }
}

impl Core {
    /// Reads the configuration again and applies it. Takes as long as its files take. If anything is wrong with it,
    /// nothing changes.
    pub(crate) fn reload(&self) -> Result<Reloaded, Problem> {
        let Some(declared) = &self.declared else {
            return Err(Problem::new("stopped", "this station was not started from a configuration"));
        };
        let mut declared = declared.lock().unwrap_or_else(PoisonError::into_inner);
        let invalid = |text: String| Problem::new("invalid-configuration", text);
        let mut config = Config::read(&declared.file).map_err(|error| invalid(error.to_string()))?;
        config.api.users = declared.config.api.users.clone();
        let users = read_users(&config.api).map_err(|error| invalid(error.to_string()))?;

        let mut report = Reloaded::default();
        let old = &declared.config;
        self.server(&old.server, &config.server, &mut report);
        self.api(&old.api, &config.api, users.and(&config.api.users), &mut report);
        for new in &config.pipelines {
            let old = old.pipelines.iter().find(|old| old.name == new.name);
            let pipeline = self.pipelines.iter().find(|pipeline| pipeline.name() == new.name);
            match old.zip(pipeline) {
                Some((old, pipeline)) => self.change(pipeline, old, new, &mut report),
                None => report.restart.push(format!("pipeline {}", new.name)),
            }
        }
        let gone = old.pipelines.iter().filter(|old| config.pipelines.iter().all(|new| new.name != old.name));
        report.restart.extend(gone.map(|old| format!("pipeline {}", old.name)));
        for (what, list) in
            [("changed", &report.changed), ("needs a restart", &report.restart), ("failed", &report.failed)]
        {
            list.iter().for_each(|item| log::info!("reloaded: {what}: {item}"));
        }
        keep_what_runs(&declared.config, &mut config);
        declared.config = config;
        Ok(report)
    }

    fn server(&self, old: &ServerSettings, new: &ServerSettings, report: &mut Reloaded) {
        for (key, differs) in [
            ("server.listen", old.listen != new.listen),
            ("server.burst", old.burst != new.burst),
            ("server.write_timeout", old.write_timeout != new.write_timeout),
            ("server.header_timeout", old.header_timeout != new.header_timeout),
        ] {
            report.fixed(key, &differs, &false);
        }
        let changed: Vec<_> = [
            ("max_listeners", old.max_listeners != new.max_listeners),
            ("max_event_clients", old.max_event_clients != new.max_event_clients),
            ("public_url", old.public_url != new.public_url),
            ("trusted_proxies", old.trusted_proxies != new.trusted_proxies),
        ]
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(key, _)| format!("server.{key}"))
        .collect();
        if !changed.is_empty() {
            report.did(changed.join(", "), self.server.reconfigure(new));
        }
    }

    fn api(&self, old: &ApiSettings, new: &ApiSettings, users: Users, report: &mut Reloaded) {
        if self.guard.set_users(users) {
            report.changed.push("users".into());
        }
        if old.media_roots != new.media_roots {
            self.media.store(Media::new(&new.media_roots).into());
            report.changed.push("server.media_roots".into());
        }
    }

    fn change(
        &self,
        pipeline: &Pipeline,
        old: &PipelineSettings,
        new: &PipelineSettings,
        report: &mut Reloaded,
    ) {
        let key = |key: &str| format!("pipeline {}: {key}", new.name);
        report.fixed(&key("skip_crossfade"), &old.skip_crossfade, &new.skip_crossfade);
        report.fixed(&key("replaygain"), &old.replaygain, &new.replaygain);
        report.fixed(&key("dead_air"), &old.dead_air, &new.dead_air);
        report.fixed(&key("fallback"), &old.fallback, &new.fallback);
        report.fixed(&key("state_file"), &old.state_file, &new.state_file);
        let fades = |settings: &PipelineSettings| (settings.crossfade, settings.fade_in, settings.fade_out);
        if fades(old) != fades(new) {
            let done = pipeline.set_fades(Some(new.crossfade), Some(new.fade_in), Some(new.fade_out));
            report.did(key("crossfade, fade_in, fade_out"), done);
        }
        if old.playlist != new.playlist {
            let (repeat, shuffle) = (new.repeat, new.shuffle);
            let options = ListOptions { repeat, shuffle, ..ListOptions::default() };
            report.did(key("playlist"), pipeline.play_path(new.playlist.clone(), &options));
        } else if (old.repeat, old.shuffle) != (new.repeat, new.shuffle) {
            pipeline.set_repeat(new.repeat);
            pipeline.set_shuffle(new.shuffle);
            report.changed.push(key("loop, shuffle"));
        }
        if old.spec != new.spec {
            report.restart.push(key("channels, sample_rate, and with them the outputs"));
            return;
        }
        self.outputs(pipeline, &old.outputs, &new.outputs, report);
    }

    fn outputs(
        &self,
        pipeline: &Pipeline,
        old: &[OutputSettings],
        new: &[OutputSettings],
        report: &mut Reloaded,
    ) {
        let at = |outputs: &[OutputSettings], path: &str| -> Option<OutputSettings> {
            outputs.iter().find(|output| output.mount.path == path).cloned()
        };
        for gone in old.iter().filter(|old| at(new, &old.mount.path).is_none()) {
            let path = &gone.mount.path;
            report.did(format!("{path}: removed"), pipeline.remove_output(path));
        }
        for output in new {
            let path = &output.mount.path;
            match at(old, path) {
                Some(old) if format!("{old:?}") == format!("{output:?}") => {}
                // Nobody's player goes on with another format.
                Some(old) if old.content_type() != output.content_type() => {
                    let removed = pipeline.remove_output(path);
                    // Its path is free at once.
                    let _ = self.server.remove_mount(path);
                    let done = removed.and_then(|()| pipeline.add_output(output.clone()));
                    report.did(format!("{path}: another format, its listeners had to go"), done);
                }
                Some(_) => report.did(format!("{path}: changed"), pipeline.update_output(output.clone())),
                None => report.did(format!("{path}: added"), pipeline.add_output(output.clone())),
            }
        }
    }
}

/// What needs a restart is as it was: the next reload names it again.
fn keep_what_runs(old: &Config, new: &mut Config) {
    new.server.listen.clone_from(&old.server.listen);
    new.server.burst = old.server.burst;
    new.server.write_timeout = old.server.write_timeout;
    new.server.header_timeout = old.server.header_timeout;
    for was in &old.pipelines {
        let Some(now) = new.pipelines.iter_mut().find(|now| now.name == was.name) else {
            new.pipelines.push(was.clone());
            continue;
        };
        now.skip_crossfade = was.skip_crossfade;
        now.replaygain = was.replaygain;
        now.dead_air.clone_from(&was.dead_air);
        now.fallback.clone_from(&was.fallback);
        now.state_file.clone_from(&was.state_file);
        if now.spec != was.spec {
            now.spec = was.spec;
            now.outputs.clone_from(&was.outputs);
        }
    }
}

/// Those in the file, if one is declared.
pub(crate) fn read_users(settings: &ApiSettings) -> crate::Result<Users> {
    settings.users_file.as_deref().map_or_else(|| Ok(Users::default()), |file: &Path| Users::read(file))
}
