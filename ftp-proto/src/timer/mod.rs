//! Time as an argument, and every wait as a named timer.
//!
//! A machine never reads a clock. Its driver passes the time as a [`Moment`], and the machine answers
//! with the deadline at which it wants to hear from the driver again.

mod bucket;
mod shared_bucket;
mod window;

pub use bucket::{Bucket, strictest};
pub use shared_bucket::SharedBucket;
pub use window::Window;

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
}
