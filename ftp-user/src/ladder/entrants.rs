//! What the race needs to know of the candidates. Pure.

use super::ascent::Ascent;
use super::candidate::{Candidate, ThroughRelay};
use ftp_proto::transfer::race::Entrant;
use ftp_proto::transfer::{Opening, Party, Posture, Postures, Side};
use std::time::Duration;

/// The candidates as the race sees them, in their order. `round_trip` is the time to the server that is farther
/// away.
pub fn entrants(ascent: &Ascent, source: &Party, destination: &Party, round_trip: Duration) -> Vec<Entrant> {
    let candidates = ascent.candidates();
    let able = |party: &Party| party.capabilities.rndz && party.capabilities.prob;
    let direct = HEAD_START.max(round_trip.saturating_mul(2));
    let known = if ascent.knows_path() { KNOWN } else { Duration::ZERO };
    let entrant = |candidate: &Candidate| Entrant {
        group: group(candidate),
        head_start: known
            + match candidate {
                Candidate::Direct(_) => direct,
                Candidate::Relay(_) | Candidate::Through => direct + INTERMEDIARY,
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
    intermediaries.for_each(|(entrant, _)| entrant.head_start = direct + known);
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

/// The head start of a candidate (RFC 8305 section 8), unless two round trips are longer.
const HEAD_START: Duration = Duration::from_millis(250);
/// The addition to the head start of the last direct candidate, before the bytes may pass a third host.
const INTERMEDIARY: Duration = Duration::from_millis(500);
/// The head start of a candidate if nothing arrived on its rung in an earlier run (the smallest value of RFC 8305
/// section 8).
const SILENT: Duration = Duration::from_millis(100);
/// The addition to the head start of a candidate that has worked before.
const KNOWN: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::super::candidate::Rung;
    use super::*;
    use ftp_proto::client::Standing;
    use ftp_proto::dialect::Dialect;
    use ftp_proto::feature::Capabilities;
    use ftp_proto::transfer::{DataTls, Roles};

    fn party(prob: bool) -> Party {
        let capabilities = Capabilities { rndz: true, prob, ..Capabilities::default() };
        let (dialect, standing) = (Dialect::Rfc959, Standing::default());
        let address = "192.0.2.1".parse().unwrap();
        Party { dialect, capabilities, address, given: false, standing, leaf: None }
    }

    fn candidates() -> Vec<Candidate> {
        let direct = |passive, opening| {
            Candidate::Direct(Roles { passive, opening, filter: false, first: None, tls: DataTls::Clear })
        };
        let relayed = |source, destination| {
            Candidate::Relay(ThroughRelay {
                relay: 0,
                near: None,
                roles: Postures { source, destination }.into(),
            })
        };
        use Posture::{Active, Passive};
        vec![
            direct(Side::Destination, Opening::Lstn),
            direct(Side::Destination, Opening::Epsv),
            direct(Side::Source, Opening::Lstn),
            relayed(Passive, Passive),
            relayed(Active, Active),
            relayed(Passive, Active),
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
    fn the_head_start_is_two_round_trips_at_least_and_the_first_intermediary_waits_longer() {
        let millis = |round_trip, knows_path| {
            let round_trip = Duration::from_millis(round_trip);
            let worked = candidates().into_iter().next().filter(|_| knows_path);
            let ascent = Ascent::new(candidates(), worked);
            let found = entrants(&ascent, &party(true), &party(true), round_trip);
            found.iter().map(|entrant| entrant.head_start.as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(millis(1, false), [250, 250, 250, 750, 250, 250, 250]);
        assert_eq!(millis(200, false), [400, 400, 400, 900, 400, 400, 400]);
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
