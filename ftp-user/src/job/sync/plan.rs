//! What becomes of both trees: their names are merged in their order, so that few of them are in memory, and each is judged by
//! what both listings say of it. Each tree is taken from a walk; the rest is pure.

use super::deletion::ClaimedNames;
use super::nested::{RootSample, SuspectDirectories};
use super::other_jobs::OtherJobs;
use crate::context::{Cancel, Context};
use crate::failure::{About, Failure, Result};
use crate::id::JobId;
use crate::job::part::Part;
use crate::job::request::job::Compare;
use crate::job::retry::check_cancel;
use crate::job::similar::beside;
use crate::job::spool::{self, NameSet, SortedNames, Sorter, Spool, TreeEntry, order};
use crate::job::tree::{FailedVisit, Visit, Visits};
use crate::session::Facts;
use ftp_proto::deletion::{AmountTally, LargeDeletions};
use ftp_proto::listing::Kind;
use ftp_proto::wire::PathName;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::HashSet;
use std::io;
use std::sync::Arc;

/// What a plan is made by. By default files are compared as a sync does that was asked for nothing else.
#[derive(Clone, Debug, Default)]
pub(super) struct PlanRules {
    /// How files are compared.
    pub(super) compare: Compare,
    /// Whether only some files are wanted.
    pub(super) selects: bool,
    /// The files that an earlier run of the job has begun and not ended. They are compared even if they look the same: so each
    /// gets its end in the journal, and what is left of a part goes.
    pub(super) begun: HashSet<Vec<u8>>,
    /// What other jobs have claimed at the destination.
    pub(super) others: Arc<OtherJobs>,
}

/// What becomes of both trees.
#[derive(Debug, Default)]
pub(super) struct SyncPlan {
    /// What is made or copied, each directory before what is in it.
    pub(super) tasks: Spool<SyncTask>,
    /// What only the destination has, in the same order. Of what stays in such a directory the first name is told, as
    /// [`is_left`](TreeEntry::is_left).
    pub(super) surplus: Spool<TreeEntry>,
    /// What cannot be copied, because the destination has something else of that name: the first ones, as the source has
    /// them, and what the destination has.
    pub(super) blocked: Vec<(TreeEntry, Kind)>,
    /// What only the destination has and stays, because other jobs work there.
    pub(super) claimed: ClaimedNames,
    /// The directories of the destination from which so much would go that somebody has to agree.
    pub(super) large: LargeDeletions,
    /// How much it is.
    pub(super) counts: PlanCounts,
    /// Whether both trees were read to their ends.
    pub(super) is_complete: bool,
    /// Whether one of them seems to be in the other one.
    pub(super) is_nested: bool,
    /// The directories of the destination that may be the source itself.
    pub(super) suspects: Spool<PathName>,
    /// The names of the source that are not copied, as [`beside`] has them.
    pub(super) left_alone: NameSet,
}

/// How much a plan is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct PlanCounts {
    /// Files that are the same.
    pub(super) same: u64,
    /// Files that are copied or compared by their digests.
    pub(super) copied: u64,
    /// Names that only the destination has and that may go: no directory in which something stays.
    pub(super) surplus: u64,
    /// What cannot be copied.
    pub(super) blocked: u64,
    /// Names that only the destination has and that stay, because the source could not be looked at there.
    pub(super) protected: u64,
}

impl PlanCounts {
    /// The number of files that the source has for the destination.
    pub(super) const fn files(&self) -> u64 {
        self.same + self.copied + self.blocked
    }
}

/// Something of the source that is made or copied.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub(super) struct SyncTask {
    /// What it is there.
    pub(super) entry: TreeEntry,
    /// What is done.
    pub(super) action: PlannedAction,
}

/// What is done with something of the source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub(super) enum PlannedAction {
    /// The directory is made.
    Make,
    /// The file is copied, and nothing has its name.
    Copy,
    /// The file is copied, and replaces another one.
    Replace,
    /// It replaces another one if their digests differ.
    Compare,
}

/// What becomes of a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum PathVerdict {
    /// Both have the same: nothing is done.
    Same,
    /// The source has it, and this is done.
    Planned(PlannedAction),
    /// Only the destination has it.
    Surplus,
    /// Only the destination has it, and a job works there that has claimed it.
    Claimed(JobId),
    /// The destination has something else of that name, so that nothing is copied there.
    Blocked,
    /// It is neither copied nor deleted.
    Untouched,
}

/// Judges the paths of two trees, one after the other in their order.
#[derive(Clone, Debug)]
struct PathJudge {
    rules: PlanRules,
    /// A directory of the destination in which nothing is deleted: the source has the name for something else.
    spared: Option<PathName>,
    /// A directory of the source that cannot be made.
    blocked: Option<PathName>,
}

impl PathJudge {
    /// No path was judged yet.
    const fn new(rules: PlanRules) -> Self {
        Self { rules, spared: None, blocked: None }
    }

    /// Judges the next path, as each tree has it.
    fn judge(&mut self, source: Option<&TreeEntry>, destination: Option<&TreeEntry>) -> PathVerdict {
        let is_in = |directory: &Option<PathName>, path: &PathName| {
            directory.as_ref().is_some_and(|directory| path.is_below(directory))
        };
        match (source, destination) {
            (Some(source), _) if is_in(&self.blocked, &source.path) => PathVerdict::Untouched,
            (None, Some(destination)) if is_in(&self.spared, &destination.path) => PathVerdict::Untouched,
            (Some(source), destination) => {
                let theirs = destination.map(|found| &found.facts);
                let mut verdict = judge_source(&source.facts, theirs, self.rules.compare);
                let is_begun = !source.is_directory() && self.rules.begun.contains(source.path.as_bytes());
                if verdict == PathVerdict::Same && is_begun {
                    verdict = PathVerdict::Planned(PlannedAction::Compare);
                }
                if let (PathVerdict::Blocked | PathVerdict::Untouched, Some(destination)) =
                    (verdict, destination)
                    && destination.is_directory()
                {
                    self.spared = Some(destination.path.clone());
                }
                if verdict == PathVerdict::Blocked && source.is_directory() {
                    self.blocked = Some(source.path.clone());
                }
                verdict
            }
            (None, Some(destination)) => match destination.facts.kind {
                Kind::File | Kind::Link | Kind::Directory => {
                    let job = self.rules.others.claiming(&destination.path);
                    job.map_or(PathVerdict::Surplus, PathVerdict::Claimed)
                }
                // What is no regular file stays what it is.
                Kind::Other | Kind::Current | Kind::Parent => PathVerdict::Untouched,
            },
            (None, None) => PathVerdict::Untouched,
        }
    }
}

/// What becomes of something that the source has.
fn judge_source(source: &Facts, destination: Option<&Facts>, compare: Compare) -> PathVerdict {
    use Kind::{Directory, File, Link, Other};
    let Some(destination) = destination else {
        return match source.kind {
            Directory => PathVerdict::Planned(PlannedAction::Make),
            File => PathVerdict::Planned(PlannedAction::Copy),
            Link | Other | Kind::Current | Kind::Parent => PathVerdict::Untouched,
        };
    };
    match (source.kind, destination.kind) {
        (Directory, Directory) => PathVerdict::Same,
        (File, File) => judge_files(source, destination, compare),
        // The link is replaced, and not what it leads to.
        (File, Link) => PathVerdict::Planned(PlannedAction::Replace),
        (File | Directory, _) => PathVerdict::Blocked,
        (Link | Other | Kind::Current | Kind::Parent, _) => PathVerdict::Untouched,
    }
}

/// What becomes of a file that both have.
fn judge_files(source: &Facts, destination: &Facts, compare: Compare) -> PathVerdict {
    let is_as_long = source.size.is_some() && source.size == destination.size;
    // Whoever compares both asks for the times that no listing has told.
    let is_as_old = source.modified.zip(destination.modified).map(|(ours, theirs)| ours == theirs);
    match (compare, is_as_long, is_as_old) {
        (Compare::Exists, ..) => PathVerdict::Same,
        (_, false, _) => PathVerdict::Planned(PlannedAction::Replace),
        (Compare::Size, true, _) | (Compare::Time | Compare::Auto, true, Some(true)) => PathVerdict::Same,
        (Compare::Time, true, Some(false)) => PathVerdict::Planned(PlannedAction::Replace),
        (Compare::Time, true, None) | (Compare::Auto | Compare::Hash, true, _) => {
            PathVerdict::Planned(PlannedAction::Compare)
        }
    }
}

/// Plans a sync of two trees.
pub(super) fn plan(
    mut source: ListedTree,
    mut destination: ListedTree,
    rules: PlanRules,
    cancel: &Cancel,
) -> io::Result<SyncPlan> {
    let mut amounts = AmountTally::default();
    let mut emptied = EmptiedDirectories::new(rules.selects || rules.others.work_there());
    let mut judge = PathJudge::new(rules);
    let mut suspects = SuspectDirectories::new(std::mem::take(&mut source.sample));
    let mut plan = SyncPlan {
        tasks: Spool::new(IN_MEMORY),
        surplus: Spool::new(IN_MEMORY),
        is_complete: source.failed.is_empty() && destination.failed.is_empty(),
        is_nested: source.is_nested || destination.is_nested,
        ..SyncPlan::default()
    };
    loop {
        cancel.check()?;
        let next = match (source.names.peek(), destination.names.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(ours), Some(theirs)) => order(&ours.path, &theirs.path),
        };
        let ours = if next.is_le() { source.names.next()? } else { None };
        let theirs = if next.is_ge() { destination.names.next()? } else { None };
        let mut verdict = judge.judge(ours.as_ref(), theirs.as_ref());
        if let Some(ours) = ours.as_ref().filter(|_| !matches!(verdict, PathVerdict::Planned(_))) {
            plan.left_alone.insert(&beside(&ours.path));
        }
        if let Some(theirs) = &theirs {
            if verdict == PathVerdict::Surplus && source.hides(&theirs.path) {
                verdict = PathVerdict::Untouched;
                plan.counts.protected += 1;
            }
            match theirs.is_directory() {
                true => amounts.directory(&theirs.path),
                false => amounts.file(&theirs.path, verdict == PathVerdict::Surplus),
            }
            suspects.note(theirs, verdict == PathVerdict::Surplus)?;
            plan.note(verdict, theirs, &mut emptied)?;
        }
        plan.add(verdict, ours, theirs)?;
    }
    plan.leave(&mut emptied, None);
    if !judge.rules.selects
        && let Some(first) = &emptied.first_empty
    {
        plan.claimed.keep_empty(first, &judge.rules.others);
    }
    plan.large = amounts.finish();
    plan.suspects = suspects.finish()?;
    Ok(plan)
}

impl SyncPlan {
    /// Counts what goes, and keeps why a directory stays.
    fn note(
        &mut self,
        verdict: PathVerdict,
        theirs: &TreeEntry,
        emptied: &mut EmptiedDirectories,
    ) -> io::Result<()> {
        self.leave(emptied, Some(&theirs.path));
        if verdict == PathVerdict::Surplus && theirs.is_directory() {
            emptied.enter(theirs.path.clone());
        } else if verdict == PathVerdict::Surplus {
            emptied.goes();
            self.counts.surplus += 1;
        } else if emptied.stays() {
            let (path, facts) = (theirs.path.clone(), Facts::of_kind(Kind::Other));
            self.surplus.push(TreeEntry { path, facts })?;
        }
        Ok(())
    }

    /// Counts the directories that go and in which `next` is not.
    fn leave(&mut self, emptied: &mut EmptiedDirectories, next: Option<&PathName>) {
        while emptied.leave(next).is_some() {
            self.counts.surplus += 1;
        }
    }

    fn add(
        &mut self,
        verdict: PathVerdict,
        ours: Option<TreeEntry>,
        theirs: Option<TreeEntry>,
    ) -> io::Result<()> {
        match (verdict, ours, theirs) {
            (PathVerdict::Planned(action), Some(entry), _) => {
                self.counts.copied += u64::from(action != PlannedAction::Make);
                self.tasks.push(SyncTask { entry, action })?;
            }
            (PathVerdict::Same, Some(entry), _) => self.counts.same += u64::from(!entry.is_directory()),
            (PathVerdict::Surplus, _, Some(theirs)) => self.surplus.push(theirs)?,
            (PathVerdict::Claimed(job), _, Some(theirs)) => self.claimed.keep(&theirs.path, job),
            (PathVerdict::Blocked, ours, theirs) => {
                self.counts.blocked += 1;
                if self.blocked.len() < MOST_TOLD {
                    self.blocked.extend(ours.zip(theirs.map(|theirs| theirs.facts.kind)));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Directories that only the destination has, while the names in them pass by in their order: each goes with what is in it,
/// or stays because something in it stays.
#[derive(Clone, Debug)]
pub(super) struct EmptiedDirectories {
    /// The directories in which the last name was. Each is in the one before it.
    open: Vec<EmptiedDirectory>,
    /// Whether a directory stays in which nothing was deleted: only some files are wanted, or another job may have made it.
    keeps_empty: bool,
    /// The first directory that stays because nothing in it was deleted.
    first_empty: Option<PathName>,
}

#[derive(Clone, Debug)]
struct EmptiedDirectory {
    below: PathName,
    /// Whether something in it was deleted.
    is_emptier: bool,
    /// Whether something in it stays.
    is_needed: bool,
}

impl EmptiedDirectories {
    /// No name has come yet.
    pub(super) const fn new(keeps_empty: bool) -> Self {
        Self { open: Vec::new(), keeps_empty, first_empty: None }
    }

    /// The next directory in which `next` is not, and which goes. It is asked for until there is none.
    pub(super) fn leave(&mut self, next: Option<&PathName>) -> Option<PathName> {
        let is_left = |open: &mut EmptiedDirectory| next.is_none_or(|next| !next.is_below(&open.below));
        while let Some(EmptiedDirectory { below, is_emptier, is_needed }) = self.open.pop_if(is_left) {
            if !is_needed && (is_emptier || !self.keeps_empty) {
                return Some(below);
            }
            if !is_needed {
                self.first_empty.get_or_insert(below);
            }
            self.stays();
        }
        None
    }

    /// How many directories are still to be removed, as nothing that was seen in them stays.
    pub(super) fn number(&self) -> u64 {
        self.open.iter().filter(|open| !open.is_needed).count() as u64
    }

    /// The next name is a directory that goes, unless something in it stays.
    pub(super) fn enter(&mut self, below: PathName) {
        self.open.push(EmptiedDirectory { below, is_emptier: false, is_needed: false });
    }

    /// The next name goes.
    pub(super) fn goes(&mut self) {
        self.open.iter_mut().for_each(|open| open.is_emptier = true);
    }

    /// The next name stays. Returns whether it is the first one by which its directory does.
    pub(super) fn stays(&mut self) -> bool {
        self.open.last_mut().is_some_and(|open| !std::mem::replace(&mut open.is_needed, true))
    }
}

/// The number of names in memory, of what is copied and of what only the destination has.
const IN_MEMORY: usize = 4096;
/// The largest number of names that cannot be copied and are told one by one.
const MOST_TOLD: usize = 1000;

#[cfg(test)]
mod tests;

/// A tree that was read to its end. By default it has no name.
#[derive(Debug, Default)]
pub(super) struct ListedTree {
    /// Its names in their order.
    pub(super) names: SortedNames,
    /// What was skipped and why, the first ones.
    pub(super) skipped: Vec<(PathName, String)>,
    /// What could not be looked at, the first ones; `None` is the root.
    pub(super) failed: Vec<FailedVisit>,
    /// The number of others that could not be looked at.
    pub(super) others: u64,
    /// Whether the root of the other tree seems to be in it.
    pub(super) is_nested: bool,
    /// Some names of its root.
    pub(super) sample: RootSample,
}

impl ListedTree {
    /// Whether the tree may have something at `path` that it could not show. If not all failures are named, that is everywhere.
    pub(super) fn hides(&self, path: &PathName) -> bool {
        let is_in = |unlisted: &Option<PathName>| {
            unlisted.as_ref().is_none_or(|unlisted| path.is_at_or_below(unlisted))
        };
        self.others > 0 || self.failed.iter().any(|failed| is_in(&failed.path))
    }
}

/// Which of both trees it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TreeSide {
    /// The tree that is read. What its listing does not tell of a file is asked when the file is copied.
    Source,
    /// The tree that is changed. Names whose state is unknown are kept.
    Destination,
}

/// Reads a tree to its end. Parts of copies are neither copied nor deleted: they belong to jobs.
pub(super) async fn list_tree(context: &Context, mut visits: Visits, side: TreeSide) -> Result<ListedTree> {
    let cancel = &context.run.cancel;
    let (mut sorter, mut tree) = (Sorter::new(cancel.clone()), ListedTree::default());
    while let Some(visit) = cancel.unless_cancelled(visits.next()).await? {
        let (path, facts) = match visit {
            Visit::Directory(path, attributes) => {
                let (modified, mode) = (attributes.modified, attributes.mode);
                (path, Facts { modified, mode, ..Facts::of_kind(Kind::Directory) })
            }
            Visit::File(path, _) | Visit::Link(path, _) if Part::is_under_way(&path) => match side {
                TreeSide::Source => continue,
                // Its directory stays.
                TreeSide::Destination => (path, Facts::of_kind(Kind::Other)),
            },
            Visit::File(path, facts) | Visit::Link(path, facts) => {
                let unknown = match side {
                    TreeSide::Source => Kind::File,
                    TreeSide::Destination => Kind::Other,
                };
                (path, facts.unwrap_or(Facts::of_kind(unknown)))
            }
            Visit::Skipped(path, why) => {
                if tree.skipped.len() < MOST_TOLD {
                    tree.skipped.push((path, why));
                }
                continue;
            }
            Visit::Failed(failed) => {
                tree.is_nested |= failed.failure.about == About::Nested;
                if tree.failed.len() < MOST_TOLD {
                    tree.failed.push(failed);
                } else {
                    tree.others += 1;
                }
                continue;
            }
        };
        tree.sample.add(&path, facts.kind);
        sorter.push(TreeEntry { path, facts }).map_err(|error| cannot_keep(&error))?;
    }
    check_cancel(context)?;
    tree.names = sorter.finish().map_err(|error| cannot_keep(&error))?;
    Ok(tree)
}

/// The failure if names cannot be kept on the disk, or were not because the program should stop.
pub(super) fn cannot_keep(error: &io::Error) -> Failure {
    spool::cannot_keep("the names of both trees", error)
}
