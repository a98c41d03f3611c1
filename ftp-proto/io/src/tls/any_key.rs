//! Accepts every certificate whose key has signed the handshake. Its user compares the
//! fingerprint afterwards.

use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DistinguishedName, Error};

use super::signatures::check_signatures;
use crate::crypto::provider;

/// Accepts every certificate that can be read, from any issuer, whatever it is for and however old
/// it is, but only from the holder of its key.
#[derive(Debug)]
pub(super) struct AnyKey {
    algorithms: WebPkiSupportedAlgorithms,
    /// Whether a server demands a certificate, or only asks for one.
    demands: bool,
}

impl AnyKey {
    /// A server with it demands a certificate.
    pub(super) fn required() -> Self {
        Self { algorithms: provider().signature_verification_algorithms, demands: true }
    }

    /// A server with it asks for a certificate, and goes on without one.
    pub(super) fn optional() -> Self {
        Self { demands: false, ..Self::required() }
    }
}

impl ServerCertVerifier for AnyKey {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        ParsedCertificate::try_from(leaf).map(|_| ServerCertVerified::assertion())
    }

    check_signatures!();
}

impl ClientCertVerifier for AnyKey {
    fn client_auth_mandatory(&self) -> bool {
        self.demands
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        ParsedCertificate::try_from(leaf).map(|_| ClientCertVerified::assertion())
    }

    check_signatures!();
}
