//! Names that only the destination has and that stay, by why, and what is told of them.

use super::other_jobs::OtherJobs;
use super::run::SyncRun;
use crate::failure::{Failure, Kind};
use crate::id::JobId;
use crate::place;
use crate::report::{WithheldDeletions, several};
use crate::world::local_path;
use ftp_proto::deletion::{LargeDeletions, ReasonToKeep};
use ftp_proto::wire::{PathName, counted};
use std::collections::{BTreeMap, BTreeSet, HashSet};

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
            let root = run.ends.destination.show(run.scope().root());
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
    consented: Option<HashSet<PathName>>,
    count: u64,
    /// These names, as long as they are not too many for the journal.
    names: Vec<PathName>,
    /// The first directories from which so much would go; `None` is the destination.
    directories: BTreeSet<Option<PathName>>,
}

impl WithheldNames {
    /// Nothing is kept yet. `renamed` are files that have another name now, so that they do not go.
    pub(super) fn new(
        mut large: LargeDeletions,
        is_source_empty: bool,
        consented: Option<HashSet<PathName>>,
        renamed: &HashSet<PathName>,
    ) -> Self {
        renamed.iter().for_each(|path| large.stays(path));
        let (count, names, directories) = (0, Vec::new(), BTreeSet::new());
        Self { large, is_source_empty, consented, count, names, directories }
    }

    /// Whether somebody has to agree before this name goes, and has not.
    pub(super) fn need_consent(&self, path: &PathName) -> bool {
        let has_agreed = self.consented.as_ref().is_none_or(|names| names.contains(path));
        !has_agreed && (self.is_source_empty || self.large.keeper(path).is_some())
    }

    /// Notes that a name is kept.
    pub(super) fn keep(&mut self, path: &PathName) {
        self.count += 1;
        if self.names.len() < MOST_NAMES {
            self.names.push(path.clone());
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
        let remedy = match journal.job().filter(|_| are_all) {
            Some(job) => {
                journal.withhold(&self.names);
                format!("ftp-user retry {job} --yes")
            }
            None => "the same command with --yes".to_owned(),
        };
        let message = self.words(|directory| run.show_destination(directory), &remedy);
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
mod tests {
    use super::*;
    use ftp_proto::deletion::AmountTally;

    fn path(text: &str) -> PathName {
        PathName::from_user(text).unwrap()
    }

    /// A directory `d` of 30 files that all go, beside 100 others.
    fn large() -> LargeDeletions {
        let mut tally = AmountTally::default();
        (0..100).for_each(|number| tally.file(&path(&format!("a{number}")), number == 0));
        tally.directory(&path("d"));
        (0..30).for_each(|number| tally.file(&path(&format!("d/{number}")), true));
        tally.finish()
    }

    #[test]
    fn names_are_kept_unless_somebody_has_agreed_to_them() {
        let renamed: HashSet<PathName> = (0..10).map(|number| path(&format!("d/{number}"))).collect();
        let none = HashSet::new;
        let names = |texts: &[&str]| Some(texts.iter().map(|text| path(text)).collect());
        for (agreed, is_source_empty, renamed, expect) in [
            (names(&[]), false, none(), [true, true, false]),
            (names(&[]), true, none(), [true, true, true]),
            (names(&["d/1", "a0"]), true, none(), [false, true, false]),
            (None, true, none(), [false, false, false]),
            (names(&[]), false, renamed, [false, false, false]),
        ] {
            let withheld = WithheldNames::new(large(), is_source_empty, agreed, &renamed);
            let found = ["d/1", "d/20", "a0"].map(|name| withheld.need_consent(&path(name)));
            assert_eq!(found, expect, "{withheld:?}");
        }
    }

    #[test]
    fn the_directory_and_the_remedy_are_told() {
        let none = Some(HashSet::new());
        let mut withheld = WithheldNames::new(large(), false, none, &HashSet::new());
        ["d/1", "d/2"].iter().for_each(|name| withheld.keep(&path(name)));
        let words = withheld.words(
            |below| below.map_or("DEST".to_owned(), |below| format!("DEST/{}", below.display())),
            "the same command with --yes",
        );
        assert_eq!(
            words,
            "not deleted: 2 names that the source lacks, because they are more than half of what DEST/d has; if they are to go, the same command with --yes deletes them"
        );
    }

    #[test]
    fn names_that_stay_are_told_with_the_jobs_that_work_there() {
        let name = |text: &str| PathName::from_user(text).unwrap();
        let mut kept = ClaimedNames::default();
        kept.keep(&name("b"), JobId::new(2));
        let check = |kept: &ClaimedNames, expect: &str| {
            assert_eq!(
                kept.words("x/b"),
                format!("not deleted: {expect}; the first is x/b; sync again after its end")
            );
        };
        check(&kept, "1 name where job 0000000000000002 works");
        kept.keep(&name("a"), JobId::new(1));
        check(&kept, "2 names where job 0000000000000001 and another one work");
        kept.keep(&name("c"), JobId::new(3));
        check(&kept, "3 names where job 0000000000000001 and 2 other jobs work");
        kept.keep_empty(&name("d"), &OtherJobs::default());
        check(&kept, "3 names and empty directories where job 0000000000000001 and 2 other jobs work");
    }
}
