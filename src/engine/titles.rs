//! Which title each output carries: that of the sounding track or live input, unless the application has set
//! another.

use std::sync::Arc;

use super::job::OutputId;
use crate::metadata::Title;
use crate::playout::Due;

/// How long a title that an application has set holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TitleHolds {
    /// Until the next track begins, or a live input comes on the air or leaves it.
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

impl TitleOrder {
    /// Whether it is only for one track.
    fn is_for_one_track(&self) -> bool {
        matches!(self, TitleOrder::Set(_, TitleHolds::UntilNextTrack))
    }
}

/// The titles in force. A title for one output wins over one for all.
#[derive(Debug, Default)]
pub(crate) struct Titles {
    track: Arc<Title>,
    /// The title of the live input that is on the air.
    live: Option<Arc<Title>>,
    for_all: Option<Set>,
    for_one: Vec<(OutputId, Set)>,
    /// Orders that came while an entry was due, and take effect when it begins. For an output, and for all of
    /// them, there is one at most that lasts, and one that is only for that entry.
    later: Vec<(Due, Option<OutputId>, TitleOrder)>,
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
        let programme = self.live.as_ref().unwrap_or(&self.track);
        own.or(self.for_all.as_ref()).map_or(programme, |set| &set.title)
    }

    /// A track begins. `began` is its entry, and the turn that it has; the fallback's have none.
    pub fn begin(&mut self, track: Arc<Title>, began: Option<Due>) {
        self.track = track;
        self.forget_passing();
        let Some(began) = began else { return };
        for (due, output, order) in std::mem::take(&mut self.later) {
            // A track that was skipped before it began has no title.
            if due == began || !order.is_for_one_track() {
                self.obey(output, order);
            }
        }
    }

    /// A live input is on the air, with this title; `None`: the programme is again. What the application has
    /// said of the one is not for the other.
    pub fn go_live(&mut self, title: Option<Arc<Title>>) {
        if title.is_some() != self.live.is_some() {
            self.forget_passing();
        }
        self.live = title;
    }

    /// Forgets what holds until the next track.
    fn forget_passing(&mut self) {
        self.for_all.take_if(|set| set.holds == TitleHolds::UntilNextTrack);
        self.for_one.retain(|one| one.1.holds == TitleHolds::UntilCleared);
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
    pub fn obey_later(&mut self, due: Due, output: Option<OutputId>, order: TitleOrder) {
        // An entry may be due for hours, if its disk does not answer: what this order replaces is not kept.
        let replaces = |of: Option<OutputId>, earlier: &TitleOrder| {
            (output.is_none() || output == of) && (earlier.is_for_one_track() || !order.is_for_one_track())
        };
        self.later.retain(|(was_due, of, earlier)| {
            let is_over = *was_due != due && earlier.is_for_one_track();
            !is_over && !replaces(*of, earlier)
        });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::EntryId;

    const ALL: Option<OutputId> = None;
    const ONE: Option<OutputId> = Some(OutputId(1));

    fn due(entry: u64, turn: u64) -> Due {
        Due { entry: EntryId(entry), turn }
    }

    fn title(text: &str) -> Arc<Title> {
        Arc::new(Title::new(text.to_owned()))
    }

    fn once(text: &str) -> TitleOrder {
        TitleOrder::Set(title(text), TitleHolds::UntilNextTrack)
    }

    fn for_ever(text: &str) -> TitleOrder {
        TitleOrder::Set(title(text), TitleHolds::UntilCleared)
    }

    /// What output 1 and another one carry when this entry begins, after these orders.
    fn begun(began: Due, orders: &[(Due, Option<OutputId>, TitleOrder)]) -> [String; 2] {
        let mut titles = Titles::default();
        for (due, output, order) in orders.iter().cloned() {
            titles.obey_later(due, output, order);
        }
        titles.begin(title("own"), Some(began));
        [1, 2].map(|output| titles.of(OutputId(output)).text.clone())
    }

    #[test]
    fn a_title_is_for_the_turn_that_was_due_and_not_for_another_of_the_same_entry() {
        let skipped = [(due(1, 1), ALL, once("skipped"))];
        assert_eq!(begun(due(1, 1), &skipped), ["skipped", "skipped"]);
        assert_eq!(begun(due(1, 3), &skipped), ["own", "own"]);
        assert_eq!(begun(due(2, 1), &skipped), ["own", "own"]);
        let lasting = [(due(1, 1), ALL, for_ever("lasting")), (due(2, 2), ONE, once("one"))];
        assert_eq!(begun(due(2, 2), &lasting), ["one", "lasting"]);
        assert_eq!(begun(due(1, 3), &lasting), ["lasting", "lasting"]);
    }

    #[test]
    fn a_live_title_goes_before_the_tracks_and_an_applications_before_both() {
        let mut titles = Titles::default();
        let now = |titles: &Titles| [1, 2].map(|output| titles.of(OutputId(output)).text.clone());
        titles.begin(title("track"), None);
        titles.obey(ALL, once("of the track"));
        titles.go_live(Some(title("live")));
        assert_eq!(now(&titles), ["live", "live"]);
        titles.obey(ONE, once("of the live input"));
        titles.go_live(Some(title("live 2")));
        assert_eq!(now(&titles), ["of the live input", "live 2"]);
        titles.obey(ALL, for_ever("lasting"));
        titles.go_live(None);
        assert_eq!(now(&titles), ["lasting", "lasting"]);
        titles.obey(ALL, TitleOrder::Clear);
        assert_eq!(now(&titles), ["track", "track"]);
    }

    #[test]
    fn orders_that_wait_for_a_track_that_does_not_begin_do_not_pile_up() {
        let random = &mut fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let (mut titles, mut all, mut turn) = (Titles::default(), Vec::new(), 0);
            for n in 0..random.u32(1..30) {
                turn += u64::from(random.u8(0..4) == 0);
                let output = [ALL, ONE, Some(OutputId(2))][random.usize(0..3)];
                let order = match random.u8(0..4) {
                    0 => TitleOrder::Clear,
                    1 => for_ever(&n.to_string()),
                    _ => once(&n.to_string()),
                };
                all.push((due(turn % 2, turn), output, order.clone()));
                titles.obey_later(due(turn % 2, turn), output, order);
                assert!(titles.later.len() <= 6, "{:?}", titles.later);
            }
            // They do what all of them would have done.
            let kept = std::mem::take(&mut titles.later);
            for began in [due(turn % 2, turn), due(9, turn)] {
                let mut naive = Titles { later: all.clone(), ..Titles::default() };
                naive.begin(title("own"), Some(began));
                let naive = [1, 2].map(|output| naive.of(OutputId(output)).text.clone());
                assert_eq!(begun(began, &kept), naive, "{all:?}");
            }
        }
    }
}
