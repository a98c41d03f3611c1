//! What was learnt about a server from its replies, beyond what it announces.

use crate::failure::Failure;
use ftp_proto::reply::Code;

/// What was learnt about a server from its replies. A session begins with none of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Manners {
    /// It does not know MLST, although it did not say so in FEAT.
    pub(super) refuses_mlst: bool,
    /// Whether SIZE tells the size of a directory too.
    pub(super) sizes_directories: Option<bool>,
    /// Whether CWD accepts a name that does not exist.
    pub(super) enters_anything: Option<bool>,
    /// It does not know RNFR.
    pub(super) cannot_rename: bool,
    /// A file was seen under the name that RNTO had given it.
    pub(super) renames: bool,
    /// Why it lists nothing: it knows no command that lists.
    pub(super) no_listings: Option<Failure>,
    /// Refusals of SIZE, without the name, that a listing has shown to mean that nothing is there.
    pub(super) absent: Vec<(Code, Vec<u8>)>,
}
