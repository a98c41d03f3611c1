//! The harness itself: a scripted peer that does not do what its script says would prove nothing.

use ftp_proto::dialect::Dialect;
use integration_tests::peer::{MODERN, Peer};
use integration_tests::raw::{Raw, names};
use integration_tests::site::sample;
use integration_tests::socket;
use std::net::SocketAddr;

#[test]
fn codes_of_an_expectation_hold_for_their_dialect() {
    for (expect, dialect, code, holds) in [
        ("255", Dialect::Rfc354, 255, true),
        ("454/425", Dialect::Rfc354, 454, true),
        ("454/425", Dialect::Rfc354, 425, false),
        ("252|257/226|250", Dialect::Rfc959, 250, true),
        ("252|257/226|250", Dialect::Rfc959, 257, false),
    ] {
        assert_eq!(names(expect, dialect, code), holds, "{expect} {dialect:?} {code}");
    }
}

#[test]
fn a_scripted_peer_follows_its_rules_in_order() {
    let peer = Peer::start("127.0.0.2", "once RETR: 450 busy\nRETR missing*: 550 not here", MODERN);
    let mut raw = Raw::connect(Dialect::Rfc959, peer.address());
    raw.login("ann", "secret");
    raw.ask("RETR a.txt", "450");
    raw.ask("RETR missing.txt", "550");
    let port = raw.ask("PASV", "227").port();
    let from: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let data = socket::connect(from, SocketAddr::new(peer.address().ip(), port));
    raw.ask("RETR a.txt", "150");
    assert_eq!(socket::drain(data), sample(1000));
    raw.expect("226");
    raw.ask("XYZZY", "502");
    raw.ask("QUIT", "221");
    raw.closed();
    peer.wait_for("closed here");
    assert_eq!(peer.seen_of(&["RETR", "PASV"]), ["RETR a.txt", "RETR missing.txt", "PASV", "RETR a.txt"]);
}

#[test]
fn a_scripted_peer_dials_where_port_says() {
    let peer = Peer::start("127.0.0.2", "", MODERN);
    let mut raw = Raw::connect(Dialect::Rfc959, peer.address());
    raw.login("ann", "secret");
    let listener = socket::listen("127.0.0.1", 0);
    let port = listener.local_addr().unwrap().port();
    raw.ask(&format!("PORT 127,0,0,1,{},{}", port / 256, port % 256), "200");
    raw.ask("STOR b.txt", "150");
    let (data, from) = socket::accept(&listener);
    assert_eq!(from.ip(), peer.address().ip());
    std::io::Write::write_all(&mut &data, b"hello").unwrap();
    drop(data);
    raw.expect("226");
    assert_eq!(raw.ask("SIZE x.ftp-user.part", "213").text(), "5");
}

#[test]
fn a_deaf_peer_says_nothing_until_the_other_end_leaves() {
    let peer = Peer::start("127.0.0.2", "NOOP: hang", MODERN);
    let mut raw = Raw::connect(Dialect::Rfc959, peer.address());
    raw.send("NOOP");
    peer.wait_for("NOOP");
    drop(raw);
    peer.wait_for("closed here");
}
