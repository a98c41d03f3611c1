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
