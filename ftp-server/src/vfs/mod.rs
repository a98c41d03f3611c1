//! The files of an account: what a path means beneath the root and what may be done with it.
//!
//! Everything here may block on a disk, unless it says otherwise: call it from the blocking pool.
//!
//! | file | what |
//! |---|---|
//! | `path`, `root` | confinement: every path is resolved beneath the root |
//! | `entry`, `list` | facts of files, listings |
//! | `attributes` | times, permissions, links, the space that is left |
//! | `new_file`, `lock`, `upload` | files that arrive, their names until they are complete, and how large they may be |
//! | `group` | groups of small files: one stream, one temporary directory |
//! | `copying` | files that must not change while they are read, and copies of files within the server |
//! | `durability` | what is on stable storage when something is said to be done; the file systems that hold what an account has stored |
//! | `partial_names` | temporary names in the state directory, and what a killed server has left of them |
//! | `tree` | several directories that a user sees as one |
//! | `quota` | how much each root holds, and how much an account may store |
//! | `view` | all of that with the rights of one account |
//! | `prepared` | what is open for a transfer before there is a data connection, and what needs no thread because it is in memory |

mod attributes;
mod copying;
mod durability;
mod entry;
mod group;
mod list;
mod lock;
mod new_file;
mod partial_names;
mod path;
mod prepared;
mod quota;
mod root;
#[cfg(test)]
mod tests;
mod tree;
mod upload;
mod view;

use std::io;

use ftp_proto::server::ask::FileFailure;
use rustix::io::Errno;

pub use copying::{Copying, Progress, Subject};
pub use durability::{Durability, FileSystem};
pub use entry::Detail;
pub use group::{GroupSource, GroupStream, GroupTarget, GroupWriter, HeldGroup};
pub use list::{Listing, Next};
pub use prepared::PreparedTransfer;
pub use quota::{CountedFile, QuotaLimits};
pub use root::Root;
pub use tree::{Roots, Tree};
pub use upload::{Completeness, Finished, Target, Upload};
pub use view::View;

/// The failure that `errno` means. What has no meaning for a client is logged.
fn failure(errno: Errno) -> FileFailure {
    match errno {
        Errno::NOENT => FileFailure::NotFound,
        Errno::ACCESS | Errno::PERM | Errno::ROFS => FileFailure::Denied,
        Errno::ISDIR => FileFailure::IsDirectory,
        Errno::NOTDIR => FileFailure::NotDirectory,
        Errno::NOTEMPTY => FileFailure::NotEmpty,
        Errno::EXIST => FileFailure::Exists,
        // XDEV is openat2's word for a path that leads out of the root.
        Errno::NAMETOOLONG | Errno::XDEV | Errno::LOOP | Errno::ILSEQ => FileFailure::BadName,
        Errno::WOULDBLOCK | Errno::BUSY | Errno::TXTBSY => FileFailure::Busy,
        Errno::DQUOT => FileFailure::DiskQuota,
        Errno::NOSPC => FileFailure::NoSpace,
        Errno::FBIG => FileFailure::TooLarge,
        Errno::NXIO | Errno::NODEV => FileFailure::NotRegular,
        other => {
            tracing::warn!(error = %other, "a file operation failed");
            FileFailure::Other
        }
    }
}

/// The error of a copy that a bound of the operator ends. [`io_failure`] finds `why` in it again.
fn beyond(why: FileFailure) -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, why)
}

/// The same as [`failure`] for the errors of the standard library.
pub(crate) fn io_failure(error: &io::Error) -> FileFailure {
    if let Some(why) = error.get_ref().and_then(|why| why.downcast_ref::<FileFailure>()) {
        return *why;
    }
    match Errno::from_io_error(error) {
        Some(errno) => failure(errno),
        // It became shorter while it was sent.
        None if error.kind() == io::ErrorKind::UnexpectedEof => FileFailure::Changed,
        None => FileFailure::Other,
    }
}
