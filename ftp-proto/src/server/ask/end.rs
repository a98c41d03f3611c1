//! How a move ended, and what it has carried.

use super::files::FileFailure;
use crate::digest::Digest;
use crate::reply::FileOutcome;
use crate::wire::ByteRange;

/// How a move ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// What moved is whole: sent and closed in order, or received up to the orderly end, closed and named.
    Whole(Carried),
    /// The connection was reset, so the file is not whole (E10). The text is for the log.
    Broken(String),
    /// [`Ask::Stop`](super::Ask::Stop) stopped the move.
    Stopped,
    /// The local file failed.
    Failed(FileFailure),
}

/// What a move that is whole has carried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Carried {
    /// A file: the digest that was asked for, and of which of its bytes.
    File(Option<(Digest, ByteRange)>),
    /// The listing of a directory.
    Listing {
        /// How many names it left out because they hold CR, LF or NUL, which FTP cannot carry.
        omitted: u64,
    },
    /// A group of small files (PACK): what became of each, in the order of the command.
    Group(Vec<FileOutcome>),
}

impl End {
    /// A whole file of which no digest was asked for.
    pub const WHOLE_FILE: Self = Self::Whole(Carried::File(None));

    /// Whether what moved is whole.
    pub const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }
}
