//! Every opening, family, protection, command and length, one with the other (J01), in quiet runs that must succeed.

use super::{DIALECTS, POSTURES, hold};
use ftp_proto::policy::Foreign;
use ftp_proto::transfer::{DataTls, Opening, Postures, Roles, Store};
use integration_tests::sim::scenario::{Path, Pin, Scenario, Tls};
use integration_tests::sim::{Pair, SIDES};

const LENGTHS: [usize; 4] = [0, 1, 65_535, 65_536];

/// Each way to store each length: STOR, APPE, and STOR that continues in the middle.
fn stored(base: &Scenario) -> Vec<Scenario> {
    let ways = [(Store::Replace, false), (Store::Append, false), (Store::Replace, true)];
    let all = ways.into_iter().flat_map(|way| LENGTHS.map(|length| (way, length)));
    let possible = all.filter(|((_, restarts), length)| !restarts || *length > 1);
    let scenarios = possible.map(|((store, restarts), length)| {
        let (file, restart) = (Some(length), restarts.then_some(length / 2));
        let old = if restarts { None } else { base.old };
        Scenario { store, restart, file, old, seed: base.seed + length as u64, ..base.clone() }
    });
    scenarios.collect()
}

/// Each scenario must move its file, and all laws must hold.
fn all_move(scenarios: impl IntoIterator<Item = Scenario>) -> usize {
    let moved = scenarios.into_iter().map(|scenario| {
        let report = hold(&scenario);
        assert!(super::has_moved(&report), "{scenario:?}\n{}", report.transcript());
    });
    moved.count()
}

/// All pairs of two things.
fn pairs_of<T: Copy>(both: [T; 2]) -> impl Iterator<Item = Pair<T>> {
    both.into_iter().flat_map(move |source| both.map(|destination| Pair { source, destination }))
}

#[test]
fn j01_direct_by_every_opening_in_both_families_in_clear_and_inside_tls() {
    let openings = [Opening::Lstn, Opening::Pasv, Opening::Epsv, Opening::Symmetric];
    let mut scenarios = Vec::new();
    for (opening, passive) in openings.into_iter().flat_map(|opening| SIDES.map(|side| (opening, side))) {
        // A 227 has no room for an IPv6 address.
        for v6 in [false, true].into_iter().filter(|v6| !v6 || opening != Opening::Pasv) {
            for client in [None, Some(true), Some(false)] {
                let tls = client.map(|at_source| Tls {
                    clients: Pair { source: at_source, destination: !at_source },
                    pins: Pair { source: Pin::Right, destination: Pin::Right },
                });
                let roles = Roles { opening, passive, filter: true, first: None, tls: DataTls::Clear };
                scenarios.extend(stored(&Scenario { v6, roles, tls, ..Scenario::plain() }));
            }
        }
    }
    assert_eq!(all_move(scenarios), 420);
}

#[test]
fn j01_the_scripts_of_438_and_478_in_every_pair_of_dialects() {
    let openings = [Opening::Lstn, Opening::Pasv, Opening::Epsv];
    let mut scenarios = Vec::new();
    for dialect in pairs_of(DIALECTS) {
        for (opening, passive) in openings.into_iter().flat_map(|opening| SIDES.map(|side| (opening, side))) {
            let of = |filter, v6, rendezvous| {
                let roles = Roles { opening, passive, filter, first: None, tls: DataTls::Clear };
                Scenario { dialect, roles, v6, rendezvous, ..Scenario::plain() }
            };
            let script = of(true, false, true);
            let unproven =
                Scenario { foreign: Pair::of(|_| Foreign::Authenticated), ..of(true, false, false) };
            let is_of_478 = opening != Opening::Epsv;
            scenarios.extend(if is_of_478 { stored(&script) } else { vec![script] });
            scenarios.extend([of(false, false, true), unproven]);
            scenarios.extend(Some(of(false, true, true)).filter(|_| opening != Opening::Pasv));
        }
    }
    assert_eq!(all_move(scenarios), 232);
}

/// Each server talks only to its user's own host.
#[test]
fn j01_through_a_relay_in_every_posture_and_through_this_program() {
    let usual = Scenario { foreign: Pair::of(|_| Foreign::Never), ..Scenario::plain() };
    let mut scenarios = Vec::new();
    for v6 in [false, true] {
        for Pair { source, destination } in pairs_of(POSTURES) {
            let path = Path::Relayed(Postures { source, destination });
            for (dialect, rendezvous) in pairs_of(DIALECTS).flat_map(|pair| [(pair, false), (pair, true)]) {
                let relayed = Scenario { v6, path, relay: true, dialect, rendezvous, ..usual.clone() };
                let is_usual = dialect == usual.dialect && rendezvous;
                scenarios.extend(if is_usual { stored(&relayed) } else { vec![relayed] });
            }
        }
        scenarios.extend(stored(&Scenario { v6, path: Path::Through, ..usual.clone() }));
    }
    assert_eq!(all_move(scenarios), 156);
}
