//! In which order all candidates are probed, and how many beside each other. Pure.

/// The candidates of a probe. Unlike a race it has no winner: each candidate gets its turn.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Candidates with the same number share their fate, and never run beside each other.
    groups: Vec<usize>,
    states: Vec<State>,
    /// The largest number that may run at the same time.
    together: usize,
}

/// How far a candidate is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Waiting,
    Running,
    Over,
}

impl Schedule {
    /// Nothing runs yet. `groups` has a number for each candidate.
    pub fn new(groups: Vec<usize>, together: usize) -> Self {
        Self { states: vec![State::Waiting; groups.len()], groups, together: together.max(1) }
    }

    fn running(&self) -> usize {
        self.states.iter().filter(|state| **state == State::Running).count()
    }

    fn set(&mut self, candidate: usize, state: State) {
        if let Some(slot) = self.states.get_mut(candidate) {
            *slot = state;
        }
    }

    /// The next candidate to start, if there is room. It counts as started.
    pub fn start_next(&mut self) -> Option<usize> {
        if self.running() >= self.together {
            return None;
        }
        let both = || self.states.iter().zip(&self.groups);
        let busy = |group: &usize| both().any(|(state, other)| *state == State::Running && other == group);
        let next = both().position(|(state, group)| *state == State::Waiting && !busy(group))?;
        self.set(next, State::Running);
        Some(next)
    }

    /// A candidate has ended.
    pub fn ended(&mut self, candidate: usize) {
        self.set(candidate, State::Over);
    }

    /// A candidate has not started, and never will.
    pub fn closed(&mut self, candidate: usize) {
        if self.states.get(candidate) == Some(&State::Waiting) {
            self.set(candidate, State::Over);
        }
    }

    /// A candidate got no session. If others have some, the server may limit them: fewer run beside each other from
    /// now on, and this one starts again. Returns whether it does.
    pub fn no_session(&mut self, candidate: usize) -> bool {
        let others = self.running().saturating_sub(1);
        let again = others > 0;
        self.together = others.clamp(1, self.together);
        self.set(candidate, if again { State::Waiting } else { State::Over });
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(schedule: &mut Schedule) -> Vec<usize> {
        std::iter::from_fn(|| schedule.start_next()).collect()
    }

    #[test]
    fn candidates_of_one_group_take_turns_and_the_number_is_bounded() {
        let mut schedule = Schedule::new(vec![0, 0, 1, 2, 3], 3);
        assert_eq!(started(&mut schedule), [0, 2, 3]);
        schedule.ended(0);
        assert_eq!(started(&mut schedule), [1]);
        schedule.ended(1);
        schedule.closed(2);
        assert_eq!(started(&mut schedule), [4]);
        for candidate in [2, 3, 4] {
            schedule.ended(candidate);
        }
        assert_eq!(started(&mut schedule), [0; 0]);
    }

    #[test]
    fn what_is_closed_before_its_turn_never_starts() {
        let mut schedule = Schedule::new(vec![0, 0, 1], 4);
        assert_eq!(started(&mut schedule), [0, 2]);
        schedule.closed(1);
        schedule.ended(0);
        assert_eq!(started(&mut schedule), [0; 0]);
    }

    #[test]
    fn a_server_that_limits_its_sessions_gets_fewer_at_a_time_and_every_candidate_its_turn() {
        let mut schedule = Schedule::new(vec![0, 1, 2], 3);
        assert_eq!(started(&mut schedule), [0, 1, 2]);
        assert!(schedule.no_session(2) && schedule.no_session(1));
        assert_eq!(started(&mut schedule), [0; 0]);
        schedule.ended(0);
        assert_eq!(started(&mut schedule), [1]);
        // Nobody else has a session, so this one is not refused for their number.
        assert!(!schedule.no_session(1));
        assert_eq!(started(&mut schedule), [2]);
    }
}
