//! What `rm` would delete at one place: everything is found before anything is deleted. What cannot be listed stays, with the
//! directories above it.

use super::verb::{VerbRun, refuse_slash};
use crate::endpoint::{HeldDirectories, Host, files};
use crate::failure::{Failure, Kind, Result};
use crate::job::{
    FailedVisit, Scope, Spool, TreeEntry, Visit, Visits, WalkPurpose, WalkRules, answer_if_any, ask,
    check_cancel, missing, walk,
};
use crate::place::{self, Location};
use crate::session::Facts;
use ftp_proto::listing;
use ftp_proto::wire::PathName;
use std::collections::HashSet;

/// Everything that would be deleted at one place.
#[derive(Debug)]
pub(super) struct RemovalPlan {
    /// The place that was named.
    pub(super) place: Location,
    /// Where it may be.
    pub(super) scope: Scope,
    /// What the place itself is, where a symbolic link is one.
    pub(super) seen: Facts,
    /// Each name below it: a directory before what is in it.
    pub(super) names: Spool<TreeEntry>,
    /// How many there are, with the place itself.
    pub(super) totals: RemovalTotals,
    /// What could not be looked at or listed: it and what is in it stay. `None` is the place itself.
    pub(super) unlisted: Vec<Option<PathName>>,
    /// The bytes of the paths of the directories.
    path_bytes: usize,
}

/// How much would be deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct RemovalTotals {
    /// The number of files, links among them.
    pub(super) files: u64,
    /// The number of directories.
    pub(super) directories: u64,
    /// The bytes of the files, as far as they are known.
    pub(super) bytes: u64,
}

impl RemovalTotals {
    pub(super) const fn names(self) -> u64 {
        self.files + self.directories
    }

    /// Adds what is deleted elsewhere.
    pub(super) const fn add(&mut self, other: Self) {
        self.files += other.files;
        self.directories += other.directories;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

impl RemovalPlan {
    fn new(place: &Location, scope: Scope, seen: Facts) -> Self {
        let is_directory = seen.kind == listing::Kind::Directory;
        let (files, directories) = (u64::from(!is_directory), u64::from(is_directory));
        let bytes = seen.size.filter(|_| !is_directory).unwrap_or(0);
        let totals = RemovalTotals { files, directories, bytes };
        let (names, unlisted) = (Spool::default(), Vec::new());
        Self { place: place.clone(), scope, seen, names, totals, unlisted, path_bytes: 0 }
    }

    /// Takes everything that a walk finds.
    async fn take(&mut self, run: &mut VerbRun<'_>, mut visits: Visits) -> Result<()> {
        while let Some(visit) = run.context.run.cancel.unless_cancelled(visits.next()).await? {
            match visit {
                Visit::Directory(path, _) => {
                    self.totals.directories += 1;
                    self.path_bytes += path.as_bytes().len();
                    self.push(path, Facts::of_kind(listing::Kind::Directory))?;
                }
                Visit::File(path, facts) | Visit::Link(path, facts) => {
                    let size = facts.and_then(|facts| facts.size);
                    self.totals.add(RemovalTotals { files: 1, directories: 0, bytes: size.unwrap_or(0) });
                    self.push(path, Facts { size, ..Facts::of_kind(listing::Kind::File) })?;
                }
                Visit::Skipped(path, why) => {
                    self.note_unlisted(run, Some(path), Failure::new(Kind::Other, why))?;
                }
                Visit::Failed(FailedVisit { path, failure, .. }) => self.note_unlisted(run, path, failure)?,
            }
        }
        check_cancel(run.context)
    }

    fn push(&mut self, path: PathName, facts: Facts) -> Result<()> {
        let too_much = |what: String| Failure::new(Kind::Other, what).hint("delete it in parts");
        let (place, RemovalTotals { files, directories, .. }) = (&self.place, self.totals);
        if self.path_bytes > MOST_BYTES {
            let most = MOST_BYTES >> 20;
            return Err(too_much(format!(
                "the paths of the directories in {place} take more than {most} MiB"
            )));
        }
        if files > MOST_FILES || directories > MOST_DIRECTORIES {
            return Err(too_much(format!(
                "{place} has more than {MOST_FILES} files or {MOST_DIRECTORIES} directories"
            )));
        }
        let cannot = |error| Failure::of_temporary_files("the names of the tree", &error);
        self.names.push(TreeEntry { path, facts }).map_err(cannot)
    }

    /// Notes what is not known.
    ///
    /// # Errors
    ///
    /// So much is not known that nothing of the place is deleted.
    fn note_unlisted(
        &mut self,
        run: &mut VerbRun<'_>,
        below: Option<PathName>,
        failure: Failure,
    ) -> Result<()> {
        if self.unlisted.len() >= MOST_TOLD {
            let what = format!("{} was not deleted, because too much of it cannot be listed", self.place);
            return Err(Failure::new(failure.kind, what).hint("delete what you know in it by its name"));
        }
        let name = match &below {
            Some(below) => format!("{} in {}", below.display(), self.place),
            None => self.place.to_string(),
        };
        let why = format!("{name} stays, with what is in it, because its listing is incomplete");
        run.failed(name, failure.during_unless_interrupted(why));
        self.unlisted.push(below);
        Ok(())
    }
}

/// What the places of `rm` are, and what keeps them the same until they are deleted.
#[derive(Debug, Default)]
pub(super) struct SeenPlaces {
    directories: HeldDirectories,
    /// The symbolic links of the directory of a server that was listed last. The places of a pattern are in one.
    last: Option<DirectoryLinks>,
}

/// The symbolic links of a directory.
#[derive(Debug)]
struct DirectoryLinks {
    host: String,
    directory: Option<PathName>,
    names: HashSet<PathName>,
}

impl SeenPlaces {
    /// Finds what would be deleted at a place.
    ///
    /// # Errors
    ///
    /// Why nothing of it may be deleted. What else is not known of it is noted in `run`.
    pub(super) async fn plan(
        &mut self,
        run: &mut VerbRun<'_>,
        place: &Location,
        recursive: bool,
    ) -> Result<RemovalPlan> {
        let (context, mut host) = (run.context, run.host(place));
        let seen = self.look(run, &mut host, place).await?;
        if seen.kind != listing::Kind::Directory {
            refuse_slash(place, seen.kind)?;
            let scope = Scope::of_entry(place)?;
            let held = self.directories.place(&host, &scope.root, &seen)?;
            host.release();
            return Ok(RemovalPlan::new(place, scope.held(held), seen));
        }
        if !recursive {
            return Err(Failure::usage(format!("{place} is a directory"))
                .hint("rm -r deletes directories with everything in them"));
        }
        let login = ask!(context, &mut host, files::login_directory(context, &mut host))?;
        let scope = Scope::of_tree(place, login.as_ref(), &context.run.own_files)?;
        let held = self.directories.place(&host, &scope.root, &seen)?;
        // A server may permit one session.
        let walker = host.beside();
        host.release();
        let mut plan = RemovalPlan::new(place, scope.held(held), seen);
        let rules = WalkRules { purpose: WalkPurpose::Deleted, ..WalkRules::default() };
        let (root, unique) = (plan.scope.root.clone(), plan.seen.unique.clone());
        plan.take(run, walk(context.clone(), walker, root, unique, rules)).await?;
        Ok(plan)
    }

    /// What a place is, where a symbolic link is one. Servers look through links when they are asked for one name: where that finds
    /// a directory, nothing, or what may not be looked at, the listing of its directory tells.
    async fn look(&mut self, run: &VerbRun<'_>, host: &mut Host, place: &Location) -> Result<Facts> {
        // With a slash at its end, a link would be followed.
        let scope = Scope::of_entry(place);
        let path = scope.as_ref().map_or(&place.path, |scope| &scope.root);
        let found = run.entry(host, path).await;
        let may_be_link = match &found {
            Ok(seen) => seen.as_ref().is_none_or(|seen| seen.kind == listing::Kind::Directory),
            Err(failure) => failure.kind == Kind::Refused,
        };
        if may_be_link && self.is_link(run, host, path).await? {
            let seen = found.ok().flatten().unwrap_or_else(|| Facts::of_kind(listing::Kind::Link));
            return Ok(Facts { kind: listing::Kind::Link, ..seen });
        }
        found?.ok_or_else(|| missing(place))
    }

    /// Whether a server shows in its directory that this is a symbolic link. A server that does not list the directory is
    /// asked once, and believed: what is in a link is looked at again before it is deleted.
    async fn is_link(&mut self, run: &VerbRun<'_>, host: &mut Host, path: &PathName) -> Result<bool> {
        let (Some(name), false) = (place::base_name(path), host.is_local()) else { return Ok(false) };
        let (directory, server) = (place::parent(path), host.name());
        let is_known = |last: &&DirectoryLinks| last.host == server && last.directory == directory;
        if let Some(last) = self.last.as_ref().filter(is_known) {
            return Ok(last.names.contains(&name));
        }
        let mut names = HashSet::new();
        let listed = files::list_links(run.context, host, directory.as_ref(), &mut names).await;
        if answer_if_any(listed)?.is_none() {
            names.clear();
        }
        let is_link = names.contains(&name);
        self.last = Some(DirectoryLinks { host: server, directory, names });
        Ok(is_link)
    }
}

/// The largest number of files of a plan.
const MOST_FILES: u64 = 10_000_000;
/// The largest number of directories of a plan.
const MOST_DIRECTORIES: u64 = 1_000_000;
/// The largest number of bytes of the paths of its directories, which are in memory while they are deleted.
const MOST_BYTES: usize = 128 << 20;
/// The largest number of paths of a plan that cannot be listed.
const MOST_TOLD: usize = 1000;
