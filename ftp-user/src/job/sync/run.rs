//! The run of a sync: both trees are listed, then files are renamed and copied, then what only the destination has is deleted.

use super::begun::BegunFiles;
use super::deletion::{Removing, SurplusRemovals};
use super::emptied::EmptiedDirectories;
use super::forecast::Forecast;
use super::listed::{Listed, Side, cannot_keep, listed};
use super::other_jobs::OtherJobs;
use super::places::{self, Places, Roots, absolute, login, refuse_backup, refuse_precious};
use super::plan::{Counts, Plan, PlanRules, PlannedAction, Task, plan};
use super::rename::{self, Renames};
use super::told::{report_blocked, report_listings};
use super::twins::Twins;
use super::unlisted::UnlistedPaths;
use super::withheld::{self, Agreed, WithheldNames};
use crate::check::{Allowance, ComparedTrees, Consent, MayRename, Scope, too_many};
use crate::context::Context;
use crate::endpoint::{Host, Losses, Pools};
use crate::failure::{Failure, Kind};
use crate::job::claims::claim::{self, FileClaim};
use crate::job::claims::given::GivenNames;
use crate::job::file::times::Attributes;
use crate::job::item::{Item, Target};
use crate::job::moved;
use crate::job::remains::backup::Backup;
use crate::job::request::filter::Filter;
use crate::job::request::job::is_one_host;
use crate::job::request::options::{Mode, Options};
use crate::job::request::sync::SyncRules;
use crate::job::sorted_names::TreeEntry;
use crate::job::summary::tally::Tally;
use crate::job::together::stream::Stream;
use crate::job::tree::{Found, Giver, Rules, Tree, Visit, WalkPurpose, queue, walk};
use crate::place::{self, Location};
use crate::report::{Change, Event, Withheld, several};
use crate::route::Ends;
use crate::session::{Facts, Role};
use ftp_proto::listing;
use ftp_proto::wire::PathName;
use std::collections::HashSet;
use std::sync::Arc;

/// Makes the directory `destination` like `source`. Failures go to `tally`.
pub(in crate::job) async fn sync(
    context: &Context,
    pools: &Pools,
    (source, destination, rules): (&Location, &Location, SyncRules),
    (options, filter): (Options, Filter),
    tally: &mut Tally,
) {
    let from = Host::at(source, Role::Source, pools);
    let ends = Ends::new(from, Host::at(destination, Role::Destination, pools));
    let backup = rules.backup.clone().map(Backup::below);
    let places = Places { source, destination };
    let mut run =
        Run { context, ends, places, rules, options, filter, backup, others: Arc::default(), tally };
    if let Err(failure) = Box::pin(run.run()).await {
        run.tally.failed(source.to_string(), destination.to_string(), failure);
    }
    let ends = run.ends.beside();
    std::mem::replace(&mut run.ends, ends).quit(context).await;
    run.ends.destination.quit_idle().await;
    Box::pin(run.last_look()).await;
    run.ends.quit(context).await;
}

/// A sync under way.
struct Run<'a> {
    context: &'a Context,
    ends: Ends,
    /// The source and the destination.
    places: Places<'a>,
    rules: SyncRules,
    options: Options,
    filter: Filter,
    backup: Option<Backup>,
    /// What other jobs have claimed at the destination: nothing of it is deleted.
    others: Arc<OtherJobs>,
    tally: &'a mut Tally,
}

/// Both trees, compared.
struct ComparedListings {
    plan: Plan,
    /// Whether both were read to their ends.
    is_complete: bool,
    /// Whether one of them seems to be in the other one.
    is_nested: bool,
    twins: Twins,
}

impl Run<'_> {
    /// If a session with the destination was lost, what was copied or was the same before may be gone. So both trees are
    /// compared once more, and what is not there is copied again. All sessions have ended in order, or were lost.
    async fn last_look(&mut self) {
        for _ in 0..MOST_LOOKS {
            let lost = |run: &Self| run.ends.destination.losses().map_or(0, Losses::number);
            let before = lost(self);
            if before == 0 || self.options.mode.is_dry() || self.context.run.cancel.is_cancelled() {
                return;
            }
            let ended = Box::pin(self.copy_missing()).await;
            let ends = self.ends.beside();
            std::mem::replace(&mut self.ends, ends).quit(self.context).await;
            self.ends.destination.quit_idle().await;
            let Places { source, destination } = self.places;
            if let Err(failure) = ended {
                let failure = failure.during_unless_interrupted(NOT_KNOWN);
                return self.tally.failed(source.to_string(), destination.to_string(), failure);
            }
            if lost(self) == before {
                return;
            }
        }
        let Places { source, destination } = self.places;
        let failure =
            Failure::new(Kind::Temporary, NOT_KNOWN).hint("look at the destination, then sync again");
        self.tally.failed(source.to_string(), destination.to_string(), failure);
    }

    /// Compares both trees again, and copies what the destination lacks. Nothing is counted again.
    async fn copy_missing(&mut self) -> Result<(), Failure> {
        let mut again = Tally::new(&self.context.run.events, "sync", false);
        let (context, places, options) = (self.context, self.places, self.options);
        let (filter, backup, rules) = (self.filter.clone(), self.backup.clone(), self.rules.clone());
        let (ends, others) = (self.ends.beside(), Arc::clone(&self.others));
        let mut run =
            Run { context, ends, places, rules, options, filter, backup, others, tally: &mut again };
        let roots = run.look().await?;
        let (source, destination) = run.list(&roots).await?;
        let mut compared = run.compare(source, destination).await?;
        let tasks = compared.plan.tasks.len();
        Box::pin(run.rename_and_copy(&mut compared, &roots, None)).await?;
        run.ends.quit(context).await;
        let name = self.ends.destination.name();
        if again.has_failed() {
            let what = "not all that was there before a session was lost is there now";
            return Err(Failure::new(Kind::Unverified, what).hint("sync again"));
        }
        if tasks > 0 {
            let names = ftp_proto::wire::counted(tasks as u64, "name");
            self.context.run.events.warn(format!(
                "a session with {name} was lost, and {names} there before were gone: they were copied again"
            ));
        }
        Ok(())
    }

    async fn run(&mut self) -> Result<(), Failure> {
        let claim = self.claim().await?;
        let synced = Box::pin(self.run_claimed()).await;
        if let Some(claim) = claim {
            claim.give_up(self.context);
        }
        synced
    }

    /// Claims the destination, so that no other sync of this host changes it.
    async fn claim(&mut self) -> Result<Option<FileClaim>, Failure> {
        if self.options.mode.is_dry() {
            return Ok(None);
        }
        let Places { source: from, destination: to } = self.places;
        let login = login(self.context, &mut self.ends.destination).await?;
        let root = absolute(login.as_ref(), &to.path);
        let name = PathName::from_user(CLAIM).map_err(|bad| Failure::usage(bad.to_string()))?;
        let (source, known, target) = (from.path.clone(), None, Target::Unknown);
        let destination = place::join(Some(&root), &name);
        let item = Item { number: 0, source, destination, known, target, kept_as: None, is_listed: false };
        match claim::claim(self.context, &self.ends, &item).await {
            Ok(claim) => Ok(Some(claim)),
            Err(failure) if failure.kind == Kind::Exists => {
                let what = format!("another sync of {to} runs");
                Err(Failure::new(Kind::Exists, what).hint("wait for its end: ftp-user jobs shows it"))
            }
            Err(failure) => Err(failure),
        }
    }

    async fn run_claimed(&mut self) -> Result<(), Failure> {
        let roots = self.look().await?;
        // Before the listing, which may show what a job has finished that ends meanwhile.
        self.ask_other_jobs().await?;
        let (source, destination) = self.list(&roots).await?;
        let mut compared = self.compare(source, destination).await?;
        let may_rename = match self.rules.deletion {
            None => None,
            Some(_) => MayRename::of(self.trees(&compared), self.scope()),
        };
        if may_rename.is_some() {
            compared.twins = Twins::of(&mut compared.plan.surplus, &self.context.run.cancel)
                .map_err(|error| cannot_keep(&error))?;
        }
        let renamed = Box::pin(self.rename_and_copy(&mut compared, &roots, may_rename.as_ref())).await?;
        match self.rules.deletion {
            // What only the destination has may be in the source under another name.
            Some(_) if compared.is_nested => {
                self.context
                    .run
                    .events
                    .warn("nothing is deleted: SOURCE and DEST of this sync contain each other");
                Ok(())
            }
            Some(allowance) if !self.context.run.cancel.is_cancelled() => {
                Box::pin(self.delete(compared, renamed, allowance)).await
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Deletes what only the destination has, as far as that is known and allowed.
    async fn delete(
        &mut self,
        compared: ComparedListings,
        renamed: HashSet<PathName>,
        allowance: Allowance,
    ) -> Result<(), Failure> {
        let Counts { surplus, protected, .. } = compared.plan.counts;
        let is_dry = self.options.mode.is_dry();
        if protected > 0 {
            let names = several(protected, "name");
            self.context.run.events.warn(format!(
                "not deleted: {names} where the source could not be listed; the next sync asks again"
            ));
        }
        let names = surplus.saturating_sub(renamed.len() as u64);
        let exceeded = allowance.is_exceeded_by(names);
        if exceeded.is_none() || is_dry {
            let removing = if is_dry { Removing::Reported } else { Removing::Deleted };
            self.remove(compared, renamed, (removing, allowance)).await?;
        }
        if let Some(most) = exceeded {
            let (dest, message) = (self.places.destination.to_string(), too_many(names, most, is_dry));
            self.tally.withhold(Withheld { dest, names, most: Some(most), message });
        }
        Ok(())
    }

    /// Looks at both directories. Those of this host that are changed are held from now on.
    async fn look(&mut self) -> Result<Roots, Failure> {
        let (context, old) = (self.context, self.rules.backup.clone());
        if let (Some(allowance), false) = (self.rules.deletion, self.options.mode.is_dry()) {
            refuse_precious(context, self.places.destination, allowance)?;
        }
        let roots = places::roots(context, &mut self.ends, self.places).await?;
        moved::refuse_emptied(context, &mut self.ends.source, self.places.source).await?;
        if self.ends.source.is_local() {
            let (path, followed) = (&self.places.source.path, self.options.links.followed());
            self.ends.source = self.ends.source.reading(path, &roots.source, followed)?;
        }
        if let Some(old) = &old {
            refuse_backup(context, &mut self.ends, self.places, old, &self.filter).await?;
        }
        let path = &self.places.destination.path;
        match &roots.destination {
            Some(seen) => self.ends.destination.hold((path, seen), old.as_ref())?,
            None => self.ends.destination.hold_new(path, old.as_ref())?,
        }
        Ok(roots)
    }

    /// Lists both directories: at the same time, unless one server shows both.
    async fn list(&mut self, roots: &Roots) -> Result<(Listed, Listed), Failure> {
        let identity = |facts: Option<&Facts>| facts.and_then(|facts| facts.unique.clone());
        let (own, other) = (identity(Some(&roots.source)), identity(roots.destination.as_ref()));
        let rules = Rules {
            filter: self.filter.clone(),
            links: self.options.links,
            purpose: WalkPurpose::Source { other_root: other.clone() },
        };
        let there = Rules { purpose: WalkPurpose::Destination { other_root: own.clone() }, ..rules.clone() };
        // A server may permit one session.
        let mut released = self.ends.beside();
        std::mem::swap(&mut self.ends, &mut released);
        let (from, to) = (released.source.beside(), released.destination.beside());
        released.source.release();
        released.destination.release();
        let context = self.context;
        let root = self.places.source.path.clone();
        let source = async {
            let visits = walk(context.clone(), from, (root, own), rules);
            listed(context, visits, Side::Source).await
        };
        let root = self.places.destination.path.clone();
        let is_there = roots.destination.is_some();
        let destination = async {
            if !is_there {
                return Ok(Listed::default());
            }
            let visits = walk(context.clone(), to, (root, other), there);
            listed(context, visits, Side::Destination).await
        };
        if is_one_host(self.places.source, self.places.destination) {
            return Ok((source.await?, destination.await?));
        }
        tokio::try_join!(source, destination)
    }

    /// Compares both trees, and tells what cannot be.
    async fn compare(&mut self, source: Listed, destination: Listed) -> Result<ComparedListings, Failure> {
        let is_complete = source.is_complete() && destination.is_complete();
        let is_nested = source.is_nested || destination.is_nested;
        report_listings(self.context, &self.ends, self.places, (&source, &destination), self.tally);
        let unlisted = UnlistedPaths::of(&source);
        let names = (source.names, destination.names);
        let top = &self.places.destination.path;
        let begun = BegunFiles::below(self.context, &self.ends.destination, top).await;
        self.ask_other_jobs().await?;
        let (compare, selects) = (self.rules.compare, self.filter.selects());
        let rules = PlanRules { compare, selects, begun, others: Arc::clone(&self.others), unlisted };
        let cancel = self.context.run.cancel.clone();
        let planned = tokio::task::spawn_blocking(move || plan(names, rules, &cancel)).await;
        let planned = planned.map_err(|error| Failure::new(Kind::Other, error.to_string()))?;
        let plan = planned.map_err(|error| cannot_keep(&error))?;
        report_blocked(&self.ends, self.places, &plan, self.tally);
        plan.kept.tell(self.context, &self.ends.destination, &self.places.destination.path);
        self.tally.same(plan.counts.same);
        Ok(ComparedListings { plan, is_complete, is_nested, twins: Twins::default() })
    }

    /// Asks what other jobs have claimed at the destination, if anything may be deleted there.
    async fn ask_other_jobs(&mut self) -> Result<(), Failure> {
        if self.rules.deletion.is_none() {
            return Ok(());
        }
        let (host, top) = (&mut self.ends.destination, &self.places.destination.path);
        Arc::make_mut(&mut self.others).ask(self.context, host, top).await
    }

    /// What is known of both trees.
    fn trees(&self, compared: &ComparedListings) -> ComparedTrees {
        ComparedTrees {
            is_complete: compared.is_complete,
            files: compared.plan.counts.files(),
            failed: self.tally.failed_count(),
        }
    }

    fn scope(&self) -> Scope {
        Scope::of_destination(&self.places.destination.path)
    }

    /// Renames and copies. Returns what has another name now.
    async fn rename_and_copy(
        &mut self,
        compared: &mut ComparedListings,
        roots: &Roots,
        may_rename: Option<&MayRename>,
    ) -> Result<HashSet<PathName>, Failure> {
        let context = self.context;
        let (giver, visits) = queue();
        let (given, renamed) = self.give(compared, may_rename, giver).await?;
        let CopyCounts { files, directories, bytes, unsized_files } = given;
        if files + directories == 0 && roots.destination.is_some() {
            return Ok(renamed);
        }
        context.run.events.say(Event::Found(context.run.finding.in_tree(files, bytes, unsized_files)));
        let tree = Tree {
            source: self.places.source.path.clone(),
            unique: None,
            attributes: Attributes { modified: roots.source.modified, mode: roots.source.mode },
            destination: self.places.destination.path.clone(),
            options: self.options,
            rules: Rules { filter: self.filter.clone(), links: self.options.links, ..Rules::default() },
            moved: None,
            backup: self.backup.clone(),
        };
        let mut places = GivenNames::default();
        let notes = (&mut places, &mut *self.tally);
        let ends = self.ends.beside();
        let ends = std::mem::replace(&mut self.ends, ends);
        let mut stream = Stream::new(context, ends, self.options);
        Box::pin(tree.copy(context, &mut stream, Found::Before(visits), notes)).await;
        self.ends = stream.finish().await;
        Ok(renamed)
    }

    /// Renames what can be, and gives the rest to the copying. Returns how much that is, and what has another name now.
    async fn give(
        &mut self,
        ComparedListings { plan, twins, .. }: &mut ComparedListings,
        may_rename: Option<&MayRename>,
        giver: Giver,
    ) -> Result<(CopyCounts, HashSet<PathName>), Failure> {
        let (context, Places { source: from, destination: to }) = (self.context, self.places);
        let rules = rename::RenameRules { is_dry: self.options.mode.is_dry(), times: self.options.times };
        let mut renames = match may_rename {
            Some(permit) if plan.counts.copied > 0 => {
                Renames::of(context, (permit, rules), &mut self.ends, &mut plan.surplus).await?
            }
            Some(_) | None => None,
        };
        let (options, backup) = (self.options, self.backup.clone());
        let (source, destination, backup) = (&from.path, &to.path, backup.as_ref());
        let mut forecast = Forecast { context, options, backup, source, destination, known: None };
        let mut given = CopyCounts::default();
        while let Some(task) = plan.tasks.pop().map_err(|error| cannot_keep(&error))? {
            let Task { entry, what } = &task;
            if context.run.cancel.is_cancelled() {
                return Err(Failure::interrupted());
            }
            if matches!(what, PlannedAction::Make | PlannedAction::Copy) {
                twins.look(context, (&mut self.ends.destination, &to.path), &entry.path).await?;
            }
            if *what == PlannedAction::Copy
                && let Some(renames) = &mut renames
                && let Some(old) = renames.rename((&mut self.ends, &from.path), entry).await?
            {
                self.report_renamed(&old, entry).await;
                continue;
            }
            match what {
                PlannedAction::Copy | PlannedAction::Replace if rules.is_dry => {
                    forecast.tell(&mut self.ends, &task, self.tally).await?;
                }
                PlannedAction::Make
                | PlannedAction::Copy
                | PlannedAction::Replace
                | PlannedAction::Compare => {
                    giver.give(given.add(task.entry, self.ends.source.is_local()));
                }
            }
        }
        if options.mode == Mode::Explain && given.files == 0 {
            forecast.ask(&mut self.ends).await?;
        }
        Ok((given, renames.map(Renames::renamed).unwrap_or_default()))
    }

    /// Tells that a file has its new name, or would get it.
    async fn report_renamed(&mut self, old: &PathName, entry: &TreeEntry) {
        let root = Some(&self.places.destination.path);
        let place = self.ends.destination.show(&place::join(root, old));
        let dest = Some(self.ends.destination.show(&place::join(root, &entry.path)));
        let (kind, size, dry_run) = (listing::Kind::File, entry.facts.size, self.options.mode.is_dry());
        let change = Event::Changed(Change { verb: "rename", place, dest, kind, size, dry_run });
        self.context.run.events.plan(change, dry_run).await;
        self.tally.renamed();
    }

    /// Deletes what only the destination has, or tells it.
    async fn remove(
        &mut self,
        ComparedListings { plan, twins, .. }: ComparedListings,
        renamed: HashSet<PathName>,
        (removing, allowance): (Removing, Allowance),
    ) -> Result<(), Failure> {
        self.ask_other_jobs().await?;
        let keeps_empty = self.filter.selects() || self.others.work_there();
        let amount = (plan.large, plan.counts.files() == 0);
        let before = self.context.run.job_journal.take_withheld().await;
        let agreed = match allowance.consent {
            Consent::Everything => Agreed::Everything,
            Consent::WithheldNames => Agreed::Names(before),
            Consent::Nothing => Agreed::Names(HashSet::new()),
        };
        let mut withheld = WithheldNames::new(amount, agreed, &renamed);
        let removals = SurplusRemovals {
            context: self.context,
            removing,
            source: self.places.source.path.clone(),
            backup: self.backup.clone(),
            renamed,
            twins,
            others: Arc::clone(&self.others),
            emptied: EmptiedDirectories::new(keeps_empty),
            scope: self.scope(),
        };
        let Ends { source, destination, .. } = &mut self.ends;
        let removed = removals.run((source, destination, self.tally), plan.surplus, &mut withheld).await;
        self.withhold(withheld);
        removed
    }

    /// Tells what is kept because nobody has agreed that so much goes.
    fn withhold(&mut self, withheld: WithheldNames) {
        let names = withheld.count();
        if names == 0 {
            return;
        }
        let (root, host) = (&self.places.destination.path, &self.ends.destination);
        let journal = &self.context.run.job_journal;
        let remedy = match (journal.job(), withheld.names()) {
            (Some(job), Some(names)) => {
                journal.withhold(names);
                format!("ftp-user retry {job} --yes")
            }
            (None, _) | (_, None) => "the same command with --yes".to_owned(),
        };
        let message = withheld.words(|directory| host.show(&withheld::below(root, directory)), &remedy);
        let dest = self.places.destination.to_string();
        self.tally.keep_withheld(Withheld { dest, names, most: None, message });
    }
}

/// What is given to the copying.
#[derive(Default)]
struct CopyCounts {
    files: u64,
    directories: u64,
    bytes: u64,
    unsized_files: u64,
}

impl CopyCounts {
    /// Counts something of the source.
    fn add(&mut self, TreeEntry { path, facts }: TreeEntry, is_local: bool) -> Visit {
        if facts.kind == listing::Kind::Directory {
            self.directories += 1;
            return Visit::Directory(path, Attributes { modified: facts.modified, mode: facts.mode });
        }
        self.files += 1;
        self.bytes = self.bytes.saturating_add(facts.size.unwrap_or(0));
        self.unsized_files += u64::from(facts.size.is_none());
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

/// The name below the destination by which the journal knows the sync. Nothing is stored there.
const CLAIM: &str = ".ftp-user.sync";
