//! The client's side of TLS for tests: it trusts everybody, and resumes sessions where the server lets it.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned};
use std::net::TcpStream;
use std::sync::Arc;

/// A connection inside TLS.
pub type Private = StreamOwned<ClientConnection, TcpStream>;

/// TLS of one client. Connections of one client may resume each other's sessions.
#[derive(Clone, Debug)]
pub struct TlsClient(Arc<ClientConfig>);

impl TlsClient {
    /// A client that has no session yet.
    pub fn new() -> Self {
        Self::of(rustls::DEFAULT_VERSIONS)
    }

    /// The same with TLS 1.2 alone.
    pub fn old() -> Self {
        Self::of(&[&rustls::version::TLS12])
    }

    fn of(versions: &[&'static rustls::SupportedProtocolVersion]) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_protocol_versions(versions).unwrap().dangerous();
        let config = builder.with_custom_certificate_verifier(Arc::new(Everybody(provider)));
        Self(Arc::new(config.with_no_client_auth()))
    }

    /// The same client, which names these protocols (ALPN).
    pub fn naming(&self, protocols: &[&str]) -> Self {
        let mut config = ClientConfig::clone(&self.0);
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self(Arc::new(config))
    }

    /// Begins TLS. The handshake takes place with the first bytes.
    pub fn begin(&self, stream: TcpStream) -> Private {
        let name = ServerName::from(stream.peer_addr().unwrap().ip());
        StreamOwned::new(ClientConnection::new(Arc::clone(&self.0), name).unwrap(), stream)
    }
}

impl Default for TlsClient {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug)]
struct Everybody(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for Everybody {
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
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, leaf, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, leaf, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
