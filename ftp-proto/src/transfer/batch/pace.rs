//! How fast groups move, and how many bytes of them are under way therefore. The destination names a group after those that
//! were sent before that, so what a connection takes with it when it ends should have taken a few seconds at most.

use crate::timer::Moment;
use std::time::Duration;

/// How fast the last group has moved. Before there is one, a slow line is expected.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the destination has begun to store the group that it stores.
    begun: Option<Moment>,
    bytes: u64,
    took: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { begun: None, bytes: 2 * SMALL, took: Duration::from_secs(1) }
    }
}

impl Pace {
    /// The destination begins to store a group.
    pub(super) const fn begins(&mut self, now: Moment) {
        self.begun = Some(now);
    }

    /// It has stored a group of so many bytes.
    pub(super) fn moved(&mut self, bytes: u64, now: Moment) {
        if let Some(begun) = self.begun.take() {
            (self.bytes, self.took) = (bytes, now.since(begun));
        }
    }

    /// The most bytes of the next group, if it has several files.
    pub(super) fn group_bytes(&self) -> u64 {
        self.bytes_in(GROUP).clamp(SMALL, LARGE)
    }

    /// The most bytes that may be under way, if they are of several groups.
    pub(super) fn bytes_under_way(&self) -> u64 {
        self.bytes_in(UNDER_WAY).max(2 * SMALL)
    }

    fn bytes_in(&self, time: Duration) -> u64 {
        let bytes = u128::from(self.bytes) * time.as_millis() / self.took.as_millis().max(1);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// How long a group should move.
const GROUP: Duration = Duration::from_millis(500);
/// How long all should move that is under way.
const UNDER_WAY: Duration = Duration::from_secs(2);
/// The least bytes that a group may have: more of them cost more than what is lost with one.
const SMALL: u64 = 64 << 10;
/// The most bytes of a group, however fast it moves.
const LARGE: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_way_moves_in_a_few_seconds() {
        let mut pace = Pace::default();
        assert_eq!((pace.group_bytes(), pace.bytes_under_way()), (SMALL, 4 * SMALL));
        let check = |pace: &mut Pace, bytes, took, expect| {
            let begun = Moment::START + Duration::from_millis(70);
            pace.begins(begun);
            pace.moved(bytes, begun + Duration::from_millis(took));
            assert_eq!((pace.group_bytes(), pace.bytes_under_way()), expect);
        };
        check(&mut pace, 100_000, 1_000, (SMALL, 200_000));
        check(&mut pace, 1_000, 1_000, (SMALL, 2 * SMALL));
        check(&mut pace, 500_000, 1_000, (250_000, 1_000_000));
        check(&mut pace, 0, 0, (SMALL, 2 * SMALL));
        check(&mut pace, 64_000, 0, (LARGE, 128_000_000));
        // What has no beginning says nothing of the line.
        pace.moved(1, Moment::START + Duration::from_secs(90));
        assert_eq!(pace.group_bytes(), LARGE);
    }
}
