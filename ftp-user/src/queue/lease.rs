//! Leases: the right of one worker to a job, for a time. Pure: the time of leases is that of the store, which all workers share,
//! and each worker measures its own absence by its own clock.

use crate::id::{JobId, WorkerId};
use ftp_proto::timer::Moment;
use std::time::Duration;

/// The right of a worker to a job. It ends when the worker has not renewed it for [`LEASE`] and another one has taken the job.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Lease {
    /// The job itself.
    pub job: JobId,
    /// The worker that carries it.
    pub worker: WorkerId,
    /// Every lease has a number that is larger than those of all leases before it, also of other jobs.
    pub fence: u64,
}

/// How long a lease lasts if it is not renewed.
pub const LEASE: Duration = Duration::from_secs(30);

/// When a worker renews its leases, and when it may take over jobs whose workers have not renewed theirs.
///
/// While nobody can reach the store, all leases expire. Whoever comes back first leaves the others time to renew theirs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attendance {
    /// Since when it has renewed its leases without a gap.
    since: Moment,
    /// When it has done so last.
    renewed: Option<Moment>,
}

impl Attendance {
    /// That of a worker that begins now.
    pub const fn new(now: Moment) -> Self {
        Self { since: now, renewed: None }
    }

    /// Whether leases have to be renewed.
    pub fn is_renewal_due(&self, now: Moment) -> bool {
        self.renewed.is_none_or(|last| now.since(last) >= RENEWAL)
    }

    /// The leases were renewed.
    pub fn note_renewal(&mut self, now: Moment) {
        if self.renewed.is_some_and(|last| now.since(last) > LONGEST_GAP) {
            self.since = now;
        }
        self.renewed = Some(now);
    }

    /// Whether it may take jobs over whose leases have expired.
    pub fn may_take_over(&self, now: Moment) -> bool {
        self.renewed.is_some() && now.since(self.since) >= LEASE
    }
}

/// How often leases are renewed.
const RENEWAL: Duration = Duration::from_secs(10);
/// After a longer time without a renewal a worker was away.
const LONGEST_GAP: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_are_renewed_in_time_and_nobody_takes_over_right_after_an_absence() {
        let at = |seconds| Moment::START + Duration::from_secs(seconds);
        let mut attendance = Attendance::new(at(0));
        assert!(attendance.is_renewal_due(at(0)) && !attendance.may_take_over(at(40)));
        for (now, is_due, may_take_over) in [
            (0, true, false),
            (9, false, false),
            (10, true, false),
            (20, true, false),
            (29, false, false),
            (30, true, true),
            (46, true, false),
            (56, true, false),
            (71, true, false),
            (76, false, true),
        ] {
            assert_eq!(attendance.is_renewal_due(at(now)), is_due, "{now}");
            if is_due {
                attendance.note_renewal(at(now));
            }
            assert_eq!(attendance.may_take_over(at(now)), may_take_over, "{now}");
        }
    }
}
