//! Two servers exchange files inside TLS: roles, certificates, hosts in between, and web servers as victims.

use super::{account, has_moved, hold};
use ftp_proto::policy::Foreign;
use ftp_proto::transfer::{Opening, Side};
use integration_tests::sim::scenario::{Manners, Obstacle, Pin, Sabotage, Scenario, Target, Tls};
use integration_tests::sim::{Pair, SIDES, simulate};

/// A quiet run inside TLS.
fn inside_tls(client: Side, pins: Pair<Pin>) -> Scenario {
    let clients = Pair { source: client == Side::Source, destination: client == Side::Destination };
    Scenario { tls: Some(Tls { clients, pins }), ..Scenario::plain() }
}

/// Every pair of certificates that two servers may be told.
fn some_pins() -> impl Iterator<Item = Pair<Pin>> {
    let all = [Pin::None, Pin::Right];
    all.into_iter().flat_map(move |source| all.map(|destination| Pair { source, destination }))
}

#[test]
fn f07_inside_tls_every_choice_of_roles_moves_the_file_unless_both_ends_have_one_role() {
    for (opening, passive, client) in
        [Opening::Lstn, Opening::Pasv, Opening::Epsv].into_iter().flat_map(|opening| {
            SIDES.into_iter().flat_map(move |passive| SIDES.map(|client| (opening, passive, client)))
        })
    {
        for (pins, rendezvous) in some_pins().flat_map(|pins| [(pins, true), (pins, false)]) {
            let mut scenario = Scenario { rendezvous, ..inside_tls(client, pins) };
            scenario.roles.opening = opening;
            scenario.roles.passive = passive;
            scenario.foreign =
                Pair::of(|_| if rendezvous { Foreign::Proven } else { Foreign::Authenticated });
            let report = hold(&scenario);
            assert!(has_moved(&report), "{}", account(&scenario, &report));
            for both in [true, false] {
                scenario.tls = Some(Tls { clients: Pair::of(|_| both), pins });
                assert!(!has_moved(&hold(&scenario)));
            }
        }
    }
}

#[test]
fn f07_a_handshake_that_never_ends_moves_nothing_and_both_sessions_stay_usable() {
    for client in SIDES {
        let pins = Pair::of(|_| Pin::Right);
        let scenario = Scenario { obstacles: vec![Obstacle::NoHandshake], ..inside_tls(client, pins) };
        let report = hold(&scenario);
        assert!(
            !has_moved(&report) && report.usable.both(|usable| *usable),
            "{}",
            account(&scenario, &report)
        );
    }
}

/// A host between the servers that has a certificate of its own. The pins are those that would let it in.
fn intercepted(client: Side, rendezvous: bool) -> Scenario {
    let mut pins = Pair::of(|_| Pin::None);
    *pins.at_mut(client) = Pin::Stranger;
    let foreign = Pair::of(|_| if rendezvous { Foreign::Proven } else { Foreign::Authenticated });
    let obstacles = vec![Obstacle::Intercepted];
    Scenario { rendezvous, foreign, obstacles, ..inside_tls(client, pins) }
}

#[test]
fn a_host_between_the_servers_that_ends_tls_moves_nothing() {
    for client in SIDES {
        // Whoever pins nothing verifies the chain; whoever pins the right certificate sees another one.
        for pins in some_pins() {
            for rendezvous in [true, false] {
                let mut scenario = intercepted(client, rendezvous);
                scenario.tls = inside_tls(client, pins).tls;
                let report = hold(&scenario);
                assert!(!has_moved(&report), "{}", account(&scenario, &report));
            }
        }
        // Even where its certificate is accepted, the proofs are bound to the connection.
        let scenario = intercepted(client, true);
        let report = hold(&scenario);
        assert!(!has_moved(&report), "{}", account(&scenario, &report));
    }
}

#[test]
fn the_simulator_notices_proofs_that_are_not_bound_to_tls_and_tls_without_a_handshake() {
    let private = inside_tls(Side::Source, Pair::of(|_| Pin::Right));
    for (scenario, sabotage, says) in [
        (intercepted(Side::Source, true), Sabotage::SameExporter, "must not"),
        (private, Sabotage::NoHandshake, "in clear"),
    ] {
        let report = simulate(Scenario { sabotage: Some(sabotage), ..scenario });
        let is_noticed = report.violations.iter().any(|what| what.contains(says));
        assert!(is_noticed, "{sabotage:?}: {}", report.transcript());
    }
}

#[test]
fn the_certificate_of_a_web_server_is_no_proof() {
    // The source connects, and is told to demand the certificate that the victim has.
    let pins = Pair { source: Pin::Stranger, destination: Pin::None };
    for rendezvous in [true, false] {
        let mut scenario = Scenario { rendezvous, ..inside_tls(Side::Source, pins) };
        scenario.obstacles = vec![Obstacle::Bounce(Target::Listener(Manners::Web))];
        let report = hold(&scenario);
        assert!(!has_moved(&report), "{}", account(&scenario, &report));
        // Without a secret the target is refused. With one it hears the hello, and no byte of the file.
        let (victims, heard) = (report.victims, report.strangers_heard);
        assert_eq!(
            (victims, heard),
            if rendezvous { (1, 32) } else { (0, 0) },
            "{}",
            account(&scenario, &report)
        );
    }
}
