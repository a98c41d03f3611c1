//! How a job ended. Pure.

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
