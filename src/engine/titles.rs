//! Which title each output carries: the sounding track's, unless the application has set another.

use std::sync::Arc;

use super::job::OutputId;
use crate::metadata::Title;

/// How long a title that an application has set holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TitleHolds {
    /// Until the next track begins.
    #[default]
    UntilNextTrack,
    /// Until it is cleared.
    UntilCleared,
}

/// The titles in force. A title for one output wins over one for all.
#[derive(Debug, Default)]
pub(crate) struct Titles {
    track: Arc<Title>,
    for_all: Option<Set>,
    for_one: Vec<(OutputId, Set)>,
}

#[derive(Clone, Debug)]
struct Set {
    title: Arc<Title>,
    holds: TitleHolds,
}

impl Titles {
    /// What an output carries now.
    pub fn of(&self, output: OutputId) -> &Arc<Title> {
        let own = self.for_one.iter().find(|one| one.0 == output).map(|one| &one.1);
        own.or(self.for_all.as_ref()).map_or(&self.track, |set| &set.title)
    }

    /// A track begins.
    pub fn begin(&mut self, track: Arc<Title>) {
        self.track = track;
        self.for_all.take_if(|set| set.holds == TitleHolds::UntilNextTrack);
        self.for_one.retain(|one| one.1.holds == TitleHolds::UntilCleared);
    }

    /// The application sets a title, for one output or for all (which replaces those for one).
    pub fn set(&mut self, output: Option<OutputId>, title: Arc<Title>, holds: TitleHolds) {
        self.clear(output);
        let set = Set { title, holds };
        match output {
            Some(output) => self.for_one.push((output, set)),
            None => self.for_all = Some(set),
        }
    }

    /// The sounding track's title holds again.
    pub fn clear(&mut self, output: Option<OutputId>) {
        match output {
            Some(output) => self.for_one.retain(|one| one.0 != output),
            None => {
                self.for_all = None;
                self.for_one.clear();
            }
        }
    }
}
