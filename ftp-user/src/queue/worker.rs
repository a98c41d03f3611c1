//! Workers of a queue, as the store has them.

use super::entry::RecordedSites;
use super::lease::LEASE;
use crate::id::WorkerId;

/// A worker. Times are in seconds since 1970, by the clock of the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkerRecord {
    /// The identity of its run.
    pub id: WorkerId,
    /// What it is called.
    pub name: String,
    /// The version of its program.
    pub version: String,
    /// How many jobs it carries at the same time.
    pub parallel: u32,
    /// When it began.
    pub started: u64,
    /// When it was heard of last.
    pub seen: u64,
    /// Whether it takes no job any more.
    pub is_draining: bool,
    /// Whether it has a command for jobs that have ended.
    pub reports_ends: bool,
    /// The sites of its settings.
    pub sites: RecordedSites,
}

impl WorkerRecord {
    /// Whether it was heard of lately.
    pub const fn is_alive(&self, now: u64) -> bool {
        self.seen + LEASE.as_secs() > now
    }

    /// Whether it has all of these sites, as they are recorded.
    pub fn has_sites(&self, sites: &RecordedSites) -> bool {
        sites.iter().all(|(name, url)| self.sites.get(name) == Some(url))
    }
}

/// The worker that runs its command for jobs that have ended: one of those that have a command.
pub fn reporter(workers: &[WorkerRecord], now: u64) -> Option<WorkerId> {
    workers.iter().filter(|worker| worker.reports_ends && worker.is_alive(now)).map(|worker| worker.id).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_worker_that_is_alive_reports_ends() {
        let worker = |id, seen, reports_ends| WorkerRecord {
            id: WorkerId::new(id),
            name: String::new(),
            version: String::new(),
            parallel: 1,
            started: 0,
            seen,
            is_draining: false,
            reports_ends,
            sites: RecordedSites::from([("one".to_owned(), "ftp://h/".to_owned())]),
        };
        let workers = [worker(1, 100, false), worker(2, 60, true), worker(4, 95, true), worker(3, 100, true)];
        assert_eq!(reporter(&workers, 89), Some(WorkerId::new(2)));
        assert_eq!(reporter(&workers, 100), Some(WorkerId::new(3)));
        assert_eq!(reporter(&workers, 130), None);
        let sites = |name: &str, url: &str| RecordedSites::from([(name.to_owned(), url.to_owned())]);
        for (asked, expect) in [
            (RecordedSites::new(), true),
            (sites("one", "ftp://h/"), true),
            (sites("one", "ftp://h/d"), false),
            (sites("two", "ftp://h/"), false),
        ] {
            assert_eq!(workers[0].has_sites(&asked), expect, "{asked:?}");
        }
    }
}
