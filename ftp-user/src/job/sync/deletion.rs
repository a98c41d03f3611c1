//! What only the destination has is deleted, or kept in another directory. Names come in their order, so a directory is
//! removed right after what was in it.

use super::emptied::EmptiedDirectories;
use super::lacking::{LackingNames, session};
use super::links::Links;
use super::other_jobs::{KeptNames, OtherJobs};
use super::own_names::OwnNames;
use super::twins::Twins;
use super::withheld::WithheldNames;
use crate::check::{Removal, Scope, changed};
use crate::context::Context;
use crate::endpoint::{Host, Reached, learn_listing};
use crate::failure::{Failure, Kind};
use crate::job::checked_directories::{CheckedDirectories, CheckedEntry, DeletionPurpose};
use crate::job::remains::backup::{self, Backup};
use crate::job::retrying::outage::asked;
use crate::job::sorted_names::TreeEntry;
use crate::job::spool::Spool;
use crate::job::summary::tally::Tally;
use crate::place;
use crate::report::{Change, Event};
use crate::session::{Facts, Lack};
use ftp_proto::deletion::{DeletePermit, Learnt, ReasonToKeep, SurplusEvidence};
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
    /// Where the names are that go.
    pub(super) scope: Scope,
}

/// What is done with names that only the destination has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Removing {
    /// They are only reported, and nothing is changed.
    Reported,
    /// They are deleted, or kept elsewhere.
    Deleted,
}

/// What was looked at last at the destination.
#[derive(Debug)]
struct Looks {
    entered: CheckedDirectories,
    links: Links,
}

/// The two hosts of a sync, and where its outcome is counted.
type At<'a, 'b> = (&'a mut Host, &'a mut Host, &'b mut Tally);

impl SurplusRemovals<'_> {
    /// Deletes it. Failures go to `tally`, and what needs somebody's consent to `withheld`.
    ///
    /// # Errors
    ///
    /// Nothing more is deleted: the server was given up, or somebody has asked the program to stop.
    pub(super) async fn run(
        self,
        (source, host, tally): At<'_, '_>,
        mut surplus: Spool<TreeEntry>,
        withheld: &mut WithheldNames,
    ) -> Result<(), Failure> {
        let mut lacking = LackingNames::at(self.source.clone());
        let mut looks = Looks {
            entered: CheckedDirectories::new(&self.scope, DeletionPurpose::Sync),
            links: Links::default(),
        };
        let mut emptied = self.emptied.clone();
        let (mut own, mut kept) = (OwnNames::default(), KeptNames::default());
        let needs = |entry: &TreeEntry| {
            !entry.is_left() && !self.renamed.contains(&entry.path) && !self.twins.spares(&entry.path)
        };
        loop {
            let next = lacking.next(self.context, source, &mut surplus, needs).await?;
            if self.context.run.cancel.is_cancelled() {
                return Err(Failure::interrupted());
            }
            while let Some(directory) = emptied.leave(next.as_ref().map(|(next, _)| &next.path)) {
                let removed = self.directory(host, &mut looks.entered, &directory, tally).await;
                self.note(host, &directory, removed, tally)?;
            }
            let Some((next, lack)) = next else { break };
            if next.is_left() || self.twins.spares(&next.path) {
                emptied.stays();
                continue;
            }
            if let Some(job) = self.others.claims(&next.path).filter(|_| !self.renamed.contains(&next.path)) {
                kept.keep(&next.path, job);
                emptied.stays();
                continue;
            }
            if host.is_local() && own.has(self.context, self.scope.path(Some(&next.path))) {
                emptied.stays();
                continue;
            }
            // Without an answer nothing was asked: the name was renamed.
            let goes = match lack {
                Some(lack) => Some(self.goes(source, (&next, lack), withheld).await),
                None => None,
            };
            match goes {
                Some(Err(ReasonToKeep::Amount)) => withheld.keep(&next.path),
                Some(Err(why)) => lacking.stays(&next.path, why),
                Some(Ok(())) | None => {}
            }
            if goes.is_some_and(|goes| goes.is_err()) {
                emptied.stays();
                // What is in a directory of which nobody can tell stays with it.
                continue;
            }
            if next.is_directory() {
                emptied.enter(next.path);
                continue;
            }
            let is_gone = match lack {
                None => true,
                Some(lack) => {
                    let removed = self.file((source, host, tally), &mut looks, (&next, lack)).await;
                    self.note(host, &next.path, removed, tally)?
                }
            };
            if is_gone {
                emptied.goes();
            } else {
                emptied.stays();
            }
        }
        lacking.tell(self.context, (source, host.show(self.scope.root())), tally);
        own.tell(self.context, host);
        kept.tell(self.context, host, self.scope.root());
        Ok(())
    }

    /// Whether a name goes, as far as the source decides.
    async fn goes(
        &self,
        source: &mut Host,
        (entry, lack): (&TreeEntry, Learnt<Lack>),
        withheld: &WithheldNames,
    ) -> Result<(), ReasonToKeep> {
        let needs_consent = withheld.need_consent(&entry.path);
        let learnt = lack.map(|lack| evidence(lack, needs_consent, (&entry.facts, &entry.facts)));
        let now = session(self.context, source).await.ok_or(ReasonToKeep::Stale)?;
        DeletePermit::for_surplus(self.scope.root(), &entry.path, &learnt, now).map(drop)
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
                tally.failed(String::new(), host.show(&self.scope.path(Some(below))), failure);
                Ok(false)
            }
        }
    }

    async fn file(
        &self,
        (source, host, tally): At<'_, '_>,
        Looks { entered, links }: &mut Looks,
        (surplus, lack): (&TreeEntry, Learnt<Lack>),
    ) -> Result<(), Failure> {
        let (context, below) = (self.context, &surplus.path);
        let path = self.scope.path(Some(below));
        let kept_as = self.backup.as_ref().map(|backup| backup.of(below));
        let kept = match &self.removing {
            Removing::Reported => kept_as,
            Removing::Deleted => {
                if let CheckedEntry::Elsewhere(_, failure) =
                    entered.enter(context, host, place::parent(below).as_ref()).await?
                {
                    return Err(failure);
                }
                let Some(reached) = Reached::at(host, &path)? else { return Ok(()) };
                let now = links.now(context, host, &reached, &surplus.facts).await?;
                let Some(now) = now else { return Ok(()) };
                let learnt = lack.map(|lack| evidence(lack, false, (&surplus.facts, &now)));
                let session =
                    session(context, source).await.ok_or_else(|| stays(&path, ReasonToKeep::Stale))?;
                let permit = DeletePermit::for_surplus(self.scope.root(), below, &learnt, session)
                    .map_err(|why| stays(&path, why))?;
                match kept_as {
                    None => {
                        asked(context, host, async |host| reached.delete(context, host, &permit).await)
                            .await?;
                        None
                    }
                    Some(kept_as) => {
                        let kept = backup::keep(context, host, &reached, &kept_as).await;
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
        entered: &mut CheckedDirectories,
        below: &PathName,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let context = self.context;
        let path = self.scope.path(Some(below));
        if self.removing == Removing::Deleted {
            if let CheckedEntry::Elsewhere(_, failure) = entered.enter(context, host, Some(below)).await? {
                return Err(failure);
            }
            // The listing counts in its own session.
            let is_removed = asked(context, host, async |host| {
                let listing = match learn_listing(context, host, &path).await {
                    Err(failure) if failure.kind == Kind::Missing => return Ok(false),
                    listing => listing?,
                };
                let lost = || Failure::new(Kind::Temporary, "a session with the destination was lost");
                let now = host.evidence_session().ok_or_else(lost)?;
                match Removal::emptied(&self.scope, Some(below), listing, now)? {
                    Some(removal) => removal.carry_out(context, host).await.map(|_| true),
                    None => Ok(false),
                }
            });
            if !is_removed.await? {
                return Ok(());
            }
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
        let dry_run = self.removing == Removing::Reported;
        let verb = if dest.is_some() { "backup" } else { "delete" };
        let change = Event::Changed(Change { verb, place, dest, kind, size, dry_run });
        self.context.run.events.plan(change, dry_run).await;
    }
}

/// The evidence for the deletion of a name.
const fn evidence<'a>(
    lack: Lack,
    needs_consent: bool,
    (seen, now): (&'a Facts, &'a Facts),
) -> SurplusEvidence<'a> {
    let Lack { presence, witness, is_listed_whole } = lack;
    SurplusEvidence { is_listed_whole, presence, witness, needs_consent, seen, now }
}

/// The failure if a name stays.
fn stays(path: &PathName, why: ReasonToKeep) -> Failure {
    if why == ReasonToKeep::Changed {
        return changed(path);
    }
    Failure::new(Kind::Unverified, format!("{} stays, because {why}", path.display()))
        .hint("the next sync looks at it again")
}
