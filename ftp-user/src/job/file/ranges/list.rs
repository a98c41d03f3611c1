//! The ranges of a file that are still to be sent. Pure.
//!
//! Whoever is ready takes the next range. A range is a share of what is left, so that they become smaller towards the end and no
//! slow connection keeps the others waiting for long. When nothing is left, whoever is ready takes the second half of what is left
//! of the slowest one.

use super::LEAST;
use crate::job::request::streams::Streams;
use ftp_proto::wire::ByteRange;
use std::collections::VecDeque;
use std::time::Duration;

/// The bytes from `first` up to `end`, which does not belong to them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::job::file) struct Span {
    pub(in crate::job::file) first: u64,
    pub(in crate::job::file) end: u64,
}

impl Span {
    pub(in crate::job::file) const fn length(self) -> u64 {
        self.end.saturating_sub(self.first)
    }

    /// Whether all of it is in that one.
    pub(super) const fn is_in(self, other: Self) -> bool {
        self.first >= other.first && self.end <= other.end
    }
}

/// A range that moves: how many bytes are left, how many have moved, and in which time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RangePosition {
    pub(super) left: u64,
    pub(super) moved: u64,
    pub(super) time: Duration,
}

impl RangePosition {
    /// How long the rest will take. What has not moved yet may take any time.
    fn rest(self) -> Duration {
        let rest = self.time.as_secs_f64() * self.left as f64 / self.moved.max(1) as f64;
        Duration::try_from_secs_f64(rest).unwrap_or(Duration::MAX)
    }
}

/// Which of these ranges will take longest, if it pays to help it: it has moved for at least [`SLOW`], and its rest will take at
/// least as long.
pub(super) fn slowest(moving: impl Iterator<Item = RangePosition>) -> Option<usize> {
    let known = moving.enumerate().filter(|(_, pace)| pace.time >= SLOW && pace.left >= LEAST_SHARED);
    let slowest = known.max_by_key(|(_, pace)| pace.rest())?;
    (slowest.1.rest() >= SLOW).then_some(slowest.0)
}

/// What is left of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RangeList {
    missing: VecDeque<Span>,
    pub(super) streams: u64,
}

impl RangeList {
    /// The list of what is `missing`, for at most so many data connections, each of which has at least [`LEAST`] bytes.
    pub(super) fn new(missing: Vec<Span>, most: u64) -> Self {
        let list = Self { missing: missing.into(), streams: 1 };
        Self { streams: most.min(list.bytes() / LEAST).max(1), ..list }
    }

    /// How many bytes are left.
    pub(super) fn bytes(&self) -> u64 {
        self.missing.iter().map(|span| span.length()).sum()
    }

    /// Whether nothing is left that nobody sends.
    pub(super) fn is_empty(&self) -> bool {
        self.missing.is_empty()
    }

    /// Whether all that is missing stands behind `from` without anything between.
    pub(super) fn is_tail_from(&self, from: u64) -> bool {
        self.missing.len() == 1 && self.missing.front().is_some_and(|span| span.first == from)
    }

    /// Takes the next range.
    pub(super) fn next(&mut self) -> Option<Span> {
        let share = self.bytes() / self.streams / 4 * 3;
        let length = share.max(LEAST_RANGE).next_multiple_of(UNIT);
        let front = self.missing.front_mut()?;
        // The last connection sends no tail that is smaller than a range.
        if front.length() <= length.saturating_add(LEAST_RANGE) {
            return self.missing.pop_front();
        }
        let taken = Span { end: front.first.saturating_add(length), ..*front };
        front.first = taken.end;
        Some(taken)
    }

    /// These bytes are there.
    pub(super) fn remove(&mut self, there: Span) {
        self.missing.retain(|span| !span.is_in(there));
    }

    /// A range was not sent: it is the next one.
    pub(super) fn give_back(&mut self, span: Span) {
        self.missing.push_front(span);
    }
}

/// What lies between `from` and `size` and is not `there`, in the order of the file. The parts that are there are in that order.
pub(in crate::job::file) fn lacking(from: u64, size: u64, there: &[ByteRange]) -> Vec<Span> {
    let (mut lacking, mut first) = (Vec::new(), from);
    for part in there {
        if part.first > first {
            lacking.push(Span { first, end: part.first });
        }
        first = first.max(part.first.saturating_add(part.length.unwrap_or(0)));
    }
    if first < size {
        lacking.push(Span { first, end: size });
    }
    lacking
}

/// How many data connections there are to be: the number that was asked for, or as many as pay.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct StreamCount {
    /// How many there are to be.
    pub(super) target: u64,
    most: u64,
    /// If it is found by measurement: bytes and time at the last look, and the rate with fewer connections.
    search: Option<(u64, Duration, f64)>,
}

impl StreamCount {
    pub(super) const fn new(streams: Streams, most: u64) -> Self {
        match streams {
            Streams::Auto => Self { target: 1, most, search: Some((0, Duration::ZERO, 0.0)) },
            Streams::Exactly(_) => Self { target: most, most, search: None },
        }
    }

    /// Whether it may grow yet.
    pub(super) const fn is_measured(self) -> bool {
        self.search.is_some()
    }

    /// The first data connection stands: from here on the rate is measured.
    pub(super) const fn begin(&mut self, moved: u64, time: Duration) {
        if let Some((seen, at, _)) = &mut self.search {
            (*seen, *at) = (moved, time);
        }
    }

    /// So many bytes have moved in that time, in all. One more connection is added as long as the last one has made it faster by
    /// [`GAIN`].
    pub(super) fn look(&mut self, moved: u64, time: Duration) {
        let Some((seen, at, before)) = self.search else { return };
        let took = time.saturating_sub(at);
        if took < PERIOD {
            return;
        }
        let rate = moved.saturating_sub(seen) as f64 / took.as_secs_f64();
        if self.target == self.most || rate < before * GAIN {
            self.search = None;
            return;
        }
        (self.target, self.search) = (self.target + 1, Some((moved, time, rate)));
    }

    /// A server has refused one more than so many.
    pub(super) fn refused(&mut self, number: u64) {
        (self.target, self.search) = (self.target.min(number.max(1)), None);
    }
}

/// How long each number is measured.
const PERIOD: Duration = Duration::from_secs(3);
/// How much faster one more connection has to make it.
const GAIN: f64 = 1.25;
/// The smallest range, but for what a server lacks: a data connection of its own takes some round trips.
const LEAST_RANGE: u64 = 8 << 20;
/// The smallest rest of a range that two connections share.
const LEAST_SHARED: u64 = 1 << 20;
/// How long a range moves before others help it, and how long its rest has to take: a new data connection needs about so long.
const SLOW: Duration = Duration::from_secs(3);
/// Ranges end at multiples of this many bytes.
const UNIT: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn span(first: u64, end: u64) -> Span {
        Span { first, end }
    }

    #[test]
    fn ranges_are_the_whole_file_and_become_smaller() {
        for (size, most, streams) in
            [(32 * MIB, 16, 2), (256 * MIB, 16, 16), (256 * MIB + 1, 3, 3), (1 << 40, 16, 16), (5, 4, 1)]
        {
            let mut list = RangeList::new(vec![span(0, size)], most);
            assert_eq!(list.streams, streams, "{size}");
            let (mut end, mut last, mut count) = (0, u64::MAX, 0);
            while let Some(range) = list.next() {
                assert_eq!(range.first, end, "{size}");
                assert!(range.length() <= last || list.is_empty(), "{size} {range:?}");
                (end, last, count) = (range.end, range.length(), count + 1);
            }
            assert_eq!(end, size);
            assert!(count <= 700, "{size}: {count}");
        }
    }

    #[test]
    fn a_range_that_was_given_back_is_the_next_one() {
        let mut list = RangeList::new(vec![span(0, 64 * MIB)], 2);
        let first = list.next().unwrap();
        list.next().unwrap();
        let left = list.bytes();
        list.give_back(first);
        assert_eq!((list.bytes(), list.next()), (left + first.length(), Some(first)));
    }

    #[test]
    fn the_range_that_takes_longest_is_helped_unless_it_has_just_begun_or_ends_soon() {
        let check = |moving: &[(u64, u64, u64)], expect| {
            let pace = |(left, moved, time): &(u64, u64, u64)| RangePosition {
                left: left * MIB,
                moved: moved * MIB,
                time: Duration::from_secs(*time),
            };
            assert_eq!(slowest(moving.iter().map(pace)), expect, "{moving:?}");
        };
        check(&[], None);
        check(&[(4, 4, 4), (2, 1, 4), (4, 8, 4)], Some(1));
        check(&[(4, 4, 4), (2, 1, 2)], Some(0));
        check(&[(4, 4, 2), (1, 2, 4)], None);
        check(&[(8, 0, 9), (8, 1, 9)], Some(0));
        check(&[(0, 8, 90)], None);
    }

    #[test]
    fn what_is_there_is_not_sent() {
        let part = |first, end| ByteRange::before(first, end).unwrap();
        let check = |there: &[ByteRange], expect: &[(u64, u64)]| {
            let expect: Vec<Span> = expect.iter().map(|(first, end)| span(*first, *end)).collect();
            assert_eq!(lacking(10, 100, there), expect, "{there:?}");
        };
        check(&[], &[(10, 100)]);
        check(&[part(10, 20)], &[(20, 100)]);
        check(&[part(20, 30), part(30, 40), part(90, 100)], &[(10, 20), (40, 90)]);
        check(&[part(10, 100)], &[]);
        assert!(RangeList::new(lacking(10, 100, &[]), 4).is_tail_from(10));
        assert!(!RangeList::new(lacking(10, 100, &[part(50, 60)]), 4).is_tail_from(10));
    }

    #[test]
    fn the_number_of_connections_grows_while_that_pays() {
        let found = |rates: &[u64], most| {
            let (mut width, mut moved, mut time) = (StreamCount::new(Streams::Auto, most), 0, Duration::ZERO);
            for rate in rates {
                (moved, time) = (moved + rate * 3, time + PERIOD);
                width.look(moved, time);
                width.look(moved, time + Duration::from_secs(1));
            }
            (width.target, width.is_measured())
        };
        assert_eq!(found(&[], 4), (1, true));
        assert_eq!(found(&[100], 4), (2, true));
        assert_eq!(found(&[100, 124], 4), (2, false), "the second one was of little use");
        assert_eq!(found(&[100, 200, 290, 400, 500], 4), (4, false));
        assert_eq!(found(&[100, 200], 2), (2, false));
        let eight = Streams::Exactly(std::num::NonZero::new(8).unwrap());
        let mut refused = StreamCount::new(eight, 5);
        refused.refused(2);
        assert_eq!((refused.target, refused.is_measured()), (2, false));
        assert_eq!((StreamCount::new(eight, 5).target, StreamCount::new(eight, 5).is_measured()), (5, false));
    }
}
