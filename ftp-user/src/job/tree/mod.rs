//! A tree: a walk through a directory at the source, and its copy at the destination.

mod cases;
mod chain;
mod copy;
mod doubtful;
mod hashes;
mod pending;
mod visits;
mod walk;

pub(super) use cases::{folded, one_form};
pub(crate) use copy::is_below;
pub(super) use copy::{Found, Tree};
pub(super) use hashes::Hashes;
pub(super) use visits::{Giver, queue};
pub(crate) use visits::{Visit, Visits};
pub(crate) use walk::{Rules, walk};
