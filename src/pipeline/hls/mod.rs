//! HLS of a pipeline: which there are, what they are made from, and how they come and go on the air.

mod publisher;
mod settings;
mod tap;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam::channel::{Sender, unbounded};

use self::publisher::{Message, Publisher, VariantSetup};
pub(crate) use self::settings::HLS;
pub use self::settings::HlsSettings;
pub(super) use self::settings::check_all;
pub(super) use self::tap::Outlets;
use super::Pipeline;
use super::outputs::{Outputs, RunningOutput};
use super::running::Inner;
use super::settings::OutputSettings;
use crate::error::{Error, Result};
use crate::hls::{HlsClock, LastRun, Profile};
use crate::server::{HlsCounters, RoomBoard, RoomSettings};

/// Sessions end after so many segments without a request for a playlist. Players ask at least once a segment.
const SILENT_SEGMENTS: u32 = 3;

/// The HLS of a pipeline.
#[derive(Debug, Default)]
pub(super) struct HlsTable {
    on_air: Mutex<Vec<OnAir>>,
    left: LeftRuns,
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
    /// Whether it is removed, and only its last playlists are still there.
    is_leaving: bool,
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

    /// Ends all: players shall come back. Their threads end soon.
    pub fn stop(&self) {
        for hls in self.on_air().drain(..) {
            let _ = hls.to.send(Message::Stop);
        }
    }

    fn on_air(&self) -> MutexGuard<'_, Vec<OnAir>> {
        self.on_air.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Takes the packets of the outputs that it names, and tells its thread which they are.
    fn follow(&mut self, outputs: &Outputs) {
        let wanted = variants(&self.settings, outputs);
        for (setup, output) in &wanted {
            if !self.variants.iter().any(|known| known.id == setup.id) {
                output.outlets.attach(self.to.clone(), setup.id, self.clock);
            }
        }
        let variants: Vec<_> = wanted.into_iter().map(|(setup, _)| setup).collect();
        if variants != self.variants {
            self.variants.clone_from(&variants);
            self.room.carry(self.mounts());
            let _ = self.to.send(Message::Variants(variants));
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
        for hls in self.hls.on_air().iter_mut().filter(|hls| !hls.is_leaving) {
            // A decoder has to begin anew for another profile, so all variants do.
            if hls.changes_profile(outputs) {
                let _ = hls.to.send(Message::Stop);
                match self.start_hls(hls.settings.clone()) {
                    Ok(anew) => *hls = anew,
                    Err(error) => log::error!("{}: HLS at {} ends: {error}", self.name, hls.settings.path),
                }
            }
            hls.follow(outputs);
        }
    }

    /// See [`Pipeline::set_hls`].
    pub fn set_hls(&self, all: Vec<HlsSettings>) -> Result<()> {
        check_all(&all)?;
        self.check_running()?;
        let outputs = self.outputs();
        let declared: Vec<_> = outputs.running().map(|output| &output.declared).collect();
        all.iter().try_for_each(|settings| check_outputs(settings, &declared))?;
        let mut on_air = self.hls.on_air();
        for hls in on_air.iter_mut().filter(|hls| !hls.is_leaving) {
            if !all.iter().any(|settings| settings.path == hls.settings.path) {
                hls.is_leaving = true;
                self.membership().disown(&hls.settings.playlist());
                let _ = hls.to.send(Message::Remove);
            }
        }
        for settings in all {
            let path = &settings.path;
            if on_air.iter().any(|hls| !hls.is_leaving && hls.settings == settings) {
                continue;
            }
            // Another run takes its place. Its numbers go on, and its segments are new.
            for hls in on_air.extract_if(.., |hls| hls.settings.path == *path) {
                let _ = hls.to.send(Message::Stop);
            }
            let mut hls = self.start_hls(settings)?;
            hls.follow(&outputs);
            on_air.push(hls);
        }
        Ok(())
    }

    fn start_hls(&self, settings: HlsSettings) -> Result<OnAir> {
        let clock = HlsClock::new(self.spec.rate, settings.segment_seconds());
        let clock = clock.ok_or_else(|| Error::setting("segment", "2 to 10 whole seconds"))?;
        let path = &settings.path;
        let room = self.server()?.open_room(RoomSettings {
            name: settings.playlist(),
            paths: settings.paths().collect(),
            counted_for: settings.count.then_some(settings.segment * SILENT_SEGMENTS),
        })?;
        let board = room.board().clone();
        let (to, queue) = unbounded();
        let publisher = Publisher::new(settings.clone(), clock, room, self.hls.left.clone());
        self.membership().own(&settings.playlist());
        self.threads.followers.spawn(&format!("hls:{path}"), move || publisher.run(&queue))?;
        Ok(OnAir { settings, to, room: board, clock, variants: Vec::new(), is_leaving: false })
    }
}

impl Pipeline {
    /// Has this HLS from now on. What is new begins with the next segment; what has changed begins anew, with
    /// numbers that go on; of what is gone, players are told that nothing follows.
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
    /// not there or are neither AAC nor MP3, and nothing has changed then;
    /// [`Error::Exists`](crate::Error::Exists) if a mount is in the way;
    /// [`Error::Stopped`](crate::Error::Stopped).
    pub fn set_hls(&self, all: Vec<HlsSettings>) -> Result<()> {
        self.inner.set_hls(all)
    }

    /// Its HLS, in the order of their paths. A stopped pipeline has none.
    pub fn hls(&self) -> Vec<HlsInfo> {
        let on_air = self.inner.hls.on_air();
        let mut all: Vec<_> = on_air.iter().filter(|hls| !hls.is_leaving).map(OnAir::info).collect();
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
