//! Why a handshake has failed.

use std::io;

use super::doubt::Doubt;
use ftp_proto::wire::Fingerprint;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The certificate is not trusted.
    #[error("the certificate {fingerprint} is not trusted: {why}")]
    Untrusted {
        /// The fingerprint of the certificate.
        fingerprint: Fingerprint,
        /// What is wrong with it.
        why: Doubt,
    },
    /// The server shows another certificate than the one that was kept from an earlier session.
    #[error("the certificate was {kept} and is {fingerprint} now")]
    Changed {
        /// The fingerprint of the certificate that was kept.
        kept: Fingerprint,
        /// The fingerprint of the certificate that it shows now.
        fingerprint: Fingerprint,
        /// What the roots say against the new one; `None` if they vouch for it.
        why: Option<Doubt>,
    },
    /// The server shows another certificate than before.
    #[error("the server shows another certificate than on its control connection, {0}")]
    Another(Fingerprint),
    /// The other end does not speak TLS: what it sent is not a TLS record.
    #[error("the other end does not speak TLS")]
    NotTls,
    /// The two have no version of TLS, or no cipher, in common.
    #[error("no version of TLS, or no cipher, in common: {0}")]
    NothingInCommon(io::Error),
    /// The server demands a certificate of its client (RFC 8446 section 6.2).
    #[error("the server demands a certificate of its client")]
    CertificateDemanded,
    /// The handshake failed, or the connection failed.
    #[error("TLS failed: {0}")]
    Failed(io::Error),
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Failed(error) => {
                let kind = error.kind();
                Self::new(kind, Refusal::Failed(error))
            }
            Refusal::Untrusted { .. } | Refusal::Changed { .. } | Refusal::Another(_) => Self::other(refusal),
            Refusal::NothingInCommon(_) => Self::new(io::ErrorKind::InvalidData, refusal),
            Refusal::NotTls | Refusal::CertificateDemanded => Self::new(io::ErrorKind::InvalidData, refusal),
        }
    }
}
