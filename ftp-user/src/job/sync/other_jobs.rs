//! What the journal says of the names below the destination: which files an earlier run of the job has begun, and what other
//! jobs have claimed, which is neither deleted nor counted, since they store there.
//!
//! Only hashes are kept, so that a million names take about 40 MB. Two names with the same hash are too unlikely to matter: a
//! name would stay that could go.

use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{Failure, Kind, Result};
use crate::id::JobId;
use crate::job::claims::claim::now;
use crate::job::claims::names::{JournalNames, learn, named_below, site_of};
use crate::job::retry::check_cancel;
use crate::journal::{ClaimBelow, ClaimsBelow};
use ftp_proto::wire::PathName;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

/// The files below the destination `top` that an earlier run of the job has begun and not ended.
pub(super) async fn begun_files(context: &Context, host: &Host, top: &PathName) -> HashSet<Vec<u8>> {
    let journal = &context.run.job_journal;
    if !journal.is_resumed() {
        return HashSet::new();
    }
    let (site, forms) = (site_of(host), named_below(host, top));
    let open = journal.open_files().await.into_iter();
    let here = open.filter(|item| item.place.site == site);
    here.filter_map(|item| forms.iter().find_map(|form| form.path_below(&item.place.path))).collect()
}

/// What other jobs have claimed. By default that is nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct OtherJobs {
    /// When the first question was asked, in milliseconds since 1970.
    since: Option<u64>,
    /// Jobs that have run since then.
    pub(super) ran: BTreeSet<JobId>,
    hasher: RandomState,
    /// The hashes of the claimed paths below the destination and of the directories above them, each with its job.
    names: HashMap<u64, JobId>,
    /// Why it is not known what all of them have claimed: nothing is deleted then.
    pub(super) unknown: Option<Failure>,
}

impl OtherJobs {
    /// Asks the journal, which is that of this run or, in a dry run, that of the state directory. `top` is the destination.
    /// What was claimed before stays claimed: what a job has finished meanwhile may be in a listing.
    ///
    /// # Errors
    ///
    /// Somebody has asked the program to stop.
    pub(super) async fn ask(&mut self, context: &Context, host: &mut Host, top: &PathName) -> Result<()> {
        learn(context, host, top).await;
        for named in named_below(host, top) {
            let (since, ran) = (
                *self.since.get_or_insert_with(|| now().unwrap_or_default()),
                self.ran.iter().copied().collect(),
            );
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
        named: &JournalNames,
    ) -> Result<()> {
        loop {
            check_cancel(context)?;
            let page = context.run.job_journal.claims_below(asked.clone()).await;
            let Some(page) = page else {
                self.unknown = Some(unknown("the journal cannot be used"));
                return Ok(());
            };
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
        named: JournalNames,
    ) -> Result<()> {
        let (journal, cancel, mut found) =
            (context.store.journal.clone(), context.run.cancel.clone(), self.clone());
        let work = move || {
            let read = journal.each_claim_below(asked, |claim| {
                found.take(&claim, &named);
                !cancel.is_cancelled()
            });
            read.map(|()| found)
        };
        let read = ftp_io::blocking::spawn(work).await.map_err(|error| error.to_string());
        match read.and_then(|read| read.map_err(|why| why.to_string())) {
            Ok(found) => *self = found,
            Err(why) => self.unknown = Some(unknown(&why)),
        }
        check_cancel(context)
    }

    /// Adds a claim, if the journal names it so.
    fn take(&mut self, claim: &ClaimBelow, named: &JournalNames) {
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
    pub(super) fn claiming(&self, below: &PathName) -> Option<JobId> {
        if self.names.is_empty() {
            return None;
        }
        self.names.get(&self.hasher.hash_one(below.as_bytes())).copied()
    }
}

/// Nothing is deleted: `why` it is not known what others store there.
fn unknown(why: &str) -> Failure {
    let what = format!("nothing is deleted, since it is not known what other jobs store there: {why}");
    Failure::new(Kind::Other, what).hint("sync again when it can be used")
}

#[cfg(test)]
mod tests {
    use super::*;

    impl OtherJobs {
        /// A job has claimed these paths.
        pub(in crate::job::sync) fn of(job: JobId, paths: &[&str]) -> Self {
            let mut others = Self::default();
            paths.iter().for_each(|path| others.add(path.as_bytes(), job));
            others
        }
    }

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
            assert_eq!(others.claiming(&path).is_some(), expect, "{path:?}");
        }
        assert!(others.work_there() && !OtherJobs::default().work_there());
    }
}
