//! Which job is carried next. Owners share equally, then the pairs of servers of each owner; priority orders the jobs of one
//! owner. Whoever has the fewest jobs that are carried comes first, and of these whoever was served the longest time ago.

use super::entry::{Priority, RecordedSites, Submission};

/// The oldest job of an owner between two servers with one priority and the same sites that may begin.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Head<J> {
    /// What stands for the job.
    pub job: J,
    /// Which group it is of: the jobs of the same owner, pair, priority and sites.
    pub group: i64,
    /// Who has submitted it.
    pub owner: String,
    /// Its servers, as one text.
    pub pair: String,
    /// The sites that it names, as they were when it was submitted.
    pub sites: RecordedSites,
    /// Its place among the jobs of its owner.
    pub priority: Priority,
    /// The number of the change with which it was submitted.
    pub submitted: u64,
    /// Since when it may begin, in seconds since 1970.
    pub due: u64,
}

/// A job that is carried, or one of the last that were, as far as the shares need it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CarriedJob {
    /// Who has submitted it.
    pub owner: String,
    /// Its servers, as one text.
    pub pair: String,
    /// The sites that it names.
    pub sites: Vec<String>,
    /// The fence of its lease: what was taken later has a larger one.
    pub fence: u64,
    /// Whether it is carried now.
    pub is_running: bool,
}

impl CarriedJob {
    /// One that is carried, with this fence.
    pub fn of(submission: &Submission, fence: u64) -> Self {
        let Submission { owner, pair, sites, .. } = submission.clone();
        Self { owner, pair, sites: sites.into_keys().collect(), fence, is_running: true }
    }
}

/// The job that is carried next; `None` if none may begin.
pub fn next<'h, J>(
    heads: impl IntoIterator<Item = &'h Head<J>>,
    carried: &[CarriedJob],
) -> Option<&'h Head<J>> {
    let rank = |&head: &&'h Head<J>| {
        let of_owner = || carried.iter().filter(|job| job.owner == head.owner);
        let of_pair = || of_owner().filter(|job| job.pair == head.pair);
        let share = |running: usize, fence: Option<u64>| (running, fence);
        (
            share(of_owner().filter(|job| job.is_running).count(), of_owner().map(|job| job.fence).max()),
            &head.owner,
            std::cmp::Reverse(head.priority),
            share(of_pair().filter(|job| job.is_running).count(), of_pair().map(|job| job.fence).max()),
            head.submitted,
        )
    };
    heads.into_iter().min_by_key(rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Carries jobs one after the other, `parallel` at the same time, and returns them in their order. Each lasts as long as
    /// `parallel - 1` others take to begin.
    fn order(mut jobs: Vec<(&str, &str, i8)>, parallel: usize) -> String {
        let (mut carried, mut order) = (Vec::new(), Vec::new());
        while !jobs.is_empty() {
            let head = |(at, (owner, pair, priority)): (usize, &(&str, &str, i8))| Head {
                job: at,
                group: 0,
                owner: (*owner).to_owned(),
                pair: (*pair).to_owned(),
                sites: RecordedSites::new(),
                priority: Priority::try_from(*priority).unwrap(),
                submitted: at as u64,
                due: at as u64,
            };
            let heads: Vec<_> = jobs.iter().enumerate().map(head).collect();
            let at = next(&heads, &carried).unwrap().job;
            let (owner, pair, priority) = jobs.remove(at);
            order.push(format!("{owner}{pair}{priority}"));
            let fence = order.len() as u64;
            carried.push(CarriedJob {
                owner: owner.to_owned(),
                pair: pair.to_owned(),
                sites: Vec::new(),
                fence,
                is_running: true,
            });
            if let Some(oldest) = carried.len().checked_sub(parallel) {
                carried[oldest].is_running = false;
            }
        }
        order.join(" ")
    }

    #[test]
    fn owners_share_equally_then_pairs_and_priority_orders_the_jobs_of_one_owner() {
        let many = |owner, pair, number| vec![(owner, pair, 0); number];
        for (jobs, parallel, expect) in [
            ([many("a", "x", 3), many("b", "x", 2)].concat(), 1, "ax0 bx0 ax0 bx0 ax0"),
            ([many("a", "x", 4), many("b", "x", 1)].concat(), 3, "ax0 bx0 ax0 ax0 ax0"),
            ([many("a", "x", 3), many("a", "y", 2)].concat(), 1, "ax0 ay0 ax0 ay0 ax0"),
            (vec![("a", "x", 0), ("a", "x", 5), ("b", "x", -9), ("b", "x", 0)], 1, "ax5 bx0 ax0 bx-9"),
        ] {
            assert_eq!(order(jobs.clone(), parallel), expect, "{jobs:?}");
        }
        assert_eq!(next::<u8>(&[], &[]), None);
    }
}
