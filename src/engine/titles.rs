//! Which title each output carries: the sounding track's, unless the application has set another.

use std::sync::Arc;

use super::job::OutputId;
use crate::ids::EntryId;
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

/// What the application says about titles.
#[derive(Clone, Debug)]
pub(crate) enum TitleOrder {
    Set(Arc<Title>, TitleHolds),
    /// The sounding track's title holds again.
    Clear,
}

/// The titles in force. A title for one output wins over one for all.
#[derive(Debug, Default)]
pub(crate) struct Titles {
    track: Arc<Title>,
    for_all: Option<Set>,
    for_one: Vec<(OutputId, Set)>,
    /// Orders that came while this entry was due, and take effect when it begins.
    later: Vec<(EntryId, Option<OutputId>, TitleOrder)>,
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

    /// A track begins. `entry` is its entry; the fallback's have none.
    pub fn begin(&mut self, track: Arc<Title>, entry: Option<EntryId>) {
        self.track = track;
        self.for_all.take_if(|set| set.holds == TitleHolds::UntilNextTrack);
        self.for_one.retain(|one| one.1.holds == TitleHolds::UntilCleared);
        let Some(entry) = entry else { return };
        for (due, output, order) in std::mem::take(&mut self.later) {
            // A track that was skipped before it began has no title.
            let is_over = due != entry && matches!(order, TitleOrder::Set(_, TitleHolds::UntilNextTrack));
            if !is_over {
                self.obey(output, order);
            }
        }
    }

    /// The application orders something, for one output or for all (which replaces titles for one).
    pub fn obey(&mut self, output: Option<OutputId>, order: TitleOrder) {
        self.clear(output);
        let TitleOrder::Set(title, holds) = order else { return };
        let set = Set { title, holds };
        match output {
            Some(output) => self.for_one.push((output, set)),
            None => self.for_all = Some(set),
        }
    }

    /// The same, once the entry that is due has begun.
    pub fn obey_later(&mut self, due: EntryId, output: Option<OutputId>, order: TitleOrder) {
        self.later.push((due, output, order));
    }

    fn clear(&mut self, output: Option<OutputId>) {
        match output {
            Some(output) => self.for_one.retain(|one| one.0 != output),
            None => {
                self.for_all = None;
                self.for_one.clear();
            }
        }
    }
}
