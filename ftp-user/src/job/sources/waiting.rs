//! Lines that wait to be looked at. Most of them are still where they come from.

use super::line::Line;
use crate::failure::Failure;
use std::collections::VecDeque;
use std::iter::Peekable;

/// The lines behind those that were looked at.
#[derive(Debug)]
pub(super) struct Waiting<I: Iterator<Item = Result<Line, Failure>>> {
    /// Those that are looked at again, since a tree before them has changed what is there.
    again: VecDeque<Line>,
    others: Peekable<I>,
}

impl<I: Iterator<Item = Result<Line, Failure>>> Waiting<I> {
    pub(super) fn new(lines: I) -> Self {
        Self { again: VecDeque::new(), others: lines.peekable() }
    }

    /// The next line.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub(super) fn next(&mut self) -> Option<Result<Line, Failure>> {
        match self.again.pop_front() {
            Some(line) => Some(Ok(line)),
            None => self.others.next(),
        }
    }

    /// The next line, if it can be read and fits.
    pub(super) fn next_if(&mut self, fits: impl Fn(&Line) -> bool) -> Option<Line> {
        match self.again.front() {
            Some(next) if fits(next) => self.again.pop_front(),
            Some(_) => None,
            None => self.others.next_if(|line| line.as_ref().is_ok_and(&fits))?.ok(),
        }
    }

    /// Puts lines back to where they came from, before all others.
    pub(super) fn put_back(&mut self, lines: VecDeque<Line>) {
        lines.into_iter().rev().for_each(|line| self.again.push_front(line));
    }

    /// Whether there is none.
    pub(super) fn is_empty(&mut self) -> bool {
        self.again.is_empty() && self.others.peek().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::{Location, Netrc};

    #[test]
    fn lines_keep_their_order_and_one_that_cannot_be_read_is_told_in_its_place() {
        let line = |name: &str| {
            let place = |host: &str| {
                Location::parse(format!("ftp://{host}/{name}").as_bytes(), &Netrc::default()).unwrap()
            };
            Line::named(place("h"), place("i"))
        };
        let name = |line: Line| line.source.path.display();
        let unread = || Err(Failure::usage("unread"));
        let mut waiting = Waiting::new([Ok(line("a")), Ok(line("b")), unread(), Ok(line("c"))].into_iter());
        let is = |expect: &'static str| move |line: &Line| line.source.path.display() == expect;
        let first = waiting.next().unwrap().unwrap();
        assert!(waiting.next_if(is("c")).is_none());
        let second = waiting.next_if(is("b")).unwrap();
        assert!(waiting.next_if(|_| true).is_none() && !waiting.is_empty(), "it cannot be read");
        waiting.put_back([first, second].into());
        assert!(waiting.next_if(is("b")).is_none());
        assert_eq!(name(waiting.next().unwrap().unwrap()), "a");
        assert_eq!(name(waiting.next().unwrap().unwrap()), "b");
        assert!(waiting.next().unwrap().is_err());
        assert_eq!(name(waiting.next().unwrap().unwrap()), "c");
        assert!(waiting.is_empty() && waiting.next().is_none());
    }
}
