//! What other jobs have claimed below the destination: it is neither deleted nor counted, since they store there.
//!
//! Only hashes are kept, so that a million names take about 40 MB. Two names with the same hash are too unlikely to matter: a
//! name would stay that could go.

use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{Failure, Kind};
use crate::id::JobId;
use crate::job::claims::names::{Named, learn, named_below, site_of};
use crate::journal::{ClaimBelow, ClaimsBelow};
use crate::place;
use crate::report::several;
use ftp_proto::wire::{PathName, counted};
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// What other jobs have claimed. By default that is nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct OtherJobs {
    /// When the first question was asked, in milliseconds since 1970.
    since: Option<u64>,
    /// Jobs that have run since then.
    ran: BTreeSet<JobId>,
    hasher: RandomState,
    /// The hashes of the claimed paths below the destination and of the directories above them, each with its job.
    names: HashMap<u64, JobId>,
}

impl OtherJobs {
    /// Asks the journal, which is that of this run or, in a dry run, that of the state directory. `top` is the destination.
    /// What was claimed before stays claimed: what a job has finished meanwhile may be in a listing.
    ///
    /// # Errors
    ///
    /// The journal cannot be read, or somebody has asked the program to stop. What others store is not known then.
    pub(super) async fn ask(
        &mut self,
        context: &Context,
        host: &mut Host,
        top: &PathName,
    ) -> Result<(), Failure> {
        learn(context, host, top).await;
        for named in named_below(host, top) {
            let (since, ran) = (*self.since.get_or_insert_with(now), self.ran.iter().copied().collect());
            let directory = named.begin.clone();
            let asked = ClaimsBelow { site: site_of(host), directory, ran, since, after: None };
            if context.run.job_journal.is_open() {
                self.ask_own(context, asked, &named).await?;
            } else {
                self.ask_state_directory(context, asked, named).await?;
            }
        }
        Ok(())
    }

    /// Asks the journal of this run.
    async fn ask_own(
        &mut self,
        context: &Context,
        mut asked: ClaimsBelow,
        named: &Named,
    ) -> Result<(), Failure> {
        loop {
            if context.run.cancel.is_cancelled() {
                return Err(Failure::interrupted());
            }
            let page = context.run.job_journal.claims_below(asked.clone()).await;
            let page = page.ok_or_else(|| unknown("the journal of this run has ended"))?;
            page.claims.into_iter().for_each(|claim| self.take(&claim, named));
            asked.after = page.last;
            if asked.after.is_none() {
                return Ok(());
            }
        }
    }

    /// Asks the journal of the state directory, all of which is checked before.
    async fn ask_state_directory(
        &mut self,
        context: &Context,
        asked: ClaimsBelow,
        named: Named,
    ) -> Result<(), Failure> {
        let (journal, cancel, mut found) =
            (context.store.journal.clone(), context.run.cancel.clone(), self.clone());
        let work = move || {
            let read = journal.each_claim_below(asked, |claim| {
                found.take(&claim, &named);
                !cancel.is_cancelled()
            });
            read.map(|()| found)
        };
        let read = tokio::task::spawn_blocking(work).await.map_err(|error| unknown(&error.to_string()))?;
        *self = read.map_err(|why| unknown(&why.to_string()))?;
        if context.run.cancel.is_cancelled() { Err(Failure::interrupted()) } else { Ok(()) }
    }

    /// Adds a claim, if the journal names it so.
    fn take(&mut self, claim: &ClaimBelow, named: &Named) {
        if let Some(below) = named.path_below(&claim.path) {
            self.add(&below, claim.job);
        }
    }

    /// Adds a path below the destination.
    fn add(&mut self, below: &[u8], job: JobId) {
        self.ran.insert(job);
        let above = below.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for end in above.chain([below.len()]) {
            let name = below.get(..end).unwrap_or_default();
            self.names.entry(self.hasher.hash_one(name)).or_insert(job);
        }
    }

    /// Whether another job works anywhere below the destination.
    pub(super) fn work_there(&self) -> bool {
        !self.names.is_empty()
    }

    /// The job that has claimed this path below the destination, or one in this directory.
    pub(super) fn claims(&self, below: &PathName) -> Option<JobId> {
        if self.names.is_empty() {
            return None;
        }
        self.names.get(&self.hasher.hash_one(below.as_bytes())).copied()
    }
}

#[cfg(test)]
impl OtherJobs {
    /// A job has claimed these paths.
    pub(super) fn of(job: JobId, paths: &[&str]) -> Self {
        let mut others = Self::default();
        paths.iter().for_each(|path| others.add(path.as_bytes(), job));
        others
    }
}

/// Nothing is deleted: `why` it is not known what others store there.
fn unknown(why: &str) -> Failure {
    let what = format!("nothing is deleted, since it is not known what other jobs store there: {why}");
    Failure::new(Kind::Other, what).hint("sync again when the journal can be used, or without --delete")
}

/// Names that stay because other jobs have claimed them. By default there are none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct KeptNames {
    names: u64,
    /// Whether directories in which nothing was deleted stay as well.
    has_empty: bool,
    jobs: BTreeSet<JobId>,
    /// The first of them.
    first: Option<PathName>,
}

impl KeptNames {
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

    /// Tells that names below `top` stay.
    pub(super) fn tell(&self, context: &Context, host: &Host, top: &PathName) {
        let Some(first) = &self.first else { return };
        let first = host.show(&place::join(Some(top), first));
        context.run.events.warn(self.words(&first));
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

/// The time, in milliseconds since 1970.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_path_and_the_directories_above_it_belong_to_its_job() {
        let job = JobId::new(7);
        let others = OtherJobs::of(job, &["d/e/f", "a"]);
        for (path, expect) in [
            ("a", true),
            ("d", true),
            ("d/e", true),
            ("d/e/f", true),
            ("d/e/f/g", false),
            ("d/e/g", false),
            ("e", false),
        ] {
            let path = PathName::from_user(path).unwrap();
            assert_eq!(others.claims(&path).is_some(), expect, "{path:?}");
        }
        assert!(others.work_there() && !OtherJobs::default().work_there());
    }

    #[test]
    fn names_that_stay_are_told_with_the_jobs_that_work_there() {
        let name = |text: &str| PathName::from_user(text).unwrap();
        let mut kept = KeptNames::default();
        kept.keep(&name("b"), JobId::new(2));
        let check = |kept: &KeptNames, expect: &str| {
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
