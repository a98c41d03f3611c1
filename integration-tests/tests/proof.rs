//! RNDZ at the real server: who proves may be anybody, who does not sees nothing.

use ftp_proto::command::Direction;
use ftp_proto::dialect::Dialect::{Rfc354, Rfc959};
use ftp_proto::rendezvous::{Exchange, Flags, HELLO_LEN, Input, Output, RendezvousSecret};
use integration_tests::raw::Raw;
use integration_tests::site::Site;
use integration_tests::socket::{accept, connect, drain, is_closed_unused, listen};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

const SECRET: [u8; 32] = [7; 32];
const OTHER: [u8; 32] = [8; 32];

/// Gives a session the secret of its next data connection.
fn rendezvous(raw: &mut Raw, secret: [u8; 32]) {
    let hex = RendezvousSecret::new(secret).to_hex();
    raw.ask(&format!("RNDZ {}", hex.as_str()), "200");
}

/// Our end of the exchange; whether the other end proved itself.
fn prove(stream: &mut TcpStream, secret: [u8; 32], direction: Direction) -> bool {
    let secret = RendezvousSecret::new(secret);
    let mut exchange = Exchange::new(&secret, direction, Flags::default(), [3; 23], &[]);
    loop {
        match exchange.poll() {
            Output::Send(bytes) => {
                if stream.write_all(&bytes).is_err() {
                    return false;
                }
            }
            Output::Read(count) => {
                let mut bytes = vec![0; count];
                match stream.read_exact(&mut bytes) {
                    Ok(()) => exchange.input(Input::Bytes(&bytes)),
                    Err(_) => exchange.input(Input::Closed),
                }
            }
            Output::Proven => return true,
            Output::Refused => return false,
        }
    }
}

fn from(ip: &str) -> SocketAddr {
    format!("{ip}:0").parse().unwrap()
}

#[test]
fn c28_a_foreign_peer_that_proves_is_served_and_strangers_are_counted() {
    for dialect in [Rfc354, Rfc959] {
        let server = Site::new("proof").file("a.txt", "hello").start();
        let mut raw = server.login(dialect);
        rendezvous(&mut raw, SECRET);
        let to = SocketAddr::new(server.ip(), raw.ask("LSTN S", "255").port());
        raw.send("RETR a.txt");
        for _ in 0..3 {
            let mut stranger = connect(from("127.0.0.9"), to);
            assert!(!prove(&mut stranger, OTHER, Direction::Receive), "the wrong secret was believed");
        }
        let mut peer = connect(from("127.0.0.9"), to);
        assert!(prove(&mut peer, SECRET, Direction::Receive));
        raw.expect("250/150|125");
        assert_eq!(drain(peer), b"hello");
        let last = raw.expect("252|257/226|250").text();
        // A reply of 1973 has one line, without facts.
        for fact in ["proven-by=rndz", "Strangers-refused 3"] {
            assert_eq!(last.contains(fact), dialect == Rfc959, "{fact}: {last}");
        }
    }
}

#[test]
fn c28_a_peer_gets_in_though_strangers_crowd_the_listener_from_its_own_address_and_from_others() {
    let server = Site::new("crowd").file("a.txt", "hello").start();
    let mut raw = server.login(Rfc959);
    rendezvous(&mut raw, SECRET);
    let to = SocketAddr::new(server.ip(), raw.ask("LSTN S", "255").port());
    let held: Vec<_> = (0..12).map(|_| connect(from("127.0.0.9"), to)).collect();
    raw.send("RETR a.txt");
    let silent: Vec<_> = (20..40).map(|host| connect(from(&format!("127.0.0.{host}")), to)).collect();
    let mut pushy: Vec<_> = (0..6).map(|_| connect(from("127.0.0.9"), to)).collect();
    for stranger in &mut pushy {
        // A right hello without a proof. Whoever is closed already cannot send it.
        drop(stranger.write_all(b"RNDZ1\r\n\0\0abcdefghijklmnopqrstuvw"));
    }
    let mut peer = connect(from("127.0.0.9"), to);
    assert!(prove(&mut peer, SECRET, Direction::Receive), "the peer was not let in");
    raw.expect("150|125");
    assert_eq!(drain(peer), b"hello");
    let last = raw.expect("226|250").text();
    let strangers = held.len() + silent.len() + pushy.len();
    assert!(last.contains(&format!("Strangers-refused {strangers}")), "{last}");
}

#[test]
fn b18_a_foreign_target_is_told_nothing_before_it_proves() {
    let server = Site::new("bounce").args(["--connect-timeout", "2s"]).file("a.txt", "secret").start();
    let mut raw = server.login(Rfc959);
    let listener = listen("127.0.0.9", 0);
    let port = listener.local_addr().unwrap().port();
    rendezvous(&mut raw, SECRET);
    raw.ask(&format!("SOCK 127.0.0.9,{port}"), "255");
    raw.send("RETR a.txt");
    let (mut victim, _) = accept(&listener);
    let mut hello = [0; HELLO_LEN];
    victim.read_exact(&mut hello).unwrap();
    victim.write_all(b"220 some other service\r\n and a greeting of more than 32 bytes\r\n").unwrap();
    let mut rest = Vec::new();
    drop(victim.read_to_end(&mut rest));
    assert!(rest.is_empty(), "bytes after the hello: {}", rest.escape_ascii());
    let refusal = raw.expect("425").text();
    assert_eq!(refusal, "No proven data connection");
    // Nothing told the victim's port from a closed one, and the secret is spent.
    raw.ask(&format!("SOCK 127.0.0.9,{port}"), "504");
    raw.ask("NOOP", "200");
}

/// What answers at a port that somebody wants to know about.
#[derive(Clone, Copy, Debug)]
enum Target {
    Closed,
    Silent,
    Leaving,
    Garbage,
    Mirror,
    Guess,
}

/// The server's last words about a target, and all that it said to it.
fn scan(target: Target) -> (String, Vec<u8>) {
    let server = Site::new("scan").args(["--connect-timeout", "2s"]).file("a.txt", "secret").start();
    let mut raw = server.login(Rfc959);
    let listener = listen("127.0.0.9", 0);
    let port = listener.local_addr().unwrap().port();
    let told = if matches!(target, Target::Closed) {
        drop(listener);
        None
    } else {
        Some(std::thread::spawn(move || {
            let (mut stream, _) = accept(&listener);
            let mut hello = vec![0; HELLO_LEN];
            match target {
                Target::Closed | Target::Leaving => return Vec::new(),
                Target::Silent => {}
                Target::Garbage => stream.write_all(&[b'x'; 100]).unwrap(),
                Target::Mirror => {
                    stream.read_exact(&mut hello).unwrap();
                    stream.write_all(&hello).unwrap();
                }
                Target::Guess => {
                    prove(&mut stream, OTHER, Direction::Receive);
                    return Vec::new();
                }
            }
            let mut bytes = Vec::new();
            drop(stream.read_to_end(&mut bytes));
            bytes
        }))
    };
    rendezvous(&mut raw, SECRET);
    raw.ask(&format!("SOCK 127.0.0.9,{port}"), "255");
    let refusal = raw.ask("RETR a.txt", "425").text();
    (refusal, told.map(|told| told.join().unwrap()).unwrap_or_default())
}

#[test]
fn b18_every_kind_of_foreign_target_looks_the_same() {
    use Target::{Closed, Garbage, Guess, Leaving, Mirror, Silent};
    let scans = [Closed, Silent, Leaving, Garbage, Mirror, Guess]
        .map(|target| (target, std::thread::spawn(move || scan(target))));
    for (target, scan) in scans {
        let (refusal, told) = scan.join().unwrap();
        assert_eq!(refusal, "No proven data connection", "{target:?}");
        assert!(!String::from_utf8_lossy(&told).contains("secret"), "{target:?} was told the file");
        assert!(told.len() <= 2 * HELLO_LEN, "{target:?} was told {} bytes", told.len());
    }
}

#[test]
fn e02_nothing_is_created_before_the_proof() {
    for dialect in [Rfc354, Rfc959] {
        let server = Site::new("untouched").file("a.txt", "old").args(["--accept-timeout", "2s"]).start();
        let mut raw = server.login(dialect);
        rendezvous(&mut raw, SECRET);
        let to = SocketAddr::new(server.ip(), raw.ask("LSTN R", "255").port());
        raw.send("STOR a.txt");
        let mut stranger = connect(from("127.0.0.9"), to);
        assert!(!prove(&mut stranger, OTHER, Direction::Send));
        assert_eq!(server.names(), ["a.txt"]);
        assert_eq!(server.bytes("a.txt"), b"old");
        raw.expect("454/425");
        assert_eq!(server.names(), ["a.txt"]);
        assert_eq!(server.bytes("a.txt"), b"old");
    }
}

#[test]
fn c16_rndz_in_force_is_demanded_of_the_own_host_too() {
    let server = Site::new("own").args(["--accept-timeout", "2s"]).file("a.txt", "hello").start();
    let mut raw = server.login(Rfc959);
    rendezvous(&mut raw, SECRET);
    let to = SocketAddr::new(server.ip(), raw.ask("LSTN S", "255").port());
    raw.send("RETR a.txt");
    let mut own = connect(from("127.0.0.1"), to);
    let mut hello = [0; HELLO_LEN];
    own.read_exact(&mut hello).unwrap();
    own.write_all(&[b'x'; 64]).unwrap();
    assert!(is_closed_unused(&own), "an own host without the proof is served");
    raw.expect("425");
}
