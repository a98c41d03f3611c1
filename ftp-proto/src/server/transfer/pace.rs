//! The pauses between attempts to connect.

use std::time::Duration;

/// The first pause between two attempts; each pause is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The first pauses of a symmetric opening, in which the other end may not listen yet.
const QUICK_PAUSE: Duration = Duration::from_millis(20);
/// How many pauses are that short. With the default connect timeout of 15 s, the other attempts last until
/// its end.
const QUICK_PAUSES: u32 = 24;
/// Attempts of a symmetric opening (extensions, "No port scanner").
const SYMMETRIC_ATTEMPTS: u32 = 40;

/// How long to wait before each further attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    next: Duration,
    /// How many pauses stay as short as the first one.
    quick: u32,
    /// How many more attempts there may be; `None` is any number.
    left: Option<u32>,
}

impl Pace {
    /// The pauses of an end that connects to one that listens.
    pub(super) const USUAL: Self = Self { next: FIRST_PAUSE, quick: 0, left: None };
    /// The pauses of a symmetric opening.
    pub(super) const SYMMETRIC: Self =
        Self { next: QUICK_PAUSE, quick: QUICK_PAUSES, left: Some(SYMMETRIC_ATTEMPTS - 1) };

    /// The pause before the next attempt; `None` if there may be no other.
    pub(super) fn pause(&mut self) -> Option<Duration> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        let pause = self.next;
        if self.quick > 0 {
            self.quick -= 1;
        } else {
            self.next = LONGEST_PAUSE.min(pause * 2);
        }
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(mut pace: Pace) -> Vec<u128> {
        std::iter::from_fn(|| pace.pause()).map(|pause| pause.as_millis()).take(100).collect()
    }

    #[test]
    fn e03_pauses_double_up_to_two_seconds() {
        assert_eq!(pauses(Pace::USUAL)[..6], [250, 500, 1000, 2000, 2000, 2000]);
    }

    #[test]
    fn a_symmetric_opening_has_forty_attempts_over_the_connect_timeout() {
        let pauses = pauses(Pace::SYMMETRIC);
        assert_eq!(pauses.len() + 1, 40);
        assert!(pauses[..24].iter().all(|pause| *pause == 20));
        assert!(pauses.iter().sum::<u128>() > 15_000);
    }
}
