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
        Errno::DQUOT => FileFailure::Quota,
        Errno::NOSPC => FileFailure::NoSpace,
        Errno::FBIG => FileFailure::TooLarge,
        Errno::NXIO | Errno::NODEV => FileFailure::NotRegular,
        other => {
            tracing::warn!(error = %other, "a file operation failed");
            FileFailure::Other
        }
    }
}

/// The same for the errors of the standard library.
pub(crate) fn io_failure(error: &std::io::Error) -> FileFailure {
    match Errno::from_io_error(error) {
        Some(errno) => failure(errno),
        // It became shorter while it was sent.
        None if error.kind() == std::io::ErrorKind::UnexpectedEof => FileFailure::Changed,
        None => FileFailure::Other,
    }
}
