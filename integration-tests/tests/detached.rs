//! DETA: transfers that outlive their control connection, with real processes.

use ftp_proto::dialect::Dialect::{self, Rfc354, Rfc959};
use integration_tests::binary::Program;
use integration_tests::raw::Raw;
use integration_tests::site::{Server, Site, sample};
use integration_tests::socket::{drain, until};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

/// More than the buffers of a connection hold.
const SIZE: usize = 16 << 20;

fn session(server: &Server, dialect: Dialect, user: &str) -> Raw {
    let mut raw = server.connect(dialect);
    raw.login(user, user);
    raw.ask("TYPE I", "200");
    raw
}

fn site(name: &str) -> Site {
    Site::new(name).user("ann2:ann2").user("eve:eve").file("a.bin", sample(SIZE))
}

/// A transfer that has begun and may go on alone: its name and its data connection.
fn begin(raw: &mut Raw, command: &str) -> (String, TcpStream) {
    let id = raw.ask("DETA 600", "200").text();
    assert!(id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
    let data = raw.open(if command.starts_with("RETR") { "LSTN S" } else { "LSTN R" });
    raw.ask(command, "250/150");
    (id, data)
}

fn status(raw: &mut Raw, id: &str) -> String {
    let text = raw.ask(&format!("STAT #{id}"), "100/211").text();
    if raw.dialect() == Rfc354 {
        raw.expect("200");
    }
    text
}

fn until_it_says(raw: &mut Raw, id: &str, what: &str) {
    until(what, || status(raw, id).contains(what));
}

#[test]
fn a_download_and_an_upload_go_on_without_their_control_connection() {
    for dialect in [Rfc354, Rfc959] {
        let server = site("alone").start();
        let mut raw = session(&server, dialect, "ann2");
        let (down, mut data) = begin(&mut raw, "RETR a.bin");
        let mut first = vec![0; 1000];
        data.read_exact(&mut first).unwrap();
        drop(raw);
        let mut raw = session(&server, dialect, "ann2");
        let said = status(&mut raw, &down);
        assert!(said.contains("State moving") && said.contains("Bytes "), "{said}");
        first.extend(drain(data));
        assert!(first == sample(SIZE), "bytes differ");
        until_it_says(&mut raw, &down, &format!("Bytes {SIZE}"));
        until_it_says(&mut raw, &down, "State complete");

        // In clear and in stream mode only the count tells that the file is whole.
        raw.ask(&format!("ALLO {SIZE}"), "200/200|202");
        let (up, mut data) = begin(&mut raw, "STOR b.bin");
        data.write_all(&sample(SIZE)[..SIZE / 2]).unwrap();
        drop(raw);
        data.write_all(&sample(SIZE)[SIZE / 2..]).unwrap();
        data.shutdown(Shutdown::Write).unwrap();
        let mut raw = session(&server, dialect, "ann2");
        until_it_says(&mut raw, &up, "State complete");
        assert!(server.bytes("b.bin") == sample(SIZE), "bytes differ");
    }
}

#[test]
fn only_a_session_of_the_same_account_asks_and_ends() {
    let server = site("whose").start();
    let mut raw = session(&server, Rfc959, "ann2");
    let (id, mut data) = begin(&mut raw, "RETR a.bin");
    drop(raw);
    let mut eve = session(&server, Rfc959, "eve");
    eve.ask(&format!("STAT #{id}"), "550");
    eve.ask(&format!("ABOR #{id}"), "550");
    data.read_exact(&mut [0; 1000]).unwrap();
    let mut raw = session(&server, Rfc959, "ann2");
    raw.ask(&format!("ABOR #{id}"), "226");
    let mut rest = Vec::new();
    assert!(data.read_to_end(&mut rest).is_err(), "it ends by a reset");
    until_it_says(&mut raw, &id, "State failed: it was stopped");
    raw.ask(&format!("ABOR #{id}"), "225");
}

#[test]
fn an_account_starts_no_more_than_four() {
    let server = site("many").start();
    let mut begun = Vec::new();
    for _ in 0..4 {
        let mut raw = session(&server, Rfc959, "eve");
        let (id, data) = begin(&mut raw, "RETR a.bin");
        begun.push((id, data));
        // The session ends here, and the transfer goes on.
    }
    let mut fifth = session(&server, Rfc959, "eve");
    fifth.ask("DETA 60", "450");
    drop(fifth);
    // Others have theirs.
    let mut ann = session(&server, Rfc959, "ann2");
    let (id, data) = begin(&mut ann, "RETR a.bin");
    assert!(drain(data).len() == SIZE);
    ann.expect("226");
    until_it_says(&mut ann, &id, "State complete");
    // One that ends makes room for another.
    let mut eve = session(&server, Rfc959, "eve");
    let (first, data) = begun.remove(0);
    drop(data);
    until_it_says(&mut eve, &first, "State failed: the data connection broke");
    eve.ask("DETA 60", "200");
    for (id, data) in begun {
        eve.ask(&format!("ABOR #{id}"), "226");
        drop(data);
    }
}

#[test]
fn the_operator_sees_and_ends_it_and_a_server_that_stops_waits_for_it() {
    let state = tempfile::tempdir().unwrap();
    let place = state.path().to_str().unwrap();
    let mut server = site("stops").args(["--state", place]).start();
    let ask = |args: &[&str]| {
        let out = Program::Server.command().args(args).args(["--state", place]).output().unwrap();
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    let mut raw = session(&server, Rfc959, "ann2");
    let (id, mut data) = begin(&mut raw, "RETR a.bin");
    drop(raw);
    let shown = format!("(detached, #{id})");
    until("who shows it", || ask(&["who"]).contains(&shown));
    let line = ask(&["who"]);
    let number = line.lines().find(|line| line.contains(&shown)).unwrap().split(' ').next().unwrap();
    ask(&["kick", number]);
    assert!(data.read_to_end(&mut Vec::new()).is_err(), "it ends by a reset");

    let mut raw = session(&server, Rfc959, "ann2");
    let (id, data) = begin(&mut raw, "RETR a.bin");
    drop(raw);
    until("who shows it", || ask(&["who"]).contains(&format!("(detached, #{id})")));
    server.running.signal(Signal::TERM);
    assert!(drain(data) == sample(SIZE), "bytes differ");
    assert_eq!(server.running.wait().code(), Some(0));
    let log = server.running.said();
    assert!(log.contains("transfer detached") && log.contains(&id), "{log}");
}
