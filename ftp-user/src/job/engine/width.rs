//! How many files are copied at the same time, and how many small ones a worker gets at once. Pure.
//!
//! A job begins with one file, which also finds the path. Then the number is doubled for as long as that pays. Each
//! number is measured over a few groups of files, from the moment when all its workers are there. One that is not clearly
//! faster than the one before is measured for longer: new sessions begin slowly, and few groups tell little. The first
//! number that is hardly faster ends the search, unless a worker has waited for files meanwhile: that says how fast files are found.
//! A server that refuses one more session ends it, too.
//!
//! A worker that copies a large file is not part of that number: an extra one begins and gets smaller files, so that these do not
//! wait for the end of large ones.

use crate::job::request::job::{JobCount, Jobs};
use ftp_proto::timer::Moment;
use std::time::Duration;

/// The number of files that are copied at the same time.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Width {
    /// How many files may be copied now, without the large ones. One, until the first one has found the path.
    pub(super) target: usize,
    jobs: Jobs,
    search: Search,
    /// When each large file under way was begun, the oldest first.
    large: Vec<Moment>,
    /// How often a session was refused that may be free later.
    refusals: u32,
    /// How often the session of an extra worker was refused, and when the last time.
    extra_refused: Option<(u32, Moment)>,
}

/// How fast a number of workers is.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Rate {
    /// In units of work per second.
    work: f64,
    /// Large files were among it. Such a rate and one without are not compared: what a file costs beside its bytes is not known.
    has_large: bool,
}

/// How the number is found.
#[derive(Clone, PartialEq, Debug)]
enum Search {
    /// The first file is on its way.
    First,
    /// The target has grown, and its workers are not all there.
    Opens {
        /// The rate with half the target.
        half: Rate,
    },
    /// The target is being measured.
    Measures {
        since: Moment,
        groups: usize,
        files: usize,
        work: f64,
        /// Large files are among it.
        has_large: bool,
        /// The rate with half the target.
        half: Option<Rate>,
        /// A worker has waited for files, so the rate may say how fast those are found, or one was missing.
        has_waited: bool,
    },
    /// The number is found, for this reason.
    Found(Reason),
}

impl Search {
    /// The target is measured from now on.
    const fn measures(since: Moment, half: Option<Rate>) -> Self {
        Self::Measures { since, groups: 0, files: 0, work: 0.0, has_large: false, half, has_waited: false }
    }
}

/// Why the number is what it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reason {
    /// The user has named it.
    Asked,
    /// Twice as many were hardly faster.
    NoFaster,
    /// It is the largest one.
    Most,
    /// A site permits no more.
    Site,
    /// A server has refused one more session.
    Refused,
    /// A server is known to mix up sessions that are busy at the same time.
    Mixed,
    /// A server keeps a rate for each session alone.
    Rate,
}

impl Width {
    pub(super) const fn new(jobs: Jobs) -> Self {
        Self { target: 1, jobs, search: Search::First, large: Vec::new(), refusals: 0, extra_refused: None }
    }

    /// The number that was found, and why; `None` while it is searched.
    pub(super) const fn found(&self) -> Option<(usize, Reason)> {
        if let Search::Found(reason) = self.search { Some((self.target, reason)) } else { None }
    }

    /// Notes that as many workers as may work are there, so that the number is measured from now on if it has grown.
    pub(super) const fn opened(&mut self, now: Moment) {
        if let Search::Opens { half } = self.search {
            self.search = Search::measures(now, Some(half));
        }
    }

    /// Notes that a worker waits for files, or is missing.
    pub(super) const fn waits_for_files(&mut self) {
        if let Search::Measures { has_waited, .. } = &mut self.search {
            *has_waited = true;
        }
    }

    /// Notes that a worker has ended a group of files (one file, or small ones together), and how many bytes of each
    /// were copied.
    pub(super) fn ended(&mut self, bytes: &[u64], now: Moment) {
        let most = self.jobs.most().get();
        match &mut self.search {
            Search::Found(_) | Search::Opens { .. } => {}
            Search::First if self.jobs.wanted == JobCount::Auto && self.target < most => {
                self.search = Search::measures(now, None);
            }
            Search::First => (self.target, self.search) = (most, Search::Found(self.limit())),
            Search::Measures { since, groups, files, work, has_large, half, has_waited } => {
                *groups += 1;
                *files += bytes.len();
                *work += bytes.iter().map(|bytes| work_of(*bytes)).sum::<f64>();
                let took = now.since(*since);
                if *groups < self.target || *files < self.target * FILES_EACH || took < WINDOW {
                    return;
                }
                *has_large |= !self.large.is_empty();
                let rate = Rate { work: *work / took.as_secs_f64(), has_large: *has_large };
                let comparable = half.filter(|half| half.has_large == rate.has_large);
                let is_below = |gain: f64| comparable.is_some_and(|half| rate.work < half.work * gain);
                let is_unclear = half.is_some() && (comparable.is_none() || is_below(CLEAR_GAIN));
                if is_unclear && took < if self.large.is_empty() { LONG_WINDOW } else { LARGE_WINDOW } {
                    return;
                }
                let is_no_faster = is_below(GAIN);
                if is_no_faster && *has_waited {
                    // The best rate counts, or chance would let the number grow.
                    let best = comparable.filter(|half| half.work > rate.work).unwrap_or(rate);
                    self.search = Search::measures(now, Some(best));
                } else if is_no_faster {
                    (self.target, self.search) = (before(self.target), Search::Found(Reason::NoFaster));
                } else if self.target >= most {
                    self.search = Search::Found(self.limit());
                } else {
                    (self.target, self.search) = ((self.target * 2).min(most), Search::Opens { half: rate });
                }
            }
        }
    }

    /// Notes that a large file was begun.
    pub(super) fn begun_large(&mut self, now: Moment) {
        self.large.push(now);
    }

    /// Notes the end of the large file that was begun then, of which so many bytes were copied. They count for the time since the
    /// measurement began.
    pub(super) fn ended_large(&mut self, begun: Moment, bytes: u64, now: Moment) {
        if let Some(index) = self.large.iter().position(|other| *other == begun) {
            self.large.remove(index);
        }
        let mut counted_from = begun;
        if let Search::Measures { since, has_large, .. } = &mut self.search {
            (counted_from, *has_large) = (begun.max(*since), true);
        }
        let nanoseconds = |from| u64::try_from(now.since(from).as_nanos()).unwrap_or(u64::MAX).max(1);
        let counted =
            u128::from(bytes) * u128::from(nanoseconds(counted_from)) / u128::from(nanoseconds(begun));
        self.ended(&[u64::try_from(counted).unwrap_or(bytes)], now);
    }

    /// How many workers there may be now, with the extra ones: one for each large file.
    pub(super) fn with_extra(&self, now: Moment) -> usize {
        let is_final = matches!(self.search, Search::Found(Reason::Refused | Reason::Mixed | Reason::Rate));
        let is_refused = self.extra_from().is_some_and(|from| from > now);
        let extra = if is_final || is_refused { 0 } else { self.large.len() };
        (self.target + extra).min(self.jobs.most().get()).max(self.target)
    }

    /// When there may be extra workers again after one was refused.
    pub(super) fn extra_from(&self) -> Option<Moment> {
        let (count, at) = self.extra_refused?;
        Some(at + AFTER_REFUSAL * 2_u32.pow(count.min(MOST_DOUBLED)))
    }

    /// Notes that a server has refused the session of an extra worker. The next one is asked for later, each time after a longer while.
    pub(super) fn refused_extra(&mut self, now: Moment) {
        self.extra_refused = Some((self.extra_refused.map_or(0, |(count, _)| count + 1), now));
    }

    /// Why no more than the largest number are used.
    fn limit(&self) -> Reason {
        match self.jobs.wanted {
            _ if self.jobs.is_cut() => Reason::Site,
            JobCount::Auto => Reason::Most,
            JobCount::Exactly(_) => Reason::Asked,
        }
    }

    /// Notes that a server refuses another session beside `open` others.
    pub(super) fn refused(&mut self, open: usize) {
        (self.target, self.search) = (open.max(1), Search::Found(Reason::Refused));
    }

    /// The same where some of the sessions that a server permits are used for something else, and may be free later. Returns
    /// whether more are asked for then.
    pub(super) fn refused_for_now(&mut self, open: usize, now: Moment) -> bool {
        self.refusals += 1;
        if self.found().is_some() || self.refusals > MOST_REFUSALS {
            self.refused(open);
            return false;
        }
        (self.target, self.search) = (open.max(1), Search::measures(now, None));
        true
    }

    /// Notes why files should be copied one at a time, if they should. A number that the user has named holds.
    pub(super) fn one_by_one(&mut self, reason: Option<Reason>) {
        if let Some(reason) = reason
            && self.jobs.wanted == JobCount::Auto
            && self.found().is_none()
        {
            (self.target, self.search) = (1, Search::Found(reason));
        }
    }
}

/// How many of the small files that wait, which have these sizes, a worker gets at once: its equal part of them, and so few in
/// any case, for as long as they are few bytes. Pure.
pub(super) fn portion(sizes: impl Iterator<Item = u64>, equal_part: usize, least: usize) -> usize {
    let mut bytes = 0;
    let is_next = |(index, size): &(usize, u64)| {
        bytes += size;
        (*index < equal_part && bytes <= MOST_BYTES) || (*index < least && bytes <= LEAST_BYTES)
    };
    sizes.enumerate().take_while(is_next).count()
}

/// How many small files are not divided among workers. Where servers take groups, a connection has its price, unless the user
/// has asked for that number of workers.
pub(super) const fn least(take_groups: bool, wanted: JobCount) -> usize {
    if take_groups && matches!(wanted, JobCount::Auto) { LEAST } else { 1 }
}

/// The number that was measured before this one. Numbers are doubled, and the largest may be no power of two.
const fn before(target: usize) -> usize {
    let half = target.next_power_of_two() / 2;
    if half == 0 { 1 } else { half }
}

/// The work that a file is: a small one costs round trips, a large one bytes.
fn work_of(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "what is lost beyond 2^53 bytes does not matter here")]
    let bytes = bytes as f64;
    1.0 + bytes / FILE
}

/// How many files each worker ends before its number is judged, and at least one group of them. Single files differ more
/// from each other than groups do.
const FILES_EACH: usize = 3;
/// How long a number is measured at least.
const WINDOW: Duration = Duration::from_millis(50);
/// How long a number is measured that is not clearly faster.
const LONG_WINDOW: Duration = Duration::from_millis(200);
/// The same while large files are under way.
const LARGE_WINDOW: Duration = Duration::from_secs(5);
/// How often a session is asked for again that was refused beside others which may be given back.
const MOST_REFUSALS: u32 = 3;
/// How long there is no other extra worker after one was refused for the first time.
const AFTER_REFUSAL: Duration = Duration::from_secs(30);
/// How often that time is doubled.
const MOST_DOUBLED: u32 = 6;
/// How much faster twice as many must be.
const GAIN: f64 = 1.05;
/// How much faster twice as many are if few groups suffice to see it.
const CLEAR_GAIN: f64 = 1.3;
/// So many bytes cost as much as the round trips of one file.
const FILE: f64 = 1_048_576.0;
/// How many bytes of small files a worker gets at once. Each of them is reported when all have ended; meanwhile their
/// progress is told.
pub(super) const MOST_BYTES: u64 = 64 << 20;
/// So few files are not divided: they are one or two groups, and a second connection takes as long as they do.
const LEAST: usize = 128;
/// The same for their bytes.
const LEAST_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZero;

    const EXACTLY: JobCount = JobCount::Exactly(NonZero::new(5).unwrap());

    /// Copies files of `bytes` until the number is found, where `rate` files a second are possible with a number.
    fn search(bytes: u64, rate: impl FnMut(usize) -> f64) -> (usize, Reason) {
        search_of(Jobs::default(), bytes, rate)
    }

    fn search_of(jobs: Jobs, bytes: u64, mut rate: impl FnMut(usize) -> f64) -> (usize, Reason) {
        let mut width = Width::new(jobs);
        let mut now = Moment::START;
        for _ in 0..1000 {
            if let Some(found) = width.found() {
                return found;
            }
            width.opened(now);
            now = now + Duration::from_secs_f64(1.0 / rate(width.target));
            width.ended(&[bytes], now);
        }
        panic!("nothing was found");
    }

    /// A worker: when it has opened its sessions, or ends its group of files.
    enum Does {
        Opens(f64),
        Copies(f64),
    }

    /// Copies groups of `files` files by workers that are equally fast and need `login` seconds to begin.
    fn search_with_workers(files: usize, login: f64) -> (usize, Reason) {
        const GROUP: f64 = 0.1;
        let mut width = Width::new(Jobs::default());
        let mut workers = vec![Does::Copies(GROUP)];
        for _ in 0..1000 {
            let time = |worker: &Does| match worker {
                Does::Opens(time) | Does::Copies(time) => *time,
            };
            let next =
                (0..workers.len()).min_by(|a, b| time(&workers[*a]).total_cmp(&time(&workers[*b]))).unwrap();
            let (at, copied) = (time(&workers[next]), matches!(workers[next], Does::Copies(_)));
            let now = Moment::START + Duration::from_secs_f64(at);
            workers[next] = Does::Copies(at + GROUP);
            if copied {
                width.ended(&vec![4096; files], now);
            } else if workers.iter().all(|worker| matches!(worker, Does::Copies(_))) {
                width.opened(now);
            }
            if let Some(found) = width.found() {
                return found;
            }
            let more = width.target.saturating_sub(workers.len());
            workers.extend((0..more).map(|_| Does::Opens(at + login)));
        }
        panic!("nothing was found");
    }

    #[test]
    fn a_number_is_measured_when_all_its_workers_are_there_and_over_groups() {
        for files in [1, 16] {
            for login in [0.01, 0.03, 0.07, 0.5] {
                assert_eq!(search_with_workers(files, login), (8, Reason::Most), "{files} files, {login} s");
            }
        }
    }

    #[test]
    fn the_number_grows_while_that_pays() {
        let of = |width: usize| f64::from(u32::try_from(width).unwrap());
        assert_eq!(search(4096, |width| 10.0 * of(width)), (8, Reason::Most));
        assert_eq!(search(4096, |width| 100.0 * of(width.min(4))), (4, Reason::NoFaster));
        assert_eq!(search(1 << 30, |_| 2.0), (1, Reason::NoFaster));
    }

    #[test]
    fn a_number_that_begins_slowly_is_measured_for_longer() {
        let mut slow = 6;
        let rate = |width: usize| match width {
            4 if slow > 0 => {
                slow -= 1;
                100.0
            }
            _ => 100.0 * f64::from(u32::try_from(width).unwrap()),
        };
        assert_eq!(search(4096, rate), (8, Reason::Most));
    }

    #[test]
    fn a_number_is_not_given_up_while_workers_wait_for_files() {
        // Files are found so slowly that one worker is enough, and later many wait; or workers wait before each group, as where a
        // directory is made for each file.
        for (slow, always_wait) in [(0, false), (3, false), (40, false), (0, true)] {
            let (mut width, mut now) = (Width::new(Jobs::default()), Moment::START);
            for number in 0..200 {
                width.opened(now);
                let rate = if number < slow { 1.0 } else { f64::from(u32::try_from(width.target).unwrap()) };
                now = now + Duration::from_secs_f64(1.0 / rate);
                if number < slow || always_wait {
                    width.waits_for_files();
                }
                width.ended(&[1], now);
            }
            assert_eq!(width.found(), Some((8, Reason::Most)), "{slow} {always_wait}");
        }
    }

    #[test]
    fn a_limit_ends_the_search_and_does_not_begin_one() {
        let search = |at_most: usize, rate: fn(usize) -> f64| {
            search_of(Jobs::default().limited(NonZero::new(at_most).unwrap()), 4096, rate)
        };
        let of = |width: usize| 10.0 * f64::from(u32::try_from(width).unwrap());
        for at_most in [1, 3] {
            assert_eq!(search(at_most, of), (at_most, Reason::Site));
        }
        assert_eq!(search(30, of), (8, Reason::Most));
        // Three are no faster than two.
        assert_eq!(search(3, |width| if width == 1 { 10.0 } else { 20.0 }), (2, Reason::NoFaster));
    }

    #[test]
    fn a_server_that_mixes_up_sessions_gets_one_file_at_a_time_unless_the_user_knows_better() {
        let mut width = Width::new(Jobs::default());
        width.one_by_one(Some(Reason::Mixed));
        width.ended(&[1], Moment::START);
        assert_eq!((width.target, width.found()), (1, Some((1, Reason::Mixed))));
        let mut width = Width::new(Jobs::of(EXACTLY));
        width.one_by_one(Some(Reason::Mixed));
        width.ended(&[1], Moment::START);
        assert_eq!(width.found(), Some((5, Reason::Asked)));
        // The limit of a site is told also where the user has named a number.
        let mut width = Width::new(Jobs::of(EXACTLY).limited(NonZero::new(2).unwrap()));
        width.ended(&[1], Moment::START);
        assert_eq!(width.found(), Some((2, Reason::Site)));
    }

    #[test]
    fn each_large_file_permits_an_extra_worker() {
        let at = |seconds| Moment::START + Duration::from_secs(seconds);
        let mut width = Width::new(Jobs::default());
        assert_eq!(width.with_extra(at(0)), 1);
        width.begun_large(at(10));
        width.begun_large(at(12));
        assert_eq!(width.with_extra(at(12)), 3);
        // The next one is asked for later and later.
        for (refused, again) in [(14, 44), (50, 110), (111, 231)] {
            width.refused_extra(at(refused));
            assert_eq!((width.with_extra(at(again - 1)), width.extra_from()), (1, Some(at(again))));
            assert_eq!(width.with_extra(at(again)), 3);
        }
        for reason in [Reason::Refused, Reason::Mixed, Reason::Rate] {
            let (search, large) = (Search::Found(reason), vec![at(0)]);
            let width = Width { search, large, ..Width::new(Jobs::default()) };
            assert_eq!(width.with_extra(at(5)), 1, "{reason:?}");
        }
        for (jobs, expect) in [
            (Jobs::default().limited(NonZero::<usize>::MIN), 1),
            (Jobs::of(JobCount::Exactly(NonZero::<usize>::MIN)), 1),
            (Jobs::of(EXACTLY), 2),
        ] {
            let width = Width { large: vec![at(0); 9], ..Width::new(jobs) };
            assert_eq!(width.with_extra(at(5)), jobs.most().get(), "{jobs:?}");
            let mut width = Width { large: vec![at(0)], ..Width::new(jobs) };
            assert_eq!(width.with_extra(at(5)), expect, "{jobs:?}");
            width.ended_large(at(0), 1, at(5));
            assert_eq!(width.target, jobs.most().get(), "{jobs:?}: the first file begins the search");
        }
    }

    #[test]
    fn a_large_file_counts_for_the_time_of_the_measurement_and_is_awaited_for_a_while() {
        let at = |seconds| Moment::START + Duration::from_secs(seconds);
        let half = Rate { work: 2.5, has_large: true };
        let search = Search::measures(at(10), Some(half));
        let mut width = Width { target: 2, search, ..Width::new(Jobs::default()) };
        width.begun_large(at(8));
        width.begun_large(at(9));
        for _ in 0..6 {
            width.ended(&[1], at(13));
        }
        assert_eq!((width.target, width.found()), (2, None), "it may have ended in a moment");
        // Three quarters of it were copied since then: 24 MiB in six seconds, and seven files.
        width.ended_large(at(8), 32 << 20, at(16));
        let Search::Opens { half } = width.search else { panic!("{width:?}") };
        assert!((5.0..5.5).contains(&half.work) && half.has_large, "{half:?}");
        // So does one that was among it, and has ended.
        let search = Search::measures(at(10), Some(Rate { work: 100.0, has_large: false }));
        let mut other = Width { target: 2, search, ..Width::new(Jobs::default()) };
        other.begun_large(at(10));
        other.ended_large(at(10), 1, at(11));
        (12..20).for_each(|second| other.ended(&[1], at(second)));
        assert_eq!((other.target, other.found()), (4, None));
        // Without large files it may be much faster, which says nothing.
        let half = Rate { work: 100.0, has_large: false };
        let mut other = Width { search: Search::measures(at(20), Some(half)), ..width.clone() };
        for second in 21..40 {
            other.ended(&[1], at(second));
        }
        assert_eq!((other.target, other.found()), (8, None));
        // One that takes for ever is not awaited.
        width.opened(at(20));
        for second in 21..40 {
            width.ended(&[1], at(second));
        }
        assert_eq!((width.found(), width.large.len()), (Some((2, Reason::NoFaster)), 1));
    }

    #[test]
    fn a_server_that_refuses_sessions_ends_the_search() {
        let mut width = Width::new(Jobs::default());
        width.refused(3);
        assert_eq!((width.target, width.found()), (3, Some((3, Reason::Refused))));
        width.ended(&[1], Moment::START);
        assert_eq!(width.target, 3);
        let mut width = Width::new(Jobs::default());
        for _ in 0..MOST_REFUSALS {
            assert!(width.refused_for_now(2, Moment::START));
            assert_eq!((width.target, width.found()), (2, None));
        }
        assert!(!width.refused_for_now(2, Moment::START));
        assert_eq!(width.found(), Some((2, Reason::Refused)));
        let mut width = Width::new(Jobs::of(EXACTLY));
        assert_eq!((width.target, width.found()), (1, None));
        width.ended(&[1], Moment::START);
        assert_eq!((width.target, width.found()), (5, Some((5, Reason::Asked))));
        width.refused(0);
        assert_eq!(width.target, 1);
    }

    #[test]
    fn small_files_are_divided_among_workers_unless_they_are_few() {
        for (waiting, workers, take_groups, wanted, bytes, expect) in [
            (2000, 1, true, JobCount::Auto, 4096, 2000),
            (2000, 2, true, JobCount::Auto, 4096, 1000),
            (130, 2, true, JobCount::Auto, 4096, 128),
            (100, 8, true, JobCount::Auto, 4096, 100),
            // Many bytes are divided all the same.
            (100, 8, true, JobCount::Auto, 256 << 10, 13),
            (1000, 1, true, JobCount::Auto, 256 << 10, 256),
            // Each file has a connection of its own, or the user has asked for the number.
            (100, 8, false, JobCount::Auto, 4096, 13),
            (100, 8, true, EXACTLY, 4096, 13),
        ] {
            let sizes = std::iter::repeat_n(bytes, waiting);
            let count = portion(sizes, waiting.div_ceil(workers), least(take_groups, wanted));
            assert_eq!(count, expect, "{waiting} {workers} {take_groups} {wanted:?}");
        }
    }
}
