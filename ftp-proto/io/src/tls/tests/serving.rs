//! The side of a server: whose session a data connection resumes, roles, pins, and certificates that change.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use ftp_proto::server::ask::{DataTls, Handshake, TlsRole};
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{CipherSuite, ClientConfig, SupportedCipherSuite};
use tokio::io::AsyncReadExt;
use tokio_rustls::TlsConnector;

use super::super::trust::Verifier;
use super::super::{Client, Files, Fingerprint, Identity, Server, Session, Trust, Validity, Versions};
use crate::connection::Connection;
use crate::socket::tests::pair;

const OURS: DataTls = DataTls { role: TlsRole::Server, resumes: true, pinned: false };
const PINNED: DataTls = DataTls { role: TlsRole::Server, resumes: false, pinned: true };
const PINNED_CLIENT: DataTls = DataTls { role: TlsRole::Client, ..PINNED };

/// Writes a certificate for `name` and its key into one file.
fn certificate(path: &Path, name: &str) -> Fingerprint {
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    secret(path, &[made.pem(), key.serialize_pem()].concat(), 0o600);
    Fingerprint::of(made.der())
}

/// Writes a file of this mode.
fn secret(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn files(path: &Path) -> Files {
    Files { certificate: path.to_owned(), key: path.to_owned() }
}

struct Place {
    directory: tempfile::TempDir,
    server: Arc<Server>,
    leaf: Fingerprint,
}

fn place() -> Place {
    let directory = tempfile::tempdir().unwrap();
    let leaf = certificate(&directory.path().join("one.pem"), "one.example");
    let identity = Identity::read(vec![files(&directory.path().join("one.pem"))]).unwrap();
    Place { directory, server: Server::new(Arc::new(identity), true, None).unwrap(), leaf }
}

/// A client of `session`, whose control connection stands.
async fn client_of(session: &Session, versions: Versions) -> (Client, Handshake) {
    let client = Client::new(&Trust::anybody(), "127.0.0.1", versions, |_| ()).unwrap();
    let (ours, theirs) = pair().await;
    let (control, accepted) = tokio::join!(client.connect(ours), session.accept(theirs));
    let (mut control, (accepted, shown)) = (control.unwrap(), accepted.unwrap());
    drop(accepted);
    // The tickets come with the end.
    let _ = control.read(&mut [0; 16]).await;
    (client, shown)
}

/// What a data connection of `client` shows to `session`.
async fn data_of(client: &Client, session: &Session, how: DataTls) -> Option<Handshake> {
    let (ours, theirs) = pair().await;
    let (ours, theirs) = tokio::join!(client.connect(ours), session.data(theirs, how));
    drop::<Result<Connection, _>>(ours);
    theirs.ok().map(|(_, shown)| shown)
}

#[tokio::test]
async fn f08_a_session_is_resumed_by_its_own_client_only() {
    for versions in [Versions::All, Versions::Tls12] {
        let Place { server, .. } = place();
        let (one, two) = (server.session().unwrap(), server.session().unwrap());
        let (client, first) = client_of(&one, versions).await;
        assert!(!first.resumed && first.leaf.is_none());
        for _ in 0..3 {
            assert!(data_of(&client, &one, OURS).await.unwrap().resumed, "{versions:?}");
        }
        assert!(!data_of(&client, &two, OURS).await.unwrap().resumed, "{versions:?}");
    }
}

#[tokio::test]
async fn what_may_not_resume_gets_nothing_that_could_be_resumed() {
    let Place { server, .. } = place();
    let session = server.session().unwrap();
    let (client, _) = client_of(&session, Versions::All).await;
    let apart = DataTls { resumes: false, ..OURS };
    for _ in 0..3 {
        assert!(!data_of(&client, &session, apart).await.unwrap().resumed);
    }
}

#[tokio::test]
async fn f10_two_servers_show_each_other_their_certificates_and_share_an_exporter() {
    let (here, there) = (place(), place());
    let (one, two) = (here.server.session().unwrap(), there.server.session().unwrap());
    // The control connection has chosen the certificate that a data connection shows.
    let _ = client_of(&one, Versions::All).await;
    let _ = client_of(&two, Versions::All).await;
    for (one_as, two_as) in [(PINNED, PINNED_CLIENT), (PINNED_CLIENT, PINNED)] {
        let (a, b) = pair().await;
        let (a, b) = tokio::join!(one.data(a, one_as), two.data(b, two_as));
        let ((_a, at_one), (_b, at_two)) = (a.unwrap(), b.unwrap());
        assert_eq!((at_one.leaf, at_two.leaf), (Some(there.leaf), Some(here.leaf)));
        assert_eq!(at_one.exporter, at_two.exporter);
        assert_ne!(at_one.exporter, [0; 32]);
    }
}

#[tokio::test]
async fn f10_who_shows_no_certificate_is_no_pinned_peer() {
    let Place { server, .. } = place();
    let session = server.session().unwrap();
    let (client, _) = client_of(&session, Versions::Tls12).await;
    assert!(data_of(&client, &session, PINNED).await.is_none());
}

#[tokio::test]
async fn a_client_without_a_pin_verifies_the_chain() {
    let (here, there) = (place(), place());
    let (one, two) = (here.server.session().unwrap(), there.server.session().unwrap());
    let (a, b) = pair().await;
    let unpinned = DataTls { role: TlsRole::Client, resumes: false, pinned: false };
    let (a, _) = tokio::join!(one.data(a, unpinned), two.data(b, DataTls { resumes: false, ..OURS }));
    assert!(a.is_err(), "nobody has signed that certificate");
}

#[tokio::test]
async fn a_session_keeps_its_certificate_when_the_files_change() {
    let Place { directory, server, leaf } = place();
    let before = server.session().unwrap();
    let _ = client_of(&before, Versions::All).await;
    let renewed = certificate(&directory.path().join("one.pem"), "renewed.example");
    server.identity().reload().unwrap();
    assert_eq!(server.identity().fingerprints(), [renewed]);
    for (session, expect) in [(&before, leaf), (&server.session().unwrap(), renewed)] {
        let client = Client::new(&Trust::pinned([expect]), "127.0.0.1", Versions::All, |_| ()).unwrap();
        let (ours, theirs) = pair().await;
        let (ours, _) = tokio::join!(client.connect(ours), session.data(theirs, OURS));
        ours.unwrap();
    }
}

#[test]
fn new_files_are_read_once_and_bad_ones_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("one.pem");
    let first = certificate(&path, "one.example");
    let identity = Identity::read(vec![files(&path)]).unwrap();
    assert!(!identity.refresh().unwrap());
    fs::write(&path, "this is no certificate").unwrap();
    assert!(identity.refresh().unwrap_err().to_string().contains("one.pem"));
    assert_eq!(identity.fingerprints(), [first]);
    assert!(!identity.refresh().unwrap(), "the same bad file is told once");
    let long = certificate(&path, "a.name.of.another.length.example");
    assert!(identity.refresh().unwrap());
    assert_eq!(identity.fingerprints(), [long]);
}

/// The certificates of one.example and two.example.
fn one_and_two() -> (Identity, [Fingerprint; 2]) {
    let directory = tempfile::tempdir().unwrap();
    let names = ["one.example", "two.example"];
    let leaves = names.map(|name| certificate(&directory.path().join(name), name));
    let read = Identity::read(names.map(|name| files(&directory.path().join(name))).into());
    (read.unwrap(), leaves)
}

#[test]
fn certificates_are_chosen_by_name() {
    let (identity, leaves) = one_and_two();
    let certificates = identity.certificates();
    for (name, expect) in
        [(Some("two.example"), 1), (Some("one.example"), 0), (Some("x.example"), 0), (None, 0)]
    {
        let leaf = certificates.of(name).unwrap().end_entity_cert().unwrap();
        assert_eq!(Fingerprint::of(leaf), leaves[expect], "{name:?}");
    }
}

#[test]
fn a_key_of_another_certificate_is_told_with_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (directory.path().join("one.pem"), directory.path().join("two.pem"));
    certificate(&one, "one.example");
    certificate(&two, "two.example");
    let refused = Identity::read(vec![Files { certificate: one, key: two }]).unwrap_err();
    assert!(refused.to_string().contains("two.pem"), "{refused}");
}

#[tokio::test]
async fn a_client_that_names_a_server_is_shown_the_certificate_of_that_name() {
    let (identity, leaves) = one_and_two();
    let server = Server::new(Arc::new(identity), true, None).unwrap();
    for (name, expect) in [("one.example", 0), ("two.example", 1), ("127.0.0.1", 0)] {
        let client = Client::new(&Trust::pinned([leaves[expect]]), name, Versions::All, |_| ()).unwrap();
        let session = server.session().unwrap();
        let (ours, theirs) = pair().await;
        let (ours, _) = tokio::join!(client.connect(ours), session.accept(theirs));
        assert!(ours.is_ok(), "{name} is shown another certificate");
    }
}

#[tokio::test]
async fn a_client_that_is_asked_shows_a_certificate_or_none() {
    let (here, there) = (place(), place());
    let asked = |how: bool| {
        here.server.ask_clients(how);
        here.server.session().unwrap()
    };
    let (silent, asking) = (asked(false), asked(true));
    assert_eq!(client_of(&asking, Versions::All).await.1.leaf, None, "it has none, and goes on");
    let client = there.server.session().unwrap();
    let _ = client_of(&client, Versions::All).await;
    for (session, expect) in [(&silent, None), (&asking, Some(there.leaf))] {
        let (ours, theirs) = pair().await;
        let (_, accepted) = tokio::join!(client.data(ours, PINNED_CLIENT), session.accept(theirs));
        assert_eq!(accepted.unwrap().1.leaf, expect);
    }
}

#[tokio::test]
async fn where_authorities_are_named_every_client_shows_a_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("one.pem");
    certificate(&path, "one.example");
    let identity = || Arc::new(Identity::read(vec![files(&path)]).unwrap());
    let server = Server::new(identity(), true, Some(&path)).unwrap();
    let client = Client::new(&Trust::anybody(), "127.0.0.1", Versions::Tls12, |_| ()).unwrap();
    let (ours, theirs) = pair().await;
    let session = server.session().unwrap();
    let (_, accepted) = tokio::join!(client.connect(ours), session.accept(theirs));
    assert!(accepted.is_err(), "this client has no certificate");
    fs::write(&path, "no certificate").unwrap();
    assert!(Server::new(server.identity().clone(), true, Some(&path)).is_err());
}

#[test]
fn a_key_that_others_read_is_refused_and_one_that_cannot_be_read_is_told_why() {
    let place = tempfile::tempdir().unwrap();
    let (cert, key) = (place.path().join("cert.pem"), place.path().join("key.pem"));
    let own = KeyPair::generate().unwrap();
    let made = CertificateParams::new(vec!["one.example".to_owned()]).unwrap().self_signed(&own).unwrap();
    fs::write(&cert, made.pem()).unwrap();
    let check = |text: &str, mode: u32, expect: Option<&str>| {
        secret(&key, text, mode);
        let read = Identity::read(vec![Files { certificate: cert.clone(), key: key.clone() }]);
        match (read, expect) {
            (Ok(_), None) => {}
            (Err(error), Some(expect)) => assert!(error.to_string().contains(expect), "{error}"),
            (read, expect) => panic!("{expect:?}: {read:?}"),
        }
    };
    let pem = own.serialize_pem();
    check(&pem, 0o600, None);
    check(&pem, 0o640, None);
    for mode in [0o644, 0o604, 0o602, 0o660, 0o620] {
        check(&pem, mode, Some("chmod 600"));
    }
    check(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----",
        0o600,
        Some("encrypted"),
    );
    check("nothing", 0o600, Some("there is no private key in it"));
    let other = KeyPair::generate().unwrap().serialize_pem();
    check(&other, 0o600, Some("it is not the key of"));
}

#[test]
fn certificates_that_are_not_valid_now_are_told() {
    let place = tempfile::tempdir().unwrap();
    let check = |years: (i32, i32), expect: Option<Validity>| {
        let path = place.path().join("both.pem");
        let mut params = CertificateParams::new(vec!["one.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        secret(&path, &[made.pem(), key.serialize_pem()].concat(), 0o600);
        let told = Identity::read(vec![files(&path)]).unwrap().not_valid_now();
        assert_eq!(told, expect.map(|why| (path, why)).into_iter().collect::<Vec<_>>(), "{years:?}");
    };
    check((2020, 2021), Some(Validity::Expired));
    check((2020, 4000), None);
    check((3999, 4000), Some(Validity::NotYet));
}

/// The suite of a session with a client that names its suites in this order.
async fn suite(server: &Arc<Server>, names: &[CipherSuite]) -> CipherSuite {
    let mut provider = CryptoProvider::clone(&crate::crypto::provider());
    let place = |suite: &SupportedCipherSuite| names.iter().position(|name| *name == suite.suite());
    provider.cipher_suites.retain(|suite| place(suite).is_some());
    provider.cipher_suites.sort_by_key(place);
    let config =
        ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions();
    let verifier = Arc::new(Verifier::new(Trust::anybody()));
    let config = config.unwrap().dangerous().with_custom_certificate_verifier(verifier);
    let connector = TlsConnector::from(Arc::new(config.with_no_client_auth()));
    let (session, (ours, theirs)) = (server.session().unwrap(), pair().await);
    let name = ServerName::try_from("one.example").unwrap();
    let (ours, theirs) = tokio::join!(connector.connect(name, ours), session.accept(theirs));
    drop(theirs.unwrap());
    ours.unwrap().get_ref().1.negotiated_cipher_suite().unwrap().suite()
}

#[tokio::test]
async fn aes_128_is_chosen_unless_the_client_lacks_it_or_has_no_aes_in_its_processor() {
    let (aes_128, aes_256) = (CipherSuite::TLS13_AES_128_GCM_SHA256, CipherSuite::TLS13_AES_256_GCM_SHA384);
    let chacha = CipherSuite::TLS13_CHACHA20_POLY1305_SHA256;
    let server = place().server;
    assert_eq!(suite(&server, &[aes_256, chacha, aes_128]).await, aes_128);
    assert_eq!(suite(&server, &[aes_256, chacha]).await, aes_256);
    assert_eq!(suite(&server, &[chacha, aes_256, aes_128]).await, chacha);
}
