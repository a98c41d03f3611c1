//! What only the destination has is deleted, or kept in another directory. Names come in their order, so a directory is
//! removed right after what was in it.

use super::emptied::EmptiedDirectories;
use super::hidden::Hidden;
use super::links::Links;
use super::other_jobs::{KeptNames, OtherJobs};
use super::own_names::OwnNames;
use super::twins::Twins;
use crate::check::{MayDelete, Removal, Scope};
use crate::context::Context;
use crate::endpoint::{Host, Reached, list};
use crate::failure::{Failure, Kind};
use crate::job::entered::{Entered, Entry, Why};
use crate::job::remains::backup::{self, Backup};
use crate::job::retrying::outage::asked;
use crate::job::sorting::tree_entry::TreeEntry;
use crate::job::spool::Spool;
use crate::job::summary::tally::Tally;
use crate::place;
use crate::report::{Change, Event};
use ftp_proto::listing;
use ftp_proto::wire::PathName;
use std::collections::HashSet;
use std::sync::Arc;

/// What is deleted below a destination.
#[derive(Debug)]
pub(super) struct SurplusRemovals<'a> {
    pub(super) context: &'a Context,
    /// What is done with a name.
    pub(super) removing: Removing,
    /// Where the source is.
    pub(super) source: PathName,
    /// Where files go instead.
    pub(super) backup: Option<Backup>,
    /// What has another name now.
    pub(super) renamed: HashSet<PathName>,
    /// Names that differ from new ones only in case.
    pub(super) twins: Twins,
    /// What other jobs have claimed.
    pub(super) others: Arc<OtherJobs>,
    /// Which directories go with what is in them. No name was looked at yet.
    pub(super) emptied: EmptiedDirectories,
}

/// What is done with names that only the destination has.
#[derive(Debug)]
pub(super) enum Removing {
    /// They are only reported, and nothing is changed.
    Reported(Scope),
    /// They are deleted, or kept.
    Deleted(MayDelete),
}

impl Removing {
    const fn scope(&self) -> &Scope {
        match self {
            Self::Reported(scope) => scope,
            Self::Deleted(permit) => permit.scope(),
        }
    }
}

/// The two hosts of a sync, and where its outcome is counted.
type At<'a, 'b> = (&'a mut Host, &'a mut Host, &'b mut Tally);

impl SurplusRemovals<'_> {
    /// Deletes it. Failures go to `tally`.
    ///
    /// # Errors
    ///
    /// Nothing more is deleted: the server was given up, or somebody has asked the program to stop.
    pub(super) async fn run(
        self,
        (source, host, tally): At<'_, '_>,
        mut surplus: Spool<TreeEntry>,
    ) -> Result<(), Failure> {
        let mut hidden = Hidden::at(self.source.clone());
        let mut entered = Entered::new(self.removing.scope(), Why::Synced);
        let mut links = Links::default();
        let mut emptied = self.emptied.clone();
        let (mut own, mut kept) = (OwnNames::default(), KeptNames::default());
        let needs = |entry: &TreeEntry| {
            !entry.is_left() && !self.renamed.contains(&entry.path) && !self.twins.spares(&entry.path)
        };
        loop {
            let next = hidden.next(self.context, source, &mut surplus, needs).await?;
            if self.context.cancel.is_cancelled() {
                return Err(Failure::interrupted());
            }
            while let Some(directory) = emptied.leave(next.as_ref().map(|(next, _)| &next.path)) {
                let removed = self.directory(host, &mut entered, &directory, tally).await;
                self.note(host, &directory, removed, tally)?;
            }
            let Some((next, is_lacking)) = next else { break };
            if next.is_left() || !is_lacking || self.twins.spares(&next.path) {
                emptied.stays();
                continue;
            }
            if let Some(job) = self.others.claims(&next.path).filter(|_| !self.renamed.contains(&next.path)) {
                kept.keep(&next.path, job);
                emptied.stays();
                continue;
            }
            if host.is_local() && own.has(self.context, self.path(&next.path)) {
                emptied.stays();
                continue;
            }
            if next.is_directory() {
                emptied.enter(next.path);
                continue;
            }
            let is_gone = self.renamed.contains(&next.path) || {
                let removed = self.file((host, tally), (&mut entered, &mut links), &next).await;
                self.note(host, &next.path, removed, tally)?
            };
            if is_gone {
                emptied.goes();
            }
        }
        hidden.tell(self.context, source);
        own.tell(self.context, host);
        kept.tell(self.context, host, self.removing.scope().root());
        Ok(())
    }

    /// Notes how a removal has ended. Returns whether it was done.
    ///
    /// # Errors
    ///
    /// Nothing more is deleted after such a failure.
    fn note(
        &self,
        host: &Host,
        below: &PathName,
        removed: Result<(), Failure>,
        tally: &mut Tally,
    ) -> Result<bool, Failure> {
        match removed {
            Ok(()) => Ok(true),
            Err(failure) if failure.ends_the_work() => Err(failure),
            Err(failure) => {
                tally.failed(String::new(), host.show(&self.path(below)), failure);
                Ok(false)
            }
        }
    }

    fn path(&self, below: &PathName) -> PathName {
        place::join(Some(self.removing.scope().root()), below)
    }

    async fn file(
        &self,
        (host, tally): (&mut Host, &mut Tally),
        (entered, links): (&mut Entered, &mut Links),
        surplus: &TreeEntry,
    ) -> Result<(), Failure> {
        let (context, below) = (self.context, &surplus.path);
        let path = self.path(below);
        let kept_as = self.backup.as_ref().map(|backup| backup.of(below));
        let kept = match &self.removing {
            Removing::Reported(_) => kept_as,
            Removing::Deleted(permit) => {
                if let Entry::Elsewhere(_, failure) =
                    entered.enter(context, host, place::parent(below).as_ref()).await?
                {
                    return Err(failure);
                }
                let Some(reached) = Reached::at(host, &path)? else { return Ok(()) };
                let now = links.now(context, host, &reached, &surplus.facts).await?;
                let Some(now) = now else { return Ok(()) };
                let removal = permit.removal(below, reached, (&surplus.facts, &now))?;
                match kept_as {
                    None => {
                        asked(context, host, async |host| removal.carry_out(context, host).await).await?;
                        None
                    }
                    Some(kept_as) => {
                        let kept = backup::keep(context, host, removal.reached(), &kept_as).await;
                        Some(kept.map_err(|failure| {
                            failure.during_unless_interrupted("it is not deleted, because it cannot be kept")
                        })?)
                    }
                }
            }
        };
        self.tell((host, &path), kept.as_ref(), (surplus.facts.kind, surplus.facts.size)).await;
        if kept.is_some() {
            tally.kept()
        } else {
            tally.deleted()
        }
        Ok(())
    }

    async fn directory(
        &self,
        host: &mut Host,
        entered: &mut Entered,
        below: &PathName,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let context = self.context;
        let path = self.path(below);
        if let Removing::Deleted(permit) = &self.removing {
            if let Entry::Elsewhere(_, failure) = entered.enter(context, host, Some(below)).await? {
                return Err(failure);
            }
            let listing = asked(context, host, async |host| list(context, host, &path).await).await;
            let listing = match listing {
                Err(failure) if failure.kind == Kind::Missing => return Ok(()),
                listing => listing?,
            };
            let Some(removal) = Removal::emptied(permit.scope(), Some(below), &listing)? else {
                return Ok(());
            };
            asked(context, host, async |host| removal.carry_out(context, host).await).await?;
        }
        self.tell((host, &path), None, (listing::Kind::Directory, None)).await;
        tally.deleted();
        Ok(())
    }

    /// Tells that a name was deleted, or would be.
    async fn tell(
        &self,
        (host, path): (&Host, &PathName),
        kept_as: Option<&PathName>,
        (kind, size): (listing::Kind, Option<u64>),
    ) {
        let (place, dest) = (host.show(path), kept_as.map(|path| host.show(path)));
        let dry_run = matches!(self.removing, Removing::Reported(_));
        let verb = if dest.is_some() { "backup" } else { "delete" };
        let change = Event::Changed(Change { verb, place, dest, kind, size, dry_run });
        self.context.events.plan(change, dry_run).await;
    }
}
