//! A file that has another name at the source than at the destination is renamed there, and not copied again. Two files are
//! one if size and digest are equal.

use super::listed::cannot_keep;
use crate::check::{MayRename, common};
use crate::context::{Cancel, Context};
use crate::endpoint::{self, Host, Reached};
use crate::failure::{Failure, Kind};
use crate::job::checked_directories::{CheckedDirectories, CheckedEntry, DeletionPurpose};
use crate::job::file::times;
use crate::job::retrying::outage::asked;
use crate::job::sorted_names::{StopCheck, TreeEntry};
use crate::job::spool::Spool;
use crate::place;
use crate::route::Ends;
use crate::session::Facts;
use ftp_proto::digest::Algorithm;
use ftp_proto::listing;
use ftp_proto::wire::PathName;
use std::collections::{HashMap, HashSet};

/// Files that only the destination has, by their sizes.
#[derive(Debug)]
pub(super) struct Renames<'a> {
    context: &'a Context,
    permit: &'a MayRename,
    rules: RenameRules,
    entered: CheckedDirectories,
    /// The digest that both ends compute.
    algorithm: Algorithm,
    unmatched: Unmatched,
    /// What has another name now, or would get one.
    renamed: HashSet<PathName>,
}

/// How files are renamed.
#[derive(Clone, Copy, Debug)]
pub(super) struct RenameRules {
    /// Nothing is renamed.
    pub(super) is_dry: bool,
    /// Files get the times that they have at the source.
    pub(super) times: bool,
}

/// Files that only the destination has and that no file of the source is equal to so far, by their sizes.
#[derive(Debug, Default)]
struct Unmatched {
    of_size: HashMap<u64, Vec<OneOf>>,
    /// About how many bytes they take.
    bytes: usize,
}

/// One of the files of a size.
#[derive(Debug)]
struct OneOf {
    entry: TreeEntry,
    digest: Option<String>,
}

impl<'a> Renames<'a> {
    /// Looks for files that may have another name at the source; `None` if there are none, or no digest can tell.
    ///
    /// # Errors
    ///
    /// The names cannot be kept on the disk, or an end does not answer.
    pub(super) async fn of(
        context: &'a Context,
        (permit, rules): (&'a MayRename, RenameRules),
        ends: &mut Ends,
        surplus: &mut Spool<TreeEntry>,
    ) -> Result<Option<Self>, Failure> {
        let unmatched = Unmatched::of(surplus, &context.run.cancel).map_err(|error| cannot_keep(&error))?;
        if unmatched.of_size.is_empty() {
            return Ok(None);
        }
        ends.connect(context).await?;
        // Nobody compares the files afterwards.
        let Some(algorithm) = common(context, ends, &Algorithm::CHECKSUMS).await? else { return Ok(None) };
        let entered = CheckedDirectories::new(permit.scope(), DeletionPurpose::Sync);
        let renamed = HashSet::new();
        Ok(Some(Self { context, permit, rules, entered, algorithm, unmatched, renamed }))
    }

    /// What has another name now, or would get one.
    pub(super) fn renamed(self) -> HashSet<PathName> {
        self.renamed
    }

    /// Renames a file at the destination that is the same as this one of the source, if there is one. Returns its old path
    /// below the destination. In a dry run nothing is renamed.
    ///
    /// # Errors
    ///
    /// Somebody has asked the program to stop, or an end was given up. Any other failure leaves the file to the copying.
    pub(super) async fn rename(
        &mut self,
        (ends, source): (&mut Ends, &PathName),
        entry: &TreeEntry,
    ) -> Result<Option<PathName>, Failure> {
        let path = place::join(Some(source), &entry.path);
        let Some((below, seen)) = self.same(ends, &path, &entry.facts).await? else { return Ok(None) };
        if !self.lacks(&mut ends.source, &place::join(Some(source), &below)).await? {
            return Ok(None);
        }
        if !self.rules.is_dry {
            let time = entry.facts.modified.filter(|_| self.rules.times);
            match self.carry_out(ends, (&below, &seen), (&entry.path, time)).await {
                Ok(()) => {}
                Err(failure) if failure.ends_the_work() => return Err(failure),
                Err(failure) => {
                    let name = ends.destination.show(&self.path(&below));
                    self.context
                        .run
                        .events
                        .notice(format!("{name} is not renamed, and copied instead: {failure}"));
                    return Ok(None);
                }
            }
        }
        self.renamed.insert(below.clone());
        Ok(Some(below))
    }

    fn path(&self, below: &PathName) -> PathName {
        place::join(Some(self.permit.scope().root()), below)
    }

    /// Whether the source says that it does not have the old name. Its listing may hide names, and be cut.
    async fn lacks(&self, source: &mut Host, old: &PathName) -> Result<bool, Failure> {
        let (context, old) = (self.context, std::slice::from_ref(old));
        let has = asked(context, source, async |host| endpoint::have(context, host, old).await).await;
        match has {
            Ok(has) => Ok(has.first() == Some(&Some(false))),
            Err(failure) if failure.ends_the_work() => Err(failure),
            Err(_) => Ok(false),
        }
    }

    /// The file of the destination that has the same size and digest as the file `path` of the source.
    async fn same(
        &mut self,
        ends: &mut Ends,
        path: &PathName,
        facts: &Facts,
    ) -> Result<Option<(PathName, Facts)>, Failure> {
        let (context, algorithm) = (self.context, self.algorithm);
        let Some(size) = facts.size else { return Ok(None) };
        let of_size = self.unmatched.of_size.get_mut(&size).filter(|some| !some.is_empty());
        let Some(of_size) = of_size else { return Ok(None) };
        let root = self.permit.scope().root();
        let Ends { source, destination, .. } = ends;
        let own =
            asked(context, source, async |host| host.digest(context, algorithm, path, size).await).await;
        let own = match own {
            Ok(Ok(digest)) => digest.hex.to_ascii_lowercase(),
            Err(failure) if failure.ends_the_work() => return Err(failure),
            Ok(Err(_)) | Err(_) => return Ok(None),
        };
        for (index, one) in of_size.iter_mut().enumerate() {
            let digest = match &one.digest {
                Some(digest) => digest.clone(),
                None => {
                    let at = place::join(Some(root), &one.entry.path);
                    let found = asked(context, destination, async |host| {
                        host.digest(context, algorithm, &at, size).await
                    });
                    match found.await {
                        Ok(Ok(digest)) => digest.hex.to_ascii_lowercase(),
                        Err(failure) if failure.ends_the_work() => return Err(failure),
                        Ok(Err(_)) | Err(_) => continue,
                    }
                }
            };
            if digest == own {
                let OneOf { entry, .. } = of_size.swap_remove(index);
                return Ok(Some((entry.path, entry.facts)));
            }
            one.digest = Some(digest);
        }
        Ok(None)
    }

    /// Renames the file at `below` to `new`, both below the destination.
    async fn carry_out(
        &mut self,
        ends: &mut Ends,
        (below, seen): (&PathName, &Facts),
        (new, time): (&PathName, Option<listing::When>),
    ) -> Result<(), Failure> {
        let context = self.context;
        let (path, target) = (self.path(below), self.path(new));
        let host = &mut ends.destination;
        match self.entered.enter(context, host, place::parent(below).as_ref()).await? {
            CheckedEntry::Directory => {}
            CheckedEntry::Elsewhere(_, failure) => return Err(failure),
            CheckedEntry::Link(_) => {
                return Err(Failure::new(Kind::Refused, "its directory is a symbolic link"));
            }
        }
        let gone = || Failure::new(Kind::Missing, "it is not there any more");
        let reached = Reached::at(host, &path)?.ok_or_else(gone)?;
        let now = asked(context, host, async |host| reached.facts(context, host).await).await?;
        let renaming = self.permit.renaming(below, reached, (seen, &now.ok_or_else(gone)?))?;
        renaming.carry_out(context, host, &target).await?;
        // It is the same file, so the next run need not compare it.
        if times::set(context, ends, &target, time).await.is_ok() {
            times::tell(context, ends).await;
        }
        Ok(())
    }
}

impl Unmatched {
    /// The files of `surplus` that may have another name at the source. Small ones are copied sooner than compared.
    fn of(surplus: &mut Spool<TreeEntry>, cancel: &Cancel) -> std::io::Result<Self> {
        let mut stop = StopCheck::new(cancel);
        let mut unmatched = Self::default();
        for _ in 0..surplus.len() {
            stop.count()?;
            let Some(entry) = surplus.pop()? else { break };
            unmatched.add(&entry);
            surplus.push(entry)?;
        }
        Ok(unmatched)
    }

    /// Takes in a file that is large enough, if there is room.
    fn add(&mut self, entry: &TreeEntry) {
        let size =
            entry.facts.size.filter(|size| *size >= SMALLEST && entry.facts.kind == listing::Kind::File);
        let Some(size) = size.filter(|_| self.bytes < MOST_BYTES) else { return };
        let of_size = self.of_size.entry(size).or_default();
        if of_size.len() < MOST_OF_SIZE {
            of_size.push(OneOf { entry: entry.clone(), digest: None });
            self.bytes += entry.bytes() + OF_ONE;
        }
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

    #[test]
    fn a_server_does_not_decide_how_much_memory_renamed_files_take() {
        let kept = |length: usize| {
            let mut unmatched = Unmatched::default();
            for size in 0..200_000_u64 {
                let path = PathName::from_user("x".repeat(length)).unwrap();
                let size = Some(SMALLEST + size);
                let kind = listing::Kind::File;
                let facts = Facts { kind, size, modified: None, unique: None, version: None, mode: None };
                unmatched.add(&TreeEntry { path, facts });
            }
            assert!(unmatched.bytes < MOST_BYTES + 8192);
            unmatched.of_size.len()
        };
        let (short, long) = (kept(40), kept(4000));
        assert!(short > 80_000 && (6_000..9_000).contains(&long), "{short} {long}");
    }
}
