//! When an agent returns to a hub that it has lost. Pure: the random number is an argument.
//!
//! | what happened | next try |
//! |---|---|
//! | a session that stood for a minute was lost | a random moment of the time that the hub has named |
//! | the hub cannot be reached, or a younger session was lost | the same, but of 1 s, then 2 s, 4 s ... 300 s if that is longer |
//! | the hub has denied the token, or another agent has taken the name | half to whole of 10 s, then 20 s ... 300 s |
//! | the hub has said when to return | then, and never earlier |

use std::time::Duration;

/// Why there is no session with the hub.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LossReason {
    /// The hub could not be reached, or did not finish the handshake.
    Unreachable,
    /// The hub has denied this agent, or has given its name to another one.
    Denied {
        /// When the hub wants it back.
        retry_after: Option<Duration>,
    },
    /// A session has ended.
    Session {
        /// How long it has stood.
        lived: Duration,
        /// When the hub wants it back, if it has said so.
        retry_after: Option<Duration>,
    },
}

/// Decides when an agent returns.
#[derive(Clone, Copy, Debug)]
pub struct Reconnect {
    failures: u32,
    spread: Duration,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self { failures: 0, spread: FIRST }
    }
}

impl Reconnect {
    /// Takes note of the time that the hub has named ([`super::hub::FromHub::Pong`]).
    pub fn spread(&mut self, spread: Duration) {
        self.spread = spread.clamp(FIRST, LONGEST);
    }

    /// Returns how long to wait before the next try.
    pub fn after(&mut self, lost: LossReason, random: u32) -> Duration {
        match lost {
            LossReason::Session { lived, retry_after } => {
                if lived >= LONG_LIFE {
                    self.failures = 0;
                }
                let spread = self.spread.max(self.doubled(FIRST));
                self.failures = self.failures.saturating_add(1);
                // The hub has chosen the moment for this agent alone.
                retry_after.map_or_else(|| part(spread, random), |after| after.min(LONGEST))
            }
            LossReason::Unreachable => {
                let most = self.doubled(FIRST).max(self.spread);
                self.failures = self.failures.saturating_add(1);
                part(most, random)
            }
            LossReason::Denied { retry_after } => {
                let most = self.doubled(FIRST_DENIED);
                self.failures = self.failures.saturating_add(1);
                (most / 2 + part(most / 2, random)).max(retry_after.unwrap_or_default().min(LONGEST))
            }
        }
    }

    fn doubled(&self, first: Duration) -> Duration {
        first.saturating_mul(1 << self.failures.min(MAX_DOUBLINGS)).min(LONGEST)
    }
}

fn part(of: Duration, random: u32) -> Duration {
    of.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

/// The longest first wait.
const FIRST: Duration = Duration::from_secs(1);
/// The same after a denial.
const FIRST_DENIED: Duration = Duration::from_secs(10);
/// No wait is longer.
const LONGEST: Duration = Duration::from_secs(300);
/// A session that has stood for so long was a good one.
const LONG_LIFE: Duration = Duration::from_secs(60);
/// So many doublings are enough for the longest wait.
const MAX_DOUBLINGS: u32 = 9;

#[cfg(test)]
mod tests {
    use super::*;

    /// Random numbers that are the same in each run.
    struct Dice(u64);

    impl Dice {
        fn throw(&mut self) -> u32 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 32) as u32
        }
    }

    /// 200 agents lose their hub at the moment 0, and it is back after `away`. Returns when each one tries.
    fn storm(away: Duration, lost: impl Fn(u32) -> LossReason) -> (Vec<Duration>, Duration) {
        let mut dice = Dice(7);
        let (mut tries, mut last) = (Vec::new(), Duration::ZERO);
        for _ in 0..200 {
            let mut agent = Reconnect::default();
            agent.spread(Duration::from_secs(15));
            let mut at = agent.after(lost(dice.throw()), dice.throw());
            tries.push(at);
            while at < away {
                at += agent.after(LossReason::Unreachable, dice.throw());
                tries.push(at);
            }
            last = last.max(at);
        }
        (tries, last)
    }

    #[test]
    fn r40_two_hundred_agents_return_within_a_minute_and_never_thirty_of_them_in_one_second() {
        let lived = Duration::from_secs(3_600);
        let killed = |_| LossReason::Session { lived, retry_after: None };
        let drained = |random: u32| LossReason::Session {
            lived,
            retry_after: Some(Duration::from_millis(u64::from(random) % 15_000)),
        };
        for away in [0, 2, 5].map(Duration::from_secs) {
            for (tries, last) in [storm(away, killed), storm(away, drained)] {
                assert!(last < Duration::from_secs(60), "{last:?}");
                for second in 0..60 {
                    let count = tries.iter().filter(|at| at.as_secs() == second).count();
                    assert!(count <= 30, "{count} tries in second {second} after {away:?}");
                }
            }
        }
    }

    #[test]
    fn r41_a_denied_agent_tries_at_most_eight_times_in_ten_minutes() {
        for random in [0, u32::MAX / 2, u32::MAX] {
            for retry_after in [None, Some(Duration::from_secs(5))] {
                let (mut agent, mut now, mut tries) = (Reconnect::default(), Duration::ZERO, 0);
                while now < Duration::from_secs(600) {
                    tries += 1;
                    now += agent.after(LossReason::Denied { retry_after }, random);
                }
                assert!((3..=8).contains(&tries), "{tries} tries with {random}");
            }
        }
    }

    #[test]
    fn a_hub_that_is_away_is_asked_less_and_less_often_until_a_session_has_stood() {
        let mut agent = Reconnect::default();
        let mut wait = |lost| agent.after(lost, u32::MAX).as_secs();
        let waits: Vec<u64> = (0..11).map(|_| wait(LossReason::Unreachable)).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        let lost = |lived| LossReason::Session { lived: Duration::from_secs(lived), retry_after: None };
        assert_eq!(wait(lost(59)), 300, "it has not stood");
        assert_eq!(wait(lost(60)), 1);
        assert_eq!(wait(lost(1)), 2);
        let asked = LossReason::Session { lived: Duration::ZERO, retry_after: Some(Duration::from_secs(7)) };
        assert_eq!(wait(asked), 7, "the hub has said when");
    }
}
