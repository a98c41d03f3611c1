//! The run of a sync: both trees are listed, then files are renamed and copied, then what only the destination has is deleted.

use super::deletion::delete_surplus;
use super::nested::contains_source;
use super::other_jobs::{OtherJobs, begun_files};
use super::places::{SyncRoots, absolute, check_roots, login, refuse_backup, refuse_precious};
use super::plan::{
    ListedTree, PlanCounts, PlanRules, PlannedAction, SyncPlan, SyncTask, TreeSide, cannot_keep, list_tree,
    plan,
};
use super::rename::{FileRenames, SimilarNames};
use super::report::CopyForecast;
use crate::context::Context;
use crate::endpoint::{Host, Losses, Pools};
use crate::failure::{About, Failure, FtpUser, Kind, Result};
use crate::job::Item;
use crate::job::claims::claim::{self, FileClaim};
use crate::job::engine::stream::Stream;
use crate::job::file::times::Attributes;
use crate::job::leftovers::remove_left;
use crate::job::removal::{ComparedTrees, MayRename, Scope, too_many};
use crate::job::request::filter::Filter;
use crate::job::request::job::{Mode, Options, SyncRules, is_one_host};
use crate::job::retry::check_cancel;
use crate::job::sources::moved;
use crate::job::spool::TreeEntry;
use crate::job::summary::Tally;
use crate::job::tree::{Tree, Visit, VisitSender, WalkPurpose, WalkRules, visit_queue, walk};
use crate::journal::NAME_OF_SYNC;
use crate::place::{self, Location};
use crate::report::{Event, FoundFiles, WithheldDeletions, several};
use crate::route::Ends;
use crate::session::{Facts, Role};
use ftp_proto::listing;
use ftp_proto::wire::{PathName, counted};
use std::collections::HashSet;
use std::slice;
use std::sync::Arc;

/// What a sync is asked for.
#[derive(Debug)]
pub(in crate::job) struct SyncRequest {
    pub(in crate::job) source: Location,
    pub(in crate::job) destination: Location,
    pub(in crate::job) rules: SyncRules,
    pub(in crate::job) options: Options,
    pub(in crate::job) filter: Filter,
}

/// Makes the directory that is the destination like the source. Failures go to `tally`.
pub(in crate::job) async fn sync(context: &Context, pools: &Pools, request: &SyncRequest, tally: &mut Tally) {
    let from = Host::at(&request.source, Role::Source, pools);
    let ends = Ends::new(from, Host::at(&request.destination, Role::Destination, pools));
    let (others, forecast) = (Arc::default(), None);
    let mut run = SyncRun { context, request, ends, others, forecast, tally };
    let ended = Box::pin(run.run()).await;
    run.quit_sessions().await;
    let looked = Box::pin(run.last_look()).await;
    // Where the destination does not come back, the last look says that, and what it means.
    let is_told_once = looked.as_ref().is_err_and(Failure::ends_the_work);
    for failure in [ended.err().filter(|ended| !(is_told_once && ended.ends_the_work())), looked.err()] {
        failure.into_iter().for_each(|failure| run.fail(failure));
    }
    let ends = run.ends.beside();
    std::mem::replace(&mut run.ends, ends).quit(context).await;
    let destination = slice::from_ref(&request.destination);
    if let Err(failure) = Box::pin(remove_left(context, destination, pools, run.tally, false)).await {
        run.fail(failure);
    }
}

/// A sync under way.
pub(super) struct SyncRun<'a> {
    pub(super) context: &'a Context,
    pub(super) request: &'a SyncRequest,
    pub(super) ends: Ends,
    /// What other jobs have claimed at the destination: nothing of it is deleted.
    pub(super) others: Arc<OtherJobs>,
    /// What a dry run has found out about the copies.
    pub(super) forecast: Option<CopyForecast>,
    pub(super) tally: &'a mut Tally,
}

impl SyncRun<'_> {
    /// Notes that the sync has failed as a whole. That is a failure of its directory.
    fn fail(&mut self, failure: Failure) {
        let SyncRequest { source, destination, .. } = self.request;
        self.tally.failed_directory(source.to_string(), destination.to_string(), failure);
    }

    pub(super) const fn is_dry(&self) -> bool {
        self.request.options.mode.is_dry()
    }

    /// Ends all sessions in order, so that every loss is noticed.
    async fn quit_sessions(&mut self) {
        let ends = self.ends.beside();
        std::mem::replace(&mut self.ends, ends).quit(self.context).await;
        self.ends.destination.quit_idle().await;
    }

    /// If a session with the destination was lost, what was copied or was the same before may be gone. So both trees are
    /// compared once more, and what is not there is copied again. All sessions have ended in order, or were lost.
    ///
    /// # Errors
    ///
    /// Nobody can tell whether everything is there.
    async fn last_look(&mut self) -> Result<()> {
        let losses = |run: &Self| run.ends.destination.losses().map_or(0, Losses::number);
        for _ in 0..MOST_LOOKS {
            let before = losses(self);
            let is_broken_off = self.context.run.cancel.is_cancelled() || self.tally.was_interrupted();
            if before == 0 || self.is_dry() || is_broken_off {
                return Ok(());
            }
            let ended = Box::pin(self.copy_missing()).await;
            self.quit_sessions().await;
            ended.map_err(|failure| failure.during_unless_interrupted(NOT_KNOWN))?;
            if losses(self) == before {
                return Ok(());
            }
        }
        let failure = Failure::new(Kind::Temporary, NOT_KNOWN);
        Err(failure.hint("look at the destination, then sync again"))
    }

    /// Compares both trees again, and copies what the destination lacks. Nothing is counted again.
    async fn copy_missing(&mut self) -> Result<()> {
        let (context, request) = (self.context, self.request);
        let mut tally = Tally::new(&context.run.events, "sync", false);
        let mut again = SyncRun {
            context,
            request,
            ends: self.ends.beside(),
            others: Arc::clone(&self.others),
            forecast: None,
            tally: &mut tally,
        };
        let roots = again.look().await?;
        if roots.destination.is_none() {
            let what = format!("{} was there during this run, and is gone", request.destination);
            let hint = "look whether the disk of the destination is mounted, then sync again";
            return Err(Failure::new(Kind::Missing, what).hint(hint));
        }
        let (source, destination) = again.list(&roots).await?;
        let mut plan = again.compare(source, destination).await?;
        let tasks = plan.tasks.len() as u64;
        let mut similar = SimilarNames::default();
        Box::pin(again.rename_and_copy(&mut plan, &mut similar, &roots, None)).await?;
        again.ends.quit(context).await;
        if tally.has_failed() {
            let what = "not all that was there before a session was lost is there now";
            return Err(Failure::new(Kind::Unverified, what).hint("sync again"));
        }
        if tasks > 0 {
            let (name, names) = (self.ends.destination.name(), counted(tasks, "name"));
            context.run.events.warn(format!(
                "a session with {name} was lost: {names} that may have gone with it were copied again"
            ));
        }
        Ok(())
    }

    async fn run(&mut self) -> Result<()> {
        let claim = self.claim().await?;
        let synced = Box::pin(self.run_claimed()).await;
        if let Some(claim) = claim {
            claim.give_up(self.context);
        }
        synced
    }

    /// Claims the destination, so that no other sync of this host changes it.
    async fn claim(&mut self) -> Result<Option<FileClaim>> {
        if self.is_dry() {
            return Ok(None);
        }
        let SyncRequest { source: from, destination: to, .. } = self.request;
        let login = login(self.context, &mut self.ends.destination).await?;
        let root = absolute(login.as_ref(), &to.path);
        let name = PathName::from_user(NAME_OF_SYNC).map_err(|bad| Failure::usage(bad.to_string()))?;
        let item = Item::new(0, from.path.clone(), place::join(Some(&root), &name));
        match claim::claim(self.context, &self.ends, &item).await {
            Err(failure) if failure.about == About::TakenOver => {
                let what = format!("this job leaves {to} alone, because a later sync has ended there");
                let hint = "type the sync again if it is wanted";
                Err(Failure::new(Kind::Exists, what).about(failure.about).hint(hint))
            }
            Err(failure) if failure.kind == Kind::Exists => {
                let what = format!("another sync of {to} runs");
                Err(Failure::new(Kind::Exists, what)
                    .about(failure.about)
                    .hint(format!("wait for its end: {FtpUser} jobs shows it")))
            }
            claim => claim.map(Some),
        }
    }

    async fn run_claimed(&mut self) -> Result<()> {
        let context = self.context;
        let roots = self.look().await?;
        // Before the listing, which may show what a job has finished that ends meanwhile.
        self.ask_other_jobs().await?;
        let (source, destination) = self.list(&roots).await?;
        let mut plan = self.compare(source, destination).await?;
        let deletion = self.request.rules.deletion.filter(|_| self.others.unknown.is_none());
        if deletion.is_some() && !plan.is_nested {
            let suspects = std::mem::take(&mut plan.suspects);
            plan.is_nested = Box::pin(contains_source(self, suspects, &mut plan.surplus)).await?;
        }
        let compared = ComparedTrees {
            is_complete: plan.is_complete && !plan.is_nested,
            files: plan.counts.files(),
            failed: self.tally.failures.count(),
        };
        let may_rename = deletion.and_then(|_| MayRename::of(compared, self.scope()));
        let mut similar = match may_rename {
            Some(_) => SimilarNames::of(&mut plan.surplus, &context.run.cancel)
                .map_err(|error| cannot_keep(&error))?,
            None => SimilarNames::default(),
        };
        let renaming = self.rename_and_copy(&mut plan, &mut similar, &roots, may_rename.as_ref());
        let renamed = Box::pin(renaming).await?;
        self.withhold_if_unknown(plan.counts.surplus);
        let Some(allowance) = deletion else { return Ok(()) };
        // What only the destination has may be in the source under another name.
        if plan.is_nested {
            let events = &context.run.events;
            events.warn("nothing is deleted: SOURCE and DEST of this sync contain each other");
            return Ok(());
        }
        // A worker that was lost with a part of the files counts as an interruption, too.
        let PlanCounts { surplus, protected, .. } = plan.counts;
        let names = surplus.saturating_sub(renamed.len() as u64);
        if context.run.cancel.is_cancelled() || self.tally.was_interrupted() {
            self.tally.sums.undecided = names;
            return Ok(());
        }
        if protected > 0 {
            let names = several(protected, "name");
            context.run.events.warn(format!(
                "not deleted: {names} where the source could not be listed; the next sync asks again"
            ));
        }
        let exceeded = allowance.is_exceeded_by(names);
        if exceeded.is_none() || self.is_dry() {
            Box::pin(delete_surplus(self, plan, similar, renamed, allowance.consent)).await?;
        }
        if let Some(most) = exceeded {
            let dest = self.request.destination.to_string();
            let message = too_many(names, most, self.is_dry());
            self.tally.withhold(WithheldDeletions { dest, names, most: Some(most), message });
        }
        Ok(())
    }

    /// Looks at both directories. Those of this host that are changed are held from now on.
    async fn look(&mut self) -> Result<SyncRoots> {
        let (context, request) = (self.context, self.request);
        let old = request.rules.backup.as_ref();
        if let (Some(allowance), false) = (request.rules.deletion, self.is_dry()) {
            refuse_precious(context, &request.destination, allowance)?;
        }
        let roots = check_roots(context, &mut self.ends, request).await?;
        moved::refuse_emptied(context, &mut self.ends.source, &request.source, false).await?;
        if self.ends.source.is_local() {
            let (path, followed) = (&request.source.path, request.options.links);
            self.ends.source = self.ends.source.reading(path, &roots.source, followed)?;
        }
        if let Some(old) = old {
            refuse_backup(context, &mut self.ends, request, old).await?;
        }
        self.ends.destination.hold(&request.destination.path, roots.destination.as_ref(), old)?;
        Ok(roots)
    }

    /// Lists both directories: at the same time, unless one server shows both.
    async fn list(&mut self, roots: &SyncRoots) -> Result<(ListedTree, ListedTree)> {
        let (context, SyncRequest { source: from, destination: to, options, filter, .. }) =
            (self.context, self.request);
        let identity = |facts: Option<&Facts>| facts.and_then(|facts| facts.unique.clone());
        let (own, other) = (identity(Some(&roots.source)), identity(roots.destination.as_ref()));
        let sessions_beside = options.jobs.beside_walk();
        let links = options.links;
        let rules = |purpose| WalkRules { filter: filter.clone(), links, purpose, sessions_beside };
        // A server may permit one session.
        let mut released = self.ends.beside();
        std::mem::swap(&mut self.ends, &mut released);
        let (source, destination) = (released.source.beside(), released.destination.beside());
        released.source.release();
        released.destination.release();
        let limits = rules(WalkPurpose::Source { other_root: other.clone() });
        let (root, unique) = (from.path.clone(), own.clone());
        let ours = async {
            list_tree(context, walk(context.clone(), source, root, unique, limits), TreeSide::Source).await
        };
        let theirs = async {
            if roots.destination.is_none() {
                return Ok(ListedTree::default());
            }
            let limits = rules(WalkPurpose::Destination { other_root: own });
            let visits = walk(context.clone(), destination, to.path.clone(), other, limits);
            list_tree(context, visits, TreeSide::Destination).await
        };
        if is_one_host(from, to) {
            return Ok((ours.await?, theirs.await?));
        }
        tokio::try_join!(ours, theirs)
    }

    /// Compares both trees, and tells what cannot be.
    async fn compare(&mut self, source: ListedTree, destination: ListedTree) -> Result<SyncPlan> {
        self.report_listings(&source, &destination);
        let top = &self.request.destination.path;
        let begun = begun_files(self.context, &self.ends.destination, top).await;
        self.ask_other_jobs().await?;
        let (compare, selects) = (self.request.rules.compare, self.request.filter.selects());
        let rules = PlanRules { compare, selects, begun, others: Arc::clone(&self.others) };
        let cancel = self.context.run.cancel.clone();
        let planning = move || plan(source, destination, rules, &cancel);
        let planned = ftp_io::blocking::spawn(planning).await;
        let planned = planned.map_err(|error| Failure::new(Kind::Other, error.to_string()))?;
        let plan = planned.map_err(|error| cannot_keep(&error))?;
        self.report_blocked(&plan);
        plan.claimed.report(self);
        self.tally.found_equal(plan.counts.same, compare);
        Ok(plan)
    }

    /// Asks what other jobs have claimed at the destination, if anything may be deleted there. Where the journal does not say,
    /// nothing is deleted, and everything else goes on.
    pub(super) async fn ask_other_jobs(&mut self) -> Result<()> {
        if self.request.rules.deletion.is_none() {
            return Ok(());
        }
        let (host, top) = (&mut self.ends.destination, &self.request.destination.path);
        Arc::make_mut(&mut self.others).ask(self.context, host, top).await
    }

    /// Tells that these names stay, if it is not known what other jobs have claimed.
    pub(super) fn withhold_if_unknown(&mut self, names: u64) {
        if let Some(unknown) = self.others.unknown.as_ref().filter(|_| names > 0) {
            let dest = self.request.destination.to_string();
            let message = format!("{dest}: {unknown}");
            self.tally.withhold(WithheldDeletions { dest, names, most: None, message });
        }
    }

    pub(super) fn scope(&self) -> Scope {
        Scope::at(&self.request.destination.path)
    }

    /// Renames and copies. Returns what has another name now.
    async fn rename_and_copy(
        &mut self,
        plan: &mut SyncPlan,
        similar: &mut SimilarNames,
        roots: &SyncRoots,
        may_rename: Option<&MayRename>,
    ) -> Result<HashSet<PathName>> {
        let (context, request) = (self.context, self.request);
        let mut renames = match may_rename {
            Some(permit) if plan.counts.copied > 0 => {
                FileRenames::of(self, permit, &mut plan.surplus).await?
            }
            Some(_) | None => None,
        };
        let (sender, visits) = visit_queue();
        let given = self.give(plan, similar, renames.as_mut(), sender).await?;
        let renamed = renames.map(|renames| renames.renamed).unwrap_or_default();
        let CopyCounts { found, directories } = given;
        if found.files + directories == 0 && roots.destination.is_some() {
            return Ok(renamed);
        }
        context.run.events.say(Event::Found(context.run.finding.in_tree(found)));
        let tree = Tree {
            source: request.source.path.clone(),
            attributes: Attributes { modified: roots.source.modified, mode: roots.source.mode },
            destination: request.destination.path.clone(),
            selects: request.filter.selects(),
            moved: None,
            backup: self.request.rules.backup.clone(),
            left_alone: Some(std::mem::take(&mut plan.left_alone)),
        };
        let ends = self.ends.beside();
        let ends = std::mem::replace(&mut self.ends, ends);
        let mut stream = Stream::new(context, ends, request.options, self.tally);
        Box::pin(tree.copy(&mut stream, visits)).await;
        self.ends = stream.finish().await;
        Ok(renamed)
    }

    /// Renames what can be, and gives the rest to the copying. Returns how much that is.
    async fn give(
        &mut self,
        plan: &mut SyncPlan,
        similar: &mut SimilarNames,
        mut renames: Option<&mut FileRenames<'_>>,
        sender: VisitSender,
    ) -> Result<CopyCounts> {
        let (context, root) = (self.context, &self.request.destination.path);
        let mut given = CopyCounts::default();
        while let Some(task) = plan.tasks.pop().map_err(|error| cannot_keep(&error))? {
            let SyncTask { entry, action } = &task;
            check_cancel(context)?;
            if matches!(action, PlannedAction::Make | PlannedAction::Copy) {
                similar.look(context, &mut self.ends.destination, root, &entry.path).await?;
            }
            if *action == PlannedAction::Copy
                && let Some(renames) = &mut renames
                && renames.rename(self, entry).await?
            {
                continue;
            }
            if self.is_dry() && matches!(action, PlannedAction::Copy | PlannedAction::Replace) {
                self.report_planned(&task).await?;
            } else {
                sender.send(given.add(task.entry, self.ends.source.is_local()));
            }
        }
        if self.request.options.mode == Mode::Explain && given.found.files == 0 {
            self.forecast().await?;
        }
        Ok(given)
    }
}

/// What is given to the copying.
#[derive(Default)]
struct CopyCounts {
    found: FoundFiles,
    directories: u64,
}

impl CopyCounts {
    /// Counts something of the source.
    fn add(&mut self, TreeEntry { path, facts }: TreeEntry, is_local: bool) -> Visit {
        if facts.kind == listing::Kind::Directory {
            self.directories += 1;
            return Visit::Directory(path, Attributes { modified: facts.modified, mode: facts.mode });
        }
        self.found.add(facts.size);
        // A file of this host is looked at when it is copied.
        let known = facts.size.is_some() && !is_local;
        Visit::File(path, known.then_some(facts))
    }
}

/// How often a server may lose sessions while both trees are compared again.
const MOST_LOOKS: u32 = 3;
/// Why a sync is not done after a session was lost.
const NOT_KNOWN: &str =
    "a session with the destination was lost, and nobody can tell whether everything is still there";
