//! The files of a batch, and which of them have ended.

use super::file::{BatchEnd, BatchFile};
use std::collections::VecDeque;

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
