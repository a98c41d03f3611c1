//! Symmetric opening between two servers: both listen and connect (RSYM).

use ftp_proto::dialect::Dialect::{self, Rfc354, Rfc959};
use integration_tests::raw::Raw;
use integration_tests::site::{Server, Site, sample};
use integration_tests::socket::{is_turned_away, until};
use std::net::SocketAddr;

const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Tells both ends to meet: each has the other's socket. The sockets of the source and the destination.
pub(super) fn introduce(
    [source, destination]: [&Server; 2],
    [from, to]: [&mut Raw; 2],
    proven: bool,
) -> [SocketAddr; 2] {
    let mut sockets = Vec::new();
    for (raw, server) in [(&mut *from, source), (&mut *to, destination)] {
        raw.ask("TYPE I", "200");
        if proven {
            raw.ask(&format!("RNDZ {SECRET}"), "200");
        }
        raw.ask("RSYM ON", "200");
        sockets.push(SocketAddr::new(server.ip(), raw.ask("GSOC", "255").port()));
    }
    for (raw, index) in [(from, 0), (to, 1)] {
        let other = sockets[1 - index];
        assert_eq!(
            raw.ask(&format!("SOCK {},{}", other.ip(), other.port()), "255").port(),
            sockets[index].port()
        );
    }
    [sockets[0], sockets[1]]
}

fn two(name: &str, sent: &[u8]) -> [Server; 2] {
    [Site::new(name).file("a.bin", sent).start(), Site::new(name).at("127.0.0.3").start()]
}

fn goes(dialect: Dialect, source_first: bool) {
    let sent = sample(3_000_003);
    let [source, destination] = two("meet", &sent);
    let (mut from, mut to) = (source.login(dialect), destination.login(dialect));
    introduce([&source, &destination], [&mut from, &mut to], true);
    if source_first {
        from.send("RETR a.bin");
        to.send("STOR b.bin");
    } else {
        to.send("STOR b.bin");
        from.send("RETR a.bin");
    }
    for raw in [&mut from, &mut to] {
        raw.expect("250/150");
        let last = raw.expect("257/226").text();
        assert_eq!(last.contains("proven-by=rndz"), dialect == Rfc959, "{last}");
    }
    assert!(destination.bytes("b.bin") == sent);
    // The port is listened on only while the ends look for each other.
    for raw in [&mut from, &mut to] {
        raw.ask("NOOP", "200");
    }
}

#[test]
fn g02_two_servers_that_listen_and_connect_have_one_connection() {
    for dialect in [Rfc354, Rfc959] {
        for source_first in [true, false] {
            goes(dialect, source_first);
        }
    }
}

#[test]
fn g04_a_stranger_at_the_port_is_reset_and_counted() {
    let sent = sample(300_000);
    let [source, destination] = two("strangers", &sent);
    let (mut from, mut to) = (source.login(Rfc959), destination.login(Rfc959));
    let [_, at] = introduce([&source, &destination], [&mut from, &mut to], true);
    to.send("STOR b.bin");
    let stranger = "127.0.0.9:0".parse().unwrap();
    until("the destination listens", || std::net::TcpStream::connect(at).is_ok());
    assert!(is_turned_away(stranger, at), "a stranger is served");
    from.send("RETR a.bin");
    from.expect("150");
    from.expect("226");
    to.expect("150");
    let last = to.expect("226").text();
    assert!(last.contains("Strangers-refused 2"), "{last}");
    assert!(destination.bytes("b.bin") == sent);
}
