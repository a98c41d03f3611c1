//! The names of a tree in their order. Servers list in any order, and a tree may have millions of names: sorted runs wait in
//! files without names, and are merged.

use super::named::{Named, order};
use crate::job::spool::Spool;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::io;

/// Names that come in any order.
#[derive(Debug)]
pub(super) struct Sorter {
    /// The last ones, in no order.
    fresh: Vec<Named>,
    /// How many of them may be in memory.
    most: usize,
    /// The others, in sorted runs.
    runs: Vec<Spool<Named>>,
}

/// Names in their order.
#[derive(Debug)]
pub(super) struct Sorted {
    runs: Vec<Spool<Named>>,
    /// The next name of each run.
    heads: BinaryHeap<Head>,
}

/// The next name of a run. The greatest one is the first in the order.
#[derive(Debug)]
struct Head {
    named: Named,
    run: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        order(&other.named.path, &self.named.path).then(other.run.cmp(&self.run))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

impl Default for Sorter {
    fn default() -> Self {
        Self::of(IN_MEMORY)
    }
}

impl Sorter {
    /// So many names may be in memory.
    const fn of(most: usize) -> Self {
        Self { fresh: Vec::new(), most, runs: Vec::new() }
    }

    /// Takes in a name.
    ///
    /// # Errors
    ///
    /// A file cannot be written, or would be too large.
    pub(super) fn push(&mut self, named: Named) -> io::Result<()> {
        self.fresh.push(named);
        if self.fresh.len() < self.most {
            return Ok(());
        }
        let run = self.run()?;
        self.runs.push(run);
        if self.runs.len() < MOST_RUNS {
            return Ok(());
        }
        let mut merged = Sorted::of(std::mem::take(&mut self.runs))?;
        let mut one = Spool::new(0);
        while let Some(named) = merged.next()? {
            one.push(named)?;
        }
        self.runs.push(one);
        Ok(())
    }

    /// The names in their order.
    ///
    /// # Errors
    ///
    /// A file cannot be written or read.
    pub(super) fn finish(mut self) -> io::Result<Sorted> {
        let last = self.run()?;
        self.runs.push(last);
        Sorted::of(self.runs)
    }

    /// The last names as a run. If there are no others, they stay in memory.
    fn run(&mut self) -> io::Result<Spool<Named>> {
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.sort_by(|one, other| order(&one.path, &other.path));
        let mut run = Spool::new(if self.runs.is_empty() && fresh.len() < self.most { self.most } else { 0 });
        fresh.into_iter().try_for_each(|named| run.push(named))?;
        Ok(run)
    }
}

impl Sorted {
    fn of(runs: Vec<Spool<Named>>) -> io::Result<Self> {
        let mut sorted = Self { runs, heads: BinaryHeap::new() };
        for run in 0..sorted.runs.len() {
            sorted.take_from(run)?;
        }
        Ok(sorted)
    }

    fn take_from(&mut self, run: usize) -> io::Result<()> {
        if let Some(spool) = self.runs.get_mut(run)
            && let Some(named) = spool.pop()?
        {
            self.heads.push(Head { named, run });
        }
        Ok(())
    }

    /// The next name, which stays.
    pub(super) fn peek(&self) -> Option<&Named> {
        self.heads.peek().map(|head| &head.named)
    }

    /// Takes the next name.
    ///
    /// # Errors
    ///
    /// A file cannot be read.
    pub(super) fn next(&mut self) -> io::Result<Option<Named>> {
        let Some(Head { named, run }) = self.heads.pop() else { return Ok(None) };
        self.take_from(run)?;
        Ok(Some(named))
    }
}

/// The number of names of a tree that are in memory: about 16 MiB.
const IN_MEMORY: usize = 65_536;
/// The number of runs that are merged to one: each has a file and a piece of it in memory.
const MOST_RUNS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Facts;
    use ftp_proto::listing::Kind;
    use ftp_proto::wire::PathName;

    fn named(number: u64) -> Named {
        // In no order, and each once.
        let text = format!("d{:x}/f{}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40, number);
        let facts = Facts { kind: Kind::File, size: Some(number), modified: None, unique: None, mode: None };
        Named { path: PathName::from_user(text).unwrap(), facts }
    }

    #[test]
    fn names_come_in_their_order_however_many_there_are() {
        let runs = MOST_RUNS as u64;
        for count in [0, 1, 99, 100, 101, 100 * runs, 250 * runs + 7] {
            let mut sorter = Sorter::of(100);
            for number in 0..count {
                sorter.push(named(number)).unwrap();
                assert!(sorter.fresh.len() < 100 && sorter.runs.len() < MOST_RUNS);
            }
            let mut sorted = sorter.finish().unwrap();
            let (mut last, mut found) = (None::<Named>, 0);
            while let Some(next) = sorted.next().unwrap() {
                assert!(last.is_none_or(|last| order(&last.path, &next.path).is_lt()));
                assert_eq!(next, named(next.facts.size.unwrap()));
                (last, found) = (Some(next), found + 1);
            }
            assert_eq!(found, count);
        }
    }
}
