//! How fast something is, over the last seconds. It reads no clock.

use std::collections::VecDeque;
use std::time::Duration;

/// What was seen of a count that grows.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When, and how much there was then. The first one is the start, or older than `WINDOW`.
    seen: VecDeque<(Duration, u64)>,
}

impl Pace {
    /// Begins to count at that time, unless that was done.
    pub(super) fn begin(&mut self, at: Duration) {
        if self.seen.is_empty() {
            self.seen.push_back((at, 0));
        }
    }

    /// There is so much at that time. What cannot follow the last count begins anew.
    pub(super) fn saw(&mut self, at: Duration, count: u64) {
        if self.seen.back().is_some_and(|last| at < last.0 || count < last.1) {
            self.seen.clear();
        }
        self.seen.push_back((at, count));
        while self.seen.get(1).is_some_and(|second| at.saturating_sub(second.0) >= WINDOW) {
            self.seen.pop_front();
        }
        if self.seen.len() > MOST_SEEN {
            // Every second one says as much.
            let mut is_kept = false;
            self.seen.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.seen.push_back((at, count));
        }
    }

    /// What came in the last seconds before `at`, also if nothing did, and how many seconds that are.
    pub(super) fn lately(&self, at: Duration) -> Option<(u64, f64)> {
        let is_before = |seen: &&(Duration, u64)| at.saturating_sub(seen.0) >= WINDOW;
        let first = self.seen.iter().rev().find(is_before).or_else(|| self.seen.front())?;
        let last = self.seen.back()?;
        let seconds = at.max(last.0).checked_sub(first.0)?.as_secs_f64();
        (seconds > 0.0).then_some((last.1.checked_sub(first.1)?, seconds))
    }

    /// How long `rest` takes at this pace, if that is known and below a hundred days.
    pub(super) fn remaining(&self, rest: u64, at: Duration) -> Option<Duration> {
        let (moved, seconds) = self.lately(at)?;
        let remaining = rest as f64 * seconds / moved as f64;
        Duration::try_from_secs_f64(remaining).ok().filter(|remaining| *remaining < HUNDRED_DAYS)
    }
}

/// A pace is an average over this time, so that it neither jumps nor lags far behind.
const WINDOW: Duration = Duration::from_secs(10);
/// Many small files would be seen thousands of times in that time.
const MOST_SEEN: usize = 256;
/// Beyond that nobody waits.
const HUNDRED_DAYS: Duration = Duration::from_secs(100 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// The pace in MiB per second, and the seconds that 50 MiB more take, after these counts in MiB.
    fn pace(seen: impl IntoIterator<Item = (f64, u64)>) -> (Option<f64>, Option<f64>) {
        let (mut pace, mut at) = (Pace::default(), Duration::ZERO);
        pace.begin(at);
        for (seconds, mib) in seen {
            at = Duration::from_secs_f64(seconds);
            pace.saw(at, mib * MIB);
        }
        let lately = pace.lately(at).map(|(bytes, seconds)| bytes as f64 / seconds / MIB as f64);
        let remaining = pace.remaining(50 * MIB, at);
        (lately, remaining.map(|remaining| (remaining.as_secs_f64() * 10.0).round() / 10.0))
    }

    #[test]
    fn the_pace_is_right_from_the_first_count() {
        assert_eq!(pace([]), (None, None));
        assert_eq!(pace([(0.5, 10)]), (Some(20.0), Some(2.5)));
        assert_eq!(pace([(0.5, 10), (1.0, 30)]), (Some(30.0), Some(1.7)));
    }

    #[test]
    fn the_pace_is_that_of_the_last_seconds() {
        let slow = (1..=20).map(|second| (f64::from(second), 2 * second as u64));
        let fast = (1..=10).map(|second| (f64::from(20 + second), 40 + 6 * second as u64));
        assert_eq!(pace(slow.chain(fast)), (Some(6.0), Some(8.3)));
    }

    #[test]
    fn a_pace_keeps_little() {
        let mut pace = Pace::default();
        pace.begin(Duration::ZERO);
        for count in 1..=100_000_u64 {
            pace.saw(Duration::from_micros(50 * count), count);
        }
        assert!(pace.seen.len() <= MOST_SEEN + 1);
        let (count, seconds) = pace.lately(Duration::from_secs(5)).unwrap();
        assert_eq!((count as f64 / seconds).round(), 20_000.0);
    }

    #[test]
    fn silence_counts() {
        let mut pace = Pace::default();
        pace.begin(Duration::ZERO);
        pace.saw(Duration::from_secs(2), 40);
        let lately = |pace: &Pace, second| pace.lately(Duration::from_secs(second));
        assert_eq!(lately(&pace, 2), Some((40, 2.0)));
        assert_eq!(lately(&pace, 8), Some((40, 8.0)));
        assert_eq!(pace.remaining(10, Duration::from_secs(8)), Some(Duration::from_secs(2)));
        // Nothing has come for as long as the pace looks back.
        assert_eq!(lately(&pace, 12), Some((0, 10.0)));
        assert_eq!(pace.remaining(10, Duration::from_secs(12)), None);
        // What comes after a long silence in which somebody has looked is no average over all of it.
        for second in [12, 20, 25] {
            pace.saw(Duration::from_secs(second), 40);
        }
        pace.saw(Duration::from_secs(30), 140);
        assert_eq!(lately(&pace, 30), Some((100, 10.0)));
    }

    #[test]
    fn without_time_or_bytes_nothing_is_promised() {
        assert_eq!(pace([(0.0, 10)]), (None, None));
        assert_eq!(pace([(1.0, 0)]), (Some(0.0), None));
        let mut slow = Pace::default();
        slow.begin(Duration::ZERO);
        let late = Duration::from_secs(1_000_000_000);
        slow.saw(late, 1);
        assert_eq!(slow.remaining(50 * MIB, late), None);
    }
}
