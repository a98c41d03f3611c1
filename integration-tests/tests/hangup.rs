//! Clients that end the control connection before the data connection (A24).

use super::accounts::user;
use ftp_proto::dialect::Dialect::{Rfc354, Rfc959};
use integration_tests::raw::Raw;
use integration_tests::site::{Server, Site, sample};
use integration_tests::socket::{end, until};
use std::io::{Read, Write};
use std::net::TcpStream;

/// A STOR has begun; its data connection.
fn storing(raw: &mut Raw, name: &str) -> TcpStream {
    raw.ask("TYPE I", "200");
    let data = raw.open("PASV");
    raw.ask(&format!("STOR {name}"), "250/150");
    data
}

/// The rest of the file comes after the control connection has ended.
fn leaves(server: &Server, raw: Raw, mut data: TcpStream, sent: &[u8]) {
    let (first, rest) = sent.split_at(sent.len() / 2);
    data.write_all(first).unwrap();
    drop(raw);
    // Nobody can see that the other session has noticed its end. It has had its turn after so many logins.
    for _ in 0..20 {
        server.login(Rfc959).ask("NOOP", "200");
    }
    data.write_all(rest).unwrap();
    end(&data);
    // The server closes when it has finished the file.
    let _ = data.read(&mut [0]);
}

#[test]
fn a24_a_new_file_is_received_to_its_end_after_the_control_connection() {
    let sent = sample(3_000_003);
    for dialect in [Rfc354, Rfc959] {
        let server = Site::new("leaves").start();
        let mut raw = server.login(dialect);
        let data = storing(&mut raw, "new.bin");
        leaves(&server, raw, data, &sent);
        until("the file has its name", || server.names() == ["new.bin"]);
        assert!(server.bytes("new.bin") == sent);
    }
}

#[test]
fn a24_an_old_file_is_replaced_only_by_as_many_bytes_as_allo_has_named() {
    let sent = sample(300_000);
    for (allo, replaces) in [(None, false), (Some(300_000), true), (Some(300_001), false)] {
        let server = Site::new("leaves").file("old.bin", "old").start();
        let mut raw = server.login(Rfc959);
        if let Some(bytes) = allo {
            raw.ask(&format!("ALLO {bytes}"), "202");
        }
        let data = storing(&mut raw, "old.bin");
        leaves(&server, raw, data, &sent);
        until("nothing is under way", || server.names() == ["old.bin"]);
        let expected: &[u8] = if replaces { &sent } else { b"old" };
        assert!(server.bytes("old.bin") == expected, "ALLO {allo:?}");
    }
}

/// The account may have one session. What goes on without its control connection is still that one.
#[test]
fn a24_a_file_that_outlives_its_control_connection_counts_as_a_session() {
    let server = Site::new("leaves").config(&user("eve", "x", "max-sessions = 1")).start();
    let login = |expect: &str| {
        let mut raw = server.connect(Rfc959);
        raw.ask("USER eve", "331");
        let code = raw.ask("PASS x", expect).code;
        (raw, code)
    };
    let (mut raw, _) = login("230");
    let mut data = storing(&mut raw, "new.bin");
    data.write_all(b"half").unwrap();
    drop(raw);
    // The end of the other session comes before these logins, and each of them is refused.
    for _ in 0..10 {
        login("421");
    }
    data.write_all(b" and half").unwrap();
    end(&data);
    until("the place is free", || login("230|421").1 == 230);
    assert_eq!(server.bytes("new.bin"), b"half and half");
}

#[test]
fn a24_a_file_that_is_sent_is_reset_when_the_client_leaves() {
    let server = Site::new("leaves").file("a.bin", sample(30_000_000)).start();
    let mut raw = server.login_binary(Rfc959);
    let mut data = raw.open("PASV");
    raw.ask("RETR a.bin", "150");
    drop(raw);
    assert!(data.read_to_end(&mut Vec::new()).is_err(), "half a file looks whole");
}
