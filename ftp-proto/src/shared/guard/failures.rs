//! How often hosts and names have failed of late.

use crate::timer::Moment;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// Failures by host or by name. Memory is bounded: the oldest failure is forgotten first.
#[derive(Debug)]
pub(super) struct Remembered<T>(HashMap<T, (u32, Moment)>);

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Clone + Eq + Hash> Remembered<T> {
    /// Counts a failure of `who`, and returns how many count now.
    pub(super) fn add(&mut self, now: Moment, memory: Duration, who: T) -> u32 {
        if self.0.len() >= MAX_REMEMBERED && !self.0.contains_key(&who) {
            self.make_room(now, memory);
        }
        let (count, last) = self.0.entry(who).or_insert((0, now));
        *count = if now.since(*last) < memory { count.saturating_add(1) } else { 1 };
        *last = now;
        *count
    }

    /// How many failures of `who` count.
    pub(super) fn count<Q: Eq + Hash + ?Sized>(&self, now: Moment, memory: Duration, who: &Q) -> u32
    where
        T: Borrow<Q>,
    {
        self.0.get(who).filter(|(_, last)| now.since(*last) < memory).map_or(0, |(count, _)| *count)
    }

    /// Forgets the failures of `who`.
    pub(super) fn forget(&mut self, who: &T) {
        self.0.remove(who);
    }

    /// Forgets those that no longer count, and at least a quarter.
    fn make_room(&mut self, now: Moment, memory: Duration) {
        self.0.retain(|_, (_, last)| now.since(*last) < memory);
        let mut times: Vec<Moment> = self.0.values().map(|(_, last)| *last).collect();
        let quarter = MAX_REMEMBERED / 4;
        if times.len() > MAX_REMEMBERED - quarter {
            let (_, &mut oldest, _) = times.select_nth_unstable(quarter);
            self.0.retain(|_, (_, last)| *last > oldest);
        }
    }
}

/// Maximum number of hosts, and of names.
const MAX_REMEMBERED: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: Duration = Duration::from_secs(600);

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    #[test]
    fn failures_count_until_there_were_none_for_a_while() {
        let mut failures = Remembered::default();
        assert_eq!(failures.add(at(0), MEMORY, 'a'), 1);
        assert_eq!(failures.add(at(599), MEMORY, 'a'), 2);
        assert_eq!(failures.add(at(600), MEMORY, 'b'), 1);
        assert_eq!(failures.count(at(1198), MEMORY, &'a'), 2);
        assert_eq!(failures.count(at(1199), MEMORY, &'a'), 0);
        assert_eq!(failures.add(at(1199), MEMORY, 'a'), 1);
    }

    #[test]
    fn memory_is_bounded_and_the_latest_are_remembered() {
        let mut failures = Remembered::default();
        for n in 0..40_000_u32 {
            failures.add(Moment::after_start(Duration::from_micros(n.into())), MEMORY, n);
            assert!(failures.0.len() <= MAX_REMEMBERED);
        }
        let now = Moment::after_start(Duration::from_secs(1));
        assert!((39_000..40_000).all(|n| failures.count(now, MEMORY, &n) == 1));
        assert_eq!(failures.count(now, MEMORY, &0), 0);
    }
}
