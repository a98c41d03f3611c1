//! A file that has another name at the source than at the destination is renamed there, and not copied again. Two files are
//! one if size and digest are equal.

use super::listed::cannot_keep;
use super::named::Named;
use crate::check::{Permit, Removal, Scope, common};
use crate::context::Context;
use crate::control::Facts;
use crate::endpoint::{self, check_file};
use crate::failure::{About, Failure, Kind};
use crate::job::entered::{Entered, Found, Why};
use crate::job::file::times;
use crate::job::retrying::outage::asked;
use crate::job::spool::Spool;
use crate::place;
use crate::route::Ends;
use ftp_proto::digest::Algorithm;
use ftp_proto::listing;
use ftp_proto::wire::PathName;
use std::collections::{HashMap, HashSet};

/// Files that only the destination has, by their sizes.
#[derive(Debug)]
pub(super) struct Renames<'a> {
    context: &'a Context,
    permit: &'a Permit,
    scope: Scope,
    entered: Entered,
    /// The digest that both ends compute.
    algorithm: Algorithm,
    candidates: HashMap<u64, Vec<Candidate>>,
    /// What has another name now, or would get one.
    renamed: HashSet<PathName>,
}

/// A file that only the destination has.
#[derive(Debug)]
struct Candidate {
    named: Named,
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
        permit: &'a Permit,
        (ends, root): (&mut Ends, &PathName),
        surplus: &mut Spool<Named>,
    ) -> Result<Option<Self>, Failure> {
        let candidates = candidates(surplus).map_err(|error| cannot_keep(&error))?;
        if candidates.is_empty() {
            return Ok(None);
        }
        ends.connect(context).await?;
        let Some(algorithm) = common(context, ends, &[]).await? else { return Ok(None) };
        let scope = Scope::of_destination(root);
        let entered = Entered::new(&scope, Why::Synced);
        let renamed = HashSet::new();
        Ok(Some(Self { context, permit, scope, entered, algorithm, candidates, renamed }))
    }

    /// What has another name now, or would get one.
    pub(super) fn renamed(self) -> HashSet<PathName> {
        self.renamed
    }

    /// Renames a file at the destination that is the same as this one of the source, if there is one. Returns its old path
    /// below the destination. With `is_dry` nothing is renamed.
    ///
    /// # Errors
    ///
    /// Somebody has asked the program to stop, or an end was given up. Any other failure leaves the file to the copying.
    pub(super) async fn rename(
        &mut self,
        (ends, source): (&mut Ends, &PathName),
        named: &Named,
        (is_dry, times): (bool, bool),
    ) -> Result<Option<PathName>, Failure> {
        let path = place::join(Some(source), &named.path);
        let Some((below, seen)) = self.same(ends, &path, &named.facts).await? else { return Ok(None) };
        if !is_dry {
            let time = named.facts.modified.filter(|_| times);
            match self.carry_out(ends, (&below, &seen), (&named.path, time)).await {
                Ok(()) => {}
                Err(failure) if ends_all(&failure) => return Err(failure),
                Err(failure) => {
                    let name = ends.destination.show(&place::join(Some(self.scope.root()), &below));
                    self.context
                        .events
                        .notice(format!("{name} is not renamed, and copied instead: {failure}"));
                    return Ok(None);
                }
            }
        }
        self.renamed.insert(below.clone());
        Ok(Some(below))
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
        let Some(candidates) = self.candidates.get_mut(&size).filter(|some| !some.is_empty()) else {
            return Ok(None);
        };
        let Ends { source, destination, .. } = ends;
        let own =
            asked(context, source, async |host| host.digest(context, algorithm, path, size).await).await;
        let own = match own {
            Ok(Ok(digest)) => digest.hex.to_ascii_lowercase(),
            Err(failure) if ends_all(&failure) => return Err(failure),
            Ok(Err(_)) | Err(_) => return Ok(None),
        };
        for (index, candidate) in candidates.iter_mut().enumerate() {
            let digest = match &candidate.digest {
                Some(digest) => digest.clone(),
                None => {
                    let at = place::join(Some(self.scope.root()), &candidate.named.path);
                    let found = asked(context, destination, async |host| {
                        host.digest(context, algorithm, &at, size).await
                    });
                    match found.await {
                        Ok(Ok(digest)) => digest.hex.to_ascii_lowercase(),
                        Err(failure) if ends_all(&failure) => return Err(failure),
                        Ok(Err(_)) | Err(_) => continue,
                    }
                }
            };
            if digest == own {
                let Candidate { named, .. } = candidates.swap_remove(index);
                return Ok(Some((named.path, named.facts)));
            }
            candidate.digest = Some(digest);
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
        let target = place::join(Some(self.scope.root()), new);
        let host = &mut ends.destination;
        let path = place::join(Some(self.scope.root()), below);
        if let endpoint::Host::Local(root) = host {
            check_file(root.as_ref(), &path)?;
            check_file(root.as_ref(), &target)?;
        }
        match self.entered.enter(context, host, place::parent(below).as_ref()).await? {
            Found::Directory => {}
            Found::Elsewhere(_, failure) => return Err(failure),
            Found::Link(_) => return Err(Failure::new(Kind::Refused, "its directory is a symbolic link")),
        }
        let now = asked(context, host, async |host| endpoint::entry(context, host, &path).await).await?;
        let now = now.ok_or_else(|| Failure::new(Kind::Missing, "it is not there any more"))?;
        let removal = Removal::surplus(self.permit, &self.scope, below, (seen, &now))?;
        // RNTO replaces what has the name.
        if asked(context, host, async |host| endpoint::entry(context, host, &target).await).await?.is_some() {
            return Err(Failure::new(Kind::Exists, "something has its new name"));
        }
        host.make_parents(context, &target).await?;
        endpoint::rename_free(context, host, removal.path(), &target).await?;
        // It is the same file, so the next run need not compare it.
        if times::set(context, ends, &target, time).await.is_ok() {
            times::tell(context, ends).await;
        }
        Ok(())
    }
}

/// Whether nothing more is done after such a failure.
fn ends_all(failure: &Failure) -> bool {
    failure.kind == Kind::Interrupted || failure.about == About::GivenUp
}

/// The files that may have another name at the source. Small ones are copied sooner than compared.
fn candidates(surplus: &mut Spool<Named>) -> std::io::Result<HashMap<u64, Vec<Candidate>>> {
    let mut candidates: HashMap<u64, Vec<Candidate>> = HashMap::new();
    let mut number = 0;
    for _ in 0..surplus.len() {
        let Some(named) = surplus.pop()? else { break };
        let size =
            named.facts.size.filter(|size| *size >= SMALLEST && named.facts.kind == listing::Kind::File);
        if let Some(size) = size.filter(|_| number < MOST) {
            let of_size = candidates.entry(size).or_default();
            if of_size.len() < MOST_OF_SIZE {
                of_size.push(Candidate { named: named.clone(), digest: None });
                number += 1;
            }
        }
        surplus.push(named)?;
    }
    Ok(candidates)
}

/// The size of the smallest file that is looked for under another name, in bytes.
const SMALLEST: u64 = 64 << 10;
/// The largest number of files of one size that are compared.
const MOST_OF_SIZE: usize = 16;
/// The largest number of files that are looked for.
const MOST: usize = 100_000;
