//! Whether what the source lacks may be renamed or deleted at the destination of a sync. Pure.

use super::change::has_changed;
use super::scope::Scope;
use crate::context::Context;
use crate::control::Facts;
use crate::endpoint::{Host, Reached};
use crate::failure::{Failure, Kind};
use crate::report::several;
use ftp_proto::wire::PathName;

/// What is known of both trees before anything is renamed or deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct ComparedTrees {
    /// Whether every listing of the source, and of the destination, was read to its end.
    pub(crate) is_complete: bool,
    /// The number of files in the source that are wanted at the destination.
    pub(crate) files: u64,
    /// The number of names that only the destination has.
    pub(crate) surplus: u64,
    /// The number of failures so far.
    pub(crate) failed: u64,
}

/// What may be deleted at the destination.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Allowance {
    /// The largest number of names. If it were more, nothing is deleted.
    pub most: Option<u64>,
    /// Whether somebody has said that everything may be deleted, although the source has no file, or the destination is a
    /// home directory or the like.
    pub is_confirmed: bool,
}

/// The permission to rename what only the destination has. It permits no deletion.
#[derive(Debug)]
pub(crate) struct MayRename {
    scope: Scope,
}

/// The permission to delete what only the destination has, or to keep it elsewhere.
#[derive(Debug)]
pub(crate) struct MayDelete {
    scope: Scope,
}

/// Why nothing is deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// Something has failed, which was told already.
    Failed {
        /// How many names it would be.
        names: u64,
    },
    /// Not all names of both directories are known.
    Incomplete {
        /// How many names it would be, at least.
        names: u64,
    },
    /// The source has no file, and nobody has said that this is meant.
    Empty(Failure),
    /// It would be more than the user has allowed.
    TooMany {
        /// How many names it would be.
        names: u64,
        /// How many are allowed.
        most: u64,
    },
}

impl Refusal {
    /// The words if something has failed.
    pub(crate) fn failed(names: u64, is_dry: bool) -> String {
        Self::because("something has failed", names, is_dry)
    }

    /// The words if not all names are known.
    pub(crate) fn incomplete(names: u64, is_dry: bool) -> String {
        Self::because("not all of both directories is known", names, is_dry)
    }

    fn because(why: &str, names: u64, is_dry: bool) -> String {
        let names = several(names, "name");
        match is_dry {
            true => format!(
                "nothing would be deleted, because {why}: {names} that only the destination shows would stay"
            ),
            false => format!(
                "nothing is deleted, because {why}: {names} that only the destination shows stay; the next sync without failures deletes them"
            ),
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
            false => format!(
                "nothing was deleted: {names} would be, and --max-delete allows {most}; -n shows them; {hint}"
            ),
        }
    }
}

impl MayRename {
    /// Whether files below `scope` may get the names that they have at the source, before anything is copied. `Ok(None)` if
    /// something has failed.
    ///
    /// # Errors
    ///
    /// Everything would go, and nobody has said that this is meant: nothing may be changed.
    pub(crate) fn of(
        compared: ComparedTrees,
        allowance: Allowance,
        scope: Scope,
    ) -> Result<Option<Self>, Failure> {
        match refusal(compared, Allowance { most: None, ..allowance }) {
            None => Ok(Some(Self { scope })),
            Some(Refusal::Empty(failure)) => Err(failure),
            Some(Refusal::Failed { .. } | Refusal::Incomplete { .. } | Refusal::TooMany { .. }) => Ok(None),
        }
    }

    /// Where names may be changed.
    pub(crate) const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The renaming of `reached`, which is `now` what its listing has `seen`.
    ///
    /// # Errors
    ///
    /// It has changed since it was listed, or is not where its path says.
    pub(crate) fn renaming(
        &self,
        below: &PathName,
        reached: Reached,
        (seen, now): (&Facts, &Facts),
    ) -> Result<Renaming, Failure> {
        unchanged(&self.scope, below, &reached, (seen, now))?;
        Ok(Renaming(reached))
    }
}

impl MayDelete {
    /// Whether what only the destination has may be deleted below `scope`, after everything was copied.
    ///
    /// # Errors
    ///
    /// Why it stays.
    pub(crate) fn of(compared: ComparedTrees, allowance: Allowance, scope: Scope) -> Result<Self, Refusal> {
        refusal(compared, allowance).map_or(Ok(Self { scope }), Err)
    }

    /// Where names may be changed.
    pub(crate) const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The removal of `reached`, which is `now` what its listing has `seen`.
    ///
    /// # Errors
    ///
    /// It has changed since it was listed, or is not where its path says.
    pub(crate) fn removal(
        &self,
        below: &PathName,
        reached: Reached,
        (seen, now): (&Facts, &Facts),
    ) -> Result<SurplusRemoval, Failure> {
        unchanged(&self.scope, below, &reached, (seen, now))?;
        Ok(SurplusRemoval(reached))
    }
}

/// A file that may get another name.
#[derive(Debug)]
pub(crate) struct Renaming(Reached);

impl Renaming {
    /// Gives it the name `to`, if nothing has that. The directories above `to` are made.
    ///
    /// # Errors
    ///
    /// It was not renamed.
    pub(crate) async fn carry_out(
        &self,
        context: &Context,
        host: &mut Host,
        to: &PathName,
    ) -> Result<(), Failure> {
        self.0.rename_free(context, host, to).await
    }
}

/// A name that may be deleted, or kept elsewhere.
#[derive(Debug)]
pub(crate) struct SurplusRemoval(Reached);

impl SurplusRemoval {
    /// The name, as it was reached.
    pub(crate) const fn reached(&self) -> &Reached {
        &self.0
    }

    /// Deletes it. `Ok(false)` if it was not there.
    ///
    /// # Errors
    ///
    /// It may still be there.
    pub(crate) async fn carry_out(&self, context: &Context, host: &mut Host) -> Result<bool, Failure> {
        self.0.delete(context, host).await
    }
}

/// Why what only the destination has stays, if it does.
fn refusal(compared: ComparedTrees, allowance: Allowance) -> Option<Refusal> {
    let ComparedTrees { is_complete, files, surplus, failed } = compared;
    if surplus == 0 {
        return None;
    }
    let names = several(surplus, "name");
    if files == 0 && !allowance.is_confirmed {
        let what = format!(
            "no file of the source is to be copied (it is empty, or the filters leave everything out), and {names} would be deleted at the destination"
        );
        return Some(Refusal::Empty(
            Failure::new(Kind::Usage, what)
                .hint("nothing was changed; --yes deletes them, if the source is meant to be empty"),
        ));
    }
    if let Some(most) = allowance.most.filter(|most| surplus > *most) {
        return Some(Refusal::TooMany { names: surplus, most });
    }
    if !is_complete {
        return Some(Refusal::Incomplete { names: surplus });
    }
    (failed > 0).then_some(Refusal::Failed { names: surplus })
}

/// Whether something at `below` is still what its listing has shown.
///
/// # Errors
///
/// It has changed since it was listed, or is not where its path says.
fn unchanged(
    scope: &Scope,
    below: &PathName,
    reached: &Reached,
    (seen, now): (&Facts, &Facts),
) -> Result<(), Failure> {
    let path = scope.path(Some(below))?;
    if path != *reached.path() {
        return Err(Failure::usage(format!("{} is not {}", reached.path().display(), path.display())));
    }
    // A listing that tells no size shows no change of it.
    let size = seen.size.and(now.size).and(seen.size).or(now.size);
    if seen.kind != now.kind || has_changed(&Facts { size, ..seen.clone() }, now) {
        let what = format!("{} stays, because it has changed since it was listed", path.display());
        return Err(Failure::new(Kind::Unverified, what).hint("the next sync looks at it again"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::listing::{Kind as Type, When};

    fn path(text: &str) -> PathName {
        PathName::from_user(text).unwrap()
    }

    #[test]
    fn nothing_is_deleted_unless_everything_is_known_and_allowed() {
        let good = ComparedTrees { is_complete: true, files: 5, surplus: 3, failed: 0 };
        let empty = ComparedTrees { files: 0, ..good };
        let any = Allowance::default();
        let most = |most| Allowance { most: Some(most), ..any };
        let meant = Allowance { is_confirmed: true, ..any };
        for (compared, allowance, expect) in [
            (good, any, ("ok", "ok")),
            (ComparedTrees { is_complete: false, ..good }, any, ("incomplete", "none")),
            (ComparedTrees { is_complete: false, failed: 1, ..good }, meant, ("incomplete", "none")),
            (ComparedTrees { failed: 1, ..good }, meant, ("failed", "none")),
            (empty, any, ("empty", "empty")),
            (empty, meant, ("ok", "ok")),
            (ComparedTrees { surplus: 0, ..empty }, any, ("ok", "ok")),
            (empty, Allowance { most: Some(2), ..meant }, ("too many", "ok")),
            (good, most(3), ("ok", "ok")),
            (good, most(2), ("too many", "ok")),
            (good, most(0), ("too many", "ok")),
            (ComparedTrees { failed: 1, ..good }, most(2), ("too many", "none")),
        ] {
            let scope = Scope::of_destination(&path("d"));
            let deletes = match MayDelete::of(compared, allowance, scope.clone()) {
                Ok(_) => "ok",
                Err(Refusal::Failed { .. }) => "failed",
                Err(Refusal::Incomplete { .. }) => "incomplete",
                Err(Refusal::Empty(_)) => "empty",
                Err(Refusal::TooMany { .. }) => "too many",
            };
            let renames = match MayRename::of(compared, allowance, scope) {
                Ok(Some(_)) => "ok",
                Ok(None) => "none",
                Err(_) => "empty",
            };
            assert_eq!((deletes, renames), expect, "{compared:?} {allowance:?}");
        }
    }

    #[test]
    fn what_only_the_destination_has_is_deleted_only_below_it_and_if_it_is_unchanged() {
        let compared = ComparedTrees { is_complete: true, files: 1, surplus: 1, failed: 0 };
        let facts = |kind, size: Option<u64>, modified: Option<i64>, unique: Option<&str>| {
            let unique = unique.map(str::to_owned);
            Facts { kind, size, modified: modified.map(When), unique, mode: None }
        };
        let file = facts(Type::File, Some(5), Some(1), Some("a"));
        let check = |root: &str, below: &str, seen: &Facts, now: &Facts, expect: Option<&str>| {
            let scope = Scope::of_destination(&path(root));
            let permit = MayDelete::of(compared, Allowance::default(), scope).unwrap();
            let below = path(below);
            let reached = Reached::for_tests(crate::place::join(Some(&path(root)), &below));
            let removal = permit.removal(&below, reached, (seen, now));
            let found = removal.ok().map(|removal| removal.reached().path().display());
            assert_eq!(found.as_deref(), expect, "{root} {} {seen:?} {now:?}", below.display());
        };
        check("d", "a/b", &file, &file, Some("d/a/b"));
        check("/", "a", &file, &file, Some("/a"));
        check(".", "a", &file, &file, Some("./a"));
        check("d", "../a", &file, &file, None);
        check("d", "a/..", &file, &file, None);
        let link = facts(Type::Link, None, None, None);
        check("d", "a", &link, &link, Some("d/a"));
        check("d", "a", &link, &file, None);
        for now in [
            facts(Type::File, Some(6), Some(1), Some("a")),
            facts(Type::File, Some(5), Some(2), Some("a")),
            facts(Type::File, Some(5), Some(1), Some("b")),
            facts(Type::Directory, None, None, None),
        ] {
            check("d", "a", &file, &now, None);
        }
        let vague = facts(Type::File, None, None, None);
        check("d", "a", &vague, &file, Some("d/a"));
        // What was reached is something else.
        let scope = Scope::of_destination(&path("d"));
        let permit = MayDelete::of(compared, Allowance::default(), scope).unwrap();
        let other = Reached::for_tests(path("d/b"));
        assert!(permit.removal(&path("a"), other, (&file, &file)).is_err());
    }
}
