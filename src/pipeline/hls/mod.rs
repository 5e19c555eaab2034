//! HLS of a pipeline: which there are, what they are made from, and how they come and go on the air.

mod publisher;
mod settings;
mod tap;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crossbeam::channel::{Sender, unbounded};

use self::publisher::{Message, Publisher, VariantSetup};
pub(crate) use self::settings::HLS;
pub use self::settings::HlsSettings;
pub(crate) use self::settings::check_all;
pub(super) use self::tap::Outlets;
use super::Pipeline;
use super::outputs::{Outputs, RunningOutput};
use super::running::Inner;
use super::settings::OutputSettings;
use crate::error::{Error, Result};
use crate::hls::{HlsClock, LastRun, Profile};
use crate::server::{HlsCounters, RoomBoard, RoomSettings};

/// The most runs that are remembered. Those of paths that are long gone are forgotten.
const MOST_LEFT: usize = 64;

/// The HLS of a pipeline.
#[derive(Debug, Default)]
pub(super) struct HlsTable {
    all: Mutex<All>,
    left: LeftRuns,
}

#[derive(Debug, Default)]
struct All {
    on_air: Vec<OnAir>,
    /// Those that are removed, and whose last playlists are still there.
    leaving: Vec<OnAir>,
}

/// One on the air.
#[derive(Debug)]
struct OnAir {
    settings: HlsSettings,
    to: Sender<Message>,
    room: Arc<RoomBoard>,
    clock: HlsClock,
    /// As the thread was told last.
    variants: Vec<VariantSetup>,
    /// Gone when its thread has ended.
    lives: Weak<()>,
}

/// What each HLS leaves to its next run, by path.
#[derive(Clone, Debug, Default)]
pub(super) struct LeftRuns(Arc<Mutex<BTreeMap<String, LastRun>>>);

/// The state of an HLS.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HlsInfo {
    /// Its settings.
    pub settings: HlsSettings,
    /// The playlist that players open: `/radio/hls.m3u8`.
    pub playlist: String,
    /// The mounts of its variants, in their order.
    pub variants: Vec<String>,
    /// Its counters.
    pub counters: HlsCounters,
}

impl LeftRuns {
    /// What the last run at this path has left.
    fn last(&self, path: &str) -> Option<LastRun> {
        self.runs().get(path).copied()
    }

    fn note(&self, path: &str, left: LastRun) {
        let mut runs = self.runs();
        // Variants are a segment apart for moments.
        let is_later = |known: &LastRun| known.media_sequence < left.media_sequence;
        if runs.get(path).is_none_or(is_later) {
            runs.insert(path.to_owned(), left);
        }
        if runs.len() > MOST_LEFT
            && let Some(oldest) = runs.iter().min_by_key(|(_, left)| left.media_sequence)
        {
            let path = oldest.0.clone();
            runs.remove(&path);
        }
    }

    /// All of them, to be kept.
    pub fn all(&self) -> BTreeMap<String, LastRun> {
        self.runs().clone()
    }

    /// Goes on where an earlier process was.
    pub fn restore(&self, runs: BTreeMap<String, LastRun>) {
        runs.into_iter().for_each(|(path, left)| self.note(&path, left));
    }

    fn runs(&self) -> MutexGuard<'_, BTreeMap<String, LastRun>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HlsTable {
    pub fn left(&self) -> &LeftRuns {
        &self.left
    }

    /// Those whose threads have ended, in sentences.
    pub fn problems(&self) -> Vec<String> {
        let all = self.all();
        let dead = all.on_air.iter().filter(|hls| !hls.is_alive());
        dead.map(|hls| format!("HLS at {}: its thread has ended", hls.settings.path)).collect()
    }

    /// Ends all: players shall come back. Their threads end soon.
    pub fn stop(&self) {
        let All { on_air, leaving } = std::mem::take(&mut *self.all());
        for hls in on_air.iter().chain(&leaving) {
            let _ = hls.to.send(Message::Stop);
        }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OnAir {
    /// Whether an output that is a variant is encoded in another profile now.
    fn changes_profile(&self, outputs: &Outputs) -> bool {
        let wanted = variants(&self.settings, outputs);
        let is_other = |known: &VariantSetup| {
            wanted.iter().any(|(setup, _)| setup.id == known.id && setup.profile != known.profile)
        };
        self.variants.iter().any(is_other)
    }

    fn is_alive(&self) -> bool {
        self.lives.strong_count() > 0
    }

    /// Goes on with these settings. The length of a segment stays.
    fn change(&mut self, settings: HlsSettings, outputs: &Outputs) {
        if (settings.window, settings.count) != (self.settings.window, self.settings.count) {
            self.room.count_for(settings.counted_for());
            let _ = self.to.send(Message::Change { window: settings.window, count: settings.count });
        }
        self.settings = settings;
        self.follow(outputs);
    }

    /// Takes the packets of the outputs that it names, and tells its thread which they are.
    fn follow(&mut self, outputs: &Outputs) {
        let wanted = variants(&self.settings, outputs);
        let variants: Vec<_> = wanted.iter().map(|(setup, _)| setup.clone()).collect();
        if variants == self.variants {
            return;
        }
        let before = std::mem::replace(&mut self.variants, variants.clone());
        self.room.carry(self.mounts());
        // It knows its variants before their packets come.
        let _ = self.to.send(Message::Variants(variants));
        for output in outputs.running() {
            let id = output.output.id().0 as usize;
            let [was, is] = [&before, &self.variants].map(|list| list.iter().any(|variant| variant.id == id));
            match (was, is) {
                (false, true) => output.outlets.attach(self.to.clone(), self.room.clone(), id, self.clock),
                (true, false) => output.outlets.detach(&self.to),
                _ => {}
            }
        }
    }
}

/// The outputs that are variants, in their order: those that are named, or all, with those first that every
/// player can play.
fn variants<'a>(settings: &HlsSettings, outputs: &'a Outputs) -> Vec<(VariantSetup, &'a RunningOutput)> {
    let variant = |output: &'a RunningOutput| {
        let OutputSettings { encoder, mount, .. } = &output.declared;
        let profile = profile(&output.declared)?;
        let (mount, bitrate) = (mount.path.clone(), mount.bitrate.or(encoder.bitrate()));
        Some((VariantSetup { id: output.output.id().0 as usize, mount, profile, bitrate }, output))
    };
    if settings.outputs.is_empty() {
        let mut all: Vec<_> = outputs.running().filter_map(variant).collect();
        all.sort_by_key(|(setup, _)| setup.profile);
        return all;
    }
    let find = |mount: &String| outputs.running().find(|output| output.output.mount() == mount);
    settings.outputs.iter().filter_map(find).filter_map(variant).collect()
}

/// How HLS carries an output. `None`: not at all.
fn profile(output: &OutputSettings) -> Option<Profile> {
    match output.encoder.codecs() {
        Some(codecs) => Profile::of_codecs(codecs),
        None => Profile::of_content_type(output.content_type()),
    }
}

/// Refuses HLS of outputs that are not there, or that it cannot carry.
pub(crate) fn check_outputs(settings: &HlsSettings, outputs: &[&OutputSettings]) -> Result<()> {
    let known = || outputs.iter().map(|output| output.mount.path.as_str()).collect::<Vec<_>>().join(", ");
    for mount in &settings.outputs {
        let Some(output) = outputs.iter().find(|output| output.mount.path == *mount) else {
            let reason = format!("the pipeline has no output {mount}: it has {}", known());
            return Err(Error::setting("outputs", reason));
        };
        if profile(output).is_none() {
            let reason = format!("{mount} is {}, and HLS carries AAC and MP3", output.content_type());
            return Err(Error::setting("outputs", reason));
        }
    }
    if settings.outputs.is_empty() && outputs.iter().all(|output| profile(output).is_none()) {
        return Err(Error::setting("outputs", "the pipeline has no output of AAC or MP3"));
    }
    Ok(())
}

impl Inner {
    /// Outputs have come, gone or changed.
    pub fn hls_follows(&self, outputs: &Outputs) {
        for hls in &mut self.hls.all().on_air {
            // A decoder has to begin anew for another profile, so all variants do.
            if hls.changes_profile(outputs)
                && let Err(error) = self.replace_hls(hls, hls.settings.clone(), outputs)
            {
                log::error!("{}: HLS at {} cannot begin anew: {error}", self.name, hls.settings.path);
            }
            hls.follow(outputs);
        }
    }

    /// See [`Pipeline::set_hls`].
    pub fn set_hls(&self, wanted: Vec<HlsSettings>) -> Result<()> {
        check_all(&wanted)?;
        self.check_running()?;
        let outputs = self.outputs();
        let declared: Vec<_> = outputs.running().map(|output| &output.declared).collect();
        wanted.iter().try_for_each(|settings| check_outputs(settings, &declared))?;
        let mut all = self.hls.all();
        let All { on_air, leaving } = &mut *all;
        on_air.retain(OnAir::is_alive);
        leaving.retain(OnAir::is_alive);
        // What can be refused comes first: if one cannot begin, nothing has changed.
        let is_new = |settings: &&HlsSettings| on_air.iter().all(|hls| hls.settings.path != settings.path);
        let begun = wanted.iter().filter(is_new).map(|settings| {
            let before = leaving.iter().find(|hls| hls.settings.path == settings.path);
            self.start_hls(settings.clone(), before)
        });
        let begun = begun.collect::<Result<Vec<OnAir>>>()?;
        leaving.retain(|hls| wanted.iter().all(|settings| settings.path != hls.settings.path));
        on_air.extend(begun);
        let is_gone = |hls: &mut OnAir| wanted.iter().all(|settings| settings.path != hls.settings.path);
        for hls in on_air.extract_if(.., is_gone) {
            self.membership().disown(&hls.settings.playlist());
            let _ = hls.to.send(Message::Remove);
            leaving.push(hls);
        }
        for settings in wanted {
            let known = on_air.iter_mut().find(|hls| hls.settings.path == settings.path);
            let Some(hls) = known else { continue };
            match hls.settings.segment == settings.segment {
                true => hls.change(settings, &outputs),
                false => self.replace_hls(hls, settings, &outputs)?,
            }
        }
        Ok(())
    }

    /// Another run takes the place of one. What there is stays on the shelf until the other has something.
    fn replace_hls(&self, hls: &mut OnAir, settings: HlsSettings, outputs: &Outputs) -> Result<()> {
        let mut next = self.start_hls(settings, Some(hls))?;
        next.follow(outputs);
        *hls = next;
        Ok(())
    }

    /// Starts a run, if need be in the place of another one, which lists nothing more.
    fn start_hls(&self, settings: HlsSettings, before: Option<&OnAir>) -> Result<OnAir> {
        let clock = HlsClock::new(self.spec.rate, settings.segment_seconds());
        let clock = clock.ok_or_else(|| Error::setting("segment", "2 to 10 whole seconds"))?;
        let path = &settings.path;
        let room = RoomSettings {
            name: settings.playlist(),
            paths: settings.paths().collect(),
            counted_for: settings.counted_for(),
        };
        let room = self.server()?.open_room(room, before.map(|before| &before.room))?;
        let board = room.board().clone();
        let (to, queue) = unbounded();
        let predecessor = before.map(|before| before.to.clone());
        let publisher = Publisher::new(settings.clone(), clock, room, self.hls.left.clone());
        self.membership().own(&settings.playlist());
        let alive = Arc::new(());
        let lives = Arc::downgrade(&alive);
        self.threads.followers.spawn(&format!("hls:{path}"), move || {
            let _alive = alive;
            publisher.run(&queue, predecessor);
        })?;
        if let Some(before) = before {
            let _ = before.to.send(Message::Retire);
        }
        Ok(OnAir { settings, to, room: board, clock, variants: Vec::new(), lives })
    }
}

impl Pipeline {
    /// Has this HLS from now on. What is new begins with the next segment. Variants, window and counting
    /// change while players go on; another length of segments begins anew, with numbers that go on, and what
    /// there was stays until then. Of what is gone, players are told that nothing follows.
    ///
    /// ```
    /// # fn example(pipeline: &longwave::Pipeline) -> longwave::Result<()> {
    /// use longwave::HlsSettings;
    ///
    /// pipeline.set_hls(vec![HlsSettings::at("/radio", ["/stream.aac", "/low.aac"])])?;
    /// // Players open http://…/radio/hls.m3u8.
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for settings that cannot work, among them outputs that are
    /// not there or are neither AAC nor MP3; [`Error::Exists`](crate::Error::Exists) if a mount or another
    /// HLS is in the way; [`Error::Stopped`](crate::Error::Stopped). Nothing has changed then.
    pub fn set_hls(&self, hls: Vec<HlsSettings>) -> Result<()> {
        self.inner.set_hls(hls)
    }

    /// Its HLS, in the order of their paths. A stopped pipeline has none.
    pub fn hls(&self) -> Vec<HlsInfo> {
        let mut all: Vec<_> = self.inner.hls.all().on_air.iter().map(OnAir::info).collect();
        all.sort_by(|one, other| one.settings.path.cmp(&other.settings.path));
        all
    }
}

impl OnAir {
    /// The mounts of its variants, in their order.
    fn mounts(&self) -> Vec<String> {
        self.variants.iter().map(|variant| variant.mount.clone()).collect()
    }

    fn info(&self) -> HlsInfo {
        HlsInfo {
            settings: self.settings.clone(),
            playlist: self.settings.playlist(),
            variants: self.mounts(),
            counters: self.room.snapshot(),
        }
    }
}
