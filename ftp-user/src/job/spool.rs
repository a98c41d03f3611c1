//! Names of which little is in memory, because the rest waits in files without names: queues, sets, and names in their order.
//! Servers list in any order, and a tree may have millions of names: sorted runs are merged.

use crate::context::Cancel;
use crate::failure::Failure;
use crate::session::Facts;
use ftp_proto::listing::Kind;
use ftp_proto::wire::PathName;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::FileExt;

/// The oldest record is taken first.
#[derive(Debug)]
pub(crate) struct Spool<T> {
    /// The oldest ones.
    held: VecDeque<T>,
    /// How many of them may be in memory.
    most: usize,
    /// Younger ones, in parts of the file that were not read yet.
    file: Option<File>,
    read: u64,
    written: u64,
    /// The youngest ones, which are not in the file yet.
    fresh: Vec<u8>,
    /// The number of records that are not held.
    away: usize,
    /// The largest number of bytes of the file.
    largest: u64,
}

impl<T: Serialize + DeserializeOwned> Spool<T> {
    /// An empty queue that keeps about `most` records in memory.
    pub(crate) const fn new(most: usize) -> Self {
        let held = VecDeque::new();
        Self { held, most, file: None, read: 0, written: 0, fresh: Vec::new(), away: 0, largest: LARGEST }
    }

    /// The number of records.
    pub(crate) fn len(&self) -> usize {
        self.held.len() + self.away
    }

    /// The number of bytes that wait in the file.
    pub(crate) const fn on_disk(&self) -> u64 {
        self.written - self.read
    }

    /// Appends a record.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or it would be too large.
    pub(crate) fn push(&mut self, record: T) -> io::Result<()> {
        if self.away == 0 && self.held.len() < self.most {
            self.held.push_back(record);
            return Ok(());
        }
        self.fresh.extend(postcard::to_allocvec(&record).map_err(io::Error::other)?);
        self.away += 1;
        if self.fresh.len() < CHUNK {
            return Ok(());
        }
        if self.on_disk() + self.fresh.len() as u64 > self.largest {
            let mebibytes = self.largest >> 20;
            return Err(io::Error::other(format!(
                "they take more than {mebibytes} MiB, so name a part of it"
            )));
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.write_all_at(&self.fresh, self.written)?;
        self.written += self.fresh.len() as u64;
        self.fresh.clear();
        Ok(())
    }

    /// The oldest record, if it is in memory.
    pub(crate) fn front(&self) -> Option<&T> {
        self.held.front()
    }

    /// Takes the oldest record.
    pub(crate) fn pop(&mut self) -> io::Result<Option<T>> {
        if self.held.is_empty() && self.away > 0 {
            self.refill()?;
        }
        Ok(self.held.pop_front())
    }

    /// Brings the next records into memory.
    fn refill(&mut self) -> io::Result<()> {
        let unread = usize::try_from(self.on_disk()).unwrap_or(usize::MAX);
        let chunk = match &self.file {
            Some(file) if unread > 0 => {
                let mut chunk = vec![0; unread.min(2 * CHUNK)];
                file.read_exact_at(&mut chunk, self.read)?;
                chunk
            }
            Some(_) | None => std::mem::take(&mut self.fresh),
        };
        let mut rest = chunk.as_slice();
        while !rest.is_empty() {
            match postcard::take_from_bytes(rest) {
                Ok((record, others)) => {
                    self.held.push_back(record);
                    self.away -= 1;
                    rest = others;
                }
                // The rest of this one is in the next chunk.
                Err(postcard::Error::DeserializeUnexpectedEnd)
                    if rest.len() < chunk.len() && chunk.len() < unread =>
                {
                    break;
                }
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
        if unread > 0 {
            self.read += (chunk.len() - rest.len()) as u64;
        }
        if self.read == self.written
            && let Some(file) = &self.file
        {
            file.set_len(0)?;
            (self.read, self.written) = (0, 0);
        }
        Ok(())
    }
}

impl<T: Serialize + DeserializeOwned> Default for Spool<T> {
    /// An empty queue that keeps about [`RECORDS_IN_MEMORY`] records in memory.
    fn default() -> Self {
        Self::new(RECORDS_IN_MEMORY)
    }
}

/// How many records of a queue are in memory, unless it says something else.
pub(in crate::job) const RECORDS_IN_MEMORY: usize = 1024;

/// A set of names or paths, of which only hashes are kept. Each takes little more than eight bytes: a directory may have a
/// million names.
#[derive(Debug, Default)]
pub(super) struct NameSet {
    hasher: RandomState,
    /// The latest hashes.
    fresh: HashSet<u64>,
    /// The others, sorted. Each run is at least twice as long as the next one, so there are few.
    runs: Vec<Vec<u64>>,
    number: usize,
}

impl NameSet {
    /// Adds a name. Returns false if it was there already.
    pub(super) fn insert(&mut self, name: &[u8]) -> bool {
        let hash = self.hasher.hash_one(name);
        if self.is_in_a_run(hash) || !self.fresh.insert(hash) {
            return false;
        }
        self.number += 1;
        if self.fresh.len() >= FRESH {
            self.merge();
        }
        true
    }

    /// The number of names.
    pub(super) const fn len(&self) -> usize {
        self.number
    }

    /// Whether a name was added.
    pub(super) fn contains(&self, name: &[u8]) -> bool {
        let hash = self.hasher.hash_one(name);
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

/// How many hashes are kept without an order.
const FRESH: usize = 1024;
/// Bytes that are written or read at once. No record is longer.
const CHUNK: usize = 64 * 1024;
/// The largest file. Ten million names of 200 bytes are less.
const LARGEST: u64 = 2 << 30;

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

    impl<T: Serialize + DeserializeOwned> Spool<T> {
        /// The number of records in memory, as records or in the form of the file.
        pub(crate) fn in_memory(&self) -> usize {
            self.held.len() + self.fresh.len() / 16
        }
    }

    /// A number with about as many bytes as a short name has.
    const fn padded(number: u64) -> [u64; 3] {
        [number, u64::MAX, u64::MAX]
    }

    #[test]
    fn a_file_has_a_largest_size() {
        let mut spool = Spool { largest: 1 << 20, ..Spool::new(10) };
        let pushed = (0..200_000_u64).map(|number| spool.push(padded(number))).find_map(Result::err);
        assert!(pushed.unwrap().to_string().contains("more than 1 MiB"));
        assert!(spool.on_disk() <= 1 << 20);
        assert_eq!(spool.pop().unwrap(), Some(padded(0)));
    }

    #[test]
    fn a_queue_keeps_its_order_and_little_in_memory() {
        let mut spool = Spool::new(10);
        let (mut pushed, mut popped, mut most) = (0_u64, 0_u64, 0);
        // It grows, and is emptied twice.
        for (push, pop) in [(3, 2), (200_000, 50_000), (10, 150_011), (5, 0), (100_000, 100_005)] {
            for _ in 0..push {
                spool.push(padded(pushed)).unwrap();
                pushed += 1;
                most = most.max(spool.in_memory());
            }
            for _ in 0..pop {
                assert_eq!(spool.pop().unwrap(), Some(padded(popped)));
                popped += 1;
                most = most.max(spool.in_memory());
            }
            assert_eq!(spool.len() as u64, pushed - popped);
        }
        assert_eq!((spool.pop().unwrap(), spool.on_disk()), (None, 0));
        assert!(most < 20_000, "{most}");
    }

    #[test]
    fn each_name_is_new_once_and_takes_little_memory() {
        let mut names = NameSet::default();
        for number in 0..200_000_u64 {
            assert!(names.insert(&number.to_le_bytes()), "{number} is new");
            assert!(!names.insert(&(number / 2).to_le_bytes()), "{number} is known");
            assert!(names.contains(&(number / 3).to_le_bytes()));
            assert!(!names.contains(&(number + 1).to_le_bytes()));
        }
        let room: usize = names.runs.iter().map(Vec::capacity).sum();
        assert!(room < 202_000 && names.fresh.capacity() < 4 * FRESH, "{room}");
        assert!(names.runs.len() < 20, "{}", names.runs.len());
        assert!(names.runs.iter().all(|run| run.is_sorted()));
    }

    fn entry(number: u64) -> TreeEntry {
        // In no order, and each once.
        let text = format!("d{:x}/f{}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40, number);
        let facts = Facts { size: Some(number), ..Facts::of_kind(Kind::File) };
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
        let facts = Facts::of_kind(Kind::File);
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
