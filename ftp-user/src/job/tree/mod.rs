//! A tree: a walk through a directory at the source, and its copy at the destination.

mod cases;
mod chain;
mod copy;
mod doubtful;
mod hashes;
mod name;
mod pending;
mod spool;
mod visits;
mod walk;

pub(super) use copy::{Tree, is_below};
pub(super) use name::usable;
pub(super) use walk::Rules;
