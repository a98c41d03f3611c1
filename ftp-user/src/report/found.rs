//! How many files a job has, as far as that is known: listings are read while files are copied.

use std::sync::{Arc, Mutex, PoisonError};

/// What was found so far of the files of a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// The number of files.
    pub files: u64,
    /// The sizes of all files of which they are known, in bytes.
    pub bytes: u64,
    /// The number of files whose sizes are not known.
    pub unsized_files: u64,
    /// Whether more may be found.
    pub more: bool,
}

/// Counts the files of a job. Clones share it: several trees may be read at the same time.
#[derive(Clone, Debug, Default)]
pub struct Finding(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    found: Found,
    /// Sources that nobody has looked at. Each is probably a file.
    unseen: u64,
    /// Trees that are being read.
    trees: u64,
}

impl Finding {
    /// There are so many more sources.
    pub fn sources(&self, count: u64) -> Found {
        self.change(|counts| counts.unseen += count)
    }

    /// A source is a file, or could not be looked at.
    pub fn file(&self, size: Option<u64>) -> Found {
        self.change(|counts| {
            counts.unseen = counts.unseen.saturating_sub(1);
            counts.add(1, size.unwrap_or(0), u64::from(size.is_none()));
        })
    }

    /// A source is a tree, which will be read.
    pub fn tree(&self) -> Found {
        self.change(|counts| {
            counts.unseen = counts.unseen.saturating_sub(1);
            counts.trees += 1;
        })
    }

    /// A source stands for no file.
    pub fn nothing(&self) -> Found {
        self.change(|counts| counts.unseen = counts.unseen.saturating_sub(1))
    }

    /// So many more files are in a tree, with so many bytes in all; the sizes of `unsized_files` are not known.
    pub fn in_tree(&self, files: u64, bytes: u64, unsized_files: u64) -> Found {
        self.change(|counts| counts.add(files, bytes, unsized_files))
    }

    /// A tree was read to its end.
    pub fn tree_ends(&self) -> Found {
        self.change(|counts| counts.trees = counts.trees.saturating_sub(1))
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) -> Found {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut counts);
        let Counts { found, unseen, trees } = &*counts;
        Found {
            files: found.files + unseen,
            unsized_files: found.unsized_files + unseen,
            more: *unseen > 0 || *trees > 0,
            ..*found
        }
    }
}

impl Counts {
    const fn add(&mut self, files: u64, bytes: u64, unsized_files: u64) {
        self.found.files += files;
        self.found.bytes = self.found.bytes.saturating_add(bytes);
        self.found.unsized_files += unsized_files;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_counted_as_files_until_they_are_looked_at() {
        let finding = Finding::default();
        let found = |files, bytes, unsized_files, more| Found { files, bytes, unsized_files, more };
        assert_eq!(finding.sources(3), found(3, 0, 3, true));
        assert_eq!(finding.file(Some(5)), found(3, 5, 2, true));
        assert_eq!(finding.tree(), found(2, 5, 1, true));
        assert_eq!(finding.in_tree(10, 100, 1), found(12, 105, 2, true));
        assert_eq!(finding.clone().nothing(), found(11, 105, 1, true));
        assert_eq!(finding.tree_ends(), found(11, 105, 1, false));
    }
}
