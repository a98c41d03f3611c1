//! How fast a transfer is and how long it still takes, from its progress events. It reads no clock.

use super::event::Progress;
use std::collections::VecDeque;
use std::time::Duration;

/// What was seen of a transfer in the last seconds.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When, and how many bytes there were then. The first one is the start, or older than `WINDOW`.
    seen: VecDeque<(Duration, u64)>,
}

impl Pace {
    /// Takes note of a progress event. One that cannot follow the last one begins another transfer.
    pub(super) fn saw(&mut self, progress: &Progress) {
        let Progress { before, bytes, time, .. } = *progress;
        if self.seen.back().is_none_or(|last| time < last.0 || bytes < last.1) {
            self.seen.clear();
            self.seen.push_back((Duration::ZERO, before));
        }
        self.seen.push_back((time, bytes));
        while self.seen.get(1).is_some_and(|second| time.saturating_sub(second.0) >= WINDOW) {
            self.seen.pop_front();
        }
    }

    /// The bytes of the last seconds, and how many seconds they took.
    pub(super) fn lately(&self) -> Option<(u64, f64)> {
        let (first, last) = (self.seen.front()?, self.seen.back()?);
        let seconds = last.0.checked_sub(first.0)?.as_secs_f64();
        (seconds > 0.0).then_some((last.1.checked_sub(first.1)?, seconds))
    }

    /// How long the rest takes at this pace, if that is known and below a hundred days.
    pub(super) fn remaining(&self, total: Option<u64>) -> Option<Duration> {
        let (moved, seconds) = self.lately()?;
        let rest = total?.saturating_sub(self.seen.back()?.1);
        let remaining = rest as f64 * seconds / moved as f64;
        Duration::try_from_secs_f64(remaining).ok().filter(|remaining| *remaining < HUNDRED_DAYS)
    }
}

/// A pace is an average over this time, so that it neither jumps nor lags far behind.
const WINDOW: Duration = Duration::from_secs(10);
/// Beyond that nobody waits.
const HUNDRED_DAYS: Duration = Duration::from_secs(100 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn at(before: u64, seconds: f64, bytes: u64) -> Progress {
        Progress {
            source: "a".to_owned(),
            bytes,
            total: Some(100 * MIB),
            before,
            time: Duration::from_secs_f64(seconds),
        }
    }

    /// The pace in MiB per second, and the remaining seconds, after these events.
    fn pace(events: &[Progress]) -> (Option<f64>, Option<f64>) {
        let mut pace = Pace::default();
        events.iter().for_each(|event| pace.saw(event));
        let lately = pace.lately().map(|(bytes, seconds)| bytes as f64 / seconds / MIB as f64);
        let remaining = pace.remaining(Some(100 * MIB));
        (lately, remaining.map(|remaining| (remaining.as_secs_f64() * 10.0).round() / 10.0))
    }

    #[test]
    fn the_pace_is_right_from_the_first_event() {
        assert_eq!(pace(&[]), (None, None));
        assert_eq!(pace(&[at(0, 0.5, 10 * MIB)]), (Some(20.0), Some(4.5)));
        assert_eq!(pace(&[at(0, 0.5, 10 * MIB), at(0, 1.0, 30 * MIB)]), (Some(30.0), Some(2.3)));
    }

    #[test]
    fn bytes_that_were_there_before_are_no_pace() {
        assert_eq!(pace(&[at(50 * MIB, 2.0, 60 * MIB)]), (Some(5.0), Some(8.0)));
    }

    #[test]
    fn the_pace_is_that_of_the_last_seconds() {
        let slow = (1..=20).map(|second| at(0, f64::from(second), 2 * MIB * second as u64));
        let fast = (1..=10).map(|second| at(0, f64::from(20 + second), 40 * MIB + 6 * MIB * second as u64));
        let events: Vec<Progress> = slow.chain(fast).collect();
        assert_eq!(pace(&events), (Some(6.0), Some(0.0)));
    }

    #[test]
    fn another_transfer_begins_anew() {
        assert_eq!(pace(&[at(0, 30.0, 90 * MIB), at(0, 1.0, 10 * MIB)]), (Some(10.0), Some(9.0)));
        assert_eq!(pace(&[at(0, 1.0, 90 * MIB), at(0, 2.0, 10 * MIB)]), (Some(5.0), Some(18.0)));
    }

    #[test]
    fn without_time_or_bytes_nothing_is_promised() {
        assert_eq!(pace(&[at(0, 0.0, 10 * MIB)]), (None, None));
        assert_eq!(pace(&[at(5, 1.0, 5)]), (Some(0.0), None));
        assert_eq!(pace(&[at(0, 1e9, 1)]).1, None);
    }
}
