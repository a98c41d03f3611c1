//! A rate that one copy has, or several copies share.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ftp_proto::timer::Bucket;

use crate::clock::Clock;

/// A rate in bytes per second. Clones share it: what one copy moves, the others may not.
#[derive(Clone, Debug)]
pub struct Limiter {
    clock: Clock,
    bucket: Arc<Mutex<Bucket>>,
}

impl Limiter {
    /// A limiter of `rate` bytes per second.
    pub fn new(rate: NonZeroU64, clock: Clock) -> Self {
        Self { clock, bucket: Arc::new(Mutex::new(Bucket::new(rate))) }
    }

    /// How many bytes may move now.
    ///
    /// # Errors
    ///
    /// How long to rest before some may move.
    pub(crate) fn allowance(&self) -> Result<usize, Duration> {
        let now = self.clock.now();
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).allowance(now)
    }

    /// Bytes have moved.
    pub(crate) fn take(&self, bytes: usize) {
        let now = self.clock.now();
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(bytes as u64, now);
    }
}

/// A rate that holds for one transfer after the other. While it stays the same, they share one allowance, so that many
/// small files are not faster together than one large file.
#[derive(Clone, Debug, Default)]
pub struct LastingRate(Option<(NonZeroU64, Limiter)>);

impl LastingRate {
    /// The limiter of the next transfer, which may move `rate` bytes per second; `None` if there is no limit.
    pub fn limiter(&mut self, rate: Option<NonZeroU64>, clock: Clock) -> Option<Limiter> {
        let rate = rate?;
        let (_, limiter) = match self.0.take() {
            Some(kept) if kept.0 == rate => self.0.insert(kept),
            Some(_) | None => self.0.insert((rate, Limiter::new(rate, clock))),
        };
        Some(limiter.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_transfer_pays_for_the_last_one_until_the_rate_changes() {
        let (clock, rate) = (Clock::start(), |rate: u64| NonZeroU64::new(rate));
        let mut lasting = LastingRate::default();
        assert!(lasting.limiter(None, clock).is_none());
        let first = lasting.limiter(rate(1_000), clock).unwrap();
        first.allowance().unwrap();
        // More than the time of a test pays for.
        first.take(10_000_000);
        let second = lasting.limiter(rate(1_000), clock).unwrap();
        second.allowance().unwrap_err();
        lasting.limiter(rate(2_000), clock).unwrap().allowance().unwrap();
    }
}
