//! Looks a name up in a composite directory. Pure: it says which components have to be listed, and is told what they hold.
//!
//! What is known from before is an approximation that is usually right. What it says is never the last word: before a name is
//! used, or called ambiguous or missing, the listing that says so is made anew, once.

use crate::failure::{Failure, Kind};

/// What a verb does with a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameUse {
    /// Its directories are listed: a directory of several components is the union of them.
    List,
    /// It is read.
    Read,
    /// It is changed, removed, or made: nobody chooses silently.
    Change,
}

/// What a component holds under a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Occupant {
    /// Nothing is there.
    Nothing,
    /// It is a directory.
    Directory,
    /// It is something else.
    Other,
}

/// What is known of a component.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ComponentState {
    /// Nothing is known yet.
    Unknown,
    /// What an earlier listing said.
    Before(Occupant),
    /// What a listing of this search said.
    Now(Occupant),
    /// It could not be listed, or its site does not answer, so that it is not asked.
    Unseen,
}

/// A search for a name in the components of a composite directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Search {
    purpose: NameUse,
    components: Vec<ComponentState>,
}

/// What comes next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// List these components, by their numbers, and say what they hold ([`Search::learn`]).
    List(Vec<usize>),
    /// The name is in these components: in one, or in several directories that are listed together.
    Found {
        /// The components that have it.
        components: Vec<usize>,
        /// Components of which nobody knows whether they have it too.
        unseen: Vec<usize>,
    },
    /// It is in several components.
    Ambiguous(Vec<usize>),
    /// It is in none.
    Nowhere {
        /// Components of which nobody knows whether they have it.
        unseen: Vec<usize>,
    },
    /// It is in one component, but others that could not be looked at may have it too, and it would be changed.
    Uncertain {
        /// The component that has it.
        found: usize,
        /// Those that could not be looked at.
        unseen: Vec<usize>,
    },
}

impl Search {
    /// A search in components of which this is known before.
    pub fn new(purpose: NameUse, components: Vec<ComponentState>) -> Self {
        Self { purpose, components }
    }

    /// Notes what a listing says that a component holds; `None` if it could not be listed.
    pub fn learn(&mut self, component: usize, held: Option<Occupant>) {
        if let Some(one) = self.components.get_mut(component) {
            *one = held.map_or(ComponentState::Unseen, ComponentState::Now);
        }
    }

    /// What comes next. Each component is listed once at most, so it ends.
    pub fn step(&self) -> Step {
        let unknown = self.all(|known| known == ComponentState::Unknown);
        if !unknown.is_empty() {
            return Step::List(unknown);
        }
        let holding = self
            .all(|known| matches!(known, ComponentState::Before(held) | ComponentState::Now(held) if held != Occupant::Nothing));
        let is_before =
            |index: &usize| matches!(self.components.get(*index), Some(ComponentState::Before(_)));
        // Who changes a name wants to hear of all components that have it by now.
        let stale: Vec<usize> = match holding.is_empty() || self.purpose == NameUse::Change {
            true => self.all(|known| matches!(known, ComponentState::Before(_))),
            false => holding.iter().copied().filter(is_before).collect(),
        };
        if !stale.is_empty() {
            return Step::List(stale);
        }
        let unseen = self.all(|known| known == ComponentState::Unseen);
        let directory = Some(&ComponentState::Now(Occupant::Directory));
        let is_directory = |index: &usize| self.components.get(*index) == directory;
        match holding.as_slice() {
            [] => Step::Nowhere { unseen },
            [one] if self.purpose == NameUse::Change && !unseen.is_empty() => {
                Step::Uncertain { found: *one, unseen }
            }
            [_] => Step::Found { components: holding, unseen },
            several if self.purpose == NameUse::List && several.iter().all(is_directory) => {
                Step::Found { components: holding, unseen }
            }
            [_, _, ..] => Step::Ambiguous(holding),
        }
    }

    fn all(&self, is: impl Fn(ComponentState) -> bool) -> Vec<usize> {
        let found = self.components.iter().enumerate().filter(|(_, known)| is(**known));
        found.map(|(index, _)| index).collect()
    }
}

impl Step {
    /// The failure of a search that has ended without a place. `name` is what was looked for, and `candidate` writes the place
    /// in a component.
    pub fn failure(&self, name: &str, candidate: impl Fn(usize) -> String) -> Option<Failure> {
        let list = |all: &[usize]| all.iter().map(|index| candidate(*index)).collect::<Vec<_>>().join(", ");
        let (kind, what, hint) = match self {
            Self::List(_) | Self::Found { .. } => return None,
            Self::Ambiguous(all) => {
                let what = format!("{name} is in several components: {}", list(all));
                (Kind::Usage, what, "name one of them".to_owned())
            }
            Self::Nowhere { unseen } if unseen.is_empty() => {
                let hint = "composite list shows the components".to_owned();
                (Kind::Missing, format!("{name} is in no component"), hint)
            }
            Self::Nowhere { unseen } => {
                let what = format!("{name} is in no component that answers");
                (Kind::Temporary, what, format!("not looked at: {}", list(unseen)))
            }
            Self::Uncertain { found, unseen } => {
                let (found, unseen) = (candidate(*found), list(unseen));
                let what = format!(
                    "{name} may be in several components: it is {found}, and {unseen} could not be looked at"
                );
                (Kind::Temporary, what, "name the place itself to change it".to_owned())
            }
        };
        Some(Failure::new(kind, what).hint(hint))
    }
}

/// What a verb does with a place among its words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlaceUse {
    /// It is there, and this is done with it.
    There(NameUse),
    /// It may be there or not: something is stored or made there.
    Destination,
    /// The new name of what stands before it on the line, on the same host.
    NewName,
}

impl PlaceUse {
    /// Whether something is there afterwards that was not there before, or the other way round.
    pub const fn changes(self) -> bool {
        match self {
            Self::Destination | Self::NewName | Self::There(NameUse::Change) => true,
            Self::There(NameUse::List | NameUse::Read) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ComponentState::{Before, Unknown, Unseen};
    use Occupant::{Directory, Nothing, Other};
    use std::collections::BTreeSet;

    /// Runs a search in components that hold this. Returns the last step and the components that were listed, in order.
    fn run(purpose: NameUse, known: &[ComponentState], truth: &[Option<Occupant>]) -> (Step, Vec<usize>) {
        let mut search = Search::new(purpose, known.to_vec());
        let mut listed = Vec::new();
        loop {
            let step = search.step();
            let Step::List(components) = step else { return (step, listed) };
            for component in components {
                listed.push(component);
                search.learn(component, truth[component]);
            }
        }
    }

    fn found(components: &[usize], unseen: &[usize]) -> Step {
        Step::Found { components: components.to_vec(), unseen: unseen.to_vec() }
    }

    #[test]
    fn h27_a_name_in_one_component_is_used_in_two_it_is_ambiguous_in_none_it_is_not_found() {
        let holds = |held: [Occupant; 3]| held.map(Some);
        for purpose in [NameUse::List, NameUse::Read, NameUse::Change] {
            let ask = |held| run(purpose, &[Unknown; 3], &holds(held)).0;
            assert_eq!(ask([Nothing, Other, Nothing]), found(&[1], &[]), "{purpose:?}");
            assert_eq!(ask([Other, Nothing, Other]), Step::Ambiguous(vec![0, 2]), "{purpose:?}");
            assert_eq!(ask([Directory, Nothing, Other]), Step::Ambiguous(vec![0, 2]), "{purpose:?}");
            assert_eq!(ask([Nothing; 3]), Step::Nowhere { unseen: vec![] }, "{purpose:?}");
        }
    }

    #[test]
    fn h27_only_a_listing_shows_a_directory_of_several_components_as_their_union() {
        let truth = [Some(Directory), Some(Directory), Some(Nothing)];
        assert_eq!(run(NameUse::List, &[Unknown; 3], &truth).0, found(&[0, 1], &[]));
        for purpose in [NameUse::Read, NameUse::Change] {
            assert_eq!(run(purpose, &[Unknown; 3], &truth).0, Step::Ambiguous(vec![0, 1]), "{purpose:?}");
        }
    }

    #[test]
    fn h27_what_was_known_before_is_listed_anew_once_before_it_is_believed() {
        let known = [Before(Other), Before(Nothing), Before(Nothing)];
        // It is still there: one listing, of the component that has it.
        let (step, listed) = run(NameUse::Read, &known, &[Some(Other), Some(Nothing), Some(Nothing)]);
        assert_eq!((step, listed), (found(&[0], &[]), vec![0]));
        // It has moved: the others are listed, too.
        let (step, listed) = run(NameUse::Read, &known, &[Some(Nothing), Some(Other), Some(Nothing)]);
        assert_eq!((step, listed), (found(&[1], &[]), vec![0, 1, 2]));
        // It is gone.
        let (step, listed) = run(NameUse::Read, &known, &[Some(Nothing); 3]);
        assert_eq!((step, listed), (Step::Nowhere { unseen: vec![] }, vec![0, 1, 2]));
        // Another one has got it meanwhile: that matters for a change.
        let known = [Before(Other), Before(Nothing)];
        let (step, listed) = run(NameUse::Change, &known, &[Some(Other), Some(Other)]);
        assert_eq!((step, listed), (Step::Ambiguous(vec![0, 1]), vec![0, 1]));
        // One of two is gone.
        let known = [Before(Other), Before(Other)];
        let (step, listed) = run(NameUse::Change, &known, &[Some(Nothing), Some(Other)]);
        assert_eq!((step, listed), (found(&[1], &[]), vec![0, 1]));
    }

    #[test]
    fn h30_a_component_that_is_down_is_not_asked() {
        let truth = [None, Some(Other)];
        assert_eq!(run(NameUse::Read, &[Unseen, Unknown], &truth), (found(&[1], &[0]), vec![1]));
        let uncertain = Step::Uncertain { found: 1, unseen: vec![0] };
        assert_eq!(run(NameUse::Change, &[Unseen, Unknown], &truth), (uncertain, vec![1]));
        let nowhere = Step::Nowhere { unseen: vec![0] };
        assert_eq!(run(NameUse::Read, &[Unseen, Unknown], &[None, Some(Nothing)]).0, nowhere);
        let uncertain = Step::Uncertain { found: 1, unseen: vec![0] };
        assert_eq!(run(NameUse::Change, &[Unknown; 2], &truth), (uncertain, vec![0, 1]), "it failed");
    }

    #[test]
    fn a_failure_lists_the_candidates() {
        let place = |index: usize| ["lab:x", "home:d/x"][index].to_owned();
        let said = |step: Step| step.failure("x", place).map(|failure| (failure.kind, failure.to_string()));
        let check = |step: Step, kind: Kind, words: &[&str]| {
            let (found, text) = said(step).unwrap();
            assert!(found == kind && words.iter().all(|word| text.contains(word)), "{text}");
        };
        check(Step::Ambiguous(vec![0, 1]), Kind::Usage, &["several components: lab:x, home:d/x", "name one"]);
        check(Step::Nowhere { unseen: vec![] }, Kind::Missing, &["x is in no component"]);
        check(Step::Nowhere { unseen: vec![1] }, Kind::Temporary, &["not looked at: home:d/x"]);
        check(Step::Uncertain { found: 0, unseen: vec![1] }, Kind::Temporary, &["it is lab:x", "home:d/x"]);
        assert_eq!(said(found(&[0], &[])), None);
    }

    /// Every search over three components ends, lists none twice, none that is down, and finds the name exactly where it is.
    #[test]
    fn h27_every_search_of_three_components_keeps_its_laws() {
        let kinds = [Unknown, Before(Nothing), Before(Directory), Before(Other), Unseen];
        let truths = [Some(Nothing), Some(Directory), Some(Other), None];
        let each = |number: usize| [number % 5, number / 5 % 5, number / 25 % 5].map(|kind| kinds[kind]);
        let holds = |number: usize| [number % 4, number / 4 % 4, number / 16 % 4].map(|truth| truths[truth]);
        for purpose in [NameUse::List, NameUse::Read, NameUse::Change] {
            for (known, truth) in (0..125).flat_map(|one| (0..64).map(move |other| (each(one), holds(other))))
            {
                let (step, listed) = run(purpose, &known, &truth);
                let once: BTreeSet<usize> = listed.iter().copied().collect();
                let all_asked = (0..3).all(|index| known[index] == Unseen || once.contains(&index));
                assert!(all_asked || purpose != NameUse::Change, "{known:?} {truth:?}");
                assert_eq!(once.len(), listed.len(), "{known:?} {truth:?}");
                assert!(listed.iter().all(|index| known[*index] != Unseen), "{known:?} {truth:?}");
                match step {
                    Step::Found { components, unseen } => {
                        for index in &components {
                            assert!(truth[*index].is_some_and(|held| held != Nothing), "{known:?} {truth:?}");
                        }
                        assert!(components.len() == 1 || purpose == NameUse::List);
                        assert!(unseen.is_empty() || purpose != NameUse::Change);
                    }
                    Step::Ambiguous(all) => assert!(all.len() > 1),
                    // Nothing is called missing that an asked component has.
                    Step::Nowhere { unseen } => {
                        let has = |index: &usize| truth[*index].is_some_and(|held| held != Nothing);
                        let seen: Vec<usize> = (0..3).filter(|index| !unseen.contains(index)).collect();
                        assert!(!seen.iter().any(has), "{known:?} {truth:?}");
                    }
                    Step::Uncertain { found, .. } => {
                        assert!(
                            purpose == NameUse::Change && truth[found].is_some_and(|held| held != Nothing)
                        );
                    }
                    Step::List(_) => panic!(),
                }
            }
        }
    }
}
