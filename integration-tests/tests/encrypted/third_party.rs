//! Two of our servers exchange a file inside TLS.

use super::{Raw, SIZE, TlsClient, private};
use integration_tests::site::{Server, Site, sample};

const SECRET: &str = "RNDZ 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn source(args: &[&'static str]) -> Server {
    Site::new("source").at("127.0.0.2").tls().args(args.iter().copied()).file("a.bin", sample(SIZE)).start()
}

fn destination(args: &[&'static str]) -> Server {
    Site::new("destination").at("127.0.0.3").tls().args(args.iter().copied()).start()
}

fn pin(server: &Server) -> String {
    format!("PINC SHA-256 {}", &server.pin()["SHA256:".len()..])
}

/// A session with each server.
fn sessions(one: &Server, two: &Server) -> (Raw, Raw) {
    (private(one, &TlsClient::new()), private(two, &TlsClient::new()))
}

/// Each server knows the certificate of the other one, and a secret of both.
fn introduce(from: &mut Raw, to: &mut Raw, [one, two]: [&Server; 2]) {
    for (raw, peer) in [(from, two), (to, one)] {
        raw.ask(&pin(peer), "200");
        raw.ask(SECRET, "200");
    }
}

/// The destination listens, the source connects; both get these commands first.
fn start(from: &mut Raw, to: &mut Raw, passive: &str) {
    let at = to.ask(passive, "227");
    let numbers = at.text();
    let numbers = &numbers[numbers.find('(').unwrap() + 1..numbers.find(')').unwrap()];
    from.ask(&format!("PORT {numbers}"), "200");
    to.send("STOR b.bin");
    from.send("RETR a.bin");
}

#[test]
fn f07_sscn_or_cpsv_with_pins_and_a_proof_moves_a_file() {
    let (one, two) = (source(&[]), destination(&[]));
    for (client_at_source, cpsv) in [(true, false), (false, false), (false, true)] {
        let (mut from, mut to) = sessions(&one, &two);
        introduce(&mut from, &mut to, [&one, &two]);
        if !cpsv {
            if client_at_source { &mut from } else { &mut to }.ask("SSCN ON", "200");
        }
        start(&mut from, &mut to, if cpsv { "CPSV" } else { "PASV" });
        to.expect("150");
        from.expect("150");
        let said = [from.expect("226").text(), to.expect("226").text()];
        assert!(said.iter().all(|text| text.contains("proven-by=rndz")), "{said:?}");
        assert!(two.bytes("b.bin") == sample(SIZE));
        std::fs::remove_file(two.path("b.bin")).unwrap();
    }
}

#[test]
fn e12_inside_tls_one_connection_carries_many_files() {
    let files = ["a.bin", "empty", "small"];
    let one = Site::new("source").at("127.0.0.2").tls().file("a.bin", sample(SIZE)).file("empty", "");
    let (one, two) = (one.file("small", "small").start(), destination(&[]));
    let (mut from, mut to) = sessions(&one, &two);
    from.ask("SSCN ON", "200");
    from.ask("MODE B", "200");
    to.ask("MODE B", "200");
    introduce(&mut from, &mut to, [&one, &two]);
    start(&mut from, &mut to, "PASV");
    for raw in [&mut from, &mut to] {
        raw.expect("150");
        raw.expect("250");
    }
    assert!(two.bytes("b.bin") == sample(SIZE));
    for _ in 0..5 {
        for file in files {
            from.send(&format!("RETR {file}"));
            to.send(&format!("STOR {file}"));
            for raw in [&mut from, &mut to] {
                raw.expect("125");
                assert!(raw.expect("250").text().contains("proven-by=rndz"));
            }
            assert!(two.bytes(file) == one.bytes(file), "{file}");
        }
    }
    // A new pin closes the connection, inside TLS with close_notify: the other end sees it.
    from.ask(&pin(&two), "200");
    let said = to.ask("STOR again", "425|125");
    if said.code == 125 {
        to.expect("426");
    }
}

#[test]
fn f08_required_reuse_is_not_demanded_of_a_peer_that_proves_itself() {
    let reuse = &["--tls-session-reuse", "required"];
    let (one, two) = (source(reuse), destination(reuse));
    let (mut from, mut to) = sessions(&one, &two);
    from.ask("SSCN ON", "200");
    introduce(&mut from, &mut to, [&one, &two]);
    start(&mut from, &mut to, "PASV");
    to.expect("150");
    from.expect("150");
    from.expect("226");
    to.expect("226");
    assert!(two.bytes("b.bin") == sample(SIZE));
}

/// Under `authenticated`, as other people's servers have it.
const OPEN: [&str; 4] = ["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8"];

#[test]
fn f05_without_a_proof_pins_are_enough_where_the_operator_says_so() {
    let (one, two) = (source(&OPEN), destination(&OPEN));
    let (mut from, mut to) = sessions(&one, &two);
    from.ask("SSCN ON", "200");
    from.ask(&pin(&two), "200");
    to.ask(&pin(&one), "200");
    start(&mut from, &mut to, "PASV");
    for raw in [&mut from, &mut to] {
        raw.expect("150");
        raw.expect("226");
    }
    assert!(two.bytes("b.bin") == sample(SIZE));
}

#[test]
fn f10_another_certificate_moves_nothing() {
    let (one, two) = (source(&OPEN), destination(&OPEN));
    let (mut from, mut to) = sessions(&one, &two);
    from.ask("SSCN ON", "200");
    from.ask(&pin(&one), "200"); // its own, not the other one's
    start(&mut from, &mut to, "PASV");
    from.expect("150");
    from.expect("425");
    // With TLS 1.3 the other end may have seen nothing wrong before it is reset.
    to.send("ABOR");
    while !matches!(to.reply().code, 225 | 226) {}
    assert!(two.names().iter().all(|name| two.bytes(name).is_empty()), "not one byte has moved");
}

#[test]
fn f07_roles_that_do_not_fit_end_at_both_ends() {
    let (one, two) = (source(&OPEN), destination(&OPEN));
    for client in [false, true] {
        let (mut from, mut to) = sessions(&one, &two);
        for (raw, peer) in [(&mut from, &two), (&mut to, &one)] {
            raw.ask(&pin(peer), "200");
            if client {
                raw.ask("SSCN ON", "200");
            }
        }
        start(&mut from, &mut to, "PASV");
        from.expect("150");
        from.expect(if client { "425" } else { "522" });
        // The destination has seen a stranger, and its wait goes on until the user agent ends it.
        to.send("ABOR");
        while to.reply().code != 226 {}
        assert_eq!(two.names(), [""; 0]);
    }
}

#[test]
fn a_server_without_a_pin_verifies_the_chain_of_its_peer() {
    let (one, two) = (source(&OPEN), destination(&OPEN));
    let (mut from, mut to) = sessions(&one, &two);
    from.ask("SSCN ON", "200");
    start(&mut from, &mut to, "PASV");
    from.expect("150");
    from.expect("425"); // nobody has signed the certificate of the destination
    to.send("ABOR");
    while to.reply().code != 226 {}
    assert_eq!(two.names(), [""; 0]);
}
