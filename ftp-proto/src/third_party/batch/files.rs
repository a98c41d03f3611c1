//! The files of a batch, and which of them have ended.

use super::file::{BatchEnd, BatchFile};
use super::group::Group;
use std::collections::VecDeque;

/// The files of a batch. Each ends once.
#[derive(Debug)]
pub(super) struct Files {
    list: Vec<BatchFile>,
    /// Which of them have not ended.
    open: Vec<bool>,
    /// How many that are.
    count: usize,
    /// The ends that nobody was told of.
    ended: VecDeque<(usize, BatchEnd)>,
}

impl Files {
    pub(super) fn new(list: Vec<BatchFile>) -> Self {
        Self { open: vec![true; list.len()], count: list.len(), list, ended: VecDeque::new() }
    }

    pub(super) fn list(&self) -> &[BatchFile] {
        &self.list
    }

    pub(super) fn get(&self, index: usize) -> Option<&BatchFile> {
        self.list.get(index)
    }

    /// The sizes of these files.
    pub(super) fn sizes(&self, members: &[usize]) -> Vec<u64> {
        members.iter().map(|index| self.get(*index).map_or(0, |file| file.size)).collect()
    }

    /// Whether one of these files is so.
    pub(super) fn have(&self, members: &[usize], is: impl Fn(&BatchFile) -> bool) -> bool {
        members.iter().any(|index| self.get(*index).is_some_and(&is))
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

    /// Notes how these files have ended.
    pub(super) fn end_all(&mut self, members: Vec<usize>, end: &BatchEnd) {
        for index in members {
            self.end(index, end.clone());
        }
    }

    /// Leaves the files that are in no group.
    pub(super) fn leave_all_but(&mut self, groups: &[Group]) {
        let mut is_grouped = vec![false; self.list.len()];
        for index in groups.iter().flat_map(|group| &group.members) {
            if let Some(is_grouped) = is_grouped.get_mut(*index) {
                *is_grouped = true;
            }
        }
        for (index, _) in is_grouped.into_iter().enumerate().filter(|(_, is_grouped)| !is_grouped) {
            self.end(index, BatchEnd::UNTOUCHED);
        }
    }

    /// The next end that nobody was told of.
    pub(super) fn next_end(&mut self) -> Option<(usize, BatchEnd)> {
        self.ended.pop_front()
    }
}
