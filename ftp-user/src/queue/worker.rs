//! Workers of a queue, as the store has them.

use super::entry::RecordedSites;
use super::lease::LEASE_TIME;
use crate::id::WorkerId;

/// What a worker says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkerProfile {
    /// The identity of its run.
    pub id: WorkerId,
    /// What it is called.
    pub name: String,
    /// The version of its program.
    pub version: String,
    /// How many jobs it carries at the same time.
    pub parallel: u32,
    /// Whether it takes no job any more.
    pub is_draining: bool,
    /// Whether it has a command for jobs that have ended.
    pub reports_ends: bool,
    /// The sites of its settings.
    pub sites: RecordedSites,
}

/// A worker. Times are in seconds since 1970, by the clock of the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkerRecord {
    /// What it has said of itself last.
    pub profile: WorkerProfile,
    /// When it began.
    pub started: u64,
    /// When it was heard of last.
    pub seen: u64,
}

impl WorkerRecord {
    /// Whether it has renewed its leases within the time of a lease.
    pub const fn is_alive(&self, now: u64) -> bool {
        // What was seen much later than now was written before the clock of the store went back.
        now.abs_diff(self.seen) < LEASE_TIME.as_secs()
    }
}

/// Whether a worker that is alive has all of these sites, as they are recorded.
pub fn has_worker(workers: &[WorkerRecord], sites: &RecordedSites, now: u64) -> bool {
    let has_all =
        |worker: &&WorkerRecord| sites.iter().all(|(name, url)| worker.profile.sites.get(name) == Some(url));
    workers.iter().filter(|worker| worker.is_alive(now)).any(|worker| has_all(&worker))
}

/// Where the sites of a job are, if no worker that is alive has all of them as they are recorded.
pub fn scattered_sites(workers: &[WorkerRecord], sites: &RecordedSites, now: u64) -> Option<String> {
    if has_worker(workers, sites, now) {
        return None;
    }
    let alive = || workers.iter().filter(|worker| worker.is_alive(now)).map(|worker| &worker.profile);
    let places = sites.iter().map(|(name, url)| {
        let same =
            alive().filter(|worker| worker.sites.get(name) == Some(url)).map(|worker| worker.name.as_str());
        let same: Vec<&str> = same.take(MOST_NAMED).collect();
        let other = alive().find_map(|worker| Some((&worker.name, worker.sites.get(name)?)));
        match (same.as_slice(), other) {
            ([], Some((worker, other))) => format!("{name} was {url}, and is {other} at {worker}"),
            ([], None) => format!("nobody has {name}"),
            (same, _) => format!("{name} is at {}", same.join(", ")),
        }
    });
    let places: Vec<String> = places.collect();
    Some(format!(
        "no daemon has all sites of the job as they were when it was submitted: {}",
        places.join("; ")
    ))
}

/// What the owner of a job is told that waits because of the settings of this worker. What they are is not for each owner: the log of
/// the daemon tells it.
pub fn blamed_settings(worker: Option<&str>, fault: &str) -> String {
    let of = worker.map_or_else(|| "the daemon".to_owned(), |name| format!("worker {name}"));
    format!("the settings of {of} {fault}: its log tells more, and the job waits until they are right")
}

/// The settings cannot be read.
pub const MISTAKEN: &str = "have mistakes";
/// The settings have no relay that a job can use.
pub const NO_RELAY: &str = "lack a relay that the job can use";

/// The largest number of workers that are named.
const MOST_NAMED: usize = 3;

/// Whether all workers that are alive take no job any more, and there are any.
pub fn are_draining(workers: &[WorkerRecord], now: u64) -> bool {
    let mut alive = workers.iter().filter(|worker| worker.is_alive(now)).peekable();
    alive.peek().is_some() && alive.all(|worker| worker.profile.is_draining)
}

/// The worker that runs its command for jobs that have ended: one of those that are alive and have a command.
pub fn reporter(workers: &[WorkerRecord], now: u64) -> Option<WorkerId> {
    let alive = workers.iter().filter(|worker| worker.is_alive(now)).map(|worker| &worker.profile);
    alive.filter(|worker| worker.reports_ends && !worker.is_draining).map(|worker| worker.id).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(id: u64, seen: u64, reports_ends: bool) -> WorkerRecord {
        let profile = WorkerProfile {
            id: WorkerId::new(id),
            name: "w".to_owned(),
            version: String::new(),
            parallel: 1,
            is_draining: id == 9,
            reports_ends,
            sites: RecordedSites::from([("one".to_owned(), "ftp://h/".to_owned())]),
        };
        WorkerRecord { profile, started: 0, seen }
    }

    #[test]
    fn one_worker_that_is_alive_reports_ends() {
        let workers = [
            worker(1, 100, false),
            worker(2, 60, true),
            worker(4, 95, true),
            worker(3, 100, true),
            worker(9, 105, true),
        ];
        assert_eq!(reporter(&workers, 89), Some(WorkerId::new(2)));
        assert_eq!(reporter(&workers, 100), Some(WorkerId::new(3)));
        assert_eq!(reporter(&workers, 130), None);
    }

    #[test]
    fn workers_drain_if_all_that_are_alive_do() {
        let [takes, drains, gone] = [worker(1, 100, false), worker(9, 100, false), worker(2, 10, false)];
        assert!(!are_draining(&[], 100) && !are_draining(std::slice::from_ref(&gone), 100));
        assert!(are_draining(&[drains.clone(), gone], 100));
        assert!(!are_draining(&[drains, takes], 100));
    }

    #[test]
    fn a_worker_that_is_alive_has_all_sites_of_a_job_or_none_has() {
        let sites = |name: &str, url: &str| RecordedSites::from([(name.to_owned(), url.to_owned())]);
        for (asked, now, expect) in [
            (RecordedSites::new(), 100, true),
            (sites("one", "ftp://h/"), 100, true),
            (sites("one", "ftp://h/"), 130, false),
            (sites("one", "ftp://h/d"), 100, false),
            (sites("two", "ftp://h/"), 100, false),
        ] {
            assert_eq!(has_worker(&[worker(1, 100, false)], &asked, now), expect, "{asked:?}");
        }
        assert!(!has_worker(&[], &RecordedSites::new(), 0));
        let all =
            |sites: &RecordedSites| scattered_sites(&[worker(1, 100, false)], sites, 100).unwrap_or_default();
        assert_eq!(all(&sites("one", "ftp://h/")), "");
        let begin = "no daemon has all sites of the job as they were when it was submitted: ";
        let one = sites("one", "ftp://h/d");
        assert_eq!(all(&one), format!("{begin}one was ftp://h/d, and is ftp://h/ at w"));
        let both: RecordedSites = [("one", "ftp://h/"), ("two", "ftp://i/")]
            .map(|(name, url)| (name.to_owned(), url.to_owned()))
            .into();
        assert_eq!(all(&both), format!("{begin}one is at w; nobody has two"));
    }
}
