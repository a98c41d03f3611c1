//! A tree: a walk through a directory at the source, and its copy at the destination.

mod ahead;
mod apart;
mod asked;
mod cases;
mod chain;
mod copy;
mod doubtful;
mod finish;
mod hashes;
mod pending;
mod visits;
mod walk;

pub(super) use asked::{Found, Tree};
pub(super) use cases::{folded, one_form};
pub(super) use hashes::Hashes;
pub(super) use visits::{Giver, queue};
pub(crate) use visits::{Visit, Visits};
pub(crate) use walk::{Rules, WalkPurpose, walk};

/// The number of directories that a server is told to make, or that get their times, at once.
const AT_ONCE: usize = 32;
