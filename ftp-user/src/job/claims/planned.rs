//! A file after a worker has had it.

use crate::failure::Failure;
use crate::job::item::Item;
use crate::outcome::FileCopy;

/// A file that a worker has done with.
#[derive(Debug)]
pub(in crate::job) struct Copied {
    /// The file, under the names that it turned out to have.
    pub(in crate::job) item: Item,
    /// What came of it.
    pub(in crate::job) result: Result<FileCopy, Failure>,
    /// Why the source of a move stays although it was copied.
    pub(in crate::job) stays: Option<Failure>,
}

impl Copied {
    /// What came of a file.
    pub(in crate::job) const fn of(item: Item, result: Result<FileCopy, Failure>) -> Self {
        Self { item, result, stays: None }
    }
}
