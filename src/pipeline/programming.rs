//! What a pipeline plays next: the list and the thread that reads it, the fallback, and how tracks are
//! opened, named, and joined.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::control::ListOptions;
use super::declared::DeclaredOrder;
use super::levelling::Levelling;
use super::lists::{Lists, Load};
use super::settings::PipelineSettings;
use crate::audio::PcmSpec;
use crate::codec::file::AudioFile;
use crate::engine::chooser::Chooser;
use crate::engine::crew::Crew;
use crate::engine::decode::Source;
use crate::engine::picker::{Open, Picker, TitleFormat};
use crate::engine::planner::Planner;
use crate::engine::programme::Transitions;
use crate::engine::shared::{Locked, SharedUpNext};
use crate::error::Result;
use crate::event::Emitter;
use crate::filework::{FileWork, HANGS_AFTER};
use crate::health::Warning;
use crate::ids::EntryId;
use crate::library::Library;
use crate::metadata::{Tags, format_title};
use crate::playout::{Entry, GiveWay, ListState, RunningOrder, UpNext};
use crate::roots::MediaRoots;
use crate::staff::{Round, Rounds};
use crate::units::FrameCount;

/// The programming of one pipeline. Its `lists` threads are of the pipeline's decoders.
pub(super) struct Programming {
    pub up_next: Arc<SharedUpNext>,
    /// How many tracks have begun to sound.
    pub begun: Arc<AtomicU64>,
    /// An entry that does not start at its beginning, because it was on the air before a restart.
    pub goes_on_at: Arc<Mutex<Option<(EntryId, FrameCount)>>>,
    /// What the settings say of the order of the playlist.
    pub declared: Arc<Mutex<DeclaredOrder>>,
    lists: Arc<Lists>,
    /// The folders below which confined entries are opened.
    pub media_roots: MediaRoots,
    fallback: Fallback,
    /// What is done with files, except for the fallback's.
    pub files: FileWork,
    spec: PcmSpec,
    open: Arc<Open>,
    title: Arc<Mutex<Arc<TitleFormat>>>,
    levelling: Arc<Levelling>,
    /// Knows what a person has said of tracks.
    library: Option<Library>,
    transitions: Mutex<Transitions>,
    skip_crossfade: Duration,
}

/// What stands in when nothing else can be played.
struct Fallback {
    up_next: Arc<SharedUpNext>,
    files: FileWork,
    /// Reads it, if one is declared.
    lists: Option<Arc<Lists>>,
}

impl Programming {
    /// Has the fallback read.
    pub fn start(settings: &PipelineSettings, decoders: &Arc<Crew>, rounds: &Rounds) -> Result<Programming> {
        let name: Arc<str> = settings.name.as_str().into();
        let [up_next, instead] = [(); 2]
            .map(|()| Arc::new(SharedUpNext::new(RunningOrder::new(UpNext::new(fastrand::Rng::new())))));
        let media_roots = MediaRoots::new(settings.media_roots.clone());
        let [files, instead_files] = [(); 2].map(|()| FileWork::new());
        let start = |up_next: &Arc<SharedUpNext>, files: &FileWork| {
            let (up_next, files, crew) = (up_next.clone(), files.clone(), decoders.clone());
            let library = settings.library.clone();
            let lists = Lists::new(name.clone(), up_next, media_roots.clone(), files, crew, library);
            let looked_after: Arc<dyn Round> = lists.clone();
            rounds.add(Arc::downgrade(&looked_after)).map(|()| lists)
        };
        let lists = start(&up_next, &files)?;
        let read_fallback = |path: &PathBuf| -> Result<Arc<Lists>> {
            let lists = start(&instead, &instead_files)?;
            lists.load(Load::new(vec![path.clone()], true, true));
            Ok(lists)
        };
        let instead_lists = settings.fallback.as_ref().map(read_fallback).transpose()?;
        let PipelineSettings { crossfade, fade_in, fade_out, .. } = *settings;
        Ok(Programming {
            up_next,
            begun: Arc::default(),
            goes_on_at: Arc::default(),
            declared: Arc::new(Mutex::new(DeclaredOrder::of(settings))),
            lists,
            media_roots: media_roots.clone(),
            fallback: Fallback { up_next: instead, files: instead_files, lists: instead_lists },
            files,
            spec: settings.spec,
            open: Arc::new(move |entry, spec| {
                let bounds = media_roots.bounds(entry.confined);
                Ok(Box::new(AudioFile::open_within(&bounds, &entry.path, spec)?))
            }),
            title: Arc::new(Mutex::new(Arc::new(|entry: &Entry, tags: &Tags| {
                format_title(entry.title.as_deref(), tags, entry.extinf.as_deref(), &entry.path)
            }))),
            levelling: Arc::new(Levelling::new(
                settings.loudness_lufs,
                settings.replaygain,
                settings.heard_tracks.clone(),
            )),
            library: settings.library.clone(),
            transitions: Mutex::new(Transitions { crossfade, fade_in, fade_out }),
            skip_crossfade: settings.skip_crossfade,
        })
    }

    /// The tags of a file, in which what a person has said goes before what the file says. It waits for the
    /// library's disk, for as long as a file may.
    pub fn corrected(&self, file: &Path, mut tags: Tags) -> Tags {
        correct(self.library.as_ref(), file, &mut tags);
        tags
    }

    /// Lets the threads that read lists end.
    pub fn stop(&self) {
        self.lists.stop();
        self.fallback.lists.iter().for_each(|lists| lists.stop());
    }

    /// Waits for the threads `files`. Gives those that hang.
    pub fn settle(&self, deadline: Instant) -> Vec<String> {
        let mut hanging = self.files.join(deadline);
        hanging.extend(self.fallback.files.join(deadline));
        hanging
    }

    /// What picks the mixer's tracks.
    pub fn picker(
        &self,
        pipeline: Arc<str>,
        emitter: Emitter,
        crew: Arc<Crew>,
        chooser: Option<Chooser>,
        planner: Arc<dyn Planner>,
        stopping: Arc<AtomicBool>,
    ) -> Picker {
        let (levelling, library) = (self.levelling.clone(), self.library.clone());
        Picker {
            pipeline,
            spec: self.spec,
            up_next: self.up_next.clone(),
            fallback: self.fallback.up_next.clone(),
            begun: self.begun.clone(),
            goes_on_at: self.goes_on_at.clone(),
            open: self.open.clone(),
            title: self.title.clone(),
            sound: Arc::new(move |entry: &Entry, tags: &Tags| levelling.sound(entry, tags)),
            correct: Arc::new(move |file: &Path, tags: &mut Tags| correct(library.as_ref(), file, tags)),
            emitter,
            crew,
            files: self.files.clone(),
            fallback_files: self.fallback.files.clone(),
            chooser,
            planner: Some(planner),
            stopping,
        }
    }

    /// Puts the first playlist up next. `restored` is the list of a restored state: if it is the same one, it
    /// goes on where it was, with the entries that it has now. A stepped clock waits until all of the list
    /// has been read.
    pub fn load_first(&self, settings: &PipelineSettings, restored: Option<ListState>) {
        if settings.playlist.is_empty() {
            return;
        }
        let load = Load::new(settings.playlist.clone(), settings.repeat, settings.shuffle);
        match restored.filter(|list| list.name == load.name) {
            Some(list) => self.lists.load(Load { in_place_of: Some(list.id), ..load }),
            None => self.lists.load_first(load, settings.clock.is_stepped()),
        }
    }

    /// Notes what new settings say of the order of the playlist, which they have been applied to.
    pub fn declare(&self, settings: &PipelineSettings) {
        *self.declared.lock().unwrap_or_else(PoisonError::into_inner) = DeclaredOrder::of(settings);
    }

    /// Reads a list on the `lists` thread.
    pub fn load(&self, roots: Vec<PathBuf>, options: &ListOptions) {
        let mut load = Load::new(roots, options.repeat, options.shuffle);
        load.when = options.when;
        load.give_way = GiveWay::Crossfade(self.quick_crossfade());
        load.confined = options.confined;
        self.lists.load(load);
    }

    /// What is up next, to be read or changed.
    pub fn lock(&self) -> Locked<'_> {
        self.up_next.lock()
    }

    /// Opens the file of an entry and does something with it, on another thread. It waits for that, but not
    /// for a disk that does not answer.
    pub fn open<T: Send + 'static>(
        &self,
        entry: &Entry,
        then: impl FnOnce(Box<dyn Source>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (open, own, spec) = (self.open.clone(), entry.clone(), self.spec);
        let opened = self.files.within(&entry.path, HANGS_AFTER, move |_| open(&own, spec).and_then(then));
        opened.map_err(|reason| reason.of(&entry.path))?
    }

    /// What an operator should know of its disks.
    pub fn warnings(&self) -> impl Iterator<Item = Warning> {
        let public = "the disk of a file does not answer";
        let of_fallback =
            |warning| Warning::new(format!("the fallback: {warning}"), format!("the fallback: {public}"));
        let fallback = self.fallback.files.warning().map(of_fallback);
        self.files.warning().map(|warning| Warning::new(warning, public)).into_iter().chain(fallback)
    }

    /// What is done to files as they are played.
    pub fn levelling(&self) -> &Arc<Levelling> {
        &self.levelling
    }

    /// How tracks meet.
    pub fn transitions(&self) -> MutexGuard<'_, Transitions> {
        self.transitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the crossfade of a skip takes.
    pub fn skip_crossfade(&self) -> Duration {
        self.skip_crossfade
    }

    /// How long the crossfade into a playlist takes that is to come now.
    pub fn quick_crossfade(&self) -> Duration {
        self.transitions().crossfade.time().max(self.skip_crossfade)
    }

    /// How titles are made from now on.
    pub fn set_title_format(&self, format: Arc<TitleFormat>) {
        *self.title.lock().unwrap_or_else(PoisonError::into_inner) = format;
    }
}

/// Has the library say of the tags of a file what a person has said.
fn correct(library: Option<&Library>, file: &Path, tags: &mut Tags) {
    if let Some(library) = library {
        library.correct(file, tags);
    }
}
