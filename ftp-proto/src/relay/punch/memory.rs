//! How often agents try to connect to one address, and to how many. A hub that names the addresses of others gets
//! few connections out of it, and a pair between which nothing is open does not wait for that with each file.

use crate::address::Group;
use crate::timer::Moment;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// How much is tried. The default is [`Limits::USUAL`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Maximum number of tries at the same time.
    pub open: usize,
    /// Maximum number of tries at the same time with one address.
    pub open_of_one: usize,
    /// After a failure an address is left alone for this time, doubled by each further failure.
    pub rest: Duration,
    /// No rest is longer. Failures are forgotten after twice this time.
    pub longest_rest: Duration,
    /// Maximum number of addresses whose last try has failed within [`Limits::longest_rest`]. Beyond it only
    /// addresses are tried where the last try did not fail.
    pub failing: usize,
}

/// What has come of a try.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Try {
    /// A direct connection.
    Connected,
    /// None, although this agent has connected to the address.
    Failed,
    /// This agent has not connected to the address.
    Skipped,
}

impl Limits {
    /// Limits that suit every agent.
    pub const USUAL: Self = Self {
        open: 64,
        open_of_one: 16,
        rest: Duration::from_secs(60),
        longest_rest: Duration::from_secs(3600),
        failing: 16,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::USUAL
    }
}

/// The tries of one agent.
#[derive(Debug, Default)]
pub struct Memory {
    limits: Limits,
    addresses: BTreeMap<Group, Past>,
}

#[derive(Clone, Copy, Debug)]
struct Past {
    open: usize,
    failures: u32,
    last: Moment,
}

impl Memory {
    /// Creates a memory with these limits.
    pub const fn new(limits: Limits) -> Self {
        Self { limits, addresses: BTreeMap::new() }
    }

    /// Whether a try with this address may begin. If so, it has begun, and [`Memory::ended`] must follow.
    pub fn begin(&mut self, now: Moment, with: IpAddr) -> bool {
        let (of, limits) = (Group::of(with), self.limits);
        let forgotten = limits.longest_rest.saturating_mul(2);
        self.addresses.retain(|_, past| past.open > 0 || now.since(past.last) < forgotten);
        let open: usize = self.addresses.values().map(|past| past.open).sum();
        let failing = self.addresses.values().filter(|past| past.failures > 0).count();
        let past = self.addresses.get(&of);
        let rests =
            past.is_some_and(|past| past.failures > 0 && now.since(past.last) < self.rest(past.failures));
        let full = match past {
            Some(past) => past.open >= limits.open_of_one,
            None => failing >= limits.failing,
        };
        if rests || full || open >= limits.open {
            return false;
        }
        self.addresses.entry(of).or_insert(Past { open: 0, failures: 0, last: now }).open += 1;
        true
    }

    /// A try with this address has ended.
    pub fn ended(&mut self, now: Moment, with: IpAddr, result: Try) {
        let of = Group::of(with);
        let Some(past) = self.addresses.get_mut(&of) else { return };
        past.open = past.open.saturating_sub(1);
        match result {
            Try::Connected => past.failures = 0,
            Try::Failed => (past.failures, past.last) = (past.failures.saturating_add(1), now),
            Try::Skipped => {}
        }
        if past.open == 0 && past.failures == 0 {
            self.addresses.remove(&of);
        }
    }

    fn rest(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(MAX_DOUBLINGS);
        self.limits.rest.saturating_mul(1 << doublings).min(self.limits.longest_rest)
    }
}

/// So many doublings are enough for the longest rest.
const MAX_DOUBLINGS: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    fn ip(n: u32) -> IpAddr {
        Ipv4Addr::from_bits(0xc000_0200 + n).into()
    }

    fn fails(memory: &mut Memory, now: Moment, with: IpAddr) -> bool {
        let begun = memory.begin(now, with);
        if begun {
            memory.ended(now, with, Try::Failed);
        }
        begun
    }

    #[test]
    fn r48_an_address_that_does_not_answer_is_tried_more_and_more_seldom() {
        let mut memory = Memory::default();
        let tried: Vec<u64> = (0..4 * 3600).filter(|second| fails(&mut memory, at(*second), ip(1))).collect();
        assert_eq!(tried[..6], [0, 60, 180, 420, 900, 1_860]);
        assert!(tried.windows(2).skip(6).all(|pair| pair[1] - pair[0] == 3_600), "{tried:?}");
    }

    #[test]
    fn r48_a_hub_cannot_make_an_agent_try_many_addresses() {
        let mut memory = Memory::default();
        let tried = (0..10_000).filter(|n| fails(&mut memory, at(1), ip(*n))).count();
        assert_eq!(tried, Limits::USUAL.failing);
        assert!(memory.begin(at(2 * 3600 + 1), ip(9_999)), "what failed long ago is forgotten");
    }

    #[test]
    fn an_address_that_has_answered_is_tried_again_at_once_and_several_times() {
        let mut memory = Memory::default();
        fails(&mut memory, at(0), ip(1));
        assert!(!memory.begin(at(59), ip(1)));
        let open = (0..100).filter(|_| memory.begin(at(60), ip(1))).count();
        assert_eq!(open, Limits::USUAL.open_of_one);
        memory.ended(at(61), ip(1), Try::Connected);
        assert!(memory.begin(at(61), ip(1)));
        let open = (2..200).filter(|n| memory.begin(at(61), ip(*n))).count();
        assert_eq!(open, Limits::USUAL.open - Limits::USUAL.open_of_one);
    }

    #[test]
    fn only_what_fails_is_remembered() {
        let mut memory = Memory::default();
        for n in 0..10_000 {
            assert!(memory.begin(at(1), ip(n)), "{n}");
            memory.ended(at(1), ip(n), if n % 2 == 0 { Try::Connected } else { Try::Skipped });
        }
        assert!(memory.addresses.is_empty());
    }
}
