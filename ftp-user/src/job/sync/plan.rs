//! What becomes of both trees: their names are merged in their order, so that few of them are in memory.

use super::begun::BegunFiles;
use super::emptied::EmptiedDirectories;
use super::judge::{Judge, Verdict};
use super::other_jobs::{KeptNames, OtherJobs};
use super::unlisted::UnlistedPaths;
use crate::context::Cancel;
use crate::job::request::sync::Compare;
use crate::job::sorted_names::{SortedNames, StopCheck, TreeEntry, order};
use crate::job::spool::{Fields, Record, Spool, put_number};
use crate::session::Facts;
use ftp_proto::deletion::{AmountTally, LargeDeletions};
use ftp_proto::listing::Kind;
use ftp_proto::wire::PathName;
use std::cmp::Ordering;
use std::io;
use std::sync::Arc;

/// What becomes of both trees.
#[derive(Debug)]
pub(super) struct Plan {
    /// What is made or copied, each directory before what is in it.
    pub(super) tasks: Spool<Task>,
    /// What only the destination has, in the same order. Of what stays in such a directory the first name is told, as
    /// [`is_left`](TreeEntry::is_left).
    pub(super) surplus: Spool<TreeEntry>,
    /// What cannot be copied, because the destination has something else of that name: the first ones, as the source has
    /// them, and what the destination has.
    pub(super) blocked: Vec<(TreeEntry, Kind)>,
    /// What only the destination has and stays, because other jobs work there.
    pub(super) kept: KeptNames,
    /// The directories of the destination from which so much would go that somebody has to agree.
    pub(super) large: LargeDeletions,
    /// How much it is.
    pub(super) counts: Counts,
}

/// How much a plan is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counts {
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

impl Counts {
    /// The number of files that the source has for the destination.
    pub(super) const fn files(&self) -> u64 {
        self.same + self.copied + self.blocked
    }
}

/// Something of the source that is made or copied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Task {
    /// What it is there.
    pub(super) entry: TreeEntry,
    /// What is done.
    pub(super) what: PlannedAction,
}

/// What is done with something of the source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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

impl Record for Task {
    fn write(&self, out: &mut Vec<u8>) {
        put_number(out, ALL.iter().position(|known| *known == self.what).unwrap_or(0) as u64);
        self.entry.write(out);
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let what = *ALL.get(usize::try_from(fields.number()?).ok()?)?;
        Some(Self { entry: TreeEntry::read(fields)?, what })
    }
}

const ALL: [PlannedAction; 4] =
    [PlannedAction::Make, PlannedAction::Copy, PlannedAction::Replace, PlannedAction::Compare];

/// What a plan is made by.
#[derive(Clone, Debug)]
pub(super) struct PlanRules {
    /// How files are compared.
    pub(super) compare: Compare,
    /// Whether only some files are wanted.
    pub(super) selects: bool,
    /// What an earlier run has begun.
    pub(super) begun: BegunFiles,
    /// What other jobs have claimed at the destination.
    pub(super) others: Arc<OtherJobs>,
    /// What the source could not show.
    pub(super) unlisted: UnlistedPaths,
}

/// Plans a sync of two trees.
///
/// # Errors
///
/// The names cannot be kept on the disk, or somebody has asked the program to stop.
pub(super) fn plan(
    (mut source, mut destination): (SortedNames, SortedNames),
    PlanRules { compare, selects, begun, others, unlisted }: PlanRules,
    cancel: &Cancel,
) -> io::Result<Plan> {
    let mut stop = StopCheck::new(cancel);
    let mut emptied = EmptiedDirectories::new(selects || others.work_there());
    let mut judge = Judge::new(compare, begun, Arc::clone(&others));
    let mut amounts = AmountTally::default();
    let mut plan = Plan {
        tasks: Spool::new(IN_MEMORY),
        surplus: Spool::new(IN_MEMORY),
        blocked: Vec::new(),
        kept: KeptNames::default(),
        large: LargeDeletions::default(),
        counts: Counts::default(),
    };
    loop {
        stop.count()?;
        let next = match (source.peek(), destination.peek()) {
            (None, None) => {
                plan.leave(&mut emptied, None);
                if !selects && let Some(first) = emptied.first_empty() {
                    plan.kept.keep_empty(first, &others);
                }
                plan.large = amounts.finish();
                return Ok(plan);
            }
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(ours), Some(theirs)) => order(&ours.path, &theirs.path),
        };
        let ours = if next.is_le() { source.next()? } else { None };
        let theirs = if next.is_ge() { destination.next()? } else { None };
        let mut verdict = judge.judge(ours.as_ref(), theirs.as_ref());
        if let Some(theirs) = &theirs {
            if verdict == Verdict::Surplus && unlisted.protect(&theirs.path) {
                verdict = Verdict::Left;
                plan.counts.protected += 1;
            }
            match theirs.is_directory() {
                true => amounts.directory(&theirs.path),
                false => amounts.file(&theirs.path, verdict == Verdict::Surplus),
            }
            plan.note(verdict, theirs, &mut emptied)?;
        }
        plan.add(verdict, ours, theirs)?;
    }
}

impl Plan {
    /// Counts what goes, and keeps why a directory stays.
    fn note(
        &mut self,
        verdict: Verdict,
        theirs: &TreeEntry,
        emptied: &mut EmptiedDirectories,
    ) -> io::Result<()> {
        self.leave(emptied, Some(&theirs.path));
        if verdict == Verdict::Surplus && theirs.is_directory() {
            emptied.enter(theirs.path.clone());
        } else if verdict == Verdict::Surplus {
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
        verdict: Verdict,
        ours: Option<TreeEntry>,
        theirs: Option<TreeEntry>,
    ) -> io::Result<()> {
        let what = match verdict {
            Verdict::NewDirectory => PlannedAction::Make,
            Verdict::Missing => PlannedAction::Copy,
            Verdict::Differs => PlannedAction::Replace,
            Verdict::Unsure => PlannedAction::Compare,
            Verdict::Same => {
                self.counts.same += u64::from(ours.is_some_and(|entry| !entry.is_directory()));
                return Ok(());
            }
            Verdict::Surplus => return theirs.map_or(Ok(()), |entry| self.surplus.push(entry)),
            Verdict::Blocked => {
                self.counts.blocked += 1;
                if self.blocked.len() < MOST_TOLD {
                    self.blocked.extend(ours.zip(theirs.map(|theirs| theirs.facts.kind)));
                }
                return Ok(());
            }
            Verdict::Claimed(job) => {
                if let Some(theirs) = theirs {
                    self.kept.keep(&theirs.path, job);
                }
                return Ok(());
            }
            Verdict::Left => return Ok(()),
        };
        let Some(entry) = ours else { return Ok(()) };
        self.counts.copied += u64::from(what != PlannedAction::Make);
        self.tasks.push(Task { entry, what })
    }
}

/// The number of names in memory, of what is copied and of what only the destination has.
const IN_MEMORY: usize = 4096;
/// The largest number of names that cannot be copied and are told one by one.
const MOST_TOLD: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::sorted_names::Sorter;

    #[test]
    fn whoever_is_asked_to_stop_plans_no_further() {
        let names = |count: usize| {
            let mut sorter = Sorter::new(Cancel::never());
            for number in 0..count {
                let path = PathName::from_user(format!("f{number}")).unwrap();
                sorter.push(TreeEntry { path, facts: Facts::of_kind(Kind::File) }).unwrap();
            }
            sorter.finish().unwrap()
        };
        let (stop, cancel) = Cancel::new();
        let rules = || PlanRules {
            compare: Compare::Auto,
            selects: false,
            begun: BegunFiles::default(),
            others: Arc::default(),
            unlisted: UnlistedPaths::default(),
        };
        let planned = plan((names(3000), names(0)), rules(), &cancel).unwrap();
        assert_eq!(planned.counts.copied, 3000);
        stop.send(true).unwrap();
        let stopped = plan((names(3000), names(0)), rules(), &cancel).unwrap_err();
        assert_eq!(stopped.kind(), io::ErrorKind::Interrupted);
    }

    #[test]
    fn what_an_earlier_run_has_begun_is_compared_although_it_looks_the_same() {
        let names = || {
            let mut sorter = Sorter::new(Cancel::never());
            for name in ["a", "d/a", "d/b"] {
                let path = PathName::from_user(name).unwrap();
                sorter.push(TreeEntry { path, facts: Facts::of_kind(Kind::File) }).unwrap();
            }
            sorter.finish().unwrap()
        };
        let begun = BegunFiles::of(&["d/a", "gone"]);
        let rules = PlanRules {
            compare: Compare::Exists,
            selects: false,
            begun,
            others: Arc::default(),
            unlisted: UnlistedPaths::default(),
        };
        let mut plan = plan((names(), names()), rules, &Cancel::never()).unwrap();
        assert_eq!((plan.counts.same, plan.counts.copied), (2, 1));
        let task = plan.tasks.pop().unwrap().unwrap();
        assert_eq!((task.entry.path.display().as_str(), task.what), ("d/a", PlannedAction::Compare));
        assert_eq!(plan.tasks.pop().unwrap(), None);
    }

    #[test]
    fn a_directory_in_which_something_stays_is_not_counted_among_what_goes() {
        use Kind::{Directory, File, Other};
        let check = |names: &[(&str, Kind)], selects: bool, expect: u64, stay: &[&str]| {
            let mut sorter = Sorter::new(Cancel::never());
            for (name, kind) in names {
                let path = PathName::from_user(*name).unwrap();
                sorter.push(TreeEntry { path, facts: Facts::of_kind(*kind) }).unwrap();
            }
            let trees = (Sorter::new(Cancel::never()).finish().unwrap(), sorter.finish().unwrap());
            let rules = PlanRules {
                compare: Compare::Auto,
                selects,
                begun: BegunFiles::default(),
                others: Arc::default(),
                unlisted: UnlistedPaths::default(),
            };
            let mut plan = plan(trees, rules, &Cancel::never()).unwrap();
            let mut left = Vec::new();
            while let Some(entry) = plan.surplus.pop().unwrap() {
                left.extend(entry.is_left().then(|| entry.path.display()));
            }
            assert_eq!(
                (plan.counts.surplus, left),
                (expect, stay.iter().map(|name| (*name).to_owned()).collect())
            );
        };
        check(
            &[("d", Directory), ("d/big.1", Other), ("d/big.2", Other), ("big.3", Other)],
            false,
            0,
            &["d/big.1"],
        );
        check(&[("d", Directory), ("d/a", File), ("d/e", Directory), ("d/e/b", Other)], false, 1, &["d/e/b"]);
        check(&[("d", Directory), ("d/e", Directory), ("d/e/b", File), ("f", Directory)], false, 4, &[]);
        check(&[("d", Directory), ("d/e", Directory), ("d/e/b", File), ("f", Directory)], true, 3, &[]);
        check(&[("d", Directory), ("d/a", File), ("d/e", Directory)], true, 1, &[]);
    }

    #[test]
    fn what_another_job_has_claimed_is_neither_deleted_nor_counted() {
        use Kind::{Directory, File};
        let job = crate::id::JobId::new(7);
        let check = |claimed: &[&str], expect: u64, go: &[&str], words: &[&str]| {
            let names =
                [("d", Directory), ("d/a", File), ("d/e", Directory), ("d/old", File), ("f", Directory)];
            let mut sorter = Sorter::new(Cancel::never());
            for (name, kind) in names {
                let path = PathName::from_user(name).unwrap();
                sorter.push(TreeEntry { path, facts: Facts::of_kind(kind) }).unwrap();
            }
            let trees = (Sorter::new(Cancel::never()).finish().unwrap(), sorter.finish().unwrap());
            let (begun, others) = (BegunFiles::default(), Arc::new(OtherJobs::of(job, claimed)));
            let rules = PlanRules {
                compare: Compare::Auto,
                selects: false,
                begun,
                others,
                unlisted: UnlistedPaths::default(),
            };
            let mut plan = plan(trees, rules, &Cancel::never()).unwrap();
            let mut found = Vec::new();
            while let Some(entry) = plan.surplus.pop().unwrap() {
                found.extend((!entry.is_left()).then(|| entry.path.display()));
            }
            let go: Vec<_> = go.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!((plan.counts.surplus, found), (expect, go), "{claimed:?}");
            assert!(words.iter().all(|word| format!("{:?}", plan.kept).contains(word)), "{:?}", plan.kept);
        };
        check(&[], 5, &["d", "d/a", "d/e", "d/old", "f"], &["names: 0", "has_empty: false"]);
        // What was listed as empty may be made by the job: it is no task of a plan.
        check(&["d/a"], 1, &["d/e", "d/old", "f"], &["names: 2", "has_empty: true"]);
        // It is not stored yet, and its directory stays.
        check(&["d/e/f"], 2, &["d/a", "d/old", "f"], &["names: 2"]);
        check(&["x/y"], 2, &["d", "d/a", "d/e", "d/old", "f"], &["names: 0", "has_empty: true"]);
    }
}
