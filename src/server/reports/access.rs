//! Which requests are in the access log, and where it is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use log::Level;

use super::access_file::{AccessFile, OPENS_WITHIN, Opening};
use super::stats::Counters;
use crate::error::{Error, Result, is_passing};
use crate::filework::{FileWork, NoAnswer};
use crate::health::Warning;
use crate::server::client_address::Addresses;
use crate::server::settings::{AccessLog, ServerSettings};

/// How long a file that is no longer the access log has for what waits.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The access log of a server. Changing it waits for nobody who writes.
#[derive(Debug)]
pub(crate) struct Access {
    rules: ArcSwap<Rules>,
    /// Opening files.
    work: FileWork,
    counters: Arc<Counters>,
}

/// What the settings say of the access log.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) to: Destination,
    /// Whether the polls of the API are in it.
    pub(crate) polls: bool,
    /// What is shown of addresses: here, and wherever else they leave the server.
    pub(crate) addresses: Addresses,
}

#[derive(Clone, Debug)]
pub(crate) enum Destination {
    Log,
    Nowhere,
    File(Arc<AccessFile>),
}

impl Access {
    /// Opens what the settings name. A file whose disk does not answer gets its lines when it does: no station
    /// is kept from starting for it.
    pub(crate) fn start(settings: &ServerSettings, counters: Arc<Counters>) -> Result<Access> {
        let none = Rules { to: Destination::Nowhere, polls: false, addresses: settings.addresses };
        let access = Access { rules: ArcSwap::from_pointee(none), work: FileWork::new(), counters };
        let go_on = |file: AccessFile| {
            log::warn!("the access log {} does not open: its lines wait", file.path().display());
            Ok(file)
        };
        // Reading the configuration may have left a thread that hangs on the same file.
        let rules = access.opened(settings, &access.work.ordered(), go_on)?;
        access.rules.store(Arc::new(rules));
        Ok(access)
    }

    pub(crate) fn rules(&self) -> arc_swap::Guard<Arc<Rules>> {
        self.rules.load()
    }

    /// Opens what the settings name, unless it is open already. Nothing changes yet. A file whose disk does not
    /// answer is refused: the log goes on where it is.
    pub(crate) fn prepared(&self, settings: &ServerSettings) -> Result<Rules> {
        // Its thread ends when the disk answers, and is the only one on this file until then.
        let refuse = |file: AccessFile| Err(NoAnswer::Late(OPENS_WITHIN).of(file.path()));
        self.opened(settings, &self.work, refuse)
    }

    fn opened(
        &self,
        settings: &ServerSettings,
        work: &FileWork,
        late: impl FnOnce(AccessFile) -> Result<AccessFile>,
    ) -> Result<Rules> {
        let to = match (&settings.access_log, &self.rules().to) {
            (AccessLog::Log, _) => Destination::Log,
            (AccessLog::Off, _) => Destination::Nowhere,
            (AccessLog::File(path), Destination::File(file)) if file.path() == path => {
                Destination::File(Arc::clone(file))
            }
            (AccessLog::File(path), _) => {
                let opening = AccessFile::open(path, work, Arc::clone(&self.counters));
                let file = match opening.map_err(|reason| reason.of(path))? {
                    Opening::Open(file) => file,
                    Opening::Late(file) => late(file)?,
                    Opening::Refused(error) => {
                        if is_passing(&error) {
                            let reason = format!("it cannot be written: {error}");
                            return Err(Error::NoAnswer { path: path.clone(), reason });
                        }
                        let reason = format!("{} cannot be written: {error}", path.display());
                        return Err(Error::setting("access_log", reason));
                    }
                };
                Destination::File(Arc::new(file))
            }
        };
        Ok(Rules { to, polls: settings.access_log_api, addresses: settings.addresses })
    }

    /// Applies what was prepared. A file that is not used any more is closed.
    pub(crate) fn apply(&self, rules: Rules) {
        let rules = Arc::new(rules);
        let before = self.rules.swap(Arc::clone(&rules));
        match (&before.to, &rules.to) {
            (Destination::File(before), Destination::File(now)) if Arc::ptr_eq(before, now) => {}
            (Destination::File(before), _) => drop(before.end(Instant::now() + LAST_LINES)),
            _ => {}
        }
    }

    /// Opens the file anew, if there is one.
    pub(crate) fn reopen(&self) {
        if let Destination::File(file) = &self.rules().to {
            file.reopen();
        }
    }

    /// What is wrong with the file, or with one that was to take its place.
    pub(crate) fn warning(&self) -> Option<Warning> {
        let fault = match &self.rules().to {
            Destination::File(file) => file.fault(),
            Destination::Log | Destination::Nowhere => None,
        };
        let fault = fault.map(|whole| Warning::new(whole, "the access log is not written"));
        fault
            .or_else(|| Some(Warning::new(self.work.warning()?, "the disk of an access log does not answer")))
    }

    /// Writes what waits. Returns the name of the thread if it does not end by `deadline`.
    pub(crate) fn end(&self, deadline: Instant) -> Option<String> {
        match &self.rules().to {
            Destination::File(file) => file.end(deadline),
            Destination::Log | Destination::Nowhere => None,
        }
    }
}

impl Rules {
    /// Whether lines may be written at all. The reactor runs no code of the host, so it does not ask the logger
    /// about the target. The thread `journal` does.
    pub(crate) fn want_requests(&self) -> bool {
        match self.to {
            Destination::Log => log::max_level() >= Level::Info,
            Destination::Nowhere => false,
            Destination::File(_) => true,
        }
    }

    /// Whether an answer with this status is in the log. Wrong credentials are in it even where polls are not.
    pub(crate) fn want(&self, is_poll: bool, status: u16) -> bool {
        !is_poll || self.polls || matches!(status, 401 | 403 | 429)
    }
}
