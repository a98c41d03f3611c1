//! Which more direct candidates are probed while a file passes a third host.

use super::machine::Entrant;
use crate::timer::{Moment, Timers};
use std::collections::VecDeque;

/// What is to be done about the scouts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScoutOutput {
    /// Probe this candidate, on sessions of its own. Report its end with [`Scouts::ended`] or [`Scouts::found`].
    Probe(usize),
    /// Nothing to do until the next end or this moment.
    Wait(Option<Moment>),
}

/// The wait of the scouts. Its length is in [`Settings`](super::Settings).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ScoutTimer {
    /// Before more direct candidates are probed beside a file that passes a third host.
    Start,
}

impl ScoutTimer {
    /// The name of the timer in messages for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "scout",
        }
    }
}

/// The probes of more direct candidates beside a transfer through a third host. A file that is soon over is not worth
/// them. They go one after the other, the best one first, and the first one that succeeds is the last one. They take
/// no part in the race: the winner moves its file to the end, and later files take what was found.
#[derive(Debug)]
pub struct Scouts {
    waiting: VecDeque<usize>,
    running: Option<usize>,
    found: Option<usize>,
    timers: Timers<ScoutTimer>,
}

impl Scouts {
    /// The scouts beside the transfer of `winner`: the candidates that know how to probe, and that `is_open` says may
    /// still work. There are none if the winner is one of them, because then it is direct itself. They start at `from`.
    pub(super) fn new(
        entrants: &[Entrant],
        winner: Option<usize>,
        is_open: impl Fn(usize) -> bool,
        from: Moment,
    ) -> Self {
        let probes = |index: &usize| entrants.get(*index).is_some_and(|entrant| entrant.probes);
        let waiting: VecDeque<usize> = match winner.is_none_or(|winner| probes(&winner)) {
            true => VecDeque::new(),
            false => (0..entrants.len()).filter(probes).filter(|index| is_open(*index)).collect(),
        };
        let mut timers = Timers::new();
        if !waiting.is_empty() {
            timers.arm(ScoutTimer::Start, from);
        }
        Self { waiting, running: None, found: None, timers }
    }

    /// The next thing to do.
    pub fn poll(&mut self, now: Moment) -> ScoutOutput {
        while self.timers.fire(now).is_some() {}
        if self.running.is_none()
            && self.found.is_none()
            && !self.timers.is_armed(ScoutTimer::Start)
            && let Some(next) = self.waiting.pop_front()
        {
            self.running = Some(next);
            return ScoutOutput::Probe(next);
        }
        ScoutOutput::Wait(self.timers.next())
    }

    /// The probe of a candidate has failed. Others that cannot work either are those that `is_open` denies.
    pub fn ended(&mut self, candidate: usize, is_open: impl Fn(usize) -> bool) {
        if self.running == Some(candidate) {
            self.running = None;
        }
        self.waiting.retain(|other| is_open(*other));
    }

    /// The probe of a candidate has succeeded.
    pub fn found(&mut self, candidate: usize) {
        if self.running == Some(candidate) {
            (self.running, self.found) = (None, Some(candidate));
            self.waiting.clear();
        }
    }

    /// A server gives no more sessions, so nothing else is probed.
    pub fn stop(&mut self) {
        self.running = None;
        self.waiting.clear();
    }

    /// The candidate that later files should take.
    pub const fn better(&self) -> Option<usize> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn entrants() -> Vec<Entrant> {
        let entrant = |(group, probes)| Entrant { group, head_start: Duration::ZERO, probes };
        [(0, true), (0, true), (1, true), (3, false), (4, false)].map(entrant).into()
    }

    fn at(millis: u64) -> Moment {
        Moment::START + Duration::from_millis(millis)
    }

    #[test]
    fn n3_more_direct_candidates_are_probed_one_after_the_other_beside_a_detour() {
        let mut scouts = Scouts::new(&entrants(), Some(4), |index| index != 1, at(500));
        assert_eq!(scouts.poll(at(1)), ScoutOutput::Wait(Some(at(500))));
        assert_eq!(scouts.poll(at(500)), ScoutOutput::Probe(0));
        assert_eq!(scouts.poll(at(600)), ScoutOutput::Wait(None));
        scouts.ended(0, |_| true);
        assert_eq!(scouts.poll(at(700)), ScoutOutput::Probe(2));
        scouts.found(2);
        assert_eq!((scouts.poll(at(800)), scouts.better()), (ScoutOutput::Wait(None), Some(2)));
    }

    #[test]
    fn n3_what_shares_a_fault_is_not_probed_and_the_first_success_is_the_last_probe() {
        let mut scouts = Scouts::new(&entrants(), Some(3), |_| true, at(500));
        assert_eq!(scouts.poll(at(500)), ScoutOutput::Probe(0));
        scouts.found(1);
        assert_eq!(scouts.better(), None, "it does not run");
        scouts.ended(0, |index| index != 2);
        assert_eq!(scouts.poll(at(500)), ScoutOutput::Probe(1));
        scouts.ended(1, |_| true);
        assert_eq!(scouts.poll(at(900)), ScoutOutput::Wait(None));
    }

    #[test]
    fn n3_beside_a_direct_transfer_and_where_sessions_are_limited_nothing_is_probed() {
        let mut scouts = Scouts::new(&entrants(), Some(2), |_| true, at(500));
        assert_eq!(scouts.poll(at(10_000)), ScoutOutput::Wait(None));
        let mut scouts = Scouts::new(&entrants(), Some(3), |_| true, at(500));
        assert_eq!(scouts.poll(at(500)), ScoutOutput::Probe(0));
        scouts.stop();
        assert_eq!((scouts.poll(at(900)), scouts.better()), (ScoutOutput::Wait(None), None));
    }
}
