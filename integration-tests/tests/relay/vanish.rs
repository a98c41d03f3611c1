//! A peer that vanishes without a word: its cable is out.

use super::{at, ended};
use ftp_proto::relay::message::{End, FromAgent, LegId, Waits};
use integration_tests::foreign::Skipped;
use integration_tests::net::Network;
use integration_tests::or_skip;
use integration_tests::relay::{Greeter, Relay, listen};
use integration_tests::socket;
use std::io::{Read, Write};
use std::net::SocketAddr;

/// A join whose second peer is unplugged while `send` writes at the first one until that is reset.
fn vanishes(waits: Waits, send: impl Fn(&mut dyn Write)) -> Result<End, Skipped> {
    let mut network = Network::new()?;
    let [source, target, between] = ["source", "target", "relay"].map(|name| network.host(name));
    let relay = Relay::new().at(&between.ip()).server(&source.ip()).server(&target.ip());
    let greeters = [&source, &target].map(|host| host.run(|| Greeter::start(&host.ip())));
    let (agent, mut session) = between.run(|| {
        let agent = relay.start();
        let mut session = agent.session();
        for greeter in greeters {
            session.meet(greeter);
        }
        (agent, session)
    });
    let grant = session.grant(&[&source.ip(), &target.ip()], u64::MAX, 1);
    session.join(grant, listen(&source.ip()), listen(&target.ip()), waits);
    let (a, b) = session.ready();
    let connect = |host: &str, to| socket::connect(SocketAddr::new(host.parse().unwrap(), 0), to);
    let mut sender = source.run(|| connect(&source.ip(), at(a)));
    let mut receiver = target.run(|| connect(&target.ip(), at(b)));
    session.hear_until(|heard| matches!(heard, FromAgent::Joined { .. }).then_some(()));
    sender.write_all(b"x").unwrap();
    receiver.read_exact(&mut [0]).unwrap();
    network.unplug(&target);
    send(&mut sender);
    let how = ended(&mut session).2;
    for (host, greeter) in [source, target].iter().zip(greeters) {
        let mut open = agent.connections_with(host.ip().parse().unwrap());
        // The control connection is another one.
        let control = format!(":{:04X} ", greeter.address().port());
        open.retain(|line| !line.contains(&control));
        assert!(open.is_empty(), "{open:#?}");
    }
    Ok(how)
}

/// One byte now and then: it always finds room, so that only TCP itself can miss its acknowledgement.
fn trickle(sender: &mut dyn Write) {
    socket::until("the sender is reset", || sender.write_all(b"x").is_err());
}

/// More than all buffers take.
fn pour(sender: &mut dyn Write) {
    while sender.write_all(&[7; 65_536]).is_ok() {}
}

#[test]
fn r17_a_peer_that_vanishes_while_little_flows_is_given_up() {
    let waits = Waits { stall_ms: 1_000, ..Waits::default() };
    assert_eq!(or_skip!(vanishes(waits, trickle)), End::Reset(LegId::B));
}

#[test]
fn r17_a_peer_that_vanishes_while_much_flows_is_given_up() {
    let waits = Waits { stall_ms: 1_000, ..Waits::default() };
    let how = or_skip!(vanishes(waits, pour));
    assert!(matches!(how, End::Reset(LegId::B) | End::Stalled), "{how:?}");
}

#[test]
fn r16_r17_a_peer_that_vanishes_while_nothing_flows_is_not_waited_for() {
    let waits = Waits { idle_ms: 1_000, ..Waits::default() };
    assert_eq!(or_skip!(vanishes(waits, |_| ())), End::Idle);
}
