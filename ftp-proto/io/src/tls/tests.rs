//! A client with a server of rustls: resumption, trust, and what is an end inside TLS.

mod ends;
mod inside;
mod serving;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::StreamExt;

use super::*;
use crate::copy::tests::{content_of, file_with};
use crate::copy::{self, Coding, CopyEnd, Digest, ForwardEnd, Meter, Meters};

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct Server {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    /// The same, without tickets of TLS 1.3.
    stingy: TlsAcceptor,
    pem: String,
    fingerprint: Fingerprint,
}

impl Server {
    async fn named(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![SanType::IpAddress(HOST)];
        change(&mut params);
        let certificate = params.self_signed(&key).unwrap();
        let mut config = ServerConfig::builder_with_provider(crate::crypto::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .unwrap();
        config.send_tls13_tickets = 1;
        let mut stingy = config.clone();
        stingy.send_tls13_tickets = 0;
        Self {
            listener: TcpListener::bind((HOST, 0)).await.unwrap(),
            acceptor: Arc::new(config).into(),
            stingy: Arc::new(stingy).into(),
            pem: certificate.pem(),
            fingerprint: Fingerprint::of(certificate.der()),
        }
    }

    async fn start() -> Self {
        Self::named(|_| ()).await
    }

    async fn accept(&self) -> TlsStream<TcpStream> {
        let (stream, _) = self.listener.accept().await.unwrap();
        self.acceptor.accept(stream).await.unwrap()
    }

    async fn dial(&self) -> TcpStream {
        TcpStream::connect(self.listener.local_addr().unwrap()).await.unwrap()
    }
}

type Told = Arc<Mutex<Vec<Handshake>>>;

fn client(trust: &Trust, versions: Versions) -> (Client, Told) {
    let told = Told::default();
    let hears = Arc::clone(&told);
    let tell = move |handshake| hears.lock().unwrap().push(handshake);
    (Client::new(trust, "127.0.0.1", versions, tell).unwrap(), told)
}

/// A client whose control connection stands, and has brought the server's tickets.
async fn logged_in(server: &Server, versions: Versions) -> (Client, Told) {
    let (client, told) = client(&Trust::pinned([server.fingerprint]), versions);
    let dialled = server.dial().await;
    let (control, theirs) = tokio::join!(client.connect(dialled), async {
        let mut theirs = server.accept().await;
        theirs.write_all(b"220 ready").await.unwrap();
        theirs.flush().await.unwrap();
        theirs
    });
    let mut greeting = [0; 9];
    control.unwrap().read_exact(&mut greeting).await.unwrap();
    drop(theirs);
    (client, told)
}

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect()
}

/// Sends these bytes and ends in order.
async fn gives(server: &Server, bytes: &[u8]) {
    let mut theirs = server.accept().await;
    theirs.write_all(bytes).await.unwrap();
    theirs.shutdown().await.unwrap();
    let _ = theirs.read_to_end(&mut Vec::new()).await;
}

/// Sends these bytes and ends without a word.
async fn cuts(server: &Server, bytes: &[u8]) {
    let mut theirs = server.accept().await;
    theirs.write_all(bytes).await.unwrap();
    theirs.flush().await.unwrap();
    // Only TCP ends: rustls is not asked.
    theirs.get_mut().0.shutdown().await.unwrap();
}

/// Takes everything up to close_notify.
async fn takes(server: &Server) -> std::io::Result<Vec<u8>> {
    let mut theirs = server.accept().await;
    let mut bytes = Vec::new();
    theirs.read_to_end(&mut bytes).await?;
    theirs.shutdown().await?;
    Ok(bytes)
}

#[tokio::test]
async fn i02_every_data_connection_resumes_the_session_of_its_control_connection() {
    let content = content(3_000_017);
    for (versions, name) in [(Versions::All, "TLSv1.3"), (Versions::Tls12, "TLSv1.2")] {
        let server = Server::start().await;
        let (client, told) = logged_in(&server, versions).await;
        for _ in 0..4 {
            let data = Data::private(server.dial().await, &client);
            let meter = Meter::default();
            let sent = copy::send(file_with(&content), 0, data, Coding::Image, &meter);
            let (sent, taken) = tokio::join!(sent, takes(&server));
            assert!(matches!(sent.end, CopyEnd::Whole), "{sent:?}");
            assert_eq!(sent.bytes, content.len() as u64);
            assert!(taken.unwrap() == content);
            let (data, meter) = (Data::private(server.dial().await, &client), Meter::default());
            let into = tempfile::tempfile().unwrap();
            let received = copy::receive(data, into, Coding::Image, &meter);
            let ((received, file), ()) = tokio::join!(received, gives(&server, &content));
            assert!(matches!(received.end, CopyEnd::Whole), "{received:?}");
            assert!(content_of(file) == content);
        }
        let told = told.lock().unwrap();
        let resumed: Vec<bool> = told.iter().map(|shake| shake.resumed).collect();
        assert_eq!(resumed, [&[false][..], &[true; 8]].concat());
        assert!(told.iter().all(|shake| shake.version == name), "{told:?}");
        assert_ne!(client.tickets_left(), Some(0));
    }
}

#[tokio::test]
async fn tickets_that_no_upload_brings_back_are_used_up() {
    for (versions, ends) in [(Versions::All, true), (Versions::Tls12, false)] {
        let server = Server::start().await;
        let (client, told) = logged_in(&server, versions).await;
        assert_ne!(client.tickets_left(), Some(0));
        for resumed in [true, !ends] {
            let data = Data::private(server.dial().await, &client);
            let meter = Meter::default();
            let theirs = async {
                let (stream, _) = server.listener.accept().await.unwrap();
                let mut theirs = server.stingy.accept(stream).await.unwrap();
                theirs.read_to_end(&mut Vec::new()).await.unwrap();
            };
            let (sent, ()) =
                tokio::join!(copy::send(file_with(b"x"), 0, data, Coding::Image, &meter), theirs);
            assert!(matches!(sent.end, CopyEnd::Whole), "{sent:?}");
            assert_eq!(told.lock().unwrap().last().map(|shake| shake.resumed), Some(resumed));
            assert_eq!(client.tickets_left(), ends.then_some(0));
        }
    }
}

#[tokio::test]
async fn bytes_pass_from_tls_to_tls_and_between_tls_and_clear() {
    let content = content(5_000_011);
    let (one, two) = (Server::start().await, Server::start().await);
    let (from, to) = (logged_in(&one, Versions::All).await.0, logged_in(&two, Versions::All).await.0);
    for digest in [Digest::Off, Digest::Sha256] {
        let meters = Meters::default();
        let joined = copy::forward(
            Data::private(one.dial().await, &from),
            Data::private(two.dial().await, &to),
            digest,
            &meters,
        );
        let joined = async {
            let joined = joined.await;
            assert_eq!(joined.sha256.is_some(), digest == Digest::Sha256);
            let ForwardEnd::Whole(unclosed) = joined.end else { panic!("{joined:?}") };
            assert!(matches!(unclosed.close(&meters.given).await, CopyEnd::Whole));
        };
        let ((), (), taken) = tokio::join!(joined, gives(&one, &content), takes(&two));
        assert!(taken.unwrap() == content);
    }
    let listener = TcpListener::bind((HOST, 0)).await.unwrap();
    let clear = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let meters = Meters::default();
    let joined = async {
        let joined = copy::forward(clear, Data::private(two.dial().await, &to), Digest::Off, &meters).await;
        let ForwardEnd::Whole(unclosed) = joined.end else { panic!("{joined:?}") };
        assert!(matches!(unclosed.close(&meters.given).await, CopyEnd::Whole));
    };
    let gives_in_clear = async {
        let (mut theirs, _) = listener.accept().await.unwrap();
        theirs.write_all(&content).await.unwrap();
    };
    let ((), (), taken) = tokio::join!(joined, gives_in_clear, takes(&two));
    assert!(taken.unwrap() == content);
}

#[tokio::test]
async fn i03_an_end_without_close_notify_is_a_broken_connection() {
    let server = Server::start().await;
    let client = logged_in(&server, Versions::All).await.0;
    let cut = |error: &std::io::Error| {
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert!(error.to_string().contains("close_notify"), "{error}");
    };
    let (data, meter) = (Data::private(server.dial().await, &client), Meter::default());
    let into = tempfile::tempfile().unwrap();
    let ((moved, _), ()) =
        tokio::join!(copy::receive(data, into, Coding::Image, &meter), cuts(&server, b"half"));
    let CopyEnd::Broken(error) = moved.end else { panic!("{moved:?}") };
    cut(&error);
    let mut lines = copy::lines(Data::private(server.dial().await, &client), None, 100, &Meter::default());
    let (line, ()) = tokio::join!(lines.next(), cuts(&server, b"one\r\ntwo"));
    assert_eq!(line.unwrap().unwrap(), b"one");
    cut(&lines.next().await.unwrap().unwrap_err());
    assert!(lines.next().await.is_none());
    let sink = Server::start().await;
    let to = logged_in(&sink, Versions::All).await.0;
    let meters = Meters::default();
    let (from, into) = (Data::private(server.dial().await, &client), Data::private(sink.dial().await, &to));
    let (joined, (), taken) =
        tokio::join!(copy::forward(from, into, Digest::Off, &meters), cuts(&server, b"half"), takes(&sink));
    let ForwardEnd::Source(error) = joined.end else { panic!("{joined:?}") };
    cut(&error);
    // Neither close_notify nor an orderly end of TCP.
    assert_eq!(taken.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn i03_a_copy_that_is_given_up_ends_with_a_reset_and_without_close_notify() {
    let server = Server::start().await;
    let client = logged_in(&server, Versions::All).await.0;
    let data = Data::private(server.dial().await, &client);
    let meter = Meter::default();
    let huge = tempfile::tempfile().unwrap();
    huge.set_len(1 << 30).unwrap();
    let theirs = async {
        let mut theirs = server.accept().await;
        theirs.read_exact(&mut [0; 100_000]).await.unwrap();
        meter.stop();
        theirs.read_to_end(&mut Vec::new()).await
    };
    let (moved, end) = tokio::join!(copy::send(huge, 0, data, Coding::Image, &meter), theirs);
    assert!(matches!(moved.end, CopyEnd::Stopped), "{moved:?}");
    drop(moved);
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_data_connection_with_another_certificate_is_refused_whoever_is_trusted() {
    let (server, other) = (Server::start().await, Server::start().await);
    for trust in [Trust::pinned([server.fingerprint, other.fingerprint]), Trust::anybody()] {
        let client = client(&trust, Versions::All).0;
        meets(&client, &server).await.unwrap();
        let data = meets(&client, &other).await;
        assert!(matches!(data.unwrap_err(), Refusal::Another(it) if it == other.fingerprint));
        assert_eq!(client.impostor(), Some(other.fingerprint));
    }
}

/// Connects and returns how that went.
async fn meets(client: &Client, server: &Server) -> Result<(), Refusal> {
    let dialled = server.dial().await;
    let theirs = async {
        let (stream, _) = server.listener.accept().await.unwrap();
        server.acceptor.accept(stream).await.map(drop)
    };
    let (ours, _) = tokio::join!(client.connect(dialled), theirs);
    ours.map(drop)
}

/// Whom `trust` lets in: nothing, or what is wrong with them.
async fn judged(server: &Server, trust: &Trust) -> Option<String> {
    match met(server, trust).await.0 {
        Ok(()) => None,
        Err(Refusal::Untrusted { fingerprint, why }) => {
            assert_eq!(fingerprint, server.fingerprint);
            Some(why.to_string())
        }
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_unknown_certificate_is_told_by_its_fingerprint_and_what_is_wrong_with_it() {
    let server = Server::start().await;
    let directory = tempfile::tempdir().unwrap();
    let roots = |server: &Server| {
        let file = directory.path().join("roots.pem");
        std::fs::write(&file, &server.pem).unwrap();
        Trust::by_roots(Some(&file)).unwrap()
    };
    let unknown = "no authority that this host trusts has signed it";
    assert_eq!(judged(&server, &Trust::default()).await.as_deref(), Some(unknown));
    assert_eq!(judged(&server, &Trust::by_roots(None).unwrap()).await.as_deref(), Some(unknown));
    assert_eq!(judged(&server, &roots(&server)).await, None);
    assert_eq!(judged(&server, &Trust::anybody()).await, None);
    assert_eq!(judged(&server, &Trust::pinned([server.fingerprint])).await, None);
    let other = Server::named(|params| {
        params.subject_alt_names = vec![SanType::DnsName("elsewhere.example".try_into().unwrap())];
    });
    let other = other.await;
    assert_eq!(
        judged(&other, &roots(&other)).await.as_deref(),
        Some("it is for another host: elsewhere.example")
    );
    let pins = Trust::pinned([other.fingerprint]);
    assert_eq!(judged(&server, &pins).await.as_deref(), Some("it is not one of the pinned certificates"));
    assert_eq!(judged(&other, &pins).await, None);
    let old = Server::named(|params| params.not_after = rcgen::date_time_ymd(2001, 1, 1)).await;
    assert_eq!(judged(&old, &roots(&old)).await.as_deref(), Some("it expired on 2001-01-01"));
    let early = Server::named(|params| params.not_before = rcgen::date_time_ymd(4000, 1, 1)).await;
    let not_yet = "it is not valid before 4000-01-01";
    assert_eq!(judged(&early, &roots(&early)).await.as_deref(), Some(not_yet));
    // What openssl req -x509 makes unless it is told otherwise.
    let authority = Server::named(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)).await;
    let words = "it is the certificate of an authority, and not that of a server";
    assert_eq!(judged(&authority, &roots(&authority)).await.as_deref(), Some(words));
    assert_eq!(judged(&authority, &Trust::pinned([authority.fingerprint])).await, None);
    assert_eq!(judged(&old, &Trust::pinned([old.fingerprint])).await, None);
}

/// The same for a new client, which is returned too.
async fn met(server: &Server, trust: &Trust) -> (Result<(), Refusal>, Client) {
    let client = client(trust, Versions::All).0;
    (meets(&client, server).await, client)
}

#[tokio::test]
async fn an_unknown_certificate_is_admitted_with_a_doubt_where_that_is_allowed() {
    let server = Server::start().await;
    let (met_it, client) = met(&server, &Trust::default().admitting()).await;
    met_it.unwrap();
    assert_eq!(client.doubt(), Some(Doubt::UnknownIssuer));
    assert_eq!(client.certificate(), Some(server.fingerprint));
    // Whoever named the certificates has said which are good.
    let pins = Trust::pinned([Fingerprint::of(b"another")]).admitting();
    let (met_it, _) = met(&server, &pins).await;
    assert!(matches!(met_it.unwrap_err(), Refusal::Untrusted { why: Doubt::NotPinned, .. }));
}

#[tokio::test]
async fn the_certificate_that_was_kept_is_good_and_no_other_whoever_vouches_for_it() {
    let (server, other) = (Server::start().await, Server::start().await);
    let kept = Trust::default().with_kept(server.fingerprint);
    let (met_it, client) = met(&server, &kept).await;
    met_it.unwrap();
    assert_eq!(client.doubt(), None);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("roots.pem");
    std::fs::write(&file, &other.pem).unwrap();
    let vouched = Trust::by_roots(Some(&file)).unwrap().with_kept(server.fingerprint).admitting();
    for (trust, vouches) in [(kept.admitting(), false), (vouched, true)] {
        let refusal = met(&other, &trust).await.0.unwrap_err();
        let Refusal::Changed { kept, fingerprint, why } = refusal else { panic!("{refusal}") };
        assert_eq!((kept, fingerprint), (server.fingerprint, other.fingerprint));
        assert_eq!(why.is_none(), vouches, "{why:?}");
    }
    // A certificate that was named, and trust in everybody, come before what was kept.
    for trust in [Trust::pinned([other.fingerprint]), Trust::anybody()] {
        met(&other, &trust.with_kept(server.fingerprint)).await.0.unwrap();
    }
}

#[test]
fn a_file_without_certificates_is_no_file_of_roots() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(Trust::by_roots(Some(file.path())).is_err());
    std::fs::write(file.path(), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    assert!(Trust::by_roots(Some(file.path())).is_err());
    assert!(Trust::by_roots(Some("/nowhere/at/all".as_ref())).is_err());
}
