//! Whether a part of the station works as it should.

/// The health of a pipeline, a server, or a whole station.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// What keeps listeners from hearing the programme, each in a sentence. Empty if all is well.
    pub problems: Vec<String>,
    /// What an operator should look at although the programme goes on, each in a sentence.
    pub warnings: Vec<String>,
    /// The warnings as strangers may read them, in the same order: without paths, names of files and
    /// addresses. (Problems never have any.)
    pub public_warnings: Vec<String>,
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
