//! What the settings allow a job at the sites in which it takes part: the smallest number of each kind.

use crate::job::{Job, Wanted};
use crate::place::{Location, Place, SiteLimits};
use std::num::{NonZeroU64, NonZeroUsize};

/// What all sites of these places allow.
pub(super) fn of<'a>(places: impl Iterator<Item = &'a Location>) -> SiteLimits {
    let mut all = SiteLimits::default();
    for location in places {
        let Place::Remote(remote) = &location.place else { continue };
        let Some(named) = &remote.site.named else { continue };
        all.rate = smaller(all.rate, named.limits.rate);
        all.jobs = smaller(all.jobs, named.limits.jobs);
        all.sessions = smaller(all.sessions, named.limits.sessions);
    }
    all
}

/// The rate between these places if this one was asked for.
pub(super) fn rate<'a>(
    places: impl Iterator<Item = &'a Location>,
    asked: Option<NonZeroU64>,
) -> Option<NonZeroU64> {
    smaller(of(places).rate, asked)
}

/// The same job with no more files at the same time than its sites allow. Each file needs a session, and the listing of a
/// tree one more. A server that is told a rate knows nothing of the others, so with one a single file has all of it.
pub(super) fn narrowed(mut job: Job) -> Job {
    let limits = of(job.work.places());
    let by_sessions = limits
        .sessions
        .map(|most| NonZeroUsize::new(most.get().saturating_sub(1)).unwrap_or(NonZeroUsize::MIN));
    let by_rate = match job.options.jobs.wanted {
        Wanted::Auto => limits.rate.map(|_| NonZeroUsize::MIN),
        Wanted::Exactly(_) => None,
    };
    if let Some(most) = [limits.jobs, by_sessions, by_rate].into_iter().flatten().min() {
        job.options.jobs = job.options.jobs.limited(most);
    }
    job
}

/// Whether a site has too few sessions for candidates beside each other.
pub(super) fn forbids_race(job: &Job) -> bool {
    of(job.work.places()).sessions.is_some_and(|most| most.get() < ENOUGH_TO_RACE)
}

fn smaller<T: Ord + Copy>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// A race has up to six sessions with each server; one more lists, and one looks how large a file has become.
const ENOUGH_TO_RACE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Jobs, Options};
    use crate::place::{Netrc, SiteSettings};
    use std::sync::Arc;

    fn job(limits: [Option<(u64, usize, usize)>; 2], jobs: Jobs) -> Job {
        let at = |(number, limits): (usize, &Option<(u64, usize, usize)>)| {
            let mut location =
                Location::parse(format!("ftp://h{number}/{number}").as_bytes(), &Netrc::default()).unwrap();
            if let (Place::Remote(remote), Some((rate, jobs, sessions))) = (&mut location.place, limits) {
                let number = |number: usize| NonZeroUsize::new(number);
                let limits = SiteLimits {
                    rate: NonZeroU64::new(*rate),
                    jobs: number(*jobs),
                    sessions: number(*sessions),
                };
                remote.site.named = Some(Arc::new(SiteSettings { limits, ..SiteSettings::default() }));
            }
            location
        };
        let [source, destination]: [Location; 2] =
            limits.iter().enumerate().map(at).collect::<Vec<_>>().try_into().unwrap();
        Job::copy(vec![source], destination, Options { jobs, ..Options::default() }).unwrap()
    }

    #[test]
    fn the_smallest_limit_of_a_job_holds() {
        const AUTO: Jobs = Jobs { wanted: Wanted::Auto, site_limit: None };
        let number = |number| NonZeroUsize::new(number).unwrap();
        let exactly = |wanted| Jobs::exactly(number(wanted));
        // The limits of both sites, what is wanted, what becomes of it and whether that is less; the rate likewise.
        for (limits, jobs, most, is_cut, asked, rate) in [
            ([None, None], AUTO, 8, false, 0, 0),
            ([None, None], exactly(9), 9, false, 5, 5),
            ([Some((0, 3, 0)), None], AUTO, 3, true, 0, 0),
            ([Some((0, 30, 0)), None], AUTO, 8, false, 0, 0),
            ([Some((0, 30, 0)), Some((0, 4, 0))], exactly(9), 4, true, 0, 0),
            ([Some((0, 0, 3)), None], exactly(9), 2, true, 0, 0),
            ([Some((0, 0, 3)), None], exactly(2), 2, false, 0, 0),
            ([Some((5, 0, 0)), None], AUTO, 1, true, 7, 5),
            ([Some((5, 0, 0)), Some((4, 0, 0))], exactly(2), 2, false, 3, 3),
        ] {
            let job = narrowed(job(limits, jobs));
            let found = job.options.jobs;
            assert_eq!((found.most(), found.is_cut()), (number(most), is_cut), "{limits:?}");
            assert_eq!(found.wanted, jobs.wanted, "{limits:?}");
            assert_eq!(
                super::rate(job.work.places(), NonZeroU64::new(asked)),
                NonZeroU64::new(rate),
                "{limits:?}"
            );
        }
        assert!(forbids_race(&job([Some((0, 0, 2)), None], Jobs::default())));
        assert!(!forbids_race(&job([Some((1, 1, 0)), None], Jobs::default())));
    }
}
