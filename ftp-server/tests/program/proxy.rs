//! Clients behind a proxy that announces them.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};

use crate::server::{Client, Server};

/// Clients of this process are at 127.0.0.1, unless they say otherwise.
const BEHIND: &str = "--user ann:secret --listen 127.0.0.2:0 --proxy-from 127.0.0.1";

/// A connection of the proxy that begins with `header`.
fn announced(server: &Server, header: &[u8]) -> Client {
    let mut stream = TcpStream::connect(server.address(0)).unwrap();
    stream.write_all(header).unwrap();
    Client::on(stream)
}

#[test]
fn the_announced_client_is_the_client_for_the_log_the_policy_and_the_limits() {
    let server = Server::start(&format!("{BEHIND} --max-sessions-per-address 1"));
    let one = b"PROXY TCP4 192.0.2.7 198.51.100.1 5000 21\r\n";
    let mut client = announced(&server, one).logged_in();
    // Its own address, which is not where the connection comes from.
    client.say("PORT 192,0,2,7,19,137", "200");
    client.say("PORT 127,0,0,1,19,137", "504");
    announced(&server, one).expect("421");
    let binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xc0\0\x02\x08\xc6\x33\x64\x01\x13\x89\0\x15\x04\0\0";
    let mut other = announced(&server, binary).logged_in();
    other.say("PORT 192,0,2,8,19,137", "200");
    let (_, log) = server.stop(Signal::TERM);
    for client in ["client=192.0.2.7:5000", "client=192.0.2.8:5001"] {
        assert!(
            log.lines().any(|line| line.contains(client) && line.contains("logged in")),
            "{client}:\n{log}"
        );
    }
    assert!(log.contains("turned away") && log.contains("max-sessions-per-address"), "{log}");
}

#[test]
fn a_client_that_a_proxy_announces_from_this_host_reaches_no_other_loopback_address() {
    let any = "--foreign authenticated --foreign-networks 127.0.0.0/8";
    let server = Server::start(&format!("{BEHIND} {any}"));
    let mut client = announced(&server, b"PROXY TCP4 127.0.0.3 127.0.0.2 5000 21\r\n").logged_in();
    client.say("PORT 127,0,0,3,19,137", "200");
    client.say("PORT 127,0,0,4,19,137", "504");
    // Without a proxy it may.
    let server = Server::start(&format!("--user ann:secret --listen 127.0.0.2:0 {any}"));
    Client::login(&server).say("PORT 127,0,0,4,19,137", "200");
}

#[test]
fn a_proxy_that_announces_nobody_is_closed_and_others_are_served_without_a_header() {
    let server = Server::start(BEHIND);
    for bytes in [
        &b"USER ann\r\n"[..],
        b"PROXY TCP4 192.0.2.7\r\n",
        b"\x16\x03\x01",
        b"PROXY TCP4 0.0.0.0 1.1.1.1 1 2\r\n",
    ] {
        assert_eq!(announced(&server, bytes).line_or_end(), "", "{bytes:?}");
    }
    // Who says nothing is closed as well, when its time is over.
    assert_eq!(announced(&server, b"").line_or_end(), "");
    // The proxy itself, for example to see whether the server lives.
    announced(&server, b"PROXY UNKNOWN\r\n").expect("220");
    announced(&server, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").expect("220");
    let direct = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    direct.bind(&"127.0.0.9:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    direct.connect(&server.address(0).into()).unwrap();
    drop(Client::on(direct.into()).logged_in());
    let mut stream = TcpStream::connect(server.address(0)).unwrap();
    stream.write_all(b"PROXY TCP4 192.0.2.7 198.51.100.1 5000 21\r\nUSER ann\r\n").unwrap();
    let mut piecemeal = Client::on(stream);
    piecemeal.expect("220");
    piecemeal.expect("331");
    let (_, log) = server.stop(Signal::TERM);
    let closed = log.lines().filter(|line| line.contains("no PROXY header")).count();
    assert_eq!(closed, 5, "{log}");
    assert!(log.contains("did not come in time"), "{log}");
}

#[test]
fn connections_of_a_proxy_that_say_nothing_keep_no_other_waiting() {
    let server = Server::start(BEHIND);
    let silent: Vec<_> = (0..300).map(|_| TcpStream::connect(server.address(0)).unwrap()).collect();
    announced(&server, b"PROXY TCP4 192.0.2.7 198.51.100.1 5000 21\r\n").logged_in().say("NOOP", "200");
    drop(silent);
    let (_, log) = server.stop(Signal::TERM);
    assert!(log.contains("(proxy-headers)"), "the oldest of them had to make room");
}

impl Client {
    /// One line, or nothing at the end of the connection, which may be a reset.
    fn line_or_end(mut self) -> String {
        let mut said = Vec::new();
        let _ = self.stream().read_to_end(&mut said);
        String::from_utf8(said).unwrap()
    }
}
