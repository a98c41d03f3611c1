//! The names of a tree, or those that a pattern matches, in their order. Servers list in any order, and a tree may have millions
//! of names: sorted runs wait in files without names, and are merged.

use super::spool::Spool;
use crate::context::Cancel;
use crate::failure::Failure;
use crate::session::Facts;
use ftp_proto::listing::Kind;
use ftp_proto::wire::PathName;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io;

/// A name of a tree. Something that is neither copied nor deleted is of [`Kind::Other`]: only its name counts.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub(crate) struct TreeEntry {
    /// Its path below the tree.
    pub(crate) path: PathName,
    /// What its listing shows.
    pub(crate) facts: Facts,
}

impl TreeEntry {
    /// About how many bytes it takes in memory.
    pub(in crate::job) fn bytes(&self) -> usize {
        let unique = self.facts.unique.as_ref().map_or(0, String::len);
        size_of::<Self>() + self.path.as_bytes().len() + unique + OF_THE_ALLOCATOR
    }

    /// Whether it is a directory.
    pub(crate) const fn is_directory(&self) -> bool {
        matches!(self.facts.kind, Kind::Directory)
    }

    /// Whether it is neither copied nor deleted.
    pub(in crate::job) const fn is_left(&self) -> bool {
        matches!(self.facts.kind, Kind::Other)
    }
}

/// The order of paths in which each directory comes right before what is in it.
pub(in crate::job) fn order(one: &PathName, other: &PathName) -> Ordering {
    sort_key(one).cmp(sort_key(other))
}

/// The bytes of a path as they count in the order. No path contains a zero byte.
fn sort_key(path: &PathName) -> impl Iterator<Item = u8> {
    path.as_bytes().iter().map(|byte| if *byte == b'/' { 0 } else { *byte })
}

/// Names that come in any order.
#[derive(Debug)]
pub(in crate::job) struct Sorter {
    /// The last ones, in no order.
    fresh: Vec<TreeEntry>,
    /// The number of bytes that they take.
    bytes: usize,
    /// The largest number of bytes in memory.
    most: usize,
    /// The others, in sorted runs.
    runs: Vec<Spool<TreeEntry>>,
    cancel: Cancel,
}

/// Names in their order.
#[derive(Debug, Default)]
pub(in crate::job) struct SortedNames {
    runs: Vec<Spool<TreeEntry>>,
    /// The next name of each run, by its key in the order and the number of the run.
    heads: BTreeMap<(Vec<u8>, usize), TreeEntry>,
}

impl Sorter {
    /// No name has come yet.
    pub(in crate::job) const fn new(cancel: Cancel) -> Self {
        Self::of(IN_MEMORY, cancel)
    }

    /// Keeps at most `most` bytes in memory, and one name.
    const fn of(most: usize, cancel: Cancel) -> Self {
        Self { fresh: Vec::new(), bytes: 0, most, runs: Vec::new(), cancel }
    }

    /// Takes in a name.
    ///
    /// # Errors
    ///
    /// A file cannot be written, or would be too large, or somebody has asked the program to stop.
    pub(in crate::job) fn push(&mut self, entry: TreeEntry) -> io::Result<()> {
        self.bytes += entry.bytes();
        self.fresh.push(entry);
        if self.bytes < self.most {
            return Ok(());
        }
        let run = self.run()?;
        self.runs.push(run);
        if self.runs.len() < MOST_RUNS {
            return Ok(());
        }
        let mut merged = SortedNames::of(std::mem::take(&mut self.runs))?;
        let mut one = Spool::new(0);
        while let Some(entry) = merged.next()? {
            self.cancel.check()?;
            one.push(entry)?;
        }
        self.runs.push(one);
        Ok(())
    }

    /// The names in their order.
    ///
    /// # Errors
    ///
    /// A file cannot be written or read.
    pub(in crate::job) fn finish(mut self) -> io::Result<SortedNames> {
        let last = self.run()?;
        self.runs.push(last);
        SortedNames::of(self.runs)
    }

    /// The last names as a run. If there are no others, they stay in memory.
    fn run(&mut self) -> io::Result<Spool<TreeEntry>> {
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.sort_by(|one, other| order(&one.path, &other.path));
        let bytes = std::mem::take(&mut self.bytes);
        let is_all = self.runs.is_empty() && bytes < self.most;
        let mut run = Spool::new(if is_all { fresh.len() } else { 0 });
        fresh.into_iter().try_for_each(|entry| run.push(entry))?;
        Ok(run)
    }
}

impl SortedNames {
    fn of(runs: Vec<Spool<TreeEntry>>) -> io::Result<Self> {
        let mut sorted = Self { runs, heads: BTreeMap::new() };
        for run in 0..sorted.runs.len() {
            sorted.take_from(run)?;
        }
        Ok(sorted)
    }

    fn take_from(&mut self, run: usize) -> io::Result<()> {
        if let Some(spool) = self.runs.get_mut(run)
            && let Some(entry) = spool.pop()?
        {
            self.heads.insert((sort_key(&entry.path).collect(), run), entry);
        }
        Ok(())
    }

    /// The next name, which stays.
    pub(in crate::job) fn peek(&self) -> Option<&TreeEntry> {
        self.heads.first_key_value().map(|(_, entry)| entry)
    }

    /// Takes the next name.
    ///
    /// # Errors
    ///
    /// A file cannot be read.
    pub(in crate::job) fn next(&mut self) -> io::Result<Option<TreeEntry>> {
        let Some(((_, run), entry)) = self.heads.pop_first() else { return Ok(None) };
        self.take_from(run)?;
        Ok(Some(entry))
    }
}

/// The failure if names, `what` for people, cannot be kept on the disk, or were not because the program should stop.
pub(in crate::job) fn cannot_keep(what: &str, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::Interrupted {
        return Failure::interrupted();
    }
    Failure::of_temporary_files(what, error)
}

/// The bytes of the names of a tree that are in memory.
const IN_MEMORY: usize = 16 << 20;
/// The number of runs that are merged to one: each has a file and a piece of it in memory.
const MOST_RUNS: usize = 32;
/// What the allocator needs for the path and the identity of a name, in bytes.
const OF_THE_ALLOCATOR: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64) -> TreeEntry {
        // In no order, and each once.
        let text = format!("d{:x}/f{}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40, number);
        let facts = Facts {
            kind: Kind::File,
            size: Some(number),
            modified: None,
            unique: None,
            version: None,
            mode: None,
        };
        TreeEntry { path: PathName::from_user(text).unwrap(), facts }
    }

    #[test]
    fn names_come_in_their_order_however_many_there_are() {
        let runs = MOST_RUNS as u64;
        for count in [0, 1, 99, 100, 101, 100 * runs, 250 * runs + 7] {
            // About a hundred names.
            let mut sorter = Sorter::of(20_000, Cancel::never());
            for number in 0..count {
                sorter.push(entry(number)).unwrap();
                assert!(sorter.fresh.len() < 200 && sorter.runs.len() < MOST_RUNS);
            }
            let mut sorted = sorter.finish().unwrap();
            let (mut last, mut found) = (None::<TreeEntry>, 0);
            while let Some(next) = sorted.next().unwrap() {
                assert!(last.is_none_or(|last| order(&last.path, &next.path).is_lt()));
                assert_eq!(next, entry(next.facts.size.unwrap()));
                (last, found) = (Some(next), found + 1);
            }
            assert_eq!(found, count);
        }
    }

    #[test]
    fn long_names_wait_on_the_disk_as_well_as_many() {
        let facts =
            Facts { kind: Kind::File, size: None, modified: None, unique: None, version: None, mode: None };
        let mut sorter = Sorter::new(Cancel::never());
        let above = "d/".repeat(1900);
        for number in 0..10_000 {
            let path = PathName::from_user(format!("{above}{number:09}")).unwrap();
            sorter.push(TreeEntry { path, facts: facts.clone() }).unwrap();
            let bytes: usize = sorter.fresh.last().map_or(0, TreeEntry::bytes);
            assert!(sorter.fresh.len() * bytes <= IN_MEMORY);
        }
        let on_disk: u64 = sorter.runs.iter().map(Spool::on_disk).sum();
        assert!(on_disk > 16 << 20, "{on_disk}");
        let mut sorted = sorter.finish().unwrap();
        let mut found = 0;
        while let Some(next) = sorted.next().unwrap() {
            assert!(next.path.as_bytes().ends_with(format!("{found:09}").as_bytes()));
            found += 1;
        }
        assert_eq!(found, 10_000);
    }

    #[test]
    fn a_directory_comes_right_before_what_is_in_it() {
        let name = |text: &str| PathName::from_wire(text.as_bytes()).unwrap();
        let mut paths = ["b", "a.b", "a/b/c", "a", "a-", "a/b", "a/b-", "a!/x", "a/z"].map(name).to_vec();
        paths.sort_by(order);
        let shown: Vec<String> = paths.iter().map(PathName::display).collect();
        assert_eq!(shown, ["a", "a/b", "a/b/c", "a/b-", "a/z", "a!/x", "a-", "a.b", "b"]);
    }
}
