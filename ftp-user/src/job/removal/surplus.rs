//! Whether what the source lacks may be renamed at the destination of a sync, and how many names may be deleted. Pure. Whether one
//! name may be deleted is decided by [`ftp_proto::deletion`].

use super::carry_out::ReachedName;
use super::scope::Scope;
use crate::failure::{Failure, Kind, Result};
use crate::report::several;
use crate::session::Facts;
use ftp_proto::deletion::{is_as_listed, path_below};
use ftp_proto::wire::PathName;

/// What is known of both trees before anything is renamed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct ComparedTrees {
    /// Whether every listing of the source, and of the destination, was read to its end.
    pub(crate) is_complete: bool,
    /// The number of files in the source that are wanted at the destination.
    pub(crate) files: u64,
    /// The number of failures so far.
    pub(crate) failed: u64,
}

/// What may be deleted at the destination.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Allowance {
    /// The largest number of names. If it were more, nothing is deleted.
    pub most: Option<u64>,
    /// What somebody has agreed to.
    pub consent: Consent,
}

/// What somebody has agreed to delete, although the source has no file, it is more than half of a directory, or the destination
/// is a home directory or the like.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Consent {
    /// Nothing of that.
    #[default]
    Nothing,
    /// The names that the last run of the job has kept, and no other one.
    WithheldNames,
    /// Everything that the run finds.
    Everything,
}

impl Allowance {
    /// Whether so many names are more than the user has allowed. Then none is deleted.
    pub(crate) fn is_exceeded_by(self, names: u64) -> Option<u64> {
        self.most.filter(|most| names > *most)
    }
}

/// The words if it would be more than the user has allowed.
pub(crate) fn too_many(names: u64, most: u64, is_dry: bool) -> String {
    let names = several(names, "name");
    let hint = "allow more if they are meant to go";
    match is_dry {
        true => {
            format!(
                "{names} would be deleted, but --max-delete allows {most}: nothing would be deleted; {hint}"
            )
        }
        false => {
            format!(
                "nothing was deleted: {names} would be, and --max-delete allows {most}; -n shows them; {hint}"
            )
        }
    }
}

/// The permission to rename what only the destination has. It permits no deletion.
#[derive(Debug)]
pub(crate) struct MayRename {
    pub(crate) scope: Scope,
}

impl MayRename {
    /// Whether files below `scope` may get the names that they have at the source, before anything is copied. `None` if not
    /// everything is known, or the source has no file.
    pub(crate) fn of(compared: ComparedTrees, scope: Scope) -> Option<Self> {
        let ComparedTrees { is_complete, files, failed } = compared;
        (is_complete && files > 0 && failed == 0).then_some(Self { scope })
    }

    /// Checks that the name `below` the scope is `reached`, and `now` what its listing has `seen`.
    ///
    /// # Errors
    ///
    /// It has changed since it was listed, or is not where its path says.
    pub(crate) fn check(
        &self,
        below: &PathName,
        reached: &ReachedName,
        (seen, now): (&Facts, &Facts),
    ) -> Result<()> {
        let path = path_below(&self.scope.root, below)
            .map_err(|why| Failure::usage(format!("{} stays, because {why}", below.display())))?;
        if path != reached.path {
            return Err(Failure::usage(format!("{} is not {}", reached.path.display(), path.display())));
        }
        if is_as_listed(seen, now) { Ok(()) } else { Err(changed(&path)) }
    }
}

/// The failure if a name is not what its listing has shown.
pub(crate) fn changed(path: &PathName) -> Failure {
    let what = format!("{} stays, because it has changed since it was listed", path.display());
    Failure::new(Kind::Unverified, what).hint("the next sync looks at it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exchanged_only_if_everything_is_known() {
        let scope = || Scope::at(&PathName::from_user("d").unwrap());
        let good = ComparedTrees { is_complete: true, files: 5, failed: 0 };
        for (compared, expect) in [
            (good, true),
            (ComparedTrees { is_complete: false, ..good }, false),
            (ComparedTrees { failed: 1, ..good }, false),
            (ComparedTrees { files: 0, ..good }, false),
        ] {
            assert_eq!(MayRename::of(compared, scope()).is_some(), expect, "{compared:?}");
        }
    }

    #[test]
    fn more_names_than_allowed_are_too_many() {
        for (most, names, expect) in
            [(None, 9, None), (Some(9), 9, None), (Some(8), 9, Some(8)), (Some(0), 1, Some(0))]
        {
            let allowance = Allowance { most, consent: Consent::Everything };
            assert_eq!(allowance.is_exceeded_by(names), expect, "{most:?} {names}");
        }
    }
}
