//! A rate as an argument: how long to wait before more bytes may move.

use super::Moment;
use std::num::NonZeroU64;
use std::time::Duration;

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

    /// How many bytes may move at once, so that a wait afterwards stays short.
    pub fn at_once(&self) -> usize {
        usize::try_from(self.rate.get() / 8).unwrap_or(usize::MAX).max(1)
    }
}
