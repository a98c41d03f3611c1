//! Names of one directory that differ only in upper and lower case, or in the Unicode form of a letter: many destinations take
//! them for one.

use super::visits::Visit;
use crate::account::shortened;
use crate::failure::Failure;
use crate::job::Item;
use crate::job::file::times::Attributes;
use crate::job::similar::{DifferenceAt, beside, folded};
use crate::job::spool::NameSet;
use crate::place;
use ftp_proto::wire::PathName;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// The names of the directory that is visited, by hashes. A walk tells all that is in one before it comes to the next; a sync does not,
/// and keeps the names of all directories.
#[derive(Debug, Default)]
pub(super) struct SiblingNames {
    /// All names of a sync so far, also those that it does not visit, as [`beside`] has them.
    all: Option<NameSet>,
    directory: Option<PathName>,
    hasher: RandomState,
    /// Each name without its case.
    folded: NameSet,
    /// The hashes of names that are not written so, by the hashes of what they are without their case.
    first: HashMap<u64, u64>,
}

impl SiblingNames {
    /// No name was visited yet. `all`: the names that a sync does not visit.
    pub(super) fn new(all: Option<NameSet>) -> Self {
        Self { all, ..Self::default() }
    }

    /// Adds a path. Returns whether an earlier name of the same directory differs from its own only in case.
    pub(super) fn is_similar(&mut self, path: &PathName) -> bool {
        if let Some(all) = &mut self.all {
            return !all.insert(&beside(path));
        }
        let directory = place::parent(path);
        if self.directory != directory {
            (self.directory, self.folded, self.first) = (directory, NameSet::default(), HashMap::new());
        }
        let Some(name) = place::base_name(path) else { return false };
        let without_case = folded(name.as_bytes());
        let (own, folded) = (self.hash(name.as_bytes()), self.hash(&without_case));
        if self.folded.insert(&without_case) {
            if own != folded {
                self.first.insert(folded, own);
            }
            return false;
        }
        self.first.get(&folded).copied().unwrap_or(folded) != own
    }

    fn hash(&self, name: &[u8]) -> u64 {
        self.hasher.hash_one(name)
    }
}

/// Files that are copied last, because their names differ from others in case only. A server decides how many there are, so
/// their number is bounded, and so are the bytes of their names.
#[derive(Debug, Default)]
pub(super) struct SimilarFiles {
    /// Each with what differs in its path.
    files: Vec<(Item, DifferenceAt)>,
    bytes: usize,
}

impl SimilarFiles {
    /// Keeps a file.
    ///
    /// # Errors
    ///
    /// There is no room for more: the file comes back.
    pub(super) fn push(&mut self, item: Item, difference: DifferenceAt) -> Result<(), Box<Item>> {
        let bytes = item.source.as_bytes().len() + item.destination.as_bytes().len();
        if self.files.len() >= MOST_SIMILAR || self.bytes.saturating_add(bytes) > MOST_BYTES {
            return Err(Box::new(item));
        }
        self.bytes += bytes;
        self.files.push((item, difference));
        Ok(())
    }

    /// All of them, once.
    pub(super) fn take(&mut self) -> Vec<(Item, DifferenceAt)> {
        std::mem::take(self).files
    }
}

/// The largest number of files that are copied last.
pub(super) const MOST_SIMILAR: usize = 65_536;
/// The largest number of bytes of their names.
const MOST_BYTES: usize = 32 << 20;

/// A directory that is not made yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct UnmadeDirectory {
    /// What it gets after its contents.
    pub(super) attributes: Attributes,
    /// Whether another name differs from its own only in case.
    pub(super) is_similar: bool,
}

/// The directories of a tree that are not there. Paths are relative to the tree.
#[derive(Debug, Default)]
pub(super) struct MissingDirectories {
    hasher: RandomState,
    unmade: HashMap<u64, UnmadeDirectory>,
    /// What the files in directories fail with that could not be made.
    lost: HashMap<u64, Arc<Failure>>,
    /// The last one of these failures.
    last: Option<Arc<Failure>>,
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

    /// A directory could not be made: nothing in it can be copied either. Returns whether another one may be lost.
    pub(super) fn lose(&mut self, path: &PathName, failure: &Failure) -> bool {
        let of_files = Failure::new(failure.kind, WITHOUT_DIRECTORY);
        let of_files = match self.lost.len() < MOST_EXPLAINED {
            true => {
                let why = shortened(failure.said.as_ref().unwrap_or(&failure.what));
                of_files.said(why).hint(failure.hint.as_deref().unwrap_or(MAKE_IT))
            }
            false => of_files.hint(MAKE_IT),
        };
        // Most of them are alike.
        let of_files = match self.last.take_if(|last| **last == of_files) {
            Some(last) => last,
            None => Arc::new(of_files),
        };
        self.last = Some(Arc::clone(&of_files));
        self.lost.insert(self.hash(path), of_files);
        self.lost.len() < MOST_LOST
    }

    /// What a file fails with because a directory above it could not be made; `None` if there is no such directory.
    pub(super) fn lost_by(&self, path: &PathName) -> Option<&Failure> {
        if self.lost.is_empty() {
            return None;
        }
        std::iter::successors(place::parent(path), place::parent)
            .find_map(|directory| self.lost.get(&self.hash(&directory)).map(Arc::as_ref))
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
/// Of how many lost directories the files tell why.
const MOST_EXPLAINED: usize = 10_000;
/// Why nothing can be copied into a directory.
pub(super) const WITHOUT_DIRECTORY: &str = "its directory could not be made";
/// What to do, if the failure of the directory does not say it.
const MAKE_IT: &str = "make it at the destination, then copy again";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;
    use crate::place::tests::path as name;

    #[test]
    fn h35_names_that_differ_in_case_only_are_found_within_a_directory() {
        let mut names = SiblingNames::default();
        for (text, expect) in [
            ("Case", false),
            ("other", false),
            ("case", true),
            ("CASE", true),
            ("Case", false),
            ("d/case", false),
            ("d/\u{d6}l", false),
            ("d/\u{f6}L", true),
            ("e/O\u{308}l", false),
            ("e/\u{d6}l", true),
            ("e/\u{f6}l", true),
        ] {
            assert_eq!(names.is_similar(&name(text)), expect, "{text}");
        }
    }

    /// How many files are kept whose names have so many bytes.
    fn kept(bytes: usize) -> usize {
        let mut similar = SimilarFiles::default();
        let mut count = 0;
        while similar.push(Item::of_both(1, &"x".repeat(bytes)), DifferenceAt::LastName).is_ok() {
            count += 1;
        }
        assert_eq!((similar.take().len(), similar.bytes), (count, 0));
        count
    }

    #[test]
    fn a_server_does_not_decide_how_much_memory_its_names_take() {
        assert_eq!(kept(20), MOST_SIMILAR);
        assert_eq!(kept(4096), MOST_BYTES / 8192);
    }

    #[test]
    fn the_directories_above_a_file_are_taken_once() {
        let mut missing = MissingDirectories::default();
        let unmade = |is_similar| UnmadeDirectory { is_similar, ..UnmadeDirectory::default() };
        missing.wait(&name("a"), unmade(false));
        missing.wait(&name("a/b"), unmade(true));
        missing.wait(&name("c"), unmade(false));
        assert_eq!(missing.take_above(&name("x")), []);
        let taken = missing.take_above(&name("a/b/f"));
        assert_eq!(taken, [(name("a/b"), unmade(true)), (name("a"), unmade(false))]);
        assert_eq!(missing.take_above(&name("a/b/g")), []);
        assert!(missing.waits());
        assert_eq!(missing.take_above(&name("c/f")).len(), 1);
        assert!(!missing.waits());
    }

    #[test]
    fn what_is_below_a_lost_directory_is_lost() {
        let mut missing = MissingDirectories::default();
        let refused = Failure::new(Kind::Refused, "cannot make the directory a/b").said("b said \"550 no\"");
        assert!(missing.lose(&name("a/b"), &refused) && missing.lose(&name("d"), &refused));
        for (path, is_lost) in
            [("a/b/f", true), ("a/b/c/f", true), ("d/f", true), ("a/f", false), ("a/b", false)]
        {
            let why = missing.lost_by(&name(path)).map(Failure::to_string);
            let expect = "its directory could not be made: b said \"550 no\"; make it at the destination, then copy again";
            assert_eq!(why.as_deref(), is_lost.then_some(expect), "{path}");
        }
        assert_eq!(missing.last.map(|last| Arc::strong_count(&last)), Some(3), "the same text is kept once");
    }

    #[test]
    fn directories_with_long_names_need_little_memory_and_no_more_than_a_bound_wait() {
        assert!(size_of::<(u64, UnmadeDirectory)>() <= 64);
        let mut missing = MissingDirectories::default();
        let mut number = 0;
        while missing.has_room() {
            missing.wait(&name(format!("d{number}")), UnmadeDirectory::default());
            number += 1;
        }
        assert_eq!(number, MOST_UNMADE);
        missing.take_above(&name("d7/f"));
        assert!(missing.has_room());
    }

    #[test]
    fn a_directory_in_another_one_or_in_a_lost_one_is_not_made_at_once() {
        let mut missing = MissingDirectories::default();
        missing.lose(&name("lost"), &Failure::new(Kind::Refused, "no"));
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
            let expect: Vec<PathName> = expect.iter().map(name).collect();
            assert_eq!(missing.makeable(&visits(found), &name("t")), expect, "{found:?}");
        }
    }
}
