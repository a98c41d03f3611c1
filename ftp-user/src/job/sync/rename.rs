//! A file that has another name at the source than at the destination is renamed there, and not copied again: two files are
//! one if size and digest are equal. And names of the destination that differ from new ones of the source only in upper and lower
//! case, or in the Unicode form of a letter: a destination that treats both as the same name would lose the new file with the old name.

use super::plan::cannot_keep;
use super::run::SyncRun;
use crate::context::{Cancel, Context};
use crate::endpoint::{Host, files};
use crate::failure::{Failure, Kind, Result};
use crate::job::check::common;
use crate::job::checked_directories::{CheckedDirectories, DeletionPurpose, answer_if_any};
use crate::job::file::times;
use crate::job::removal::{MayRename, ReachedName};
use crate::job::retry::ask;
use crate::job::similar::{folded, one_form};
use crate::job::spool::{NameSet, Spool, TreeEntry};
use crate::place;
use crate::session::Facts;
use ftp_proto::digest::Algorithm;
use ftp_proto::listing;
use ftp_proto::wire::PathName;
use std::collections::{HashMap, HashSet};
use std::io;

/// Looks at each name that only the destination has.
fn each_surplus(
    surplus: &mut Spool<TreeEntry>,
    cancel: &Cancel,
    mut note: impl FnMut(&TreeEntry),
) -> io::Result<()> {
    for _ in 0..surplus.len() {
        cancel.check()?;
        let Some(entry) = surplus.pop()? else { break };
        note(&entry);
        surplus.push(entry)?;
    }
    Ok(())
}

/// The renaming of files at the destination.
#[derive(Debug)]
pub(super) struct FileRenames<'p> {
    permit: &'p MayRename,
    checked: CheckedDirectories<'p>,
    /// The digest that both ends compute.
    algorithm: Algorithm,
    candidates: RenameCandidates,
    /// What has another name now, or would get one.
    pub(super) renamed: HashSet<PathName>,
}

/// Files that only the destination has and that no file of the source is equal to so far, by their sizes.
#[derive(Debug, Default)]
struct RenameCandidates {
    of_size: HashMap<u64, Vec<RenameCandidate>>,
    /// About how many bytes they take.
    bytes: usize,
}

/// A file that only the destination has.
#[derive(Debug)]
struct RenameCandidate {
    entry: TreeEntry,
    digest: Option<String>,
}

impl<'p> FileRenames<'p> {
    /// Looks for files that may have another name at the source; `None` if there are none, or no digest can tell.
    pub(super) async fn of<'c: 'p>(
        run: &mut SyncRun<'c>,
        permit: &'p MayRename,
        surplus: &mut Spool<TreeEntry>,
    ) -> Result<Option<Self>> {
        let (context, mut candidates) = (run.context, RenameCandidates::default());
        each_surplus(surplus, &context.run.cancel, |entry| candidates.add(entry))
            .map_err(|error| cannot_keep(&error))?;
        if candidates.of_size.is_empty() {
            return Ok(None);
        }
        run.ends.connect(context).await?;
        // Nobody compares the files afterwards.
        let algorithm = common(context, &mut run.ends, &Algorithm::CHECKSUMS).await?;
        let checked = CheckedDirectories::new(context, &permit.scope, DeletionPurpose::Sync);
        let with = |algorithm| Self { permit, checked, algorithm, candidates, renamed: HashSet::new() };
        Ok(algorithm.map(with))
    }

    /// Renames a file at the destination that is the same as this one of the source, and tells it. Returns whether there was
    /// one. In a dry run nothing is renamed.
    ///
    /// # Errors
    ///
    /// Somebody has asked the program to stop, or an end was given up. Any other failure leaves the file to the copying.
    pub(super) async fn rename(&mut self, run: &mut SyncRun<'_>, entry: &TreeEntry) -> Result<bool> {
        let (context, source) = (run.context, &run.request.source.path);
        let path = place::join(Some(source), &entry.path);
        let Some(old) = self.same(run, &path, &entry.facts).await? else { return Ok(false) };
        // Whether the source says that it does not have the old name. Its listing may hide names, and be cut.
        let old_path = place::join(Some(source), &old.path);
        let host = &mut run.ends.source;
        let has = ask!(context, host, files::have(context, host, &old_path));
        if answer_if_any(has)?.flatten() != Some(false) {
            return Ok(false);
        }
        if !run.is_dry()
            && let Err(failure) = self.carry_out(run, &old, entry).await
        {
            if failure.ends_the_work() {
                return Err(failure);
            }
            let name = run.show_destination(Some(&old.path));
            context.run.events.notice(format!("{name} is not renamed, and copied instead: {failure}"));
            return Ok(false);
        }
        let dest = place::join(Some(&run.request.destination.path), &entry.path);
        let (kind, size) = (listing::Kind::File, entry.facts.size);
        run.report_change("rename", &old.path, Some(&dest), kind, size).await;
        run.tally.sums.renamed += 1;
        self.renamed.insert(old.path);
        Ok(true)
    }

    /// The file of the destination that has the same size and digest as the file `path` of the source.
    async fn same(
        &mut self,
        run: &mut SyncRun<'_>,
        path: &PathName,
        facts: &Facts,
    ) -> Result<Option<TreeEntry>> {
        let (context, algorithm, scope) = (run.context, self.algorithm, &self.permit.scope);
        let Some(size) = facts.size else { return Ok(None) };
        let Some(of_size) = self.candidates.of_size.get_mut(&size).filter(|some| !some.is_empty()) else {
            return Ok(None);
        };
        let digest = async |host: &mut Host, path: &PathName| {
            let digest = ask!(context, host, files::digest(context, host, algorithm, path, size));
            let digest = answer_if_any(digest)?.and_then(Result::ok);
            Ok::<_, Failure>(digest.map(|digest| digest.hex.to_ascii_lowercase()))
        };
        let Some(own) = digest(&mut run.ends.source, path).await? else { return Ok(None) };
        for (index, candidate) in of_size.iter_mut().enumerate() {
            if candidate.digest.is_none() {
                let at = scope.path(Some(&candidate.entry.path));
                candidate.digest = digest(&mut run.ends.destination, &at).await?;
            }
            if candidate.digest.as_ref() == Some(&own) {
                return Ok(Some(of_size.swap_remove(index).entry));
            }
        }
        Ok(None)
    }

    /// Renames the file `old` of the destination to the name that it has at the source.
    async fn carry_out(
        &mut self,
        run: &mut SyncRun<'_>,
        TreeEntry { path: below, facts: seen }: &TreeEntry,
        new: &TreeEntry,
    ) -> Result<()> {
        let (context, scope) = (run.context, &self.permit.scope);
        let (path, target) = (scope.path(Some(below)), scope.path(Some(&new.path)));
        let host = &mut run.ends.destination;
        self.checked.is_within(host, place::parent(below).as_ref()).await?;
        let gone = || Failure::new(Kind::Missing, "it is not there any more");
        let reached = ReachedName::at(host, &path)?.ok_or_else(gone)?;
        let now = ask!(context, host, reached.facts(context, host))?;
        self.permit.check(below, &reached, (seen, &now.ok_or_else(gone)?))?;
        reached.rename_free(context, host, &target).await?;
        // It is the same file, so the next run need not compare it.
        let time = new.facts.modified.filter(|_| run.request.options.times);
        if times::set(context, &mut run.ends, &target, time).await.is_ok() {
            times::tell(context, &mut run.ends).await;
        }
        Ok(())
    }
}

impl RenameCandidates {
    /// Takes in a file, if there is room. Small ones are copied sooner than compared.
    fn add(&mut self, entry: &TreeEntry) {
        let size =
            entry.facts.size.filter(|size| *size >= SMALLEST && entry.facts.kind == listing::Kind::File);
        let Some(size) = size.filter(|_| self.bytes < MOST_BYTES) else { return };
        let of_size = self.of_size.entry(size).or_default();
        if of_size.len() < MOST_OF_SIZE {
            of_size.push(RenameCandidate { entry: entry.clone(), digest: None });
            self.bytes += entry.bytes() + OF_ONE;
        }
    }
}

/// What only the destination has, by hashes of its paths.
#[derive(Debug, Default)]
pub(super) struct SimilarNames {
    /// Paths without their case and in one form.
    surplus: NameSet,
    /// Paths in one form.
    forms: NameSet,
    /// Whether the destination has taken names for one that differ in form only. That it has not says nothing of others:
    /// one of both may have gone, or be on another file system.
    forms_are_one: bool,
    /// The same of names that differ in case.
    cases_are_one: bool,
    /// The names that are not deleted.
    spared: NameSet,
}

/// In what two names differ: their form only, or their case as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum NameDifference {
    Form,
    Case,
}

impl SimilarNames {
    /// No new name was looked at yet.
    pub(super) fn of(surplus: &mut Spool<TreeEntry>, cancel: &Cancel) -> io::Result<Self> {
        let mut similar = Self::default();
        each_surplus(surplus, cancel, |entry| {
            if !entry.is_left() {
                similar.note(&entry.path);
            }
        })?;
        Ok(similar)
    }

    fn note(&mut self, path: &PathName) {
        self.surplus.insert(&folded(path.as_bytes()));
        self.forms.insert(&one_form(path.as_bytes()));
    }

    /// Looks at a name that only the source has, as the listings show it, before anything of it is made at `root`. If it is
    /// there all the same, the destination has it under another name.
    pub(super) async fn look(
        &mut self,
        context: &Context,
        host: &mut Host,
        root: &PathName,
        path: &PathName,
    ) -> Result<()> {
        let Some(difference) = self.difference(path) else { return Ok(()) };
        let are_one = *self.are_one(difference) || {
            let path = place::join(Some(root), path);
            ask!(context, host, files::facts_of_name(context, host, &path))?.is_some()
        };
        self.learn(path, difference, are_one);
        Ok(())
    }

    /// In what a new name differs from one that only the destination has, if there is one.
    fn difference(&self, path: &PathName) -> Option<NameDifference> {
        if !self.surplus.contains(&folded(path.as_bytes())) {
            return None;
        }
        Some(if self.forms.contains(&one_form(path.as_bytes())) {
            NameDifference::Form
        } else {
            NameDifference::Case
        })
    }

    const fn are_one(&mut self, difference: NameDifference) -> &mut bool {
        match difference {
            NameDifference::Form => &mut self.forms_are_one,
            NameDifference::Case => &mut self.cases_are_one,
        }
    }

    fn learn(&mut self, path: &PathName, difference: NameDifference, are_one: bool) {
        if are_one {
            *self.are_one(difference) = true;
            self.spared.insert(&folded(path.as_bytes()));
        }
    }

    /// Whether a name of the destination stays, because it is that of a new file.
    pub(super) fn spares(&self, path: &PathName) -> bool {
        (self.forms_are_one || self.cases_are_one) && self.spared.contains(&folded(path.as_bytes()))
    }
}

/// The size of the smallest file that is looked for under another name, in bytes.
const SMALLEST: u64 = 64 << 10;
/// The largest number of files of one size that are compared.
const MOST_OF_SIZE: usize = 16;
/// No more files are looked for if those that are take so many bytes: about 100,000 with short paths.
const MOST_BYTES: usize = 32 << 20;
/// What one of them needs beside its name: its digest, and its part of the table, in bytes.
const OF_ONE: usize = 150;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::LocalEnd;
    use crate::place::tests::path;

    #[test]
    fn a_server_does_not_decide_how_much_memory_renamed_files_take() {
        let kept = |length: usize| {
            let mut candidates = RenameCandidates::default();
            for size in 0..200_000_u64 {
                let path = path("x".repeat(length));
                let facts = Facts { size: Some(SMALLEST + size), ..Facts::of_kind(listing::Kind::File) };
                candidates.add(&TreeEntry { path, facts });
            }
            assert!(candidates.bytes < MOST_BYTES + 8192);
            candidates.of_size.len()
        };
        let (short, long) = (kept(40), kept(4000));
        assert!(short > 80_000 && (6_000..9_000).contains(&long), "{short} {long}");
    }

    #[test]
    fn a_name_stays_if_the_destination_takes_a_new_one_for_it() {
        let mut similar = SimilarNames::default();
        for surplus in ["d/README", "caf\u{e9}", "other"] {
            similar.note(&path(surplus));
        }
        assert_eq!(similar.difference(&path("d/readme")), Some(NameDifference::Case));
        assert_eq!(similar.difference(&path("cafe\u{301}")), Some(NameDifference::Form));
        assert_eq!(similar.difference(&path("CAFE\u{301}")), Some(NameDifference::Case));
        assert_eq!(similar.difference(&path("d/new")), None);
        // A destination may take forms for one and not cases.
        similar.learn(&path("d/readme"), NameDifference::Case, false);
        similar.learn(&path("cafe\u{301}"), NameDifference::Form, true);
        let spared = ["d/README", "caf\u{e9}", "other"].map(|name| similar.spares(&path(name)));
        assert_eq!(spared, [false, true, false]);
    }

    #[tokio::test]
    async fn a_name_that_is_not_there_says_nothing_of_the_next_one() {
        // "A.TXT" has a new name since it was listed, so it is not there.
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("README"), "").unwrap();
        let root = path(home.path());
        let context = Context::for_tests(Cancel::never());
        let (mut host, mut similar) = (Host::Local(LocalEnd::Typed), SimilarNames::default());
        for surplus in ["a.txt", "readme"] {
            similar.note(&path(surplus));
        }
        for new in ["A.TXT", "README"] {
            similar.look(&context, &mut host, &root, &path(new)).await.unwrap();
        }
        let spared = ["a.txt", "readme"].map(|name| similar.spares(&path(name)));
        assert_eq!(spared, [false, true]);
    }
}
