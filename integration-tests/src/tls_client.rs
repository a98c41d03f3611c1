//! The client's side of TLS for tests: it trusts everybody, and resumes sessions where the server lets it.

use crate::certificate::Certificate;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
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
        Self::of(rustls::DEFAULT_VERSIONS, None)
    }

    /// A client that shows this certificate to servers that ask for one.
    pub fn showing(certificate: &Certificate) -> Self {
        Self::of(rustls::DEFAULT_VERSIONS, Some(certificate))
    }

    /// The same with TLS 1.2 alone.
    pub fn old() -> Self {
        Self::of(&[&rustls::version::TLS12], None)
    }

    fn of(versions: &[&'static rustls::SupportedProtocolVersion], shown: Option<&Certificate>) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_protocol_versions(versions).unwrap().dangerous();
        let builder = builder.with_custom_certificate_verifier(Arc::new(Everybody(provider)));
        let config = match shown {
            Some(Certificate { der, key_der, .. }) => {
                let key = PrivateKeyDer::try_from(key_der.clone()).unwrap();
                builder.with_client_auth_cert(vec![der.clone().into()], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        Self(Arc::new(config))
    }

    /// The same client, which names these protocols (ALPN).
    pub fn naming(&self, protocols: &[&str]) -> Self {
        let mut config = ClientConfig::clone(&self.0);
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self(Arc::new(config))
    }

    /// The same client, which sends early data (0-RTT) where the server takes them.
    pub fn eager(&self) -> Self {
        let mut config = ClientConfig::clone(&self.0);
        config.enable_early_data = true;
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
