//! What only the destination has is deleted, or kept in another directory, or stays: then it is told why. Names come in their
//! order, so a directory is removed right after what was in it.

use super::lacking::{LackingNames, ListedLinks, open_session};
use super::other_jobs::OtherJobs;
use super::plan::{EmptiedDirectories, SyncPlan};
use super::rename::SimilarNames;
use super::run::SyncRun;
use crate::endpoint::files::Lack;
use crate::failure::{Failure, FtpUser, Kind, Result};
use crate::id::JobId;
use crate::job::checked_directories::{CheckedDirectories, DeletionPurpose, removal_if_empty};
use crate::job::part::publish;
use crate::job::removal::{Consent, ReachedName, Scope, changed};
use crate::job::retry::{ask, check_cancel};
use crate::job::spool::{Spool, TreeEntry};
use crate::place;
use crate::report::{WithheldDeletions, several};
use crate::session::{Facts, Role};
use crate::world::local_path;
use ftp_proto::deletion::{
    DeletePermit, LargeDeletions, Learnt, ReasonToKeep, SurplusEvidence, WithheldName,
};
use ftp_proto::listing;
use ftp_proto::wire::{PathName, counted};
use std::collections::{BTreeMap, BTreeSet, HashSet};

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
    // If the question fails, none of them is decided.
    run.tally.sums.undecided = plan.counts.surplus.saturating_sub(renamed.len() as u64);
    run.ask_other_jobs().await?;
    let names = std::mem::take(&mut run.tally.sums.undecided);
    if run.others.unknown.is_some() {
        run.withhold_if_unknown(names);
        return Ok(());
    }
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
        checked: CheckedDirectories::new(run.context, &scope, DeletionPurpose::Sync),
        links: ListedLinks::default(),
        kept: KeptNames::default(),
        under_way: 0,
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
    checked: CheckedDirectories<'a>,
    links: ListedLinks,
    kept: KeptNames,
    /// How many names were taken and are not decided yet.
    under_way: u64,
}

impl SurplusDeletion<'_, '_> {
    async fn run(&mut self, mut surplus: Spool<TreeEntry>) -> Result<()> {
        let ended = self.take_all(&mut surplus).await;
        if ended.is_err() {
            let (renamed, similar) = (&self.renamed, &self.similar);
            let left = self.lacking.left(surplus, |entry| goes_if_lacking(entry, renamed, similar));
            self.run.tally.sums.undecided = self.under_way + self.emptied.number() + left;
        }
        ended
    }

    async fn take_all(&mut self, surplus: &mut Spool<TreeEntry>) -> Result<()> {
        let context = self.run.context;
        loop {
            let (renamed, similar) = (&self.renamed, &self.similar);
            let needs = |entry: &TreeEntry| goes_if_lacking(entry, renamed, similar);
            let source = &mut self.run.ends.source;
            let next = self.lacking.next(context, source, surplus, needs).await?;
            self.under_way = u64::from(next.as_ref().is_some_and(|(_, lack)| lack.is_some()));
            check_cancel(context)?;
            while let Some(directory) = self.emptied.leave(next.as_ref().map(|(next, _)| &next.path)) {
                self.under_way += 1;
                let removed = self.remove_directory(&directory).await;
                self.note(&directory, true, removed)?;
                self.under_way -= 1;
            }
            let Some((next, lack)) = next else { return Ok(()) };
            self.take(next, lack).await?;
            self.under_way = 0;
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
                self.note(&entry.path, false, removed)?
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
        let needs_consent = self.withheld.need_consent(&entry.path, &entry.facts);
        match self.permit(entry, lack, &entry.facts, needs_consent).await {
            Ok(_) => return true,
            Err(ReasonToKeep::Amount) => self.withheld.keep(&entry.path, &entry.facts),
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
        DeletePermit::for_surplus(&self.scope.root, &entry.path, &evidence, session)
    }

    /// Notes how a removal has ended. Returns whether it was done.
    ///
    /// # Errors
    ///
    /// Nothing more is deleted after such a failure.
    fn note(&mut self, below: &PathName, is_directory: bool, removed: Result<()>) -> Result<bool> {
        match removed {
            Err(failure) if failure.ends_the_work() => Err(failure),
            Err(failure) => {
                let dest = self.run.show_destination(Some(below));
                match is_directory {
                    true => self.run.tally.failed_directory(String::new(), dest, failure),
                    false => self.run.tally.failed(String::new(), dest, failure),
                }
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
            self.checked.is_within(host, place::parent(below).as_ref()).await?;
            let path = self.scope.path(Some(below));
            let Some(reached) = ReachedName::at(host, &path)? else { return Ok(()) };
            let now = self.links.now(context, host, &reached, &entry.facts).await?;
            let Some(now) = now else { return Ok(()) };
            let permit = self.permit(entry, lack, &now, false).await.map_err(|why| stays(&path, why))?;
            let host = &mut self.run.ends.destination;
            kept_as = match kept_as {
                None => {
                    ask!(context, host, reached.delete(context, host, &permit, &now))?;
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
            self.checked.is_within(host, Some(below)).await?;
            let is_removed = ask!(context, host, async {
                match removal_if_empty(context, host, scope, Some(below), Role::Destination).await {
                    Err(failure) if failure.kind == Kind::Missing => Ok(false),
                    Err(failure) => Err(failure),
                    Ok(Some(removal)) => removal.carry_out(context, host).await.map(|_| true),
                    Ok(None) => Ok(false),
                }
            })?;
            if !is_removed {
                return Ok(());
            }
        }
        self.run.report_change("delete", below, None, listing::Kind::Directory, None).await;
        self.run.tally.sums.deleted += 1;
        Ok(())
    }
}

/// Whether a name goes if the source lacks it.
fn goes_if_lacking(entry: &TreeEntry, renamed: &HashSet<PathName>, similar: &SimilarNames) -> bool {
    !entry.is_left() && !renamed.contains(&entry.path) && !similar.spares(&entry.path)
}

/// The failure if a name stays.
fn stays(path: &PathName, why: ReasonToKeep) -> Failure {
    if why == ReasonToKeep::Changed {
        return changed(path);
    }
    Failure::new(Kind::Unverified, format!("{} stays, because {why}", path.display()))
        .hint("the next sync looks at it again")
}

/// Names that stay for one reason.
#[derive(Debug, Default)]
struct KeptGroup {
    count: u64,
    first: Option<PathName>,
}

impl KeptGroup {
    fn keep(&mut self, path: &PathName) {
        self.count += 1;
        self.first.get_or_insert_with(|| path.clone());
    }
}

/// The names that a deletion keeps, unless so much would go.
#[derive(Debug, Default)]
pub(super) struct KeptNames {
    /// By the reason, and by whether a name of the path begins with a dot: many servers hide such names.
    by_reason: BTreeMap<(ReasonToKeep, bool), KeptGroup>,
    /// What this program needs itself: its settings, its secrets and its state.
    own: KeptGroup,
    /// To what the first of them belongs.
    own_use: &'static str,
    /// What other jobs have claimed.
    pub(super) claimed: ClaimedNames,
}

impl KeptNames {
    /// Keeps a name for a reason of the judge.
    pub(super) fn keep(&mut self, path: &PathName, why: ReasonToKeep) {
        let begins_with_dot = path.as_bytes().split(|byte| *byte == b'/').any(|name| name.starts_with(b"."));
        self.by_reason.entry((why, begins_with_dot)).or_default().keep(path);
    }

    /// Whether this program needs what is there at the destination itself. Then it is kept.
    pub(super) fn keep_own(&mut self, run: &SyncRun<'_>, below: &PathName) -> bool {
        if !run.ends.destination.is_local() {
            return false;
        }
        let path = place::join(Some(&run.request.destination.path), below);
        let Some(what) = run.context.run.own_files.needs(local_path(&path)) else { return false };
        if self.own.count == 0 {
            self.own_use = what;
        }
        self.own.keep(below);
        true
    }

    /// Tells which names stay. That the source hides names that begin with a dot is no failure: each night would be the same. Any
    /// other name that its listing lacks is one, and so is one of which nobody can tell.
    pub(super) fn report(&self, run: &mut SyncRun<'_>) {
        let events = &run.context.run.events;
        for ((why, begins_with_dot), KeptGroup { count, first }) in &self.by_reason {
            let (names, first) = (several(*count, "name"), run.show_source(first.as_ref()));
            if *why == ReasonToKeep::There && *begins_with_dot {
                events.warn(format!(
                    "not deleted: {names} that no listing of the source shows, but that the source has when it is asked; the first is {first}; its server may hide names or cut its listings"
                ));
                continue;
            }
            let what = format!("not deleted: {names}, because {why}; the first is {first}");
            let failure = Failure::new(Kind::Refused, what)
                .hint("look at the source: its disk or its server may have failed; the next sync asks again");
            let root = run.ends.destination.show(&run.scope().root);
            run.tally.failed(first, root, failure);
        }
        if let KeptGroup { count, first: Some(first) } = &self.own {
            let (names, first) = (several(*count, "name"), run.show_destination(Some(first)));
            let what = self.own_use;
            events.warn(format!(
                "not deleted: {names} that ftp-user needs itself; the first is {first}, which belongs to {what}"
            ));
        }
        self.claimed.report(run);
    }
}

/// Names that stay because other jobs have claimed them. By default there are none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct ClaimedNames {
    names: u64,
    /// Whether directories in which nothing was deleted stay as well.
    has_empty: bool,
    jobs: BTreeSet<JobId>,
    /// The first of them.
    first: Option<PathName>,
}

impl ClaimedNames {
    /// Counts a name that this job has claimed.
    pub(super) fn keep(&mut self, below: &PathName, job: JobId) {
        self.names += 1;
        self.jobs.insert(job);
        self.first.get_or_insert_with(|| below.clone());
    }

    /// Keeps directories in which nothing was deleted, since one of these jobs may have made them; this is the first.
    pub(super) fn keep_empty(&mut self, first: &PathName, others: &OtherJobs) {
        self.has_empty = true;
        self.jobs.extend(&others.ran);
        self.first.get_or_insert_with(|| first.clone());
    }

    /// Tells that the names stay.
    pub(super) fn report(&self, run: &SyncRun<'_>) {
        if let Some(first) = &self.first {
            run.context.run.events.warn(self.words(&run.show_destination(Some(first))));
        }
    }

    fn words(&self, first: &str) -> String {
        let mut jobs = self.jobs.iter();
        let job = jobs.next().map(JobId::to_string).unwrap_or_default();
        let works = match jobs.len() {
            0 => format!("job {job} works"),
            1 => format!("job {job} and another one work"),
            others => format!("job {job} and {} work", counted(others as u64, "other job")),
        };
        let names = match (self.names, self.has_empty) {
            (0, _) => "empty directories".to_owned(),
            (names, false) => several(names, "name"),
            (names, true) => format!("{} and empty directories", several(names, "name")),
        };
        format!("not deleted: {names} where {works}; the first is {first}; sync again after its end")
    }
}

/// Names that are not deleted unless somebody agrees: the source has no file, or more than half of a directory would go. A disk
/// that is not mounted looks like that.
#[derive(Debug)]
pub(super) struct WithheldNames {
    large: LargeDeletions,
    /// Whether the source has no file at all.
    is_source_empty: bool,
    /// The names to which somebody has agreed; `None` is everything that the run finds.
    consented: Option<HashSet<WithheldName>>,
    count: u64,
    /// These names, as long as they are not too many for the journal.
    names: Vec<WithheldName>,
    /// The first directories from which so much would go; `None` is the destination.
    directories: BTreeSet<Option<PathName>>,
}

impl WithheldNames {
    /// Nothing is kept yet. `renamed` are files that have another name now, so that they do not go.
    pub(super) fn new(
        mut large: LargeDeletions,
        is_source_empty: bool,
        consented: Option<HashSet<WithheldName>>,
        renamed: &HashSet<PathName>,
    ) -> Self {
        renamed.iter().for_each(|path| large.stays(path));
        let (count, names, directories) = (0, Vec::new(), BTreeSet::new());
        Self { large, is_source_empty, consented, count, names, directories }
    }

    /// Whether somebody has to agree before this name goes, and has not agreed to what it is now.
    pub(super) fn need_consent(&self, path: &PathName, seen: &Facts) -> bool {
        let name = || WithheldName::new(path, seen);
        let has_agreed = self.consented.as_ref().is_none_or(|names| names.contains(&name()));
        !has_agreed && (self.is_source_empty || self.large.keeper(path).is_some())
    }

    /// Notes that a name is kept.
    pub(super) fn keep(&mut self, path: &PathName, seen: &Facts) {
        self.count += 1;
        if self.names.len() < MOST_NAMES {
            self.names.push(WithheldName::new(path, seen));
        }
        if self.directories.len() < MOST_TOLD {
            self.directories.insert(self.large.keeper(path).and_then(|(directory, _)| directory));
        }
    }

    /// Tells what is kept, and has the journal keep the names, so that somebody may agree to them later.
    pub(super) fn report(&self, run: &mut SyncRun<'_>) {
        if self.count == 0 {
            return;
        }
        let journal = &run.context.run.job_journal;
        let are_all = self.names.len() as u64 == self.count;
        // A daemon agrees to nothing: the command has to be left to it once more.
        let remedy = match journal.job().filter(|_| are_all && !journal.is_carried()) {
            Some(job) => {
                journal.withhold(&self.names);
                format!("{FtpUser} retry {job} --yes")
            }
            None => "the same command with --yes".to_owned(),
        };
        let mut message = self.words(|directory| run.show_destination(directory), &remedy);
        if journal.had_passwords {
            message += "; write the passwords into ~/.netrc before (no journal has them)";
        }
        let dest = run.request.destination.to_string();
        run.tally.withheld = Some(WithheldDeletions { dest, names: self.count, most: None, message });
    }

    /// Why they are kept. `show` tells how a path below the destination is called, and `remedy` what deletes them.
    fn words(&self, show: impl Fn(Option<&PathName>) -> String, remedy: &str) -> String {
        let names = several(self.count, "name");
        let first = self.directories.first().and_then(Option::as_ref);
        let place = show(first);
        let others = match self.directories.len() {
            0 | 1 => String::new(),
            MOST_TOLD.. => format!(" and of at least {} other directories", MOST_TOLD - 1),
            more => format!(" and of {} other directories", more - 1),
        };
        let why = match self.is_source_empty {
            true => {
                "the source has no file to copy (it is empty, or the filters leave everything out)".to_owned()
            }
            false => format!("they are more than half of what {place}{others} has"),
        };
        format!(
            "not deleted: {names} that the source lacks, because {why}; if they are to go, {remedy} deletes them"
        )
    }
}

/// The largest number of names that the journal keeps of one run.
const MOST_NAMES: usize = 1_000_000;
/// The largest number of directories that are counted.
const MOST_TOLD: usize = 100;

#[cfg(test)]
mod tests;
