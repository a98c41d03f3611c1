//! One writer per file: an exclusive lock on the inode. The kernel keeps it between processes too, and
//! releases it with the last descriptor, however the writer ends.

use ftp_proto::server::ask::FileFailure;
use rustix::fd::AsFd;
use rustix::fs::{FlockOperation, flock};

use super::failure::failure;

/// Makes the caller the only writer until `file` is closed.
///
/// # Errors
/// [`FileFailure::Busy`] if there is a writer.
pub(super) fn write(file: impl AsFd) -> Result<(), FileFailure> {
    flock(file, FlockOperation::NonBlockingLockExclusive).map_err(failure)
}

/// Waits for the lock. This blocks only while a sweep checks the file.
///
/// # Errors
/// The file system has no locks.
pub(super) fn write_waiting(file: impl AsFd) -> Result<(), FileFailure> {
    flock(file, FlockOperation::LockExclusive).map_err(failure)
}

/// Checks that the file is not being written in place. It keeps no lock, because a session that reads or
/// hashes must not stop a writer.
///
/// # Errors
/// [`FileFailure::Busy`] if there is a writer.
pub(super) fn unwritten(file: impl AsFd) -> Result<(), FileFailure> {
    flock(&file, FlockOperation::NonBlockingLockShared).map_err(failure)?;
    flock(file, FlockOperation::Unlock).map_err(failure)
}
