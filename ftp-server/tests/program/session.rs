//! Sessions that are many, that vanish, and that are there when the server stops.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::ops::Add;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::server::{Client, Server, command};

const ANN: &str = "--user ann:secret --listen 127.0.0.2:0";

#[test]
fn a_session_too_many_is_told_so_and_the_others_stay() {
    let server = Server::start(&format!("{ANN} --max-sessions 2"));
    let mut first = Client::login(&server);
    // Of the same address as the next one, which therefore has no better claim to a place.
    let mut second = Client::connect(&server);
    second.expect("220");
    let mut third = Client::connect(&server);
    third.expect("421");
    assert_eq!(third.line(), "", "and closed");
    first.say("NOOP", "200");
    drop(second);
    // The place is free as soon as the server has seen that end.
    let greeted = (0..ATTEMPTS).any(|_| Client::connect(&server).line().starts_with("220 "));
    assert!(greeted, "the place of a session that has ended is never free");
}

#[test]
fn a24_a_control_connection_that_drops_gives_up_its_data_connection_and_port() {
    let server = Server::start(ANN);
    let mut client = Client::login_for_files(&server);
    let mut data = client.transfer(&server, "STOR half");
    data.write_all(b"half").unwrap();
    drop(client);
    let error = data.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);

    let mut client = Client::login_for_files(&server);
    let published = (0..ATTEMPTS).any(|_| {
        client.send("SIZE half");
        client.line().starts_with("213 ")
    });
    assert!(published, "a new name keeps what has arrived");

    let port = client.passive(&server);
    drop(TcpStream::connect(port).unwrap());
    drop(client);
    // A connection that waits to be accepted while the port is given up is reset.
    let is_refused =
        |_| TcpStream::connect(port).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
    assert!((0..ATTEMPTS).any(is_refused), "the port is given up");
}

#[test]
fn new_files_and_directories_have_the_modes_that_the_umask_leaves() {
    let asked = command(ANN);
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 027; exec \"$0\" \"$@\""]).arg(asked.get_program()).args(asked.get_args());
    let server = Server::with(shell.stderr(Stdio::piped()), tempfile::tempdir().unwrap(), 1);
    let mut client = Client::login_for_files(&server);
    for command in ["STOR stored", "APPE appended"] {
        client.store(&server, command);
    }
    client.say("MKD made", "257");
    for (name, mode) in [("stored", 0o640), ("appended", 0o640), ("made", 0o750)] {
        let facts = std::fs::metadata(server.root.path().join(name)).unwrap();
        assert_eq!(facts.permissions().mode() & 0o7777, mode, "{name}");
    }
}

#[test]
fn a_server_that_stops_lets_transfers_end_and_nobody_in() {
    let server = Server::start(ANN);
    let (mut idle, mut busy) = (Client::login(&server), Client::login(&server));
    busy.say("TYPE I", "200");
    let mut data = busy.transfer(&server, "STOR file");
    server.signal(Signal::TERM);
    idle.expect("421");
    assert_eq!(TcpStream::connect(server.address(0)).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    data.write_all(b"content").unwrap();
    drop(data);
    busy.expect("226");
    busy.say("HASH file", "213");
    busy.say("RNFR file", "350");
    busy.say("RNTO renamed", "250");
    busy.send("QUIT");
    busy.expect("221");
    assert_eq!(server.file("renamed").as_deref(), Some("content"));
    assert_eq!(server.stop(Signal::TERM).0.code(), Some(0));
}

#[test]
fn a_transfer_that_takes_longer_than_the_grace_is_ended() {
    let server = Server::start(&format!("{ANN} --shutdown-grace 100ms"));
    let mut busy = Client::login_for_files(&server);
    let mut data = busy.transfer(&server, "STOR file");
    data.write_all(b"half").unwrap();
    assert_eq!(server.stop(Signal::TERM).0.code(), Some(0));
    assert_eq!(data.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn the_last_reply_arrives_although_more_commands_were_sent() {
    let server = Server::start(ANN);
    let mut client = Client::connect(&server);
    client.send(&["QUIT", &"NOOP\r\n".repeat(500)].join("\r\n"));
    client.expect("220");
    client.expect("221");
    assert_eq!(client.line(), "");
}

#[test]
fn commands_beyond_what_a_transfer_lets_wait_get_their_replies_too() {
    const COMMANDS: usize = 50_000;
    let server = Server::start(ANN);
    let mut client = Client::login_for_files(&server);
    // The server may see the end of a file before it has read so many commands.
    let is_refused = (0..20).any(|_| {
        let data = client.transfer(&server, "STOR file");
        client.send(&"NOOP\r\n".repeat(COMMANDS - 1).add("NOOP"));
        drop(data);
        client.expect("226");
        (0..COMMANDS).filter(|_| client.line().starts_with("503 ")).count() > 0
    });
    assert!(is_refused, "not everything fits");
    client.say("SYST", "215");
}

/// Round trips after which what should have happened has not.
const ATTEMPTS: usize = 20_000;
