//! What has failed in a job, and how it ends for that reason: the number of each kind, and the first few of them. A million files that fail take no more
//! than 2 MiB of memory.

use crate::failure::{About, Failure, Kind};
use crate::journal::RunEnd;
use crate::outcome::FailedItem;
use crate::report::Cause;
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};

/// What has failed so far.
#[derive(Debug, Default)]
pub struct Failures {
    kinds: BTreeMap<Kind, Cause>,
    may_pass: bool,
    hasher: RandomState,
    /// The hashes of the names of files that were copied and whose sources stay, at most [`REMEMBERED`].
    kept: HashSet<u64>,
}

impl Failures {
    /// Remembers a file that was copied and whose source stays.
    pub(crate) fn note_kept(&mut self, source: &str, dest: &str) {
        if self.kept.len() < REMEMBERED {
            self.kept.insert(self.hasher.hash_one((source, dest)));
        }
    }

    /// Whether the source of a file is known to stay.
    pub(crate) fn is_kept(&self, source: &str, dest: &str) -> bool {
        self.kept.contains(&self.hasher.hash_one((source, dest)))
    }

    /// Notes a failure.
    pub(crate) fn add(&mut self, item: FailedItem) {
        self.may_pass |= may_pass(&item.failure);
        let kind = item.failure.kind;
        let cause = self.kinds.entry(kind).or_insert_with(|| Cause { kind, count: 0, first: Vec::new() });
        cause.count += 1;
        if cause.first.len() < KEPT {
            cause.first.push(item);
        }
    }

    /// The number of all failures.
    pub(crate) fn count(&self) -> u64 {
        self.kinds.values().map(|cause| cause.count).sum()
    }

    /// The number of all failures that are not of this kind.
    pub(crate) fn count_without(&self, kind: Kind) -> u64 {
        self.kinds.values().filter(|cause| cause.kind != kind).map(|cause| cause.count).sum()
    }

    /// The kinds of failures, each of them once.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        self.kinds.keys().copied().collect()
    }

    /// Whether there is a failure of this kind.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.kinds.contains_key(&kind)
    }

    /// Whether another run may succeed with one of them, although nobody changes the file.
    pub(crate) const fn may_pass(&self) -> bool {
        self.may_pass
    }

    /// The causes with their first files, for people.
    pub(crate) fn causes(&self) -> Vec<Cause> {
        self.kinds.values().cloned().collect()
    }

    /// The first failures of each kind, sorted by kind.
    pub(crate) fn first(&self) -> impl Iterator<Item = &FailedItem> {
        self.kinds.values().flat_map(|cause| &cause.first)
    }
}

/// The largest number of kept sources that are remembered. Another one counts twice if its copy is lost as well.
const REMEMBERED: usize = 100_000;
/// The number of failures of each kind that are kept, and shown to people.
const KEPT: usize = 10;

/// How a job ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Status {
    /// Everything is done, and verified as asked.
    Done,
    /// Some files failed, the others are done.
    Partly,
    /// Nothing is done. The kind is that of all failures.
    Failed(Kind),
}

impl Status {
    /// The status of two jobs together, the worst of both. If both have failed and not for the same reason, it is
    /// [`Kind::Other`], but an interruption stays one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (one, Self::Done) | (Self::Done, one) => one,
            (Self::Failed(Kind::Interrupted), _) | (_, Self::Failed(Kind::Interrupted)) => {
                Self::Failed(Kind::Interrupted)
            }
            (Self::Failed(one), Self::Failed(two)) if one != two => Self::Failed(Kind::Other),
            (failed @ Self::Failed(_), _) | (_, failed @ Self::Failed(_)) => failed,
            (Self::Partly, Self::Partly) => Self::Partly,
        }
    }

    /// The status of many files. If nothing succeeded and the failures have no common kind, it is
    /// [`Kind::Other`].
    pub fn of_many(succeeded: u64, failures: &[Kind]) -> Self {
        let Some((first, rest)) = failures.split_first() else { return Self::Done };
        if failures.contains(&Kind::Interrupted) {
            Self::Failed(Kind::Interrupted)
        } else if succeeded > 0 {
            Self::Partly
        } else if rest.iter().all(|kind| kind == first) {
            Self::Failed(*first)
        } else {
            Self::Failed(Kind::Other)
        }
    }
}

/// Whether another run may succeed where this one has failed, although nobody changes the file: a server did not answer,
/// refused the login, or had no time; a source that is half moved is not there; or an old
/// file has not got its name back.
pub(in crate::job) fn may_pass(failure: &Failure) -> bool {
    match failure.about {
        About::NoAnswer | About::NoRelay | About::GivenUp | About::Unfinished | About::OldFile => true,
        About::Operation
        | About::Login
        | About::Relay
        | About::Changed
        | About::Unknown(_)
        | About::NoRename
        | About::NotNamed
        | About::Nested
        | About::NoRoom => failure.kind == Kind::Temporary,
    }
}

/// How a run with these failures ends. A job that has not begun anything may be a mistake: it is over.
/// `may_pass` is what [`may_pass`] says of any of them; `None` if nothing has failed.
pub(in crate::job) const fn ending(may_pass: Option<bool>, was_stopped: bool, has_begun: bool) -> RunEnd {
    match (may_pass, was_stopped) {
        (None, _) => RunEnd::Done,
        (Some(_), true) | (Some(true), false) if has_begun => RunEnd::Interrupted,
        (Some(_), _) => RunEnd::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    #[test]
    fn a_million_failures_are_counted_and_the_first_ten_of_each_kind_are_kept() {
        let mut failures = Failures::default();
        for number in 0..1_000_000_u32 {
            let kind = if number % 4 == 0 { Kind::Missing } else { Kind::Refused };
            let failure = Failure::new(kind, "no");
            failures.add(FailedItem { source: number.to_string(), dest: String::new(), failure });
        }
        assert_eq!((failures.count(), failures.may_pass()), (1_000_000, false));
        assert_eq!(failures.kinds(), [Kind::Missing, Kind::Refused]);
        assert_eq!(failures.first().count(), 20);
        let causes = failures.causes();
        let counts: Vec<u64> = causes.iter().map(|cause| cause.count).collect();
        assert_eq!((counts, causes[0].first[9].source.as_str()), (vec![250_000, 750_000], "36"));
        failures.add(FailedItem {
            source: String::new(),
            dest: String::new(),
            failure: Failure::new(Kind::Temporary, "busy"),
        });
        assert!(failures.may_pass() && failures.has(Kind::Temporary) && !failures.has(Kind::Interrupted));
    }
}

#[cfg(test)]
mod status_tests {
    use super::*;

    #[test]
    fn two_jobs_have_the_worst_status_of_both() {
        use Kind::{Interrupted, Other, Refused, Temporary};
        use Status::{Done, Failed, Partly};
        for (one, two, expect) in [
            (Done, Done, Done),
            (Done, Partly, Partly),
            (Partly, Failed(Refused), Failed(Refused)),
            (Failed(Refused), Done, Failed(Refused)),
            (Failed(Refused), Failed(Refused), Failed(Refused)),
            (Failed(Refused), Failed(Temporary), Failed(Other)),
            (Failed(Refused), Failed(Interrupted), Failed(Interrupted)),
        ] {
            assert_eq!((one.and(two), two.and(one)), (expect, expect), "{one:?} {two:?}");
        }
    }

    #[test]
    fn many_files_have_one_status() {
        use Kind::{Interrupted, Other, Refused, Temporary};
        let check = |succeeded, failures: &[Kind], expect| {
            assert_eq!(Status::of_many(succeeded, failures), expect, "{succeeded} {failures:?}");
        };
        check(0, &[], Status::Done);
        check(3, &[], Status::Done);
        check(3, &[Refused], Status::Partly);
        check(0, &[Refused, Refused], Status::Failed(Refused));
        check(0, &[Refused, Temporary], Status::Failed(Other));
        check(3, &[Refused, Interrupted], Status::Failed(Interrupted));
    }
}

#[cfg(test)]
mod ending_tests {
    use super::*;

    #[test]
    fn n8_a_job_goes_on_later_unless_its_files_are_the_reason() {
        let gone = Failure::new(Kind::Refused, "no login").about(About::GivenUp);
        let unheard = Failure::new(Kind::Other, "unknown host").about(About::NoAnswer);
        let busy = Failure::new(Kind::Temporary, "busy");
        let refused = Failure::new(Kind::Refused, "no");
        let away = Failure::new(Kind::Missing, "not there").about(About::Unfinished);
        let aside = Failure::new(Kind::Unverified, "not there").about(About::OldFile);
        let changed = Failure::new(Kind::Other, "changed").about(About::Changed);
        for (failures, was_stopped, has_begun, expect) in [
            (vec![], false, false, RunEnd::Done),
            (vec![], true, true, RunEnd::Done),
            (vec![&refused, &changed], false, true, RunEnd::Failed),
            (vec![&refused], true, true, RunEnd::Interrupted),
            (vec![&refused], true, false, RunEnd::Failed),
            (vec![&refused, &gone], false, true, RunEnd::Interrupted),
            (vec![&away], false, true, RunEnd::Interrupted),
            (vec![&aside], false, true, RunEnd::Interrupted),
            (vec![&unheard], false, false, RunEnd::Failed),
            (vec![&busy], false, false, RunEnd::Failed),
            (vec![&busy, &refused], false, true, RunEnd::Interrupted),
        ] {
            let passing = failures.iter().map(|failure| may_pass(failure)).reduce(|one, two| one || two);
            assert_eq!(ending(passing, was_stopped, has_begun), expect, "{failures:?}");
        }
    }
}
