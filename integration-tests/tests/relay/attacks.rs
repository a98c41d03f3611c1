//! What somebody who holds a token, or has found a ticket, sends to a relay. Only his own session ends; the files of
//! others flow on.

use super::{Agent, joined};
use ftp_io::link;
use ftp_proto::relay::message::FromAgent;
use ftp_proto::relay::token::Secret32;
use integration_tests::relay::{Greeter, Relay, bad_frames, says_and_ends};
use std::io::{Read, Write};
use std::net::TcpStream;

/// Whether a link that proves this ticket is let in.
fn lets_in(agent: &Agent, ticket: &Secret32) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(agent.address).await.unwrap();
        link::attach(stream, ticket).await.is_ok()
    })
}

/// One byte of a file comes through.
fn flows(source: &mut TcpStream, target: &mut TcpStream) {
    source.write_all(b"x").unwrap();
    target.read_exact(&mut [0]).unwrap();
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
    agent.logs("broke the protocol");
}

#[test]
fn r29_a_ticket_that_was_used_or_stolen_or_whose_session_has_ended_opens_nothing() {
    let agent = Relay::new().server(super::SOURCE).server(super::TARGET).start();
    let (_session, mut source, mut target) = joined(&agent, u64::MAX);
    let ticket = |session: &mut integration_tests::relay::Session| {
        let greeter = Greeter::start(super::SOURCE).address();
        session.tunnel(super::SOURCE, greeter.port());
        session.hear_until(|heard| match heard {
            FromAgent::TunnelReady { ticket, .. } => Some(ticket.clone()),
            FromAgent::Refused { .. } => panic!("{heard:?}"),
            _ => None,
        })
    };
    // Somebody else has it first: he has the tunnel, as its holder would, and nobody has it twice.
    let mut other = agent.session();
    let stolen = ticket(&mut other);
    assert!(lets_in(&agent, &stolen));
    for _ in 0..3 {
        assert!(!lets_in(&agent, &stolen), "it is good for one link");
    }
    assert!(!lets_in(&agent, &Secret32::new([9; 32])), "one that nobody was given");
    let unused = ticket(&mut other);
    drop(other);
    agent.logs("session ended");
    assert!(!lets_in(&agent, &unused), "its session has ended");
    // A ticket is none of another relay, and no token.
    let elsewhere = Relay::new().at("127.0.0.10").server(super::SOURCE).start();
    let foreign = ticket(&mut elsewhere.session());
    assert!(!lets_in(&agent, &foreign));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let proven = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(agent.address).await.unwrap();
        link::session(stream, &foreign).await.is_ok()
    });
    assert!(!proven, "it begins no session");
    flows(&mut source, &mut target);
}
