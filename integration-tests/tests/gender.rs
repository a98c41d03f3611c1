//! Servers with strict gender: odd sockets send, even ones receive (RFC 354).

use ftp_proto::dialect::Dialect::{Rfc354, Rfc959};
use integration_tests::site::{Server, Site, sample};

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
