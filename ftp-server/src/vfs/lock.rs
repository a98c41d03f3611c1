//! One in-place writer per file: an exclusive lock on the inode, kept by the kernel, which holds
//! between processes too and ends with the last descriptor, however the writer ends.

use ftp_proto::server::ask::FileFailure;
use rustix::fd::AsFd;
use rustix::fs::{FlockOperation, flock};

use super::failure::failure;

/// Makes the caller the only writer until `file` is closed; [`FileFailure::Busy`] when there is one.
pub(super) fn write(file: impl AsFd) -> Result<(), FileFailure> {
    flock(file, FlockOperation::NonBlockingLockExclusive).map_err(failure)
}

/// Waits for the lock, which a sweep holds for a moment only.
pub(super) fn write_waiting(file: impl AsFd) -> Result<(), FileFailure> {
    flock(file, FlockOperation::LockExclusive).map_err(failure)
}

/// [`FileFailure::Busy`] when somebody writes the file in place now. Keeps no lock: whoever reads or
/// digests must not stop a writer.
pub(super) fn unwritten(file: impl AsFd) -> Result<(), FileFailure> {
    flock(&file, FlockOperation::NonBlockingLockShared).map_err(failure)?;
    flock(file, FlockOperation::Unlock).map_err(failure)
}
