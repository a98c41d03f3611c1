//! Which candidates run beside each other, in a race and in a probe. Pure.

use super::ascent::Ascent;
use super::candidate::{Candidate, ThroughRelay};
use ftp_proto::transfer::race::Entrant;
use ftp_proto::transfer::{DataTls, Opening, Party, Posture, Postures, Roles, Side};
use std::time::Duration;

/// The candidates as the race sees them, in their order. `round_trip` is the time to the server that is farther
/// away.
pub fn entrants(ascent: &Ascent, source: &Party, destination: &Party, round_trip: Duration) -> Vec<Entrant> {
    let candidates = &ascent.candidates;
    let able = |party: &Party| party.capabilities.rndz && party.capabilities.prob;
    let known = if ascent.knows_path() { KNOWN } else { Duration::ZERO };
    let direct = |roles: Option<&Roles>| {
        let is_clear = roles.is_none_or(|roles| roles.tls == DataTls::Clear);
        HEAD_START.max(round_trip.saturating_mul(if is_clear { IN_CLEAR } else { INSIDE_TLS }))
    };
    let entrant = |candidate: &Candidate| Entrant {
        group: group(candidate),
        head_start: known
            + match candidate {
                Candidate::Direct(roles) => direct(Some(roles)),
                Candidate::Relay(_) | Candidate::Through => direct(None) + INTERMEDIARY,
            },
        probes: matches!(candidate, Candidate::Direct(_)) && able(source) && able(destination),
    };
    let mut entrants: Vec<Entrant> = candidates.iter().map(entrant).collect();
    // The direct candidates have been waited for once.
    let mut intermediaries = entrants
        .iter_mut()
        .zip(candidates)
        .filter(|(_, candidate)| !matches!(candidate, Candidate::Direct(_)));
    intermediaries.next();
    intermediaries.for_each(|(entrant, _)| entrant.head_start = direct(None) + known);
    for (index, entrant) in entrants.iter_mut().enumerate().skip(1) {
        if ascent.is_silent(index - 1) {
            entrant.head_start = SILENT;
        }
    }
    entrants
}

/// Candidates of one group share their fate: other commands do not open a direction that is closed. Through a relay,
/// two servers that listen and two that connect are tried beside each other; the other postures follow from what
/// fails.
const fn group(candidate: &Candidate) -> usize {
    match candidate {
        Candidate::Direct(roles) => match (roles.opening, roles.passive) {
            (Opening::Symmetric, _) => 2,
            (_, Side::Destination) => 0,
            (_, Side::Source) => 1,
        },
        Candidate::Through => 3,
        Candidate::Relay(ThroughRelay { relay, roles, .. }) => match roles.postures {
            Postures { source: Posture::Active, destination: Posture::Active } => 5 + 2 * *relay,
            Postures { .. } => 4 + 2 * *relay,
        },
    }
}

/// The head start of a candidate (RFC 8305 section 8), unless its round trips take longer.
const HEAD_START: Duration = Duration::from_millis(250);
/// The round trips from the transfer commands until both ends have said that a proven data connection stands: half of one for a
/// command, half of one for a reply, one for TCP, and one for both proofs; and some patience.
const IN_CLEAR: u32 = 4;
/// The same inside TLS, whose handshake takes one or two.
const INSIDE_TLS: u32 = 6;
/// The addition to the head start of the last direct candidate, before the bytes may pass a third host.
const INTERMEDIARY: Duration = Duration::from_millis(500);
/// The head start of a candidate if nothing arrived on its rung in an earlier run (the smallest value of RFC 8305
/// section 8).
const SILENT: Duration = Duration::from_millis(100);
/// The addition to the head start of a candidate that has worked before.
const KNOWN: Duration = Duration::from_secs(2);

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
mod entrants_tests {
    use super::super::candidate::Rung;
    use super::super::fixtures::{self, direct, relayed};
    use super::*;
    use ftp_proto::feature::Capabilities;

    fn party(prob: bool) -> Party {
        fixtures::party("192.0.2.1", Capabilities { rndz: true, prob, ..Capabilities::default() })
    }

    fn candidates() -> Vec<Candidate> {
        use Posture::{Active, Passive};
        vec![
            direct(Side::Destination, Opening::Lstn),
            direct(Side::Destination, Opening::Epsv),
            direct(Side::Source, Opening::Lstn),
            relayed(0, Passive, Passive),
            relayed(0, Active, Active),
            relayed(0, Passive, Active),
            Candidate::Through,
        ]
    }

    #[test]
    fn a_direction_is_one_group_whatever_its_commands_and_a_relay_has_two() {
        let found = entrants(&Ascent::new(candidates(), None), &party(true), &party(true), Duration::ZERO);
        let groups: Vec<usize> = found.iter().map(|entrant| entrant.group).collect();
        assert_eq!(groups, [0, 0, 1, 4, 5, 4, 3]);
    }

    #[test]
    fn the_head_start_is_four_round_trips_at_least_and_the_first_intermediary_waits_longer() {
        let millis = |round_trip, knows_path| {
            let round_trip = Duration::from_millis(round_trip);
            let worked = candidates().into_iter().next().filter(|_| knows_path);
            let ascent = Ascent::new(candidates(), worked);
            let found = entrants(&ascent, &party(true), &party(true), round_trip);
            found.iter().map(|entrant| entrant.head_start.as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(millis(1, false), [250, 250, 250, 750, 250, 250, 250]);
        assert_eq!(millis(200, false), [800, 800, 800, 1300, 800, 800, 800]);
        assert_eq!(millis(1, true)[..3], [2250, 2250, 2250]);
    }

    #[test]
    fn where_nothing_arrived_in_an_earlier_run_nobody_waits_for_long() {
        let ascent = Ascent::new(candidates(), None).with_silent(vec![Rung::SourceListens]);
        let found = entrants(&ascent, &party(true), &party(true), Duration::ZERO);
        let millis: Vec<_> = found.iter().map(|entrant| entrant.head_start.as_millis()).collect();
        assert_eq!(millis, [250, 250, 250, 100, 250, 250, 250]);
    }

    #[test]
    fn only_direct_candidates_probe_and_only_between_servers_that_both_know_prob() {
        for (one, two) in [(true, true), (true, false), (false, true)] {
            let found = entrants(&Ascent::new(candidates(), None), &party(one), &party(two), Duration::ZERO);
            let probes: Vec<bool> = found.iter().map(|entrant| entrant.probes).collect();
            let both = one && two;
            assert_eq!(probes, [both, both, both, false, false, false, false]);
        }
    }
}

#[cfg(test)]
mod schedule_tests {
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
