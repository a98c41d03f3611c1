//! One file of a batch, and how it ends.

use crate::listing::{Kind, When, parse_facts};
use crate::reply::Reply;
use crate::wire::PathName;

/// A file to copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BatchFile {
    /// Its path at the source.
    pub source: PathName,
    /// Its final name.
    pub target: PathName,
    /// Its size in bytes, as a listing has told it.
    pub size: u64,
    /// When it was modified, if a listing has told it exactly.
    pub modified: Option<When>,
    /// The server's own identity of it, if a listing has told that.
    pub unique: Option<String>,
    /// Whether something may have its final name, so that the destination is asked first.
    pub asks: bool,
    /// Whether the copy gets the time of its source.
    pub sets_time: bool,
}

/// How a file of a batch has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BatchEnd {
    /// It is verified by the digests of both servers, and has its final name.
    Published {
        /// The refusal of the command that sets its time.
        time_refused: Option<Reply>,
    },
    /// It is left to the caller.
    Left {
        /// Something may be stored under the name of its part.
        touched: bool,
        /// It may have its final name already: the server has not said what became of the renaming.
        may_be_done: bool,
    },
}

impl BatchEnd {
    /// Nothing was done with it.
    pub(in crate::transfer) const UNTOUCHED: Self = Self::Left { touched: false, may_be_done: false };
    /// Something may be stored under the name of its part, and no more than that.
    pub(in crate::transfer) const TOUCHED: Self = Self::Left { touched: true, may_be_done: false };
    /// It may have its final name, and nothing is stored under the name of its part.
    pub(super) const PERHAPS: Self = Self::Left { touched: false, may_be_done: true };
}

impl BatchFile {
    /// Whether a reply to MLST shows a file of this size.
    pub(super) fn is_shown(&self, reply: &Reply) -> bool {
        let entry = reply.lines.iter().find_map(|line| parse_facts(line.strip_prefix(b" ").unwrap_or(line)));
        entry.is_some_and(|entry| entry.kind == Kind::File && entry.size == Some(self.size))
    }
}
