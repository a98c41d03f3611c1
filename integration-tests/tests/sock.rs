//! Chapter C where a fixture would not do: many listeners, and who comes too early.

use ftp_proto::dialect::Dialect::{Rfc354, Rfc959};
use integration_tests::site::Site;
use integration_tests::socket::{connect, connect_or_reset, end, is_turned_away, until};
use std::io::Write;
use std::net::SocketAddr;

#[test]
fn c26_port_numbers_of_200_lstns_do_not_climb() {
    let server = Site::new("ports").start();
    let mut raw = server.login(Rfc959);
    let ports: Vec<u16> = (0..200).map(|_| raw.ask("LSTN R", "255").port()).collect();
    let climbs = ports.windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!((20..180).contains(&climbs), "{climbs} of 199 steps climb: {ports:?}");
}

#[test]
fn c11_where_listening_is_strict_nobody_is_let_in_before_the_transfer_command() {
    for dialect in [Rfc354, Rfc959] {
        let server = Site::new("strict").args(["--strict-438-listen"]).start();
        let mut raw = server.login_binary(dialect);
        let to = SocketAddr::new(server.ip(), raw.ask("LSTN R", "255").port());
        let from = SocketAddr::new(raw.local().ip(), 0);
        assert!(is_turned_away(from, to));
        raw.send("STOR b.txt");
        // Whoever comes before the server has read the command is early as well.
        let mut early = Vec::new();
        until("somebody is let in", || {
            if let Some(mut data) = connect_or_reset(from, to) {
                drop(data.write_all(b"hello"));
                early.push(data);
            }
            !raw.is_quiet()
        });
        raw.expect("250/150|125");
        drop(early);
        raw.expect("252|257/226|250");
        assert_eq!(server.bytes("b.txt"), b"hello");
    }
}

#[test]
fn c28_strangers_never_end_the_wait() {
    const STRANGERS: usize = 100;
    for dialect in [Rfc354, Rfc959] {
        let server = Site::new("strangers")
            .args(["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8"])
            .start();
        let mut raw = server.login(dialect);
        let port = raw.ask("LSTN R", "255").port();
        raw.ask("SOCK 127.0.0.9,0", "255");
        raw.send("STOR b.txt");
        let to = SocketAddr::new(server.ip(), port);
        for _ in 0..STRANGERS {
            assert!(is_turned_away("127.0.0.1:0".parse().unwrap(), to), "a stranger is served");
        }
        let mut peer = connect("127.0.0.9:0".parse().unwrap(), to);
        raw.expect("250/150|125");
        peer.write_all(b"hello").unwrap();
        end(&peer);
        let last = raw.expect("252|257/226|250").text();
        assert_eq!(server.bytes("b.txt"), b"hello");
        // A reply of 1973 has one line, without facts.
        for fact in [&format!("Strangers-refused {STRANGERS}"), "Peer 127.0.0.9:", "Bytes 5"] {
            assert_eq!(last.contains(fact), dialect == Rfc959, "{fact}: {last}");
        }
    }
}
