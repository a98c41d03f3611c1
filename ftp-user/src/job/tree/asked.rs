//! What is asked of the copy of a tree, as a value.

use super::visits::Visits;
use super::walk::Rules;
use crate::endpoint::Host;
use crate::job::file::times::Attributes;
use crate::job::moving::MovedDirectories;
use crate::job::part::publish::Backup;
use crate::job::request::options::Options;
use ftp_proto::wire::PathName;

/// A tree to copy.
#[derive(Debug)]
pub(in crate::job) struct Tree {
    /// The directory at the source. Its contents are copied.
    pub(in crate::job) source: PathName,
    /// The server's own identity of that directory, if it is known.
    pub(in crate::job) unique: Option<String>,
    /// What its copy gets after its contents.
    pub(in crate::job) attributes: Attributes,
    /// The directory at the destination that receives them. It is made if it is not there.
    pub(in crate::job) destination: PathName,
    /// How each file is copied.
    pub(in crate::job) options: Options,
    /// What of it is copied.
    pub(in crate::job) rules: Rules,
    /// What becomes of the sources of a move.
    pub(in crate::job) moved: Option<MovedDirectories>,
    /// Where files go that are replaced.
    pub(in crate::job) backup: Option<Backup>,
}

/// What finds the directories and files of a tree.
#[derive(Debug)]
pub(in crate::job) enum Found {
    /// A walk, on another session at the source.
    By(Host),
    /// They were found before.
    Before(Visits),
}
