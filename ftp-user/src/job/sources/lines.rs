//! The sources of a job with their destinations, as lines. Many of them are looked at together, where servers take commands
//! ahead. Most of those that wait are still where they come from.

use super::destinations::Receiver;
use crate::context::Context;
use crate::endpoint::files;
use crate::failure::Result;
use crate::job::Target;
use crate::job::retry::connect_both;
use crate::place::{self, Location};
use crate::route::Ends;
use crate::session::Facts;
use ftp_proto::listing::Kind;
use ftp_proto::wire::PathName;
use std::collections::{HashMap, HashSet, VecDeque};
use std::iter::Peekable;

/// A source that is no pattern, and where it goes.
#[derive(Debug)]
pub(super) struct SourceLine {
    pub(super) source: Location,
    pub(super) destination: Location,
    /// What the listing says of it that a pattern has matched, if that is enough.
    pub(super) listed: Option<Facts>,
    /// The listing calls it a symbolic link.
    pub(super) is_link: bool,
}

impl SourceLine {
    /// A source that somebody has named.
    pub(super) const fn named(source: Location, destination: Location) -> Self {
        Self { source, destination, listed: None, is_link: false }
    }

    /// Whether both places are at these ends.
    pub(super) fn is_between(&self, ends: &Ends) -> bool {
        ends.source.is_at(&self.source) && ends.destination.is_at(&self.destination)
    }
}

/// The lines behind those that were looked at.
#[derive(Debug)]
pub(super) struct WaitingLines<I: Iterator<Item = Result<SourceLine>>> {
    /// Those that are looked at again, since a tree before them has changed what is there.
    again: VecDeque<SourceLine>,
    others: Peekable<I>,
}

impl<I: Iterator<Item = Result<SourceLine>>> WaitingLines<I> {
    pub(super) fn new(others: I) -> Self {
        Self { again: VecDeque::new(), others: others.peekable() }
    }

    /// The next line.
    pub(super) fn next(&mut self) -> Option<Result<SourceLine>> {
        self.again.pop_front().map(Ok).or_else(|| self.others.next())
    }

    /// The next line, if it can be read and fits.
    pub(super) fn next_if(&mut self, fits: impl Fn(&SourceLine) -> bool) -> Option<SourceLine> {
        match self.again.is_empty() {
            true => self.others.next_if(|line| line.as_ref().is_ok_and(fits))?.ok(),
            false => self.again.pop_front_if(|line| fits(line)),
        }
    }

    /// Puts lines back to where they came from, before all others.
    pub(super) fn put_back(&mut self, mut lines: VecDeque<SourceLine>) {
        lines.append(&mut self.again);
        self.again = lines;
    }

    /// Whether there is none.
    pub(super) fn is_empty(&mut self) -> bool {
        self.again.is_empty() && self.others.peek().is_none()
    }
}

/// What is known of a line.
pub(super) struct LineFacts {
    pub(super) known: Option<Facts>,
    pub(super) receiver: Receiver,
    pub(super) target: Target,
}

impl LineFacts {
    /// Whether the source is a directory.
    pub(super) fn is_tree(&self) -> bool {
        self.known.as_ref().is_some_and(|facts| facts.kind == Kind::Directory)
    }
}

/// What was told of several lines together. What was not is asked line by line, which tells why as well.
#[derive(Debug, Default)]
pub(super) struct ToldFacts {
    pub(super) sources: HashMap<PathName, Option<Facts>>,
    /// Destinations and the directories above them.
    pub(super) destinations: HashMap<PathName, Option<Facts>>,
}

impl ToldFacts {
    /// Asks for all that is not known of these lines. `asks_destinations`: what is there is not known either. `is_known` says
    /// of which directories of the destination it is.
    pub(super) async fn of(
        context: &Context,
        ends: &mut Ends,
        lines: &[SourceLine],
        asks_destinations: bool,
        is_known: impl Fn(&PathName) -> bool,
    ) -> Self {
        if lines.len() < 2 || connect_both(context, ends).await.is_err() {
            return Self::default();
        }
        let sources = lines.iter().filter(|line| line.listed.is_none()).map(|line| line.source.path.clone());
        let sources = distinct(sources);
        let mut destinations = Vec::new();
        if asks_destinations {
            let paths = lines.iter().map(|line| &line.destination.path);
            let with_parents = paths.flat_map(|path| [Some(path.clone()), place::parent(path)]);
            destinations = distinct(with_parents.flatten().filter(|path| !is_known(path)));
        }
        let Ends { source: from, destination: to, .. } = ends;
        let (known, there) = tokio::join!(
            files::facts_of_all(context, from, &sources),
            files::facts_of_all(context, to, &destinations)
        );
        let answered = |paths: Vec<PathName>, facts: Vec<Result<Option<Facts>, _>>| {
            paths.into_iter().zip(facts).filter_map(|(path, facts)| Some((path, facts.ok()?))).collect()
        };
        Self { sources: answered(sources, known), destinations: answered(destinations, there) }
    }
}

fn distinct(paths: impl Iterator<Item = PathName>) -> Vec<PathName> {
    let mut known = HashSet::new();
    paths.filter(|path| known.insert(path.clone())).collect()
}

/// How many lines to look at together after `before` of them: eight times as many if both ends are asked for many in the time of
/// one. Most of them begin to move only after that. A tree among them may change where those behind it go, so one line follows.
pub(super) const fn next_number(before: usize, has_tree: bool, are_asked_at_once: bool) -> usize {
    match (has_tree, are_asked_at_once) {
        (true, _) => 1,
        (false, false) => ONE_BY_ONE,
        (false, true) if before * GROWTH > MOST => MOST,
        (false, true) => before * GROWTH,
    }
}

/// The number of lines that are looked at together where each question is a round trip of its own.
pub(super) const ONE_BY_ONE: usize = 8;
/// How many times as many are looked at next where many are asked for at once.
const GROWTH: usize = 8;
/// The largest number of them.
const MOST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Netrc;

    #[test]
    fn many_lines_are_looked_at_together_where_that_takes_little_time() {
        // Before the first question no session was open.
        let mut number = ONE_BY_ONE;
        let mut next = |has_tree, are_asked_at_once| {
            number = next_number(number, has_tree, are_asked_at_once);
            number
        };
        assert_eq!([next(false, true), next(false, true), next(false, true)], [64, 512, MOST]);
        assert_eq!([next(true, true), next(false, true)], [1, GROWTH]);
        assert_eq!([next(false, false), next(false, false)], [ONE_BY_ONE; 2]);
    }

    #[test]
    fn lines_keep_their_order_and_one_that_cannot_be_read_is_told_in_its_place() {
        let line = |name: &str| {
            let place = |host: &str| {
                Location::parse(format!("ftp://{host}/{name}").as_bytes(), &Netrc::default()).unwrap()
            };
            SourceLine::named(place("h"), place("i"))
        };
        let name = |line: SourceLine| line.source.path.display();
        let unread = || Err(crate::failure::Failure::usage("unread"));
        let mut waiting =
            WaitingLines::new([Ok(line("a")), Ok(line("b")), unread(), Ok(line("c"))].into_iter());
        let is = |expect: &'static str| move |line: &SourceLine| line.source.path.display() == expect;
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
