//! How many of the small files that wait a worker gets at once. Pure.

use crate::job::request::options::Wanted;

/// A worker's part of the small files that wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Portion {
    /// Its equal part.
    fair: usize,
    /// How many it gets in any case, for as long as they are few bytes.
    least: usize,
}

impl Portion {
    /// The part of one of `workers` of `waiting` files. Where servers take groups, a connection has its price, so few files
    /// are not divided, unless the user has asked for that number of workers.
    pub(super) const fn of(waiting: usize, workers: usize, take_groups: bool, wanted: Wanted) -> Self {
        let least = match wanted {
            Wanted::Auto if take_groups => LEAST,
            Wanted::Auto | Wanted::Exactly(_) => 1,
        };
        Self { fair: waiting.div_ceil(workers), least }
    }

    /// Whether the file at `index` of those that wait belongs to it. `bytes` are those of the files up to this one.
    pub(super) const fn takes(self, index: usize, bytes: u64) -> bool {
        let is_fair = index < self.fair && bytes <= MOST_BYTES;
        is_fair || (index < self.least && bytes <= LEAST_BYTES)
    }
}

/// How many bytes of small files a worker gets at once. Each of them is reported when all have ended; meanwhile their
/// progress is told.
const MOST_BYTES: u64 = 64 << 20;
/// So few files are not divided: they are one or two groups, and a second connection takes as long as they do.
const LEAST: usize = 128;
/// The same for their bytes.
const LEAST_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZero;

    const EXACTLY: Wanted = Wanted::Exactly(NonZero::new(8).unwrap());

    /// How many files of so many bytes each a worker gets.
    fn count(portion: Portion, waiting: usize, bytes: u64) -> usize {
        (0..waiting).take_while(|index| portion.takes(*index, bytes * (*index as u64 + 1))).count()
    }

    #[test]
    fn small_files_are_divided_among_workers_unless_they_are_few() {
        for (waiting, workers, take_groups, wanted, bytes, expect) in [
            (2000, 1, true, Wanted::Auto, 4096, 2000),
            (2000, 2, true, Wanted::Auto, 4096, 1000),
            (130, 2, true, Wanted::Auto, 4096, 128),
            (100, 8, true, Wanted::Auto, 4096, 100),
            // Many bytes are divided all the same.
            (100, 8, true, Wanted::Auto, 256 << 10, 13),
            (1000, 1, true, Wanted::Auto, 256 << 10, 256),
            // Each file has a connection of its own, or the user has asked for the number.
            (100, 8, false, Wanted::Auto, 4096, 13),
            (100, 8, true, EXACTLY, 4096, 13),
        ] {
            let portion = Portion::of(waiting, workers, take_groups, wanted);
            assert_eq!(
                count(portion, waiting, bytes),
                expect,
                "{waiting} {workers} {take_groups} {wanted:?}"
            );
        }
    }
}
