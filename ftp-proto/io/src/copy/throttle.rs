//! A copy that keeps to a rate.

use std::num::NonZeroU64;
use std::time::Duration;

use ftp_proto::timer::Bucket;

use crate::clock::Clock;

/// Keeps a copy to its rate: it takes what has moved, and says how long to rest before more may move.
#[derive(Debug)]
pub(super) struct Throttle(Option<(Bucket, Clock)>);

impl Throttle {
    pub(super) fn new(rate: Option<NonZeroU64>) -> Self {
        Self(rate.map(|rate| (Bucket::new(rate), Clock::start())))
    }

    /// Takes bytes that have moved.
    pub(super) fn take(&mut self, bytes: usize) -> Option<Duration> {
        let (bucket, clock) = self.0.as_mut()?;
        let rest = bucket.take(bytes as u64, clock.now());
        (!rest.is_zero()).then_some(rest)
    }

    /// How many bytes may move at once; `usual` where there is no rate.
    pub(super) fn at_once(&self, usual: usize) -> usize {
        self.0.as_ref().map_or(usual, |(bucket, _)| bucket.at_once().min(usual))
    }
}
