//! Attacks on TLS: what comes in clear where it must not, strangers, other protocols, and pinned servers that
//! are none of FTP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::certificate::Certificate;
use integration_tests::raw::Raw;
use integration_tests::site::{PASSWORD, USER};
use integration_tests::socket::{accept, connect, free_port, is_quiet, listen};
use integration_tests::tls_client::TlsClient;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Bob, site};
use crate::encrypted::private;

/// Somebody else's host.
const VICTIM: &str = "127.0.0.44";

#[test]
fn where_tls_is_required_no_login_and_no_data_are_in_clear() {
    let server = site("required").tls().args(["--require-tls"]).file("a", "content").start();
    let mut clear = server.connect(Rfc959);
    for command in ["USER ann", "PASS open:sesame", "RETR a", "EPSV", "LIST"] {
        clear.ask(command, "530|503|421");
    }
    // The password was not looked at: the session goes on, and a login inside TLS is as always.
    let client = TlsClient::new();
    clear.begin_tls(&client);
    clear.login(USER, PASSWORD);
    clear.ask("TYPE I", "200");
    for command in ["RETR a", "STOR b", "APPE a", "LIST", "NLST", "MLSD"] {
        clear.ask("EPSV", "229|521");
        clear.ask(command, "521|425");
    }
    clear.ask("PBSZ 0", "200");
    clear.ask("PROT C", "534|521|536");
    clear.ask("RETR a", "521|425");
    assert_eq!(server.names(), ["a"]);
    let mut raw = private(&server, &client);
    let data = raw.open("EPSV");
    let mut data = client.begin(data);
    raw.ask("RETR a", "150");
    let mut content = String::new();
    data.read_to_string(&mut content).unwrap();
    assert_eq!(content, "content");
    raw.expect("226");
}

#[test]
fn strangers_at_a_data_port_inside_tls_are_reset_and_the_owner_is_served() {
    let server = site("strangers").tls().file("secret", "for ann").start();
    let (client, thief) = (TlsClient::new(), SocketAddr::new(VICTIM.parse().unwrap(), 0));
    let mut raw = private(&server, &client);
    let at = SocketAddr::new(server.ip(), raw.ask("EPSV", "229").port());
    // A host that resumes the session of the control connection would be the owner's: so each may begin TLS.
    let mut strangers = vec![connect(thief, at)];
    raw.send("RETR secret");
    strangers.extend((0..3).map(|_| connect(thief, at)));
    strangers[1].write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut data = client.begin(connect("127.0.0.1:0".parse().unwrap(), at));
    let mut content = String::new();
    data.read_to_string(&mut content).unwrap();
    assert_eq!(content, "for ann");
    raw.expect("150");
    raw.expect("226");
    for stranger in &mut strangers {
        let mut heard = Vec::new();
        let _ = stranger.read_to_end(&mut heard);
        assert!(heard.len() <= 7, "no more than an alert: {}", heard.escape_ascii());
    }
}

/// Other protocols at the listener for implicit TLS are closed, and nobody else notices.
#[test]
fn http_and_ftp_in_clear_at_the_listener_for_tls_are_closed() {
    let server = site("implicit").tls().start();
    let mut bob = Bob::login(&server);
    for said in
        ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "USER ann\r\nPASS open:sesame\r\nMKD clear\r\n", "\0\0\0\0"]
    {
        let mut stream = connect("127.0.0.1:0".parse().unwrap(), server.implicit());
        stream.write_all(said.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut heard = Vec::new();
        // The end may be a reset; TLS may say in an alert what it thinks of this.
        let _ = stream.read_to_end(&mut heard);
        assert!(heard.len() <= 7 && !heard.starts_with(b"2"), "{}", heard.escape_ascii());
        bob.goes_on(&server);
    }
    assert_eq!(server.names(), [""; 0]);
}

/// How somebody else's server answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answers {
    /// With TLS and the certificate that is pinned, and then with HTTP.
    Https,
    /// The same with another certificate.
    AnotherCertificate,
    /// With HTTP in clear.
    Http,
    /// It says nothing.
    Nothing,
}

/// Somebody else's server: its port, the pin of its certificate, and what it hears inside TLS.
struct Victim {
    port: u16,
    pin: String,
    hears: thread::JoinHandle<Vec<u8>>,
}

fn victim(answers: Answers) -> Victim {
    let listener = listen(VICTIM, 0);
    let port = listener.local_addr().unwrap().port();
    let [shown, other] = [(); 2].map(|()| Certificate::of(VICTIM.parse().unwrap()));
    let pinned = if answers == Answers::AnotherCertificate { &other } else { &shown };
    let pin = format!("PINC SHA-256 {}", &pinned.fingerprint()["SHA256:".len()..]);
    let hears = thread::spawn(move || hear(&listener, answers, &shown));
    Victim { port, pin, hears }
}

fn hear(listener: &TcpListener, answers: Answers, certificate: &Certificate) -> Vec<u8> {
    let (mut stream, _) = accept(listener);
    let mut heard = Vec::new();
    match answers {
        Answers::Https | Answers::AnotherCertificate => {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
            let chain = vec![CertificateDer::from(certificate.der.clone())];
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certificate.key_der.clone()));
            let config = builder.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
            let mut tls = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream);
            drop(tls.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
            drop(tls.read_to_end(&mut heard));
        }
        Answers::Http => {
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
            drop(stream.read_to_end(&mut Vec::new()));
        }
        Answers::Nothing => drop(stream.read_to_end(&mut Vec::new())),
    }
    assert!(is_quiet(listener), "one connection for one command");
    heard
}

/// Whoever pins the certificate of somebody's HTTPS server must not make this server talk to it: a pin is no
/// proof. With RNDZ, the only thing that is said inside TLS is a hello that the user has not chosen.
#[test]
fn a_pinned_https_server_is_not_written_to() {
    let server = site("pinned").tls().args(["--connect-timeout", "3s"]).file("mail", "HELO there").start();
    let client = TlsClient::new();
    let alone = victim(Answers::Nothing);
    let mut raw = private(&server, &client);
    raw.ask("SSCN ON", "200");
    raw.ask(&alone.pin, "200");
    raw.ask(&format!("EPRT |1|{VICTIM}|{}|", alone.port), "504");
    raw.ask("RETR mail", "425");
    // Nobody has come; this one does.
    drop(connect("127.0.0.1:0".parse().unwrap(), SocketAddr::new(VICTIM.parse().unwrap(), alone.port)));
    assert!(alone.hears.join().unwrap().is_empty());

    let pinned = victim(Answers::Https);
    let mut raw = private(&server, &client);
    raw.ask("SSCN ON", "200");
    raw.ask(&pinned.pin, "200");
    raw.ask(&format!("RNDZ {}", "07".repeat(32)), "200");
    raw.ask(&format!("EPRT |1|{VICTIM}|{}|", pinned.port), "200");
    let refused = raw.ask("RETR mail", "425").text();
    assert_eq!(refused, "No proven data connection");
    let heard = pinned.hears.join().unwrap();
    assert!(heard.len() <= 32 && !heard.windows(4).any(|bytes| bytes == b"HELO"), "{}", heard.escape_ascii());
    assert!(heard.is_empty() || heard.starts_with(b"RNDZ1\r\n\0"));
}

/// While the time to connect is not over, nothing shows what the server has learnt already: of a target with the
/// right certificate, one with another, one without TLS, a silent one and a closed port, a user hears the same.
#[test]
fn foreign_targets_inside_tls_look_alike_before_their_time_is_over() {
    let server = site("alike").tls().args(["--connect-timeout", "5m"]).file("mail", "HELO there").start();
    let client = TlsClient::new();
    let kinds = [
        Some(Answers::Https),
        Some(Answers::AnotherCertificate),
        Some(Answers::Http),
        Some(Answers::Nothing),
        None,
    ];
    let heard = kinds.map(|kind| {
        let Victim { port, pin, hears } = match kind {
            Some(kind) => victim(kind),
            None => {
                let pin = format!("PINC SHA-256 {}", "00".repeat(32));
                Victim { port: free_port(VICTIM), pin, hears: thread::spawn(Vec::new) }
            }
        };
        let mut raw = private(&server, &client);
        raw.ask("SSCN ON", "200");
        raw.ask(&pin, "200");
        raw.ask(&format!("RNDZ {}", "07".repeat(32)), "200");
        raw.ask(&format!("EPRT |1|{VICTIM}|{port}|"), "200");
        raw.send("RETR mail");
        let learns = matches!(kind, Some(Answers::Https | Answers::AnotherCertificate | Answers::Http));
        let mut hears = Some(hears);
        if learns {
            // The server has closed this connection, so it knows what it knows.
            hears.take().map(thread::JoinHandle::join);
        }
        let port = port.to_string();
        let mut said = ["STAT", "ABOR", "NOOP"].map(|command| {
            raw.send(command);
            let reply = raw.reply();
            (reply.code, reply.text().replace(&port, "PORT"))
        });
        assert_eq!(said[2].0, 226, "the reply to ABOR itself: {said:?}");
        raw.expect("200");
        hears.map(thread::JoinHandle::join);
        said.rotate_left(1);
        said
    });
    assert!(heard[0][2].1.contains("waiting"), "{heard:?}");
    assert_eq!(heard[0][0].0, 426);
    for (kind, said) in kinds.iter().zip(&heard) {
        assert_eq!(said, &heard[0], "{kind:?}");
    }
}

/// A client that says FTP, hangs up in the middle of a handshake, or sends half a record holds nobody up.
#[test]
fn handshakes_that_never_end_keep_nobody_out() {
    let server = site("half-tls").tls().start();
    let mut bob = Bob::login(&server);
    let client = TlsClient::new();
    let mut held = Vec::new();
    for number in 0..60_u8 {
        let from = SocketAddr::new([127, 0, 0, 60 + number % 20].into(), 0);
        let mut stream = connect(from, server.implicit());
        let part: &[u8] = if number % 2 == 0 { &[22, 3, 1] } else { &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3] };
        stream.write_all(part).unwrap();
        held.push(stream);
    }
    let mut raw = Raw::connect_tls(server.implicit(), &client);
    raw.login(USER, PASSWORD);
    raw.ask("NOOP", "200");
    bob.goes_on(&server);
    drop(held);
}
