//! Places that many hosts or accounts want at the same time, and who gives way when all are taken.
//!
//! A [`Fair`] table holds what takes the places: connections, sessions, work that waits. Each holder has a
//! key, the host or the account that it belongs to. [`Bounds`] says how many places there are. When a
//! newcomer finds no place, one rule chooses who gives way:
//!
//! 1. A holder that the table's owner calls weak: the oldest of them.
//! 2. A key that holds most, the newcomer counted, gives up one of its own places. A newcomer whose key is
//!    among those that hold most therefore never takes a place from another key.
//! 3. If several other keys hold most, the oldest holder among theirs gives way.
//!
//! So a key that holds no more than its equal share keeps its places, as long as there is a place for each
//! key. If there are more keys than places, and each holds one, the oldest holder of all gives way.
//!
//! ```
//! use ftp_proto::fair::{Bounds, Fair};
//!
//! let bounds = Bounds::new(3);
//! let mut places = Fair::new();
//! for (key, holder) in [("ann", 1), ("ann", 2), ("bob", 3)] {
//!     assert!(matches!(places.admit(bounds, key, holder, |_, _| false), Ok((_, None))));
//! }
//! // ann holds most, so she makes room for eve, and then for her own next holder.
//! assert!(matches!(places.admit(bounds, "eve", 4, |_, _| false), Ok((_, Some(1)))));
//! assert!(matches!(places.admit(bounds, "ann", 5, |_, _| false), Ok((_, Some(2)))));
//! ```

use crate::timer::Moment;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::Duration;

/// How many places there are, and which holder of a key that holds too much gives way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Maximum number of holders.
    pub places: usize,
    /// Maximum number of holders with one key.
    pub per_key: usize,
    /// Which holder gives way to a newcomer of another key.
    pub to_others: GivesWay,
    /// Which holder gives way to a newcomer of the same key.
    pub to_own: GivesWay,
}

/// Which holder of a key gives way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GivesWay {
    /// The one that came first.
    Oldest,
    /// The one that came last. A newcomer of the same key displaces no holder: it is the newest itself.
    Newest,
}

impl Bounds {
    /// Bounds of `places` places in all. One key may take all of them while no other key wants one, and its
    /// oldest holder gives way.
    pub const fn new(places: usize) -> Self {
        Self { places, per_key: places, to_others: GivesWay::Oldest, to_own: GivesWay::Oldest }
    }

    /// The same places, of which one key takes at most `per_key`.
    #[must_use]
    pub const fn per_key(self, per_key: usize) -> Self {
        Self { per_key, ..self }
    }
}

/// Names a place that is taken. Later places have greater names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PlaceId(u64);

/// The places that are taken. `K` is a host or an account, `V` is what takes a place.
#[derive(Clone, Debug)]
pub struct Fair<K, V> {
    /// In the order in which they came.
    holders: BTreeMap<PlaceId, (K, V)>,
    counts: HashMap<K, usize>,
    next: u64,
}

/// Which holder gives way to a newcomer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Choice {
    /// There is room.
    Nobody,
    Holder(PlaceId),
    Newcomer,
}

impl<K, V> Default for Fair<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> Fair<K, V> {
    /// Creates a table in which no place is taken.
    pub fn new() -> Self {
        Self { holders: BTreeMap::new(), counts: HashMap::new(), next: 0 }
    }

    /// How many places are taken.
    pub fn len(&self) -> usize {
        self.holders.len()
    }

    /// Whether no place is taken.
    pub fn is_empty(&self) -> bool {
        self.holders.is_empty()
    }

    /// Whether this place is still taken by the one that got its name.
    pub fn has(&self, place: PlaceId) -> bool {
        self.holders.contains_key(&place)
    }

    /// Returns every holder with its key, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.holders.values().map(|(key, value)| (key, value))
    }

    /// Returns every holder to change it, the oldest first.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.holders.values_mut().map(|(_, value)| value)
    }
}

impl<K: Clone + Eq + Hash, V> Fair<K, V> {
    /// Gives `value` a place. Returns its name, and the holder that had to make room for it.
    ///
    /// `is_weak` says which holders give way before all others.
    ///
    /// # Errors
    ///
    /// Returns `value` if no holder gives way to it.
    pub fn admit(
        &mut self,
        bounds: Bounds,
        key: K,
        value: V,
        is_weak: impl Fn(&K, &V) -> bool,
    ) -> Result<(PlaceId, Option<V>), V> {
        let displaced = match self.choose(bounds, &key, is_weak) {
            Choice::Nobody => None,
            Choice::Holder(place) => self.remove(place),
            Choice::Newcomer => return Err(value),
        };
        let place = PlaceId(self.next);
        self.next = self.next.saturating_add(1);
        *self.counts.entry(key.clone()).or_default() += 1;
        self.holders.insert(place, (key, value));
        Ok((place, displaced))
    }

    /// Frees a place. Returns its holder, or `None` if the place is free already.
    pub fn remove(&mut self, place: PlaceId) -> Option<V> {
        let (key, value) = self.holders.remove(&place)?;
        if let Some(count) = self.counts.get_mut(&key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(&key);
            }
        }
        Some(value)
    }

    /// Frees the place of the oldest holder and returns the holder.
    pub fn take_oldest(&mut self) -> Option<V> {
        let (place, _) = self.holders.first_key_value()?;
        self.remove(*place)
    }

    /// Frees the place of the oldest holder with this key and returns the holder.
    pub fn take_oldest_of(&mut self, key: &K) -> Option<V> {
        let place = self.places_of(|of, _| of == key).next()?;
        self.remove(place)
    }

    /// Frees the places of all holders for which `meant` is true. Returns these, the oldest first.
    pub fn take_if(&mut self, meant: impl Fn(&V) -> bool) -> Vec<V> {
        let places: Vec<PlaceId> = self.places_of(|_, value| meant(value)).collect();
        places.into_iter().filter_map(|place| self.remove(place)).collect()
    }

    /// Frees every place and returns the holders, the oldest first.
    pub fn take_all(&mut self) -> Vec<V> {
        self.take_if(|_| true)
    }

    /// How many places `key` has taken.
    pub fn count(&self, key: &K) -> usize {
        self.counts.get(key).copied().unwrap_or(0)
    }

    /// How many keys have taken places.
    pub fn keys(&self) -> usize {
        self.counts.len()
    }

    /// The most places that one key has taken.
    pub fn most(&self) -> usize {
        self.counts.values().copied().max().unwrap_or(0)
    }

    /// Frees a place for a newcomer of `key`, where all of `places` are taken and not every holder can give
    /// way. `rank` says which ones can, and the least of these does first. It belongs to the key that holds
    /// most, among those that hold more than an equal share and more than `key` with the newcomer; the eight
    /// that hold most are looked at. Returns the holder that gave way, if there is one.
    pub fn make_room<O: Ord>(&mut self, places: usize, key: &K, rank: impl Fn(&V) -> Option<O>) -> Option<V> {
        let mine = self.count(key) + 1;
        let keys = self.counts.len() + usize::from(mine == 1);
        let is_beyond_share = |count: usize| count > mine && count.saturating_mul(keys) > places;
        let mut beyond: Vec<_> = self.counts.iter().filter(|(_, count)| is_beyond_share(**count)).collect();
        beyond.sort_unstable_by_key(|(_, count)| Reverse(**count));
        // Newcomers may be many, so each looks at few keys only.
        beyond.truncate(MAX_KEYS);
        let ranked = self.holders.iter().filter_map(|(place, (of, value))| {
            let (_, count) = beyond.iter().find(|(key, _)| *key == of)?;
            Some(((Reverse(**count), rank(value)?), *place))
        });
        let (_, chosen) = ranked.min()?;
        self.remove(chosen)
    }

    /// Who makes room for a newcomer.
    fn choose(&self, bounds: Bounds, newcomer: &K, is_weak: impl Fn(&K, &V) -> bool) -> Choice {
        let own = self.count(newcomer);
        if own >= bounds.per_key {
            let weak = self.places_of(|key, value| key == newcomer && is_weak(key, value)).next();
            return weak.map_or_else(|| self.own_gives_way(bounds, newcomer), Choice::Holder);
        }
        if self.len() < bounds.places {
            return Choice::Nobody;
        }
        if let Some(weak) = self.places_of(&is_weak).next() {
            return Choice::Holder(weak);
        }
        let most = self.most();
        if own > 0 && own + 1 >= most {
            return self.own_gives_way(bounds, newcomer);
        }
        let mut fullest = self.counts.iter().filter(|(_, count)| **count == most);
        let chosen = match (fullest.next(), fullest.next(), bounds.to_others) {
            (Some((key, _)), None, GivesWay::Newest) => self.places_of(|of, _| of == key).next_back(),
            _ => self.places_of(|of, _| self.count(of) == most).next(),
        };
        chosen.map_or(Choice::Newcomer, Choice::Holder)
    }

    /// The newcomer's own key makes room.
    fn own_gives_way(&self, bounds: Bounds, key: &K) -> Choice {
        match bounds.to_own {
            GivesWay::Newest => Choice::Newcomer,
            GivesWay::Oldest => {
                self.places_of(|of, _| of == key).next().map_or(Choice::Newcomer, Choice::Holder)
            }
        }
    }

    /// The places whose holders are meant, the oldest first.
    fn places_of(&self, meant: impl Fn(&K, &V) -> bool) -> impl DoubleEndedIterator<Item = PlaceId> {
        self.holders.iter().filter(move |(_, (key, value))| meant(key, value)).map(|(place, _)| *place)
    }
}

/// Keys that are looked at for one newcomer when not every holder can give way.
const MAX_KEYS: usize = 8;

/// How many lines each key has had of late.
///
/// ```
/// use ftp_proto::fair::Seldom;
/// use ftp_proto::timer::Moment;
/// use std::time::Duration;
///
/// let at = |seconds| Moment::after_start(Duration::from_secs(seconds));
/// let mut lines = Seldom::new(1, 100, Duration::from_secs(60));
/// assert_eq!(lines.due("eve", at(0)), Some(0));
/// assert_eq!(lines.due("eve", at(30)), None);
/// assert_eq!(lines.due("bob", at(30)), Some(0));
/// assert_eq!(lines.due("eve", at(60)), Some(1), "one had no line");
/// ```
#[derive(Clone, Debug)]
pub struct Seldom<K> {
    of: HashMap<K, Lines>,
    /// What had no line, of keys that are not remembered.
    untold: u64,
    most: u32,
    remembered: usize,
    pause: Duration,
}

#[derive(Clone, Debug)]
struct Lines {
    /// When the first of these lines was written.
    at: Moment,
    /// How many there were since.
    told: u32,
    /// What had no line since.
    untold: u64,
}

impl<K: Eq + Hash> Seldom<K> {
    /// At most `most` lines of a key in each `pause`. At most `remembered` keys have lines within one.
    pub fn new(most: u32, remembered: usize, pause: Duration) -> Self {
        Self { of: HashMap::new(), untold: 0, most, remembered, pause }
    }

    /// Something happens that has a line. Returns `None` if it has to go without one, and otherwise how many had none
    /// before, of the same key and of those that are not remembered.
    pub fn due(&mut self, key: K, now: Moment) -> Option<u64> {
        let Self { of, untold, most, pause, .. } = self;
        if let Some(lines) = of.get_mut(&key) {
            if now.since(lines.at) >= *pause {
                (lines.at, lines.told) = (now, 0);
            } else if lines.told >= *most {
                lines.untold = lines.untold.saturating_add(1);
                return None;
            }
            lines.told += 1;
            return Some(std::mem::take(&mut lines.untold).saturating_add(std::mem::take(untold)));
        }
        if !self.has_room(&key, now) {
            self.untold = self.untold.saturating_add(1);
            return None;
        }
        self.of.insert(key, Lines { at: now, told: 1, untold: 0 });
        Some(std::mem::take(&mut self.untold))
    }

    /// Whether this key may have lines: it is remembered, or there is room for one more.
    pub fn has_room(&mut self, key: &K, now: Moment) -> bool {
        let Self { of, untold, remembered, pause, .. } = self;
        if of.len() >= *remembered && !of.contains_key(key) {
            of.retain(|_, lines| {
                let counts = now.since(lines.at) < *pause;
                *untold = untold.saturating_add(if counts { 0 } else { lines.untold });
                counts
            });
        }
        of.len() < *remembered || of.contains_key(key)
    }

    /// How many of this key had no line, if that is to be told now. They are not told again.
    pub fn take_untold(&mut self, key: &K) -> u64 {
        self.of.get_mut(key).map_or(0, |lines| std::mem::take(&mut lines.untold))
    }

    /// The same of all keys, also of those that are not remembered.
    pub fn take_all(&mut self) -> u64 {
        let of_keys = self.of.values_mut().map(|lines| std::mem::take(&mut lines.untold));
        of_keys.fold(std::mem::take(&mut self.untold), u64::saturating_add)
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// Whether no key is remembered.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A table with these holders; each is named by its key and its number.
    fn table(bounds: Bounds, keys: &str) -> Fair<char, (char, usize)> {
        let mut table = Fair::new();
        for (number, key) in keys.chars().enumerate() {
            let admitted = table.admit(bounds, key, (key, number), |_, _| false);
            assert!(matches!(admitted, Ok((_, None))), "{key} has room");
        }
        table
    }

    /// Who gives way when a newcomer of `key` finds `keys`: the number of the holder, if there is one.
    fn gives_way(bounds: Bounds, keys: &str, key: char, weak: &[usize]) -> Result<Option<usize>, ()> {
        let mut table = table(bounds, keys);
        let admitted = table.admit(bounds, key, (key, 99), |_, (_, number)| weak.contains(number));
        match admitted {
            Ok((_, displaced)) => Ok(displaced.map(|(_, number)| number)),
            Err(_) => Err(()),
        }
    }

    const OLDEST: Bounds = Bounds::new(6);
    const NEWEST: Bounds = Bounds { to_others: GivesWay::Newest, to_own: GivesWay::Newest, ..Bounds::new(6) };

    #[test]
    fn while_there_is_room_nobody_gives_way() {
        assert_eq!(gives_way(OLDEST, "aaaaa", 'a', &[0]), Ok(None));
        assert_eq!(gives_way(OLDEST, "", 'b', &[]), Ok(None));
    }

    #[test]
    fn whoever_holds_most_makes_room_for_others() {
        for (holders, oldest, newest) in [("aaaaaa", 0, 5), ("baaaab", 1, 4), ("bcaaba", 2, 5)] {
            assert_eq!(gives_way(OLDEST, holders, 'x', &[]), Ok(Some(oldest)), "{holders}");
            assert_eq!(gives_way(NEWEST, holders, 'x', &[]), Ok(Some(newest)), "{holders}");
        }
        assert_eq!(gives_way(OLDEST, "baaaac", 'b', &[]), Ok(Some(1)), "b would hold less than a");
    }

    #[test]
    fn on_a_tie_the_oldest_of_those_that_hold_most_gives_way() {
        assert_eq!(gives_way(OLDEST, "abcdef", 'x', &[]), Ok(Some(0)));
        assert_eq!(gives_way(NEWEST, "abcdef", 'x', &[]), Ok(Some(0)));
        assert_eq!(gives_way(NEWEST, "cbbaad", 'x', &[]), Ok(Some(1)), "c and d keep their shares");
    }

    #[test]
    fn a_key_that_holds_most_takes_no_place_of_another() {
        assert_eq!(gives_way(OLDEST, "baaaaa", 'a', &[]), Ok(Some(1)));
        assert_eq!(gives_way(NEWEST, "baaaaa", 'a', &[]), Err(()));
        assert_eq!(gives_way(OLDEST, "baaabb", 'a', &[]), Ok(Some(1)));
        assert_eq!(gives_way(OLDEST, "abcdef", 'f', &[]), Ok(Some(5)), "f would hold most");
        assert_eq!(gives_way(OLDEST, "aaabbc", 'b', &[]), Ok(Some(3)), "b would hold as many as a");
        assert_eq!(gives_way(NEWEST, "abcdef", 'f', &[]), Err(()));
    }

    #[test]
    fn the_bound_of_a_key_holds_although_there_is_room() {
        assert_eq!(gives_way(OLDEST.per_key(2), "baa", 'a', &[]), Ok(Some(1)));
        assert_eq!(gives_way(NEWEST.per_key(2), "baa", 'a', &[]), Err(()));
        assert_eq!(gives_way(OLDEST.per_key(2), "baa", 'a', &[0, 2]), Ok(Some(2)), "not the weak one of b");
        assert_eq!(gives_way(NEWEST.per_key(2), "baa", 'a', &[2]), Ok(Some(2)));
        assert_eq!(gives_way(OLDEST.per_key(2), "baa", 'b', &[]), Ok(None));
    }

    #[test]
    fn the_weak_give_way_first_and_the_oldest_of_them() {
        assert_eq!(gives_way(OLDEST, "aaaaab", 'x', &[5]), Ok(Some(5)));
        assert_eq!(gives_way(NEWEST, "aaaaab", 'a', &[2, 4]), Ok(Some(2)));
    }

    #[test]
    fn without_a_place_nobody_comes_in() {
        assert_eq!(gives_way(Bounds::new(0), "", 'a', &[]), Err(()));
        assert_eq!(gives_way(OLDEST.per_key(0), "", 'a', &[]), Err(()));
    }

    #[test]
    fn a_place_that_is_left_is_free_again() {
        let mut table = Fair::new();
        let bounds = Bounds::new(2);
        let (first, _) = table.admit(bounds, 'a', 1, |_, _| false).unwrap();
        table.admit(bounds, 'b', 2, |_, _| false).unwrap();
        assert!(!table.is_empty());
        assert_eq!((table.remove(first), table.remove(first)), (Some(1), None));
        assert_eq!((table.count(&'a'), table.count(&'b'), table.len()), (0, 1, 1));
        table.admit(bounds, 'c', 3, |_, _| false).unwrap();
        assert_eq!(table.iter().map(|(key, value)| (*key, *value)).collect::<Vec<_>>(), [('b', 2), ('c', 3)]);
        assert_eq!(table.take_oldest_of(&'a'), None);
        assert_eq!(table.take_oldest_of(&'b'), Some(2));
        table.admit(bounds, 'b', 2, |_, _| false).unwrap();
        assert_eq!(table.take_oldest(), Some(3));
        assert_eq!(table.take_all(), [2]);
        assert!(table.is_empty() && table.counts.is_empty());
    }

    #[test]
    fn only_who_can_give_way_does_and_never_within_its_equal_share() {
        let room = |keys: &str, newcomer: char, can: &[usize]| {
            let mut table = table(Bounds::new(6), keys);
            let made = table.make_room(6, &newcomer, |(_, number)| can.contains(number).then_some(*number));
            assert_eq!(table.len(), keys.len() - usize::from(made.is_some()));
            made.map(|(_, number)| number)
        };
        assert_eq!(room("aaaaab", 'x', &[0, 1, 2, 3, 4, 5]), Some(0));
        assert_eq!(room("aaaaab", 'x', &[3, 4, 5]), Some(3), "the others are busy");
        assert_eq!(room("aaaaab", 'x', &[5]), None, "b is within its share");
        assert_eq!(room("aaaabb", 'x', &[4, 5]), None, "two of six is an equal share of three");
        assert_eq!(room("aaabbb", 'x', &[4]), Some(4), "who holds as much may be chosen");
        assert_eq!(room("aaaaab", 'a', &[0, 5]), None, "nobody gives way to whoever holds most");
        assert_eq!(room("aaaabb", 'b', &[0]), Some(0), "b would hold three, a holds four");
        assert_eq!(room("abcdef", 'x', &[0, 1, 2, 3, 4, 5]), None, "one place each");
    }

    proptest! {
        /// Whoever holds no more than an equal share loses nothing to others, whatever comes.
        #[test]
        fn nobody_loses_a_place_within_its_equal_share(
            newcomers in proptest::collection::vec((0..5u8, any::<bool>()), 1..200),
            newest in any::<bool>(),
        ) {
            let order = if newest { GivesWay::Newest } else { GivesWay::Oldest };
            let bounds = Bounds { to_others: order, to_own: GivesWay::Oldest, ..Bounds::new(10) };
            let mut table = Fair::new();
            for (key, leaves) in newcomers {
                let before = table.count(&key);
                let Ok((place, displaced)) = table.admit(bounds, key, key, |_, _| false) else {
                    return Err(TestCaseError::fail("everybody comes in"));
                };
                if let Some(other) = displaced.filter(|other| *other != key) {
                    let keys = table.counts.len().max(1);
                    prop_assert!(table.count(&other) + 1 > 10 / keys, "{other} was within its share");
                    prop_assert!(table.count(&other) >= before, "{key} holds more than {other}");
                }
                prop_assert!(table.len() <= 10);
                prop_assert_eq!(table.counts.values().sum::<usize>(), table.len());
                if leaves {
                    table.remove(place);
                }
            }
        }
    }
}
