//! TLS of other people's servers: a certificate of their own, signed by nobody else, and what their
//! configurations say so that nothing goes in clear.

use super::kind::Kind;
use rcgen::{CertificateParams, KeyPair, SanType};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::path::Path;

/// When TLS begins.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Begin {
    /// After AUTH has been accepted.
    Explicit,
    /// With the first byte.
    Implicit,
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Certificate {
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// The same, PEM.
    pub pem: String,
    /// The key, DER (PKCS #8).
    pub key_der: Vec<u8>,
    /// The same, PEM.
    pub key_pem: String,
}

impl Certificate {
    /// For a server at this address, signed with its own key.
    pub fn of(ip: IpAddr) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![SanType::IpAddress(ip)];
        let made = params.self_signed(&key).unwrap();
        Self {
            der: made.der().to_vec(),
            pem: made.pem(),
            key_der: key.serialize_der(),
            key_pem: key.serialize_pem(),
        }
    }

    /// `SHA256:` and the digest of the certificate.
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(&self.der);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("SHA256:{hex}")
    }
}

/// The scheme of its URLs.
impl Begin {
    pub(super) const fn scheme(self) -> &'static str {
        match self {
            Self::Explicit => "ftpes",
            Self::Implicit => "ftps",
        }
    }
}

/// The lines of a configuration with which nothing goes in clear.
pub(super) fn lines(kind: Kind, begin: Begin, certificate: &Path, log: &Path) -> String {
    let (certificate, log) = (certificate.display(), log.display());
    match kind {
        // Its user is the anonymous one. require_ssl_reuse is YES by default.
        Kind::Vsftpd => {
            let implicit = if begin == Begin::Implicit { "YES" } else { "NO" };
            format!(
                "ssl_enable=YES\nimplicit_ssl={implicit}\nallow_anon_ssl=YES\nforce_anon_logins_ssl=YES\n\
                 force_anon_data_ssl=YES\nrsa_cert_file={certificate}\nssl_ciphers=HIGH\ndebug_ssl=YES"
            )
        }
        // It demands resumption unless TLSOptions NoSessionReuseRequired.
        Kind::Proftpd => {
            let implicit = if begin == Begin::Implicit { "TLSOptions UseImplicitSSL\n" } else { "" };
            format!(
                "LoadModule mod_tls.c\nTLSEngine on\nTLSRequired on\n{implicit}TLSLog {log}\n\
                 TLSECCertificateFile {certificate}\nTLSECCertificateKeyFile {certificate}"
            )
        }
        // It demands TLS for data, but no resumption.
        Kind::PureFtpd => format!("-Y 3 -2 {certificate}"),
        Kind::Pyftpdlib | Kind::Globus => panic!("{}: TLS is not prepared here", kind.name()),
    }
}
