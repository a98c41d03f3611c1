//! RNDZ between two servers that see nobody but the relay: it passes the proof on and cannot give one.

use super::{SOURCE, Scene, TARGET, announce, control, ended, exchange, pasv, relay, scene};
use ftp_proto::relay::message::{End, Leg, Waits};
use ftp_proto::rendezvous::RendezvousSecret;
use integration_tests::raw::Raw;
use integration_tests::relay::{Agent, Session, listen};
use integration_tests::site::{Site, sample};

fn rendezvous(raw: &mut Raw, secret: [u8; 32]) {
    raw.ask(&format!("RNDZ {}", RendezvousSecret::new(secret).to_hex().as_str()), "200");
}

/// Joins what both are about to open: each listens, or is told where the relay does.
fn join(agent: &Agent, session: &mut Session, from: (&mut Raw, bool), to: (&mut Raw, bool)) {
    let grant = session.grant(&[SOURCE, TARGET], u64::MAX, 1);
    let leg = |raw: &mut Raw, listens, host| if listens { pasv(raw, host) } else { listen(host) };
    let (a, b): (Leg, Leg) = (leg(from.0, from.1, SOURCE), leg(to.0, to.1, TARGET));
    session.join(grant, a, b, Waits::default());
    let (at_a, at_b) = session.ready();
    for ((raw, server_listens), leg) in [(from, at_a), (to, at_b)] {
        announce(raw, leg, server_listens, agent);
    }
}

#[test]
fn r42_two_servers_prove_themselves_to_each_other_through_the_relay() {
    let Scene { source, target, agent, data } = scene();
    let mut session = agent.session();
    let (mut from, mut to) = (control(&mut session, &source), control(&mut session, &target));
    for (name, source_listens, target_listens) in [
        ("both-connect", false, false),
        ("both-listen", true, true),
        ("source-listens", true, false),
        ("target-listens", false, true),
    ] {
        rendezvous(&mut from, [7; 32]);
        rendezvous(&mut to, [7; 32]);
        join(&agent, &mut session, (&mut from, source_listens), (&mut to, target_listens));
        exchange(&mut from, &mut to, &format!("{name}.bin"));
        // A hello and a proof each way.
        assert_eq!(ended(&mut session), (data.len() as u64 + 64, 64, End::Eof), "{name}");
        assert!(target.bytes(&format!("{name}.bin")) == data, "{name}");
    }
}

#[test]
fn r42_without_the_same_secret_nothing_is_sent_and_nothing_created() {
    let waits = ["--accept-timeout", "2s", "--connect-timeout", "2s"];
    let source = Site::new("source").file("a.bin", sample(100_000)).args(waits).at(SOURCE).start();
    let target = Site::new("target").args(waits).at(TARGET).start();
    let agent = relay();
    let mut session = agent.session();
    let (mut from, mut to) = (control(&mut session, &source), control(&mut session, &target));
    rendezvous(&mut from, [7; 32]);
    rendezvous(&mut to, [8; 32]);
    join(&agent, &mut session, (&mut from, true), (&mut to, true));
    to.send("STOR b.bin");
    from.send("RETR a.bin");
    to.expect("425");
    from.expect("425");
    let (there, back, _) = ended(&mut session);
    assert!(there <= 64 && back <= 64, "no more than hello and proof: {there} and {back}");
    assert_eq!(target.names(), [""; 0]);
}
