//! What an error of the operating system means for the client.

use ftp_proto::server::ask::FileFailure;
use rustix::io::Errno;

/// The failure that `errno` means. What has no meaning for a client is logged.
pub(super) fn failure(errno: Errno) -> FileFailure {
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
pub(super) fn beyond(why: FileFailure) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::StorageFull, why)
}

/// The same as [`failure`] for the errors of the standard library.
pub(crate) fn io_failure(error: &std::io::Error) -> FileFailure {
    if let Some(why) = error.get_ref().and_then(|why| why.downcast_ref::<FileFailure>()) {
        return *why;
    }
    match Errno::from_io_error(error) {
        Some(errno) => failure(errno),
        // It became shorter while it was sent.
        None if error.kind() == std::io::ErrorKind::UnexpectedEof => FileFailure::Changed,
        None => FileFailure::Other,
    }
}
