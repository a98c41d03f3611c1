//! Clients that speak another protocol: nothing that they say is executed.

use super::Harness;
use super::harness::{Config, config};
use crate::server::ask::{Answer, Event, Handshake, Input};
use crate::server::{Tls, TlsStart};

fn clear() -> Harness {
    let mut h = Harness::new(Config { tls: Tls::default(), ..config() });
    h.take();
    h
}

fn explicit() -> Harness {
    let tls = Tls { begin: TlsStart::Explicit, ..Tls::default() };
    let mut h = Harness::new(Config { tls, ..config() });
    h.take();
    h
}

#[test]
fn the_first_bytes_of_another_protocol_end_the_session() {
    let long = format!("POST /{} HTTP/1.1\r\nUSER u\r\nPASS secret\r\n", "x".repeat(10_000));
    for bytes in [
        "GET / HTTP/1.1\r\nUSER u\r\nPASS secret\r\n",
        "\u{16}\u{3}\u{1}\u{2}",
        "POST /x HTTP/1.0\r\n",
        &long,
    ] {
        let mut h = clear();
        h.send(bytes);
        assert!(h.closed, "{:?}", &bytes[..4]);
        assert_eq!(h.take(), [""; 0]);
        assert!(matches!(h.events.last(), Some(Event::NotFtp(_))));
        h.input(Input::Bytes(b"NOOP\r\n"));
        assert_eq!(h.take(), [""; 0]);
    }
    let mut h = clear();
    h.check("NOOP", &["200"]);
    h.check("GET / HTTP/1.1", &["500"]);
}

#[test]
fn http_behind_an_empty_line_or_as_the_first_line_inside_tls_ends_the_session() {
    let mut h = clear();
    h.send("\r\n\r\nGET / HTTP/1.1\r\nUSER u\r\nPASS secret\r\n");
    assert!(h.closed && matches!(h.events.last(), Some(Event::NotFtp("HTTP"))), "{:?}", h.events);
    assert!(h.take().iter().all(|reply| reply.starts_with("500")), "only the empty lines are answered");
    let mut h = explicit();
    h.check("NOOP", &["200"]);
    h.check("AUTH TLS", &["234"]);
    h.handshake(Answer::Secured(Handshake { leaf: None, resumed: false, exporter: [3; 32] }));
    h.send("POST / HTTP/1.1\r\nUSER u\r\nPASS secret\r\n");
    assert!(h.closed && matches!(h.events.last(), Some(Event::NotFtp("HTTP"))), "{:?}", h.events);
    assert_eq!(h.take(), [""; 0]);
}
