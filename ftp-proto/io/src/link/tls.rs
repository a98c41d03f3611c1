//! TLS 1.3 of a link: a key that lives as long as the process, its own ALPN; no certificate, no ticket,
//! no early data.

use std::io;
use std::sync::{Arc, LazyLock};

use ftp_proto::relay::link::{ALPN, EXPORTER_LABEL, EXPORTER_LEN, Exporter};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::crypto::{ed25519, provider};
use crate::random;
use crate::socket::nodelay;

/// A connection after its handshake, and TLS's exporter of it.
pub(super) type Secured = (TlsStream<TcpStream>, Exporter);

/// The agent's side of TLS, with a key of its own.
#[derive(Clone)]
pub struct Acceptor(TlsAcceptor);

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acceptor")
    }
}

impl Acceptor {
    /// Makes a key.
    ///
    /// # Errors
    ///
    /// The operating system has no random bytes.
    pub fn new() -> io::Result<Self> {
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
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.send_tls13_tickets = 0;
        Ok(Self(Arc::new(config).into()))
    }

    /// Performs the handshake.
    pub(super) async fn handshake(&self, stream: TcpStream) -> io::Result<Secured> {
        nodelay(&stream)?;
        let stream = self.0.accept(stream).await?;
        secured(stream.into())
    }
}

/// Performs the handshake of the user agent's side.
pub(super) async fn connect(stream: TcpStream) -> io::Result<Secured> {
    nodelay(&stream)?;
    let name = ServerName::from(stream.peer_addr()?.ip());
    let config = CLIENT.as_ref().map_err(io::Error::other)?;
    let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await?;
    secured(stream.into())
}

/// Fails if the peer did not choose the protocol of relays: then it is not a relay.
fn secured(stream: TlsStream<TcpStream>) -> io::Result<Secured> {
    let (_, session) = stream.get_ref();
    if session.alpn_protocol() != Some(ALPN) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the peer does not speak ftp-relay/1"));
    }
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
    Ok((stream, exporter))
}

static CLIENT: LazyLock<Result<Arc<ClientConfig>, Error>> = LazyLock::new(|| {
    let provider = provider();
    let anybody = Anybody(provider.signature_verification_algorithms);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(anybody))
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
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
