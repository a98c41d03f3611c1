//! Whether what the source lacks may be deleted at the destination of a sync. Pure.

use crate::failure::{Failure, Kind};
use crate::report::several;

/// What is known of both trees before anything is deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Compared {
    /// Whether every listing of the source, and of the destination, was read to its end.
    pub(crate) is_complete: bool,
    /// The number of files in the source that are wanted at the destination.
    pub(crate) files: u64,
    /// The number of names that only the destination has.
    pub(crate) surplus: u64,
    /// The number of failures so far.
    pub(crate) failed: u64,
}

/// What the user has allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Allowance {
    /// The largest number of names.
    pub(crate) most: Option<u64>,
    /// Whether everything may go because the source has no file.
    pub(crate) empty_is_meant: bool,
}

/// The permission to delete at the destination what the source lacks. Nothing else makes one.
#[derive(Debug)]
pub(crate) struct Permit(());

/// Why nothing is deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// Something has failed, which was told already.
    Failed(String),
    /// The source has no file, and nobody has said that this is meant.
    Empty(Failure),
    /// It would be more than the user has allowed.
    TooMany(Failure),
}

impl Permit {
    /// Whether what only the destination has may be deleted.
    ///
    /// # Errors
    ///
    /// It stays, and why.
    pub(crate) fn of(compared: Compared, allowance: Allowance) -> Result<Self, Refusal> {
        let Compared { is_complete, files, surplus, failed } = compared;
        if surplus == 0 {
            return Ok(Self(()));
        }
        let names = several(surplus, "name");
        if files == 0 && !allowance.empty_is_meant {
            let what = format!("the source has no file, and {names} would be deleted at the destination");
            return Err(Refusal::Empty(
                Failure::new(Kind::Usage, what)
                    .hint("nothing was changed; --yes deletes them, if the source is meant to be empty"),
            ));
        }
        if let Some(most) = allowance.most.filter(|most| surplus > *most) {
            let what = format!("nothing was deleted: {names} would be, and --max-delete allows {most}");
            return Err(Refusal::TooMany(
                Failure::new(Kind::Other, what).hint("-n shows them; allow more if they are meant to go"),
            ));
        }
        if !is_complete || failed > 0 {
            let why = match is_complete {
                true => "something has failed",
                false => "not all of both directories is known",
            };
            return Err(Refusal::Failed(format!(
                "nothing is deleted, because {why}: {names} that the source seems to lack stay until a run without failures"
            )));
        }
        Ok(Self(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_deleted_unless_everything_is_known_and_allowed() {
        let good = Compared { is_complete: true, files: 5, surplus: 3, failed: 0 };
        let empty = Compared { files: 0, ..good };
        let any = Allowance::default();
        let most = |most| Allowance { most: Some(most), ..any };
        let meant = Allowance { empty_is_meant: true, ..any };
        for (compared, allowance, expect) in [
            (good, any, "ok"),
            (Compared { is_complete: false, ..good }, any, "failed"),
            (Compared { is_complete: false, ..good }, meant, "failed"),
            (Compared { failed: 1, ..good }, meant, "failed"),
            (empty, any, "empty"),
            (empty, meant, "ok"),
            (Compared { surplus: 0, ..empty }, any, "ok"),
            (empty, Allowance { most: Some(2), ..meant }, "too many"),
            (good, most(3), "ok"),
            (good, most(2), "too many"),
            (good, most(0), "too many"),
            (Compared { failed: 1, ..good }, most(2), "too many"),
        ] {
            let found = match Permit::of(compared, allowance) {
                Ok(_) => "ok",
                Err(Refusal::Failed(_)) => "failed",
                Err(Refusal::Empty(_)) => "empty",
                Err(Refusal::TooMany(_)) => "too many",
            };
            assert_eq!(found, expect, "{compared:?} {allowance:?}");
        }
    }
}
