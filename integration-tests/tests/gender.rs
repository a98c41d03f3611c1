//! Servers with strict gender: odd sockets send, even ones receive (RFC 354).

use ftp_proto::dialect::Dialect::{self, Rfc354, Rfc959};
use integration_tests::site::{Server, Site, sample};
use integration_tests::socket::{accept, drain, listen_parity};
use std::net::SocketAddr;

fn strict(name: &str, ip: &str) -> Site {
    Site::new(name).at(ip).args([
        "--gender",
        "strict",
        "--foreign",
        "authenticated",
        "--foreign-networks",
        "127.0.0.0/8",
    ])
}

#[test]
fn c07_lstn_r_gives_even_sockets_and_lstn_s_odd_ones() {
    let server = strict("parity", "127.0.0.2").start();
    for dialect in [Rfc354, Rfc959] {
        let mut raw = server.login(dialect);
        for _ in 0..8 {
            assert_eq!(raw.ask("LSTN R", "255").port() % 2, 0);
            assert_eq!(raw.ask("LSTN S", "255").port() % 2, 1);
        }
    }
}

#[test]
fn b14_b16_two_values_serve_one_direction_each_and_stat_shows_both() {
    let server = strict("values", "127.0.0.2").file("a.txt", "hello").start();
    for dialect in [Rfc354, Rfc959] {
        let mut raw = server.login(dialect);
        let (even, odd) = (listen_parity("127.0.0.9", 0), listen_parity("127.0.0.9", 1));
        let [to_even, to_odd] = [&even, &odd].map(|listener| listener.local_addr().unwrap());
        let sends = raw.ask(&format!("SOCK {},{}", to_even.ip(), to_even.port()), "255").port();
        let receives = raw.ask(&format!("SOCK {},{}", to_odd.ip(), to_odd.port()), "255").port();
        assert_eq!([sends % 2, receives % 2], [1, 0]);
        let status = status(&mut raw, dialect);
        for shown in [format!("Sending: to {to_even}"), format!("Receiving: to {to_odd}")] {
            assert!(status.contains(&shown), "{shown}: {status}");
        }
        raw.send("RETR a.txt");
        let (data, from) = accept(&even);
        assert_eq!(from, SocketAddr::new(server.ip(), sends));
        assert_eq!(drain(data), b"hello");
        raw.expect("250/150");
        raw.expect("257/226");
        raw.send("STOR b.txt");
        let (data, from) = accept(&odd);
        assert_eq!(from, SocketAddr::new(server.ip(), receives));
        drop(data);
        raw.expect("250/150");
        raw.expect("257/226");
    }
}

/// The lines of STAT. In 1973 a final 200 follows them.
fn status(raw: &mut integration_tests::raw::Raw, dialect: Dialect) -> String {
    raw.send("STAT");
    let status = raw.expect("100|110/211").text();
    if dialect == Rfc354 {
        raw.expect("200");
    }
    status
}

/// The figure of RFC 478 as it is printed: GSOC and SOCK at both, PASV at the destination.
fn figure(source: &Server, destination: &Server, filtered: bool, source_first: bool) {
    let sent = sample(300_001);
    std::fs::write(source.path("a.bin"), &sent).unwrap();
    let _ = std::fs::remove_file(destination.path("b.bin"));
    let [mut from, mut to] = [source, destination].map(|server| server.login(Rfc354));
    for raw in [&mut from, &mut to] {
        raw.ask("TYPE I", "200");
    }
    let [sender, receiver] = [&mut from, &mut to].map(|raw| raw.ask("GSOC", "255").port());
    assert_eq!([sender % 2, receiver % 2], [0, 0]);
    // What receives at the destination is even; the source sends from the next one of its own.
    let socket = from.ask(&format!("SOCK {},{receiver}", destination.host_number()), "255").port();
    assert_eq!(socket, sender + 1);
    if filtered {
        let socket = to.ask(&format!("SOCK {},{}", source.host_number(), sender + 1), "255").port();
        assert_eq!(socket, receiver);
    }
    assert_eq!(to.ask("PASV", "255").port(), receiver);
    if source_first {
        from.send("RETR a.bin");
        to.send("STOR b.bin");
    } else {
        to.send("STOR b.bin");
        from.send("RETR a.bin");
    }
    for raw in [&mut from, &mut to] {
        raw.expect("250");
        raw.expect("257");
    }
    assert!(destination.bytes("b.bin") == sent);
}

#[test]
fn d20_g01_the_figure_of_rfc_478_runs_with_strict_gender() {
    let source = strict("figure-b", "127.0.0.2").start();
    let destination = strict("figure-a", "127.0.0.3").start();
    for filtered in [true, false] {
        for source_first in [true, false] {
            figure(&source, &destination, filtered, source_first);
        }
    }
}
