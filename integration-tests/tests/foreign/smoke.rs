//! What the foreign servers themselves do, asked by hand: they store and send files, and what they
//! do with a data connection to or from a host that is not the user's own.

use integration_tests::beside::each_of;
use integration_tests::foreign::{Foreign, ForeignServer, Hosts, Kind};
use integration_tests::or_skip;
use integration_tests::raw::Raw;
use integration_tests::site::sample;
use integration_tests::socket;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};

/// The user's own host, and another one.
const OWN: &str = "127.0.0.1";
const STRANGER: &str = "127.0.0.9";

/// PASV, and a data connection to it from `ip`.
fn passive(raw: &mut Raw, server: &ForeignServer, ip: &str) -> TcpStream {
    let port = raw.ask("PASV", "227").port();
    let from = SocketAddr::new(ip.parse::<IpAddr>().unwrap(), 0);
    socket::connect(from, SocketAddr::new(server.address().ip(), port))
}

/// The argument of PORT for a listener.
fn commas(address: SocketAddr) -> String {
    let (ip, port) = (address.ip().to_string().replace('.', ","), address.port());
    format!("PORT {ip},{},{}", port / 256, port % 256)
}

fn stores_and_sends(kind: Kind) {
    let content = sample(300_000);
    let server = or_skip!(Foreign::new(kind).foreign(Hosts::Allowed).file("old.bin", &content).start());
    let mut raw = server.login();
    let mut data = passive(&mut raw, &server, OWN);
    raw.send("STOR new.bin");
    data.write_all(&content).unwrap();
    drop(data);
    raw.expect("150|125");
    raw.expect("226");
    assert_eq!(server.bytes("new.bin"), content);
    assert_eq!(server.names(), ["new.bin", "old.bin"]);
    let listener = socket::listen(OWN, 0);
    raw.ask(&commas(listener.local_addr().unwrap()), "200");
    raw.send("RETR old.bin");
    let (data, _) = socket::accept(&listener);
    assert_eq!(socket::drain(data), content);
    raw.expect("150|125");
    raw.expect("226");
    raw.ask("QUIT", "221");
}

/// Whether it connects to a stranger, and whether it lets a stranger in.
fn judges_strangers(kind: Kind, hosts: Hosts) {
    let server = or_skip!(Foreign::new(kind).foreign(hosts).file("a.bin", "hello").start());
    let mut raw = server.login();
    let listener = socket::listen(STRANGER, 0);
    raw.send(&commas(listener.local_addr().unwrap()));
    let mut connects = raw.reply().code == 200;
    if connects {
        raw.send("RETR a.bin");
        // libunftp connects and then says nothing.
        connects = socket::drain(socket::accept(&listener).0) == b"hello";
    }
    assert_eq!(connects, hosts.connects(), "{}", raw.dialogue());
    if connects {
        raw.expect("150|125");
        raw.expect("226");
    }
    assert!(socket::is_quiet(&listener));
    let mut raw = server.login();
    let mut data = passive(&mut raw, &server, STRANGER);
    raw.send("RETR a.bin");
    let mut bytes = Vec::new();
    let read = data.read_to_end(&mut bytes);
    let let_in = read.is_ok() && bytes == b"hello";
    assert_eq!(let_in, hosts.accepts(), "{read:?} {bytes:?}\n{}", raw.dialogue());
}

#[test]
fn servers_of_other_people_store_and_send() {
    let kinds = [Kind::Vsftpd, Kind::Proftpd, Kind::PureFtpd, Kind::Pyftpdlib, Kind::Globus];
    each_of(&kinds, |kind| stores_and_sends(*kind));
}

#[test]
fn servers_of_other_people_judge_strangers() {
    each_of(&Kind::ALL, |kind| kind.policies().iter().for_each(|hosts| judges_strangers(*kind, *hosts)));
}
