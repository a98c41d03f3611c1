//! Command lines that wait for their turn: behind a question, behind a transfer (A06, B22).
//!
//! The queue is bounded in lines and octets. What does not fit is counted, and refused in its turn,
//! so that every command gets its reply in order and no client makes the server hold more.

use crate::command::Verb;
use crate::command::verbs::Busy;
use std::collections::VecDeque;

/// Lines that wait at most.
const MAX_LINES: usize = 64;
/// Octets of lines that wait at most, once one waits.
const MAX_OCTETS: usize = 16 * 1024;
/// Lines that may wait beyond that because they are done at once (ABOR, STAT, BYE).
const MAX_URGENT: usize = 8;

/// One thing that waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Waiting {
    /// A line.
    Line(Vec<u8>),
    /// A line that was too long and thrown away (A13).
    TooLong,
    /// So many commands that came while the queue was full.
    Overflow(u64),
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    items: VecDeque<Waiting>,
    octets: usize,
}

impl Queue {
    /// Takes what has arrived.
    pub(super) fn push(&mut self, item: Waiting) {
        let octets = item.octets();
        let full = self.items.len() >= MAX_LINES || self.octets > 0 && self.octets + octets > MAX_OCTETS;
        let urgent = item.busy() == Busy::Now && self.items.len() < MAX_LINES + MAX_URGENT;
        if !full || urgent {
            self.octets += octets;
            self.items.push_back(item);
        } else if let Some(Waiting::Overflow(count)) = self.items.back_mut() {
            *count = count.saturating_add(1);
        } else {
            self.items.push_back(Waiting::Overflow(1));
        }
    }

    /// The next in order.
    pub(super) fn pop(&mut self) -> Option<Waiting> {
        self.take(0)
    }

    /// The first that does not wait for the end of a transfer.
    pub(super) fn pop_during_transfer(&mut self, waits: impl Fn(&Waiting) -> bool) -> Option<Waiting> {
        let index = self.items.iter().position(|item| !waits(item))?;
        self.take(index)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn take(&mut self, index: usize) -> Option<Waiting> {
        if let Some(Waiting::Overflow(count)) = self.items.get_mut(index)
            && *count > 1
        {
            *count -= 1;
            return Some(Waiting::Overflow(1));
        }
        let item = self.items.remove(index)?;
        self.octets -= item.octets();
        Some(item)
    }
}

impl Waiting {
    fn octets(&self) -> usize {
        match self {
            Self::Line(line) => line.len(),
            Self::TooLong | Self::Overflow(_) => 0,
        }
    }

    /// The verb of a line, whatever follows it.
    pub(super) fn verb(&self) -> Option<Verb> {
        match self {
            Self::Line(line) => Verb::named(line.split(|&o| o == b' ').next().unwrap_or_default()),
            Self::TooLong | Self::Overflow(_) => None,
        }
    }

    /// What happens to it during a transfer.
    pub(super) fn busy(&self) -> Busy {
        self.verb().and_then(Verb::row).map_or(Busy::Queue, |row| row.busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted_and_refused_in_its_turn() {
        let mut queue = Queue::default();
        for _ in 0..MAX_LINES {
            queue.push(Waiting::Line(b"NOOP".to_vec()));
        }
        for _ in 0..3 {
            queue.push(Waiting::Line(b"NOOP".to_vec()));
        }
        queue.push(Waiting::Line(b"ABOR".to_vec()));
        for _ in 0..MAX_LINES {
            assert_eq!(queue.pop(), Some(Waiting::Line(b"NOOP".to_vec())));
        }
        for _ in 0..3 {
            assert_eq!(queue.pop(), Some(Waiting::Overflow(1)));
        }
        assert_eq!(queue.pop(), Some(Waiting::Line(b"ABOR".to_vec())));
        assert_eq!(queue.pop(), None);
        assert_eq!(queue.octets, 0);
    }

    #[test]
    fn long_lines_fill_the_queue_sooner() {
        let mut queue = Queue::default();
        for _ in 0..100 {
            queue.push(Waiting::Line(vec![b'x'; 4000]));
        }
        assert!(queue.octets <= MAX_OCTETS);
        assert!(queue.items.len() < 8);
    }
}
