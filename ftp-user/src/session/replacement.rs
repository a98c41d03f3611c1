//! The old file that a new one replaces.

use ftp_proto::digest::Digest;
use ftp_proto::wire::PathName;

/// How a file replaces an old one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replacement {
    /// The name that the old file gets for an instant where it has to give way first.
    pub aside: PathName,
    /// The size of the new file in bytes, if that has verified it, alone or with a digest.
    pub size: Option<u64>,
    /// Whether something had the final name before the copy.
    pub before: FinalName,
    /// Whether the old file may have the other name.
    pub is_aside: bool,
}

/// Whether something had the final name of a file before the copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FinalName {
    /// Nothing had it.
    Free,
    /// A file, so a positive reply to RNTO is no proof. The digest is that of the new file, if one has verified it.
    Taken(Option<Digest>),
}
