//! How a job ended as a whole.

use crate::failure::Kind;

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
    /// Every status that there is.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Done, Self::Partly].into_iter().chain(Kind::ALL.map(Self::Failed))
    }

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

#[cfg(test)]
mod tests {
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
