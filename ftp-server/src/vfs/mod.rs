//! The files of an account: what a path means beneath the root and what may be done with it.
//!
//! Everything here may block on a disk, unless it says otherwise: call it from the blocking pool.
//!
//! | file | what |
//! |---|---|
//! | `path`, `root`, `walk` | confinement: every path is resolved beneath the root |
//! | `entry`, `names`, `list`, `digest` | facts of files, listings, files that are hashed |
//! | `attributes` | times, permissions, links, the space that is left |
//! | `partial`, `new_file`, `lock`, `upload`, `inherit` | files that arrive, and their names until they are complete |
//! | `group` | groups of small files: one stream, one temporary directory |
//! | `copying` | copies of files within the server |
//! | `durability`, `stable` | what is on stable storage when something is said to be done; the file systems that hold what an account has stored |
//! | `partial_names`, `leftovers` | these names in the state directory, and what a killed server has left of them |
//! | `tree` | several directories that a user sees as one |
//! | `quota` | how much each root holds, and how much an account may store |
//! | `room` | how large a file may be, and how much of a disk stays free |
//! | `view`, `rename` | all of that with the rights of one account |
//! | `prepared`, `small_file` | what is open for a transfer before there is a data connection |
//! | `cached`, `file_system` | what needs no wait for a disk, and so no thread |

mod attributes;
mod cached;
mod copying;
mod digest;
mod durability;
mod entry;
mod failure;
mod file_system;
mod group;
mod inherit;
mod leftovers;
mod list;
mod lock;
mod names;
mod new_file;
mod partial;
mod partial_names;
mod path;
mod prepared;
mod quota;
mod rename;
mod root;
mod small_file;
mod stable;
#[cfg(test)]
mod tests;
mod tree;
mod upload;
mod upload_bounds;
mod view;
mod walk;

pub use copying::{Copying, Progress};
pub use digest::Subject;
pub use durability::Durability;
pub use entry::Detail;
pub(crate) use failure::io_failure;
pub use group::{GroupSource, GroupStream, GroupTarget, GroupWriter, HeldGroup};
pub use list::{Listing, Next};
pub use prepared::Prepared;
pub use quota::{CountedFile, QuotaLimits};
pub use root::Root;
pub use stable::FileSystem;
pub use tree::{Roots, Tree};
pub use upload::{Finished, Received, Target, Upload};
pub use view::View;
