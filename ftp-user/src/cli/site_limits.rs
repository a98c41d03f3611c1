//! What the settings allow a job at the sites in which it takes part: the smallest number of each kind.

use crate::job::{Job, Jobs};
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
    let most = smaller(limits.jobs, by_sessions);
    job.options.jobs = match (job.options.jobs, most) {
        (Jobs::Auto { .. }, _) if limits.rate.is_some() => Jobs::Exactly(NonZeroUsize::MIN),
        (Jobs::Auto { at_most }, Some(most)) => Jobs::Auto { at_most: at_most.min(most) },
        (Jobs::Exactly(jobs), Some(most)) => Jobs::Exactly(jobs.min(most)),
        (jobs @ (Jobs::Auto { .. } | Jobs::Exactly(_)), None) => jobs,
    };
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
    use crate::job::Options;
    use crate::place::{Named, Netrc};
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
                remote.site.named = Some(Arc::new(Named { limits, ..Named::default() }));
            }
            location
        };
        let [source, destination]: [Location; 2] =
            limits.iter().enumerate().map(at).collect::<Vec<_>>().try_into().unwrap();
        Job::copy(vec![source], destination, Options { jobs, ..Options::default() }).unwrap()
    }

    #[test]
    fn the_smallest_limit_of_a_job_holds() {
        let exactly = |number| Jobs::Exactly(NonZeroUsize::new(number).unwrap());
        let up_to = |number| Jobs::Auto { at_most: NonZeroUsize::new(number).unwrap() };
        for (limits, jobs, expect, asked, rate) in [
            ([None, None], Jobs::AUTO, Jobs::AUTO, 0, 0),
            ([None, None], exactly(9), exactly(9), 7, 7),
            ([Some((0, 3, 0)), None], Jobs::AUTO, up_to(3), 0, 0),
            ([Some((0, 30, 0)), None], Jobs::AUTO, Jobs::AUTO, 0, 0),
            ([Some((0, 30, 0)), Some((0, 4, 0))], exactly(9), exactly(4), 0, 0),
            ([Some((0, 0, 3)), None], exactly(9), exactly(2), 0, 0),
            ([Some((5, 0, 0)), None], Jobs::AUTO, exactly(1), 7, 5),
            ([Some((5, 0, 0)), Some((4, 0, 0))], exactly(2), exactly(2), 3, 3),
        ] {
            let job = narrowed(job(limits, jobs));
            assert_eq!(job.options.jobs, expect, "{limits:?}");
            assert_eq!(
                super::rate(job.work.places(), NonZeroU64::new(asked)),
                NonZeroU64::new(rate),
                "{limits:?}"
            );
        }
        assert!(forbids_race(&job([Some((0, 0, 2)), None], Jobs::AUTO)));
        assert!(!forbids_race(&job([Some((1, 1, 0)), None], Jobs::AUTO)));
    }
}
