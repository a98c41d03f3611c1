//! A set of hashes that takes little more than eight bytes for each: a directory may have a million names.

use std::collections::HashSet;

/// Hashes that were taken in.
#[derive(Debug, Default)]
pub(in crate::job) struct Hashes {
    /// The latest ones.
    fresh: HashSet<u64>,
    /// The others, sorted. Each run is at least twice as long as the next one, so there are few.
    runs: Vec<Vec<u64>>,
}

impl Hashes {
    /// Takes in a hash. Returns false if it was there already.
    pub(in crate::job) fn insert(&mut self, hash: u64) -> bool {
        if self.is_in_a_run(hash) || !self.fresh.insert(hash) {
            return false;
        }
        if self.fresh.len() >= FRESH {
            self.merge();
        }
        true
    }

    /// Whether a hash was taken in.
    pub(in crate::job) fn contains(&self, hash: u64) -> bool {
        self.fresh.contains(&hash) || self.is_in_a_run(hash)
    }

    fn is_in_a_run(&self, hash: u64) -> bool {
        self.runs.iter().any(|run| run.binary_search(&hash).is_ok())
    }

    /// Makes a run of the latest ones, together with the runs that are not much longer.
    fn merge(&mut self) {
        let mut run: Vec<u64> = self.fresh.drain().collect();
        while let Some(mut longer) = self.runs.pop_if(|longer| longer.len() < 2 * run.len()) {
            longer.reserve_exact(run.len());
            longer.append(&mut run);
            run = longer;
        }
        run.sort_unstable();
        self.runs.push(run);
    }
}

/// How many are kept without an order.
const FRESH: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hash_is_new_once_and_takes_little_memory() {
        let mut hashes = Hashes::default();
        let mixed = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for number in 0..200_000 {
            assert!(hashes.insert(mixed(number)), "{number} is new");
            assert!(!hashes.insert(mixed(number / 2)), "{number} is known");
            assert!(hashes.contains(mixed(number / 3)) && !hashes.contains(mixed(number + 1)));
        }
        let room: usize = hashes.runs.iter().map(Vec::capacity).sum();
        assert!(room < 202_000 && hashes.fresh.capacity() < 4 * FRESH, "{room}");
        assert!(hashes.runs.len() < 20, "{}", hashes.runs.len());
        assert!(hashes.runs.iter().all(|run| run.is_sorted()));
    }
}
