//! Whether a part of the station works as it should.

/// The health of a pipeline, a server, or a whole station.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// What keeps listeners from hearing the programme, each in a sentence. Empty if all is well.
    pub problems: Vec<String>,
    /// What an operator should look at although the programme goes on, each in a sentence.
    pub warnings: Vec<String>,
}

impl Health {
    /// Whether there are no problems. There may be warnings.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }
}
