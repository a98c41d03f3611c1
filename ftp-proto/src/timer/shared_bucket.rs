//! A rate that many share, so that none of them gets more than its turn.

use super::{Bucket, Moment};
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
        Self { bucket: None, sharers: HashMap::new() }
    }
}

impl<K: Copy + Eq + Hash> SharedBucket<K> {
    /// Sets the rate. What was moved before is paid for at the old one.
    pub fn set(&mut self, rate: Option<NonZeroU64>) {
        if self.rate() != rate {
            self.bucket = rate.map(|rate| (rate, Bucket::new(rate)));
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
        let sharer = self.sharer(key, now);
        let ahead = self.sharers.iter().filter(|(other, one)| **other != key && one.is_before(&sharer, now));
        let ahead = price.saturating_mul(u32::try_from(ahead.count()).unwrap_or(u32::MAX));
        if rest.is_zero() && ahead.is_zero() {
            self.sharers.insert(key, Sharer { seen: now, ..sharer });
            return Ok(usize::try_from(piece).unwrap_or(usize::MAX));
        }
        // The flows of one sharer do not come back at the same time.
        let wait = (rest + ahead).max(sharer.next.since(now)).min(rest.max(LONGEST));
        let next = now + wait + price;
        self.sharers.insert(key, Sharer { waits: Some(now + wait + GRACE), next, seen: now, ..sharer });
        Err(wait)
    }

    /// Takes bytes that `key` has moved.
    pub fn take(&mut self, key: K, bytes: u64, now: Moment) {
        let sharer = self.sharer(key, now);
        let Some((_, bucket)) = &mut self.bucket else { return };
        bucket.take(bytes, now);
        self.sharers.insert(key, Sharer { moved: sharer.moved.saturating_add(bytes), seen: now, ..sharer });
    }

    /// What is known of `key`. A newcomer, and one that was silent, begins with what those have moved that wait:
    /// silence is no credit.
    fn sharer(&mut self, key: K, now: Moment) -> Sharer {
        let known = self.sharers.get(&key).copied();
        if let Some(sharer) = known.filter(|sharer| now.since(sharer.seen) < MEMORY) {
            return sharer;
        }
        self.sharers.retain(|_, sharer| now.since(sharer.seen) < MEMORY);
        let waiting = self.sharers.values().filter(|sharer| sharer.waits.is_some_and(|until| until >= now));
        let moved = waiting.map(|sharer| sharer.moved).min().unwrap_or(0);
        Sharer { moved, waits: None, next: now, seen: now }
    }
}

impl Sharer {
    /// Whether it waits, and has moved less than `other`.
    fn is_before(&self, other: &Self, now: Moment) -> bool {
        self.moved < other.moved && self.waits.is_some_and(|until| until >= now)
    }
}

/// No piece is smaller: many flows with a low rate would do nothing but wake up.
const SMALLEST: u64 = 4 * 1024;
/// Nobody is told to wait for the turns of others for longer, because they may have gone.
const LONGEST: Duration = Duration::from_millis(250);
/// How late somebody may come whose turn it is.
const GRACE: Duration = Duration::from_millis(20);
/// How long a sharer counts after its last bytes or its last question.
const MEMORY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 1_000_000;

    /// What each sharer has moved in ten seconds; sharer `n` has `flows[n]` flows that always have bytes.
    fn moved(flows: &[usize]) -> Vec<u64> {
        let mut bucket = SharedBucket::default();
        bucket.set(RATE.try_into().ok());
        let start = Moment::START + Duration::from_secs(1);
        let all: usize = flows.iter().sum();
        // The moment at which each flow asks next, and its sharer.
        let mut next: Vec<(Moment, usize)> = Vec::new();
        for (key, count) in flows.iter().enumerate() {
            next.extend((0..*count).map(|_| (start, key)));
        }
        let mut moved = vec![0; flows.len()];
        let mut asked = 0_u64;
        loop {
            let (at, flow) = (0..next.len()).map(|flow| (next[flow].0, flow)).min().unwrap();
            if at.since(start) > Duration::from_secs(10) {
                assert!(asked < 400_000, "{asked} questions");
                return moved;
            }
            asked += 1;
            let key = next[flow].1;
            match bucket.allowance(key, at, all) {
                Ok(most) => {
                    bucket.take(key, most as u64, at);
                    moved[key] += most as u64;
                }
                Err(wait) => next[flow].0 = at + wait,
            }
        }
    }

    fn about(bytes: u64, expected: u64) -> bool {
        (expected - expected / 8..=expected + expected / 5).contains(&bytes)
    }

    #[test]
    fn r34_sharers_get_equal_parts_however_many_flows_they_have() {
        let each = moved(&[1, 1]);
        assert!(each.iter().all(|bytes| about(*bytes, RATE * 5)), "{each:?}");
        let each = moved(&[1, 9]);
        assert!(each.iter().all(|bytes| about(*bytes, RATE * 5)), "{each:?}");
        let each = moved(&[100, 1, 3, 20]);
        assert!(each.iter().all(|bytes| about(*bytes, RATE * 10 / 4)), "{each:?}");
    }

    #[test]
    fn r34_one_alone_has_the_whole_rate_and_many_do_not_exceed_it() {
        for flows in [vec![1], vec![300], vec![50, 50, 50]] {
            let sum: u64 = moved(&flows).iter().sum();
            assert!((RATE * 95 / 10..=RATE * 12).contains(&sum), "{flows:?}: {sum}");
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
