//! One file of a batch, and how far it is.

use crate::digest::{Algorithm, Digest, Streamed, parse_streamed};
use crate::listing::{Entry, Kind, When, parse_facts};
use crate::reply::Reply;
use crate::wire::PathName;

/// A file to copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BatchFile {
    /// Its path at the source.
    pub source: PathName,
    /// The name under which the destination stores it first. Nothing may have it.
    pub part: PathName,
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
    /// Whether the part gets the time of its source.
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
        /// It may have its final name already: the reply to the renaming is missing.
        may_be_done: bool,
    },
}

impl BatchEnd {
    /// Nothing was done with it.
    pub(in crate::third_party) const UNTOUCHED: Self = Self::Left { touched: false, may_be_done: false };
    /// Something may be stored under the name of its part, and no more than that.
    pub(in crate::third_party) const TOUCHED: Self = Self::Left { touched: true, may_be_done: false };
}

/// How far a file is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// Nothing was asked yet.
    Waiting,
    /// The destination was asked whether something has its name.
    Asked,
    /// Nothing has its name.
    Clear,
    /// Both transfer commands were sent.
    Moving(Moved),
    /// It is verified, and the commands that give it its time and its name were sent.
    Naming(Option<Reply>),
    /// Its end was told.
    Over,
}

/// What is known of a file whose transfer commands were sent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Moved {
    /// What the source has sent.
    pub(super) sent: Option<Digest>,
    /// What the destination has stored.
    pub(super) stored: Option<Digest>,
    /// Whether the source is still the file that was listed.
    pub(super) same: Option<bool>,
}

impl Progress {
    /// How the file ends if nothing more is done.
    pub(super) const fn left(&self) -> Option<BatchEnd> {
        match self {
            Self::Waiting | Self::Asked | Self::Clear => Some(BatchEnd::UNTOUCHED),
            Self::Moving(_) => Some(BatchEnd::TOUCHED),
            Self::Naming(_) => Some(BatchEnd::Left { touched: true, may_be_done: true }),
            Self::Over => None,
        }
    }
}

impl BatchFile {
    /// The digest in a final reply, if it is that of the whole file.
    pub(super) fn digest(&self, algorithm: Algorithm, reply: &Reply) -> Option<Digest> {
        match parse_streamed(&reply.lines) {
            Ok(Some(Streamed { digest, first: 0, count }))
                if count == self.size && digest.algorithm == algorithm =>
            {
                Some(digest)
            }
            Ok(_) | Err(_) => None,
        }
    }

    /// Whether a reply to MLST shows a file of this size.
    pub(super) fn is_shown(&self, reply: &Reply) -> bool {
        entry(reply).is_some_and(|entry| entry.kind == Kind::File && entry.size == Some(self.size))
    }

    /// Whether a reply to MLST says that the file is still the one that was listed.
    pub(super) fn is_same(&self, reply: &Reply) -> bool {
        entry(reply).is_some_and(|entry| {
            let is_other =
                matches!((&entry.unique, &self.unique), (Some(now), Some(before)) if now != before);
            entry.kind == Kind::File
                && entry.size == Some(self.size)
                && self.modified.is_some()
                && entry.exactly_modified() == self.modified
                && !is_other
        })
    }
}

/// The facts in a reply to MLST.
fn entry(reply: &Reply) -> Option<Entry> {
    reply.lines.iter().find_map(|line| parse_facts(line.strip_prefix(b" ").unwrap_or(line)))
}
