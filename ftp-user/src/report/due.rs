//! When a report tells how far a job is. Pure: this is decided here for every form, and for every event.

use std::time::Duration;

/// After which time a report tells how far a job is, also if nothing has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timer {
    /// The next line on standard error, where no terminal is.
    Line,
    /// The next event for a program.
    Program,
    /// The next drawing on a terminal, on which every event is drawn as well.
    Drawing,
}

impl Timer {
    const fn period(self) -> Duration {
        match self {
            Self::Line => Duration::from_secs(5),
            Self::Program | Self::Drawing => Duration::from_secs(1),
        }
    }
}

/// When it is told the next time. The times are those since the first event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    timer: Timer,
    /// When it was told last.
    last: Option<Duration>,
}

impl Due {
    pub(super) const fn new(timer: Timer) -> Self {
        // A program knows that nothing has moved before the first second is over.
        let last = match timer {
            Timer::Program => Some(Duration::ZERO),
            Timer::Line | Timer::Drawing => None,
        };
        Self { timer, last }
    }

    /// Whether it is to be told at that time.
    pub(super) fn is_due(&self, at: Duration) -> bool {
        self.rest(at).is_zero()
    }

    /// How long it may still wait.
    pub(super) fn rest(&self, at: Duration) -> Duration {
        self.last.map_or(Duration::ZERO, |last| (last + self.timer.period()).saturating_sub(at))
    }

    /// It is told now.
    pub(super) const fn told(&mut self, at: Duration) {
        self.last = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_again_after_the_period_of_its_form() {
        let at = Duration::from_millis;
        for (timer, first, rest) in
            [(Timer::Line, 0, 4_900), (Timer::Program, 1_000, 900), (Timer::Drawing, 0, 900)]
        {
            let mut due = Due::new(timer);
            assert_eq!(due.rest(at(0)), at(first), "{timer:?}");
            assert!(due.is_due(at(first)), "{timer:?}");
            due.told(at(2_000));
            assert_eq!((due.is_due(at(2_100)), due.rest(at(2_100))), (false, at(rest)), "{timer:?}");
            assert!(due.is_due(at(2_100 + rest)) && due.is_due(at(90_000)), "{timer:?}");
        }
    }
}
