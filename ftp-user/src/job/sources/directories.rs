//! Directories that are known to be at the destination of a list, so that nobody asks for the same one again. Pure.

use crate::job::tree::Hashes;
use crate::place;
use ftp_proto::wire::PathName;
use std::hash::{BuildHasher, RandomState};

/// The directories, by hashes of their paths.
#[derive(Debug, Default)]
pub(super) struct KnownDirectories {
    hasher: RandomState,
    known: Hashes,
}

impl KnownDirectories {
    /// Takes in a directory, which is there with those above it.
    pub(super) fn add(&mut self, path: &PathName) {
        for path in std::iter::successors(Some(path.clone()), place::parent) {
            if !self.known.insert(self.hash(&path)) {
                return;
            }
        }
    }

    /// Whether this is one of them.
    pub(super) fn has(&self, path: &PathName) -> bool {
        self.known.contains(self.hash(path))
    }

    fn hash(&self, path: &PathName) -> u64 {
        self.hasher.hash_one(path.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_above_a_directory_are_known_as_well() {
        let path = |text: &str| PathName::from_user(text).unwrap();
        let mut known = KnownDirectories::default();
        known.add(&path("a/b/c"));
        known.add(&path("a/b"));
        for (text, expect) in [("a", true), ("a/b", true), ("a/b/c", true), ("a/b/c/d", false), ("b", false)]
        {
            assert_eq!(known.has(&path(text)), expect, "{text}");
        }
    }
}
