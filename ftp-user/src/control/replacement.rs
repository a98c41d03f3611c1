//! The old file that a new one replaces, at a server that renames to no name that is taken.

use ftp_proto::wire::PathName;

/// How a file replaces an old one at a server that renames to no name that is taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replacement {
    /// The name that the old file gets for an instant.
    pub aside: PathName,
    /// The size of the new file in bytes, if that has verified it, alone or with a digest.
    pub size: Option<u64>,
    /// Whether the old file may have the other name.
    pub is_aside: bool,
}
