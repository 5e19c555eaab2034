//! Whether a part of the station works as it should.

use crate::names::named;

/// The health of a pipeline, a server, or a whole station.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// What keeps listeners from hearing the programme, each in a sentence. Empty if all is well.
    pub problems: Vec<String>,
    /// The kinds of the problems, in the same order.
    pub kinds: Vec<ProblemKind>,
    /// What an operator should look at although the programme goes on, each in a sentence.
    pub warnings: Vec<String>,
    /// The warnings as strangers may read them, in the same order: without paths, names of files and
    /// addresses. (Problems never have any.)
    pub public_warnings: Vec<String>,
}

named! {
    /// What a problem is about.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum ProblemKind {
        /// A server or pipeline is stopped, or has no output.
        OffAir = "off-air",
        /// It is silent although something should sound.
        DeadAir = "dead-air",
        /// The mixer does not keep up with its clock.
        Behind = "behind",
        /// The fallback is on the air.
        Fallback = "fallback",
        /// Nothing that can be played is up next.
        NothingToPlay = "nothing-to-play",
        /// An encoder has failed, or makes no progress.
        Encoder = "encoder",
        /// The thread of an HLS has ended.
        Hls = "hls",
        /// A hook of the application does not end.
        Hook = "hook",
        /// What an application writes to a mount is not of its content type.
        Unreadable = "unreadable",
    }
}

/// A warning, as an operator and as strangers may read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Warning {
    pub whole: String,
    pub public: String,
}

impl Warning {
    pub fn new(whole: impl Into<String>, public: impl Into<String>) -> Warning {
        Warning { whole: whole.into(), public: public.into() }
    }
}

impl Health {
    /// Adds problems of a kind.
    pub(crate) fn add(&mut self, kind: ProblemKind, problems: impl IntoIterator<Item = String>) {
        self.problems.extend(problems);
        self.kinds.resize(self.problems.len(), kind);
    }

    /// Adds warnings.
    pub(crate) fn warn(&mut self, warnings: impl IntoIterator<Item = Warning>) {
        for Warning { whole, public } in warnings {
            self.warnings.push(whole);
            self.public_warnings.push(public);
        }
    }

    /// Whether there are no problems. There may be warnings.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }
}
