//! A rate that several sharers have together.

use super::{BURST, Bucket, Moment};
use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU64;
use std::time::Duration;

/// A rate in bytes per second, or no limit, that several sharers have together. Whoever waits and has moved least is
/// next, so a sharer does not get more by asking more often. One that is silent costs the others nothing.
#[derive(Debug)]
pub struct SharedBucket<K> {
    bucket: Option<(NonZeroU64, Bucket)>,
    sharers: HashMap<K, Sharer>,
    /// The bytes that a sharer has moved if it always used its part of the rate. Newcomers begin with this number.
    turn: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sharer {
    /// Bytes that count for its turn.
    moved: u64,
    /// A flow of it was told to wait, and comes back before this moment.
    waits: Option<Moment>,
    /// When its next flow that has to wait may come back.
    next: Moment,
    seen: Moment,
}

impl<K> Default for SharedBucket<K> {
    fn default() -> Self {
        Self { bucket: None, sharers: HashMap::new(), turn: 0 }
    }
}

impl<K: Copy + Eq + Hash> SharedBucket<K> {
    /// Sets the rate. What was moved before is paid for at the old one.
    pub fn set(&mut self, rate: Option<NonZeroU64>) {
        if self.rate() != rate {
            self.bucket = rate.map(|rate| (rate, Bucket::new(rate)));
            // How long they wait, and who is next, was reckoned with the old rate.
            self.sharers.clear();
        }
    }

    /// The rate that holds.
    pub fn rate(&self) -> Option<NonZeroU64> {
        self.bucket.map(|(rate, _)| rate)
    }

    /// How many bytes a flow of `key` may move now, where `flows` are paid by this rate: so few that all of them
    /// together wait for a short time afterwards.
    ///
    /// # Errors
    ///
    /// How long to wait before some may move.
    pub fn allowance(&mut self, key: K, now: Moment, flows: usize) -> Result<usize, Duration> {
        let Some((rate, bucket)) = &mut self.bucket else { return Ok(usize::MAX) };
        let piece = (rate.get() / 8 / u64::try_from(flows.max(1)).unwrap_or(u64::MAX)).max(SMALLEST);
        let price = Duration::from_nanos(piece.saturating_mul(1_000_000_000) / rate.get());
        let rest = bucket.take(0, now);
        let credit = now.since(bucket.paid_until);
        let sharer = self.sharer(key, now);
        let ahead = self.sharers.iter().filter(|(other, one)| **other != key && one.is_before(&sharer, now));
        let ahead = price.saturating_mul(u32::try_from(ahead.count()).unwrap_or(u32::MAX));
        // Credit beyond the pieces of those that are next is free for anyone. Large credit is free as a whole, because those that
        // are next may be late.
        let ahead = ahead.min(price.clamp(LARGE_CREDIT, MOST_CREDIT)).saturating_sub(credit);
        if rest.is_zero() && ahead.is_zero() {
            self.sharers.insert(key, Sharer { seen: now, ..sharer });
            return Ok(usize::try_from(piece).unwrap_or(usize::MAX));
        }
        // The flows of one sharer do not come back at the same time.
        let wait = (rest + ahead).max(sharer.next.since(now)).min(rest.max(LONGEST)).min(ASK_AGAIN);
        let next = now + wait + price;
        self.sharers.insert(key, Sharer { waits: Some(now + wait + GRACE), next, seen: now, ..sharer });
        Err(wait)
    }

    /// Takes bytes that `key` has moved.
    pub fn take(&mut self, key: K, bytes: u64, now: Moment) {
        let sharer = self.sharer(key, now);
        let Some((_, bucket)) = &mut self.bucket else { return };
        bucket.take(bytes, now);
        let others = self.sharers.iter().filter(|(other, one)| **other != key && one.is_waiting(now)).count();
        self.turn = self.turn.saturating_add(bytes / (1 + others as u64));
        self.sharers.insert(key, Sharer { moved: sharer.moved.saturating_add(bytes), seen: now, ..sharer });
    }

    /// The record of `key`. A sharer that is new or does not wait gets at least `turn`, so silence earns no credit.
    fn sharer(&mut self, key: K, now: Moment) -> Sharer {
        let Some(known) = self.sharers.get(&key).copied() else {
            self.sharers.retain(|_, sharer| now.since(sharer.seen) < MEMORY);
            return Sharer { moved: self.turn, waits: None, next: now, seen: now };
        };
        if known.is_waiting(now) { known } else { Sharer { moved: known.moved.max(self.turn), ..known } }
    }
}

impl Sharer {
    /// Whether a flow of it waits for its turn.
    fn is_waiting(&self, now: Moment) -> bool {
        self.waits.is_some_and(|until| until >= now)
    }

    /// Whether it is served before `other`: it waits and has moved less, or as much and `other` does not wait.
    fn is_before(&self, other: &Self, now: Moment) -> bool {
        let is_first = self.moved < other.moved || self.moved == other.moved && !other.is_waiting(now);
        self.is_waiting(now) && is_first
    }
}

/// No piece is smaller: many flows with a low rate would do nothing but wake up.
const SMALLEST: u64 = 4 * 1024;
/// Nobody is told to wait for the turns of others for longer, because they may have gone.
const LONGEST: Duration = Duration::from_millis(250);
/// Nobody is told to wait for longer before the next question, because the rate may be another one by then.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How late somebody may come whose turn it is.
const GRACE: Duration = Duration::from_millis(100);
/// Credit is large if it took this long to save up, or as long as one piece if that is longer.
const LARGE_CREDIT: Duration = Duration::from_millis(125);
/// No credit has to be larger. It is less than a bucket keeps.
const MOST_CREDIT: Duration = BURST.saturating_sub(Duration::from_millis(30));
/// When a new sharer comes, those that were silent for this long are forgotten.
const MEMORY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 1_000_000;

    /// Sharers of a rate. Those of the first ones have bytes at any time, the last ones only small files.
    struct Scene<'a> {
        rate: u64,
        /// The number of flows of each sharer.
        flows: &'a [usize],
        /// How many sharers have small files.
        small: usize,
        /// The pause after each small file.
        pause: Duration,
        /// The most that a flow moves at once.
        piece: u64,
        /// How late a flow comes that was told to wait.
        late: Duration,
        /// Each small file is a sharer of its own.
        are_files: bool,
    }

    const FILE: u64 = 20_000;

    impl<'a> Scene<'a> {
        /// Sharers with this number of flows each, which always have bytes.
        fn of(flows: &'a [usize]) -> Self {
            let pause = Duration::ZERO;
            Self { rate: RATE, flows, small: 0, pause, piece: u64::MAX, late: pause, are_files: false }
        }

        /// What each sharer has moved in ten seconds.
        fn moved(&self) -> Vec<u64> {
            let mut bucket = SharedBucket::default();
            bucket.set(NonZeroU64::new(self.rate));
            let start = Moment::START + Duration::from_secs(1);
            let large = self.flows.len() - self.small;
            // The moment at which each flow asks next, its sharer, the name of that, and the bytes of its file.
            let mut next: Vec<(Moment, usize, usize, u64)> = Vec::new();
            for (sharer, count) in self.flows.iter().enumerate() {
                let left = if sharer < large { u64::MAX } else { FILE };
                next.extend((0..*count).map(|_| (start, sharer, sharer, left)));
            }
            let (mut moved, mut names, mut asked) = (vec![0; self.flows.len()], self.flows.len(), 0_u64);
            loop {
                let flow = (0..next.len()).min_by_key(|flow| next[*flow].0).unwrap();
                let count = next.len();
                let (at, sharer, name, left) = &mut next[flow];
                if at.since(start) > Duration::from_secs(10) {
                    assert!(asked < 400_000, "{asked} questions");
                    return moved;
                }
                asked += 1;
                match bucket.allowance(*name, *at, count) {
                    Ok(most) => {
                        let bytes = (*left).min(self.piece).min(most as u64);
                        bucket.take(*name, bytes, *at);
                        moved[*sharer] += bytes;
                        *left -= bytes;
                        if *left == 0 {
                            names += 1;
                            (*at, *left) = (*at + self.pause, FILE);
                            *name = if self.are_files { names } else { *sharer };
                        }
                    }
                    Err(wait) => *at = *at + wait + self.late,
                }
            }
        }
    }

    fn about(bytes: u64, expected: u64) -> bool {
        (expected - expected / 8..=expected + expected / 5).contains(&bytes)
    }

    #[test]
    fn r34_sharers_get_equal_parts_however_many_flows_they_have() {
        let each = Scene::of(&[1, 1]).moved();
        assert!(each.iter().all(|bytes| about(*bytes, RATE * 5)), "{each:?}");
        let each = Scene::of(&[1, 9]).moved();
        assert!(each.iter().all(|bytes| about(*bytes, RATE * 5)), "{each:?}");
        let each = Scene::of(&[100, 1, 3, 20]).moved();
        assert!(each.iter().all(|bytes| about(*bytes, RATE * 10 / 4)), "{each:?}");
    }

    #[test]
    fn r34_one_alone_has_the_whole_rate_and_many_do_not_exceed_it() {
        for flows in [vec![1], vec![300], vec![50, 50, 50]] {
            let sum: u64 = Scene::of(&flows).moved().iter().sum();
            assert!((RATE * 95 / 10..=RATE * 12).contains(&sum), "{flows:?}: {sum}");
        }
    }

    #[test]
    fn r34_those_who_pause_between_small_files_leave_the_rest_of_the_rate_to_the_others() {
        // Milliseconds of a pause, the most that moves at once, and the least that a sharer gets if each has one name, and if
        // each file has its own.
        for (pause, piece, least, of_files) in [
            (2, 65_536, 20_000_000, 5_000_000),
            (8, 65_536, 12_000_000, 12_000_000),
            (50, 16_384, 2_500_000, 2_500_000),
        ] {
            for (are_files, least) in [(false, least), (true, of_files)] {
                let pause = Duration::from_millis(pause);
                let scene =
                    Scene { rate: 10 * RATE, small: 3, pause, piece, are_files, ..Scene::of(&[1; 4]) };
                let moved = scene.moved();
                let sum: u64 = moved.iter().sum();
                assert!((RATE * 95..=RATE * 104).contains(&sum), "{pause:?}, {are_files}: {moved:?}");
                assert!(moved.iter().all(|bytes| *bytes > least), "{pause:?}, {are_files}: {moved:?}");
            }
        }
    }

    #[test]
    fn r34_the_whole_rate_is_used_although_all_come_late() {
        for (rate, flows, late) in
            [(20_000, 5, 25), (100_000, 10, 25), (100_000, 40, 25), (100_000, 20, 100), (RATE, 70, 60)]
        {
            let flows = vec![1; flows];
            let scene = Scene { rate, late: Duration::from_millis(late), ..Scene::of(&flows) };
            let moved = scene.moved();
            let sum: u64 = moved.iter().sum();
            assert!((rate * 93 / 10..=rate * 12).contains(&sum), "{rate}, {late} ms: {moved:?}");
        }
    }

    #[test]
    fn one_that_is_told_to_go_and_says_nothing_delays_nobody() {
        let mut bucket = SharedBucket::default();
        bucket.set(RATE.try_into().ok());
        let mut now = Moment::START + Duration::from_secs(1);
        bucket.allowance("ann", now, 2).unwrap();
        bucket.take("ann", 1_000_000, now);
        bucket.allowance("ann", now, 2).unwrap_err();
        now = now + Duration::from_secs(1);
        // eve is first, because she has moved nothing. She has no bytes.
        bucket.allowance("eve", now, 2).unwrap();
        bucket.allowance("ann", now, 2).unwrap();
    }

    #[test]
    fn who_waits_for_a_low_rate_holds_nobody_back_after_it_was_raised() {
        let mut bucket = SharedBucket::default();
        let now = Moment::START + Duration::from_secs(1);
        bucket.set(NonZeroU64::new(1));
        let piece = bucket.allowance("slow", now, 2).unwrap();
        bucket.take("slow", piece as u64, now);
        let wait = bucket.allowance("slow", now, 2).unwrap_err();
        assert!(wait <= ASK_AGAIN, "{wait:?}");
        bucket.take("fast", RATE, now);
        bucket.set(RATE.try_into().ok());
        bucket.allowance("fast", now, 2).unwrap();
        bucket.allowance("slow", now + wait, 2).unwrap();
    }

    #[test]
    fn a_rate_can_be_changed_and_taken_away() {
        let mut bucket = SharedBucket::default();
        let now = Moment::START + Duration::from_secs(1);
        assert_eq!(bucket.allowance(1, now, 1), Ok(usize::MAX));
        bucket.take(1, u64::MAX, now);
        bucket.set(RATE.try_into().ok());
        assert_eq!(bucket.allowance(1, now, 1), Ok(125_000));
        bucket.take(1, 10_000_000, now);
        bucket.allowance(1, now, 1).unwrap_err();
        bucket.set(None);
        assert_eq!(bucket.allowance(1, now, 1), Ok(usize::MAX));
    }
}
