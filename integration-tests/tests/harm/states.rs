//! Slow clients in each state behind the login: others are served meanwhile, and what was held comes back.

use std::any::Any;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};

use ftp_proto::dialect::Dialect::{Rfc354, Rfc959};
use integration_tests::site::{Server, Site};
use integration_tests::socket::until;
use integration_tests::tls_client::TlsClient;

use super::{Bob, site};
use crate::encrypted::private;

/// Far more than the buffers of a connection hold.
const LARGE: u64 = 256 << 20;

type Held = Vec<Box<dyn Any>>;

/// What a session holds when it has come so far.
type State = (&'static str, fn(&Server) -> Held);

/// A transfer that has begun.
fn moves(server: &Server, command: &str) -> Held {
    let mut raw = server.login_binary(Rfc959);
    let data = raw.open("EPSV");
    raw.ask(command, "150");
    vec![Box::new(raw), Box::new(data)]
}

fn asked(server: &Server, lines: &[(&str, &str)]) -> Held {
    let mut raw = server.login_binary(Rfc959);
    for (line, code) in lines {
        raw.ask(line, code);
    }
    vec![Box::new(raw)]
}

const STATES: [State; 13] = [
    ("a name without a password", |server| {
        let mut raw = server.connect(Rfc959);
        raw.ask("USER ann", "331");
        vec![Box::new(raw)]
    }),
    ("half a command", |server| {
        let mut raw = server.login_binary(Rfc959);
        raw.send_bytes(b"STOR half");
        vec![Box::new(raw)]
    }),
    ("a rename that is not told to where", |server| asked(server, &[("RNFR large", "350")])),
    ("a position for no transfer", |server| asked(server, &[("REST 1", "350")])),
    ("a data port without a client", |server| asked(server, &[("EPSV", "229")])),
    ("a data port with a client and no command", |server| {
        let mut raw = server.login_binary(Rfc959);
        let data = raw.open("EPSV");
        vec![Box::new(raw), Box::new(data)]
    }),
    ("a transfer that awaits its connection", |server| {
        let mut raw = server.login_binary(Rfc959);
        raw.ask("EPSV", "229");
        raw.send("RETR large");
        vec![Box::new(raw)]
    }),
    ("a file that is not read", |server| moves(server, "RETR large")),
    ("a file that does not come", |server| moves(server, "STOR never")),
    ("half a file", |server| {
        let mut raw = server.login_binary(Rfc959);
        let mut data = raw.open("EPSV");
        raw.ask("STOR half", "150");
        data.write_all(&[7; 100_000]).unwrap();
        vec![Box::new(raw), Box::new(data)]
    }),
    ("a client that listens and takes nothing", |server| {
        let mut raw = server.login_binary(Rfc959);
        let listener = TcpListener::bind((raw.local().ip(), 0)).unwrap();
        let at = listener.local_addr().unwrap();
        raw.ask(&format!("EPRT |1|{}|{}|", at.ip(), at.port()), "200");
        raw.send("RETR large");
        vec![Box::new(raw), Box::new(listener)]
    }),
    ("TLS without its first word", |server| {
        let mut raw = server.connect(Rfc959);
        raw.ask("AUTH TLS", "234");
        vec![Box::new(raw)]
    }),
    ("a socket of 1973 that awaits its peer", |server| {
        let mut raw = server.connect(Rfc354);
        raw.login("ann", integration_tests::site::PASSWORD);
        raw.ask("LSTN S", "255");
        vec![Box::new(raw)]
    }),
];

fn sockets(of: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", of.running.id()))
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        .filter(|kind| kind.to_string_lossy().starts_with("socket:"))
        .count()
}

#[test]
fn others_are_served_while_an_account_holds_sessions_in_each_state_and_what_they_held_comes_back() {
    let server = site("states").tls().start();
    std::fs::File::create(server.path("large")).unwrap().set_len(LARGE).unwrap();
    let mut bob = Bob::login(&server);
    // The listeners and the connection of bob, whose transfers end before their replies are read.
    let before = sockets(&server);
    for (state, hold) in STATES {
        let held: Vec<Held> = (0..10).map(|_| hold(&server)).collect();
        assert!(sockets(&server) >= before + 10, "{state}: nothing is held");
        bob.goes_on(&server);
        drop(held);
        until(state, || sockets(&server) <= before);
    }
    // In stream mode, a closed data connection is the end of a file. Nothing unfinished is left beside them.
    let known = |name: &String| ["large", "half", "never"].contains(&name.as_str());
    assert!(server.names().iter().all(known), "{:?}", server.names());
}

/// What comes to a data connection inside TLS in place of a handshake.
const NOISE: [&[u8]; 4] = [b"", b"220 welcome\r\n", b"\x15\x03\x03\x00\x02\x02\x28", b"\x16\x03\x03\xff\xff"];

#[test]
fn a_peer_that_is_no_tls_server_gets_no_file_and_gives_none_under_sscn_cpsv_and_pinc() {
    let server = Site::new("client").user("bob:bob").tls().file("a", "content").start();
    let mut bob = Bob::login(&server);
    for noise in NOISE {
        for (first, passive) in [("SSCN ON", "PASV"), ("SSCN OFF", "CPSV")] {
            for command in ["STOR b", "RETR a"] {
                let mut raw = private(&server, &TlsClient::new());
                raw.ask(&format!("PINC SHA-256 {}", "ab".repeat(32)), "200");
                raw.ask(first, "200");
                let mut data = raw.open(passive);
                raw.send(command);
                let mut heard = Vec::new();
                // It may be reset at any time.
                let told = data.write_all(noise).and_then(|()| data.shutdown(Shutdown::Write));
                drop(told.and_then(|()| data.read_to_end(&mut heard)));
                assert!(!heard.windows(7).any(|part| part == b"content"), "{heard:?}");
                let mut reply = raw.reply();
                if reply.code == 150 {
                    reply = raw.reply();
                }
                assert!((400..600).contains(&reply.code), "{command} {passive}: {reply:?}");
                raw.ask("NOOP", "200");
            }
        }
        bob.goes_on(&server);
    }
    assert_eq!(server.names(), ["a"]);
}
