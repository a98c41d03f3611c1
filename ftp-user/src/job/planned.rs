//! A file before and after a worker has it.

use super::item::{Done, Item};
use super::kept::Claimed;
use crate::failure::Failure;

/// A file that has its claim, and waits for a worker.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) item: Item,
    /// What the journal knows of it, or why it cannot be copied.
    pub(super) claimed: Result<Claimed, Failure>,
}

/// A file that a worker has done with.
#[derive(Debug)]
pub(super) struct Copied {
    /// The file, under the names that it turned out to have.
    pub(super) item: Item,
    /// What came of it.
    pub(super) result: Result<Done, Failure>,
}
