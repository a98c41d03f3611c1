//! How long a transfer may go on that nobody sees move: neither server tells how far it is, and a second session does not see
//! the copy grow. Then a stall cannot be told from a slow line.

use std::time::Duration;

/// How long a transfer may be unseen that goes directly to a server of other people.
#[derive(Debug)]
pub(super) struct Unseen {
    /// What was asked for (`--unseen`).
    asked: Option<Duration>,
    /// The slowest rate at which an earlier file has gone from server to server, in bytes a second.
    slowest: Option<u64>,
    /// Whether it was told that nobody sees the transfer move.
    told: bool,
}

impl Unseen {
    /// A transfer of which nothing was told yet. `asked` is what takes the place of a time by the size.
    pub(super) const fn new(asked: Option<Duration>) -> Self {
        Self { asked, slowest: None, told: false }
    }

    /// The same; an earlier file went at this rate, in bytes a second.
    pub(super) const fn after(self, slowest: Option<u64>) -> Self {
        Self { slowest, ..self }
    }

    /// How long a file of that size may be unseen, in addition to the stall time. Without another word that is the time that it takes
    /// on the slowest line. The size is a word of the source, so no size makes it longer than [`LONGEST_UNSEEN`].
    ///
    /// Where an earlier file has shown a rate, the line is not slower than a part of it. Where none has, a file has
    /// [`USUAL_UNSEEN`], and a very large one the time that it takes at [`USUAL_LINE`].
    pub(super) fn limit(&self, size: Option<u64>) -> Duration {
        if let Some(asked) = self.asked {
            return asked;
        }
        let size = size.unwrap_or(UNKNOWN_SIZE);
        let line = self.slowest.map_or(SLOWEST_LINE, |rate| (rate / SLOWER).max(SLOWEST_LINE));
        let longest = match self.slowest {
            Some(_) => LONGEST_UNSEEN,
            None => USUAL_UNSEEN.max(Duration::from_secs(size / USUAL_LINE)).min(LONGEST_UNSEEN),
        };
        Duration::from_secs(size / line).min(longest)
    }

    /// Whether it is to be told now that nobody sees the transfer move: once.
    pub(super) const fn is_to_be_told(&mut self) -> bool {
        !std::mem::replace(&mut self.told, true)
    }
}

/// Bytes per second of the slowest line that is waited for if no count is known.
const SLOWEST_LINE: u64 = 16 * 1024;
/// How much slower than the slowest file before it a file may be that nobody sees move.
const SLOWER: u64 = 16;
/// Bytes per second that a large file is trusted to have, if no earlier one has shown a rate.
const USUAL_LINE: u64 = 4 << 20;
const UNKNOWN_SIZE: u64 = 1 << 30;
/// How long the first file of a run may be unseen, if it is not very large.
pub const USUAL_UNSEEN: Duration = Duration::from_secs(6 * 3600);
/// How long a file may be unseen at most, if nothing else was asked for.
pub const LONGEST_UNSEEN: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn unseen(size: Option<u64>, slowest: Option<u64>) -> u64 {
        Unseen::new(None).after(slowest).limit(size).as_secs()
    }

    #[test]
    fn no_size_makes_the_wait_for_the_first_byte_endless() {
        assert_eq!(unseen(Some(0), None), 0);
        assert_eq!(unseen(Some(SLOWEST_LINE * 60), None), 60);
        assert_eq!(unseen(None, None), 6 * 3600);
        for size in [4_000_000_000_000_000_000, u64::MAX] {
            assert_eq!(unseen(Some(size), None), 24 * 3600, "{size}");
            assert_eq!(unseen(Some(size), Some(1)), 24 * 3600, "{size}");
        }
    }

    #[test]
    fn the_first_large_file_has_hours_and_no_day_and_what_was_asked_for_counts_alone() {
        let gb = 1_000_000_000;
        assert_eq!(unseen(Some(10 * gb), None), 6 * 3600);
        assert_eq!(unseen(Some(100 * gb), None), 6 * 3600 + 2241);
        assert_eq!(unseen(Some(1000 * gb), None), 24 * 3600);
        let asked = |time| Unseen::new(Some(Duration::from_secs(time)));
        for time in [1, 7 * 24 * 3600] {
            assert_eq!(asked(time).limit(Some(10 * gb)).as_secs(), time);
            assert_eq!(asked(time).after(Some(gb)).limit(None).as_secs(), time);
        }
    }

    #[test]
    fn a_rate_that_was_seen_finds_a_stall_that_nobody_sees_long_before_a_day_is_over() {
        let (size, mib) = (100_000_000_000, 1 << 20);
        // 100 MB/s before: the file takes 17 minutes, and has more than four hours.
        assert_eq!(unseen(Some(size), Some(100_000_000)), 16_000);
        assert_eq!(unseen(Some(10 * mib), None), 640);
        assert_eq!(unseen(Some(10 * mib), Some(10 * mib)), 16);
        // A slow line is no reason to wait for a shorter time than its files take.
        assert_eq!(unseen(Some(10 * mib), Some(20_000)), unseen(Some(10 * mib), None));
        assert_eq!(unseen(Some(size), Some(100_000)), 24 * 3600);
    }

    #[test]
    fn that_nobody_sees_a_transfer_move_is_told_once() {
        let mut unseen = Unseen::new(None);
        assert_eq!([unseen.is_to_be_told(), unseen.is_to_be_told()], [true, false]);
    }
}
