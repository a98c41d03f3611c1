//! What only the destination has is deleted, or kept in another directory. Names come in their order, so a directory is
//! removed right after what was in it.

use super::kept::{KeptNames, WithheldNames};
use super::lacking::{LackingNames, ListedLinks, open_session};
use super::plan::{EmptiedDirectories, SyncPlan};
use super::rename::SimilarNames;
use super::run::SyncRun;
use crate::endpoint::files::Lack;
use crate::failure::{Failure, Kind, Result};
use crate::job::checked_directories::{CheckedDirectories, DeletionPurpose, removal_if_empty};
use crate::job::part::publish;
use crate::job::removal::{Consent, ReachedName, Scope, changed};
use crate::job::retry::asked;
use crate::job::sorted_names::TreeEntry;
use crate::job::spool::Spool;
use crate::place;
use crate::session::{Facts, Role};
use ftp_proto::deletion::{DeletePermit, Learnt, ReasonToKeep, SurplusEvidence};
use ftp_proto::listing;
use ftp_proto::wire::PathName;
use std::collections::HashSet;

/// Deletes what only the destination has, except what has another name now (`renamed`), or tells what would be deleted.
///
/// # Errors
///
/// Nothing more is deleted: the server was given up, or somebody has asked the program to stop.
pub(super) async fn delete_surplus(
    run: &mut SyncRun<'_>,
    plan: SyncPlan,
    similar: SimilarNames,
    renamed: HashSet<PathName>,
    consent: Consent,
) -> Result<()> {
    run.ask_other_jobs().await?;
    let before = run.context.run.job_journal.take_withheld().await;
    let consented = match consent {
        Consent::Everything => None,
        Consent::WithheldNames => Some(before),
        Consent::Nothing => Some(HashSet::new()),
    };
    let scope = run.scope();
    let mut deletion = SurplusDeletion {
        withheld: WithheldNames::new(plan.large, plan.counts.files() == 0, consented, &renamed),
        renamed,
        similar,
        emptied: EmptiedDirectories::new(run.request.filter.selects() || run.others.work_there()),
        lacking: LackingNames::at(run.request.source.path.clone()),
        checked: CheckedDirectories::new(&scope, DeletionPurpose::Sync),
        links: ListedLinks::default(),
        kept: KeptNames::default(),
        scope,
        run,
    };
    let deleted = deletion.run(plan.surplus).await;
    if deleted.is_ok() {
        deletion.kept.report(deletion.run);
    }
    deletion.withheld.report(deletion.run);
    deleted
}

/// The deletion of what only the destination has.
struct SurplusDeletion<'r, 'a> {
    run: &'r mut SyncRun<'a>,
    /// Where the names are that go.
    scope: Scope,
    /// What has another name now.
    renamed: HashSet<PathName>,
    /// Names that the destination takes for new ones.
    similar: SimilarNames,
    /// What somebody has to agree to.
    withheld: WithheldNames,
    /// Which directories go with what is in them.
    emptied: EmptiedDirectories,
    lacking: LackingNames,
    checked: CheckedDirectories,
    links: ListedLinks,
    kept: KeptNames,
}

impl SurplusDeletion<'_, '_> {
    async fn run(&mut self, mut surplus: Spool<TreeEntry>) -> Result<()> {
        let context = self.run.context;
        loop {
            let (renamed, similar) = (&self.renamed, &self.similar);
            let needs = |entry: &TreeEntry| {
                !entry.is_left() && !renamed.contains(&entry.path) && !similar.spares(&entry.path)
            };
            let source = &mut self.run.ends.source;
            let next = self.lacking.next(context, source, &mut surplus, needs).await?;
            if context.run.cancel.is_cancelled() {
                return Err(Failure::interrupted());
            }
            while let Some(directory) = self.emptied.leave(next.as_ref().map(|(next, _)| &next.path)) {
                let removed = self.remove_directory(&directory).await;
                self.note(&directory, removed)?;
            }
            let Some((next, lack)) = next else { return Ok(()) };
            self.take(next, lack).await?;
        }
    }

    /// Deletes the next name. A directory is entered. `lack` is what the source says of it; `None` if it was not asked.
    async fn take(&mut self, entry: TreeEntry, lack: Option<Learnt<Lack>>) -> Result<()> {
        if self.keeps(&entry) || !self.may_go(&entry, lack).await {
            // What is in a directory of which nobody can tell stays with it.
            self.emptied.stays();
            return Ok(());
        }
        if entry.is_directory() {
            self.emptied.enter(entry.path);
            return Ok(());
        }
        let is_gone = match lack {
            // Nothing was asked about what was renamed.
            None => true,
            Some(lack) => {
                let removed = self.remove_file(&entry, lack).await;
                self.note(&entry.path, removed)?
            }
        };
        if is_gone {
            self.emptied.goes();
        } else {
            self.emptied.stays();
        }
        Ok(())
    }

    /// Whether a name stays whatever the source says of it.
    fn keeps(&mut self, entry: &TreeEntry) -> bool {
        let path = &entry.path;
        if entry.is_left() || self.similar.spares(path) {
            return true;
        }
        if let Some(job) = self.run.others.claiming(path).filter(|_| !self.renamed.contains(path)) {
            self.kept.claimed.keep(path, job);
            return true;
        }
        self.kept.keep_own(self.run, path)
    }

    /// Whether a name goes, as far as the source and the user decide.
    async fn may_go(&mut self, entry: &TreeEntry, lack: Option<Learnt<Lack>>) -> bool {
        let Some(lack) = lack else { return true };
        let needs_consent = self.withheld.need_consent(&entry.path);
        match self.permit(entry, lack, &entry.facts, needs_consent).await {
            Ok(_) => return true,
            Err(ReasonToKeep::Amount) => self.withheld.keep(&entry.path),
            Err(why) => self.kept.keep(&entry.path, why),
        }
        false
    }

    /// The permit to delete a name, which is `now` at the destination what `now` says.
    async fn permit(
        &mut self,
        entry: &TreeEntry,
        lack: Learnt<Lack>,
        now: &Facts,
        needs_consent: bool,
    ) -> Result<DeletePermit, ReasonToKeep> {
        let seen = &entry.facts;
        let evidence = lack.map(|Lack { presence, witness, is_listed_whole }| SurplusEvidence {
            is_listed_whole,
            presence,
            witness,
            needs_consent,
            seen,
            now,
        });
        let session = open_session(self.run.context, &mut self.run.ends.source).await;
        let session = session.ok_or(ReasonToKeep::Stale)?;
        DeletePermit::for_surplus(self.scope.root(), &entry.path, &evidence, session)
    }

    /// Notes how a removal has ended. Returns whether it was done.
    ///
    /// # Errors
    ///
    /// Nothing more is deleted after such a failure.
    fn note(&mut self, below: &PathName, removed: Result<()>) -> Result<bool> {
        match removed {
            Err(failure) if failure.ends_the_work() => Err(failure),
            Err(failure) => {
                self.run.tally.failed(String::new(), self.run.show_destination(Some(below)), failure);
                Ok(false)
            }
            Ok(()) => Ok(true),
        }
    }

    /// Deletes a file or a symbolic link, or keeps it elsewhere.
    async fn remove_file(&mut self, entry: &TreeEntry, lack: Learnt<Lack>) -> Result<()> {
        let (context, below) = (self.run.context, &entry.path);
        let mut kept_as =
            self.run.request.rules.backup.as_ref().map(|backup| place::join(Some(backup), below));
        if !self.run.is_dry() {
            let host = &mut self.run.ends.destination;
            self.checked.is_within(context, host, place::parent(below).as_ref()).await?;
            let path = self.scope.path(Some(below));
            let Some(reached) = ReachedName::at(host, &path)? else { return Ok(()) };
            let now = self.links.now(context, host, &reached, &entry.facts).await?;
            let Some(now) = now else { return Ok(()) };
            let permit = self.permit(entry, lack, &now, false).await.map_err(|why| stays(&path, why))?;
            let host = &mut self.run.ends.destination;
            kept_as = match kept_as {
                None => {
                    asked(context, host, async |host| reached.delete(context, host, &permit).await).await?;
                    None
                }
                Some(kept_as) => {
                    let kept = publish::keep(context, host, &reached, &kept_as).await;
                    Some(kept.map_err(|failure| {
                        failure.during_unless_interrupted("it is not deleted, because it cannot be kept")
                    })?)
                }
            };
        }
        let verb = if kept_as.is_some() { "backup" } else { "delete" };
        self.run.report_change(verb, below, kept_as.as_ref(), entry.facts.kind, entry.facts.size).await;
        if kept_as.is_some() {
            self.run.tally.sums.kept += 1;
        } else {
            self.run.tally.sums.deleted += 1;
        }
        Ok(())
    }

    async fn remove_directory(&mut self, below: &PathName) -> Result<()> {
        if !self.run.is_dry() {
            let (context, scope) = (self.run.context, &self.scope);
            let host = &mut self.run.ends.destination;
            self.checked.is_within(context, host, Some(below)).await?;
            let is_removed = asked(context, host, async |host| {
                match removal_if_empty(context, host, scope, Some(below), Role::Destination).await {
                    Err(failure) if failure.kind == Kind::Missing => Ok(false),
                    Err(failure) => Err(failure),
                    Ok(Some(removal)) => removal.carry_out(context, host).await.map(|_| true),
                    Ok(None) => Ok(false),
                }
            });
            if !is_removed.await? {
                return Ok(());
            }
        }
        self.run.report_change("delete", below, None, listing::Kind::Directory, None).await;
        self.run.tally.sums.deleted += 1;
        Ok(())
    }
}

/// The failure if a name stays.
fn stays(path: &PathName, why: ReasonToKeep) -> Failure {
    if why == ReasonToKeep::Changed {
        return changed(path);
    }
    Failure::new(Kind::Unverified, format!("{} stays, because {why}", path.display()))
        .hint("the next sync looks at it again")
}
