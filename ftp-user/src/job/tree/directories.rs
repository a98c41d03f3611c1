//! Directories of a tree that are not at the destination: those that wait for a file, those that could not be made, and those
//! that are made at once. The paths of the first two are not kept: a directory is known by a hash of its path, so that a
//! server with long names fills no memory.

use super::visits::Visit;
use crate::failure::Kind;
use crate::job::file::times::Attributes;
use crate::place;
use ftp_proto::wire::PathName;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// A directory that is not made yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct UnmadeDirectory {
    /// What it gets after its contents.
    pub(super) attributes: Attributes,
    /// The hash of an earlier name that differs from its own only in case.
    pub(super) other: Option<u64>,
}

/// The directories of a tree that are not there. Paths are relative to the tree.
#[derive(Debug, Default)]
pub(super) struct MissingDirectories {
    hasher: RandomState,
    unmade: HashMap<u64, UnmadeDirectory>,
    lost: HashMap<u64, Kind>,
}

impl MissingDirectories {
    /// Whether a directory waits for a file.
    pub(super) fn waits(&self) -> bool {
        !self.unmade.is_empty()
    }

    /// Whether another directory may wait for a file. If not, it is made at once.
    pub(super) fn has_room(&self) -> bool {
        self.unmade.len() < MOST_UNMADE
    }

    /// A directory waits for a file.
    pub(super) fn wait(&mut self, path: &PathName, unmade: UnmadeDirectory) {
        self.unmade.insert(self.hash(path), unmade);
    }

    /// The directories above a file that wait for one, the deepest first. They do not wait any more.
    pub(super) fn take_above(&mut self, path: &PathName) -> Vec<(PathName, UnmadeDirectory)> {
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

    /// The directories of `visits` that a server can be told to make at once: their paths at the destination, where `root` is
    /// the path of the tree. What is in another one of them waits until that one is known to be apart from others.
    pub(super) fn makeable(&self, visits: &[Visit], root: &PathName) -> Vec<PathName> {
        let mut paths: Vec<PathName> = Vec::with_capacity(visits.len());
        for visit in visits {
            let Visit::Directory(below, _) = visit else { continue };
            let path = place::join(Some(root), below);
            let is_in_another = place::parent(&path).is_some_and(|above| paths.contains(&above));
            if self.lost_by(below).is_none() && !is_in_another {
                paths.push(path);
            }
        }
        paths
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
        let mut missing = MissingDirectories::default();
        let other = |number| UnmadeDirectory { other: Some(number), ..UnmadeDirectory::default() };
        missing.wait(&name("a"), other(1));
        missing.wait(&name("a/b"), other(2));
        missing.wait(&name("c"), other(3));
        assert_eq!(missing.take_above(&name("x")), []);
        let taken = missing.take_above(&name("a/b/f"));
        assert_eq!(taken, [(name("a/b"), other(2)), (name("a"), other(1))]);
        assert_eq!(missing.take_above(&name("a/b/g")), []);
        assert!(missing.waits());
        assert_eq!(missing.take_above(&name("c/f")).len(), 1);
        assert!(!missing.waits());
    }

    #[test]
    fn what_is_below_a_lost_directory_is_lost() {
        let mut missing = MissingDirectories::default();
        assert!(missing.lose(&name("a/b"), Kind::Refused));
        for (path, is_lost) in [("a/b/f", true), ("a/b/c/f", true), ("a/f", false), ("a/b", false)] {
            assert_eq!(missing.lost_by(&name(path)), is_lost.then_some(Kind::Refused), "{path}");
        }
    }

    #[test]
    fn directories_with_long_names_need_little_memory_and_no_more_than_a_bound_wait() {
        assert!(size_of::<(u64, UnmadeDirectory)>() <= 64);
        let mut missing = MissingDirectories::default();
        let mut number = 0;
        while missing.has_room() {
            missing.wait(&name(&format!("d{number}")), UnmadeDirectory::default());
            number += 1;
        }
        assert_eq!(number, MOST_UNMADE);
        missing.take_above(&name("d7/f"));
        assert!(missing.has_room());
    }

    #[test]
    fn a_directory_in_another_one_or_in_a_lost_one_is_not_made_at_once() {
        let mut missing = MissingDirectories::default();
        missing.lose(&name("lost"), Kind::Refused);
        let visits = |paths: &[&str]| -> Vec<Visit> {
            paths.iter().map(|path| Visit::Directory(name(path), Attributes::default())).collect()
        };
        for (found, expect) in [
            (&["a", "b"][..], &["t/a", "t/b"][..]),
            (&["a", "a/b", "c"], &["t/a", "t/c"]),
            // One of them may be refused where both are one. The one that is refused is looked at alone.
            (&["a", "A"], &["t/a", "t/A"]),
            // The deeper one waits for its own parent only.
            (&["x/a", "x/a/b", "x/c"], &["t/x/a", "t/x/c"]),
            (&["lost/a", "a"], &["t/a"]),
        ] {
            let expect: Vec<PathName> = expect.iter().map(|path| name(path)).collect();
            assert_eq!(missing.makeable(&visits(found), &name("t")), expect, "{found:?}");
        }
    }
}
