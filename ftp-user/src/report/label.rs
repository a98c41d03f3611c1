//! What an entry or a file is called for people.

use ftp_proto::wire::PathName;

/// What an entry is called for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Label {
    /// By its name.
    Name,
    /// By this path, which is relative to where the shell is.
    Path(PathName),
    /// By its place: several directories that are shown as one have the name.
    Place(String),
    /// It is a directory that was shown already as one of several.
    Hidden,
}
