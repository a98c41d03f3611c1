//! Why a handshake has failed.

use std::io;

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
        why: String,
    },
    /// The server shows another certificate than before.
    #[error("the server shows another certificate than on its control connection, {0}")]
    Another(Fingerprint),
    /// The other end does not speak TLS: what it sent is not a TLS record.
    #[error("the other end does not speak TLS")]
    NotTls,
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
            Refusal::Untrusted { .. } | Refusal::Another(_) => Self::other(refusal),
            Refusal::NotTls => Self::new(io::ErrorKind::InvalidData, refusal),
        }
    }
}
