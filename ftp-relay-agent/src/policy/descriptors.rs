//! File descriptors: who gets one while there are few.
//!
//! ```text
//! 0                                                      scarce          most      the limit
//! |-------------------- every token ----------------------|-- who holds --|-- links without --|
//!                                                            least          a proof, metrics
//! ```
//!
//! What a token holds is counted by what it may need at most, so that what was granted never lacks a descriptor.

use rustix::process::{Resource, getrlimit};

/// How many descriptors this process has for sessions and what they carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Descriptors {
    most: usize,
}

impl Descriptors {
    /// Those of the limit that holds now.
    pub fn of_process() -> Self {
        let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok());
        Self::of(limit.unwrap_or(usize::MAX))
    }

    /// Those of this limit of open files.
    pub fn of(limit: usize) -> Self {
        Self { most: limit.saturating_sub(OTHERS.min(limit / 4)) }
    }

    /// How many there are.
    pub const fn most(self) -> usize {
        self.most
    }

    /// Whether `held`, which all tokens together would hold then, leaves few.
    pub const fn is_scarce(self, held: usize) -> bool {
        held > self.most - self.most / KEPT_FRACTION
    }

    /// Whether a token may hold `own` descriptors, where all together would hold `held`, and `holders` tokens hold
    /// some. The last ones are for tokens that hold no more than an equal share.
    pub fn may_hold(self, own: usize, held: usize, holders: usize) -> bool {
        held <= self.most && (!self.is_scarce(held) || own <= self.most / holders.max(NEWCOMER))
    }
}

/// A token that is alone has to leave some for another one.
const NEWCOMER: usize = 2;
/// The part of all descriptors that is kept for those who hold least: one in this many.
const KEPT_FRACTION: usize = 8;
/// Descriptors for links without a proof, listeners, files and metrics.
const OTHERS: usize = 640;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_descriptors_are_for_those_who_hold_least() {
        let few = Descriptors::of(1_067);
        assert_eq!(few.most(), 801);
        for (own, held, holders, expect) in [
            (1, 1, 1, true),
            (701, 701, 1, true),
            (702, 702, 1, false),
            (400, 702, 1, true),
            (690, 701, 2, true),
            (700, 702, 2, false),
            (400, 801, 2, true),
            (401, 801, 2, false),
            (2, 801, 400, true),
            (3, 801, 400, false),
            (1, 802, 400, false),
        ] {
            assert_eq!(few.may_hold(own, held, holders), expect, "{own} of {held}, {holders}");
        }
        assert!(Descriptors::of(usize::MAX).may_hold(10_000, 100_000, 2));
        assert_eq!(Descriptors::of(16).most(), 12);
    }
}
