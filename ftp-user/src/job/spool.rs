//! A queue of which little is in memory, because the rest waits in a file without a name, in the directory for temporary files;
//! and a set of names of which only hashes are kept.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{HashSet, VecDeque};
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
    ///
    /// # Errors
    ///
    /// The file cannot be read.
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

    /// The number of records in memory, as records or in the form of the file.
    #[cfg(test)]
    pub(crate) fn in_memory(&self) -> usize {
        self.held.len() + self.fresh.len() / 16
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
