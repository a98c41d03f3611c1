//! Data connections inside TLS: resumption, truncation, strangers, early handshakes.

use super::{Raw, SIZE, TlsClient, private, server};
use integration_tests::site::{Server, Site, sample};
use integration_tests::socket::{reset, until};
use integration_tests::tls_client::Private;
use rustls::HandshakeKind;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

fn connect(server: &Server, raw: &mut Raw, command: &str) -> TcpStream {
    let port = raw.ask(command, "229|227").port();
    TcpStream::connect(SocketAddr::new(server.ip(), port)).unwrap()
}

fn open(server: &Server, raw: &mut Raw, client: &TlsClient) -> Private {
    client.begin(connect(server, raw, "EPSV"))
}

fn read(data: &mut Private) -> Vec<u8> {
    let mut all = Vec::new();
    data.read_to_end(&mut all).unwrap();
    all
}

/// Waits until so many bytes of the file have come. The handshake is over then: 150 comes before it.
fn await_bytes(raw: &mut Raw, count: usize) {
    let moved = format!("Bytes {count}");
    until("the first bytes have come", || raw.ask("STAT", "211").text().contains(&moved));
}

#[test]
fn f08_data_connections_resume_the_session_of_their_control_connection_every_time() {
    // This client uses a ticket of TLS 1.3 only once (RFC 8446 C.4), and four are given.
    for (client, rounds) in [(TlsClient::new(), 4), (TlsClient::old(), 12)] {
        let server = Site::new("reuse")
            .tls()
            .args(["--tls-session-reuse", "required"])
            .file("a.bin", sample(10_000))
            .start();
        let mut raw = private(&server, &client);
        for round in 0..rounds {
            let mut data = open(&server, &mut raw, &client);
            if round % 2 == 0 {
                raw.ask("RETR a.bin", "150");
                assert!(read(&mut data) == sample(10_000));
                data.conn.send_close_notify();
                data.flush().unwrap();
                data.sock.shutdown(Shutdown::Write).unwrap();
            } else {
                raw.ask("STOR up.bin", "150");
                data.write_all(&sample(5_000)).unwrap();
                data.conn.send_close_notify();
                data.flush().unwrap();
                assert!(read(&mut data).is_empty());
            }
            assert_eq!(data.conn.handshake_kind(), Some(HandshakeKind::Resumed), "round {round}");
            raw.expect("226");
        }
        // Another client's session is not that of this control connection.
        let stranger = TlsClient::new();
        let mut data = open(&server, &mut raw, &stranger);
        raw.ask("RETR a.bin", "150");
        let mut all = Vec::new();
        let _ = data.read_to_end(&mut all);
        assert!(all.is_empty());
        raw.expect("522");
        raw.ask("NOOP", "200");
    }
}

#[test]
fn f08_the_session_of_another_control_connection_is_not_resumed() {
    let server =
        Site::new("reuse").tls().args(["--tls-session-reuse", "required"]).file("a.bin", b"a").start();
    let (one, two) = (TlsClient::new(), TlsClient::new());
    let mut first = private(&server, &one);
    let mut second = private(&server, &two);
    let mut data = two.begin(connect(&server, &mut first, "EPSV"));
    first.ask("RETR a.bin", "150");
    let _ = data.read(&mut [0; 16]);
    first.expect("522");
    second.ask("NOOP", "200");
}

#[test]
fn f11_an_upload_without_close_notify_is_cut_short_and_the_old_file_stays() {
    let server = server();
    let client = TlsClient::new();
    let mut raw = private(&server, &client);
    for clean in [false, true] {
        let mut data = open(&server, &mut raw, &client);
        raw.ask("STOR a.bin", "150");
        data.write_all(b"new content").unwrap();
        data.flush().unwrap();
        if clean {
            data.conn.send_close_notify();
            data.flush().unwrap();
        }
        data.sock.shutdown(Shutdown::Write).unwrap();
        raw.expect(if clean { "226" } else { "426" });
        let expect = if clean { b"new content".to_vec() } else { sample(SIZE) };
        assert!(server.bytes("a.bin") == expect);
        assert_eq!(server.names(), ["a.bin"]);
    }
}

/// As some clients do it, which never send close_notify.
#[test]
fn f11_where_close_notify_is_optional_the_users_own_host_ends_an_upload_without_it() {
    let args = ["--tls-close-notify", "optional"];
    let server = Site::new("lenient").tls().args(args).file("a.bin", "old").start();
    let client = TlsClient::new();
    let mut raw = private(&server, &client);
    let mut data = open(&server, &mut raw, &client);
    raw.ask("STOR a.bin", "150");
    data.write_all(b"new content").unwrap();
    data.flush().unwrap();
    data.sock.shutdown(Shutdown::Write).unwrap();
    raw.expect("226");
    assert_eq!(server.bytes("a.bin"), b"new content");
    // A reset is no end of a file there either.
    let mut data = open(&server, &mut raw, &client);
    raw.ask("STOR a.bin", "150");
    data.write_all(b"half").unwrap();
    data.flush().unwrap();
    await_bytes(&mut raw, 4);
    reset(data.sock);
    raw.expect("426");
    assert_eq!(server.bytes("a.bin"), b"new content");
}

/// The control connection ends first. Inside TLS the end of the file shows itself, so it needs no ALLO to replace an
/// old one, and without that end nothing is replaced.
#[test]
fn a24_an_old_file_is_replaced_after_the_control_connection_where_close_notify_ends_the_new_one() {
    let server = server();
    let client = TlsClient::new();
    for clean in [false, true] {
        let mut raw = private(&server, &client);
        let mut data = open(&server, &mut raw, &client);
        raw.ask("STOR a.bin", "150");
        data.write_all(b"new ").unwrap();
        data.flush().unwrap();
        await_bytes(&mut raw, 4);
        raw.leave();
        data.write_all(b"content").unwrap();
        if clean {
            data.conn.send_close_notify();
        }
        data.flush().unwrap();
        data.sock.shutdown(Shutdown::Write).unwrap();
        // The server closes when it has finished with the file.
        let _ = data.sock.read_to_end(&mut Vec::new());
        until("nothing is under way", || server.names() == ["a.bin"]);
        let expect = if clean { b"new content".to_vec() } else { sample(SIZE) };
        until("the file has its content", || server.bytes("a.bin") == expect);
    }
}

/// Reads one zlib stream, and not a byte behind it.
fn inflate(from: &mut impl Read) -> Vec<u8> {
    let (mut stream, mut all) = (flate2::Decompress::new(true), Vec::new());
    loop {
        let (mut byte, mut room) = ([0], [0; 4096]);
        from.read_exact(&mut byte).unwrap();
        let status = stream.decompress(&byte, &mut room, flate2::FlushDecompress::None).unwrap();
        let count = stream.total_out() as usize - all.len();
        all.extend(&room[..count]);
        if status == flate2::Status::StreamEnd {
            return all;
        }
    }
}

/// As lftp does it: it knows the end from the compressed bytes, and does not wait for close_notify.
#[test]
fn e25_a_reset_behind_the_end_of_the_bytes_is_no_failure_where_they_mark_it() {
    let server = Site::new("early").tls().file("a.bin", sample(20_000)).start();
    for client in [TlsClient::new(), TlsClient::old()] {
        let mut raw = private(&server, &client);
        for (mode, command) in [("Z", "LIST"), ("Z", "RETR a.bin"), ("S", "LIST"), ("S", "RETR a.bin")] {
            raw.ask(&format!("MODE {mode}"), "200");
            let mut data = open(&server, &mut raw, &client);
            raw.ask(command, "150");
            let got = if mode == "Z" { inflate(&mut data) } else { read(&mut data) };
            reset(data.sock);
            raw.expect("226");
            if command == "LIST" {
                assert!(String::from_utf8(got).unwrap().contains("a.bin"), "MODE {mode}");
            } else {
                assert!(got == sample(20_000), "MODE {mode}");
            }
        }
        // In clear only the end of the connection is the end of the file.
        raw.ask("MODE S", "200");
        raw.ask("PROT C", "200");
        let mut data = connect(&server, &mut raw, "EPSV");
        raw.ask("RETR a.bin", "150");
        data.read_exact(&mut [0; 20_000]).unwrap();
        reset(data);
        raw.expect("426");
    }
}

#[test]
fn the_handshake_may_be_over_before_the_transfer_command() {
    let server = server();
    for client in [TlsClient::new(), TlsClient::old()] {
        let mut raw = private(&server, &client);
        let mut data = open(&server, &mut raw, &client);
        while data.conn.is_handshaking() {
            data.conn.complete_io(&mut data.sock).unwrap();
        }
        raw.ask("RETR a.bin", "150");
        assert!(read(&mut data) == sample(SIZE));
        raw.expect("226");
    }
}

#[test]
fn a_client_that_does_not_speak_tls_on_its_data_connection_gets_nothing() {
    let server = server();
    let client = TlsClient::new();
    let mut raw = private(&server, &client);
    let mut data = connect(&server, &mut raw, "EPSV");
    raw.ask("RETR a.bin", "150");
    data.write_all(b"hello, is there anybody?").unwrap();
    let mut all = Vec::new();
    match data.read_to_end(&mut all) {
        Ok(_) => assert!(all.len() < 100),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    raw.expect("522");
    raw.ask("NOOP", "200");
}

#[test]
fn f12_abor_in_the_middle_of_a_private_transfer() {
    let server = Site::new("abort").tls().file("big.bin", sample(30_000_000)).start();
    let client = TlsClient::new();
    let mut raw = private(&server, &client);
    let mut data = open(&server, &mut raw, &client);
    raw.ask("RETR big.bin", "150");
    data.read_exact(&mut [0; 100_000]).unwrap();
    raw.ask("ABOR", "426");
    raw.expect("226");
    let mut rest = Vec::new();
    assert!(data.read_to_end(&mut rest).is_err(), "no orderly end");
    raw.ask("NOOP", "200");
}

#[test]
fn listings_are_private_too() {
    let server = server();
    let client = TlsClient::new();
    let mut raw = private(&server, &client);
    for command in ["LIST", "NLST", "MLSD"] {
        let mut data = open(&server, &mut raw, &client);
        raw.ask(command, "150");
        assert!(String::from_utf8(read(&mut data)).unwrap().contains("a.bin"), "{command}");
        raw.expect("226");
    }
}

/// As lftp does it: when close_notify has come, the client answers with its own and is gone at once.
#[test]
fn e11_a_client_that_is_gone_after_close_notify_has_the_whole_file_active_and_passive() {
    let server = server();
    for client in [TlsClient::new(), TlsClient::old()] {
        let mut raw = private(&server, &client);
        for round in 0..20 {
            let mut data = if round % 2 == 0 {
                open(&server, &mut raw, &client)
            } else {
                let listener = integration_tests::socket::listen("127.0.0.1", 0);
                let port = listener.local_addr().unwrap().port();
                raw.ask(&format!("EPRT |1|127.0.0.1|{port}|"), "200");
                raw.send("RETR a.bin");
                client.begin(integration_tests::socket::accept(&listener).0)
            };
            if round % 2 == 0 {
                raw.send("RETR a.bin");
            }
            assert!(read(&mut data) == sample(SIZE));
            data.conn.send_close_notify();
            data.flush().unwrap();
            drop(data);
            raw.expect("150");
            raw.expect("226");
        }
    }
}

/// Whoever records early data can send them again, so there are none.
#[test]
fn early_data_is_neither_offered_nor_taken() {
    let server = server();
    let client = TlsClient::new().eager();
    let mut raw = private(&server, &client);
    for _ in 0..2 {
        let mut data = open(&server, &mut raw, &client);
        assert!(data.conn.early_data().is_none(), "the ticket of the session allows early data");
        raw.ask("RETR a.bin", "150");
        assert!(read(&mut data) == sample(SIZE));
        assert_eq!(data.conn.handshake_kind(), Some(HandshakeKind::Resumed));
        assert!(!data.conn.is_early_data_accepted());
        raw.expect("226");
    }
}
