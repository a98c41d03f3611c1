//! Names of files that are still being received. No client sees or uses them.

pub(super) use ftp_proto::server::is_partial;

use std::io;

/// A new name that cannot be guessed.
///
/// # Errors
/// The operating system has no random numbers.
pub(super) fn partial_name() -> io::Result<Vec<u8>> {
    ftp_io::random::bytes().map(ftp_proto::server::partial_name)
}
