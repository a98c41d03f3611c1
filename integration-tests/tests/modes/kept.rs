//! E12, B13: data connections that MODE B keeps between two files.

use super::*;
use sha2::{Digest, Sha256};
use std::io::ErrorKind;

/// One file in the blocks of today.
fn blocks(content: &str) -> Vec<u8> {
    let count = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[0][..], &count, content.as_bytes(), &[64, 0, 0]].concat()
}

/// Reads the blocks of `content` and nothing behind them.
#[track_caller]
fn expect_blocks(connection: &mut TcpStream, content: &str) {
    let mut wire = vec![0; content.len() + 6];
    connection.read_exact(&mut wire).unwrap();
    assert_eq!(wire, blocks(content));
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn block_mode(raw: &mut Raw) {
    raw.ask("TYPE I", "200");
    raw.ask("MODE B", "200");
}

#[test]
fn e12_one_connection_carries_many_files_and_listings() {
    let server = Site::new("kept").file("a", "first").file("d/b", "second").start();
    let mut raw = server.login(Rfc959);
    block_mode(&mut raw);
    let mut connection = raw.open("LSTN S");
    raw.ask("RETR a", "150");
    raw.expect("250");
    expect_blocks(&mut connection, "first");
    for (command, content) in [("RETR d/b", "second"), ("NLST d", "d/b\r\n"), ("RETR a", "first")] {
        raw.ask(command, "125");
        raw.expect("250");
        expect_blocks(&mut connection, content);
    }
    let status = raw.ask("STAT", "211").text();
    assert!(
        status.contains("MODE B") && status.contains("an open data connection with 127.0.0.1"),
        "{status}"
    );
    // B13: SOCK closes it, in order, before its reply comes.
    raw.ask("SOCK 40004", "255");
    assert_eq!(drain(connection), b"");
}

#[test]
fn e12_the_next_file_may_come_before_its_command() {
    let server = Site::new("early").start();
    let mut raw = server.login(Rfc959);
    block_mode(&mut raw);
    let mut connection = raw.open("LSTN R");
    let all = [blocks("first"), blocks(""), blocks("third")].concat();
    connection.write_all(&all).unwrap();
    for (name, codes) in [("a", ["150", "250"]), ("b", ["125", "250"]), ("c", ["125", "250"])] {
        raw.ask(&format!("STOR {name}"), codes[0]);
        raw.expect(codes[1]);
    }
    assert_eq!([server.bytes("a"), server.bytes("b"), server.bytes("c")], [&b"first"[..], b"", b"third"]);

    // What was sent for a file that the server refused is not taken for the next one.
    connection.write_all(&[blocks("refused"), blocks("fifth")].concat()).unwrap();
    raw.ask("STOR no/such/directory", "550|553");
    raw.send("STOR e");
    raw.ask("ABOR", "426");
    raw.expect("226");
    assert_eq!(server.names(), ["a", "b", "c"]);
    assert!(matches!(connection.read(&mut [0]), Ok(0) | Err(_)));
}

#[test]
fn e12_a_connection_that_ends_between_two_files_ends_no_file() {
    let server = Site::new("ends").file("a", "old").start();
    let mut raw = server.login(Rfc959);
    block_mode(&mut raw);
    let mut connection = raw.open("EPSV");
    raw.send("STOR a");
    connection.write_all(&blocks("new")).unwrap();
    raw.expect("150");
    raw.expect("250");
    drop(connection);
    // The server sees the end: there is no data connection any more. If the command was faster, its file breaks
    // off.
    let said = raw.ask("STOR a", "425|125");
    if said.code == 125 {
        raw.expect("426");
    }
    assert_eq!(server.bytes("a"), b"new");
    raw.ask("NOOP", "200");
}

#[test]
fn a_kept_connection_is_closed_in_order_when_its_session_ends() {
    let server = Site::new("quit").file("a", "first").start();
    let mut raw = server.login(Rfc959);
    block_mode(&mut raw);
    let connection = raw.open("LSTN S");
    raw.ask("RETR a", "150");
    raw.expect("250");
    raw.ask("QUIT", "221");
    assert_eq!(drain(connection), blocks("first"), "nothing is lost by a reset");
}

/// Commands and files that are all there before the first is looked at: every file is opened, taken and renamed in
/// its turn, and what belongs to the next one is left alone.
#[test]
fn e12_commands_and_files_far_ahead_are_taken_one_after_the_other() {
    const FILES: usize = 60;
    let content = |n: usize| format!("this is file {n}").repeat(n * n + 1);
    let server = (0..FILES).fold(Site::new("ahead").user("bob:bob"), |site, n| {
        site.file(&format!("{n}.txt"), content(n)).file(&format!("old/{n}.txt"), "old")
    });
    let server = server.start();
    for (direction, command) in [("R", "STOR old/"), ("S", "RETR ")] {
        let mut raw = server.login(Rfc959);
        block_mode(&mut raw);
        raw.ask("DGST SHA-256", "200");
        let mut connection = raw.open(&format!("LSTN {direction}"));
        let commands = |range: std::ops::Range<usize>| -> String {
            range.map(|n| format!("{command}{n}.txt\r\n")).collect()
        };
        if direction == "R" {
            let all: Vec<u8> = (0..FILES).flat_map(|n| blocks(&content(n))).collect();
            let mut connection = connection.try_clone().unwrap();
            std::thread::spawn(move || connection.write_all(&all).unwrap());
        }
        raw.send_bytes(commands(0..FILES).as_bytes());
        for n in 0..FILES {
            raw.expect(if n == 0 { "150" } else { "125" });
            let said = raw.expect("250").text();
            let digest = sha256(content(n).as_bytes());
            assert!(said.contains(&digest), "{n}: {said}");
            match direction {
                "R" => assert!(server.bytes(&format!("old/{n}.txt")) == content(n).as_bytes(), "{n}"),
                _ => expect_blocks(&mut connection, &content(n)),
            }
        }
    }
}

#[test]
fn kept_connections_of_a_crowd_leave_the_others_unharmed() {
    let server = Site::new("crowd").user("eve:eve").file("a", "first").start();
    let mut sessions: Vec<(Raw, TcpStream)> = Vec::new();
    for _ in 0..40 {
        let mut raw = server.connect(Rfc959);
        raw.login("eve", "eve");
        block_mode(&mut raw);
        let connection = raw.open("LSTN S");
        raw.ask("RETR a", "150");
        raw.expect("250");
        sessions.push((raw, connection));
    }
    let mut raw = server.login(Rfc959);
    block_mode(&mut raw);
    let mut connection = raw.open("LSTN S");
    for code in ["150", "125", "125"] {
        raw.ask("RETR a", code);
        raw.expect("250");
        expect_blocks(&mut connection, "first");
    }
    // All sessions vanish at once, and the server goes on.
    drop(sessions);
    raw.ask("RETR a", "125");
    raw.expect("250");
    expect_blocks(&mut connection, "first");
    connection.set_nonblocking(true).unwrap();
    assert_eq!(connection.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock, "it stays open");
}
