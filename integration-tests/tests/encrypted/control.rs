//! The control connection: what comes before TLS, and what is asked of it.

use super::{Raw, SIZE, TlsClient, private, server};
use ftp_proto::dialect::Dialect;
use integration_tests::certificate::Certificate;
use integration_tests::site::{PASSWORD, Site, USER, sample};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

#[test]
fn f02_what_was_sent_in_clear_before_the_handshake_is_never_executed() {
    let server = server();
    let mut raw = server.connect(Dialect::Rfc959);
    raw.send_bytes(format!("AUTH TLS\r\nUSER {USER}\r\nPASS {PASSWORD}\r\nDELE a.bin\r\n").as_bytes());
    raw.expect("234");
    raw.begin_tls_now(&TlsClient::new());
    raw.ask("NOOP", "200");
    raw.ask("PWD", "530");
    assert_eq!(server.names(), ["a.bin"]);
}

#[test]
fn f01_tls_1_2_and_1_3_explicit_and_implicit() {
    let server = server();
    for client in [TlsClient::new(), TlsClient::old()] {
        private(&server, &client).ask("NOOP", "200");
        let mut raw = Raw::connect_tls(server.implicit(), &client);
        raw.login(USER, PASSWORD);
        raw.ask("QUIT", "221");
        raw.closed();
    }
}

#[test]
fn after_sighup_others_are_shown_the_new_certificate_and_the_session_that_is_there_goes_on() {
    let server = server();
    let client = TlsClient::new();
    let mut before = private(&server, &client);
    let renewed = Certificate::of(server.ip());
    std::fs::write(server.certificate(), [&*renewed.key_pem, &renewed.pem].concat()).unwrap();
    server.running.signal(rustix::process::Signal::HUP);
    server.running.logs("certificates were read again");
    let mut tls = TlsClient::new().begin(TcpStream::connect(server.implicit()).unwrap());
    tls.read_exact(&mut [0; 4]).unwrap();
    assert_eq!(tls.conn.peer_certificates().unwrap()[0].as_ref(), renewed.der);
    let at = SocketAddr::new(server.ip(), before.ask("EPSV", "229").port());
    let mut data = client.begin(TcpStream::connect(at).unwrap());
    before.ask("RETR a.bin", "150");
    let mut content = Vec::new();
    data.read_to_end(&mut content).unwrap();
    assert!(content == sample(SIZE));
    before.expect("226");
}

#[test]
fn the_protocol_of_alpn_is_ftp_or_none() {
    let server = server();
    for (names, serves) in [(&["ftp"][..], true), (&["http/1.1", "ftp"], true), (&["h2", "http/1.1"], false)]
    {
        let stream = TcpStream::connect(server.implicit()).unwrap();
        let mut tls = TlsClient::new().naming(names).begin(stream);
        let mut greeting = [0; 4];
        assert_eq!(tls.read_exact(&mut greeting).is_ok(), serves, "{names:?}");
    }
}

#[test]
fn http_and_tls_on_a_clear_listener_end_the_connection() {
    let server = server();
    for bytes in ["GET / HTTP/1.1\r\nNOOP\r\nNOOP\r\n", "\u{16}\u{3}\u{1}\u{1}\u{0}NOOP\r\n"] {
        let mut stream = TcpStream::connect(server.address(Dialect::Rfc959)).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut said = String::new();
        // The end may be a reset, because something was not read.
        let _ = stream.read_to_string(&mut said);
        assert!(!said.contains("200"), "{said}");
        assert!(said.lines().count() <= 1, "{said}");
    }
}

#[test]
fn f13_after_rein_the_control_connection_is_in_clear_and_may_begin_tls_again() {
    let server = server();
    for client in [TlsClient::new(), TlsClient::old()] {
        let mut raw = private(&server, &client);
        raw.ask("REIN", "220");
        raw.end_tls();
        raw.ask("PROT P", "503");
        raw.login(USER, PASSWORD);
        raw.begin_tls(&client);
        raw.ask("PWD", "530");
    }
}

#[test]
fn implicit_tls_begins_behind_the_header_of_a_proxy() {
    let server = Site::new("proxied").tls().args(["--proxy-from", "127.0.0.1"]).start();
    let client = TlsClient::new();
    let header = b"PROXY TCP4 127.0.0.9 127.0.0.2 5000 990\r\n";
    let mut raw = Raw::connect_tls_after(header, server.implicit(), &client);
    raw.login(USER, PASSWORD);
    // The announced client is the user's own host, and the proxy is not.
    raw.ask("PORT 127,0,0,9,19,137", "200");
    raw.ask("PORT 127,0,0,1,19,137", "504");
    raw.ask("QUIT", "221");
    raw.closed();
    let mut stream = TcpStream::connect(server.implicit()).unwrap();
    stream.write_all(b"\x16\x03\x01").unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0, "TLS without a header is closed");
}
