//! A schedule of two origins: what was declared, and what was added to it since.

use super::ingredient::{Ingredient, IngredientKind};
use super::{MOST_OF_A_KIND, Schedule};

/// What is declared, what was added, and what is in force of both.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Composed {
    declared: Schedule,
    /// In the order in which they were added first. `None`: not known yet.
    added: Option<Vec<Ingredient>>,
    /// What is declared, then what was added.
    in_force: Schedule,
    /// What was added and is in force.
    additions: Vec<Ingredient>,
    /// What was added, and rests: the same name is declared, or there is no room.
    resting: Vec<Ingredient>,
}

impl Composed {
    pub fn new(declared: Schedule, added: Option<Vec<Ingredient>>) -> Composed {
        let (mut in_force, mut additions, mut resting) = (declared.clone(), Vec::new(), Vec::new());
        for ingredient in added.iter().flatten() {
            let is_declared = declared.has(ingredient.kind(), ingredient.name());
            if is_declared || in_force.count(ingredient.kind()) >= MOST_OF_A_KIND {
                resting.push(ingredient.clone());
                continue;
            }
            additions.push(ingredient.clone());
            match ingredient.clone() {
                Ingredient::Daypart(daypart) => in_force.dayparts.push(daypart),
                Ingredient::Insert(insert) => in_force.inserts.push(insert),
                Ingredient::Slot(slot) => in_force.slots.push(slot),
            }
        }
        Composed { declared, added, in_force, additions, resting }
    }

    pub fn declared(&self) -> &Schedule {
        &self.declared
    }

    /// What was added; `None` while that is not known.
    pub fn added(&self) -> Option<&Vec<Ingredient>> {
        self.added.as_ref()
    }

    /// What is played by.
    pub fn in_force(&self) -> &Schedule {
        &self.in_force
    }

    /// Which of that was added.
    pub fn additions(&self) -> &[Ingredient] {
        &self.additions
    }

    /// What was added and is not played by.
    pub fn resting(&self) -> &[Ingredient] {
        &self.resting
    }
}

impl Schedule {
    /// Whether there is one of this kind with this name.
    pub(crate) fn has(&self, kind: IngredientKind, name: &str) -> bool {
        match kind {
            IngredientKind::Daypart => self.dayparts.iter().any(|daypart| daypart.name == name),
            IngredientKind::Insert => self.inserts.iter().any(|insert| insert.name == name),
            IngredientKind::Slot => self.slots.iter().any(|slot| slot.name == name),
        }
    }

    /// How many there are of this kind.
    pub(crate) fn count(&self, kind: IngredientKind) -> usize {
        match kind {
            IngredientKind::Daypart => self.dayparts.len(),
            IngredientKind::Insert => self.inserts.len(),
            IngredientKind::Slot => self.slots.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SlotSettings;
    use super::*;

    fn slot(name: &str, play: &str) -> SlotSettings {
        SlotSettings { name: name.into(), play: play.into(), ..SlotSettings::default() }
    }

    fn declared(slots: &[SlotSettings]) -> Schedule {
        Schedule { slots: slots.to_vec(), ..Schedule::default() }
    }

    #[test]
    fn what_is_declared_comes_first_and_what_has_its_name_rests() {
        let added = ["News", "Talk"].map(|name| Ingredient::Slot(slot(name, "added")));
        let composed = Composed::new(declared(&[slot("News", "own"), slot("", "own")]), Some(added.to_vec()));
        let names = composed.in_force().slots.iter().map(|slot| (slot.name.as_str(), slot.play.to_str()));
        let own = Some("own");
        assert_eq!(names.collect::<Vec<_>>(), [("News", own), ("", own), ("Talk", Some("added"))]);
        assert_eq!((composed.additions(), composed.resting()), (&added[1..], &added[..1]));
        // A daypart of that name is something else.
        let other = Schedule { dayparts: vec![Default::default()], ..declared(&[]) };
        assert_eq!(Composed::new(other, Some(added.to_vec())).additions(), added);
    }

    #[test]
    fn there_are_no_more_of_a_kind_than_may_be() {
        let slots: Vec<_> = (0..MOST_OF_A_KIND - 1).map(|n| slot(&format!("own {n}"), "own")).collect();
        let added = ["A", "B"].map(|name| Ingredient::Slot(slot(name, "added")));
        let composed = Composed::new(declared(&slots), Some(added.to_vec()));
        assert_eq!(composed.in_force().slots.len(), MOST_OF_A_KIND);
        assert_eq!((composed.additions(), composed.resting()), (&added[..1], &added[1..]));
    }
}
