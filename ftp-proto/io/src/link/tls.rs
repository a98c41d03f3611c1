//! TLS 1.3 of a link: a key that lives as long as the process, its own ALPN; no certificate, no ticket,
//! no early data.

use std::io;
use std::sync::{Arc, LazyLock};

use ftp_proto::relay::link::{ALPN, ALPN_AGENTS, ALPN_HUB, EXPORTER_LABEL, EXPORTER_LEN, Exporter};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::stranger::NoRelay;
use crate::crypto::{ed25519, provider};
use crate::random;
use crate::socket::{Stream, nodelay};

/// A connection after its handshake.
pub(super) struct Secured {
    pub(super) stream: TlsStream<Stream>,
    /// TLS's exporter of it.
    pub(super) exporter: Exporter,
    /// What its ends have agreed on.
    pub(super) protocol: Protocol,
}

/// What the two ends of a link have agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protocol {
    /// The server is a relay agent.
    Relay,
    /// The server is a hub.
    Hub,
    /// Two agents have met, and may try to connect directly.
    Agents,
}

/// What a client expects of the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Expected {
    Relay,
    Hub,
    Either,
    /// A relay agent, by another one.
    Agent,
}

impl Expected {
    fn protocols(self) -> Vec<Vec<u8>> {
        match self {
            Self::Relay => vec![ALPN.to_vec()],
            Self::Hub => vec![ALPN_HUB.to_vec()],
            Self::Either => vec![ALPN.to_vec(), ALPN_HUB.to_vec()],
            Self::Agent => vec![ALPN_AGENTS.to_vec(), ALPN.to_vec()],
        }
    }
}

/// The agent's side of TLS, with a key of its own.
#[derive(Clone)]
pub struct Acceptor(TlsAcceptor);

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acceptor")
    }
}

impl Acceptor {
    /// Makes a key, for an agent.
    ///
    /// # Errors
    ///
    /// The operating system has no random bytes.
    pub fn new() -> io::Result<Self> {
        Self::of(Expected::Agent)
    }

    /// Makes a key, for a hub.
    ///
    /// # Errors
    ///
    /// The operating system has no random bytes.
    pub fn hub() -> io::Result<Self> {
        Self::of(Expected::Hub)
    }

    fn of(kind: Expected) -> io::Result<Self> {
        // RFC 8410 7: an Ed25519 key is 32 random bytes in this envelope.
        let key = PrivatePkcs8KeyDer::from([ENVELOPE.as_slice(), &random::bytes::<32>()?].concat());
        let key = ed25519(&key)?;
        let public = key.public_key().ok_or_else(|| io::Error::other("a key without a public key"))?;
        let raw = Arc::new(CertifiedKey::new(vec![CertificateDer::from(public.to_vec())], key));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(raw)));
        config.alpn_protocols = kind.protocols();
        config.send_tls13_tickets = 0;
        Ok(Self(Arc::new(config).into()))
    }

    /// Performs the handshake.
    pub(super) async fn handshake(&self, stream: Stream) -> io::Result<Secured> {
        stream.tcp().map_or(Ok(()), nodelay)?;
        let stream = self.0.accept(stream).await?;
        secured(stream.into())
    }
}

/// Performs the handshake of the side that has connected.
pub(super) async fn connect(stream: Stream, expected: Expected) -> io::Result<Secured> {
    stream.tcp().map_or(Ok(()), nodelay)?;
    // An address is not sent, and no certificate has a name here.
    let name = ServerName::from(stream.local_ip()?);
    let config = CLIENT.as_ref().map_err(io::Error::other)?;
    let mut config = ClientConfig::clone(config);
    config.alpn_protocols = expected.protocols();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    secured(stream.into())
}

/// Fails if the peer did not choose the protocol of relays: then it is not a relay.
fn secured(stream: TlsStream<Stream>) -> io::Result<Secured> {
    let (_, session) = stream.get_ref();
    let protocol = match session.alpn_protocol() {
        Some(ALPN) => Protocol::Relay,
        Some(ALPN_HUB) => Protocol::Hub,
        Some(ALPN_AGENTS) => Protocol::Agents,
        Some(_) | None => {
            return Err(io::Error::new(io::ErrorKind::InvalidData, NoRelay));
        }
    };
    let exporter = [0; EXPORTER_LEN];
    let exporter = match &stream {
        TlsStream::Client(client) => {
            client.get_ref().1.export_keying_material(exporter, EXPORTER_LABEL, None)
        }
        TlsStream::Server(server) => {
            server.get_ref().1.export_keying_material(exporter, EXPORTER_LABEL, None)
        }
    };
    let exporter = exporter.map_err(io::Error::other)?;
    Ok(Secured { stream, exporter, protocol })
}

static CLIENT: LazyLock<Result<Arc<ClientConfig>, Error>> = LazyLock::new(|| {
    let provider = provider();
    let anybody = Anybody(provider.signature_verification_algorithms);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(anybody))
        .with_no_client_auth();
    config.enable_sni = false;
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
});

/// Accepts every key, and checks that the handshake was signed with it. The proof comes later.
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(CertificateError::BadSignature.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(key.as_ref());
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// PKCS #8 version 1, OID 1.3.101.112, an OCTET STRING of 32 in an OCTET STRING.
const ENVELOPE: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
