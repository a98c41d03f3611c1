//! A server behind NAT whose control port and data port are published: `[[public-address]]` tells each client the
//! address that it can reach.

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::foreign::Skipped;
use integration_tests::net::{Host, Network};
use integration_tests::or_skip;
use integration_tests::raw::Raw;
use integration_tests::site::{PASSWORD, Site, USER, sample};
use integration_tests::socket::{connect, drain};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The only data port, so that the router can publish it.
const DATA_PORT: u16 = 40_000;

/// A client on `user` that is connected to `to` is told `told`, and fetches the file there.
fn fetches(user: &Host, to: SocketAddr, told: IpAddr, sent: &[u8]) {
    let from: IpAddr = user.ip().parse().unwrap();
    user.run(|| {
        let mut raw = Raw::connect_from(Rfc959, from, to);
        raw.login(USER, PASSWORD);
        raw.ask("TYPE I", "200");
        let said = raw.ask("PASV", "227").text();
        let numbers = said.split(['(', ')']).nth(1).unwrap();
        let numbers: Vec<u8> = numbers.split(',').map(|number| number.parse().unwrap()).collect();
        let [a, b, c, d, high, low] = numbers[..] else { panic!("{said}") };
        let at = SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), u16::from_be_bytes([high, low]));
        assert_eq!(at, SocketAddr::new(told, DATA_PORT));
        let data = connect(SocketAddr::new(from, 0), at);
        raw.ask("RETR a.bin", "150");
        assert!(drain(data) == sent, "bytes differ");
        raw.expect("226");
        raw.ask("QUIT", "221");
    });
}

fn published() -> Result<(), Skipped> {
    let mut network = Network::new()?;
    let mut nat = network.nat("nat")?;
    let (outside, user) = (nat.outside(), network.host("user"));
    let [host, colleague] = ["server", "colleague"].map(|name| network.host_behind(&mut nat, name));
    let text = format!("[[public-address]]\naddress = \"{outside}\"\nnetworks = \"10.1.0.0/16\"\n");
    let ports = format!("{DATA_PORT}-{DATA_PORT}");
    let sent = sample(100_000);
    let site = Site::new("published")
        .at(&host.ip())
        .file("a.bin", &sent)
        .config(&text)
        .args(["--passive-ports", &ports]);
    let server = host.run(|| site.start());
    let (at, port) = (server.address(Rfc959), server.address(Rfc959).port());
    network.publish(&nat, at);
    network.publish(&nat, SocketAddr::new(at.ip(), DATA_PORT));
    fetches(&user, SocketAddr::new(outside, port), outside, &sent);
    fetches(&colleague, at, at.ip(), &sent);
    Ok(())
}

#[test]
fn d11_behind_nat_each_client_is_told_the_address_that_it_reaches() {
    or_skip!(published());
}
