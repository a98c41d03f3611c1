//! What somebody who holds a token, or has found a ticket, sends to a relay. Only his own session ends; the files of
//! others flow on.

use super::{flows, joined};
use ftp_io::link;
use ftp_proto::relay::token::Secret32;
use integration_tests::relay::{Greeter, Relay, Session, bad_frames, says_and_ends};
use std::net::SocketAddr;

/// Whether a link that proves this ticket is let in.
fn lets_in(relay: SocketAddr, ticket: &Secret32) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(relay).await.unwrap();
        link::attach(stream, ticket).await.is_ok()
    })
}

#[test]
fn r38_r39_whatever_a_session_says_ends_that_session_alone_and_the_files_of_others_flow() {
    let agent = Relay::new().server(super::SOURCE).server(super::TARGET).token("eve").start();
    let (mut session, mut source, mut target) = joined(&agent, u64::MAX);
    for said in bad_frames() {
        for token in [&agent.others[0], &agent.token] {
            says_and_ends(agent.address, |stream| link::session(stream, token.secret()), &said);
        }
        flows(&mut source, &mut target);
    }
    // Nothing of that has reached the session whose join it is, and it may begin another one.
    let (mut from, mut to) = super::joined_in(&mut session, u64::MAX);
    flows(&mut from, &mut to);
    agent.running.logs("broke the protocol");
}

/// The ticket of a tunnel.
fn ticket(session: &mut Session) -> Secret32 {
    let greeter = Greeter::start(super::SOURCE).address();
    session.tunnel(super::SOURCE, greeter.port());
    session.ticket()
}

#[test]
fn r29_a_ticket_opens_nothing_after_a_restart_and_one_link_at_whichever_listener() {
    let mut agent = Relay::new().also("127.0.0.10:0").server(super::SOURCE).start();
    let line = agent.running.line().unwrap();
    let other: SocketAddr = line.split(' ').nth(2).unwrap().parse().unwrap();
    let mut session = agent.session();
    let [first, second] = [(), ()].map(|()| ticket(&mut session));
    assert!(lets_in(other, &first) && !lets_in(agent.address, &first), "it is good for one link");
    agent.die_and_return();
    assert!(!lets_in(agent.address, &second), "the relay that made it is gone");
}

#[test]
fn r29_a_ticket_that_was_used_or_stolen_or_whose_session_has_ended_opens_nothing() {
    let agent = Relay::new().server(super::SOURCE).server(super::TARGET).start();
    let (_session, mut source, mut target) = joined(&agent, u64::MAX);
    // Somebody else has it first: he has the tunnel, as its holder would, and nobody has it twice.
    let mut other = agent.session();
    let stolen = ticket(&mut other);
    assert!(lets_in(agent.address, &stolen));
    for _ in 0..3 {
        assert!(!lets_in(agent.address, &stolen), "it is good for one link");
    }
    assert!(!lets_in(agent.address, &Secret32::new([9; 32])), "one that nobody was given");
    let unused = ticket(&mut other);
    drop(other);
    agent.running.logs("session ended");
    assert!(!lets_in(agent.address, &unused), "its session has ended");
    // A ticket is none of another relay, and no token.
    let elsewhere = Relay::new().at("127.0.0.10").server(super::SOURCE).start();
    let foreign = ticket(&mut elsewhere.session());
    assert!(!lets_in(agent.address, &foreign));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let proven = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(agent.address).await.unwrap();
        link::session(stream, &foreign).await.is_ok()
    });
    assert!(!proven, "it begins no session");
    flows(&mut source, &mut target);
}
