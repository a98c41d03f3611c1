//! A host on which no descriptor is free.

use super::{SOURCE, connect_from, flows, joined, relay};
use integration_tests::socket;
use std::io::{Read, Write};

#[test]
fn r38_without_a_free_descriptor_what_flows_goes_on_and_new_links_wait() {
    let agent = relay();
    let (_session, mut source, mut target) = joined(&agent, u64::MAX);
    flows(&mut source, &mut target);
    agent.running.limit_descriptors(3);
    // The system accepts it, and the relay cannot.
    let waiting = connect_from(SOURCE, agent.address);
    agent.running.logs("cannot accept a link");
    let sent = vec![7; 1_000_000];
    let writer = std::thread::spawn({
        let (mut source, sent) = (source, sent.clone());
        move || {
            source.write_all(&sent).unwrap();
            source
        }
    });
    let mut got = vec![0; sent.len()];
    target.read_exact(&mut got).unwrap();
    assert!(got == sent, "the bytes differ");
    drop(writer.join().unwrap());
    // When descriptors are free again, everybody has a turn.
    agent.running.limit_descriptors(512);
    drop(waiting);
    socket::until("a session begins", || agent.session_with(&agent.token).is_ok());
}
