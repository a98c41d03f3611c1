//! How much may be used in a time.

use super::Moment;
use std::time::Duration;

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
