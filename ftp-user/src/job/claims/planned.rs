//! A file before and after a worker has it.

use crate::failure::Failure;
use crate::job::claims::claim::Claimed;
use crate::job::item::{Done, Item};

/// A file that has its claim, and waits for a worker.
#[derive(Clone, Debug)]
pub(in crate::job) struct Planned {
    pub(in crate::job) item: Item,
    /// What the journal knows of it, or why it cannot be copied.
    pub(in crate::job) claimed: Result<Claimed, Failure>,
}

/// A file that a worker has done with.
#[derive(Debug)]
pub(in crate::job) struct Copied {
    /// The file, under the names that it turned out to have.
    pub(in crate::job) item: Item,
    /// What came of it.
    pub(in crate::job) result: Result<Done, Failure>,
    /// Why the source of a move stays although it was copied.
    pub(in crate::job) stays: Option<Failure>,
}

impl Copied {
    /// What came of a file.
    pub(in crate::job) const fn of(item: Item, result: Result<Done, Failure>) -> Self {
        Self { item, result, stays: None }
    }
}
