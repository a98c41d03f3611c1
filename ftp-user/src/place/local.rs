//! A path on this host.

use crate::failure::Failure;
use ftp_proto::wire::PathName;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// A place on this host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Local {
    /// The path as it was written.
    pub path: PathBuf,
    /// Whether it was written with a `/` at its end.
    pub contents: bool,
}

impl Local {
    /// Reads a path as it was typed.
    ///
    /// # Errors
    ///
    /// The name is empty, or has a character that no name of a server can have.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Failure> {
        PathName::from_user(text)
            .map_err(|bad| Failure::usage(format!("a local path cannot be used: {bad}")))?;
        let contents = text.ends_with(b"/") || text == b"." || text == b".." || text.ends_with(b"/.");
        Ok(Self { path: PathBuf::from(OsStr::from_bytes(text)), contents })
    }
}
