//! What all jobs of the queue together may use of a site, and when. Pure.

use super::choice::CarriedJob;
use super::hours::Hours;
use super::when::local_time;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};

/// What all jobs of the queue together may use of a site. Each job has an equal part of it, whether others run or not, so that no
/// job ever takes from another one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SharedLimits {
    /// The number of jobs at the same time.
    pub jobs: Option<NonZeroUsize>,
    /// The number of sessions at the same time.
    pub sessions: Option<NonZeroUsize>,
    /// Bytes per second.
    pub rate: Option<NonZeroU64>,
    /// When it may be used.
    pub hours: Option<Hours>,
}

/// How many jobs are carried at the same time, over all daemons that share them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JobsAtOnce {
    /// One daemon carries all of them, so many at most.
    UpTo(NonZeroUsize),
    /// Any number, by any number of daemons. All of them have to divide a limit by the same number.
    Any,
}

impl JobsAtOnce {
    /// The largest number of jobs that may use a site which permits so many.
    fn most(self, permitted: Option<NonZeroUsize>) -> NonZeroUsize {
        match self {
            Self::UpTo(parallel) => permitted.map_or(parallel, |most| most.min(parallel)),
            Self::Any => permitted.unwrap_or(USUAL_JOBS),
        }
    }
}

impl SharedLimits {
    /// How many jobs use the site at the same time at most.
    pub fn most_jobs(&self, at_once: JobsAtOnce) -> NonZeroUsize {
        let by_sessions = self.sessions.map(|most| at_least_one(most.get() / SESSIONS_OF_JOB));
        let most = at_once.most(self.jobs);
        by_sessions.map_or(most, |by_sessions| by_sessions.min(most))
    }

    /// Whether jobs that use it are counted: hours alone permit any number of them.
    const fn counts_jobs(&self) -> bool {
        self.jobs.is_some() || self.sessions.is_some() || self.rate.is_some()
    }

    /// How many sessions each of these jobs may have with the site.
    pub fn sessions_of_job(&self, at_once: JobsAtOnce) -> Option<NonZeroUsize> {
        self.sessions.map(|most| at_least_one((most.get() / self.most_jobs(at_once)).max(SESSIONS_OF_JOB)))
    }

    /// The bytes per second of each of these jobs.
    pub fn rate_of_job(&self, at_once: JobsAtOnce) -> Option<NonZeroU64> {
        let jobs = u64::try_from(self.most_jobs(at_once).get()).unwrap_or(u64::MAX);
        self.rate.map(|rate| NonZeroU64::new(rate.get() / jobs).unwrap_or(NonZeroU64::MIN))
    }
}

fn at_least_one(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN)
}

/// Why a job cannot use a site now.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SiteRefusal {
    /// These are not its hours.
    #[error("the site {site} is open at {hours}{}", opens.as_ref().map_or_else(String::new, |opens| format!(": the job waits until {opens}")))]
    Hours {
        /// The name of the site.
        site: String,
        /// When it may be used.
        hours: String,
        /// When that begins, by local time.
        opens: Option<String>,
    },
    /// Other jobs use it.
    #[error("the site {site} has as many jobs as may use it at the same time ({most})")]
    Jobs {
        /// The name of the site.
        site: String,
        /// The largest number of jobs.
        most: NonZeroUsize,
    },
}

/// What all jobs of the queue may use of sites, as it stands now.
#[derive(Clone, Copy, Debug)]
pub struct SiteUse<'a> {
    /// The limits of each site that has some.
    pub limits: &'a BTreeMap<String, SharedLimits>,
    /// How many jobs are carried at the same time.
    pub at_once: JobsAtOnce,
    /// The current time.
    pub now: Timestamp,
    /// The time zone of the hours.
    pub zone: &'a TimeZone,
}

impl SiteUse<'_> {
    /// Whether one of these sites may not be used now: these are not its hours.
    pub fn is_closed<'s>(&self, mut sites: impl Iterator<Item = &'s String>) -> bool {
        sites.any(|site| self.closed(site).is_some())
    }

    /// Why a job that names these sites cannot begin beside those that are carried; `None` if it can.
    pub fn refusal<'s>(
        &self,
        sites: impl Iterator<Item = &'s String> + Clone,
        carried: &[CarriedJob],
    ) -> Option<SiteRefusal> {
        let closed = sites.clone().find_map(|site| self.closed(site).map(|hours| (site, hours)));
        if let Some((site, hours)) = closed {
            let opens = hours.next(self.now, self.zone);
            let opens = opens.map(|opens| local_time(opens, self.zone));
            return Some(SiteRefusal::Hours { site: site.clone(), hours: hours.to_string(), opens });
        }
        let counted = sites.filter_map(|site| Some((site, self.limits.get(site)?)));
        counted.filter(|(_, limits)| limits.counts_jobs()).find_map(|(site, limits)| {
            let most = limits.most_jobs(self.at_once);
            let running = carried.iter().filter(|job| job.is_running && job.sites.contains(site));
            let is_full = running.count() >= most.get();
            is_full.then(|| SiteRefusal::Jobs { site: site.clone(), most })
        })
    }

    /// The hours of a site that may not be used now.
    fn closed(&self, site: &str) -> Option<&Hours> {
        let hours = self.limits.get(site)?.hours.as_ref()?;
        (!hours.include(self.now, self.zone)).then_some(hours)
    }
}

/// A tree is listed and copied by two sessions.
const SESSIONS_OF_JOB: usize = 2;
/// Among how many jobs a limit is divided where nothing says how many there are: the usual number of one daemon.
const USUAL_JOBS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: usize) -> Option<NonZeroUsize> {
        NonZeroUsize::new(number)
    }

    #[test]
    fn the_parts_of_all_jobs_together_are_never_more_than_the_limit() {
        let up_to = |parallel| JobsAtOnce::UpTo(number(parallel).unwrap());
        for (jobs, sessions, at_once, expect) in [
            (0, 0, up_to(4), (4, None, 250)),
            (2, 0, up_to(4), (2, None, 500)),
            (9, 0, up_to(4), (4, None, 250)),
            (0, 8, up_to(4), (4, Some(2), 250)),
            (1, 8, up_to(4), (1, Some(8), 1000)),
            (3, 8, up_to(4), (3, Some(2), 333)),
            (0, 5, up_to(4), (2, Some(2), 500)),
            (0, 2, up_to(64), (1, Some(2), 1000)),
            (0, 0, JobsAtOnce::Any, (4, None, 250)),
            (10, 0, JobsAtOnce::Any, (10, None, 100)),
            (10, 8, JobsAtOnce::Any, (4, Some(2), 250)),
        ] {
            let rate = NonZeroU64::new(1000);
            let limits = SharedLimits { jobs: number(jobs), sessions: number(sessions), rate, hours: None };
            let most = limits.most_jobs(at_once).get();
            let each = limits.sessions_of_job(at_once).map(NonZeroUsize::get);
            let rate = limits.rate_of_job(at_once).unwrap().get();
            assert_eq!((most, each, rate), expect, "{limits:?}");
            assert!(each.is_none_or(|each| each * most <= sessions) && rate * most as u64 <= 1000);
        }
    }

    #[test]
    fn a_job_waits_for_the_hours_of_its_sites_and_for_the_jobs_that_use_them() {
        let hours = Some(Hours::parse(["22:00-06:00"]).unwrap());
        let limits = BTreeMap::from([
            ("night".to_owned(), SharedLimits { hours, ..SharedLimits::default() }),
            ("one".to_owned(), SharedLimits { jobs: number(1), ..SharedLimits::default() }),
        ]);
        let carried = |sites: &[&str], is_running| CarriedJob {
            owner: "ann".to_owned(),
            pair: String::new(),
            sites: sites.iter().map(|site| (*site).to_owned()).collect(),
            fence: 1,
            is_running,
        };
        let refusal = |sites: &[&str], at: &str, others: &[CarriedJob]| {
            let (now, zone) = (at.parse().unwrap(), &TimeZone::UTC);
            let site_use =
                SiteUse { limits: &limits, at_once: JobsAtOnce::UpTo(number(4).unwrap()), now, zone };
            let sites: Vec<String> = sites.iter().map(|site| (*site).to_owned()).collect();
            let refusal = site_use.refusal(sites.iter(), others).map(|why| why.to_string());
            let is_closed = refusal.as_ref().is_some_and(|why| why.contains("is open at"));
            assert_eq!(site_use.is_closed(sites.iter()), is_closed);
            refusal.unwrap_or_default()
        };
        let (day, night) = ("2026-11-26T12:00:00Z", "2026-11-26T23:00:00Z");
        let closed = "the site night is open at 22:00-06:00: the job waits until 2026-11-26 22:00 UTC";
        assert_eq!(refusal(&["two", "night"], day, &[]), closed);
        assert_eq!(refusal(&["two", "night"], night, &[]), "");
        let full = "the site one has as many jobs as may use it at the same time (1)";
        assert_eq!(refusal(&["one"], day, &[carried(&["one", "two"], true)]), full);
        assert_eq!(refusal(&["one"], day, &[carried(&["one"], false), carried(&["two"], true)]), "");
        assert_eq!(refusal(&["two"], day, &[carried(&["one"], true)]), "");
        let many = [(); 9].map(|()| carried(&["night"], true));
        assert_eq!(refusal(&["night"], night, &many), "", "hours count no jobs");
    }
}
