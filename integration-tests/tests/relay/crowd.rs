//! The relay is nobody's hostage: whoever proves a token is let in, whatever its neighbours do.

use super::relay;
use ftp_io::link::LinkFailure;
use ftp_proto::relay::link::LinkError;
use integration_tests::relay::{Agent, wrong_token};
use integration_tests::socket;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

/// Connections that say nothing.
fn silent(agent: &Agent, from: impl Fn(u8) -> Ipv4Addr) -> Vec<TcpStream> {
    let connect = |n: u32| {
        let from = SocketAddr::new(IpAddr::V4(from(u8::try_from(n % 256).unwrap())), 0);
        socket::try_connect(from, agent.address).unwrap()
    };
    (0..1_024).map(connect).collect()
}

/// Five wrong tokens from the user agent's own address.
fn wrong(agent: &Agent) {
    let wrong = wrong_token();
    for _ in 0..5 {
        let denied = agent.session_with(&wrong).unwrap_err();
        assert!(matches!(denied, LinkFailure::Proof(LinkError::Denied)), "{denied:?}");
    }
}

/// Silent connections from these addresses and wrong tokens shut nobody out.
fn shut_nobody_out(from: impl Fn(u8) -> Ipv4Addr) {
    let agent = relay();
    let kept = silent(&agent, from);
    wrong(&agent);
    drop(agent.session());
    agent.running.logs("too many links wait");
    drop(kept);
}

#[test]
fn r38_1024_silent_and_5_bad_connections_of_one_address_shut_nobody_out() {
    shut_nobody_out(|_| Ipv4Addr::LOCALHOST);
}

#[test]
fn r38_1024_silent_and_5_bad_connections_of_a_network_shut_nobody_out() {
    shut_nobody_out(|last| Ipv4Addr::new(127, 0, 0, last.max(1)));
}
