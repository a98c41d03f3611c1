//! Time as an argument, and every wait as a named timer.
//!
//! A machine never reads a clock. Its driver passes the time as a [`Moment`], and the machine answers
//! with the deadline at which it wants to hear from the driver again.

mod shared_bucket;

pub use shared_bucket::SharedBucket;

use std::num::NonZeroU64;
use std::ops::Add;
use std::time::Duration;

/// A point on the driver's clock: the time since a start that the driver chose.
///
/// ```
/// use ftp_proto::timer::Moment;
/// use std::time::Duration;
/// let later = Moment::START + Duration::from_secs(2);
/// assert_eq!(later.since(Moment::START), Duration::from_secs(2));
/// assert_eq!(Moment::START.since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Moment(Duration);

impl Moment {
    /// The start of the driver's clock.
    pub const START: Self = Self(Duration::ZERO);

    /// The moment that lies `offset` after the start of the driver's clock.
    pub const fn after_start(offset: Duration) -> Self {
        Self(offset)
    }

    /// The time since the start of the driver's clock.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// The time that has passed since `earlier`; zero when `earlier` lies in the future.
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    /// Saturates instead of overflowing.
    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }
}

/// The deadlines of one machine, at most one for each of its timers.
///
/// `T` is the machine's own enum of timers, such as [`client::Timer`](crate::client::Timer), so that
/// each machine handles exactly the waits that it has.
#[derive(Clone, Debug)]
pub struct Timers<T> {
    armed: Vec<(T, Moment)>,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Timers<T> {
    /// Creates a set with no timer armed.
    pub const fn new() -> Self {
        Self { armed: Vec::new() }
    }

    /// Disarms every timer.
    pub fn clear(&mut self) {
        self.armed.clear();
    }

    /// Returns the earliest deadline, or `None` if no timer is armed.
    pub fn next(&self) -> Option<Moment> {
        self.armed.iter().map(|(_, at)| *at).min()
    }
}

impl<T: Copy + Eq> Timers<T> {
    /// Arms `timer` to fire at `at`. An earlier deadline of the same timer is replaced.
    pub fn arm(&mut self, timer: T, at: Moment) {
        self.disarm(timer);
        self.armed.push((timer, at));
    }

    /// Disarms `timer` if it is armed.
    pub fn disarm(&mut self, timer: T) {
        self.armed.retain(|(armed, _)| *armed != timer);
    }

    /// Returns whether `timer` is armed.
    pub fn is_armed(&self, timer: T) -> bool {
        self.deadline(timer).is_some()
    }

    /// Returns when `timer` fires, or `None` if it is not armed.
    pub fn deadline(&self, timer: T) -> Option<Moment> {
        self.armed.iter().find(|(armed, _)| *armed == timer).map(|(_, at)| *at)
    }

    /// Disarms the earliest timer that is due at `now` and returns it. Call this until it returns
    /// `None`: several timers may be due at once.
    pub fn fire(&mut self, now: Moment) -> Option<T> {
        let (timer, _) = *self.armed.iter().filter(|(_, at)| *at <= now).min_by_key(|(_, at)| *at)?;
        self.disarm(timer);
        Some(timer)
    }
}

/// A token bucket: bytes become available at a steady rate, and those of a quarter of a second are kept
/// for a burst. What was taken beyond that is owed.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// Bytes per second.
    rate: NonZeroU64,
    /// Until when everything is paid for that was taken.
    paid_until: Moment,
}

/// How long an idle bucket fills.
const BURST: Duration = Duration::from_millis(250);

impl Bucket {
    /// Creates a full bucket that gives `rate` bytes per second.
    pub const fn new(rate: NonZeroU64) -> Self {
        Self { rate, paid_until: Moment::START }
    }

    /// Takes bytes that have moved, and returns how long to wait before the next ones.
    ///
    /// ```
    /// use ftp_proto::timer::{Bucket, Moment};
    /// use std::time::Duration;
    ///
    /// let mut bucket = Bucket::new(1000.try_into()?);
    /// let now = Moment::START + Duration::from_secs(10);
    /// assert_eq!(bucket.take(250, now), Duration::ZERO);
    /// assert_eq!(bucket.take(1000, now), Duration::from_secs(1));
    /// assert_eq!(bucket.take(0, now + Duration::from_secs(2)), Duration::ZERO);
    /// # Ok::<(), std::num::TryFromIntError>(())
    /// ```
    pub fn take(&mut self, bytes: u64, now: Moment) -> Duration {
        let kept = Moment::after_start(now.since_start().saturating_sub(BURST));
        let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(self.rate.get());
        let price = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        self.paid_until = self.paid_until.max(kept) + price;
        self.paid_until.since(now)
    }

    /// How many bytes may move now: so few that a wait afterwards stays short.
    ///
    /// # Errors
    ///
    /// How long to wait before some may move.
    pub fn allowance(&mut self, now: Moment) -> Result<usize, Duration> {
        let rest = self.take(0, now);
        let at_once = usize::try_from(self.rate.get() / 8).unwrap_or(usize::MAX).max(1);
        if rest.is_zero() { Ok(at_once) } else { Err(rest) }
    }
}

/// What may move where several rates hold: what the slowest of them allows.
///
/// # Errors
///
/// How long to wait until all of them may allow something.
pub fn strictest(each: impl IntoIterator<Item = Result<usize, Duration>>) -> Result<usize, Duration> {
    let (mut most, mut longest) = (usize::MAX, None);
    for one in each {
        match one {
            Ok(allowed) => most = most.min(allowed),
            Err(rest) => longest = longest.max(Some(rest)),
        }
    }
    longest.map_or(Ok(most), Err)
}

/// Counts what is used within a period, which begins with its first use. It needs no calendar, so a clock that is set
/// changes nothing.
///
/// ```
/// use ftp_proto::timer::{Moment, Window};
/// use std::time::Duration;
///
/// let mut window = Window::new(Duration::from_secs(60));
/// let now = Moment::START;
/// assert!(window.take(now, 2, Some(3)));
/// assert!(!window.take(now, 2, Some(3)), "nothing is taken beyond the limit");
/// assert_eq!(window.left(now, Some(3)), 1);
/// assert_eq!(window.left(now + Duration::from_secs(60), Some(3)), 3);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Window {
    period: Duration,
    since: Option<Moment>,
    used: u64,
}

impl Window {
    /// Creates a window of this length with nothing used.
    pub const fn new(period: Duration) -> Self {
        Self { period, since: None, used: 0 }
    }

    /// What may still be used now; `u64::MAX` without a limit.
    pub fn left(&mut self, now: Moment, limit: Option<u64>) -> u64 {
        if self.since.is_some_and(|since| now.since(since) >= self.period) {
            (self.since, self.used) = (None, 0);
        }
        limit.map_or(u64::MAX, |limit| limit.saturating_sub(self.used))
    }

    /// Uses `count`, unless that exceeds the limit. Returns whether it did not.
    pub fn take(&mut self, now: Moment, count: u64, limit: Option<u64>) -> bool {
        let fits = count <= self.left(now, limit);
        if fits {
            self.since.get_or_insert(now);
            self.used = self.used.saturating_add(count);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_of_their_deadlines() {
        let mut timers = Timers::new();
        let at = |seconds| Moment::after_start(Duration::from_secs(seconds));
        timers.arm("idle", at(9));
        timers.arm("connect", at(3));
        timers.arm("idle", at(5));
        assert!(timers.is_armed("idle") && !timers.is_armed("stall"));
        assert_eq!(timers.next(), Some(at(3)));
        assert_eq!(timers.fire(at(2)), None);
        assert_eq!(timers.fire(at(5)), Some("connect"));
        assert_eq!(timers.fire(at(5)), Some("idle"));
        assert_eq!(timers.fire(at(99)), None);
        assert_eq!(timers.next(), None);
    }

    /// How many bytes two copies move in `seconds`, each as fast as all of its own buckets let it: the first
    /// bucket is shared by both, the second one is that of the first copy alone.
    fn moved(shared: u64, own: Option<u64>, seconds: u64) -> [u64; 2] {
        let bucket = |rate: u64| Bucket::new(rate.try_into().unwrap());
        let (mut shared, mut own) = (bucket(shared), own.map(bucket));
        let mut now = Moment::START + Duration::from_secs(1);
        let end = now + Duration::from_secs(seconds);
        let mut moved = [0; 2];
        while now < end {
            let mut rests = Vec::new();
            for copy in [0, 1] {
                let mut own = own.as_mut().filter(|_| copy == 0);
                let allowed = own.as_mut().map(|own| own.allowance(now));
                match strictest(allowed.into_iter().chain([shared.allowance(now)])) {
                    Ok(most) => {
                        let most = most as u64;
                        shared.take(most, now);
                        if let Some(own) = own {
                            own.take(most, now);
                        }
                        moved[copy] += most;
                    }
                    Err(rest) => rests.push(rest),
                }
            }
            if rests.len() == moved.len() {
                now = now + *rests.iter().min().unwrap();
            }
        }
        moved
    }

    #[test]
    fn a_copy_keeps_to_the_slower_of_its_own_rate_and_that_of_its_account() {
        // What a bucket keeps for a burst comes on top, and what moves at once.
        let around = |bytes: u64, rate: u64| (rate * 10..=rate * 11).contains(&bytes);
        let [first, second] = moved(8_000, Some(800), 10);
        assert!((4_000..=8_800).contains(&first), "{first}");
        assert!(around(first + second, 8_000), "{first} {second}");
        // A rate beyond that of the account gives nothing more.
        let [first, second] = moved(8_000, Some(80_000), 10);
        assert!(around(first + second, 8_000), "{first} {second}");
        assert_eq!(moved(8_000, Some(80_000), 10), moved(8_000, None, 10));
    }

    #[test]
    fn small_files_that_share_a_bucket_last_as_long_as_the_rate_says() {
        const RATE: u64 = 3_000_000;
        let start = Moment::START + Duration::from_secs(1);
        for size in [100, 100_000, 700_000, 2_000_000] {
            let (mut bucket, mut now) = (Bucket::new(RATE.try_into().unwrap()), start);
            for _ in 0..40 {
                // The whole file moves in pieces, each when it may.
                let mut left = size;
                while left > 0 {
                    match bucket.allowance(now) {
                        Ok(most) => {
                            let piece = left.min(most as u64);
                            bucket.take(piece, now);
                            left -= piece;
                        }
                        Err(rest) => now = now + rest,
                    }
                }
            }
            // What a bucket keeps for a burst moves at once, and so does one more piece.
            let due = Duration::from_secs_f64((40 * size) as f64 / RATE as f64);
            assert!(now.since(start) + BURST + Duration::from_millis(125) >= due, "{size}: {now:?}");
        }
    }

    #[test]
    fn the_strictest_of_several_rates_is_the_smallest_allowance_or_the_longest_wait() {
        let wait = Duration::from_secs;
        assert_eq!(strictest([]), Ok(usize::MAX));
        assert_eq!(strictest([Ok(5), Ok(3)]), Ok(3));
        assert_eq!(strictest([Ok(5), Err(wait(1))]), Err(wait(1)));
        assert_eq!(strictest([Err(wait(1)), Err(wait(2)), Ok(5)]), Err(wait(2)));
    }
}
