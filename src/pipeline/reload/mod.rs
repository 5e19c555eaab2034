//! New settings for a station that is on the air. Each value that differs is applied in place, if its
//! declaration says that it can be, and is reported otherwise. Listeners stay, except those of a mount that
//! is gone. `changes.rs` says what differs, `course.rs` has the report.

mod changes;
mod course;

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use super::control::ListOptions;
use super::station::takes_requests;
use super::{
    LiveSettings, OutputSettings, Pipeline, PipelineSettings, RelayedMountSettings, Relays, StationSettings,
};
use crate::error::{Error, Result};
use crate::server::{PageSettings, Server, ServerSettings};
use crate::setting::{Reload, differences};
use changes::{changes, changes_of, changes_of_library, changes_of_requests, of_recording};
use course::Course;
pub use course::Reloaded;

/// Applies settings to a station, from any thread.
#[derive(Debug)]
pub(crate) struct Reloader {
    pub(super) server: Server,
    pub(super) pipelines: Vec<Pipeline>,
    pub(super) relays: Arc<Relays>,
    /// What the station runs with. A value that needs a restart, or that failed, is the old one.
    pub(super) running: Arc<Mutex<StationSettings>>,
}

impl Reloader {
    pub(crate) fn apply(&self, new: &StationSettings) -> Reloaded {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        self.go(&mut running, new, Course::default())
    }

    /// What applying these settings would change. Nothing is changed, so nothing fails.
    pub(crate) fn rehearse(&self, new: &StationSettings) -> Reloaded {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.go(&mut running, new, Course { is_rehearsal: true, ..Course::default() })
    }

    fn go(&self, running: &mut StationSettings, new: &StationSettings, mut course: Course) -> Reloaded {
        self.apply_to_server(&mut running.server, &new.server, &mut course);
        let took_requests = takes_requests(&running.pipelines);
        let of_history = differences(&running.history, &new.history);
        of_history.for_each(|setting| course.needs_restart(format!("server.{}", setting.declared.key)));
        for new in &new.pipelines {
            let running = running.pipelines.iter_mut().find(|running| running.name == new.name);
            let pipeline = self.pipelines.iter().find(|pipeline| pipeline.name() == new.name);
            match pipeline.zip(running) {
                Some((pipeline, running)) => self.apply_to_pipeline(pipeline, running, new, &mut course),
                None => course.needs_restart(format!("pipeline {}", new.name)),
            }
        }
        let is_gone = |old: &&PipelineSettings| new.pipelines.iter().all(|new| new.name != old.name);
        let gone = running.pipelines.iter().filter(is_gone);
        gone.for_each(|old| course.needs_restart(format!("pipeline {}", old.name)));
        let requests = takes_requests(&running.pipelines);
        let is_another = requests != took_requests;
        self.apply_to_page(&mut running.page, &new.page, requests, is_another, &mut course);
        self.apply_to_mounts(&mut running.mounts, &new.mounts, &mut course);
        let of_library = changes_of_library(running.library.as_ref(), new.library.as_ref());
        of_library.into_iter().for_each(|what| course.needs_restart(what));
        course.report
    }

    /// Relayed mounts come, go and change at once.
    fn apply_to_mounts(
        &self,
        running: &mut Vec<RelayedMountSettings>,
        new: &[RelayedMountSettings],
        course: &mut Course,
    ) {
        for old in mem::take(running) {
            let path = &old.mount.path;
            let stays = new.iter().any(|new| new.mount.path == *path);
            if stays || !course.apply(format!("{path}: removed"), || self.relays.remove(path)) {
                running.push(old);
            }
        }
        for new in new {
            let path = &new.mount.path;
            match running.iter_mut().find(|running| running.mount.path == *path) {
                None => {
                    if course.apply(format!("{path}: added"), || self.relays.add(new.clone())) {
                        running.push(new.clone());
                    }
                }
                Some(running) if running != new => {
                    let keys = differences(&running.mount, &new.mount).map(|setting| setting.declared.key);
                    let own = differences(running, new).map(|setting| setting.declared.key);
                    let record = of_recording(&running.record, &new.record);
                    let keys: Vec<_> = keys.chain(own).chain(record).collect();
                    let what = format!("{path}: {}", keys.join(", "));
                    if course.apply(what, || self.relays.update(new.clone())) {
                        *running = new.clone();
                    }
                }
                Some(_) => {}
            }
        }
    }

    /// The server takes all of its keys at once.
    fn apply_to_server(&self, running: &mut ServerSettings, new: &ServerSettings, course: &mut Course) {
        let (mut next, mut applied) = (running.clone(), Vec::new());
        for setting in differences(running, new) {
            let key = format!("server.{}", setting.declared.key);
            match setting.declared.reload {
                Reload::Restart => course.needs_restart(key),
                Reload::Applied => {
                    (setting.copy)(&mut next, new);
                    applied.push(key);
                }
            }
        }
        if !applied.is_empty() && course.apply(applied.join(", "), || self.server.reconfigure(&next)) {
            *running = next;
        }
    }

    /// The page is shown as a whole. What it has on disk is read again each time.
    fn apply_to_page(
        &self,
        running: &mut PageSettings,
        new: &PageSettings,
        requests: bool,
        is_another: bool,
        course: &mut Course,
    ) {
        let keys: Vec<_> = differences(running, new)
            .map(|setting| format!("server.page.{}", setting.declared.key))
            .collect();
        if keys.is_empty() && !is_another && new.logo.is_none() && new.folder.is_none() {
            return;
        }
        let show = || self.server.show_page_taking(new, requests);
        if !keys.is_empty() {
            if course.apply(keys.join(", "), show) {
                running.clone_from(new);
            }
        } else if !course.is_rehearsal
            && let Err(error) = show()
        {
            course.report.failed.push(format!("server.page: {error}"));
        }
    }

    fn apply_to_pipeline(
        &self,
        pipeline: &Pipeline,
        running: &mut PipelineSettings,
        new: &PipelineSettings,
        course: &mut Course,
    ) {
        let differing: Vec<_> = differences(running, new).collect();
        for setting in differing {
            let what = format!("pipeline {}: {}", new.name, setting.declared.key);
            match setting.declared.reload {
                Reload::Restart => course.needs_restart(what),
                Reload::Applied => {
                    if course.apply(what, || apply_key(pipeline, setting.declared.key, new)) {
                        (setting.copy)(running, new);
                    }
                }
            }
        }
        if !course.is_rehearsal {
            pipeline.inner.programming.declare(running);
        }
        let of_schedule = running.schedule.changes(&new.schedule);
        if !of_schedule.is_empty() {
            let what = format!("pipeline {}: {}", new.name, of_schedule.join(", "));
            if course.apply(what, || pipeline.set_schedule(new.schedule.clone())) {
                running.schedule.clone_from(&new.schedule);
            }
        }
        let of_record =
            |old: &LiveSettings, new: &LiveSettings| of_recording(&old.record, &new.record).collect();
        let of_live = changes_of(&running.live, &new.live, |input| &input.path, of_record).join("; ");
        if !of_live.is_empty() {
            let what = format!("pipeline {}: live: {of_live}", new.name);
            if course.apply(what, || pipeline.set_live_inputs(new.live.clone())) {
                running.live.clone_from(&new.live);
            }
        }
        let of_requests = changes_of_requests(running.requests.as_ref(), new.requests.as_ref());
        if !of_requests.is_empty() {
            let what = format!("pipeline {}: {of_requests}", new.name);
            if course.apply(what, || pipeline.set_requests(new.requests.clone())) {
                running.requests.clone_from(&new.requests);
            }
        }
        if running.spec == new.spec {
            self.apply_to_outputs(pipeline, &mut running.outputs, &new.outputs, course);
        } else if running.outputs != new.outputs {
            // They are declared for audio of another shape.
            course.needs_restart(format!("pipeline {}: output", new.name));
        }
        // After the outputs, which it may name.
        let of_hls = changes_of(&running.hls, &new.hls, |hls| &hls.path, |_, _| Vec::new()).join("; ");
        if !of_hls.is_empty() {
            let what = format!("pipeline {}: hls: {of_hls}", new.name);
            if course.apply(what, || pipeline.set_hls(new.hls.clone())) {
                running.hls.clone_from(&new.hls);
            }
        }
    }

    fn apply_to_outputs(
        &self,
        pipeline: &Pipeline,
        running: &mut Vec<OutputSettings>,
        new: &[OutputSettings],
        course: &mut Course,
    ) {
        for old in mem::take(running) {
            let path = &old.mount.path;
            let stays = new.iter().any(|new| new.mount.path == *path);
            if stays || !course.apply(format!("{path}: removed"), || pipeline.remove_output(path)) {
                running.push(old);
            }
        }
        for output in new {
            let path = &output.mount.path;
            let Some(at) = running.iter().position(|running| running.mount.path == *path) else {
                if course.apply(format!("{path}: added"), || pipeline.add_output(output.clone())) {
                    running.push(output.clone());
                }
                continue;
            };
            let old = &running[at];
            if old == output {
                continue;
            }
            if old.content_type() == output.content_type() {
                let what = format!("{path}: {}", changes(old, output).join(", "));
                if course.apply(what, || pipeline.update_output(output.clone())) {
                    running[at] = output.clone();
                }
                continue;
            }
            // No player goes on with another format.
            let what = format!("{path}: another format, its listeners had to go");
            let mut is_gone = false;
            let replace = || {
                // Its path is not gone in between.
                let _ = self.server.expect(&[path]);
                // An encoder that cannot be opened leaves the output as it was.
                let mut done =
                    output.encoder.open(pipeline.spec()).and_then(|_| pipeline.remove_output(path));
                if done.is_ok() {
                    is_gone = true;
                    // Its path is free at once.
                    let _ = self.server.remove_mount(path);
                    done = pipeline.add_output(output.clone());
                }
                let _ = self.server.expect_no_more(path);
                done
            };
            let is_there = course.apply(what, replace);
            if is_there || is_gone {
                running.remove(at);
            }
            if is_there {
                running.push(output.clone());
            }
        }
    }
}

/// Applies the value of one key that is declared as [`Reload::Applied`].
fn apply_key(pipeline: &Pipeline, key: &'static str, new: &PipelineSettings) -> Result<()> {
    match key {
        "playlist" => {
            let options = ListOptions { repeat: new.repeat, shuffle: new.shuffle, ..ListOptions::default() };
            pipeline.play_path(new.playlist.clone(), &options)
        }
        "loop" => pipeline.set_repeat(new.repeat),
        "shuffle" => pipeline.set_shuffle(new.shuffle),
        "timezone" => pipeline.set_schedule(new.schedule.clone()),
        "max_voices" => {
            pipeline.inner.limits.set_voices(new.max_voices);
            Ok(())
        }
        "max_queue" => {
            pipeline.inner.limits.set_queue(new.max_queue);
            Ok(())
        }
        "crossfade" => pipeline.set_crossfade(new.crossfade),
        "fade_in" => pipeline.set_fades(None, Some(new.fade_in), None),
        "fade_out" => pipeline.set_fades(None, None, Some(new.fade_out)),
        _ => Err(Error::setting(key, "a reload cannot apply it")),
    }
}

#[cfg(all(test, feature = "mp3"))]
mod tests {
    use super::*;
    use crate::codec::formats::FORMATS;
    use crate::playout::schedule::{
        DaypartSettings, InsertSettings, Schedule, SeparationSettings, SlotSettings,
    };
    use crate::recording::RecordSettings;
    use crate::server::MountSettings;
    use crate::setting::examples::another;
    use crate::setting::{Settings, Written};
    use crate::{HlsSettings, Station};

    fn settings() -> StationSettings {
        let listen = vec!["127.0.0.1:0".parse().unwrap()];
        let server = ServerSettings { listen, max_listeners: Some(100), ..ServerSettings::default() };
        let pipelines = vec![PipelineSettings { outputs: vec![output()], ..PipelineSettings::default() }];
        let mounts = vec![RelayedMountSettings::new("/guest")];
        StationSettings { server, pipelines, mounts, ..StationSettings::default() }
    }

    fn output() -> OutputSettings {
        let mount = MountSettings { path: "/a".into(), ..MountSettings::default() };
        OutputSettings {
            encoder: Arc::new(crate::Mp3Settings::default()),
            mount,
            record: RecordSettings::default(),
        }
    }

    /// Applies `new` to a station that runs with `settings()`, says whether it was reported as declared, and
    /// goes back.
    #[track_caller]
    fn check(station: &Station, new: &StationSettings, key: &str, reload: Reload) {
        let report = station.reload(new);
        assert_eq!(report.failed, [""; 0], "{key}");
        let (named, other) = match reload {
            Reload::Applied => (&report.changed, &report.restart),
            Reload::Restart => (&report.restart, &report.changed),
        };
        assert!(named.iter().any(|item| item.contains(key)), "{key} is not in {report:?}");
        assert_eq!(*other, [""; 0], "{key}");
        let again = match reload {
            Reload::Applied => Reloaded::default(),
            Reload::Restart => report,
        };
        assert_eq!(
            station.reload(new),
            again,
            "{key}: what needs a restart is named each time, and only that"
        );
        station.reload(&settings());
        assert_eq!(station.reload(&settings()), Reloaded::default(), "{key}");
    }

    /// A value for a relayed mount, which takes fewer content types.
    fn of_relayed(key: &str) -> Written<'static> {
        if key == "content_type" { Written::Text("audio/aac") } else { another(key) }
    }

    /// Driven by the declarations: a new key cannot be forgotten here.
    #[test]
    fn every_key_is_applied_or_reported_as_it_is_declared() {
        let station = Station::start(settings()).unwrap();
        for setting in ServerSettings::KEYS {
            let mut new = settings();
            setting.set(&mut new.server, another(setting.declared.key)).unwrap();
            let key = format!("server.{}", setting.declared.key);
            check(&station, &new, &key, setting.declared.reload);
        }
        for setting in PageSettings::KEYS {
            let mut new = settings();
            setting.set(&mut new.page, another(setting.declared.key)).unwrap();
            let key = format!("server.page.{}", setting.declared.key);
            check(&station, &new, &key, setting.declared.reload);
        }
        for setting in PipelineSettings::KEYS {
            let mut new = settings();
            setting.set(&mut new.pipelines[0], another(setting.declared.key)).unwrap();
            let key = match setting.declared.key {
                // A pipeline of another name is another pipeline.
                "name" => "pipeline main".into(),
                key => format!("pipeline main: {key}"),
            };
            check(&station, &new, &key, setting.declared.reload);
        }
        let daypart = DaypartSettings { playlists: vec!["examples".into()], ..DaypartSettings::default() };
        of_schedule(|schedule| &mut schedule.dayparts, "daypart", &daypart);
        of_schedule(|schedule| &mut schedule.inserts, "insert", &InsertSettings::sample());
        of_schedule(|schedule| &mut schedule.slots, "slot", &SlotSettings::sample());
        for setting in SeparationSettings::KEYS {
            let mut new = settings();
            setting.set(&mut new.pipelines[0].schedule.separation, another(setting.declared.key)).unwrap();
            check(&station, &new, "pipeline main: separation", setting.declared.reload);
        }
        for setting in LiveSettings::KEYS {
            let mut new = settings();
            new.pipelines[0].live.push(LiveSettings::default());
            setting.set(&mut new.pipelines[0].live[0], another(setting.declared.key)).unwrap();
            check(&station, &new, "pipeline main: live", setting.declared.reload);
        }
        for setting in HlsSettings::KEYS {
            let mut new = settings();
            new.pipelines[0].hls.push(HlsSettings::default());
            setting.set(&mut new.pipelines[0].hls[0], another(setting.declared.key)).unwrap();
            check(&station, &new, "pipeline main: hls", setting.declared.reload);
        }
        for setting in MountSettings::KEYS {
            let mut new = settings();
            let mount = &mut new.pipelines[0].outputs[0].mount;
            setting.set(mount, another(setting.declared.key)).unwrap();
            let mount = mount.clone();
            let key = match setting.declared.key {
                "mount" => format!("{}: added", mount.path),
                "content_type" => "/a: another format".into(),
                key => format!("/a: {key}"),
            };
            check(&station, &new, &key, setting.declared.reload);
            station.reload(&new);
            let mounts = station.server().mounts();
            let is_so = mounts.iter().any(|info| (setting.same)(&info.settings, &mount));
            assert!(is_so, "{key} is reported, but the mount has another value");
            station.reload(&settings());
        }
        for setting in MountSettings::KEYS {
            let mut new = settings();
            setting.set(&mut new.mounts[0].mount, of_relayed(setting.declared.key)).unwrap();
            let path = &new.mounts[0].mount.path;
            let key = match setting.declared.key {
                "mount" => format!("{path}: added"),
                key => format!("{path}: {key}"),
            };
            check(&station, &new, &key, setting.declared.reload);
        }
        for setting in RelayedMountSettings::KEYS {
            let mut new = settings();
            setting.set(&mut new.mounts[0], another(setting.declared.key)).unwrap();
            check(&station, &new, &format!("/guest: {}", setting.declared.key), setting.declared.reload);
        }
        for setting in RecordSettings::KEYS {
            let mut new = settings();
            setting.set(&mut new.mounts[0].record, another(setting.declared.key)).unwrap();
            check(&station, &new, &format!("/guest: {}", setting.declared.key), setting.declared.reload);
            let mut new = settings();
            setting.set(&mut new.pipelines[0].outputs[0].record, another(setting.declared.key)).unwrap();
            check(&station, &new, &format!("/a: {}", setting.declared.key), setting.declared.reload);
        }
        for format in FORMATS {
            let Some(draft) = format.draft else { continue };
            for declared in (format.keys)() {
                let mut draft = draft();
                draft.set(declared.key, another(declared.key)).unwrap();
                let mut new = settings();
                new.pipelines[0].outputs[0].encoder = draft.finish(&|key| key == declared.key);
                let key = if format.name == "mp3" { "/a: encoder" } else { "/a: another format" };
                check(&station, &new, key, declared.reload);
            }
        }
    }

    /// Each key of a table of the schedule.
    fn of_schedule<S: Settings + Clone>(into: fn(&mut Schedule) -> &mut Vec<S>, table: &str, own: &S) {
        let station = Station::start(settings()).unwrap();
        for setting in S::KEYS {
            let mut new = settings();
            let mut declared = own.clone();
            setting.set(&mut declared, another(setting.declared.key)).unwrap();
            into(&mut new.pipelines[0].schedule).push(declared);
            check(&station, &new, &format!("pipeline main: {table}"), setting.declared.reload);
            station.reload(&settings());
        }
    }

    #[test]
    fn live_inputs_come_change_and_go_on_the_air() {
        let with = |live: Vec<LiveSettings>| {
            let mut settings = settings();
            settings.pipelines[0].live = live;
            settings
        };
        let station = Station::start(with(vec![LiveSettings::default()])).unwrap();
        let record = RecordSettings::into_files("/dev/null/x");
        let new = with(vec![
            LiveSettings { record, priority: 7, ..LiveSettings::default() },
            LiveSettings::at("/two"),
        ]);
        let report = station.reload(&new);
        assert_eq!(report.changed, ["pipeline main: live: /live: priority, record; /two: added"]);
        assert_eq!(station.reload(&new), Reloaded::default());
        let report = station.reload(&with(vec![LiveSettings::at("/two")]));
        assert_eq!(report.changed, ["pipeline main: live: /live: removed"]);
    }

    #[test]
    fn what_fails_is_tried_again_and_the_rest_is_applied() {
        let station = Station::start(settings()).unwrap();
        let mut new = settings();
        new.pipelines[0].crossfade = std::time::Duration::from_secs(1).into();
        new.pipelines[0].outputs[0].encoder =
            Arc::new(crate::Mp3Settings { bitrate: 65, ..crate::Mp3Settings::default() });
        let report = station.reload(&new);
        assert_eq!(report.changed, ["pipeline main: crossfade"]);
        assert!(report.failed[0].starts_with("/a: encoder: bitrate: "), "{report:?}");
        let report = station.reload(&new);
        assert_eq!((report.changed.len(), report.failed.len()), (0, 1), "{report:?}");
        assert_eq!(station.reload(&settings()).changed, ["pipeline main: crossfade"]);
    }

    #[test]
    fn a_rehearsal_says_what_a_reload_would_do_and_does_nothing() {
        let station = Station::start(settings()).unwrap();
        let mut new = settings();
        new.pipelines[0].crossfade = std::time::Duration::from_secs(1).into();
        new.pipelines[0].spec.channels = crate::Channels::Mono;
        new.pipelines[0].live.push(LiveSettings::default());
        new.server.max_listeners = Some(50);
        new.page.name = Some("Another".into());
        new.mounts = vec![RelayedMountSettings::new("/other")];
        let rehearsed = station.rehearse(&new);
        assert_eq!(station.rehearse(&new), rehearsed, "nothing has changed");
        assert!(station.server().mounts().iter().all(|mount| mount.settings.path != "/other"));
        assert_eq!(station.reload(&new), rehearsed);
        assert_eq!(station.rehearse(&new), Reloaded { restart: rehearsed.restart, ..Reloaded::default() });
        assert_eq!(station.rehearse(&settings()).restart, [""; 0]);
    }

    #[test]
    fn outputs_of_another_shape_wait_for_the_restart() {
        let station = Station::start(settings()).unwrap();
        let mut new = settings();
        new.pipelines[0].spec.channels = crate::Channels::Mono;
        new.pipelines[0].outputs[0].mount.public = true;
        let report = station.reload(&new);
        assert_eq!(report.restart, ["pipeline main: channels", "pipeline main: output"]);
        assert_eq!(report.changed, [""; 0]);
    }
}
