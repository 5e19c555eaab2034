//! The state that all handlers share.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use crossbeam::channel::Sender;

use super::changes::Changes;
use super::covers::Covers;
use super::guard::Guard;
use super::login::NewPassword;
use super::media::Media;
use super::metrics::Measuring;
use super::problem::Problem;
use super::transfers::Transfers;
use crate::access::{Allowance, Credential, Identity, Slotted, Turn, Users};
use crate::codec::{read_cover, read_tags};
use crate::error::LeaveReason;
use crate::filework::{FileWork, HANGS_AFTER, NoAnswer, warning_of_looks};
use crate::health::{Health, Warning};
use crate::pipeline::{Plays, Reloader, Sources};
use crate::roots::Bounds;
use crate::{ApiSettings, Entry, Library, Pipeline, RequestsBell, Server, Tags};

/// The number of files whose tags are kept.
const TAGS: usize = 256;

/// How often an address may ask for what costs work and needs no login: as fast as one types, for some
/// seconds.
const PUBLIC_AT_ONCE: u32 = 30;
const PUBLIC_EVERY: Duration = Duration::from_secs(1);

/// How long a request waits for each of its files, and for the tags of a file. A reload waits twice as long.
pub(crate) const FILE_WITHIN: Duration = HANGS_AFTER;

/// The configuration that a station was started from. A reload compares with it.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) file: PathBuf,
    /// The settings that the API uses now.
    pub(crate) api: ApiSettings,
    pub(crate) station: Reloader,
}

/// Who has let a source in.
pub(super) enum Admitted {
    /// It is a user of the station.
    ByUsers,
    /// The application has decided so. It knows the login, of which this is the keyed hash.
    ByApplication([u8; 32]),
}

struct AdmittedSource {
    source: u64,
    who: Identity,
    by: Admitted,
    /// The end of a slot that was told to be near.
    told: Option<SystemTime>,
}

/// So long before its end it is told that a slot ends.
const ENDS_SOON: Duration = Duration::from_secs(300);

/// A station and everything that controls it. The API's threads share it.
pub(crate) struct Core {
    pub(crate) server: Server,
    pub(crate) pipelines: Vec<Pipeline>,
    pub(crate) sources: Sources,
    pub(crate) plays: Plays,
    pub(crate) library: Option<Library>,
    pub(crate) media: ArcSwap<Media>,
    pub(crate) guard: Guard,
    pub(crate) changes: Changes,
    /// Whatever the API does with files.
    pub(crate) files: FileWork,
    /// The questions whether the media roots answer. They have places of their own, for none of them is a
    /// user's.
    pub(super) roots: FileWork,
    pub(crate) transfers: Transfers,
    pub(crate) started: SystemTime,
    pub(super) measuring: Measuring,
    /// Wakes the thread `api` when something has changed.
    pub(super) bell: RequestsBell,
    pub(super) declared: Option<Mutex<Declared>>,
    /// The users file, if there is one. Whoever changes it, or reads it again, holds the lock for as long as the
    /// disk takes.
    pub(super) users_file: Mutex<Option<PathBuf>>,
    /// The users who are in no file.
    pub(crate) fixed_users: Users,
    /// Where the thread `login` takes passwords to be hashed.
    pub(super) new_passwords: OnceLock<Sender<NewPassword>>,
    /// The sources that were let in, who they are, and by whom they were.
    admitted: Mutex<Vec<AdmittedSource>>,
    /// How often strangers have asked.
    strangers: Mutex<Allowance>,
    pub(super) covers: Covers,
    /// The tags of files that come up next, if they have been read.
    tags: Mutex<HashMap<PathBuf, Tags>>,
}

impl Core {
    pub(crate) fn new(
        server: Server,
        pipelines: Vec<Pipeline>,
        sources: Sources,
        media: Media,
        guard: Guard,
        declared: Option<Declared>,
        bell: RequestsBell,
    ) -> Core {
        let covers = Covers::new(&server);
        Core {
            server,
            pipelines,
            sources,
            plays: Plays::default(),
            library: None,
            media: ArcSwap::from_pointee(media),
            guard,
            changes: Changes::default(),
            files: FileWork::new(),
            roots: FileWork::new(),
            transfers: Transfers::default(),
            started: SystemTime::now(),
            measuring: Measuring::default(),
            bell,
            declared: declared.map(Mutex::new),
            users_file: Mutex::default(),
            fixed_users: Users::default(),
            new_passwords: OnceLock::new(),
            admitted: Mutex::default(),
            strangers: Mutex::new(Allowance::new(PUBLIC_AT_ONCE, PUBLIC_EVERY)),
            covers,
            tags: Mutex::default(),
        }
    }

    /// The same with what the station plays written down there.
    pub(crate) fn with_plays(self, plays: Plays) -> Core {
        Core { plays, ..self }
    }

    /// The same with a library.
    pub(super) fn with_library(self, library: Option<Library>) -> Core {
        Core { library, ..self }
    }

    /// The same with users there.
    pub(super) fn with_users(self, settings: &ApiSettings) -> Core {
        let (users_file, fixed_users) = (Mutex::new(settings.users_file.clone()), settings.users.clone());
        Core { users_file, fixed_users, ..self }
    }

    /// Counts a question that anybody may ask, and that costs work.
    pub(crate) fn let_stranger_ask(&self, address: IpAddr) -> Result<(), Problem> {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        strangers.ask(address, Instant::now()).map_err(|wait| {
            Problem::new("too-many-requests", "this address asks too often").retry_after(wait)
        })
    }

    /// The pipeline with this name.
    pub(crate) fn pipeline(&self, name: &str) -> Result<&Pipeline, Problem> {
        let found = self.pipelines.iter().find(|pipeline| pipeline.name() == name);
        found.ok_or_else(|| Problem::new("not-found", format!("there is no pipeline {name:?}")))
    }

    /// The pipeline that feeds this mount.
    pub(crate) fn feeding(&self, mount: &str) -> Option<&Pipeline> {
        self.pipelines.iter().find(|pipeline| pipeline.mounts().iter().any(|own| own == mount))
    }

    /// Notes whose source this is.
    pub(super) fn admitted(&self, source: u64, who: Identity, by: Admitted) {
        let mut admitted = self.those_admitted();
        admitted.retain(|known| known.source != source);
        admitted.push(AdmittedSource { source, who, by, told: None });
    }

    /// Whose login this is, if the application has let a source in by it that is still here.
    pub(super) fn guest(&self, credential: &Credential) -> Option<Identity> {
        let Credential::Login { name, password } = credential else { return None };
        let digest = self.guard.digest(name, password);
        let admitted = self.those_admitted();
        let has_login = |by: &Admitted| matches!(by, Admitted::ByApplication(known) if *known == digest);
        admitted.iter().find(|known| has_login(&known.by)).map(|known| known.who.clone())
    }

    /// The sources that were let in and are still here.
    fn those_admitted(&self) -> MutexGuard<'_, Vec<AdmittedSource>> {
        let here = self.sources.list();
        let mut admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        admitted.retain(|known| here.iter().any(|source| source.id == known.source));
        admitted
    }

    /// Lets sources go whose users were changed or removed, or have expired, or whose slot is over. Tells of
    /// slots that are nearly over.
    pub(super) fn look_at_sources(&self, now: SystemTime) {
        let mut admitted = self.those_admitted();
        admitted.retain_mut(|AdmittedSource { source, who, by, told }| {
            let is_known = matches!(by, Admitted::ByApplication(_)) || self.guard.still_knows(who);
            let reason = match who.limits.slotted(now) {
                _ if !is_known => LeaveReason::Revoked,
                Slotted::Next(..) | Slotted::Never => LeaveReason::SlotEnded,
                Slotted::Always => return true,
                Slotted::Now(Turn { ends, until, .. }) => {
                    if now + ENDS_SOON >= ends && *told != Some(ends) {
                        *told = Some(ends);
                        self.sources.tell_ends_soon(*source, ends, until);
                    }
                    return true;
                }
            };
            // It may have left by itself.
            let _ = self.sources.let_go(*source, reason);
            false
        });
    }

    /// The tags of a file, if they have been read.
    pub(crate) fn known_tags(&self, file: &Path) -> Option<Tags> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner).get(file).cloned()
    }

    /// Whether the file of an entry was looked at, lately.
    pub(crate) fn knows(&self, file: &Path) -> bool {
        self.covers.knows(file) && self.known_tags(file).is_some()
    }

    /// Reads and keeps the tags and the cover of an entry's file. A file that cannot be read, or not in time,
    /// has none.
    pub(crate) fn read_tags(&self, entry: &Entry) {
        let own = entry.path.clone();
        let bounds = if entry.confined { self.media.load().bounds() } else { Bounds::Anywhere };
        let read = move |_: &_| (read_tags(&own, &bounds), read_cover(&own, &bounds));
        let (tags, cover) = self.files.within(&entry.path, FILE_WITHIN, read).ok().unzip();
        self.covers.keep(&entry.path, cover.and_then(Result::ok).flatten());
        let mut known = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= TAGS {
            known.clear();
        }
        known.insert(entry.path.clone(), tags.and_then(Result::ok).unwrap_or_default());
    }

    /// The health of each pipeline, with its name, and of the server and all else.
    pub(crate) fn health(&self) -> Vec<(Option<&str>, Health)> {
        let of_pipelines = self.pipelines.iter().map(|pipeline| (Some(pipeline.name()), pipeline.health()));
        let mut health = self.server.health();
        // These name nobody.
        let users = self.guard.warnings(SystemTime::now());
        health.warn(users.into_iter().map(|warning| Warning::new(warning.clone(), warning)));
        health.warn(self.sources.recordings().warnings());
        health.warn(self.plays.warnings());
        health.warn(self.library.iter().flat_map(Library::warnings));
        health.warn(self.warnings());
        of_pipelines.chain([(None, health)]).collect()
    }

    /// What an operator should know of the API's own work.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let warning = |public: &str, detail| Warning::new(format!("{public}: {detail}"), public);
        let hangs = |detail| warning("requests, or a reload, wait for files", detail);
        let looks = |detail| warning("the configuration names files that do not answer", detail);
        let roots = |detail| warning("media roots do not answer", detail);
        let (files, own) = (self.files.warning().map(hangs), self.roots.warning().map(roots));
        files.into_iter().chain(own).chain(warning_of_looks().map(looks)).collect()
    }
}

impl From<NoAnswer> for Problem {
    fn from(reason: NoAnswer) -> Problem {
        Problem::new("file-hangs", reason.to_string()).retry_after(HANGS_AFTER)
    }
}
