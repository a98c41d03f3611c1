//! A rate that one copy has, or several copies share, and a number of bytes that several copies share.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ftp_proto::timer::{Bucket, Moment, SharedBucket, Window};

use crate::clock::Clock;
use crate::lock::Lock;

/// A rate in bytes per second. Clones share it: what one copy moves, the others may not.
#[derive(Clone, Debug)]
pub struct Limiter(Rate);

#[derive(Clone, Debug)]
enum Rate {
    /// The copy that asks first moves first.
    Simple { clock: Clock, bucket: Arc<Mutex<Bucket>> },
    /// The sharers have their turns.
    Shared { rate: SharedRate, key: u64 },
}

impl Limiter {
    /// A limiter of `rate` bytes per second.
    pub fn new(rate: NonZeroU64, clock: Clock) -> Self {
        Self(Rate::Simple { clock, bucket: Arc::new(Mutex::new(Bucket::new(rate))) })
    }

    /// How many bytes may move now.
    ///
    /// # Errors
    ///
    /// How long to rest before some may move.
    pub fn allowance(&self) -> Result<usize, Duration> {
        match &self.0 {
            Rate::Simple { clock, bucket } => bucket.locked().allowance(clock.now()),
            Rate::Shared { rate, key } => rate.allowance(*key),
        }
    }

    /// Bytes have moved.
    pub fn take(&self, bytes: usize) {
        match &self.0 {
            Rate::Simple { clock, bucket } => {
                bucket.locked().take(bytes as u64, clock.now());
            }
            Rate::Shared { rate, key } => rate.take(*key, bytes),
        }
    }
}

/// A rate whose sharers have their turns, and which can be changed while it is used. Clones are the same rate.
#[derive(Clone, Debug)]
pub struct SharedRate(Arc<Sharing>);

#[derive(Debug)]
struct Sharing {
    clock: Clock,
    is_limited: AtomicBool,
    bucket: Mutex<SharedBucket<u64>>,
}

impl SharedRate {
    /// No limit yet.
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Sharing { clock, is_limited: AtomicBool::new(false), bucket: Mutex::default() }))
    }

    /// Sets the rate, also for what moves now.
    pub fn set(&self, rate: Option<NonZeroU64>) {
        self.0.bucket.locked().set(rate);
        self.0.is_limited.store(rate.is_some(), Ordering::Relaxed);
    }

    /// The limiter of a copy that moves bytes for the sharer `key`.
    pub fn limiter(&self, key: u64) -> Limiter {
        Limiter(Rate::Shared { rate: self.clone(), key })
    }

    fn allowance(&self, key: u64) -> Result<usize, Duration> {
        if !self.0.is_limited.load(Ordering::Relaxed) {
            return Ok(usize::MAX);
        }
        // One of the references is that of whoever sets the rate.
        let flows = Arc::strong_count(&self.0).saturating_sub(1);
        let now = self.0.clock.now();
        self.0.bucket.locked().allowance(key, now, flows)
    }

    fn take(&self, key: u64, bytes: usize) {
        if self.0.is_limited.load(Ordering::Relaxed) {
            let now = self.0.clock.now();
            self.0.bucket.locked().take(key, bytes as u64, now);
        }
    }
}

/// How many bytes several copies may move together within a period. Clones are the same volume.
#[derive(Clone, Debug)]
pub struct Volume(Arc<VolumeState>);

#[derive(Debug)]
struct VolumeState {
    clock: Clock,
    /// `u64::MAX` if there is none.
    limit: AtomicU64,
    window: Mutex<Window>,
}

impl Volume {
    /// No limit yet; a period begins with its first byte.
    pub fn new(period: Duration, clock: Clock) -> Self {
        let window = Mutex::new(Window::new(period));
        Self(Arc::new(VolumeState { clock, limit: AtomicU64::new(u64::MAX), window }))
    }

    /// Sets the limit, also for what moves now.
    pub fn set(&self, limit: Option<u64>) {
        self.0.limit.store(limit.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How many bytes are left in this period.
    pub fn left(&self) -> u64 {
        self.left_at(self.0.clock.now())
    }

    /// How many bytes are left in the period of that moment.
    pub fn left_at(&self, now: Moment) -> u64 {
        let Some(limit) = self.limit() else { return u64::MAX };
        self.0.window.locked().left(now, Some(limit))
    }

    /// Takes bytes, unless there are fewer. Returns whether it did. Bytes count from the moment at which a limit is set.
    pub fn take(&self, bytes: u64) -> bool {
        self.take_at(self.0.clock.now(), bytes)
    }

    /// The same at that moment.
    pub fn take_at(&self, now: Moment, bytes: u64) -> bool {
        let Some(limit) = self.limit() else { return true };
        self.0.window.locked().take(now, bytes, Some(limit))
    }

    fn limit(&self) -> Option<u64> {
        Some(self.0.limit.load(Ordering::Relaxed)).filter(|limit| *limit != u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_rate_can_be_changed_under_its_limiters() {
        let rate = SharedRate::new(Clock::start());
        let (first, second) = (rate.limiter(1), rate.limiter(2));
        first.take(10_000_000);
        assert_eq!(first.allowance(), Ok(usize::MAX));
        rate.set(NonZeroU64::new(80_000));
        // Two limiters have half of an eighth each.
        assert_eq!(second.allowance(), Ok(5_000));
        second.take(10_000_000);
        first.allowance().unwrap_err();
        rate.set(None);
        assert_eq!(first.allowance(), Ok(usize::MAX));
    }

    #[test]
    fn a_volume_is_never_exceeded_by_those_that_share_it() {
        let volume = Volume::new(Duration::from_secs(86_400), Clock::start());
        let another = volume.clone();
        assert!(volume.take(600));
        assert_eq!(volume.left(), u64::MAX);
        another.set(Some(1_000));
        assert_eq!(volume.left(), 1_000);
        assert!(another.take(900) && !volume.take(101) && volume.take(100));
        assert_eq!(another.left(), 0);
    }

    #[test]
    fn a_volume_is_whole_again_when_its_period_is_over() {
        let volume = Volume::new(Duration::from_secs(86_400), Clock::start());
        volume.set(Some(1_000));
        let at = |seconds| Moment::after_start(Duration::from_secs(seconds));
        // A period begins with its first byte.
        assert!(volume.take_at(at(3_600), 1_000));
        let last = 3_600 + 86_400 - 1;
        assert!(!volume.take_at(at(last), 1));
        assert_eq!(volume.left_at(at(last)), 0);
        assert_eq!(volume.left_at(at(last + 1)), 1_000);
        assert!(volume.take_at(at(last + 1), 1_000) && !volume.take_at(at(last + 2), 1));
    }
}
