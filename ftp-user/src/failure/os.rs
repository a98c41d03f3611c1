//! Errors of the operating system, for people and as kinds of failures.

pub use ftp_io::os_error::words;

use super::{About, Failure, Kind};
use std::io;

impl Failure {
    /// The failure if the directory for temporary files of this host takes no more. `what` cannot be kept there.
    pub fn of_temporary_files(what: &str, error: &io::Error) -> Self {
        Self::of_this_host(format!("{what} cannot be kept in the directory for temporary files"), error)
            .hint("set TMPDIR to a directory with room")
    }

    /// Converts an error of this host's file system into a failure.
    #[allow(clippy::wildcard_enum_match_arm, reason = "the kinds of I/O errors are not ours")]
    pub fn of_this_host(what: impl Into<String>, error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => Kind::Missing,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Kind::Refused,
            io::ErrorKind::AlreadyExists => Kind::Exists,
            _ => Kind::Other,
        };
        let failure = Self::new(kind, what).said(format!("this host said \"{}\"", words(error)));
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                failure.hint("make room there").about(About::NoRoom)
            }
            _ => failure,
        }
    }
}
