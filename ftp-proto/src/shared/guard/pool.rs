//! The pool for slow hashes: who waits for a place, who has the next one, and the queue of each host.

use crate::address::{Group, Network};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;

/// What the server thinks of a login that waits. The least comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Standing {
    /// Somebody has logged in from this address of late.
    KnownHost,
    /// Somebody has logged in from its site of late.
    KnownSite,
    /// Nothing speaks for it or against it.
    Stranger,
    /// The name has been guessed at of late.
    GuessedName,
    /// The address has guessed of late.
    Guesses,
}

/// The logins that wait for a slow hash. `K` names a login.
#[derive(Debug)]
pub(super) struct Pool<K> {
    /// In the order in which they came.
    waiting: Vec<QueuedLogin<K>>,
    /// How many of them are known.
    known: usize,
    /// The number of the last turn of each network of late.
    turns: HashMap<Network, u64>,
    /// How many turns there have been.
    given: u64,
    /// Places that are taken.
    busy: usize,
}

/// A login that waits.
#[derive(Debug)]
struct QueuedLogin<K> {
    host: Group,
    key: K,
    /// Whether its host or its site was known when it came.
    is_known: bool,
}

impl<K> Default for Pool<K> {
    fn default() -> Self {
        Self { waiting: Vec::new(), known: 0, turns: HashMap::new(), given: 0, busy: 0 }
    }
}

impl<K: Copy + Eq> Pool<K> {
    /// A login of `host` waits.
    pub(super) fn push(&mut self, host: Group, key: K, is_known: bool) {
        self.waiting.push(QueuedLogin { host, key, is_known });
        self.known += usize::from(is_known);
    }

    /// A login waits no longer.
    pub(super) fn remove(&mut self, key: K) {
        if let Some(index) = self.waiting.iter().position(|waiting| waiting.key == key) {
            self.take(index);
        }
    }

    fn take(&mut self, index: usize) -> Option<QueuedLogin<K>> {
        let taken = (index < self.waiting.len()).then(|| self.waiting.remove(index))?;
        self.known = self.known.saturating_sub(usize::from(taken.is_known));
        Some(taken)
    }

    /// A place is free again.
    pub(super) fn free(&mut self) {
        self.busy = self.busy.saturating_sub(1);
    }

    /// How many places are taken.
    pub(super) const fn busy(&self) -> usize {
        self.busy
    }

    /// The login that has the next place, if there is one for it: of `places`, and of [`SPARE`] more for
    /// known addresses. `judge` tells its standing and how often its host has failed of late.
    pub(super) fn next(&mut self, places: usize, judge: impl Fn(&Group, K) -> (Standing, u32)) -> Option<K> {
        let is_kept = self.busy >= places;
        if is_kept && (self.known == 0 || self.busy >= places + SPARE) {
            return None;
        }
        let is_open = self.given % OPEN == OPEN - 1;
        let candidates = self.waiting.iter().enumerate().filter(|(_, waiting)| waiting.is_known || !is_kept);
        let ranked = candidates.filter_map(|(index, QueuedLogin { host, key, .. })| {
            let (standing, failures) = judge(host, *key);
            if is_kept && standing > Standing::KnownSite {
                return None;
            }
            let turn = |network| self.turns.get(&network).copied();
            let standing = (!is_open).then_some(standing);
            Some(((standing, turn(host.provider()), turn(host.site()), failures), index))
        });
        let (_, index) = ranked.min()?;
        let QueuedLogin { host, key, .. } = self.take(index)?;
        self.given = self.given.saturating_add(1);
        self.busy += 1;
        self.note(host);
        Some(key)
    }

    /// The networks of `host` have had a turn.
    fn note(&mut self, host: Group) {
        if self.turns.len() + 2 > MAX_TURNS {
            // Networks that have waited longest come first anyway.
            let half = self.given.saturating_sub(HALF_OF_TURNS);
            self.turns.retain(|_, turn| *turn > half);
        }
        self.turns.insert(host.provider(), self.given);
        self.turns.insert(host.site(), self.given);
    }
}

/// Places beside those of everybody, for known addresses.
pub(super) const SPARE: usize = 1;
/// One in this many turns goes by networks alone.
const OPEN: u64 = 4;
/// Networks whose last turn is remembered.
const MAX_TURNS: usize = 16 * 1024;
/// Turns that are remembered when there are too many networks; each is a turn of two networks.
const HALF_OF_TURNS: u64 = 4 * 1024;

/// Queues of those that wait, one for each host. Each has a number: the order in which they came.
#[derive(Debug)]
pub(super) struct Queue<H, K> {
    waiting: HashMap<H, VecDeque<(u64, K)>>,
    next: u64,
}

impl<H, K> Default for Queue<H, K> {
    fn default() -> Self {
        Self { waiting: HashMap::new(), next: 0 }
    }
}

impl<H: Copy + Eq + Hash, K: Copy + Eq> Queue<H, K> {
    /// Adds one at the end of the queue of its host.
    pub(super) fn push(&mut self, host: H, key: K) {
        self.waiting.entry(host).or_default().push_back((self.next, key));
        self.next = self.next.saturating_add(1);
    }

    /// Removes one, wherever it stands.
    pub(super) fn remove(&mut self, host: &H, key: &K) {
        if let Some(queue) = self.waiting.get_mut(host) {
            queue.retain(|(_, other)| other != key);
            if queue.is_empty() {
                self.waiting.remove(host);
            }
        }
    }

    /// Takes the first one of the host with the least rank, of those with equal rank the one that came
    /// first. Hosts without a rank have to wait.
    pub(super) fn pop_best(&mut self, rank: impl Fn(&H) -> Option<u32>) -> Option<K> {
        let ranked = self.waiting.iter().filter_map(|(host, queue)| {
            let (number, _) = queue.front()?;
            Some(((rank(host)?, *number), *host))
        });
        let (_, host) = ranked.collect::<BTreeMap<_, _>>().pop_first()?;
        let queue = self.waiting.get_mut(&host)?;
        let (_, key) = queue.pop_front()?;
        if queue.is_empty() {
            self.waiting.remove(&host);
        }
        Some(key)
    }

    /// The hosts of those that wait.
    pub(super) fn keys(&self) -> impl Iterator<Item = &H> {
        self.waiting.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    /// Each in a site of its own.
    fn host(n: u32) -> Group {
        Group::of(Ipv4Addr::from_bits(n << 8).into())
    }

    #[test]
    fn memory_is_bounded_and_the_latest_turns_are_remembered() {
        let mut pool = Pool::default();
        for n in 0..40_000 {
            pool.push(host(n), n, false);
            assert_eq!(pool.next(1, |_, _| (Standing::Stranger, 0)), Some(n));
            pool.free();
            assert!(pool.turns.len() <= MAX_TURNS);
        }
        for (n, is_remembered) in [(39_999, true), (36_000, true), (0, false)] {
            assert_eq!(pool.turns.contains_key(&host(n).site()), is_remembered, "{n}");
        }
    }

    #[test]
    fn the_place_for_known_addresses_is_for_one_of_them_at_a_time() {
        let mut pool = Pool::default();
        let judge = |_: &Group, key: u32| match key {
            0..10 => (Standing::Stranger, 0),
            _ => (Standing::KnownHost, 0),
        };
        for key in [0, 1, 10, 11] {
            pool.push(host(key), key, key >= 10);
        }
        assert_eq!(pool.next(1, judge), Some(10), "a known address comes first");
        assert_eq!(pool.next(1, judge), Some(11), "and has a place more");
        assert_eq!((pool.next(1, judge), pool.busy()), (None, 2));
        pool.free();
        assert_eq!(pool.next(1, judge), None, "that place is not for strangers");
        pool.free();
        assert_eq!(pool.next(1, judge), Some(0));
        // Whoever has guessed since he came is known no more.
        pool.push(host(12), 12, true);
        assert_eq!(pool.next(1, |_, _| (Standing::Guesses, 9)), None);
        assert_eq!(pool.next(1, judge), Some(12));
    }
}
