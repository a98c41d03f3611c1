//! Leases: the right of one worker to a job, or to a part of its tree, for a time. Pure: the time of leases is that of the store, which all workers share,
//! and each worker measures its own absence by its own clock.

use crate::id::{JobId, WorkerId};
use ftp_proto::timer::Moment;
use std::time::Duration;

/// The right of a worker to a job, or to a part of its tree. It lasts until another worker finds that it was not renewed for [`LEASE_TIME`], and marks the job
/// as lost; not until a certain time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Lease {
    /// The job itself.
    pub job: JobId,
    /// The number of the part of its tree; [`WHOLE_JOB`] if it is the job itself.
    pub part: u64,
    /// The worker that carries it.
    pub worker: WorkerId,
    /// Every lease has a number that is larger than those of all leases before it, also of other jobs.
    pub fence: u64,
}

impl Lease {
    /// Whether it is one of a part of the tree of a job. Another worker has the lease of the job.
    pub const fn is_of_tree_part(self) -> bool {
        self.part != WHOLE_JOB
    }
}

/// The number that stands for the job itself. Parts of its tree are counted from 1.
pub const WHOLE_JOB: u64 = 0;
/// How long a lease need not be renewed.
pub const LEASE_TIME: Duration = Duration::from_secs(30);

/// When a worker renews its leases, and when it may take over jobs whose workers have not renewed theirs.
///
/// While nobody can reach the store, or while it stands still, all leases expire; and so they seem to if its clock jumps. Whoever
/// comes back first leaves the others time to renew theirs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RenewalTimer {
    /// Since when leases were renewed without a gap.
    since: Moment,
    last: Option<RenewedAt>,
}

/// When leases were renewed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct RenewedAt {
    /// By the clock of this host.
    here: Moment,
    /// By that of the store, in seconds since 1970.
    store: u64,
}

impl RenewalTimer {
    /// A timer that starts now.
    pub const fn new(now: Moment) -> Self {
        Self { since: now, last: None }
    }

    /// Whether leases have to be renewed now.
    pub fn is_due(&self, now: Moment) -> bool {
        self.last.is_none_or(|last| now.since(last.here) >= RENEWAL)
    }

    /// The leases were renewed: `asked` is when the store was asked, and `now` when it has answered.
    pub fn note_renewal(&mut self, asked: Moment, now: Moment, store: u64) {
        if !self.is_steady(now, store) {
            self.since = now;
        }
        self.last = Some(RenewedAt { here: asked, store });
    }

    /// Whether it may take jobs over whose leases have expired at this time of the store.
    pub fn may_take_over(&self, now: Moment, store: u64) -> bool {
        self.last.is_some() && self.is_steady(now, store) && now.since(self.since) >= LEASE_TIME
    }

    /// Whether the last renewal is not long ago, and the clock of the store has gone as that of this host since.
    fn is_steady(&self, now: Moment, store: u64) -> bool {
        self.last.is_none_or(|last| {
            let (here, there) = (now.since(last.here), store.saturating_sub(last.store));
            here <= LONGEST_GAP && store >= last.store && here.as_secs().abs_diff(there) <= LARGEST_STEP
        })
    }
}

/// How often leases are renewed.
const RENEWAL: Duration = Duration::from_secs(10);
/// After a longer time without a renewal a worker was away.
const LONGEST_GAP: Duration = Duration::from_secs(15);
/// By how many seconds two clocks may differ in this time.
const LARGEST_STEP: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    /// When the worker is asked, by its clock and by that of the store; whether a renewal is due, and whether it may take over after
    /// it.
    type Step = (u64, u64, bool, bool);

    fn check(steps: &[Step]) {
        let at = |seconds| Moment::START + Duration::from_secs(seconds);
        let mut timer = RenewalTimer::new(at(0));
        assert!(timer.is_due(at(0)) && !timer.may_take_over(at(40), 40));
        for (now, store, is_due, may_take_over) in steps.iter().copied() {
            assert_eq!(timer.is_due(at(now)), is_due, "{now}");
            if is_due {
                timer.note_renewal(at(now), at(now), store);
            }
            assert_eq!(timer.may_take_over(at(now), store), may_take_over, "{now}");
        }
    }

    #[test]
    fn leases_are_renewed_in_time_and_nobody_takes_over_right_after_an_absence() {
        check(&[
            (0, 1000, true, false),
            (9, 1009, false, false),
            (10, 1010, true, false),
            (20, 1020, true, false),
            (29, 1029, false, false),
            (30, 1030, true, true),
            (46, 1046, true, false),
            (56, 1056, true, false),
            (71, 1071, true, false),
            (76, 1076, false, true),
        ]);
    }

    #[test]
    fn nobody_takes_over_after_the_clock_of_the_store_has_jumped_or_while_it_answers_late() {
        check(&[
            (0, 1000, true, false),
            (10, 1010, true, false),
            (20, 1020, true, false),
            (30, 1030, true, true),
            (35, 1095, false, false),
            (40, 1100, true, false),
            (50, 1110, true, false),
            (60, 1120, true, false),
            (70, 1130, true, true),
            (75, 500, false, false),
        ]);
        let at = |seconds| Moment::START + Duration::from_secs(seconds);
        let mut timer = RenewalTimer::new(at(0));
        (0..=3).for_each(|round| timer.note_renewal(at(round * 10), at(round * 10), round * 10));
        assert!(timer.may_take_over(at(39), 39));
        // The answer has taken 33 seconds.
        assert!(!timer.may_take_over(at(72), 72));
        timer.note_renewal(at(40), at(73), 73);
        assert!(timer.is_due(at(73)) && !timer.may_take_over(at(73), 73));
    }
}
