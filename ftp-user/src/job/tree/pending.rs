//! Directories that are made as soon as a file goes into them, and those that could not be made. Their paths are not kept: a
//! directory is known by a hash of its path, so that a server with long names fills no memory.

use crate::failure::Kind;
use crate::job::file::times::Attributes;
use crate::place;
use ftp_proto::wire::PathName;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// A directory that is not made yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Unmade {
    /// What it gets after its contents.
    pub(super) attributes: Attributes,
    /// The hash of an earlier name that differs from its own only in case.
    pub(super) other: Option<u64>,
}

/// The directories of a tree that are not there. Paths are relative to the tree.
#[derive(Debug, Default)]
pub(super) struct Pending {
    hasher: RandomState,
    unmade: HashMap<u64, Unmade>,
    lost: HashMap<u64, Kind>,
}

impl Pending {
    /// Whether a directory waits for a file.
    pub(super) fn waits(&self) -> bool {
        !self.unmade.is_empty()
    }

    /// Whether another directory may wait for a file. If not, it is made at once.
    pub(super) fn has_room(&self) -> bool {
        self.unmade.len() < MOST_UNMADE
    }

    /// A directory waits for a file.
    pub(super) fn wait(&mut self, path: &PathName, unmade: Unmade) {
        self.unmade.insert(self.hash(path), unmade);
    }

    /// The directories above a file that wait for one, the deepest first. They do not wait any more.
    pub(super) fn take_above(&mut self, path: &PathName) -> Vec<(PathName, Unmade)> {
        let mut above = Vec::new();
        for directory in std::iter::successors(place::parent(path), place::parent) {
            let hash = self.hash(&directory);
            let Some(unmade) = self.unmade.remove(&hash) else { break };
            above.push((directory, unmade));
        }
        above
    }

    /// A directory could not be made, by a failure of this kind: nothing in it can be copied either. Returns whether
    /// another one may be lost.
    pub(super) fn lose(&mut self, path: &PathName, kind: Kind) -> bool {
        self.lost.insert(self.hash(path), kind);
        self.lost.len() < MOST_LOST
    }

    /// The kind of failure by which a directory above `path` could not be made; `None` if there is no such directory.
    pub(super) fn lost_by(&self, path: &PathName) -> Option<Kind> {
        if self.lost.is_empty() {
            return None;
        }
        std::iter::successors(place::parent(path), place::parent)
            .find_map(|directory| self.lost.get(&self.hash(&directory)).copied())
    }

    fn hash(&self, path: &PathName) -> u64 {
        self.hasher.hash_one(path.as_bytes())
    }
}

/// How many directories may wait for a file.
pub(super) const MOST_UNMADE: usize = 500_000;
/// How many directories may be lost before the tree is given up.
pub(super) const MOST_LOST: usize = 500_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> PathName {
        PathName::from_user(text).unwrap()
    }

    #[test]
    fn the_directories_above_a_file_are_taken_once() {
        let mut pending = Pending::default();
        let other = |number| Unmade { other: Some(number), ..Unmade::default() };
        pending.wait(&name("a"), other(1));
        pending.wait(&name("a/b"), other(2));
        pending.wait(&name("c"), other(3));
        assert_eq!(pending.take_above(&name("x")), []);
        let taken = pending.take_above(&name("a/b/f"));
        assert_eq!(taken, [(name("a/b"), other(2)), (name("a"), other(1))]);
        assert_eq!(pending.take_above(&name("a/b/g")), []);
        assert!(pending.waits());
        assert_eq!(pending.take_above(&name("c/f")).len(), 1);
        assert!(!pending.waits());
    }

    #[test]
    fn what_is_below_a_lost_directory_is_lost() {
        let mut pending = Pending::default();
        assert!(pending.lose(&name("a/b"), Kind::Refused));
        for (path, is_lost) in [("a/b/f", true), ("a/b/c/f", true), ("a/f", false), ("a/b", false)] {
            assert_eq!(pending.lost_by(&name(path)), is_lost.then_some(Kind::Refused), "{path}");
        }
    }

    #[test]
    fn directories_with_long_names_need_little_memory_and_no_more_than_a_bound_wait() {
        assert!(size_of::<(u64, Unmade)>() <= 64);
        let mut pending = Pending::default();
        let mut number = 0;
        while pending.has_room() {
            pending.wait(&name(&format!("d{number}")), Unmade::default());
            number += 1;
        }
        assert_eq!(number, MOST_UNMADE);
        pending.take_above(&name("d7/f"));
        assert!(pending.has_room());
    }
}
