//! How two trees are made equal.

use crate::check::Allowance;
use ftp_proto::wire::PathName;

/// How two trees are made equal.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SyncRules {
    /// What tells whether two files are the same.
    pub compare: Compare,
    /// Whether what the source lacks is deleted; `None` if it stays.
    pub deletion: Option<Allowance>,
    /// The directory, at the host of the destination, that keeps what is replaced or deleted.
    pub backup: Option<PathName>,
}

/// What tells whether two files of one path are the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Compare {
    /// Size and time if both ends tell both and they are equal, else digests. Without a common digest that is more than a
    /// checksum they count as different.
    #[default]
    Auto,
    /// The name: a file that is there is the same.
    Exists,
    /// The size alone.
    Size,
    /// The size and the time.
    Time,
    /// The digest alone.
    Hash,
}
