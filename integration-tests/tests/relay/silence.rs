//! What the relay refuses it does not even knock at: its host's own count of connections begun says so.

use super::refused;
use ftp_proto::relay::message::{Code, FromAgent};
use integration_tests::foreign::Skipped;
use integration_tests::net::Network;
use integration_tests::or_skip;
use integration_tests::relay::{Agent, Greeter, Relay};
use std::fs;

/// Connections that the agent's host has begun (RFC 4022 tcpActiveOpens); it is a network namespace of
/// its own.
fn begun(agent: &Agent) -> u64 {
    let counts = fs::read_to_string(format!("/proc/{}/net/snmp", agent.running.id())).unwrap();
    let mut tcp = counts.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (tcp.next().unwrap(), tcp.next().unwrap());
    let at = names.split(' ').position(|name| name == "ActiveOpens").unwrap();
    values.split(' ').nth(at).unwrap().parse().unwrap()
}

fn nothing_leaves() -> Result<(), Skipped> {
    let mut network = Network::new()?;
    let [server, between] = ["server", "relay"].map(|name| network.host(name));
    // As wide as rules get; the server's subnet alone is named.
    let relay = Relay::new().at(&between.ip()).allow("0.0.0.0/0:1-65535").allow("::/0:1-65535");
    let (agent, mut session) = between.run(|| {
        let agent = relay.server(&server.ip()).start();
        let session = agent.session();
        (agent, session)
    });
    let before = begun(&agent);
    for host in [
        "127.0.0.1",
        "::1",
        "0.0.0.0",
        "169.254.169.254",
        "10.0.0.1",
        "100.64.0.1",
        "fe80::1",
        "fd00::1",
        "224.0.0.1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
    ] {
        let tunnel = session.tunnel(host, 2121);
        let (id, code, _) = refused(&mut session);
        assert_eq!(id, tunnel);
        assert!(matches!(code, Code::Denied | Code::Resolve), "{host}: {code:?}");
    }
    assert_eq!(begun(&agent), before, "a refused target was knocked at");
    // The count is of this host, and counts.
    let greeter = server.run(|| Greeter::start(&server.ip()));
    session.tunnel(&server.ip(), greeter.address().port());
    session.hear_until(|heard| matches!(heard, FromAgent::TunnelReady { .. }).then_some(()));
    assert_eq!(begun(&agent), before + 1);
    Ok(())
}

#[test]
fn r21_r22_a_refused_target_gets_no_connection() {
    or_skip!(nothing_leaves());
}
