//! The files of a batch, which of them have ended, and how.

use crate::listing::{Kind, When, parse_facts};
use crate::reply::Reply;
use crate::wire::PathName;
use std::collections::VecDeque;

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

/// The files of a batch. Each ends once.
#[derive(Debug)]
pub(super) struct Files {
    list: Vec<BatchFile>,
    /// Which of them have not ended.
    open: Vec<bool>,
    /// How many that are.
    count: usize,
    /// The digests of those that are verified.
    digests: Vec<Option<String>>,
    /// The ends that nobody was told of.
    ended: VecDeque<(usize, BatchEnd)>,
}

impl Files {
    pub(super) fn new(list: Vec<BatchFile>) -> Self {
        let (open, digests, count) = (vec![true; list.len()], vec![None; list.len()], list.len());
        Self { open, count, digests, list, ended: VecDeque::new() }
    }

    pub(super) fn get(&self, index: usize) -> Option<&BatchFile> {
        self.list.get(index)
    }

    /// Whether all files have ended.
    pub(super) const fn are_over(&self) -> bool {
        self.count == 0
    }

    /// Notes how a file has ended, unless it has.
    pub(super) fn end(&mut self, index: usize, end: BatchEnd) {
        if let Some(open) = self.open.get_mut(index)
            && std::mem::take(open)
        {
            self.count = self.count.saturating_sub(1);
            self.ended.push_back((index, end));
        }
    }

    /// Notes the digest that both servers have told of a file.
    pub(super) fn note_digest(&mut self, index: usize, digest: &str) {
        if let Some(place) = self.digests.get_mut(index) {
            *place = Some(digest.to_owned());
        }
    }

    /// The digest that both servers have told of a file.
    pub(super) fn digest(&self, index: usize) -> Option<&str> {
        self.digests.get(index)?.as_deref()
    }

    /// Notes how these files have ended.
    pub(super) fn end_all(&mut self, members: Vec<usize>, end: &BatchEnd) {
        for index in members {
            self.end(index, end.clone());
        }
    }

    /// The next end that nobody was told of.
    pub(super) fn next_end(&mut self) -> Option<(usize, BatchEnd)> {
        self.ended.pop_front()
    }
}
