//! How fast groups move, and how many bytes may therefore be under way. The destination carries out PACK KEEP for a group only
//! after the transfers that were sent before it. So little is sent ahead on a slow network: files without a name are lost with the
//! connection.

use crate::command::Pack;
use crate::timer::Moment;
use std::time::Duration;

/// How fast the last groups have moved. Before there is one, a slow line is expected.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the destination began to store the group that it stores.
    store_began: Option<Moment>,
    /// What has moved since the pace was measured.
    unmeasured: Sample,
    measured: Sample,
    /// The most bytes of the next group, if it has several files and the pace has not sunk.
    group_limit: u64,
}

/// Bytes that have moved, and how long that has taken.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    bytes: u64,
    took: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let measured = Sample { bytes: 2 * SMALL, took: Duration::from_secs(1) };
        Self { store_began: None, unmeasured: Sample::default(), measured, group_limit: SMALL }
    }
}

impl Sample {
    /// How many bytes move in this time at that pace.
    fn bytes_in(self, time: Duration) -> u64 {
        let bytes = u128::from(self.bytes) * time.as_millis() / self.took.as_millis().max(1);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

impl Pace {
    /// The destination begins to store a group.
    pub(super) const fn begins(&mut self, now: Moment) {
        self.store_began = Some(now);
    }

    /// It has stored a group of so many bytes. A small one says nothing of the network, because each group takes some time, however
    /// small it is. After a quick one the limit of the next group may rise and does not fall; after a slow one it follows the pace.
    pub(super) fn moved(&mut self, bytes: u64, now: Moment) {
        let Some(begun) = self.store_began.take() else { return };
        let took = now.since(begun);
        self.unmeasured = Sample { bytes: self.unmeasured.bytes + bytes, took: self.unmeasured.took + took };
        if self.unmeasured.bytes < SMALL / 2 {
            return;
        }
        self.measured = std::mem::take(&mut self.unmeasured);
        // Where the time does not depend on the bytes, larger groups are tried.
        if took <= QUICK {
            self.group_limit = self.group_limit.max(2 * bytes).max(self.measured.bytes_in(QUICK / 2));
        } else if took > SLOW {
            self.group_limit = self.measured.bytes_in(QUICK);
        }
        self.group_limit = self.group_limit.clamp(SMALL, LARGE);
    }

    /// The most bytes of the next group, if it has several files.
    pub(super) fn most_group_bytes(&self) -> u64 {
        self.group_limit.min(self.most_under_way())
    }

    /// The most bytes that may be under way, if they are of several groups.
    pub(super) fn most_under_way(&self) -> u64 {
        self.measured.bytes_in(SLOW).max(2 * SMALL)
    }
}

/// After a group that takes no longer, the next one may be larger.
const QUICK: Duration = Duration::from_secs(1);
/// After a group that takes longer, the limit follows the pace. What is under way should move within this time.
const SLOW: Duration = Duration::from_secs(2);
/// The lowest limit for a group: smaller groups would cost more than is lost with one.
const SMALL: u64 = 64 << 10;
/// The highest limit for a group.
pub(super) const LARGE: u64 = 1 << 20;
const _: () = assert!(LARGE <= Pack::MAX_BYTES);

#[cfg(test)]
mod tests {
    use super::*;

    /// Moves a group. Returns how large the next one may be, and what may be under way.
    fn after(pace: &mut Pace, bytes: u64, took: u64) -> (u64, u64) {
        let begun = Moment::START + Duration::from_millis(70);
        pace.begins(begun);
        pace.moved(bytes, begun + Duration::from_millis(took));
        (pace.most_group_bytes(), pace.most_under_way())
    }

    #[test]
    fn what_is_under_way_moves_in_a_few_seconds() {
        let mut pace = Pace::default();
        assert_eq!((pace.most_group_bytes(), pace.most_under_way()), (SMALL, 4 * SMALL));
        assert_eq!(after(&mut pace, 100_000, 1_000), (200_000, 200_000));
        assert_eq!(after(&mut pace, 200_000, 2_000), (200_000, 200_000));
        assert_eq!(after(&mut pace, 200_000, 4_000), (SMALL, 2 * SMALL));
        assert_eq!(after(&mut pace, 100_000, 0), (LARGE, 200_000_000));
        // What has no beginning says nothing of the network.
        pace.moved(1 << 20, Moment::START + Duration::from_secs(90));
        assert_eq!(pace.most_group_bytes(), LARGE);
    }

    #[test]
    fn small_groups_say_nothing_of_the_network() {
        let mut pace = Pace::default();
        let fast = after(&mut pace, 1 << 20, 10);
        for _ in 0..30 {
            assert_eq!(after(&mut pace, 1_000, 900), fast);
        }
        assert_eq!(after(&mut pace, 0, 5_000), fast);
        let slow = after(&mut pace, 10_000, 900);
        assert_eq!(slow, (2 * SMALL, 2 * SMALL), "together they do");
    }

    #[test]
    fn groups_grow_where_their_time_does_not_depend_on_their_bytes() {
        let mut pace = Pace::default();
        for _ in 0..5 {
            let bytes = pace.most_group_bytes();
            after(&mut pace, bytes, 700 + bytes / 100_000);
        }
        assert_eq!(pace.most_group_bytes(), LARGE);
    }
}
