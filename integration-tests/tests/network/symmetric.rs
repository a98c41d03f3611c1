//! Two servers behind stateful firewalls of their own, which let nobody in but to the control port.

use crate::rsym::introduce;
use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::foreign::Skipped;
use integration_tests::net::{Host, Network};
use integration_tests::or_skip;
use integration_tests::raw::Raw;
use integration_tests::site::{PASSWORD, Server, Site, USER, sample};

const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn server(network: &Network, host: &Host, file: Option<&[u8]>) -> Server {
    let site =
        Site::new("guarded").at(&host.ip()).args(["--connect-timeout", "5s", "--accept-timeout", "5s"]);
    let site = file.into_iter().fold(site, |site, bytes| site.file("a.bin", bytes));
    let server = host.run(|| site.start());
    network.guard(host, server.address(Rfc959).port());
    server
}

fn login(server: &Server, user: &Host) -> Raw {
    let (from, to) = (user.ip().parse().unwrap(), server.address(Rfc959));
    user.run(move || {
        let mut raw = Raw::connect_from(Rfc959, from, to);
        raw.login(USER, PASSWORD);
        raw
    })
}

/// One listens and the other connects: the firewall of the one that listens drops the SYN.
fn is_closed([source, destination]: [&Server; 2], user: &Host) {
    let (mut from, mut to) = (login(source, user), login(destination, user));
    for raw in [&mut from, &mut to] {
        raw.ask("TYPE I", "200");
        raw.ask(&format!("RNDZ {SECRET}"), "200");
    }
    let port = to.ask("LSTN R", "255").port();
    from.ask(&format!("SOCK {},{port}", destination.ip()), "255");
    from.send("RETR a.bin");
    to.send("STOR closed.bin");
    from.expect("425");
    to.expect("425");
}

fn meet([source, destination]: [&Server; 2], user: &Host, source_first: bool, sent: &[u8]) {
    let (mut from, mut to) = (login(source, user), login(destination, user));
    introduce([source, destination], [&mut from, &mut to], true);
    let [first, second] = if source_first {
        from.send("RETR a.bin");
        to.send("STOR b.bin");
        [&mut from, &mut to]
    } else {
        to.send("STOR b.bin");
        from.send("RETR a.bin");
        [&mut to, &mut from]
    };
    for raw in [first, second] {
        raw.expect("150");
        raw.expect("226");
    }
    assert!(destination.bytes("b.bin") == sent, "the copy differs");
}

fn firewalls() -> Result<(), Skipped> {
    let mut network = Network::new()?;
    let [one, two, user] = ["source", "target", "user"].map(|name| network.host(name));
    let sent = sample(3_000_003);
    let source = server(&network, &one, Some(&sent));
    let destination = server(&network, &two, None);
    is_closed([&source, &destination], &user);
    for source_first in [true, false] {
        meet([&source, &destination], &user, source_first, &sent);
    }
    Ok(())
}

#[test]
fn g02_two_servers_behind_firewalls_meet_where_neither_can_listen() {
    or_skip!(firewalls());
}
